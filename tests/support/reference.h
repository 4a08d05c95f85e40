// The operations of the network and of the dream in plain C and double precision: what the kernels
// are tested against. Written to be read, not to be fast.
//
// Every tensor is [height][width][channels], C order, without padding. Outputs are written whole
// (never added to) unless a function says otherwise, and must not overlap inputs.
#ifndef RV_TESTS_REFERENCE_H
#define RV_TESTS_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reverie/reverie.h"

// ------------------------------------------------------------------------------------------------
// Convolution

// The shape of one convolution. A "same" convolution has pad = (kernel - 1) / 2, a valid one 0.
struct rv_ref_conv {
    uint32_t height, width, in;           // of the input
    uint32_t out;                         // channels of the output
    uint32_t kernel_height, kernel_width; // taps
    uint32_t stride;                      // both axes
    uint32_t pad_y, pad_x;                // zeros at each of the two edges
};

// Positions along one axis: (size + 2 pad - kernel) / stride + 1; 0 if the kernel does not fit.
uint32_t rv_ref_out_size(uint32_t size, uint32_t kernel, uint32_t stride, uint32_t pad);

// y[oy][ox][o] = sum over ky, kx, i of x[oy s + ky - pad_y][ox s + kx - pad_x][i] *
// kernel[ky][kx][i][o], zero outside x. x is [height][width][in], y [out_h][out_w][out].
void rv_ref_conv_forward(const struct rv_ref_conv *conv, const double *x, const float *kernel,
                         double *y);

// The adjoint: gx = A' gy where y = A x is the forward. The same kernel, not flipped; gy is
// [out_h][out_w][out], gx [height][width][in].
void rv_ref_conv_backward(const struct rv_ref_conv *conv, const double *gy, const float *kernel,
                          double *gx);

// ------------------------------------------------------------------------------------------------
// Bias and ReLU

// z[p][c] += bias[c] in place, y = max(z, 0), mask = 1 where z > 0, else 0 (so 0 at exactly zero).
// `positions` is height * width. y may be z itself; y and mask may be NULL.
void rv_ref_bias_relu(size_t positions, uint32_t channels, const float *bias, double *z, double *y,
                      uint8_t *mask);

// gz[i] = mask[i] ? gy[i] : 0. gz may be gy.
void rv_ref_relu_backward(size_t count, const double *gy, const uint8_t *mask, double *gz);

// ------------------------------------------------------------------------------------------------
// Pooling

// 3x3, stride 2, valid: y is [(height - 3) / 2 + 1][(width - 3) / 2 + 1][channels]. argmax is the
// winning tap ky * 3 + kx, 0..8; of equal values the first in that order wins. May be NULL.
void rv_ref_max_pool_forward(uint32_t height, uint32_t width, uint32_t channels, const double *x,
                             double *y, uint8_t *argmax);

// gx = 0, then each gy is added where its argmax points. height, width are of x.
void rv_ref_max_pool_backward(uint32_t height, uint32_t width, uint32_t channels, const double *gy,
                              const uint8_t *argmax, double *gx);

// 3x3, stride 1, same: the sum of the in-bounds neighbours divided by their number (Keras), or
// always by 9 if `counts_padding` (torchvision).
void rv_ref_avg_pool_forward(uint32_t height, uint32_t width, uint32_t channels,
                             bool counts_padding, const double *x, double *y);

// The adjoint of the above (with the in-bounds count it is not symmetric).
void rv_ref_avg_pool_backward(uint32_t height, uint32_t width, uint32_t channels,
                              bool counts_padding, const double *gy, double *gx);

// ------------------------------------------------------------------------------------------------
// Pictures

// Bilinear, no antialiasing. Source coordinate of output position o along an axis of n inputs and
// m outputs: half-pixel (o + 0.5) n / m - 0.5, align-corners o (n - 1) / (m - 1) (0 if m is 1),
// clamped to [0, n - 1]. x is [height][width][channels], y [out_height][out_width][channels].
void rv_ref_resize(uint32_t height, uint32_t width, uint32_t channels, const double *x,
                   uint32_t out_height, uint32_t out_width, enum rv_resize rule, double *y);

struct rv_ref_statistics {
    double mean, std, mean_abs; // std is the population's: sqrt(mean((x - mean)^2))
};

// Of `count` > 0 values.
struct rv_ref_statistics rv_ref_statistics(size_t count, const double *x);

// ------------------------------------------------------------------------------------------------
// Objective

// The loss of one target, weight * sum(a) / N (mean) or weight * sum(a^2) / N (l2), over channel
// `channel` (-1 = all) and the positions at least `border` from every edge. N counts the chosen
// channels at all positions, border included. The gradient with respect to a, weight / N or
// 2 weight a / N where chosen, is added to `gradient` (same shape as a; may be NULL).
double rv_ref_objective(enum rv_objective objective, uint32_t height, uint32_t width,
                        uint32_t channels, const double *a, uint32_t border, int32_t channel,
                        double weight, double *gradient);

// ------------------------------------------------------------------------------------------------
// Seeded values

// The n-th value of the seeded stream all test data comes from: uniform in [0, 1), a multiple of
// 2^-24: the splitmix64 finaliser of seed + (n + 1) * 0x9E3779B97F4A7C15, its upper 24 bits.
float rv_ref_uniform(uint64_t seed, uint64_t n);

// A noise picture [height][width][3] in [0, 1): value e is number (255 << 34) + e of the stream.
void rv_ref_noise(uint64_t seed, uint32_t height, uint32_t width, float *pixels);

#endif
