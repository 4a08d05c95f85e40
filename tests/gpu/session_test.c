// What sessions promise: in steps, in slices or at once a dream is the same bytes; looking at it
// changes nothing; parameters change in flight; it may end at any moment.
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dream/context.h"
#include "dream/session.h"
#include "support/device.h"
#include "support/dreams.h"

static const struct rv_params small = {.layers = "mixed0,max_pooling2d_1=0.3",
                                       .octaves = 2,
                                       .octave_scale = 1.1f,
                                       .iterations = 3,
                                       .jitter = 9,
                                       .step = 0.03f,
                                       .seed = 5};

struct bench {
    rv_context *context;
    rv_weights *weights;
    struct rv_picture input;
};

static struct bench begin(void) {
    return (struct bench){rv_test_context(), rv_test_weights(1), rv_test_noise(1, 100, 87)};
}

static void end(struct bench *bench) {
    cr_expect(bench->context->device->bytes == 0, "%llu bytes stay on the device",
              (unsigned long long)bench->context->device->bytes);
    rv_picture_free(&bench->input);
    rv_weights_destroy(&bench->weights);
    rv_test_context_end(&bench->context);
}

static rv_session *start(const struct bench *bench, const struct rv_params *params) {
    rv_session *session;
    cr_assert_eq(rv_session_begin(bench->context, bench->weights, &bench->input, params, &session),
                 RV_OK, "%s", rv_error_text());
    return session;
}

static struct rv_progress advance(rv_session *session, const struct rv_advance_params *how) {
    struct rv_progress progress;
    cr_assert_eq(rv_session_advance(session, how, &progress), RV_OK, "%s", rv_error_text());
    return progress;
}

static struct rv_picture picture_of(rv_session *session) {
    struct rv_picture picture;
    cr_assert_eq(rv_session_picture(session, &picture), RV_OK, "%s", rv_error_text());
    return picture;
}

static bool same(const struct rv_picture *a, const struct rv_picture *b) {
    return a->width == b->width && a->height == b->height &&
           memcmp(a->pixels, b->pixels, (size_t)a->width * a->height * 12) == 0;
}

// ------------------------------------------------------------------------------------------------
// The same bytes

static const struct way {
    const char *name;
    struct rv_advance_params how;
    bool look; // at the picture after every call
} ways[] = {
    {"steps", {0}, false},
    {"steps, looked at", {0}, true},
    {"steps, one ahead", {.ahead = true}, true},
    {"single layers", {.flops = 1}, false},
    {"slices, looked at", {.flops = 3e6}, true},
    {"slices without waiting", {.flops = 3e6, .no_wait = true}, false},
    {"a hundredth of a second", {.seconds = 0.01}, false},
    {"an hour", {.seconds = 3600}, true},
};

static void check_way(const struct bench *bench, const struct rv_params *params,
                      const struct way *way, const struct rv_picture *expected) {
    rv_session *session = start(bench, params);
    struct rv_progress progress;
    double fraction = 0;
    uint32_t calls = 0, steps = 0, octave = 0, iteration = 0;
    do {
        progress = advance(session, &way->how);
        calls++;
        if (way->how.no_wait)
            usleep(200);
        cr_expect(progress.fraction >= fraction, "%s: progress goes back", way->name);
        fraction = progress.fraction;
        steps += progress.octave != octave || progress.iteration != iteration;
        octave = progress.octave;
        iteration = progress.iteration;
        if (way->look) {
            struct rv_picture looked = picture_of(session);
            rv_picture_free(&looked);
        }
    } while (!progress.finished);
    struct rv_picture result = picture_of(session);
    fprintf(stderr, "%s: %u calls, %u steps seen\n", way->name, calls, steps);
    cr_expect(same(&result, expected), "%s: other bytes than in one call", way->name);
    cr_expect(fraction == 1 && progress.octave == 2 && progress.iteration == 3);
    rv_picture_free(&result);
    rv_session_end(&session);
    cr_expect(session == NULL);
}

static void check_ways(const struct bench *bench, const struct rv_params *params) {
    struct rv_picture expected =
        rv_test_dream(bench->context, bench->weights, &bench->input, params, "in one call");
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        check_way(bench, params, &ways[i], &expected);
    rv_picture_free(&expected);
}

Test(session, ways) {
    struct bench bench = begin();
    static const enum rv_pyramid rules[] = {RV_PYRAMID_DETAIL, RV_PYRAMID_REINJECT,
                                            RV_PYRAMID_GROW};
    // The kernels for GPUs are slow on a processor, and sessions know nothing of kernels.
    bool slow = getenv("REVERIE_DISABLE") || getenv("REVERIE_CLAMP");
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i += slow ? 3 : 1) {
        struct rv_params params = small;
        params.pyramid = rules[i];
        check_ways(&bench, &params);
    }
    end(&bench);
}

Test(session, ways_in_tiles) {
    struct bench bench = begin();
    rv_picture_free(&bench.input);
    bench.input = rv_test_noise(2, 330, 100);
    struct rv_params params = small;
    struct rv_limits limits = bench.context->device->limits;
    strcpy(params.layers, "mixed0");
    bench.context->device->limits.storage_range = bench.context->device->limits.texel_bytes =
        1200000;
    rv_session *session = start(&bench, &params);
    struct rv_dream_stats stats;
    rv_session_stats(session, &stats);
    cr_expect(stats.tiles > 1, "%u tiles", stats.tiles);
    rv_session_end(&session);
    check_ways(&bench, &params);
    bench.context->device->limits = limits;
    end(&bench);
}

// Two dreams of one context, turn by turn.
Test(session, side_by_side) {
    struct bench bench = begin();
    struct rv_params params[2] = {small, small};
    struct rv_picture expected[2];
    rv_session *sessions[2];
    params[1].pyramid = RV_PYRAMID_GROW;
    strcpy(params[1].layers, "max_pooling2d");
    for (int i = 0; i < 2; i++) {
        expected[i] =
            rv_test_dream(bench.context, bench.weights, &bench.input, &params[i], "alone");
        sessions[i] = start(&bench, &params[i]);
    }
    struct rv_advance_params how = {.flops = 2e6};
    bool finished[2] = {false, false};
    while (!finished[0] || !finished[1])
        for (int i = 0; i < 2; i++)
            finished[i] = advance(sessions[i], &how).finished;
    for (int i = 0; i < 2; i++) {
        struct rv_picture result = picture_of(sessions[i]);
        cr_expect(same(&result, &expected[i]), "session %d: other bytes than alone", i);
        rv_picture_free(&result);
        rv_picture_free(&expected[i]);
        rv_session_end(&sessions[i]);
    }
    end(&bench);
}

// ------------------------------------------------------------------------------------------------
// Slices

// None submits more than it may, but for a single layer that is larger.
Test(session, slices) {
    struct bench bench = begin();
    struct rv_params params = small;
    params.octaves = 1;
    params.iterations = 20;
    rv_session *session = start(&bench, &params);
    static const double budgets[] = {1, 1e5, 3e6, 2e7, 1e12};
    for (size_t i = 0; i < sizeof budgets / sizeof *budgets; i++) {
        struct rv_advance_params how = {.flops = budgets[i]};
        advance(session, NULL); // to the end of a step
        advance(session, &how);
        const struct rv_slices *slices = &session->work.slices;
        const struct rv_plan *plan = session->tilings[0].plan;
        double most = 0, sum = 0, step = 0;
        for (uint32_t j = 0; j < plan->step_count; j++)
            step = plan->steps[j].flops > step ? plan->steps[j].flops : step;
        for (uint32_t j = 0; j < slices->count; j++) {
            sum += slices->list[j].flops;
            most = slices->list[j].flops > most ? slices->list[j].flops : most;
        }
        fprintf(stderr, "%.3g: %u slices, the longest %.3g, the longest layer %.3g\n", budgets[i],
                slices->count, most, step);
        cr_expect(most <= budgets[i] || most <= step, "%g: a slice of %g", budgets[i], most);
        cr_expect(sum > plan->flops * 0.999999 && sum < plan->flops * 1.000001);
        cr_expect((slices->count == 1) == (budgets[i] >= plan->flops));
    }
    rv_session_end(&session);
    end(&bench);
}

// What was said beforehand, without a device, is what it takes.
Test(session, estimate) {
    static const struct rv_params all[] = {{.layers = "mixed0"},
                                           {.layers = "mixed0", .precision = RV_PRECISION_FP16},
                                           {.preset = "tf", .layers = "mixed0", .iterations = 1}};
    struct bench bench = begin();
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct rv_estimate estimate;
        struct rv_dream_stats stats;
        struct rv_params params = all[i];
        params.octave_scale = 1.1f;
        cr_assert_eq(rv_dream_estimate(bench.input.width, bench.input.height, &params, &estimate),
                     RV_OK, "%s", rv_error_text());
        rv_session *session = start(&bench, &params);
        struct rv_progress progress = {0};
        while (!progress.finished)
            progress = advance(session, NULL);
        rv_session_stats(session, &stats);
        fprintf(stderr, "%llu bytes estimated, %llu taken\n",
                (unsigned long long)estimate.device_bytes, (unsigned long long)stats.device_bytes);
        // Memory that is the host's, too, needs no staging for the weights' upload.
        cr_expect(stats.device_bytes <= estimate.device_bytes &&
                  stats.device_bytes + estimate.weights_bytes >= estimate.device_bytes);
        cr_expect_eq(stats.arena_bytes, estimate.arena_bytes);
        cr_expect(stats.flops == estimate.flops, "%g flops, not %g", stats.flops, estimate.flops);
        cr_expect_eq(estimate.steps, progress.octaves * progress.iterations);
        rv_session_end(&session);
    }
    struct rv_estimate none;
    cr_expect_eq(rv_dream_estimate(40, 40, NULL, &none), RV_ERR_INPUT);
    end(&bench);
}

// ------------------------------------------------------------------------------------------------
// Changes

// What is left of one dream after another dream's steps is a dream of its result.
Test(session, changes) {
    static const struct change {
        const char *name;
        struct rv_params to;
    } changes[] = {
        {"step", {.step = 0.07f}},
        {"layers", {.layers = "mixed0:7"}},
        {"deeper, l2, border",
         {.layers = "max_pooling2d_1", .objective = RV_OBJECTIVE_L2, .border = 1}},
        {"fp16", {.precision = RV_PRECISION_FP16}},
        {"normalize", {.normalize = RV_NORMALIZE_MEAN_ABS}},
    };
    struct bench bench = begin();
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        struct rv_params first = {.layers = "max_pooling2d", .octaves = 1, .jitter = RV_OFF};
        struct rv_params then = changes[i].to;
        first.iterations = then.iterations = 3;
        then.octaves = 1;
        then.jitter = RV_OFF;
        if (!then.layers[0])
            strcpy(then.layers, first.layers);
        rv_session *session = start(&bench, &first);
        advance(session, NULL);
        struct rv_picture half = picture_of(session);
        struct rv_dream_stats stats;
        rv_session_stats(session, &stats);
        cr_assert_eq(rv_session_change(session, &then), RV_OK, "%s", rv_error_text());
        while (!advance(session, NULL).finished) {
        }
        struct rv_picture result = picture_of(session);
        rv_session_end(&session);
        then.iterations = 2;
        struct rv_picture expected =
            rv_test_dream(bench.context, bench.weights, &half, &then, changes[i].name);
        double apart = rv_test_distance(&result, &expected);
        fprintf(stderr, "%s: %.1e apart, after a way of %.1e\n", changes[i].name, apart,
                rv_test_distance(&expected, &half));
        // The half-way picture was rounded on its way to the host: halves show it after two steps.
        double bound = then.precision == RV_PRECISION_FP16 ? 3e-4 : 1e-5;
        cr_expect(apart < bound, "%s: %.2e apart", changes[i].name, apart);
        rv_picture_free(&half);
        rv_picture_free(&result);
        rv_picture_free(&expected);
    }
    end(&bench);
}

// Back to the first octave, and on: two more octaves of steps, and the same once it is finished.
Test(session, seeks) {
    struct bench bench = begin();
    rv_session *session = start(&bench, &small);
    struct rv_progress progress;
    do
        progress = advance(session, NULL);
    while (progress.octave < 2);
    struct rv_picture before = picture_of(session);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(rv_session_seek(session, 1), RV_OK, "%s", rv_error_text());
        uint32_t steps = 0;
        do {
            progress = advance(session, NULL);
            steps++;
        } while (!progress.finished);
        cr_expect_eq(steps, 6, "%u steps", steps);
    }
    struct rv_picture after = picture_of(session);
    double way = rv_test_distance(&before, &after);
    cr_expect(way > 0.01 && way < 0.5, "a way of %.2e", way);
    cr_expect_eq(rv_session_seek(session, 0), RV_ERR_USAGE);
    cr_expect_eq(rv_session_seek(session, 3), RV_ERR_USAGE);
    rv_picture_free(&before);
    rv_picture_free(&after);
    rv_session_end(&session);
    end(&bench);
}

// From a moment on, in the session it was kept in or in another, everything comes again, to the
// byte.
static void check_returns(const struct rv_params *params) {
    struct bench bench = begin();
    struct rv_picture expected =
        rv_test_dream(bench.context, bench.weights, &bench.input, params, "undisturbed");
    rv_session *session = start(&bench, params), *other = start(&bench, params);
    rv_moment *moments[8];
    uint32_t count = 0;
    cr_assert_eq(rv_session_remember(session, &moments[count++]), RV_OK, "%s", rv_error_text());
    while (!advance(session, NULL).finished)
        cr_assert_eq(rv_session_remember(session, &moments[count++]), RV_OK, "%s", rv_error_text());
    cr_expect_eq(count, 6, "%u moments", count);
    for (uint32_t i = count; i-- > 0;) {
        rv_session *to = i % 2 ? session : other;
        uint32_t steps = 0;
        advance(to, &(struct rv_advance_params){.flops = 3e6}); // a part of a step, to be dropped
        cr_assert_eq(rv_session_return(to, moments[i]), RV_OK, "%s", rv_error_text());
        do
            steps++;
        while (!advance(to, NULL).finished);
        struct rv_picture result = picture_of(to);
        cr_expect(same(&result, &expected), "from moment %u: other bytes", i);
        cr_expect_eq(steps, 6 - i, "from moment %u: %u steps", i, steps);
        cr_expect_geq(rv_moment_bytes(moments[i]), i ? 91 * 79 * 16 : 1);
        rv_picture_free(&result);
    }
    rv_session_end(&other);
    struct rv_params wider = *params;
    wider.octaves = 1;
    other = start(&bench, &wider);
    cr_expect_eq(rv_session_return(other, moments[1]), RV_ERR_USAGE);
    cr_expect_eq(rv_session_remember(NULL, &moments[6]), RV_ERR_USAGE);
    cr_expect_eq(rv_session_return(other, NULL), RV_ERR_USAGE);
    while (count > 0)
        rv_moment_free(&moments[--count]);
    rv_moment_free(NULL);
    rv_picture_free(&expected);
    rv_session_end(&session);
    rv_session_end(&other);
    end(&bench);
}

Test(session, returns) {
    check_returns(&small);
}

// Adam's moments are part of it, and the mirror.
Test(session, returns_to_adam) {
    struct rv_params params = small;
    params.optimizer = RV_OPTIMIZER_ADAM;
    params.flips = RV_SWITCH_ON;
    check_returns(&params);
}

// What cannot be changed, or not now, leaves the session as it was.
Test(session, refusals) {
    struct bench bench = begin();
    struct rv_picture expected =
        rv_test_dream(bench.context, bench.weights, &bench.input, &small, "undisturbed");
    rv_session *session = start(&bench, &small);
    struct rv_params params = small;
    advance(session, NULL);
    params.octaves = 3;
    cr_expect_eq(rv_session_change(session, &params), RV_ERR_USAGE);
    params = small;
    strcpy(params.layers, "mixed5"); // beyond these weights
    cr_expect_eq(rv_session_change(session, &params), RV_ERR_WEIGHTS);
    params = small;
    params.border = 3;
    bench.context->device->byte_cap = bench.context->device->bytes / 8;
    cr_expect_eq(rv_session_change(session, &params), RV_ERR_NO_MEMORY);
    bench.context->device->byte_cap = UINT64_MAX;
    cr_assert_eq(rv_session_change(session, &small), RV_OK, "%s", rv_error_text());
    struct rv_advance_params odd = {.flops = -1};
    cr_expect_eq(rv_session_advance(session, &odd, NULL), RV_ERR_USAGE);
    odd = (struct rv_advance_params){.seconds = 1, .no_wait = true};
    cr_expect_eq(rv_session_advance(session, &odd, NULL), RV_ERR_USAGE);
    while (!advance(session, NULL).finished) {
    }
    struct rv_picture result = picture_of(session);
    cr_expect(same(&result, &expected), "other bytes than without the refused changes");
    rv_picture_free(&result);
    rv_picture_free(&expected);
    rv_session_end(&session);
    end(&bench);
}

// A gradient that is not finite says so every time, leaves the picture, and other layers go on from
// there.
Test(session, recovers) {
    struct bench bench = begin();
    struct rv_params params = small, good = small;
    strcpy(params.layers, "mixed0=1e38");
    rv_session *session = start(&bench, &params);
    for (int i = 0; i < 3; i++)
        cr_expect_eq(rv_session_advance(session, NULL, NULL), RV_ERR_NUMERIC);
    struct rv_picture kept = picture_of(session);
    cr_assert_eq(rv_session_change(session, &good), RV_OK, "%s", rv_error_text());
    while (!advance(session, NULL).finished) {
    }
    struct rv_picture result = picture_of(session);
    cr_expect(rv_test_distance(&kept, &result) > 0.01);
    rv_picture_free(&kept);
    rv_picture_free(&result);
    rv_session_end(&session);
    end(&bench);
}

// ------------------------------------------------------------------------------------------------
// Endings

// At any moment: at once, and after any number of slices, waited for or not.
Test(session, ends) {
    struct bench bench = begin();
    for (uint32_t calls = 0; calls < 12; calls++)
        for (int wait = 0; wait < 2; wait++) {
            rv_session *session = start(&bench, &small);
            struct rv_advance_params how = {.flops = 1e6 * (calls + 1), .no_wait = !wait};
            for (uint32_t i = 0; i < calls; i++)
                advance(session, &how);
            rv_session_end(&session);
            cr_expect(bench.context->device->bytes == 0);
        }
    rv_session *none = NULL;
    rv_session_end(&none);
    rv_session_end(NULL);
    end(&bench);
}
