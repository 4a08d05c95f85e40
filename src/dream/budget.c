#include "dream/budget.h"

#include "base/status.h"

struct rv_budget rv_budget_of(const struct rv_device *device) {
    struct rv_budget budget = {.bytes = device->memory_limit, .strict = device->memory_limit > 0};
    if (!budget.strict) {
        uint64_t free_bytes = device->info.memory_free_bytes;
        budget.bytes = free_bytes ? free_bytes / 10 * 9 : device->info.memory_bytes / 4 * 3;
    }
    return budget;
}

// Where the budget is a guide that the pictures alone use up, the arena still gets a share of it:
// drivers that are processors report a heap far below what they give.
static uint64_t left_of(const struct rv_budget *budget) {
    uint64_t left = budget->bytes > budget->fixed ? budget->bytes - budget->fixed : 0;
    uint64_t share = budget->strict ? 0 : budget->bytes / 4;
    return left > share ? left : share;
}

static enum rv_status fail(const struct rv_budget *budget, uint64_t least) {
    const double mebi = 1048576;
    return rv_fail(RV_ERR_NO_MEMORY,
                   "a memory limit of %llu bytes (%.0f MiB) is too low: this takes at least %llu "
                   "(%.0f MiB), even in the smallest tiles: raise it (--memory), or use a smaller "
                   "picture (--size)",
                   (unsigned long long)budget->bytes, (double)budget->bytes / mebi,
                   (unsigned long long)least, (double)least / mebi);
}

enum rv_status rv_budget_spend(const struct rv_budget *budget, const struct rv_device *device,
                               const struct rv_plan_request *request,
                               const struct rv_extent *pictures, uint32_t count,
                               struct rv_tiling *tilings) {
    struct rv_tiling_needs needs = {device, request, left_of(budget)};
    uint64_t most = 0; // the least that the most demanding of the pictures needs
    for (uint32_t i = 0; i < count; i++) {
        uint64_t least;
        enum rv_status status = rv_tiling_choose(&needs, pictures[i], &tilings[i], &least);
        if (status == RV_OK && !tilings[i].plan && !budget->strict) {
            needs.arena_bytes = least;
            status = rv_tiling_choose(&needs, pictures[i], &tilings[i], &least);
        }
        if (status != RV_OK)
            return status;
        if (!tilings[i].plan && least > most)
            most = least;
    }
    return most ? fail(budget, budget->fixed + most) : RV_OK;
}
