// A dream in steps: what rv_session_* promise.
#include "dream/session.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "dream/budget.h"
#include "dream/context.h"
#include "dream/objective.h"

// ------------------------------------------------------------------------------------------------
// Room on the device

static uint32_t border_of(const struct rv_params *params) {
    return params->border > 0 ? (uint32_t)params->border : 0;
}

static struct rv_references references_of(const struct rv_session *s) {
    return (struct rv_references){s->params.guide, s->params.style};
}

static struct rv_plan_request request_of(const struct rv_session *s, struct rv_extent size) {
    struct rv_references references = references_of(s);
    struct rv_plan_request request = {.height = size.height,
                                      .width = size.width,
                                      .targets = s->targets,
                                      .target_count = s->target_count,
                                      .objective = s->params.objective,
                                      .border = border_of(&s->params),
                                      .pool_counts_padding = s->weights->pool_counts_padding,
                                      .fp16 = s->params.precision == RV_PRECISION_FP16};
    rv_references_request(&references, &request);
    return request;
}

static void count_work(struct rv_session *s, const struct rv_pyramid_sizes *sizes) {
    s->work_all = 0;
    s->tiles = 0;
    for (uint32_t i = 0; i < sizes->count; i++) {
        const struct rv_tiling *t = &s->tilings[i];
        uint32_t tiles = t->x.count * t->y.count;
        s->work_all += t->flops * s->params.iterations;
        if (tiles > s->tiles)
            s->tiles = tiles;
        if (tiles > 1)
            rv_device_log(s->device, RV_LOG_INFO,
                          "octave %u, %u x %u pixels, is dreamed in %u x %u tiles of %u x %u",
                          i + 1, sizes->octave[i].width, sizes->octave[i].height, t->x.count,
                          t->y.count, t->x.tile, t->y.tile);
    }
}

// Room for making what the objective compares with; *picture bytes are part of the budget's
// already.
static enum rv_status reserve_references(struct rv_session *s,
                                         const struct rv_plan_request *request,
                                         const struct rv_budget *budget, uint64_t arena,
                                         struct rv_network_sizes *room) {
    for (uint32_t i = 0; i < RV_OCTAVE_MAX; i++) {
        const struct rv_tiling *tiling = &s->tilings[i];
        if (tiling->plan && tiling->arena_bytes > room->arena_bytes)
            room->arena_bytes = tiling->arena_bytes;
        enum rv_status status = tiling->plan ? rv_references_check(request, tiling) : RV_OK;
        if (status != RV_OK)
            return status;
    }
    if (arena > room->arena_bytes && budget->strict && budget->fixed + arena > budget->bytes)
        return rv_fail(RV_ERR_NO_MEMORY,
                       "a memory limit of %llu bytes is too low: the features of guide and style "
                       "take %llu in all: raise it (--memory), or use a smaller guide or style",
                       (unsigned long long)budget->bytes,
                       (unsigned long long)(budget->fixed + arena));
    if (arena > room->arena_bytes)
        room->arena_bytes = arena;
    return RV_OK;
}

static uint64_t input_bytes(const struct rv_params *params, struct rv_extent base) {
    return params->start == RV_START_NOISE ? rv_image_bytes(base) : 0;
}

// Whole pictures or tiles, octave by octave, and room for the largest of them.
static enum rv_status reserve(struct rv_session *s, const struct rv_pyramid_sizes *sizes,
                              struct rv_extent base) {
    enum rv_status status;
    struct rv_plan *any = NULL;
    struct rv_plan_request request = request_of(s, sizes->octave[0]);
    struct rv_network_sizes room = {.largest = rv_pyramid_largest(sizes, base),
                                    .iterations = s->params.iterations};
    struct rv_budget budget = rv_budget_of(s->device);
    struct rv_references references = references_of(s);
    uint64_t arena, picture;
    RV_TRY(rv_plan_create(&request, &any));
    RV_TRY(
        rv_references_bytes(&references, &request, sizes->octave, sizes->count, &arena, &picture));
    budget.fixed = rv_network_bytes(any, &room) + rv_pyramid_bytes(&s->params, sizes, base) +
                   rv_ascent_bytes(&s->params, sizes, base) + input_bytes(&s->params, base) +
                   picture;
    RV_TRY(rv_budget_spend(&budget, s->device, &request, sizes->octave, sizes->count, s->tilings));
    RV_TRY(reserve_references(s, &request, &budget, arena, &room));
    count_work(s, sizes);
    RV_TRY(rv_network_reserve(&s->network, s->device, s->weights, any, &room));
    status = rv_ascent_reserve(&s->ascent, s->device, &s->params, sizes, base);
    if (status != RV_OK)
        rv_network_finish(&s->network);
    uint64_t taken = budget.fixed + room.arena_bytes;
    s->spare_bytes = budget.bytes > taken ? budget.bytes - taken : 0;
done:
    free(any);
    return status;
}

static void give_back(struct rv_session *s) {
    rv_network_finish(&s->network);
    for (uint32_t i = 0; i < RV_OCTAVE_MAX; i++)
        rv_tiling_finish(&s->tilings[i]);
}

void rv_session_count_done(struct rv_session *s) {
    s->work_done = rv_session_finished(s) ? 0 : s->tilings[s->octave].flops * s->work.done;
    for (uint32_t i = 0; i < s->octave; i++)
        s->work_done += s->tilings[i].flops * s->params.iterations;
    s->first_work = 0;
}

// Room for the parameters as they are now. Nothing that was submitted may still run. On failure
// there is none (network.device is NULL): there may not be memory for both.
static enum rv_status rebuild(struct rv_session *s) {
    give_back(s);
    memset(s->tilings, 0, sizeof s->tilings);
    enum rv_status status = reserve(s, &s->pictures.sizes, s->pictures.base);
    if (status == RV_OK && !rv_session_finished(s))
        rv_session_count_done(s);
    return status;
}

// The parameters as they are meant here, and their layers. *before (unless NULL) then has what was
// held before, for rv_held_free; otherwise it is freed.
static enum rv_status adopt(struct rv_session *s, const struct rv_params *params,
                            struct rv_held *before) {
    struct rv_params resolved;
    struct rv_held held;
    struct rv_target targets[RV_PLAN_TARGET_MAX];
    uint32_t count;
    enum rv_status status;
    RV_TRY(rv_params_resolve(params, &resolved));
    resolved.precision = rv_precision_of(s->context, resolved.precision);
    RV_TRY(rv_objective_targets(&resolved, targets, &count));
    RV_TRY(rv_objective_reach(targets, count, s->weights));
    RV_TRY(rv_held_take(&s->held, &resolved, &held));
    if (before)
        *before = s->held;
    else
        rv_held_free(&s->held, &held);
    s->held = held;
    for (uint32_t i = 0; i < RV_PARAM_PICTURES; i++)
        if (*rv_param_picture(&resolved, i))
            *rv_param_picture(&resolved, i) = &s->held.picture[i];
    s->params = resolved;
    memcpy(s->targets, targets, sizeof targets);
    s->target_count = count;
done:
    return status;
}

// ------------------------------------------------------------------------------------------------
// From beginning to end

enum rv_status rv_session_prepare(rv_context *context, const rv_weights *weights,
                                  struct rv_extent base, const struct rv_params *params,
                                  rv_session **session) {
    struct rv_pyramid_sizes sizes;
    enum rv_status status;
    struct rv_session *s = calloc(1, sizeof *s);
    *session = NULL;
    if (!s)
        return rv_fail(RV_ERR_NO_MEMORY, "out of host memory");
    *s = (struct rv_session){.context = context,
                             .device = context->device,
                             .weights = weights,
                             .started = rv_clock_seconds()};
    s->device->peak_bytes = s->device->bytes;
    RV_TRY(adopt(s, params, NULL));
    RV_TRY(rv_pyramid_sizes(&s->params, base, &sizes));
    RV_TRY(reserve(s, &sizes, base));
    struct rv_range scratch = {&s->network.gradient, 0, s->network.gradient_bytes};
    RV_TRY(rv_pyramid_init(&s->pictures, s->device, &s->params, base, &sizes, scratch));
    if (input_bytes(&s->params, base))
        RV_TRY(rv_buffer_init(s->device, &s->input, input_bytes(&s->params, base), RV_MEMORY_DEVICE,
                              "input picture"));
    s->pictures.input = s->input.handle ? &s->input : NULL;
    *session = s;
    return RV_OK;
done:
    rv_session_end(&s);
    return status;
}

enum rv_status rv_session_references(struct rv_session *s) {
    struct rv_extent size = s->pictures.sizes.octave[s->octave], base = s->pictures.base;
    struct rv_plan_request request = request_of(s, size);
    struct rv_references references = references_of(s);
    enum rv_status status;
    RV_TRY(rv_references_make(&references, &s->network, &request, size));
    if (s->network.content.handle)
        status = rv_references_content(&s->network, rv_session_source(s), base, size);
done:
    return status;
}

enum rv_status rv_session_begin(rv_context *context, const rv_weights *weights,
                                const struct rv_picture *input, const struct rv_params *params,
                                rv_session **session) {
    enum rv_status status;
    if (session)
        *session = NULL;
    if (!context || !weights || !input || !input->pixels || !session)
        return rv_fail(RV_ERR_USAGE,
                       "rv_session_begin needs a context, weights, a picture and a place for it");
    struct rv_extent base = {input->width, input->height};
    RV_TRY(rv_session_prepare(context, weights, base, params, session));
    RV_TRY(rv_picture_upload(context->device, input, rv_session_source(*session)));
    RV_TRY(rv_session_start(*session));
    return RV_OK;
done:
    rv_session_end(session);
    return status;
}

void rv_session_end(rv_session **session) {
    if (!session || !*session)
        return;
    struct rv_session *s = *session;
    *session = NULL;
    if (!s->device->lost)
        rv_device_wait(s->device, s->device->submitted);
    rv_octave_finish(s);
    rv_recorder_finish(&s->exchange);
    rv_recorder_finish(&s->recorded);
    rv_buffer_finish(s->device, &s->pixels);
    rv_buffer_finish(s->device, &s->preview);
    rv_buffer_finish(s->device, &s->input);
    rv_pyramid_finish(&s->pictures);
    rv_ascent_finish(&s->ascent);
    give_back(s);
    rv_held_free(&s->held, &(struct rv_held){0});
    free(s);
}

// ------------------------------------------------------------------------------------------------
// Advancing

// Once for an octave, before its first step.
static enum rv_status tell_preparing(struct rv_session *s) {
    if (s->work.told || s->work.done > 0)
        return RV_OK;
    s->work.told = true;
    return rv_octave_report(s, 0, NAN);
}

// Enters the next octave if the one before is done, all at once or in parts: then work.begun says
// whether there is anything to submit yet. Its parameters may say fewer iterations by now than it
// already has. After a change that could not be undone for want of memory either, the room on the
// device comes first.
static enum rv_status enter(struct rv_session *s, bool in_part) {
    enum rv_status status = RV_OK;
    while (!rv_session_finished(s) && !s->work.begun) {
        if (!s->network.device)
            RV_TRY(rebuild(s));
        if (s->pictures.octave != s->octave) {
            RV_TRY(rv_pyramid_enter(&s->pictures, s->octave));
            if (in_part)
                return tell_preparing(s);
        }
        if (s->work.done < s->params.iterations && !s->enough) {
            RV_TRY(tell_preparing(s));
            return rv_octave_prepare(s, in_part);
        }
        RV_TRY(rv_octave_leave(s));
    }
done:
    return status;
}

// Whether no part of an unfinished iteration was submitted.
static bool is_between(const struct rv_session *s) {
    return s->work.slice == 0 && s->work.tiles.tile == 0 && s->work.tiles.slice == 0 &&
           !s->work.gradient_ready;
}

// Enters the octave, and cuts its slices to so many operations: from the next slice on if they are
// too long by more than `slack`, from the next iteration on if they are shorter than they might be.
static enum rv_status enter_cut(struct rv_session *s, double flops, double slack, bool in_part) {
    enum rv_status status;
    if (!s->work.begun)
        s->cut = flops;
    RV_TRY(enter(s, in_part));
    bool too_long = s->cut == 0 ? flops > 0 : flops > 0 && s->cut > flops * slack;
    bool too_short = s->cut > 0 && (flops == 0 || flops > s->cut * 2);
    if (!too_long && !(too_short && is_between(s)))
        return RV_OK;
    RV_TRY(rv_octave_drop(s));
    s->cut = flops;
    status = enter(s, in_part);
done:
    return status;
}

enum rv_status rv_session_ready(struct rv_session *s, double flops) {
    return enter_cut(s, flops, 1, flops > 0);
}

enum rv_status rv_session_collect(struct rv_session *s) {
    enum rv_status status = RV_OK;
    while (s->work.begun && s->work.done < s->work.submitted) {
        bool done;
        RV_TRY(rv_device_poll(s->device, s->work.value[s->work.done % 2], &done));
        if (!done)
            return RV_OK;
        RV_TRY(rv_octave_collect(s));
    }
done:
    return status;
}

// Submits as many slices as there are operations, at least one. Returns how many in *submitted.
static enum rv_status submit_flops(struct rv_session *s, double flops, bool wait,
                                   double *submitted) {
    enum rv_status status = RV_OK;
    bool ready = true;
    *submitted = 0;
    while (rv_octave_can_submit(s)) {
        double next = rv_octave_next_flops(s);
        if (*submitted > 0 && *submitted + next > flops)
            break;
        if (!wait)
            RV_TRY(rv_device_poll(s->device, rv_octave_next_value(s), &ready));
        if (!ready)
            break;
        RV_TRY(rv_octave_submit(s));
        *submitted += next;
    }
done:
    return status;
}

static enum rv_status finish_step(struct rv_session *s) {
    enum rv_status status;
    RV_TRY(enter_cut(s, 0, 1, false));
    double begun = rv_clock_seconds();
    while (rv_octave_can_submit(s))
        RV_TRY(rv_octave_submit(s));
    if (s->work.begun)
        RV_TRY(rv_octave_collect(s));
    s->step_seconds += rv_clock_seconds() - begun;
done:
    return status;
}

// Preparing an octave is all of the call, or a part of that is.
static enum rv_status advance_flops(struct rv_session *s, double flops, double slack, bool wait,
                                    double *submitted) {
    enum rv_status status;
    bool idle = true, was_begun = s->work.begun;
    *submitted = 0;
    RV_TRY(enter_cut(s, flops, slack, true));
    if (!was_begun)
        return RV_OK;
    double begun = rv_clock_seconds();
    RV_TRY(rv_session_collect(s));
    // A host that does not wait never has more under way than it asked for at once.
    if (!wait)
        RV_TRY(rv_device_poll(s->device, s->device->submitted, &idle));
    if (idle)
        RV_TRY(submit_flops(s, flops, wait, submitted));
    if (wait && s->work.begun) {
        RV_TRY(rv_device_wait(s->device, s->device->submitted));
        RV_TRY(rv_session_collect(s));
    }
    s->step_seconds += rv_clock_seconds() - begun;
done:
    return status;
}

// Slices of a quarter of the time, by the pace measured so far; the very first is a single step of
// the plan.
static enum rv_status advance_seconds(struct rv_session *s, double seconds) {
    enum rv_status status;
    double begun = rv_clock_seconds(), took, flops;
    do {
        double from = rv_clock_seconds();
        double wanted = s->pace > 0 ? fmax(seconds / 4 / s->pace, 1) : 1;
        RV_TRY(advance_flops(s, wanted, 2, true, &flops));
        took = rv_clock_seconds() - from;
        if (flops > 0)
            s->pace = s->pace > 0 ? (3 * s->pace + took / flops) / 4 : took / flops;
    } while (!rv_session_finished(s) && rv_clock_seconds() - begun + took <= seconds);
done:
    return status;
}

enum rv_status rv_session_advance(rv_session *session, const struct rv_advance_params *given,
                                  struct rv_progress *progress) {
    struct rv_advance_params slice = {0};
    enum rv_status status;
    double submitted;
    if (!session)
        return rv_fail(RV_ERR_USAGE, "rv_session_advance needs a session");
    if (given)
        memcpy(&slice, given,
               given->size && given->size < sizeof slice ? given->size : sizeof slice);
    if (!(slice.flops >= 0) || !(slice.seconds >= 0) ||
        (slice.no_wait && (slice.seconds > 0 || slice.flops == 0)))
        return rv_fail(RV_ERR_USAGE, "a slice is so many operations or seconds, neither below 0; "
                                     "one that is not waited for is in operations");
    session->queue_ahead = slice.ahead && slice.seconds == 0 && slice.flops == 0;
    if (slice.seconds > 0)
        status = advance_seconds(session, slice.seconds);
    else if (slice.flops > 0)
        status = advance_flops(session, slice.flops, 1, !slice.no_wait, &submitted);
    else
        status = finish_step(session);
    session->current.finished = rv_session_finished(session);
    if (progress)
        *progress = session->current;
    return status;
}

// ------------------------------------------------------------------------------------------------
// Looking and changing

enum rv_status rv_session_room(struct rv_session *s, struct rv_range *room) {
    enum rv_status status = RV_OK;
    *room = s->pictures.scratch;
    if (is_between(s) && s->network.device)
        return RV_OK;
    uint64_t bytes = rv_pyramid_room(&s->pictures);
    if (!s->preview.handle)
        status = rv_buffer_init(s->device, &s->preview, bytes, RV_MEMORY_DEVICE, "shown picture");
    *room = (struct rv_range){&s->preview, 0, bytes};
    return status;
}

enum rv_status rv_session_picture(rv_session *session, struct rv_picture *output) {
    struct rv_range room;
    enum rv_status status;
    if (!session || !output)
        return rv_fail(RV_ERR_USAGE, "rv_session_picture needs a session and a picture");
    *output = (struct rv_picture){0};
    RV_TRY(rv_session_room(session, &room));
    status = rv_pyramid_result(&session->pictures, room, output);
done:
    return status;
}

// What of the parameters the octaves' pictures are made by.
static bool same_pyramid(const struct rv_params *a, const struct rv_params *b) {
    return a->octaves == b->octaves && a->octave_scale == b->octave_scale &&
           a->pyramid == b->pyramid && a->resize == b->resize && a->start == b->start &&
           a->min_size == b->min_size && strcmp(a->octave_sizes, b->octave_sizes) == 0;
}

// What a change replaces.
struct meaning {
    struct rv_params params;
    struct rv_held held;
    struct rv_target targets[RV_PLAN_TARGET_MAX];
    uint32_t target_count;
};

static struct meaning meaning_of(const struct rv_session *s) {
    struct meaning now = {.params = s->params, .held = s->held, .target_count = s->target_count};
    memcpy(now.targets, s->targets, sizeof now.targets);
    return now;
}

static bool same_target(const struct rv_target *a, const struct rv_target *b) {
    return a->layer == b->layer && a->channel == b->channel && a->weight == b->weight &&
           a->objective == b->objective && a->kind == b->kind && a->neuron == b->neuron &&
           a->x == b->x && a->y == b->y;
}

// Whether plans and room on the device are still those: a guide or a style that stays is held where
// it was.
static bool same_plans(const struct rv_session *s, const struct meaning *before) {
    const struct rv_params *a = &before->params, *b = &s->params;
    bool same = before->target_count == s->target_count;
    for (uint32_t i = 0; same && i < s->target_count; i++)
        same = same_target(&before->targets[i], &s->targets[i]);
    for (uint32_t i = 1; same && i < RV_PARAM_PICTURES; i++) // the mask is no plan's matter
        same = before->held.picture[i].pixels == s->held.picture[i].pixels;
    return same && a->objective == b->objective && a->border == b->border &&
           a->precision == b->precision && a->iterations == b->iterations;
}

// As it was before a change that failed, with the reason kept. Where there is no memory for that
// either, enter() tries again.
static void restore(struct rv_session *s, const struct meaning *before) {
    struct rv_error_kept reason;
    rv_error_keep(&reason);
    rv_held_free(&s->held, &before->held);
    s->params = before->params; // its pictures are in s->held, whatever these are
    s->held = before->held;
    memcpy(s->targets, before->targets, sizeof s->targets);
    s->target_count = before->target_count;
    rv_finish_set(&s->pictures.finish, &s->params);
    (void)rebuild(s);
    rv_error_put_back(&reason);
}

// Room for what the steps take from now on, within what the budget has left: plans stay as they
// are.
static enum rv_status extend(struct rv_session *s, uint64_t bytes) {
    enum rv_status status =
        rv_ascent_reserve(&s->ascent, s->device, &s->params, &s->pictures.sizes, s->pictures.base);
    if (status == RV_OK)
        s->spare_bytes -= bytes;
    return status;
}

static enum rv_status change(struct rv_session *s, const struct rv_params *params) {
    struct meaning before = meaning_of(s);
    enum rv_status status = RV_OK;
    RV_TRY(adopt(s, params, &before.held));
    rv_finish_set(&s->pictures.finish, &s->params);
    uint64_t lacks = rv_ascent_lacks(&s->ascent, &s->params, &s->pictures.sizes, s->pictures.base);
    if (!same_plans(s, &before) || !s->network.device || lacks > s->spare_bytes)
        status = rebuild(s);
    else if (lacks > 0)
        status = extend(s, lacks);
    if (before.held.picture[RV_HELD_MASK].pixels != s->held.picture[RV_HELD_MASK].pixels)
        s->ascent.mask_octave = 0;
    s->enough = false;
    if (status == RV_OK)
        rv_held_free(&before.held, &s->held);
    else
        restore(s, &before);
done:
    return status;
}

enum rv_status rv_session_change(rv_session *session, const struct rv_params *params) {
    struct rv_params resolved;
    enum rv_status status;
    if (!session)
        return rv_fail(RV_ERR_USAGE, "rv_session_change needs a session");
    RV_TRY(rv_params_resolve(params, &resolved));
    if (!same_pyramid(&session->params, &resolved))
        return rv_fail(RV_ERR_USAGE,
                       "octaves, octave-scale, octave-sizes, min-size, pyramid, resize and start "
                       "are those of the whole dream: begin a new session to change them");
    RV_TRY(rv_octave_drop(session));
    status = change(session, params);
done:
    return status;
}

enum rv_status rv_session_seek(rv_session *session, uint32_t octave) {
    struct rv_session *s = session;
    enum rv_status status;
    if (!session || octave < 1 || octave > session->pictures.sizes.count)
        return rv_fail(RV_ERR_USAGE, "there is no octave %u: the dream has 1 to %u", octave,
                       session ? session->pictures.sizes.count : 0);
    RV_TRY(rv_octave_drop(s));
    s->work.done = 0;
    s->octave = octave - 1;
    s->enough = false;
    s->current.finished = false;
    rv_session_count_done(s);
done:
    return status;
}

void rv_session_params(const rv_session *session, struct rv_params *params) {
    *params = session->params;
}

void rv_session_stats(const rv_session *session, struct rv_dream_stats *stats) {
    const struct rv_session *s = session;
    *stats = (struct rv_dream_stats){.device_bytes = s->device->peak_bytes,
                                     .arena_bytes = s->network.arena.size,
                                     .flops = s->flops,
                                     .seconds = rv_clock_seconds() - s->started,
                                     .step_seconds = s->step_seconds,
                                     .start_seconds = s->start_seconds,
                                     .loss = s->loss,
                                     .tiles = s->tiles};
}
