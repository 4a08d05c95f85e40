// The numbers the kernels read, in the order they read them.
#include <string.h>

#include "base/half.h"
#include "base/parallel.h"
#include "net/plan_internal.h"

// Taps of a source along one axis, in one of the (four) convolutions of a step.
static uint32_t taps_of(const struct rv_plan_conv *conv, uint32_t source, int32_t whole,
                        uint32_t odd) {
    return conv->parity && source == 0 ? rv_plan_parity_taps(odd) : (uint32_t)whole;
}

// The tap of the original kernel: backward they are flipped, and for stride 2 only those of one
// parity exist.
static uint32_t original(const struct rv_plan_conv *conv, uint32_t source, uint32_t tap,
                         uint32_t taps, uint32_t odd) {
    if (!conv->backward)
        return tap;
    tap = taps - 1 - tap;
    return conv->parity && source == 0 ? 2 * tap + odd : tap;
}

// The packed weights of one convolution, as floats or halves.
struct packed {
    void *numbers;
    bool fp16;
};

static void put(struct packed packed, uint64_t at, float value) {
    if (packed.fp16)
        ((uint16_t *)packed.numbers)[at] = rv_half_from_float(value);
    else
        ((float *)packed.numbers)[at] = value;
}

// `start` is where the convolution of this parity begins.
static void pack_part(const struct rv_plan_conv *conv, const struct rv_plan_part *part,
                      uint32_t parity, const struct rv_weights *weights, struct packed packed,
                      uint64_t start) {
    const struct rv_conv_info *info = &rv_convs[part->conv];
    const struct rv_conv_weights *from = &weights->conv[part->conv];
    const struct rv_plan_source *source = &conv->source[part->source];
    uint64_t block_floats = rv_plan_block_floats(conv, parity);
    uint32_t height = taps_of(conv, part->source, source->tap_height, parity / 2);
    uint32_t width = taps_of(conv, part->source, source->tap_width, parity % 2);
    uint64_t channels = rv_walked(source->channels);
    if (part->source == 1) // it ends the block
        start += block_floats - channels * height * width * 8;
    for (uint32_t tap = 0; tap < height * width; tap++) {
        uint32_t y = original(conv, part->source, tap / width, height, parity / 2);
        uint32_t x = original(conv, part->source, tap % width, width, parity % 2);
        const float *kernel = from->kernel + (size_t)(y * info->width + x) * info->in * info->out;
        for (uint32_t i = 0; i < info->in; i++)
            for (uint32_t o = 0; o < info->out; o++) {
                uint32_t k = part->k + (conv->backward ? o : i);
                uint32_t n = part->n + (conv->backward ? i : o);
                put(packed, start + n / 8 * block_floats + (tap * channels + k) * 8 + n % 8,
                    kernel[(size_t)i * info->out + o]);
            }
    }
}

static void pack_conv(const struct rv_plan_conv *conv, const struct rv_weights *weights,
                      struct packed packed) {
    uint64_t start = 0;
    memset(packed.numbers, 0, conv->weights_bytes);
    for (uint32_t parity = 0; parity < (conv->parity ? 4u : 1u); parity++) {
        for (uint32_t i = 0; i < conv->part_count; i++)
            pack_part(conv, &conv->parts[i], parity, weights, packed, start);
        start += conv->channels / 8 * rv_plan_block_floats(conv, parity);
    }
}

static void pack_biases(const struct rv_plan_conv *conv, const struct rv_weights *weights,
                        float *packed) {
    for (uint32_t i = 0; i < conv->part_count; i++) {
        const struct rv_plan_part *part = &conv->parts[i];
        size_t bytes = rv_convs[part->conv].out * sizeof *packed;
        if (part->bias)
            memcpy(packed + part->n, weights->conv[part->conv].bias, bytes);
        else
            memset(packed + part->n, 0, bytes);
    }
}

// conv2d = (z - bias) / scale as alpha * z + beta.
static void pack_affine(const struct rv_weights *weights, uint32_t index, float *packed) {
    const struct rv_conv_weights *conv = &weights->conv[index];
    uint32_t channels = rv_convs[index].out;
    for (uint32_t c = 0; c < channels; c++) {
        packed[c] = (float)(1.0 / conv->scale[c]);
        packed[channels + c] = (float)(-(double)conv->bias[c] / conv->scale[c]);
    }
}

struct packing {
    const struct rv_plan *plan;
    const struct rv_weights *weights;
    char *packed;
};

static enum rv_status pack_step(void *user, uint32_t index) {
    const struct packing *p = user;
    const struct rv_step *step = &p->plan->steps[index];
    float *constants = (float *)(p->packed + step->constants_offset);
    if (step->op == RV_OP_CONV) {
        struct packed conv = {p->packed + step->conv.weights_offset, p->plan->fp16};
        pack_conv(&step->conv, p->weights, conv);
        if (step->constants_bytes)
            pack_biases(&step->conv, p->weights, constants);
    } else if (step->op == RV_OP_AVG_POOL)
        memcpy(constants, p->weights->conv[step->index].bias, step->constants_bytes);
    else if (step->seed.affine)
        pack_affine(p->weights, step->seed.affine - 1, constants);
    return RV_OK;
}

void rv_plan_pack(const struct rv_plan *plan, const struct rv_weights *weights, void *packed) {
    struct packing packing = {plan, weights, packed};
    rv_parallel(plan->step_count, pack_step, &packing); // no step can fail
}
