#include "ops/selftest_reference.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/half.h"
#include "base/status.h"

// fp32 sums of exact products round little; Winograd's transforms a few units in 2^-20. What fp16
// storage adds is half a unit in 2^-11 of the value.
#define ABSOLUTE 2e-3
#define RELATIVE 1e-3

static const struct rv_plan_tensor *tensor_of(const struct rv_reference *r, uint32_t access) {
    return &r->plan->tensors[r->step->access[access].tensor];
}

static void *place(const struct rv_reference *r, uint32_t access, uint32_t pixel,
                   uint32_t channel) {
    const struct rv_plan_tensor *t = tensor_of(r, access);
    uint64_t at = (uint64_t)pixel * 16 + channel * 4, size = t->fp16 ? 2 : 4;
    if (t->kind == RV_TENSOR_FLOATS) {
        channel += r->step->access[access].channel;
        at = channel / 16 * t->plane_bytes + ((uint64_t)pixel * 16 + channel % 16) * size;
    }
    return (char *)r->bytes[access] + at;
}

void rv_reference_put(struct rv_reference *r, uint32_t access, uint32_t pixel, uint32_t channel,
                      float value) {
    void *to = place(r, access, pixel, channel);
    if (tensor_of(r, access)->fp16)
        *(uint16_t *)to = rv_half_from_float(value);
    else
        *(float *)to = value;
}

static double get(const struct rv_reference *r, uint32_t access, uint32_t pixel, uint32_t channel) {
    const void *from = place(r, access, pixel, channel);
    return (double)(tensor_of(r, access)->fp16 ? rv_half_to_float(*(const uint16_t *)from)
                                               : *(const float *)from);
}

static bool mask_bit(const struct rv_reference *r, uint32_t access, uint32_t pixel,
                     uint32_t channel) {
    const struct rv_plan_tensor *t = tensor_of(r, access);
    channel += r->step->access[access].channel;
    uint64_t at = channel / 16 * t->plane_bytes + (pixel / 4 * 2 + channel % 16 / 8) * 4;
    uint32_t word;
    memcpy(&word, (char *)r->bytes[access] + at, sizeof word);
    return word >> (pixel % 4 * 8 + channel % 8) & 1;
}

static uint32_t find(const struct rv_step *step, enum rv_role role) {
    uint32_t i = 0;
    while (i < step->access_count && step->access[i].role != role)
        i++;
    return i;
}

// The source as the convolution sees it, [positions][channels]; the picture rolled by the jitter.
static void read_source(struct rv_reference *r, uint32_t access) {
    const struct rv_plan_tensor *t = tensor_of(r, access);
    uint32_t channels = r->step->access[access].channels;
    for (uint32_t y = 0; y < t->height; y++)
        for (uint32_t x = 0; x < t->width; x++) {
            uint32_t from = y * t->width + x;
            if (r->step->conv.wrap)
                from = (y + t->height - (uint32_t)r->jitter_y) % t->height * t->width +
                       (x + t->width - (uint32_t)r->jitter_x) % t->width;
            for (uint32_t c = 0; c < channels; c++)
                r->input[((size_t)y * t->width + x) * channels + c] =
                    (float)get(r, access, from, c);
        }
}

// One tap of one part, between an input position and an output position of the original
// convolution: forward adds to the output, backward to the input.
static void add_tap(const struct rv_reference *r, const struct rv_plan_part *part, uint32_t tap,
                    const float *from, double *to) {
    const struct rv_conv_info *info = &rv_convs[part->conv];
    const float *kernel = r->weights->conv[part->conv].kernel + (size_t)tap * info->in * info->out;
    from += part->k;
    to += part->n;
    for (uint32_t i = 0; i < info->in; i++, kernel += info->out) {
        if (!r->step->conv.backward) {
            for (uint32_t o = 0; o < info->out; o++)
                to[o] += (double)(from[i] * kernel[o]);
            continue;
        }
        float sum = 0; // exact, see the test's numbers
        for (uint32_t o = 0; o < info->out; o++)
            sum += from[o] * kernel[o];
        to[i] += (double)sum;
    }
}

// All taps of one part. `output` is the size of the original convolution's output, `input` of its
// input; one of them is the source, the other the target.
static void add_part(const struct rv_reference *r, const struct rv_plan_part *part,
                     const struct rv_plan_tensor *output, const struct rv_plan_tensor *input,
                     uint32_t source_channels) {
    const struct rv_conv_info *info = &rv_convs[part->conv];
    int32_t pad_y = info->same ? info->height / 2 : 0, pad_x = info->same ? info->width / 2 : 0;
    uint32_t channels = r->step->conv.channels;
    for (uint32_t oy = 0; oy < output->height; oy++)
        for (uint32_t ox = 0; ox < output->width; ox++)
            for (uint32_t tap = 0; tap < (uint32_t)info->height * info->width; tap++) {
                int64_t iy = (int64_t)oy * info->stride - pad_y + tap / info->width;
                int64_t ix = (int64_t)ox * info->stride - pad_x + tap % info->width;
                if (iy < 0 || ix < 0 || iy >= input->height || ix >= input->width)
                    continue;
                size_t in = (size_t)(iy * input->width + ix), out = (size_t)oy * output->width + ox;
                bool backward = r->step->conv.backward;
                add_tap(r, part, tap, r->input + (backward ? out : in) * source_channels,
                        r->expected + (backward ? in : out) * channels);
            }
}

// What is added to the sum, and the mask, backward.
static void finish_backward(struct rv_reference *r, uint32_t target) {
    const struct rv_step *step = r->step;
    const struct rv_plan_tensor *t = tensor_of(r, target);
    uint32_t seed = find(step, RV_ROLE_SEED), mask = find(step, RV_ROLE_MASK);
    uint32_t channels = step->access[target].channels, border = step->seed.border;
    for (uint32_t p = 0; p < t->height * t->width; p++) {
        uint32_t y = p / t->width, x = p % t->width;
        bool inside = step->seed.active && y >= border && x >= border && y + border < t->height &&
                      x + border < t->width;
        for (uint32_t c = 0; c < channels; c++) {
            double *value = &r->expected[(size_t)p * step->conv.channels + c];
            if (step->conv.add)
                *value += get(r, target, p, c);
            if (inside && c >= step->seed.first && c < step->seed.end)
                *value +=
                    (double)step->seed.constant +
                    (seed < step->access_count ? (double)step->seed.linear * get(r, seed, p, c)
                                               : 0);
            if (c < step->conv.relu && !mask_bit(r, mask, p, c))
                *value = 0;
        }
    }
}

enum rv_status rv_reference_run(struct rv_reference *r) {
    const struct rv_step *step = r->step;
    uint32_t target = find(step, RV_ROLE_TARGET), channels = step->conv.channels;
    const struct rv_plan_tensor *to = tensor_of(r, target);
    size_t positions = (size_t)to->height * to->width, largest = 0;
    for (uint32_t s = 0; s < 2; s++) {
        uint32_t source = find(step, s ? RV_ROLE_SOURCE_B : RV_ROLE_SOURCE);
        if (source == step->access_count)
            continue;
        const struct rv_plan_tensor *from = tensor_of(r, source);
        size_t size = (size_t)from->height * from->width * step->access[source].channels;
        largest = size > largest ? size : largest;
    }
    r->expected = calloc(positions * channels, sizeof *r->expected);
    r->input = malloc(largest * sizeof *r->input);
    if (!r->expected || !r->input)
        return rv_fail(RV_ERR_NO_MEMORY, "out of host memory in the self-test");
    for (uint32_t s = 0; s < 2; s++) {
        uint32_t source = find(step, s ? RV_ROLE_SOURCE_B : RV_ROLE_SOURCE);
        if (source == step->access_count)
            continue;
        const struct rv_plan_tensor *from = tensor_of(r, source);
        read_source(r, source);
        for (uint32_t i = 0; i < step->conv.part_count; i++)
            if (step->conv.parts[i].source == s)
                add_part(r, &step->conv.parts[i], step->conv.backward ? from : to,
                         step->conv.backward ? to : from, step->access[source].channels);
    }
    for (uint32_t i = 0; !step->conv.backward && i < step->conv.part_count; i++) {
        const struct rv_plan_part *part = &step->conv.parts[i];
        for (size_t p = 0; part->bias && p < positions; p++)
            for (uint32_t o = 0; o < rv_convs[part->conv].out; o++)
                r->expected[p * channels + part->n + o] +=
                    (double)r->weights->conv[part->conv].bias[o];
    }
    if (step->conv.backward && !step->conv.image)
        finish_backward(r, target);
    return RV_OK;
}

// Where a result of position `p` stands: the picture's gradient is rolled back.
static uint32_t result_pixel(const struct rv_reference *r, const struct rv_plan_tensor *t,
                             uint32_t p) {
    if (!r->step->conv.image)
        return p;
    return (p / t->width + t->height - (uint32_t)r->jitter_y) % t->height * t->width +
           (p % t->width + t->width - (uint32_t)r->jitter_x) % t->width;
}

void rv_reference_compare(const struct rv_reference *r, char *why, size_t capacity) {
    const struct rv_step *step = r->step;
    const struct rv_plan_conv *conv = &step->conv;
    uint32_t channels = conv->image ? 3 : conv->channels;
    for (uint32_t n = 0; n < channels; n++) {
        bool second = n >= conv->split;
        uint32_t target = find(step, second ? RV_ROLE_TARGET_B : RV_ROLE_TARGET);
        uint32_t mask = find(step, second ? RV_ROLE_MASK_B : RV_ROLE_MASK);
        const struct rv_plan_tensor *t = tensor_of(r, target);
        uint32_t c = second ? n - conv->split : n;
        bool relu = !conv->backward && n < conv->relu;
        for (uint32_t p = 0; p < t->height * t->width; p++) {
            double wanted = r->expected[(size_t)p * conv->channels + n];
            double found = get(r, target, result_pixel(r, t, p), c);
            double allowed = ABSOLUTE + RELATIVE * fabs(wanted);
            bool right = fabs(found - (relu && wanted < 0 ? 0 : wanted)) <= allowed;
            if (right && relu && fabs(wanted) > allowed)
                right = mask_bit(r, mask, p, c) == (wanted > 0);
            if (right)
                continue;
            snprintf(why, capacity, "%s, row %u, column %u, channel %u: %g instead of %g",
                     step->label, p / t->width, p % t->width, n, found,
                     relu && wanted < 0 ? 0 : wanted);
            return;
        }
    }
}

void rv_reference_finish(struct rv_reference *r) {
    free(r->expected);
    free(r->input);
}
