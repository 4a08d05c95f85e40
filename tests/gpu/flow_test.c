// The kernels of live dreaming's flow, and of what is carried along it, against plain C.
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/device.h"
#include "support/flow_reference.h"
#include "support/flow_rig.h"
#include "support/reference.h"

static void expect_close(const char *what, uint32_t height, uint32_t width, size_t count,
                         const double *found, const double *expected, double most) {
    double worst = 0;
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        double error = fabs(found[i] - expected[i]);
        if (!(error <= worst)) { // a NaN is the worst
            worst = error;
            at = i;
        }
    }
    cr_expect(worst <= most, "%s, %u x %u: value %zu is %.9g instead of %.9g", what, width, height,
              at, found[at], expected[at]);
}

// A smooth pattern, and the same a little on: where the flow is well determined, it is the same in
// single and double precision.
static double *pattern(uint32_t height, uint32_t width, double dx, double dy) {
    double *values = malloc((size_t)height * width * 3 * sizeof *values);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++)
            for (uint32_t c = 0; c < 3; c++) {
                double u = x + dx, v = y + dy;
                values[((size_t)y * width + x) * 3 + c] =
                    (float)(0.3 * sin(0.7 * u + 0.2 * v + c) + 0.3 * sin(0.5 * v - 0.15 * u) +
                            0.2 * cos(0.21 * u + 0.3 * v));
            }
    return values;
}

static double *grey_level(uint32_t *height, uint32_t *width, const double *picture,
                          uint32_t level) {
    double *grey = malloc((size_t)*height * *width * sizeof *grey);
    rv_ref_luminance(*height, *width, picture, grey);
    for (; level > 0; level--) {
        double *half = malloc((size_t)((*height + 1) / 2) * ((*width + 1) / 2) * sizeof *half);
        rv_ref_halve(*height, *width, grey, half);
        *height = (*height + 1) / 2;
        *width = (*width + 1) / 2;
        free(grey);
        grey = half;
    }
    return grey;
}

static double *floats(const void *bytes, size_t count) {
    double *values = malloc(count * sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = ((const float *)bytes)[i];
    return values;
}

// What was decided on the grounds of flows that both know.
static void check_decisions(const struct rv_flow_rig *rig, const double *flow, const double *before,
                            const double *now) {
    uint32_t height = rig->flow_height, width = rig->flow_width;
    size_t pixels = (size_t)height * width, wrong = 0, occluded = 0;
    bool *explained = malloc(pixels * sizeof *explained);
    double *margin = malloc(pixels * sizeof *margin), length = 0;
    rv_ref_check(height, width, flow ? flow + pixels * 2 : NULL, flow, before, now, explained,
                 margin);
    for (size_t i = 0; i < pixels; i++) {
        const float *motion = rv_flow_rig_motion(rig, i);
        wrong += margin[i] > 1e-4 && (motion[2] != 0) != explained[i];
        occluded += motion[2] == 0;
        length += motion[2] != 0 ? hypot((double)motion[0], (double)motion[1]) : 0;
        for (uint32_t c = 0; c < 2; c++)
            cr_expect(motion[c] == (flow ? (float)flow[(pixels + i) * 2 + c] : 0));
        cr_expect_float_eq((double)motion[3], hypot((double)motion[0], (double)motion[1]), 1e-5);
    }
    cr_expect(wrong == 0, "%u x %u: %zu decisions differ", width, height, wrong);
    double mean = pixels > occluded ? length / (double)(pixels - occluded) : 0;
    cr_expect_float_eq((double)rv_flow_rig_carry(rig)->occluded, (double)occluded / (double)pixels,
                       1e-6);
    cr_expect_float_eq((double)rv_flow_rig_carry(rig)->flow, mean, 1e-5 + 1e-5 * mean);
    cr_expect_eq(rv_flow_rig_carry(rig)->cut, (double)occluded / (double)pixels >= 0.6);
    free(explained);
    free(margin);
}

static void check_shape(struct rv_device *device, uint32_t height, uint32_t width, uint32_t most,
                        double dx, double dy) {
    double *a = pattern(height, width, 0, 0), *b = pattern(height, width, dx, dy);
    struct rv_flow_rig rig = rv_flow_rig_begin(device, height, width, most, a, b);
    rv_flow_rig_run(&rig);
    uint32_t finest = rig.plan.finest, h = height, w = width;
    double *before = grey_level(&h, &w, a, finest);
    h = height, w = width;
    double *now = grey_level(&h, &w, b, finest);
    cr_assert(h == rig.flow_height && w == rig.flow_width);
    size_t pixels = (size_t)h * w;
    double *found = floats((char *)rig.before.buffer.mapped + rig.plan.grey[finest], pixels);
    expect_close("grey", h, w, pixels, found, before, 1e-6);
    free(found);

    double *whole_before = grey_level(&(uint32_t){height}, &(uint32_t){width}, a, 0);
    double *whole_now = grey_level(&(uint32_t){height}, &(uint32_t){width}, b, 0);
    double *forth = rv_ref_flow(height, width, whole_before, whole_now, (int32_t)finest);
    double *back = rv_ref_flow(height, width, whole_now, whole_before, (int32_t)finest);
    double *flow = floats((char *)rig.flow.buffer.mapped + rig.plan.flow[finest], pixels * 4);
    expect_close("flow forth", h, w, pixels * 2, flow, forth, 2e-3);
    expect_close("flow back", h, w, pixels * 2, flow + pixels * 2, back, 2e-3);
    check_decisions(&rig, flow, before, now);
    rv_flow_rig_end(&rig);
    rig = rv_flow_rig_begin(device, height, width, most, a, b);
    rig.no_flow = true;
    rv_flow_rig_run(&rig);
    check_decisions(&rig, NULL, before, now);
    rv_flow_rig_end(&rig);
    free(a);
    free(b);
    free(before);
    free(now);
    free(whole_before);
    free(whole_now);
    free(forth);
    free(back);
    free(flow);
}

Test(flow, kernels) {
    rv_context *context = rv_test_context();
    check_shape(context->device, 1, 1, 640, 0, 0);
    check_shape(context->device, 1, 17, 640, 0.4, 0);
    check_shape(context->device, 14, 3, 640, 0, -0.3);
    check_shape(context->device, 31, 45, 640, 1.2, 0.7);
    check_shape(context->device, 40, 33, 640, -2.5, 1);
    check_shape(context->device, 67, 70, 40, 1, -2);  // flow at half the size
    check_shape(context->device, 75, 101, 30, -3, 2); // at a quarter
    check_shape(context->device, 23, 23, 640, 9, 9);  // much that is not explained
    rv_test_context_end(&context);
}

static void check_carry(struct rv_device *device, const struct rv_ref_carry *how, bool cut) {
    struct rv_extent size = {how->width, how->height};
    struct rv_flow_plan plan = rv_flow_plan(size, how->flow_width);
    cr_assert(plan.size[plan.finest].width == how->flow_width && 1u << plan.finest == how->ratio);
    size_t pixels = (size_t)how->height * how->width;
    size_t flows = (size_t)how->flow_height * how->flow_width;
    double *delta = rv_flow_noise(1, pixels * 3, 1), *back = rv_flow_noise(2, flows * 2, 3);
    bool *explained = malloc(flows * sizeof *explained);
    struct rv_tensor source = rv_tensor_picture(device, how->height, how->width, delta);
    struct rv_tensor target = rv_tensor_make(device, pixels * 16),
                     motion = rv_tensor_make(device, flows * 16);
    struct rv_tensor carry = rv_tensor_make(device, 256);
    for (size_t i = 0; i < flows; i++) {
        float *to = (float *)motion.buffer.mapped + i * 4;
        explained[i] = rv_ref_uniform(3, i) > 0.3f;
        to[0] = (float)back[i * 2];
        to[1] = (float)back[i * 2 + 1];
        to[2] = explained[i];
        to[3] = hypotf(to[0], to[1]);
    }
    *(struct rv_carry *)carry.buffer.mapped = (struct rv_carry){
        .decay = (float)how->decay, .decay_moving = (float)how->decay_moving, .cut = cut};
    if (cut) // what was there before may be anything
        memset(source.buffer.mapped, 0xff, source.bytes);
    struct rv_carry_op op = {&plan, rv_tensor_range(&target), rv_tensor_range(&source),
                             rv_tensor_range(&motion), rv_tensor_range(&carry)};
    struct rv_recorder recorder;
    enum rv_status status;
    RV_TRY(rv_recorder_init(&recorder, device, 1));
    RV_TRY(rv_op_carry(&recorder, &op));
    status = rv_recorder_run(&recorder);
done:
    cr_assert_eq(status, RV_OK, "%s", rv_error_text());
    rv_recorder_finish(&recorder);
    double *expected = calloc(pixels * 3, sizeof *expected);
    double *found = rv_tensor_read(&target, pixels);
    if (!cut)
        rv_ref_carry(how, delta, back, explained, expected);
    expect_close(cut ? "carry, cut" : "carry", how->height, how->width, pixels * 3, found, expected,
                 1e-4);
    rv_tensor_finish(device, &source, pixels * 4);
    rv_tensor_finish(device, &target, pixels * 4);
    rv_tensor_finish(device, &motion, flows * 4);
    rv_tensor_finish(device, &carry, sizeof(struct rv_carry) / 4);
    free(delta);
    free(back);
    free(explained);
    free(expected);
    free(found);
}

Test(flow, carry) {
    rv_context *context = rv_test_context();
    static const struct rv_ref_carry cases[] = {{1, 1, 1, 1, 1, 0.9, 0.5},
                                                {7, 33, 7, 33, 1, 0.9, 0.5},
                                                {41, 50, 21, 25, 2, 0.8, 0.95},
                                                {39, 67, 10, 17, 4, 1, 0},
                                                {18, 29, 18, 29, 1, 0, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int cut = 0; cut < 2; cut++)
            check_carry(context->device, &cases[i], cut);
    rv_test_context_end(&context);
}

static void check_settle(struct rv_device *device, uint32_t height, uint32_t width,
                         uint32_t octave_height, uint32_t octave_width) {
    size_t pixels = (size_t)height * width, octave = (size_t)octave_height * octave_width;
    double *frame = rv_flow_noise(1, pixels * 3, 1), *carried = rv_flow_noise(2, pixels * 3, 0.4);
    double *begun = rv_flow_noise(3, octave * 3, 1), *dreamed = rv_flow_noise(4, octave * 3, 1);
    double *expected = malloc(pixels * 3 * sizeof *expected);
    struct rv_tensor tensors[] = {rv_tensor_make(device, pixels * 16),
                                  rv_tensor_picture(device, height, width, carried),
                                  rv_tensor_picture(device, height, width, frame),
                                  rv_tensor_picture(device, octave_height, octave_width, begun),
                                  rv_tensor_picture(device, octave_height, octave_width, dreamed)};
    struct rv_settle_op op = {.size = {width, height},
                              .octave = {octave_width, octave_height},
                              .delta = rv_tensor_range(&tensors[0]),
                              .carried = rv_tensor_range(&tensors[1]),
                              .frame = rv_tensor_range(&tensors[2]),
                              .begun = rv_tensor_range(&tensors[3]),
                              .dreamed = rv_tensor_range(&tensors[4])};
    struct rv_recorder recorder;
    enum rv_status status;
    RV_TRY(rv_recorder_init(&recorder, device, 1));
    RV_TRY(rv_op_settle(&recorder, &op));
    status = rv_recorder_run(&recorder);
done:
    cr_assert_eq(status, RV_OK, "%s", rv_error_text());
    rv_recorder_finish(&recorder);
    rv_ref_settle(height, width, octave_height, octave_width, frame, carried, begun, dreamed,
                  expected);
    double *found = rv_tensor_read(&tensors[0], pixels);
    expect_close("settle", height, width, pixels * 3, found, expected, 4 * 64 * 0x1p-23);
    for (size_t i = 0; i < pixels * 3; i++)
        cr_assert(fabs(frame[i] + found[i]) <= 1 + 1e-6, "beyond what can be shown");
    for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++)
        rv_tensor_finish(device, &tensors[i], (i < 3 ? pixels : octave) * 4);
    free(frame);
    free(carried);
    free(begun);
    free(dreamed);
    free(expected);
    free(found);
}

Test(flow, settle) {
    rv_context *context = rv_test_context();
    check_settle(context->device, 1, 1, 1, 1);
    check_settle(context->device, 17, 35, 17, 35);
    check_settle(context->device, 33, 18, 21, 11);
    check_settle(context->device, 5, 64, 4, 46);
    rv_test_context_end(&context);
}
