// What the PNG and JPEG code share; only picture.c and the two of them include this.
#ifndef RV_FORMATS_CODEC_H
#define RV_FORMATS_CODEC_H

#include <stdbool.h>

#include "formats/picture.h"

// A file to decode and what is to become of it. Everything is borrowed.
struct rv_source {
    const uint8_t *data;
    size_t size;
    const char *name; // for errors
    uint64_t max_pixels;
};

// Checks the size that a file's header states against the limits. To be called before the codec is
// made to allocate anything of that size.
enum rv_status rv_photo_check_size(const struct rv_source *source, uint32_t width, uint32_t height);

// Allocates the pixels of a photo whose size has been checked, and the alpha plane if wanted.
enum rv_status rv_photo_allocate(struct rv_photo *photo, const struct rv_source *source,
                                 uint32_t width, uint32_t height, bool alpha);

// Keeps a copy of the profile if it is one for RGB. A profile for gray or CMYK would be wrong for
// the RGB picture that we make of such a file, so it is left out. False if memory is short.
bool rv_photo_keep_icc(struct rv_photo *photo, const uint8_t *icc, size_t size);

// A value in [0, 1] as a step of 0..largest, clamped, rounded to the nearest. NaN gives 0.
static inline uint32_t rv_to_steps(float value, float largest) {
    float inside = value > 0.0f ? (value < 1.0f ? value : 1.0f) : 0.0f;
    return (uint32_t)(inside * largest + 0.5f);
}

// A buffer that grows. `data` is owned by whoever holds the struct.
struct rv_bytes {
    uint8_t *data;
    size_t size, capacity;
};
bool rv_bytes_append(struct rv_bytes *bytes, const void *data, size_t size);

// The codecs. A decoder leaves partial results in `photo` on failure, for the caller to free, and
// reports the EXIF orientation it found without applying it.
enum rv_status rv_png_decode(const struct rv_source *source, struct rv_photo *photo,
                             uint32_t *orientation);
enum rv_status rv_jpeg_decode(const struct rv_source *source, struct rv_photo *photo,
                              uint32_t *orientation);
enum rv_status rv_png_encode(const struct rv_photo *photo, uint32_t bits, const char *name,
                             struct rv_bytes *bytes);
enum rv_status rv_jpeg_encode(const struct rv_photo *photo, uint32_t quality, const char *name,
                              struct rv_bytes *bytes);

#endif
