// A dream from the first octave to the last.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "dream/budget.h"
#include "dream/context.h"
#include "dream/network.h"
#include "dream/objective.h"
#include "dream/pyramid.h"
#include "dream/tiles.h"

struct dream {
    struct rv_device *device;
    struct rv_params params;
    struct rv_target targets[RV_TARGET_MAX];
    uint32_t target_count;
    struct rv_tiling tilings[RV_OCTAVE_MAX];
    struct rv_network network;
    struct rv_pyramid_pictures pictures;
    rv_progress_fn progress;
    void *progress_user;
    double started, start_seconds, step_seconds; // start: until the first step was submitted
    double first_seconds, first_work; // after the first step, which also warms the driver up
    double flops, work, work_done; // operations done; the whole job's, those behind us or skipped
    float loss;
    uint32_t tiles; // most that an octave is cut into
};

static uint32_t border_of(const struct rv_params *params) {
    return params->border > 0 ? (uint32_t)params->border : 0;
}

// A whole number in [-most, most], a pure function of its arguments.
static int32_t draw(uint64_t seed, uint64_t octave, uint64_t iteration, uint64_t axis,
                    int32_t most) {
    uint64_t hash = rv_hash(seed, octave << 32 | iteration << 1 | axis);
    return (int32_t)(hash % (2 * (uint64_t)most + 1)) - most;
}

static int32_t wrapped(int32_t value, uint32_t size) {
    int32_t rest = value % (int32_t)size;
    return rest < 0 ? rest + (int32_t)size : rest;
}

// By how much the picture is rolled along an axis (0 = x), 0 <= jitter < size.
static int32_t jitter_of(const struct dream *d, uint32_t octave, uint32_t iteration,
                         uint32_t axis) {
    struct rv_extent size = d->pictures.sizes.octave[octave];
    if (d->params.jitter <= 0)
        return 0;
    return wrapped(draw(d->params.seed, octave, iteration, axis, d->params.jitter),
                   axis ? size.height : size.width);
}

// The jitter of whole pictures is the kernels' work; tiles are cut from the rolled picture.
static void prepare_control(struct dream *d, uint32_t octave) {
    struct rv_extent size = d->pictures.sizes.octave[octave];
    struct rv_iteration *log = rv_network_log(&d->network);
    bool rolled = d->params.jitter > 0 && rv_tiling_is_whole(&d->tilings[octave]);
    memset(log, 0, d->network.log_lines * sizeof *log);
    for (uint32_t i = 0; i < d->params.iterations && rolled; i++) {
        log[i].jitter_x = jitter_of(d, octave, i, 0);
        log[i].jitter_y = jitter_of(d, octave, i, 1);
    }
    *rv_network_control(&d->network) =
        (struct rv_control){.jitter_x = log[0].jitter_x,
                            .jitter_y = log[0].jitter_y,
                            .step = d->params.step,
                            .max_loss = d->params.max_loss < 0 ? INFINITY : d->params.max_loss,
                            .mean_abs = d->params.normalize == RV_NORMALIZE_MEAN_ABS,
                            .targets = d->target_count,
                            .pixels = size.width * size.height};
}

static enum rv_status judge(const struct dream *d, const struct rv_iteration *line,
                            uint32_t iteration, uint32_t octave) {
    if (line->stopped == RV_STOP_ZERO)
        return rv_fail(RV_ERR_NUMERIC,
                       "the gradient is zero at step %u of octave %u: nothing in this picture "
                       "excites the layers: choose others, or another picture",
                       iteration + 1, octave + 1);
    if (line->stopped == RV_STOP_NOT_FINITE)
        return rv_fail(RV_ERR_NUMERIC,
                       "the gradient is not finite at step %u of octave %u: use a smaller step, "
                       "other layers%s",
                       iteration + 1, octave + 1,
                       d->params.precision == RV_PRECISION_FP16 ? ", or --precision fp32" : "");
    return RV_OK;
}

static enum rv_status report(struct dream *d, uint32_t octave, uint32_t iteration, float loss) {
    struct rv_extent size = d->pictures.sizes.octave[octave];
    if (!d->progress)
        return RV_OK;
    double seconds = rv_clock_seconds() - d->started, fraction = d->work_done / d->work, left = -1;
    if (d->first_work > 0 && d->work_done > d->first_work)
        left = (seconds - d->first_seconds) / (d->work_done - d->first_work) *
               (d->work - d->work_done);
    if (d->first_work == 0 && iteration > 0) {
        d->first_work = d->work_done;
        d->first_seconds = seconds;
    }
    struct rv_progress progress = {.fraction = fraction < 1 ? fraction : 1,
                                   .octave = octave + 1,
                                   .octaves = d->pictures.sizes.count,
                                   .iteration = iteration,
                                   .iterations = d->params.iterations,
                                   .width = size.width,
                                   .height = size.height,
                                   .loss = loss,
                                   .seconds = seconds,
                                   .seconds_left = left};
    if (d->progress(d->progress_user, &progress))
        return RV_OK;
    return rv_fail(RV_ERR_CANCELLED, "cancelled at step %u of octave %u", iteration, octave + 1);
}

// What an octave's iterations are submitted from: in whole pictures the recording of all of one; in
// tiles the gradient's, and the recording of what follows it.
struct octave_work {
    struct rv_recorder recorder;
    struct rv_tiles tiles; // unused (zero) for whole pictures
};

static enum rv_status submit(struct dream *d, struct octave_work *work, uint32_t octave,
                             uint32_t iteration) {
    enum rv_status status = RV_OK;
    // A picture in tiles is worked on while it is submitted: what counts is the first tile.
    if (work->tiles.tiling && d->start_seconds == 0)
        d->start_seconds = rv_clock_seconds() - d->started;
    if (work->tiles.tiling)
        RV_TRY(rv_tiles_submit(&work->tiles, (uint32_t)jitter_of(d, octave, iteration, 0),
                               (uint32_t)jitter_of(d, octave, iteration, 1)));
    status = rv_recorder_submit(&work->recorder, NULL);
    if (d->start_seconds == 0)
        d->start_seconds = rv_clock_seconds() - d->started;
done:
    return status;
}

// One iteration is always queued behind the one that runs, so that the device never waits for the
// host; tiles see to that themselves.
static enum rv_status iterate(struct dream *d, struct octave_work *work, uint32_t octave) {
    enum rv_status status = RV_OK;
    const struct rv_iteration *log = rv_network_log(&d->network);
    uint32_t count = d->params.iterations, submitted = 0, ahead = work->tiles.tiling ? 1 : 2;
    uint64_t value[2] = {0, 0}; // of the timeline, when an iteration is done
    for (uint32_t i = 0; i < count; i++) {
        for (; submitted < count && submitted < i + ahead; submitted++) {
            RV_TRY(submit(d, work, octave, submitted));
            value[submitted % 2] = d->device->submitted;
        }
        RV_TRY(rv_device_wait(d->device, value[i % 2]));
        RV_TRY(judge(d, &log[i], i, octave));
        bool last = i + 1 == count || log[i].stopped == RV_STOP_LOSS;
        d->flops += d->tilings[octave].flops;
        d->work_done += (last ? count - i : 1) * d->tilings[octave].flops;
        d->loss = log[i].loss;
        RV_TRY(report(d, octave, i + 1, log[i].loss));
        if (last)
            break;
    }
done:
    if (!d->device->lost) {
        enum rv_status waited = rv_device_wait(d->device, d->device->submitted);
        if (status == RV_OK)
            status = waited;
    }
    return status;
}

static enum rv_status record_close(struct dream *d, uint32_t octave, struct rv_recorder *recorder) {
    return rv_network_close(&d->network, d->pictures.sizes.octave[octave],
                            rv_pyramid_current(&d->pictures, octave),
                            d->params.clip == RV_CLIP_STEP, recorder);
}

// All pipelines that the octave will want, compiled at once. A tile wants the same as another.
static enum rv_status foresee(struct dream *d, uint32_t octave) {
    struct rv_recorder foreseen;
    enum rv_status status;
    const struct rv_tiling *tiling = &d->tilings[octave];
    rv_recorder_foresee(&foreseen, d->device);
    RV_TRY(rv_network_record(&d->network, tiling->plan, rv_pyramid_current(&d->pictures, octave),
                             &foreseen));
    RV_TRY(record_close(d, octave, &foreseen));
    status = rv_pipelines_compile(d->device);
done:
    return status;
}

static enum rv_status record(struct dream *d, struct octave_work *work, uint32_t octave) {
    const struct rv_tiling *tiling = &d->tilings[octave];
    struct rv_range picture = rv_pyramid_current(&d->pictures, octave);
    enum rv_status status;
    RV_TRY(rv_recorder_init(&work->recorder, d->device, tiling->plan->step_count + 3));
    if (rv_tiling_is_whole(tiling))
        RV_TRY(rv_network_record(&d->network, tiling->plan, picture, &work->recorder));
    else
        RV_TRY(rv_tiles_init(&work->tiles, &d->network, tiling, border_of(&d->params), picture));
    RV_TRY(record_close(d, octave, &work->recorder));
    status = rv_recorder_end(&work->recorder);
done:
    return status;
}

static enum rv_status dream_octave(struct dream *d, uint32_t octave) {
    enum rv_status status;
    struct octave_work work = {0};
    RV_TRY(rv_pyramid_enter(&d->pictures, octave));
    RV_TRY(report(d, octave, 0, NAN));
    prepare_control(d, octave);
    RV_TRY(rv_network_tune(&d->network, d->tilings[octave].plan,
                           rv_pyramid_current(&d->pictures, octave)));
    RV_TRY(foresee(d, octave));
    RV_TRY(record(d, &work, octave));
    double begun = rv_clock_seconds();
    status = iterate(d, &work, octave);
    d->step_seconds += rv_clock_seconds() - begun;
    if (status == RV_OK)
        status = rv_pyramid_leave(&d->pictures);
done:
    rv_tiles_finish(&work.tiles);
    rv_recorder_finish(&work.recorder);
    return status;
}

// Whole pictures or tiles, octave by octave, and room for the largest of them.
static enum rv_status reserve(struct dream *d, const struct rv_weights *weights,
                              const struct rv_pyramid_sizes *sizes, struct rv_extent base) {
    enum rv_status status;
    struct rv_plan *any = NULL;
    struct rv_plan_request request = {.height = sizes->octave[0].height,
                                      .width = sizes->octave[0].width,
                                      .targets = d->targets,
                                      .target_count = d->target_count,
                                      .objective = d->params.objective,
                                      .border = border_of(&d->params),
                                      .pool_counts_padding = weights->pool_counts_padding,
                                      .fp16 = d->params.precision == RV_PRECISION_FP16};
    struct rv_network_sizes room = {.largest = rv_pyramid_largest(sizes, base),
                                    .iterations = d->params.iterations};
    struct rv_budget budget = rv_budget_of(d->device);
    RV_TRY(rv_plan_create(&request, &any));
    budget.fixed = rv_network_bytes(any, &room) + rv_pyramid_bytes(&d->params, sizes, base);
    RV_TRY(rv_budget_spend(&budget, d->device, &request, sizes->octave, sizes->count, d->tilings));
    for (uint32_t i = 0; i < sizes->count; i++) {
        const struct rv_tiling *t = &d->tilings[i];
        uint32_t tiles = t->x.count * t->y.count;
        d->work += t->flops * d->params.iterations;
        if (t->arena_bytes > room.arena_bytes)
            room.arena_bytes = t->arena_bytes;
        if (tiles > d->tiles)
            d->tiles = tiles;
        if (tiles > 1)
            rv_device_log(d->device, RV_LOG_INFO,
                          "octave %u, %u x %u pixels, is dreamed in %u x %u tiles of %u x %u",
                          i + 1, sizes->octave[i].width, sizes->octave[i].height, t->x.count,
                          t->y.count, t->x.tile, t->y.tile);
    }
    status = rv_network_reserve(&d->network, d->device, weights, any, &room);
done:
    free(any);
    return status;
}

static enum rv_status dream_all(struct dream *d, const rv_weights *weights,
                                const struct rv_picture *input, struct rv_picture *output) {
    enum rv_status status;
    struct rv_pyramid_sizes sizes;
    RV_TRY(rv_objective_parse(d->params.layers, d->targets, &d->target_count));
    RV_TRY(rv_objective_reach(d->targets, d->target_count, weights));
    RV_TRY(rv_pyramid_sizes(&d->params, (struct rv_extent){input->width, input->height}, &sizes));
    struct rv_extent base = {input->width, input->height};
    RV_TRY(reserve(d, weights, &sizes, base));
    struct rv_range scratch = {&d->network.gradient, 0, d->network.gradient_bytes};
    RV_TRY(rv_pyramid_init(&d->pictures, d->device, &d->params, input, &sizes, scratch));
    for (uint32_t i = 0; i < sizes.count && status == RV_OK; i++)
        status = dream_octave(d, i);
    if (status == RV_OK)
        status = rv_pyramid_result(&d->pictures, output);
    else if (status == RV_ERR_CANCELLED && rv_pyramid_result(&d->pictures, output) != RV_OK)
        status = RV_ERR_DEVICE_LOST;
done:
    return status;
}

enum rv_status rv_dream(rv_context *context, const rv_weights *weights,
                        const struct rv_picture *input, const struct rv_params *params,
                        rv_progress_fn progress, void *progress_user, struct rv_picture *output,
                        struct rv_dream_stats *stats) {
    if (output)
        *output = (struct rv_picture){0};
    if (stats)
        *stats = (struct rv_dream_stats){0};
    if (!context || !weights || !input || !input->pixels || !output)
        return rv_fail(RV_ERR_USAGE, "rv_dream needs a context, weights, a picture and an output");
    struct dream *d = calloc(1, sizeof *d);
    if (!d)
        return rv_fail(RV_ERR_NO_MEMORY, "out of host memory");
    d->device = context->device;
    d->progress = progress;
    d->progress_user = progress_user;
    d->started = rv_clock_seconds();
    d->device->peak_bytes = d->device->bytes;
    enum rv_status status = rv_params_resolve(params, &d->params);
    d->params.precision = rv_precision_of(context, d->params.precision);
    if (status == RV_OK)
        status = dream_all(d, weights, input, output);
    if (stats)
        *stats = (struct rv_dream_stats){.device_bytes = d->device->peak_bytes,
                                         .arena_bytes = d->network.arena.size,
                                         .flops = d->flops,
                                         .seconds = rv_clock_seconds() - d->started,
                                         .step_seconds = d->step_seconds,
                                         .start_seconds = d->start_seconds,
                                         .loss = d->loss,
                                         .tiles = d->tiles};
    rv_pyramid_finish(&d->pictures);
    rv_network_finish(&d->network);
    for (uint32_t i = 0; i < RV_OCTAVE_MAX; i++)
        rv_tiling_finish(&d->tilings[i]);
    free(d);
    return status;
}
