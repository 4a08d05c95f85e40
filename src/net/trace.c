#include "net/trace.h"

#include <stdio.h>

#include "base/status.h"
#include "net/graph.h"

#define ANY_SIZE 299 // of a picture that no layer is too deep for

static bool overlap(const struct rv_slice *a, const struct rv_slice *b) {
    return a->tensor == b->tensor && a->channel < b->channel + b->channels &&
           b->channel < a->channel + a->channels;
}

// ------------------------------------------------------------------------------------------------
// Receptive fields

// Of what a node makes: pixels along both axes, and pixels a position.
struct field {
    uint32_t height, width, stride;
};

static struct field larger(struct field a, struct field b) {
    return (struct field){a.height > b.height ? a.height : b.height,
                          a.width > b.width ? a.width : b.width, b.stride};
}

// Of a slice, by the fields of the nodes before `count`.
static struct field field_of(const struct rv_graph *graph, const struct field *fields,
                             uint32_t count, const struct rv_slice *slice) {
    struct field field = {1, 1, 1}; // the picture's
    for (uint32_t i = 0; i < count; i++)
        if (overlap(&graph->nodes[i].out, slice))
            field = larger(field, fields[i]);
    return field;
}

static struct field widened(struct field in, const struct rv_node *node) {
    const struct rv_conv_info *conv = &rv_convs[node->index];
    bool is_conv = node->kind == RV_NODE_CONV;
    uint32_t height = is_conv ? conv->height : 3, width = is_conv ? conv->width : 3;
    uint32_t stride = is_conv ? conv->stride : node->kind == RV_NODE_MAX_POOL ? 2 : 1;
    return (struct field){in.height + (height - 1) * in.stride, in.width + (width - 1) * in.stride,
                          in.stride * stride};
}

void rv_trace_receptive_fields(struct rv_layer *layers, uint32_t count) {
    static struct rv_graph graph; // called once
    struct field fields[RV_GRAPH_NODE_MAX];
    const struct rv_layer *deepest = &layers[count - 1];
    rv_graph_build(&graph, ANY_SIZE, ANY_SIZE, &deepest, 1);
    for (uint32_t i = 0; i < graph.node_count; i++)
        fields[i] = widened(field_of(&graph, fields, i, &graph.nodes[i].in), &graph.nodes[i]);
    for (uint32_t i = 0; i < count; i++) {
        struct rv_slice slice;
        if (!rv_graph_find(&graph, &layers[i], &slice))
            continue;
        struct field field = field_of(&graph, fields, graph.node_count, &slice);
        layers[i].info.receptive_field = field.height > field.width ? field.height : field.width;
    }
}

// ------------------------------------------------------------------------------------------------
// Before the ReLU

static const struct rv_node *maker_of(const struct rv_graph *graph, const struct rv_slice *slice) {
    for (uint32_t i = 0; i < graph->node_count; i++)
        if (overlap(&graph->nodes[i].out, slice))
            return &graph->nodes[i];
    return NULL;
}

bool rv_trace_before_relu(struct rv_target *target) {
    struct rv_graph graph;
    struct rv_slice slice;
    char name[40];
    enum rv_layer_kind kind = target->layer->kind;
    if (target->channel < 0 || kind == RV_LAYER_CONV || kind == RV_LAYER_BATCH_NORM ||
        rv_graph_build(&graph, ANY_SIZE, ANY_SIZE, &target->layer, 1) != RV_OK ||
        !rv_graph_find(&graph, target->layer, &slice))
        return false;
    slice.channel += (uint32_t)target->channel;
    slice.channels = 1;
    const struct rv_node *node = maker_of(&graph, &slice);
    while (node && node->kind == RV_NODE_MAX_POOL) {
        slice.channel += node->in.channel - node->out.channel;
        slice.tensor = node->in.tensor;
        node = maker_of(&graph, &slice);
    }
    if (!node || node->linear)
        return false;
    snprintf(name, sizeof name, "batch_normalization_%u", (unsigned)node->index);
    target->layer = rv_layer_of(rv_layer_find(name));
    target->channel = (int32_t)(slice.channel - node->out.channel);
    return true;
}
