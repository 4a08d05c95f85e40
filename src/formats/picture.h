// Photographs on disk. What a file holds besides its colours is kept aside while the picture is
// changed and put back when it is saved. Colours are those of the sRGB encoding and not converted,
// except for EXR's: those are light itself, and become sRGB's on the way in, and light again on the
// way out. Values below 0 or above 1 (floats) are held within that range in both directions.
//
//                          bits in            bits out     alpha  ICC  our text in
//   PNG                    1 to 16            8, 16        yes    yes  iTXt "reverie"
//   JPEG                   8                  8            no     yes  -
//   WebP  (libwebp)        8                  8            yes    yes  XMP
//   TIFF  (libtiff)        1 to 16, float 32  8, 16, 32    yes    yes  ImageDescription
//   EXR   (OpenEXR)        half 16, float 32  16, 32       yes    -    attributes "reverie0", ...
//   PPM, PGM (ours)        1 to 16            8, 16 (PPM)  no     -    a comment
//   PAM   (ours)           1 to 16            8, 16        yes    -    a comment
//
// Gray pictures become RGB. Where a format has no alpha, it is left out.
#ifndef RV_FORMATS_PICTURE_H
#define RV_FORMATS_PICTURE_H

#include <stdbool.h>
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
    uint32_t bits;             // per channel in the file: 8, 16 or 32 (floats); 0 = 8
    char *text;                // our parameters as JSON, UTF-8; NULL = none
};

enum rv_photo_format {
    RV_PHOTO_BY_NAME = 0,
    RV_PHOTO_PNG,
    RV_PHOTO_JPEG,
    RV_PHOTO_WEBP,
    RV_PHOTO_TIFF,
    RV_PHOTO_EXR,
    RV_PHOTO_PPM,
    RV_PHOTO_PAM,
    RV_PHOTO_FORMATS // how many there are, with the first
};

// What can be said of a format without a file.
struct rv_photo_format_info {
    const char *name;      // "PNG"
    const char *extension; // the usual one: "png"
    uint32_t bits[4];      // that it is saved with, ended by 0
    bool has_quality;      // can be saved with less quality
    bool keeps_text;       // our parameters stay inside
    const char *package;   // Debian's name of the library that builds it in; "" = none needed
};

// How to save. Zero in a field means the default.
struct rv_photo_save_params {
    enum rv_photo_format format; // BY_NAME = by the path's extension; PNG for "-"
    uint32_t bits;               // 8, 16, or 32 for floats; 0 = the photo's own, or the nearest
                                 // that the format has
    uint32_t quality; // of JPEG and WebP, 1..100; 0 = 95 for JPEG, no loss at all for WebP
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
// PNG). Values are clamped to [0, 1] and rounded to the nearest step. JPEG is stored 4:4:4. `name`
// only appears in errors.
enum rv_status rv_photo_encode(const struct rv_photo *photo,
                               const struct rv_photo_save_params *params, const char *name,
                               uint8_t **data, size_t *size);

// Encodes and writes the file ("-" = standard output), whole or not at all. `params` may be NULL.
enum rv_status rv_photo_save(const char *path, const struct rv_photo *photo,
                             const struct rv_photo_save_params *params);

// The format a path's extension asks for (".png", ".jpg", ".tif" ... in any case; PNG for "-").
// Another extension, or a format that this build lacks, is RV_ERR_USAGE. Lets a program refuse an
// output name before the work.
enum rv_status rv_photo_format_of(const char *path, enum rv_photo_format *format);
// The same by a name, "png" or "jpg".
enum rv_status rv_photo_format_named(const char *name, enum rv_photo_format *format);
// Whether the name ends like that of a picture this build can read.
bool rv_photo_may_load(const char *path);
// Static. `format` is none but BY_NAME, which counts as PNG.
const struct rv_photo_format_info *rv_photo_format_about(enum rv_photo_format format);

// Resizes picture and alpha in place to width x height (both 1..RV_PHOTO_SIDE_MAX): bilinear, with
// the triangle widened to cover every source pixel when shrinking. Equal sizes change nothing. On
// failure the photo is unchanged.
enum rv_status rv_photo_resize(struct rv_photo *photo, uint32_t width, uint32_t height);

// The same, keeping the proportions: the longer side becomes `side` pixels.
enum rv_status rv_photo_resize_longest(struct rv_photo *photo, uint32_t side);

// Frees what the photo owns and zeroes it.
void rv_photo_free(struct rv_photo *photo);

#endif
