// A plan recorded in one or more command buffers, cut between its steps: what a host submits at
// once stays as small as it likes.
#ifndef RV_DREAM_SLICES_H
#define RV_DREAM_SLICES_H

#include "dream/network.h"

struct rv_slices {
    struct rv_slice_recording {
        uint32_t first, end; // the plan's steps
        double flops;
        struct rv_recorder recorder;
    } * list;
    uint32_t count;
};

// What is recorded.
struct rv_slices_request {
    const struct rv_network *network;
    const struct rv_plan *plan;
    const struct rv_op_tile *tile; // NULL = the whole picture
    struct rv_range picture, gradient;
    double most_flops; // of a slice, unless a single step has more; 0 = all in one slice
};

// Records the plan's steps. The last slice is left open, for what follows the gradient: it must be
// ended (rv_slices_end) before it is submitted. Finished with rv_slices_finish.
enum rv_status rv_slices_init(struct rv_slices *slices, const struct rv_slices_request *request);
struct rv_recorder *rv_slices_last(const struct rv_slices *slices);
enum rv_status rv_slices_end(struct rv_slices *slices);
void rv_slices_finish(struct rv_slices *slices); // the work must have run

#endif
