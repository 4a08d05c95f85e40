// Bindings and push constants of the objective's kernels.
#ifndef RV_LAYOUT_LOSS_H
#define RV_LAYOUT_LOSS_H

#include "layout/types.h"

#define RV_LOSS_TARGET 0
#define RV_LOSS_VALUES 1
#define RV_LOSS_MASK 2
#define RV_LOSS_AFFINE 3    // alpha of all channels, then beta
#define RV_LOSS_REFERENCE 4 // values of the layer's, or of its channels'

#define RV_LOSS_SPEC_OVERWRITE 0
#define RV_LOSS_SPEC_MASKED 1
#define RV_LOSS_SPEC_AFFINE 2
#define RV_LOSS_SPEC_SQUARE 3    // the sum is that of squares; with a reference, of differences'
#define RV_LOSS_SPEC_REFERENCE 4 // enum rv_plan_reference

#define RV_LOSS_SPEC_COUNT 5

#define RV_LOSS_REFERENCE_NONE 0
#define RV_LOSS_REFERENCE_VALUES 1
#define RV_LOSS_REFERENCE_CHANNELS 2

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
    RV_FLOAT constant, linear; // gradient: constant + linear * value + other * reference;
    RV_FLOAT other;            // partial sums: * constant
    RV_UINT reference_plane;   // units of four channels
    RV_UINT reference_first;   // first channel of those of channels
};

#endif
