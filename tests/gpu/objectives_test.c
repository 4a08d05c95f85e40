// Objectives that compare with other pictures, neurons and sums of objectives: against PyTorch's
// gradients, against finite differences, and in whole dreams.
#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dream/context.h"
#include "dream/session.h"
#include "support/device.h"
#include "support/dreams.h"
#include "support/golden.h"

#define COSINE 1e-6
#define HALF_COSINE 1e-2
#define LOSS 1e-4

// ------------------------------------------------------------------------------------------------
// Goldens (tools/make-objective-goldens)

// The part of photo.png that a box [left, top, width, height] names; zero if there is no box.
static struct rv_picture cut(const struct rv_picture *photo, json_t *box) {
    struct rv_picture part = {0};
    json_int_t b[4];
    if (!box)
        return part;
    cr_assert_eq(json_unpack(box, "[IIII]", &b[0], &b[1], &b[2], &b[3]), 0);
    part = (struct rv_picture){(uint32_t)b[2], (uint32_t)b[3], NULL};
    part.pixels = malloc((size_t)part.width * part.height * 3 * sizeof *part.pixels);
    for (uint32_t y = 0; y < part.height; y++)
        memcpy(part.pixels + (size_t)y * part.width * 3,
               photo->pixels + ((size_t)(b[1] + y) * photo->width + (size_t)b[0]) * 3,
               (size_t)part.width * 3 * sizeof *part.pixels);
    return part;
}

static enum rv_guide match_of(const char *name) {
    return !name || !strcmp(name, "columns") ? RV_GUIDE_COLUMNS
           : strcmp(name, "product")         ? RV_GUIDE_SUMS
                                             : RV_GUIDE_PRODUCT;
}

static const char *text_of(json_t *entry, const char *key) {
    return json_string_value(json_object_get(entry, key));
}

// 0 = not said; a negative number is off.
static float number_of(json_t *entry, const char *key) {
    return (float)json_number_value(json_object_get(entry, key));
}

static void check_golden(rv_context *context, const rv_weights *weights,
                         const struct rv_picture *photo, json_t *entry,
                         const struct rv_golden_tensor *gradient, enum rv_precision precision) {
    struct rv_picture input = cut(photo, json_object_get(entry, "input"));
    struct rv_picture guide = cut(photo, json_object_get(entry, "guide"));
    struct rv_picture style = cut(photo, json_object_get(entry, "style"));
    struct rv_picture content = cut(photo, json_object_get(entry, "content"));
    const char *objective = text_of(entry, "objective");
    double loss = json_number_value(json_object_get(entry, "loss"));
    bool half = precision == RV_PRECISION_FP16;
    char *name = json_dumps(entry, JSON_COMPACT);
    struct rv_probe_params params = {
        .layers = text_of(entry, "layers"),
        .objective = objective && !strcmp(objective, "l2") ? RV_OBJECTIVE_L2 : RV_OBJECTIVE_MEAN,
        .border = (uint32_t)number_of(entry, "border"),
        .precision = precision,
        .guide = guide.pixels ? &guide : NULL,
        .guide_match = match_of(text_of(entry, "match")),
        .style = style.pixels ? &style : NULL,
        .style_layers = text_of(entry, "style_layers"),
        .style_weight = number_of(entry, "style_weight"),
        .content = content.pixels ? &content : NULL,
        .content_layers = text_of(entry, "content_layers"),
        .content_weight = number_of(entry, "content_weight"),
        .dream_weight = number_of(entry, "dream_weight")};
    struct rv_probe_result result;
    cr_assert_eq(rv_probe(context, weights, &input, &params, &result), RV_OK, "%s: %s", name,
                 rv_error_text());
    struct rv_comparison g = rv_golden_compare_float(gradient, result.gradient.data);
    fprintf(stderr, "%.110s: loss off by %.1e, gradient 1-cos %.1e median %.1e\n", name,
            fabs(result.loss / loss - 1), g.cosine_gap, g.median_error);
    cr_expect(fabs(result.loss - loss) <= (half ? 100 : 1) * LOSS * fmax(fabs(loss), 0.1),
              "%s: loss %.9g, not %.9g", name, result.loss, loss);
    cr_expect(g.cosine_gap <= (half ? HALF_COSINE : COSINE), "%s: 1 - cosine %.2e", name,
              g.cosine_gap);
    cr_expect(g.relative_l2 <= (half ? 0.2 : 0.02), "%s: gradient off by %.2e of its norm", name,
              g.relative_l2);
    rv_probe_free(&result);
    rv_picture_free(&input);
    rv_picture_free(&guide);
    rv_picture_free(&style);
    rv_picture_free(&content);
    free(name);
}

static void check_goldens(enum rv_precision precision, size_t every) {
    struct rv_goldens goldens;
    rv_weights *stored, *random;
    float *samples;
    size_t available, i;
    rv_context *context = rv_test_context();
    json_t *root = json_load_file(RV_TEST_FOLDER "/golden/objectives.json", 0, NULL), *entry;
    json_t *cases = json_object_get(root, "cases");
    cr_assert(json_array_size(cases) >= 13, "objectives.json is damaged");
    cr_assert_eq(
        rv_golden_samples_read(RV_TEST_FOLDER "/golden/objectives.bin", &samples, &available),
        RV_OK, "%s", rv_error_text());
    cr_assert_eq(rv_goldens_load(RV_TEST_FOLDER "/golden", &goldens), RV_OK, "%s", rv_error_text());
    cr_assert_eq(rv_weights_load(NULL, &stored), RV_OK, "%s", rv_error_text());
    cr_assert_eq(rv_weights_random(1, &random), RV_OK, "%s", rv_error_text());
    json_array_foreach(cases, i, entry) {
        struct rv_golden_tensor gradient;
        if (i % every)
            continue;
        cr_assert(rv_golden_tensor_read(json_object_get(entry, "gradient"), samples, available,
                                        &gradient),
                  "objectives.json: case %zu is damaged", i);
        check_golden(context, strcmp(text_of(entry, "weights"), "random") ? stored : random,
                     &goldens.photo, entry, &gradient, precision);
    }
    json_decref(root);
    free(samples);
    rv_weights_destroy(&stored);
    rv_weights_destroy(&random);
    rv_goldens_free(&goldens);
    rv_test_context_end(&context);
}

Test(objectives, goldens) {
    check_goldens(RV_PRECISION_FP32, getenv("REVERIE_DISABLE") ? 4 : 1);
}

Test(objectives, goldens_in_halves) {
    check_goldens(RV_PRECISION_FP16, getenv("REVERIE_DISABLE") ? 6 : 3);
}

// ------------------------------------------------------------------------------------------------
// Small pictures, random weights up to mixed0

struct bench {
    rv_context *context;
    rv_weights *weights;
    struct rv_picture input, other, style;
};

static struct bench begin(void) {
    struct bench b = {rv_test_context(), rv_test_weights(1), rv_test_noise(1, 96, 83),
                      rv_test_noise(2, 96, 83), rv_test_noise(3, 81, 90)};
    for (size_t i = 0; i < (size_t)81 * 90 * 3; i++) // dark, of little contrast
        b.style.pixels[i] *= 0.3f;
    return b;
}

static void end(struct bench *b) {
    cr_expect(b->context->device->bytes == 0, "%llu bytes stay on the device",
              (unsigned long long)b->context->device->bytes);
    rv_picture_free(&b->input);
    rv_picture_free(&b->other);
    rv_picture_free(&b->style);
    rv_weights_destroy(&b->weights);
    rv_test_context_end(&b->context);
}

// Every part at once.
static struct rv_probe_params all_parts(const struct bench *b, enum rv_guide match) {
    return (struct rv_probe_params){.layers = "mixed0,activation_2=0.5",
                                    .border = 1,
                                    .precision = RV_PRECISION_FP32,
                                    .guide = match == RV_GUIDE_PRODUCT ? &b->other : &b->style,
                                    .guide_match = match,
                                    .style = &b->style,
                                    .style_layers = "mixed0,activation_1=0.5",
                                    .style_weight = 2,
                                    .content = &b->other,
                                    .content_layers = "activation_4",
                                    .content_weight = 0.5f,
                                    .dream_weight = 0.25f};
}

static struct rv_probe_result probe(const struct bench *b, const struct rv_picture *input,
                                    const struct rv_probe_params *params) {
    struct rv_probe_result result;
    cr_assert_eq(rv_probe(b->context, b->weights, input, params, &result), RV_OK, "%s",
                 rv_error_text());
    return result;
}

// The loss on either side, along the gradient: its slope is the gradient's square. A ReLU or a
// column that changes on the way costs the square of the way only.
Test(objectives, finite_differences) {
    struct bench b = begin();
    for (enum rv_guide match = RV_GUIDE_COLUMNS; match <= RV_GUIDE_SUMS; match++) {
        struct rv_probe_params params = all_parts(&b, match);
        struct rv_probe_result at = probe(&b, &b.input, &params);
        size_t count = (size_t)b.input.width * b.input.height * 3;
        double square = 0, loss[2];
        for (size_t i = 0; i < count; i++)
            square += (double)at.gradient.data[i] * (double)at.gradient.data[i];
        double way = 0.02 / sqrt(square); // of the network's range, in all
        for (int side = 0; side < 2; side++) {
            struct rv_picture moved = rv_test_noise(1, b.input.width, b.input.height);
            for (size_t i = 0; i < count; i++)
                moved.pixels[i] += (float)((side ? way : -way) / 2 * (double)at.gradient.data[i]);
            struct rv_probe_result there = probe(&b, &moved, &params);
            loss[side] = there.loss;
            rv_probe_free(&there);
            rv_picture_free(&moved);
        }
        double slope = (loss[1] - loss[0]) / (2 * way);
        fprintf(stderr, "guide %d: slope %.6g, gradient's square %.6g\n", (int)match, slope,
                square);
        cr_expect(fabs(slope / square - 1) <= 1e-2, "guide %d: slope %.6g, not %.6g", (int)match,
                  slope, square);
        rv_probe_free(&at);
    }
    end(&b);
}

Test(objectives, same_bytes_twice) {
    struct bench b = begin();
    struct rv_probe_params params = all_parts(&b, RV_GUIDE_COLUMNS);
    struct rv_probe_result one = probe(&b, &b.input, &params), two = probe(&b, &b.input, &params);
    cr_expect(one.loss == two.loss && // NOLINT: the same bytes are wanted
                  memcmp(one.gradient.data, two.gradient.data,
                         (size_t)b.input.width * b.input.height * 12) == 0,
              "a second probe differs");
    rv_probe_free(&one);
    rv_probe_free(&two);
    end(&b);
}

// A picture compared with itself is where it should be; and so it is rolled.
Test(objectives, content_and_style_of_itself) {
    struct bench b = begin();
    struct rv_probe_params params = {.precision = RV_PRECISION_FP32,
                                     .layers = "mixed0",
                                     .content = &b.input,
                                     .content_layers = "mixed0,activation_2",
                                     .content_weight = 1,
                                     .dream_weight = RV_OFF,
                                     .jitter_x = 13,
                                     .jitter_y = -5};
    struct rv_probe_result result = probe(&b, &b.input, &params);
    cr_expect_eq(result.loss, 0, "the content's loss is %g", result.loss);
    for (size_t i = 0; i < (size_t)b.input.width * b.input.height * 3; i++)
        cr_assert_eq(result.gradient.data[i], 0, "the content's gradient at %zu is %g", i,
                     (double)result.gradient.data[i]);
    rv_probe_free(&result);
    params.content = NULL;
    params.jitter_x = params.jitter_y = 0;
    params.style = &b.input;
    params.style_layers = "mixed0,activation_2";
    params.style_weight = 1;
    result = probe(&b, &b.input, &params);
    cr_expect(fabs(result.loss) <= 1e-12, "the style's loss is %g", result.loss);
    rv_probe_free(&result);
    end(&b);
}

// ------------------------------------------------------------------------------------------------
// Dreams

static struct rv_params dream_of(const struct bench *b) {
    return (struct rv_params){.layers = "mixed0",
                              .octaves = 2,
                              .octave_scale = 1.1f,
                              .iterations = 3,
                              .jitter = 9,
                              .step = 0.03f,
                              .seed = 5,
                              .style = &b->style,
                              .style_layers = "mixed0,activation_2",
                              .content_layers = "activation_4",
                              .content_weight = 0.5f};
}

static bool same(const struct rv_picture *a, const struct rv_picture *b) {
    return a->width == b->width && a->height == b->height &&
           memcmp(a->pixels, b->pixels, (size_t)a->width * a->height * 12) == 0;
}

static void advance(rv_session *session, uint32_t steps, double flops) {
    struct rv_progress progress = {0};
    struct rv_advance_params how = {.flops = flops};
    uint32_t octave = 1, iteration = 0;
    while (steps) {
        cr_assert_eq(rv_session_advance(session, &how, &progress), RV_OK, "%s", rv_error_text());
        if (progress.iteration && (progress.iteration != iteration || progress.octave != octave))
            steps--;
        octave = progress.octave;
        iteration = progress.iteration;
    }
}

static struct rv_picture end_session(rv_session **session) {
    struct rv_picture picture;
    while (!rv_session_finished(*session))
        cr_assert_eq(rv_session_advance(*session, NULL, NULL), RV_OK, "%s", rv_error_text());
    cr_assert_eq(rv_session_picture(*session, &picture), RV_OK, "%s", rv_error_text());
    rv_session_end(session);
    return picture;
}

static rv_session *start(const struct bench *b, const struct rv_params *params) {
    rv_session *session;
    cr_assert_eq(rv_session_begin(b->context, b->weights, &b->input, params, &session), RV_OK, "%s",
                 rv_error_text());
    return session;
}

// In steps, in slices and at once the same bytes; and it comes closer to the style.
Test(objectives, dreams) {
    struct bench b = begin();
    struct rv_params params = dream_of(&b);
    struct rv_picture whole = rv_test_dream(b.context, b.weights, &b.input, &params, "style");
    rv_session *session = start(&b, &params);
    advance(session, 2, 3e6);
    struct rv_picture sliced = end_session(&session);
    cr_expect(same(&whole, &sliced), "in slices the dream is another");
    struct rv_probe_params style = {.style = &b.style,
                                    .style_layers = params.style_layers,
                                    .style_weight = 1,
                                    .dream_weight = RV_OFF,
                                    .layers = "mixed0"};
    struct rv_probe_result before = probe(&b, &b.input, &style), after;
    params.dream_weight = RV_OFF;
    params.content_weight = RV_OFF;
    struct rv_picture styled = rv_test_dream(b.context, b.weights, &b.input, &params, "only style");
    after = probe(&b, &styled, &style);
    cr_expect(after.loss > 0.9 * before.loss, "the style's loss went from %g to %g", before.loss,
              after.loss);
    rv_probe_free(&before);
    rv_probe_free(&after);
    rv_picture_free(&whole);
    rv_picture_free(&sliced);
    rv_picture_free(&styled);
    end(&b);
}

// Noise is a function of the seed alone; of the input there is nothing in it without a content.
Test(objectives, noise) {
    struct bench b = begin();
    struct rv_params params = dream_of(&b);
    struct rv_picture pictures[4];
    params.start = RV_START_NOISE;
    for (int i = 0; i < 4; i++) {
        params.content_weight = i < 3 ? (float)RV_OFF : 1;
        params.seed = i == 2 ? 6 : 5;
        pictures[i] = rv_test_dream(b.context, b.weights, i == 1 ? &b.other : &b.input, &params,
                                    "from noise");
    }
    cr_expect(same(&pictures[0], &pictures[1]), "the input shows through");
    cr_expect(!same(&pictures[0], &pictures[2]), "another seed gives the same");
    cr_expect(!same(&pictures[0], &pictures[3]), "the content is without effect");
    for (int i = 0; i < 4; i++)
        rv_picture_free(&pictures[i]);
    end(&b);
}

static struct rv_picture changed(const struct bench *b, const struct rv_params *from,
                                 const struct rv_params *to) {
    rv_session *session = start(b, from);
    advance(session, 1, 0);
    cr_assert_eq(rv_session_change(session, to), RV_OK, "%s", rv_error_text());
    return end_session(&session);
}

// Each of these makes a difference in flight, and none of them when it is no change.
Test(objectives, changes_in_flight) {
    struct bench b = begin();
    const struct rv_params params = dream_of(&b);
    struct rv_params to[8];
    struct rv_picture plain = changed(&b, &params, &params);
    for (int i = 0; i < 8; i++)
        to[i] = params;
    to[0].style_weight = 3;
    to[1].content_weight = RV_OFF;
    to[2].dream_weight = 4;
    to[3].style = &b.other;
    to[4].style = NULL;
    to[5].guide = &b.other;
    to[6].style_layers[0] = '\0';
    strcpy(to[6].style_layers, "mixed0");
    strcpy(to[7].content_layers, "activation_2");
    for (int i = 0; i < 8; i++) {
        struct rv_picture other = changed(&b, &params, &to[i]);
        cr_expect(!same(&plain, &other), "change %d is without effect", i);
        rv_picture_free(&other);
    }
    struct rv_picture whole = rv_test_dream(b.context, b.weights, &b.input, &params, "unchanged");
    cr_expect(same(&plain, &whole), "no change has an effect");
    rv_picture_free(&plain);
    rv_picture_free(&whole);
    end(&b);
}

// A change that fails leaves the session as it was.
Test(objectives, changes_that_fail) {
    struct bench b = begin();
    const struct rv_params params = dream_of(&b);
    struct rv_params wrong = params;
    struct rv_picture whole = rv_test_dream(b.context, b.weights, &b.input, &params, "unchanged");
    rv_session *session = start(&b, &params);
    advance(session, 1, 0);
    strcpy(wrong.style_layers, "mixed5");
    cr_expect_eq(rv_session_change(session, &wrong), RV_ERR_WEIGHTS, "%s", rv_error_text());
    wrong = params;
    wrong.start = RV_START_NOISE;
    cr_expect_eq(rv_session_change(session, &wrong), RV_ERR_USAGE);
    wrong = params;
    wrong.border = 64;
    wrong.style = &b.other;
    cr_expect_eq(rv_session_change(session, &wrong), RV_ERR_INPUT, "%s", rv_error_text());
    wrong = params;
    wrong.guide = &b.other;
    b.other.pixels[77] = NAN;
    cr_expect_eq(rv_session_change(session, &wrong), RV_ERR_INPUT, "%s", rv_error_text());
    struct rv_picture picture = end_session(&session);
    cr_expect(same(&whole, &picture), "a change that failed left its trace");
    rv_picture_free(&whole);
    rv_picture_free(&picture);
    end(&b);
}

// ------------------------------------------------------------------------------------------------
// Tiles and errors

static rv_context *with_memory(uint64_t bytes) {
    rv_context *context = rv_test_context();
    context->device->memory_limit = bytes;
    return context;
}

// Columns and sums can be had of tiles, the same as of the whole; the others say what to do.
Test(objectives, tiles) {
    struct bench b = begin();
    struct rv_picture large = rv_test_noise(7, 300, 291);
    const uint64_t limit = 24u << 20;
    rv_context *small = with_memory(limit);
    for (enum rv_guide match = RV_GUIDE_COLUMNS; match <= RV_GUIDE_SUMS; match++) {
        struct rv_probe_params params = {.layers = "mixed0",
                                         .guide = &b.style,
                                         .guide_match = match,
                                         .jitter_x = 40,
                                         .precision = RV_PRECISION_FP32};
        struct rv_probe_result whole = probe(&b, &large, &params), cut;
        enum rv_status status = rv_probe(small, b.weights, &large, &params, &cut);
        if (match == RV_GUIDE_PRODUCT) {
            cr_expect_eq(status, RV_ERR_USAGE, "%s", rv_error_text());
            cr_expect(strstr(rv_error_text(), "--memory") != NULL, "%s", rv_error_text());
        } else {
            double off = 0, norm = 0;
            cr_assert_eq(status, RV_OK, "%s", rv_error_text());
            for (size_t i = 0; i < (size_t)300 * 291 * 3; i++) {
                off += pow((double)(whole.gradient.data[i] - cut.gradient.data[i]), 2);
                norm += pow((double)whole.gradient.data[i], 2);
            }
            cr_expect(sqrt(off / norm) <= 1e-5, "guide %d: tiles differ by %.2e", (int)match,
                      sqrt(off / norm));
            cr_expect(fabs(whole.loss / cut.loss - 1) <= 1e-5, "guide %d: loss %g, not %g",
                      (int)match, cut.loss, whole.loss);
        }
        rv_probe_free(&whole);
        rv_probe_free(&cut);
    }
    rv_test_context_end(&small);
    rv_picture_free(&large);
    end(&b);
}

Test(objectives, estimates_count_everything) {
    struct bench b = begin();
    struct rv_params params = dream_of(&b), plain = params;
    struct rv_estimate with, without;
    struct rv_dream_stats stats;
    struct rv_picture output;
    params.precision = plain.precision = RV_PRECISION_FP32;
    params.guide = &b.other;
    params.start = RV_START_NOISE;
    plain.style = NULL;
    plain.content_weight = RV_OFF;
    cr_assert_eq(rv_dream_estimate(96, 83, &params, &with), RV_OK, "%s", rv_error_text());
    cr_assert_eq(rv_dream_estimate(96, 83, &plain, &without), RV_OK, "%s", rv_error_text());
    cr_expect_gt(with.flops, without.flops);
    cr_assert_eq(rv_dream(b.context, b.weights, &b.input, &params, NULL, NULL, &output, &stats),
                 RV_OK, "%s", rv_error_text());
    cr_expect_leq(stats.device_bytes, with.device_bytes, "%llu bytes, estimated %llu",
                  (unsigned long long)stats.device_bytes, (unsigned long long)with.device_bytes);
    // Memory that is the host's, too, needs no staging for the weights' upload.
    cr_expect_geq(stats.device_bytes + with.weights_bytes, with.device_bytes,
                  "%llu bytes, estimated %llu", (unsigned long long)stats.device_bytes,
                  (unsigned long long)with.device_bytes);
    rv_picture_free(&output);
    end(&b);
}

Test(objectives, errors) {
    struct bench b = begin();
    struct rv_probe_result result;
    const struct {
        struct rv_probe_params params;
        enum rv_status status;
        const char *says;
    } cases[] = {
        {{.layers = "mixed0:5", .guide = &b.other}, RV_ERR_USAGE, "as a whole"},
        {{.layers = "conv2d_3", .guide = &b.other}, RV_ERR_USAGE, "activation_3"},
        {{.style = &b.style, .style_layers = "mixed0@centre"}, RV_ERR_USAGE, "style-layers"},
        {{.style = &b.style, .style_layers = "l2(mixed0)"}, RV_ERR_USAGE, "style-layers"},
        {{.layers = "mixed0", .style = &b.style, .style_layers = "mixed3"},
         RV_ERR_WEIGHTS,
         "mixed3"},
        {{.layers = "mixed0", .content = &b.style, .content_layers = "mixed0", .content_weight = 1},
         RV_ERR_USAGE,
         "content"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum rv_status status = rv_probe(b.context, b.weights, &b.input, &cases[i].params, &result);
        cr_expect(status == cases[i].status && strstr(rv_error_text(), cases[i].says),
                  "case %zu: %d, \"%s\"", i, (int)status, rv_error_text());
    }
    end(&b);
}
