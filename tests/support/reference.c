#include "support/reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// ------------------------------------------------------------------------------------------------
// Convolution

uint32_t rv_ref_out_size(uint32_t size, uint32_t kernel, uint32_t stride, uint32_t pad) {
    return size + 2 * pad < kernel ? 0 : (size + 2 * pad - kernel) / stride + 1;
}

// The input index that tap `tap` of output `out` reads along one axis, or -1 outside.
static ptrdiff_t tap_source(uint32_t out, uint32_t stride, uint32_t tap, uint32_t pad,
                            uint32_t size) {
    ptrdiff_t at = (ptrdiff_t)out * stride + tap - pad;
    return at >= 0 && at < (ptrdiff_t)size ? at : -1;
}

// y += a * x: the loop all the time goes into. Half of a network's activations are zero.
static void accumulate(size_t count, double a, const float *restrict x, double *restrict y) {
    if (a == 0)
        return;
    for (size_t i = 0; i < count; i++)
        y[i] += a * x[i];
}

void rv_ref_conv_forward(const struct rv_ref_conv *conv, const double *x, const float *kernel,
                         double *y) {
    uint32_t rows = rv_ref_out_size(conv->height, conv->kernel_height, conv->stride, conv->pad_y);
    uint32_t columns = rv_ref_out_size(conv->width, conv->kernel_width, conv->stride, conv->pad_x);
    memset(y, 0, sizeof(*y) * rows * columns * conv->out);
    // Taps outside, so that one tap's part of the kernel stays in the cache for all positions.
    for (uint32_t tap = 0; tap < conv->kernel_height * conv->kernel_width; tap++) {
        const float *part = kernel + (size_t)tap * conv->in * conv->out;
        for (uint32_t row = 0; row < rows; row++) {
            ptrdiff_t from_row =
                tap_source(row, conv->stride, tap / conv->kernel_width, conv->pad_y, conv->height);
            for (uint32_t column = 0; from_row >= 0 && column < columns; column++) {
                ptrdiff_t from = tap_source(column, conv->stride, tap % conv->kernel_width,
                                            conv->pad_x, conv->width);
                if (from < 0)
                    continue;
                const double *in = x + ((size_t)from_row * conv->width + (size_t)from) * conv->in;
                double *out = y + ((size_t)row * columns + column) * conv->out;
                for (uint32_t i = 0; i < conv->in; i++)
                    accumulate(conv->out, in[i], part + (size_t)i * conv->out, out);
            }
        }
    }
}

void rv_ref_conv_backward(const struct rv_ref_conv *conv, const double *gy, const float *kernel,
                          double *gx) {
    uint32_t rows = rv_ref_out_size(conv->height, conv->kernel_height, conv->stride, conv->pad_y);
    uint32_t columns = rv_ref_out_size(conv->width, conv->kernel_width, conv->stride, conv->pad_x);
    memset(gx, 0, sizeof(*gx) * conv->height * conv->width * conv->in);
    for (uint32_t tap = 0; tap < conv->kernel_height * conv->kernel_width; tap++) {
        const float *part = kernel + (size_t)tap * conv->in * conv->out;
        for (uint32_t row = 0; row < rows; row++) {
            ptrdiff_t to_row =
                tap_source(row, conv->stride, tap / conv->kernel_width, conv->pad_y, conv->height);
            for (uint32_t column = 0; to_row >= 0 && column < columns; column++) {
                ptrdiff_t to = tap_source(column, conv->stride, tap % conv->kernel_width,
                                          conv->pad_x, conv->width);
                if (to < 0)
                    continue;
                const double *out = gy + ((size_t)row * columns + column) * conv->out;
                double *in = gx + ((size_t)to_row * conv->width + (size_t)to) * conv->in;
                for (uint32_t i = 0; i < conv->in; i++) {
                    const float *weights = part + (size_t)i * conv->out;
                    // Four sums: one would wait for its own last addition every time.
                    double sum[4] = {0};
                    uint32_t o = 0;
                    for (; o + 4 <= conv->out; o += 4)
                        for (uint32_t k = 0; k < 4; k++)
                            sum[k] += weights[o + k] * out[o + k];
                    for (; o < conv->out; o++)
                        sum[0] += weights[o] * out[o];
                    in[i] += (sum[0] + sum[1]) + (sum[2] + sum[3]);
                }
            }
        }
    }
}

// ------------------------------------------------------------------------------------------------
// Bias and ReLU

void rv_ref_bias_relu(size_t positions, uint32_t channels, const float *bias, double *z, double *y,
                      uint8_t *mask) {
    for (size_t i = 0; i < positions * channels; i++) {
        z[i] += bias[i % channels];
        bool passes = z[i] > 0;
        if (mask)
            mask[i] = passes;
        if (y)
            y[i] = passes ? z[i] : 0;
    }
}

void rv_ref_relu_backward(size_t count, const double *gy, const uint8_t *mask, double *gz) {
    for (size_t i = 0; i < count; i++)
        gz[i] = mask[i] ? gy[i] : 0;
}

// ------------------------------------------------------------------------------------------------
// Pooling

void rv_ref_max_pool_forward(uint32_t height, uint32_t width, uint32_t channels, const double *x,
                             double *y, uint8_t *argmax) {
    uint32_t rows = rv_ref_out_size(height, 3, 2, 0), columns = rv_ref_out_size(width, 3, 2, 0);
    for (size_t o = 0; o < (size_t)rows * columns * channels; o++) {
        size_t c = o % channels, position = o / channels;
        const double *corner =
            x + ((position / columns * 2) * width + position % columns * 2) * channels + c;
        uint8_t best = 0;
        for (uint8_t tap = 1; tap < 9; tap++)
            if (corner[((size_t)(tap / 3) * width + tap % 3) * channels] >
                corner[((size_t)(best / 3) * width + best % 3) * channels])
                best = tap;
        y[o] = corner[((size_t)(best / 3) * width + best % 3) * channels];
        if (argmax)
            argmax[o] = best;
    }
}

void rv_ref_max_pool_backward(uint32_t height, uint32_t width, uint32_t channels, const double *gy,
                              const uint8_t *argmax, double *gx) {
    uint32_t rows = rv_ref_out_size(height, 3, 2, 0), columns = rv_ref_out_size(width, 3, 2, 0);
    memset(gx, 0, sizeof(*gx) * height * width * channels);
    for (size_t o = 0; o < (size_t)rows * columns * channels; o++) {
        size_t c = o % channels, position = o / channels;
        size_t row = position / columns * 2 + argmax[o] / 3;
        size_t column = position % columns * 2 + argmax[o] % 3;
        gx[(row * width + column) * channels + c] += gy[o];
    }
}

// The in-bounds part of the three neighbours of `at`: [first, last].
static uint32_t window_first(uint32_t at) {
    return at > 0 ? at - 1 : 0;
}

static uint32_t window_last(uint32_t at, uint32_t size) {
    return at + 1 < size ? at + 1 : at;
}

static double window_divisor(uint32_t row, uint32_t column, uint32_t height, uint32_t width,
                             bool counts_padding) {
    uint32_t rows = window_last(row, height) - window_first(row) + 1;
    uint32_t columns = window_last(column, width) - window_first(column) + 1;
    return counts_padding ? 9 : rows * columns;
}

void rv_ref_avg_pool_forward(uint32_t height, uint32_t width, uint32_t channels,
                             bool counts_padding, const double *x, double *y) {
    memset(y, 0, sizeof(*y) * height * width * channels);
    for (uint32_t row = 0; row < height; row++)
        for (uint32_t column = 0; column < width; column++) {
            double divisor = window_divisor(row, column, height, width, counts_padding);
            double *out = y + ((size_t)row * width + column) * channels;
            for (uint32_t r = window_first(row); r <= window_last(row, height); r++)
                for (uint32_t q = window_first(column); q <= window_last(column, width); q++)
                    for (uint32_t c = 0; c < channels; c++)
                        out[c] += x[((size_t)r * width + q) * channels + c];
            for (uint32_t c = 0; c < channels; c++)
                out[c] /= divisor;
        }
}

void rv_ref_avg_pool_backward(uint32_t height, uint32_t width, uint32_t channels,
                              bool counts_padding, const double *gy, double *gx) {
    memset(gx, 0, sizeof(*gx) * height * width * channels);
    for (uint32_t row = 0; row < height; row++)
        for (uint32_t column = 0; column < width; column++) {
            double divisor = window_divisor(row, column, height, width, counts_padding);
            const double *out = gy + ((size_t)row * width + column) * channels;
            for (uint32_t r = window_first(row); r <= window_last(row, height); r++)
                for (uint32_t q = window_first(column); q <= window_last(column, width); q++)
                    for (uint32_t c = 0; c < channels; c++)
                        gx[((size_t)r * width + q) * channels + c] += out[c] / divisor;
        }
}

// ------------------------------------------------------------------------------------------------
// Pictures

#define TAPS 6 // at most

// The source indices and their weights for one output position along one axis.
struct blend {
    uint32_t index[TAPS];
    double weight[TAPS];
};

static double triangle(double x) {
    return fmax(1 - fabs(x), 0);
}

// R. G. Keys, Cubic Convolution Interpolation, 1981, equation 4, with PyTorch's a.
static double keys(double x) {
    const double a = -0.75;
    x = fabs(x);
    if (x < 1)
        return (a + 2) * x * x * x - (a + 3) * x * x + 1;
    return x < 2 ? a * (x * x * x - 5 * x * x + 8 * x - 4) : 0;
}

static double sinc(double x) {
    const double pi = 3.14159265358979323846;
    return x == 0 ? 1 : sin(pi * x) / (pi * x);
}

static double lanczos(double x) {
    return fabs(x) < 3 ? sinc(x) * sinc(x / 3) : 0;
}

static double source_of(uint32_t at, uint32_t from, uint32_t to, enum rv_resize rule) {
    if (rule == RV_RESIZE_ALIGN_CORNERS)
        return to > 1 ? at * (double)(from - 1) / (to - 1) : 0;
    if (rule == RV_RESIZE_ASYMMETRIC)
        return (double)at * from / to;
    return (at + 0.5) * from / to - 0.5;
}

static struct blend blend_at(uint32_t at, uint32_t from, uint32_t to, enum rv_resize rule) {
    bool wide = rule == RV_RESIZE_BICUBIC || rule == RV_RESIZE_LANCZOS;
    double (*kernel)(double) = rule == RV_RESIZE_LANCZOS   ? lanczos
                               : rule == RV_RESIZE_BICUBIC ? keys
                                                           : triangle;
    double source = source_of(at, from, to, rule), total = 0;
    if (!wide)
        source = fmin(fmax(source, 0), from - 1);
    struct blend result;
    for (int i = 0; i < TAPS; i++) {
        double tap = floor(source) + i - TAPS / 2 + 1;
        result.index[i] = (uint32_t)fmin(fmax(tap, 0), from - 1);
        result.weight[i] = kernel(source - tap);
        total += result.weight[i];
    }
    for (int i = 0; i < TAPS; i++)
        result.weight[i] /= total;
    return result;
}

void rv_ref_resize(uint32_t height, uint32_t width, uint32_t channels, const double *x,
                   uint32_t out_height, uint32_t out_width, enum rv_resize rule, double *y) {
    for (uint32_t row = 0; row < out_height; row++) {
        struct blend v = blend_at(row, height, out_height, rule);
        for (uint32_t column = 0; column < out_width; column++) {
            struct blend h = blend_at(column, width, out_width, rule);
            for (uint32_t c = 0; c < channels; c++) {
                double sum = 0;
                for (int i = 0; i < TAPS; i++)
                    for (int j = 0; j < TAPS; j++)
                        sum += v.weight[i] * h.weight[j] *
                               x[((size_t)v.index[i] * width + h.index[j]) * channels + c];
                *y++ = sum;
            }
        }
    }
}

struct rv_ref_statistics rv_ref_statistics(size_t count, const double *x) {
    struct rv_ref_statistics result = {0};
    for (size_t i = 0; i < count; i++) {
        result.mean += x[i];
        result.mean_abs += fabs(x[i]);
    }
    result.mean /= (double)count;
    result.mean_abs /= (double)count;
    for (size_t i = 0; i < count; i++)
        result.std += (x[i] - result.mean) * (x[i] - result.mean);
    result.std = sqrt(result.std / (double)count);
    return result;
}

// ------------------------------------------------------------------------------------------------
// Objective

double rv_ref_objective(enum rv_objective objective, uint32_t height, uint32_t width,
                        uint32_t channels, const double *a, uint32_t border, int32_t channel,
                        double weight, double *gradient) {
    double scale = weight / ((double)height * width * (channel < 0 ? channels : 1));
    double sum = 0;
    for (uint32_t row = border; row + border < height; row++)
        for (uint32_t column = border; column + border < width; column++)
            for (uint32_t c = 0; c < channels; c++) {
                if (channel >= 0 && c != (uint32_t)channel)
                    continue;
                size_t i = ((size_t)row * width + column) * channels + c;
                bool squared = objective == RV_OBJECTIVE_L2;
                sum += squared ? a[i] * a[i] : a[i];
                if (gradient)
                    gradient[i] += squared ? 2 * scale * a[i] : scale;
            }
    return scale * sum;
}

// ------------------------------------------------------------------------------------------------
// Seeded values

float rv_ref_uniform(uint64_t seed, uint64_t n) {
    uint64_t z = seed + (n + 1) * UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    z ^= z >> 31;
    return (float)(z >> 40) / 16777216.0f;
}

void rv_ref_noise(uint64_t seed, uint32_t height, uint32_t width, float *pixels) {
    for (size_t i = 0; i < (size_t)height * width * 3; i++)
        pixels[i] = rv_ref_uniform(seed, (UINT64_C(255) << 34) + i);
}
