// Forward steps, and what the planner's parts share.
#include "net/plan_internal.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"

uint32_t rv_plan_add_tensor(struct rv_planner *p, enum rv_plan_kind kind, enum rv_plan_space space,
                            const char *prefix, const char *name, uint32_t height, uint32_t width,
                            uint32_t channels) {
    struct rv_plan *plan = p->plan;
    struct rv_plan_tensor *tensor = &plan->tensors[plan->tensor_count];
    char label[sizeof tensor->name]; // the name may lie in the plan itself
    snprintf(label, sizeof label, "%s%s", prefix, name);
    *tensor = (struct rv_plan_tensor){
        .kind = kind, .space = space, .height = height, .width = width, .channels = channels};
    memcpy(tensor->name, label, sizeof label);
    uint64_t pixels = (uint64_t)height * width, planes = (channels + 15) / 16;
    uint64_t plane = 0;
    switch (kind) {
    case RV_TENSOR_FLOATS:
        tensor->fp16 = p->request->fp16;
        plane = pixels * (tensor->fp16 ? 32 : 64);
        break;
    case RV_TENSOR_PARTIALS:
        plane = pixels * 64;
        break;
    case RV_TENSOR_PIXELS:
        plane = pixels * 16;
        planes = 1;
        break;
    case RV_TENSOR_MASK:
        plane = (pixels + 3) / 4 * 8;
        break;
    case RV_TENSOR_ARGMAX:
        plane = pixels * 8;
        break;
    case RV_TENSOR_LINES:
        plane = (uint64_t)channels * 4;
        planes = 1;
        break;
    }
    tensor->plane_bytes = rv_align(plane, RV_PLAN_ALIGNMENT);
    tensor->bytes = tensor->plane_bytes * planes;
    return plan->tensor_count++;
}

static uint32_t like(struct rv_planner *p, uint32_t *slot, enum rv_plan_kind kind,
                     const char *prefix, uint32_t tensor, uint32_t channels) {
    const struct rv_graph_tensor *t = &p->plan->graph.tensors[tensor];
    if (*slot == RV_NONE)
        *slot = rv_plan_add_tensor(p, kind, RV_SPACE_ARENA, prefix, t->name, t->height, t->width,
                                   channels);
    return *slot;
}

uint32_t rv_plan_activation(struct rv_planner *p, uint32_t tensor) {
    return like(p, &p->plan->activation[tensor], RV_TENSOR_FLOATS, "", tensor,
                p->plan->graph.tensors[tensor].channels);
}

uint32_t rv_plan_mask(struct rv_planner *p, uint32_t tensor) {
    return like(p, &p->plan->mask[tensor], RV_TENSOR_MASK, "mask ", tensor,
                p->plan->graph.tensors[tensor].relu_channels);
}

uint32_t rv_plan_gradient(struct rv_planner *p, uint32_t tensor) {
    return like(p, &p->plan->gradient[tensor], RV_TENSOR_FLOATS, "gradient ", tensor,
                p->plan->graph.tensors[tensor].channels);
}

struct rv_step *rv_plan_add_step(struct rv_planner *p, enum rv_op op, const char *format, ...) {
    struct rv_step *step = &p->plan->steps[p->plan->step_count++];
    va_list arguments;
    *step = (struct rv_step){.op = op};
    va_start(arguments, format);
    vsnprintf(step->label, sizeof step->label, format, arguments);
    va_end(arguments);
    return step;
}

void rv_plan_access(struct rv_step *step, enum rv_role role, bool reads, bool writes,
                    uint32_t tensor, uint32_t channel, uint32_t channels) {
    step->access[step->access_count++] =
        (struct rv_plan_access){role, reads, writes, tensor, channel, channels};
}

uint64_t rv_plan_reserve(struct rv_planner *p, uint64_t bytes) {
    uint64_t offset = p->plan->weights_bytes;
    p->plan->weights_bytes += rv_align(bytes, RV_PLAN_ALIGNMENT);
    return offset;
}

// Of the source, seen from one of the (four) convolutions of the step.
static uint64_t tap_count(const struct rv_plan_conv *conv, uint32_t source, uint32_t parity) {
    const struct rv_plan_source *s = &conv->source[source];
    if (conv->parity && source == 0)
        return rv_plan_parity_taps(parity / 2) * rv_plan_parity_taps(parity % 2);
    return (uint64_t)s->tap_height * (uint64_t)s->tap_width;
}

uint64_t rv_plan_block_floats(const struct rv_plan_conv *conv, uint32_t parity) {
    uint64_t rows = 0;
    for (uint32_t i = 0; i < 2; i++)
        rows += tap_count(conv, i, parity) * rv_walked(conv->source[i].channels);
    return 8 * rows;
}

void rv_plan_finish_conv(struct rv_planner *p, struct rv_step *step) {
    struct rv_plan_conv *conv = &step->conv;
    const struct rv_plan_tensor *target = &p->plan->tensors[step->access[1].tensor];
    double outputs = conv->image ? 3 : conv->channels;
    conv->weights_bytes = 0;
    for (uint32_t parity = 0; parity < (conv->parity ? 4u : 1u); parity++) {
        double positions = (double)conv->grid_height * conv->grid_width;
        if (conv->parity)
            positions = (double)((target->height - parity / 2 + 1) / 2) *
                        ((target->width - parity % 2 + 1) / 2);
        for (uint32_t i = 0; i < 2; i++)
            step->flops += 2.0 * (double)tap_count(conv, i, parity) * conv->source[i].channels *
                           positions * outputs;
        conv->weights_bytes +=
            conv->channels / 8 * rv_plan_block_floats(conv, parity) * (p->request->fp16 ? 2 : 4);
    }
    conv->weights_offset = rv_plan_reserve(p, conv->weights_bytes);
    if (!conv->backward) {
        step->constants_bytes = conv->channels * 4;
        step->constants_offset = rv_plan_reserve(p, step->constants_bytes);
    }
    step->bytes = (double)(conv->weights_bytes + step->constants_bytes);
}

static bool opens_block(const struct rv_node *node) {
    const struct rv_conv_info *info = &rv_convs[node->index];
    return node->kind == RV_NODE_CONV && info->height == 1 && info->width == 1;
}

static void describe_source(struct rv_plan_source *source, const struct rv_conv_info *info) {
    *source = (struct rv_plan_source){.channels = info->in,
                                      .tap_height = info->height,
                                      .tap_width = info->width,
                                      .origin_y = info->same ? -(info->height / 2) : 0,
                                      .origin_x = info->same ? -(info->width / 2) : 0,
                                      .scale = info->stride};
}

// A convolution, or all the 1x1 convolutions that read the same tensor, as one step.
static void forward_conv(struct rv_planner *p, const struct rv_node *node, bool *done) {
    struct rv_plan *plan = p->plan;
    const struct rv_graph *graph = &plan->graph;
    struct rv_step *step =
        rv_plan_add_step(p, RV_OP_CONV, "forward %s", rv_convs[node->index].torchvision);
    struct rv_plan_conv *conv = &step->conv;
    describe_source(&conv->source[0], &rv_convs[node->index]);
    conv->wrap = node->in.tensor == RV_PICTURE_TENSOR;
    struct rv_slice to[2] = {node->out, {0}};
    const struct rv_node *end = graph->nodes + graph->node_count;
    for (const struct rv_node *other = node; other < end; other++) {
        bool joins = other == node || (opens_block(node) && opens_block(other) &&
                                       rv_slice_contains(node->in, other->in));
        if (!joins)
            continue;
        if (other != node && other->out.tensor == to[0].tensor)
            to[0].channels += other->out.channels;
        else if (other != node && to[1].channels == 0)
            to[1] = other->out;
        else if (other != node)
            to[1].channels += other->out.channels;
        if (!other->linear)
            conv->relu += other->out.channels;
        conv->parts[conv->part_count++] = (struct rv_plan_part){
            .conv = other->index, .n = conv->channels, .bias = !other->linear};
        conv->channels += other->out.channels;
        done[other - graph->nodes] = true;
    }
    conv->split = to[0].channels;
    conv->grid_height = graph->tensors[to[0].tensor].height;
    conv->grid_width = graph->tensors[to[0].tensor].width;
    rv_plan_access(step, RV_ROLE_SOURCE, true, false, rv_plan_activation(p, node->in.tensor),
                   node->in.channel, node->in.channels);
    uint32_t relu = conv->relu;
    for (uint32_t i = 0; i < 2 && to[i].channels; i++) {
        rv_plan_access(step, i ? RV_ROLE_TARGET_B : RV_ROLE_TARGET, false, true,
                       rv_plan_activation(p, to[i].tensor), to[i].channel, to[i].channels);
        uint32_t masked = relu < to[i].channels ? relu : to[i].channels;
        if (masked)
            rv_plan_access(step, i ? RV_ROLE_MASK_B : RV_ROLE_MASK, false, true,
                           rv_plan_mask(p, to[i].tensor), to[i].channel, masked);
        relu -= masked;
    }
    rv_plan_finish_conv(p, step);
}

static void forward_avg_pool(struct rv_planner *p, const struct rv_node *node, uint32_t to,
                             uint32_t channel, bool relu) {
    struct rv_step *step =
        rv_plan_add_step(p, RV_OP_AVG_POOL, "pool %s", rv_convs[node->index].torchvision);
    step->index = node->index;
    step->flag = relu;
    step->counts_padding = p->request->pool_counts_padding;
    step->constants_bytes = node->out.channels * 4;
    step->constants_offset = rv_plan_reserve(p, step->constants_bytes);
    rv_plan_access(step, RV_ROLE_SOURCE, true, false, rv_plan_activation(p, node->in.tensor),
                   node->in.channel, node->in.channels);
    rv_plan_access(step, RV_ROLE_TARGET, false, true, to, channel, node->out.channels);
    if (relu)
        rv_plan_access(step, RV_ROLE_MASK, false, true, rv_plan_mask(p, node->out.tensor),
                       node->out.channel, node->out.channels);
}

static void forward_max_pool(struct rv_planner *p, const struct rv_node *node) {
    const struct rv_graph_tensor *out = &p->plan->graph.tensors[node->out.tensor];
    struct rv_step *step = rv_plan_add_step(p, RV_OP_MAX_POOL, "max pool %u", node->index);
    step->index = node->index;
    char name[16];
    snprintf(name, sizeof name, "%u", node->index);
    uint32_t argmax = p->plan->argmax[node->index] =
        rv_plan_add_tensor(p, RV_TENSOR_ARGMAX, RV_SPACE_ARENA, "argmax ", name, out->height,
                           out->width, node->out.channels);
    rv_plan_access(step, RV_ROLE_SOURCE, true, false, rv_plan_activation(p, node->in.tensor),
                   node->in.channel, node->in.channels);
    rv_plan_access(step, RV_ROLE_TARGET, false, true, rv_plan_activation(p, node->out.tensor),
                   node->out.channel, node->out.channels);
    rv_plan_access(step, RV_ROLE_ARGMAX, false, true, argmax, 0, node->out.channels);
}

static bool before_relu(const struct rv_layer *layer) {
    return layer->kind == RV_LAYER_CONV || layer->kind == RV_LAYER_BATCH_NORM;
}

// Values before ReLU are not kept by the fused kernels: where one is asked for, its convolution
// runs once more, alone, without ReLU.
static void forward_before_relu(struct rv_planner *p, const struct rv_layer *layer) {
    struct rv_plan *plan = p->plan;
    uint32_t index = layer->index;
    if (!before_relu(layer) || plan->before_relu[index] != RV_NONE)
        return;
    const struct rv_node *node = rv_graph_producer(&plan->graph, index);
    if (!node)
        return; // of another picture's part of the network
    const struct rv_graph_tensor *out = &plan->graph.tensors[node->out.tensor];
    char name[16];
    snprintf(name, sizeof name, "%u", index);
    uint32_t tensor = plan->before_relu[index] =
        rv_plan_add_tensor(p, RV_TENSOR_FLOATS, RV_SPACE_ARENA, "before ReLU ", name, out->height,
                           out->width, node->out.channels);
    if (node->kind == RV_NODE_AVG_POOL) {
        forward_avg_pool(p, node, tensor, 0, false);
        return;
    }
    struct rv_step *step =
        rv_plan_add_step(p, RV_OP_CONV, "before ReLU %s", rv_convs[index].torchvision);
    struct rv_plan_conv *conv = &step->conv;
    describe_source(&conv->source[0], &rv_convs[index]);
    conv->wrap = node->in.tensor == RV_PICTURE_TENSOR;
    conv->grid_height = out->height;
    conv->grid_width = out->width;
    conv->channels = conv->split = node->out.channels;
    conv->parts[conv->part_count++] = (struct rv_plan_part){.conv = index, .bias = true};
    rv_plan_access(step, RV_ROLE_SOURCE, true, false, rv_plan_activation(p, node->in.tensor),
                   node->in.channel, node->in.channels);
    rv_plan_access(step, RV_ROLE_TARGET, false, true, tensor, 0, node->out.channels);
    rv_plan_finish_conv(p, step);
}

void rv_plan_forward(struct rv_planner *p) {
    const struct rv_graph *graph = &p->plan->graph;
    bool done[RV_GRAPH_NODE_MAX] = {0};
    for (uint32_t i = 0; i < graph->node_count; i++) {
        const struct rv_node *node = &graph->nodes[i];
        if (done[i])
            continue;
        if (node->kind == RV_NODE_CONV)
            forward_conv(p, node, done);
        else if (node->kind == RV_NODE_AVG_POOL)
            forward_avg_pool(p, node, rv_plan_activation(p, node->out.tensor), node->out.channel,
                             true);
        else
            forward_max_pool(p, node);
    }
    for (uint32_t i = 0; i < p->request->target_count; i++)
        forward_before_relu(p, p->request->targets[i].layer);
    for (uint32_t i = 0; i < p->request->keep_count; i++)
        forward_before_relu(p, p->request->keep[i]);
}

bool rv_plan_find(const struct rv_plan *plan, const struct rv_layer *layer,
                  struct rv_plan_access *slice) {
    struct rv_slice found;
    if (!rv_graph_find(&plan->graph, layer, &found))
        return false;
    *slice = before_relu(layer) ? (struct rv_plan_access){.tensor = plan->before_relu[layer->index],
                                                          .channels = found.channels}
                                : (struct rv_plan_access){.tensor = plan->activation[found.tensor],
                                                          .channel = found.channel,
                                                          .channels = found.channels};
    return slice->tensor != RV_NONE;
}

static enum rv_status gather_layers(struct rv_planner *p) {
    const struct rv_plan_request *request = p->request;
    const struct rv_layer *layers[RV_PLAN_TARGET_MAX + 64];
    uint32_t count = 0;
    if (request->target_count > RV_PLAN_TARGET_MAX || request->keep_count > 64 ||
        (request->target_count == 0) == (request->keep_count == 0))
        return rv_fail(RV_ERR_USAGE,
                       "name between 1 and %d layers to dream on, or up to 64 to keep",
                       RV_PLAN_TARGET_MAX);
    for (uint32_t i = 0; i < request->target_count; i++)
        layers[count++] = request->targets[i].layer;
    for (uint32_t i = 0; i < request->keep_count; i++)
        layers[count++] = request->keep[i];
    enum rv_status status =
        rv_graph_build(&p->plan->graph, request->height, request->width, layers, count);
    if (status != RV_OK)
        return status;
    uint32_t more_height = request->whole_height ? request->whole_height - request->height : 0;
    uint32_t more_width = request->whole_width ? request->whole_width - request->width : 0;
    for (uint32_t i = 0; i < request->target_count; i++) {
        const struct rv_layer *layer = request->targets[i].layer;
        rv_graph_find(&p->plan->graph, layer, &p->target_slice[i]);
        p->target_before_relu[i] = before_relu(layer);
        const struct rv_graph_tensor *t = &p->plan->graph.tensors[p->target_slice[i].tensor];
        uint32_t height = t->height + more_height / layer->info.stride;
        uint32_t width = t->width + more_width / layer->info.stride;
        p->target_height[i] = height;
        p->target_width[i] = width;
        if (!rv_plan_has_border(request, i))
            continue;
        if (request->border >= (height + 1) / 2 || request->border >= (width + 1) / 2)
            return rv_fail(
                RV_ERR_INPUT,
                "at %u x %u pixels %s is %u x %u: nothing is left inside a border of %u: "
                "use a larger picture or a smaller border",
                request->width + more_width, request->height + more_height, layer->info.name, width,
                height, request->border);
    }
    return RV_OK;
}

enum rv_status rv_plan_create(const struct rv_plan_request *request, struct rv_plan **out) {
    *out = NULL;
    struct rv_plan *plan = calloc(1, sizeof *plan);
    if (!plan)
        return rv_fail(RV_ERR_NO_MEMORY, "out of host memory while planning");
    struct rv_planner planner = {.plan = plan, .request = request};
    plan->fp16 = request->fp16;
    memset(plan->activation, 0xff, sizeof plan->activation);
    memset(plan->mask, 0xff, sizeof plan->mask);
    memset(plan->gradient, 0xff, sizeof plan->gradient);
    memset(plan->argmax, 0xff, sizeof plan->argmax);
    memset(plan->before_relu, 0xff, sizeof plan->before_relu);
    enum rv_status status = gather_layers(&planner);
    if (status != RV_OK) {
        free(plan);
        return status;
    }
    plan->activation[RV_PICTURE_TENSOR] =
        rv_plan_add_tensor(&planner, RV_TENSOR_PIXELS, RV_SPACE_PICTURE, "picture", "",
                           request->height, request->width, 3);
    rv_plan_forward(&planner);
    status = rv_plan_references(&planner);
    if (status != RV_OK) {
        free(plan);
        return status;
    }
    if (request->makes != RV_MAKES_GRADIENT) {
        rv_plan_features(&planner);
    } else if (request->target_count) {
        rv_plan_losses(&planner);
        rv_plan_backward(&planner);
    }
    for (uint32_t i = 0; i < request->keep_count; i++) {
        struct rv_plan_access slice;
        if (rv_plan_find(plan, request->keep[i], &slice))
            plan->tensors[slice.tensor].kept = true;
    }
    rv_plan_schedule(plan, request->no_alias, request->keep_all);
    *out = plan;
    return RV_OK;
}
