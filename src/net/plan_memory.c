// When every step runs, and where every tensor lies.

#include "net/plan_internal.h"

static bool conflict(const struct rv_step *a, const struct rv_step *b) {
    for (uint32_t i = 0; i < a->access_count; i++)
        for (uint32_t j = 0; j < b->access_count; j++) {
            const struct rv_plan_access *x = &a->access[i], *y = &b->access[j];
            if (x->tensor == y->tensor && (x->writes || y->writes) &&
                x->channel < y->channel + y->channels && y->channel < x->channel + x->channels)
                return true;
        }
    return false;
}

// As early as the steps before allow; but the first gradients wait for the forward pass, or they
// would occupy memory through all of it.
static void assign_levels(struct rv_plan *plan) {
    uint32_t forward = 0;
    for (uint32_t i = 0; i < plan->step_count; i++) {
        struct rv_step *step = &plan->steps[i];
        bool seed = step->op == RV_OP_SEED || step->op == RV_OP_GRAM_GRADIENT;
        step->level = seed ? forward : 0;
        for (uint32_t j = 0; j < i; j++)
            if (plan->steps[j].level >= step->level && conflict(step, &plan->steps[j]))
                step->level = plan->steps[j].level + 1;
        bool loss = step->op == RV_OP_LOSS_PARTIAL || step->op == RV_OP_LOSS_SUM;
        if (!loss && step->level + 1 > forward && !seed)
            forward = step->level + 1;
        if (step->level + 1 > plan->level_count)
            plan->level_count = step->level + 1;
    }
}

// Stable, by level: lifetimes are counted in levels, so that no other order would do. Nearly sorted
// already.
static void sort_steps(struct rv_plan *plan) {
    for (uint32_t i = 1; i < plan->step_count; i++) {
        struct rv_step step = plan->steps[i];
        uint32_t at = i;
        for (; at > 0 && plan->steps[at - 1].level > step.level; at--)
            plan->steps[at] = plan->steps[at - 1];
        plan->steps[at] = step;
    }
}

static void find_lifetimes(struct rv_plan *plan, bool keep_all) {
    for (uint32_t t = 0; t < plan->tensor_count; t++) {
        plan->tensors[t].first_level = UINT32_MAX;
        plan->tensors[t].last_level = 0;
    }
    for (uint32_t i = 0; i < plan->step_count; i++)
        for (uint32_t j = 0; j < plan->steps[i].access_count; j++) {
            struct rv_plan_tensor *tensor = &plan->tensors[plan->steps[i].access[j].tensor];
            uint32_t level = plan->steps[i].level;
            if (level < tensor->first_level)
                tensor->first_level = level;
            if (level > tensor->last_level)
                tensor->last_level = level;
        }
    for (uint32_t t = 0; t < plan->tensor_count; t++)
        if (plan->tensors[t].kept || keep_all)
            plan->tensors[t].last_level = plan->level_count - 1;
}

static bool lives(const struct rv_plan_tensor *tensor) {
    return tensor->space == RV_SPACE_ARENA && tensor->first_level != UINT32_MAX;
}

// The largest tensors first, each at the lowest offset free during its whole life.
static void place(struct rv_plan *plan, bool no_alias) {
    uint32_t order[RV_PLAN_TENSOR_MAX], count = 0;
    for (uint32_t t = 0; t < plan->tensor_count; t++) {
        uint32_t at = count;
        if (!lives(&plan->tensors[t]))
            continue;
        for (; at > 0 && plan->tensors[order[at - 1]].bytes < plan->tensors[t].bytes; at--)
            order[at] = order[at - 1];
        order[at] = t;
        count++;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct rv_plan_tensor *tensor = &plan->tensors[order[i]];
        uint64_t offset = 0;
        for (bool moved = true; moved;) {
            moved = false;
            for (uint32_t j = 0; j < i; j++) {
                const struct rv_plan_tensor *other = &plan->tensors[order[j]];
                bool meet = no_alias || (tensor->first_level <= other->last_level &&
                                         other->first_level <= tensor->last_level);
                if (meet && offset < other->offset + other->bytes &&
                    other->offset < offset + tensor->bytes) {
                    offset = other->offset + other->bytes;
                    moved = true;
                }
            }
        }
        tensor->offset = offset;
        if (offset + tensor->bytes > plan->arena_bytes)
            plan->arena_bytes = offset + tensor->bytes;
    }
}

// What is alive at the fullest level: no placement can do with less, as long as the steps keep
// their levels.
static uint64_t most_alive(const struct rv_plan *plan) {
    uint64_t most = 0;
    for (uint32_t level = 0; level < plan->level_count; level++) {
        uint64_t alive = 0;
        for (uint32_t t = 0; t < plan->tensor_count; t++) {
            const struct rv_plan_tensor *tensor = &plan->tensors[t];
            if (lives(tensor) && tensor->first_level <= level && level <= tensor->last_level)
                alive += tensor->bytes;
        }
        most = alive > most ? alive : most;
    }
    return most;
}

uint64_t rv_plan_access_bytes(const struct rv_plan *plan, const struct rv_plan_access *access) {
    const struct rv_plan_tensor *tensor = &plan->tensors[access->tensor];
    return tensor->kind == RV_TENSOR_PIXELS || tensor->kind == RV_TENSOR_LINES
               ? tensor->bytes
               : tensor->plane_bytes * ((access->channels + 15) / 16);
}

void rv_plan_schedule(struct rv_plan *plan, bool no_alias, bool keep_all) {
    assign_levels(plan);
    sort_steps(plan);
    find_lifetimes(plan, keep_all);
    place(plan, no_alias);
    plan->live_bytes = most_alive(plan);
    for (uint32_t i = 0; i < plan->step_count; i++) {
        struct rv_step *step = &plan->steps[i];
        for (uint32_t j = 0; j < step->access_count; j++)
            step->bytes += (double)rv_plan_access_bytes(plan, &step->access[j]) *
                           (step->access[j].reads + step->access[j].writes);
        plan->flops += step->flops;
        plan->bytes += step->bytes;
    }
}
