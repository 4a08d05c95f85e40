// Bindings and push constants of the kernels that compare Gram matrices. Such a matrix is floats
// [channels][channels], whatever the precision.
#ifndef RV_LAYOUT_GRAM_H
#define RV_LAYOUT_GRAM_H

#include "layout/types.h"

#define RV_GRAM_TARGET 0
#define RV_GRAM_VALUES 1     // of the layer; of the sum: the shares
#define RV_GRAM_REFERENCE 2  // the style's matrix; of the gradient: the difference
#define RV_GRAM_SQUARES 3    // partial sums of the style's squares
#define RV_GRAM_PARTIALS 4   // partial sums of squares that come out: of a style, of a difference
#define RV_GRAM_MASK 5

#define RV_GRAM_TILE 32          // channels, of either axis
#define RV_GRAM_SUM_SPEC_COMPARE 0
#define RV_GRAM_SPEC_OVERWRITE 0 // of the gradient
#define RV_GRAM_SPEC_MASKED 1

struct rv_gram_push {
    RV_UINT pixels, channels;
    RV_UINT plane;       // of the values, units of four channels
    RV_UINT share;       // positions of a share
    RV_FLOAT scale;      // 1 / positions
};

struct rv_gram_sum_push {
    RV_UINT count, parts; // elements of a matrix; shares
    RV_FLOAT loss;        // times the squared difference, over the style's square
};

struct rv_gram_gradient_push {
    RV_UINT pixels, channels; // channels of the layer
    RV_UINT first;            // the target's first channel in the layer
    RV_UINT target_channels;
    RV_UINT plane, target_plane, mask_plane;
    RV_UINT relu; // of the target's channels, those below have a mask
    RV_FLOAT factor;
};

#endif
