// Bindings, specialization constants and push constants of the convolution kernels. Sizes called
// "plane" are in units of four channels (floats or halves) or words (masks) between blocks of 16 channels.
#ifndef RV_LAYOUT_CONV_H
#define RV_LAYOUT_CONV_H

#include "layout/types.h"

// Slots, storage buffers. Texel slots hold the same as their twins; a kernel uses one of each.
#define RV_CONV_TARGET 0
#define RV_CONV_TARGET_B 1
#define RV_CONV_MASK 2
#define RV_CONV_MASK_B 3
#define RV_CONV_SEED 1 // backward has no second target
#define RV_CONV_WEIGHTS 4
#define RV_CONV_SOURCE 5
#define RV_CONV_SOURCE_B 6
#define RV_CONV_BIAS 6 // forward has no second source
#define RV_CONV_JITTER 7
#define RV_CONV_TEXEL_WEIGHTS 8
#define RV_CONV_TEXEL_SOURCE 9
#define RV_CONV_TEXEL_SOURCE_B 10

// Specialization constants.
#define RV_CONV_SPEC_CHECK 0 // taps may fall outside the source
#define RV_CONV_SPEC_WRAP 1  // forward: the source is the picture, rolled by the jitter
#define RV_CONV_SPEC_TWO 1   // backward: there is a second source
#define RV_CONV_SPEC_ADD 2   // backward: add to the target
#define RV_CONV_SPEC_SEED 3  // backward: add the objective's gradient
#define RV_CONV_SPEC_PARITY                                                                        \
    4                       // backward of 3x3, stride 2: z = 0..3 computes the pixels (2y + z / 2,
                            // 2x + z % 2) of the target from the taps that reach them; a second
                            // source is 1x1, stride 1
#define RV_CONV_SPEC_TILE 5 // conv_gemm: 0 = 64 pixels x 64 channels, 1 = 128 x 32
#define RV_CONV_SPEC_COUNT 6

// The kernels on matrix units: TILE is a sum of these, 0 = 128 pixels x 64 channels.
#define RV_CONV_TILE_FEW_CHANNELS 1 // 32
#define RV_CONV_TILE_FEW_PIXELS 2   // 64
#define RV_CONV_TILE_COUNT 4
#define RV_CONV_SPEC_M 6 // of a subgroup's product: pixels, channels, input channels
#define RV_CONV_SPEC_N 7
#define RV_CONV_SPEC_K 8
#define RV_CONV_SPEC_SUBGROUPS 9 // of a workgroup
#define RV_CONV_SPEC_ACROSS 10   // of those, side by side over the channels
#define RV_CONV_SPEC_MATRIX_COUNT 11
#define RV_CONV_SPEC_TILE_WIDTH 6 // conv_coopmat2: positions of a tile's row; all = the grid is one row
#define RV_CONV_SPEC_WORKGROUP_COUNT 7

struct rv_conv_push_source {
    RV_UINT size;     // width | height << 16
    RV_UINT plane;    // units of four channels
    RV_UINT channels; // walked, a multiple of 16; or 4, the picture
    RV_UINT taps;     // width | height << 8 | scale << 16
    RV_INT origin;    // x in the low 16 bits, y in the high ones, both signed
};

struct rv_conv_push {
    RV_STRUCT(rv_conv_push_source) source[2];
    RV_UINT grid_size;   // output positions: width | height << 16; of parity 0 with PARITY
    RV_UINT channels;    // computed, a multiple of 16 (8: the picture's gradient)
    RV_UINT split;       // first channel of target B
    RV_UINT relu;        // channels below it: ReLU, or mask
    RV_UINT target_size; // width | height << 16
    RV_UINT target_plane, target_b_plane; // units of four channels
    RV_UINT mask_plane, mask_b_plane;     // words
    RV_FLOAT seed_constant, seed_linear;
    RV_UINT seed_channels; // first | end << 16
    RV_UINT seed_from, seed_to; // positions that count: x | y << 16, the second excluded
    RV_FLOAT gradient_scale;    // of the picture's gradient: undoes the scale of the seeds
};

#endif
