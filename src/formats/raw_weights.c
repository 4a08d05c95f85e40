#include "formats/raw_weights.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/status.h"

size_t rv_part_count(uint32_t index, enum rv_part part) {
    const struct rv_conv_info *info = &rv_convs[index];
    return part == RV_KERNEL ? (size_t)info->out * info->in * info->height * info->width
                             : info->out;
}

uint32_t rv_part_shape(uint32_t index, enum rv_part part, uint64_t shape[4]) {
    const struct rv_conv_info *info = &rv_convs[index];
    shape[0] = info->out;
    if (part != RV_KERNEL)
        return 1;
    shape[1] = info->in;
    shape[2] = info->height;
    shape[3] = info->width;
    return 4;
}

void rv_part_name(uint32_t index, enum rv_part part, char name[64]) {
    static const char *const parts[RV_PART_COUNT] = {"conv.weight", "bn.weight", "bn.bias",
                                                     "bn.running_mean", "bn.running_var"};
    snprintf(name, 64, "%s.%s", rv_convs[index].torchvision, parts[part]);
}

enum rv_status rv_raw_weights_init(struct rv_raw_weights *raw, uint32_t conv_count,
                                   bool with_gamma) {
    *raw = (struct rv_raw_weights){.conv_count = conv_count};
    size_t total = 0;
    for (uint32_t i = 0; i < conv_count; i++)
        for (int part = 0; part < RV_PART_COUNT; part++)
            total += rv_part_count(i, part);
    raw->storage = calloc(total + 1, sizeof *raw->storage);
    if (!raw->storage)
        return rv_fail(RV_ERR_NO_MEMORY, "no memory for %zu MB of weights", total * 4 / 1000000);

    float *at = raw->storage;
    for (uint32_t i = 0; i < conv_count; i++)
        for (int part = 0; part < RV_PART_COUNT; part++) {
            if (part == RV_GAMMA && !with_gamma)
                continue;
            raw->parts[i][part] = at;
            at += rv_part_count(i, part);
        }
    return RV_OK;
}

void rv_raw_weights_finish(struct rv_raw_weights *raw) {
    free(raw->storage);
    *raw = (struct rv_raw_weights){0};
}

enum rv_status rv_raw_weights_check(const struct rv_raw_weights *raw, const char *label) {
    for (uint32_t i = 0; i < raw->conv_count; i++) {
        float *const *p = raw->parts[i];
        enum rv_status status =
            rv_weights_check(i, p[RV_KERNEL], p[RV_GAMMA], p[RV_BETA], p[RV_MEAN], p[RV_VARIANCE]);
        if (status != RV_OK)
            return rv_fail(status, "%s: %s", label, rv_error_text());
    }
    return RV_OK;
}

void rv_kernel_from_keras(uint32_t index, const float *keras, float *kernel) {
    const struct rv_conv_info *info = &rv_convs[index];
    const size_t taps = (size_t)info->height * info->width, in = info->in, out = info->out;
    for (size_t t = 0; t < taps; t++)
        for (size_t i = 0; i < in; i++)
            for (size_t o = 0; o < out; o++)
                kernel[(o * in + i) * taps + t] = keras[(t * in + i) * out + o];
}
