// Frames that are read ahead by a thread: none lost, or only the newest, always in order.
#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/status.h"
#include "capture/feed.h"

// A source whose frames hold their number.
struct counter {
    struct rv_video_source source;
    uint32_t count, end;   // frames given; after how many it ends
    enum rv_status status; // how
    unsigned microseconds; // a frame takes
};

static enum rv_status give(struct rv_video_source *source, uint8_t *rgba, double *captured,
                           bool *end) {
    struct counter *counter = (struct counter *)source;
    (void)captured;
    if (counter->microseconds)
        usleep(counter->microseconds);
    *end = counter->count == counter->end;
    if (*end)
        return counter->status == RV_OK ? RV_OK : rv_fail(counter->status, "the cable broke");
    memset(rgba, (int)(counter->count & 255), 16);
    counter->count++;
    return RV_OK;
}

static void forget(struct rv_video_source *source) {
    (void)source;
}

static const struct rv_source_kind kind = {give, forget};

static struct counter make(uint32_t end, unsigned microseconds) {
    return (struct counter){.source = {.kind = &kind,
                                       .info = {.width = 2, .height = 2},
                                       .native_width = 2,
                                       .native_height = 2},
                            .end = end,
                            .microseconds = microseconds};
}

// Takes all frames, `pause` microseconds each; returns how many.
static uint32_t take_all(rv_feed *feed, unsigned pause, enum rv_status wanted) {
    uint32_t count = 0;
    uint64_t last = 0;
    bool taken, ended = false;
    enum rv_status status = RV_OK;
    while (status == RV_OK && !ended) {
        struct rv_feed_frame frame;
        status = rv_feed_take(feed, 10, &frame, &taken, &ended);
        cr_assert(taken || ended);
        if (!taken)
            break;
        cr_assert(count == 0 || frame.index > last, "frame %lu after %lu",
                  (unsigned long)frame.index, (unsigned long)last);
        for (int i = 0; i < 16; i++) // also at the end of the pause: nobody writes over it
            cr_assert_eq(frame.rgba[i], (uint8_t)frame.index);
        if (pause)
            usleep(pause);
        for (int i = 0; i < 16; i++)
            cr_assert_eq(frame.rgba[i], (uint8_t)frame.index);
        cr_assert(frame.ready >= frame.captured && frame.captured <= rv_clock_seconds());
        last = frame.index;
        count++;
    }
    cr_expect_eq(status, wanted, "%s", rv_error_text());
    return count;
}

Test(feed, every_frame, .timeout = 60) {
    for (unsigned pause = 0; pause <= 500; pause += 500) {
        struct counter source = make(300, pause ? 0 : 100);
        rv_feed *feed;
        cr_assert_eq(rv_feed_begin(&source.source, RV_FEED_EVERY, NULL, &feed), RV_OK);
        cr_expect_eq(take_all(feed, pause, RV_OK), 300);
        struct rv_feed_counts counts = rv_feed_counts(feed);
        cr_expect(counts.come == 300 && counts.dropped == 0);
        rv_feed_end(&feed);
        cr_expect(!feed);
    }
}

Test(feed, the_newest, .timeout = 60) {
    struct counter source = make(200, 500);
    rv_feed *feed;
    cr_assert_eq(rv_feed_begin(&source.source, RV_FEED_NEWEST, NULL, &feed), RV_OK);
    uint32_t count = take_all(feed, 5000, RV_OK);
    struct rv_feed_counts counts = rv_feed_counts(feed);
    cr_expect(count < 150, "%u frames were taken", count);
    cr_expect_eq(counts.come, 200);
    cr_expect_eq(counts.dropped + count, 200, "%lu dropped, %u taken",
                 (unsigned long)counts.dropped, count);
    rv_feed_end(&feed);
}

Test(feed, a_failure_comes_after_the_last_frame, .timeout = 60) {
    struct counter source = make(3, 0);
    rv_feed *feed;
    source.status = RV_ERR_IO;
    cr_assert_eq(rv_feed_begin(&source.source, RV_FEED_EVERY, NULL, &feed), RV_OK);
    cr_expect_eq(take_all(feed, 2000, RV_ERR_IO), 3);
    cr_expect_str_eq(rv_error_text(), "the cable broke");
    rv_feed_end(&feed);
}

Test(feed, at_its_rate, .timeout = 60) {
    struct counter source = make(6, 0);
    rv_feed *feed;
    double begun = rv_clock_seconds();
    source.source.info.rate = 100;
    source.source.info.rate_base = 2; // 50 a second
    cr_assert_eq(rv_feed_begin(&source.source, RV_FEED_PACED, NULL, &feed), RV_OK);
    take_all(feed, 0, RV_OK);
    cr_expect(rv_clock_seconds() - begun >= 5 * 0.02, "six frames came too early");
    rv_feed_end(&feed);
}

Test(feed, ends_in_the_middle, .timeout = 60) {
    for (int mode = RV_FEED_EVERY; mode <= RV_FEED_NEWEST; mode++) {
        struct counter source = make(UINT32_MAX, 100);
        struct rv_feed_frame frame;
        rv_feed *feed;
        bool taken, ended;
        cr_assert_eq(rv_feed_begin(&source.source, (enum rv_feed_mode)mode, NULL, &feed), RV_OK);
        cr_assert_eq(rv_feed_take(feed, 10, &frame, &taken, &ended), RV_OK);
        cr_expect(taken && !ended);
        rv_feed_end(&feed);
    }
    rv_feed_end(NULL);
}

Test(feed, a_wait_has_an_end, .timeout = 60) {
    atomic_bool stop = false;
    struct counter source = make(10, 300000);
    struct rv_feed_frame frame;
    rv_feed *feed;
    bool taken, ended;
    cr_assert_eq(rv_feed_begin(&source.source, RV_FEED_EVERY, &stop, &feed), RV_OK);
    cr_assert_eq(rv_feed_take(feed, 0.02, &frame, &taken, &ended), RV_OK);
    cr_expect(!taken && !ended);
    atomic_store(&stop, true);
    rv_feed_end(&feed);
}
