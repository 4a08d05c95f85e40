// The random shift of a step.
#ifndef RV_DREAM_JITTER_H
#define RV_DREAM_JITTER_H

#include "net/weights.h"
#include "reverie/reverie.h"

// By how many of its `size` pixels the picture is rolled along an axis (0 = x): at most by
// params->jitter either way, as 0 <= jitter < size. A pure function of its arguments.
static inline int32_t rv_jitter(const struct rv_params *params, uint64_t octave, uint64_t iteration,
                                uint64_t axis, uint32_t size) {
    if (params->jitter <= 0)
        return 0;
    uint64_t hash = rv_hash(params->seed, octave << 32 | iteration << 1 | axis);
    int32_t shift = (int32_t)(hash % (2 * (uint64_t)params->jitter + 1)) - params->jitter;
    int32_t rest = shift % (int32_t)size;
    return rest < 0 ? rest + (int32_t)size : rest;
}

#endif
