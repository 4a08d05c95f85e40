#include "support/flow_rig.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "support/reference.h"

#define GUARD 1024

static uint64_t whole(uint64_t bytes) {
    return (bytes + 255) / 256 * 256;
}

struct rv_tensor rv_tensor_make(struct rv_device *device, uint64_t bytes) {
    struct rv_tensor t = {.bytes = whole(bytes)};
    cr_assert_eq(rv_buffer_init(device, &t.buffer, t.bytes + GUARD, RV_MEMORY_HOST, "tensor"),
                 RV_OK, "%s", rv_error_text());
    float *values = t.buffer.mapped;
    for (uint64_t i = 0; i < t.buffer.size / 4; i++)
        values[i] = NAN;
    return t;
}

void rv_tensor_finish(struct rv_device *device, struct rv_tensor *t, size_t items) {
    const float *values = t->buffer.mapped;
    size_t wrong = 0;
    for (uint64_t i = items; i < t->buffer.size / 4; i++)
        wrong += !isnan(values[i]);
    cr_expect(wrong == 0, "%zu floats behind the end were written", wrong);
    rv_buffer_finish(device, &t->buffer);
}

struct rv_range rv_tensor_range(const struct rv_tensor *t) {
    return (struct rv_range){&t->buffer, 0, t->bytes};
}

struct rv_tensor rv_tensor_picture(struct rv_device *device, uint32_t height, uint32_t width,
                                   const double *values) {
    size_t pixels = (size_t)height * width;
    struct rv_tensor t = rv_tensor_make(device, pixels * 16);
    float *to = t.buffer.mapped;
    for (size_t i = 0; i < pixels * 4; i++)
        to[i] = i % 4 == 3 ? 0 : (float)values[i / 4 * 3 + i % 4];
    return t;
}

double *rv_tensor_read(const struct rv_tensor *t, size_t pixels) {
    const float *from = t->buffer.mapped;
    double *values = malloc(pixels * 3 * sizeof *values);
    for (size_t i = 0; i < pixels * 3; i++)
        values[i] = from[i / 3 * 4 + i % 3];
    return values;
}

double *rv_flow_noise(uint64_t seed, size_t count, double scale) {
    double *values = malloc(count * sizeof *values);
    for (size_t i = 0; i < count; i++) // as the device will see them
        values[i] = (float)(scale * (2 * (double)rv_ref_uniform(seed, i) - 1));
    return values;
}

struct rv_flow_rig rv_flow_rig_begin(struct rv_device *device, uint32_t height, uint32_t width,
                                     uint32_t most, const double *before, const double *now) {
    struct rv_flow_rig rig = {.device = device,
                              .plan = rv_flow_plan((struct rv_extent){width, height}, most)};
    rig.before_picture = rv_tensor_picture(device, height, width, before);
    rig.now_picture = rv_tensor_picture(device, height, width, now);
    rig.before = rv_tensor_make(device, rig.plan.grey_bytes);
    rig.now = rv_tensor_make(device, rig.plan.grey_bytes);
    rig.flow = rv_tensor_make(device, rig.plan.flow_bytes);
    rig.terms = rv_tensor_make(device, rig.plan.terms_bytes);
    rig.window = rv_tensor_make(device, rig.plan.terms_bytes);
    rig.motion = rv_tensor_make(device, rig.plan.motion_bytes);
    rig.sums = rv_tensor_make(device, rig.plan.sums_bytes);
    rig.carry = rv_tensor_make(device, 256);
    *(struct rv_carry *)rig.carry.buffer.mapped = (struct rv_carry){.scene_cut = 0.6f};
    rig.flow_height = rig.plan.size[rig.plan.finest].height;
    rig.flow_width = rig.plan.size[rig.plan.finest].width;
    return rig;
}

void rv_flow_rig_run(struct rv_flow_rig *rig) {
    struct rv_recorder recorder;
    struct rv_flow_op flow = {.plan = &rig->plan,
                              .before = rv_tensor_range(&rig->before),
                              .now = rv_tensor_range(&rig->now),
                              .flow = rv_tensor_range(&rig->flow),
                              .terms = rv_tensor_range(&rig->terms),
                              .window = rv_tensor_range(&rig->window)};
    struct rv_check_op check = {.plan = &rig->plan,
                                .before = flow.before,
                                .now = flow.now,
                                .motion = rv_tensor_range(&rig->motion),
                                .sums = rv_tensor_range(&rig->sums),
                                .carry = rv_tensor_range(&rig->carry)};
    enum rv_status status;
    RV_TRY(rv_recorder_init(&recorder, rig->device, 64));
    RV_TRY(rv_op_grey(&recorder, &rig->plan, rv_tensor_range(&rig->before_picture), flow.before));
    RV_TRY(rv_op_grey(&recorder, &rig->plan, rv_tensor_range(&rig->now_picture), flow.now));
    if (!rig->no_flow) {
        RV_TRY(rv_op_flow(&recorder, &flow));
        check.flow = flow.flow;
    }
    RV_TRY(rv_op_check(&recorder, &check));
    status = rv_recorder_run(&recorder);
done:
    cr_assert_eq(status, RV_OK, "%s", rv_error_text());
    rv_recorder_finish(&recorder);
}

const struct rv_carry *rv_flow_rig_carry(const struct rv_flow_rig *rig) {
    return rig->carry.buffer.mapped;
}

const float *rv_flow_rig_motion(const struct rv_flow_rig *rig, size_t pixel) {
    return (const float *)rig->motion.buffer.mapped + pixel * 4;
}

void rv_flow_rig_end(struct rv_flow_rig *rig) {
    size_t pixels = (size_t)rig->flow_height * rig->flow_width, level = rig->plan.levels - 1;
    struct rv_extent last = rig->plan.size[level];
    size_t greys = rig->plan.grey[level] / 4 + (size_t)last.width * last.height;
    size_t flows = rig->plan.flow[level] / 4 + (size_t)last.width * last.height * 4;
    rv_tensor_finish(rig->device, &rig->before_picture, rig->before_picture.bytes / 4);
    rv_tensor_finish(rig->device, &rig->now_picture, rig->now_picture.bytes / 4);
    rv_tensor_finish(rig->device, &rig->before, greys);
    rv_tensor_finish(rig->device, &rig->now, greys);
    rv_tensor_finish(rig->device, &rig->flow, rig->no_flow ? 0 : flows);
    rv_tensor_finish(rig->device, &rig->terms, rig->no_flow ? 0 : pixels * 16);
    rv_tensor_finish(rig->device, &rig->window, rig->no_flow ? 0 : pixels * 16);
    rv_tensor_finish(rig->device, &rig->motion, pixels * 4);
    rv_tensor_finish(rig->device, &rig->sums, rig->plan.sums_bytes / 4);
    rv_tensor_finish(rig->device, &rig->carry, sizeof(struct rv_carry) / 4);
}
