// Shared by the planner's files.
#ifndef RV_NET_PLAN_INTERNAL_H
#define RV_NET_PLAN_INTERNAL_H

#include "net/plan.h"

#define RV_NONE UINT32_MAX

struct rv_planner {
    struct rv_plan *plan;
    const struct rv_plan_request *request;
    struct rv_slice target_slice[RV_PLAN_TARGET_MAX]; // graph slices of the targets
    bool target_before_relu[RV_PLAN_TARGET_MAX];
    // Of the layer, over the whole picture.
    uint32_t target_height[RV_PLAN_TARGET_MAX], target_width[RV_PLAN_TARGET_MAX];
    // What the target is compared with: other values, or the difference of the Gram matrices.
    struct rv_plan_access reference[RV_PLAN_TARGET_MAX];
};

static inline uint64_t rv_align(uint64_t value, uint64_t alignment) {
    return (value + alignment - 1) / alignment * alignment;
}

static inline bool rv_slice_contains(struct rv_slice outer, struct rv_slice inner) {
    return outer.tensor == inner.tensor && inner.channel >= outer.channel &&
           inner.channel + inner.channels <= outer.channel + outer.channels;
}

static inline bool rv_slices_overlap(struct rv_slice a, struct rv_slice b) {
    return a.tensor == b.tensor && a.channel < b.channel + b.channels &&
           b.channel < a.channel + a.channels;
}

// Input channels as a kernel walks them: the picture's 3 are a vec4.
static inline uint32_t rv_walked(uint32_t channels) {
    return (channels + 3) / 4 * 4;
}

uint32_t rv_plan_add_tensor(struct rv_planner *p, enum rv_plan_kind kind, enum rv_plan_space space,
                            const char *prefix, const char *name, uint32_t height, uint32_t width,
                            uint32_t channels);
// The plan tensors of a graph tensor, made on first use.
uint32_t rv_plan_activation(struct rv_planner *p, uint32_t tensor);
uint32_t rv_plan_mask(struct rv_planner *p, uint32_t tensor);
uint32_t rv_plan_gradient(struct rv_planner *p, uint32_t tensor);

struct rv_step *rv_plan_add_step(struct rv_planner *p, enum rv_op op, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void rv_plan_access(struct rv_step *step, enum rv_role role, bool reads, bool writes,
                    uint32_t tensor, uint32_t channel, uint32_t channels);
// Takes `bytes` of the packed weights.
uint64_t rv_plan_reserve(struct rv_planner *p, uint64_t bytes);
// Completes a convolution step whose accesses (source, target, ...), sources, parts and grid are
// set: weights, flops, bytes.
void rv_plan_finish_conv(struct rv_planner *p, struct rv_step *step);

// The gradient of target `index` within a slice; channels count from the slice's first.
struct rv_plan_seed rv_plan_seed_of(const struct rv_planner *p, uint32_t index,
                                    struct rv_slice slice);

// The steps from the picture to all layers of the plan's graph.
void rv_plan_forward(struct rv_planner *p);

// Whether the border is left out of a target.
static inline bool rv_plan_has_border(const struct rv_plan_request *request, uint32_t index) {
    const struct rv_target *target = &request->targets[index];
    return request->makes == RV_MAKES_GRADIENT && !target->neuron &&
           target->kind != RV_TARGET_STYLE && target->kind != RV_TARGET_CONTENT;
}

// What the targets compare with (plan_objective.c): places for the features of guide and style,
// and the layers of the pictures that are worked on beside the picture.
enum rv_status rv_plan_references(struct rv_planner *p);
// Makes those features.
void rv_plan_features(struct rv_planner *p);

// The targets' losses, and what their gradients need beside the activations.
void rv_plan_losses(struct rv_planner *p);
void rv_plan_backward(struct rv_planner *p);                               // plan_backward.c
void rv_plan_schedule(struct rv_plan *plan, bool no_alias, bool keep_all); // plan_memory.c

#endif
