// Every preset against tools/make-preset-goldens, which has the recipes' formulas written out in
// PyTorch: ten steps at one size, and one step at each of two sizes.
#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/picture.h"
#include "support/device.h"
#include "support/dreams.h"

#define FOLDER RV_TEST_FOLDER "/golden/"
// Decibels; what float32 in PyTorch reaches stands in presets.json. Kernels that add in another
// order than those the parts of the photograph were proven with may yet tip a ReLU within ten
// steps, and the dream takes another way from there: they must come clearly nearer than the
// photograph is.
#define LEAST 40.0
#define NEARER 5.0

struct golden {
    const char *preset, *variant;
    uint32_t x, y, width, height;
    double step; // 0 = the preset's
};

static struct rv_picture load(const char *name) {
    char path[512];
    struct rv_photo photo;
    snprintf(path, sizeof path, "%s%s", FOLDER, name);
    cr_assert_eq(rv_photo_load(path, 0, &photo), RV_OK, "%s", rv_error_text());
    struct rv_picture picture = photo.picture;
    photo.picture = (struct rv_picture){0};
    rv_photo_free(&photo);
    return picture;
}

static struct rv_picture crop(const struct rv_picture *photo, const struct golden *golden) {
    struct rv_picture part = {golden->width, golden->height,
                              malloc((size_t)golden->width * golden->height * 12)};
    for (uint32_t row = 0; row < part.height; row++)
        memcpy(part.pixels + (size_t)row * part.width * 3,
               photo->pixels + ((size_t)(golden->y + row) * photo->width + golden->x) * 3,
               (size_t)part.width * 12);
    return part;
}

// As VARIANTS in tools/make-preset-goldens.
static struct rv_params params_of(const struct golden *golden) {
    bool steps = strcmp(golden->variant, "steps") == 0;
    struct rv_params params = {.octaves = steps ? 1 : 2,
                               .octave_scale = 1.05f,
                               .step = (float)golden->step,
                               .iterations = steps ? 10 : 1,
                               .jitter = RV_OFF,
                               .max_loss = -1,
                               .min_size = 75,
                               .precision = RV_PRECISION_FP32};
    cr_assert_eq(rv_params_set(&params, "preset", golden->preset), RV_OK, "%s", rv_error_text());
    return params;
}

// Of results in 8 bits.
static double decibels(const struct rv_picture *a, const struct rv_picture *b) {
    double sum = 0;
    size_t count = (size_t)a->width * a->height * 3;
    for (size_t i = 0; i < count; i++) {
        double difference = round((double)a->pixels[i] * 255) - round((double)b->pixels[i] * 255);
        sum += difference * difference;
    }
    return sum > 0 ? 10 * log10(255 * 255 * (double)count / sum) : INFINITY;
}

static struct golden read_golden(const json_t *entry) {
    struct golden golden = {.step = json_number_value(json_object_get(entry, "step"))};
    int x, y, width, height;
    cr_assert_eq(json_unpack((json_t *)entry, "{s:s, s:s, s:i, s:i, s:i, s:i}", "preset",
                             &golden.preset, "variant", &golden.variant, "x", &x, "y", &y, "width",
                             &width, "height", &height),
                 0);
    golden.x = (uint32_t)x;
    golden.y = (uint32_t)y;
    golden.width = (uint32_t)width;
    golden.height = (uint32_t)height;
    return golden;
}

Test(presets, goldens, .timeout = 300) {
    json_t *root = json_load_file(FOLDER "presets.json", 0, NULL);
    const json_t *entries = json_object_get(root, "presets"), *entry;
    rv_context *context = rv_test_context();
    rv_weights *weights, *random;
    struct rv_picture photo = load("photo.png");
    uint32_t preset_count;
    size_t i;
    (void)rv_presets(&preset_count);
    cr_expect_eq(json_array_size(entries), 2 * preset_count, "a preset has no golden");
    cr_assert_eq(rv_weights_load(NULL, &weights), RV_OK, "%s", rv_error_text());
    cr_assert_eq(rv_weights_random(1, &random), RV_OK);
    json_array_foreach((json_t *)entries, i, entry) {
        struct golden golden = read_golden(entry);
        struct rv_params params = params_of(&golden);
        char name[96];
        bool reached = rv_params_check(&params, weights) == RV_OK;
        snprintf(name, sizeof name, "preset-%s-%s.png", golden.preset, golden.variant);
        struct rv_picture input = crop(&photo, &golden), expected = load(name);
        struct rv_picture result =
            rv_test_dream(context, reached ? weights : random, &input, &params, name);
        double found = decibels(&result, &expected), before = decibels(&input, &expected);
        fprintf(stderr, "%s: %.1f dB, the photograph itself %.1f dB\n", name, found, before);
        bool proven = strcmp(rv_context_device(context)->profile, "cpu") == 0 || params.octaves > 1;
        cr_expect(before < LEAST && found >= (proven ? LEAST : before + NEARER),
                  "%s: %.1f dB; the photograph itself %.1f dB", name, found, before);
        rv_picture_free(&input);
        rv_picture_free(&expected);
        rv_picture_free(&result);
    }
    json_decref(root);
    rv_picture_free(&photo);
    rv_weights_destroy(&weights);
    rv_weights_destroy(&random);
    rv_test_context_end(&context);
}
