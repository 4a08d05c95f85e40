// The plain C reference, on which the tests of the device rest, proved right itself: against an
// independent implementation's goldens, by adjoint identities and by finite differences.
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/golden.h"
#include "support/network.h"
#include "support/reference.h"

// ------------------------------------------------------------------------------------------------
// The network against the goldens

// What float32 storage of goldens and of folded weights leaves: measured at most 2e-7.
#define TOLERANCE 1e-6

static double *to_network(const struct rv_picture *picture) {
    size_t count = (size_t)picture->width * picture->height * 3;
    double *image = malloc(count * sizeof *image);
    for (size_t i = 0; image && i < count; i++)
        image[i] = picture->pixels[i] * 2.0 - 1;
    return image;
}

static void check_tensor(const struct rv_golden_case *golden, const char *what,
                         const struct rv_golden_tensor *tensor, struct rv_ref_shape shape,
                         const double *ours) {
    cr_assert_eq(shape.height, tensor->height, "%s: %s: height %u", golden->name, what,
                 shape.height);
    cr_assert_eq(shape.width, tensor->width, "%s: %s: width %u", golden->name, what, shape.width);
    cr_assert_eq(shape.channels, tensor->channels, "%s: %s: channels %u", golden->name, what,
                 shape.channels);
    double sum = 0;
    for (size_t i = 0; i < (size_t)shape.height * shape.width * shape.channels; i++)
        sum += ours[i] * ours[i];
    struct rv_comparison found = rv_golden_compare(tensor, ours);
    double norm_error = fabs(sqrt(sum) / tensor->norm - 1);
    if (found.relative_l2 > TOLERANCE || norm_error > TOLERANCE)
        rv_comparison_print(golden->name, &found);
    cr_expect(found.relative_l2 <= TOLERANCE, "%s: %s: relative L2 %.2e", golden->name, what,
              found.relative_l2);
    cr_expect(norm_error <= TOLERANCE, "%s: %s: norm is off by %.2e", golden->name, what,
              norm_error);
}

static void check_case(const struct rv_goldens *goldens, const struct rv_golden_case *golden,
                       struct rv_weights *weights) {
    struct rv_target targets[RV_TARGET_MAX];
    uint32_t count;
    struct rv_picture picture;
    struct rv_ref_run *run;
    cr_assert_eq(rv_objective_parse(golden->layers, targets, &count), RV_OK, "%s", golden->name);
    cr_assert_eq(rv_golden_picture(goldens, golden, &picture), RV_OK, "%s", rv_error_text());
    double *image = to_network(&picture);
    cr_assert_not_null(image);
    const struct rv_ref_options options = {.objective = golden->objective,
                                           .border = golden->border};
    weights->pool_counts_padding = golden->pool_counts_padding;
    cr_assert_eq(rv_ref_network_run(weights, golden->height, golden->width, image, targets, count,
                                    &options, &run),
                 RV_OK, "%s: %s", golden->name, rv_error_text());
    // The mean of values of both signs cancels: its relative error is larger than theirs.
    cr_expect(fabs(run->loss / golden->loss - 1) <= 10 * TOLERANCE, "%s: loss %.9g, not %.9g",
              golden->name, run->loss, golden->loss);
    check_tensor(golden, "gradient", &golden->gradient,
                 (struct rv_ref_shape){golden->height, golden->width, 3}, run->gradient);
    for (uint32_t i = 0; i < golden->activation_count; i++) {
        const struct rv_golden_tensor *expected = &golden->activations[i];
        const struct rv_layer_info *info = rv_layer_find(expected->layer);
        struct rv_ref_shape shape;
        cr_assert_not_null(info, "%s: no layer %s", golden->name, expected->layer);
        double *activation = rv_ref_run_activation(run, rv_layer_of(info), &shape);
        cr_assert_not_null(activation, "%s: %s was not reached", golden->name, expected->layer);
        check_tensor(golden, expected->layer, expected, shape, activation);
        free(activation);
    }
    rv_ref_run_destroy(&run);
    rv_picture_free(&picture);
    free(image);
}

static void check_cases(struct rv_weights *weights, bool random) {
    struct rv_goldens goldens;
    cr_assert_eq(rv_goldens_load(RV_TEST_FOLDER "/golden", &goldens), RV_OK, "%s", rv_error_text());
    size_t checked = 0;
    for (size_t i = 0; i < goldens.count; i++)
        if (goldens.cases[i].random == random) {
            check_case(&goldens, &goldens.cases[i], weights);
            checked++;
        }
    cr_expect(checked >= 20, "only %zu cases", checked);
    rv_goldens_free(&goldens);
}

Test(reference, random_weights) {
    rv_weights *weights;
    cr_assert_eq(rv_weights_random(1, &weights), RV_OK, "%s", rv_error_text());
    check_cases(weights, true);
    rv_weights_destroy(&weights);
}

Test(reference, default_weights) {
    char path[1024];
    rv_weights_default_path(path, sizeof path);
    FILE *file = fopen(path, "rb");
    if (!file)
        cr_skip_test("no weights at %s: import them first", path);
    fclose(file);
    rv_weights *weights;
    cr_assert_eq(rv_weights_load(NULL, &weights), RV_OK, "%s", rv_error_text());
    check_cases(weights, false);
    rv_weights_destroy(&weights);
}

// ------------------------------------------------------------------------------------------------
// Single operations: <A x, y> = <x, A' y> for every linear one

#define AT_MOST 4096 // elements of any array below

static double x[AT_MOST], y[AT_MOST], ax[AT_MOST], aty[AT_MOST];
static float kernel[AT_MOST];
static uint8_t argmax[AT_MOST];

static void fill(double *values, size_t count, uint64_t seed) {
    for (size_t i = 0; i < count; i++)
        values[i] = rv_ref_uniform(seed, i) * 2 - 1;
}

static double dot(const double *a, const double *b, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += a[i] * b[i];
    return sum;
}

static void expect_adjoint(const char *what, size_t inputs, size_t outputs) {
    double forward = dot(ax, y, outputs), backward = dot(x, aty, inputs);
    cr_expect(fabs(forward - backward) <= 1e-12 * sqrt(dot(ax, ax, outputs) * dot(y, y, outputs)),
              "%s: <Ax, y> = %.15g, <x, A'y> = %.15g", what, forward, backward);
    cr_expect(dot(ax, ax, outputs) > 0, "%s: nothing comes out", what);
}

Test(reference, adjoints) {
    static const struct rv_ref_conv convs[] = {
        {9, 11, 3, 5, 3, 3, 2, 0, 0}, {8, 10, 4, 3, 3, 3, 2, 0, 0}, {7, 6, 4, 4, 3, 3, 1, 1, 1},
        {9, 5, 3, 2, 1, 7, 1, 0, 3},  {5, 9, 2, 3, 7, 1, 1, 3, 0},  {6, 7, 2, 3, 5, 5, 1, 2, 2},
        {4, 3, 7, 5, 1, 1, 1, 0, 0},  {1, 1, 4, 4, 3, 3, 1, 1, 1},  {1, 2, 3, 4, 1, 3, 1, 0, 1},
    };
    fill(x, AT_MOST, 1);
    fill(y, AT_MOST, 2);
    for (size_t i = 0; i < AT_MOST; i++)
        kernel[i] = rv_ref_uniform(3, i) - 0.5f;
    for (size_t i = 0; i < sizeof convs / sizeof convs[0]; i++) {
        const struct rv_ref_conv *c = &convs[i];
        char what[64];
        snprintf(what, sizeof what, "convolution %zu", i);
        rv_ref_conv_forward(c, x, kernel, ax);
        rv_ref_conv_backward(c, y, kernel, aty);
        expect_adjoint(what, (size_t)c->height * c->width * c->in,
                       (size_t)rv_ref_out_size(c->height, c->kernel_height, c->stride, c->pad_y) *
                           rv_ref_out_size(c->width, c->kernel_width, c->stride, c->pad_x) *
                           c->out);
    }
    static const uint32_t sizes[][3] = {{3, 3, 2}, {8, 7, 5}, {9, 12, 3}, {1, 1, 2}, {1, 5, 1}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint32_t h = sizes[i][0], w = sizes[i][1], c = sizes[i][2];
        size_t count = (size_t)h * w * c;
        for (int padding = 0; padding < 2; padding++) {
            char what[64];
            snprintf(what, sizeof what, "average pool %ux%ux%u, padding %d", h, w, c, padding);
            rv_ref_avg_pool_forward(h, w, c, padding, x, ax);
            rv_ref_avg_pool_backward(h, w, c, padding, y, aty);
            expect_adjoint(what, count, count);
        }
        if (h < 3 || w < 3)
            continue;
        rv_ref_max_pool_forward(h, w, c, x, ax, argmax);
        rv_ref_max_pool_backward(h, w, c, y, argmax, aty);
        expect_adjoint("max pool", count, (size_t)((h - 3) / 2 + 1) * ((w - 3) / 2 + 1) * c);
    }
}

// ------------------------------------------------------------------------------------------------
// Small cases worked out by hand

static void expect_values(const char *what, const double *found, const double *expected,
                          size_t count) {
    for (size_t i = 0; i < count; i++)
        cr_expect(fabs(found[i] - expected[i]) < 1e-12, "%s: [%zu] is %.15g, not %.15g", what, i,
                  found[i], expected[i]);
}

Test(reference, by_hand) {
    // Equal values: the first in row order wins; zero does not pass a ReLU.
    const double ties[9] = {1, 2, 0, 2, 2, 1, 0, 1, 2};
    rv_ref_max_pool_forward(3, 3, 1, ties, ax, argmax);
    cr_expect_eq(argmax[0], 1, "the tie goes to tap %u", argmax[0]);
    double z[4] = {-1, 0, 1, -2};
    const float bias[2] = {0, 2};
    uint8_t mask[4];
    rv_ref_bias_relu(2, 2, bias, z, ax, mask);
    expect_values("bias", z, (const double[]){-1, 2, 1, 0}, 4);
    expect_values("relu", ax, (const double[]){0, 2, 1, 0}, 4);
    cr_expect(!mask[0] && mask[1] && mask[2] && !mask[3], "ReLU mask");

    const double row[3] = {0, 6, 12};
    rv_ref_resize(1, 3, 1, row, 1, 6, RV_RESIZE_HALF_PIXEL, ax);
    expect_values("half-pixel up", ax, (const double[]){0, 1.5, 4.5, 7.5, 10.5, 12}, 6);
    rv_ref_resize(1, 3, 1, row, 1, 2, RV_RESIZE_HALF_PIXEL, ax);
    expect_values("half-pixel down", ax, (const double[]){1.5, 10.5}, 2);
    rv_ref_resize(1, 3, 1, row, 1, 5, RV_RESIZE_ALIGN_CORNERS, ax);
    expect_values("align corners", ax, (const double[]){0, 3, 6, 9, 12}, 5);
    rv_ref_resize(3, 1, 1, row, 1, 1, RV_RESIZE_ALIGN_CORNERS, ax);
    expect_values("align corners to one", ax, (const double[]){0}, 1);

    const double ones[4] = {1, 1, 1, 1};
    rv_ref_avg_pool_forward(2, 2, 1, false, ones, ax);
    expect_values("average in bounds", ax, ones, 4);
    rv_ref_avg_pool_forward(2, 2, 1, true, ones, ax);
    expect_values("average with padding", ax, (const double[]){4 / 9., 4 / 9., 4 / 9., 4 / 9.}, 4);

    struct rv_ref_statistics found = rv_ref_statistics(4, (const double[]){1, -1, 3, -7});
    const double statistics[3] = {found.mean, found.std, found.mean_abs};
    expect_values("statistics", statistics, (const double[]){-1, sqrt(14), 3}, 3);

    // 3 x 3 x 2 without a border of 1 is its middle; N is 18, or 9 for one channel.
    double gradient[18] = {0}, expected[18] = {0};
    fill(x, 18, 5);
    double loss = rv_ref_objective(RV_OBJECTIVE_L2, 3, 3, 2, x, 1, 1, 3, gradient);
    expected[9] = 2 * 3 / 9. * x[9];
    expect_values("objective", gradient, expected, 18);
    expect_values("loss", &loss, (const double[]){3 / 9. * x[9] * x[9]}, 1);
}

// ------------------------------------------------------------------------------------------------
// Following decisions from outside

Test(reference, follows_decisions) {
    enum { HEIGHT = 75, WIDTH = 79, COUNT = HEIGHT * WIDTH * 3 };
    static float noise[COUNT];
    static double image[COUNT];
    rv_weights *weights;
    struct rv_ref_run *own, *same, *closed;
    struct rv_target target = {
        .layer = rv_layer_of(rv_layer_find("mixed3")), .channel = -1, .weight = 1};
    cr_assert_eq(rv_weights_random(7, &weights), RV_OK, "%s", rv_error_text());
    rv_ref_noise(7, HEIGHT, WIDTH, noise);
    for (size_t i = 0; i < COUNT; i++)
        image[i] = noise[i] * 2.0 - 1;
    cr_assert_eq(rv_ref_network_run(weights, HEIGHT, WIDTH, image, &target, 1, NULL, &own), RV_OK);
    const struct rv_ref_options follow = {.follow = &own->own};
    cr_assert_eq(rv_ref_network_run(weights, HEIGHT, WIDTH, image, &target, 1, &follow, &same),
                 RV_OK);
    expect_values("own decisions", same->gradient, own->gradient, COUNT);

    // With the first convolution closed nothing gets through; the loss stays as it was.
    static uint8_t zeros[37 * 39 * 32];
    struct rv_ref_decisions shut = {.relu = {zeros}};
    const struct rv_ref_options options = {.follow = &shut};
    cr_assert_eq(own->conv[0].height * own->conv[0].width, 37 * 39);
    cr_assert_eq(rv_ref_network_run(weights, HEIGHT, WIDTH, image, &target, 1, &options, &closed),
                 RV_OK);
    cr_expect(closed->loss == own->loss && rv_ref_statistics(COUNT, closed->gradient).mean_abs == 0,
              "a closed ReLU lets a gradient through");
    cr_expect(rv_ref_statistics(COUNT, own->gradient).mean_abs > 0, "no gradient");
    rv_ref_run_destroy(&own);
    rv_ref_run_destroy(&same);
    rv_ref_run_destroy(&closed);
    rv_weights_destroy(&weights);
}
