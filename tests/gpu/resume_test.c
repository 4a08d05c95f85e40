// A dream that is left at the end of an octave and resumed elsewhere is the same bytes; what a
// dream will do is what it then does.
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dream/context.h"
#include "dream/session.h"
#include "support/device.h"
#include "support/dreams.h"

static const struct rv_params small = {.layers = "mixed0",
                                       .octaves = 3,
                                       .octave_scale = 1.1f,
                                       .iterations = 2,
                                       .jitter = 9,
                                       .step = 0.03f,
                                       .seed = 5};

struct bench {
    rv_context *context;
    rv_weights *weights;
    struct rv_picture input;
};

static struct bench begin(uint32_t width, uint32_t height) {
    return (struct bench){rv_test_context(), rv_test_weights(1), rv_test_noise(1, width, height)};
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

static struct rv_session_state keep(rv_session *session) {
    struct rv_session_state state;
    cr_assert_eq(rv_session_keep(session, &state), RV_OK, "%s", rv_error_text());
    return state;
}

// Goes on to the end; every state on the way goes to states[octave - 1], if they are wanted.
static struct rv_picture finish(rv_session *session, struct rv_session_state *states) {
    struct rv_progress progress = {0};
    struct rv_picture result;
    double fraction = 0;
    while (!progress.finished) {
        cr_assert_eq(rv_session_advance(session, NULL, &progress), RV_OK, "%s", rv_error_text());
        cr_expect(progress.fraction >= fraction, "progress goes back");
        fraction = progress.fraction;
        struct rv_session_state state = keep(session);
        bool ends = progress.iteration == progress.iterations || progress.finished;
        cr_expect_eq(state.octave, ends ? progress.octave : 0, "octave %u after step %u of %u",
                     state.octave, progress.iteration, progress.octave);
        if (states && state.octave)
            states[state.octave - 1] = state;
        else
            rv_session_state_free(&state);
    }
    cr_assert_eq(rv_session_picture(session, &result), RV_OK, "%s", rv_error_text());
    return result;
}

static bool same(const struct rv_picture *a, const struct rv_picture *b) {
    return a->width == b->width && a->height == b->height &&
           memcmp(a->pixels, b->pixels, (size_t)a->width * a->height * 12) == 0;
}

// `ways` 2: both in new sessions and in those that have gone on meanwhile.
static void check_resuming(const struct bench *bench, const struct rv_params *params, int ways,
                           const char *what) {
    struct rv_session_state states[RV_OCTAVE_MAX] = {{0}};
    rv_session *session = start(bench, params);
    uint32_t count = session->pictures.sizes.count;
    struct rv_session_state none = keep(session);
    cr_expect(none.octave == 0 && !none.values, "%s: a state before the first step", what);
    struct rv_picture expected = finish(session, states);
    rv_session_end(&session);
    for (uint32_t i = 0; i < count; i++) {
        cr_assert(states[i].values, "%s: no state of octave %u", what, i + 1);
        for (int late = 0; late < ways; late++) {
            session = start(bench, params);
            if (late)
                cr_assert_eq(rv_session_advance(session, NULL, NULL), RV_OK);
            cr_assert_eq(rv_session_resume(session, &states[i]), RV_OK, "%s", rv_error_text());
            struct rv_session_state again = keep(session);
            cr_expect(again.octave == i + 1 && memcmp(again.values, states[i].values,
                                                      (size_t)again.width * again.height * 12) == 0,
                      "%s: what was restored is not what was kept", what);
            rv_session_state_free(&again);
            struct rv_picture result = finish(session, NULL);
            cr_expect(same(&result, &expected), "%s: other bytes after octave %u of %u", what,
                      i + 1, count);
            rv_picture_free(&result);
            rv_session_end(&session);
        }
        rv_session_state_free(&states[i]);
        cr_expect(!states[i].values && states[i].octave == 0);
    }
    rv_picture_free(&expected);
}

Test(resume, same_bytes) {
    static const struct {
        const char *what;
        enum rv_pyramid pyramid;
        enum rv_clip clip;
    } cases[] = {{"detail", RV_PYRAMID_DETAIL, RV_CLIP_STEP},
                 {"reinject, not clipped", RV_PYRAMID_REINJECT, RV_CLIP_END},
                 {"grow", RV_PYRAMID_GROW, RV_CLIP_STEP}};
    struct bench bench = begin(100, 95);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rv_params params = small;
        params.pyramid = cases[i].pyramid;
        params.clip = cases[i].clip;
        check_resuming(&bench, &params, 2, cases[i].what);
    }
    end(&bench);
}

// What is planned is what a session then does, in tiles, too.
Test(resume, in_tiles_and_as_planned) {
    struct bench bench = begin(330, 100);
    struct rv_limits limits = bench.context->device->limits;
    struct rv_params params = small;
    for (int tiles = 0; tiles < 2; tiles++) {
        struct rv_octave_plan octaves[RV_OCTAVE_MAX];
        struct rv_estimate estimate;
        uint32_t count = RV_OCTAVE_MAX, short_count = 1;
        params.octaves = 2;
        params.iterations = tiles ? 1 : 2;
        if (tiles)
            bench.context->device->limits.storage_range =
                bench.context->device->limits.texel_bytes = 1200000;
        cr_assert_eq(rv_dream_plan(bench.context, 330, 100, &params, octaves, &count, &estimate),
                     RV_OK, "%s", rv_error_text());
        cr_expect_eq(count, 2);
        cr_assert_eq(
            rv_dream_plan(bench.context, 330, 100, &params, &octaves[5], &short_count, NULL),
            RV_OK);
        cr_expect(short_count == 2 && octaves[5].width == octaves[0].width && !octaves[6].width);
        rv_session *session = start(&bench, &params);
        double flops = 0;
        for (uint32_t i = 0; i < count; i++) {
            const struct rv_tiling *t = &session->tilings[i];
            cr_expect(octaves[i].width == t->x.size && octaves[i].height == t->y.size);
            cr_expect(octaves[i].tiles_x == t->x.count && octaves[i].tiles_y == t->y.count);
            cr_expect(octaves[i].tile_width == t->x.tile && octaves[i].tile_height == t->y.tile);
            flops += octaves[i].flops * params.iterations;
        }
        cr_expect_eq(octaves[1].tiles_x > 1, tiles == 1, "%u tiles", octaves[1].tiles_x);
        struct rv_dream_stats stats;
        struct rv_picture result = finish(session, NULL);
        rv_session_stats(session, &stats);
        cr_expect(fabs(stats.flops / flops - 1) < 1e-9 && fabs(estimate.flops / flops - 1) < 1e-9,
                  "%g operations, %g planned, %g estimated", stats.flops, flops, estimate.flops);
        cr_expect_eq(estimate.steps, 2 * params.iterations);
        cr_expect(stats.device_bytes <= estimate.device_bytes, "%llu bytes, %llu estimated",
                  (unsigned long long)stats.device_bytes,
                  (unsigned long long)estimate.device_bytes);
        rv_picture_free(&result);
        rv_session_end(&session);
    }
    check_resuming(&bench, &params, 1, "in tiles");
    bench.context->device->limits = limits;
    end(&bench);
}

Test(resume, refusals) {
    struct bench bench = begin(100, 95);
    rv_session *session = start(&bench, &small);
    uint32_t count = 0;
    struct rv_session_state state = {0};
    while (state.octave != 2) {
        rv_session_state_free(&state);
        cr_assert_eq(rv_session_advance(session, NULL, NULL), RV_OK);
        state = keep(session);
    }
    struct rv_picture expected = finish(session, NULL);
    rv_session_end(&session);
    session = start(&bench, &small);
    struct rv_session_state wrong = state;
    wrong.octave = 3;
    cr_expect_eq(rv_session_resume(session, &wrong), RV_ERR_USAGE);
    wrong.octave = 0;
    cr_expect_eq(rv_session_resume(session, &wrong), RV_ERR_USAGE);
    wrong = state;
    wrong.width++;
    cr_expect_eq(rv_session_resume(session, &wrong), RV_ERR_USAGE);
    cr_expect(strstr(rv_error_text(), "another dream's"), "\"%s\"", rv_error_text());
    float value = state.values[100];
    state.values[100] = NAN;
    cr_expect_eq(rv_session_resume(session, &state), RV_ERR_INPUT);
    state.values[100] = value;
    cr_expect_eq(rv_session_resume(session, NULL), RV_ERR_USAGE);
    cr_expect_eq(rv_session_resume(NULL, &state), RV_ERR_USAGE);
    cr_expect_eq(rv_session_keep(NULL, &wrong), RV_ERR_USAGE);
    cr_expect_eq(rv_session_keep(session, NULL), RV_ERR_USAGE);
    cr_expect_eq(rv_dream_plan(NULL, 100, 95, NULL, NULL, NULL, NULL), RV_ERR_USAGE);
    cr_expect_eq(rv_dream_plan(NULL, 40, 40, NULL, NULL, &count, NULL), RV_ERR_INPUT);
    // None of it left a trace.
    cr_assert_eq(rv_session_resume(session, &state), RV_OK, "%s", rv_error_text());
    struct rv_picture result = finish(session, NULL);
    cr_expect(same(&result, &expected), "other bytes after what was refused");
    rv_picture_free(&result);
    rv_picture_free(&expected);
    rv_session_state_free(&state);
    rv_session_state_free(NULL);
    rv_session_end(&session);
    end(&bench);
}
