#include "ops/op.h"

#include <stdio.h>

const struct rv_plan_access *rv_op_find(const struct rv_step *step, enum rv_role role) {
    for (uint32_t i = 0; i < step->access_count; i++)
        if (step->access[i].role == role)
            return &step->access[i];
    return NULL;
}

struct rv_range rv_op_range(const struct rv_op_context *context,
                            const struct rv_plan_access *access) {
    const struct rv_plan_tensor *tensor = &context->plan->tensors[access->tensor];
    const struct rv_op_buffers *buffers = context->buffers;
    bool planes = tensor->kind != RV_TENSOR_PIXELS && tensor->kind != RV_TENSOR_LINES;
    uint64_t start = buffers->offset[tensor->space] + tensor->offset;
    return (struct rv_range){.buffer = buffers->space[tensor->space],
                             .offset =
                                 start + (planes ? access->channel / 16 * tensor->plane_bytes : 0),
                             .size = rv_plan_access_bytes(context->plan, access)};
}

struct rv_range rv_op_constants(const struct rv_op_context *context, uint64_t offset,
                                uint64_t size) {
    return (struct rv_range){context->buffers->weights, offset,
                             (size + RV_PLAN_ALIGNMENT - 1) / RV_PLAN_ALIGNMENT *
                                 RV_PLAN_ALIGNMENT};
}

static uint32_t inside(uint32_t edge, uint32_t before) {
    return edge > before ? edge - before : 0;
}

struct rv_op_area rv_op_seed_area(const struct rv_op_context *context,
                                  const struct rv_plan_tensor *tensor,
                                  const struct rv_plan_seed *seed, bool owned) {
    const struct rv_op_tile *tile = context->tile;
    uint32_t border = seed->border, width = tensor->width, height = tensor->height;
    if (seed->neuron)
        return (struct rv_op_area){seed->x | seed->y << 16, (seed->x + 1) | (seed->y + 1) << 16};
    uint32_t left = border, top = border, right = border, bottom = border; // left out
    if (tile && seed->stride) {
        left = inside(border, tile->left / seed->stride);
        top = inside(border, tile->top / seed->stride);
        right = inside(border, tile->right / seed->stride);
        bottom = inside(border, tile->bottom / seed->stride);
        if (owned && tile->own_left / seed->stride > left)
            left = tile->own_left / seed->stride;
        if (owned && tile->own_top / seed->stride > top)
            top = tile->own_top / seed->stride;
        // At the picture's end the layer ends before the pixels divided by the stride do.
        if (owned && tile->right && inside(width, tile->own_right / seed->stride) > right)
            right = width - tile->own_right / seed->stride;
        if (owned && tile->bottom && inside(height, tile->own_bottom / seed->stride) > bottom)
            bottom = height - tile->own_bottom / seed->stride;
    }
    return (struct rv_op_area){left | top << 16, inside(width, right) | inside(height, bottom)
                                                                            << 16};
}

void rv_op_begin(struct rv_op_dispatch *d, const char *shader, const char *label,
                 uint32_t spec_count, const void *push, uint32_t push_size) {
    *d = (struct rv_op_dispatch){.dispatch = {.shader = shader,
                                              .label = label,
                                              .spec_count = spec_count,
                                              .push = push,
                                              .push_size = push_size}};
}

void rv_op_begin_stored(const struct rv_op_context *context, struct rv_op_dispatch *d,
                        const char *shader, const char *label, uint32_t spec_count,
                        const void *push, uint32_t push_size) {
    rv_op_begin(d, shader, label, spec_count, push, push_size);
    snprintf(d->shader, sizeof d->shader, "%s%s", shader, context->plan->fp16 ? "_fp16" : "");
    d->dispatch.shader = d->shader;
}

void rv_op_bind(struct rv_op_dispatch *d, uint32_t slot, enum rv_access access,
                struct rv_range range) {
    d->bindings[d->dispatch.binding_count++] =
        (struct rv_binding){.slot = slot, .access = access, .range = range};
}

void rv_op_bind_role(const struct rv_op_context *context, struct rv_op_dispatch *d,
                     const struct rv_step *step, enum rv_role role, uint32_t slot,
                     struct rv_range fallback) {
    const struct rv_plan_access *access = rv_op_find(step, role);
    enum rv_access kind = RV_READ;
    if (access && access->writes)
        kind = access->reads ? RV_READ_WRITE : RV_WRITE;
    rv_op_bind(d, slot, kind, access ? rv_op_range(context, access) : fallback);
    d->bindings[d->dispatch.binding_count - 1].fp16 =
        access && context->plan->tensors[access->tensor].fp16;
}

enum rv_status rv_op_dispatch(struct rv_recorder *recorder, struct rv_op_dispatch *d, uint32_t x,
                              uint32_t y, uint32_t z) {
    uint32_t most = recorder->device->limits.group_count;
    if (x > most || y > 65535)
        return rv_fail(RV_ERR_INPUT,
                       "%s: the picture is too large for this device: use a smaller "
                       "one (--size)",
                       d->dispatch.label);
    d->dispatch.bindings = d->bindings;
    d->dispatch.spec = d->spec;
    d->dispatch.groups[0] = x;
    d->dispatch.groups[1] = y;
    d->dispatch.groups[2] = z;
    return rv_record_dispatch(recorder, &d->dispatch);
}

enum rv_status rv_op_record(const struct rv_op_context *context, const struct rv_step *step) {
    switch (step->op) {
    case RV_OP_CONV:
        return rv_op_conv(context, step);
    case RV_OP_MAX_POOL:
    case RV_OP_MAX_POOL_GRADIENT:
    case RV_OP_AVG_POOL:
    case RV_OP_AVG_POOL_GRADIENT:
        return rv_op_pool(context, step);
    case RV_OP_SEED:
        return rv_op_seed(context, step);
    case RV_OP_LOSS_PARTIAL:
        return rv_op_loss_partial(context, step);
    case RV_OP_LOSS_SUM:
        return rv_op_loss_sum(context, step);
    case RV_OP_GRAM:
        return rv_op_gram(context, step);
    case RV_OP_GRAM_SUM:
        return rv_op_gram_sum(context, step);
    case RV_OP_GRAM_GRADIENT:
        return rv_op_gram_gradient(context, step);
    case RV_OP_MATCH:
        return rv_op_match(context, step);
    case RV_OP_MATCH_GATHER:
        return rv_op_match_gather(context, step);
    case RV_OP_CHANNEL_MEANS:
        return rv_op_channel_means(context, step);
    case RV_OP_COUNT:
        break;
    }
    return rv_fail(RV_ERR_USAGE, "%s: no such operation", step->label);
}

// Bytes of an access that are shown at once, and the most that can be.
static uint64_t shown_bytes(const struct rv_device *device, const struct rv_plan *plan,
                            const struct rv_step *step, const struct rv_plan_access *access,
                            uint64_t *most) {
    bool source = access->role == RV_ROLE_SOURCE || access->role == RV_ROLE_SOURCE_B;
    const struct rv_limits *limits = &device->limits;
    bool texel = limits->profile == RV_PROFILE_CPU && step->op == RV_OP_CONV && source;
    *most =
        texel ? rv_texel_bytes(limits, plan->tensors[access->tensor].fp16) : limits->storage_range;
    return rv_plan_access_bytes(plan, access);
}

double rv_op_plan_excess(const struct rv_device *device, const struct rv_plan *plan) {
    double excess = (double)rv_op_groups((uint64_t)plan->graph.width * plan->graph.height, 64) /
                    device->limits.group_count;
    for (uint32_t i = 0; i < plan->step_count; i++)
        for (uint32_t j = 0; j < plan->steps[i].access_count; j++) {
            uint64_t most;
            double times = (double)shown_bytes(device, plan, &plan->steps[i],
                                               &plan->steps[i].access[j], &most);
            times /= (double)most;
            excess = times > excess ? times : excess;
        }
    return excess;
}

enum rv_status rv_op_check_plan(const struct rv_device *device, const struct rv_plan *plan) {
    const struct rv_limits *limits = &device->limits;
    uint32_t width = plan->graph.width, height = plan->graph.height;
    if (rv_op_groups((uint64_t)width * height, 64) > limits->group_count)
        return rv_fail(
            RV_ERR_INPUT,
            "%u x %u pixels are too many for this device: use a smaller picture (--size)", width,
            height);
    for (uint32_t i = 0; i < plan->step_count; i++)
        for (uint32_t j = 0; j < plan->steps[i].access_count; j++) {
            const struct rv_plan_access *access = &plan->steps[i].access[j];
            uint64_t most, bytes = shown_bytes(device, plan, &plan->steps[i], access, &most);
            if (bytes > most)
                return rv_fail(
                    RV_ERR_NO_MEMORY,
                    "out of device memory: at %u x %u pixels \"%s\" takes %.0f MiB, over "
                    "the %.0f MiB that the device can show to a kernel: use a smaller "
                    "picture (--size)",
                    width, height, plan->tensors[access->tensor].name, (double)bytes / 1048576,
                    (double)most / 1048576);
        }
    return RV_OK;
}

enum rv_status rv_op_record_plan(const struct rv_op_context *context) {
    enum rv_status status = RV_OK;
    for (uint32_t i = 0; i < context->plan->step_count && status == RV_OK; i++)
        status = rv_op_record(context, &context->plan->steps[i]);
    return status;
}
