#include "support/ops_harness.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/half.h"

bool rv_ops_fp16;

#define POISON 0x7fc57fc5u // a quiet NaN, two as halves; as a mask neither all zeros nor all ones
#define GUARD_BYTES 512    // two planes of the smallest tensor

static void poison(void *bytes, uint64_t size) {
    const uint32_t word = POISON;
    for (uint64_t i = 0; i < size; i += sizeof word)
        memcpy((char *)bytes + i, &word, sizeof word);
}

static uint64_t align(uint64_t bytes) {
    return (bytes + RV_PLAN_ALIGNMENT - 1) / RV_PLAN_ALIGNMENT * RV_PLAN_ALIGNMENT;
}

void rv_ops_begin(struct rv_ops *ops, struct rv_device *device, const char *format, ...) {
    va_list arguments;
    *ops = (struct rv_ops){.device = device, .plan = calloc(1, sizeof *ops->plan)};
    ops->plan->fp16 = rv_ops_fp16;
    va_start(arguments, format);
    vsnprintf(ops->name, sizeof ops->name, format, arguments);
    va_end(arguments);
    if (rv_ops_fp16)
        strncat(ops->name, ", fp16", sizeof ops->name - strlen(ops->name) - 1);
}

void rv_ops_end(struct rv_ops *ops) {
    for (uint64_t i = 0; i < ops->bytes; i++)
        if (!ops->checked[i] && ops->before[i] != ops->after[i]) {
            uint32_t t = 0;
            while (t + 1 < ops->plan->tensor_count && ops->plan->tensors[t + 1].offset <= i)
                t++;
            cr_expect(false,
                      "%s: byte %lld from the start of tensor %u (of %llu bytes) was written",
                      ops->name, (long long)i - (long long)ops->plan->tensors[t].offset, t,
                      (unsigned long long)ops->plan->tensors[t].bytes);
            break;
        }
    free(ops->before);
    free(ops->after);
    free(ops->checked);
    free(ops->weights);
    free(ops->plan);
}

// ------------------------------------------------------------------------------------------------
// Tensors

uint32_t rv_ops_tensor(struct rv_ops *ops, enum rv_plan_kind kind, uint32_t height, uint32_t width,
                       uint32_t channels) {
    struct rv_plan_tensor *tensor = &ops->plan->tensors[ops->plan->tensor_count];
    uint64_t pixels = (uint64_t)height * width;
    bool fp16 = rv_ops_fp16 && kind == RV_TENSOR_FLOATS;
    const uint64_t plane[] = {[RV_TENSOR_FLOATS] = pixels * 16 * (fp16 ? 2 : 4),
                              [RV_TENSOR_PARTIALS] = pixels * 16 * sizeof(float),
                              [RV_TENSOR_PIXELS] = pixels * 4 * sizeof(float),
                              [RV_TENSOR_MASK] = (pixels + 3) / 4 * 2 * sizeof(uint32_t),
                              [RV_TENSOR_ARGMAX] = pixels * 2 * sizeof(uint32_t),
                              [RV_TENSOR_LINES] = channels * sizeof(float)};
    bool planes = kind != RV_TENSOR_PIXELS && kind != RV_TENSOR_LINES;
    *tensor = (struct rv_plan_tensor){.kind = kind,
                                      .space = RV_SPACE_ARENA,
                                      .height = height,
                                      .width = width,
                                      .channels = channels,
                                      .fp16 = fp16,
                                      .plane_bytes = align(plane[kind]),
                                      .offset = ops->bytes + GUARD_BYTES};
    tensor->bytes = tensor->plane_bytes * (planes ? (channels + 15) / 16 : 1);
    uint64_t end = tensor->offset + tensor->bytes + GUARD_BYTES;
    ops->before = realloc(ops->before, end);
    poison(ops->before + ops->bytes, end - ops->bytes);
    ops->bytes = end;
    return ops->plan->tensor_count++;
}

void *rv_ops_bytes(struct rv_ops *ops, uint32_t tensor) {
    return (ops->after ? ops->after : ops->before) + ops->plan->tensors[tensor].offset;
}

// Offset in its tensor of a float, or of the word that holds the element of a mask or an argmax.
static uint64_t place(const struct rv_plan_tensor *t, uint64_t pixel, uint32_t channel) {
    uint64_t plane = channel / 16 * t->plane_bytes, half = channel / 8 % 2;
    switch (t->kind) {
    case RV_TENSOR_FLOATS:
    case RV_TENSOR_PARTIALS:
        return plane + (pixel * 16 + channel % 16) * (t->fp16 ? 2 : 4);
    case RV_TENSOR_PIXELS:
        return (pixel * 4 + channel) * 4;
    case RV_TENSOR_MASK:
        return plane + (pixel / 4 * 2 + half) * 4;
    case RV_TENSOR_ARGMAX:
        return plane + (pixel * 2 + half) * 4;
    case RV_TENSOR_LINES:
        break;
    }
    return channel * 4;
}

static uint32_t bit_of(const struct rv_plan_tensor *t, uint64_t pixel, uint32_t channel) {
    return t->kind == RV_TENSOR_MASK ? (uint32_t)(pixel % 4 * 8) + channel % 8 : channel % 8 * 4;
}

static uint64_t pixels_of(const struct rv_plan_tensor *t) {
    return (uint64_t)t->height * t->width;
}

static void put(uint8_t *bytes, const struct rv_plan_tensor *t, uint64_t pixel, uint32_t channel,
                double value) {
    float narrow = (float)value;
    uint16_t half = rv_half_from_float(narrow);
    uint8_t *to = bytes + place(t, pixel, channel);
    if (t->fp16)
        memcpy(to, &half, sizeof half);
    else
        memcpy(to, &narrow, sizeof narrow);
}

void rv_ops_fill(struct rv_ops *ops, uint32_t tensor, const double *values) {
    const struct rv_plan_tensor *t = &ops->plan->tensors[tensor];
    uint8_t *bytes = rv_ops_bytes(ops, tensor);
    for (uint64_t p = 0; p < pixels_of(t); p++) {
        for (uint32_t c = 0; c < t->channels; c++)
            put(bytes, t, p, c, values[p * t->channels + c]);
        if (t->kind == RV_TENSOR_PIXELS)
            put(bytes, t, p, 3, 0);
    }
}

double rv_ops_kept(double value) {
    return rv_ops_fp16 ? (double)rv_half_to_float(rv_half_from_float((float)value)) : value;
}

static double signed_noise(uint64_t seed, uint64_t n) {
    return 2 * (double)rv_ref_uniform(seed, n) - 1;
}

double *rv_ops_noise(struct rv_ops *ops, uint32_t tensor, uint64_t seed) {
    const struct rv_plan_tensor *t = &ops->plan->tensors[tensor];
    size_t count = pixels_of(t) * t->channels;
    double *values = malloc(count * sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = t->fp16 ? rv_ops_kept(signed_noise(seed, i)) : signed_noise(seed, i);
    rv_ops_fill(ops, tensor, values);
    return values;
}

uint8_t *rv_ops_noise_bits(struct rv_ops *ops, uint32_t tensor, uint64_t seed) {
    const struct rv_plan_tensor *t = &ops->plan->tensors[tensor];
    const bool mask = t->kind == RV_TENSOR_MASK;
    uint8_t *values = malloc(pixels_of(t) * t->channels), *bytes = rv_ops_bytes(ops, tensor);
    for (uint64_t p = 0; p < pixels_of(t); p++)
        for (uint32_t c = 0; c < t->channels; c++) {
            uint64_t i = p * t->channels + c;
            uint32_t word, value = (uint32_t)(rv_ref_uniform(seed, i) * (mask ? 2 : 9));
            memcpy(&word, bytes + place(t, p, c), sizeof word);
            word &= ~((mask ? 1u : 15u) << bit_of(t, p, c));
            word |= value << bit_of(t, p, c);
            memcpy(bytes + place(t, p, c), &word, sizeof word);
            values[i] = (uint8_t)value;
        }
    return values;
}

float *rv_ops_floats(uint64_t seed, size_t count) {
    float *values = malloc(count * sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)rv_ops_kept(signed_noise(seed, i));
    return values;
}

// ------------------------------------------------------------------------------------------------
// Steps

struct rv_step *rv_ops_step(struct rv_ops *ops, enum rv_op op) {
    struct rv_step *step = &ops->plan->steps[ops->plan->step_count++];
    *step = (struct rv_step){.op = op};
    memcpy(step->label, ops->name, sizeof step->label - 1);
    return step;
}

void rv_ops_access(struct rv_step *step, enum rv_role role, enum rv_access access, uint32_t tensor,
                   uint32_t channel, uint32_t channels) {
    step->access[step->access_count++] = (struct rv_plan_access){.role = role,
                                                                 .reads = (access & RV_READ) != 0,
                                                                 .writes = (access & RV_WRITE) != 0,
                                                                 .tensor = tensor,
                                                                 .channel = channel,
                                                                 .channels = channels};
}

// A place for that many bytes in the weights, between NaNs.
static void *reserve(struct rv_ops *ops, uint64_t bytes, uint64_t *offset) {
    *offset = ops->weights_bytes + GUARD_BYTES;
    uint64_t end = *offset + align(bytes) + GUARD_BYTES;
    ops->weights = realloc(ops->weights, end);
    poison(ops->weights + ops->weights_bytes, end - ops->weights_bytes);
    ops->weights_bytes = end;
    return ops->weights + *offset;
}

uint64_t rv_ops_constants(struct rv_ops *ops, const float *values, size_t count) {
    uint64_t offset;
    memcpy(reserve(ops, count * sizeof *values, &offset), values, count * sizeof *values);
    return offset;
}

// A convolution's weights, as floats or halves.
static void add_weights(struct rv_ops *ops, struct rv_plan_conv *conv, const float *values,
                        uint64_t count) {
    conv->weights_bytes = count * (rv_ops_fp16 ? 2 : 4);
    void *to = reserve(ops, conv->weights_bytes, &conv->weights_offset);
    for (uint64_t i = 0; i < count && rv_ops_fp16; i++)
        ((uint16_t *)to)[i] = rv_half_from_float(values[i]);
    if (!rv_ops_fp16)
        memcpy(to, values, conv->weights_bytes);
}

struct rv_step *rv_ops_forward(struct rv_ops *ops, const struct rv_ref_conv *shape,
                               const float *kernel, const float *bias) {
    struct rv_step *step = rv_ops_step(ops, RV_OP_CONV);
    struct rv_plan_conv *conv = &step->conv;
    uint32_t walked = (shape->in + 3) / 4 * 4, taps = shape->kernel_height * shape->kernel_width;
    *conv = (struct rv_plan_conv){
        .grid_height =
            rv_ref_out_size(shape->height, shape->kernel_height, shape->stride, shape->pad_y),
        .grid_width =
            rv_ref_out_size(shape->width, shape->kernel_width, shape->stride, shape->pad_x),
        .channels = shape->out,
        .split = shape->out,
        .source = {{.channels = shape->in,
                    .tap_height = (int32_t)shape->kernel_height,
                    .tap_width = (int32_t)shape->kernel_width,
                    .origin_y = -(int32_t)shape->pad_y,
                    .origin_x = -(int32_t)shape->pad_x,
                    .scale = shape->stride}}};
    uint64_t count = (uint64_t)shape->out * taps * walked;
    float *packed = malloc(count * sizeof *packed), *to = packed;
    for (uint32_t o = 0; o < shape->out; o += 8)
        for (uint32_t row = 0; row < taps * walked; row++)
            for (uint32_t j = 0; j < 8; j++) {
                uint32_t tap = row / walked, i = row % walked;
                *to++ = i < shape->in ? kernel[(tap * shape->in + i) * shape->out + o + j] : 0;
            }
    add_weights(ops, conv, packed, count);
    free(packed);
    step->constants_offset = rv_ops_constants(ops, bias, shape->out);
    step->constants_bytes = shape->out * sizeof *bias;
    return step;
}

// Taps along one axis, and the kernel's row (or column) behind one of them: the flipped kernel, or,
// of a stride of 2, those that reach the even (odd = 0) or the odd pixels.
static uint32_t tap_count(bool parity, uint32_t kernel, uint32_t odd) {
    return !parity ? kernel : odd ? 1 : 2;
}

static uint32_t kernel_row(bool parity, uint32_t kernel, uint32_t odd, uint32_t tap) {
    return !parity ? kernel - 1 - tap : odd ? 1 : 2 - 2 * tap;
}

// The rows of one source for eight channels of the target. With to = NULL only counts the floats.
static uint64_t pack_source(const struct rv_ref_conv *shape, const float *kernel, bool parity,
                            uint32_t number, uint32_t first, float *to) {
    uint32_t height = tap_count(parity, shape->kernel_height, number / 2);
    uint32_t width = tap_count(parity, shape->kernel_width, number % 2);
    for (uint32_t tap = 0; to && tap < height * width; tap++) {
        uint32_t y = kernel_row(parity, shape->kernel_height, number / 2, tap / width);
        uint32_t x = kernel_row(parity, shape->kernel_width, number % 2, tap % width);
        for (uint32_t k = 0; k < shape->out; k++)
            for (uint32_t n = first; n < first + 8; n++) {
                size_t at =
                    ((size_t)(y * shape->kernel_width + x) * shape->in + n) * shape->out + k;
                *to++ = n < shape->in ? kernel[at] : 0;
            }
    }
    return (uint64_t)height * width * shape->out * 8;
}

static uint64_t pack_backward(uint32_t count, const struct rv_ref_conv *shapes,
                              const float *const *kernels, const struct rv_plan_conv *conv,
                              float *to) {
    uint64_t total = 0;
    for (uint32_t number = 0; number < (conv->parity ? 4u : 1u); number++)
        for (uint32_t n = 0; n < conv->channels; n += 8)
            for (uint32_t s = 0; s < count; s++)
                total += pack_source(&shapes[s], kernels[s], conv->parity && s == 0, number, n,
                                     to ? to + total : NULL);
    return total;
}

struct rv_step *rv_ops_backward(struct rv_ops *ops, uint32_t count,
                                const struct rv_ref_conv *shapes, const float *const *kernels,
                                bool image) {
    struct rv_step *step = rv_ops_step(ops, RV_OP_CONV);
    struct rv_plan_conv *conv = &step->conv;
    bool parity = shapes[0].stride == 2;
    uint32_t channels = image ? 8 : shapes[0].in;
    *conv = (struct rv_plan_conv){.backward = true,
                                  .image = image,
                                  .parity = parity,
                                  .channels = channels,
                                  .split = channels,
                                  .grid_height = (shapes[0].height + parity) / (1 + parity),
                                  .grid_width = (shapes[0].width + parity) / (1 + parity)};
    for (uint32_t s = 0; s < count; s++)
        conv->source[s] = (struct rv_plan_source){
            .channels = shapes[s].out,
            .tap_height = (int32_t)shapes[s].kernel_height,
            .tap_width = (int32_t)shapes[s].kernel_width,
            .origin_y = (int32_t)shapes[s].pad_y + 1 - (int32_t)shapes[s].kernel_height,
            .origin_x = (int32_t)shapes[s].pad_x + 1 - (int32_t)shapes[s].kernel_width,
            .scale = 1};
    uint64_t numbers = pack_backward(count, shapes, kernels, conv, NULL);
    float *packed = malloc(numbers * sizeof *packed);
    pack_backward(count, shapes, kernels, conv, packed);
    add_weights(ops, conv, packed, numbers);
    free(packed);
    return step;
}

// ------------------------------------------------------------------------------------------------
// Running

struct rv_range rv_ops_range(struct rv_ops *ops, uint32_t tensor) {
    const struct rv_plan_tensor *t = &ops->plan->tensors[tensor];
    return (struct rv_range){&ops->buffer, t->offset, t->bytes};
}

static void must(const struct rv_ops *ops, enum rv_status status) {
    cr_assert_eq(status, RV_OK, "%s: %s", ops->name, rv_error_text());
}

void rv_ops_run(struct rv_ops *ops, rv_ops_record_fn record, void *user) {
    struct rv_buffer weights, control;
    struct rv_recorder recorder;
    struct rv_device *device = ops->device;
    uint64_t weights_bytes = ops->weights_bytes ? ops->weights_bytes : RV_PLAN_ALIGNMENT;
    must(ops, rv_buffer_init(device, &ops->buffer, ops->bytes, RV_MEMORY_DEVICE, "tensors"));
    must(ops, rv_buffer_init(device, &weights, weights_bytes, RV_MEMORY_DEVICE, "weights"));
    must(ops, rv_buffer_init(device, &control, RV_PLAN_ALIGNMENT, RV_MEMORY_HOST, "control"));
    must(ops, rv_buffer_write(device, &ops->buffer, 0, ops->before, ops->bytes));
    if (ops->weights)
        must(ops, rv_buffer_write(device, &weights, 0, ops->weights, weights_bytes));
    const int32_t jitter[] = {ops->jitter_x, ops->jitter_y};
    memcpy(control.mapped, jitter, sizeof jitter);
    must(ops, rv_recorder_init(&recorder, device, 16));
    if (record) {
        must(ops, record(user, ops, &recorder));
    } else {
        struct rv_op_buffers buffers = {
            .space = {&ops->buffer}, .weights = &weights, .control = &control};
        struct rv_op_context context = {
            .recorder = &recorder, .plan = ops->plan, .buffers = &buffers};
        must(ops, rv_op_record_plan(&context));
    }
    must(ops, rv_recorder_end(&recorder));
    must(ops, rv_recorder_submit(&recorder, NULL));
    must(ops, rv_device_wait(device, device->submitted));
    ops->after = malloc(ops->bytes);
    ops->checked = calloc(ops->bytes, 1);
    must(ops, rv_buffer_read(device, &ops->buffer, 0, ops->after, ops->bytes));
    rv_recorder_finish(&recorder);
    rv_buffer_finish(device, &control);
    rv_buffer_finish(device, &weights);
    rv_buffer_finish(device, &ops->buffer);
}

// ------------------------------------------------------------------------------------------------
// Results

// A word of the tensor, marked as checked.
static uint32_t take(struct rv_ops *ops, const struct rv_plan_tensor *t, uint64_t pixel,
                     uint32_t channel) {
    uint64_t at = t->offset + place(t, pixel, channel);
    uint32_t word;
    memcpy(&word, ops->after + at, sizeof word);
    memset(ops->checked + at, 1, sizeof word);
    return word;
}

static float take_float(struct rv_ops *ops, const struct rv_plan_tensor *t, uint64_t pixel,
                        uint32_t channel) {
    uint64_t at = t->offset + place(t, pixel, channel);
    float value;
    uint16_t half;
    memset(ops->checked + at, 1, t->fp16 ? sizeof half : sizeof value);
    memcpy(&half, ops->after + at, sizeof half);
    if (t->fp16)
        return rv_half_to_float(half);
    memcpy(&value, ops->after + at, sizeof value);
    return value;
}

double *rv_ops_values(struct rv_ops *ops, uint32_t tensor, uint32_t channel, uint32_t channels) {
    const struct rv_plan_tensor *t = &ops->plan->tensors[tensor];
    double *values = malloc(pixels_of(t) * channels * sizeof *values);
    for (uint64_t p = 0; p < pixels_of(t); p++) {
        for (uint32_t c = 0; c < channels; c++)
            values[p * channels + c] = (double)take_float(ops, t, p, channel + c);
        if (t->kind == RV_TENSOR_PIXELS)
            cr_expect_eq(take(ops, t, p, 3) << 1, 0, "%s: pixel %llu: the fourth value is not 0",
                         ops->name, (unsigned long long)p);
    }
    return values;
}

// What storing a value adds to its error: half of the last place, since halves are rounded to the
// nearest; those below 2^-14 are multiples of 2^-24.
static double stored(const struct rv_plan_tensor *t, double value) {
    return t->fp16 ? fmax(fabs(value) * RV_OPS_HALF_ERROR, 0x1p-25) : 0;
}

void rv_ops_check(struct rv_ops *ops, uint32_t tensor, uint32_t channel, uint32_t channels,
                  const double *expected, double absolute, double relative) {
    const struct rv_plan_tensor *t = &ops->plan->tensors[tensor];
    double *found = rv_ops_values(ops, tensor, channel, channels);
    size_t wrong = 0, first = 0, count = pixels_of(t) * channels;
    for (size_t i = 0; i < count; i++) {
        double error = fabs(found[i] - expected[i]);
        if (!(error <= absolute + relative * fabs(expected[i]) + stored(t, expected[i])) &&
            wrong++ == 0)
            first = i;
    }
    size_t pixel = first / channels;
    cr_expect(wrong == 0,
              "%s: tensor %u: %zu of %zu values are off, the first at (%zu, %zu, %zu): "
              "%.9g instead of %.9g",
              ops->name, tensor, wrong, count, pixel / t->width, pixel % t->width,
              first % channels + channel, found[first], expected[first]);
    free(found);
}

void rv_ops_check_bits(struct rv_ops *ops, uint32_t tensor, uint32_t channel, uint32_t channels,
                       const uint8_t *expected, const uint8_t *sure) {
    const struct rv_plan_tensor *t = &ops->plan->tensors[tensor];
    size_t wrong = 0, first = 0, count = pixels_of(t) * channels;
    for (size_t i = 0; i < count; i++) {
        size_t p = i / channels;
        uint32_t c = channel + (uint32_t)(i % channels);
        uint32_t bits = t->kind == RV_TENSOR_MASK ? 1 : 15;
        uint32_t value = take(ops, t, p, c) >> bit_of(t, p, c) & bits;
        if (value != expected[i] && (!sure || sure[i]) && wrong++ == 0)
            first = i;
    }
    size_t pixel = first / channels;
    cr_expect(wrong == 0,
              "%s: tensor %u: %zu of %zu decisions differ, the first at (%zu, %zu, %zu)", ops->name,
              tensor, wrong, count, pixel / t->width, pixel % t->width, first % channels + channel);
}
