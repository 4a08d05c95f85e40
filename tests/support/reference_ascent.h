// What happens between a gradient and the step along it, in plain C and double precision; as
// support/reference.h has the rest. Formulas are written otherwise than the kernels have them where
// there is another way.
#ifndef RV_TESTS_REFERENCE_ASCENT_H
#define RV_TESTS_REFERENCE_ASCENT_H

#include <stddef.h>
#include <stdint.h>

// gradient += that of -tv * (sum of the squared differences of neighbours in x) / N - pull * (sum
// of (x - original)^2) / N. N = height * width * channels.
void rv_ref_regularize(uint32_t height, uint32_t width, uint32_t channels, const double *x,
                       const double *original, double tv, double pull, double *gradient);

// y = the mean of x blurred with three Gaussians of 9 x 9 taps, deviations sigma / 2, sigma, 2
// sigma; x reflected at its edges. At least 5 pixels each way.
void rv_ref_smooth(uint32_t height, uint32_t width, uint32_t channels, const double *x,
                   double sigma, double *y);

// TensorFlow's conv2d with [1 4 6 4 1] x [1 4 6 4 1] / 256, stride 2, padding "same": y is
// [ceil(height / 2)][ceil(width / 2)][channels].
void rv_ref_down(uint32_t height, uint32_t width, uint32_t channels, const double *x, double *y);
// 4 times its transposed; height and width are those of y, the larger one.
void rv_ref_up(uint32_t height, uint32_t width, uint32_t channels, const double *x, double *y);

// The Laplacian pyramid of TensorFlow 1's notebook: `levels` levels and what is left, each divided
// by max(root of its mean square, 1e-10) if `normalise`, and put together again. y may be x.
void rv_ref_laplacian(uint32_t height, uint32_t width, uint32_t channels, const double *x,
                      uint32_t levels, int normalise, double *y);

// Adam's moments after t steps, each an array.
struct rv_ref_adam {
    double *mean, *square;
    uint32_t t;
};
// One more, along `gradient`; step = what is then multiplied by the learning rate. The two may be
// one.
void rv_ref_adam_step(struct rv_ref_adam *adam, size_t count, const double *gradient, double *step);

#endif
