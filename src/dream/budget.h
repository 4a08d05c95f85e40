// How much device memory a dream or a probe may take, and what of it is left for the arena.
#ifndef RV_DREAM_BUDGET_H
#define RV_DREAM_BUDGET_H

#include "dream/tiling.h"

struct rv_budget {
    uint64_t bytes; // the limit
    uint64_t fixed; // what is needed whatever the tiling: pictures, weights, control, staging
    bool strict;    // asked for, so never exceeded; else the device's word, a guide
};

// rv_context_params::memory_bytes or, if that is 0, most of what the driver says is free, or most
// of the heap. `fixed` is 0 still.
struct rv_budget rv_budget_of(const struct rv_device *device);

// Chooses the tilings of some pictures, all by the same request, whose largest arena keeps the
// whole within the budget. RV_ERR_NO_MEMORY names the least that would do. The tilings are finished
// by the caller, also on failure.
enum rv_status rv_budget_spend(const struct rv_budget *budget, const struct rv_device *device,
                               const struct rv_plan_request *request,
                               const struct rv_extent *pictures, uint32_t count,
                               struct rv_tiling *tilings);

#endif
