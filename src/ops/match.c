// A layer beside the guide's: the columns that suit it best, and the means of the channels.
#include "layout/match.h"
#include "ops/op.h"

static const struct rv_plan_tensor *tensor_of(const struct rv_op_context *context,
                                              const struct rv_plan_access *access) {
    return &context->plan->tensors[access->tensor];
}

static uint32_t pixels_of(const struct rv_plan_tensor *tensor) {
    return tensor->height * tensor->width;
}

static void bind(const struct rv_op_context *context, const struct rv_step *step,
                 struct rv_op_dispatch *d) {
    struct rv_range all = rv_op_range(context, rv_op_find(step, RV_ROLE_TARGET));
    rv_op_bind_role(context, d, step, RV_ROLE_TARGET, RV_MATCH_TARGET, all);
    rv_op_bind_role(context, d, step, RV_ROLE_SOURCE, RV_MATCH_VALUES, all);
    rv_op_bind_role(context, d, step, RV_ROLE_SOURCE_B, RV_MATCH_GUIDE, all);
}

enum rv_status rv_op_match(const struct rv_op_context *context, const struct rv_step *step) {
    const struct rv_plan_access *source = rv_op_find(step, RV_ROLE_SOURCE);
    const struct rv_plan_tensor *tensor = tensor_of(context, source);
    const struct rv_plan_tensor *guide = tensor_of(context, rv_op_find(step, RV_ROLE_SOURCE_B));
    uint32_t columns = pixels_of(guide);
    struct rv_match_push push = {.pixels = pixels_of(tensor),
                                 .columns = columns,
                                 .channels = source->channels,
                                 .plane = rv_op_plane(tensor),
                                 .guide_plane = rv_op_plane(guide),
                                 .share = (columns + step->parts - 1) / step->parts,
                                 .parts = step->parts};
    struct rv_op_dispatch d;
    rv_op_begin_stored(context, &d, "match", step->label, 0, &push, sizeof push);
    bind(context, step, &d);
    return rv_op_dispatch(context->recorder, &d, rv_op_groups(push.pixels, RV_MATCH_TILE),
                          step->parts, 1);
}

enum rv_status rv_op_match_gather(const struct rv_op_context *context, const struct rv_step *step) {
    const struct rv_plan_access *target = rv_op_find(step, RV_ROLE_TARGET);
    const struct rv_plan_tensor *tensor = tensor_of(context, target);
    const struct rv_plan_tensor *guide = tensor_of(context, rv_op_find(step, RV_ROLE_SOURCE_B));
    struct rv_match_push push = {.pixels = pixels_of(tensor),
                                 .columns = pixels_of(guide),
                                 .channels = target->channels,
                                 .plane = rv_op_plane(tensor),
                                 .guide_plane = rv_op_plane(guide),
                                 .parts = step->parts};
    struct rv_op_dispatch d;
    rv_op_begin_stored(context, &d, "match_gather", step->label, 0, &push, sizeof push);
    bind(context, step, &d);
    return rv_op_dispatch(context->recorder, &d, rv_op_groups(push.pixels, 64),
                          target->channels / 4, 1);
}

enum rv_status rv_op_channel_means(const struct rv_op_context *context,
                                   const struct rv_step *step) {
    const struct rv_plan_access *source = rv_op_find(step, RV_ROLE_SOURCE);
    const struct rv_plan_tensor *tensor = tensor_of(context, source);
    struct rv_means_push push = {.pixels = pixels_of(tensor), .plane = rv_op_plane(tensor)};
    struct rv_op_dispatch d;
    rv_op_begin_stored(context, &d, "channel_means", step->label, 0, &push, sizeof push);
    bind(context, step, &d);
    return rv_op_dispatch(context->recorder, &d, source->channels / 4, 1, 1);
}
