// Bindings, push constants and structures of what happens between a picture's gradient and the step
// along it; see ops/ascend.h for the order. Pictures as in layout/image.h.
#ifndef RV_LAYOUT_ASCEND_H
#define RV_LAYOUT_ASCEND_H

#include "layout/types.h"

// What changes from one iteration to the next lives here, so that one recorded command buffer
// serves them all. Written by the host before an octave, by the kernels during it.
struct rv_control {
    RV_INT jitter_x, jitter_y; // of the running iteration, 0 <= jitter < size
    RV_UINT iteration;         // that runs, from 0
    RV_UINT stopped;           // one of RV_STOP_*
    RV_FLOAT scale, offset;    // `ascend` adds scale * (gradient - offset); scale 0 = no step
    RV_FLOAT step, strength;   // strength > 0: the root mean square of a step, instead of `step`
    RV_FLOAT max_loss;
    RV_FLOAT max_change; // root mean square of picture - original
    RV_UINT normalize;   // one of RV_NORMALIZER_*
    RV_UINT targets;     // losses to add up
    RV_UINT pixels;      // of the gradient
    RV_UINT flip;        // of the running iteration: the network sees the picture mirrored
    RV_UINT adam;        // scale and offset are what `adam` makes its gradient with, and
    RV_FLOAT adam_scale; // `ascend` adds adam_scale * what it leaves
    RV_UINT first;       // iteration before which Adam's moments are zero
};

#define RV_NORMALIZER_STD 0
#define RV_NORMALIZER_MEAN_ABS 1
#define RV_NORMALIZER_RMS 2
#define RV_NORMALIZER_STANDARD 3
#define RV_NORMALIZER_NONE 4

#define RV_STOP_NONE 0
#define RV_STOP_LOSS 1       // the loss passed max_loss
#define RV_STOP_ZERO 2       // the gradient is zero
#define RV_STOP_NOT_FINITE 3 // the gradient, or the loss, is not finite
#define RV_STOP_CHANGE 4     // the picture's change has reached max_change

#define RV_SMOOTH_REACH 4 // pixels either way
#define RV_SMOOTH_TAPS 5  // of half a Gaussian, its middle first
#define RV_SMOOTH_GAUSSIANS 3

// One line an iteration: the first part from the host, the second for it.
struct rv_iteration {
    RV_INT jitter_x, jitter_y;
    RV_UINT flip;
    RV_FLOAT fall;                       // share by which the step is shorter than at first
    RV_FLOAT mean_factor, square_factor; // Adam's corrections, 1 / (1 - beta^t)
    RV_FLOAT gaussians[RV_SMOOTH_GAUSSIANS * RV_SMOOTH_TAPS];

    RV_FLOAT loss, std, mean_abs;
    RV_FLOAT change; // root mean square of picture - original after it, if that is watched
    RV_UINT stopped; // after it
    RV_UINT done;    // 1 when it has run
};

#define RV_ITERATE_CONTROL 0
#define RV_ITERATE_LOG 1
#define RV_ITERATE_LOSSES 2
#define RV_ITERATE_PARTIALS 3

#define RV_GRADIENT_PARTIALS 4096
#define RV_GRADIENT_TARGET 0
#define RV_GRADIENT_SOURCE 1
#define RV_GRADIENT_SECOND 2

#define RV_ASCEND_PICTURE 0
#define RV_ASCEND_GRADIENT 1
#define RV_ASCEND_CONTROL 2
#define RV_ASCEND_MASK 3

#define RV_ASCEND_SPEC_MASKED 0
#define RV_ASCEND_SPEC_ADAM 1

#define RV_ADAM_GRADIENT 0
#define RV_ADAM_MEAN 1
#define RV_ADAM_SQUARE 2
#define RV_ADAM_CONTROL 3
#define RV_ADAM_LOG 4

// Pixel by pixel, of a band.
struct rv_band_push {
    RV_UINT pixels;
    RV_UINT clip; // to [-1, 1]
    RV_UINT add;  // to the partial sums of the bands before
};

// Totals of partial sums: what becomes of them.
#define RV_TOTALS_LEVELS 0 // workgroup l: the reciprocal of level l's root mean square
#define RV_TOTALS_STEP 1   // the factor that gives Adam's step its strength
#define RV_TOTALS_CHANGE 2 // the picture's change, and whether it is enough
#define RV_TOTALS_SPEC_KIND 0

#define RV_TOTALS_PARTIALS 0
#define RV_TOTALS_SCALES 1
#define RV_TOTALS_CONTROL 2
#define RV_TOTALS_LOG 3

#define RV_LAPLACIAN_LEVELS 8 // at most, beside what is left when all are taken off

struct rv_totals_push {
    RV_UINT pixels[RV_LAPLACIAN_LEVELS + 1]; // of each level
};

#define RV_REGULARIZE_GRADIENT 0
#define RV_REGULARIZE_PICTURE 1
#define RV_REGULARIZE_ORIGINAL 2

#define RV_REGULARIZE_SPEC_PULL 0

#define RV_SMOOTH_TARGET 0
#define RV_SMOOTH_SOURCE 1
#define RV_SMOOTH_CONTROL 2
#define RV_SMOOTH_LOG 3

#define RV_SMOOTH_ROWS 4 // of the target, that an invocation makes

#define RV_LAPLACIAN_TARGET 0
#define RV_LAPLACIAN_SOURCE 1
#define RV_LAPLACIAN_SCALES 2

#define RV_LAPLACIAN_SPEC_MERGE 0

#define RV_MIRROR_TARGET 0
#define RV_MIRROR_SOURCE 1
#define RV_MIRROR_CONTROL 2

#define RV_HOLD_PICTURE 0
#define RV_HOLD_ORIGINAL 1
#define RV_HOLD_MASK 2

// Kernels that look at neighbours. The bound ranges begin with the rows said here.
struct rv_rows_push {
    RV_UINT width, height; // of the target
    RV_UINT source_width, source_height;
    RV_UINT source_row, target_row; // the first that are bound
    RV_UINT rows;                   // of the target to work on
    RV_FLOAT variation, pull;       // `regularize`: factors
    RV_UINT level, lowest;          // `laplacian_up`, merging: whose scales apply
};

#endif
