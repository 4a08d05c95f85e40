// A live dream, frame by frame: what rv_live_* promise.
#include "dream/live.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "dream/context.h"
#include "dream/ascent.h"
#include "dream/jitter.h"
#include "dream/objective.h"
#include "net/graph.h"

#define MOST_PIXELS 16384 // of a side of the frames

// ------------------------------------------------------------------------------------------------
// Parameters

struct field {
    const char *name;
    float *value;
    float fallback, least, most;
    bool off; // RV_OFF is possible, and then means 0
};

static enum rv_status resolve_field(const struct field *field) {
    float value = *field->value;
    if (value == 0)
        *field->value = field->fallback;
    else if (field->off && value == (float)RV_OFF)
        return RV_OK;
    else if (!(value >= field->least && value <= field->most))
        return rv_fail(RV_ERR_USAGE, "rv_live_params: %s is %g, not between %g and %g", field->name,
                       (double)value, (double)field->least, (double)field->most);
    return RV_OK;
}

static enum rv_status resolve(const struct rv_live_params *given, struct rv_live_params *live) {
    enum rv_status status;
    *live = (struct rv_live_params){0};
    if (given)
        memcpy(live, given, given->size && given->size < sizeof *live ? given->size : sizeof *live);
    live->size = sizeof *live;
    if (live->steps > RV_LIVE_STEPS || live->most_steps > RV_LIVE_STEPS)
        return rv_fail(RV_ERR_USAGE, "rv_live_params: steps is %u and most_steps %u, at most %d",
                       live->steps, live->most_steps, RV_LIVE_STEPS);
    if (live->size_limit && live->size_limit < RV_MIN_SIZE)
        return rv_fail(RV_ERR_USAGE, "rv_live_params: size_limit is %u, at least %d",
                       live->size_limit, RV_MIN_SIZE);
    live->most_steps = live->most_steps ? live->most_steps : 8;
    live->size_limit = live->size_limit ? live->size_limit : 640;
    struct field fields[] = {{"rate", &live->rate, 30, 0.1f, 1000, false},
                             {"decay", &live->decay, 0.92f, 0, 1, true},
                             {"decay_moving", &live->decay_moving, 0, 0, 1, true},
                             {"strength", &live->strength, 1, 0, 4, true},
                             {"scene_cut", &live->scene_cut, 0.6f, 0, 1, true}};
    RV_TRY(resolve_field(&fields[0]));
    RV_TRY(resolve_field(&fields[1]));
    fields[2].fallback = live->decay > 0 ? live->decay * 0.95f : live->decay;
    for (size_t i = 2; i < sizeof fields / sizeof *fields; i++)
        RV_TRY(resolve_field(&fields[i]));
    status = RV_OK;
done:
    return status;
}

// The parameters as they are meant here.
static enum rv_status adopt(struct rv_live *live, const struct rv_params *params,
                            const struct rv_live_params *live_params) {
    struct rv_params resolved;
    struct rv_live_params live_resolved;
    struct rv_target targets[RV_TARGET_MAX];
    uint32_t count;
    enum rv_status status;
    RV_TRY(resolve(live_params, &live_resolved));
    RV_TRY(rv_params_resolve(params, &resolved));
    resolved.precision = rv_precision_of(live->context, resolved.precision);
    RV_TRY(rv_objective_parse(resolved.layers, targets, &count));
    RV_TRY(rv_objective_reach(targets, count, live->weights));
    resolved.mask = resolved.guide = resolved.style = NULL; // borrowed, and of no use here
    live->params = resolved;
    live->live = live_resolved;
    memcpy(live->targets, targets, sizeof targets);
    live->target_count = count;
done:
    return status;
}

// What the plans and the network's room are made by.
static bool same_plans(const struct rv_params *a, const struct rv_params *b) {
    return strcmp(a->layers, b->layers) == 0 && a->objective == b->objective &&
           a->border == b->border && a->precision == b->precision;
}

// What else stands in the recordings.
static bool same_recordings(const struct rv_live *live, const struct rv_params *params,
                            const struct rv_live_params *live_params) {
    return live->params.octaves == params->octaves &&
           live->params.octave_scale == params->octave_scale &&
           live->params.min_size == params->min_size &&
           strcmp(live->params.octave_sizes, params->octave_sizes) == 0 &&
           live->live.no_flow == live_params->no_flow &&
           live->live.strength == live_params->strength;
}

// ------------------------------------------------------------------------------------------------
// From beginning to end

static struct rv_pace_goal goal_of(const struct rv_live *live) {
    const struct rv_pyramid_sizes *octaves = &live->stage.octaves;
    struct rv_pace_goal goal = {.seconds = 1 / (double)live->live.rate,
                                .most_steps = live->live.most_steps,
                                .octaves = octaves->count};
    struct rv_extent size = live->stage.size, other;
    struct rv_pyramid_sizes smaller;
    for (uint32_t i = 0; i < octaves->count; i++)
        goal.pixels[i] = (double)octaves->octave[i].width * octaves->octave[i].height;
    if (rv_live_size(live, live->stage.notch + 1, &other) &&
        rv_live_octaves(live, other, &smaller) == RV_OK)
        goal.can_shrink =
            (double)smaller.octave[0].width * smaller.octave[0].height < goal.pixels[0];
    if (live->stage.notch > live->first_notch && rv_live_size(live, live->stage.notch - 1, &other))
        goal.growth = (double)other.width * other.height / ((double)size.width * size.height);
    return goal;
}

// Room and recordings, where there are none, for the parameters as they are.
static enum rv_status build(struct rv_live *live) {
    enum rv_status status = RV_OK;
    uint32_t notch = live->notch;
    if (!live->network.device) {
        RV_TRY(rv_live_reserve(live));
        live->notch = notch > live->first_notch ? notch : live->first_notch;
    }
    if (!live->stage.size.width) {
        RV_TRY(rv_live_stage_begin(live, live->notch));
        struct rv_pace_goal goal = goal_of(live);
        rv_pace_begin(&live->pace, &goal);
    }
done:
    return status;
}

enum rv_status rv_live_begin(rv_context *context, const rv_weights *weights, uint32_t width,
                             uint32_t height, const struct rv_params *params,
                             const struct rv_live_params *live_params, rv_live **made) {
    enum rv_status status;
    if (made)
        *made = NULL;
    if (!context || !weights || !made)
        return rv_fail(RV_ERR_USAGE,
                       "rv_live_begin needs a context, weights and a place for the live dream");
    if (width < RV_MIN_SIZE || height < RV_MIN_SIZE || width > MOST_PIXELS || height > MOST_PIXELS)
        return rv_fail(RV_ERR_INPUT, "frames of %u x %u: each side has at least %d, at most %d",
                       width, height, RV_MIN_SIZE, MOST_PIXELS);
    struct rv_live *live = calloc(1, sizeof *live);
    if (!live)
        return rv_fail(RV_ERR_NO_MEMORY, "out of host memory");
    *live = (struct rv_live){.context = context,
                             .device = context->device,
                             .weights = weights,
                             .full = {width, height},
                             .anew = true};
    RV_TRY(adopt(live, params, live_params));
    RV_TRY(build(live));
    *made = live;
    return RV_OK;
done:
    rv_live_end(&live);
    return status;
}

void rv_live_end(rv_live **given) {
    if (!given || !*given)
        return;
    struct rv_live *live = *given;
    *given = NULL;
    if (!live->device->lost)
        rv_device_wait(live->device, live->device->submitted);
    rv_live_give_back(live, true);
    rv_recorder_finish(&live->exchange);
    rv_buffer_finish(live->device, &live->pixels);
    free(live);
}

// Gives up what does not suit the new parameters, and makes it anew.
static enum rv_status rebuild(struct rv_live *live, const struct rv_params *before,
                              const struct rv_live_params *live_before) {
    struct rv_extent size = live->stage.size;
    if (live_before->size_limit != live->live.size_limit) {
        rv_live_give_back(live, true);
        live->notch = 0;
    } else if (!same_plans(before, &live->params))
        rv_live_give_back(live, false);
    else if (!same_recordings(live, before, live_before))
        rv_live_stage_finish(live);
    enum rv_status status = build(live);
    // What was dreamed at another size is of no use.
    live->anew |= live->stage.size.width != size.width || live->stage.size.height != size.height;
    return status;
}

enum rv_status rv_live_change(rv_live *live, const struct rv_params *params,
                              const struct rv_live_params *live_params) {
    enum rv_status status;
    if (!live)
        return rv_fail(RV_ERR_USAGE, "rv_live_change needs a live dream");
    struct rv_params before = live->params, failed;
    struct rv_live_params live_before = live->live, live_failed;
    RV_TRY(rv_device_wait(live->device, live->device->submitted));
    RV_TRY(adopt(live, params ? params : &before, live_params ? live_params : &live_before));
    status = rebuild(live, &before, &live_before);
    if (status != RV_OK) {
        char reason[1024];
        snprintf(reason, sizeof reason, "%s", rv_error_text());
        failed = live->params;
        live_failed = live->live;
        if (adopt(live, &before, &live_before) == RV_OK)
            (void)rebuild(live, &failed, &live_failed); // else the next frame tries again
        rv_fail(RV_OK, "%s", reason);
    }
done:
    return status;
}

void rv_live_get(const rv_live *live, struct rv_params *params,
                 struct rv_live_params *live_params) {
    if (params)
        *params = live->params;
    if (live_params)
        *live_params = live->live;
}

void rv_live_reset(rv_live *live) {
    if (live)
        live->anew = true;
}

// ------------------------------------------------------------------------------------------------
// Frames

enum rv_status rv_live_check_frame(const struct rv_live *live, const struct rv_frame *frame) {
    size_t row = (size_t)live->full.width * 4;
    if (!frame->pixels || frame->width != live->full.width || frame->height != live->full.height ||
        (frame->stride && frame->stride < row))
        return rv_fail(RV_ERR_USAGE,
                       "a frame of %u x %u, rows of %zu bytes, where frames of %u x %u are dreamed "
                       "on: begin a new live dream for another size",
                       frame->width, frame->height, frame->stride, live->full.width,
                       live->full.height);
    return RV_OK;
}

// Submits a recording and waits for it.
static enum rv_status run(struct rv_live *live, struct rv_recorder *recorder) {
    enum rv_status status;
    uint64_t value;
    if (recorder->dispatches == 0)
        return RV_OK;
    RV_TRY(rv_recorder_submit(recorder, &value));
    status = rv_device_wait(live->device, value);
done:
    return status;
}

enum rv_status rv_live_prepare(struct rv_live *live, struct rv_live_frame_state *frame) {
    enum rv_status status;
    *frame = (struct rv_live_frame_state){.begun = rv_clock_seconds()};
    RV_TRY(build(live)); // should a change have failed
    if (live->live.steps > 0)
        live->notch = live->first_notch;
    if (live->notch != live->stage.notch) {
        RV_TRY(rv_live_stage_resize(live, live->notch));
        struct rv_pace_goal goal = goal_of(live);
        rv_pace_resized(&live->pace, &goal);
    }
done:
    return status;
}

enum rv_status rv_live_take(struct rv_live *live, const struct rv_frame *in) {
    size_t row = (size_t)live->full.width * 4, stride = in->stride ? in->stride : row;
    uint8_t *to = live->buffers[RV_LIVE_INPUT].mapped;
    for (uint32_t y = 0; y < live->full.height; y++)
        memcpy(to + y * row, in->pixels + y * stride, row);
    live->device->host_bytes += row * live->full.height;
    return run(live, &live->stage.take);
}

enum rv_status rv_live_give(struct rv_live *live, struct rv_frame *out) {
    size_t row = (size_t)live->full.width * 4, stride = out->stride ? out->stride : row;
    const uint8_t *from = live->buffers[RV_LIVE_OUTPUT].mapped;
    enum rv_status status;
    RV_TRY(run(live, &live->stage.give));
    for (uint32_t y = 0; y < live->full.height; y++)
        memcpy(out->pixels + y * stride, from + y * row, row);
    live->device->host_bytes += row * live->full.height;
done:
    return status;
}

static struct rv_carry *carry_of(const struct rv_live *live) {
    return live->buffers[RV_LIVE_CARRY].mapped;
}

// The flow, and what is carried along it.
static enum rv_status carry_over(struct rv_live *live, struct rv_live_stats *stats) {
    const struct rv_live_params *params = &live->live;
    struct rv_carry *carry = carry_of(live);
    enum rv_status status;
    *carry = (struct rv_carry){.anew = live->anew,
                               .scene_cut = params->scene_cut < 0 ? INFINITY : params->scene_cut,
                               .decay = fmaxf(params->decay, 0),
                               .decay_moving = fmaxf(params->decay_moving, 0)};
    RV_TRY(run(live, &live->stage.carry));
    stats->reset = carry->cut != 0;
    stats->scene_cut = stats->reset && !live->anew;
    if (!live->anew) {
        stats->flow = carry->flow * (float)(1u << live->stage.flow.finest);
        stats->occluded = carry->occluded;
    }
    if (stats->reset)
        live->turn = 0; // from the smallest octave up
done:
    return status;
}

// The steps' control structure and jitter.
static void prepare_control(struct rv_live *live, uint32_t octave, uint32_t steps) {
    struct rv_extent size = live->stage.octaves.octave[octave];
    struct rv_iteration *log = rv_network_log(&live->network);
    memset(log, 0, (steps + 1) * sizeof *log);
    for (uint32_t i = 0; i < steps; i++) {
        uint64_t draw = (uint32_t)(live->frame * RV_LIVE_STEPS + i);
        log[i].jitter_x = rv_jitter(&live->params, octave, draw, 0, size.width);
        log[i].jitter_y = rv_jitter(&live->params, octave, draw, 1, size.height);
    }
    // Steps as long as ever, without what takes buffers of its own.
    struct rv_params plain = live->params;
    plain.iterations = steps;
    plain.optimizer = RV_OPTIMIZER_ASCENT;
    plain.schedule = RV_SCHEDULE_CONSTANT;
    plain.smooth = RV_OFF;
    plain.max_loss = plain.max_strength = -1;
    struct rv_control *control = rv_network_control(&live->network);
    *control = (struct rv_control){.jitter_x = log[0].jitter_x,
                                   .jitter_y = log[0].jitter_y,
                                   .targets = live->target_count,
                                   .pixels = size.width * size.height};
    rv_ascent_control(&(struct rv_ascent){0}, &plain, 0, control, log);
}

static enum rv_status take_steps(struct rv_live *live, struct rv_live_stats *stats) {
    struct rv_live_stage *stage = &live->stage;
    const bool adaptive = live->live.steps == 0;
    uint32_t octaves = adaptive ? live->pace.octaves : stage->octaves.count;
    uint32_t octave = live->turn % octaves;
    uint32_t steps = adaptive ? live->pace.steps[octave] : live->live.steps;
    enum rv_status status;
    prepare_control(live, octave, steps);
    RV_TRY(rv_recorder_submit(&stage->enter[octave], NULL));
    for (uint32_t i = 0; i < steps; i++)
        RV_TRY(rv_recorder_submit(&stage->step[octave], NULL));
    RV_TRY(run(live, &stage->leave[octave]));
    const struct rv_iteration *log = rv_network_log(&live->network);
    stats->stuck = log[steps - 1].stopped != RV_STOP_NONE;
    for (stats->steps = steps; stats->steps > 0 && log[stats->steps - 1].stopped;)
        stats->steps--;
    stats->loss = log[steps - 1].stopped == RV_STOP_NOT_FINITE ? NAN : log[steps - 1].loss;
    stats->octave = octave + 1;
    stats->octaves = octaves;
    stats->octave_width = stage->octaves.octave[octave].width;
    stats->octave_height = stage->octaves.octave[octave].height;
    live->turn = octave + 1;
done:
    return status;
}

enum rv_status rv_live_dream(struct rv_live *live, struct rv_live_frame_state *frame) {
    enum rv_status status;
    RV_TRY(run(live, &live->stage.shrink));
    frame->taken = rv_clock_seconds();
    RV_TRY(carry_over(live, &frame->stats));
    frame->carried = rv_clock_seconds();
    RV_TRY(take_steps(live, &frame->stats));
    frame->stepped = rv_clock_seconds();
    frame->stats.width = live->stage.size.width;
    frame->stats.height = live->stage.size.height;
    frame->stats.frame = ++live->frame;
done:
    return status;
}

// Decides about the frames to come.
static void adapt(struct rv_live *live, const struct rv_live_frame_state *frame, double total) {
    struct rv_pace_goal goal = goal_of(live);
    double steps = frame->stepped - frame->carried;
    enum rv_pace_change change =
        rv_pace_note(&live->pace, &goal, frame->stats.octave - 1,
                     live->pace.steps[frame->stats.octave - 1], steps, total - steps);
    if (change == RV_PACE_SHRINK)
        live->notch = live->stage.notch + 1;
    else if (change == RV_PACE_GROW)
        live->notch = live->stage.notch - 1;
}

void rv_live_close(struct rv_live *live, enum rv_status status, struct rv_live_frame_state *frame,
                   struct rv_live_stats *stats) {
    double now = rv_clock_seconds();
    struct rv_live_stats *made = &frame->stats;
    live->anew = status != RV_OK;
    if (stats)
        *stats = (struct rv_live_stats){0};
    if (status != RV_OK)
        return;
    made->upload_ms = (float)(1e3 * (frame->taken - frame->begun));
    made->flow_ms = (float)(1e3 * (frame->carried - frame->taken));
    made->steps_ms = (float)(1e3 * (frame->stepped - frame->carried));
    made->output_ms = (float)(1e3 * (now - frame->stepped));
    made->total_ms = (float)(1e3 * (now - frame->begun));
    if (live->live.steps == 0)
        adapt(live, frame, now - frame->begun);
    if (stats)
        *stats = *made;
}

enum rv_status rv_live_frame(rv_live *live, const struct rv_frame *in, struct rv_frame *out,
                             struct rv_live_stats *stats) {
    struct rv_live_frame_state frame;
    enum rv_status status;
    if (stats)
        *stats = (struct rv_live_stats){0};
    if (!live || !in)
        return rv_fail(RV_ERR_USAGE, "rv_live_frame needs a live dream and a frame");
    status = rv_live_check_frame(live, in);
    if (status == RV_OK && out)
        status = rv_live_check_frame(live, out);
    if (status != RV_OK)
        return status;
    RV_TRY(rv_live_prepare(live, &frame));
    RV_TRY(rv_live_take(live, in));
    RV_TRY(rv_live_dream(live, &frame));
    if (out)
        RV_TRY(rv_live_give(live, out));
done:
    rv_live_close(live, status, &frame, stats);
    return status;
}
