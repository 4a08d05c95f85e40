// The committed goldens: what tools/make-goldens computed with an independent implementation of the
// network, and the comparison of our own results with them.
#ifndef RV_TESTS_GOLDEN_H
#define RV_TESTS_GOLDEN_H

#include <jansson.h>

#include "net/weights.h"
#include "support/compare.h"

#define RV_GOLDEN_ACTIVATIONS 4

// A tensor [height][width][channels] of which every stride-th element was kept.
struct rv_golden_tensor {
    char layer[32]; // Keras' name; empty for the gradient
    uint32_t height, width, channels;
    size_t stride, count;
    const float *samples; // [count]: elements 0, stride, 2 stride, ...
    double norm;          // Euclidean norm of the whole tensor
};

// One run of the network: what went in, what must come out.
struct rv_golden_case {
    char name[96];            // says it all, for messages
    bool random;              // rv_weights_random(seed), else the default file's weights
    bool pool_counts_padding; // to be set in the weights
    bool noise;               // the picture is noise of that seed, else photo.png's upper left
    uint64_t seed;
    uint32_t width, height;
    char layers[64]; // as rv_params::layers
    enum rv_objective objective;
    uint32_t border;
    double loss;
    uint32_t activation_count; // the layers of the objective
    struct rv_golden_tensor activations[RV_GOLDEN_ACTIVATIONS];
    struct rv_golden_tensor gradient; // of the loss by the picture scaled to [-1, 1]
};

struct rv_goldens {
    struct rv_golden_case *cases;
    size_t count;
    float *data[2]; // samples: random weights, default weights
    struct rv_picture photo;
};

// Reads goldens.json, the samples and photo.png of `folder`. RV_ERR_INPUT says which is damaged.
enum rv_status rv_goldens_load(const char *folder, struct rv_goldens *goldens);
void rv_goldens_free(struct rv_goldens *goldens);

// What such files are made of: a sampled tensor as JSON has it, false if it is damaged; and the
// samples, little-endian float32, as every machine that runs the tests has them. Freed with free().
bool rv_golden_tensor_read(json_t *json, const float *data, size_t available,
                           struct rv_golden_tensor *tensor);
enum rv_status rv_golden_samples_read(const char *path, float **samples, size_t *count);

// The picture of a case in 0..1. Freed by the caller with rv_picture_free.
enum rv_status rv_golden_picture(const struct rv_goldens *goldens,
                                 const struct rv_golden_case *golden, struct rv_picture *picture);

// Compares a whole tensor of the golden's shape, in double or in float, with the golden's samples.
struct rv_comparison rv_golden_compare(const struct rv_golden_tensor *golden, const double *tensor);
struct rv_comparison rv_golden_compare_float(const struct rv_golden_tensor *golden,
                                             const float *tensor);

#endif
