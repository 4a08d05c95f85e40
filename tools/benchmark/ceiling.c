// What the device reaches when it does one thing only.
#include <stdio.h>

#include "base/clock.h"
#include "bench.h"

#define ENOUGH_SECONDS 0.05 // that a timed run must take, so that starting it does not count
#define REPEATS 5           // runs, of which the fastest counts
#define COPY_BYTES (256u << 20)
#define EMPTY_DISPATCHES 256

// A recording that is run for its time.
struct trial {
    struct rv_device *device;
    struct rv_recorder recorder;
};

static enum rv_status run(struct trial *trial, double *seconds) {
    enum rv_status status;
    double begun = rv_clock_seconds();
    RV_TRY(rv_recorder_submit(&trial->recorder, NULL));
    RV_TRY(rv_device_wait(trial->device, trial->device->submitted));
    *seconds = rv_clock_seconds() - begun;
    if (trial->recorder.queries)
        RV_TRY(rv_recorder_times(&trial->recorder, seconds));
done:
    return status;
}

// Records `count` times one dispatch, ends, runs it once and then REPEATS times for *least.
static enum rv_status time_dispatches(struct rv_device *device, const struct rv_dispatch *dispatch,
                                      uint32_t count, uint32_t repeats, double *least) {
    enum rv_status status;
    struct trial trial = {.device = device};
    double seconds;
    RV_TRY(rv_recorder_init(&trial.recorder, device, count));
    RV_TRY(rv_recorder_time(&trial.recorder));
    for (uint32_t i = 0; i < count; i++)
        RV_TRY(rv_record_dispatch(&trial.recorder, dispatch));
    RV_TRY(rv_recorder_end(&trial.recorder));
    RV_TRY(run(&trial, &seconds)); // compiles, touches memory
    *least = 1e30;
    for (uint32_t i = 0; i < repeats; i++) {
        RV_TRY(run(&trial, &seconds));
        if (seconds < *least)
            *least = seconds;
    }
done:
    rv_recorder_finish(&trial.recorder);
    return status;
}

// Multiply-adds with that many independent vec4s; *gflops becomes larger or stays.
static enum rv_status try_multiply_add(struct rv_device *device, const struct rv_buffer *result,
                                       uint32_t accumulators, double *gflops) {
    enum { INVOCATIONS = 128, REPEAT = 16 };
    enum rv_status status = RV_OK;
    struct {
        uint32_t rounds;
        float factor, term, never;
    } push = {4, 0.5f, 1, -1};
    char name[32];
    snprintf(name, sizeof name, "bench_multiply_add_%u", accumulators);
    struct rv_binding binding = {.access = RV_WRITE, .range = {result, 0, result->size}};
    struct rv_dispatch dispatch = {
        .shader = name,
        .label = name,
        .push = &push,
        .push_size = sizeof push,
        .bindings = &binding,
        .binding_count = 1,
        .groups = {device->limits.profile == RV_PROFILE_CPU ? 64 : 8192, 1, 1}};
    double seconds;
    for (;; push.rounds *= 2) {
        RV_TRY(time_dispatches(device, &dispatch, 1, 1, &seconds));
        if (seconds > ENOUGH_SECONDS || push.rounds > 1u << 24)
            break;
    }
    RV_TRY(time_dispatches(device, &dispatch, 1, REPEATS, &seconds));
    double flops = 2.0 * 4 * accumulators * REPEAT * push.rounds * INVOCATIONS * dispatch.groups[0];
    if (flops / seconds * 1e-9 > *gflops)
        *gflops = flops / seconds * 1e-9;
done:
    return status;
}

static enum rv_status try_copy(struct rv_device *device, const struct rv_buffer *from,
                               const struct rv_buffer *to, bool texel, double *gbytes) {
    enum rv_status status;
    uint32_t stride = (uint32_t)(from->size / 64);
    uint32_t groups = (stride + 127) / 128;
    if ((texel && device->limits.texel_bytes < from->size) || groups > device->limits.group_count)
        return RV_OK;
    struct rv_binding bindings[2] = {{0, RV_WRITE, {to, 0, to->size}, false},
                                     {texel ? 8 : 1, RV_READ, {from, 0, from->size}, false}};
    const char *name = texel ? "bench_copy_texel" : "bench_copy";
    struct rv_dispatch dispatch = {.shader = name,
                                   .label = name,
                                   .push = &stride,
                                   .push_size = sizeof stride,
                                   .bindings = bindings,
                                   .binding_count = 2,
                                   .groups = {groups, 1, 1}};
    double seconds;
    RV_TRY(time_dispatches(device, &dispatch, 1, REPEATS, &seconds));
    if (2 * (double)from->size / seconds * 1e-9 > *gbytes)
        *gbytes = 2 * (double)from->size / seconds * 1e-9;
done:
    return status;
}

// Buffers as large as one kernel may see, so that no cache holds them.
static enum rv_status measure_copy(struct rv_device *device, double *gbytes) {
    enum rv_status status;
    struct rv_buffer from = {0}, to = {0};
    uint64_t size = device->limits.storage_range / 256 * 256;
    if (size > COPY_BYTES)
        size = COPY_BYTES;
    RV_TRY(rv_buffer_init(device, &from, size, RV_MEMORY_DEVICE, "buffer to copy from"));
    RV_TRY(rv_buffer_init(device, &to, size, RV_MEMORY_DEVICE, "buffer to copy to"));
    RV_TRY(try_copy(device, &from, &to, false, gbytes));
    RV_TRY(try_copy(device, &from, &to, true, gbytes));
done:
    rv_buffer_finish(device, &from);
    rv_buffer_finish(device, &to);
    return status;
}

static enum rv_status measure_empty(struct rv_device *device, const struct rv_buffer *counter,
                                    double *dispatch_seconds) {
    enum rv_status status;
    struct rv_binding binding = {.access = RV_READ_WRITE, .range = {counter, 0, counter->size}};
    struct rv_dispatch dispatch = {.shader = "bench_empty",
                                   .label = "empty",
                                   .bindings = &binding,
                                   .binding_count = 1,
                                   .groups = {1, 1, 1}};
    double seconds;
    RV_TRY(time_dispatches(device, &dispatch, EMPTY_DISPATCHES, REPEATS, &seconds));
    *dispatch_seconds = seconds / EMPTY_DISPATCHES;
done:
    return status;
}

enum rv_status bench_ceilings(struct rv_device *device, struct bench_ceilings *ceilings) {
    enum rv_status status;
    struct rv_buffer small = {0};
    *ceilings = (struct bench_ceilings){0};
    RV_TRY(rv_buffer_init(device, &small, 256, RV_MEMORY_DEVICE, "benchmark's result"));
    for (uint32_t accumulators = 2; accumulators <= 4; accumulators++)
        RV_TRY(try_multiply_add(device, &small, accumulators, &ceilings->gflops));
    RV_TRY(measure_copy(device, &ceilings->gbytes));
    RV_TRY(measure_empty(device, &small, &ceilings->dispatch_seconds));
done:
    rv_buffer_finish(device, &small);
    return status;
}
