// What the dream does with whole pictures, on the device: resizing.
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
