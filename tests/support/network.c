#include "support/network.h"

#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "support/reference.h"

// ------------------------------------------------------------------------------------------------
// The tape: every operation of the network in order, with its value and its gradient.

enum node_kind { NODE_IMAGE, NODE_CONV, NODE_MAX_POOL, NODE_AVG_POOL, NODE_CONCAT };

struct node {
    enum node_kind kind;
    uint32_t index;     // of the convolution or of the max-pool
    uint32_t inputs[4]; // earlier nodes
    uint32_t input_count;
    struct rv_ref_shape shape;
    double *value;      // after ReLU for a convolution
    double *z;          // before ReLU, after the bias; convolutions only
    uint8_t *decision;  // ReLU mask or argmax
    double *gradient;   // of the loss by `value`; NULL while nothing contributed
    double *gradient_z; // what targets contribute before the ReLU; NULL mostly
};

// One image, 94 convolutions, 4 max-pools, 9 average pools, 4 inner concatenations, 11 blocks.
#define NODE_MAX 123

struct rv_ref_tape {
    const struct rv_weights *weights;
    struct node nodes[NODE_MAX];
    uint32_t count;
    uint32_t conv[RV_CONV_COUNT], pool[RV_REF_POOL_COUNT], concat[4]; // nodes; 0 = not reached
    uint32_t block[1 + RV_BLOCK_COUNT]; // the node that ends each block; 0 = not reached
    bool failed;                        // out of memory
};

static size_t volume(struct rv_ref_shape shape) {
    return (size_t)shape.height * shape.width * shape.channels;
}

static void *allocate(struct rv_ref_tape *tape, size_t count, size_t size) {
    void *memory = calloc(count + 1, size);
    tape->failed |= !memory;
    return memory;
}

// Appends a node of that shape, with its value still zero. Returns its number.
static uint32_t append(struct rv_ref_tape *tape, struct node node) {
    node.value = allocate(tape, volume(node.shape), sizeof(double));
    if (node.kind == NODE_CONV)
        node.z = allocate(tape, volume(node.shape), sizeof(double));
    if (node.kind == NODE_CONV || node.kind == NODE_MAX_POOL)
        node.decision = allocate(tape, volume(node.shape), 1);
    tape->nodes[tape->count] = node;
    return tape->count++;
}

// ------------------------------------------------------------------------------------------------
// Forward

static struct rv_ref_conv conv_shape(const struct node *from, uint32_t index) {
    const struct rv_conv_info *info = &rv_convs[index];
    return (struct rv_ref_conv){
        .height = from->shape.height,
        .width = from->shape.width,
        .in = info->in,
        .out = info->out,
        .kernel_height = info->height,
        .kernel_width = info->width,
        .stride = info->stride,
        .pad_y = info->same ? (info->height - 1) / 2 : 0,
        .pad_x = info->same ? (info->width - 1) / 2 : 0,
    };
}

// Convolution `index` with its batch normalisation and ReLU.
static uint32_t conv(struct rv_ref_tape *tape, uint32_t index, uint32_t input) {
    struct rv_ref_conv shape = conv_shape(&tape->nodes[input], index);
    uint32_t height = rv_ref_out_size(shape.height, shape.kernel_height, shape.stride, shape.pad_y);
    uint32_t width = rv_ref_out_size(shape.width, shape.kernel_width, shape.stride, shape.pad_x);
    uint32_t at = append(tape, (struct node){.kind = NODE_CONV,
                                             .index = index,
                                             .inputs = {input},
                                             .input_count = 1,
                                             .shape = {height, width, shape.out}});
    tape->conv[index] = at;
    if (tape->failed)
        return at;
    struct node *node = &tape->nodes[at];
    const struct rv_conv_weights *weights = &tape->weights->conv[index];
    rv_ref_conv_forward(&shape, tape->nodes[input].value, weights->kernel, node->z);
    rv_ref_bias_relu((size_t)height * width, shape.out, weights->bias, node->z, node->value,
                     node->decision);
    return at;
}

// Convolutions `first` .. `first` + count - 1, one after the other.
static uint32_t chain(struct rv_ref_tape *tape, uint32_t first, uint32_t count, uint32_t input) {
    for (uint32_t i = 0; i < count; i++)
        input = conv(tape, first + i, input);
    return input;
}

static uint32_t max_pool(struct rv_ref_tape *tape, uint32_t index, uint32_t input) {
    struct rv_ref_shape from = tape->nodes[input].shape;
    struct rv_ref_shape to = {rv_ref_out_size(from.height, 3, 2, 0),
                              rv_ref_out_size(from.width, 3, 2, 0), from.channels};
    uint32_t at = append(tape, (struct node){.kind = NODE_MAX_POOL,
                                             .index = index,
                                             .inputs = {input},
                                             .input_count = 1,
                                             .shape = to});
    tape->pool[index] = at;
    if (!tape->failed)
        rv_ref_max_pool_forward(from.height, from.width, from.channels, tape->nodes[input].value,
                                tape->nodes[at].value, tape->nodes[at].decision);
    return at;
}

static uint32_t avg_pool(struct rv_ref_tape *tape, uint32_t input) {
    struct rv_ref_shape shape = tape->nodes[input].shape;
    uint32_t at = append(
        tape,
        (struct node){.kind = NODE_AVG_POOL, .inputs = {input}, .input_count = 1, .shape = shape});
    if (!tape->failed)
        rv_ref_avg_pool_forward(shape.height, shape.width, shape.channels,
                                tape->weights->pool_counts_padding, tape->nodes[input].value,
                                tape->nodes[at].value);
    return at;
}

// Copies between a concatenation's array and one input's: forward out of `part`, or backward, which
// adds into it.
static void copy_part(const struct node *whole, uint32_t offset, struct rv_ref_shape shape,
                      double *part, bool backward) {
    for (size_t p = 0; p < (size_t)shape.height * shape.width; p++) {
        size_t at = p * whole->shape.channels + offset;
        for (uint32_t c = 0; c < shape.channels; c++)
            if (backward)
                part[p * shape.channels + c] += whole->gradient[at + c];
            else
                whole->value[at + c] = part[p * shape.channels + c];
    }
}

static uint32_t concat(struct rv_ref_tape *tape, uint32_t count, const uint32_t *inputs) {
    struct node node = {.kind = NODE_CONCAT, .input_count = count};
    node.shape = tape->nodes[inputs[0]].shape;
    node.shape.channels = 0;
    for (uint32_t i = 0; i < count; i++) {
        node.inputs[i] = inputs[i];
        node.shape.channels += tape->nodes[inputs[i]].shape.channels;
    }
    uint32_t at = append(tape, node), offset = 0;
    for (uint32_t i = 0; i < count && !tape->failed; i++) {
        const struct node *from = &tape->nodes[inputs[i]];
        copy_part(&tape->nodes[at], offset, from->shape, from->value, false);
        offset += from->shape.channels;
    }
    return at;
}

// ------------------------------------------------------------------------------------------------
// The blocks. `b` is the block's first convolution, `x` its input. Each returns its last node.

static uint32_t stem(struct rv_ref_tape *tape, uint32_t x) {
    x = max_pool(tape, 0, chain(tape, 0, 3, x));
    return max_pool(tape, 1, chain(tape, 3, 2, x));
}

// mixed0, mixed1, mixed2
static uint32_t block_5x5(struct rv_ref_tape *tape, uint32_t b, uint32_t x) {
    uint32_t branches[4] = {conv(tape, b, x), chain(tape, b + 1, 2, x), chain(tape, b + 3, 3, x),
                            conv(tape, b + 6, avg_pool(tape, x))};
    return concat(tape, 4, branches);
}

static uint32_t mixed3(struct rv_ref_tape *tape, uint32_t b, uint32_t x) {
    uint32_t branches[3] = {conv(tape, b, x), chain(tape, b + 1, 3, x), max_pool(tape, 2, x)};
    return concat(tape, 3, branches);
}

// mixed4 .. mixed7
static uint32_t block_7x7(struct rv_ref_tape *tape, uint32_t b, uint32_t x) {
    uint32_t branches[4] = {conv(tape, b, x), chain(tape, b + 1, 3, x), chain(tape, b + 4, 5, x),
                            conv(tape, b + 9, avg_pool(tape, x))};
    return concat(tape, 4, branches);
}

static uint32_t mixed8(struct rv_ref_tape *tape, uint32_t b, uint32_t x) {
    uint32_t branches[3] = {chain(tape, b, 2, x), chain(tape, b + 2, 4, x), max_pool(tape, 3, x)};
    return concat(tape, 3, branches);
}

// mixed9, mixed10: two branches end in a 1x3 and a 3x1 side by side. `first` numbers the inner
// concatenations.
static uint32_t block_split(struct rv_ref_tape *tape, uint32_t b, uint32_t x, uint32_t first) {
    uint32_t single = conv(tape, b, x);
    uint32_t from = conv(tape, b + 1, x);
    uint32_t pair[2] = {conv(tape, b + 2, from), conv(tape, b + 3, from)};
    tape->concat[first] = concat(tape, 2, pair);
    from = chain(tape, b + 4, 2, x);
    uint32_t pair_double[2] = {conv(tape, b + 6, from), conv(tape, b + 7, from)};
    tape->concat[first + 1] = concat(tape, 2, pair_double);
    uint32_t branches[4] = {single, tape->concat[first], tape->concat[first + 1],
                            conv(tape, b + 8, avg_pool(tape, x))};
    return concat(tape, 4, branches);
}

static uint32_t block(struct rv_ref_tape *tape, uint32_t number, uint32_t x) {
    if (number == 0)
        return stem(tape, x);
    uint32_t b = rv_convs_to_block[number - 1];
    if (number <= 3)
        return block_5x5(tape, b, x);
    if (number == 4)
        return mixed3(tape, b, x);
    if (number <= 8)
        return block_7x7(tape, b, x);
    if (number == 9)
        return mixed8(tape, b, x);
    return block_split(tape, b, x, number == 10 ? 0 : 2);
}

static void forward(struct rv_ref_tape *tape, uint32_t height, uint32_t width, const double *image,
                    uint32_t depth) {
    uint32_t x = append(tape, (struct node){.kind = NODE_IMAGE, .shape = {height, width, 3}});
    if (!tape->failed)
        memcpy(tape->nodes[x].value, image, sizeof(*image) * height * width * 3);
    for (uint32_t b = 0; b <= depth && !tape->failed; b++)
        x = tape->block[b] = block(tape, b, x);
}

// ------------------------------------------------------------------------------------------------
// Backward

// The node's gradient, zero if this is the first contribution.
static double *gradient_of(struct rv_ref_tape *tape, uint32_t at) {
    struct node *node = &tape->nodes[at];
    if (!node->gradient)
        node->gradient = allocate(tape, volume(node->shape), sizeof(double));
    return node->gradient;
}

static void add_into(struct rv_ref_tape *tape, uint32_t at, const double *contribution) {
    double *gradient = gradient_of(tape, at);
    for (size_t i = 0; gradient && i < volume(tape->nodes[at].shape); i++)
        gradient[i] += contribution[i];
}

// The gradient by the node's one input, into `gx`.
static void backward_single(struct rv_ref_tape *tape, struct node *node,
                            const struct rv_ref_decisions *follow, double *gx) {
    const struct node *from = &tape->nodes[node->inputs[0]];
    const struct rv_ref_shape shape = from->shape;
    const uint8_t *decision = NULL;
    switch (node->kind) {
    case NODE_CONV:
        decision = follow && follow->relu[node->index] ? follow->relu[node->index] : node->decision;
        rv_ref_relu_backward(volume(node->shape), node->gradient, decision, node->gradient);
        for (size_t i = 0; node->gradient_z && i < volume(node->shape); i++)
            node->gradient[i] += node->gradient_z[i];
        struct rv_ref_conv conv_info = conv_shape(from, node->index);
        rv_ref_conv_backward(&conv_info, node->gradient, tape->weights->conv[node->index].kernel,
                             gx);
        break;
    case NODE_MAX_POOL:
        decision =
            follow && follow->argmax[node->index] ? follow->argmax[node->index] : node->decision;
        rv_ref_max_pool_backward(shape.height, shape.width, shape.channels, node->gradient,
                                 decision, gx);
        break;
    default:
        rv_ref_avg_pool_backward(shape.height, shape.width, shape.channels,
                                 tape->weights->pool_counts_padding, node->gradient, gx);
        break;
    }
}

static void backward_concat(struct rv_ref_tape *tape, const struct node *node) {
    uint32_t offset = 0;
    for (uint32_t i = 0; i < node->input_count; i++) {
        struct rv_ref_shape shape = tape->nodes[node->inputs[i]].shape;
        double *part = gradient_of(tape, node->inputs[i]);
        if (part)
            copy_part(node, offset, shape, part, true);
        offset += shape.channels;
    }
}

static void backward(struct rv_ref_tape *tape, const struct rv_ref_decisions *follow) {
    for (uint32_t at = tape->count; at-- > 1 && !tape->failed;) {
        struct node *node = &tape->nodes[at];
        if (!node->gradient)
            continue;
        if (node->kind == NODE_CONCAT) {
            backward_concat(tape, node);
        } else {
            struct rv_ref_shape from = tape->nodes[node->inputs[0]].shape;
            double *gx = allocate(tape, volume(from), sizeof(double));
            if (gx) {
                backward_single(tape, node, follow, gx);
                add_into(tape, node->inputs[0], gx);
            }
            free(gx);
        }
        free(node->gradient);
        node->gradient = NULL;
    }
}

// ------------------------------------------------------------------------------------------------
// Layers and targets

// The node whose value, z or unbiased z the layer is; 0 if not reached.
static uint32_t node_of(const struct rv_ref_tape *tape, const struct rv_layer *layer) {
    switch (layer->kind) {
    case RV_LAYER_MAX_POOL:
        return tape->pool[layer->index];
    case RV_LAYER_CONCAT:
        return tape->concat[layer->index];
    case RV_LAYER_BLOCK:
        return tape->block[layer->index + 1];
    default:
        return tape->conv[layer->index];
    }
}

double *rv_ref_run_activation(const struct rv_ref_run *run, const struct rv_layer *layer,
                              struct rv_ref_shape *shape) {
    uint32_t at = node_of(run->tape, layer);
    const struct node *node = &run->tape->nodes[at];
    double *copy = at ? calloc(volume(node->shape) + 1, sizeof(*copy)) : NULL;
    if (!copy)
        return NULL;
    bool before = layer->kind == RV_LAYER_CONV || layer->kind == RV_LAYER_BATCH_NORM;
    memcpy(copy, before ? node->z : node->value, volume(node->shape) * sizeof(*copy));
    if (layer->kind == RV_LAYER_CONV) {
        const struct rv_conv_weights *weights = &run->tape->weights->conv[layer->index];
        for (size_t i = 0; i < volume(node->shape); i++) {
            size_t c = i % node->shape.channels;
            copy[i] = (copy[i] - weights->bias[c]) / weights->scale[c];
        }
    }
    *shape = node->shape;
    return copy;
}

// Adds one target's loss and seeds its gradient.
static enum rv_status add_target(struct rv_ref_run *run, const struct rv_target *target,
                                 enum rv_objective objective, uint32_t border) {
    struct rv_ref_tape *tape = run->tape;
    uint32_t at = node_of(tape, target->layer);
    struct node *node = &tape->nodes[at];
    struct rv_ref_shape shape;
    double *activation = rv_ref_run_activation(run, target->layer, &shape);
    double *seed = allocate(tape, volume(node->shape), sizeof(double));
    // A target before the ReLU still needs the node's gradient, or backward would pass it by.
    if (activation && seed && gradient_of(tape, at)) {
        bool before =
            target->layer->kind == RV_LAYER_CONV || target->layer->kind == RV_LAYER_BATCH_NORM;
        if (before && !node->gradient_z)
            node->gradient_z = allocate(tape, volume(shape), sizeof(double));
        double *into = before ? node->gradient_z : node->gradient;
        run->loss += rv_ref_objective(objective, shape.height, shape.width, shape.channels,
                                      activation, border, target->channel, target->weight, seed);
        for (size_t i = 0; into && i < volume(shape); i++)
            into[i] += target->layer->kind == RV_LAYER_CONV
                           ? seed[i] / tape->weights->conv[node->index].scale[i % shape.channels]
                           : seed[i];
    }
    bool failed = !activation || tape->failed;
    free(activation);
    free(seed);
    return failed ? rv_fail(RV_ERR_NO_MEMORY, "reference network: out of memory") : RV_OK;
}

// ------------------------------------------------------------------------------------------------
// The run

// Publishes decisions and shapes, and moves the image's gradient out of the tape.
static enum rv_status finish(struct rv_ref_run *run) {
    struct rv_ref_tape *tape = run->tape;
    for (uint32_t i = 1; i < tape->count; i++) {
        const struct node *node = &tape->nodes[i];
        if (node->kind == NODE_CONV) {
            run->own.relu[node->index] = node->decision;
            run->conv[node->index] = node->shape;
        } else if (node->kind == NODE_MAX_POOL) {
            run->own.argmax[node->index] = node->decision;
            run->pool[node->index] = node->shape;
        }
    }
    run->gradient = tape->failed ? NULL : gradient_of(tape, 0);
    tape->nodes[0].gradient = NULL;
    return run->gradient ? RV_OK : rv_fail(RV_ERR_NO_MEMORY, "reference network: out of memory");
}

static uint32_t deepest(const struct rv_target *targets, uint32_t count, uint32_t depth) {
    for (uint32_t i = 0; i < count; i++)
        if (targets[i].layer->info.block > depth)
            depth = targets[i].layer->info.block;
    return depth;
}

enum rv_status rv_ref_network_run(const struct rv_weights *weights, uint32_t height, uint32_t width,
                                  const double *image, const struct rv_target *targets,
                                  uint32_t target_count, const struct rv_ref_options *options,
                                  struct rv_ref_run **out) {
    const struct rv_ref_options defaults = {0};
    enum rv_status status = RV_OK;
    *out = NULL;
    if (!options)
        options = &defaults;
    uint32_t depth = deepest(targets, target_count, options->depth);
    if (height < 75 || width < 75)
        return rv_fail(RV_ERR_INPUT, "reference network: %u x %u is smaller than 75 x 75", width,
                       height);
    if (depth > RV_BLOCK_COUNT || weights->conv_count < rv_convs_to_block[depth])
        return rv_fail(RV_ERR_WEIGHTS, "reference network: the weights do not reach block %u",
                       depth);
    struct rv_ref_run *run = calloc(1, sizeof(*run));
    if (run)
        run->tape = calloc(1, sizeof(*run->tape));
    if (!run || !run->tape) {
        status = rv_fail(RV_ERR_NO_MEMORY, "reference network: out of memory");
        goto done;
    }
    run->tape->weights = weights;
    forward(run->tape, height, width, image, depth);
    for (uint32_t i = 0; i < target_count && !run->tape->failed; i++)
        RV_TRY(add_target(run, &targets[i], options->objective, options->border));
    backward(run->tape, options->follow);
    RV_TRY(finish(run));
done:
    if (status != RV_OK)
        rv_ref_run_destroy(&run);
    *out = run;
    return status;
}

void rv_ref_run_destroy(struct rv_ref_run **run) {
    if (!run || !*run)
        return;
    struct rv_ref_tape *tape = (*run)->tape;
    for (uint32_t i = 0; tape && i < tape->count; i++) {
        struct node *node = &tape->nodes[i];
        free(node->value);
        free(node->z);
        free(node->decision);
        free(node->gradient);
        free(node->gradient_z);
    }
    free(tape);
    free((*run)->gradient);
    free(*run);
    *run = NULL;
}
