// The plan: which operations run, on which bytes, in which order. A pure function of the picture's
// size and of what is wanted; no device, no Vulkan. The recorder, the profiler, the benchmark and
// the tests walk the same array of steps.
//
// Layout of a tensor [height, width, channels]: blocks of 16 channels, each a plane of pixels in
// row order, each pixel 16 floats or halves (nChw16c). A range of channels is thus a contiguous
// range of bytes: concatenation is an offset, and every hazard is an overlap of byte ranges. The
// picture and its gradient are one plane of 4 floats a pixel (RGB and a zero). Planes are padded to
// 256 bytes.
//   mask    one bit an element: words of 4 pixels x 8 channels, bit = pixel % 4 * 8 + channel % 8;
//           a plane of 16 channels holds two words for every 4 pixels
//   argmax  four bits an element, 0..8 in row order: words of 1 pixel x 8 channels, two a pixel
#ifndef RV_NET_PLAN_H
#define RV_NET_PLAN_H

#include "net/graph.h"
#include "net/weights.h"

#define RV_PLAN_ALIGNMENT 256 // bytes; no Vulkan device may ask for more
#define RV_PLAN_STEP_MAX 1024
#define RV_PLAN_TENSOR_MAX 1024
#define RV_PLAN_ACCESS_MAX 8
#define RV_LOSS_PARTIALS 4096 // partial sums of one target

enum rv_plan_kind {
    RV_TENSOR_FLOATS, // blocks of 16 channels; halves where the tensor says fp16
    RV_TENSOR_PIXELS, // one plane of vec4: the picture, its gradient
    RV_TENSOR_MASK,
    RV_TENSOR_ARGMAX,
    RV_TENSOR_LINES,   // plain floats: `channels` of them
    RV_TENSOR_PARTIALS // blocks of 16 floats, whatever the precision: a target's partial sums
};

// Which buffer a tensor lives in.
enum rv_plan_space {
    RV_SPACE_ARENA,    // planned here
    RV_SPACE_PICTURE,  // the octave's picture
    RV_SPACE_GRADIENT, // the gradient with respect to it
    RV_SPACE_LOSS,     // one float a target, weighted
    RV_SPACE_FEATURES, // of the guide and the style: made once, read by every gradient
    RV_SPACE_CONTENT,  // the content's picture, of the picture's size
    RV_SPACE_GUIDE,    // the guide, of the picture's size
    RV_SPACE_COUNT
};

struct rv_plan_tensor {
    char name[32];
    enum rv_plan_kind kind;
    enum rv_plan_space space;
    uint32_t height, width, channels;
    bool fp16;                        // FLOATS: halves
    uint64_t plane_bytes;             // of 16 channels (or of all, where there is one plane)
    uint64_t bytes, offset;           // in its buffer
    uint32_t first_level, last_level; // it is alive from .. to, both included
    bool kept;                        // alive to the end: somebody reads it after the run
};

enum rv_op {
    RV_OP_CONV,
    RV_OP_MAX_POOL,
    RV_OP_MAX_POOL_GRADIENT,
    RV_OP_AVG_POOL,
    RV_OP_AVG_POOL_GRADIENT,
    RV_OP_SEED,          // the objective's gradient at a layer
    RV_OP_LOSS_PARTIAL,  // partial sums of one target
    RV_OP_LOSS_SUM,      // their total, times the weight
    RV_OP_GRAM,          // shares of a layer's Gram matrix
    RV_OP_GRAM_SUM,      // their sum, as it is or beside the style's
    RV_OP_GRAM_GRADIENT, // the style's gradient at a layer
    RV_OP_MATCH,         // the guide's best columns, one for each share of them
    RV_OP_MATCH_GATHER,  // the best of all
    RV_OP_CHANNEL_MEANS, // of a layer
    RV_OP_COUNT
};

// What an access is to its operation; the kernels' binding slots follow from it.
enum rv_role {
    RV_ROLE_SOURCE,   // first source
    RV_ROLE_SOURCE_B, // second source
    RV_ROLE_TARGET,   // result
    RV_ROLE_TARGET_B, // second result
    RV_ROLE_MASK,     // written forward, read backward
    RV_ROLE_MASK_B,
    RV_ROLE_SEED, // activations the objective's gradient is computed from
    RV_ROLE_ARGMAX,
    RV_ROLE_REFERENCE // another picture's values, beside those of role SEED or SOURCE
};

struct rv_plan_access {
    enum rv_role role;
    bool reads, writes;
    uint32_t tensor, channel, channels; // a slice of a plan tensor
};

// What a seed's reference is.
enum rv_plan_reference {
    RV_REFERENCE_NONE,
    RV_REFERENCE_VALUES,  // a value for each of the layer's
    RV_REFERENCE_CHANNELS // a value for each channel
};

// The gradient of one target, as an affine function of the activation y = alpha * z + beta and of
// a reference r: constant + linear * y + other * r for channels [first, end), inside the border,
// and, of a neuron, at its position, else 0. Its loss: constant * sum(y), linear / 2 * sum(y^2) or,
// with a reference, other * sum(y * r) or, if there is `linear` too, linear / 2 * sum((y - r)^2).
// A style's: linear * the difference of the Gram matrices * y; its loss constant times its square.
struct rv_plan_seed {
    bool active;
    float constant, linear, other;
    enum rv_plan_reference reference;
    bool neuron;
    uint32_t x, y;       // position of the neuron
    uint32_t first, end; // channels, relative to the access of role SEED or TARGET
    uint32_t border;     // positions left out at each edge of the whole picture
    uint32_t stride;     // pixels a position
    uint32_t affine;     // 1 + convolution whose scale and bias give alpha and beta; 0 = identity
};

// One source of a convolution: kernel taps read at out * scale + origin + tap, zero outside. With
// parity, those of the first source follow from rv_plan_parity_taps.
struct rv_plan_source {
    uint32_t channels;
    int32_t tap_height, tap_width, origin_y, origin_x;
    uint32_t scale; // 1 or 2
};

// Where the numbers of a packed weight block come from: convolution `conv` occupies input channels
// from `k` of source `source` and output channels from `n`.
struct rv_plan_part {
    uint32_t conv, source, k, n;
    bool bias; // forward, unless an average pooling adds it later
};

struct rv_plan_conv {
    bool backward;
    bool add;    // adds to what the target holds
    bool wrap;   // forward: the source is the picture, rolled by the jitter
    bool image;  // backward: the target is the picture's gradient, rolled back
    bool parity; // backward of 3x3, stride 2: four convolutions in one step, each over the
                 // taps that reach the target's pixels (2y + i / 2, 2x + i % 2); a second
                 // source is 1x1 and of the target's size; packed one after the other
    uint32_t grid_height, grid_width; // output positions; of the first of the four with parity
    uint32_t channels; // output channels computed: of TARGET, then of TARGET_B; the picture: 8
    uint32_t split;    // first channel that goes to TARGET_B; = channels if there is none
    uint32_t relu;     // channels [0, relu) have bias+ReLU forward, the mask backward
    struct rv_plan_source source[2]; // the second has channels = 0 if there is none
    struct rv_plan_part parts[4];
    uint32_t part_count;
    uint64_t weights_offset, weights_bytes; // in the packed weights
};

struct rv_step {
    enum rv_op op;
    char label[48];
    uint32_t level;
    struct rv_plan_access access[RV_PLAN_ACCESS_MAX];
    uint32_t access_count;
    struct rv_plan_conv conv;
    struct rv_plan_seed seed; // SEED; fused into a backward CONV; the sum of LOSS_PARTIAL
    uint32_t index;           // max-pool: its number; avg-pool: its convolution; loss: its target
    bool flag;                // AVG_POOL: ReLU and mask; pools' gradients: apply the mask;
                              // SEED: overwrite rather than add
    bool counts_padding;      // average pooling divides by 9 everywhere
    uint32_t parts;           // GRAM, GRAM_SUM, MATCH, MATCH_GATHER: shares that are summed, or of
                              // which the best is taken, after
    uint64_t constants_offset, constants_bytes; // per-channel constants in the packed weights
    double flops, bytes;                        // multiply-adds count twice; bytes moved at least
};

struct rv_plan_request {
    uint32_t height, width;
    // If this is a tile: of the picture it is cut from, which differ by multiples of 32. 0 = this
    // is the whole picture.
    uint32_t whole_height, whole_width;
    const struct rv_target *targets; // either targets or layers to keep
    uint32_t target_count;
    enum rv_objective objective;
    uint32_t border;
    const struct rv_layer *const *keep; // forward only: layers whose values are read after
    uint32_t keep_count;
    // The size at which the guide's features are made, of targets that compare with its columns or
    // sums.
    uint32_t guide_height, guide_width;
    // Instead of losses and gradient: the features of the guide or the style, which is the picture
    // then. The packed weights are those of the dream's plan.
    enum rv_plan_makes { RV_MAKES_GRADIENT, RV_MAKES_GUIDE, RV_MAKES_STYLE } makes;
    bool pool_counts_padding;
    bool fp16;     // tensors and weights as halves; the picture, its gradient, losses, and
                   // constants of channels stay floats
    bool no_alias; // give every tensor bytes of its own (tests)
    bool keep_all; // nothing is overwritten (tests that look at masks)
};

struct rv_plan {
    struct rv_graph graph;
    struct rv_plan_tensor tensors[RV_PLAN_TENSOR_MAX];
    uint32_t tensor_count;
    struct rv_step steps[RV_PLAN_STEP_MAX]; // sorted by level
    uint32_t step_count, level_count;
    uint64_t arena_bytes, weights_bytes;
    uint64_t features_bytes; // in RV_SPACE_FEATURES, the same for all sizes of a dream
    uint64_t live_bytes;     // most bytes alive at one level: no arena can be smaller
    double flops, bytes;
    bool fp16;
    int32_t seed_exponent; // every gradient but the picture's is 2^seed_exponent times its value:
                           // 1/N would be lost in halves. Seeds are multiplied by it when they
                           // are recorded, the picture's gradient is divided by it
    // For the graph's tensors: plan tensors of their activations, masks and gradients; for pools:
    // argmax; for kept pre-activations: by convolution. UINT32_MAX = none.
    uint32_t activation[RV_GRAPH_TENSOR_MAX], mask[RV_GRAPH_TENSOR_MAX],
        gradient[RV_GRAPH_TENSOR_MAX], argmax[4], before_relu[RV_CONV_COUNT];
    uint32_t loss_partials, loss;
};

// Taps along one axis that reach the even (odd = 0) or odd pixels through a kernel of 3, stride 2.
static inline uint32_t rv_plan_parity_taps(uint32_t odd) {
    return 2 - odd;
}

// Makes a plan (about a megabyte, so on the heap). Freed with free().
enum rv_status rv_plan_create(const struct rv_plan_request *request, struct rv_plan **plan);

// The slice of a plan tensor that holds a layer's values (before ReLU for conv2d and
// batch_normalization layers). False if the plan does not compute it.
bool rv_plan_find(const struct rv_plan *plan, const struct rv_layer *layer,
                  struct rv_plan_access *slice);

// Bytes of the part of its tensor that an access covers.
uint64_t rv_plan_access_bytes(const struct rv_plan *plan, const struct rv_plan_access *access);

// Numbers in the packed weights of 8 output channels, in one of the (four) convolutions of a step.
uint64_t rv_plan_block_floats(const struct rv_plan_conv *conv, uint32_t parity);

// Fills the packed weights that the steps refer to: [plan->weights_bytes] bytes. Layout of a
// convolution: for every 8 output channels, source, tap and input channel 8 weights, as floats or
// halves. Constants, always floats: of a forward convolution and of average pooling the biases; of
// a seed alpha, then beta.
void rv_plan_pack(const struct rv_plan *plan, const struct rv_weights *weights, void *packed);

// Writes the plan as text, one step a line.
void rv_plan_print(const struct rv_plan *plan, void *stream);

#endif
