// Steps by Adam on the device, by schedule and of a strength.
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dream/ascent.h"
#include "support/device.h"
#include "support/ops_harness.h"
#include "support/reference_ascent.h"

#define ADAM_STEPS 12

static const struct adam_case {
    const char *name;
    uint32_t height, width, first; // the latter: iteration before which there are no moments
    float strength;
    enum rv_schedule schedule;
} adam_cases[] = {
    {"Adam", 9, 11, 0, 0, RV_SCHEDULE_CONSTANT},
    {"Adam, on a schedule", 17, 16, 0, 0, RV_SCHEDULE_COSINE},
    {"Adam, from the third iteration", 8, 33, 2, 0, RV_SCHEDULE_LINEAR},
    {"Adam of a strength", 5, 67, 0, 2, RV_SCHEDULE_LINEAR},
    {"Adam, more pixels than partial sums", 70, 75, 1, 3, RV_SCHEDULE_CONSTANT},
};

struct adam_run {
    const struct adam_case *c;
    uint32_t picture, mean, square, control, log, losses, partials, gradient[ADAM_STEPS];
    double *g[ADAM_STEPS];
};

static enum rv_status record_adam(void *user, struct rv_ops *ops, struct rv_recorder *recorder) {
    const struct adam_run *run = user;
    enum rv_status status = RV_OK;
    for (uint32_t i = run->c->first; i < ADAM_STEPS && status == RV_OK; i++) {
        struct rv_ascend_op op = {.size = {run->c->width, run->c->height},
                                  .picture = rv_ops_range(ops, run->picture),
                                  .gradient = rv_ops_range(ops, run->gradient[i]),
                                  .control = rv_ops_range(ops, run->control),
                                  .log = rv_ops_range(ops, run->log),
                                  .losses = rv_ops_range(ops, run->losses),
                                  .partials = rv_ops_range(ops, run->partials),
                                  .mean = rv_ops_range(ops, run->mean),
                                  .square = rv_ops_range(ops, run->square),
                                  .strength = run->c->strength > 0};
        status = rv_op_ascend(recorder, &op);
    }
    return status;
}

// As the dream fills them in.
static void fill_adam(struct rv_ops *ops, const struct adam_run *run) {
    const struct adam_case *c = run->c;
    struct rv_params params = {.optimizer = RV_OPTIMIZER_ADAM,
                               .normalize = RV_NORMALIZE_STANDARD,
                               .iterations = ADAM_STEPS,
                               .step = 0.05f,
                               .strength = c->strength > 0 ? c->strength : RV_OFF,
                               .max_loss = -1,
                               .max_strength = -1,
                               .schedule = c->schedule};
    struct rv_control control = {
        .iteration = c->first, .targets = 1, .pixels = c->height * c->width};
    struct rv_iteration log[ADAM_STEPS + 1];
    struct rv_ascent ascent = {0};
    memset(log, 0, sizeof log);
    rv_ascent_control(&ascent, &params, c->first, &control, log);
    memcpy(rv_ops_bytes(ops, run->control), &control, sizeof control);
    memcpy(rv_ops_bytes(ops, run->log), log, sizeof log);
    memset(rv_ops_bytes(ops, run->losses), 0, sizeof(float));
}

// The picture after all steps.
static void expect_adam(const struct adam_run *run, double *picture) {
    const struct adam_case *c = run->c;
    size_t count = (size_t)c->height * c->width * 3;
    struct rv_ref_adam adam = {.mean = calloc(count, 8), .square = calloc(count, 8)};
    double *step = malloc(count * sizeof *step);
    for (uint32_t i = c->first; i < ADAM_STEPS; i++) {
        struct rv_ref_statistics s = rv_ref_statistics(count, run->g[i]);
        for (size_t k = 0; k < count; k++)
            step[k] = (run->g[i][k] - s.mean) / (s.std + 1e-8);
        rv_ref_adam_step(&adam, count, step, step);
        double sum = 0, way = (double)i / (ADAM_STEPS - 1), rate = 1;
        for (size_t k = 0; k < count; k++)
            sum += step[k] * step[k];
        if (c->schedule == RV_SCHEDULE_LINEAR)
            rate = 1 - 0.9 * way;
        if (c->schedule == RV_SCHEDULE_COSINE)
            rate = 0.55 + 0.45 * cos(acos(-1) * way);
        double length = c->strength > 0 ? (double)c->strength / 127.5 / sqrt(sum / (double)count)
                                        : (double)0.05f;
        for (size_t k = 0; k < count; k++)
            picture[k] += rate * length * step[k];
    }
    free(adam.mean);
    free(adam.square);
    free(step);
}

static void check_adam(struct rv_device *device, const struct adam_case *c) {
    struct rv_ops ops;
    struct adam_run run = {.c = c};
    rv_ops_begin(&ops, device, "%s", c->name);
    run.picture = rv_ops_tensor(&ops, RV_TENSOR_PIXELS, c->height, c->width, 3);
    run.mean = rv_ops_tensor(&ops, RV_TENSOR_PIXELS, c->height, c->width, 3);
    run.square = rv_ops_tensor(&ops, RV_TENSOR_PIXELS, c->height, c->width, 3);
    run.control = rv_ops_tensor(&ops, RV_TENSOR_LINES, 1, 1, sizeof(struct rv_control) / 4);
    run.log = rv_ops_tensor(&ops, RV_TENSOR_LINES, 1, 1,
                            (ADAM_STEPS + 1) * sizeof(struct rv_iteration) / 4);
    run.losses = rv_ops_tensor(&ops, RV_TENSOR_LINES, 1, 1, 1);
    run.partials = rv_ops_tensor(&ops, RV_TENSOR_LINES, 1, 1, 4 * RV_GRADIENT_PARTIALS);
    for (uint32_t i = 0; i < ADAM_STEPS; i++) {
        run.gradient[i] = rv_ops_tensor(&ops, RV_TENSOR_PIXELS, c->height, c->width, 3);
        run.g[i] = rv_ops_noise(&ops, run.gradient[i], 10 + i);
    }
    double *picture = rv_ops_noise(&ops, run.picture, 1);
    fill_adam(&ops, &run);
    rv_ops_run(&ops, record_adam, &run);
    expect_adam(&run, picture);
    rv_ops_check(&ops, run.picture, 0, 3, picture, 2e-5, 1e-5);
    // What the steps leave behind.
    free(rv_ops_values(&ops, run.mean, 0, 3));
    free(rv_ops_values(&ops, run.square, 0, 3));
    free(rv_ops_values(&ops, run.control, 0, sizeof(struct rv_control) / 4));
    free(rv_ops_values(&ops, run.log, 0, (ADAM_STEPS + 1) * sizeof(struct rv_iteration) / 4));
    free(rv_ops_values(&ops, run.partials, 0, 4 * RV_GRADIENT_PARTIALS));
    for (uint32_t i = 0; i < ADAM_STEPS; i++) {
        free(rv_ops_values(&ops, run.gradient[i], 0, 3));
        free(run.g[i]);
    }
    rv_ops_end(&ops);
    free(picture);
}

Test(ops_adam, steps) {
    rv_context *context = rv_test_context();
    struct rv_limits limits = context->device->limits;
    for (size_t i = 0; i < sizeof adam_cases / sizeof *adam_cases; i++) {
        check_adam(context->device, &adam_cases[i]);
        context->device->limits.storage_range = 16 * RV_GRADIENT_PARTIALS;
        check_adam(context->device, &adam_cases[i]);
        context->device->limits = limits;
    }
    rv_test_context_end(&context);
}
