// The optical flow of live dreaming, and what is carried along it, in plain C and double precision:
// what the kernels are tested against. Written to be read, not to be fast.
//
// Grey pictures are [height][width], flow is [height][width][2] (x, y), in pixels.
#ifndef RV_TESTS_FLOW_REFERENCE_H
#define RV_TESTS_FLOW_REFERENCE_H

#include <stdbool.h>
#include <stdint.h>

// Luminance of a picture [height][width][3] in [-1, 1].
void rv_ref_luminance(uint32_t height, uint32_t width, const double *picture, double *grey);
// Half the size, rounded up: 1 3 3 1 on both axes, edges repeated.
void rv_ref_halve(uint32_t height, uint32_t width, const double *grey, double *half);

// One iteration of Lucas and Kanade on one level, in place: `from` looks at `to`, flow is that of
// from's pixels.
void rv_ref_flow_iteration(uint32_t height, uint32_t width, const double *from, const double *to,
                           double *flow);
// The flow of a level to begin with, out of that of the level above.
void rv_ref_flow_enlarge(uint32_t height, uint32_t width, const double *above, double *flow);
// All levels whose longer side is more than 14, and one more, down to `level` (0 = the pictures'
// own size), three iterations there, six at those above. The flow is owned by the caller.
double *rv_ref_flow(uint32_t height, uint32_t width, const double *from, const double *to,
                    int32_t level);

// Whether `back` (of this frame's pixels) and `forth` (of the ones before) explain each pixel of
// `now`; both NULL: whether the luminance does. Distances to where it would be decided otherwise
// are in `margin`.
void rv_ref_check(uint32_t height, uint32_t width, const double *back, const double *forth,
                  const double *before, const double *now, bool *explained, double *margin);

// What is carried along: delta and carried are [height][width][3]; back and explained are of
// [flow_height][flow_width], a pixel for ratio of the picture's.
struct rv_ref_carry {
    uint32_t height, width, flow_height, flow_width, ratio;
    double decay, decay_moving;
};
void rv_ref_carry(const struct rv_ref_carry *how, const double *delta, const double *back,
                  const bool *explained, double *carried);

// The delta after the steps: frame and carried are [height][width][3], begun and dreamed
// [octave_height][octave_width][3].
void rv_ref_settle(uint32_t height, uint32_t width, uint32_t octave_height, uint32_t octave_width,
                   const double *frame, const double *carried, const double *begun,
                   const double *dreamed, double *delta);

#endif
