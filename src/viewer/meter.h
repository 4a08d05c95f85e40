// Figures of a live run: rates, latencies, drops, where the time goes.
#ifndef RV_VIEWER_METER_H
#define RV_VIEWER_METER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "reverie/live.h"

// The stages of a frame, in their order.
enum rv_stage {
    RV_STAGE_CONVERT, // from the moment it was captured until it is RGBA
    RV_STAGE_WAIT,    // until it is taken
    RV_STAGE_UPLOAD,  // to the device; these four are the library's
    RV_STAGE_FLOW,
    RV_STAGE_STEPS,
    RV_STAGE_RETURN, // of the dream, or into the window's picture
    RV_STAGE_SHOW,   // written, or handed to the screen
    RV_STAGE_COUNT
};

// A frame that was shown. Times in seconds.
struct rv_sample {
    double captured, ready, taken, dreamed, shown; // moments
    struct rv_live_stats stats;
};

// Valid as {0}.
struct rv_meter {
    uint64_t frames;                // shown
    double first_shown, last_shown; // moments, from the second frame on: the first one compiles
    float *latency;                 // [count], milliseconds
    float *stages[RV_STAGE_COUNT];  // [count]
    size_t count, capacity;
    uint64_t steps, cuts, stuck;
    uint32_t least_steps, most_steps;
    uint32_t width, height, octaves;    // of the picture that is dreamed on, last
    double recent_rate, recent_latency; // of the last second or so, for people
    double recent_since;
    uint32_t recent_frames;
};

// Counts a frame. When memory is short, the figures are those of the frames before.
void rv_meter_add(struct rv_meter *meter, const struct rv_sample *sample);
void rv_meter_free(struct rv_meter *meter);

// The value below which that share, 0..1, of the values lies: the nearest rank. NaN of none. Sorts
// the values.
double rv_percentile(float *values, size_t count, double share);

// Frames a second over all that were shown; 0 if fewer than two were.
double rv_meter_rate(const struct rv_meter *meter);

struct rv_feed_counts;
// A table for people.
void rv_meter_print(struct rv_meter *meter, const struct rv_feed_counts *counts, FILE *stream);
// The same as JSON; NULL if memory is short. The caller owns it.
json_t *rv_meter_json(struct rv_meter *meter, const struct rv_feed_counts *counts);

// One line about the last second: "12.1 frames/s  latency 85 ms  2 steps  640 x 360  3 dropped".
void rv_meter_line(const struct rv_meter *meter, const struct rv_feed_counts *counts, char *line,
                   size_t capacity);

#endif
