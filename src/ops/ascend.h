// From a picture's gradient to the step along it: the end of an iteration.
//
// In this order, each only if it is asked for:
//   mirror      the gradient back, if the network saw the picture mirrored
//   regularize  + tv * gradient of the (negated) total variation, + pull * (original - picture)
//   smooth      the mean of three Gaussian blurs
//   laplacian   a pyramid whose levels are divided by their root mean square, put together again
//   statistics  of what has come of the gradient, always; and from them what it is divided by
//   adam        or plain ascent
//   schedule    the step's length falls over the iterations
//   strength    the step's root mean square is what was asked for
//   mask        times the step
//   clip        the picture, to [-1, 1]
//   change      of the picture so far from the original: enough?
//   mirror      the picture for the next iteration
//
// All are for whole pictures, in bands where the device needs that.
#ifndef RV_OPS_ASCEND_H
#define RV_OPS_ASCEND_H

#include "layout/ascend.h"
#include "ops/bands.h"

struct rv_ascend_op {
    struct rv_extent size;
    struct rv_range picture, gradient;              // the latter is used up
    struct rv_range control, log, losses, partials; // of RV_GRADIENT_PARTIALS * 16 bytes
    bool clip;

    // What is not there (buffer NULL) is not done.
    struct rv_range seen;         // a picture: the picture as the next iteration's network sees it
    struct rv_range original;     // a picture
    bool change;                  // with `original`: of the picture from it is watched
    float tv, pull;               // the latter with `original`
    struct rv_range smoothed;     // a picture
    uint32_t laplacian;           // levels; 0 = none
    struct rv_range levels;       // rv_levels_bytes
    struct rv_range mean, square; // pictures: Adam's moments
    bool strength;                // Adam's step has control.strength
    struct rv_range mask;         // floats, rv_mask_bytes
};
enum rv_status rv_op_ascend(struct rv_recorder *recorder, const struct rv_ascend_op *op);

// Bytes of a pyramid's levels below a picture of that size, with what is kept of their sums.
uint64_t rv_levels_bytes(struct rv_extent size);
// Bytes of a mask: a float a pixel.
uint64_t rv_mask_bytes(struct rv_extent size);

// target = the source, mirrored left to right if control.flip says so. The two may be the same.
enum rv_status rv_op_mirror(struct rv_recorder *recorder, struct rv_extent size,
                            struct rv_range source, struct rv_range target,
                            struct rv_range control);
// picture = original where the mask is 0.
enum rv_status rv_op_hold(struct rv_recorder *recorder, struct rv_extent size,
                          struct rv_range picture, struct rv_range original, struct rv_range mask);

// Parts of rv_op_ascend, for tests.
enum rv_status rv_op_regularize(struct rv_recorder *recorder, const struct rv_ascend_op *op);
enum rv_status rv_op_smooth(struct rv_recorder *recorder, const struct rv_ascend_op *op);
// Without `normalise` the levels' factors are those that stand in op->levels.
enum rv_status rv_op_laplacian(struct rv_recorder *recorder, const struct rv_ascend_op *op,
                               bool normalise);

#endif
