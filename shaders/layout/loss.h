// Bindings and push constants of the objective's kernels.
#ifndef RV_LAYOUT_LOSS_H
#define RV_LAYOUT_LOSS_H

#include "layout/types.h"

#define RV_LOSS_TARGET 0
#define RV_LOSS_VALUES 1
#define RV_LOSS_MASK 2
#define RV_LOSS_AFFINE 3 // alpha of all channels, then beta

#define RV_LOSS_SPEC_OVERWRITE 0
#define RV_LOSS_SPEC_MASKED 1
#define RV_LOSS_SPEC_AFFINE 2
#define RV_LOSS_SPEC_SQUARE 3

#define RV_LOSS_SUM_SPEC_ADD 0 // to the losses of the tiles before
#define RV_LOSS_SUM_SPEC_COUNT 1

#define RV_LOSS_PARTIAL_COUNT 4096 // RV_LOSS_PARTIALS of net/plan.h

struct rv_loss_push {
    RV_UINT size;              // width | height << 16
    RV_UINT plane;             // units of four channels
    RV_UINT mask_plane;        // words
    RV_UINT channels, relu;    // channels below `relu` have a mask
    RV_UINT first, end;        // channels that count
    RV_UINT from, to;          // positions that count: x | y << 16, the second excluded
    RV_FLOAT constant, linear; // gradient: constant + linear * value; partial sums: * constant
};

#endif
