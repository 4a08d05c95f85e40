#include "ops/see.h"

#include "ops/op.h"

static uint32_t pixels_of(struct rv_extent size) {
    return size.width * size.height;
}

// ------------------------------------------------------------------------------------------------
// Colours

static struct rv_see_colour_push colour_push(const struct rv_see_colour_op *op) {
    struct rv_see_colour_push push = {.pixels = pixels_of(op->size)};
    for (uint32_t i = 0; i < 9; i++)
        push.matrix[i / 3 * 4 + i % 3] = op->matrix[i / 3][i % 3];
    return push;
}

enum rv_status rv_op_see_colour(struct rv_recorder *recorder, const struct rv_see_colour_op *op) {
    struct rv_see_colour_push push = colour_push(op);
    struct rv_op_dispatch d;
    rv_op_begin(&d, "see_colour", "colour", 0, &push, sizeof push);
    rv_op_bind(&d, RV_SEE_COLOUR_TARGET, RV_WRITE, op->picture);
    rv_op_bind(&d, RV_SEE_COLOUR_SOURCE, RV_READ, op->values);
    return rv_op_dispatch(recorder, &d, rv_op_groups(push.pixels, 64), 1, 1);
}

enum rv_status rv_op_see_colour_adjoint(struct rv_recorder *recorder,
                                        const struct rv_see_colour_op *op) {
    struct rv_see_colour_push push = colour_push(op);
    struct rv_op_dispatch d;
    rv_op_begin(&d, "see_colour_adjoint", "colour gradient", 0, &push, sizeof push);
    rv_op_bind(&d, RV_SEE_COLOUR_TARGET, RV_WRITE, op->values);
    rv_op_bind(&d, RV_SEE_COLOUR_SOURCE, RV_READ, op->gradient);
    rv_op_bind(&d, RV_SEE_COLOUR_PICTURE, RV_READ, op->picture);
    return rv_op_dispatch(recorder, &d, rv_op_groups(push.pixels, 64), 1, 1);
}

// ------------------------------------------------------------------------------------------------
// The view

static enum rv_status transform(struct rv_recorder *recorder, const struct rv_transform_op *op,
                                bool adjoint) {
    struct rv_transform_push push = {op->size.width, op->size.height, op->view_size.width,
                                     op->view_size.height};
    struct rv_op_dispatch d;
    rv_op_begin(&d, adjoint ? "transform_adjoint" : "transform", adjoint ? "view gradient" : "view",
                0, &push, sizeof push);
    rv_op_bind(&d, RV_TRANSFORM_TARGET, RV_WRITE, adjoint ? op->picture : op->view);
    rv_op_bind(&d, RV_TRANSFORM_SOURCE, RV_READ, adjoint ? op->view : op->picture);
    rv_op_bind(&d, RV_TRANSFORM_LOG, RV_READ, op->log);
    uint32_t pixels = pixels_of(adjoint ? op->size : op->view_size);
    return rv_op_dispatch(recorder, &d, rv_op_groups(pixels, 64), 1, 1);
}

enum rv_status rv_op_transform(struct rv_recorder *recorder, const struct rv_transform_op *op) {
    return transform(recorder, op, false);
}

enum rv_status rv_op_transform_adjoint(struct rv_recorder *recorder,
                                       const struct rv_transform_op *op) {
    return transform(recorder, op, true);
}

// ------------------------------------------------------------------------------------------------
// The step

uint32_t rv_see_adam_groups(uint32_t count) {
    return rv_op_groups(count, 64);
}

static enum rv_status adam(struct rv_recorder *recorder, const struct rv_see_adam_op *op) {
    struct rv_see_adam_push push = {op->count};
    struct rv_op_dispatch d;
    rv_op_begin(&d, "see_adam", "adam", 1, &push, sizeof push);
    d.spec[RV_SEE_ADAM_SPEC_SCALED] = op->scale.buffer != NULL;
    rv_op_bind(&d, RV_SEE_ADAM_VALUES, RV_READ_WRITE, op->values);
    rv_op_bind(&d, RV_SEE_ADAM_MEANS, RV_READ_WRITE, op->means);
    rv_op_bind(&d, RV_SEE_ADAM_SQUARES, RV_READ_WRITE, op->squares);
    rv_op_bind(&d, RV_SEE_ADAM_GRADIENT, RV_READ, op->gradient);
    bool scaled = op->scale.buffer != NULL; // else the kernel names them without using them
    rv_op_bind(&d, RV_SEE_ADAM_SCALED, scaled ? RV_WRITE : RV_READ,
               scaled ? op->scaled : op->gradient);
    rv_op_bind(&d, RV_SEE_ADAM_SCALE, RV_READ, scaled ? op->scale : op->gradient);
    rv_op_bind(&d, RV_SEE_ADAM_LOG, RV_READ, op->log);
    rv_op_bind(&d, RV_SEE_ADAM_PARTIALS, RV_WRITE, op->partials);
    return rv_op_dispatch(recorder, &d, rv_see_adam_groups(op->count), 1, 1);
}

enum rv_status rv_op_see_adam(struct rv_recorder *recorder, const struct rv_see_adam_op *op) {
    struct rv_op_dispatch d;
    enum rv_status status = adam(recorder, op);
    if (status != RV_OK)
        return status;
    rv_op_begin(&d, "see_end", "end of the step", 0, NULL, 0);
    rv_op_bind(&d, RV_SEE_END_LOG, RV_READ_WRITE, op->log);
    rv_op_bind(&d, RV_SEE_END_LOSSES, RV_READ, op->losses);
    rv_op_bind(&d, RV_SEE_END_PARTIALS, RV_READ, op->partials);
    return rv_op_dispatch(recorder, &d, 1, 1, 1);
}
