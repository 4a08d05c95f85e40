#include "net/graph.h"

#include <stdio.h>
#include <string.h>

#include "base/status.h"

// What is wanted: filled by a first, complete build, obeyed by the second.
struct builder {
    struct rv_graph *graph;
    const bool *conv_wanted; // [RV_CONV_COUNT]
    const bool *pool_wanted; // [4]
};

static uint32_t add_tensor(struct rv_graph *graph, const char *name, uint32_t height,
                           uint32_t width) {
    struct rv_graph_tensor *tensor = &graph->tensors[graph->tensor_count];
    *tensor = (struct rv_graph_tensor){.height = height, .width = width};
    snprintf(tensor->name, sizeof tensor->name, "%s", name);
    return graph->tensor_count++;
}

// Appends channels to a tensor.
static struct rv_slice extend(struct rv_graph *graph, uint32_t tensor, uint32_t channels,
                              bool relu) {
    struct rv_graph_tensor *t = &graph->tensors[tensor];
    struct rv_slice slice = {tensor, t->channels, channels};
    t->channels += channels;
    if (relu)
        t->relu_channels = t->channels;
    return slice;
}

static struct rv_slice whole(const struct rv_graph *graph, uint32_t tensor) {
    return (struct rv_slice){tensor, 0, graph->tensors[tensor].channels};
}

static void add_node(struct rv_graph *graph, enum rv_node_kind kind, uint32_t index, bool linear,
                     struct rv_slice in, struct rv_slice out) {
    graph->nodes[graph->node_count++] = (struct rv_node){kind, index, linear, in, out};
}

static uint32_t conv_size(uint32_t size, uint32_t kernel, const struct rv_conv_info *conv) {
    return conv->same ? size : (size - kernel) / conv->stride + 1;
}

// Convolution `index` from `in` into `tensor`, or, with RV_GRAPH_TENSOR_MAX, into a tensor of its
// own. An unwanted one still takes its channels in a block's output, so that layouts never change.
static struct rv_slice conv(struct builder *b, uint32_t index, struct rv_slice in,
                            uint32_t tensor) {
    const struct rv_conv_info *info = &rv_convs[index];
    const struct rv_graph_tensor *from = &b->graph->tensors[in.tensor];
    bool own = tensor == RV_GRAPH_TENSOR_MAX;
    if (own && !b->conv_wanted[index])
        return (struct rv_slice){0};
    if (own) {
        char name[24];
        snprintf(name, sizeof name, "conv2d_%u", index);
        tensor = add_tensor(b->graph, name, conv_size(from->height, info->height, info),
                            conv_size(from->width, info->width, info));
    }
    struct rv_slice out = extend(b->graph, tensor, info->out, true);
    if (b->conv_wanted[index])
        add_node(b->graph, RV_NODE_CONV, index, false, in, out);
    return out;
}

// An entry convolution: it exists in the entry tensor only if it is wanted.
static struct rv_slice enter(struct builder *b, uint32_t index, struct rv_slice in, uint32_t entry,
                             bool linear) {
    if (!b->conv_wanted[index])
        return (struct rv_slice){0};
    struct rv_slice out = extend(b->graph, entry, rv_convs[index].out, !linear);
    add_node(b->graph, RV_NODE_CONV, index, linear, in, out);
    return out;
}

static void max_pool(struct builder *b, uint32_t index, struct rv_slice in, uint32_t tensor) {
    struct rv_slice out = extend(b->graph, tensor, in.channels, false);
    if (b->pool_wanted[index])
        add_node(b->graph, RV_NODE_MAX_POOL, index, false, in, out);
}

static void avg_pool(struct builder *b, uint32_t index, struct rv_slice in, uint32_t tensor) {
    struct rv_slice out = extend(b->graph, tensor, rv_convs[index].out, true);
    if (b->conv_wanted[index])
        add_node(b->graph, RV_NODE_AVG_POOL, index, false, in, out);
}

static uint32_t stem(struct builder *b) {
    const uint32_t own = RV_GRAPH_TENSOR_MAX;
    struct rv_graph *g = b->graph;
    struct rv_slice x = conv(b, 0, whole(g, RV_PICTURE_TENSOR), own);
    x = conv(b, 2, conv(b, 1, x, own), own);
    for (uint32_t pool = 0;; pool++) {
        const struct rv_graph_tensor *from = &g->tensors[x.tensor];
        uint32_t out = add_tensor(g, pool ? "max_pooling2d_1" : "max_pooling2d",
                                  (from->height - 3) / 2 + 1, (from->width - 3) / 2 + 1);
        max_pool(b, pool, x, out);
        if (pool == 1)
            return out;
        x = conv(b, 4, conv(b, 3, whole(g, out), own), own);
    }
}

// A block: which convolutions open it, and how its branches go on. c = index of its first one.
static uint32_t block(struct builder *b, uint32_t number, uint32_t input) {
    const uint32_t own = RV_GRAPH_TENSOR_MAX, c = rv_convs_to_block[number];
    struct rv_graph *g = b->graph;
    struct rv_slice x = whole(g, input);
    uint32_t height = g->tensors[input].height, width = g->tensors[input].width;
    bool reduces = number == 3 || number == 8;
    char name[24];
    snprintf(name, sizeof name, "mixed%u_entry", number);
    uint32_t entry = add_tensor(g, name, height, width);
    snprintf(name, sizeof name, "mixed%u", number);
    uint32_t out = add_tensor(g, name, reduces ? (height - 3) / 2 + 1 : height,
                              reduces ? (width - 3) / 2 + 1 : width);
    struct rv_slice a, d, p;
    if (number <= 2) { // 1x1 | 5x5 | double 3x3 | pool
        conv(b, c, x, out);
        a = enter(b, c + 1, x, entry, false);
        d = enter(b, c + 3, x, entry, false);
        p = enter(b, c + 6, x, entry, true);
        conv(b, c + 2, a, out);
        conv(b, c + 5, conv(b, c + 4, d, own), out);
        avg_pool(b, c + 6, p, out);
    } else if (number == 3) { // 3x3 stride 2 | double 3x3, stride 2 | max pool
        d = enter(b, c + 1, x, entry, false);
        conv(b, c, x, out);
        conv(b, c + 3, conv(b, c + 2, d, own), out);
        max_pool(b, 2, x, out);
    } else if (number <= 7) { // 1x1 | 7x7 | double 7x7 | pool, the 7x7 factored
        conv(b, c, x, out);
        a = enter(b, c + 1, x, entry, false);
        d = enter(b, c + 4, x, entry, false);
        p = enter(b, c + 9, x, entry, true);
        conv(b, c + 3, conv(b, c + 2, a, own), out);
        d = conv(b, c + 6, conv(b, c + 5, d, own), own);
        conv(b, c + 8, conv(b, c + 7, d, own), out);
        avg_pool(b, c + 9, p, out);
    } else if (number == 8) { // 3x3 stride 2 | 7x7 and 3x3 stride 2 | max pool
        a = enter(b, c, x, entry, false);
        d = enter(b, c + 2, x, entry, false);
        conv(b, c + 1, a, out);
        d = conv(b, c + 4, conv(b, c + 3, d, own), own);
        conv(b, c + 5, d, out);
        max_pool(b, 3, x, out);
    } else { // 1x1 | 1x3 and 3x1 | 3x3, 1x3 and 3x1 | pool
        conv(b, c, x, out);
        a = enter(b, c + 1, x, entry, false);
        d = enter(b, c + 4, x, entry, false);
        p = enter(b, c + 8, x, entry, true);
        conv(b, c + 2, a, out);
        conv(b, c + 3, a, out);
        d = conv(b, c + 5, d, own);
        conv(b, c + 6, d, out);
        conv(b, c + 7, d, out);
        avg_pool(b, c + 8, p, out);
    }
    return out;
}

static void build(struct rv_graph *graph, uint32_t height, uint32_t width, uint32_t blocks,
                  const bool *conv_wanted, const bool *pool_wanted) {
    struct builder b = {graph, conv_wanted, pool_wanted};
    *graph = (struct rv_graph){.height = height, .width = width};
    add_tensor(graph, "picture", height, width);
    graph->tensors[RV_PICTURE_TENSOR].channels = 3;
    uint32_t x = stem(&b);
    for (uint32_t number = 0; number < blocks; number++)
        x = block(&b, number, x);
}

const struct rv_node *rv_graph_producer(const struct rv_graph *graph, uint32_t index) {
    const struct rv_node *found = NULL;
    for (uint32_t i = 0; i < graph->node_count; i++)
        if (graph->nodes[i].kind != RV_NODE_MAX_POOL && graph->nodes[i].index == index)
            found = &graph->nodes[i]; // the pooling stands after its convolution
    return found;
}

bool rv_graph_find(const struct rv_graph *graph, const struct rv_layer *layer,
                   struct rv_slice *slice) {
    uint32_t block = layer->index;
    uint32_t first = 0, channels = 0;
    switch (layer->kind) {
    case RV_LAYER_CONV:
    case RV_LAYER_BATCH_NORM:
    case RV_LAYER_ACTIVATION: {
        const struct rv_node *node = rv_graph_producer(graph, layer->index);
        if (node)
            *slice = node->out;
        return node != NULL;
    }
    case RV_LAYER_MAX_POOL:
        for (uint32_t i = 0; i < graph->node_count; i++)
            if (graph->nodes[i].kind == RV_NODE_MAX_POOL && graph->nodes[i].index == layer->index) {
                *slice = graph->nodes[i].out;
                return true;
            }
        return false;
    case RV_LAYER_CONCAT: // mixed9_0, concatenate, mixed9_1, concatenate_1
        block = 9 + layer->index / 2;
        first = layer->index % 2 ? 320 + 768 : 320;
        channels = 768;
        break;
    case RV_LAYER_BLOCK:
        break;
    }
    char name[24];
    snprintf(name, sizeof name, "mixed%u", block);
    for (uint32_t i = 0; i < graph->tensor_count; i++)
        if (strcmp(graph->tensors[i].name, name) == 0) {
            *slice = (struct rv_slice){i, first, channels ? channels : graph->tensors[i].channels};
            return true;
        }
    return false;
}

static bool overlaps(struct rv_slice a, struct rv_slice b) {
    return a.tensor == b.tensor && a.channel < b.channel + b.channels &&
           b.channel < a.channel + a.channels;
}

// Walks back from the wanted slices and marks what leads to them.
static void mark(const struct rv_graph *graph, const struct rv_layer *const *layers, uint32_t count,
                 bool *conv_wanted, bool *pool_wanted) {
    struct rv_slice wanted[RV_GRAPH_NODE_MAX + 64];
    uint32_t wanted_count = 0;
    for (uint32_t i = 0; i < count && i < 64; i++)
        if (rv_graph_find(graph, layers[i], &wanted[wanted_count]))
            wanted_count++;
    for (uint32_t i = graph->node_count; i-- > 0;) {
        const struct rv_node *node = &graph->nodes[i];
        for (uint32_t j = 0; j < wanted_count; j++)
            if (overlaps(node->out, wanted[j])) {
                if (node->kind == RV_NODE_MAX_POOL)
                    pool_wanted[node->index] = true;
                else
                    conv_wanted[node->index] = true;
                wanted[wanted_count++] = node->in;
                break;
            }
    }
}

enum rv_status rv_graph_build(struct rv_graph *graph, uint32_t height, uint32_t width,
                              const struct rv_layer *const *layers, uint32_t layer_count) {
    if (height < RV_MIN_SIZE || width < RV_MIN_SIZE)
        return rv_fail(RV_ERR_INPUT,
                       "a picture of %u x %u is too small: the network needs at least "
                       "%d pixels each way",
                       width, height, RV_MIN_SIZE);
    if (height > 65535 || width > 65535)
        return rv_fail(RV_ERR_INPUT,
                       "a picture of %u x %u is too large: at most 65535 pixels each "
                       "way",
                       width, height);
    bool all_convs[RV_CONV_COUNT], all_pools[4] = {true, true, true, true};
    memset(all_convs, true, sizeof all_convs);
    uint32_t blocks = 0;
    for (uint32_t i = 0; i < layer_count; i++)
        if (layers[i]->info.block > blocks)
            blocks = layers[i]->info.block;
    build(graph, height, width, blocks, all_convs, all_pools);
    bool conv_wanted[RV_CONV_COUNT] = {0}, pool_wanted[4] = {0};
    mark(graph, layers, layer_count, conv_wanted, pool_wanted);
    build(graph, height, width, blocks, conv_wanted, pool_wanted);
    return RV_OK;
}
