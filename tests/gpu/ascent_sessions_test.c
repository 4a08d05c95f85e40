// Sessions whose steps are shaped: the same bytes in slices of any size, in tiles the same picture,
// and no more memory or work than was said.
#include <criterion/criterion.h>
#include <stdio.h>
#include <unistd.h>

#include "support/ascents.h"

// ------------------------------------------------------------------------------------------------
// Slices, tiles, memory

static const struct way {
    const char *name;
    struct rv_advance_params how;
    bool look; // at the picture after every call
} ways[] = {{"steps, looked at", {0}, true},
            {"single layers", {.flops = 1}, false},
            {"slices, looked at", {.flops = 3e6}, true},
            {"slices without waiting", {.flops = 3e6, .no_wait = true}, false}};

static void check_ways(struct bench *bench, const struct rv_params *params) {
    struct rv_picture expected =
        rv_test_dream(bench->context, bench->weights, &bench->input, params, "in one call");
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        rv_session *session = rv_ascents_start(bench, params);
        struct rv_progress progress;
        do {
            progress = rv_ascents_advance(session, &ways[i].how);
            if (ways[i].how.no_wait)
                usleep(200);
            if (ways[i].look) {
                struct rv_picture looked = rv_ascents_picture(session);
                rv_picture_free(&looked);
            }
        } while (!progress.finished);
        struct rv_picture result = rv_ascents_picture(session);
        cr_expect(rv_ascents_same(&result, &expected), "%s: other bytes than in one call",
                  ways[i].name);
        rv_picture_free(&result);
        rv_session_end(&session);
    }
    rv_picture_free(&expected);
}

Test(ascent_sessions, ways) {
    struct bench bench = rv_ascents_begin();
    struct rv_params params = rv_ascents_small;
    rv_ascents_fields[FIELDS - 1].set(&params);
    params.mask = &bench.mask;
    check_ways(&bench, &params);
    rv_ascents_end(&bench);
}

// Where cuts make a slice short, then whole steps, then short ones: what Adam and the schedule
// remember goes on.
Test(ascent_sessions, cut_anew) {
    struct bench bench = rv_ascents_begin();
    struct rv_params params = rv_ascents_small;
    rv_ascents_fields[FIELDS - 1].set(&params);
    params.iterations = 6;
    struct rv_picture expected =
        rv_test_dream(bench.context, bench.weights, &bench.input, &params, "in one call");
    rv_session *session = rv_ascents_start(&bench, &params);
    static const double cuts[] = {0, 3e6, 0, 1e5};
    for (uint32_t i = 0; !rv_session_finished(session); i++) {
        struct rv_advance_params how = {.flops = cuts[i / 2 % 4]};
        rv_ascents_advance(session, &how);
    }
    struct rv_picture result = rv_ascents_picture(session);
    cr_expect(rv_ascents_same(&result, &expected), "other bytes than in one call");
    rv_picture_free(&result);
    rv_picture_free(&expected);
    rv_session_end(&session);
    rv_ascents_end(&bench);
}

Test(ascent_sessions, ways_in_tiles) {
    struct bench bench = rv_ascents_begin();
    struct rv_limits limits = bench.context->device->limits;
    struct rv_params params = rv_ascents_small;
    rv_ascents_fields[FIELDS - 1].set(&params);
    params.octaves = 1;
    params.iterations = 2;
    params.mask = &bench.mask;
    rv_picture_free(&bench.input);
    bench.input = rv_test_noise(2, 330, 100);
    bench.context->device->limits.storage_range = bench.context->device->limits.texel_bytes =
        1200000;
    check_ways(&bench, &params);
    bench.context->device->limits = limits;
    rv_ascents_end(&bench);
}

// In tiles and bands it is the same dream to the eye.
Test(ascent_sessions, tiles) {
    struct bench bench = rv_ascents_begin();
    struct rv_limits limits = bench.context->device->limits;
    struct rv_params params = rv_ascents_small;
    rv_ascents_fields[FIELDS - 1].set(&params);
    params.octaves = 1;
    params.iterations = 2;
    params.jitter = 40;
    params.mask = &bench.mask;
    rv_picture_free(&bench.input);
    bench.input = rv_test_noise(2, 450, 420);
    struct rv_picture whole =
        rv_test_dream(bench.context, bench.weights, &bench.input, &params, "whole");
    bench.context->device->limits.storage_range = bench.context->device->limits.texel_bytes =
        2900000; // a picture: 3024000
    rv_session *session = rv_ascents_start(&bench, &params);
    struct rv_dream_stats stats;
    rv_session_stats(session, &stats);
    cr_expect(stats.tiles > 1, "%u tiles", stats.tiles);
    rv_session_end(&session);
    struct rv_picture tiled =
        rv_test_dream(bench.context, bench.weights, &bench.input, &params, "in tiles");
    double apart = rv_test_distance(&whole, &tiled);
    fprintf(stderr, "%u tiles, %.1e apart, after a way of %.1e\n", stats.tiles, apart,
            rv_test_distance(&whole, &bench.input));
    cr_expect(apart < 1e-3, "%.2e apart", apart);
    bench.context->device->limits = limits;
    rv_picture_free(&whole);
    rv_picture_free(&tiled);
    rv_ascents_end(&bench);
}

// What was said beforehand, without a device, is what it takes.
Test(ascent_sessions, estimate) {
    struct bench bench = rv_ascents_begin();
    for (int grow = 0; grow < 2; grow++) {
        struct rv_estimate estimate, plain;
        struct rv_dream_stats stats;
        struct rv_params params = rv_ascents_small;
        params.pyramid = grow ? RV_PYRAMID_GROW : RV_PYRAMID_DETAIL;
        params.iterations = 1;
        cr_assert_eq(rv_dream_estimate(WIDTH, HEIGHT, &params, &plain), RV_OK);
        rv_ascents_fields[FIELDS - 1].set(&params);
        params.mask = &bench.mask;
        cr_assert_eq(rv_dream_estimate(WIDTH, HEIGHT, &params, &estimate), RV_OK, "%s",
                     rv_error_text());
        rv_session *session = rv_ascents_start(&bench, &params);
        while (!rv_ascents_advance(session, NULL).finished) {
        }
        rv_session_stats(session, &stats);
        fprintf(stderr, "%llu bytes estimated, %llu taken; %llu of the plain dream\n",
                (unsigned long long)estimate.device_bytes, (unsigned long long)stats.device_bytes,
                (unsigned long long)plain.device_bytes);
        cr_expect(stats.device_bytes <= estimate.device_bytes &&
                  stats.device_bytes + estimate.weights_bytes >= estimate.device_bytes);
        cr_expect(estimate.device_bytes > plain.device_bytes);
        rv_session_end(&session);
    }
    rv_ascents_end(&bench);
}

// A parameter that takes memory makes new plans when the limit has no room beside the old ones, and
// keeps within it.
Test(ascent_sessions, limit) {
    struct bench bench = rv_ascents_begin();
    struct rv_params params = rv_ascents_small;
    struct rv_dream_stats stats;
    struct rv_estimate estimate;
    cr_assert_eq(rv_dream_estimate(WIDTH, HEIGHT, &params, &estimate), RV_OK);
    bench.context->device->memory_limit = estimate.device_bytes + 100000;
    rv_session *session = rv_ascents_start(&bench, &params);
    rv_ascents_advance(session, NULL);
    params.smooth = 1;
    params.optimizer = RV_OPTIMIZER_ADAM;
    enum rv_status status = rv_session_change(session, &params);
    rv_session_stats(session, &stats);
    fprintf(stderr, "status %d, %llu bytes of %llu\n", (int)status,
            (unsigned long long)stats.device_bytes,
            (unsigned long long)bench.context->device->memory_limit);
    cr_expect(status == RV_ERR_NO_MEMORY, "%s",
              rv_error_text()); // no tiles are that rv_ascents_small
    cr_expect(session->network.device);
    cr_expect(stats.device_bytes <= bench.context->device->memory_limit);
    while (!rv_ascents_advance(session, NULL).finished) {
    }
    rv_session_end(&session);
    bench.context->device->memory_limit = 0;
    rv_ascents_end(&bench);
}

// ------------------------------------------------------------------------------------------------
// What is recorded

// Dispatches after the network's last step.
static uint32_t closing(struct bench *bench, const struct rv_params *params) {
    rv_session *session = rv_ascents_start(bench, params);
    struct rv_advance_params layer = {.flops = 1};
    while (!session->work.begun) // an octave is prepared in several calls
        rv_ascents_advance(session, &layer);
    const struct rv_slices *slices = &session->work.slices;
    const struct rv_slice_recording *last = &slices->list[slices->count - 1];
    cr_assert_eq(last->end - last->first, 1);
    uint32_t dispatches = last->recorder.dispatches;
    rv_session_end(&session);
    return dispatches - 1;
}

// The plain step is statistics, their totals, and the step; nothing is paid for what is not asked
// for.
Test(ascent_sessions, dispatches) {
    struct bench bench = rv_ascents_begin();
    cr_expect_eq(closing(&bench, &rv_ascents_small), 3);
    for (size_t i = 0; i < FIELDS; i++) {
        struct rv_params params = rv_ascents_small;
        rv_ascents_fields[i].set(&params);
        uint32_t found = closing(&bench, &params), expected = rv_ascents_fields[i].dispatches;
        cr_expect_eq(found, expected, "%s: %u dispatches, not %u", rv_ascents_fields[i].name, found,
                     expected);
    }
    struct rv_params masked = rv_ascents_small;
    masked.mask = &bench.mask;
    cr_expect_eq(closing(&bench, &masked), 3);
    rv_ascents_end(&bench);
}
