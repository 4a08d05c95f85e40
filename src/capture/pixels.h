// How video frames lie in memory, and their way to RGBA and back.
#ifndef RV_CAPTURE_PIXELS_H
#define RV_CAPTURE_PIXELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reverie/reverie.h"

#define RV_VIDEO_SIDE_MAX 16384u // pixels

// Eight bits a sample in all of them. Names are ffmpeg's.
enum rv_pixel_format {
    RV_PIXELS_NONE = 0,
    RV_PIXELS_RGBA,    // "rgba"
    RV_PIXELS_BGRA,    // "bgra"
    RV_PIXELS_RGB24,   // "rgb24"
    RV_PIXELS_GRAY,    // "gray"
    RV_PIXELS_YUV420P, // "yuv420p": a chroma sample for 2 x 2 pixels, three planes
    RV_PIXELS_YUV422P, // "yuv422p": for 2 x 1
    RV_PIXELS_YUV444P, // "yuv444p": for each
    RV_PIXELS_NV12,    // "nv12": as yuv420p, both chroma planes in one, U first
    RV_PIXELS_YUYV,    // "yuyv422": packed, for 2 x 1
    RV_PIXELS_COUNT
};

// What Y, U and V mean.
enum rv_matrix {
    RV_MATRIX_BY_SIZE = 0, // BT.709 above 576 rows, else BT.601, as players guess it
    RV_MATRIX_BT601,
    RV_MATRIX_BT709
};

// A frame's shape. Chroma of odd sizes is rounded up, its samples lie between the pixels they are
// for.
struct rv_video_format {
    enum rv_pixel_format pixels;
    uint32_t width, height; // 1..RV_VIDEO_SIDE_MAX
    enum rv_matrix matrix;  // of YUV
    bool full_range;        // of YUV and gray: 0..255 instead of 16..235 (chroma 16..240)
};

// Where the planes of a frame are. Rows are `stride` bytes apart.
struct rv_planes {
    uint8_t *data[3];
    size_t stride[3];
};

// The name of a format; NULL of none.
const char *rv_pixels_name(enum rv_pixel_format pixels);
// The format of that name; NONE if there is none.
enum rv_pixel_format rv_pixels_find(const char *name);
// "rgba, bgra, ...": for messages. Static.
const char *rv_pixels_names(void);

// Bytes of a frame whose planes follow each other without gaps.
size_t rv_pixels_size(const struct rv_video_format *format);
// The planes of such a frame at `data`, which may be NULL to learn the strides.
struct rv_planes rv_pixels_planes(const struct rv_video_format *format, uint8_t *data);
// The same where rows of the first plane are `stride` bytes apart, as cameras may have it; those of
// others in proportion. *size, unless NULL, becomes the bytes of all planes.
struct rv_planes rv_pixels_planes_strided(const struct rv_video_format *format, uint8_t *data,
                                          size_t stride, size_t *size);

// Converts a frame to RGBA, [height, width, 4], alpha 255. Every pixel takes the chroma sample that
// is for it. Values are rounded to the nearest.
void rv_pixels_to_rgba(const struct rv_video_format *format, const struct rv_planes *planes,
                       uint8_t *rgba);
// The opposite; alpha is not used, a chroma sample is the mean of its pixels'.
void rv_pixels_from_rgba(const struct rv_video_format *format, const uint8_t *rgba,
                         const struct rv_planes *planes);

// Resizes RGBA: bilinear, with the triangle widened to cover every source pixel when shrinking.
// Equal sizes are copied. RV_ERR_NO_MEMORY if memory is short.
enum rv_status rv_pixels_resize(const uint8_t *from, uint32_t from_width, uint32_t from_height,
                                uint8_t *to, uint32_t width, uint32_t height);

#endif
