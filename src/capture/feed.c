#include "capture/feed.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/status.h"

#define SLOTS 3  // being read, ready, taken
#define NAP 0.02 // seconds between looks at `stop`

struct rv_feed {
    struct rv_video_source *source;
    enum rv_feed_mode mode;
    const atomic_bool *stop;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock; // of all that follows
    pthread_cond_t changed;
    struct rv_feed_frame slots[SLOTS];
    int reading, ready, taken; // slots; ready and taken may be -1
    bool over, quit;           // no more comes; the taker has left
    struct rv_feed_counts counts;
    enum rv_status status; // how it ended
    char text[1024];       // with what words: they belong to threads
};

static bool stopped(const rv_feed *feed) {
    return feed->stop && atomic_load(feed->stop);
}

static void wait_until(double moment, const rv_feed *feed) {
    for (double left; (left = moment - rv_clock_seconds()) > 0 && !stopped(feed);) {
        double nap = left < NAP ? left : NAP;
        nanosleep(&(struct timespec){.tv_nsec = (long)(nap * 1e9)}, NULL);
    }
}

// Waits on the condition for a moment; with the lock held.
static void nap(rv_feed *feed, double seconds) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    long nanoseconds = until.tv_nsec + (long)(seconds * 1e9);
    until.tv_sec += nanoseconds / 1000000000;
    until.tv_nsec = nanoseconds % 1000000000;
    pthread_cond_timedwait(&feed->changed, &feed->lock, &until);
}

// Until the frame before was taken: so that the one to be read is one ahead, not two.
static void wait_for_taker(rv_feed *feed) {
    pthread_mutex_lock(&feed->lock);
    while (feed->ready >= 0 && !feed->quit && !stopped(feed))
        nap(feed, NAP);
    pthread_mutex_unlock(&feed->lock);
}

// Makes the frame that was read the one that is ready; false if nobody wants any more.
static bool hand_over(rv_feed *feed) {
    pthread_mutex_lock(&feed->lock);
    feed->counts.come++;
    feed->counts.damaged = feed->source->losses.damaged;
    int freed = feed->ready;
    if (freed >= 0 && feed->mode != RV_FEED_EVERY) // else it was stopped
        feed->counts.dropped++;
    feed->ready = feed->reading;
    for (int i = 0; freed < 0 && i < SLOTS; i++) {
        if (i != feed->ready && i != feed->taken)
            freed = i;
    }
    feed->reading = freed;
    bool goes_on = !feed->quit && !stopped(feed);
    pthread_cond_broadcast(&feed->changed);
    pthread_mutex_unlock(&feed->lock);
    return goes_on;
}

static enum rv_status read_all(rv_feed *feed) {
    const struct rv_source_info *info = &feed->source->info;
    const bool paced = feed->mode == RV_FEED_PACED && info->rate && info->rate_base;
    double begun = 0;
    for (uint64_t i = 0;; i++) {
        struct rv_feed_frame *frame = &feed->slots[feed->reading];
        bool end;
        if (feed->mode == RV_FEED_EVERY)
            wait_for_taker(feed);
        enum rv_status status = rv_source_read(feed->source, frame->rgba, &frame->captured, &end);
        if (status != RV_OK || end)
            return status;
        frame->index = i;
        frame->ready = rv_clock_seconds();
        if (paced) { // as if a camera had taken it at its time
            begun = i ? begun : frame->ready;
            double due = begun + (double)i * info->rate_base / info->rate;
            wait_until(due, feed);
            frame->captured = due;
            frame->ready = rv_clock_seconds();
        }
        if (!hand_over(feed))
            return RV_OK;
    }
}

static void *run(void *argument) {
    rv_feed *feed = argument;
    enum rv_status status = read_all(feed);
    pthread_mutex_lock(&feed->lock);
    feed->status = status;
    if (status != RV_OK)
        snprintf(feed->text, sizeof feed->text, "%s", rv_error_text());
    feed->counts.damaged = feed->source->losses.damaged;
    feed->over = true;
    pthread_cond_broadcast(&feed->changed);
    pthread_mutex_unlock(&feed->lock);
    return NULL;
}

enum rv_status rv_feed_begin(struct rv_video_source *source, enum rv_feed_mode mode,
                             const atomic_bool *stop, rv_feed **out) {
    rv_feed *feed = calloc(1, sizeof *feed);
    pthread_condattr_t monotonic;
    bool memory = feed != NULL;
    *out = NULL;
    for (int i = 0; memory && i < SLOTS; i++) {
        feed->slots[i].rgba = malloc((size_t)source->info.width * source->info.height * 4);
        memory = feed->slots[i].rgba != NULL;
    }
    if (!memory) {
        for (int i = 0; feed && i < SLOTS; i++)
            free(feed->slots[i].rgba);
        free(feed);
        return rv_fail(RV_ERR_NO_MEMORY, "no memory for frames of %u x %u pixels",
                       (unsigned)source->info.width, (unsigned)source->info.height);
    }
    feed->source = source;
    feed->mode = mode;
    feed->stop = stop;
    feed->ready = feed->taken = -1;
    pthread_mutex_init(&feed->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&feed->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    feed->started = pthread_create(&feed->thread, NULL, run, feed) == 0;
    if (!feed->started) {
        rv_feed_end(&feed);
        return rv_fail(RV_ERR_NO_MEMORY, "no thread to read frames with");
    }
    *out = feed;
    return RV_OK;
}

enum rv_status rv_feed_take(rv_feed *feed, double seconds, struct rv_feed_frame *frame, bool *taken,
                            bool *ended) {
    const double until = rv_clock_seconds() + seconds;
    enum rv_status status = RV_OK;
    pthread_mutex_lock(&feed->lock);
    for (double left; feed->ready < 0 && !feed->over && (left = until - rv_clock_seconds()) > 0;)
        nap(feed, left < 0.5 ? left : 0.5);
    *taken = feed->ready >= 0;
    if (*taken) {
        feed->taken = feed->ready;
        feed->ready = -1;
        *frame = feed->slots[feed->taken];
        pthread_cond_broadcast(&feed->changed);
    }
    *ended = !*taken && feed->over;
    if (*ended && feed->status != RV_OK)
        status = rv_fail(feed->status, "%s", feed->text);
    pthread_mutex_unlock(&feed->lock);
    return status;
}

struct rv_feed_counts rv_feed_counts(rv_feed *feed) {
    pthread_mutex_lock(&feed->lock);
    struct rv_feed_counts counts = feed->counts;
    pthread_mutex_unlock(&feed->lock);
    return counts;
}

void rv_feed_end(rv_feed **out) {
    rv_feed *feed = out ? *out : NULL;
    if (!feed)
        return;
    if (feed->started) {
        pthread_mutex_lock(&feed->lock);
        feed->quit = true;
        pthread_cond_broadcast(&feed->changed);
        pthread_mutex_unlock(&feed->lock);
        pthread_join(feed->thread, NULL);
    }
    pthread_cond_destroy(&feed->changed);
    pthread_mutex_destroy(&feed->lock);
    for (int i = 0; i < SLOTS; i++)
        free(feed->slots[i].rgba);
    free(feed);
    *out = NULL;
}
