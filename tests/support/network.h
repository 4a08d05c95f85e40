// The whole InceptionV3 in plain C and double precision, forward and backward: what the network on
// the device is tested against. Its weights are the library's (float, batch normalisation folded);
// everything else is its own.
#ifndef RV_TESTS_NETWORK_H
#define RV_TESTS_NETWORK_H

#include "dream/objective.h"
#include "net/weights.h"

#define RV_REF_POOL_COUNT 4 // max_pooling2d_0, _1 (stem), _2 (in mixed3), _3 (in mixed8)

struct rv_ref_shape {
    uint32_t height, width, channels;
};

// The choices that make the network piecewise linear. relu[i] is conv2d_i's mask, [h][w][out],
// 1 = passes, 0 = stops; argmax[p] is max-pool p's winning tap 0..8 in row order, [h][w][channels].
struct rv_ref_decisions {
    const uint8_t *relu[RV_CONV_COUNT];
    const uint8_t *argmax[RV_REF_POOL_COUNT];
};

// Valid as {0}: mean objective, no border, as deep as the targets need, own decisions.
struct rv_ref_options {
    enum rv_objective objective; // default mean
    uint32_t border;             // activations left out of the objective at each edge
    uint32_t depth;              // compute at least to this block (1 = mixed0 .. 11 = mixed10)
    const struct rv_ref_decisions *follow; // each non-NULL array replaces the reference's own
                                           // decisions in the backward pass; values computed
                                           // forward are not changed. Borrowed during the call
};

// The result of one run. Everything is owned by the run.
struct rv_ref_run {
    double loss;
    double *gradient;            // of the loss by the input, [height][width][3]; zero where no
                                 // target sees it
    struct rv_ref_decisions own; // the reference's own decisions; NULL beyond the depth reached
    struct rv_ref_shape conv[RV_CONV_COUNT];     // shapes of conv2d_i's output (and of relu[i])
    struct rv_ref_shape pool[RV_REF_POOL_COUNT]; // shapes of the max-pools' outputs (and argmax)
    struct rv_ref_tape *tape;                    // the operations and their values
};

// Runs the network once. The weights must outlive the run. image is [height][width][3] RGB in [-1,
// 1], at least 75 x 75; targets may be NULL if target_count is 0 (no backward pass: gradient all
// zero). options may be NULL. Fails with RV_ERR_WEIGHTS if the weights do not reach a target or the
// depth, RV_ERR_INPUT if the image is too small. On failure *run is NULL.
enum rv_status rv_ref_network_run(const struct rv_weights *weights, uint32_t height, uint32_t width,
                                  const double *image, const struct rv_target *targets,
                                  uint32_t target_count, const struct rv_ref_options *options,
                                  struct rv_ref_run **run);

// Frees a run and clears the pointer; NULL is accepted.
void rv_ref_run_destroy(struct rv_ref_run **run);

// The activation of any layer the run computed: conv2d_i (without bias, before batch
// normalisation), batch_normalization_i, activation_i, max_pooling2d_i, a concatenation or mixedN.
// Fills *shape and returns a new array [height][width][channels], freed by the caller with free();
// NULL if the run did not reach the layer.
double *rv_ref_run_activation(const struct rv_ref_run *run, const struct rv_layer *layer,
                              struct rv_ref_shape *shape);

#endif
