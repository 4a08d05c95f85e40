// Max and average pooling, forward and backward.
#include "layout/pool.h"
#include "ops/op.h"

static const char *shader_of(enum rv_op op) {
    switch (op) {
    case RV_OP_MAX_POOL:
        return "pool_max";
    case RV_OP_MAX_POOL_GRADIENT:
        return "pool_max_gradient";
    case RV_OP_AVG_POOL:
        return "pool_avg";
    default:
        return "pool_avg_gradient";
    }
}

enum rv_status rv_op_pool(const struct rv_op_context *context, const struct rv_step *step) {
    const struct rv_plan_tensor *tensors = context->plan->tensors;
    const struct rv_plan_access *source = rv_op_find(step, RV_ROLE_SOURCE);
    const struct rv_plan_access *target = rv_op_find(step, RV_ROLE_TARGET);
    const struct rv_plan_access *mask = rv_op_find(step, RV_ROLE_MASK);
    const struct rv_plan_access *argmax = rv_op_find(step, RV_ROLE_ARGMAX);
    struct rv_range all = rv_op_range(context, target);
    struct rv_pool_push push = {.source_size = rv_op_size(&tensors[source->tensor]),
                                .target_size = rv_op_size(&tensors[target->tensor]),
                                .source_plane = rv_op_plane(&tensors[source->tensor]),
                                .target_plane = rv_op_plane(&tensors[target->tensor]),
                                .mask_plane = mask ? rv_op_mask_plane(&tensors[mask->tensor]) : 0,
                                .argmax_plane =
                                    argmax ? rv_op_mask_plane(&tensors[argmax->tensor]) : 0};
    struct rv_op_dispatch d;
    rv_op_begin_stored(context, &d, shader_of(step->op), step->label, 2, &push, sizeof push);
    d.spec[RV_POOL_SPEC_FLAG] = mask != NULL;
    d.spec[RV_POOL_SPEC_COUNTS_PADDING] = step->counts_padding;
    rv_op_bind_role(context, &d, step, RV_ROLE_TARGET, RV_POOL_TARGET, all);
    rv_op_bind_role(context, &d, step, RV_ROLE_SOURCE, RV_POOL_SOURCE, all);
    if (step->op == RV_OP_AVG_POOL || step->op == RV_OP_MAX_POOL_GRADIENT)
        rv_op_bind_role(context, &d, step, RV_ROLE_MASK, RV_POOL_MASK, all);
    if (step->op == RV_OP_MAX_POOL || step->op == RV_OP_MAX_POOL_GRADIENT)
        rv_op_bind_role(context, &d, step, RV_ROLE_ARGMAX, RV_POOL_ARGMAX, all);
    if (step->op == RV_OP_AVG_POOL)
        rv_op_bind(&d, RV_POOL_BIAS, RV_READ,
                   rv_op_constants(context, step->constants_offset, step->constants_bytes));
    uint64_t pixels = (uint64_t)tensors[target->tensor].height * tensors[target->tensor].width;
    return rv_op_dispatch(context->recorder, &d,
                          rv_op_groups(pixels, step->op == RV_OP_AVG_POOL ? 256 : 64),
                          target->channels / 8, 1);
}
