// Max and average pooling on the device, forward and backward, at odd shapes.
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "support/device.h"
#include "support/ops_harness.h"

#define OFFSET 16        // first channel of every slice that a step works on
#define ABSOLUTE 0x1p-21 // nine values below 1 and a bias: eight roundings of at most 2^-22
#define RELATIVE 1e-6

struct pool_case {
    uint32_t height, width, channels;
    bool flag, counts_padding;
};

static size_t pixels(const struct pool_case *c) {
    return (size_t)c->height * c->width;
}

static uint32_t half(uint32_t size) {
    return rv_ref_out_size(size, 3, 2, 0);
}

static double dot(size_t count, const double *a, const double *b, double *size) {
    double sum = 0;
    *size = 0;
    for (size_t i = 0; i < count; i++) {
        sum += a[i] * b[i];
        *size += fabs(a[i] * b[i]);
    }
    return sum;
}

// A tensor one slice wider on both sides, filled or not with `values` [pixels][channels].
static uint32_t wide_tensor(struct rv_ops *ops, enum rv_plan_kind kind, uint32_t height,
                            uint32_t width, uint32_t channels, const double *values) {
    uint32_t tensor = rv_ops_tensor(ops, kind, height, width, channels + 2 * OFFSET);
    uint32_t stride = channels + 2 * OFFSET;
    if (!values)
        return tensor;
    double *all = malloc((size_t)height * width * stride * sizeof *all);
    for (size_t i = 0; i < (size_t)height * width * stride; i++) {
        uint32_t c = (uint32_t)(i % stride);
        bool inside = c >= OFFSET && c < OFFSET + channels;
        all[i] = inside ? values[i / stride * channels + c - OFFSET] : (double)NAN;
    }
    rv_ops_fill(ops, tensor, all);
    free(all);
    return tensor;
}

// `levels` = 0: any value in [-1, 1); else that many different ones, so that ties are common.
static double *make_values(size_t count, uint64_t seed, uint32_t levels) {
    double *values = malloc(count * sizeof *values);
    for (size_t i = 0; i < count; i++) {
        double u = (double)rv_ref_uniform(seed, i);
        values[i] = rv_ops_kept(levels ? floor(u * levels) / levels - 0.5 : 2 * u - 1);
    }
    return values;
}

// ------------------------------------------------------------------------------------------------
// Max pooling

// Forward and gradient as two steps of one plan: the gradient follows the argmax that the device
// has just written. Exact, but for the order in which a gradient's up to four terms are added.
static void check_max_pool(struct rv_device *device, const struct pool_case *c, uint32_t levels) {
    struct rv_ops ops;
    uint32_t height = half(c->height), width = half(c->width);
    size_t in = pixels(c) * c->channels, out = (size_t)height * width * c->channels;
    rv_ops_begin(&ops, device, "max pool %ux%u, %u channels, %u levels%s", c->height, c->width,
                 c->channels, levels, c->flag ? ", masked" : "");
    double *x = make_values(in, 1, levels), *gy = make_values(out, 2, 0);
    double *y = malloc(out * sizeof *y), *gx = malloc(in * sizeof *gx);
    uint8_t *argmax = malloc(out), *mask = NULL;
    uint32_t source = wide_tensor(&ops, RV_TENSOR_FLOATS, c->height, c->width, c->channels, x);
    uint32_t target = wide_tensor(&ops, RV_TENSOR_FLOATS, height, width, c->channels, NULL);
    uint32_t taps = rv_ops_tensor(&ops, RV_TENSOR_ARGMAX, height, width, c->channels);
    uint32_t gradient = wide_tensor(&ops, RV_TENSOR_FLOATS, height, width, c->channels, gy);
    uint32_t result = wide_tensor(&ops, RV_TENSOR_FLOATS, c->height, c->width, c->channels, NULL);
    rv_ref_max_pool_forward(c->height, c->width, c->channels, x, y, argmax);
    rv_ref_max_pool_backward(c->height, c->width, c->channels, gy, argmax, gx);

    struct rv_step *forward = rv_ops_step(&ops, RV_OP_MAX_POOL);
    rv_ops_access(forward, RV_ROLE_SOURCE, RV_READ, source, OFFSET, c->channels);
    rv_ops_access(forward, RV_ROLE_TARGET, RV_WRITE, target, OFFSET, c->channels);
    rv_ops_access(forward, RV_ROLE_ARGMAX, RV_WRITE, taps, 0, c->channels);
    struct rv_step *backward = rv_ops_step(&ops, RV_OP_MAX_POOL_GRADIENT);
    backward->flag = c->flag;
    rv_ops_access(backward, RV_ROLE_SOURCE, RV_READ, gradient, OFFSET, c->channels);
    rv_ops_access(backward, RV_ROLE_TARGET, RV_WRITE, result, OFFSET, c->channels);
    rv_ops_access(backward, RV_ROLE_ARGMAX, RV_READ, taps, 0, c->channels);
    if (c->flag) {
        uint32_t bits = rv_ops_tensor(&ops, RV_TENSOR_MASK, c->height, c->width, c->channels);
        mask = rv_ops_noise_bits(&ops, bits, 3);
        rv_ops_access(backward, RV_ROLE_MASK, RV_READ, bits, 0, c->channels);
        rv_ref_relu_backward(in, gx, mask, gx);
    }
    rv_ops_run(&ops, NULL, NULL);
    rv_ops_check(&ops, target, OFFSET, c->channels, y, 0, 0);
    rv_ops_check_bits(&ops, taps, 0, c->channels, argmax, NULL);
    rv_ops_check(&ops, result, OFFSET, c->channels, gx, 3 * 0x1p-23, 0);
    if (!c->flag) { // <P x, gy> = <x, P' gy>, both from the device
        double *y_found = rv_ops_values(&ops, target, OFFSET, c->channels);
        double *gx_found = rv_ops_values(&ops, result, OFFSET, c->channels), size;
        double left = dot(out, y_found, gy, &size), right = dot(in, x, gx_found, &size);
        cr_expect(fabs(left - right) <= size * (0x1p-23 + (rv_ops_fp16 ? RV_OPS_HALF_ERROR : 0)),
                  "%s: <Px, y> = %.9g, <x, P'y> = %.9g", ops.name, left, right);
        free(y_found);
        free(gx_found);
    }
    rv_ops_end(&ops);
    free(x);
    free(y);
    free(gx);
    free(gy);
    free(argmax);
    free(mask);
}

Test(ops_pool, max) {
    static const struct pool_case cases[] = {
        {3, 3, 16, false, false},   {3, 8, 48, false, false},  {7, 3, 80, false, false},
        {9, 11, 208, false, false}, {17, 16, 48, true, false}, {8, 33, 16, true, false},
    };
    rv_context *context = rv_test_context();
    RV_OPS_BOTH {
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
            for (uint32_t levels = 0; levels <= 4; levels += 2)
                check_max_pool(context->device, &cases[i], levels);
    }
    rv_test_context_end(&context);
}

// A flat region: every tie goes to the first element in row order, so all taps are 0.
Test(ops_pool, flat) {
    rv_context *context = rv_test_context();
    RV_OPS_BOTH {
        struct pool_case flat = {9, 11, 16, false, false};
        check_max_pool(context->device, &flat, 1);
    }
    rv_test_context_end(&context);
}

// An argmax that no forward pass would write: every tap at every position, on its own.
Test(ops_pool, any_argmax) {
    rv_context *context = rv_test_context();
    RV_OPS_BOTH {
        struct rv_ops ops;
        const uint32_t height = 11, width = 8, channels = 48;
        size_t in = (size_t)height * width * channels;
        rv_ops_begin(&ops, context->device, "gradient of max pool, random argmax");
        uint32_t source =
            rv_ops_tensor(&ops, RV_TENSOR_FLOATS, half(height), half(width), channels);
        uint32_t taps =
            rv_ops_tensor(&ops, RV_TENSOR_ARGMAX, half(height), half(width), channels + 16);
        uint32_t target = rv_ops_tensor(&ops, RV_TENSOR_FLOATS, height, width, channels);
        double *gy = rv_ops_noise(&ops, source, 1), *gx = malloc(in * sizeof *gx);
        uint8_t *all = rv_ops_noise_bits(&ops, taps, 2);
        uint8_t *argmax = malloc((size_t)half(height) * half(width) * channels);
        for (size_t i = 0; i < (size_t)half(height) * half(width) * channels; i++)
            argmax[i] = all[i / channels * (channels + 16) + 16 + i % channels];
        rv_ref_max_pool_backward(height, width, channels, gy, argmax, gx);
        struct rv_step *step = rv_ops_step(&ops, RV_OP_MAX_POOL_GRADIENT);
        rv_ops_access(step, RV_ROLE_SOURCE, RV_READ, source, 0, channels);
        rv_ops_access(step, RV_ROLE_TARGET, RV_WRITE, target, 0, channels);
        rv_ops_access(step, RV_ROLE_ARGMAX, RV_READ, taps, 16, channels);
        rv_ops_run(&ops, NULL, NULL);
        rv_ops_check(&ops, target, 0, channels, gx, 3 * 0x1p-23, 0);
        rv_ops_end(&ops);
        free(gy);
        free(gx);
        free(all);
        free(argmax);
    }
    rv_test_context_end(&context);
}

// ------------------------------------------------------------------------------------------------
// Average pooling

// Forward with bias, with flag also ReLU and mask.
static void check_avg_pool(struct rv_device *device, const struct pool_case *c) {
    struct rv_ops ops;
    size_t count = pixels(c) * c->channels;
    rv_ops_begin(&ops, device, "average pool %ux%u, %u channels%s%s", c->height, c->width,
                 c->channels, c->flag ? ", ReLU" : "", c->counts_padding ? ", by 9" : "");
    double *x = make_values(count, 1, 0), *y = malloc(count * sizeof *y);
    float *bias = rv_ops_floats(2, c->channels);
    for (size_t i = 0; i < count; i += c->channels)
        x[i] = bias[0] = 0; // a channel that is exactly zero, which ReLU stops
    uint8_t *mask = malloc(count), *sure = malloc(count);
    uint32_t source = wide_tensor(&ops, RV_TENSOR_FLOATS, c->height, c->width, c->channels, x);
    uint32_t target = wide_tensor(&ops, RV_TENSOR_FLOATS, c->height, c->width, c->channels, NULL);
    uint32_t bits = 0;
    rv_ref_avg_pool_forward(c->height, c->width, c->channels, c->counts_padding, x, y);
    rv_ref_bias_relu(pixels(c), c->channels, bias, y, NULL, mask);
    for (size_t i = 0; i < count; i++) {
        sure[i] = fabs(y[i]) > ABSOLUTE || y[i] == 0;
        if (c->flag && !mask[i])
            y[i] = 0;
    }
    struct rv_step *step = rv_ops_step(&ops, RV_OP_AVG_POOL);
    step->flag = c->flag;
    step->counts_padding = c->counts_padding;
    step->constants_offset = rv_ops_constants(&ops, bias, c->channels);
    step->constants_bytes = c->channels * sizeof(float);
    rv_ops_access(step, RV_ROLE_SOURCE, RV_READ, source, OFFSET, c->channels);
    rv_ops_access(step, RV_ROLE_TARGET, RV_WRITE, target, OFFSET, c->channels);
    if (c->flag) {
        bits = wide_tensor(&ops, RV_TENSOR_MASK, c->height, c->width, c->channels, NULL);
        rv_ops_access(step, RV_ROLE_MASK, RV_WRITE, bits, OFFSET, c->channels);
    }
    rv_ops_run(&ops, NULL, NULL);
    rv_ops_check(&ops, target, OFFSET, c->channels, y, ABSOLUTE, RELATIVE);
    if (c->flag)
        rv_ops_check_bits(&ops, bits, OFFSET, c->channels, mask, sure);
    rv_ops_end(&ops);
    free(x);
    free(y);
    free(bias);
    free(mask);
    free(sure);
}

static void check_avg_gradient(struct rv_device *device, const struct pool_case *c) {
    struct rv_ops ops;
    size_t count = pixels(c) * c->channels;
    rv_ops_begin(&ops, device, "gradient of average pool %ux%u, %u channels%s", c->height, c->width,
                 c->channels, c->counts_padding ? ", by 9" : "");
    double *gy = make_values(count, 1, 0), *gx = malloc(count * sizeof *gx);
    uint32_t source = wide_tensor(&ops, RV_TENSOR_FLOATS, c->height, c->width, c->channels, gy);
    uint32_t target = wide_tensor(&ops, RV_TENSOR_FLOATS, c->height, c->width, c->channels, NULL);
    rv_ref_avg_pool_backward(c->height, c->width, c->channels, c->counts_padding, gy, gx);
    struct rv_step *step = rv_ops_step(&ops, RV_OP_AVG_POOL_GRADIENT);
    step->counts_padding = c->counts_padding;
    rv_ops_access(step, RV_ROLE_SOURCE, RV_READ, source, OFFSET, c->channels);
    rv_ops_access(step, RV_ROLE_TARGET, RV_WRITE, target, OFFSET, c->channels);
    rv_ops_run(&ops, NULL, NULL);
    rv_ops_check(&ops, target, OFFSET, c->channels, gx, ABSOLUTE, RELATIVE);
    rv_ops_end(&ops);
    free(gy);
    free(gx);
}

Test(ops_pool, average) {
    static const struct pool_case shapes[] = {
        {.height = 1, .width = 1, .channels = 16},   {.height = 1, .width = 5, .channels = 48},
        {.height = 7, .width = 3, .channels = 80},   {.height = 9, .width = 11, .channels = 208},
        {.height = 17, .width = 16, .channels = 16}, {.height = 8, .width = 33, .channels = 48},
    };
    rv_context *context = rv_test_context();
    RV_OPS_BOTH {
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
            for (uint32_t variant = 0; variant < 4; variant++) {
                struct pool_case c = shapes[i];
                c.flag = variant % 2;
                c.counts_padding = variant / 2;
                check_avg_pool(context->device, &c);
                if (!c.flag)
                    check_avg_gradient(context->device, &c);
            }
    }
    rv_test_context_end(&context);
}

// <A x, y> = <x, A' y>, both sides from the device.
Test(ops_pool, average_adjoint) {
    rv_context *context = rv_test_context();
    RV_OPS_BOTH {
        for (uint32_t padding = 0; padding < 2; padding++) {
            struct rv_ops ops;
            const uint32_t height = 9, width = 8, channels = 48;
            size_t count = (size_t)height * width * channels;
            uint32_t tensor[4];
            float *bias = calloc(channels, sizeof *bias);
            rv_ops_begin(&ops, context->device, "adjoint of average pool%s",
                         padding ? ", by 9" : "");
            for (uint32_t i = 0; i < 4; i++)
                tensor[i] = rv_ops_tensor(&ops, RV_TENSOR_FLOATS, height, width, channels);
            double *x = rv_ops_noise(&ops, tensor[0], 1), *gy = rv_ops_noise(&ops, tensor[2], 2);
            for (uint32_t i = 0; i < 2; i++) {
                struct rv_step *step =
                    rv_ops_step(&ops, i ? RV_OP_AVG_POOL_GRADIENT : RV_OP_AVG_POOL);
                step->counts_padding = padding;
                step->constants_offset = rv_ops_constants(&ops, bias, channels);
                step->constants_bytes = channels * sizeof(float);
                rv_ops_access(step, RV_ROLE_SOURCE, RV_READ, tensor[2 * i], 0, channels);
                rv_ops_access(step, RV_ROLE_TARGET, RV_WRITE, tensor[2 * i + 1], 0, channels);
            }
            rv_ops_run(&ops, NULL, NULL);
            double *y = rv_ops_values(&ops, tensor[1], 0, channels), size;
            double *gx = rv_ops_values(&ops, tensor[3], 0, channels);
            double left = dot(count, y, gy, &size), right = dot(count, x, gx, &size);
            cr_expect(fabs(left - right) <=
                          size * (0x1p-23 + (rv_ops_fp16 ? RV_OPS_HALF_ERROR : 0)),
                      "%s: <Ax, y> = %.9g, <x, A'y> = %.9g", ops.name, left, right);
            rv_ops_end(&ops);
            free(bias);
            free(x);
            free(y);
            free(gx);
            free(gy);
        }
    }
    rv_test_context_end(&context);
}
