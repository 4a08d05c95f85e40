// The colours of a finished picture, on the device: blending, matching histograms, contrast.
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "layout/tones.h"
#include "ops/tones.h"
#include "support/device.h"
#include "support/ops_harness.h"

enum kind { BLEND, BLEND_IN_PLACE, KEEP_COLORS, MATCH, MATCH_ITSELF, STRETCH, STRETCH_GREY };

struct tones_case {
    const char *name;
    enum kind kind;
    struct rv_extent size;
    float share;
    uint64_t range; // bytes a descriptor shows; 0 = the device's
};

static const struct tones_case cases[] = {
    {"blend", BLEND, {11, 9}, 0.3f, 0},
    {"blend, one pixel", BLEND, {1, 1}, 0.01f, 0},
    {"blend in place", BLEND_IN_PLACE, {33, 8}, 0.75f, 0},
    {"blend in bands", BLEND, {50, 40}, 0.5f, 8192},
    {"original colours", KEEP_COLORS, {17, 16}, 1, 0},
    {"original colours, blended", KEEP_COLORS, {7, 3}, 0.5f, 0},
    {"match", MATCH, {75, 70}, 0, 0},
    {"match in bands", MATCH, {100, 90}, 0, 98304},
    {"match, one pixel", MATCH, {1, 1}, 0, 0},
    {"match itself", MATCH_ITSELF, {33, 31}, 0, 0},
    {"stretch", STRETCH, {75, 70}, 0.9777f, 0},
    {"stretch to the ends", STRETCH, {31, 33}, 1, 0},
    {"stretch what is grey", STRETCH_GREY, {7, 3}, 0.9f, 0},
};

struct tones_run {
    const struct tones_case *c;
    uint32_t picture, original, target, scratch;
    double *x, *o; // of picture and original
    size_t pixels;
};

static enum rv_status record(void *user, struct rv_ops *ops, struct rv_recorder *recorder) {
    const struct tones_run *run = user;
    const struct tones_case *c = run->c;
    struct rv_range picture = rv_ops_range(ops, run->picture);
    struct rv_blend_op blend = {.picture = picture,
                                .original = rv_ops_range(ops, run->original),
                                .target = rv_ops_range(ops, run->target),
                                .size = c->size,
                                .share = c->share,
                                .keep_colors = c->kind == KEEP_COLORS};
    if (c->kind <= KEEP_COLORS)
        return rv_op_blend(recorder, &blend);
    struct rv_tones_op op = {.picture = picture,
                             .original = blend.original,
                             .scratch = rv_ops_range(ops, run->scratch),
                             .size = c->size,
                             .share = c->share};
    return c->kind <= MATCH_ITSELF ? rv_op_match_histogram(recorder, &op)
                                   : rv_op_stretch(recorder, &op);
}

static double luma(const double *c) {
    return 0.299 * c[0] + 0.587 * c[1] + 0.114 * c[2];
}

static void check_blend(struct rv_ops *ops, const struct tones_run *run) {
    double *expected = malloc(run->pixels * 3 * sizeof *expected), share = (double)run->c->share;
    for (size_t i = 0; i < run->pixels * 3; i++) {
        double change = run->x[i] - run->o[i];
        if (run->c->kind == KEEP_COLORS)
            change = luma(run->x + i / 3 * 3) - luma(run->o + i / 3 * 3);
        expected[i] = run->o[i] + share * change;
    }
    rv_ops_check(ops, run->target, 0, 3, expected, 1e-6, 1e-6);
    free(expected);
}

// ------------------------------------------------------------------------------------------------
// Matching, by sorting

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double *sorted(const double *values, size_t pixels, uint32_t channel) {
    double *result = malloc(pixels * sizeof *result);
    for (size_t i = 0; i < pixels; i++)
        result[i] = values[i * 3 + channel];
    qsort(result, pixels, sizeof *result, compare);
    return result;
}

#define BIN (2.0 / RV_TONES_BINS)

static double bin_of(double value) {
    return fmin(fmax(floor((value + 1) / BIN), 0), RV_TONES_BINS - 1);
}

// A pixel becomes what the pixels of its ranks are in the original, up to a bin; ranks are shared
// in a bin.
static void check_match(struct rv_ops *ops, const struct tones_run *run) {
    double *found = rv_ops_values(ops, run->picture, 0, 3);
    for (uint32_t c = 0; c < 3; c++) {
        double *mine = sorted(run->x, run->pixels, c), *wanted = sorted(run->o, run->pixels, c);
        for (size_t first = 0, end; first < run->pixels; first = end) {
            for (end = first + 1; end < run->pixels && bin_of(mine[end]) == bin_of(mine[first]);)
                end++;
            for (size_t i = 0; i < run->pixels; i++) {
                double x = run->x[i * 3 + c], y = found[i * 3 + c];
                if (x < mine[first] || x > mine[end - 1])
                    continue;
                cr_expect(y >= wanted[first] - BIN && y <= wanted[end - 1] + BIN,
                          "%s: channel %u: %g became %g, not within %g and %g", ops->name, c, x, y,
                          wanted[first], wanted[end - 1]);
            }
        }
        free(mine);
        free(wanted);
    }
    free(found);
}

// ------------------------------------------------------------------------------------------------
// Contrast

// The value with so many pixels below it, by the histogram's rules.
static double value_at(const double *counts, double pixels, bool more) {
    double before = 0;
    for (uint32_t bin = 0; bin < RV_TONES_BINS; bin++) {
        double sum = before + counts[bin];
        if (more ? sum > pixels : sum >= pixels)
            return (bin + (sum > before ? (pixels - before) / (sum - before) : 0)) * BIN - 1;
        before = sum;
    }
    return 1;
}

static void check_stretch(struct rv_ops *ops, const struct tones_run *run) {
    double *counts = calloc(RV_TONES_BINS, sizeof *counts);
    double *expected = malloc(run->pixels * 3 * sizeof *expected);
    for (size_t i = 0; i < run->pixels; i++)
        counts[(size_t)bin_of(luma(run->x + i * 3))]++;
    double share = (double)run->c->share, pixels = (double)run->pixels;
    double black = value_at(counts, (1 - share) * pixels, true);
    double white = value_at(counts, share * pixels, false);
    bool flat = white - black <= 1 / 255.0;
    cr_assert_eq(flat, run->c->kind == STRETCH_GREY, "%s", ops->name);
    for (size_t i = 0; i < run->pixels * 3; i++) {
        double level = fmin(fmax((run->x[i] - black) / (white - black), 0), 1);
        expected[i] = flat ? run->x[i] : level * 2 - 1;
    }
    // A luma between two bins may be counted in either.
    rv_ops_check(ops, run->picture, 0, 3, expected, 2 * BIN, 1e-6);
    free(counts);
    free(expected);
}

static void check(struct rv_device *device, const struct tones_case *c) {
    struct rv_ops ops;
    struct tones_run run = {.c = c, .pixels = (size_t)c->size.width * c->size.height};
    rv_ops_begin(&ops, device, "%s", c->name);
    run.picture = rv_ops_tensor(&ops, RV_TENSOR_PIXELS, c->size.height, c->size.width, 3);
    run.original = rv_ops_tensor(&ops, RV_TENSOR_PIXELS, c->size.height, c->size.width, 3);
    run.target = run.picture;
    if (c->kind == BLEND || c->kind == KEEP_COLORS)
        run.target = rv_ops_tensor(&ops, RV_TENSOR_PIXELS, c->size.height, c->size.width, 3);
    run.scratch = rv_ops_tensor(&ops, RV_TENSOR_LINES, 1, 1, (uint32_t)(rv_tones_bytes() / 4));
    run.x = rv_ops_noise(&ops, run.picture, 1);
    run.o = rv_ops_noise(&ops, run.original, 2);
    for (size_t i = 0; i < run.pixels * 3; i++) {
        if (c->kind == MATCH) // another distribution, with holes in it
            run.o[i] = (double)(float)(0.5 * run.o[i] * fabs(run.o[i]));
        if (c->kind == MATCH_ITSELF)
            run.o[i] = run.x[i];
        if (c->kind >= STRETCH)
            run.x[i] = (double)(float)(c->kind == STRETCH ? 0.4 * run.x[i] - 0.2 : 0.25);
    }
    rv_ops_fill(&ops, run.original, run.o);
    rv_ops_fill(&ops, run.picture, run.x);
    rv_ops_run(&ops, record, &run);
    if (c->kind <= KEEP_COLORS)
        check_blend(&ops, &run);
    else if (c->kind == MATCH)
        check_match(&ops, &run);
    else if (c->kind == MATCH_ITSELF)
        rv_ops_check(&ops, run.picture, 0, 3, run.x, 1e-6, 0);
    else
        check_stretch(&ops, &run);
    if (c->kind > KEEP_COLORS)
        free(rv_ops_values(&ops, run.scratch, 0, (uint32_t)(rv_tones_bytes() / 4)));
    rv_ops_end(&ops);
    free(run.x);
    free(run.o);
}

Test(ops_tones, colours) {
    rv_context *context = rv_test_context();
    struct rv_limits limits = context->device->limits;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (cases[i].range)
            context->device->limits.storage_range = cases[i].range;
        check(context->device, &cases[i]);
        context->device->limits = limits;
    }
    rv_test_context_end(&context);
}
