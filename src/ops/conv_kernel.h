// The ways to run a convolution: one table, a row for every kernel and cut of the work. A row is
// added by naming what it fits and how it is recorded; the self-test then runs it, and tuning takes
// it into account (see ops/tune.h).
#ifndef RV_OPS_CONV_KERNEL_H
#define RV_OPS_CONV_KERNEL_H

#include "ops/op.h"

// Rows of one kind add the same numbers in the same order, so that any of them gives the same bits.
enum rv_conv_sums { RV_CONV_SUMS_CPU, RV_CONV_SUMS_UNITS, RV_CONV_SUMS_GEMM, RV_CONV_SUMS_MATRIX };

struct rv_conv_kernel {
    const char *name; // for people, and for telling one table from another
    enum rv_conv_sums sums;
    uint32_t tile; // what `fits` and `record` make of it
    // Whether the step can be recorded so on this device.
    bool (*fits)(const struct rv_op_context *context, const struct rv_step *step, uint32_t tile);
    enum rv_status (*record)(const struct rv_op_context *context, const struct rv_step *step,
                             uint32_t tile);
};

#define RV_CONV_KERNELS 8
extern const struct rv_conv_kernel rv_conv_kernels[RV_CONV_KERNELS];

// The row that is taken where nothing was measured.
uint32_t rv_conv_shipped(const struct rv_op_context *context, const struct rv_step *step);
// The rows that give the same bits as that one and fit, that one first. Returns how many; none if
// not even that one fits.
uint32_t rv_conv_candidates(const struct rv_op_context *context, const struct rv_step *step,
                            uint32_t rows[RV_CONV_KERNELS]);

#endif
