// InceptionV3 as data: its 94 convolutions in Keras' order of creation, which is also the order of
// torchvision's modules. Everything else about the network follows from this table and graph.c.
#ifndef RV_NET_INCEPTION_V3_H
#define RV_NET_INCEPTION_V3_H

#include <stdint.h>

#define RV_CONV_COUNT 94
#define RV_CONV_MAX_OUT 448     // output channels of the widest convolution
#define RV_BLOCK_COUNT 11       // mixed0 .. mixed10
#define RV_BATCH_NORM_EPSILON 1e-3 // the same in Keras, TF-Slim, torchvision and timm

struct rv_conv_info {
    const char *torchvision; // module name without ".conv" / ".bn": "Mixed_5b.branch5x5_1"
    uint16_t in, out;        // channels
    uint8_t height, width;   // of the kernel
    uint8_t stride;          // 1 or 2, both axes
    uint8_t same;            // 1 = zero padding that keeps the size, 0 = valid
    uint8_t block;           // 0 = stem, 1 = mixed0, ... 11 = mixed10
};

// Index i is Keras' conv2d_i (conv2d for 0) in a fresh session.
extern const struct rv_conv_info rv_convs[RV_CONV_COUNT];

// Number of convolutions needed to reach block b (0 = stem .. 11 = mixed10): conv index < this.
extern const uint8_t rv_convs_to_block[RV_BLOCK_COUNT + 1];

#endif
