// Backward steps. Gradients are stored after the ReLU's mask: dz, not da.
#include "net/plan_internal.h"

// All nodes that read the same slice; its gradient is their sum.
struct group {
    struct rv_slice slice;
    const struct rv_node *convs[8];
    uint32_t conv_count;
    const struct rv_node *max_pool, *avg_pool;
};

static uint32_t masked_channels(const struct rv_planner *p, struct rv_slice slice) {
    uint32_t relu = p->plan->graph.tensors[slice.tensor].relu_channels;
    if (relu <= slice.channel)
        return 0;
    return relu - slice.channel < slice.channels ? relu - slice.channel : slice.channels;
}

static void access_mask(struct rv_planner *p, struct rv_step *step, struct rv_slice slice) {
    uint32_t masked = masked_channels(p, slice);
    if (masked)
        rv_plan_access(step, RV_ROLE_MASK, true, false, rv_plan_mask(p, slice.tensor),
                       slice.channel, masked);
}

// The part of the slice that is the target's.
static struct rv_slice common(struct rv_slice slice, struct rv_slice target) {
    uint32_t end = slice.channel + slice.channels, target_end = target.channel + target.channels;
    uint32_t first = slice.channel > target.channel ? slice.channel : target.channel;
    return (struct rv_slice){slice.tensor, first, (end < target_end ? end : target_end) - first};
}

// The same for a target that compares with something, whose channels are those of its layer.
static void compared_step(struct rv_planner *p, uint32_t index, struct rv_slice slice,
                          bool overwrite) {
    const struct rv_target *target = &p->request->targets[index];
    const struct rv_plan_access *reference = &p->reference[index];
    bool style = target->kind == RV_TARGET_STYLE;
    struct rv_slice part = common(slice, p->target_slice[index]);
    uint32_t first = part.channel - p->target_slice[index].channel;
    struct rv_plan_access values;
    if (!rv_plan_find(p->plan, target->layer, &values))
        return;
    struct rv_step *step = rv_plan_add_step(p, style ? RV_OP_GRAM_GRADIENT : RV_OP_SEED, "seed %s",
                                            target->layer->info.name);
    step->flag = overwrite;
    step->index = first;
    step->seed = rv_plan_seed_of(p, index, part);
    rv_plan_access(step, RV_ROLE_TARGET, !overwrite, true, rv_plan_gradient(p, part.tensor),
                   part.channel, part.channels);
    if (style) { // every channel of the layer counts for each of the slice's
        step->flops = 2.0 * p->target_height[index] * p->target_width[index] * values.channels *
                      part.channels;
        rv_plan_access(step, RV_ROLE_SOURCE, true, false, values.tensor, values.channel,
                       values.channels);
        rv_plan_access(step, RV_ROLE_REFERENCE, true, false, reference->tensor, 0,
                       reference->channels);
    } else {
        bool lines = step->seed.reference == RV_REFERENCE_CHANNELS;
        if (step->seed.linear != 0)
            rv_plan_access(step, RV_ROLE_SEED, true, false, values.tensor, values.channel + first,
                           part.channels);
        rv_plan_access(step, RV_ROLE_REFERENCE, true, false, reference->tensor,
                       lines ? 0 : reference->channel + first,
                       lines ? reference->channels : part.channels);
    }
    if (!p->target_before_relu[index])
        access_mask(p, step, part);
}

// Adds (or, first, writes) the gradient of target `index` to the slice of a gradient tensor.
static void seed_step(struct rv_planner *p, uint32_t index, struct rv_slice slice, bool overwrite) {
    const struct rv_target *target = &p->request->targets[index];
    if (target->kind != RV_TARGET_DREAM) {
        compared_step(p, index, slice, overwrite);
        return;
    }
    struct rv_step *step = rv_plan_add_step(p, RV_OP_SEED, "seed %s", target->layer->info.name);
    struct rv_plan_access values;
    step->seed = rv_plan_seed_of(p, index, slice);
    step->flag = overwrite;
    rv_plan_access(step, RV_ROLE_TARGET, !overwrite, true, rv_plan_gradient(p, slice.tensor),
                   slice.channel, slice.channels);
    if (p->target_before_relu[index]) {
        // Its values stand in a tensor of their own: work on just that slice of the gradient.
        if (rv_plan_find(p->plan, target->layer, &values))
            rv_plan_access(step, RV_ROLE_SEED, true, false, values.tensor, 0, values.channels);
        if (step->seed.affine) {
            step->constants_bytes = values.channels * 8;
            step->constants_offset = rv_plan_reserve(p, step->constants_bytes);
        }
        return;
    }
    if (step->seed.linear != 0)
        rv_plan_access(step, RV_ROLE_SEED, true, false, rv_plan_activation(p, slice.tensor),
                       slice.channel, slice.channels);
    access_mask(p, step, slice);
}

// The part of the slice that a target is written to: values before ReLU are laid out by their own
// tensor, so the step must cover exactly that.
static struct rv_slice seed_slice(const struct rv_planner *p, uint32_t index,
                                  struct rv_slice slice) {
    return p->target_before_relu[index] ? p->target_slice[index] : slice;
}

// The targets that lie in a slice: the first may be fused into the convolution that makes the
// slice's gradient, the others add to it.
static void seed_targets(struct rv_planner *p, struct rv_slice slice, uint32_t skip) {
    for (uint32_t i = 0; i < p->request->target_count; i++)
        if (i != skip && rv_slices_overlap(p->target_slice[i], slice))
            seed_step(p, i, seed_slice(p, i, slice), false);
}

static bool covered(const struct group *groups, uint32_t count, struct rv_slice slice) {
    for (uint32_t i = 0; i < count; i++)
        if (rv_slice_contains(groups[i].slice, slice))
            return true;
    return false;
}

// Slices that no node reads get their gradient from the targets alone.
static void seed_uncovered(struct rv_planner *p, const struct group *groups, uint32_t count) {
    const struct rv_graph *graph = &p->plan->graph;
    for (uint32_t i = 0; i < graph->node_count; i++) {
        struct rv_slice slice = graph->nodes[i].out;
        if (covered(groups, count, slice))
            continue;
        bool first = true;
        for (uint32_t t = 0; t < p->request->target_count; t++)
            if (rv_slices_overlap(p->target_slice[t], slice)) {
                seed_step(p, t, seed_slice(p, t, slice), first);
                first = false;
            }
    }
}

static uint32_t fusable_target(const struct rv_planner *p, struct rv_slice slice) {
    for (uint32_t i = 0; i < p->request->target_count; i++)
        if (p->request->targets[i].kind == RV_TARGET_DREAM && !p->target_before_relu[i] &&
            rv_slice_contains(slice, p->target_slice[i]))
            return i;
    return RV_NONE;
}

// Backward of one convolution as a source: taps flipped.
static struct rv_plan_source backward_source(const struct rv_conv_info *info) {
    return (struct rv_plan_source){.tap_height = info->height,
                                   .tap_width = info->width,
                                   .origin_y =
                                       (info->same ? info->height / 2 : 0) + 1 - info->height,
                                   .origin_x = (info->same ? info->width / 2 : 0) + 1 - info->width,
                                   .scale = 1};
}

// Convolutions whose outputs lie side by side in one tensor, with equal kernels, are one source.
static uint32_t add_sources(const struct group *group, struct rv_plan_conv *conv,
                            struct rv_slice from[2]) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < group->conv_count; i++) {
        const struct rv_node *node = group->convs[i];
        const struct rv_conv_info *info = &rv_convs[node->index];
        struct rv_plan_source source = backward_source(info);
        uint32_t at = count;
        for (uint32_t s = 0; s < count; s++)
            if (from[s].tensor == node->out.tensor &&
                from[s].channel + from[s].channels == node->out.channel &&
                conv->source[s].tap_height == source.tap_height &&
                conv->source[s].tap_width == source.tap_width)
                at = s;
        if (at == count) {
            from[count] = (struct rv_slice){node->out.tensor, node->out.channel, 0};
            conv->source[count++] = source;
        }
        conv->parts[conv->part_count++] =
            (struct rv_plan_part){.conv = node->index, .source = at, .k = from[at].channels};
        from[at].channels += info->out;
        conv->source[at].channels += info->out;
    }
    return count;
}

static bool strided(const struct rv_node *node) {
    return rv_convs[node->index].stride == 2;
}

static void backward_conv(struct rv_planner *p, struct group *group, uint32_t fused) {
    const struct rv_graph_tensor *t = &p->plan->graph.tensors[group->slice.tensor];
    bool parity = false;
    for (uint32_t i = 0; i < group->conv_count; i++)
        if (strided(group->convs[i])) { // it comes first
            const struct rv_node *node = group->convs[i];
            group->convs[i] = group->convs[0];
            group->convs[0] = node;
            parity = true;
        }
    struct rv_step *step = rv_plan_add_step(p, RV_OP_CONV, "backward %s",
                                            rv_convs[group->convs[0]->index].torchvision);
    struct rv_plan_conv *conv = &step->conv;
    struct rv_slice from[2];
    *conv = (struct rv_plan_conv){.backward = true,
                                  .add = group->max_pool != NULL,
                                  .parity = parity,
                                  .grid_height = parity ? (t->height + 1) / 2 : t->height,
                                  .grid_width = parity ? (t->width + 1) / 2 : t->width,
                                  .channels = group->slice.channels,
                                  .split = group->slice.channels,
                                  .relu = masked_channels(p, group->slice)};
    uint32_t count = add_sources(group, conv, from);
    rv_plan_access(step, RV_ROLE_SOURCE, true, false, rv_plan_gradient(p, from[0].tensor),
                   from[0].channel, from[0].channels);
    rv_plan_access(step, RV_ROLE_TARGET, conv->add, true, rv_plan_gradient(p, group->slice.tensor),
                   group->slice.channel, group->slice.channels);
    if (count == 2)
        rv_plan_access(step, RV_ROLE_SOURCE_B, true, false, rv_plan_gradient(p, from[1].tensor),
                       from[1].channel, from[1].channels);
    access_mask(p, step, group->slice);
    if (fused != RV_NONE) {
        step->seed = rv_plan_seed_of(p, fused, group->slice);
        if (step->seed.linear != 0)
            rv_plan_access(step, RV_ROLE_SEED, true, false,
                           rv_plan_activation(p, group->slice.tensor), group->slice.channel,
                           group->slice.channels);
    }
    rv_plan_finish_conv(p, step);
}

static void backward_max_pool(struct rv_planner *p, const struct group *group) {
    const struct rv_node *node = group->max_pool;
    struct rv_step *step =
        rv_plan_add_step(p, RV_OP_MAX_POOL_GRADIENT, "gradient of max pool %u", node->index);
    step->index = node->index;
    step->flag = group->conv_count == 0;
    rv_plan_access(step, RV_ROLE_SOURCE, true, false, rv_plan_gradient(p, node->out.tensor),
                   node->out.channel, node->out.channels);
    rv_plan_access(step, RV_ROLE_TARGET, false, true, rv_plan_gradient(p, node->in.tensor),
                   node->in.channel, node->in.channels);
    rv_plan_access(step, RV_ROLE_ARGMAX, true, false, p->plan->argmax[node->index], 0,
                   node->out.channels);
    if (step->flag)
        access_mask(p, step, group->slice);
}

static void backward_avg_pool(struct rv_planner *p, const struct rv_node *node) {
    struct rv_step *step = rv_plan_add_step(p, RV_OP_AVG_POOL_GRADIENT, "gradient of pool %s",
                                            rv_convs[node->index].torchvision);
    step->index = node->index;
    step->counts_padding = p->request->pool_counts_padding;
    rv_plan_access(step, RV_ROLE_SOURCE, true, false, rv_plan_gradient(p, node->out.tensor),
                   node->out.channel, node->out.channels);
    rv_plan_access(step, RV_ROLE_TARGET, false, true, rv_plan_gradient(p, node->in.tensor),
                   node->in.channel, node->in.channels);
}

// Backward through the first convolution: the picture has three channels and is rolled.
static void backward_image(struct rv_planner *p, const struct group *group) {
    struct rv_plan *plan = p->plan;
    uint32_t height = plan->graph.height, width = plan->graph.width;
    uint32_t gradient = plan->gradient[RV_PICTURE_TENSOR] = rv_plan_add_tensor(
        p, RV_TENSOR_PIXELS, RV_SPACE_GRADIENT, "gradient", "", height, width, 3);
    struct rv_step *step = rv_plan_add_step(p, RV_OP_CONV, "backward picture");
    struct rv_plan_conv *conv = &step->conv;
    struct rv_slice from[2];
    *conv = (struct rv_plan_conv){.backward = true,
                                  .image = true,
                                  .parity = true,
                                  .grid_height = (height + 1) / 2,
                                  .grid_width = (width + 1) / 2,
                                  .channels = 8,
                                  .split = 8};
    add_sources(group, conv, from);
    rv_plan_access(step, RV_ROLE_SOURCE, true, false, rv_plan_gradient(p, from[0].tensor),
                   from[0].channel, from[0].channels);
    rv_plan_access(step, RV_ROLE_TARGET, false, true, gradient, 0, 3);
    rv_plan_finish_conv(p, step);
}

static void backward_group(struct rv_planner *p, struct group *group) {
    if (group->slice.tensor == RV_PICTURE_TENSOR) {
        backward_image(p, group);
        return;
    }
    if (group->avg_pool) {
        backward_avg_pool(p, group->avg_pool);
        return;
    }
    if (group->max_pool)
        backward_max_pool(p, group);
    uint32_t fused = group->conv_count ? fusable_target(p, group->slice) : RV_NONE;
    if (group->conv_count)
        backward_conv(p, group, fused);
    seed_targets(p, group->slice, fused);
}

static uint32_t make_groups(const struct rv_graph *graph, struct group *groups,
                            uint32_t *group_of) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < graph->node_count; i++) {
        const struct rv_node *node = &graph->nodes[i];
        uint32_t g = 0;
        while (g < count && !(groups[g].slice.tensor == node->in.tensor &&
                              groups[g].slice.channel == node->in.channel))
            g++;
        if (g == count)
            groups[count++] = (struct group){.slice = node->in};
        group_of[i] = g;
        if (node->kind == RV_NODE_CONV)
            groups[g].convs[groups[g].conv_count++] = node;
        else if (node->kind == RV_NODE_MAX_POOL)
            groups[g].max_pool = node;
        else
            groups[g].avg_pool = node;
    }
    return count;
}

void rv_plan_backward(struct rv_planner *p) {
    const struct rv_graph *graph = &p->plan->graph;
    struct group groups[RV_GRAPH_NODE_MAX];
    uint32_t group_of[RV_GRAPH_NODE_MAX];
    uint32_t count = make_groups(graph, groups, group_of);
    seed_uncovered(p, groups, count);
    // A group is complete when, walking back, its first reader has been reached.
    for (uint32_t i = graph->node_count; i-- > 0;) {
        uint32_t g = group_of[i];
        bool first = true;
        for (uint32_t j = 0; j < i; j++)
            first &= group_of[j] != g;
        if (first)
            backward_group(p, &groups[g]);
    }
}
