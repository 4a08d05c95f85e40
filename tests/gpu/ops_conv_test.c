// Convolution on the device, forward and backward, every kind the network has, at odd shapes.
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/device.h"
#include "support/ops_harness.h"

// Values and weights lie in [-1, 1). Each addition of n products rounds by half an ulp of a sum
// that is of the order of sqrt(n), upwards as often as downwards: together about n times 2^-24
// (measured: at most 0.53 of the bound below).
static double bound(double terms) {
    return (terms + 4) * 0x1p-24;
}

#define RELATIVE 1e-6

#define SEED_EXPONENT 3
#define SEED_SCALE 8 // two to that: the scale of all gradients but the picture's

struct kind {
    const char *name;
    uint32_t height, width, stride; // kernel
    bool same;
};

enum { K1x1, K3x3_VALID, K3x3_SAME, K3x3_STRIDE, K5x5, K1x7, K7x1, K1x3, K3x1 };
static const struct kind kinds[] = {
    [K1x1] = {"1x1", 1, 1, 1, true},           [K3x3_VALID] = {"3x3 valid", 3, 3, 1, false},
    [K3x3_SAME] = {"3x3 same", 3, 3, 1, true}, [K3x3_STRIDE] = {"3x3 stride 2", 3, 3, 2, false},
    [K5x5] = {"5x5", 5, 5, 1, true},           [K1x7] = {"1x7", 1, 7, 1, true},
    [K7x1] = {"7x1", 7, 1, 1, true},           [K1x3] = {"1x3", 1, 3, 1, true},
    [K3x1] = {"3x1", 3, 1, 1, true},
};

static struct rv_ref_conv shape_of(uint32_t kind, uint32_t height, uint32_t width, uint32_t in,
                                   uint32_t out) {
    const struct kind *k = &kinds[kind];
    return (struct rv_ref_conv){.height = height,
                                .width = width,
                                .in = in,
                                .out = out,
                                .kernel_height = k->height,
                                .kernel_width = k->width,
                                .stride = k->stride,
                                .pad_y = k->same ? k->height / 2 : 0,
                                .pad_x = k->same ? k->width / 2 : 0};
}

static uint32_t out_height(const struct rv_ref_conv *s) {
    return rv_ref_out_size(s->height, s->kernel_height, s->stride, s->pad_y);
}

static uint32_t out_width(const struct rv_ref_conv *s) {
    return rv_ref_out_size(s->width, s->kernel_width, s->stride, s->pad_x);
}

static size_t kernel_size(const struct rv_ref_conv *s) {
    return (size_t)s->kernel_height * s->kernel_width * s->in * s->out;
}

static double terms(const struct rv_ref_conv *s) {
    return (double)s->kernel_height * s->kernel_width;
}

// Channels [first, first + count) of an array [positions][channels].
static double *slice(const double *values, size_t positions, uint32_t channels, uint32_t first,
                     uint32_t count) {
    double *part = malloc(positions * count * sizeof *part);
    for (size_t p = 0; p < positions; p++)
        memcpy(part + p * count, values + p * channels + first, count * sizeof *part);
    return part;
}

// The picture as the network sees it: rolled to the right and down.
static double *rolled(const double *picture, uint32_t height, uint32_t width, uint32_t down,
                      uint32_t right) {
    double *result = malloc((size_t)height * width * 3 * sizeof *result);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++)
            memcpy(result + ((size_t)((y + down) % height) * width + (x + right) % width) * 3,
                   picture + ((size_t)y * width + x) * 3, 3 * sizeof *result);
    return result;
}

// ------------------------------------------------------------------------------------------------
// Forward

// The source is a slice of a wider tensor, 16 channels in; so is the target, 32 channels in.
// Outputs [split, out) go to a second target, 16 channels in; the first `relu` outputs have ReLU
// and mask.
struct forward_case {
    uint32_t kind, height, width, in, out, split, relu;
};

static const struct forward_case forward_cases[] = {
    {K1x1, 1, 1, 16, 16, 16, 16},
    {K1x1, 1, 5, 48, 80, 80, 80},
    {K1x1, 17, 16, 80, 48, 48, 48},
    {K1x1, 9, 11, 208, 208, 208, 208},
    {K3x3_VALID, 7, 3, 16, 48, 48, 48},
    {K3x3_VALID, 9, 11, 80, 16, 16, 16},
    {K3x3_VALID, 8, 33, 16, 80, 80, 80},
    {K3x3_SAME, 1, 1, 48, 48, 48, 48},
    {K3x3_SAME, 1, 5, 16, 208, 208, 208},
    {K3x3_SAME, 9, 11, 48, 80, 80, 80},
    {K3x3_SAME, 17, 16, 16, 16, 16, 16},
    {K3x3_STRIDE, 3, 3, 16, 16, 16, 16},
    {K3x3_STRIDE, 9, 11, 48, 48, 48, 48},
    {K3x3_STRIDE, 8, 33, 16, 80, 80, 80},
    {K3x3_STRIDE, 17, 16, 80, 16, 16, 16},
    {K5x5, 1, 1, 16, 16, 16, 16},
    {K5x5, 9, 11, 48, 48, 48, 48},
    {K5x5, 2, 7, 16, 80, 80, 80},
    {K1x7, 1, 5, 48, 48, 48, 48},
    {K1x7, 7, 3, 16, 80, 80, 80},
    {K7x1, 7, 3, 48, 48, 48, 48},
    {K7x1, 9, 11, 16, 208, 208, 208},
    {K1x3, 5, 5, 16, 16, 16, 16},
    {K3x1, 5, 5, 16, 16, 16, 16},
    // The entries of blocks: two targets; some of the second linear, for an average pooling.
    {K1x1, 9, 11, 48, 208, 64, 176},
    {K1x1, 7, 3, 80, 80, 16, 48},
    {K1x1, 1, 5, 16, 48, 16, 48},
    {K1x1, 8, 9, 16, 144, 112, 112},
    // Values before ReLU.
    {K1x1, 7, 3, 16, 48, 48, 0},
    {K3x3_SAME, 5, 6, 16, 16, 16, 0},
};

// Adds the target of outputs [first, end), checks it after the run.
struct forward_target {
    uint32_t first, end, relu, offset, tensor, mask;
};

static void add_target(struct rv_ops *ops, struct rv_step *step, const struct rv_ref_conv *s,
                       struct forward_target *t, bool second) {
    uint32_t channels = t->end - t->first;
    t->relu = t->relu <= t->first ? 0 : t->relu < t->end ? t->relu - t->first : channels;
    t->offset = second ? 16 : 32;
    t->tensor = rv_ops_tensor(ops, RV_TENSOR_FLOATS, out_height(s), out_width(s),
                              t->offset + channels + 16);
    rv_ops_access(step, second ? RV_ROLE_TARGET_B : RV_ROLE_TARGET, RV_WRITE, t->tensor, t->offset,
                  channels);
    if (!t->relu)
        return;
    t->mask = rv_ops_tensor(ops, RV_TENSOR_MASK, out_height(s), out_width(s), t->offset + t->relu);
    rv_ops_access(step, second ? RV_ROLE_MASK_B : RV_ROLE_MASK, RV_WRITE, t->mask, t->offset,
                  t->relu);
}

// z: the outputs with their bias, [positions][out].
static void check_target(struct rv_ops *ops, const struct rv_ref_conv *s,
                         const struct forward_target *t, const double *z) {
    uint32_t channels = t->end - t->first;
    size_t positions = (size_t)out_height(s) * out_width(s);
    double error = bound(terms(s) * s->in);
    double *values = slice(z, positions, s->out, t->first, channels);
    uint8_t *mask = malloc(positions * channels), *sure = malloc(positions * channels);
    for (size_t i = 0, bits = 0; i < positions * channels; i++) {
        if (i % channels >= t->relu)
            continue;
        mask[bits] = values[i] > 0;
        sure[bits++] = fabs(values[i]) > error || values[i] == 0;
        values[i] = values[i] > 0 ? values[i] : 0;
    }
    rv_ops_check(ops, t->tensor, t->offset, channels, values, error, RELATIVE);
    if (t->relu)
        rv_ops_check_bits(ops, t->mask, t->offset, t->relu, mask, sure);
    free(values);
    free(mask);
    free(sure);
}

// z = A x + bias.
static double *reference_forward(const struct rv_ref_conv *s, const double *x, const float *kernel,
                                 const float *bias) {
    size_t positions = (size_t)out_height(s) * out_width(s);
    double *z = malloc(positions * s->out * sizeof *z);
    rv_ref_conv_forward(s, x, kernel, z);
    rv_ref_bias_relu(positions, s->out, bias, z, NULL, NULL);
    return z;
}

// Weights of which the first output's are all zero: it is exactly zero everywhere, which ReLU
// stops.
static void make_weights(const struct rv_ref_conv *s, float **kernel, float **bias) {
    *kernel = rv_ops_floats(1, kernel_size(s));
    *bias = rv_ops_floats(2, s->out);
    for (size_t i = 0; i < kernel_size(s); i += s->out)
        (*kernel)[i] = 0;
    (*bias)[0] = 0;
}

static void check_forward(struct rv_device *device, const struct forward_case *c) {
    struct rv_ops ops;
    struct rv_ref_conv s = shape_of(c->kind, c->height, c->width, c->in, c->out);
    rv_ops_begin(&ops, device, "forward %s, %ux%u, %u to %u channels, split %u, ReLU %u",
                 kinds[c->kind].name, c->height, c->width, c->in, c->out, c->split, c->relu);
    float *kernel, *bias;
    make_weights(&s, &kernel, &bias);
    uint32_t source = rv_ops_tensor(&ops, RV_TENSOR_FLOATS, c->height, c->width, c->in + 32);
    double *all = rv_ops_noise(&ops, source, 3);
    double *x = slice(all, (size_t)c->height * c->width, c->in + 32, 16, c->in);
    double *z = reference_forward(&s, x, kernel, bias);

    struct rv_step *step = rv_ops_forward(&ops, &s, kernel, bias);
    struct forward_target first = {.end = c->split, .relu = c->relu};
    struct forward_target second = {.first = c->split, .end = c->out, .relu = c->relu};
    step->conv.split = c->split;
    step->conv.relu = c->relu;
    rv_ops_access(step, RV_ROLE_SOURCE, RV_READ, source, 16, c->in);
    add_target(&ops, step, &s, &first, false);
    if (c->split < c->out)
        add_target(&ops, step, &s, &second, true);
    rv_ops_run(&ops, NULL, NULL);
    check_target(&ops, &s, &first, z);
    if (c->split < c->out)
        check_target(&ops, &s, &second, z);
    rv_ops_end(&ops);
    free(kernel);
    free(bias);
    free(all);
    free(x);
    free(z);
}

Test(ops_conv, forward) {
    rv_context *context = rv_test_context();
    RV_OPS_BOTH {
        for (size_t i = 0; i < sizeof forward_cases / sizeof *forward_cases; i++)
            check_forward(context->device, &forward_cases[i]);
    }
    rv_test_context_end(&context);
}

// ------------------------------------------------------------------------------------------------
// The first convolution, over the rolled picture

struct picture_case {
    uint32_t height, width, down, right, out;
};

static const struct picture_case picture_cases[] = {
    {9, 11, 0, 0, 32},    {9, 11, 3, 10, 32}, {8, 33, 7, 1, 16},
    {17, 16, 16, 15, 48}, {3, 3, 1, 2, 16},   {4, 4, 2, 3, 16},
};

static void check_picture(struct rv_device *device, const struct picture_case *c) {
    struct rv_ops ops;
    struct rv_ref_conv s = shape_of(K3x3_STRIDE, c->height, c->width, 3, c->out);
    rv_ops_begin(&ops, device, "picture %ux%u, rolled by %u down, %u right, %u channels", c->height,
                 c->width, c->down, c->right, c->out);
    ops.jitter_x = (int32_t)c->right;
    ops.jitter_y = (int32_t)c->down;
    float *kernel, *bias;
    make_weights(&s, &kernel, &bias);
    uint32_t source = rv_ops_tensor(&ops, RV_TENSOR_PIXELS, c->height, c->width, 3);
    double *picture = rv_ops_noise(&ops, source, 3);
    double *x = rolled(picture, c->height, c->width, c->down, c->right);
    double *z = reference_forward(&s, x, kernel, bias);
    struct rv_step *step = rv_ops_forward(&ops, &s, kernel, bias);
    struct forward_target target = {.end = c->out, .relu = c->out};
    step->conv.relu = c->out;
    step->conv.wrap = true;
    rv_ops_access(step, RV_ROLE_SOURCE, RV_READ, source, 0, 3);
    add_target(&ops, step, &s, &target, false);
    rv_ops_run(&ops, NULL, NULL);
    check_target(&ops, &s, &target, z);
    rv_ops_end(&ops);
    free(kernel);
    free(bias);
    free(picture);
    free(x);
    free(z);
}

static void check_picture_gradient(struct rv_device *device, const struct picture_case *c) {
    struct rv_ops ops;
    struct rv_ref_conv s = shape_of(K3x3_STRIDE, c->height, c->width, 3, c->out);
    rv_ops_begin(&ops, device, "gradient of the picture %ux%u, rolled by %u down, %u right",
                 c->height, c->width, c->down, c->right);
    ops.jitter_x = (int32_t)c->right;
    ops.jitter_y = (int32_t)c->down;
    size_t count = (size_t)c->height * c->width * 3;
    float *kernel = rv_ops_floats(1, kernel_size(&s));
    uint32_t source = rv_ops_tensor(&ops, RV_TENSOR_FLOATS, out_height(&s), out_width(&s), c->out);
    uint32_t target = rv_ops_tensor(&ops, RV_TENSOR_PIXELS, c->height, c->width, 3);
    double *gy = rv_ops_noise(&ops, source, 3), *gx = malloc(count * sizeof *gx);
    ops.plan->seed_exponent = SEED_EXPONENT;
    rv_ref_conv_backward(&s, gy, kernel, gx);
    for (size_t i = 0; i < count; i++)
        gx[i] /= SEED_SCALE;
    // Back by the jitter is forward by the rest of the way round.
    double *expected = rolled(gx, c->height, c->width, c->height - c->down, c->width - c->right);
    struct rv_step *step = rv_ops_backward(&ops, 1, &s, (const float *const[]){kernel}, true);
    rv_ops_access(step, RV_ROLE_SOURCE, RV_READ, source, 0, c->out);
    rv_ops_access(step, RV_ROLE_TARGET, RV_WRITE, target, 0, 3);
    rv_ops_run(&ops, NULL, NULL);
    rv_ops_check(&ops, target, 0, 3, expected, bound(4.0 * c->out), RELATIVE);
    rv_ops_end(&ops);
    free(kernel);
    free(gy);
    free(gx);
    free(expected);
}

Test(ops_conv, picture) {
    rv_context *context = rv_test_context();
    RV_OPS_BOTH {
        for (size_t i = 0; i < sizeof picture_cases / sizeof *picture_cases; i++) {
            check_picture(context->device, &picture_cases[i]);
            check_picture_gradient(context->device, &picture_cases[i]);
        }
    }
    rv_test_context_end(&context);
}

// ------------------------------------------------------------------------------------------------
// Backward

#define NONE UINT32_MAX

// The gradient of a tensor [height][width][channels], 16 channels in, of convolutions `kind` and
// `kind_b` (or NONE) to `out` and `out_b` channels. The first `relu` channels have a mask. A seed
// is fused where seed_end > 0: channels [seed_first, seed_end) inside the border.
struct backward_case {
    uint32_t kind, kind_b, height, width, channels, out, out_b, relu;
    bool add;
    uint32_t seed_first, seed_end, border;
    double constant, linear;
};

static const struct backward_case backward_cases[] = {
    {K1x1, NONE, 1, 1, 16, 16, 0, 16, false, 0, 0, 0, 0, 0},
    {K1x1, NONE, 9, 11, 208, 48, 0, 0, false, 0, 0, 0, 0, 0},
    {K1x1, NONE, 17, 16, 48, 208, 0, 32, true, 0, 0, 0, 0, 0},
    {K3x3_VALID, NONE, 7, 3, 48, 16, 0, 48, false, 0, 0, 0, 0, 0},
    {K3x3_VALID, NONE, 9, 11, 16, 80, 0, 16, false, 0, 0, 0, 0, 0},
    {K3x3_SAME, NONE, 1, 5, 80, 48, 0, 80, false, 0, 0, 0, 0, 0},
    {K3x3_SAME, NONE, 8, 33, 16, 16, 0, 16, true, 0, 0, 0, 0, 0},
    {K5x5, NONE, 9, 11, 48, 16, 0, 48, false, 0, 0, 0, 0, 0},
    {K5x5, NONE, 2, 3, 16, 48, 0, 0, false, 0, 0, 0, 0, 0},
    {K1x7, NONE, 7, 3, 16, 48, 0, 16, false, 0, 0, 0, 0, 0},
    {K7x1, NONE, 9, 11, 48, 16, 0, 48, false, 0, 0, 0, 0, 0},
    // Stride 2: four parities, with and without rows and columns that no output reads.
    {K3x3_STRIDE, NONE, 3, 3, 16, 16, 0, 16, false, 0, 0, 0, 0, 0},
    {K3x3_STRIDE, NONE, 9, 11, 48, 16, 0, 48, false, 0, 0, 0, 0, 0},
    {K3x3_STRIDE, NONE, 8, 11, 16, 48, 0, 0, false, 0, 0, 0, 0, 0},
    {K3x3_STRIDE, NONE, 17, 16, 16, 16, 0, 16, true, 0, 0, 0, 0, 0},
    {K3x3_STRIDE, NONE, 8, 6, 208, 16, 0, 208, false, 0, 0, 0, 0, 0},
    // Two readers of one tensor: merged exits, the split 3x3 of the deepest blocks, a stride beside
    // an entry (and a max-pool, whose gradient is there already).
    {K1x1, K1x1, 9, 11, 48, 16, 80, 48, false, 0, 0, 0, 0, 0},
    {K1x3, K3x1, 5, 7, 16, 48, 16, 16, false, 0, 0, 0, 0, 0},
    {K3x3_STRIDE, K1x1, 9, 11, 48, 16, 16, 48, true, 0, 0, 0, 0, 0},
    {K3x3_STRIDE, K1x1, 8, 6, 16, 48, 80, 16, false, 0, 0, 0, 0, 0},
    // With the objective's gradient.
    {K1x1, K1x1, 9, 11, 48, 16, 16, 48, false, 0, 48, 0, 0.25, 0},
    {K1x1, K1x1, 9, 11, 48, 16, 16, 32, false, 16, 32, 2, 0, 0.5},
    {K3x3_STRIDE, K1x1, 8, 11, 48, 16, 16, 48, true, 21, 22, 1, 0, -2},
    {K3x3_SAME, NONE, 7, 3, 16, 16, 0, 16, false, 0, 16, 1, 1, 0},
    {K1x1, NONE, 1, 5, 80, 16, 0, 80, true, 3, 4, 0, -0.5, 0},
};

struct backward_source {
    struct rv_ref_conv shape;
    float *kernel;
    double *gy;
    uint32_t tensor;
};

static void make_source(struct rv_ops *ops, const struct backward_case *c, uint32_t kind,
                        uint32_t out, uint64_t seed, struct backward_source *source) {
    source->shape = shape_of(kind, c->height, c->width, c->channels, out);
    source->kernel = rv_ops_floats(seed, kernel_size(&source->shape));
    source->tensor = rv_ops_tensor(ops, RV_TENSOR_FLOATS, out_height(&source->shape),
                                   out_width(&source->shape), out);
    source->gy = rv_ops_noise(ops, source->tensor, seed + 1);
}

// sum[i] += the gradient through that convolution.
static void add_reference(const struct backward_source *source, double *sum, size_t count) {
    double *gx = malloc(count * sizeof *gx);
    rv_ref_conv_backward(&source->shape, source->gy, source->kernel, gx);
    for (size_t i = 0; i < count; i++)
        sum[i] += gx[i];
    free(gx);
}

// The objective's gradient where it counts, from activations [positions][channels + 32].
static void add_seed(const struct backward_case *c, const double *activations, double *sum) {
    for (uint32_t y = c->border; y + c->border < c->height; y++)
        for (uint32_t x = c->border; x + c->border < c->width; x++)
            for (uint32_t n = c->seed_first; n < c->seed_end; n++) {
                size_t p = (size_t)y * c->width + x;
                sum[p * c->channels + n] +=
                    SEED_SCALE *
                    (c->constant + c->linear * activations[p * (c->channels + 32) + 16 + n]);
            }
}

// The accesses beside sources and target, and what they add to the expected sum, in the kernels'
// order: what the target holds, seed, mask.
static void backward_extras(struct rv_ops *ops, const struct backward_case *c, struct rv_step *step,
                            uint32_t target, double *sum) {
    size_t positions = (size_t)c->height * c->width;
    if (c->add) {
        double *held = rv_ops_noise(ops, target, 11);
        for (size_t i = 0; i < positions * c->channels; i++)
            sum[i] += held[i / c->channels * (c->channels + 32) + 16 + i % c->channels];
        free(held);
        step->conv.add = true;
    }
    if (c->seed_end) {
        uint32_t values =
            rv_ops_tensor(ops, RV_TENSOR_FLOATS, c->height, c->width, c->channels + 32);
        double *activations = rv_ops_noise(ops, values, 12);
        step->seed = (struct rv_plan_seed){.active = true,
                                           .constant = (float)c->constant,
                                           .linear = (float)c->linear,
                                           .first = c->seed_first,
                                           .end = c->seed_end,
                                           .border = c->border};
        if (c->linear != 0)
            rv_ops_access(step, RV_ROLE_SEED, RV_READ, values, 16, c->channels);
        add_seed(c, activations, sum);
        free(activations);
    }
    if (c->relu) {
        uint32_t tensor = rv_ops_tensor(ops, RV_TENSOR_MASK, c->height, c->width, c->relu + 16);
        uint8_t *mask = rv_ops_noise_bits(ops, tensor, 13);
        rv_ops_access(step, RV_ROLE_MASK, RV_READ, tensor, 16, c->relu);
        step->conv.relu = c->relu;
        for (size_t i = 0; i < positions * c->channels; i++)
            if (i % c->channels < c->relu &&
                !mask[i / c->channels * (c->relu + 16) + 16 + i % c->channels])
                sum[i] = 0;
        free(mask);
    }
}

static void check_backward(struct rv_device *device, const struct backward_case *c) {
    struct rv_ops ops;
    struct backward_source source[2] = {{.kernel = NULL}};
    uint32_t count = c->kind_b == NONE ? 1 : 2;
    rv_ops_begin(&ops, device, "backward %s and %s, %ux%u, %u + %u to %u channels%s%s, mask %u",
                 kinds[c->kind].name, count == 2 ? kinds[c->kind_b].name : "none", c->height,
                 c->width, c->out, c->out_b, c->channels, c->add ? ", added" : "",
                 c->seed_end ? ", seed" : "", c->relu);
    make_source(&ops, c, c->kind, c->out, 1, &source[0]);
    if (count == 2)
        make_source(&ops, c, c->kind_b, c->out_b, 5, &source[1]);
    uint32_t target = rv_ops_tensor(&ops, RV_TENSOR_FLOATS, c->height, c->width, c->channels + 32);
    size_t values = (size_t)c->height * c->width * c->channels;
    double *expected = calloc(values, sizeof *expected), error = 0;
    for (uint32_t i = 0; i < count; i++) {
        add_reference(&source[i], expected, values);
        error += bound(terms(&source[i].shape) * source[i].shape.out);
    }
    struct rv_step *step =
        rv_ops_backward(&ops, count, (struct rv_ref_conv[]){source[0].shape, source[1].shape},
                        (const float *const[]){source[0].kernel, source[1].kernel}, false);
    rv_ops_access(step, RV_ROLE_SOURCE, RV_READ, source[0].tensor, 0, c->out);
    rv_ops_access(step, RV_ROLE_TARGET, c->add ? RV_READ_WRITE : RV_WRITE, target, 16, c->channels);
    if (count == 2)
        rv_ops_access(step, RV_ROLE_SOURCE_B, RV_READ, source[1].tensor, 0, c->out_b);
    ops.plan->seed_exponent = SEED_EXPONENT;
    backward_extras(&ops, c, step, target, expected);
    rv_ops_run(&ops, NULL, NULL);
    rv_ops_check(&ops, target, 16, c->channels, expected, error, RELATIVE);
    rv_ops_end(&ops);
    for (uint32_t i = 0; i < count; i++) {
        free(source[i].kernel);
        free(source[i].gy);
    }
    free(expected);
}

Test(ops_conv, backward) {
    rv_context *context = rv_test_context();
    RV_OPS_BOTH {
        for (size_t i = 0; i < sizeof backward_cases / sizeof *backward_cases; i++)
            check_backward(context->device, &backward_cases[i]);
    }
    rv_test_context_end(&context);
}

// ------------------------------------------------------------------------------------------------
// Adjoints: <A x, y> = <x, A' y>, both sides from the device

static double dot(size_t count, const double *a, const double *b, double *size) {
    double sum = 0;
    *size = 0;
    for (size_t i = 0; i < count; i++) {
        sum += a[i] * b[i];
        *size += fabs(a[i] * b[i]);
    }
    return sum;
}

// Forward and backward of one convolution as the two steps of one plan; out of the picture, rolled,
// if there are three channels.
static void check_adjoint(struct rv_device *device, uint32_t kind, uint32_t height, uint32_t width,
                          uint32_t in, uint32_t out) {
    struct rv_ops ops;
    struct rv_ref_conv s = shape_of(kind, height, width, in, out);
    bool image = in == 3;
    enum rv_plan_kind outside = image ? RV_TENSOR_PIXELS : RV_TENSOR_FLOATS;
    rv_ops_begin(&ops, device, "adjoint of %s, %ux%u, %u to %u channels", kinds[kind].name, height,
                 width, in, out);
    ops.jitter_x = (int32_t)width - 1;
    ops.jitter_y = 2;
    float *kernel = rv_ops_floats(1, kernel_size(&s)), *bias = calloc(out, sizeof *bias);
    uint32_t x = rv_ops_tensor(&ops, outside, height, width, in);
    uint32_t gx = rv_ops_tensor(&ops, outside, height, width, in);
    uint32_t y = rv_ops_tensor(&ops, RV_TENSOR_FLOATS, out_height(&s), out_width(&s), out);
    uint32_t gy = rv_ops_tensor(&ops, RV_TENSOR_FLOATS, out_height(&s), out_width(&s), out);
    double *x_values = rv_ops_noise(&ops, x, 2), *gy_values = rv_ops_noise(&ops, gy, 3);
    struct rv_step *forward = rv_ops_forward(&ops, &s, kernel, bias);
    forward->conv.wrap = image;
    rv_ops_access(forward, RV_ROLE_SOURCE, RV_READ, x, 0, in);
    rv_ops_access(forward, RV_ROLE_TARGET, RV_WRITE, y, 0, out);
    struct rv_step *backward = rv_ops_backward(&ops, 1, &s, (const float *const[]){kernel}, image);
    rv_ops_access(backward, RV_ROLE_SOURCE, RV_READ, gy, 0, out);
    rv_ops_access(backward, RV_ROLE_TARGET, RV_WRITE, gx, 0, in);
    rv_ops_run(&ops, NULL, NULL);
    double *y_values = rv_ops_values(&ops, y, 0, out), *gx_values = rv_ops_values(&ops, gx, 0, in);
    double size,
        left = dot((size_t)out_height(&s) * out_width(&s) * out, y_values, gy_values, &size);
    double right = dot((size_t)height * width * in, x_values, gx_values, &size);
    // Every product of the two sides is rounded about as much as float32 can: 2^-24 of it.
    cr_expect(fabs(left - right) <= size * (0x1p-23 + (rv_ops_fp16 ? RV_OPS_HALF_ERROR : 0)),
              "%s: <Ax, y> = %.9g, <x, A'y> = %.9g", ops.name, left, right);
    rv_ops_end(&ops);
    free(kernel);
    free(bias);
    free(x_values);
    free(gy_values);
    free(y_values);
    free(gx_values);
}

Test(ops_conv, adjoint) {
    rv_context *context = rv_test_context();
    RV_OPS_BOTH {
        for (uint32_t kind = 0; kind < sizeof kinds / sizeof *kinds; kind++) {
            check_adjoint(context->device, kind, 9, 11, 48, 16);
            check_adjoint(context->device, kind, 8, 6, 16, 80);
        }
        check_adjoint(context->device, K3x3_STRIDE, 9, 11, 3, 32);
        check_adjoint(context->device, K3x3_STRIDE, 8, 6, 3, 16);
    }
    rv_test_context_end(&context);
}
