// Single operations on the device: a hand-built plan of one or a few steps over tensors of its own,
// recorded by the real ops code, so that it is the library that chooses kernels and their
// constants.
//
// All tensors lie in one buffer, each between guard bands, and every byte that no test has filled
// holds a NaN. What an operation writes is what its test checks: a byte that was neither checked
// nor left as it was fails the test. That covers guard bands, inputs, channels beside the target's,
// and the padding at the ends of planes, which no kernel may touch. (One exception: in the last
// word of a plane of a mask, the bits of pixels past the end may be anything.) Since all those
// bytes, and those around the weights, are NaN, a read outside an operation's inputs shows in its
// result.
//
// Every case can be run with tensors of floats and of halves: see rv_ops_fp16. What goes in is then
// rounded to halves at once, in tensors, kernels and constants alike, so that the reference starts
// from the same numbers.
//
// Values of tensors are arrays [height][width][channels]; a picture has three channels.
#ifndef RV_TESTS_OPS_HARNESS_H
#define RV_TESTS_OPS_HARNESS_H

#include "ops/op.h"
#include "support/reference.h"

struct rv_ops {
    char name[128];           // of the case, for messages
    struct rv_device *device; // borrowed
    struct rv_plan *plan;
    struct rv_buffer buffer; // while running
    int32_t jitter_x, jitter_y;
    uint64_t bytes;          // of the buffer
    uint8_t *before, *after; // its contents
    uint8_t *checked;        // a flag a byte
    char *weights;
    uint64_t weights_bytes;
};

// Whether the cases that begin from here on keep their tensors and weights in halves.
extern bool rv_ops_fp16;
// What follows runs twice: with floats, then with halves.
#define RV_OPS_BOTH for (int both_ = 0; rv_ops_fp16 = both_ == 1, both_ < 2; both_++)
#define RV_OPS_HALF_ERROR 0x1p-11 // relative, of rounding to the nearest half
// The value as tensors keep it.
double rv_ops_kept(double value);

// A new case; the format names it. Ended with rv_ops_end, which compares what was not checked.
void rv_ops_begin(struct rv_ops *ops, struct rv_device *device, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void rv_ops_end(struct rv_ops *ops);

// Adds a tensor full of NaNs and returns its number in the plan.
uint32_t rv_ops_tensor(struct rv_ops *ops, enum rv_plan_kind kind, uint32_t height, uint32_t width,
                       uint32_t channels);
// Its bytes: those that go in before the run, those that came out after it.
void *rv_ops_bytes(struct rv_ops *ops, uint32_t tensor);
// Fills a tensor of floats. `values` is borrowed until the call returns.
void rv_ops_fill(struct rv_ops *ops, uint32_t tensor, const double *values);
// Fills it with seeded values in [-1, 1) and returns them. Owned by the caller.
double *rv_ops_noise(struct rv_ops *ops, uint32_t tensor, uint64_t seed);
// Fills a mask with 0 and 1, or an argmax with 0..8, and returns them. Owned by the caller.
uint8_t *rv_ops_noise_bits(struct rv_ops *ops, uint32_t tensor, uint64_t seed);
// The same seeded values as floats, for kernels and biases. Owned by the caller.
float *rv_ops_floats(uint64_t seed, size_t count);

struct rv_step *rv_ops_step(struct rv_ops *ops, enum rv_op op);
void rv_ops_access(struct rv_step *step, enum rv_role role, enum rv_access access, uint32_t tensor,
                   uint32_t channel, uint32_t channels);
// Appends constants to the weights, NaNs around them, and returns their offset.
uint64_t rv_ops_constants(struct rv_ops *ops, const float *values, size_t count);

// Steps of convolutions whose kernels are [height][width][in][out], packed as net/plan.h says. The
// accesses are left to the caller, and split, relu, add, wrap and the seed, where they matter.
struct rv_step *rv_ops_forward(struct rv_ops *ops, const struct rv_ref_conv *shape,
                               const float *kernel, const float *bias);
// The gradient of `count` = 1 or 2 convolutions by the tensor that both read; of stride 2 only the
// first may be. `image`: that tensor is the picture.
struct rv_step *rv_ops_backward(struct rv_ops *ops, uint32_t count,
                                const struct rv_ref_conv *shapes, const float *const *kernels,
                                bool image);

// Runs `record`, or the plan's steps if it is NULL, once.
typedef enum rv_status (*rv_ops_record_fn)(void *user, struct rv_ops *ops,
                                           struct rv_recorder *recorder);
void rv_ops_run(struct rv_ops *ops, rv_ops_record_fn record, void *user);
// A tensor's bytes while `record` runs.
struct rv_range rv_ops_range(struct rv_ops *ops, uint32_t tensor);

// Channels [channel, channel + channels) of a tensor after the run, as `expected` is laid out.
// Owned by the caller. Counts as checked.
double *rv_ops_values(struct rv_ops *ops, uint32_t tensor, uint32_t channel, uint32_t channels);
// Fails the test unless |found - expected| <= absolute + relative * |expected| everywhere, and, of
// halves, half of the last place more.
void rv_ops_check(struct rv_ops *ops, uint32_t tensor, uint32_t channel, uint32_t channels,
                  const double *expected, double absolute, double relative);
// Masks and argmax, exactly, but for elements where `sure` (unless NULL) is 0.
void rv_ops_check_bits(struct rv_ops *ops, uint32_t tensor, uint32_t channel, uint32_t channels,
                       const uint8_t *expected, const uint8_t *sure);

#endif
