// Pictures in tiles and in bands: that nobody can tell, and that they keep within the limit.
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dream/context.h"
#include "support/device.h"
#include "support/dreams.h"
#include "support/reference.h"

// ------------------------------------------------------------------------------------------------
// The gradient

// Relative to the whole picture's, of the norm and of the largest value, edges included.
#define TOLERANCE 1e-3
#define EXACT 1e-6 // where the halo is as wide as the network sees

struct gradient_case {
    struct rv_probe_params params;
    uint32_t width, height;
    double share; // of the way from the least memory to the whole picture's
    double bound;
};

static const struct gradient_case gradient_cases[] = {
    {{.layers = "mixed0"}, 300, 291, 0.6, EXACT},
    {{.layers = "mixed0", .objective = RV_OBJECTIVE_L2, .jitter_x = 299, .jitter_y = 1},
     300,
     291,
     0.35,
     EXACT},
    {{.layers = "mixed0:5=2,conv2d_3=-1,activation_6",
      .objective = RV_OBJECTIVE_L2,
      .border = 9,
      .jitter_x = 33,
      .jitter_y = 160},
     303,
     320,
     0.4,
     EXACT},
    {{.layers = "max_pooling2d_1", .border = 2, .jitter_y = -77}, 97, 401, 0.5, EXACT},
    {{.layers = "mixed1", .objective = RV_OBJECTIVE_L2, .jitter_x = -3}, 450, 99, 0.6, EXACT},
    {{.layers = "mixed2,mixed0=0.5", .border = 1, .jitter_x = 7, .jitter_y = 5},
     491,
     350,
     0.3,
     EXACT},
    {{.layers = "mixed3", .objective = RV_OBJECTIVE_L2, .border = 2, .jitter_x = 411},
     420,
     111,
     0,
     TOLERANCE},
    {{.layers = "mixed4,mixed3=0.2", .jitter_y = 200}, 107, 777, 0, TOLERANCE},
    {{.layers = "mixed5", .objective = RV_OBJECTIVE_L2, .border = 1}, 1127, 96, 0, TOLERANCE},
};

static const struct gradient_case half_cases[] = {
    {{.layers = "mixed0,conv2d_3=-1",
      .objective = RV_OBJECTIVE_L2,
      .border = 3,
      .jitter_x = 33,
      .jitter_y = 160,
      .precision = RV_PRECISION_FP16},
     303,
     320,
     0.4,
     EXACT},
    {{.layers = "mixed3", .jitter_x = 411, .precision = RV_PRECISION_FP16}, 611, 96, 0, TOLERANCE},
};

struct apart {
    double norm, largest; // of the difference, relative to the first
};

static struct apart compare(const struct rv_array *a, const struct rv_array *b) {
    double sum = 0, difference = 0, most = 0, worst = 0;
    cr_assert(a->width == b->width && a->height == b->height && a->channels == 3);
    for (size_t i = 0; i < (size_t)a->width * a->height * 3; i++) {
        double x = (double)a->data[i], d = (double)b->data[i] - x;
        sum += x * x;
        difference += d * d;
        most = fmax(most, fabs(x));
        worst = isfinite(d) ? fmax(worst, fabs(d)) : INFINITY;
    }
    return (struct apart){sqrt(difference / sum), worst / most};
}

// The kernels for GPUs are slow on a processor, and how pictures are cut does not depend on them:
// of the cases some there.
static bool is_slow(void) {
    return getenv("REVERIE_DISABLE") || getenv("REVERIE_CLAMP");
}

static size_t every(size_t some) {
    return is_slow() ? some : 1;
}

static struct rv_probe_result probe(rv_context *context, const rv_weights *weights,
                                    const struct rv_picture *picture,
                                    const struct rv_probe_params *params) {
    struct rv_probe_result result;
    context->device->peak_bytes = 0;
    cr_assert_eq(rv_probe(context, weights, picture, params, &result), RV_OK, "%s: %s",
                 params->layers, rv_error_text());
    return result;
}

// What the message says is the least.
static uint64_t least_of(void) {
    unsigned long long least = 0;
    const char *text = strstr(rv_error_text(), "at least ");
    cr_assert(text && sscanf(text, "at least %llu", &least) == 1, "%s", rv_error_text());
    return least;
}

// The limit lies between what the smallest tiles take and what the whole picture does.
static void check_gradient(rv_context *context, const rv_weights *weights,
                           const struct gradient_case *c) {
    struct rv_device *device = context->device;
    struct rv_picture picture = rv_test_noise(4, c->width, c->height);
    struct rv_probe_result whole = probe(context, weights, &picture, &c->params), tiled;
    uint64_t bytes = device->peak_bytes;
    device->memory_limit = 1;
    cr_assert_eq(rv_probe(context, weights, &picture, &c->params, &tiled), RV_ERR_NO_MEMORY);
    uint64_t least = least_of();
    device->memory_limit = least;
    if (bytes > least)
        device->memory_limit += (uint64_t)((double)(bytes - least) * c->share);
    tiled = probe(context, weights, &picture, &c->params);
    device->memory_limit = 0;
    struct apart apart = compare(&whole.gradient, &tiled.gradient);
    fprintf(stderr, "%s at %u x %u%s: %.1e of the norm, %.1e of the largest, loss %.1e\n",
            c->params.layers, c->width, c->height,
            c->params.precision == RV_PRECISION_FP16 ? ", fp16" : "", apart.norm, apart.largest,
            tiled.loss / whole.loss - 1);
    cr_expect(device->peak_bytes < bytes, "%s: not in tiles", c->params.layers);
    cr_expect(apart.norm <= c->bound && apart.largest <= c->bound,
              "%s at %u x %u: %.2e of the norm, %.2e of the largest", c->params.layers, c->width,
              c->height, apart.norm, apart.largest);
    // A sum of positions, each counted once; those of deep layers see past the halo.
    cr_expect(fabs(tiled.loss - whole.loss) <= (c->bound > EXACT ? 1e-4 : 3e-6) * fabs(whole.loss),
              "%s: loss %.9g, not %.9g", c->params.layers, tiled.loss, whole.loss);
    rv_probe_free(&whole);
    rv_probe_free(&tiled);
    rv_picture_free(&picture);
}

static void check_gradients(const struct gradient_case *cases, size_t count) {
    rv_weights *weights;
    rv_context *context = rv_test_context();
    cr_assert_eq(rv_weights_random(3, &weights), RV_OK, "%s", rv_error_text());
    for (size_t i = 0; i < count; i += every(3))
        check_gradient(context, weights, &cases[i]);
    rv_weights_destroy(&weights);
    rv_test_context_end(&context);
}

Test(tiles, gradient) {
    check_gradients(gradient_cases, sizeof gradient_cases / sizeof *gradient_cases);
}

Test(tiles, halves) {
    check_gradients(half_cases, sizeof half_cases / sizeof *half_cases);
}

// ------------------------------------------------------------------------------------------------
// The limit

static const struct rv_params small = {.layers = "mixed0",
                                       .octaves = 2,
                                       .octave_scale = 1.3f,
                                       .iterations = 1,
                                       .jitter = 20,
                                       .seed = 3};

static enum rv_status dream(rv_context *context, const rv_weights *weights,
                            const struct rv_picture *input, const struct rv_params *params,
                            struct rv_picture *result, struct rv_dream_stats *stats) {
    return rv_dream(context, weights, input, params, NULL, NULL, result, stats);
}

// From the least that works upwards the limit is kept; a byte less is refused, and nothing stays.
Test(tiles, limit) {
    rv_context *context = rv_test_context();
    struct rv_device *device = context->device;
    rv_weights *weights = rv_test_weights(1);
    struct rv_picture input = rv_test_noise(8, 330, 310), result;
    struct rv_dream_stats stats;
    struct rv_probe_params wanted = {.layers = "mixed0", .jitter_x = 30};
    struct rv_probe_result whole = probe(context, weights, &input, &wanted), tiled;
    uint64_t peak = device->peak_bytes;

    device->memory_limit = 1;
    cr_assert_eq(rv_probe(context, weights, &input, &wanted, &tiled), RV_ERR_NO_MEMORY);
    uint64_t least = least_of();
    cr_assert(least < peak * 9 / 10, "%llu of %llu bytes", (unsigned long long)least,
              (unsigned long long)peak);
    device->memory_limit = least - 1;
    cr_expect_eq(rv_probe(context, weights, &input, &wanted, &tiled), RV_ERR_NO_MEMORY);
    cr_expect(least_of() == least && device->bytes == 0);
    for (uint32_t i = 0; i <= 3; i += (uint32_t)every(3)) {
        device->memory_limit = least + i * (peak - least) / 3;
        tiled = probe(context, weights, &input, &wanted);
        struct apart apart = compare(&whole.gradient, &tiled.gradient);
        cr_expect(device->peak_bytes <= device->memory_limit, "%llu of %llu bytes",
                  (unsigned long long)device->peak_bytes, (unsigned long long)device->memory_limit);
        cr_expect(apart.norm <= EXACT && apart.largest <= EXACT, "%u: %.1e", i, apart.norm);
        rv_probe_free(&tiled);
    }

    device->memory_limit = 1;
    cr_assert_eq(dream(context, weights, &input, &small, &result, NULL), RV_ERR_NO_MEMORY);
    cr_expect(strstr(rv_error_text(), "--memory"), "%s", rv_error_text());
    least = least_of();
    device->memory_limit = least - 1;
    cr_expect_eq(dream(context, weights, &input, &small, &result, NULL), RV_ERR_NO_MEMORY);
    device->memory_limit = least;
    cr_assert_eq(dream(context, weights, &input, &small, &result, &stats), RV_OK, "%s",
                 rv_error_text());
    cr_expect(stats.tiles > 4 && stats.device_bytes <= least && stats.device_bytes > least / 2,
              "%u tiles in %llu of %llu bytes", stats.tiles, (unsigned long long)stats.device_bytes,
              (unsigned long long)least);
    rv_picture_free(&result);
    rv_probe_free(&whole);
    rv_picture_free(&input);
    rv_weights_destroy(&weights);
    cr_expect(device->bytes == 0);
    rv_test_context_end(&context);
}

static bool stop(void *user, const struct rv_progress *progress) {
    (void)user;
    (void)progress;
    return false;
}

// 1024 x 1024 pixels down to mixed5 within 300 MB: all is there before the first step.
Test(tiles, megapixel) {
    rv_context *context = rv_test_context();
    rv_weights *weights;
    struct rv_picture input = rv_test_noise(8, 1024, 1024), result;
    struct rv_dream_stats stats;
    struct rv_params params = {.layers = "mixed3,mixed5"};
    cr_assert_eq(rv_weights_random(3, &weights), RV_OK, "%s", rv_error_text());
    enum rv_status status =
        rv_dream(context, weights, &input, &params, stop, NULL, &result, &stats);
    cr_assert_eq(status, RV_ERR_CANCELLED, "%s", rv_error_text());
    fprintf(stderr, "%.1f MB, %u tiles\n", (double)stats.device_bytes * 1e-6, stats.tiles);
    cr_expect(stats.device_bytes <= 300000000 && stats.tiles == 1, "%.1f MB in %u tiles",
              (double)stats.device_bytes * 1e-6, stats.tiles);
    rv_picture_free(&result);
    rv_picture_free(&input);
    rv_weights_destroy(&weights);
    rv_test_context_end(&context);
}

// ------------------------------------------------------------------------------------------------
// Whole dreams

// The largest difference of two pictures.
static double difference(const struct rv_picture *a, const struct rv_picture *b) {
    double worst = 0;
    cr_assert(a->width == b->width && a->height == b->height);
    for (size_t i = 0; i < (size_t)a->width * a->height * 3; i++) {
        double d = fabs((double)a->pixels[i] - (double)b->pixels[i]);
        worst = isfinite(d) ? fmax(worst, d) : INFINITY;
    }
    return worst;
}

static const struct dream_case {
    const char *name;
    struct rv_params params;
} dream_cases[] = {
    {"detail", {.pyramid = RV_PYRAMID_DETAIL, .resize = RV_RESIZE_ALIGN_CORNERS}},
    {"reinject",
     {.pyramid = RV_PYRAMID_REINJECT, .clip = RV_CLIP_END, .normalize = RV_NORMALIZE_MEAN_ABS}},
    {"grow", {.pyramid = RV_PYRAMID_GROW, .objective = RV_OBJECTIVE_L2}},
};

// A dream whose octaves are tiled and whose pictures are in bands is the whole one's to the eye:
// more than 80 dB, and no pixel two levels of 8 bits away, at a seam or elsewhere. In bands the
// statistics are summed in another order, and a rounding may tip a ReLU somewhere.
Test(tiles, dream) {
    rv_context *context = rv_test_context();
    struct rv_device *device = context->device;
    const struct rv_limits limits = device->limits;
    rv_weights *weights = rv_test_weights(1);
    struct rv_picture input = rv_test_noise(8, 450, 420);
    for (size_t i = 0; i < sizeof dream_cases / sizeof *dream_cases; i += every(3)) {
        struct rv_params params = dream_cases[i].params;
        struct rv_picture whole, tiled, again = {0};
        struct rv_dream_stats stats;
        strcpy(params.layers, "mixed0,max_pooling2d_1=0.3");
        params.octaves = 2;
        params.octave_scale = 1.25f;
        params.iterations = is_slow() ? 1 : 2;
        params.jitter = 40;
        params.step = 0.02f;
        cr_assert_eq(dream(context, weights, &input, &params, &whole, &stats), RV_OK, "%s",
                     rv_error_text());
        cr_expect_eq(stats.tiles, 1);
        device->limits.storage_range = device->limits.texel_bytes = 2100000; // a picture: 3024000
        cr_assert_eq(dream(context, weights, &input, &params, &tiled, &stats), RV_OK, "%s",
                     rv_error_text());
        cr_expect(stats.tiles > 1, "%u tiles", stats.tiles);
        if (i == 0 && !is_slow())
            cr_assert_eq(dream(context, weights, &input, &params, &again, NULL), RV_OK);
        device->limits = limits;
        double apart = difference(&whole, &tiled), rms = rv_test_distance(&whole, &tiled);
        fprintf(stderr, "%s: %u tiles, %.1e apart, at most %.1e, after a way of %.1e\n",
                dream_cases[i].name, stats.tiles, rms, apart, rv_test_distance(&whole, &input));
        cr_expect(rms < 1e-4 && apart < 2.0 / 255, "%s: %.2e apart, at most %.2e",
                  dream_cases[i].name, rms, apart);
        cr_expect(!again.pixels || difference(&tiled, &again) == 0,
                  "%s: another picture the second time", dream_cases[i].name);
        rv_picture_free(&whole);
        rv_picture_free(&tiled);
        rv_picture_free(&again);
    }
    rv_picture_free(&input);
    rv_weights_destroy(&weights);
    rv_test_context_end(&context);
}
