// What the codecs share; only picture.c and they include this.
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

// For a file that breaks its format's rules: RV_ERR_INPUT, "NAME: damaged KIND: WHAT; ...".
enum rv_status rv_photo_fail_damaged(const struct rv_source *source, const char *kind,
                                     const char *what);
enum rv_status rv_photo_fail_memory(const char *name);

// Keeps a copy of the text that a file holds of ours. False if memory is short.
bool rv_photo_keep_text(struct rv_photo *photo, const char *text, size_t length);

// A step of 0..largest as one of the alpha plane's, rounded to the nearest.
static inline uint16_t rv_to_alpha(uint32_t value, uint32_t largest) {
    return (uint16_t)(((uint64_t)value * 65535 + largest / 2) / largest);
}

// The picture in steps of 8 or 16 bits, as most formats store it: `channels` (3, or 4 with alpha)
// numbers a pixel, 16-bit ones in the machine's byte order. A row of `width` pixels at a time.
void rv_photo_row8(const struct rv_photo *photo, uint32_t y, uint32_t channels, uint8_t *row);
void rv_photo_row16(const struct rv_photo *photo, uint32_t y, uint32_t channels, uint16_t *row);

// A buffer that grows. `data` is owned by whoever holds the struct.
struct rv_bytes {
    uint8_t *data;
    size_t size, capacity;
};
bool rv_bytes_append(struct rv_bytes *bytes, const void *data, size_t size);

// The codecs. A decoder leaves partial results in `photo` on failure, for the caller to free, and
// reports the orientation it found (as EXIF counts them) without applying it. An encoder is given
// `bits` and `quality` that its format holds; quality 0 means without loss where there is that.
typedef enum rv_status (*rv_decode_fn)(const struct rv_source *source, struct rv_photo *photo,
                                       uint32_t *orientation);
typedef enum rv_status (*rv_encode_fn)(const struct rv_photo *photo,
                                       const struct rv_photo_save_params *chosen, const char *name,
                                       struct rv_bytes *bytes);

enum rv_status rv_png_decode(const struct rv_source *source, struct rv_photo *photo,
                             uint32_t *orientation);
enum rv_status rv_png_encode(const struct rv_photo *photo,
                             const struct rv_photo_save_params *chosen, const char *name,
                             struct rv_bytes *bytes);
enum rv_status rv_jpeg_decode(const struct rv_source *source, struct rv_photo *photo,
                              uint32_t *orientation);
enum rv_status rv_jpeg_encode(const struct rv_photo *photo,
                              const struct rv_photo_save_params *chosen, const char *name,
                              struct rv_bytes *bytes);
enum rv_status rv_pnm_decode(const struct rv_source *source, struct rv_photo *photo,
                             uint32_t *orientation);
enum rv_status rv_ppm_encode(const struct rv_photo *photo,
                             const struct rv_photo_save_params *chosen, const char *name,
                             struct rv_bytes *bytes);
enum rv_status rv_pam_encode(const struct rv_photo *photo,
                             const struct rv_photo_save_params *chosen, const char *name,
                             struct rv_bytes *bytes);
// These are there if the build found their libraries (RV_HAVE_WEBP, RV_HAVE_TIFF, RV_HAVE_EXR).
enum rv_status rv_webp_decode(const struct rv_source *source, struct rv_photo *photo,
                              uint32_t *orientation);
enum rv_status rv_webp_encode(const struct rv_photo *photo,
                              const struct rv_photo_save_params *chosen, const char *name,
                              struct rv_bytes *bytes);
enum rv_status rv_tiff_decode(const struct rv_source *source, struct rv_photo *photo,
                              uint32_t *orientation);
enum rv_status rv_tiff_encode(const struct rv_photo *photo,
                              const struct rv_photo_save_params *chosen, const char *name,
                              struct rv_bytes *bytes);
enum rv_status rv_exr_decode(const struct rv_source *source, struct rv_photo *photo,
                             uint32_t *orientation);
enum rv_status rv_exr_encode(const struct rv_photo *photo,
                             const struct rv_photo_save_params *chosen, const char *name,
                             struct rv_bytes *bytes);

#endif
