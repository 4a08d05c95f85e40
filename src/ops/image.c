#include "ops/image.h"

#include "ops/op.h"

uint64_t rv_image_bytes(struct rv_extent extent) {
    uint64_t bytes = (uint64_t)extent.width * extent.height * 16;
    return (bytes + RV_PLAN_ALIGNMENT - 1) / RV_PLAN_ALIGNMENT * RV_PLAN_ALIGNMENT;
}

enum rv_status rv_op_resize(struct rv_recorder *recorder, const struct rv_resize_op *op) {
    struct rv_resize_push push = {.source_size = op->from.width | op->from.height << 16,
                                  .target_size = op->to.width | op->to.height << 16,
                                  .align_corners = op->align_corners,
                                  .quantise = op->quantise,
                                  .weight = op->weight,
                                  .other = op->other};
    struct rv_op_dispatch d;
    rv_op_begin(&d, "resize", "resize", 1, &push, sizeof push);
    d.spec[RV_RESIZE_SPEC_OTHER] = op->second.buffer != NULL;
    rv_op_bind(&d, RV_RESIZE_TARGET, RV_WRITE, op->target);
    rv_op_bind(&d, RV_RESIZE_SOURCE, RV_READ, op->source);
    rv_op_bind(&d, RV_RESIZE_OTHER, RV_READ, op->second.buffer ? op->second : op->target);
    uint64_t pixels = (uint64_t)op->to.width * op->to.height;
    return rv_op_dispatch(recorder, &d, rv_op_groups(pixels, 64), 1, 1);
}

enum rv_status rv_op_ascend(struct rv_recorder *recorder, const struct rv_ascend_op *op) {
    struct rv_pixels_push push = {.pixels = op->pixels, .clip = op->clip};
    struct rv_op_dispatch d;
    rv_op_begin(&d, "gradient_partial", "gradient statistics", 0, &push, sizeof push);
    rv_op_bind(&d, RV_GRADIENT_TARGET, RV_WRITE, op->partials);
    rv_op_bind(&d, RV_GRADIENT_SOURCE, RV_READ, op->gradient);
    enum rv_status status = rv_op_dispatch(recorder, &d, RV_GRADIENT_PARTIALS / 64, 1, 1);
    if (status != RV_OK)
        return status;

    rv_op_begin(&d, "iterate", "iterate", 0, NULL, 0);
    rv_op_bind(&d, RV_ITERATE_CONTROL, RV_READ_WRITE, op->control);
    rv_op_bind(&d, RV_ITERATE_LOG, RV_READ_WRITE, op->log);
    rv_op_bind(&d, RV_ITERATE_LOSSES, RV_READ, op->losses);
    rv_op_bind(&d, RV_ITERATE_PARTIALS, RV_READ, op->partials);
    status = rv_op_dispatch(recorder, &d, 1, 1, 1);
    if (status != RV_OK)
        return status;

    rv_op_begin(&d, "ascend", "ascend", 0, &push, sizeof push);
    rv_op_bind(&d, RV_ASCEND_PICTURE, RV_READ_WRITE, op->picture);
    rv_op_bind(&d, RV_ASCEND_GRADIENT, RV_READ, op->gradient);
    rv_op_bind(&d, RV_ASCEND_CONTROL, RV_READ, op->control);
    return rv_op_dispatch(recorder, &d, rv_op_groups(op->pixels, 64), 1, 1);
}
