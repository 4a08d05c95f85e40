// Whole plans on the device: that sharing memory changes nothing, that a recording can be run
// again, and that the gradient is the loss's.
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dream/network.h"
#include "dream/objective.h"
#include "dream/pyramid.h"
#include "support/device.h"
#include "support/reference.h"

#define HEIGHT 75
#define WIDTH 79

// ------------------------------------------------------------------------------------------------
// Aliasing and replay

struct result {
    uint8_t *bytes; // what the plan is run for: gradient and losses, or the kept layers
    size_t size;
};

static void append(struct result *result, struct rv_device *device, const struct rv_buffer *buffer,
                   uint64_t offset, uint64_t size) {
    result->bytes = realloc(result->bytes, result->size + size);
    cr_assert_eq(rv_buffer_read(device, buffer, offset, result->bytes + result->size, size), RV_OK);
    result->size += size;
}

// Pixels only: what stands between planes is nobody's.
static void append_layer(struct result *result, const struct rv_network *network,
                         const struct rv_plan *plan, const struct rv_layer *layer) {
    struct rv_plan_access slice;
    cr_assert(rv_plan_find(plan, layer, &slice), "%s", layer->info.name);
    const struct rv_plan_tensor *t = &plan->tensors[slice.tensor];
    for (uint32_t c = 0; c < slice.channels; c += 16)
        append(result, network->device, &network->arena,
               t->offset + (slice.channel + c) / 16 * t->plane_bytes,
               (uint64_t)t->height * t->width * 64);
}

static void poison(const struct rv_network *network) {
    uint8_t *nans = malloc(network->arena.size);
    memset(nans, 0xff, network->arena.size);
    cr_assert_eq(rv_buffer_write(network->device, &network->arena, 0, nans, network->arena.size),
                 RV_OK);
    free(nans);
}

static struct result read_result(const struct rv_network *network, const struct rv_plan *plan,
                                 const struct rv_plan_request *request) {
    struct result result = {NULL, 0};
    for (uint32_t i = 0; i < request->keep_count; i++)
        append_layer(&result, network, plan, request->keep[i]);
    if (request->target_count) {
        append(&result, network->device, &network->gradient, 0, (uint64_t)HEIGHT * WIDTH * 16);
        append(&result, network->device, &network->control, RV_LOSSES_OFFSET,
               request->target_count * sizeof(float));
    }
    return result;
}

// Runs the plan once for each of the results, from one recording, the arena full of NaNs before
// each.
static void run(struct rv_device *device, const struct rv_weights *weights,
                const struct rv_plan_request *request, uint32_t count, struct result *results) {
    struct rv_plan *plan;
    struct rv_network network;
    struct rv_buffer buffer;
    struct rv_recorder recorder;
    struct rv_picture picture = {WIDTH, HEIGHT, malloc(HEIGHT * WIDTH * 3 * sizeof(float))};
    struct rv_range range = {&buffer, 0, rv_image_bytes((struct rv_extent){WIDTH, HEIGHT})};
    rv_ref_noise(5, HEIGHT, WIDTH, picture.pixels);
    cr_assert_eq(rv_plan_create(request, &plan), RV_OK, "%s", rv_error_text());
    cr_assert_eq(rv_network_init(&network, device, weights, &plan, 1, 1), RV_OK, "%s",
                 rv_error_text());
    cr_assert_eq(rv_buffer_init(device, &buffer, range.size, RV_MEMORY_DEVICE, "picture"), RV_OK);
    cr_assert_eq(rv_picture_upload(device, &picture, range), RV_OK);
    cr_assert_eq(rv_recorder_init(&recorder, device, plan->step_count), RV_OK);
    cr_assert_eq(rv_network_record(&network, plan, range, &recorder), RV_OK, "%s", rv_error_text());
    cr_assert_eq(rv_recorder_end(&recorder), RV_OK);
    for (uint32_t i = 0; i < count; i++) {
        poison(&network);
        cr_assert_eq(rv_recorder_submit(&recorder, NULL), RV_OK);
        cr_assert_eq(rv_device_wait(device, device->submitted), RV_OK);
        results[i] = read_result(&network, plan, request);
    }
    rv_recorder_finish(&recorder);
    rv_buffer_finish(device, &buffer);
    rv_network_finish(&network);
    rv_picture_free(&picture);
    free(plan);
}

static void check_alias(struct rv_device *device, const struct rv_weights *weights,
                        const char *layers, bool keep) {
    struct result results[3];
    struct rv_target targets[RV_TARGET_MAX];
    const struct rv_layer *kept[RV_TARGET_MAX];
    uint32_t count, finite = 0, nonzero = 0;
    struct rv_plan_request request = {.height = HEIGHT,
                                      .width = WIDTH,
                                      .objective = RV_OBJECTIVE_L2,
                                      .targets = targets,
                                      .keep = kept};
    cr_assert_eq(rv_objective_parse(layers, targets, &count), RV_OK, "%s", rv_error_text());
    for (uint32_t i = 0; i < count; i++)
        kept[i] = targets[i].layer;
    *(keep ? &request.keep_count : &request.target_count) = count;
    run(device, weights, &request, 2, results);
    request.no_alias = true;
    run(device, weights, &request, 1, results + 2);
    const size_t size = results[0].size;
    cr_assert(size > 0 && results[1].size == size && results[2].size == size);
    for (size_t i = 0; i < size; i += sizeof(float)) {
        float value;
        memcpy(&value, results[0].bytes + i, sizeof value);
        finite += isfinite(value);
        nonzero += value != 0;
    }
    cr_expect(finite == size / sizeof(float) && nonzero > finite / 3,
              "%s: of %zu values %u are finite, %u not zero", layers, size / sizeof(float), finite,
              nonzero);
    cr_expect(memcmp(results[0].bytes, results[1].bytes, size) == 0,
              "%s: the second run differs from the first", layers);
    cr_expect(memcmp(results[0].bytes, results[2].bytes, size) == 0,
              "%s: without aliasing the result differs", layers);
    for (uint32_t i = 0; i < 3; i++)
        free(results[i].bytes);
}

Test(ops_plan, alias) {
    rv_weights *weights;
    rv_context *context = rv_test_context();
    cr_assert_eq(rv_weights_random(7, &weights), RV_OK, "%s", rv_error_text());
    check_alias(context->device, weights, "mixed4,mixed1:5=2,mixed3,conv2d_18", false);
    check_alias(context->device, weights, "mixed9_0", false);
    check_alias(context->device, weights, "mixed0,conv2d_18,activation_31,mixed4", true);
    rv_weights_destroy(&weights);
    rv_test_context_end(&context);
}

// ------------------------------------------------------------------------------------------------
// Finite differences

// The loss is piecewise smooth and its kinks are everywhere, so a direction must be one in which it
// changes much more than the decisions that fall on the way make it: the gradient, whole or in
// part.
#define DIRECTIONS 3
#define STEP 2e-4      // of the largest element moved, in a picture of 0..1
#define TOLERANCE 1e-2 // of the change; measured: at most 2.6e-3, at five times the step 4.9e-3

static bool is_moved(uint32_t direction, size_t element) {
    size_t y = element / 3 / WIDTH, x = element / 3 % WIDTH;
    const bool moved[DIRECTIONS] = {true, element % 3 == 1, // all of it; green alone; the edge
                                    y < 6 || x < 6 || y >= HEIGHT - 6 || x >= WIDTH - 6};
    return moved[direction];
}

static double loss_at(rv_context *context, const rv_weights *weights,
                      const struct rv_picture *picture, const struct rv_probe_params *params,
                      struct rv_array *gradient) {
    struct rv_probe_result result;
    cr_assert_eq(rv_probe(context, weights, picture, params, &result), RV_OK, "%s",
                 rv_error_text());
    if (gradient) {
        *gradient = result.gradient;
        result.gradient.data = NULL;
    }
    rv_probe_free(&result);
    return result.loss;
}

// Moves `from` along the gradient, and returns by how much the gradient says that the loss rises.
static double move(const struct rv_picture *from, const struct rv_array *gradient,
                   uint32_t direction, double step, struct rv_picture *to) {
    size_t count = (size_t)HEIGHT * WIDTH * 3;
    double largest = 0, rise = 0;
    for (size_t i = 0; i < count; i++)
        if (is_moved(direction, i))
            largest = fmax(largest, fabs((double)gradient->data[i]));
    for (size_t i = 0; i < count; i++) {
        double g = (double)gradient->data[i], x = (double)from->pixels[i];
        to->pixels[i] = (float)(is_moved(direction, i) ? x + step * g / largest : x);
        // What really was added; the network's input is 2 x - 1.
        rise += 2 * ((double)to->pixels[i] - x) * g;
    }
    return rise;
}

static void check_differences(rv_context *context, const rv_weights *weights,
                              const struct rv_probe_params *params) {
    struct rv_picture pictures[2];
    struct rv_array gradient;
    for (uint32_t i = 0; i < 2; i++)
        pictures[i] =
            (struct rv_picture){WIDTH, HEIGHT, malloc(HEIGHT * WIDTH * 3 * sizeof(float))};
    rv_ref_noise(6, HEIGHT, WIDTH, pictures[0].pixels);
    loss_at(context, weights, &pictures[0], params, &gradient);
    for (uint32_t direction = 0; direction < DIRECTIONS; direction++) {
        double expected = 0, found = 0;
        for (int side = -1; side <= 1; side += 2) {
            double rise = move(&pictures[0], &gradient, direction, side * STEP, &pictures[1]);
            expected += side * rise;
            found += side * loss_at(context, weights, &pictures[1], params, NULL);
        }
        double error = found / expected - 1;
        fprintf(stderr, "%s, direction %u: off by %.1e\n", params->layers, direction, error);
        cr_expect(fabs(error) <= TOLERANCE, "%s, direction %u: the loss rises by %.6g, not %.6g",
                  params->layers, direction, found, expected);
    }
    rv_array_free(&gradient);
    for (uint32_t i = 0; i < 2; i++)
        rv_picture_free(&pictures[i]);
}

Test(ops_plan, differences) {
    rv_weights *weights;
    rv_context *context = rv_test_context();
    cr_assert_eq(rv_weights_random(7, &weights), RV_OK, "%s", rv_error_text());
    const struct rv_probe_params params[] = {
        {.layers = "mixed0", .jitter_x = 5, .jitter_y = -3},
        {.layers = "mixed2", .objective = RV_OBJECTIVE_L2, .border = 1},
        {.layers = "mixed2:5=2,mixed2,conv2d_18=-1,activation_6", .objective = RV_OBJECTIVE_L2},
    };
    for (size_t i = 0; i < sizeof params / sizeof *params; i++)
        check_differences(context, weights, &params[i]);
    rv_weights_destroy(&weights);
    rv_test_context_end(&context);
}
