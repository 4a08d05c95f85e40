// Convolutions on devices that are processors, as sums of units: shaders/conv_units.comp.
#ifndef RV_OPS_CONV_UNITS_H
#define RV_OPS_CONV_UNITS_H

#include "layout/conv.h"
#include "ops/op.h"

// Whether the step can be recorded so on this device.
bool rv_conv_units_fit(const struct rv_op_context *context, const struct rv_step *step);

// Records it. `push` is the step's for the other convolution kernels.
enum rv_status rv_conv_units(const struct rv_op_context *context, const struct rv_step *step,
                             const struct rv_conv_push *push);

#endif
