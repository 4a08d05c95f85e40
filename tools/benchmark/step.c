// One configuration: set up as a dream's octave is, replayed and timed.
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "bench.h"
#include "dream/objective.h"
#include "dream/pyramid.h"

enum rv_status bench_times_add(struct bench_times *times, double seconds) {
    if (times->count == times->capacity) {
        uint32_t capacity = times->capacity ? 2 * times->capacity : 64;
        double *list = realloc(times->seconds, capacity * sizeof *list);
        if (!list)
            return rv_fail(RV_ERR_NO_MEMORY, "out of host memory while timing");
        times->seconds = list;
        times->capacity = capacity;
    }
    times->seconds[times->count++] = seconds;
    return RV_OK;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_times_median(const struct bench_times *times) {
    uint32_t count = times->count;
    if (!count)
        return 0;
    qsort(times->seconds, count, sizeof *times->seconds, by_value);
    return (times->seconds[count / 2] + times->seconds[(count - 1) / 2]) / 2;
}

double bench_times_least(const struct bench_times *times) {
    double least = times->count ? times->seconds[0] : 0;
    for (uint32_t i = 1; i < times->count; i++)
        least = times->seconds[i] < least ? times->seconds[i] : least;
    return least;
}

void bench_times_finish(struct bench_times *times) {
    free(times->seconds);
    *times = (struct bench_times){0};
}

static enum rv_status make_plan(struct bench_step *s, const struct bench_options *options) {
    enum rv_status status;
    struct rv_target targets[RV_TARGET_MAX];
    RV_TRY(rv_objective_parse(options->layers, targets, &s->target_count));
    struct rv_plan_request request = {.height = s->size.height,
                                      .width = s->size.width,
                                      .targets = targets,
                                      .target_count = s->target_count,
                                      .objective = RV_OBJECTIVE_MEAN,
                                      .fp16 = s->precision == BENCH_FP16};
    RV_TRY(rv_plan_create(&request, &s->plan));
done:
    return status;
}

static enum rv_status upload_noise(struct bench_step *s, struct rv_device *device) {
    size_t count = (size_t)s->size.width * s->size.height * 3;
    struct rv_picture noise = {s->size.width, s->size.height, malloc(count * sizeof(float))};
    if (!noise.pixels)
        return rv_fail(RV_ERR_NO_MEMORY, "out of host memory for a picture");
    for (size_t i = 0; i < count; i++)
        noise.pixels[i] = (float)rv_hash_uniform(1, i);
    struct rv_range range = {&s->picture, 0, rv_image_bytes(s->size)};
    enum rv_status status = rv_picture_upload(device, &noise, range);
    free(noise.pixels);
    return status;
}

// With a timestamp after each of `profiled` dispatches, or, if that is 0, only after all.
static enum rv_status record(struct bench_step *s, struct rv_recorder *recorder,
                             uint32_t profiled) {
    enum rv_status status;
    struct rv_range picture = {&s->picture, 0, rv_image_bytes(s->size)};
    RV_TRY(rv_recorder_init(recorder, s->context->device, s->plan->step_count + 3));
    RV_TRY(profiled ? rv_recorder_profile(recorder, profiled) : rv_recorder_time(recorder));
    RV_TRY(rv_network_record(&s->network, s->plan, picture, recorder));
    RV_TRY(rv_network_ascend(&s->network, s->plan, picture, true, recorder));
    RV_TRY(rv_recorder_end(recorder));
done:
    return status;
}

static enum rv_status run_once(struct bench_step *s, struct rv_recorder *recorder) {
    enum rv_status status;
    struct rv_device *device = s->context->device;
    RV_TRY(rv_recorder_submit(recorder, NULL));
    RV_TRY(rv_device_wait(device, device->submitted));
done:
    return status;
}

enum rv_status bench_step_init(struct bench_step *step, const struct bench_options *options,
                               rv_context *context, const rv_weights *weights,
                               struct rv_extent size, enum bench_precision precision) {
    enum rv_status status;
    struct rv_device *device = context->device;
    *step = (struct bench_step){.size = size, .precision = precision, .context = context};
    device->peak_bytes = device->bytes;
    RV_TRY(make_plan(step, options));
    // The log has a line for every step, those that warm up and profile included.
    uint32_t lines = (options->steps + 2) * options->rounds + 2;
    RV_TRY(rv_network_init(&step->network, device, weights, &step->plan, 1, lines));
    RV_TRY(
        rv_buffer_init(device, &step->picture, rv_image_bytes(size), RV_MEMORY_DEVICE, "picture"));
    RV_TRY(upload_noise(step, device));
    *rv_network_control(&step->network) = (struct rv_control){.step = 0.01f,
                                                              .max_loss = 3e38f,
                                                              .targets = step->target_count,
                                                              .pixels = size.width * size.height};
    struct rv_range picture = {&step->picture, 0, rv_image_bytes(size)};
    RV_TRY(rv_network_tune(&step->network, step->plan, picture));
    RV_TRY(record(step, &step->recorder, 0));
    if (options->profile)
        RV_TRY(record(step, &step->profiler, step->recorder.dispatches));
    RV_TRY(run_once(step, &step->recorder)); // compiles on some drivers
    step->peak_bytes = device->peak_bytes;
done:
    return status;
}

enum rv_status bench_step_round(struct bench_step *step, uint32_t steps) {
    enum rv_status status;
    RV_TRY(run_once(step, &step->recorder));
    for (uint32_t i = 0; i < steps; i++) {
        double begun = rv_clock_seconds(), gpu;
        RV_TRY(run_once(step, &step->recorder));
        RV_TRY(bench_times_add(&step->wall, rv_clock_seconds() - begun));
        if (!step->recorder.queries)
            continue;
        RV_TRY(rv_recorder_times(&step->recorder, &gpu));
        RV_TRY(bench_times_add(&step->gpu, gpu));
    }
    if (step->profiler.device)
        RV_TRY(run_once(step, &step->profiler));
done:
    return status;
}

void bench_step_finish(struct bench_step *step) {
    rv_recorder_finish(&step->profiler);
    rv_recorder_finish(&step->recorder);
    if (step->context)
        rv_buffer_finish(step->context->device, &step->picture);
    rv_network_finish(&step->network);
    free(step->plan);
    bench_times_finish(&step->wall);
    bench_times_finish(&step->gpu);
    *step = (struct bench_step){0};
}
