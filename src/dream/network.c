#include "dream/network.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ops/tune.h"

_Static_assert(RV_LOSSES_OFFSET + RV_PLAN_TARGET_MAX * sizeof(float) <= RV_LOG_OFFSET,
               "there is room for every target's loss");

#define PARTIAL_BYTES ((uint64_t)RV_GRADIENT_PARTIALS * 16)

static struct rv_extent extent_of(const struct rv_plan *plan) {
    return (struct rv_extent){plan->graph.width, plan->graph.height};
}

static enum rv_status upload_weights(struct rv_network *network, const struct rv_plan *plan,
                                     const struct rv_weights *weights) {
    enum rv_status status = rv_buffer_init(network->device, &network->weights, plan->weights_bytes,
                                           RV_MEMORY_DEVICE, "weights buffer");
    if (status != RV_OK)
        return status;
    // Where the device's memory is the host's too, straight into it: nothing uses it yet.
    if (network->weights.mapped) {
        memset(network->weights.mapped, 0, plan->weights_bytes);
        rv_plan_pack(plan, weights, network->weights.mapped);
        return RV_OK;
    }
    void *packed = calloc(1, plan->weights_bytes);
    if (!packed)
        return rv_fail(RV_ERR_NO_MEMORY, "out of host memory while packing the weights");
    rv_plan_pack(plan, weights, packed);
    status = rv_buffer_write(network->device, &network->weights, 0, packed, plan->weights_bytes);
    free(packed);
    return status;
}

static uint64_t log_bytes(uint32_t lines) {
    uint64_t bytes = (uint64_t)lines * sizeof(struct rv_iteration);
    return (bytes + RV_PLAN_ALIGNMENT - 1) / RV_PLAN_ALIGNMENT * RV_PLAN_ALIGNMENT;
}

// Bytes of the pictures that are worked on beside the picture.
static uint64_t beside_bytes(const struct rv_plan *plan, enum rv_plan_space space,
                             struct rv_extent largest) {
    for (uint32_t i = 0; i < plan->tensor_count; i++)
        if (plan->tensors[i].space == space)
            return rv_image_bytes(largest);
    return 0;
}

uint64_t rv_network_bytes(const struct rv_plan *any_plan, const struct rv_network_sizes *sizes) {
    uint64_t picture = rv_image_bytes(sizes->largest), weights = any_plan->weights_bytes;
    uint64_t staging = picture > weights ? picture : weights;
    if (staging > RV_STAGING_BYTES)
        staging = RV_STAGING_BYTES;
    return weights + picture + PARTIAL_BYTES + RV_LOG_OFFSET + log_bytes(sizes->iterations + 1) +
           any_plan->features_bytes + beside_bytes(any_plan, RV_SPACE_CONTENT, sizes->largest) +
           beside_bytes(any_plan, RV_SPACE_GUIDE, sizes->largest) + staging;
}

static enum rv_status reserve_references(struct rv_network *network, const struct rv_plan *plan,
                                         struct rv_extent largest) {
    uint64_t content = beside_bytes(plan, RV_SPACE_CONTENT, largest);
    uint64_t guide = beside_bytes(plan, RV_SPACE_GUIDE, largest);
    enum rv_status status = RV_OK;
    if (plan->features_bytes)
        RV_TRY(rv_buffer_init(network->device, &network->features, plan->features_bytes,
                              RV_MEMORY_DEVICE, "features"));
    if (content)
        RV_TRY(rv_buffer_init(network->device, &network->content, content, RV_MEMORY_DEVICE,
                              "content picture"));
    if (guide)
        RV_TRY(rv_buffer_init(network->device, &network->guide, guide, RV_MEMORY_DEVICE,
                              "guide picture"));
done:
    return status;
}

enum rv_status rv_network_reserve(struct rv_network *network, struct rv_device *device,
                                  const struct rv_weights *weights, const struct rv_plan *any_plan,
                                  const struct rv_network_sizes *sizes) {
    enum rv_status status;
    *network = (struct rv_network){.device = device,
                                   .log_lines = sizes->iterations + 1,
                                   .gradient_bytes = rv_image_bytes(sizes->largest)};
    uint64_t arena = sizes->arena_bytes ? sizes->arena_bytes : RV_PLAN_ALIGNMENT;
    // The largest first: if memory is short, it is said at once.
    RV_TRY(rv_buffer_init(device, &network->arena, arena, RV_MEMORY_DEVICE, "arena"));
    RV_TRY(upload_weights(network, any_plan, weights));
    RV_TRY(rv_buffer_init(device, &network->gradient, network->gradient_bytes + PARTIAL_BYTES,
                          RV_MEMORY_DEVICE, "gradient"));
    RV_TRY(rv_buffer_init(device, &network->control, RV_LOG_OFFSET + log_bytes(network->log_lines),
                          RV_MEMORY_HOST, "control"));
    memset(network->control.mapped, 0, network->control.size);
    RV_TRY(reserve_references(network, any_plan, sizes->largest));
    return RV_OK;
done:
    rv_network_finish(network);
    return status;
}

enum rv_status rv_network_init(struct rv_network *network, struct rv_device *device,
                               const struct rv_weights *weights, struct rv_plan *const *plans,
                               uint32_t plan_count, uint32_t iterations) {
    struct rv_network_sizes sizes = {.iterations = iterations};
    for (uint32_t i = 0; i < plan_count; i++) {
        enum rv_status status = rv_op_check_plan(device, plans[i]);
        if (status != RV_OK)
            return status;
        if (plans[i]->arena_bytes > sizes.arena_bytes)
            sizes.arena_bytes = plans[i]->arena_bytes;
        if (rv_image_bytes(extent_of(plans[i])) > rv_image_bytes(sizes.largest))
            sizes.largest = extent_of(plans[i]);
    }
    return rv_network_reserve(network, device, weights, plans[0], &sizes);
}

void rv_network_finish(struct rv_network *network) {
    if (!network->device)
        return;
    rv_buffer_finish(network->device, &network->guide);
    rv_buffer_finish(network->device, &network->content);
    rv_buffer_finish(network->device, &network->features);
    rv_buffer_finish(network->device, &network->control);
    rv_buffer_finish(network->device, &network->gradient);
    rv_buffer_finish(network->device, &network->weights);
    rv_buffer_finish(network->device, &network->arena);
    network->device = NULL;
}

struct rv_control *rv_network_control(const struct rv_network *network) {
    return network->control.mapped;
}

struct rv_iteration *rv_network_log(const struct rv_network *network) {
    return (struct rv_iteration *)((char *)network->control.mapped + RV_LOG_OFFSET);
}

struct rv_range rv_network_gradient(const struct rv_network *network, const struct rv_plan *plan) {
    return (struct rv_range){&network->gradient, 0, rv_image_bytes(extent_of(plan))};
}

static struct rv_op_buffers buffers_of(const struct rv_network *network, struct rv_range picture,
                                       struct rv_range gradient) {
    return (struct rv_op_buffers){.space = {[RV_SPACE_ARENA] = &network->arena,
                                            [RV_SPACE_PICTURE] = picture.buffer,
                                            [RV_SPACE_GRADIENT] = gradient.buffer,
                                            [RV_SPACE_LOSS] = &network->control,
                                            [RV_SPACE_FEATURES] = &network->features,
                                            [RV_SPACE_CONTENT] = &network->content,
                                            [RV_SPACE_GUIDE] = &network->guide},
                                  .offset = {[RV_SPACE_PICTURE] = picture.offset,
                                             [RV_SPACE_GRADIENT] = gradient.offset,
                                             [RV_SPACE_LOSS] = RV_LOSSES_OFFSET},
                                  .weights = &network->weights,
                                  .control = &network->control};
}

enum rv_status rv_network_tune_begin(const struct rv_network *network, const struct rv_plan *plan,
                                     struct rv_range picture, struct rv_tuning_run *run) {
    struct rv_op_buffers buffers = buffers_of(network, picture, rv_network_gradient(network, plan));
    struct rv_recorder recorder;
    rv_recorder_foresee(&recorder, network->device);
    struct rv_op_context context = {.recorder = &recorder, .plan = plan, .buffers = &buffers};
    return rv_tuning_begin(&context, run);
}

enum rv_status rv_network_tune_advance(const struct rv_network *network, const struct rv_plan *plan,
                                       struct rv_range picture, double most_flops,
                                       struct rv_tuning_run *run) {
    struct rv_op_buffers buffers = buffers_of(network, picture, rv_network_gradient(network, plan));
    struct rv_recorder recorder;
    rv_recorder_foresee(&recorder, network->device);
    struct rv_op_context context = {.recorder = &recorder, .plan = plan, .buffers = &buffers};
    return rv_tuning_advance(&context, run, most_flops);
}

enum rv_status rv_network_tune(const struct rv_network *network, const struct rv_plan *plan,
                               struct rv_range picture) {
    struct rv_tuning_run run;
    enum rv_status status;
    RV_TRY(rv_network_tune_begin(network, plan, picture, &run));
    if (run.next < run.end)
        RV_TRY(rv_pipelines_compile(network->device));
    while (run.next < run.end)
        RV_TRY(rv_network_tune_advance(network, plan, picture, INFINITY, &run));
done:
    return status;
}

enum rv_status rv_network_record_steps(const struct rv_network *network, const struct rv_plan *plan,
                                       uint32_t first, uint32_t end, const struct rv_op_tile *tile,
                                       struct rv_range picture, struct rv_range gradient,
                                       struct rv_recorder *recorder) {
    struct rv_op_buffers buffers = buffers_of(network, picture, gradient);
    struct rv_op_context context = {
        .recorder = recorder, .plan = plan, .buffers = &buffers, .tile = tile};
    enum rv_status status = RV_OK;
    for (uint32_t i = first; i < end && status == RV_OK; i++)
        status = rv_op_record(&context, &plan->steps[i]);
    return status;
}

enum rv_status rv_network_record(const struct rv_network *network, const struct rv_plan *plan,
                                 struct rv_range picture, struct rv_recorder *recorder) {
    return rv_network_record_steps(network, plan, 0, plan->step_count, NULL, picture,
                                   rv_network_gradient(network, plan), recorder);
}

enum rv_status rv_network_close(const struct rv_network *network, const struct rv_ascend_op *op,
                                struct rv_recorder *recorder) {
    const struct rv_buffer *control = &network->control;
    struct rv_ascend_op full = *op;
    full.gradient = (struct rv_range){&network->gradient, 0, rv_image_bytes(op->size)};
    full.partials = (struct rv_range){&network->gradient, network->gradient_bytes, PARTIAL_BYTES};
    full.control = (struct rv_range){control, RV_CONTROL_OFFSET, 256};
    full.losses = (struct rv_range){control, RV_LOSSES_OFFSET, 256};
    full.log = (struct rv_range){control, RV_LOG_OFFSET, control->size - RV_LOG_OFFSET};
    return rv_op_ascend(recorder, &full);
}

enum rv_status rv_network_ascend(const struct rv_network *network, const struct rv_plan *plan,
                                 struct rv_range picture, bool clip, struct rv_recorder *recorder) {
    struct rv_ascend_op op = {.size = extent_of(plan), .picture = picture, .clip = clip};
    return rv_network_close(network, &op, recorder);
}
