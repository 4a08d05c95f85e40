#include "dream/pace.h"

#include <math.h>
#include <stdbool.h>

#define SMOOTH 0.4 // share of the newest measurement
#define LATE 1.05  // of the time there is: a frame that takes more is late
#define ROOM 0.92  // what takes less, with a step more, may have it
#define GROW 0.8   // what would take less, with a larger octave or size, may have that
#define TURNS_LATE 3
#define TURNS_EARLY 8
#define TURNS_MOST 1024

void rv_pace_begin(struct rv_pace *pace, const struct rv_pace_goal *goal) {
    *pace = (struct rv_pace){.octaves = goal->octaves, .patience = TURNS_EARLY};
    for (uint32_t i = 0; i < RV_OCTAVE_MAX; i++)
        pace->steps[i] = 1;
}

void rv_pace_resized(struct rv_pace *pace, const struct rv_pace_goal *goal) {
    uint32_t octaves = pace->octaves < goal->octaves ? pace->octaves : goal->octaves;
    struct rv_pace before = *pace;
    rv_pace_begin(pace, goal);
    pace->octaves = octaves;
    pace->patience = before.patience;
    pace->grown = before.grown;
}

static double smoothed(double old, double measured) {
    return old > 0 ? old + SMOOTH * (measured - old) : measured;
}

// As many steps as there is time for; never one more that would not stay.
static void fit_steps(struct rv_pace *pace, const struct rv_pace_goal *goal, uint32_t octave) {
    double step = pace->step[octave], left = goal->seconds - pace->rest;
    uint32_t *steps = &pace->steps[octave];
    if (*steps > 1 && *steps * step > left + (LATE - 1) * goal->seconds) {
        double most = floor(left / step);
        *steps = most < *steps - 1 ? (most > 1 ? (uint32_t)most : 1) : *steps - 1;
    } else if (*steps < goal->most_steps && (*steps + 1) * step < ROOM * goal->seconds - pace->rest)
        *steps += 1;
    if (*steps > goal->most_steps)
        *steps = goal->most_steps;
}

static void forget(struct rv_pace *pace, bool grown) {
    if (pace->grown && !grown && pace->patience < TURNS_MOST)
        pace->patience *= 2; // it grew, and had to give way again
    pace->late = pace->early = 0;
    pace->grown = grown;
}

static enum rv_pace_change give_way(struct rv_pace *pace, const struct rv_pace_goal *goal) {
    if (pace->octaves == 1 && !goal->can_shrink)
        return RV_PACE_STAY;
    forget(pace, false);
    if (pace->octaves == 1)
        return RV_PACE_SHRINK;
    pace->octaves--;
    return RV_PACE_STAY;
}

// Whether a step at the largest octave of the next size would leave some time, or else one at an
// octave more.
static bool may_grow(const struct rv_pace *pace, const struct rv_pace_goal *goal) {
    double rest = pace->rest, step = pace->step[pace->octaves - 1];
    return goal->growth > 0 && goal->growth * (rest + step) < GROW * goal->seconds;
}

static bool may_have_octave(const struct rv_pace *pace, const struct rv_pace_goal *goal) {
    uint32_t largest = pace->octaves - 1;
    return pace->octaves < goal->octaves &&
           pace->rest + pace->step[largest] * goal->pixels[largest + 1] / goal->pixels[largest] <
               GROW * goal->seconds;
}

static enum rv_pace_change come_back(struct rv_pace *pace, const struct rv_pace_goal *goal) {
    bool size = may_grow(pace, goal);
    forget(pace, true);
    if (size)
        return RV_PACE_GROW;
    pace->steps[pace->octaves++] = 1;
    return RV_PACE_STAY;
}

enum rv_pace_change rv_pace_note(struct rv_pace *pace, const struct rv_pace_goal *goal,
                                 uint32_t octave, uint32_t steps, double step_seconds,
                                 double rest_seconds) {
    if (!pace->warm[octave]) {
        pace->warm[octave] = true;
        return RV_PACE_STAY;
    }
    pace->step[octave] = smoothed(pace->step[octave], step_seconds / steps);
    pace->rest = smoothed(pace->rest, rest_seconds);
    fit_steps(pace, goal, octave);
    if (octave + 1 != pace->octaves)
        return RV_PACE_STAY;
    double least = pace->rest + pace->step[octave];
    pace->late = least > LATE * goal->seconds ? pace->late + 1 : 0;
    pace->early = may_grow(pace, goal) || may_have_octave(pace, goal) ? pace->early + 1 : 0;
    if (pace->late >= TURNS_LATE || (pace->late > 0 && least > 2 * goal->seconds))
        return give_way(pace, goal);
    if (pace->early >= pace->patience)
        return come_back(pace, goal);
    return RV_PACE_STAY;
}
