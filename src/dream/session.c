// A dream in steps: what rv_session_* promise.
#include "dream/session.h"

#include <math.h>
#include <stdio.h>
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

static struct rv_plan_request request_of(const struct rv_session *s, struct rv_extent size) {
    return (struct rv_plan_request){.height = size.height,
                                    .width = size.width,
                                    .targets = s->targets,
                                    .target_count = s->target_count,
                                    .objective = s->params.objective,
                                    .border = border_of(&s->params),
                                    .pool_counts_padding = s->weights->pool_counts_padding,
                                    .fp16 = s->params.precision == RV_PRECISION_FP16};
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

// Whole pictures or tiles, octave by octave, and room for the largest of them.
static enum rv_status reserve(struct rv_session *s, const struct rv_pyramid_sizes *sizes,
                              struct rv_extent base) {
    enum rv_status status;
    struct rv_plan *any = NULL;
    struct rv_plan_request request = request_of(s, sizes->octave[0]);
    struct rv_network_sizes room = {.largest = rv_pyramid_largest(sizes, base),
                                    .iterations = s->params.iterations};
    struct rv_budget budget = rv_budget_of(s->device);
    RV_TRY(rv_plan_create(&request, &any));
    budget.fixed = rv_network_bytes(any, &room) + rv_pyramid_bytes(&s->params, sizes, base);
    RV_TRY(rv_budget_spend(&budget, s->device, &request, sizes->octave, sizes->count, s->tilings));
    count_work(s, sizes);
    for (uint32_t i = 0; i < sizes->count; i++)
        if (s->tilings[i].arena_bytes > room.arena_bytes)
            room.arena_bytes = s->tilings[i].arena_bytes;
    status = rv_network_reserve(&s->network, s->device, s->weights, any, &room);
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

static bool same_picture(const struct rv_picture *a, const struct rv_picture *b) {
    return a->width == b->width && a->height == b->height &&
           (a->pixels == b->pixels ||
            memcmp(a->pixels, b->pixels, (size_t)a->width * a->height * 3 * sizeof(float)) == 0);
}

static enum rv_status copy_picture(const struct rv_picture *from, struct rv_picture *copy) {
    size_t bytes = (size_t)from->width * from->height * 3 * sizeof(float);
    *copy = (struct rv_picture){from->width, from->height, malloc(bytes)};
    if (!copy->pixels)
        return rv_fail(RV_ERR_NO_MEMORY, "out of host memory for a picture of %u x %u", from->width,
                       from->height);
    memcpy(copy->pixels, from->pixels, bytes);
    return RV_OK;
}

// Frees the pictures of `held` that `kept` does not have too.
static void free_held(struct rv_held *held, const struct rv_held *kept) {
    for (uint32_t i = 0; i < RV_PARAM_PICTURES; i++)
        if (held->picture[i].pixels != kept->picture[i].pixels)
            free(held->picture[i].pixels);
}

// Fills in what is to be held for these parameters: where they have the picture that is held, that
// one, so that a picture that stays the same stays in place.
static enum rv_status hold(const struct rv_held *held, struct rv_params *params,
                           struct rv_held *now) {
    enum rv_status status = RV_OK;
    *now = (struct rv_held){0};
    for (uint32_t i = 0; i < RV_PARAM_PICTURES; i++) {
        const struct rv_picture *given = *rv_param_picture(params, i), *old = &held->picture[i];
        if (!given)
            continue;
        if (old->pixels && same_picture(given, old))
            now->picture[i] = *old;
        else
            RV_TRY(copy_picture(given, &now->picture[i]));
    }
    return RV_OK;
done:
    free_held(now, held);
    return status;
}

// The parameters as they are meant here, and their layers. *before (unless NULL) then has what was
// held before, for free_held; otherwise it is freed.
static enum rv_status adopt(struct rv_session *s, const struct rv_params *params,
                            struct rv_held *before) {
    struct rv_params resolved;
    struct rv_held held;
    struct rv_target targets[RV_TARGET_MAX];
    uint32_t count;
    enum rv_status status;
    RV_TRY(rv_params_resolve(params, &resolved));
    resolved.precision = rv_precision_of(s->context, resolved.precision);
    RV_TRY(rv_objective_parse(resolved.layers, targets, &count));
    RV_TRY(rv_objective_reach(targets, count, s->weights));
    RV_TRY(hold(&s->held, &resolved, &held));
    if (before)
        *before = s->held;
    else
        free_held(&s->held, &held);
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
    *session = s;
    return RV_OK;
done:
    rv_session_end(&s);
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
    struct rv_pyramid_pictures *pictures = &(*session)->pictures;
    RV_TRY(rv_picture_upload(context->device, input, rv_pyramid_original(pictures)));
    RV_TRY(rv_pyramid_start(pictures));
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
    rv_pyramid_finish(&s->pictures);
    give_back(s);
    free_held(&s->held, &(struct rv_held){0});
    free(s);
}

// ------------------------------------------------------------------------------------------------
// Advancing

// Enters the next octave if the one before is done. Its parameters may say fewer iterations by now
// than it already has. After a change that could not be undone for want of memory either, the room
// on the device comes first.
static enum rv_status enter(struct rv_session *s) {
    enum rv_status status = RV_OK;
    while (!rv_session_finished(s) && !s->work.begun) {
        if (!s->network.device)
            RV_TRY(rebuild(s));
        if (s->pictures.octave != s->octave)
            RV_TRY(rv_pyramid_enter(&s->pictures, s->octave));
        if (s->work.done < s->params.iterations) {
            if (s->work.done == 0)
                RV_TRY(rv_octave_report(s, 0, NAN));
            return rv_octave_begin(s);
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

// Cuts slices to so many operations, from the next slice on if they are too long by more than
// `slack`, from the next iteration on if they are shorter than they might be.
static enum rv_status cut_to(struct rv_session *s, double flops, double slack) {
    enum rv_status status = RV_OK;
    bool too_long = s->cut == 0 ? flops > 0 : flops > 0 && s->cut > flops * slack;
    bool too_short = s->cut > 0 && (flops == 0 || flops > s->cut * 2);
    if (!too_long && !(too_short && is_between(s)))
        return RV_OK;
    RV_TRY(rv_octave_drop(s));
    s->cut = flops;
    status = enter(s);
done:
    return status;
}

enum rv_status rv_session_ready(struct rv_session *s, double flops) {
    enum rv_status status = enter(s);
    return status == RV_OK ? cut_to(s, flops, 1) : status;
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
    RV_TRY(enter(s));
    RV_TRY(cut_to(s, 0, 1));
    double begun = rv_clock_seconds();
    while (rv_octave_can_submit(s))
        RV_TRY(rv_octave_submit(s));
    if (s->work.begun)
        RV_TRY(rv_octave_collect(s));
    s->step_seconds += rv_clock_seconds() - begun;
done:
    return status;
}

static enum rv_status advance_flops(struct rv_session *s, double flops, double slack, bool wait,
                                    double *submitted) {
    enum rv_status status;
    bool idle = true;
    RV_TRY(enter(s));
    RV_TRY(cut_to(s, flops, slack));
    double begun = rv_clock_seconds();
    *submitted = 0;
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
        RV_TRY(enter(s)); // compiling and recording say nothing about the pace
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
    struct rv_target targets[RV_TARGET_MAX];
    uint32_t target_count;
};

static struct meaning meaning_of(const struct rv_session *s) {
    struct meaning now = {.params = s->params, .held = s->held, .target_count = s->target_count};
    memcpy(now.targets, s->targets, sizeof now.targets);
    return now;
}

// Whether plans and room on the device are still those.
static bool same_plans(const struct rv_session *s, const struct meaning *before) {
    const struct rv_params *a = &before->params, *b = &s->params;
    return strcmp(a->layers, b->layers) == 0 && a->objective == b->objective &&
           a->border == b->border && a->precision == b->precision && a->iterations == b->iterations;
}

// As it was before a change that failed, with the reason kept. Where there is no memory for that
// either, enter() tries again.
static void restore(struct rv_session *s, const struct meaning *before) {
    char reason[1024];
    snprintf(reason, sizeof reason, "%s", rv_error_text());
    free_held(&s->held, &before->held);
    s->params = before->params; // its pictures are in s->held, whatever these are
    s->held = before->held;
    memcpy(s->targets, before->targets, sizeof s->targets);
    s->target_count = before->target_count;
    (void)rebuild(s);
    rv_fail(RV_OK, "%s", reason);
}

static enum rv_status change(struct rv_session *s, const struct rv_params *params) {
    struct meaning before = meaning_of(s);
    enum rv_status status = RV_OK;
    RV_TRY(adopt(s, params, &before.held));
    if (!same_plans(s, &before) || !s->network.device)
        status = rebuild(s);
    if (status == RV_OK)
        free_held(&before.held, &s->held);
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
