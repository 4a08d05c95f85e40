// InceptionV3 as tensors and nodes, for one picture size. Concatenation is no node: the producers
// of a block's output write their channels side by side into one tensor. The 1x1 convolutions that
// open a block and lead further write side by side into one "entry" tensor, so that they can run as
// one. The average-pool branch is commuted: its 1x1 convolution runs first, pooling after it.
#ifndef RV_NET_GRAPH_H
#define RV_NET_GRAPH_H

#include "net/layers.h"

#define RV_GRAPH_TENSOR_MAX 96
#define RV_GRAPH_NODE_MAX 128
#define RV_PICTURE_TENSOR 0
#define RV_MIN_SIZE 75 // pixels, height and width: below it some tensor would be empty

struct rv_graph_tensor {
    char name[24];
    uint32_t height, width, channels;
    uint32_t relu_channels; // channels [0, this) come out of a ReLU, the rest do not
};

struct rv_slice {
    uint32_t tensor, channel, channels;
};

enum rv_node_kind {
    RV_NODE_CONV,     // index = convolution; bias and, unless linear, ReLU
    RV_NODE_MAX_POOL, // index = 0..3; 3x3, stride 2, valid
    RV_NODE_AVG_POOL  // index = the convolution whose bias and ReLU it applies; 3x3, stride 1, same
};

struct rv_node {
    enum rv_node_kind kind;
    uint32_t index;
    bool linear; // a convolution that an average pooling follows: no bias, no ReLU
    struct rv_slice in, out;
};

struct rv_graph {
    uint32_t height, width;
    struct rv_graph_tensor tensors[RV_GRAPH_TENSOR_MAX];
    uint32_t tensor_count;
    struct rv_node nodes[RV_GRAPH_NODE_MAX]; // in topological order
    uint32_t node_count;
};

// Builds the part of the network that the given layers need. Height and width of at least
// RV_MIN_SIZE, else RV_ERR_INPUT.
enum rv_status rv_graph_build(struct rv_graph *graph, uint32_t height, uint32_t width,
                              const struct rv_layer *const *layers, uint32_t layer_count);

// Where a layer's values stand. For RV_LAYER_CONV and RV_LAYER_BATCH_NORM that is the slice of the
// activation they lead to. False if the graph does not contain it.
bool rv_graph_find(const struct rv_graph *graph, const struct rv_layer *layer,
                   struct rv_slice *slice);

// The node that makes convolution `index`'s activation: its average pooling if it has one.
const struct rv_node *rv_graph_producer(const struct rv_graph *graph, uint32_t index);

#endif
