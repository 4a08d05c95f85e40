// The objective on the device: its value and its gradient at a layer.
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "support/device.h"
#include "support/ops_harness.h"

#define OFFSET 16 // first channel of every slice that a step works on
#define SEED_EXPONENT 3
#define SEED_SCALE 8 // two to that: the scale of all gradients

struct loss_case {
    uint32_t height, width, channels, border;
    int32_t channel; // -1 = all
    enum rv_objective objective;
    double weight;
    bool affine;    // values stand before normalisation: y = alpha * value + beta
    bool overwrite; // the gradient is written, not added
    uint32_t relu;  // channels with a mask
};

static const struct loss_case cases[] = {
    {1, 1, 16, 0, -1, RV_OBJECTIVE_MEAN, 1, false, true, 16},
    {1, 5, 48, 0, -1, RV_OBJECTIVE_L2, 2, false, false, 48},
    {7, 3, 80, 1, -1, RV_OBJECTIVE_L2, -0.5, false, true, 32},
    {9, 11, 208, 2, -1, RV_OBJECTIVE_MEAN, 0.25, false, false, 0},
    {9, 11, 48, 0, 0, RV_OBJECTIVE_MEAN, 1, false, true, 48},
    {9, 11, 48, 1, 21, RV_OBJECTIVE_L2, 3, false, false, 48},
    {17, 16, 80, 3, 79, RV_OBJECTIVE_L2, 1, true, true, 0},
    {8, 33, 16, 0, -1, RV_OBJECTIVE_L2, 1, true, false, 0},
    {8, 33, 48, 1, -1, RV_OBJECTIVE_MEAN, -2, true, true, 0},
    {40, 45, 16, 4, -1, RV_OBJECTIVE_L2, 1, false, false, 16}, // more vec4s than partial sums
};
#define CASE_COUNT (sizeof cases / sizeof *cases)

static size_t count_of(const struct loss_case *c) {
    return (size_t)c->height * c->width * c->channels;
}

// As the planner sets it.
static struct rv_plan_seed seed_of(const struct loss_case *c) {
    uint32_t first = c->channel < 0 ? 0 : (uint32_t)c->channel;
    uint32_t end = c->channel < 0 ? c->channels : first + 1;
    double scale = c->weight / ((double)c->height * c->width * (end - first));
    bool square = c->objective == RV_OBJECTIVE_L2;
    return (struct rv_plan_seed){.active = true,
                                 .constant = square ? 0 : (float)scale,
                                 .linear = square ? (float)(2 * scale) : 0,
                                 .first = first,
                                 .end = end,
                                 .border = c->border,
                                 .affine = c->affine ? 1 : 0};
}

// A layer's values: a slice of a wider tensor; and as the objective sees them.
struct layer {
    uint32_t tensor;
    double *y;     // [positions][channels], after alpha and beta
    float *affine; // alpha of all channels, then beta; NULL if there is none
};

static struct layer make_layer(struct rv_ops *ops, const struct loss_case *c, uint64_t seed) {
    struct layer layer = {.y = malloc(count_of(c) * sizeof *layer.y)};
    uint32_t stride = c->channels + 2 * OFFSET;
    layer.tensor = rv_ops_tensor(ops, RV_TENSOR_FLOATS, c->height, c->width, stride);
    double *all = rv_ops_noise(ops, layer.tensor, seed);
    if (c->affine)
        layer.affine = rv_ops_floats(seed + 1, 2 * c->channels);
    for (size_t i = 0; i < count_of(c); i++) {
        size_t channel = i % c->channels;
        layer.y[i] = all[i / c->channels * stride + OFFSET + channel];
        if (c->affine)
            layer.y[i] = (double)layer.affine[channel] * layer.y[i] +
                         (double)layer.affine[c->channels + channel];
    }
    free(all);
    return layer;
}

static void set_affine(struct rv_ops *ops, const struct loss_case *c, const struct layer *layer,
                       struct rv_step *step) {
    if (!c->affine)
        return;
    step->constants_bytes = 2 * c->channels * sizeof(float);
    step->constants_offset = rv_ops_constants(ops, layer->affine, 2 * (size_t)c->channels);
}

static void free_layer(struct layer *layer) {
    free(layer->y);
    free(layer->affine);
}

static void check_seed(struct rv_device *device, const struct loss_case *c) {
    struct rv_ops ops;
    rv_ops_begin(&ops, device, "seed %ux%u, channel %d of %u, border %u, %s%s%s, mask %u",
                 c->height, c->width, c->channel, c->channels, c->border,
                 c->objective == RV_OBJECTIVE_L2 ? "l2" : "mean", c->affine ? ", affine" : "",
                 c->overwrite ? "" : ", added", c->relu);
    struct layer layer = make_layer(&ops, c, 1);
    uint32_t stride = c->channels + 2 * OFFSET;
    uint32_t target = rv_ops_tensor(&ops, RV_TENSOR_FLOATS, c->height, c->width, stride);
    double *held = c->overwrite ? NULL : rv_ops_noise(&ops, target, 3);
    double *expected = calloc(count_of(c), sizeof *expected);
    rv_ref_objective(c->objective, c->height, c->width, c->channels, layer.y, c->border, c->channel,
                     c->weight, expected);
    struct rv_step *step = rv_ops_step(&ops, RV_OP_SEED);
    step->flag = c->overwrite;
    step->seed = seed_of(c);
    ops.plan->seed_exponent = SEED_EXPONENT;
    set_affine(&ops, c, &layer, step);
    rv_ops_access(step, RV_ROLE_TARGET, c->overwrite ? RV_WRITE : RV_READ_WRITE, target, OFFSET,
                  c->channels);
    if (c->objective == RV_OBJECTIVE_L2)
        rv_ops_access(step, RV_ROLE_SEED, RV_READ, layer.tensor, OFFSET, c->channels);
    uint8_t *mask = NULL;
    if (c->relu) {
        uint32_t bits = rv_ops_tensor(&ops, RV_TENSOR_MASK, c->height, c->width, c->relu);
        mask = rv_ops_noise_bits(&ops, bits, 4);
        rv_ops_access(step, RV_ROLE_MASK, RV_READ, bits, 0, c->relu);
    }
    for (size_t i = 0; i < count_of(c); i++) {
        size_t p = i / c->channels, channel = i % c->channels;
        expected[i] *= SEED_SCALE;
        if (c->affine)
            expected[i] *= (double)layer.affine[channel];
        if (channel < c->relu && !mask[p * c->relu + channel])
            expected[i] = 0;
        if (held)
            expected[i] += held[p * stride + OFFSET + channel];
    }
    rv_ops_run(&ops, NULL, NULL);
    // At most four roundings of numbers below 1 (held), 3 |weight| / N times the scale (the seed).
    rv_ops_check(&ops, target, OFFSET, c->channels, expected, SEED_SCALE * (held ? 0x1p-22 : 1e-9),
                 1e-6);
    rv_ops_end(&ops);
    free(held);
    free(expected);
    free(mask);
    free_layer(&layer);
}

Test(ops_loss, seed) {
    rv_context *context = rv_test_context();
    RV_OPS_BOTH {
        for (size_t i = 0; i < CASE_COUNT; i++)
            check_seed(context->device, &cases[i]);
    }
    rv_test_context_end(&context);
}

// Two targets a plan, as neighbours in one tensor of partial sums and one array of losses.
static void check_loss(struct rv_device *device, const struct loss_case *pair) {
    struct rv_ops ops;
    struct layer layer[2];
    double expected[2], size = 0;
    rv_ops_begin(&ops, device, "loss of %ux%ux%u and %ux%ux%u", pair[0].height, pair[0].width,
                 pair[0].channels, pair[1].height, pair[1].width, pair[1].channels);
    uint32_t partials = rv_ops_tensor(&ops, RV_TENSOR_PARTIALS, 1, RV_LOSS_PARTIALS / 16, 32);
    uint32_t losses = rv_ops_tensor(&ops, RV_TENSOR_LINES, 1, 1, 2);
    for (uint32_t i = 0; i < 2; i++) {
        const struct loss_case *c = &pair[i];
        layer[i] = make_layer(&ops, c, 1 + i);
        struct rv_step *step = rv_ops_step(&ops, RV_OP_LOSS_PARTIAL);
        step->index = i;
        step->seed = seed_of(c);
        set_affine(&ops, c, &layer[i], step);
        rv_ops_access(step, RV_ROLE_SOURCE, RV_READ, layer[i].tensor, OFFSET, c->channels);
        rv_ops_access(step, RV_ROLE_TARGET, RV_WRITE, partials, i * 16, 16);
        expected[i] = rv_ref_objective(c->objective, c->height, c->width, c->channels, layer[i].y,
                                       c->border, c->channel, c->weight, NULL);
        // No sum is larger than |weight| * 4 (|y| < 2), and it is made of terms of either sign.
        size = fmax(size, 4 * fabs(c->weight));
    }
    struct rv_step *step = rv_ops_step(&ops, RV_OP_LOSS_SUM);
    step->index = 2;
    rv_ops_access(step, RV_ROLE_SOURCE, RV_READ, partials, 0, 32);
    rv_ops_access(step, RV_ROLE_TARGET, RV_WRITE, losses, 0, 2);
    rv_ops_run(&ops, NULL, NULL);
    rv_ops_check(&ops, losses, 0, 2, expected, size * 0x1p-22, 1e-6);
    // Every partial sum is there, and together they are the loss.
    double *all = rv_ops_values(&ops, partials, 0, 32), sum[2] = {0, 0};
    for (size_t i = 0; i < 2 * RV_LOSS_PARTIALS; i++)
        sum[i / 16 % 2] += all[i];
    for (uint32_t i = 0; i < 2; i++)
        cr_expect(fabs(sum[i] - expected[i]) <= size * 0x1p-22,
                  "%s: partial sums of %u: %.9g, not "
                  "%.9g",
                  ops.name, i, sum[i], expected[i]);
    rv_ops_end(&ops);
    free(all);
    for (uint32_t i = 0; i < 2; i++)
        free_layer(&layer[i]);
}

Test(ops_loss, value) {
    rv_context *context = rv_test_context();
    RV_OPS_BOTH {
        for (size_t i = 0; i + 1 < CASE_COUNT; i++)
            check_loss(context->device, &cases[i]);
    }
    rv_test_context_end(&context);
}
