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

// Folds convolution `index`. kernel is [out][in][height][width]; gamma may be NULL (1); gamma, beta,
// mean and variance are [out]. Fails with RV_ERR_WEIGHTS on a non-finite value or a variance < 0.
enum rv_status rv_weights_fold(struct rv_weights *weights, uint32_t index, const float *kernel,
                               const float *gamma, const float *beta, const float *mean,
                               const float *variance);

#endif
