// What the tests of the flow share: buffers that show what was written beyond their ends, and the
// flow between two pictures.
#ifndef RV_TESTS_FLOW_RIG_H
#define RV_TESTS_FLOW_RIG_H

#include "ops/flow.h"

// A buffer full of NaNs, with more of them behind its end.
struct rv_tensor {
    struct rv_buffer buffer;
    uint64_t bytes; // without the guard
};

struct rv_tensor rv_tensor_make(struct rv_device *device, uint64_t bytes);
// Of a picture [height][width][3].
struct rv_tensor rv_tensor_picture(struct rv_device *device, uint32_t height, uint32_t width,
                                   const double *values);
struct rv_range rv_tensor_range(const struct rv_tensor *t);
// A picture's values. Owned by the caller.
double *rv_tensor_read(const struct rv_tensor *t, size_t pixels);
// Fails the test if more than so many floats, from the start, were written.
void rv_tensor_finish(struct rv_device *device, struct rv_tensor *t, size_t items);

// Seeded values in [-scale, scale), as floats hold them. Owned by the caller.
double *rv_flow_noise(uint64_t seed, size_t count, double scale);

// Everything for two frames, with flow at a level of at most `most` pixels.
struct rv_flow_rig {
    struct rv_device *device;
    struct rv_flow_plan plan;
    struct rv_tensor before_picture, now_picture, before, now, flow, terms, window, motion, sums,
        carry;
    bool no_flow;
    uint32_t flow_height, flow_width;
};

struct rv_flow_rig rv_flow_rig_begin(struct rv_device *device, uint32_t height, uint32_t width,
                                     uint32_t most, const double *before, const double *now);
void rv_flow_rig_run(struct rv_flow_rig *rig);
const struct rv_carry *rv_flow_rig_carry(const struct rv_flow_rig *rig);
// The motion's four values at a pixel of the flow.
const float *rv_flow_rig_motion(const struct rv_flow_rig *rig, size_t pixel);
void rv_flow_rig_end(struct rv_flow_rig *rig);

#endif
