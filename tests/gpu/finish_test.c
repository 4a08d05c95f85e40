// What a dream's result is given last: its share, its colours, its contrast; and octaves of given
// sizes. None of it changes what is dreamed.
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "dream/context.h"
#include "support/device.h"
#include "support/dreams.h"

static const struct rv_params small = {.layers = "mixed0",
                                       .octaves = 2,
                                       .octave_scale = 1.1f,
                                       .iterations = 2,
                                       .jitter = 9,
                                       .step = 0.05f,
                                       .seed = 5};

struct bench {
    rv_context *context;
    rv_weights *weights;
    struct rv_picture input;
};

static struct bench begin(void) {
    struct bench bench = {rv_test_context(), rv_test_weights(1), rv_test_noise(1, 100, 87)};
    for (size_t i = 0; i < (size_t)100 * 87 * 3; i++) // room for what is dreamed, without clipping
        bench.input.pixels[i] = 0.3f + 0.4f * bench.input.pixels[i];
    return bench;
}

static void end(struct bench *bench) {
    cr_expect(bench->context->device->bytes == 0);
    rv_picture_free(&bench->input);
    rv_weights_destroy(&bench->weights);
    rv_test_context_end(&bench->context);
}

static struct rv_picture dream(const struct bench *bench, const struct rv_params *params,
                               const char *what) {
    return rv_test_dream(bench->context, bench->weights, &bench->input, params, what);
}

static double luma(const float *c) {
    return 0.299 * (double)c[0] + 0.587 * (double)c[1] + 0.114 * (double)c[2];
}

Test(finish, share_and_colours) {
    struct bench bench = begin();
    struct rv_params params = small;
    struct rv_picture plain = dream(&bench, &params, "plain");
    params.blend = 0.25f;
    struct rv_picture blended = dream(&bench, &params, "blended");
    params.blend = 0;
    params.colors = RV_COLORS_ORIGINAL;
    struct rv_picture kept = dream(&bench, &params, "original colours");
    cr_assert(rv_test_distance(&plain, &bench.input) > 0.02);
    size_t pixels = (size_t)plain.width * plain.height;
    for (size_t i = 0; i < pixels; i++) {
        const float *was = bench.input.pixels + 3 * i, *is = plain.pixels + 3 * i;
        const float *colour = kept.pixels + 3 * i;
        bool inside = true;
        for (size_t c = 0; c < 3; c++) {
            double mixed = 0.75 * (double)was[c] + 0.25 * (double)is[c];
            cr_assert(fabs((double)blended.pixels[3 * i + c] - mixed) < 1e-5, "pixel %zu", i);
            inside = inside && colour[c] > 0 && colour[c] < 1;
        }
        if (!inside)
            continue; // clipped
        cr_assert(fabs(luma(colour) - luma(is)) < 1e-5, "pixel %zu: luma", i);
        cr_assert(fabs((double)(colour[0] - colour[1]) - (double)(was[0] - was[1])) < 1e-5,
                  "pixel %zu: chroma", i);
    }
    rv_picture_free(&plain);
    rv_picture_free(&blended);
    rv_picture_free(&kept);
    end(&bench);
}

static double mean_of(const struct rv_picture *picture, size_t channel) {
    double sum = 0;
    size_t pixels = (size_t)picture->width * picture->height;
    for (size_t i = 0; i < pixels; i++)
        sum += (double)picture->pixels[3 * i + channel];
    return sum / (double)pixels;
}

// In flight, at once, and without a trace in the dream.
Test(finish, in_flight) {
    struct bench bench = begin();
    struct rv_params params = small;
    rv_session *session;
    struct rv_picture shown, plain, last, expected = dream(&bench, &params, "undisturbed");
    cr_assert_eq(rv_session_begin(bench.context, bench.weights, &bench.input, &params, &session),
                 RV_OK);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(rv_session_advance(session, NULL, NULL), RV_OK);
    cr_assert_eq(rv_session_picture(session, &plain), RV_OK);

    params.colors = RV_COLORS_MATCHED;
    cr_assert_eq(rv_session_change(session, &params), RV_OK, "%s", rv_error_text());
    cr_assert_eq(rv_session_picture(session, &shown), RV_OK);
    cr_expect(rv_test_distance(&shown, &plain) > 1e-3);
    for (size_t c = 0; c < 3; c++)
        cr_expect(fabs(mean_of(&shown, c) - mean_of(&bench.input, c)) < 1e-3, "channel %zu", c);
    rv_picture_free(&shown);

    params.colors = RV_COLORS_DREAM;
    params.stretch = 95;
    cr_assert_eq(rv_session_change(session, &params), RV_OK);
    cr_assert_eq(rv_session_picture(session, &shown), RV_OK);
    size_t white = 0, pixels = (size_t)shown.width * shown.height;
    for (size_t i = 0; i < pixels; i++)
        white += luma(shown.pixels + 3 * i) > 0.99;
    cr_expect(white > 0 && white < pixels / 10, "%zu of %zu pixels are white", white, pixels);
    rv_picture_free(&shown);

    params.stretch = 0;
    cr_assert_eq(rv_session_change(session, &params), RV_OK);
    while (true) {
        struct rv_progress progress;
        cr_assert_eq(rv_session_advance(session, NULL, &progress), RV_OK);
        if (progress.finished)
            break;
    }
    cr_assert_eq(rv_session_picture(session, &last), RV_OK);
    cr_expect_eq(memcmp(last.pixels, expected.pixels, pixels * 12), 0);
    rv_picture_free(&last);
    rv_picture_free(&plain);
    rv_picture_free(&expected);
    rv_session_end(&session);
    end(&bench);
}

// Every rule and every way to resize ends at the picture's size, and differs from the others.
Test(finish, octaves) {
    struct bench bench = begin();
    struct rv_picture all[8] = {{0}};
    size_t count = 0;
    for (int rule = RV_PYRAMID_DETAIL; rule <= RV_PYRAMID_SPLIT; rule++) {
        struct rv_params params = small;
        params.pyramid = (enum rv_pyramid)rule;
        params.resize = (enum rv_resize)(1 + rule % 5);
        all[count++] = dream(&bench, &params, "a rule");
    }
    struct rv_params params = small;
    strcpy(params.octave_sizes, "90,120");
    all[count++] = dream(&bench, &params, "given sizes, beyond the picture's");
    for (size_t i = 0; i < count; i++) {
        cr_assert(all[i].width == 100 && all[i].height == 87);
        for (size_t j = 0; j < i; j++)
            cr_expect(rv_test_distance(&all[i], &all[j]) > 1e-4, "%zu is %zu", i, j);
    }
    rv_session *session;
    struct rv_progress progress;
    params.min_size = 80;
    cr_assert_eq(rv_session_begin(bench.context, bench.weights, &bench.input, &params, &session),
                 RV_OK);
    cr_assert_eq(rv_session_advance(session, NULL, &progress), RV_OK);
    cr_expect(progress.octaves == 1 && progress.width == 120 && progress.height == 104);
    strcpy(params.octave_sizes, "90");
    cr_expect_eq(rv_session_change(session, &params), RV_ERR_USAGE);
    rv_session_end(&session);
    for (size_t i = 0; i < count; i++)
        rv_picture_free(&all[i]);
    end(&bench);
}
