// The end of an iteration on the device: statistics, log, step.
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ops/ascend.h"
#include "support/device.h"
#include "support/ops_harness.h"

// ------------------------------------------------------------------------------------------------
// The end of an iteration: statistics, log, step

#define STD RV_NORMALIZER_STD
#define MEAN_ABS RV_NORMALIZER_MEAN_ABS
#define RMS RV_NORMALIZER_RMS
#define STANDARD RV_NORMALIZER_STANDARD
#define NONE RV_NORMALIZER_NONE

enum gradient { NOISE, SHIFTED, SMALL, FAINT, ZERO, NOT_A_NUMBER, INFINITE, TOO_LARGE };

struct ascend_case {
    const char *name;
    uint32_t height, width;
    enum gradient gradient;
    uint32_t normalize;
    bool clip;
    float step, max_loss, losses[2];
    uint32_t before, after; // stopped before the first iteration, and after the second
    uint32_t steps;         // that are taken
    bool masked;
    float strength, fall; // the latter of the second iteration
};

static const struct ascend_case ascend_cases[] = {
    {"by the standard deviation",
     9,
     11,
     NOISE,
     STD,
     false,
     0.25f,
     9,
     {1, 2},
     0,
     0,
     2,
     .masked = false},
    {"by the mean magnitude",
     17,
     16,
     NOISE,
     MEAN_ABS,
     true,
     0.25f,
     9,
     {1, 2},
     0,
     0,
     2,
     .masked = false},
    {"by the root mean square",
     9,
     11,
     SHIFTED,
     RMS,
     false,
     0.25f,
     9,
     {1, 2},
     0,
     0,
     2,
     .masked = false},
    {"standardised", 9, 11, SHIFTED, STANDARD, false, 0.25f, 9, {1, 2}, 0, 0, 2, .masked = false},
    {"as it is", 9, 11, SHIFTED, NONE, false, 0.125f, 9, {1, 2}, 0, 0, 2, .masked = false},
    {"floor of the root mean square",
     7,
     3,
     FAINT,
     RMS,
     false,
     0.5f,
     9,
     {1, 2},
     0,
     0,
     2,
     .masked = false},
    {"shorter at the second step",
     17,
     5,
     NOISE,
     STD,
     false,
     0.25f,
     9,
     {1, 2},
     0,
     0,
     2,
     .fall = 0.75f},
    {"masked", 13, 21, NOISE, STD, false, 0.25f, 9, {1, 2}, 0, 0, 2, .masked = true},
    {"masked and clipped", 13, 21, SHIFTED, STANDARD, true, 2, 9, {1, 2}, 0, 0, 2, .masked = true},
    {"of a strength", 9, 11, SHIFTED, STD, false, 1, 9, {1, 2}, 0, 0, 2, .strength = 0.03f},
    {"of a strength, standardised, shorter then",
     9,
     11,
     SHIFTED,
     STANDARD,
     false,
     1,
     9,
     {1, 2},
     0,
     0,
     2,
     .strength = 0.03f,
     .fall = 0.5f},
    {"of a strength, masked",
     9,
     16,
     NOISE,
     NONE,
     false,
     1,
     9,
     {1, 2},
     0,
     0,
     2,
     .masked = true,
     .strength = 0.5f},
    {"clipped", 8, 33, NOISE, STD, true, 2, 9, {-1, -2}, 0, 0, 2, .masked = false},
    {"of a mean far from zero",
     7,
     3,
     SHIFTED,
     STD,
     false,
     0.01f,
     9,
     {1, 2},
     0,
     0,
     2,
     .masked = false},
    {"more pixels than partial sums",
     70,
     75,
     NOISE,
     STD,
     false,
     0.5f,
     9,
     {1, 2},
     0,
     0,
     2,
     .masked = false},
    {"floor of the mean magnitude",
     7,
     3,
     SMALL,
     MEAN_ABS,
     false,
     0.5f,
     9,
     {1, 2},
     0,
     0,
     2,
     .masked = false},
    {"floor of the deviation", 7, 3, SMALL, STD, false, 0.5f, 9, {1, 2}, 0, 0, 2, .masked = false},
    {"loss reached, not passed",
     7,
     3,
     NOISE,
     STD,
     false,
     0.5f,
     3,
     {1, 2},
     0,
     0,
     2,
     .masked = false},
    {"loss passed",
     7,
     3,
     NOISE,
     STD,
     false,
     0.5f,
     2.5f,
     {1, 2},
     0,
     RV_STOP_LOSS,
     1,
     .masked = false},
    {"no limit of the loss",
     7,
     3,
     NOISE,
     STD,
     false,
     0.5f,
     INFINITY,
     {1e30f, 2},
     0,
     0,
     2,
     .masked = false},
    {"stopped before",
     7,
     3,
     NOISE,
     STD,
     false,
     1,
     9,
     {1, 2},
     RV_STOP_LOSS,
     RV_STOP_LOSS,
     0,
     .masked = false},
    {"zero gradient", 7, 3, ZERO, STD, false, 1, 9, {1, 2}, 0, RV_STOP_ZERO, 0, .masked = false},
    {"NaN", 7, 3, NOT_A_NUMBER, STD, true, 1, 9, {1, 2}, 0, RV_STOP_NOT_FINITE, 0, .masked = false},
    {"infinity",
     7,
     3,
     INFINITE,
     MEAN_ABS,
     true,
     1,
     9,
     {1, 2},
     0,
     RV_STOP_NOT_FINITE,
     0,
     .masked = false},
    {"square overflows",
     7,
     3,
     TOO_LARGE,
     STD,
     true,
     1,
     9,
     {1, 2},
     0,
     RV_STOP_NOT_FINITE,
     0,
     .masked = false},
    {"loss NaN", 7, 3, NOISE, STD, true, 1, 9, {NAN, 2}, 0, RV_STOP_NOT_FINITE, 0, .masked = false},
    {"loss infinite",
     7,
     3,
     NOISE,
     STD,
     true,
     1,
     INFINITY,
     {INFINITY, 2},
     0,
     RV_STOP_NOT_FINITE,
     0,
     .masked = false},
};

#define LINES 4 // of the log; the two iterations write the first two

struct ascend_run {
    const struct ascend_case *c;
    uint32_t picture, gradient, control, log, losses, partials, mask;
    double *x, *g, *share; // the mask's, or NULL
    size_t count;
};

static enum rv_status record_ascend(void *user, struct rv_ops *ops, struct rv_recorder *recorder) {
    const struct ascend_run *run = user;
    struct rv_ascend_op op = {.picture = rv_ops_range(ops, run->picture),
                              .gradient = rv_ops_range(ops, run->gradient),
                              .control = rv_ops_range(ops, run->control),
                              .log = rv_ops_range(ops, run->log),
                              .losses = rv_ops_range(ops, run->losses),
                              .partials = rv_ops_range(ops, run->partials),
                              .size = {run->c->width, run->c->height},
                              .clip = run->c->clip};
    if (run->c->masked)
        op.mask = rv_ops_range(ops, run->mask);
    enum rv_status status = rv_op_ascend(recorder, &op);
    return status == RV_OK ? rv_op_ascend(recorder, &op) : status;
}

static void make_gradient(struct rv_ops *ops, struct ascend_run *run) {
    for (size_t i = 0; i < run->count; i++) {
        if (run->c->gradient == SHIFTED)
            run->g[i] += 3;
        if (run->c->gradient == SMALL)
            run->g[i] *= 0x1p-22;
        if (run->c->gradient == FAINT)
            run->g[i] *= 0x1p-30;
        if (run->c->gradient == ZERO)
            run->g[i] = 0;
    }
    if (run->c->gradient == NOT_A_NUMBER)
        run->g[7] = NAN;
    if (run->c->gradient == INFINITE)
        run->g[8] = -INFINITY;
    if (run->c->gradient == TOO_LARGE)
        run->g[9] = 1e25;
    rv_ops_fill(ops, run->gradient, run->g);
}

// A third of it black, a third white, the rest between.
static void make_mask(struct rv_ops *ops, struct ascend_run *run) {
    uint32_t pixels = run->c->height * run->c->width;
    run->mask = rv_ops_tensor(ops, RV_TENSOR_LINES, 1, 1, pixels);
    run->share = malloc(pixels * sizeof *run->share);
    float *values = rv_ops_bytes(ops, run->mask);
    for (uint32_t i = 0; i < pixels; i++) {
        values[i] = i % 3 == 0 ? 0 : i % 3 == 1 ? 1 : rv_ref_uniform(3, i);
        run->share[i] = (double)values[i];
    }
}

static struct ascend_run make_ascend(struct rv_ops *ops, const struct ascend_case *c) {
    struct ascend_run run = {.c = c, .count = (size_t)c->height * c->width * 3};
    run.picture = rv_ops_tensor(ops, RV_TENSOR_PIXELS, c->height, c->width, 3);
    run.gradient = rv_ops_tensor(ops, RV_TENSOR_PIXELS, c->height, c->width, 3);
    run.control = rv_ops_tensor(ops, RV_TENSOR_LINES, 1, 1, sizeof(struct rv_control) / 4);
    run.log = rv_ops_tensor(ops, RV_TENSOR_LINES, 1, 1, LINES * sizeof(struct rv_iteration) / 4);
    run.losses = rv_ops_tensor(ops, RV_TENSOR_LINES, 1, 1, 2);
    run.partials = rv_ops_tensor(ops, RV_TENSOR_LINES, 1, 1, 4 * RV_GRADIENT_PARTIALS);
    run.x = rv_ops_noise(ops, run.picture, 1);
    run.g = rv_ops_noise(ops, run.gradient, 2);
    make_gradient(ops, &run);
    if (c->masked)
        make_mask(ops, &run);
    const struct rv_control control = {.jitter_x = 1,
                                       .jitter_y = 2,
                                       .stopped = c->before,
                                       .scale = -1,
                                       .step = c->step,
                                       .max_loss = c->max_loss,
                                       .normalize = c->normalize,
                                       .strength = c->strength,
                                       .max_change = INFINITY,
                                       .targets = 2,
                                       .pixels = c->height * c->width};
    struct rv_iteration log[LINES];
    memset(log, 0, sizeof log);
    for (int32_t i = 0; i < LINES; i++) {
        log[i].jitter_x = 10 + i;
        log[i].jitter_y = 20 + i;
        log[i].flip = (uint32_t)i % 2;
        log[i].fall = i == 1 ? c->fall : 0;
    }
    memcpy(rv_ops_bytes(ops, run.control), &control, sizeof control);
    memcpy(rv_ops_bytes(ops, run.log), log, sizeof log);
    memcpy(rv_ops_bytes(ops, run.losses), c->losses, sizeof c->losses);
    return run;
}

static bool near(double found, double expected, double relative) {
    return fabs(found - expected) <= relative * fabs(expected);
}

// The line of the log, whether or not a step was taken.
static void check_line(const struct rv_ops *ops, const struct ascend_run *run,
                       const struct rv_iteration *line, int32_t number) {
    const struct ascend_case *c = run->c;
    cr_expect(line->jitter_x == 10 + number && line->jitter_y == 20 + number &&
                  line->flip == (uint32_t)number % 2,
              "%s: line %d: what the host wrote has changed", ops->name, number);
    cr_expect_eq(line->done, number < 2, "%s: line %d: done %u", ops->name, number, line->done);
    if (number >= 2)
        return;
    uint32_t stopped = number == 0 && c->before ? c->before : c->after;
    cr_expect_eq(line->stopped, stopped, "%s: line %d: stopped %u, not %u", ops->name, number,
                 line->stopped, stopped);
    if (c->after == RV_STOP_NOT_FINITE)
        return; // the numbers mean nothing
    struct rv_ref_statistics s = rv_ref_statistics(run->count, run->g);
    // The variance is a difference: its error grows with the mean's share of the square.
    double share = s.std > 0 ? 1 + s.mean * s.mean / (s.std * s.std) : 1;
    cr_expect(near((double)line->loss, (double)c->losses[0] + (double)c->losses[1], 1e-6),
              "%s: line %d: loss %g", ops->name, number, (double)line->loss);
    cr_expect(near((double)line->std, s.std, 1e-6 * share), "%s: line %d: std %.9g, not %.9g",
              ops->name, number, (double)line->std, s.std);
    cr_expect(near((double)line->mean_abs, s.mean_abs, 1e-6),
              "%s: line %d: mean |g| %.9g, not %.9g", ops->name, number, (double)line->mean_abs,
              s.mean_abs);
}

// What the gradient is divided by, and what is taken off it before.
static double divisor_of(const struct ascend_case *c, const struct rv_ref_statistics *s,
                         double *offset) {
    *offset = c->normalize == STANDARD ? s->mean : 0;
    double root = sqrt(s->std * s->std + s->mean * s->mean - *offset * *offset);
    if (c->strength > 0)
        return root;
    switch (c->normalize) {
    case MEAN_ABS:
        return fmax(s->mean_abs, 1e-6);
    case RMS:
        return fmax(root, 1e-8);
    case NONE:
        return 1;
    }
    return s->std + 1e-8;
}

// Returns the picture after the steps that are taken, and the last factor.
static double take_steps(const struct ascend_run *run, double *picture) {
    const struct ascend_case *c = run->c;
    struct rv_ref_statistics s = rv_ref_statistics(run->count, run->g);
    double offset, divisor = divisor_of(c, &s, &offset), scale = 0;
    memcpy(picture, run->x, run->count * sizeof *picture);
    for (uint32_t n = 0; n < c->steps; n++) {
        double length = (double)(c->strength > 0 ? c->strength : c->step);
        scale = length * (n == 1 ? 1 - (double)c->fall : 1) / divisor;
        for (size_t i = 0; i < run->count; i++) {
            double share = run->share ? run->share[i / 3] : 1;
            picture[i] += share * scale * (run->g[i] - offset);
            if (c->clip && share > 0)
                picture[i] = fmin(fmax(picture[i], -1), 1);
        }
    }
    return c->steps == 2 ? scale : 0;
}

// What a mask leaves black keeps its bytes.
static void check_black(struct rv_ops *ops, const struct ascend_run *run) {
    const float *found = rv_ops_bytes(ops, run->picture);
    size_t changed = 0;
    for (size_t i = 0; run->share && i < run->count; i++)
        changed += run->share[i / 3] == 0 && found[i / 3 * 4 + i % 3] != (float)run->x[i];
    cr_expect(changed == 0, "%s: %zu values under the mask have changed", ops->name, changed);
}

static void check_ascend(struct rv_device *device, const struct ascend_case *c) {
    struct rv_ops ops;
    rv_ops_begin(&ops, device, "ascend, %s", c->name);
    struct ascend_run run = make_ascend(&ops, c);
    rv_ops_run(&ops, record_ascend, &run);

    double *picture = malloc(run.count * sizeof *picture), scale = take_steps(&run, picture);
    rv_ops_check(&ops, run.picture, 0, 3, picture, 1e-5, 1e-6);
    check_black(&ops, &run);
    struct rv_control control;
    struct rv_iteration log[LINES];
    memcpy(&control, rv_ops_bytes(&ops, run.control), sizeof control);
    memcpy(log, rv_ops_bytes(&ops, run.log), sizeof log);
    cr_expect(near((double)control.scale, scale, 3e-5), "%s: factor %.9g, not %.9g", ops.name,
              (double)control.scale, scale);
    cr_expect(control.iteration == 2 && control.stopped == c->after, "%s: iteration %u, stopped %u",
              ops.name, control.iteration, control.stopped);
    cr_expect(control.jitter_x == 12 && control.jitter_y == 22 && control.flip == 0,
              "%s: the jitter is not the next line's", ops.name);
    cr_expect(control.step == c->step && control.max_loss == c->max_loss && control.targets == 2 &&
                  control.pixels == c->height * c->width && control.normalize == c->normalize,
              "%s: what the host set has changed", ops.name);
    for (int32_t i = 0; i < LINES; i++)
        check_line(&ops, &run, &log[i], i);
    // Looked at above, or of no interest beyond their sums.
    free(rv_ops_values(&ops, run.control, 0, sizeof control / 4));
    free(rv_ops_values(&ops, run.log, 0, sizeof log / 4));
    free(rv_ops_values(&ops, run.partials, 0, 4 * RV_GRADIENT_PARTIALS));
    rv_ops_end(&ops);
    free(picture);
    free(run.x);
    free(run.g);
    free(run.share);
}

Test(ops_ascend, ascend) {
    rv_context *context = rv_test_context();
    for (size_t i = 0; i < sizeof ascend_cases / sizeof *ascend_cases; i++)
        check_ascend(context->device, &ascend_cases[i]);
    rv_test_context_end(&context);
}

// In as many bands as the gradient and the picture need; the partial sums fill one descriptor.
Test(ops_ascend, ascend_in_bands) {
    static const struct ascend_case bands[] = {
        {"in two bands", 70, 75, NOISE, STD, false, 0.5f, 9, {1, 2}, 0, 0, 2, .masked = false},
        {"in three", 100, 90, SHIFTED, MEAN_ABS, true, 0.25f, 9, {1, 2}, 0, 0, 2, .masked = false},
        {"in one that it fills",
         64,
         64,
         NOISE,
         MEAN_ABS,
         false,
         0.25f,
         9,
         {1, 2},
         0,
         0,
         2,
         .masked = false},
        {"in two, with a NaN",
         65,
         64,
         NOT_A_NUMBER,
         STD,
         true,
         1,
         9,
         {1, 2},
         0,
         RV_STOP_NOT_FINITE,
         0,
         .masked = false},
    };
    rv_context *context = rv_test_context();
    context->device->limits.storage_range = 16 * RV_GRADIENT_PARTIALS;
    context->device->limits.group_count = RV_GRADIENT_PARTIALS / 64;
    for (size_t i = 0; i < sizeof bands / sizeof *bands; i++)
        check_ascend(context->device, &bands[i]);
    rv_test_context_end(&context);
}
