// Bindings, push constants and structures of the kernels that grow a picture for a layer: colours,
// the network's random view of the picture, Adam, and the end of a step.
#ifndef RV_LAYOUT_SEE_H
#define RV_LAYOUT_SEE_H

#include "layout/types.h"

// How the network sees the picture in one step: it sees at position p what lies at
// (xx, xy; yx, yy) p + (x, y), positions being pixels' centres. The second matrix is the first's
// inverse.
struct rv_see_view {
    RV_FLOAT xx, xy, yx, yy, x, y;
    RV_FLOAT inverse_xx, inverse_xy, inverse_yx, inverse_yy;
};

// One line a step: the view and Adam's corrections from the host, the rest for it.
struct rv_see_line {
    RV_STRUCT(rv_see_view) view;
    RV_FLOAT rate;           // of learning, over 1 - beta1^t
    RV_FLOAT correction;     // 1 / sqrt(1 - beta2^t)
    RV_FLOAT loss, gradient; // the objective, and the sum of the parameters' |gradient|
    RV_UINT done;            // 1 when it has run
    RV_UINT unused;
};

// The log: what comes before its lines.
struct rv_see_head {
    RV_UINT step;    // that runs, from 0
    RV_UINT targets; // losses to add up
    RV_UINT groups;  // workgroups of see_adam
    RV_UINT unused;
};

#define RV_SEE_COLOUR_TARGET 0
#define RV_SEE_COLOUR_SOURCE 1
#define RV_SEE_COLOUR_PICTURE 2 // adjoint

struct rv_see_colour_push {
    RV_FLOAT matrix[12]; // three rows of four
    RV_UINT pixels;
};

#define RV_TRANSFORM_TARGET 0
#define RV_TRANSFORM_SOURCE 1
#define RV_TRANSFORM_LOG 2

struct rv_transform_push {
    RV_UINT picture_width, picture_height, view_width, view_height;
};

#define RV_SEE_ADAM_VALUES 0   // the parameters
#define RV_SEE_ADAM_MEANS 1    // of the gradient
#define RV_SEE_ADAM_SQUARES 2  // means of its square
#define RV_SEE_ADAM_GRADIENT 3 // by the scaled parameters
#define RV_SEE_ADAM_SCALED 4   // scale * parameters
#define RV_SEE_ADAM_SCALE 5    // one a pair of float4: of a frequency
#define RV_SEE_ADAM_LOG 6
#define RV_SEE_ADAM_PARTIALS 7 // a float a workgroup

#define RV_SEE_ADAM_SPEC_SCALED 0 // there are scales

struct rv_see_adam_push {
    RV_UINT count; // float4
};

#define RV_SEE_END_LOG 0
#define RV_SEE_END_LOSSES 1
#define RV_SEE_END_PARTIALS 2

#endif
