#include "ops/conv_units.h"

#include "layout/conv_units.h"

_Static_assert(sizeof(struct rv_units_push) <= RV_PUSH_BYTES, "the guaranteed push constants");

#define UNIT_CHANNELS 16
#define POSITIONS 128 // of a workgroup

bool rv_conv_units_fit(const struct rv_op_context *context, const struct rv_step *step) {
    const struct rv_limits *limits = &context->recorder->device->limits;
    const struct rv_plan_conv *conv = &step->conv;
    if (limits->profile != RV_PROFILE_CPU || !limits->shuffles || context->plan->fp16 ||
        conv->wrap || conv->image)
        return false;
    // The target is read as a texel buffer, too.
    return rv_plan_access_bytes(context->plan, rv_op_find(step, RV_ROLE_TARGET)) <=
           rv_texel_bytes(limits, false);
}

// One source of a step seen from one of its (four) convolutions, into one of its targets.
struct part {
    const struct rv_op_context *context;
    const struct rv_step *step;
    const struct rv_plan_access *target, *source;
    const struct rv_plan_source *shape;
    uint32_t parity;
    bool first_source;
    uint64_t weights; // numbers from the step's to this part's
    uint32_t taps_x, taps_y;
};

static struct rv_units_push push_of(const struct part *p) {
    const struct rv_plan_conv *conv = &p->step->conv;
    const struct rv_plan_tensor *from = &p->context->plan->tensors[p->source->tensor];
    const struct rv_plan_tensor *to = &p->context->plan->tensors[p->target->tensor];
    uint32_t odd_x = p->parity % 2, odd_y = p->parity / 2, scale = p->shape->scale, apart = 1;
    int32_t x = p->shape->origin_x, y = p->shape->origin_y;
    uint32_t width = conv->grid_width, height = conv->grid_height;
    if (conv->parity) { // see shaders/lib/conv.glsl, source_start
        x = (int32_t)odd_x - (p->first_source ? 1 : 0);
        y = (int32_t)odd_y - (p->first_source ? 1 : 0);
        scale = p->first_source ? 1 : 2;
        apart = 2;
        width = (to->width - odd_x + 1) / 2;
        height = (to->height - odd_y + 1) / 2;
    }
    return (struct rv_units_push){
        .weights = (uint32_t)(p->weights / 4),
        .block_elements = (uint32_t)(rv_plan_block_floats(conv, p->parity) / 4),
        .units = p->shape->channels / UNIT_CHANNELS * p->taps_x * p->taps_y,
        .source_size = rv_op_size(from),
        .source_plane = rv_op_plane(from),
        .source_blocks = p->shape->channels / UNIT_CHANNELS,
        .tap_width = p->taps_x,
        .origin = (int32_t)(((uint32_t)x & 0xffff) | (uint32_t)y << 16),
        .grid_size = width | height << 16,
        .scales = scale | apart << 8,
        .target_width = to->width,
        .target_plane = rv_op_plane(to),
        .target_x = conv->parity ? odd_x : 0,
        .target_y = conv->parity ? odd_y : 0};
}

// `add`: to what the target holds.
static enum rv_status record_part(const struct part *p, bool add) {
    const struct rv_op_context *context = p->context;
    struct rv_units_push push = push_of(p);
    uint64_t positions = (uint64_t)(push.grid_size & 0xffff) * (push.grid_size >> 16);
    struct rv_range target = rv_op_range(context, p->target);
    struct rv_op_dispatch d;
    if (positions == 0)
        return RV_OK;
    push.add = add;
    rv_op_begin(&d, "conv_units", p->step->label, 1, &push, sizeof push);
    // As many channels as an invocation can keep in hand share what it fetches.
    uint32_t blocks = p->target->channels % 32 ? 2 : 4;
    d.spec[RV_UNITS_SPEC_BLOCKS] = blocks;
    rv_op_bind(&d, RV_UNITS_TARGET, RV_READ_WRITE, target);
    rv_op_bind(&d, RV_UNITS_TEXEL_BEFORE, RV_READ, target);
    rv_op_bind(&d, RV_UNITS_TEXEL_SOURCE, RV_READ, rv_op_range(context, p->source));
    rv_op_bind(&d, RV_UNITS_TEXEL_WEIGHTS, RV_READ,
               rv_op_constants(context, p->step->conv.weights_offset, p->step->conv.weights_bytes));
    return rv_op_dispatch(context->recorder, &d, rv_op_groups(positions, POSITIONS),
                          rv_op_groups(p->target->channels, 8 * blocks), 1);
}

// All sources of the step, in its (four) convolutions, into one of its targets.
static enum rv_status record_target(const struct rv_op_context *context, const struct rv_step *step,
                                    enum rv_role role, uint32_t first_channel) {
    const struct rv_plan_conv *conv = &step->conv;
    uint64_t start = 0; // of this parity's weights
    for (uint32_t parity = 0; parity < (conv->parity ? 4u : 1u); parity++) {
        uint64_t block = rv_plan_block_floats(conv, parity), weights = start;
        for (uint32_t s = 0; s < 2 && conv->source[s].channels; s++) {
            struct part part = {.context = context,
                                .step = step,
                                .target = rv_op_find(step, role),
                                .source = rv_op_find(step, s ? RV_ROLE_SOURCE_B : RV_ROLE_SOURCE),
                                .shape = &conv->source[s],
                                .parity = parity,
                                .first_source = s == 0,
                                .weights = weights + first_channel / 8 * block,
                                .taps_x = (uint32_t)conv->source[s].tap_width,
                                .taps_y = (uint32_t)conv->source[s].tap_height};
            if (conv->parity && s == 0) {
                part.taps_x = rv_plan_parity_taps(parity % 2);
                part.taps_y = rv_plan_parity_taps(parity / 2);
            }
            enum rv_status status = record_part(&part, conv->add || s > 0);
            if (status != RV_OK)
                return status;
            weights += (uint64_t)part.taps_x * part.taps_y * conv->source[s].channels * 8;
        }
        start += conv->channels / 8 * block;
    }
    return RV_OK;
}

static enum rv_status record_end(const struct rv_op_context *context, const struct rv_step *step,
                                 const struct rv_conv_push *given) {
    const struct rv_plan_conv *conv = &step->conv;
    struct rv_conv_push push = *given;
    struct rv_range target = rv_op_range(context, rv_op_find(step, RV_ROLE_TARGET));
    struct rv_op_dispatch d;
    if (conv->backward && !conv->relu && !step->seed.active)
        return RV_OK;
    push.grid_size = push.target_size; // no longer four interleaved ones
    rv_op_begin(&d, conv->backward ? "conv_units_end_backward" : "conv_units_end_forward",
                step->label, RV_CONV_SPEC_COUNT, &push, sizeof push);
    d.spec[RV_CONV_SPEC_SEED] = step->seed.active; // nothing else: it is all in the target
    rv_op_bind_role(context, &d, step, RV_ROLE_TARGET, RV_CONV_TARGET, target);
    rv_op_bind_role(context, &d, step, RV_ROLE_MASK, RV_CONV_MASK, target);
    rv_op_bind(&d, RV_CONV_TEXEL_SOURCE, RV_READ, target);
    if (conv->backward) {
        rv_op_bind_role(context, &d, step, RV_ROLE_SEED, RV_CONV_SEED, target);
    } else {
        const struct rv_plan_access *second = rv_op_find(step, RV_ROLE_TARGET_B);
        rv_op_bind_role(context, &d, step, RV_ROLE_TARGET_B, RV_CONV_TARGET_B, target);
        rv_op_bind_role(context, &d, step, RV_ROLE_MASK_B, RV_CONV_MASK_B, target);
        rv_op_bind(&d, RV_CONV_TEXEL_SOURCE_B, RV_READ,
                   second ? rv_op_range(context, second) : target);
        rv_op_bind(&d, RV_CONV_JITTER, RV_READ, target);
        rv_op_bind(&d, RV_CONV_BIAS, RV_READ,
                   rv_op_constants(context, step->constants_offset, step->constants_bytes));
    }
    uint64_t pixels = (uint64_t)(push.grid_size & 0xffff) * (push.grid_size >> 16);
    return rv_op_dispatch(context->recorder, &d, rv_op_groups(pixels, 128), conv->channels / 8, 1);
}

enum rv_status rv_conv_units(const struct rv_op_context *context, const struct rv_step *step,
                             const struct rv_conv_push *push) {
    enum rv_status status = record_target(context, step, RV_ROLE_TARGET, 0);
    if (status == RV_OK && step->conv.split < step->conv.channels)
        status = record_target(context, step, RV_ROLE_TARGET_B, step->conv.split);
    return status == RV_OK ? record_end(context, step, push) : status;
}
