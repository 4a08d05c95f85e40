#include "ops/fourier.h"

#include <math.h>

#include "ops/op.h"

static uint64_t aligned(uint64_t bytes) {
    return (bytes + RV_PLAN_ALIGNMENT - 1) / RV_PLAN_ALIGNMENT * RV_PLAN_ALIGNMENT;
}

static uint32_t columns_of(struct rv_extent size) {
    return size.width / 2 + 1;
}

uint64_t rv_fourier_bytes(struct rv_extent size) {
    return aligned((uint64_t)size.height * columns_of(size) * 32);
}

uint64_t rv_fourier_table_bytes(uint32_t side) {
    return aligned((uint64_t)side * 8);
}

void rv_fourier_table(uint32_t side, float *table) {
    for (uint32_t i = 0; i < side; i++) {
        double angle = 2 * M_PI * i / side;
        table[2 * i] = (float)cos(angle);
        table[2 * i + 1] = 2 * i % side ? (float)sin(angle) : 0; // half a turn has none, exactly
    }
}

// The largest that the kernels take, dividing the side.
static uint32_t radix_of(uint32_t side) {
    uint32_t radix = RV_FOURIER_RADIX_MAX;
    while (side % radix)
        radix--;
    return radix;
}

static enum rv_status record(struct rv_recorder *recorder, const struct rv_fourier_op *op,
                             const char *shader, bool columns, float sign, struct rv_range target,
                             struct rv_range source) {
    struct rv_fourier_push push = {op->size.width, op->size.height, sign};
    uint32_t side = columns ? op->size.height : op->size.width;
    uint32_t others = columns ? columns_of(op->size) : op->size.height;
    struct rv_op_dispatch d;
    rv_op_begin(&d, shader, "fourier", 1, &push, sizeof push);
    d.spec[RV_FOURIER_SPEC_RADIX] = radix_of(side);
    rv_op_bind(&d, RV_FOURIER_TARGET, RV_WRITE, target);
    rv_op_bind(&d, RV_FOURIER_SOURCE, RV_READ, source);
    rv_op_bind(&d, RV_FOURIER_TABLE, RV_READ, columns ? op->table_y : op->table_x);
    return rv_op_dispatch(recorder, &d,
                          rv_op_groups((uint64_t)others * (side / radix_of(side)), 64), 1, 1);
}

enum rv_status rv_op_fourier(struct rv_recorder *recorder, const struct rv_fourier_op *op) {
    enum rv_status status =
        record(recorder, op, "fourier_columns", true, 1, op->between, op->spectrum);
    return status == RV_OK
               ? record(recorder, op, "fourier_rows", false, 0, op->picture, op->between)
               : status;
}

enum rv_status rv_op_fourier_adjoint(struct rv_recorder *recorder, const struct rv_fourier_op *op) {
    enum rv_status status =
        record(recorder, op, "fourier_rows_adjoint", false, 0, op->between, op->picture);
    return status == RV_OK
               ? record(recorder, op, "fourier_columns", true, -1, op->spectrum, op->between)
               : status;
}
