// What a live dream does with a frame, recorded once for a size of the picture.
#include <stdlib.h>
#include <string.h>

#include "dream/live.h"

// ------------------------------------------------------------------------------------------------
// Recordings

static enum rv_status record_take(struct rv_live *live, struct rv_recorder *recorder) {
    struct rv_pixels_op op = {.ours = rv_live_range(live, RV_LIVE_FULL),
                              .theirs = rv_live_range(live, RV_LIVE_INPUT),
                              .size = live->full,
                              .words = 1};
    return rv_op_pixels(recorder, &op);
}

static enum rv_status record_give(struct rv_live *live, struct rv_recorder *recorder) {
    struct rv_pixels_op op = {.ours = rv_live_range(live, RV_LIVE_RESULT),
                              .theirs = rv_live_range(live, RV_LIVE_OUTPUT),
                              .size = live->full,
                              .words = 1,
                              .pack = true};
    return rv_op_pixels(recorder, &op);
}

static enum rv_status resize(struct rv_recorder *recorder, struct rv_range source,
                             struct rv_extent from, struct rv_range target, struct rv_extent to) {
    struct rv_resize_op op = {
        .source = source, .target = target, .from = from, .to = to, .weight = 1};
    return rv_op_resize(recorder, &op);
}

// Halves first, as long as that leaves enough: bilinear, they take every pixel into account.
static enum rv_status record_shrink(struct rv_live *live, struct rv_recorder *recorder) {
    struct rv_extent from = live->full, to = live->stage.size;
    struct rv_range source = rv_live_range(live, RV_LIVE_FULL);
    uint64_t used = 0;
    enum rv_status status = RV_OK;
    if (from.width == to.width && from.height == to.height)
        return RV_OK;
    while (from.width > 2 * to.width || from.height > 2 * to.height) {
        struct rv_extent half = {(from.width + 1) / 2, (from.height + 1) / 2};
        struct rv_range target = {&live->buffers[RV_LIVE_SHRUNK], used, rv_image_bytes(half)};
        RV_TRY(resize(recorder, source, from, target, half));
        used += target.size;
        source = target;
        from = half;
    }
    status = resize(recorder, source, from, rv_live_dreamed_on(live), to);
done:
    return status;
}

static enum rv_status record_grey(struct rv_live *live, struct rv_recorder *recorder) {
    return rv_op_grey(recorder, &live->stage.flow, rv_live_dreamed_on(live),
                      rv_live_range(live, RV_LIVE_NOW));
}

static enum rv_status record_carry(struct rv_live *live, struct rv_recorder *recorder) {
    struct rv_live_stage *stage = &live->stage;
    struct rv_range before = rv_live_range(live, RV_LIVE_BEFORE);
    struct rv_range now = rv_live_range(live, RV_LIVE_NOW);
    struct rv_flow_op flow = {.plan = &stage->flow,
                              .before = before,
                              .now = now,
                              .flow = rv_live_range(live, RV_LIVE_FLOW),
                              .terms = rv_live_range(live, RV_LIVE_TERMS),
                              .window = rv_live_range(live, RV_LIVE_WINDOW)};
    struct rv_check_op check = {.plan = &stage->flow,
                                .before = before,
                                .now = now,
                                .motion = rv_live_range(live, RV_LIVE_MOTION),
                                .sums = rv_live_range(live, RV_LIVE_SUMS),
                                .carry = rv_live_range(live, RV_LIVE_CARRY)};
    struct rv_carry_op carry = {.plan = &stage->flow,
                                .target = rv_live_picture(live, RV_LIVE_CARRIED, stage->size),
                                .source = rv_live_picture(live, RV_LIVE_DELTA, stage->size),
                                .motion = check.motion,
                                .carry = check.carry};
    enum rv_status status;
    RV_TRY(rv_record_copy(recorder, now, before));
    RV_TRY(record_grey(live, recorder));
    if (!live->live.no_flow) {
        RV_TRY(rv_op_flow(recorder, &flow));
        check.flow = flow.flow;
    }
    RV_TRY(rv_op_check(recorder, &check));
    status = rv_op_carry(recorder, &carry);
done:
    return status;
}

// The octave's picture: the frame and what was carried over.
static enum rv_status record_enter(struct rv_live *live, uint32_t octave,
                                   struct rv_recorder *recorder) {
    struct rv_extent size = live->stage.size, to = live->stage.octaves.octave[octave];
    struct rv_range picture = rv_live_picture(live, RV_LIVE_DREAMED, to);
    struct rv_resize_op op = {.source = rv_live_picture(live, RV_LIVE_CARRIED, size),
                              .target = picture,
                              .second = picture,
                              .from = size,
                              .to = to,
                              .weight = 1,
                              .other = 1};
    enum rv_status status;
    RV_TRY(resize(recorder, rv_live_dreamed_on(live), size, picture, to));
    RV_TRY(rv_op_resize(recorder, &op));
    status = rv_record_copy(recorder, picture, rv_live_picture(live, RV_LIVE_BEGUN, to));
done:
    return status;
}

static enum rv_status record_step(struct rv_live *live, uint32_t octave,
                                  struct rv_recorder *recorder) {
    struct rv_live_stage *stage = &live->stage;
    struct rv_range picture = rv_live_picture(live, RV_LIVE_DREAMED, stage->octaves.octave[octave]);
    enum rv_status status;
    RV_TRY(rv_network_record(&live->network, stage->plans[octave], picture, recorder));
    status = rv_network_ascend(&live->network, stage->plans[octave], picture, true, recorder);
done:
    return status;
}

// The new delta, and the frame with it.
static enum rv_status record_leave(struct rv_live *live, uint32_t octave,
                                   struct rv_recorder *recorder) {
    struct rv_extent size = live->stage.size, to = live->stage.octaves.octave[octave];
    struct rv_settle_op settle = {.size = size,
                                  .octave = to,
                                  .delta = rv_live_picture(live, RV_LIVE_DELTA, size),
                                  .carried = rv_live_picture(live, RV_LIVE_CARRIED, size),
                                  .frame = rv_live_dreamed_on(live),
                                  .begun = rv_live_picture(live, RV_LIVE_BEGUN, to),
                                  .dreamed = rv_live_picture(live, RV_LIVE_DREAMED, to)};
    struct rv_resize_op show = {.source = settle.delta,
                                .second = rv_live_range(live, RV_LIVE_FULL),
                                .target = rv_live_range(live, RV_LIVE_RESULT),
                                .from = size,
                                .to = live->full,
                                .weight = live->live.strength > 0 ? live->live.strength : 0,
                                .other = 1};
    enum rv_status status = rv_op_settle(recorder, &settle);
    return status == RV_OK ? rv_op_resize(recorder, &show) : status;
}

// ------------------------------------------------------------------------------------------------
// From beginning to end

static enum rv_status make_plans(struct rv_live *live) {
    struct rv_live_stage *stage = &live->stage;
    enum rv_status status = RV_OK;
    for (uint32_t i = 0; i < stage->octaves.count; i++) {
        struct rv_plan_request request = rv_live_request(live, stage->octaves.octave[i]);
        RV_TRY(rv_plan_create(&request, &stage->plans[i]));
        RV_TRY(rv_op_check_plan(live->device, stage->plans[i]));
    }
done:
    return status;
}

// All pipelines at once. The kernels are then chosen, so the measurements come before.
static enum rv_status foresee(struct rv_live *live) {
    struct rv_live_stage *stage = &live->stage;
    struct rv_recorder foreseen;
    enum rv_status status = RV_OK;
    for (uint32_t i = 0; i < stage->octaves.count; i++) {
        struct rv_range picture = rv_live_picture(live, RV_LIVE_DREAMED, stage->octaves.octave[i]);
        RV_TRY(rv_network_tune(&live->network, stage->plans[i], picture));
    }
    rv_recorder_foresee(&foreseen, live->device);
    RV_TRY(record_take(live, &foreseen));
    RV_TRY(record_shrink(live, &foreseen));
    RV_TRY(record_carry(live, &foreseen));
    for (uint32_t i = 0; i < stage->octaves.count; i++) {
        RV_TRY(record_enter(live, i, &foreseen));
        RV_TRY(record_step(live, i, &foreseen));
        RV_TRY(record_leave(live, i, &foreseen));
    }
    RV_TRY(record_give(live, &foreseen));
    status = rv_pipelines_compile(live->device);
done:
    return status;
}

typedef enum rv_status (*record_fn)(struct rv_live *live, struct rv_recorder *recorder);
typedef enum rv_status (*record_octave_fn)(struct rv_live *live, uint32_t octave,
                                           struct rv_recorder *recorder);

static enum rv_status record(struct rv_live *live, struct rv_recorder *recorder, record_fn what) {
    enum rv_status status = rv_recorder_init(recorder, live->device, 16);
    RV_TRY(status);
    RV_TRY(what(live, recorder));
    status = rv_recorder_end(recorder);
done:
    return status;
}

static enum rv_status record_octave(struct rv_live *live, struct rv_recorder *recorder,
                                    uint32_t octave, record_octave_fn what) {
    enum rv_status status =
        rv_recorder_init(recorder, live->device, live->stage.plans[octave]->step_count + 8);
    RV_TRY(status);
    RV_TRY(what(live, octave, recorder));
    status = rv_recorder_end(recorder);
done:
    return status;
}

enum rv_status rv_live_stage_begin(struct rv_live *live, uint32_t notch) {
    struct rv_live_stage *stage = &live->stage;
    enum rv_status status;
    rv_live_stage_finish(live);
    stage->notch = notch;
    if (!rv_live_size(live, notch, &stage->size))
        return rv_fail(RV_ERR_USAGE, "there is no smaller size");
    stage->flow = rv_flow_plan(stage->size, rv_flow_most(live->device));
    RV_TRY(rv_live_octaves(live, stage->size, &stage->octaves));
    RV_TRY(make_plans(live));
    RV_TRY(foresee(live));
    RV_TRY(record(live, &stage->take, record_take));
    RV_TRY(record(live, &stage->shrink, record_shrink));
    RV_TRY(record(live, &stage->carry, record_carry));
    RV_TRY(record(live, &stage->give, record_give));
    for (uint32_t i = 0; i < stage->octaves.count; i++) {
        RV_TRY(record_octave(live, &stage->enter[i], i, record_enter));
        RV_TRY(record_octave(live, &stage->step[i], i, record_step));
        RV_TRY(record_octave(live, &stage->leave[i], i, record_leave));
    }
    return RV_OK;
done:
    rv_live_stage_finish(live);
    return status;
}

void rv_live_stage_finish(struct rv_live *live) {
    struct rv_live_stage *stage = &live->stage;
    rv_recorder_finish(&stage->take);
    rv_recorder_finish(&stage->shrink);
    rv_recorder_finish(&stage->carry);
    rv_recorder_finish(&stage->give);
    for (uint32_t i = 0; i < RV_OCTAVE_MAX; i++) {
        rv_recorder_finish(&stage->enter[i]);
        rv_recorder_finish(&stage->step[i]);
        rv_recorder_finish(&stage->leave[i]);
        free(stage->plans[i]);
    }
    memset(stage, 0, sizeof *stage);
}

// The delta at the new size, and what the next frame's flow looks back at.
static enum rv_status move_over(struct rv_live *live, struct rv_extent from) {
    struct rv_extent to = live->stage.size;
    struct rv_range delta = rv_live_picture(live, RV_LIVE_DELTA, from);
    struct rv_range moved = rv_live_picture(live, RV_LIVE_CARRIED, to);
    struct rv_recorder recorder;
    enum rv_status status = rv_recorder_init(&recorder, live->device, 16);
    RV_TRY(status);
    RV_TRY(resize(&recorder, delta, from, moved, to));
    RV_TRY(rv_record_copy(&recorder, moved, rv_live_picture(live, RV_LIVE_DELTA, to)));
    RV_TRY(record_shrink(live, &recorder));
    RV_TRY(record_grey(live, &recorder));
    status = rv_recorder_run(&recorder);
done:
    rv_recorder_finish(&recorder);
    return status;
}

enum rv_status rv_live_stage_resize(struct rv_live *live, uint32_t notch) {
    struct rv_extent from = live->stage.size;
    enum rv_status status = rv_live_stage_begin(live, notch);
    if (status == RV_OK && !live->anew)
        status = move_over(live, from);
    return status;
}
