// Bindings and push constants of the kernels that work on whole pictures: float RGB and
// an unused fourth value a pixel, row by row, in the network's range [-1, 1]. A picture larger than
// what one descriptor can show is worked on in bands, a dispatch each.
#ifndef RV_LAYOUT_IMAGE_H
#define RV_LAYOUT_IMAGE_H

#include "layout/types.h"

// Between images of others and our pictures.
struct rv_pixels_push {
    RV_UINT pixels;
};

#define RV_PIXELS_OURS 0
#define RV_PIXELS_THEIRS 1

#define RV_PIXELS_SPEC_WORDS 0
#define RV_PIXELS_SPEC_SWAP 1
#define RV_PIXELS_SPEC_LINEAR 2

#define RV_RESIZE_TARGET 0
#define RV_RESIZE_SOURCE 1
#define RV_RESIZE_OTHER 2

#define RV_RESIZE_SPEC_OTHER 0 // there is a second picture, of the target's size
#define RV_RESIZE_SPEC_RULE 1  // one of enum rv_resize
#define RV_RESIZE_RULE_CORNERS 2
#define RV_RESIZE_RULE_ASYMMETRIC 3
#define RV_RESIZE_RULE_BICUBIC 4
#define RV_RESIZE_RULE_LANCZOS 5

struct rv_resize_push {
    RV_UINT source_size, target_size; // width | height << 16, of the whole pictures
    RV_UINT source_row, target_row;   // that the bound ranges begin with
    RV_UINT pixels;                   // of the target that are bound
    RV_UINT quantise;       // the source is cut to 8 bits first
    RV_FLOAT weight, other; // target = weight * resized + other * second picture
};

#endif
