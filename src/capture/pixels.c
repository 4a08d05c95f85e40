#include "capture/pixels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"

static const char *const names[RV_PIXELS_COUNT] = {
    [RV_PIXELS_RGBA] = "rgba",       [RV_PIXELS_BGRA] = "bgra",
    [RV_PIXELS_RGB24] = "rgb24",     [RV_PIXELS_GRAY] = "gray",
    [RV_PIXELS_YUV420P] = "yuv420p", [RV_PIXELS_YUV422P] = "yuv422p",
    [RV_PIXELS_YUV444P] = "yuv444p", [RV_PIXELS_NV12] = "nv12",
    [RV_PIXELS_YUYV] = "yuyv422"};

const char *rv_pixels_name(enum rv_pixel_format pixels) {
    return names[pixels];
}

enum rv_pixel_format rv_pixels_find(const char *name) {
    for (int i = 1; i < RV_PIXELS_COUNT; i++) {
        if (strcmp(name, names[i]) == 0)
            return (enum rv_pixel_format)i;
    }
    return RV_PIXELS_NONE;
}

const char *rv_pixels_names(void) {
    return "rgba, bgra, rgb24, gray, yuv420p, yuv422p, yuv444p, nv12 or yuyv422";
}

// ------------------------------------------------------------------------------------------------
// Layout

// Pixels that share a chroma sample, across and down, as shifts.
static void chroma_shifts(enum rv_pixel_format pixels, uint32_t *across, uint32_t *down) {
    *across = pixels != RV_PIXELS_YUV444P;
    *down = pixels == RV_PIXELS_YUV420P || pixels == RV_PIXELS_NV12;
}

static uint32_t halved(uint32_t size, uint32_t shift) {
    return (size + shift) >> shift;
}

// Bytes of a row of the first plane.
static size_t first_row(const struct rv_video_format *format) {
    size_t width = format->width;
    switch (format->pixels) {
    case RV_PIXELS_RGBA:
    case RV_PIXELS_BGRA:
        return width * 4;
    case RV_PIXELS_RGB24:
        return width * 3;
    case RV_PIXELS_YUYV:
        return (width + 1) / 2 * 4;
    default:
        return width;
    }
}

struct rv_planes rv_pixels_planes_strided(const struct rv_video_format *format, uint8_t *data,
                                          size_t stride, size_t *size) {
    struct rv_planes planes = {.data = {data}, .stride = {stride}};
    size_t bytes = stride * format->height;
    uint32_t across, down;
    chroma_shifts(format->pixels, &across, &down);
    size_t rows = halved(format->height, down);
    switch (format->pixels) {
    case RV_PIXELS_YUV420P:
    case RV_PIXELS_YUV422P:
    case RV_PIXELS_YUV444P:
        for (int i = 1; i < 3; i++) {
            planes.stride[i] = across ? (stride + 1) / 2 : stride;
            planes.data[i] = data ? data + bytes : NULL;
            bytes += planes.stride[i] * rows;
        }
        break;
    case RV_PIXELS_NV12:
        planes.stride[1] = (stride + 1) / 2 * 2;
        planes.data[1] = data ? data + bytes : NULL;
        bytes += planes.stride[1] * rows;
        break;
    default:
        break;
    }
    if (size)
        *size = bytes;
    return planes;
}

size_t rv_pixels_size(const struct rv_video_format *format) {
    size_t size;
    rv_pixels_planes_strided(format, NULL, first_row(format), &size);
    return size;
}

struct rv_planes rv_pixels_planes(const struct rv_video_format *format, uint8_t *data) {
    return rv_pixels_planes_strided(format, data, first_row(format), NULL);
}

// ------------------------------------------------------------------------------------------------
// YUV

// In units of 2^-16. With Kr and Kb the parts of red and blue in luma, R = Y + 2 (1 - Kr) V and so
// on (ITU-R BT.601, BT.709).
#define ONE 65536.0
#define HALF 32768

struct matrix {
    int32_t luma, offset;                    // to RGB: of Y, and what black is
    int32_t red_v, green_u, green_v, blue_u; // of U - 128 and V - 128
    int32_t y[3], u[3], v[3];                // from R, G, B
};

static int32_t fixed(double value) {
    return (int32_t)lround(value * ONE);
}

static struct matrix make_matrix(const struct rv_video_format *format) {
    bool hd = format->matrix == RV_MATRIX_BT709 ||
              (format->matrix == RV_MATRIX_BY_SIZE && format->height > 576);
    const double kr = hd ? 0.2126 : 0.299, kb = hd ? 0.0722 : 0.114, kg = 1 - kr - kb;
    const double luma = format->full_range ? 1 : 219.0 / 255,
                 chroma = format->full_range ? 1 : 224.0 / 255;
    const double u = chroma / (2 * (1 - kb)), v = chroma / (2 * (1 - kr));
    return (struct matrix){.luma = fixed(1 / luma),
                           .offset = format->full_range ? 0 : 16,
                           .red_v = fixed(2 * (1 - kr) / chroma),
                           .green_u = fixed(-2 * (1 - kb) * kb / kg / chroma),
                           .green_v = fixed(-2 * (1 - kr) * kr / kg / chroma),
                           .blue_u = fixed(2 * (1 - kb) / chroma),
                           .y = {fixed(kr * luma), fixed(kg * luma), fixed(kb * luma)},
                           .u = {fixed(-kr * u), fixed(-kg * u), fixed((1 - kb) * u)},
                           .v = {fixed((1 - kr) * v), fixed(-kg * v), fixed(-kb * v)}};
}

// Of a sum in units of 2^-16; shifts of negative numbers are avoided.
static uint8_t to_byte(int32_t sum) {
    sum += HALF;
    return sum <= 0 ? 0 : sum >= 256 << 16 ? 255 : (uint8_t)(sum >> 16);
}

static void put_rgba(const struct matrix *m, int32_t y, int32_t u, int32_t v, uint8_t *to) {
    int32_t luma = (y - m->offset) * m->luma;
    u -= 128;
    v -= 128;
    to[0] = to_byte(luma + v * m->red_v);
    to[1] = to_byte(luma + u * m->green_u + v * m->green_v);
    to[2] = to_byte(luma + u * m->blue_u);
    to[3] = 255;
}

static uint8_t luma_of(const struct matrix *m, const uint8_t *rgba) {
    return to_byte(rgba[0] * m->y[0] + rgba[1] * m->y[1] + rgba[2] * m->y[2] + m->offset * 65536);
}

// The mean over some pixels, which begin at (x, y), as far as they are within the frame.
static void chroma_of(const struct matrix *m, const struct rv_video_format *format,
                      const uint8_t *rgba, uint32_t x, uint32_t y, uint32_t across, uint32_t down,
                      uint8_t *u, uint8_t *v) {
    int32_t sum[3] = {0}, count = 0, to_u = 0, to_v = 0;
    for (uint32_t j = y; j <= y + down && j < format->height; j++) {
        for (uint32_t i = x; i <= x + across && i < format->width; i++, count++) {
            const uint8_t *pixel = rgba + ((size_t)j * format->width + i) * 4;
            for (int c = 0; c < 3; c++)
                sum[c] += pixel[c];
        }
    }
    for (int c = 0; c < 3; c++) {
        to_u += sum[c] * m->u[c];
        to_v += sum[c] * m->v[c];
    }
    *u = to_byte(to_u / count + 128 * 65536);
    *v = to_byte(to_v / count + 128 * 65536);
}

static void planar_to_rgba(const struct rv_video_format *format, const struct rv_planes *planes,
                           uint8_t *rgba) {
    const struct matrix m = make_matrix(format);
    const bool paired = format->pixels == RV_PIXELS_NV12;
    uint32_t across, down;
    chroma_shifts(format->pixels, &across, &down);
    for (uint32_t y = 0; y < format->height; y++) {
        const uint8_t *luma = planes->data[0] + y * planes->stride[0];
        const uint8_t *u = planes->data[1] + (y >> down) * planes->stride[1];
        const uint8_t *v = paired ? u + 1 : planes->data[2] + (y >> down) * planes->stride[2];
        for (uint32_t x = 0; x < format->width; x++, rgba += 4) {
            uint32_t at = (x >> across) << paired;
            put_rgba(&m, luma[x], u[at], v[at], rgba);
        }
    }
}

static void planar_from_rgba(const struct rv_video_format *format, const uint8_t *rgba,
                             const struct rv_planes *planes) {
    const struct matrix m = make_matrix(format);
    const bool paired = format->pixels == RV_PIXELS_NV12;
    uint32_t across, down;
    chroma_shifts(format->pixels, &across, &down);
    for (uint32_t y = 0; y < format->height; y++) {
        uint8_t *luma = planes->data[0] + y * planes->stride[0];
        for (uint32_t x = 0; x < format->width; x++)
            luma[x] = luma_of(&m, rgba + ((size_t)y * format->width + x) * 4);
    }
    for (uint32_t y = 0; y < halved(format->height, down); y++) {
        uint8_t *u = planes->data[1] + y * planes->stride[1];
        uint8_t *v = paired ? u + 1 : planes->data[2] + y * planes->stride[2];
        for (uint32_t x = 0; x < halved(format->width, across); x++)
            chroma_of(&m, format, rgba, x << across, y << down, across, down, &u[x << paired],
                      &v[x << paired]);
    }
}

static void yuyv_to_rgba(const struct rv_video_format *format, const struct rv_planes *planes,
                         uint8_t *rgba) {
    const struct matrix m = make_matrix(format);
    for (uint32_t y = 0; y < format->height; y++) {
        const uint8_t *row = planes->data[0] + y * planes->stride[0];
        for (uint32_t x = 0; x < format->width; x++, rgba += 4) {
            const uint8_t *pair = row + (size_t)(x / 2) * 4;
            put_rgba(&m, pair[x % 2 * 2], pair[1], pair[3], rgba);
        }
    }
}

static void yuyv_from_rgba(const struct rv_video_format *format, const uint8_t *rgba,
                           const struct rv_planes *planes) {
    const struct matrix m = make_matrix(format);
    for (uint32_t y = 0; y < format->height; y++) {
        uint8_t *pair = planes->data[0] + y * planes->stride[0];
        for (uint32_t x = 0; x < format->width; x += 2, pair += 4) {
            const uint8_t *pixel = rgba + ((size_t)y * format->width + x) * 4;
            pair[0] = luma_of(&m, pixel);
            pair[2] = x + 1 < format->width ? luma_of(&m, pixel + 4) : pair[0];
            chroma_of(&m, format, rgba, x, y, 1, 0, &pair[1], &pair[3]);
        }
    }
}

// ------------------------------------------------------------------------------------------------
// RGB and gray

// Where red, green and blue are within a pixel, and how many bytes that has.
static void packing(enum rv_pixel_format pixels, size_t at[3], size_t *bytes) {
    bool reversed = pixels == RV_PIXELS_BGRA;
    at[0] = reversed ? 2 : 0;
    at[1] = 1;
    at[2] = reversed ? 0 : 2;
    *bytes = pixels == RV_PIXELS_RGB24 ? 3 : 4;
}

static void rgb_to_rgba(const struct rv_video_format *format, const struct rv_planes *planes,
                        uint8_t *rgba) {
    size_t at[3], bytes;
    packing(format->pixels, at, &bytes);
    for (uint32_t y = 0; y < format->height; y++) {
        const uint8_t *from = planes->data[0] + y * planes->stride[0];
        for (uint32_t x = 0; x < format->width; x++, from += bytes, rgba += 4) {
            for (int c = 0; c < 3; c++)
                rgba[c] = from[at[c]];
            rgba[3] = 255;
        }
    }
}

static void rgb_from_rgba(const struct rv_video_format *format, const uint8_t *rgba,
                          const struct rv_planes *planes) {
    size_t at[3], bytes;
    packing(format->pixels, at, &bytes);
    for (uint32_t y = 0; y < format->height; y++) {
        uint8_t *to = planes->data[0] + y * planes->stride[0];
        for (uint32_t x = 0; x < format->width; x++, to += bytes, rgba += 4) {
            for (int c = 0; c < 3; c++)
                to[at[c]] = rgba[c];
            if (bytes == 4)
                to[3] = 255;
        }
    }
}

static void gray_to_rgba(const struct rv_video_format *format, const struct rv_planes *planes,
                         uint8_t *rgba) {
    const struct matrix m = make_matrix(format);
    for (uint32_t y = 0; y < format->height; y++) {
        const uint8_t *from = planes->data[0] + y * planes->stride[0];
        for (uint32_t x = 0; x < format->width; x++, rgba += 4)
            put_rgba(&m, from[x], 128, 128, rgba);
    }
}

static void gray_from_rgba(const struct rv_video_format *format, const uint8_t *rgba,
                           const struct rv_planes *planes) {
    const struct matrix m = make_matrix(format);
    for (uint32_t y = 0; y < format->height; y++) {
        uint8_t *to = planes->data[0] + y * planes->stride[0];
        for (uint32_t x = 0; x < format->width; x++, rgba += 4)
            to[x] = luma_of(&m, rgba);
    }
}

// ------------------------------------------------------------------------------------------------
// All of them

void rv_pixels_to_rgba(const struct rv_video_format *format, const struct rv_planes *planes,
                       uint8_t *rgba) {
    switch (format->pixels) {
    case RV_PIXELS_RGBA:
    case RV_PIXELS_BGRA:
    case RV_PIXELS_RGB24:
        rgb_to_rgba(format, planes, rgba);
        break;
    case RV_PIXELS_GRAY:
        gray_to_rgba(format, planes, rgba);
        break;
    case RV_PIXELS_YUYV:
        yuyv_to_rgba(format, planes, rgba);
        break;
    default:
        planar_to_rgba(format, planes, rgba);
        break;
    }
}

void rv_pixels_from_rgba(const struct rv_video_format *format, const uint8_t *rgba,
                         const struct rv_planes *planes) {
    switch (format->pixels) {
    case RV_PIXELS_RGBA:
    case RV_PIXELS_BGRA:
    case RV_PIXELS_RGB24:
        rgb_from_rgba(format, rgba, planes);
        break;
    case RV_PIXELS_GRAY:
        gray_from_rgba(format, rgba, planes);
        break;
    case RV_PIXELS_YUYV:
        yuyv_from_rgba(format, rgba, planes);
        break;
    default:
        planar_from_rgba(format, rgba, planes);
        break;
    }
}

// ------------------------------------------------------------------------------------------------
// Resizing

// The source pixels of the target pixels along an axis: of each the first, and `most` weights that
// sum to 1, zero at the end where there are fewer.
struct axis {
    uint32_t most;
    uint32_t *first; // [to]
    float *weights;  // [to][most]
};

static void make_taps(uint32_t from, uint32_t to, uint32_t at, const struct axis *axis) {
    const double scale = (double)from / to, reach = scale > 1 ? scale : 1;
    const double centre = (at + 0.5) * scale - 0.5;
    const double low = ceil(centre - reach), high = floor(centre + reach);
    const uint32_t last = high > from - 1.0 ? from - 1 : (uint32_t)high;
    uint32_t first = low < 0 ? 0 : (uint32_t)low;
    float *weights = axis->weights + (size_t)at * axis->most;
    double sum = 0;
    if (first + axis->most > from) // so that all weights have a pixel, those of zero included
        first = from - axis->most;
    for (uint32_t i = 0; i < axis->most; i++) {
        double weight = first + i <= last ? 1 - fabs(first + i - centre) / reach : 0;
        weights[i] = weight > 0 ? (float)weight : 0;
        sum += (double)weights[i];
    }
    for (uint32_t i = 0; i < axis->most; i++)
        weights[i] = (float)((double)weights[i] / sum);
    axis->first[at] = first;
}

static bool make_axis(uint32_t from, uint32_t to, struct axis *axis) {
    const double reach = from > to ? (double)from / to : 1;
    const uint32_t most = (uint32_t)(2 * reach) + 2;
    axis->most = most < from ? most : from;
    axis->first = malloc(to * sizeof *axis->first);
    axis->weights = malloc((size_t)to * axis->most * sizeof *axis->weights);
    for (uint32_t i = 0; axis->first && axis->weights && i < to; i++)
        make_taps(from, to, i, axis);
    return axis->first && axis->weights;
}

static void free_axis(struct axis *axis) {
    free(axis->first);
    free(axis->weights);
}

static void resize_rows(const uint8_t *from, uint32_t from_width, uint32_t rows, float *to,
                        uint32_t width, const struct axis *axis) {
    for (uint32_t y = 0; y < rows; y++, from += (size_t)from_width * 4) {
        for (uint32_t x = 0; x < width; x++, to += 3) {
            const uint8_t *pixel = from + (size_t)axis->first[x] * 4;
            const float *weights = axis->weights + (size_t)x * axis->most;
            float sum[3] = {0};
            for (uint32_t i = 0; i < axis->most; i++, pixel += 4)
                for (int c = 0; c < 3; c++)
                    sum[c] += weights[i] * pixel[c];
            memcpy(to, sum, sizeof sum);
        }
    }
}

static void resize_columns(const float *from, uint8_t *to, uint32_t width, uint32_t height,
                           const struct axis *axis) {
    for (uint32_t y = 0; y < height; y++) {
        const float *weights = axis->weights + (size_t)y * axis->most;
        for (uint32_t x = 0; x < width; x++, to += 4) {
            const float *pixel = from + ((size_t)axis->first[y] * width + x) * 3;
            float sum[3] = {0};
            for (uint32_t i = 0; i < axis->most; i++, pixel += (size_t)width * 3)
                for (int c = 0; c < 3; c++)
                    sum[c] += weights[i] * pixel[c];
            for (int c = 0; c < 3; c++)
                to[c] = (uint8_t)(sum[c] + 0.5f); // weights sum to 1: at most 255
            to[3] = 255;
        }
    }
}

enum rv_status rv_pixels_resize(const uint8_t *from, uint32_t from_width, uint32_t from_height,
                                uint8_t *to, uint32_t width, uint32_t height) {
    if (from_width == width && from_height == height) {
        memcpy(to, from, (size_t)width * height * 4);
        return RV_OK;
    }
    struct axis across = {0}, down = {0};
    float *between = malloc((size_t)width * from_height * 3 * sizeof *between);
    enum rv_status status = RV_OK;
    if (between && make_axis(from_width, width, &across) && make_axis(from_height, height, &down)) {
        resize_rows(from, from_width, from_height, between, width, &across);
        resize_columns(between, to, width, height, &down);
    } else {
        status = rv_fail(RV_ERR_NO_MEMORY, "no memory to resize a frame to %u x %u pixels",
                         (unsigned)width, (unsigned)height);
    }
    free_axis(&across);
    free_axis(&down);
    free(between);
    return status;
}
