// The objective: its value and its gradient at the layers.
#include "layout/loss.h"
#include "ops/op.h"

_Static_assert(RV_LOSS_PARTIAL_COUNT == RV_LOSS_PARTIALS, "the plan reserves what the kernel sums");

_Static_assert(RV_LOSS_REFERENCE_NONE == (int)RV_REFERENCE_NONE &&
                   RV_LOSS_REFERENCE_VALUES == (int)RV_REFERENCE_VALUES &&
                   RV_LOSS_REFERENCE_CHANNELS == (int)RV_REFERENCE_CHANNELS,
               "the kernels' numbers are the plan's");

static struct rv_loss_push make_push(const struct rv_op_context *context,
                                     const struct rv_plan_access *values,
                                     const struct rv_plan_seed *seed, bool owned) {
    const struct rv_plan_tensor *tensor = &context->plan->tensors[values->tensor];
    struct rv_op_area area = rv_op_seed_area(context, tensor, seed, owned);
    return (struct rv_loss_push){.size = rv_op_size(tensor),
                                 .plane = rv_op_plane(tensor),
                                 .channels = values->channels,
                                 .first = seed->first,
                                 .end = seed->end,
                                 .from = area.from,
                                 .to = area.to,
                                 .constant = seed->constant,
                                 .linear = seed->linear};
}

static void set_reference(const struct rv_op_context *context, const struct rv_step *step,
                          struct rv_op_dispatch *d, struct rv_loss_push *push,
                          struct rv_range fallback) {
    const struct rv_plan_access *reference = rv_op_find(step, RV_ROLE_REFERENCE);
    d->spec[RV_LOSS_SPEC_REFERENCE] = step->seed.reference;
    rv_op_bind_role(context, d, step, RV_ROLE_REFERENCE, RV_LOSS_REFERENCE, fallback);
    if (!reference)
        return;
    push->reference_plane = rv_op_plane(&context->plan->tensors[reference->tensor]);
    // A seed's slice begins there in its layer; a loss is of the whole layer.
    push->reference_first = step->op == RV_OP_SEED ? step->index : 0;
}

static void bind_affine(const struct rv_op_context *context, const struct rv_step *step,
                        struct rv_op_dispatch *d, struct rv_range fallback) {
    rv_op_bind(d, RV_LOSS_AFFINE, RV_READ,
               step->seed.affine
                   ? rv_op_constants(context, step->constants_offset, step->constants_bytes)
                   : fallback);
}

enum rv_status rv_op_seed(const struct rv_op_context *context, const struct rv_step *step) {
    const struct rv_plan_access *target = rv_op_find(step, RV_ROLE_TARGET);
    const struct rv_plan_access *mask = rv_op_find(step, RV_ROLE_MASK);
    const struct rv_plan_tensor *tensor = &context->plan->tensors[target->tensor];
    struct rv_range all = rv_op_range(context, target);
    struct rv_loss_push push = make_push(context, target, &step->seed, false);
    push.constant = rv_op_scaled(context->plan, push.constant);
    push.linear = rv_op_scaled(context->plan, push.linear);
    push.other = rv_op_scaled(context->plan, step->seed.other);
    if (mask) {
        push.mask_plane = rv_op_mask_plane(&context->plan->tensors[mask->tensor]);
        push.relu = mask->channels;
    }
    struct rv_op_dispatch d;
    rv_op_begin_stored(context, &d, "seed", step->label, RV_LOSS_SPEC_COUNT, &push, sizeof push);
    d.spec[RV_LOSS_SPEC_OVERWRITE] = step->flag;
    d.spec[RV_LOSS_SPEC_MASKED] = mask != NULL;
    d.spec[RV_LOSS_SPEC_AFFINE] = step->seed.affine != 0;
    rv_op_bind_role(context, &d, step, RV_ROLE_TARGET, RV_LOSS_TARGET, all);
    rv_op_bind_role(context, &d, step, RV_ROLE_SEED, RV_LOSS_VALUES, all);
    rv_op_bind_role(context, &d, step, RV_ROLE_MASK, RV_LOSS_MASK, all);
    bind_affine(context, step, &d, all);
    set_reference(context, step, &d, &push, all);
    uint64_t pixels = (uint64_t)tensor->height * tensor->width;
    return rv_op_dispatch(context->recorder, &d, rv_op_groups(pixels, 64), target->channels / 4, 1);
}

enum rv_status rv_op_loss_partial(const struct rv_op_context *context, const struct rv_step *step) {
    const struct rv_plan_access *source = rv_op_find(step, RV_ROLE_SOURCE);
    struct rv_range target = rv_op_range(context, rv_op_find(step, RV_ROLE_TARGET));
    struct rv_loss_push push = make_push(context, source, &step->seed, true);
    bool square = step->seed.linear != 0;
    if (square) // the gradient of w / N * y^2 is 2 w / N * y
        push.constant = step->seed.linear / 2;
    else if (step->seed.reference != RV_REFERENCE_NONE)
        push.constant = step->seed.other;
    struct rv_op_dispatch d;
    rv_op_begin_stored(context, &d, "loss_partial", step->label, RV_LOSS_SPEC_COUNT, &push,
                       sizeof push);
    d.spec[RV_LOSS_SPEC_AFFINE] = step->seed.affine != 0;
    d.spec[RV_LOSS_SPEC_SQUARE] = square;
    rv_op_bind_role(context, &d, step, RV_ROLE_TARGET, RV_LOSS_TARGET, target);
    rv_op_bind_role(context, &d, step, RV_ROLE_SOURCE, RV_LOSS_VALUES, target);
    bind_affine(context, step, &d, target);
    set_reference(context, step, &d, &push, target);
    return rv_op_dispatch(context->recorder, &d, RV_LOSS_PARTIALS / 64, 1, 1);
}

enum rv_status rv_op_loss_sum(const struct rv_op_context *context, const struct rv_step *step) {
    struct rv_range target = rv_op_range(context, rv_op_find(step, RV_ROLE_TARGET));
    struct rv_op_dispatch d;
    rv_op_begin(&d, "loss_sum", step->label, RV_LOSS_SUM_SPEC_COUNT, NULL, 0);
    d.spec[RV_LOSS_SUM_SPEC_ADD] = context->tile && context->tile->add;
    rv_op_bind(&d, RV_LOSS_TARGET, RV_READ_WRITE, target);
    rv_op_bind_role(context, &d, step, RV_ROLE_SOURCE, RV_LOSS_VALUES, target);
    return rv_op_dispatch(context->recorder, &d, step->index, 1, 1);
}
