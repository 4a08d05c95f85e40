// Single JPEG pictures of a video, decoded to RGBA and encoded from it.
#ifndef RV_CAPTURE_MJPEG_H
#define RV_CAPTURE_MJPEG_H

#include <stddef.h>
#include <stdint.h>

#include "reverie/reverie.h"

// Decodes a picture of just this size into rgba, [height, width, 4]. Cameras may leave the Huffman
// tables out. RV_ERR_INPUT if it is damaged, cut short or of another size.
enum rv_status rv_mjpeg_decode(const uint8_t *bytes, size_t size, uint32_t width, uint32_t height,
                               uint8_t *rgba);

// Encodes with 4:2:0 chroma, a baseline picture that stands alone. *bytes is a new buffer that the
// caller frees, NULL on failure. `quality` is 1..100.
enum rv_status rv_mjpeg_encode(const uint8_t *rgba, uint32_t width, uint32_t height,
                               uint32_t quality, uint8_t **bytes, size_t *size);

#endif
