#include "ops/flow.h"

#include "ops/op.h"

#define COARSEST_PIXELS 14 // longer side of the coarsest level, at most
#define ITERATIONS 3       // at the finest level; twice as many at the others, which cost little

static uint64_t aligned(uint64_t bytes) {
    return (bytes + RV_PLAN_ALIGNMENT - 1) / RV_PLAN_ALIGNMENT * RV_PLAN_ALIGNMENT;
}

static uint64_t pixels_of(struct rv_extent size) {
    return (uint64_t)size.width * size.height;
}

static uint32_t longer(struct rv_extent size) {
    return size.width > size.height ? size.width : size.height;
}

uint32_t rv_flow_most(const struct rv_device *device) {
    return device->info.type == RV_DEVICE_CPU ? 150 : 640;
}

struct rv_flow_plan rv_flow_plan(struct rv_extent picture, uint32_t most) {
    struct rv_flow_plan plan = {.levels = 1, .size = {picture}};
    while (longer(plan.size[plan.levels - 1]) > COARSEST_PIXELS && plan.levels < RV_FLOW_LEVELS) {
        struct rv_extent below = plan.size[plan.levels - 1];
        plan.size[plan.levels++] =
            (struct rv_extent){(below.width + 1) / 2, (below.height + 1) / 2};
    }
    while (plan.finest + 1 < plan.levels && longer(plan.size[plan.finest]) > most)
        plan.finest++;
    for (uint32_t i = 0; i < plan.levels; i++) {
        plan.grey[i] = plan.grey_bytes;
        plan.grey_bytes += aligned(pixels_of(plan.size[i]) * sizeof(float));
        plan.flow[i] = plan.flow_bytes;
        if (i >= plan.finest)
            plan.flow_bytes += aligned(pixels_of(plan.size[i]) * 2 * 2 * sizeof(float));
    }
    plan.motion_bytes = rv_image_bytes(plan.size[plan.finest]);
    plan.terms_bytes = aligned(pixels_of(plan.size[plan.finest]) * 4 * 4 * sizeof(float));
    plan.sums_bytes = (uint64_t)RV_CHECK_PARTIALS * 4 * sizeof(float);
    return plan;
}

static uint32_t packed(struct rv_extent size) {
    return size.width | size.height << 16;
}

// An invocation a pixel, in blocks of 16 x 4.
static enum rv_status dispatch(struct rv_recorder *recorder, struct rv_op_dispatch *d,
                               struct rv_extent size, uint32_t planes) {
    return rv_op_dispatch(recorder, d, rv_op_groups(size.width, 16), rv_op_groups(size.height, 4),
                          planes);
}

static struct rv_range grey_of(const struct rv_flow_plan *plan, struct rv_range pyramid,
                               uint32_t level) {
    return (struct rv_range){pyramid.buffer, pyramid.offset + plan->grey[level],
                             aligned(pixels_of(plan->size[level]) * sizeof(float))};
}

static struct rv_range flow_of(const struct rv_flow_plan *plan, struct rv_range flows,
                               uint32_t level) {
    return (struct rv_range){flows.buffer, flows.offset + plan->flow[level],
                             aligned(pixels_of(plan->size[level]) * 2 * 2 * sizeof(float))};
}

// ------------------------------------------------------------------------------------------------
// Flow

enum rv_status rv_op_grey(struct rv_recorder *recorder, const struct rv_flow_plan *plan,
                          struct rv_range picture, struct rv_range pyramid) {
    enum rv_status status = RV_OK;
    for (uint32_t i = 0; i < plan->levels && status == RV_OK; i++) {
        struct rv_flow_push push = {packed(plan->size[i ? i - 1 : 0]), packed(plan->size[i])};
        struct rv_op_dispatch d;
        rv_op_begin(&d, i ? "flow_halve" : "flow_luminance", "grey", 0, &push, sizeof push);
        rv_op_bind(&d, RV_GREY_TARGET, RV_WRITE, grey_of(plan, pyramid, i));
        rv_op_bind(&d, RV_GREY_SOURCE, RV_READ, i ? grey_of(plan, pyramid, i - 1) : picture);
        status = dispatch(recorder, &d, plan->size[i], 1);
    }
    return status;
}

static enum rv_status sum_window(struct rv_recorder *recorder, const struct rv_flow_op *op,
                                 uint32_t level, struct rv_range terms, struct rv_range window) {
    const struct rv_flow_plan *plan = op->plan;
    struct rv_flow_push push = {packed(plan->size[level]), 0};
    struct rv_op_dispatch d;
    enum rv_status status;
    rv_op_begin(&d, "flow_window", "flow, rows", 0, &push, sizeof push);
    rv_op_bind(&d, RV_FLOW_TERMS, RV_READ, terms);
    rv_op_bind(&d, RV_FLOW_TARGET, RV_WRITE, window);
    RV_TRY(dispatch(recorder, &d, plan->size[level], 2));
    rv_op_begin(&d, "flow_solve", "flow, columns", 0, &push, sizeof push);
    rv_op_bind(&d, RV_FLOW_TERMS, RV_READ, window);
    rv_op_bind(&d, RV_FLOW_TARGET, RV_WRITE, flow_of(plan, op->flow, level));
    status = dispatch(recorder, &d, plan->size[level], 2);
done:
    return status;
}

// `from` is one of RV_FLOW_FROM_*.
static enum rv_status iterate(struct rv_recorder *recorder, const struct rv_flow_op *op,
                              uint32_t level, uint32_t from) {
    const struct rv_flow_plan *plan = op->plan;
    uint32_t above = from == RV_FLOW_FROM_COARSE ? level + 1 : level;
    uint64_t bytes = aligned(pixels_of(plan->size[level]) * 4 * 4 * sizeof(float));
    struct rv_range terms = {op->terms.buffer, op->terms.offset, bytes};
    struct rv_range window = {op->window.buffer, op->window.offset, bytes};
    struct rv_flow_push push = {packed(plan->size[level]), packed(plan->size[above])};
    struct rv_op_dispatch d;
    rv_op_begin(&d, "flow_terms", "flow, terms", 1, &push, sizeof push);
    d.spec[RV_FLOW_SPEC_FROM] = from;
    rv_op_bind(&d, RV_FLOW_TERMS, RV_WRITE, terms);
    rv_op_bind(&d, RV_FLOW_BEFORE, RV_READ, grey_of(plan, op->before, level));
    rv_op_bind(&d, RV_FLOW_NOW, RV_READ, grey_of(plan, op->now, level));
    rv_op_bind(&d, RV_FLOW_COARSE, RV_READ, flow_of(plan, op->flow, above));
    enum rv_status status = dispatch(recorder, &d, plan->size[level], 2);
    return status == RV_OK ? sum_window(recorder, op, level, terms, window) : status;
}

enum rv_status rv_op_flow(struct rv_recorder *recorder, const struct rv_flow_op *op) {
    enum rv_status status = RV_OK;
    for (uint32_t level = op->plan->levels; level-- > op->plan->finest;) {
        uint32_t iterations = level == op->plan->finest ? ITERATIONS : 2 * ITERATIONS;
        for (uint32_t i = 0; i < iterations && status == RV_OK; i++) {
            uint32_t from = RV_FLOW_FROM_SAME;
            if (i == 0)
                from = level + 1 < op->plan->levels ? RV_FLOW_FROM_COARSE : RV_FLOW_FROM_NONE;
            status = iterate(recorder, op, level, from);
        }
    }
    return status;
}

// ------------------------------------------------------------------------------------------------
// What is carried

enum rv_status rv_op_check(struct rv_recorder *recorder, const struct rv_check_op *op) {
    const struct rv_flow_plan *plan = op->plan;
    uint32_t level = plan->finest;
    struct rv_flow_push push = {packed(plan->size[level]), 0};
    struct rv_op_dispatch d;
    enum rv_status status;
    rv_op_begin(&d, "flow_check", "flow, check", 1, &push, sizeof push);
    d.spec[RV_CHECK_SPEC_FLOW] = op->flow.buffer != NULL;
    rv_op_bind(&d, RV_CHECK_MOTION, RV_WRITE, op->motion);
    rv_op_bind(&d, RV_CHECK_FLOW, RV_READ,
               op->flow.buffer ? flow_of(plan, op->flow, level) : op->motion);
    rv_op_bind(&d, RV_CHECK_BEFORE, RV_READ, grey_of(plan, op->before, level));
    rv_op_bind(&d, RV_CHECK_NOW, RV_READ, grey_of(plan, op->now, level));
    rv_op_bind(&d, RV_CHECK_SUMS, RV_WRITE, op->sums);
    RV_TRY(rv_op_dispatch(recorder, &d, RV_CHECK_PARTIALS / 64, 1, 1));
    rv_op_begin(&d, "flow_cut", "scene cut", 0, &push, sizeof push);
    rv_op_bind(&d, RV_CUT_CARRY, RV_READ_WRITE, op->carry);
    rv_op_bind(&d, RV_CUT_SUMS, RV_READ, op->sums);
    status = rv_op_dispatch(recorder, &d, 1, 1, 1);
done:
    return status;
}

enum rv_status rv_op_carry(struct rv_recorder *recorder, const struct rv_carry_op *op) {
    const struct rv_flow_plan *plan = op->plan;
    struct rv_carry_push push = {packed(plan->size[0]), packed(plan->size[plan->finest]),
                                 1u << plan->finest};
    struct rv_op_dispatch d;
    rv_op_begin(&d, "carry", "carry", 0, &push, sizeof push);
    rv_op_bind(&d, RV_CARRY_TARGET, RV_WRITE, op->target);
    rv_op_bind(&d, RV_CARRY_SOURCE, RV_READ, op->source);
    rv_op_bind(&d, RV_CARRY_MOTION, RV_READ, op->motion);
    rv_op_bind(&d, RV_CARRY_CARRY, RV_READ, op->carry);
    return dispatch(recorder, &d, plan->size[0], 1);
}

enum rv_status rv_op_settle(struct rv_recorder *recorder, const struct rv_settle_op *op) {
    struct rv_settle_push push = {packed(op->size), packed(op->octave)};
    struct rv_op_dispatch d;
    rv_op_begin(&d, "settle", "settle", 0, &push, sizeof push);
    rv_op_bind(&d, RV_SETTLE_DELTA, RV_WRITE, op->delta);
    rv_op_bind(&d, RV_SETTLE_CARRIED, RV_READ, op->carried);
    rv_op_bind(&d, RV_SETTLE_FRAME, RV_READ, op->frame);
    rv_op_bind(&d, RV_SETTLE_BEGUN, RV_READ, op->begun);
    rv_op_bind(&d, RV_SETTLE_DREAMED, RV_READ, op->dreamed);
    return dispatch(recorder, &d, op->size, 1);
}
