// One octave of a session: its recordings, its iterations.
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "dream/jitter.h"
#include "dream/session.h"

// ------------------------------------------------------------------------------------------------
// Jitter

static struct rv_extent size_of(const struct rv_session *s) {
    return s->pictures.sizes.octave[s->octave];
}

// By how much the picture is rolled along an axis (0 = x), 0 <= jitter < size.
static int32_t jitter_of(const struct rv_session *s, uint32_t iteration, uint32_t axis) {
    struct rv_extent size = size_of(s);
    return rv_jitter(&s->params, s->octave, iteration, axis, axis ? size.height : size.width);
}

// The jitter of whole pictures is the kernels' work; tiles are cut from the rolled picture.
static void prepare_control(struct rv_session *s) {
    struct rv_extent size = size_of(s);
    struct rv_iteration *log = rv_network_log(&s->network);
    uint32_t next = s->work.done;
    bool rolled = s->params.jitter > 0 && rv_tiling_is_whole(&s->tilings[s->octave]);
    memset(log, 0, s->network.log_lines * sizeof *log);
    for (uint32_t i = 0; i < s->params.iterations && rolled; i++) {
        log[i].jitter_x = jitter_of(s, i, 0);
        log[i].jitter_y = jitter_of(s, i, 1);
    }
    *rv_network_control(&s->network) =
        (struct rv_control){.jitter_x = log[next].jitter_x,
                            .jitter_y = log[next].jitter_y,
                            .iteration = next,
                            .step = s->params.step,
                            .max_loss = s->params.max_loss < 0 ? INFINITY : s->params.max_loss,
                            .mean_abs = s->params.normalize == RV_NORMALIZE_MEAN_ABS,
                            .targets = s->target_count,
                            .pixels = size.width * size.height};
}

// ------------------------------------------------------------------------------------------------
// Recording

static enum rv_status record_close(struct rv_session *s, struct rv_recorder *recorder) {
    return rv_network_close(&s->network, size_of(s), rv_pyramid_current(&s->pictures, s->octave),
                            s->params.clip == RV_CLIP_STEP, recorder);
}

// All pipelines that the octave will want, compiled at once. A tile wants the same as another.
static enum rv_status foresee(struct rv_session *s) {
    struct rv_recorder foreseen;
    enum rv_status status;
    rv_recorder_foresee(&foreseen, s->device);
    RV_TRY(rv_network_record(&s->network, s->tilings[s->octave].plan,
                             rv_pyramid_current(&s->pictures, s->octave), &foreseen));
    RV_TRY(record_close(s, &foreseen));
    status = rv_pipelines_compile(s->device);
done:
    return status;
}

static enum rv_status record(struct rv_session *s) {
    const struct rv_tiling *tiling = &s->tilings[s->octave];
    struct rv_range picture = rv_pyramid_current(&s->pictures, s->octave);
    enum rv_status status;
    if (rv_tiling_is_whole(tiling)) {
        struct rv_slices_request request = {.network = &s->network,
                                            .plan = tiling->plan,
                                            .picture = picture,
                                            .gradient =
                                                rv_network_gradient(&s->network, tiling->plan),
                                            .most_flops = s->cut};
        RV_TRY(rv_slices_init(&s->work.slices, &request));
        RV_TRY(record_close(s, rv_slices_last(&s->work.slices)));
        return rv_slices_end(&s->work.slices);
    }
    uint32_t border = s->params.border > 0 ? (uint32_t)s->params.border : 0;
    RV_TRY(rv_tiles_init(&s->work.tiles, &s->network, tiling, border, s->cut, picture));
    RV_TRY(rv_recorder_init(&s->work.close, s->device, 3));
    RV_TRY(record_close(s, &s->work.close));
    status = rv_recorder_end(&s->work.close);
done:
    return status;
}

enum rv_status rv_octave_begin(struct rv_session *s) {
    enum rv_status status;
    uint32_t done = s->work.done;
    s->work = (struct rv_octave){.submitted = done, .done = done};
    prepare_control(s);
    RV_TRY(rv_network_tune(&s->network, s->tilings[s->octave].plan,
                           rv_pyramid_current(&s->pictures, s->octave)));
    RV_TRY(foresee(s));
    RV_TRY(record(s));
    s->work.begun = true;
    return RV_OK;
done:
    rv_octave_finish(s);
    return status;
}

void rv_octave_finish(struct rv_session *s) {
    rv_slices_finish(&s->work.slices);
    rv_tiles_finish(&s->work.tiles);
    rv_recorder_finish(&s->work.close);
    s->work = (struct rv_octave){.done = s->work.done};
}

enum rv_status rv_octave_drop(struct rv_session *s) {
    enum rv_status status = RV_OK;
    uint32_t octave = s->octave;
    RV_TRY(rv_device_wait(s->device, s->device->submitted));
    while (s->work.begun && s->octave == octave && s->work.done < s->work.submitted) {
        status = rv_octave_collect(s);
        if (status == RV_ERR_NUMERIC) // such steps leave the picture alone: as if they never were
            break;
        if (status != RV_ERR_CANCELLED)
            RV_TRY(status);
    }
    status = RV_OK;
    rv_octave_finish(s);
done:
    return status;
}

// ------------------------------------------------------------------------------------------------
// Iterations

enum rv_status rv_octave_report(struct rv_session *s, uint32_t iteration, float loss) {
    double seconds = rv_clock_seconds() - s->started, fraction = s->work_done / s->work_all;
    double left = -1;
    if (s->first_work > 0 && s->work_done > s->first_work)
        left = (seconds - s->first_seconds) / (s->work_done - s->first_work) *
               (s->work_all - s->work_done);
    if (s->first_work == 0 && iteration > 0) {
        s->first_work = s->work_done;
        s->first_seconds = seconds;
    }
    s->current = (struct rv_progress){.fraction = fraction < 1 ? fraction : 1,
                                      .octave = s->octave + 1,
                                      .octaves = s->pictures.sizes.count,
                                      .iteration = iteration,
                                      .iterations = s->params.iterations,
                                      .width = size_of(s).width,
                                      .height = size_of(s).height,
                                      .loss = loss,
                                      .seconds = seconds,
                                      .seconds_left = left};
    if (!s->progress || s->progress(s->progress_user, &s->current))
        return RV_OK;
    return rv_fail(RV_ERR_CANCELLED, "cancelled at step %u of octave %u", iteration, s->octave + 1);
}

bool rv_octave_can_submit(const struct rv_session *s) {
    const struct rv_octave *work = &s->work;
    // Tiles are worked on while they are submitted: nothing need be queued behind them.
    uint32_t ahead = s->queue_ahead && !work->tiles.tiling ? 2 : 1;
    return work->begun && work->submitted < s->params.iterations &&
           work->submitted - work->done < ahead;
}

double rv_octave_next_flops(const struct rv_session *s) {
    const struct rv_octave *work = &s->work;
    if (!work->tiles.tiling)
        return work->slices.list[work->slice].flops;
    return work->gradient_ready ? 0 : rv_tiles_next_flops(&work->tiles);
}

uint64_t rv_octave_next_value(const struct rv_session *s) {
    const struct rv_octave *work = &s->work;
    return work->tiles.tiling && !work->gradient_ready ? rv_tiles_next_value(&work->tiles) : 0;
}

static enum rv_status submit_slice(struct rv_session *s, bool *closed) {
    struct rv_octave *work = &s->work;
    enum rv_status status;
    RV_TRY(rv_recorder_submit(&work->slices.list[work->slice].recorder, NULL));
    work->slice = (work->slice + 1) % work->slices.count;
    *closed = work->slice == 0;
done:
    return status;
}

enum rv_status rv_octave_record(struct rv_session *s, VkCommandBuffer commands) {
    struct rv_octave *work = &s->work;
    const struct rv_slice_recording *slice = &work->slices.list[work->slice];
    const struct rv_plan *plan = s->tilings[s->octave].plan;
    enum rv_status status;
    RV_TRY(rv_recorder_wrap(&s->recorded, s->device, commands, slice->end - slice->first + 3));
    RV_TRY(rv_network_record_steps(&s->network, plan, slice->first, slice->end, NULL,
                                   rv_pyramid_current(&s->pictures, s->octave),
                                   rv_network_gradient(&s->network, plan), &s->recorded));
    if (slice->end == plan->step_count)
        RV_TRY(record_close(s, &s->recorded));
    rv_recorder_close(&s->recorded);
    work->slice = (work->slice + 1) % work->slices.count;
    if (work->slice == 0) // done when we are called again
        work->value[work->submitted++ % 2] = 0;
done:
    return status;
}

static enum rv_status submit_of_tiles(struct rv_session *s, bool *closed) {
    struct rv_octave *work = &s->work;
    if (work->gradient_ready) {
        enum rv_status status = rv_recorder_submit(&work->close, NULL);
        *closed = status == RV_OK;
        work->gradient_ready = !*closed;
        return status;
    }
    return rv_tiles_submit(&work->tiles, (uint32_t)jitter_of(s, work->submitted, 0),
                           (uint32_t)jitter_of(s, work->submitted, 1), &work->gradient_ready);
}

enum rv_status rv_octave_submit(struct rv_session *s) {
    struct rv_octave *work = &s->work;
    bool closed = false;
    enum rv_status status =
        work->tiles.tiling ? submit_of_tiles(s, &closed) : submit_slice(s, &closed);
    if (status == RV_OK && s->start_seconds == 0)
        s->start_seconds = rv_clock_seconds() - s->started;
    if (status == RV_OK && closed)
        work->value[work->submitted++ % 2] = s->device->submitted;
    return status;
}

static enum rv_status judge(const struct rv_session *s, const struct rv_iteration *line) {
    uint32_t iteration = s->work.done + 1, octave = s->octave + 1;
    if (line->stopped == RV_STOP_ZERO)
        return rv_fail(RV_ERR_NUMERIC,
                       "the gradient is zero at step %u of octave %u: nothing in this picture "
                       "excites the layers: choose others, or another picture",
                       iteration, octave);
    if (line->stopped == RV_STOP_NOT_FINITE)
        return rv_fail(RV_ERR_NUMERIC,
                       "the gradient is not finite at step %u of octave %u: use a smaller step, "
                       "other layers%s",
                       iteration, octave,
                       s->params.precision == RV_PRECISION_FP16 ? ", or --precision fp32" : "");
    return RV_OK;
}

enum rv_status rv_octave_leave(struct rv_session *s) {
    enum rv_status status = RV_OK;
    if (s->octave + 1 == s->pictures.sizes.count)
        RV_TRY(rv_pyramid_close(&s->pictures));
    s->work.done = 0;
    s->octave++;
done:
    return status;
}

enum rv_status rv_octave_collect(struct rv_session *s) {
    struct rv_octave *work = &s->work;
    enum rv_status status;
    const struct rv_iteration *line = &rv_network_log(&s->network)[work->done];
    RV_TRY(rv_device_wait(s->device, work->value[work->done % 2]));
    RV_TRY(judge(s, line));
    double flops = s->tilings[s->octave].flops;
    bool last = work->done + 1 == s->params.iterations || line->stopped == RV_STOP_LOSS;
    s->flops += flops;
    s->work_done += (last ? s->params.iterations - work->done : 1) * flops;
    s->loss = line->loss;
    work->done++;
    enum rv_status told = rv_octave_report(s, work->done, line->loss);
    if (last) {
        RV_TRY(rv_device_wait(s->device, s->device->submitted));
        work->done = s->params.iterations; // should what follows have to be tried again
        rv_octave_finish(s);
        RV_TRY(rv_octave_leave(s));
    }
    status = told;
done:
    return status;
}
