// Gram matrices: of a layer, beside the style's, and the gradient that brings the two closer.
#include "layout/gram.h"
#include "ops/op.h"

static const struct rv_plan_tensor *tensor_of(const struct rv_op_context *context,
                                              const struct rv_plan_access *access) {
    return &context->plan->tensors[access->tensor];
}

static uint32_t pixels_of(const struct rv_plan_tensor *tensor) {
    return tensor->height * tensor->width;
}

enum rv_status rv_op_gram(const struct rv_op_context *context, const struct rv_step *step) {
    const struct rv_plan_access *source = rv_op_find(step, RV_ROLE_SOURCE);
    const struct rv_plan_tensor *tensor = tensor_of(context, source);
    struct rv_range target = rv_op_range(context, rv_op_find(step, RV_ROLE_TARGET));
    uint32_t pixels = pixels_of(tensor), tiles = rv_op_groups(source->channels, RV_GRAM_TILE);
    struct rv_gram_push push = {.pixels = pixels,
                                .channels = source->channels,
                                .plane = rv_op_plane(tensor),
                                .share = (pixels + step->parts - 1) / step->parts,
                                .scale = 1.0f / (float)pixels};
    struct rv_op_dispatch d;
    rv_op_begin_stored(context, &d, "gram", step->label, 0, &push, sizeof push);
    rv_op_bind_role(context, &d, step, RV_ROLE_TARGET, RV_GRAM_TARGET, target);
    rv_op_bind_role(context, &d, step, RV_ROLE_SOURCE, RV_GRAM_VALUES, target);
    return rv_op_dispatch(context->recorder, &d, tiles, tiles, step->parts);
}

enum rv_status rv_op_gram_sum(const struct rv_op_context *context, const struct rv_step *step) {
    const struct rv_plan_access *target = rv_op_find(step, RV_ROLE_TARGET);
    struct rv_range all = rv_op_range(context, target);
    bool compare = rv_op_find(step, RV_ROLE_REFERENCE) != NULL;
    struct rv_gram_sum_push push = {
        .count = target->channels, .parts = step->parts, .loss = step->seed.constant};
    struct rv_op_dispatch d;
    rv_op_begin(&d, "gram_sum", step->label, 1, &push, sizeof push);
    d.spec[RV_GRAM_SUM_SPEC_COMPARE] = compare;
    rv_op_bind_role(context, &d, step, RV_ROLE_TARGET, RV_GRAM_TARGET, all);
    rv_op_bind_role(context, &d, step, RV_ROLE_SOURCE, RV_GRAM_VALUES, all);
    rv_op_bind_role(context, &d, step, RV_ROLE_REFERENCE, RV_GRAM_REFERENCE, all);
    rv_op_bind_role(context, &d, step, RV_ROLE_SOURCE_B, RV_GRAM_SQUARES, all);
    rv_op_bind_role(context, &d, step, RV_ROLE_TARGET_B, RV_GRAM_PARTIALS, all);
    return rv_op_dispatch(context->recorder, &d, RV_LOSS_PARTIALS / 64, 1, 1);
}

enum rv_status rv_op_gram_gradient(const struct rv_op_context *context,
                                   const struct rv_step *step) {
    const struct rv_plan_access *source = rv_op_find(step, RV_ROLE_SOURCE);
    const struct rv_plan_access *target = rv_op_find(step, RV_ROLE_TARGET);
    const struct rv_plan_access *mask = rv_op_find(step, RV_ROLE_MASK);
    const struct rv_plan_tensor *tensor = tensor_of(context, source);
    struct rv_range all = rv_op_range(context, target);
    struct rv_gram_gradient_push push = {.pixels = pixels_of(tensor),
                                         .channels = source->channels,
                                         .first = step->index,
                                         .target_channels = target->channels,
                                         .plane = rv_op_plane(tensor),
                                         .target_plane = rv_op_plane(tensor_of(context, target)),
                                         .mask_plane =
                                             mask ? rv_op_mask_plane(tensor_of(context, mask)) : 0,
                                         .relu = mask ? mask->channels : 0,
                                         .factor = rv_op_scaled(context->plan, step->seed.linear)};
    struct rv_op_dispatch d;
    rv_op_begin_stored(context, &d, "gram_gradient", step->label, 2, &push, sizeof push);
    d.spec[RV_GRAM_SPEC_OVERWRITE] = step->flag;
    d.spec[RV_GRAM_SPEC_MASKED] = mask != NULL;
    rv_op_bind_role(context, &d, step, RV_ROLE_TARGET, RV_GRAM_TARGET, all);
    rv_op_bind_role(context, &d, step, RV_ROLE_SOURCE, RV_GRAM_VALUES, all);
    rv_op_bind_role(context, &d, step, RV_ROLE_REFERENCE, RV_GRAM_REFERENCE, all);
    rv_op_bind_role(context, &d, step, RV_ROLE_MASK, RV_GRAM_MASK, all);
    return rv_op_dispatch(context->recorder, &d, rv_op_groups(push.pixels, RV_GRAM_TILE),
                          rv_op_groups(target->channels, RV_GRAM_TILE), 1);
}
