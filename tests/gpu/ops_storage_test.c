// How values are stored: rounded to the nearest half, and infinities and NaNs that never become
// ordinary numbers again.
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "base/half.h"
#include "support/device.h"
#include "support/ops_harness.h"

// Floats that round to halves in every way there is: ties to the even neighbour below and above,
// the ends of the range, subnormal halves and what is too small for one.
static const float rounded[] = {
    0,
    1,
    -1,
    0x1.002p0f,
    0x1.006p0f,
    -0x1.006p0f,
    0x1.001ffep0f,
    0x1.00201p0f,
    -0x1.ffep0f,
    0x1.ffdffep0f,
    65504,
    65519.996f,
    65520,
    -65520,
    1e6f,
    3e38f,
    0x1p-14f,
    0x1.ffep-15f,
    0x1.ffcp-15f,
    0x1.004p-15f,
    0x1.p-24f,
    0x1.8p-24f,
    -0x1.8p-24f,
    0x1.4p-23f,
    0x1p-25f,
    0x1.000002p-25f,
    -0x1p-26f,
    0x1p-100f,
};
#define ROUNDED_COUNT (sizeof rounded / sizeof *rounded)

// The picture stays in floats: its values, through a kernel of a single one, come out as stored.
Test(ops_storage, rounding) {
    rv_context *context = rv_test_context();
    struct rv_ops ops;
    rv_ops_fp16 = true;
    const uint32_t width = 2 * (uint32_t)ROUNDED_COUNT + 1;
    struct rv_ref_conv s = {.height = 3,
                            .width = width,
                            .in = 3,
                            .out = 16,
                            .kernel_height = 3,
                            .kernel_width = 3,
                            .stride = 2};
    rv_ops_begin(&ops, context->device, "rounding");
    uint32_t source = rv_ops_tensor(&ops, RV_TENSOR_PIXELS, 3, width, 3);
    uint32_t target = rv_ops_tensor(&ops, RV_TENSOR_FLOATS, 1, ROUNDED_COUNT, 16);
    float *kernel = calloc(9 * 3 * 16, sizeof *kernel), bias[16] = {0};
    double *picture = calloc((size_t)3 * width * 3, sizeof *picture);
    kernel[4 * 3 * 16] = 1; // the middle tap, from the first channel to the first
    for (size_t i = 0; i < ROUNDED_COUNT; i++)
        picture[(width + 2 * i + 1) * 3] = (double)rounded[i];
    rv_ops_fill(&ops, source, picture);
    struct rv_step *step = rv_ops_forward(&ops, &s, kernel, bias);
    step->conv.wrap = true;
    rv_ops_access(step, RV_ROLE_SOURCE, RV_READ, source, 0, 3);
    rv_ops_access(step, RV_ROLE_TARGET, RV_WRITE, target, 0, 16);
    rv_ops_run(&ops, NULL, NULL);
    double *found = rv_ops_values(&ops, target, 0, 16);
    for (size_t i = 0; i < ROUNDED_COUNT; i++) {
        double expected = (double)rv_half_to_float(rv_half_from_float(rounded[i]));
        cr_expect(found[i * 16] == expected, "%a is stored as %a, not %a", (double)rounded[i],
                  found[i * 16], expected);
        for (uint32_t c = 1; c < 16; c++)
            cr_expect(found[i * 16 + c] == 0, "channel %u of %a", c, (double)rounded[i]);
    }
    rv_ops_end(&ops);
    free(kernel);
    free(picture);
    free(found);
    rv_test_context_end(&context);
}

// Once infinite, forward: what follows may be no number, but it never becomes an ordinary one
// again, so that the loss shows it.
Test(ops_storage, not_finite) {
    rv_context *context = rv_test_context();
    RV_OPS_BOTH {
        struct rv_ops ops;
        struct rv_ref_conv s = {.height = 1,
                                .width = 2,
                                .in = 16,
                                .out = 16,
                                .kernel_height = 1,
                                .kernel_width = 1,
                                .stride = 1};
        rv_ops_begin(&ops, context->device, "a NaN, through ReLU");
        float *kernel = rv_ops_floats(1, 16 * 16), bias[16] = {0};
        uint32_t source = rv_ops_tensor(&ops, RV_TENSOR_FLOATS, 1, 2, 16);
        uint32_t target = rv_ops_tensor(&ops, RV_TENSOR_FLOATS, 1, 2, 16);
        uint32_t mask = rv_ops_tensor(&ops, RV_TENSOR_MASK, 1, 2, 16);
        double values[32] = {[3] = (double)NAN};
        rv_ops_fill(&ops, source, values);
        struct rv_step *step = rv_ops_forward(&ops, &s, kernel, bias);
        step->conv.relu = 16;
        rv_ops_access(step, RV_ROLE_SOURCE, RV_READ, source, 0, 16);
        rv_ops_access(step, RV_ROLE_TARGET, RV_WRITE, target, 0, 16);
        rv_ops_access(step, RV_ROLE_MASK, RV_WRITE, mask, 0, 16);
        rv_ops_run(&ops, NULL, NULL);
        double *found = rv_ops_values(&ops, target, 0, 16);
        for (uint32_t c = 0; c < 16; c++) {
            cr_expect(isnan(found[c]), "%s: channel %u is %g", ops.name, c, found[c]);
            cr_expect(found[16 + c] == 0, "%s: the pixel beside it is %g", ops.name, found[16 + c]);
        }
        rv_ops_check_bits(&ops, mask, 0, 16, (uint8_t[32]){0}, (uint8_t[32]){0});
        rv_ops_end(&ops);
        free(kernel);
        free(found);
    }
    rv_test_context_end(&context);
}

// A NaN is larger than anything, wherever in the window it stands.
Test(ops_storage, not_finite_pool) {
    rv_context *context = rv_test_context();
    for (uint32_t tap = 0; tap < 18; tap++) {
        struct rv_ops ops;
        rv_ops_fp16 = tap >= 9;
        rv_ops_begin(&ops, context->device, "max pool with a NaN at %u", tap % 9);
        uint32_t source = rv_ops_tensor(&ops, RV_TENSOR_FLOATS, 3, 3, 16);
        uint32_t target = rv_ops_tensor(&ops, RV_TENSOR_FLOATS, 1, 1, 16);
        uint32_t argmax = rv_ops_tensor(&ops, RV_TENSOR_ARGMAX, 1, 1, 16);
        double values[9 * 16];
        for (size_t i = 0; i < 9 * 16; i++)
            values[i] = (double)rv_ref_uniform(1, i);
        values[tap % 9 * 16 + 5] = (double)NAN;
        rv_ops_fill(&ops, source, values);
        struct rv_step *step = rv_ops_step(&ops, RV_OP_MAX_POOL);
        rv_ops_access(step, RV_ROLE_SOURCE, RV_READ, source, 0, 16);
        rv_ops_access(step, RV_ROLE_TARGET, RV_WRITE, target, 0, 16);
        rv_ops_access(step, RV_ROLE_ARGMAX, RV_WRITE, argmax, 0, 16);
        rv_ops_run(&ops, NULL, NULL);
        double *found = rv_ops_values(&ops, target, 0, 16);
        for (uint32_t c = 0; c < 16; c++)
            cr_expect_eq(isnan(found[c]) != 0, c == 5, "%s: channel %u is %g", ops.name, c,
                         found[c]);
        rv_ops_check_bits(&ops, argmax, 0, 16, (uint8_t[16]){0}, (uint8_t[16]){0});
        rv_ops_end(&ops);
        free(found);
    }
    rv_test_context_end(&context);
}
