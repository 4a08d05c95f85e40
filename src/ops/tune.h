// Which of the kernels that give the same bits is the fastest for a kind of convolution on this
// device: measured once on the real step, remembered beside the pipeline cache. Results never
// depend on it. A file that is cut, altered, another driver's or another build's is ignored.
#ifndef RV_OPS_TUNE_H
#define RV_OPS_TUNE_H

#include "ops/op.h"

// Gives the device what is known of it; without, or while nothing is, the shipped choices are
// taken. Destroyed with rv_tuning_destroy, before the device.
enum rv_status rv_tuning_create(struct rv_device *device);
void rv_tuning_destroy(struct rv_device *device);

// The row of rv_conv_kernels for a convolution; it fits wherever any does.
uint32_t rv_tuning_choose(const struct rv_op_context *context, const struct rv_step *step);

// Measures what is not yet known of a plan's convolutions, in some seconds at most, and keeps it:
// what there was no time for is left to the next time. Runs the plan's steps over the context's
// buffers, whose contents are then of no use but as scratch; the picture is only read. The
// context's recorder is used for its device alone.
struct rv_tuning_run {
    uint32_t next, end; // steps of the plan; as soon as they are equal there is nothing left to do
    uint32_t measured;
    double seconds; // it took so far
};
// Finds what there is to measure, and says which pipelines that will want (rv_pipeline_want).
enum rv_status rv_tuning_begin(const struct rv_op_context *context, struct rv_tuning_run *run);
// Goes on by steps of at most so many operations, at least one, and at most one that is measured.
// Waits for the device. To be called while there is something to do.
enum rv_status rv_tuning_advance(const struct rv_op_context *context, struct rv_tuning_run *run,
                                 double most_flops);

// How many kinds of convolution are known; how many were measured since the device was opened.
uint32_t rv_tuning_known(const struct rv_device *device);
uint32_t rv_tuning_measured(const struct rv_device *device);

#endif
