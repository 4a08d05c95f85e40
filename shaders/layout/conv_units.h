// Bindings and push constants of conv_units: part of a convolution, for processors.
#ifndef RV_LAYOUT_CONV_UNITS_H
#define RV_LAYOUT_CONV_UNITS_H

#include "layout/types.h"

#define RV_UNITS_TARGET 0
#define RV_UNITS_TEXEL_BEFORE 8 // what the target holds
#define RV_UNITS_TEXEL_SOURCE 9
#define RV_UNITS_TEXEL_WEIGHTS 10

#define RV_UNITS_SPEC_BLOCKS 0 // of 8 output channels an invocation makes

struct rv_units_push {
    RV_UINT weights;                   // the first element
    RV_UINT block_elements;            // from the weights of 8 output channels to the next
    RV_UINT units;                     // u is tap u / source_blocks, block u % source_blocks
    RV_UINT source_size, source_plane; // width | height << 16; elements
    RV_UINT source_blocks;             // of 16 channels
    RV_UINT tap_width;
    RV_INT origin;             // x in the low 16 bits, y in the high ones, both signed
    RV_UINT grid_size;         // positions: width | height << 16
    RV_UINT scales;            // of a position: in the source, << 8 in the target
    RV_UINT target_width;      // pixels
    RV_UINT target_plane;      // elements
    RV_UINT target_x, target_y; // where position (0, 0) is
    RV_UINT add;               // 1: to what the target holds; 0: to zero
};

#endif
