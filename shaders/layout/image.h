// Bindings, push constants and structures of the kernels that work on whole pictures: float RGB and
// an unused fourth value a pixel, row by row, in the network's range [-1, 1]. A picture larger than
// what one descriptor can show is worked on in bands, a dispatch each.
#ifndef RV_LAYOUT_IMAGE_H
#define RV_LAYOUT_IMAGE_H

#include "layout/types.h"

// What changes from one iteration to the next lives here, so that one recorded command buffer
// serves them all. Written by the host before an octave, by `iterate` during it.
struct rv_control {
    RV_INT jitter_x, jitter_y; // of the running iteration, 0 <= jitter < size
    RV_UINT iteration;         // that runs, from 0
    RV_UINT stopped;           // one of RV_STOP_*
    RV_FLOAT scale;            // `ascend` adds scale * gradient
    RV_FLOAT step, max_loss;
    RV_UINT mean_abs; // normalise by mean |g| rather than by the standard deviation
    RV_UINT targets;  // losses to add up
    RV_UINT pixels;   // of the gradient
};

#define RV_STOP_NONE 0
#define RV_STOP_LOSS 1       // the loss passed max_loss
#define RV_STOP_ZERO 2       // the gradient is zero
#define RV_STOP_NOT_FINITE 3 // the gradient, or the loss, is not finite

// One line an iteration: the jitter from the host, the rest for it.
struct rv_iteration {
    RV_INT jitter_x, jitter_y;
    RV_FLOAT loss, std, mean_abs;
    RV_UINT stopped; // after it
    RV_UINT done;    // 1 when it has run
    RV_UINT unused;
};

#define RV_ITERATE_CONTROL 0
#define RV_ITERATE_LOG 1
#define RV_ITERATE_LOSSES 2
#define RV_ITERATE_PARTIALS 3

#define RV_GRADIENT_PARTIALS 4096
#define RV_GRADIENT_TARGET 0
#define RV_GRADIENT_SOURCE 1

#define RV_ASCEND_PICTURE 0
#define RV_ASCEND_GRADIENT 1
#define RV_ASCEND_CONTROL 2

struct rv_pixels_push {
    RV_UINT pixels;
    RV_UINT clip; // to [-1, 1]
    RV_UINT add;  // to the partial sums of the bands before
};

// Between images of others and our pictures.
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
