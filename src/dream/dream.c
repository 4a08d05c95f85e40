// A dream from the first octave to the last.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "dream/context.h"
#include "dream/network.h"
#include "dream/objective.h"
#include "dream/pyramid.h"

struct dream {
    struct rv_device *device;
    struct rv_params params;
    struct rv_target targets[RV_TARGET_MAX];
    uint32_t target_count;
    struct rv_plan *plans[RV_OCTAVE_MAX];
    struct rv_network network;
    struct rv_pyramid_pictures pictures;
    rv_progress_fn progress;
    void *progress_user;
    double started, start_seconds, step_seconds; // start: until the first step was submitted
    double first_seconds, first_work; // after the first step, which also warms the driver up
    double flops, work, work_done; // operations done; the whole job's, those behind us or skipped
    float loss;
};

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

static void prepare_control(struct dream *d, uint32_t octave) {
    struct rv_extent size = d->pictures.sizes.octave[octave];
    struct rv_iteration *log = rv_network_log(&d->network);
    memset(log, 0, d->network.log_lines * sizeof *log);
    for (uint32_t i = 0; i < d->params.iterations && d->params.jitter > 0; i++) {
        log[i].jitter_x = wrapped(draw(d->params.seed, octave, i, 0, d->params.jitter), size.width);
        log[i].jitter_y =
            wrapped(draw(d->params.seed, octave, i, 1, d->params.jitter), size.height);
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

static enum rv_status submit(struct dream *d, struct rv_recorder *recorder) {
    enum rv_status status = rv_recorder_submit(recorder, NULL);
    if (d->start_seconds == 0)
        d->start_seconds = rv_clock_seconds() - d->started;
    return status;
}

// Replays the recorded iteration. One submission is always queued behind the one that runs, so that
// the device never waits for the host.
static enum rv_status iterate(struct dream *d, struct rv_recorder *recorder, uint32_t octave) {
    enum rv_status status = RV_OK;
    const struct rv_iteration *log = rv_network_log(&d->network);
    uint32_t count = d->params.iterations, submitted = 0;
    uint64_t first = d->device->submitted + 1;
    for (uint32_t i = 0; i < count; i++) {
        for (; submitted < count && submitted < i + 2; submitted++)
            RV_TRY(submit(d, recorder));
        RV_TRY(rv_device_wait(d->device, first + i));
        RV_TRY(judge(d, &log[i], i, octave));
        bool last = i + 1 == count || log[i].stopped == RV_STOP_LOSS;
        d->flops += d->plans[octave]->flops;
        d->work_done += (last ? count - i : 1) * d->plans[octave]->flops;
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

static enum rv_status record(struct dream *d, uint32_t octave, struct rv_recorder *recorder) {
    enum rv_status status;
    struct rv_range picture = d->pictures.current;
    picture.size = rv_image_bytes(d->pictures.sizes.octave[octave]);
    RV_TRY(rv_network_record(&d->network, d->plans[octave], picture, recorder));
    RV_TRY(rv_network_ascend(&d->network, d->plans[octave], picture, d->params.clip == RV_CLIP_STEP,
                             recorder));
done:
    return status;
}

static enum rv_status dream_octave(struct dream *d, uint32_t octave) {
    enum rv_status status;
    struct rv_plan *plan = d->plans[octave];
    struct rv_recorder recorder = {0}, foreseen;
    RV_TRY(rv_pyramid_enter(&d->pictures, octave));
    RV_TRY(report(d, octave, 0, NAN));
    prepare_control(d, octave);
    rv_recorder_foresee(&foreseen, d->device);
    RV_TRY(record(d, octave, &foreseen));
    RV_TRY(rv_pipelines_compile(d->device));
    RV_TRY(rv_recorder_init(&recorder, d->device, plan->step_count + 3));
    RV_TRY(record(d, octave, &recorder));
    RV_TRY(rv_recorder_end(&recorder));
    double begun = rv_clock_seconds();
    status = iterate(d, &recorder, octave);
    d->step_seconds += rv_clock_seconds() - begun;
    if (status == RV_OK)
        status = rv_pyramid_leave(&d->pictures);
done:
    rv_recorder_finish(&recorder);
    return status;
}

static enum rv_status plan_octaves(struct dream *d, const struct rv_weights *weights,
                                   const struct rv_pyramid_sizes *sizes) {
    for (uint32_t i = 0; i < sizes->count; i++) {
        struct rv_plan_request request = {.height = sizes->octave[i].height,
                                          .width = sizes->octave[i].width,
                                          .targets = d->targets,
                                          .target_count = d->target_count,
                                          .objective = d->params.objective,
                                          .border =
                                              d->params.border > 0 ? (uint32_t)d->params.border : 0,
                                          .pool_counts_padding = weights->pool_counts_padding,
                                          .fp16 = d->params.precision == RV_PRECISION_FP16};
        enum rv_status status = rv_plan_create(&request, &d->plans[i]);
        if (status != RV_OK)
            return status;
        d->work += d->plans[i]->flops * d->params.iterations;
    }
    return RV_OK;
}

static enum rv_status dream_all(struct dream *d, const rv_weights *weights,
                                const struct rv_picture *input, struct rv_picture *output) {
    enum rv_status status;
    struct rv_pyramid_sizes sizes;
    RV_TRY(rv_objective_parse(d->params.layers, d->targets, &d->target_count));
    RV_TRY(rv_objective_reach(d->targets, d->target_count, weights));
    RV_TRY(rv_pyramid_sizes(&d->params, (struct rv_extent){input->width, input->height}, &sizes));
    RV_TRY(plan_octaves(d, weights, &sizes));
    RV_TRY(rv_network_init(&d->network, d->device, weights, d->plans, sizes.count,
                           d->params.iterations));
    RV_TRY(rv_pyramid_init(&d->pictures, d->device, &d->params, input, &sizes));
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
                                         .loss = d->loss};
    rv_pyramid_finish(&d->pictures);
    rv_network_finish(&d->network);
    for (uint32_t i = 0; i < RV_OCTAVE_MAX; i++)
        free(d->plans[i]);
    free(d);
    return status;
}
