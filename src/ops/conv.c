// Convolution, forward and backward-data.
#include <string.h>

#include "layout/conv.h"
#include "ops/conv_matrix.h"
#include "ops/conv_units.h"

_Static_assert(sizeof(struct rv_conv_push) <= RV_PUSH_BYTES, "the guaranteed push constants");

static struct rv_conv_push_source source_push(const struct rv_op_context *context,
                                              const struct rv_step *step, uint32_t index) {
    const struct rv_plan_source *source = &step->conv.source[index];
    const struct rv_plan_access *access =
        rv_op_find(step, index ? RV_ROLE_SOURCE_B : RV_ROLE_SOURCE);
    if (!source->channels || !access)
        return (struct rv_conv_push_source){0};
    const struct rv_plan_tensor *tensor = &context->plan->tensors[access->tensor];
    return (struct rv_conv_push_source){.size = rv_op_size(tensor),
                                        .plane = rv_op_plane(tensor),
                                        .channels = (source->channels + 3) / 4 * 4,
                                        .taps = (uint32_t)source->tap_width |
                                                (uint32_t)source->tap_height << 8 |
                                                source->scale << 16,
                                        .origin = (int32_t)(((uint32_t)source->origin_x & 0xffff) |
                                                            (uint32_t)source->origin_y << 16)};
}

// Whether a tap can fall outside the source, so that the kernel must look.
static bool needs_check(const struct rv_op_context *context, const struct rv_step *step) {
    const struct rv_plan_conv *conv = &step->conv;
    if (conv->parity)
        return true;
    for (uint32_t i = 0; i < 2; i++) {
        const struct rv_plan_source *s = &conv->source[i];
        const struct rv_plan_access *access =
            rv_op_find(step, i ? RV_ROLE_SOURCE_B : RV_ROLE_SOURCE);
        if (!s->channels || !access)
            continue;
        const struct rv_plan_tensor *t = &context->plan->tensors[access->tensor];
        int64_t bottom = (int64_t)(conv->grid_height - 1) * s->scale + s->origin_y + s->tap_height;
        int64_t right = (int64_t)(conv->grid_width - 1) * s->scale + s->origin_x + s->tap_width;
        if (s->origin_y < 0 || s->origin_x < 0 || bottom > t->height || right > t->width)
            return true;
    }
    return false;
}

static uint32_t plane_of(const struct rv_op_context *context, const struct rv_step *step,
                         enum rv_role role, bool mask) {
    const struct rv_plan_access *access = rv_op_find(step, role);
    if (!access)
        return 0;
    const struct rv_plan_tensor *tensor = &context->plan->tensors[access->tensor];
    return mask ? rv_op_mask_plane(tensor) : rv_op_plane(tensor);
}

static struct rv_conv_push make_push(const struct rv_op_context *context,
                                     const struct rv_step *step) {
    const struct rv_plan_conv *conv = &step->conv;
    const struct rv_plan_access *target = rv_op_find(step, RV_ROLE_TARGET);
    struct rv_op_area seeded =
        rv_op_seed_area(context, &context->plan->tensors[target->tensor], &step->seed, false);
    return (struct rv_conv_push){
        .source = {source_push(context, step, 0), source_push(context, step, 1)},
        .grid_size = conv->grid_width | conv->grid_height << 16,
        .channels = conv->channels,
        .split = conv->split,
        .relu = conv->relu,
        .target_size = rv_op_size(&context->plan->tensors[target->tensor]),
        .target_plane = plane_of(context, step, RV_ROLE_TARGET, false),
        .target_b_plane = plane_of(context, step, RV_ROLE_TARGET_B, false),
        .mask_plane = plane_of(context, step, RV_ROLE_MASK, true),
        .mask_b_plane = plane_of(context, step, RV_ROLE_MASK_B, true),
        .seed_constant = rv_op_scaled(context->plan, step->seed.constant),
        .seed_linear = rv_op_scaled(context->plan, step->seed.linear),
        .seed_channels = step->seed.first | step->seed.end << 16,
        .seed_from = seeded.from,
        .seed_to = seeded.to,
        .gradient_scale = ldexpf(1, -context->plan->seed_exponent)};
}

static void bind_all(const struct rv_op_context *context, const struct rv_step *step, bool cpu,
                     struct rv_op_dispatch *d) {
    const struct rv_plan_conv *conv = &step->conv;
    struct rv_range target = rv_op_range(context, rv_op_find(step, RV_ROLE_TARGET));
    struct rv_range source = rv_op_range(context, rv_op_find(step, RV_ROLE_SOURCE));
    struct rv_range control = {context->buffers->control, 0, RV_PLAN_ALIGNMENT};
    rv_op_bind_role(context, d, step, RV_ROLE_TARGET, RV_CONV_TARGET, target);
    if (!conv->image)
        rv_op_bind_role(context, d, step, RV_ROLE_MASK, RV_CONV_MASK, target);
    if (!conv->backward) {
        rv_op_bind_role(context, d, step, RV_ROLE_TARGET_B, RV_CONV_TARGET_B, target);
        rv_op_bind_role(context, d, step, RV_ROLE_MASK_B, RV_CONV_MASK_B, target);
    } else if (!conv->image) {
        rv_op_bind_role(context, d, step, RV_ROLE_SEED, RV_CONV_SEED, target);
    }
    if (!conv->backward || conv->image)
        rv_op_bind(d, RV_CONV_JITTER, RV_READ, conv->wrap || conv->image ? control : target);
    rv_op_bind(d, cpu ? RV_CONV_TEXEL_WEIGHTS : RV_CONV_WEIGHTS, RV_READ,
               rv_op_constants(context, conv->weights_offset, conv->weights_bytes));
    d->bindings[d->dispatch.binding_count - 1].fp16 = context->plan->fp16;
    rv_op_bind_role(context, d, step, RV_ROLE_SOURCE, cpu ? RV_CONV_TEXEL_SOURCE : RV_CONV_SOURCE,
                    source);
    if (conv->backward)
        rv_op_bind_role(context, d, step, RV_ROLE_SOURCE_B,
                        cpu ? RV_CONV_TEXEL_SOURCE_B : RV_CONV_SOURCE_B, source);
    else
        rv_op_bind(d, RV_CONV_BIAS, RV_READ,
                   rv_op_constants(context, step->constants_offset, step->constants_bytes));
}

// On matrix units.
static enum rv_status record_matrix(const struct rv_op_context *context, const struct rv_step *step,
                                    const struct rv_conv_matrix *choice, struct rv_op_dispatch *d) {
    const struct rv_plan_conv *conv = &step->conv;
    d->spec[RV_CONV_SPEC_TILE] = choice->tile;
    d->spec[RV_CONV_SPEC_M] = choice->m;
    d->spec[RV_CONV_SPEC_N] = choice->n;
    d->spec[RV_CONV_SPEC_K] = choice->k;
    d->spec[RV_CONV_SPEC_SUBGROUPS] = choice->subgroups;
    d->spec[RV_CONV_SPEC_ACROSS] = choice->across;
    uint64_t pixels = (uint64_t)conv->grid_height * conv->grid_width;
    return rv_op_dispatch(context->recorder, d, rv_op_groups(pixels, choice->pixels),
                          rv_op_groups(conv->channels, choice->channels), conv->parity ? 4 : 1);
}

// The narrow tile where a 64-channel one would leave more channels unused.
static bool wants_narrow(uint32_t channels) {
    return (channels + 31) / 32 * 32 < (channels + 63) / 64 * 64;
}

// Shared memory of conv_gemm: 16 rows of pixels (and 4 floats of padding) and of channels.
static uint32_t shared_bytes(bool narrow) {
    return 16 * 4 * (narrow ? 128 + 4 + 32 : 64 + 4 + 64);
}

enum rv_status rv_op_conv(const struct rv_op_context *context, const struct rv_step *step) {
    const struct rv_plan_conv *conv = &step->conv;
    bool cpu = context->recorder->device->limits.profile == RV_PROFILE_CPU;
    bool narrow = wants_narrow(conv->channels);
    const char *shader = cpu ? (conv->image      ? "conv_cpu_image"
                                : conv->backward ? "conv_cpu_backward"
                                                 : "conv_cpu_forward")
                             : (conv->image      ? "conv_gemm_image"
                                : conv->backward ? "conv_gemm_backward"
                                                 : "conv_gemm_forward");
    struct rv_conv_matrix choice;
    bool matrix = rv_conv_matrix_choose(context, step, &choice);
    if (!cpu && !matrix && shared_bytes(narrow) > context->recorder->device->limits.shared_bytes)
        return rv_fail(RV_ERR_NO_DEVICE,
                       "%s: %u bytes of shared memory are needed, the device has %u", step->label,
                       shared_bytes(narrow), context->recorder->device->limits.shared_bytes);
    struct rv_conv_push push = make_push(context, step);
    if (rv_conv_units_fit(context, step))
        return rv_conv_units(context, step, &push);
    struct rv_op_dispatch d;
    rv_op_begin_stored(context, &d, matrix ? choice.shader : shader, step->label,
                       matrix ? RV_CONV_SPEC_MATRIX_COUNT : RV_CONV_SPEC_COUNT, &push, sizeof push);
    d.spec[RV_CONV_SPEC_CHECK] = needs_check(context, step);
    d.spec[RV_CONV_SPEC_WRAP] = conv->backward ? conv->source[1].channels > 0 : conv->wrap;
    d.spec[RV_CONV_SPEC_ADD] = conv->add;
    d.spec[RV_CONV_SPEC_SEED] = step->seed.active;
    d.spec[RV_CONV_SPEC_PARITY] = conv->parity;
    d.spec[RV_CONV_SPEC_TILE] = !cpu && narrow;
    bind_all(context, step, cpu, &d);
    if (matrix)
        return record_matrix(context, step, &choice, &d);
    uint64_t pixels = (uint64_t)conv->grid_height * conv->grid_width;
    uint32_t z = conv->parity ? 4 : 1;
    if (cpu)
        return rv_op_dispatch(context->recorder, &d, rv_op_groups(pixels, 256), conv->channels / 8,
                              z);
    return rv_op_dispatch(context->recorder, &d, rv_op_groups(pixels, narrow ? 128 : 64),
                          rv_op_groups(conv->channels, narrow ? 32 : 64), z);
}
