// How a live dream holds its rate, on devices that are nothing but a formula: it arrives, stays
// where it arrived, and never goes below one step and the smallest size.
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

#include "dream/pace.h"
#include "support/reference.h"

#define NOTCHES 5
#define OCTAVES 4

// What takes how long: a fixed part, a part by the picture's pixels, and of a step the same.
struct model {
    double rest, rest_pixel, step, step_pixel;
    double noise; // share, either way
};

struct simulation {
    struct rv_pace pace;
    struct model model;
    double target;
    uint32_t most_steps, notch, turn, frame;
    uint32_t steps, octave; // of the last frame
    double seconds;         // it took
    uint32_t changes;       // of size or octaves
};

static double picture_pixels(uint32_t notch) {
    return 640.0 * 360 * pow(0.64, notch);
}

static struct rv_pace_goal goal_of(const struct simulation *s) {
    struct rv_pace_goal goal = {.seconds = s->target,
                                .most_steps = s->most_steps,
                                .octaves = OCTAVES,
                                .can_shrink = s->notch + 1 < NOTCHES,
                                .growth = s->notch > 0 ? 1 / 0.64 : 0};
    for (uint32_t i = 0; i < OCTAVES; i++)
        goal.pixels[i] = picture_pixels(s->notch) * pow(0.51, OCTAVES - 1 - i);
    return goal;
}

static double shaken(const struct simulation *s, double seconds, uint64_t seed) {
    return seconds * (1 + s->model.noise * (2 * (double)rv_ref_uniform(seed, s->frame) - 1));
}

static void run_frame(struct simulation *s) {
    struct rv_pace_goal goal = goal_of(s);
    s->octave = s->turn++ % s->pace.octaves;
    s->steps = s->pace.steps[s->octave];
    cr_assert(s->steps >= 1 && s->steps <= s->most_steps, "frame %u: %u steps", s->frame, s->steps);
    cr_assert(s->pace.octaves >= 1 && s->pace.octaves <= OCTAVES);
    double rest = s->model.rest + s->model.rest_pixel * picture_pixels(s->notch);
    double steps = s->steps * (s->model.step + s->model.step_pixel * goal.pixels[s->octave]);
    uint32_t octaves = s->pace.octaves;
    rest = shaken(s, rest, 1);
    steps = shaken(s, steps, 2);
    s->seconds = rest + steps;
    enum rv_pace_change change = rv_pace_note(&s->pace, &goal, s->octave, s->steps, steps, rest);
    s->frame++;
    s->changes += change != RV_PACE_STAY || s->pace.octaves != octaves;
    if (change == RV_PACE_STAY)
        return;
    cr_assert(change == RV_PACE_GROW ? s->notch > 0 : s->notch + 1 < NOTCHES,
              "frame %u: a size that does not exist", s->frame);
    s->notch += change == RV_PACE_GROW ? -1 : 1;
    goal = goal_of(s);
    rv_pace_resized(&s->pace, &goal);
}

static struct simulation begin(const struct model *model, double target, uint32_t most_steps) {
    struct simulation s = {.model = *model, .target = target, .most_steps = most_steps};
    struct rv_pace_goal goal = goal_of(&s);
    rv_pace_begin(&s.pace, &goal);
    return s;
}

static const struct pace_case {
    const char *name;
    struct model model;
    double target;
    uint32_t most_steps;
    bool reachable;                    // at all
    uint32_t notch, octaves;           // where it should arrive; UINT32_MAX = anywhere
    uint32_t least, most_steps_at_top; // steps at the largest octave there
} cases[] = {
    {"ample", {1e-3, 0, 1e-4, 0, 0}, 1 / 30.0, 8, true, 0, 4, 8, 8},
    {"some steps", {2e-3, 0, 1e-3, 2e-8, 0}, 1 / 30.0, 8, true, 0, 4, 5, 5},
    {"one step", {2e-3, 0, 0, 1.1e-7, 0}, 1 / 30.0, 8, true, 0, 4, 1, 1},
    {"fewer octaves", {2e-3, 0, 0, 2e-7, 0}, 1 / 30.0, 8, true, 0, 3, 1, 1},
    {"a smaller size", {2e-3, 0, 0, 1.5e-6, 0}, 1 / 30.0, 8, true, UINT32_MAX, UINT32_MAX, 1, 8},
    {"flow too slow", {1e-3, 2e-7, 0, 1e-8, 0}, 1 / 30.0, 8, true, UINT32_MAX, UINT32_MAX, 1, 8},
    {"out of reach", {1e-3, 1e-6, 0, 1e-3, 0}, 1 / 30.0, 8, false, NOTCHES - 1, 1, 1, 1},
    {"latency alone", {1e-3, 0, 9e-3, 0, 0}, 1 / 60.0, 8, true, 0, 4, 1, 1},
    {"noisy", {2e-3, 0, 1e-3, 2e-8, 0.1}, 1 / 30.0, 8, true, 0, 4, 4, 5},
    {"noisy and small",
     {2e-3, 1e-8, 0, 9e-7, 0.1},
     1 / 30.0,
     8,
     true,
     UINT32_MAX,
     UINT32_MAX,
     1,
     8},
};

static void check_case(const struct pace_case *c) {
    struct simulation s = begin(&c->model, c->target, c->most_steps);
    uint32_t least[OCTAVES], most[OCTAVES] = {0}, settled = 0, changes, late = 0;
    for (uint32_t i = 0; i < OCTAVES; i++)
        least[i] = UINT32_MAX;
    while (s.frame < 400) {
        changes = s.changes;
        run_frame(&s);
        if (s.changes > changes)
            settled = s.frame;
    }
    changes = s.changes;
    while (s.frame < 4000) {
        run_frame(&s);
        least[s.octave] = s.steps < least[s.octave] ? s.steps : least[s.octave];
        most[s.octave] = s.steps > most[s.octave] ? s.steps : most[s.octave];
        late += s.seconds > 1.1 * (1 + c->model.noise) * c->target;
    }
    fprintf(stderr,
            "%s: at %u notches down, %u octaves, %u..%u steps at the largest, %u changes, "
            "the last at frame %u, then %u\n",
            c->name, s.notch, s.pace.octaves, least[s.pace.octaves - 1], most[s.pace.octaves - 1],
            changes, settled, s.changes - changes);
    // Growing is tried again ever more rarely, where a prediction is wrong.
    cr_expect(s.changes - changes <= 8, "%s: it does not stay", c->name);
    cr_expect(!c->reachable || late <= 40, "%s: late %u times of 3600", c->name, late);
    cr_expect(c->notch == UINT32_MAX || s.notch == c->notch, "%s: size %u", c->name, s.notch);
    cr_expect(c->octaves == UINT32_MAX || s.pace.octaves == c->octaves, "%s: %u octaves", c->name,
              s.pace.octaves);
    if (s.changes == changes) {
        uint32_t top = s.pace.octaves - 1;
        cr_expect(least[top] >= c->least && most[top] <= c->most_steps_at_top, "%s: %u..%u steps",
                  c->name, least[top], most[top]);
        for (uint32_t i = 0; i <= top; i++)
            cr_expect(most[i] - least[i] <= 1, "%s: octave %u oscillates, %u..%u steps", c->name, i,
                      least[i], most[i]);
    }
}

Test(pace, arrives_and_stays) {
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_case(&cases[i]);
}

// Steps give way first, then octaves, then the size; they come back the other way round.
Test(pace, order) {
    struct model model = {2e-3, 0, 0, 2e-8, 0};
    struct simulation s = begin(&model, 1 / 30.0, 8);
    while (s.frame < 200)
        run_frame(&s);
    uint32_t steps = s.pace.steps[OCTAVES - 1];
    cr_assert(steps > 2 && s.pace.octaves == OCTAVES && s.notch == 0);
    s.model.step_pixel = 6e-8; // something else needs the device
    for (uint32_t i = 0; i < 200; i++)
        run_frame(&s);
    cr_expect(s.pace.steps[OCTAVES - 1] < steps && s.pace.octaves == OCTAVES && s.notch == 0);
    s.model.step_pixel = 4e-7;
    for (uint32_t i = 0; i < 200; i++)
        run_frame(&s);
    cr_expect(s.pace.octaves < OCTAVES && s.notch == 0);
    s.model.step_pixel = 3e-6;
    for (uint32_t i = 0; i < 400; i++)
        run_frame(&s);
    cr_expect(s.pace.octaves == 1 && s.notch > 0);
    s.model.step_pixel = 2e-8; // it is free again
    for (uint32_t i = 0; i < 2000; i++)
        run_frame(&s);
    cr_expect(s.pace.octaves == OCTAVES && s.notch == 0, "%u octaves, %u notches", s.pace.octaves,
              s.notch);
    cr_expect(s.pace.steps[OCTAVES - 1] == steps);
}

// The first frames of a slow device are not many.
Test(pace, gives_way_at_once) {
    struct model model = {1e-3, 0, 0, 4e-6, 0};
    struct simulation s = begin(&model, 1 / 30.0, 8);
    while (s.frame < 60 && s.seconds < 2 / 30.0 * 1.05)
        run_frame(&s);
    uint32_t frames = 0;
    for (double late = 1; frames < 60 && late > 0; frames++) {
        run_frame(&s);
        late = s.seconds > 2 / 30.0;
    }
    cr_expect(frames < 60, "after %u frames still more than twice as long as wanted", s.frame);
}
