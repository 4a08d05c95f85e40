// What a dream makes of its gradient: that each parameter does what it says, in the order that
// ops/ascend.h gives.
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/ascents.h"
#include "support/reference.h"
#include "support/reference_ascent.h"

// A parameter changes the picture, the same way every time; set in flight before the first step it
// is what it is from the beginning; and without new plans.
Test(ascent, fields) {
    struct bench bench = rv_ascents_begin();
    struct rv_picture plain =
        rv_test_dream(bench.context, bench.weights, &bench.input, &rv_ascents_small, "plain");
    for (size_t i = 0; i < FIELDS; i++) {
        struct rv_params params = rv_ascents_small;
        rv_ascents_fields[i].set(&params);
        struct rv_picture result = rv_test_dream(bench.context, bench.weights, &bench.input,
                                                 &params, rv_ascents_fields[i].name);
        double way = rv_test_distance(&plain, &result);
        fprintf(stderr, "%s: %.1e from the plain dream\n", rv_ascents_fields[i].name, way);
        cr_expect(way > 1e-4 && way < 0.5, "%s: %.2e from the plain dream",
                  rv_ascents_fields[i].name, way);
        rv_session *session = rv_ascents_start(&bench, &rv_ascents_small);
        VkBuffer weights = session->network.weights.handle;
        cr_assert_eq(rv_session_change(session, &params), RV_OK, "%s", rv_error_text());
        cr_expect(session->network.weights.handle == weights, "%s: new plans",
                  rv_ascents_fields[i].name);
        while (!rv_ascents_advance(session, NULL).finished) {
        }
        struct rv_picture changed = rv_ascents_picture(session);
        cr_expect(rv_ascents_same(&result, &changed), "%s: other bytes when set in flight",
                  rv_ascents_fields[i].name);
        rv_session_end(&session);
        rv_picture_free(&result);
        rv_picture_free(&changed);
    }
    rv_picture_free(&plain);
    rv_ascents_end(&bench);
}

// To and fro between two steps leaves no trace; and what is set half-way counts from there on.
Test(ascent, half_way) {
    struct bench bench = rv_ascents_begin();
    struct rv_picture plain =
        rv_test_dream(bench.context, bench.weights, &bench.input, &rv_ascents_small, "plain");
    for (size_t i = 0; i < FIELDS; i++) {
        struct rv_params params = rv_ascents_small;
        rv_ascents_fields[i].set(&params);
        for (int stays = 0; stays < 2; stays++) {
            rv_session *session = rv_ascents_start(&bench, &rv_ascents_small);
            rv_ascents_advance(session, NULL);
            cr_assert_eq(rv_session_change(session, &params), RV_OK, "%s", rv_error_text());
            if (!stays)
                cr_assert_eq(rv_session_change(session, &rv_ascents_small), RV_OK, "%s",
                             rv_error_text());
            while (!rv_ascents_advance(session, NULL).finished) {
            }
            struct rv_picture result = rv_ascents_picture(session);
            cr_expect(rv_ascents_same(&result, &plain) == !stays, "%s: %s",
                      rv_ascents_fields[i].name, stays ? "no effect" : "a trace");
            rv_picture_free(&result);
            rv_session_end(&session);
        }
    }
    rv_picture_free(&plain);
    rv_ascents_end(&bench);
}

// ------------------------------------------------------------------------------------------------
// The twin: all but the network in double precision; the gradient is the device's, by rv_probe.

static void mirror(double *values) {
    for (size_t y = 0; y < HEIGHT; y++)
        for (size_t x = 0; x < WIDTH / 2; x++)
            for (size_t c = 0; c < 3; c++) {
                double *a = &values[(y * WIDTH + x) * 3 + c];
                double *b = &values[(y * WIDTH + WIDTH - 1 - x) * 3 + c], kept = *a;
                *a = *b;
                *b = kept;
            }
}

static void probe(const struct bench *bench, const struct rv_params *params, const double *x,
                  bool flip, double *gradient) {
    struct rv_probe_params wanted = {.layers = params->layers, .objective = params->objective};
    struct rv_picture picture = rv_test_noise(1, WIDTH, HEIGHT);
    struct rv_probe_result result;
    memcpy(gradient, x, COUNT * sizeof *gradient);
    if (flip)
        mirror(gradient);
    for (size_t i = 0; i < COUNT; i++)
        picture.pixels[i] = (float)((gradient[i] + 1) / 2);
    cr_assert_eq(rv_probe(bench->context, bench->weights, &picture, &wanted, &result), RV_OK, "%s",
                 rv_error_text());
    for (size_t i = 0; i < COUNT; i++)
        gradient[i] = (double)result.gradient.data[i];
    if (flip)
        mirror(gradient);
    rv_probe_free(&result);
    rv_picture_free(&picture);
}

static void normalise(enum rv_normalize rule, double *g) {
    struct rv_ref_statistics s = rv_ref_statistics(COUNT, g);
    double root = sqrt(s.std * s.std + s.mean * s.mean), divisor = s.std + 1e-8;
    if (rule == RV_NORMALIZE_MEAN_ABS)
        divisor = fmax(s.mean_abs, 1e-6);
    if (rule == RV_NORMALIZE_RMS)
        divisor = fmax(root, 1e-8);
    if (rule == RV_NORMALIZE_NONE)
        divisor = 1;
    for (size_t i = 0; i < COUNT; i++)
        g[i] = (g[i] - (rule == RV_NORMALIZE_STANDARD ? s.mean : 0)) / divisor;
}

static double root_of(const double *values) {
    struct rv_ref_statistics s = rv_ref_statistics(COUNT, values);
    return sqrt(s.std * s.std + s.mean * s.mean);
}

struct twin {
    double x[COUNT], original[COUNT], g[COUNT], other[COUNT], mean[COUNT], square[COUNT];
    struct rv_ref_adam adam;
};

static void step(struct twin *t, const struct bench *bench, const struct rv_params *p,
                 uint32_t iteration, bool flip) {
    double way = (double)iteration / (p->iterations - 1), length = (double)p->step;
    probe(bench, p, t->x, flip, t->g);
    rv_ref_regularize(HEIGHT, WIDTH, 3, t->x, t->original, fmax((double)p->tv, 0),
                      fmax((double)p->pull, 0), t->g);
    if (p->smooth > 0) {
        double sigma = (iteration + 1.0) / p->iterations * 2 + (double)p->smooth;
        rv_ref_smooth(HEIGHT, WIDTH, 3, t->g, sigma, t->other);
        memcpy(t->g, t->other, sizeof t->g);
    }
    if (p->laplacian > 0)
        rv_ref_laplacian(HEIGHT, WIDTH, 3, t->g, (uint32_t)p->laplacian, 1, t->g);
    if (p->strength <= 0 || p->optimizer == RV_OPTIMIZER_ADAM ||
        p->normalize == RV_NORMALIZE_STANDARD)
        normalise(p->normalize, t->g);
    if (p->optimizer == RV_OPTIMIZER_ADAM)
        rv_ref_adam_step(&t->adam, COUNT, t->g, t->g);
    if (p->strength > 0)
        length = (double)p->strength / 127.5 / root_of(t->g);
    if (p->schedule == RV_SCHEDULE_LINEAR)
        length *= 1 - 0.9 * way;
    if (p->schedule == RV_SCHEDULE_COSINE)
        length *= 0.1 + 0.45 * (1 + cos(acos(-1) * way));
    for (size_t i = 0; i < COUNT; i++)
        t->x[i] = fmin(fmax(t->x[i] + length * t->g[i], -1), 1);
}

// One octave without jitter, so that it is the gradient of rv_probe. The first convolution's
// squares: no ReLU that could fall the other way.
Test(ascent, twin) {
    struct bench bench = rv_ascents_begin();
    struct twin *t = malloc(sizeof *t);
    cr_assert_not_null(t);
    for (size_t f = 0; f < FIELDS; f++) {
        struct rv_params params = {.layers = "conv2d",
                                   .objective = RV_OBJECTIVE_L2,
                                   .octaves = 1,
                                   .iterations = 4,
                                   .jitter = RV_OFF,
                                   .step = 0.05f,
                                   .seed = 3},
                         resolved;
        uint32_t flips = 0;
        rv_ascents_fields[f].set(&params);
        cr_assert_eq(rv_params_resolve(&params, &resolved), RV_OK, "%s", rv_error_text());
        rv_session *session = rv_ascents_start(&bench, &params);
        *t = (struct twin){.adam = {t->mean, t->square, 0}};
        for (size_t i = 0; i < COUNT; i++)
            t->x[i] = t->original[i] = 2 * (double)bench.input.pixels[i] - 1;
        for (uint32_t i = 0; i < 4; i++) {
            if (!session->work.begun) // then the log of the octave is there
                cr_assert_eq(rv_session_ready(session, 0), RV_OK, "%s", rv_error_text());
            bool flip = rv_network_log(&session->network)[i].flip, last;
            flips += flip;
            step(t, &bench, &resolved, i, flip);
            last = rv_ascents_advance(session, NULL).finished || session->enough;
            if (last)
                break;
        }
        cr_expect(params.flips != RV_SWITCH_ON || (flips > 0 && flips < 4), "%u flips", flips);
        struct rv_picture result = rv_ascents_picture(session);
        double sum = 0;
        for (size_t i = 0; i < COUNT; i++) {
            double apart = (double)result.pixels[i] - (t->x[i] + 1) / 2;
            sum += apart * apart;
        }
        double apart = sqrt(sum / COUNT);
        fprintf(stderr, "%s: %.1e from the twin, %.1e from the photograph\n",
                rv_ascents_fields[f].name, apart, rv_test_distance(&result, &bench.input));
        cr_expect(apart < 1e-5, "%s: %.2e from the twin", rv_ascents_fields[f].name, apart);
        rv_picture_free(&result);
        rv_session_end(&session);
    }
    free(t);
    rv_ascents_end(&bench);
}

// ------------------------------------------------------------------------------------------------
// Strength

// The change of one step, in 8-bit levels, is what was asked for. Pictures far from black and
// white: the clipping takes nothing away.
Test(ascent, strength) {
    struct bench bench = rv_ascents_begin();
    for (size_t i = 0; i < COUNT; i++)
        bench.input.pixels[i] = 0.4f + 0.2f * bench.input.pixels[i];
    for (int adam = 0; adam < 2; adam++)
        for (enum rv_normalize rule = RV_NORMALIZE_STD; rule <= RV_NORMALIZE_NONE; rule++) {
            struct rv_params params = rv_ascents_small;
            params.octaves = params.iterations = 1;
            params.normalize = rule;
            params.optimizer = adam ? RV_OPTIMIZER_ADAM : RV_OPTIMIZER_ASCENT;
            params.strength = 2.5f;
            struct rv_picture result =
                rv_test_dream(bench.context, bench.weights, &bench.input, &params, "a step");
            double change = 255 * rv_test_distance(&result, &bench.input);
            fprintf(stderr, "%s, rule %d: %.4f levels\n", adam ? "adam" : "ascent", (int)rule,
                    change);
            cr_expect(fabs(change / 2.5 - 1) < 0.01, "rule %d: %.4f levels", (int)rule, change);
            rv_picture_free(&result);
        }
    rv_ascents_end(&bench);
}

// The dream ends at the first step that has changed the picture enough, whatever its octave.
Test(ascent, max_strength) {
    struct bench bench = rv_ascents_begin();
    for (size_t i = 0; i < COUNT; i++)
        bench.input.pixels[i] = 0.4f + 0.2f * bench.input.pixels[i];
    for (int octave = 1; octave <= 2; octave++) {
        struct rv_params params = rv_ascents_small;
        params.iterations = octave == 1 ? 100 : 5;
        params.strength = 2;
        params.max_strength = octave == 1 ? 6 : 7.2f;
        rv_session *session = rv_ascents_start(&bench, &params);
        struct rv_progress progress = {0};
        uint32_t steps = 0;
        for (; !session->enough && !progress.finished; steps++)
            progress = rv_ascents_advance(session, NULL);
        cr_expect_eq(progress.octave, (uint32_t)octave, "enough in octave %u", progress.octave);
        cr_expect(progress.fraction == 1);
        float change = rv_network_log(&session->network)[progress.iteration - 1].change * 127.5f;
        float before = rv_network_log(&session->network)[progress.iteration - 2].change * 127.5f;
        cr_expect(change >= params.max_strength && before < params.max_strength &&
                      change < params.max_strength + 2,
                  "%g levels, then %g", (double)before, (double)change);
        while (!progress.finished)
            progress = rv_ascents_advance(session, NULL);
        struct rv_picture result = rv_ascents_picture(session);
        double moved = 255 * rv_test_distance(&result, &bench.input);
        fprintf(stderr, "%u steps, %g levels, %g in the picture\n", steps, (double)change, moved);
        cr_expect(moved > (double)params.max_strength * 0.5 &&
                  moved < (double)params.max_strength + 2.5);
        // Once more from the beginning: it dreams again, and ends again.
        cr_assert_eq(rv_session_seek(session, 1), RV_OK, "%s", rv_error_text());
        cr_expect(!rv_ascents_advance(session, NULL).finished);
        while (!rv_ascents_advance(session, NULL).finished) {
        }
        struct rv_picture whole =
            rv_test_dream(bench.context, bench.weights, &bench.input, &params, "in one call");
        cr_expect(rv_ascents_same(&whole, &result), "other bytes in one call");
        rv_picture_free(&whole);
        rv_picture_free(&result);
        rv_session_end(&session);
    }
    rv_ascents_end(&bench);
}

// ------------------------------------------------------------------------------------------------
// Masks

// Where it is black, whatever the rule by which octaves follow one another, the picture keeps its
// bytes.
Test(ascent, mask) {
    struct bench bench = rv_ascents_begin();
    static const enum rv_pyramid rules[] = {RV_PYRAMID_DETAIL, RV_PYRAMID_REINJECT};
    for (size_t r = 0; r < 2; r++) {
        struct rv_params params = rv_ascents_small, first = rv_ascents_small;
        params.pyramid = rules[r];
        params.mask = &bench.mask;
        rv_session *session = rv_ascents_start(&bench, &params);
        struct rv_picture original = rv_ascents_picture(session);
        while (!rv_ascents_advance(session, NULL).finished) {
        }
        struct rv_picture result = rv_ascents_picture(session);
        size_t black = 0, changed = 0;
        for (size_t i = 0; i < COUNT; i++)
            if (i / 3 % WIDTH < 38) {
                black++;
                changed += result.pixels[i] != original.pixels[i];
            }
        fprintf(stderr, "rule %zu: %zu of %zu black values changed, %.1e from the photograph\n", r,
                changed, black, rv_test_distance(&result, &bench.input));
        cr_expect(changed == 0 && rv_test_distance(&result, &bench.input) > 0.01);
        rv_session_end(&session);
        rv_picture_free(&result);

        // Where it is white, the first step is the dream's without a mask.
        first.octaves = first.iterations = 1;
        struct rv_picture free_step =
            rv_test_dream(bench.context, bench.weights, &bench.input, &first, "without a mask");
        first.mask = &bench.mask;
        struct rv_picture masked =
            rv_test_dream(bench.context, bench.weights, &bench.input, &first, "with one");
        size_t white = 0, between = 0;
        for (size_t i = 0; i < COUNT; i++) {
            if (i / 3 % WIDTH > 62)
                white += masked.pixels[i] != free_step.pixels[i];
            if (i / 3 % WIDTH == 50) { // grey: about a half
                double whole = (double)free_step.pixels[i] - (double)original.pixels[i];
                double part = (double)masked.pixels[i] - (double)original.pixels[i];
                bool clipped = free_step.pixels[i] < 0.01f || free_step.pixels[i] > 0.99f;
                between += fabs(part / whole - 0.5) > 0.1 && fabs(whole) > 1e-3 && !clipped;
            }
        }
        cr_expect(white == 0, "%zu white values differ", white);
        cr_expect(between == 0, "%zu grey values moved by another share", between);
        rv_picture_free(&masked);
        rv_picture_free(&free_step);
        rv_picture_free(&original);
    }
    rv_ascents_end(&bench);
}

// A mask that changes in flight: black from the beginning of the next step, and the same bytes as
// one that was there from the start, when it comes before the first.
Test(ascent, mask_in_flight) {
    struct bench bench = rv_ascents_begin();
    struct rv_params params = rv_ascents_small;
    rv_session *session = rv_ascents_start(&bench, &params);
    struct rv_picture original = rv_ascents_picture(session);
    params.mask = &bench.mask;
    cr_assert_eq(rv_session_change(session, &params), RV_OK, "%s", rv_error_text());
    params.mask = NULL;
    cr_assert_eq(rv_session_change(session, &params), RV_OK, "%s", rv_error_text());
    for (size_t i = 0; i < (size_t)bench.mask.width * bench.mask.height * 3; i++)
        bench.mask.pixels[i] = 1 - bench.mask.pixels[i];
    params.mask = &bench.mask;
    cr_assert_eq(rv_session_change(session, &params), RV_OK, "%s", rv_error_text());
    while (!rv_ascents_advance(session, NULL).finished) {
    }
    struct rv_picture result = rv_ascents_picture(session);
    struct rv_picture expected =
        rv_test_dream(bench.context, bench.weights, &bench.input, &params, "from the start");
    cr_expect(rv_ascents_same(&result, &expected), "other bytes than from the start");
    size_t changed = 0;
    for (size_t i = 0; i < COUNT; i++)
        changed += i / 3 % WIDTH > 62 && result.pixels[i] != original.pixels[i];
    cr_expect(changed == 0, "%zu black values changed", changed);
    rv_picture_free(&original);
    rv_picture_free(&result);
    rv_picture_free(&expected);
    rv_session_end(&session);
    rv_ascents_end(&bench);
}
