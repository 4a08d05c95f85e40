// A source that is read by a thread of its own, one frame ahead.
#ifndef RV_CAPTURE_FEED_H
#define RV_CAPTURE_FEED_H

#include "capture/source.h"

// What becomes of a frame that nobody has taken when the next one is there.
enum rv_feed_mode {
    RV_FEED_EVERY,  // the next one waits: none is lost
    RV_FEED_NEWEST, // it is dropped: only the newest is of interest
    RV_FEED_PACED   // the same, and frames come at the source's rate, not as fast as they can
};

typedef struct rv_feed rv_feed;

// A frame in the hands of whoever takes it.
struct rv_feed_frame {
    uint8_t *rgba;   // [height, width, 4] of the source; valid until the next rv_feed_take. May be
                     // written to
    double captured; // rv_clock_seconds
    double ready;    // when it was converted
    uint64_t index;  // of the source's frames, from 0: dropped ones count
};

// Starts the thread. The source is retained and, until rv_feed_end, the feed's alone; `stop` as in
// rv_source_request. PACED needs a rate; without one it is as NEWEST.
enum rv_status rv_feed_begin(struct rv_video_source *source, enum rv_feed_mode mode,
                             const atomic_bool *stop, rv_feed **feed);

// Takes the newest frame that has not been taken, waiting up to so many seconds. *taken is false if
// none came. *ended is true when no more will come. A failure of the source is returned once all
// frames before it were taken.
enum rv_status rv_feed_take(rv_feed *feed, double seconds, struct rv_feed_frame *frame, bool *taken,
                            bool *ended);

// Frames so far: come from the source, dropped before anybody took them, damaged.
struct rv_feed_counts {
    uint64_t come, dropped, damaged;
};
struct rv_feed_counts rv_feed_counts(rv_feed *feed);

// Waits for the thread, which ends soon after `stop`, or when it has no frame under way.
void rv_feed_end(rv_feed **feed);

#endif
