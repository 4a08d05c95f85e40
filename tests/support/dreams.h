// What the tests of whole dreams share: small weights, small pictures, how far pictures are apart.
#ifndef RV_TESTS_DREAMS_H
#define RV_TESTS_DREAMS_H

#include "net/weights.h"

// Random weights up to mixed0 without biases, kernels times `scale`: quick to make and to run.
// Owned by the caller.
rv_weights *rv_test_weights(float scale);

// A noise picture. Freed by the caller with rv_picture_free.
struct rv_picture rv_test_noise(uint64_t seed, uint32_t width, uint32_t height);

// Dreams and fails the running test unless that is RV_OK. `what` stands in the message.
struct rv_picture rv_test_dream(rv_context *context, const rv_weights *weights,
                                const struct rv_picture *input, const struct rv_params *params,
                                const char *what);

// The root of the mean squared difference of two pictures of the same size, in 0..1.
double rv_test_distance(const struct rv_picture *a, const struct rv_picture *b);

#endif
