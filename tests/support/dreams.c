#include "support/dreams.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "support/reference.h"

rv_weights *rv_test_weights(float scale) {
    rv_weights *weights;
    cr_assert_eq(rv_weights_create(rv_convs_to_block[1], false, &weights), RV_OK, "%s",
                 rv_error_text());
    for (uint32_t i = 0; i < weights->conv_count; i++) {
        const struct rv_conv_info *info = &rv_convs[i];
        size_t inputs = (size_t)info->height * info->width * info->in;
        float bound = scale * sqrtf(6.0f / (float)inputs);
        for (size_t k = 0; k < inputs * info->out; k++)
            weights->conv[i].kernel[k] = bound * (2 * rv_ref_uniform(i, k) - 1);
        for (uint32_t o = 0; o < info->out; o++)
            weights->conv[i].scale[o] = 1;
    }
    return weights;
}

struct rv_picture rv_test_noise(uint64_t seed, uint32_t width, uint32_t height) {
    struct rv_picture picture = {width, height, malloc((size_t)width * height * 12)};
    cr_assert_not_null(picture.pixels);
    rv_ref_noise(seed, height, width, picture.pixels);
    return picture;
}

struct rv_picture rv_test_dream(rv_context *context, const rv_weights *weights,
                                const struct rv_picture *input, const struct rv_params *params,
                                const char *what) {
    struct rv_picture output;
    cr_assert_eq(rv_dream(context, weights, input, params, NULL, NULL, &output, NULL), RV_OK,
                 "%s: %s", what, rv_error_text());
    cr_assert(output.width == input->width && output.height == input->height,
              "%s: the result is %u x %u", what, output.width, output.height);
    return output;
}

double rv_test_distance(const struct rv_picture *a, const struct rv_picture *b) {
    double sum = 0;
    size_t count = (size_t)a->width * a->height * 3;
    cr_assert(a->width == b->width && a->height == b->height, "%u x %u beside %u x %u", a->width,
              a->height, b->width, b->height);
    for (size_t i = 0; i < count; i++) {
        double difference = (double)a->pixels[i] - (double)b->pixels[i];
        sum += difference * difference;
    }
    return sqrt(sum / (double)count);
}
