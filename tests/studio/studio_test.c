// The studio on a device that is a fake: lost and found again, nothing left behind, a bounded
// history.
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "studio/requests.h"

#define FILE_TYPE "application/octet-stream"

static struct rv_studio studio;

static void begin(uint32_t side) {
    size_t size;
    uint8_t *png = requests_png(side, side, &size);
    studio = requests_begin();
    cr_assert_eq(
        requests_ask(&studio, "POST", "/api/photo?name=a.png&size=0", FILE_TYPE, png, size, NULL),
        200);
    free(png);
}

static void end(void) {
    requests_end(&studio);
    cr_expect_eq(fake_alive(), 0, "%d of the fake's are left", fake_alive());
}

// The first state in that phase, with at least so many steps; the caller finishes it.
static struct rv_dreamer_state wait_for_steps(enum rv_phase phase, uint32_t steps) {
    struct rv_dreamer_state state;
    uint64_t version = 0;
    for (int i = 0; i < 2000; i++) {
        rv_dreamer_state(studio.dreamer, version, 2, &state);
        if (state.phase == phase && state.history_count >= steps)
            return state;
        cr_assert(state.version > version, "phase %d does not come: it stays %d with %u steps",
                  phase, state.phase, state.history_count);
        version = state.version;
        rv_dreamer_state_finish(&state);
    }
    cr_assert_fail("phase %d does not come", phase);
    return state;
}

static struct rv_dreamer_state wait_for(enum rv_phase phase) {
    return wait_for_steps(phase, 0);
}

static void expect_finish(void) {
    struct rv_dreamer_state state = wait_for(RV_PHASE_FINISHED);
    cr_expect_str_empty(state.error);
    rv_dreamer_state_finish(&state);
}

// Whatever it is that notices, the dream waits, says why, and goes on where it was on another
// device.
Test(studio, lost_and_found) {
    static const enum fake_call calls[] = {FAKE_ADVANCE, FAKE_PICTURE, FAKE_KEEP};
    begin(80);
    expect_finish();
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        int opened = fake_opened();
        fake_fail(calls[i], 3, RV_ERR_DEVICE_LOST);
        requests_post(&studio, "/api/control", "{\"do\":\"restart\"}");
        struct rv_dreamer_state lost = wait_for(RV_PHASE_PAUSED);
        cr_expect(strstr(lost.error, "gave the device up") != NULL, "call %zu: it says \"%s\"", i,
                  lost.error);
        cr_expect(lost.snapshot != 0, "what was dreamed is forgotten");
        uint64_t dream = lost.dream;
        rv_dreamer_state_finish(&lost);
        requests_post(&studio, "/api/control", "{\"do\":\"go\"}");
        struct rv_dreamer_state state = wait_for(RV_PHASE_FINISHED);
        cr_expect_eq(state.dream, dream, "it began again");
        cr_expect_str_empty(state.error);
        cr_expect_eq(state.history_count, 8, "%u steps", state.history_count);
        rv_dreamer_state_finish(&state);
        cr_expect_eq(fake_opened(), opened + 1);
    }
    end();
}

// At the beginning there is nothing to go on from: it begins again when that is asked for.
Test(studio, lost_at_the_beginning) {
    fake_fail(FAKE_BEGIN, 1, RV_ERR_DEVICE_LOST);
    begin(80);
    struct rv_dreamer_state state = wait_for(RV_PHASE_FAILED);
    cr_expect_str_not_empty(state.error);
    rv_dreamer_state_finish(&state);
    requests_post(&studio, "/api/control", "{\"do\":\"restart\"}");
    expect_finish();
    end();
}

// A change that the device has no memory for leaves the dream as it was.
Test(studio, refused_change) {
    begin(80);
    expect_finish();
    requests_post(&studio, "/api/control", "{\"do\":\"restart\"}");
    requests_post(&studio, "/api/control", "{\"do\":\"pause\"}");
    struct rv_dreamer_state state = wait_for(RV_PHASE_PAUSED);
    rv_dreamer_state_finish(&state);
    requests_post(&studio, "/api/control", "{\"do\":\"step\"}");
    state = wait_for_steps(RV_PHASE_PAUSED, 1);
    rv_dreamer_state_finish(&state);
    fake_fail(FAKE_CHANGE, 1, RV_ERR_NO_MEMORY);
    requests_post(&studio, "/api/change", "{\"parameters\":{\"step\":0.5}}");
    for (int i = 0; i < 100; i++) {
        rv_dreamer_state(studio.dreamer, state.version, 1, &state);
        rv_dreamer_state_finish(&state);
        if (state.error[0])
            break;
    }
    cr_expect(strstr(state.error, "fail") != NULL, "it says \"%s\"", state.error);
    requests_post(&studio, "/api/control", "{\"do\":\"go\"}");
    state = wait_for(RV_PHASE_FINISHED);
    cr_expect(state.resolved.step < 0.4f, "the step became %g", (double)state.resolved.step);
    rv_dreamer_state_finish(&state);
    end();
}

// Frames go on after a loss, and the dream of the photograph, too.
Test(studio, lost_while_live) {
    size_t size;
    uint8_t *png = requests_png(90, 80, &size);
    begin(80);
    fake_fail(FAKE_LIVE, 2, RV_ERR_DEVICE_LOST);
    static const unsigned expected[] = {200, 400, 200};
    for (size_t i = 0; i < 3; i++)
        cr_expect_eq(
            requests_ask(&studio, "POST", "/api/frame?client=7", FILE_TYPE, png, size, NULL),
            expected[i], "frame %zu", i);
    cr_expect_eq(requests_ask(&studio, "POST", "/api/frame?client=8", FILE_TYPE, png, size, NULL),
                 409);
    requests_post(&studio, "/api/live", "{\"end\":7}");
    expect_finish();
    free(png);
    end();
}

// However long it dreams, so many are remembered: the first, the last few, and between them the
// sparser the older.
Test(studio, history) {
    begin(80);
    requests_post(&studio, "/api/change", "{\"parameters\":{\"iterations\":300,\"octaves\":1}}");
    struct rv_dreamer_state state = wait_for_steps(RV_PHASE_FINISHED, 20);
    cr_assert_eq(state.history_count, RV_HISTORY_MAX);
    const struct rv_history_info *items = state.history;
    uint64_t last = items[RV_HISTORY_MAX - 1].id, widest_old = 0, widest_new = 0;
    cr_expect_eq(items[0].iteration, 1, "the first is step %u", items[0].iteration);
    cr_expect_eq(items[RV_HISTORY_MAX - 4].id, last - 3, "the last few are not all there");
    for (uint32_t i = 1; i < RV_HISTORY_MAX; i++) {
        uint64_t gap = items[i].id - items[i - 1].id;
        uint64_t *widest = i < RV_HISTORY_MAX / 2 ? &widest_old : &widest_new;
        *widest = gap > *widest ? gap : *widest;
    }
    cr_expect(widest_old > widest_new && widest_old < 30, "gaps of %d and %d", (int)widest_old,
              (int)widest_new);
    rv_dreamer_state_finish(&state);
    end();
}

// A thousand requests that change what is held, and nothing is left.
Test(studio, thousand) {
    size_t size;
    uint8_t *png = requests_png(80, 76, &size);
    begin(76);
    for (int i = 0; i < 250; i++) {
        requests_ask(&studio, "POST", "/api/slot?name=mask", FILE_TYPE, png, size, NULL);
        requests_post(&studio, "/api/control", i % 2 ? "{\"do\":\"step\"}" : "{\"do\":\"go\"}");
        requests_post(&studio, "/api/keep", "{\"id\":0}");
        requests_post(&studio, "/api/change", "{\"parameters\":{\"mask\":\"\"}}");
    }
    free(png);
    end();
}
