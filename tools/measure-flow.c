// The optical flow of live dreaming, alone: for comparisons with other flows.
//   build/tools/measure-flow WIDTH HEIGHT < FRAMES > FLOW
// FRAMES: raw RGB, 8 bits a channel. FLOW, for every frame but the first: for every pixel x, y, and
// 1 where the frame before explains it, else 0 (float32), of the flow back to the frame before, at
// the size at which it is computed, which is printed on standard error, with the mean time.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "dream/context.h"
#include "ops/flow.h"

struct measure {
    rv_context *context;
    struct rv_device *device;
    struct rv_flow_plan plan;
    struct rv_buffer picture, before, now, flow, terms, window, motion, sums, carry;
    struct rv_recorder recorder;
};

static struct rv_range all_of(const struct rv_buffer *buffer) {
    return (struct rv_range){buffer, 0, buffer->size};
}

static enum rv_status begin(struct measure *m, uint32_t width, uint32_t height) {
    enum rv_status status;
    RV_TRY(rv_context_create(NULL, &m->context));
    struct rv_device *device = m->device = m->context->device;
    m->plan = rv_flow_plan((struct rv_extent){width, height}, rv_flow_most(device));
    const struct {
        struct rv_buffer *buffer;
        uint64_t bytes;
        enum rv_memory_kind kind;
    } buffers[] = {
        {&m->picture, rv_image_bytes(m->plan.size[0]), RV_MEMORY_HOST},
        {&m->before, m->plan.grey_bytes, RV_MEMORY_DEVICE},
        {&m->now, m->plan.grey_bytes, RV_MEMORY_DEVICE},
        {&m->flow, m->plan.flow_bytes, RV_MEMORY_DEVICE},
        {&m->terms, m->plan.terms_bytes, RV_MEMORY_DEVICE},
        {&m->window, m->plan.terms_bytes, RV_MEMORY_DEVICE},
        {&m->motion, m->plan.motion_bytes, RV_MEMORY_HOST},
        {&m->sums, m->plan.sums_bytes, RV_MEMORY_DEVICE},
        {&m->carry, 256, RV_MEMORY_HOST},
    };
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        RV_TRY(
            rv_buffer_init(device, buffers[i].buffer, buffers[i].bytes, buffers[i].kind, "flow"));
    struct rv_flow_op flow = {.plan = &m->plan,
                              .before = all_of(&m->before),
                              .now = all_of(&m->now),
                              .flow = all_of(&m->flow),
                              .terms = all_of(&m->terms),
                              .window = all_of(&m->window)};
    struct rv_check_op check = {.plan = &m->plan,
                                .before = flow.before,
                                .now = flow.now,
                                .flow = flow.flow,
                                .motion = all_of(&m->motion),
                                .sums = all_of(&m->sums),
                                .carry = all_of(&m->carry)};
    RV_TRY(rv_recorder_init(&m->recorder, device, 100));
    RV_TRY(rv_record_copy(&m->recorder, flow.now, flow.before));
    RV_TRY(rv_op_grey(&m->recorder, &m->plan, all_of(&m->picture), flow.now));
    RV_TRY(rv_op_flow(&m->recorder, &flow));
    RV_TRY(rv_op_check(&m->recorder, &check));
    status = rv_recorder_end(&m->recorder);
done:
    return status;
}

static void end(struct measure *m) {
    if (m->device) {
        struct rv_buffer *buffers[] = {&m->picture, &m->before, &m->now,  &m->flow, &m->terms,
                                       &m->window,  &m->motion, &m->sums, &m->carry};
        rv_recorder_finish(&m->recorder);
        for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
            rv_buffer_finish(m->device, buffers[i]);
    }
    rv_context_destroy(&m->context);
}

static enum rv_status run(struct measure *m, double *seconds) {
    enum rv_status status;
    uint64_t value;
    double begun = rv_clock_seconds();
    RV_TRY(rv_recorder_submit(&m->recorder, &value));
    RV_TRY(rv_device_wait(m->device, value));
    *seconds += rv_clock_seconds() - begun;
done:
    return status;
}

static enum rv_status measure(struct measure *m, uint8_t *frame, size_t pixels) {
    enum rv_status status = RV_OK;
    struct rv_extent size = m->plan.size[m->plan.finest];
    uint32_t frames = 0;
    double seconds = 0;
    for (; fread(frame, 3, pixels, stdin) == pixels; frames++) {
        float *picture = m->picture.mapped;
        for (size_t i = 0; i < pixels * 4; i++)
            picture[i] = i % 4 == 3 ? 0 : (float)frame[i / 4 * 3 + i % 4] / 127.5f - 1;
        if (frames == 1)
            seconds = 0; // the first one warms up
        RV_TRY(run(m, &seconds));
        const float *motion = m->motion.mapped;
        for (size_t i = 0; frames > 0 && i < (size_t)size.width * size.height; i++)
            if (fwrite(motion + i * 4, sizeof *motion, 3, stdout) != 3)
                return rv_fail(RV_ERR_IO, "cannot write to standard output");
    }
    fprintf(stderr, "%u x %u, %u frames, %.2f ms each\n", size.width, size.height, frames,
            frames > 1 ? 1e3 * seconds / (frames - 1) : 0.0);
done:
    return status;
}

int main(int argc, char **argv) {
    struct measure m = {0};
    uint32_t width = argc == 3 ? (uint32_t)strtoul(argv[1], NULL, 10) : 0;
    uint32_t height = argc == 3 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0;
    size_t pixels = (size_t)width * height;
    if (!pixels || width > 16384 || height > 16384) {
        fprintf(stderr, "usage: measure-flow WIDTH HEIGHT < FRAMES > FLOW\n");
        return 2;
    }
    uint8_t *frame = malloc(pixels * 3);
    enum rv_status status =
        frame ? begin(&m, width, height) : rv_fail(RV_ERR_NO_MEMORY, "out of host memory");
    if (status == RV_OK)
        status = measure(&m, frame, pixels);
    if (status != RV_OK)
        fprintf(stderr, "measure-flow: %s\n", rv_error_text());
    end(&m);
    free(frame);
    return status == RV_OK ? 0 : 1;
}
