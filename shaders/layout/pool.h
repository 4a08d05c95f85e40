// Bindings and push constants of the pooling kernels.
#ifndef RV_LAYOUT_POOL_H
#define RV_LAYOUT_POOL_H

#include "layout/types.h"

#define RV_POOL_TARGET 0
#define RV_POOL_SOURCE 1
#define RV_POOL_MASK 2
#define RV_POOL_ARGMAX 3
#define RV_POOL_BIAS 4

#define RV_POOL_SPEC_FLAG 0 // average pooling: ReLU and mask out; gradients: mask in
#define RV_POOL_SPEC_COUNTS_PADDING 1

struct rv_pool_push {
    RV_UINT source_size, target_size;   // width | height << 16
    RV_UINT source_plane, target_plane; // units of four channels
    RV_UINT mask_plane, argmax_plane;   // words
    RV_UINT relu;                       // channels below it have a mask
};

#endif
