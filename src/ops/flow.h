// Optical flow between two frames, and what is carried along by it: see shaders/layout/flow.h.
//
// The flow is that of Lucas and Kanade, for every pixel, from coarse to fine, a few times a level,
// there and back.
#ifndef RV_OPS_FLOW_H
#define RV_OPS_FLOW_H

#include "layout/flow.h"
#include "ops/image.h"

#define RV_FLOW_LEVELS 16

// Where everything lies, for pictures of one size. Offsets and bytes are multiples of 256.
struct rv_flow_plan {
    uint32_t levels;                       // of the grey pyramid; 0 has the picture's size
    uint32_t finest;                       // level at which there is flow
    struct rv_extent size[RV_FLOW_LEVELS]; // of a level
    uint64_t grey[RV_FLOW_LEVELS];         // offset of a level in the pyramid
    uint64_t flow[RV_FLOW_LEVELS];         // offset of a level's flow
    uint64_t grey_bytes, flow_bytes, terms_bytes, motion_bytes, sums_bytes;
};
// `most` is the longer side, at most, of the level at which there is flow: finer ones cost more
// than they tell.
struct rv_flow_plan rv_flow_plan(struct rv_extent picture, uint32_t most);
// What suits the device: on a processor, flow takes as long as a step of the dream does.
uint32_t rv_flow_most(const struct rv_device *device);

// The grey pyramid of a picture.
enum rv_status rv_op_grey(struct rv_recorder *recorder, const struct rv_flow_plan *plan,
                          struct rv_range picture, struct rv_range pyramid);

struct rv_flow_op {
    const struct rv_flow_plan *plan;
    struct rv_range before, now;   // grey pyramids
    struct rv_range flow;          // of all levels, the finest being what is wanted
    struct rv_range terms, window; // terms_bytes each
};
enum rv_status rv_op_flow(struct rv_recorder *recorder, const struct rv_flow_op *op);

// What the flow explains, and whether anything is to be carried.
struct rv_check_op {
    const struct rv_flow_plan *plan;
    struct rv_range before, now;  // grey pyramids
    struct rv_range flow;         // of all levels; buffer NULL = nothing moves
    struct rv_range motion, sums; // motion_bytes and sums_bytes
    struct rv_range carry;        // struct rv_carry
};
enum rv_status rv_op_check(struct rv_recorder *recorder, const struct rv_check_op *op);

// Carries the delta along.
struct rv_carry_op {
    const struct rv_flow_plan *plan;
    struct rv_range target, source; // pictures
    struct rv_range motion, carry;
};
enum rv_status rv_op_carry(struct rv_recorder *recorder, const struct rv_carry_op *op);

// The delta after the steps.
struct rv_settle_op {
    struct rv_extent size, octave;
    struct rv_range delta, carried, frame; // pictures of that size
    struct rv_range begun, dreamed;        // of the octave's
};
enum rv_status rv_op_settle(struct rv_recorder *recorder, const struct rv_settle_op *op);

#endif
