#include "net/weights.h"

#include <math.h>
#include <stdlib.h>

#include "base/status.h"

static size_t kernel_size(const struct rv_conv_info *info) {
    return (size_t)info->height * info->width * info->in * info->out;
}

enum rv_status rv_weights_create(uint32_t conv_count, bool pool_counts_padding,
                                 struct rv_weights **weights) {
    *weights = NULL;
    if (conv_count > RV_CONV_COUNT)
        return rv_fail(RV_ERR_USAGE, "%u convolutions asked for; InceptionV3 has %d",
                       (unsigned)conv_count, RV_CONV_COUNT);
    size_t total = 0;
    for (uint32_t i = 0; i < conv_count; i++)
        total += kernel_size(&rv_convs[i]) + 2 * (size_t)rv_convs[i].out;

    struct rv_weights *new_weights = calloc(1, sizeof *new_weights);
    float *storage = calloc(total ? total : 1, sizeof *storage);
    if (!new_weights || !storage) {
        free(new_weights);
        free(storage);
        return rv_fail(RV_ERR_NO_MEMORY, "no memory for %zu MB of weights", total * 4 / 1000000);
    }
    new_weights->conv_count = conv_count;
    new_weights->pool_counts_padding = pool_counts_padding;
    new_weights->storage = storage;
    for (uint32_t i = 0; i < conv_count; i++) {
        struct rv_conv_weights *conv = &new_weights->conv[i];
        conv->kernel = storage;
        conv->bias = conv->kernel + kernel_size(&rv_convs[i]);
        conv->scale = conv->bias + rv_convs[i].out;
        storage = conv->scale + rv_convs[i].out;
    }
    *weights = new_weights;
    return RV_OK;
}

void rv_weights_destroy(rv_weights **weights) {
    if (!weights || !*weights)
        return;
    free((*weights)->storage);
    free(*weights);
    *weights = NULL;
}

static enum rv_status check_finite(uint32_t index, const char *tensor, const float *values,
                                   size_t count) {
    for (size_t e = 0; e < count; e++)
        if (!isfinite(values[e]))
            return rv_fail(RV_ERR_WEIGHTS,
                           "%s.%s[%zu] is not a finite number: the weights are "
                           "damaged, import them again",
                           rv_convs[index].torchvision, tensor, e);
    return RV_OK;
}

enum rv_status rv_weights_check(uint32_t index, const float *kernel, const float *gamma,
                                const float *beta, const float *mean, const float *variance) {
    const struct rv_conv_info *info = &rv_convs[index];
    enum rv_status status;
    RV_TRY(check_finite(index, "conv.weight", kernel, kernel_size(info)));
    if (gamma)
        RV_TRY(check_finite(index, "bn.weight", gamma, info->out));
    RV_TRY(check_finite(index, "bn.bias", beta, info->out));
    RV_TRY(check_finite(index, "bn.running_mean", mean, info->out));
    RV_TRY(check_finite(index, "bn.running_var", variance, info->out));
    for (uint32_t o = 0; o < info->out; o++)
        if (variance[o] < 0)
            return rv_fail(RV_ERR_WEIGHTS,
                           "%s.bn.running_var[%u] is negative: the weights are "
                           "damaged, import them again",
                           info->torchvision, (unsigned)o);
done:
    return status;
}

enum rv_status rv_weights_fold(struct rv_weights *weights, uint32_t index, const float *kernel,
                               const float *gamma, const float *beta, const float *mean,
                               const float *variance) {
    if (index >= weights->conv_count)
        return rv_fail(RV_ERR_USAGE, "convolution %u of %u cannot be set", (unsigned)index,
                       (unsigned)weights->conv_count);
    enum rv_status status = rv_weights_check(index, kernel, gamma, beta, mean, variance);
    if (status != RV_OK)
        return status;

    const struct rv_conv_info *info = &rv_convs[index];
    struct rv_conv_weights *conv = &weights->conv[index];
    const size_t taps = (size_t)info->height * info->width;
    for (size_t o = 0; o < info->out; o++) {
        const double scale = (gamma ? gamma[o] : 1.0) / sqrt(variance[o] + RV_BATCH_NORM_EPSILON);
        conv->scale[o] = (float)scale;
        conv->bias[o] = (float)(beta[o] - mean[o] * scale);
        for (size_t i = 0; i < info->in; i++) {
            const float *from = kernel + (o * info->in + i) * taps;
            float *to = conv->kernel + i * info->out + o;
            for (size_t t = 0; t < taps; t++)
                to[t * info->in * info->out] = (float)(from[t] * scale);
        }
    }
    // Finite parts can still have a product beyond float32.
    status = check_finite(index, "folded kernel", conv->kernel, kernel_size(info));
    if (status == RV_OK)
        status = check_finite(index, "folded bias", conv->bias, info->out);
    return status;
}

const char *rv_weights_depth(const rv_weights *weights) {
    return rv_weights_depth_name(weights->conv_count);
}

const char *rv_weights_depth_name(uint32_t conv_count) {
    static const char *const names[RV_BLOCK_COUNT + 1] = {"stem",   "mixed0", "mixed1", "mixed2",
                                                          "mixed3", "mixed4", "mixed5", "mixed6",
                                                          "mixed7", "mixed8", "mixed9", "mixed10"};
    for (uint32_t block = RV_BLOCK_COUNT + 1; block-- > 0;)
        if (rv_convs_to_block[block] <= conv_count)
            return names[block];
    return "";
}

bool rv_weights_reach(const rv_weights *weights, const struct rv_layer_info *layer) {
    return rv_convs_to_block[layer->block] <= weights->conv_count;
}

enum random_kind { RANDOM_KERNEL, RANDOM_BETA, RANDOM_MEAN, RANDOM_VARIANCE };

// values[e] = offset + range * u, u in [0, 1) from the seed, the tensor and the element alone.
static void fill_random(uint64_t seed, uint32_t index, enum random_kind kind, float *values,
                        size_t count) {
    const struct rv_conv_info *info = &rv_convs[index];
    const double he = sqrt(6.0 / ((double)info->in * info->height * info->width));
    const uint64_t base = ((uint64_t)index * 4 + kind) << 32;
    for (size_t e = 0; e < count; e++) {
        const double u = rv_hash_uniform(seed, base + e);
        if (kind == RANDOM_KERNEL)
            values[e] = (float)((2 * u - 1) * he);
        else if (kind == RANDOM_VARIANCE)
            values[e] = (float)(0.5 + u);
        else
            values[e] = (float)((2 * u - 1) * 0.1);
    }
}

enum rv_status rv_weights_random(uint64_t seed, rv_weights **weights) {
    enum rv_status status = rv_weights_create(RV_CONV_COUNT, false, weights);
    size_t largest = 0;
    for (uint32_t i = 0; i < RV_CONV_COUNT; i++)
        if (kernel_size(&rv_convs[i]) > largest)
            largest = kernel_size(&rv_convs[i]);
    float *kernel = malloc(largest * sizeof *kernel);
    if (status == RV_OK && !kernel)
        status = rv_fail(RV_ERR_NO_MEMORY, "no memory for random weights");

    for (uint32_t i = 0; i < RV_CONV_COUNT && status == RV_OK; i++) {
        float beta[RV_CONV_MAX_OUT], mean[RV_CONV_MAX_OUT], variance[RV_CONV_MAX_OUT];
        fill_random(seed, i, RANDOM_KERNEL, kernel, kernel_size(&rv_convs[i]));
        fill_random(seed, i, RANDOM_BETA, beta, rv_convs[i].out);
        fill_random(seed, i, RANDOM_MEAN, mean, rv_convs[i].out);
        fill_random(seed, i, RANDOM_VARIANCE, variance, rv_convs[i].out);
        status = rv_weights_fold(*weights, i, kernel, NULL, beta, mean, variance);
    }
    free(kernel);
    if (status != RV_OK)
        rv_weights_destroy(weights);
    return status;
}
