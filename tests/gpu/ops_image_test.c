// What the dream does with whole pictures, on the device: resizing, and the end of an iteration.
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ops/image.h"
#include "support/device.h"
#include "support/ops_harness.h"

// ------------------------------------------------------------------------------------------------
// Resizing

enum second { NONE, OTHER, IN_PLACE }; // no second picture, one of its own, the target itself

struct resize_case {
    struct rv_extent from, to;
    enum rv_resize rule;
    bool quantise;
    enum second second;
    double weight, other;
};

#define HALF RV_RESIZE_HALF_PIXEL
#define CORNERS RV_RESIZE_ALIGN_CORNERS
#define LEGACY RV_RESIZE_ASYMMETRIC
#define CUBIC RV_RESIZE_BICUBIC
#define LANCZOS RV_RESIZE_LANCZOS

static const char *const rules[] = {"",           "half pixel", "align corners",
                                    "asymmetric", "bicubic",    "Lanczos"};

static const struct resize_case resize_cases[] = {
    {{1, 1}, {7, 3}, HALF, false, NONE, 1, 0},
    {{1, 1}, {7, 3}, CORNERS, false, NONE, 1, 0},
    {{5, 1}, {1, 5}, HALF, false, NONE, 1, 0},
    {{5, 1}, {1, 5}, CORNERS, false, NONE, 1, 0},
    {{7, 3}, {7, 3}, HALF, false, OTHER, 1, -1}, // the detail of an octave
    {{7, 3}, {7, 3}, CORNERS, true, NONE, 1, 0},
    {{11, 9}, {16, 17}, HALF, false, OTHER, 1, 1}, // a base and its detail, enlarged
    {{11, 9}, {16, 17}, CORNERS, false, OTHER, 1, 1},
    {{16, 17}, {11, 9}, HALF, true, NONE, 1, 0},
    {{16, 17}, {11, 9}, CORNERS, false, NONE, 1, 0},
    {{33, 8}, {46, 11}, HALF, true, NONE, 1, 0},
    {{33, 8}, {46, 11}, CORNERS, true, OTHER, 0.5, 0.25},
    {{11, 9}, {33, 8}, HALF, false, IN_PLACE, -1, 1}, // what enlarging loses, put back
    {{33, 8}, {33, 8}, CORNERS, false, IN_PLACE, 1, 1},
    {{1, 1}, {7, 3}, CUBIC, false, NONE, 1, 0},
    {{5, 1}, {1, 5}, LANCZOS, false, NONE, 1, 0},
    {{11, 9}, {16, 17}, LEGACY, false, OTHER, 1, 1},
    {{16, 17}, {11, 9}, LEGACY, true, NONE, 1, 0},
    {{11, 9}, {16, 17}, CUBIC, false, OTHER, 1, 1},
    {{33, 8}, {23, 6}, CUBIC, true, NONE, 1, 0},
    {{11, 9}, {16, 17}, LANCZOS, false, OTHER, 0.5, 0.25},
    {{33, 8}, {23, 6}, LANCZOS, false, IN_PLACE, -1, 1},
    {{7, 3}, {7, 3}, LANCZOS, false, NONE, 1, 0},
};

struct resize_run {
    const struct resize_case *c;
    uint32_t source, target, second;
};

static enum rv_status record_resize(void *user, struct rv_ops *ops, struct rv_recorder *recorder) {
    const struct resize_run *run = user;
    const struct resize_case *c = run->c;
    struct rv_resize_op op = {.source = rv_ops_range(ops, run->source),
                              .target = rv_ops_range(ops, run->target),
                              .from = c->from,
                              .to = c->to,
                              .rule = c->rule,
                              .quantise = c->quantise,
                              .weight = (float)c->weight,
                              .other = (float)c->other};
    if (c->second != NONE)
        op.second = rv_ops_range(ops, run->second);
    return rv_op_resize(recorder, &op);
}

// Values between the 8-bit levels, some beyond them, none where rounding could tip it to the next
// level; and the levels they are cut to.
static void quantise(size_t count, double *values, double *levels) {
    for (size_t i = 0; i < count; i++) {
        double level = floor(rv_ref_uniform(1, i) * 262) - 3, share = 0.1 + 0.8 * fabs(values[i]);
        values[i] = (double)(float)((level + share) / 127.5 - 1);
        levels[i] = fmin(fmax(level, 0), 255) / 127.5 - 1;
        if (level > 254) // clamped before it is cut
            levels[i] = 1;
    }
}

static void check_resize(struct rv_device *device, const struct resize_case *c) {
    struct rv_ops ops;
    struct resize_run run = {.c = c};
    rv_ops_begin(&ops, device, "resize %ux%u to %ux%u, %s%s, second %d", c->from.width,
                 c->from.height, c->to.width, c->to.height, rules[c->rule],
                 c->quantise ? ", quantised" : "", (int)c->second);
    size_t in = (size_t)c->from.width * c->from.height * 3;
    size_t out = (size_t)c->to.width * c->to.height * 3;
    run.source = rv_ops_tensor(&ops, RV_TENSOR_PIXELS, c->from.height, c->from.width, 3);
    run.target = rv_ops_tensor(&ops, RV_TENSOR_PIXELS, c->to.height, c->to.width, 3);
    run.second = run.target;
    if (c->second == OTHER)
        run.second = rv_ops_tensor(&ops, RV_TENSOR_PIXELS, c->to.height, c->to.width, 3);
    double *x = rv_ops_noise(&ops, run.source, 2), *levels = malloc(in * sizeof *levels);
    double *expected = malloc(out * sizeof *expected);
    double *other = c->second != NONE ? rv_ops_noise(&ops, run.second, 3) : NULL;
    if (c->quantise) {
        quantise(in, x, levels);
        rv_ops_fill(&ops, run.source, x);
    }
    rv_ref_resize(c->from.height, c->from.width, 3, c->quantise ? levels : x, c->to.height,
                  c->to.width, c->rule, expected);
    for (size_t i = 0; i < out; i++)
        expected[i] = c->weight * expected[i] + (other ? c->other * other[i] : 0);
    rv_ops_run(&ops, record_resize, &run);
    // A coordinate of up to 46 is right to 46 * 2^-23; neighbours differ by 2 at most, on both
    // axes.
    rv_ops_check(&ops, run.target, 0, 3, expected, 4 * 46 * 0x1p-23, 2e-6);
    rv_ops_end(&ops);
    free(x);
    free(levels);
    free(expected);
    free(other);
}

Test(ops_image, resize) {
    rv_context *context = rv_test_context();
    for (size_t i = 0; i < sizeof resize_cases / sizeof *resize_cases; i++)
        check_resize(context->device, &resize_cases[i]);
    rv_test_context_end(&context);
}

// The same where a descriptor shows but part of the pictures, or a dispatch reaches but part.
static const struct {
    struct resize_case c;
    uint64_t range;
    uint32_t groups;
} band_cases[] = {
    {{{20, 70}, {28, 98}, HALF, false, OTHER, 1, 1}, 8192, 65535},
    {{{20, 70}, {28, 98}, CORNERS, true, NONE, 1, 0}, 8192, 65535},
    {{{29, 99}, {21, 71}, HALF, false, NONE, 1, 0}, 24576, 65535},
    {{{29, 99}, {21, 71}, CORNERS, false, OTHER, 0.5, 0.25}, 24576, 65535},
    {{{16, 130}, {16, 9}, HALF, true, NONE, 1, 0}, 7680, 65535}, // a far larger source
    {{{16, 9}, {16, 130}, CORNERS, false, IN_PLACE, -1, 1}, 2304, 65535},
    {{{40, 50}, {40, 50}, HALF, false, IN_PLACE, 1, 1}, 1 << 20, 7},
    {{{40, 50}, {52, 65}, HALF, false, NONE, 1, 0}, 1 << 20, 11},
    {{{20, 70}, {28, 98}, LANCZOS, false, OTHER, 1, 1}, 8192, 65535},
    {{{29, 99}, {21, 71}, CUBIC, false, NONE, 1, 0}, 24576, 65535},
    {{{20, 70}, {28, 98}, LEGACY, false, NONE, 1, 0}, 8192, 65535},
};

Test(ops_image, resize_in_bands) {
    rv_context *context = rv_test_context();
    struct rv_limits limits = context->device->limits;
    for (size_t i = 0; i < sizeof band_cases / sizeof *band_cases; i++) {
        context->device->limits.storage_range = band_cases[i].range;
        context->device->limits.group_count = band_cases[i].groups;
        check_resize(context->device, &band_cases[i].c);
        context->device->limits = limits;
    }
    rv_test_context_end(&context);
}

// ------------------------------------------------------------------------------------------------
// The end of an iteration: statistics, log, step

enum gradient { NOISE, SHIFTED, SMALL, ZERO, NOT_A_NUMBER, INFINITE, TOO_LARGE };

struct ascend_case {
    const char *name;
    uint32_t height, width;
    enum gradient gradient;
    bool mean_abs, clip;
    float step, max_loss, losses[2];
    uint32_t before, after; // stopped before the first iteration, and after the second
    uint32_t steps;         // that are taken
};

static const struct ascend_case ascend_cases[] = {
    {"by the standard deviation", 9, 11, NOISE, false, false, 0.25f, 9, {1, 2}, 0, 0, 2},
    {"by the mean magnitude", 17, 16, NOISE, true, true, 0.25f, 9, {1, 2}, 0, 0, 2},
    {"clipped", 8, 33, NOISE, false, true, 2, 9, {-1, -2}, 0, 0, 2},
    {"of a mean far from zero", 7, 3, SHIFTED, false, false, 0.01f, 9, {1, 2}, 0, 0, 2},
    {"more pixels than partial sums", 70, 75, NOISE, false, false, 0.5f, 9, {1, 2}, 0, 0, 2},
    {"floor of the mean magnitude", 7, 3, SMALL, true, false, 0.5f, 9, {1, 2}, 0, 0, 2},
    {"floor of the deviation", 7, 3, SMALL, false, false, 0.5f, 9, {1, 2}, 0, 0, 2},
    {"loss reached, not passed", 7, 3, NOISE, false, false, 0.5f, 3, {1, 2}, 0, 0, 2},
    {"loss passed", 7, 3, NOISE, false, false, 0.5f, 2.5f, {1, 2}, 0, RV_STOP_LOSS, 1},
    {"no limit of the loss", 7, 3, NOISE, false, false, 0.5f, INFINITY, {1e30f, 2}, 0, 0, 2},
    {"stopped before", 7, 3, NOISE, false, false, 1, 9, {1, 2}, RV_STOP_LOSS, RV_STOP_LOSS, 0},
    {"zero gradient", 7, 3, ZERO, false, false, 1, 9, {1, 2}, 0, RV_STOP_ZERO, 0},
    {"NaN", 7, 3, NOT_A_NUMBER, false, true, 1, 9, {1, 2}, 0, RV_STOP_NOT_FINITE, 0},
    {"infinity", 7, 3, INFINITE, true, true, 1, 9, {1, 2}, 0, RV_STOP_NOT_FINITE, 0},
    {"square overflows", 7, 3, TOO_LARGE, false, true, 1, 9, {1, 2}, 0, RV_STOP_NOT_FINITE, 0},
    {"loss NaN", 7, 3, NOISE, false, true, 1, 9, {NAN, 2}, 0, RV_STOP_NOT_FINITE, 0},
    {"loss infinite",
     7,
     3,
     NOISE,
     false,
     true,
     1,
     INFINITY,
     {INFINITY, 2},
     0,
     RV_STOP_NOT_FINITE,
     0},
};

#define LINES 4 // of the log; the two iterations write the first two

struct ascend_run {
    const struct ascend_case *c;
    uint32_t picture, gradient, control, log, losses, partials;
    double *x, *g;
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
                              .pixels = run->c->height * run->c->width,
                              .clip = run->c->clip};
    enum rv_status status = rv_op_ascend(recorder, &op);
    return status == RV_OK ? rv_op_ascend(recorder, &op) : status;
}

static void make_gradient(struct rv_ops *ops, struct ascend_run *run) {
    for (size_t i = 0; i < run->count; i++) {
        if (run->c->gradient == SHIFTED)
            run->g[i] += 3;
        if (run->c->gradient == SMALL)
            run->g[i] *= 0x1p-22;
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
    const struct rv_control control = {.jitter_x = 1,
                                       .jitter_y = 2,
                                       .stopped = c->before,
                                       .scale = -1,
                                       .step = c->step,
                                       .max_loss = c->max_loss,
                                       .mean_abs = c->mean_abs,
                                       .targets = 2,
                                       .pixels = c->height * c->width};
    struct rv_iteration log[LINES];
    memset(log, 0, sizeof log);
    for (int32_t i = 0; i < LINES; i++) {
        log[i].jitter_x = 10 + i;
        log[i].jitter_y = 20 + i;
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
    cr_expect(line->jitter_x == 10 + number && line->jitter_y == 20 + number && line->unused == 0,
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

// Returns the picture after the steps that are taken, and the last factor.
static double take_steps(const struct ascend_run *run, double *picture) {
    const struct ascend_case *c = run->c;
    struct rv_ref_statistics s = rv_ref_statistics(run->count, run->g);
    double scale = (double)c->step / (c->mean_abs ? fmax(s.mean_abs, 1e-6) : s.std + 1e-8);
    for (size_t i = 0; i < run->count; i++) {
        picture[i] = run->x[i];
        for (uint32_t n = 0; n < c->steps; n++) {
            picture[i] += scale * run->g[i];
            if (c->clip)
                picture[i] = fmin(fmax(picture[i], -1), 1);
        }
    }
    return c->steps == 2 ? scale : 0;
}

static void check_ascend(struct rv_device *device, const struct ascend_case *c) {
    struct rv_ops ops;
    rv_ops_begin(&ops, device, "ascend, %s", c->name);
    struct ascend_run run = make_ascend(&ops, c);
    rv_ops_run(&ops, record_ascend, &run);

    double *picture = malloc(run.count * sizeof *picture), scale = take_steps(&run, picture);
    rv_ops_check(&ops, run.picture, 0, 3, picture, 1e-5, 1e-6);
    struct rv_control control;
    struct rv_iteration log[LINES];
    memcpy(&control, rv_ops_bytes(&ops, run.control), sizeof control);
    memcpy(log, rv_ops_bytes(&ops, run.log), sizeof log);
    cr_expect(near((double)control.scale, scale, 3e-5), "%s: factor %.9g, not %.9g", ops.name,
              (double)control.scale, scale);
    cr_expect(control.iteration == 2 && control.stopped == c->after, "%s: iteration %u, stopped %u",
              ops.name, control.iteration, control.stopped);
    cr_expect(control.jitter_x == 12 && control.jitter_y == 22,
              "%s: the jitter is not the next line's", ops.name);
    cr_expect(control.step == c->step && control.max_loss == c->max_loss && control.targets == 2 &&
                  control.pixels == c->height * c->width && control.mean_abs == c->mean_abs,
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
}

Test(ops_image, ascend) {
    rv_context *context = rv_test_context();
    for (size_t i = 0; i < sizeof ascend_cases / sizeof *ascend_cases; i++)
        check_ascend(context->device, &ascend_cases[i]);
    rv_test_context_end(&context);
}

// In as many bands as the gradient and the picture need; the partial sums fill one descriptor.
Test(ops_image, ascend_in_bands) {
    static const struct ascend_case bands[] = {
        {"in two bands", 70, 75, NOISE, false, false, 0.5f, 9, {1, 2}, 0, 0, 2},
        {"in three", 100, 90, SHIFTED, true, true, 0.25f, 9, {1, 2}, 0, 0, 2},
        {"in one that it fills", 64, 64, NOISE, true, false, 0.25f, 9, {1, 2}, 0, 0, 2},
        {"in two, with a NaN",
         65,
         64,
         NOT_A_NUMBER,
         false,
         true,
         1,
         9,
         {1, 2},
         0,
         RV_STOP_NOT_FINITE,
         0},
    };
    rv_context *context = rv_test_context();
    context->device->limits.storage_range = 16 * RV_GRADIENT_PARTIALS;
    context->device->limits.group_count = RV_GRADIENT_PARTIALS / 64;
    for (size_t i = 0; i < sizeof bands / sizeof *bands; i++)
        check_ascend(context->device, &bands[i]);
    rv_test_context_end(&context);
}
