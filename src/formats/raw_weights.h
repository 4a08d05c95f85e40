// InceptionV3's weights as files hold them: kernels and batch normalisation apart, under
// torchvision's names. What every importer fills, and what is read from our own file.
#ifndef RV_FORMATS_RAW_WEIGHTS_H
#define RV_FORMATS_RAW_WEIGHTS_H

#include "formats/safetensors.h"
#include "net/weights.h"

enum rv_part { RV_KERNEL, RV_GAMMA, RV_BETA, RV_MEAN, RV_VARIANCE, RV_PART_COUNT };

struct rv_raw_weights {
    uint32_t conv_count;
    bool pool_counts_padding;
    char source[128];       // what the weights were imported from, in words
    char source_sha256[65]; // of the source's files; "" = unknown
    char source_md5[33];    // the same, where the source's publisher gives an MD5; "" = none
    // Kernels [out][in][height][width], the others [out]. Gamma is NULL where the source has none.
    float *parts[RV_CONV_COUNT][RV_PART_COUNT];
    float *storage; // owned
};

// Elements of one part of convolution `index`.
size_t rv_part_count(uint32_t index, enum rv_part part);
// Its dimensions, kernels as [out, in, height, width]. Returns the rank, 4 or 1.
uint32_t rv_part_shape(uint32_t index, enum rv_part part, uint64_t shape[4]);
// Its name: "Mixed_5b.branch1x1.conv.weight", "Mixed_5b.branch1x1.bn.running_var".
void rv_part_name(uint32_t index, enum rv_part part, char name[64]);

// Allocates the parts of `conv_count` convolutions, zeroed, with or without gammas.
enum rv_status rv_raw_weights_init(struct rv_raw_weights *raw, uint32_t conv_count,
                                   bool with_gamma);
void rv_raw_weights_finish(struct rv_raw_weights *raw);

// RV_ERR_WEIGHTS on a value that is not finite or a negative variance; `label` names the source.
enum rv_status rv_raw_weights_check(const struct rv_raw_weights *raw, const char *label);

// Keras' kernel order [height][width][in][out] into ours.
void rv_kernel_from_keras(uint32_t index, const float *keras, float *kernel);

#endif
