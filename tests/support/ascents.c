#include "support/ascents.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

const struct rv_params rv_ascents_small = {.layers = "mixed0",
                                           .octaves = 2,
                                           .octave_scale = 1.1f,
                                           .iterations = 3,
                                           .jitter = 9,
                                           .step = 0.03f,
                                           .seed = 5};

// Black to the left, white to the right, and a soft edge.
static struct rv_picture make_mask(uint32_t width, uint32_t height) {
    struct rv_picture mask = {width, height, malloc((size_t)width * height * 12)};
    cr_assert_not_null(mask.pixels);
    for (size_t i = 0; i < (size_t)width * height; i++) {
        float value = ((float)(i % width) / (float)width - 0.4f) * 5;
        for (size_t c = 0; c < 3; c++)
            mask.pixels[3 * i + c] = value < 0 ? 0 : value > 1 ? 1 : value;
    }
    return mask;
}

struct bench rv_ascents_begin(void) {
    return (struct bench){rv_test_context(), rv_test_weights(1), rv_test_noise(1, WIDTH, HEIGHT),
                          make_mask(2 * WIDTH, 2 * HEIGHT)};
}

void rv_ascents_end(struct bench *bench) {
    cr_expect(bench->context->device->bytes == 0, "%llu bytes stay on the device",
              (unsigned long long)bench->context->device->bytes);
    rv_picture_free(&bench->input);
    rv_picture_free(&bench->mask);
    rv_weights_destroy(&bench->weights);
    rv_test_context_end(&bench->context);
}

bool rv_ascents_same(const struct rv_picture *a, const struct rv_picture *b) {
    return a->width == b->width && a->height == b->height &&
           memcmp(a->pixels, b->pixels, (size_t)a->width * a->height * 12) == 0;
}

rv_session *rv_ascents_start(const struct bench *bench, const struct rv_params *params) {
    rv_session *session;
    cr_assert_eq(rv_session_begin(bench->context, bench->weights, &bench->input, params, &session),
                 RV_OK, "%s", rv_error_text());
    return session;
}

struct rv_progress rv_ascents_advance(rv_session *session, const struct rv_advance_params *how) {
    struct rv_progress progress;
    cr_assert_eq(rv_session_advance(session, how, &progress), RV_OK, "%s", rv_error_text());
    return progress;
}

struct rv_picture rv_ascents_picture(rv_session *session) {
    struct rv_picture picture;
    cr_assert_eq(rv_session_picture(session, &picture), RV_OK, "%s", rv_error_text());
    return picture;
}

#define FIELD(name, ...)                                                                           \
    static void set_##name(struct rv_params *params) {                                             \
        __VA_ARGS__;                                                                               \
    }
FIELD(rms, params->normalize = RV_NORMALIZE_RMS)
FIELD(standard, params->normalize = RV_NORMALIZE_STANDARD)
FIELD(none, params->normalize = RV_NORMALIZE_NONE; params->step = 10)
FIELD(adam, params->optimizer = RV_OPTIMIZER_ADAM)
FIELD(adam_strength, params->optimizer = RV_OPTIMIZER_ADAM; params->strength = 3)
FIELD(linear, params->schedule = RV_SCHEDULE_LINEAR)
FIELD(cosine, params->schedule = RV_SCHEDULE_COSINE)
FIELD(smooth, params->smooth = 0.5f)
FIELD(laplacian, params->laplacian = 4)
FIELD(tv, params->tv = 5)
FIELD(pull, params->pull = 5)
FIELD(flips, params->flips = RV_SWITCH_ON)
FIELD(strength, params->strength = 3)
FIELD(max_strength, params->strength = 3; params->max_strength = 5)
FIELD(most, params->normalize = RV_NORMALIZE_STANDARD; params->optimizer = RV_OPTIMIZER_ADAM;
      params->schedule = RV_SCHEDULE_COSINE; params->smooth = 0.5f; params->laplacian = 3;
      params->tv = 2; params->pull = 1; params->flips = RV_SWITCH_ON; params->strength = 4;
      params->max_strength = 100)

const struct rv_ascents_field rv_ascents_fields[FIELDS] = {{"rms", set_rms, 3},
                                                           {"standard", set_standard, 3},
                                                           {"none", set_none, 3},
                                                           {"adam", set_adam, 4},
                                                           {"adam, strength", set_adam_strength, 6},
                                                           {"linear", set_linear, 3},
                                                           {"cosine", set_cosine, 3},
                                                           {"smooth", set_smooth, 4},
                                                           {"laplacian", set_laplacian, 21},
                                                           {"tv", set_tv, 4},
                                                           {"pull", set_pull, 4},
                                                           {"flips", set_flips, 5},
                                                           {"strength", set_strength, 3},
                                                           {"max-strength", set_max_strength, 5},
                                                           {"all of them", set_most, 26}};
