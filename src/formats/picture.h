// Photographs on disk: PNG and JPEG in, PNG and JPEG out. What a file holds besides its colours is
// kept aside while the picture is changed and put back when it is saved. Colours are not converted.
#ifndef RV_FORMATS_PICTURE_H
#define RV_FORMATS_PICTURE_H

#include <stddef.h>
#include <stdint.h>

#include "reverie/reverie.h"

#define RV_PHOTO_SIDE_MAX 65535u                // pixels; JPEG's own limit
#define RV_PHOTO_PIXELS_MAX (UINT64_C(1) << 26) // what `max_pixels` 0 means: 8192 x 8192

// A decoded file. Valid as {0}. All pointers are owned; rv_photo_free releases them.
struct rv_photo {
    struct rv_picture picture; // upright: the file's EXIF orientation has been applied
    uint16_t *alpha;           // [height * width], 0..65535; NULL = opaque
    uint8_t *icc;              // ICC profile for RGB; NULL = none
    size_t icc_size;           // bytes
    uint32_t bits;             // per channel in the file: 8 or 16; 0 = 8
    char *text;                // PNG text "reverie" (our parameters as JSON, UTF-8); NULL = none
};

enum rv_photo_format { RV_PHOTO_BY_NAME = 0, RV_PHOTO_PNG, RV_PHOTO_JPEG };

// How to save. Zero in a field means the default.
struct rv_photo_save_params {
    enum rv_photo_format format; // BY_NAME = by the path's extension; PNG for "-"
    uint32_t bits;               // 8 or 16 (PNG only); 0 = the photo's own (8 for JPEG)
    uint32_t quality;            // of JPEG, 1..100; 0 = 95
};

// Reads and decodes a file ("-" = standard input). The format is told by the first bytes, never by
// the name. Sizes are checked before anything is decoded: at most `max_pixels` pixels in all (0 =
// RV_PHOTO_PIXELS_MAX) and RV_PHOTO_SIDE_MAX on a side. Damaged and truncated files are
// RV_ERR_INPUT, never half a picture. Free with rv_photo_free; zeroed on failure.
enum rv_status rv_photo_load(const char *path, uint64_t max_pixels, struct rv_photo *photo);

// The same from memory; `name` only appears in errors. `data` is borrowed until the call returns.
enum rv_status rv_photo_decode(const uint8_t *data, size_t size, const char *name,
                               uint64_t max_pixels, struct rv_photo *photo);

// Encodes into a new buffer that the caller frees; `params` may be NULL (then, and for BY_NAME,
// PNG). Values are clamped to [0, 1] and rounded to the nearest step. PNG carries alpha, ICC
// profile and text; JPEG (4:4:4) the ICC profile. `name` only appears in errors.
enum rv_status rv_photo_encode(const struct rv_photo *photo,
                               const struct rv_photo_save_params *params, const char *name,
                               uint8_t **data, size_t *size);

// Encodes and writes the file ("-" = standard output), whole or not at all. `params` may be NULL.
enum rv_status rv_photo_save(const char *path, const struct rv_photo *photo,
                             const struct rv_photo_save_params *params);

// The format a path's extension asks for (".png", ".jpg", ".jpeg" in any case; PNG for "-").
// Another extension is RV_ERR_USAGE. Lets a program refuse an output name before the work.
enum rv_status rv_photo_format_of(const char *path, enum rv_photo_format *format);

// Resizes picture and alpha in place to width x height (both 1..RV_PHOTO_SIDE_MAX): bilinear, with
// the triangle widened to cover every source pixel when shrinking. Equal sizes change nothing. On
// failure the photo is unchanged.
enum rv_status rv_photo_resize(struct rv_photo *photo, uint32_t width, uint32_t height);

// The same, keeping the proportions: the longer side becomes `side` pixels.
enum rv_status rv_photo_resize_longest(struct rv_photo *photo, uint32_t side);

// Frees what the photo owns and zeroes it.
void rv_photo_free(struct rv_photo *photo);

#endif
