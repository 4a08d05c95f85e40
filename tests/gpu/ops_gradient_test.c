// What becomes of a gradient before it is stepped along, on the device: total variation and pull,
// smoothing, the Laplacian pyramid; and what masks and mirrors do to pictures.
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dream/ascent.h"
#include "support/device.h"
#include "support/ops_harness.h"
#include "support/reference_ascent.h"

// Odd, even, hardly larger than a kernel; more than a workgroup.
static const struct rv_extent sizes[] = {{5, 5}, {9, 11}, {16, 17}, {33, 8}, {7, 40}, {70, 75}};
#define SIZES (sizeof sizes / sizeof *sizes)

// With a descriptor that shows but part, or a dispatch that reaches but part; width, height, bytes,
// workgroups.
static const struct banded {
    struct rv_extent size;
    uint64_t range;
    uint32_t groups;
} banded[] = {{{20, 70}, 8192, 65535}, {{29, 99}, 24576, 65535}, {{40, 50}, 1 << 20, 7}};
#define BANDED (sizeof banded / sizeof *banded)

typedef void (*check_fn)(struct rv_device *device, struct rv_extent size, uint32_t variant);

static void check_all(check_fn check, uint32_t variants, bool in_bands) {
    rv_context *context = rv_test_context();
    struct rv_device *device = context->device;
    struct rv_limits limits = device->limits;
    for (uint32_t variant = 0; variant < variants; variant++) {
        for (size_t i = 0; i < SIZES; i++)
            check(device, sizes[i], variant);
        for (size_t i = 0; i < BANDED && in_bands; i++) {
            device->limits.storage_range = banded[i].range;
            device->limits.group_count = banded[i].groups;
            check(device, banded[i].size, variant);
            device->limits = limits;
        }
    }
    rv_test_context_end(&context);
}

struct run {
    struct rv_extent size;
    uint32_t a, b, c, control, log, variant; // tensors
    enum rv_status (*record)(const struct run *run, struct rv_ops *ops,
                             struct rv_recorder *recorder);
};

static enum rv_status record(void *user, struct rv_ops *ops, struct rv_recorder *recorder) {
    const struct run *run = user;
    return run->record(run, ops, recorder);
}

static uint32_t picture(struct rv_ops *ops, struct rv_extent size) {
    return rv_ops_tensor(ops, RV_TENSOR_PIXELS, size.height, size.width, 3);
}

static uint32_t lines(struct rv_ops *ops, size_t bytes, const void *values) {
    uint32_t tensor = rv_ops_tensor(ops, RV_TENSOR_LINES, 1, 1, (uint32_t)(bytes / 4));
    memcpy(rv_ops_bytes(ops, tensor), values, bytes);
    return tensor;
}

static size_t count_of(struct rv_extent size) {
    return (size_t)size.width * size.height * 3;
}

// ------------------------------------------------------------------------------------------------
// Total variation and pull

static const struct { float tv, pull; } weights[] = {{3, 0}, {0, 5}, {100, 0.25f}};

static enum rv_status record_regularize(const struct run *run, struct rv_ops *ops,
                                        struct rv_recorder *recorder) {
    struct rv_ascend_op op = {.size = run->size,
                              .gradient = rv_ops_range(ops, run->a),
                              .picture = rv_ops_range(ops, run->b),
                              .original = rv_ops_range(ops, run->c),
                              .tv = weights[run->variant].tv,
                              .pull = weights[run->variant].pull};
    return rv_op_regularize(recorder, &op);
}

static void check_regularize(struct rv_device *device, struct rv_extent size, uint32_t variant) {
    struct rv_ops ops;
    struct run run = {.size = size, .variant = variant, .record = record_regularize};
    rv_ops_begin(&ops, device, "regularize %u x %u, %u", size.width, size.height, variant);
    run.a = picture(&ops, size);
    run.b = picture(&ops, size);
    run.c = picture(&ops, size);
    double *expected = rv_ops_noise(&ops, run.a, 1), *x = rv_ops_noise(&ops, run.b, 2);
    double *original = rv_ops_noise(&ops, run.c, 3);
    rv_ops_run(&ops, record, &run);
    rv_ref_regularize(size.height, size.width, 3, x, original, (double)weights[variant].tv,
                      (double)weights[variant].pull, expected);
    rv_ops_check(&ops, run.a, 0, 3, expected, 1e-6, 1e-6);
    rv_ops_end(&ops);
    free(expected);
    free(x);
    free(original);
}

Test(ops_gradient, regularize) {
    check_all(check_regularize, 3, true);
}

// ------------------------------------------------------------------------------------------------
// Smoothing

#define ITERATIONS 10

static const struct {
    float coefficient;
    uint32_t iteration;
} blurs[] = {{0.5f, 0}, {0.01f, 3}, {4, 9}};

static enum rv_status record_smooth(const struct run *run, struct rv_ops *ops,
                                    struct rv_recorder *recorder) {
    struct rv_ascend_op op = {.size = run->size,
                              .gradient = rv_ops_range(ops, run->a),
                              .smoothed = rv_ops_range(ops, run->b),
                              .control = rv_ops_range(ops, run->control),
                              .log = rv_ops_range(ops, run->log)};
    return rv_op_smooth(recorder, &op);
}

// Begins a case whose log is as the dream fills it in.
static struct run begin_smooth(struct rv_ops *ops, struct rv_device *device, struct rv_extent size,
                               uint32_t variant) {
    struct run run = {.size = size, .variant = variant, .record = record_smooth};
    struct rv_params params = {.iterations = ITERATIONS, .smooth = blurs[variant].coefficient};
    struct rv_control control = {.iteration = blurs[variant].iteration};
    struct rv_iteration log[ITERATIONS + 1];
    struct rv_ascent ascent = {0};
    memset(log, 0, sizeof log);
    rv_ascent_control(&ascent, &params, 0, &control, log);
    rv_ops_begin(ops, device, "smooth %u x %u, %u", size.width, size.height, variant);
    run.a = picture(ops, size);
    run.b = picture(ops, size);
    run.control = lines(ops, sizeof control, &control);
    run.log = lines(ops, sizeof log, log);
    return run;
}

static void check_smooth(struct rv_device *device, struct rv_extent size, uint32_t variant) {
    struct rv_ops ops;
    struct run run = begin_smooth(&ops, device, size, variant);
    double *x = rv_ops_noise(&ops, run.a, 1), *expected = malloc(count_of(size) * sizeof *expected);
    double sigma =
        (blurs[variant].iteration + 1.0) / ITERATIONS * 2.0 + (double)blurs[variant].coefficient;
    rv_ops_run(&ops, record, &run);
    rv_ref_smooth(size.height, size.width, 3, x, sigma, expected);
    rv_ops_check(&ops, run.b, 0, 3, expected, 1e-6, 1e-6);
    rv_ops_end(&ops);
    free(x);
    free(expected);
}

Test(ops_gradient, smooth) {
    check_all(check_smooth, 3, true);
}

// <S x, y> = <x, S y> where neither comes so near an edge that a reflection is read.
static double *inner_noise(struct rv_ops *ops, uint32_t tensor, struct rv_extent size,
                           uint64_t seed) {
    double *values = rv_ops_noise(ops, tensor, seed);
    for (size_t i = 0; i < count_of(size); i++) {
        size_t x = i / 3 % size.width, y = i / 3 / size.width;
        if (x < 8 || y < 8 || x + 8 >= size.width || y + 8 >= size.height)
            values[i] = 0;
    }
    rv_ops_fill(ops, tensor, values);
    return values;
}

Test(ops_gradient, smooth_is_symmetric) {
    rv_context *context = rv_test_context();
    struct rv_extent size = {31, 26};
    double *in[2], *out[2], products[2] = {0, 0};
    for (uint64_t i = 0; i < 2; i++) {
        struct rv_ops ops;
        struct run run = begin_smooth(&ops, context->device, size, 0);
        in[i] = inner_noise(&ops, run.a, size, 5 + i);
        rv_ops_run(&ops, record, &run);
        out[i] = rv_ops_values(&ops, run.b, 0, 3);
        rv_ops_end(&ops);
    }
    for (size_t i = 0; i < count_of(size); i++) {
        products[0] += out[0][i] * in[1][i];
        products[1] += in[0][i] * out[1][i];
    }
    cr_expect(fabs(products[0] - products[1]) <= 1e-6 * fabs(products[0]) && products[0] != 0,
              "%.9g and %.9g", products[0], products[1]);
    for (int i = 0; i < 2; i++) {
        free(in[i]);
        free(out[i]);
    }
    rv_test_context_end(&context);
}

// ------------------------------------------------------------------------------------------------
// The Laplacian pyramid

static const struct {
    uint32_t levels;
    bool normalise;
} pyramids[] = {{1, true}, {4, true}, {8, true}, {1, false}, {3, false}, {8, false}};

static enum rv_status record_laplacian(const struct run *run, struct rv_ops *ops,
                                       struct rv_recorder *recorder) {
    struct rv_ascend_op op = {.size = run->size,
                              .gradient = rv_ops_range(ops, run->a),
                              .levels = rv_ops_range(ops, run->b),
                              .control = rv_ops_range(ops, run->control),
                              .log = rv_ops_range(ops, run->control),
                              .laplacian = pyramids[run->variant].levels};
    return rv_op_laplacian(recorder, &op, pyramids[run->variant].normalise);
}

// Factors of 1 all over, which is what levels are merged by that are not normalised: then the
// pyramid gives the gradient back.
static void check_laplacian(struct rv_device *device, struct rv_extent size, uint32_t variant) {
    struct rv_ops ops;
    struct run run = {.size = size, .variant = variant, .record = record_laplacian};
    struct rv_control control = {0};
    uint32_t floats = (uint32_t)rv_levels_bytes(size) / 4;
    bool normalise = pyramids[variant].normalise;
    rv_ops_begin(&ops, device, "laplacian %u x %u, %u levels%s", size.width, size.height,
                 pyramids[variant].levels, normalise ? "" : ", as they are");
    run.a = picture(&ops, size);
    run.b = rv_ops_tensor(&ops, RV_TENSOR_LINES, 1, 1, floats);
    run.control = lines(&ops, sizeof control, &control);
    float *ones = rv_ops_bytes(&ops, run.b);
    for (uint32_t i = 0; i < floats; i++)
        ones[i] = 1;
    double *x = rv_ops_noise(&ops, run.a, 1), *expected = malloc(count_of(size) * sizeof *expected);
    rv_ops_run(&ops, record, &run);
    rv_ref_laplacian(size.height, size.width, 3, x, pyramids[variant].levels, normalise, expected);
    for (size_t i = 0; i < count_of(size) && !normalise; i++)
        cr_assert(fabs(expected[i] - x[i]) < 1e-12, "the reference is not the identity");
    rv_ops_check(&ops, run.a, 0, 3, expected, 1e-5, 1e-5);
    free(rv_ops_values(&ops, run.b, 0, floats));
    rv_ops_end(&ops);
    free(x);
    free(expected);
}

Test(ops_gradient, laplacian) {
    check_all(check_laplacian, 6, false);
}

// Partial sums of all the levels are shown at once: a descriptor must reach 256 KiB for three.
Test(ops_gradient, laplacian_in_bands) {
    rv_context *context = rv_test_context();
    context->device->limits.storage_range = 4 * 16 * RV_GRADIENT_PARTIALS;
    check_laplacian(context->device, (struct rv_extent){201, 103}, 4);
    check_laplacian(context->device, (struct rv_extent){100, 230}, 0);
    context->device->limits.group_count = 90;
    check_laplacian(context->device, (struct rv_extent){97, 130}, 4);
    rv_test_context_end(&context);
}

// 4 <D x, y> = <x, U y>, and a constant stays one, away from the edges.
Test(ops_gradient, laplacian_reference) {
    for (size_t i = 0; i < SIZES; i++) {
        uint32_t height = sizes[i].height, width = sizes[i].width;
        uint32_t rows = (height + 1) / 2, columns = (width + 1) / 2;
        size_t fine = (size_t)height * width, coarse = (size_t)rows * columns;
        double *x = malloc(fine * 8), *up = malloc(fine * 8), a = 0, b = 0;
        double *y = malloc(coarse * 8), *down = malloc(coarse * 8);
        for (size_t k = 0; k < fine; k++)
            x[k] = (double)rv_ref_uniform(1, k);
        for (size_t k = 0; k < coarse; k++)
            y[k] = (double)rv_ref_uniform(2, k);
        rv_ref_down(height, width, 1, x, down);
        rv_ref_up(height, width, 1, y, up);
        for (size_t k = 0; k < coarse; k++)
            a += 4 * down[k] * y[k];
        for (size_t k = 0; k < fine; k++)
            b += x[k] * up[k];
        cr_expect(fabs(a - b) < 1e-12 * fabs(a), "%u x %u: %.17g and %.17g", width, height, a, b);
        free(x);
        free(up);
        free(y);
        free(down);
    }
}

// ------------------------------------------------------------------------------------------------
// Mirrors and masks

static enum rv_status record_mirror(const struct run *run, struct rv_ops *ops,
                                    struct rv_recorder *recorder) {
    return rv_op_mirror(recorder, run->size, rv_ops_range(ops, run->a), rv_ops_range(ops, run->b),
                        rv_ops_range(ops, run->control));
}

// Variants: whether it flips, and whether in place.
static void check_mirror(struct rv_device *device, struct rv_extent size, uint32_t variant) {
    struct rv_ops ops;
    struct run run = {.size = size, .record = record_mirror};
    struct rv_control control = {.flip = variant & 1};
    rv_ops_begin(&ops, device, "mirror %u x %u, %u", size.width, size.height, variant);
    run.a = run.b = picture(&ops, size);
    if (variant < 2)
        run.b = picture(&ops, size);
    run.control = lines(&ops, sizeof control, &control);
    double *x = rv_ops_noise(&ops, run.a, 1), *expected = malloc(count_of(size) * sizeof *expected);
    rv_ops_run(&ops, record, &run);
    for (size_t i = 0; i < count_of(size); i++) {
        size_t column = i / 3 % size.width, row = i / 3 / size.width;
        size_t from = control.flip ? size.width - 1 - column : column;
        expected[i] = x[(row * size.width + from) * 3 + i % 3];
    }
    rv_ops_check(&ops, run.b, 0, 3, expected, 0, 0);
    rv_ops_end(&ops);
    free(x);
    free(expected);
}

Test(ops_gradient, mirror) {
    check_all(check_mirror, 4, true);
}

static enum rv_status record_hold(const struct run *run, struct rv_ops *ops,
                                  struct rv_recorder *recorder) {
    return rv_op_hold(recorder, run->size, rv_ops_range(ops, run->a), rv_ops_range(ops, run->b),
                      rv_ops_range(ops, run->c));
}

static void check_hold(struct rv_device *device, struct rv_extent size, uint32_t variant) {
    struct rv_ops ops;
    struct run run = {.size = size, .variant = variant, .record = record_hold};
    uint32_t pixels = size.width * size.height;
    rv_ops_begin(&ops, device, "hold %u x %u", size.width, size.height);
    run.a = picture(&ops, size);
    run.b = picture(&ops, size);
    run.c = rv_ops_tensor(&ops, RV_TENSOR_LINES, 1, 1, pixels);
    double *x = rv_ops_noise(&ops, run.a, 1), *original = rv_ops_noise(&ops, run.b, 2);
    float *mask = rv_ops_bytes(&ops, run.c);
    for (uint32_t i = 0; i < pixels; i++) {
        mask[i] = i % 2 ? rv_ref_uniform(3, i) : 0;
        for (uint32_t c = 0; c < 3 && mask[i] == 0; c++)
            x[3 * i + c] = original[3 * i + c];
    }
    rv_ops_run(&ops, record, &run);
    rv_ops_check(&ops, run.a, 0, 3, x, 0, 0);
    rv_ops_end(&ops);
    free(x);
    free(original);
}

Test(ops_gradient, hold) {
    check_all(check_hold, 1, true);
}
