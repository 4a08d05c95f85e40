// The whole network on the device: against the goldens of an independent implementation, and, for
// its linear part, against the plain C reference that follows the device's own decisions.
#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dream/network.h"
#include "dream/objective.h"
#include "dream/pyramid.h"
#include "support/device.h"
#include "support/golden.h"
#include "support/network.h"
#include "support/reference.h"

// The gradient is piecewise linear: a ReLU or a max-pool whose inputs are within rounding of each
// other falls either way and moves the gradient locally. Hence a bound on the direction and one on
// the median.
#define ACTIVATION_L2 1e-5
#define GRADIENT_COSINE 2e-4
#define GRADIENT_MEDIAN 1e-4
#define LINEAR_L2 1e-5

static void check_case(rv_context *context, const struct rv_goldens *goldens,
                       const struct rv_golden_case *golden, struct rv_weights *weights) {
    struct rv_picture picture;
    struct rv_probe_result result;
    const char *names[RV_GOLDEN_ACTIVATIONS];
    for (uint32_t i = 0; i < golden->activation_count; i++)
        names[i] = golden->activations[i].layer;
    struct rv_probe_params params = {.layers = golden->layers,
                                     .objective = golden->objective,
                                     .border = golden->border,
                                     .activations = names,
                                     .activation_count = golden->activation_count};
    weights->pool_counts_padding = golden->pool_counts_padding;
    cr_assert_eq(rv_golden_picture(goldens, golden, &picture), RV_OK, "%s", rv_error_text());
    cr_assert_eq(rv_probe(context, weights, &picture, &params, &result), RV_OK, "%s: %s",
                 golden->name, rv_error_text());
    cr_expect(fabs(result.loss / golden->loss - 1) <= 10 * ACTIVATION_L2, "%s: loss %.9g, not %.9g",
              golden->name, result.loss, golden->loss);
    struct rv_comparison g = rv_golden_compare_float(&golden->gradient, result.gradient.data);
    double worst = 0;
    for (uint32_t i = 0; i < golden->activation_count; i++) {
        const struct rv_golden_tensor *expected = &golden->activations[i];
        const struct rv_array *ours = &result.activations[i];
        cr_assert(ours->height == expected->height && ours->width == expected->width &&
                      ours->channels == expected->channels,
                  "%s: %s has shape [%u, %u, %u]", golden->name, expected->layer, ours->height,
                  ours->width, ours->channels);
        struct rv_comparison a = rv_golden_compare_float(expected, ours->data);
        worst = a.relative_l2 > worst ? a.relative_l2 : worst;
        cr_expect(a.relative_l2 <= ACTIVATION_L2, "%s: %s: relative L2 %.2e", golden->name,
                  expected->layer, a.relative_l2);
    }
    fprintf(stderr, "%-64s activation L2 %.1e  gradient 1-cos %.1e median %.1e\n", golden->name,
            worst, g.cosine_gap, g.median_error);
    cr_expect(g.cosine_gap <= GRADIENT_COSINE, "%s: gradient: 1 - cosine %.2e", golden->name,
              g.cosine_gap);
    cr_expect(g.median_error <= GRADIENT_MEDIAN, "%s: gradient: median error %.2e", golden->name,
              g.median_error);
    rv_probe_free(&result);
    rv_picture_free(&picture);
}

static void check_cases(struct rv_weights *weights, bool random) {
    struct rv_goldens goldens;
    rv_context *context = rv_test_context();
    cr_assert_eq(rv_goldens_load(RV_TEST_FOLDER "/golden", &goldens), RV_OK, "%s", rv_error_text());
    // On a processor the kernels for GPUs are slow, and they run all cases clamped: here every
    // fourth.
    size_t every = getenv("REVERIE_DISABLE") ? 4 : 1;
    for (size_t i = 0; i < goldens.count; i += every)
        if (goldens.cases[i].random == random)
            check_case(context, &goldens, &goldens.cases[i], weights);
    rv_goldens_free(&goldens);
    rv_test_context_end(&context);
}

Test(network, random_weights) {
    rv_weights *weights;
    cr_assert_eq(rv_weights_random(1, &weights), RV_OK, "%s", rv_error_text());
    check_cases(weights, true);
    rv_weights_destroy(&weights);
}

Test(network, default_weights) {
    rv_weights *weights;
    cr_assert_eq(rv_weights_load(NULL, &weights), RV_OK, "%s", rv_error_text());
    check_cases(weights, false);
    rv_weights_destroy(&weights);
}

// ------------------------------------------------------------------------------------------------
// Halves

#define HALF_COSINE 1e-2
#define HALF_EMULATED 1.3 // times what PyTorch finds when it keeps halves (tools/make-half-goldens)

static struct rv_array probe_at(rv_context *context, const struct rv_weights *weights,
                                const struct rv_picture *picture, const char *layers,
                                enum rv_objective objective, enum rv_precision precision,
                                double *loss) {
    struct rv_probe_result result;
    struct rv_probe_params params = {
        .layers = layers, .objective = objective, .precision = precision};
    cr_assert_eq(rv_probe(context, weights, picture, &params, &result), RV_OK, "%s: %s", layers,
                 rv_error_text());
    *loss = result.loss;
    return result.gradient;
}

// The gradient with halves beside the gradient with floats, both from the device.
static void check_half(rv_context *context, json_t *entry, const struct rv_weights *weights,
                       const struct rv_picture *photo) {
    const char *layers = json_string_value(json_object_get(entry, "layers"));
    const char *rule = json_string_value(json_object_get(entry, "objective"));
    double emulated = json_number_value(json_object_get(entry, "gap")), loss[2];
    enum rv_objective objective = strcmp(rule, "l2") ? RV_OBJECTIVE_MEAN : RV_OBJECTIVE_L2;
    struct rv_array floats =
        probe_at(context, weights, photo, layers, objective, RV_PRECISION_FP32, &loss[0]);
    struct rv_array halves =
        probe_at(context, weights, photo, layers, objective, RV_PRECISION_FP16, &loss[1]);
    size_t count = (size_t)photo->width * photo->height * 3;
    double *exact = malloc(count * sizeof *exact), norm[2] = {0};
    for (size_t i = 0; i < count; i++) {
        exact[i] = (double)floats.data[i];
        norm[0] += exact[i] * exact[i];
        norm[1] += (double)halves.data[i] * (double)halves.data[i];
    }
    struct rv_comparison g = rv_compare_float(count, halves.data, exact);
    fprintf(stderr, "halves, %s, %s: loss %.1e, gradient 1-cos %.2e, emulated %.2e\n", layers, rule,
            fabs(loss[1] / loss[0] - 1), g.cosine_gap, emulated);
    cr_expect(emulated > 0 && g.cosine_gap > 0 && g.cosine_gap <= HALF_COSINE &&
                  g.cosine_gap <= HALF_EMULATED * emulated,
              "%s: 1 - cosine %.2e, PyTorch's is %.2e", layers, g.cosine_gap, emulated);
    cr_expect(fabs(loss[1] / loss[0] - 1) <= 1e-2, "%s: loss %.9g, not %.9g", layers, loss[1],
              loss[0]);
    // The seeds' scale is gone.
    cr_expect(fabs(sqrt(norm[1] / norm[0]) - 1) <= 2e-2, "%s: the gradient is %.9g times as long",
              layers, sqrt(norm[1] / norm[0]));
    free(exact);
    rv_array_free(&floats);
    rv_array_free(&halves);
}

Test(network, halves) {
    struct rv_goldens goldens;
    rv_weights *stored, *random;
    rv_context *context = rv_test_context();
    json_t *root = json_load_file(RV_TEST_FOLDER "/golden/half.json", 0, NULL), *entry;
    json_t *cases = json_object_get(root, "cases");
    cr_assert(json_array_size(cases) >= 11, "half.json is damaged");
    cr_assert_eq(rv_goldens_load(RV_TEST_FOLDER "/golden", &goldens), RV_OK, "%s", rv_error_text());
    cr_assert_eq(rv_weights_load(NULL, &stored), RV_OK, "%s", rv_error_text());
    cr_assert_eq(rv_weights_random(1, &random), RV_OK, "%s", rv_error_text());
    // The kernels for GPUs are slow on a processor: every fourth there, as above.
    size_t every = getenv("REVERIE_DISABLE") ? 4 : 1, i;
    json_array_foreach(cases, i, entry) {
        const char *name = json_string_value(json_object_get(entry, "weights"));
        if (i % every == 0)
            check_half(context, entry, strcmp(name, "random") ? stored : random, &goldens.photo);
    }
    json_decref(root);
    rv_weights_destroy(&stored);
    rv_weights_destroy(&random);
    rv_goldens_free(&goldens);
    rv_test_context_end(&context);
}

// ------------------------------------------------------------------------------------------------
// The linear part

struct device_run {
    struct rv_plan *plan;
    struct rv_network network;
    struct rv_buffer picture;
    uint8_t *arena; // a copy of all of it: with keep_all nothing is overwritten
};

static void run_on_device(struct device_run *run, struct rv_device *device,
                          const struct rv_weights *weights, const struct rv_picture *picture,
                          const struct rv_plan_request *request) {
    struct rv_recorder recorder;
    struct rv_extent extent = {picture->width, picture->height};
    cr_assert_eq(rv_plan_create(request, &run->plan), RV_OK, "%s", rv_error_text());
    cr_assert_eq(rv_network_init(&run->network, device, weights, &run->plan, 1, 1), RV_OK, "%s",
                 rv_error_text());
    cr_assert_eq(
        rv_buffer_init(device, &run->picture, rv_image_bytes(extent), RV_MEMORY_DEVICE, "picture"),
        RV_OK);
    struct rv_range all = {&run->picture, 0, rv_image_bytes(extent)};
    cr_assert_eq(rv_picture_upload(device, picture, all), RV_OK);
    cr_assert_eq(rv_recorder_init(&recorder, device, run->plan->step_count), RV_OK);
    cr_assert_eq(rv_network_record(&run->network, run->plan, all, &recorder), RV_OK, "%s",
                 rv_error_text());
    // One barrier a level: nothing is ordered that need not be. A step of several dispatches may
    // need one before each of them.
    uint32_t least = run->plan->level_count - 1,
             most = least + recorder.dispatches - run->plan->step_count;
    cr_expect(recorder.barriers >= least && recorder.barriers <= most,
              "%u barriers, wanted %u to %u", recorder.barriers, least, most);
    cr_assert_eq(rv_recorder_end(&recorder), RV_OK);
    cr_assert_eq(rv_recorder_submit(&recorder, NULL), RV_OK);
    cr_assert_eq(rv_device_wait(device, device->submitted), RV_OK);
    rv_recorder_finish(&recorder);
    run->arena = malloc(run->network.arena.size);
    cr_assert_eq(
        rv_buffer_read(device, &run->network.arena, 0, run->arena, run->network.arena.size), RV_OK);
}

static void end_device_run(struct device_run *run, struct rv_device *device) {
    rv_buffer_finish(device, &run->picture);
    rv_network_finish(&run->network);
    free(run->arena);
    free(run->plan);
}

// [height][width][channels] of 0 and 1, from the device's mask of that convolution's activation.
static uint8_t *unpack_mask(const struct device_run *run, uint32_t conv) {
    const struct rv_node *node = rv_graph_producer(&run->plan->graph, conv);
    if (!node || run->plan->mask[node->out.tensor] == UINT32_MAX)
        return NULL;
    const struct rv_plan_tensor *t = &run->plan->tensors[run->plan->mask[node->out.tensor]];
    size_t pixels = (size_t)t->height * t->width;
    uint8_t *mask = malloc(pixels * node->out.channels);
    for (uint32_t c = 0; c < node->out.channels; c++) {
        uint32_t channel = node->out.channel + c;
        const uint32_t *words =
            (const uint32_t *)(run->arena + t->offset + channel / 16 * t->plane_bytes);
        for (size_t p = 0; p < pixels; p++)
            mask[p * node->out.channels + c] =
                words[p / 4 * 2 + channel / 8 % 2] >> (p % 4 * 8 + channel % 8) & 1;
    }
    return mask;
}

static uint8_t *unpack_argmax(const struct device_run *run, uint32_t pool) {
    if (run->plan->argmax[pool] == UINT32_MAX)
        return NULL;
    const struct rv_plan_tensor *t = &run->plan->tensors[run->plan->argmax[pool]];
    size_t pixels = (size_t)t->height * t->width;
    uint8_t *argmax = malloc(pixels * t->channels);
    for (uint32_t c = 0; c < t->channels; c++) {
        const uint32_t *words =
            (const uint32_t *)(run->arena + t->offset + c / 16 * t->plane_bytes);
        for (size_t p = 0; p < pixels; p++)
            argmax[p * t->channels + c] = words[p * 2 + c / 8 % 2] >> (c % 8 * 4) & 15;
    }
    return argmax;
}

static void check_linear(struct rv_device *device, const struct rv_weights *weights,
                         const char *layers, enum rv_objective objective, uint32_t width,
                         uint32_t height) {
    struct rv_picture picture = {width, height, malloc((size_t)width * height * 12)};
    struct rv_target targets[RV_TARGET_MAX];
    struct device_run run = {0};
    struct rv_plan_request request = {.height = height,
                                      .width = width,
                                      .targets = targets,
                                      .objective = objective,
                                      .pool_counts_padding = weights->pool_counts_padding,
                                      .keep_all = true};
    rv_ref_noise(3, height, width, picture.pixels);
    cr_assert_eq(rv_objective_parse(layers, targets, &request.target_count), RV_OK);
    run_on_device(&run, device, weights, &picture, &request);

    size_t count = (size_t)width * height * 3;
    struct rv_ref_decisions decisions = {0};
    for (uint32_t i = 0; i < weights->conv_count; i++)
        decisions.relu[i] = unpack_mask(&run, i);
    for (uint32_t i = 0; i < 4; i++)
        decisions.argmax[i] = unpack_argmax(&run, i);
    double *image = malloc(count * sizeof *image);
    float *ours = malloc(count / 3 * 16), *packed = malloc(count * sizeof *packed);
    for (size_t i = 0; i < count; i++)
        image[i] = picture.pixels[i] * 2.0 - 1;
    struct rv_ref_options options = {.objective = objective, .follow = &decisions};
    struct rv_ref_run *reference;
    cr_assert_eq(rv_ref_network_run(weights, height, width, image, targets, request.target_count,
                                    &options, &reference),
                 RV_OK, "%s", rv_error_text());
    cr_assert_eq(rv_buffer_read(device, &run.network.gradient, 0, ours, count / 3 * 16), RV_OK);
    for (size_t i = 0; i < count; i++)
        packed[i] = ours[i / 3 * 4 + i % 3];
    struct rv_comparison found = rv_compare_float(count, packed, reference->gradient);
    fprintf(stderr, "linear part, %s, %ux%u: relative L2 %.1e\n", layers, width, height,
            found.relative_l2);
    cr_expect(found.relative_l2 <= LINEAR_L2, "%s, %ux%u: linear part: relative L2 %.2e", layers,
              width, height, found.relative_l2);
    rv_ref_run_destroy(&reference);
    for (uint32_t i = 0; i < RV_CONV_COUNT; i++)
        free((void *)decisions.relu[i]);
    for (uint32_t i = 0; i < 4; i++)
        free((void *)decisions.argmax[i]);
    free(image);
    free(ours);
    free(packed);
    rv_picture_free(&picture);
    end_device_run(&run, device);
}

Test(network, linear_part) {
    rv_weights *weights;
    rv_context *context = rv_test_context();
    cr_assert_eq(rv_weights_random(2, &weights), RV_OK, "%s", rv_error_text());
    check_linear(context->device, weights, "mixed10", RV_OBJECTIVE_L2, 107, 75);
    check_linear(context->device, weights, "mixed3,mixed5=0.5", RV_OBJECTIVE_MEAN, 83, 101);
    check_linear(context->device, weights, "mixed1:77,conv2d_27,mixed7=0.1", RV_OBJECTIVE_L2, 91,
                 76);
    weights->pool_counts_padding = true;
    check_linear(context->device, weights, "mixed2", RV_OBJECTIVE_L2, 75, 76);
    rv_weights_destroy(&weights);
    rv_test_context_end(&context);
}
