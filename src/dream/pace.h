// How a live dream holds its rate: by the steps of a frame, then by the octaves that take turns,
// then by the size of the picture. Nothing here touches a device or a clock.
//
// A frame takes what the rest takes, and its steps. Each octave has its own number of steps, since
// a step at half the size takes a quarter of the time.
#ifndef RV_DREAM_PACE_H
#define RV_DREAM_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "dream/pyramid.h"

// What is wanted, and what there is at the present size.
struct rv_pace_goal {
    double seconds;               // that a frame may take
    uint32_t most_steps;          // of a frame, >= 1
    uint32_t octaves;             // of the picture, >= 1
    double pixels[RV_OCTAVE_MAX]; // of each, from the smallest up
    bool can_shrink;              // there is a smaller size, whose smallest octave is smaller too
    double growth; // pixels of the next larger size, over those of this one; 0 = it is the largest
};

enum rv_pace_change { RV_PACE_STAY, RV_PACE_SHRINK, RV_PACE_GROW };

struct rv_pace {
    uint32_t octaves;              // that take turns, the smallest ones
    uint32_t steps[RV_OCTAVE_MAX]; // of the next frame at each
    double step[RV_OCTAVE_MAX];    // seconds that one takes, smoothed; 0 = not known
    double rest;              // seconds that the rest of a frame takes, smoothed; 0 = not known
    bool warm[RV_OCTAVE_MAX]; // it had a frame, which also warmed the driver up
    uint32_t late, early;     // turns of the largest octave in a row that say so
    uint32_t patience;        // of those, before anything grows; doubles when that was wrong
    bool grown;               // the last change was to grow
};

// At the start: every octave, a step each.
void rv_pace_begin(struct rv_pace *pace, const struct rv_pace_goal *goal);
// Takes note of a frame: `steps` > 0 at an octave (from 0) took `step_seconds` in all, the rest of
// the frame `rest_seconds`; the first frame at an octave does not count. Decides about the frames
// to come. After RV_PACE_SHRINK or RV_PACE_GROW, unless it cannot be done, rv_pace_resized is to
// follow.
enum rv_pace_change rv_pace_note(struct rv_pace *pace, const struct rv_pace_goal *goal,
                                 uint32_t octave, uint32_t steps, double step_seconds,
                                 double rest_seconds);
// The picture has another size: what was measured counts no longer.
void rv_pace_resized(struct rv_pace *pace, const struct rv_pace_goal *goal);

#endif
