// Pictures larger than what a kernel can be shown, or a dispatch can reach, are worked on in bands
// of rows, a dispatch each.
#ifndef RV_OPS_BANDS_H
#define RV_OPS_BANDS_H

#include "vk/record.h"

struct rv_extent {
    uint32_t width, height;
};

// Bytes of a picture (four floats a pixel), rounded up to 256.
uint64_t rv_image_bytes(struct rv_extent extent);

// ------------------------------------------------------------------------------------------------
// Pixel by pixel

// Pixels of one picture that a dispatch can work on: a multiple of 64, from which floats a pixel
// are aligned, too.
uint64_t rv_image_band_pixels(const struct rv_device *device);
// A picture's range without the pixels before `first`, a multiple of 16; at most `count` of them.
struct rv_range rv_image_band(struct rv_range picture, uint64_t first, uint64_t count);
// The same of one float a pixel; `first` is a multiple of 64.
struct rv_range rv_band_floats(struct rv_range floats, uint64_t first, uint64_t count);

// ------------------------------------------------------------------------------------------------
// With neighbours

struct rv_rows {
    uint32_t first, end;
};

// Rows from which a band of a picture so wide may begin are multiples of this.
uint32_t rv_band_rows(uint32_t width);

// The rows of the source that these rows of the target are made from. They may begin outside, and
// with any row.
typedef void (*rv_rows_fn)(const void *user, struct rv_rows target, double *first, double *end);

// Bands of a target that is made from a source.
struct rv_bands {
    const struct rv_device *device;
    const char *label;
    struct rv_extent to, from;
    rv_rows_fn reads;
    const void *user;
    struct rv_rows rows, read; // of the target and of the source, in the band that it is at
};
// Goes on to the first band, or the next. *more is false after the last. RV_ERR_INPUT if no rows
// are few enough.
enum rv_status rv_bands_next(struct rv_bands *bands, bool *more);
// What is bound of the two, and pixels of the target.
struct rv_range rv_bands_target(const struct rv_bands *bands, struct rv_range target);
struct rv_range rv_bands_source(const struct rv_bands *bands, struct rv_range source);
uint64_t rv_bands_pixels(const struct rv_bands *bands);

#endif
