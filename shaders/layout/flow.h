// Bindings, push constants and structures of the kernels for optical flow and for what is carried
// along by it.
//
// Grey pictures: a float a pixel in 0..1. A level of the pyramid is half as large as the one below,
// rounded up; its pixel t lies over 2 t + 0.5 of that one. Flow: two floats a pixel, in pixels of
// its level; two planes, from the frame before to this one, then back.
#ifndef RV_LAYOUT_FLOW_H
#define RV_LAYOUT_FLOW_H

#include "layout/types.h"

#define RV_GREY_TARGET 0
#define RV_GREY_SOURCE 1

#define RV_FLOW_TERMS 0
#define RV_FLOW_BEFORE 1 // grey
#define RV_FLOW_NOW 2    // grey
#define RV_FLOW_COARSE 3 // flow to begin with: of the level above, or of this one
#define RV_FLOW_TARGET 4

#define RV_FLOW_SPEC_FROM 0
#define RV_FLOW_FROM_NONE 0   // no flow to begin with
#define RV_FLOW_FROM_COARSE 1 // that of the level above, enlarged
#define RV_FLOW_FROM_SAME 2   // that of the level itself

// Sums over a window of 2 * radius + 1 pixels, weighted (1 - (k / (radius + 1))^2)^2.
#define RV_FLOW_RADIUS 3
#define RV_FLOW_SOFT 0.03     // residuals above about that count less and less
#define RV_FLOW_SMOOTH 0.0002 // pull towards the window's mean flow

struct rv_flow_push {
    RV_UINT size, above; // width | height << 16, of the level and of the one above it
};

// Where the flow there and back closes: |b + f|^2 <= 0.01 (|b|^2 + |f|^2) + 0.25.
#define RV_CHECK_SLOPE 0.01
#define RV_CHECK_SLACK 0.25
#define RV_CHECK_RESIDUAL 0.15 // of the luminance
#define RV_CHECK_PARTIALS 16384

#define RV_CHECK_MOTION 0 // flow back, in x and y; 1 where it is explained, else 0; its length
#define RV_CHECK_FLOW 1
#define RV_CHECK_BEFORE 2
#define RV_CHECK_NOW 3
#define RV_CHECK_SUMS 4

#define RV_CHECK_SPEC_FLOW 0 // else there is none: all stands still

#define RV_CUT_CARRY 0
#define RV_CUT_SUMS 1

// How much is carried from one frame to the next. Host memory.
struct rv_carry {
    RV_UINT anew;                 // nothing is; the next frame's `cut` says so too
    RV_FLOAT scene_cut;           // share of occluded pixels from which nothing is
    RV_FLOAT decay, decay_moving; // what is left where nothing moves, and where it does
    RV_FLOAT occluded, flow;      // found: share of pixels; mean length, in pixels of the flow
    RV_UINT cut;                  // found: nothing is carried
    RV_UINT unused;
};

#define RV_CARRY_TARGET 0
#define RV_CARRY_SOURCE 1
#define RV_CARRY_MOTION 2
#define RV_CARRY_CARRY 3

#define RV_CARRY_FAST 2.0 // pixels a frame from which `decay_moving` is meant in full

struct rv_carry_push {
    RV_UINT size;   // of the picture, width | height << 16
    RV_UINT motion; // of the flow
    RV_UINT ratio;  // pixels of the picture for one of the flow: a power of two
};

#define RV_SETTLE_DELTA 0
#define RV_SETTLE_CARRIED 1
#define RV_SETTLE_FRAME 2
#define RV_SETTLE_BEGUN 3
#define RV_SETTLE_DREAMED 4

struct rv_settle_push {
    RV_UINT size, octave; // of the picture, and of the octave
};

#endif
