// Every pixel format against its definition in double precision, over odd sizes.
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "capture/pixels.h"

static const struct {
    uint32_t width, height;
} sizes[] = {{1, 1}, {2, 2}, {3, 5}, {16, 8}, {17, 9}, {96, 80}, {31, 601}, {4, 577}};
#define SIZE_COUNT (sizeof sizes / sizeof *sizes)

static uint32_t next(uint32_t *state) {
    *state = *state * 1664525 + 1013904223;
    return *state >> 24;
}

// Red, green and blue parts of luma, by ITU-R BT.601 and BT.709.
static void luma_parts(const struct rv_video_format *format, double part[3]) {
    bool hd = format->matrix == RV_MATRIX_BT709 ||
              (format->matrix == RV_MATRIX_BY_SIZE && format->height > 576);
    part[0] = hd ? 0.2126 : 0.299;
    part[2] = hd ? 0.0722 : 0.114;
    part[1] = 1 - part[0] - part[2];
}

// Y in 0..1, U and V in -0.5..0.5, from the bytes of a frame, and back.
static double from_luma(const struct rv_video_format *format, double byte) {
    return format->full_range ? byte / 255 : (byte - 16) / 219;
}
static double from_chroma(const struct rv_video_format *format, double byte) {
    return (byte - 128) / (format->full_range ? 255 : 224);
}
static double to_luma(const struct rv_video_format *format, double y) {
    return format->full_range ? y * 255 : 16 + y * 219;
}
static double to_chroma(const struct rv_video_format *format, double c) {
    return 128 + c * (format->full_range ? 255 : 224);
}

static double within_byte(double value) {
    return fmin(fmax(value, 0), 255);
}

// The bytes of pixel (x, y): where its Y, U and V are, by each format's description.
static void find_yuv(const struct rv_video_format *format, const uint8_t *bytes, uint32_t x,
                     uint32_t y, double yuv[3]) {
    const size_t w = format->width, h = format->height, cw = (w + 1) / 2, ch = (h + 1) / 2;
    const uint8_t *chroma = bytes + w * h;
    yuv[0] = bytes[y * w + x];
    yuv[1] = yuv[2] = 128;
    switch (format->pixels) {
    case RV_PIXELS_YUV420P:
        yuv[1] = chroma[y / 2 * cw + x / 2];
        yuv[2] = chroma[cw * ch + y / 2 * cw + x / 2];
        break;
    case RV_PIXELS_YUV422P:
        yuv[1] = chroma[y * cw + x / 2];
        yuv[2] = chroma[cw * h + y * cw + x / 2];
        break;
    case RV_PIXELS_YUV444P:
        yuv[1] = chroma[y * w + x];
        yuv[2] = chroma[w * h + y * w + x];
        break;
    case RV_PIXELS_NV12:
        yuv[1] = chroma[y / 2 * cw * 2 + x / 2 * 2];
        yuv[2] = chroma[y / 2 * cw * 2 + x / 2 * 2 + 1];
        break;
    case RV_PIXELS_YUYV:
        bytes += y * cw * 4 + x / 2 * 4;
        yuv[0] = bytes[x % 2 * 2];
        yuv[1] = bytes[1];
        yuv[2] = bytes[3];
        break;
    default:
        break;
    }
}

static bool is_yuv(enum rv_pixel_format pixels) {
    return pixels >= RV_PIXELS_GRAY;
}

// The RGB of a pixel as it ought to be.
static void expected_rgb(const struct rv_video_format *format, const uint8_t *bytes, uint32_t x,
                         uint32_t y, double rgb[3]) {
    const size_t at = (size_t)y * format->width + x;
    double part[3], yuv[3];
    if (!is_yuv(format->pixels)) {
        const size_t size = format->pixels == RV_PIXELS_RGB24 ? 3 : 4;
        for (size_t c = 0; c < 3; c++)
            rgb[c] = bytes[at * size + (format->pixels == RV_PIXELS_BGRA ? 2 - c : c)];
        return;
    }
    find_yuv(format, bytes, x, y, yuv);
    luma_parts(format, part);
    const double luma = from_luma(format, yuv[0]);
    const double u = from_chroma(format, yuv[1]), v = from_chroma(format, yuv[2]);
    rgb[0] = luma + 2 * (1 - part[0]) * v;
    rgb[2] = luma + 2 * (1 - part[2]) * u;
    rgb[1] = (luma - part[0] * rgb[0] - part[2] * rgb[2]) / part[1];
    for (int c = 0; c < 3; c++)
        rgb[c] = within_byte(rgb[c] * 255);
}

// Calls fn with every format, size, matrix and range.
static void for_all(void (*fn)(const struct rv_video_format *format)) {
    for (int pixels = 1; pixels < RV_PIXELS_COUNT; pixels++)
        for (size_t s = 0; s < SIZE_COUNT; s++)
            for (int matrix = 0; matrix < 3; matrix++)
                for (int full = 0; full < 2; full++) {
                    struct rv_video_format format = {(enum rv_pixel_format)pixels, sizes[s].width,
                                                     sizes[s].height, (enum rv_matrix)matrix,
                                                     full == 1};
                    fn(&format);
                }
}

static void check_to_rgba(const struct rv_video_format *format) {
    const size_t size = rv_pixels_size(format), count = (size_t)format->width * format->height;
    uint8_t *bytes = malloc(size), *rgba = malloc(count * 4); // exact: the sanitizer sees the ends
    uint32_t state = 7;
    double worst = 0;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)next(&state);
    struct rv_planes planes = rv_pixels_planes(format, bytes);
    rv_pixels_to_rgba(format, &planes, rgba);
    for (uint32_t y = 0; y < format->height; y++)
        for (uint32_t x = 0; x < format->width; x++) {
            const uint8_t *got = rgba + ((size_t)y * format->width + x) * 4;
            double wanted[3];
            expected_rgb(format, bytes, x, y, wanted);
            for (int c = 0; c < 3; c++)
                worst = fmax(worst, fabs(got[c] - wanted[c]));
            cr_assert_eq(got[3], 255);
        }
    cr_expect(worst < 0.503, "%s, %u x %u, matrix %d, full %d: off by %.4f",
              rv_pixels_name(format->pixels), format->width, format->height, format->matrix,
              format->full_range, worst);
    free(bytes);
    free(rgba);
}

Test(pixels, to_rgba) {
    for_all(check_to_rgba);
}

// The mean RGB of the pixels that share (x, y)'s chroma sample.
static void mean_rgb(const struct rv_video_format *format, const uint8_t *rgba, uint32_t x,
                     uint32_t y, double rgb[3]) {
    const uint32_t across = format->pixels == RV_PIXELS_YUV444P ? 1 : 2;
    const bool rows = format->pixels == RV_PIXELS_YUV420P || format->pixels == RV_PIXELS_NV12;
    const uint32_t down = rows ? 2 : 1;
    double count = 0;
    rgb[0] = rgb[1] = rgb[2] = 0;
    for (uint32_t j = y / down * down; j < y / down * down + down && j < format->height; j++)
        for (uint32_t i = x / across * across;
             i < x / across * across + across && i < format->width; i++, count++)
            for (int c = 0; c < 3; c++)
                rgb[c] += rgba[((size_t)j * format->width + i) * 4 + (size_t)c];
    for (int c = 0; c < 3; c++)
        rgb[c] /= count;
}

static double expect_yuv(const struct rv_video_format *format, const uint8_t *bytes,
                         const uint8_t *rgba, uint32_t x, uint32_t y) {
    double part[3], got[3], mean[3], luma = 0, mean_luma = 0;
    const uint8_t *pixel = rgba + ((size_t)y * format->width + x) * 4;
    find_yuv(format, bytes, x, y, got);
    luma_parts(format, part);
    mean_rgb(format, rgba, x, y, mean);
    for (int c = 0; c < 3; c++) {
        luma += part[c] * pixel[c] / 255;
        mean_luma += part[c] * mean[c] / 255;
    }
    double worst = fabs(got[0] - to_luma(format, luma));
    if (format->pixels == RV_PIXELS_GRAY)
        return worst;
    const double u = (mean[2] / 255 - mean_luma) / (2 * (1 - part[2]));
    const double v = (mean[0] / 255 - mean_luma) / (2 * (1 - part[0]));
    // Full range ends a half short of its last colour: 255.5 is 255.
    worst = fmax(worst, fabs(got[1] - within_byte(to_chroma(format, u))));
    return fmax(worst, fabs(got[2] - within_byte(to_chroma(format, v))));
}

static void check_from_rgba(const struct rv_video_format *format) {
    const size_t size = rv_pixels_size(format), count = (size_t)format->width * format->height;
    uint8_t *bytes = malloc(size), *rgba = malloc(count * 4);
    uint32_t state = 11;
    double worst = 0;
    for (size_t i = 0; i < count * 4; i++)
        rgba[i] = (uint8_t)next(&state);
    struct rv_planes planes = rv_pixels_planes(format, bytes);
    memset(bytes, 0x55, size);
    rv_pixels_from_rgba(format, rgba, &planes);
    for (uint32_t y = 0; y < format->height; y++)
        for (uint32_t x = 0; x < format->width; x++) {
            const uint8_t *pixel = rgba + ((size_t)y * format->width + x) * 4;
            double got[3];
            if (is_yuv(format->pixels)) {
                worst = fmax(worst, expect_yuv(format, bytes, rgba, x, y));
                continue;
            }
            expected_rgb(format, bytes, x, y, got);
            for (int c = 0; c < 3; c++)
                worst = fmax(worst, fabs(got[c] - pixel[c]));
        }
    cr_expect(worst < 0.503, "%s, %u x %u, matrix %d, full %d: off by %.4f",
              rv_pixels_name(format->pixels), format->width, format->height, format->matrix,
              format->full_range, worst);
    free(bytes);
    free(rgba);
}

Test(pixels, from_rgba) {
    for_all(check_from_rgba);
}

// There and back: what a colour loses by being stored in eight bits of limited range.
Test(pixels, round_trip) {
    const struct rv_video_format format = {RV_PIXELS_YUV444P, 64, 64, RV_MATRIX_BT601, false};
    uint8_t rgba[64 * 64 * 4], back[64 * 64 * 4], *bytes = malloc(rv_pixels_size(&format));
    struct rv_planes planes = rv_pixels_planes(&format, bytes);
    int worst = 0;
    for (size_t i = 0; i < sizeof rgba; i++)
        rgba[i] = i % 4 == 3 ? 255 : (uint8_t)(i * 2654435761u >> 24);
    rv_pixels_from_rgba(&format, rgba, &planes);
    rv_pixels_to_rgba(&format, &planes, back);
    for (size_t i = 0; i < sizeof rgba; i++)
        worst = abs(rgba[i] - back[i]) > worst ? abs(rgba[i] - back[i]) : worst;
    cr_expect(worst <= 3, "off by %d", worst);
    free(bytes);
}

// Rows that lie further apart than they are long, as a camera's may.
Test(pixels, strides) {
    for (int pixels = 1; pixels < RV_PIXELS_COUNT; pixels++) {
        const struct rv_video_format format = {.pixels = (enum rv_pixel_format)pixels, 7, 5};
        const struct rv_planes tight = rv_pixels_planes(&format, NULL);
        const size_t stride = tight.stride[0] + 10;
        size_t size;
        rv_pixels_planes_strided(&format, NULL, stride, &size);
        uint8_t *loose = malloc(size), *bytes = malloc(rv_pixels_size(&format));
        uint8_t rgba[7 * 5 * 4], one[7 * 5 * 4], other[7 * 5 * 4];
        for (size_t i = 0; i < sizeof rgba; i++)
            rgba[i] = (uint8_t)(i * 37);
        struct rv_planes a = rv_pixels_planes(&format, bytes);
        struct rv_planes b = rv_pixels_planes_strided(&format, loose, stride, &size);
        rv_pixels_from_rgba(&format, rgba, &a);
        rv_pixels_from_rgba(&format, rgba, &b);
        rv_pixels_to_rgba(&format, &a, one);
        rv_pixels_to_rgba(&format, &b, other);
        cr_expect_arr_eq(one, other, sizeof one, "%s", rv_pixels_name(format.pixels));
        free(loose);
        free(bytes);
    }
}

Test(pixels, names) {
    for (int pixels = 1; pixels < RV_PIXELS_COUNT; pixels++) {
        const char *name = rv_pixels_name((enum rv_pixel_format)pixels);
        cr_expect_eq(rv_pixels_find(name), pixels);
        cr_expect(strstr(rv_pixels_names(), name), "%s", name);
    }
    cr_expect_eq(rv_pixels_find("yuv420p10"), RV_PIXELS_NONE);
    cr_expect_eq(rv_pixels_find(""), RV_PIXELS_NONE);
}

// ------------------------------------------------------------------------------------------------
// Resizing

static double tent(double x) {
    return fmax(0, 1 - fabs(x));
}

// One value by the definition, all source pixels counted.
static double resized(const uint8_t *from, uint32_t fw, uint32_t fh, uint32_t w, uint32_t h,
                      uint32_t x, uint32_t y, int c) {
    const double sx = (double)fw / w, sy = (double)fh / h;
    const double rx = fmax(sx, 1), ry = fmax(sy, 1);
    const double cx = (x + 0.5) * sx - 0.5, cy = (y + 0.5) * sy - 0.5;
    double sum = 0, total = 0;
    for (uint32_t j = 0; j < fh; j++)
        for (uint32_t i = 0; i < fw; i++) {
            double weight = tent((i - cx) / rx) * tent((j - cy) / ry);
            sum += weight * from[((size_t)j * fw + i) * 4 + (size_t)c];
            total += weight;
        }
    return sum / total;
}

Test(pixels, resize) {
    static const uint32_t cases[][4] = {{1, 1, 3, 2},    {5, 4, 5, 4},   {7, 3, 2, 9},
                                        {16, 16, 4, 4},  {13, 11, 1, 1}, {9, 17, 30, 8},
                                        {40, 30, 39, 31}};
    for (size_t n = 0; n < sizeof cases / sizeof *cases; n++) {
        const uint32_t *s = cases[n];
        uint8_t *from = malloc((size_t)s[0] * s[1] * 4), *to = malloc((size_t)s[2] * s[3] * 4);
        uint32_t state = 3;
        double worst = 0;
        for (size_t i = 0; i < (size_t)s[0] * s[1] * 4; i++)
            from[i] = i % 4 == 3 ? 255 : (uint8_t)next(&state);
        cr_assert_eq(rv_pixels_resize(from, s[0], s[1], to, s[2], s[3]), RV_OK);
        for (uint32_t y = 0; y < s[3]; y++)
            for (uint32_t x = 0; x < s[2]; x++)
                for (int c = 0; c < 4; c++)
                    worst = fmax(worst, fabs(to[((size_t)y * s[2] + x) * 4 + (size_t)c] -
                                             resized(from, s[0], s[1], s[2], s[3], x, y, c)));
        cr_expect(worst < 0.51, "%u x %u to %u x %u: off by %.4f", s[0], s[1], s[2], s[3], worst);
        free(from);
        free(to);
    }
}
