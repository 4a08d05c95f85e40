// InceptionV3's weights in host memory, batch normalisation folded into the convolutions.
#ifndef RV_NET_WEIGHTS_H
#define RV_NET_WEIGHTS_H

#include "reverie/reverie.h"
#include "net/inception_v3.h"

struct rv_conv_weights {
    float *kernel; // [height][width][in][out]: original kernel times `scale` of its output channel
    float *bias;   // [out]: beta - mean * scale
    float *scale;  // [out]: gamma / sqrt(variance + 1e-3), so that conv2d_i = (z - bias) / scale
};

struct rv_weights {
    uint32_t conv_count;        // 5, 12, 19, ... 94: a value of rv_convs_to_block
    bool pool_counts_padding;   // 3x3 average pooling divides by 9 at the borders (torchvision)
                                // rather than by the in-bounds count (Keras)
    struct rv_conv_weights conv[RV_CONV_COUNT]; // the first conv_count are set
    float *storage;             // owned; all arrays point into it
};

// Allocates the arrays of `conv_count` convolutions, zeroed. Owned by the caller.
enum rv_status rv_weights_create(uint32_t conv_count, bool pool_counts_padding,
                                 struct rv_weights **weights);

// Checks the parts of convolution `index` (shapes as for rv_weights_fold): RV_ERR_WEIGHTS, naming
// the tensor, on a non-finite value or a variance < 0.
enum rv_status rv_weights_check(uint32_t index, const float *kernel, const float *gamma,
                                const float *beta, const float *mean, const float *variance);

// Folds convolution `index`. kernel is [out][in][height][width]; gamma may be NULL (1); gamma, beta,
// mean and variance are [out]. Computes in double, stores float32. Fails as rv_weights_check does,
// and also when a folded value leaves float32's range.
enum rv_status rv_weights_fold(struct rv_weights *weights, uint32_t index, const float *kernel,
                               const float *gamma, const float *beta, const float *mean,
                               const float *variance);

// The deepest block that `conv_count` convolutions reach: "stem", "mixed0", ... "mixed10".
const char *rv_weights_depth_name(uint32_t conv_count);

// The n-th number of the random sequence `seed` (splitmix64's output function), by index, so that
// any element can be had without the ones before it and in any language.
static inline uint64_t rv_hash(uint64_t seed, uint64_t n) {
    uint64_t z = seed + (n + 1) * UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

// The same as a number in [0, 1): a multiple of 2^-24, so exact in float32.
static inline double rv_hash_uniform(uint64_t seed, uint64_t n) {
    return (double)(rv_hash(seed, n) >> 40) / 16777216.0;
}

#endif
