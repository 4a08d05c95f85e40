// What compares a layer with another picture's: Gram matrices, the guide's columns, references of
// the seed and the loss.
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "support/device.h"
#include "support/ops_harness.h"

#define OFFSET 16 // first channel of every slice of a layer
#define SEED_EXPONENT 2
#define SEED_SCALE 4

struct shape {
    uint32_t height, width, channels, parts;
};

static uint32_t pixels_of(const struct shape *s) {
    return s->height * s->width;
}

// A layer as a slice of a wider tensor; its values [pixels][channels].
struct layer {
    uint32_t tensor;
    double *values;
};

static struct layer make_layer(struct rv_ops *ops, const struct shape *s, uint64_t seed) {
    uint32_t stride = s->channels + 2 * OFFSET;
    size_t count = (size_t)pixels_of(s) * s->channels;
    struct layer layer = {rv_ops_tensor(ops, RV_TENSOR_FLOATS, s->height, s->width, stride),
                          malloc(count * sizeof(double))};
    double *all = rv_ops_noise(ops, layer.tensor, seed);
    for (size_t i = 0; i < count; i++)
        layer.values[i] = all[i / s->channels * stride + OFFSET + i % s->channels];
    free(all);
    return layer;
}

static uint32_t lines(struct rv_ops *ops, uint32_t count) {
    return rv_ops_tensor(ops, RV_TENSOR_LINES, 1, 1, count);
}

// ------------------------------------------------------------------------------------------------
// Gram matrices

static const struct shape grams[] = {
    {1, 1, 16, 1}, {3, 5, 48, 1}, {7, 9, 80, 3}, {19, 1, 32, 2}, {16, 17, 192, 4}};
#define GRAM_COUNT (sizeof grams / sizeof *grams)

static void check_gram(struct rv_device *device, const struct shape *s) {
    struct rv_ops ops;
    uint32_t c = s->channels, pixels = pixels_of(s), share = (pixels + s->parts - 1) / s->parts;
    rv_ops_begin(&ops, device, "gram %ux%ux%u in %u", s->height, s->width, c, s->parts);
    struct layer layer = make_layer(&ops, s, 1);
    uint32_t target = lines(&ops, s->parts * c * c);
    double *expected = calloc((size_t)s->parts * c * c, sizeof *expected);
    for (uint32_t p = 0; p < pixels; p++)
        for (uint32_t i = 0; i < c; i++)
            for (uint32_t j = 0; j < c; j++)
                expected[(size_t)(p / share) * c * c + i * c + j] +=
                    layer.values[p * c + i] * layer.values[p * c + j] / pixels;
    struct rv_step *step = rv_ops_step(&ops, RV_OP_GRAM);
    step->parts = s->parts;
    rv_ops_access(step, RV_ROLE_SOURCE, RV_READ, layer.tensor, OFFSET, c);
    rv_ops_access(step, RV_ROLE_TARGET, RV_WRITE, target, 0, s->parts * c * c);
    rv_ops_run(&ops, NULL, NULL);
    rv_ops_check(&ops, target, 0, s->parts * c * c, expected, 0x1p-22, 1e-6);
    rv_ops_end(&ops);
    free(layer.values);
    free(expected);
}

Test(ops_compare, gram) {
    rv_context *context = rv_test_context();
    RV_OPS_BOTH {
        for (size_t i = 0; i < GRAM_COUNT; i++)
            check_gram(context->device, &grams[i]);
    }
    rv_test_context_end(&context);
}

// The shares' sum as it is or, with a style, the difference over the style's square and its loss.
static void check_gram_sum(struct rv_device *device, uint32_t count, uint32_t parts, double loss) {
    struct rv_ops ops;
    const bool compare = loss != 0;
    rv_ops_begin(&ops, device, "sum of %u shares of %u, loss %g", parts, count, loss);
    uint32_t shares = lines(&ops, parts * count), target = lines(&ops, count);
    uint32_t partials = lines(&ops, RV_LOSS_PARTIALS);
    uint32_t style = lines(&ops, count), squares = lines(&ops, RV_LOSS_PARTIALS);
    double *values = rv_ops_noise(&ops, shares, 1), *other = rv_ops_noise(&ops, style, 2);
    double *parts_of_square = rv_ops_noise(&ops, squares, 3);
    double square = 0, sum = 0, found = 0;
    for (uint32_t i = 0; i < RV_LOSS_PARTIALS; i++) {
        parts_of_square[i] = (double)(float)fabs(parts_of_square[i]);
        square += parts_of_square[i];
    }
    rv_ops_fill(&ops, squares, parts_of_square);
    double *expected = calloc(count, sizeof *expected), factor = compare ? 1 / square : 1;
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t part = 0; part < parts; part++)
            expected[i] += values[part * count + i];
        expected[i] -= compare ? other[i] : 0;
        sum += expected[i] * expected[i] * (compare ? loss * factor : 1);
        expected[i] *= factor;
    }
    struct rv_step *step = rv_ops_step(&ops, RV_OP_GRAM_SUM);
    step->parts = parts;
    step->seed.constant = (float)loss;
    rv_ops_access(step, RV_ROLE_SOURCE, RV_READ, shares, 0, parts * count);
    rv_ops_access(step, RV_ROLE_TARGET, RV_WRITE, target, 0, count);
    rv_ops_access(step, RV_ROLE_TARGET_B, RV_WRITE, partials, 0, RV_LOSS_PARTIALS);
    if (compare) {
        rv_ops_access(step, RV_ROLE_REFERENCE, RV_READ, style, 0, count);
        rv_ops_access(step, RV_ROLE_SOURCE_B, RV_READ, squares, 0, RV_LOSS_PARTIALS);
    }
    rv_ops_run(&ops, NULL, NULL);
    rv_ops_check(&ops, target, 0, count, expected, parts * factor * 0x1p-22, 1e-6);
    double *written = rv_ops_values(&ops, partials, 0, RV_LOSS_PARTIALS);
    for (uint32_t i = 0; i < RV_LOSS_PARTIALS; i++)
        found += written[i];
    cr_expect(fabs(found - sum) <= 1e-5 * fabs(sum), "%s: partial sums: %.9g, not %.9g", ops.name,
              found, sum);
    rv_ops_end(&ops);
    free(values);
    free(other);
    free(parts_of_square);
    free(expected);
    free(written);
}

Test(ops_compare, gram_sum) {
    static const uint32_t channels[] = {16, 48, 80, 112};
    rv_context *context = rv_test_context();
    for (size_t i = 0; i < sizeof channels / sizeof *channels; i++) {
        check_gram_sum(context->device, channels[i] * channels[i], (uint32_t)i + 1, 0);
        check_gram_sum(context->device, channels[i] * channels[i], (uint32_t)i + 1, -1.5);
    }
    rv_test_context_end(&context);
}

struct gradient_case {
    struct shape layer;
    uint32_t first, channels; // of the target in the layer
    bool overwrite;
    uint32_t relu; // of the target's channels
};

static const struct gradient_case gradients[] = {
    {{1, 1, 16, 1}, 0, 16, true, 0},    {{5, 3, 48, 1}, 0, 48, true, 48},
    {{7, 9, 80, 1}, 32, 48, false, 16}, {{6, 11, 208, 1}, 0, 208, false, 192},
    {{33, 2, 64, 1}, 16, 16, true, 16},
};

static void check_gram_gradient(struct rv_device *device, const struct gradient_case *g) {
    struct rv_ops ops;
    const struct shape *s = &g->layer;
    uint32_t c = s->channels, pixels = pixels_of(s), stride = g->channels + 2 * OFFSET;
    rv_ops_begin(&ops, device, "gram gradient %ux%ux%u, %u from %u%s, mask %u", s->height, s->width,
                 c, g->channels, g->first, g->overwrite ? "" : ", added", g->relu);
    struct layer layer = make_layer(&ops, s, 1);
    uint32_t matrix = lines(&ops, c * c);
    double *d = rv_ops_noise(&ops, matrix, 2), factor = -0.375;
    for (uint32_t i = 0; i < c; i++)
        for (uint32_t j = 0; j < i; j++)
            d[i * c + j] = d[j * c + i];
    rv_ops_fill(&ops, matrix, d);
    uint32_t target = rv_ops_tensor(&ops, RV_TENSOR_FLOATS, s->height, s->width, stride);
    double *held = g->overwrite ? NULL : rv_ops_noise(&ops, target, 3);
    uint8_t *mask = NULL;
    struct rv_step *step = rv_ops_step(&ops, RV_OP_GRAM_GRADIENT);
    step->flag = g->overwrite;
    step->index = g->first;
    step->seed.linear = (float)factor;
    ops.plan->seed_exponent = SEED_EXPONENT;
    rv_ops_access(step, RV_ROLE_TARGET, g->overwrite ? RV_WRITE : RV_READ_WRITE, target, OFFSET,
                  g->channels);
    rv_ops_access(step, RV_ROLE_SOURCE, RV_READ, layer.tensor, OFFSET, c);
    rv_ops_access(step, RV_ROLE_REFERENCE, RV_READ, matrix, 0, c * c);
    if (g->relu) {
        uint32_t bits = rv_ops_tensor(&ops, RV_TENSOR_MASK, s->height, s->width, g->relu);
        mask = rv_ops_noise_bits(&ops, bits, 4);
        rv_ops_access(step, RV_ROLE_MASK, RV_READ, bits, 0, g->relu);
    }
    double *expected = calloc((size_t)pixels * g->channels, sizeof *expected);
    for (uint32_t p = 0; p < pixels; p++)
        for (uint32_t i = 0; i < g->channels; i++) {
            double sum = 0;
            for (uint32_t j = 0; j < c; j++)
                sum += d[(g->first + i) * c + j] * layer.values[p * c + j];
            if (i < g->relu && !mask[p * g->relu + i])
                sum = 0;
            expected[p * g->channels + i] =
                SEED_SCALE * factor * sum + (held ? held[p * stride + OFFSET + i] : 0);
        }
    rv_ops_run(&ops, NULL, NULL);
    rv_ops_check(&ops, target, OFFSET, g->channels, expected, c * 0x1p-22, 1e-6);
    rv_ops_end(&ops);
    free(layer.values);
    free(d);
    free(held);
    free(mask);
    free(expected);
}

Test(ops_compare, gram_gradient) {
    rv_context *context = rv_test_context();
    RV_OPS_BOTH {
        for (size_t i = 0; i < sizeof gradients / sizeof *gradients; i++)
            check_gram_gradient(context->device, &gradients[i]);
    }
    rv_test_context_end(&context);
}

// ------------------------------------------------------------------------------------------------
// The guide's columns and means

struct match_case {
    struct shape layer;     // in `parts` shares of the guide's columns
    uint32_t height, width; // of the guide
};

static const struct match_case matches[] = {{{1, 1, 16, 1}, 1, 1},
                                            {{5, 7, 48, 1}, 3, 5},
                                            {{3, 11, 80, 3}, 9, 8},
                                            {{9, 8, 16, 2}, 33, 1},
                                            {{4, 4, 256, 8}, 17, 16}};

static double product_of(const struct layer *x, uint32_t p, const struct layer *y, uint32_t q,
                         uint32_t channels) {
    double sum = 0;
    for (uint32_t i = 0; i < channels; i++)
        sum += x->values[p * channels + i] * y->values[q * channels + i];
    return sum;
}

static void check_match(struct rv_device *device, const struct match_case *m) {
    struct rv_ops ops;
    const struct shape *s = &m->layer, guide = {m->height, m->width, s->channels, 1};
    uint32_t c = s->channels, pixels = pixels_of(s), columns = pixels_of(&guide);
    uint32_t share = (columns + s->parts - 1) / s->parts;
    rv_ops_begin(&ops, device, "match %ux%ux%u with %ux%u in %u", s->height, s->width, c, m->height,
                 m->width, s->parts);
    struct layer x = make_layer(&ops, s, 1), y = make_layer(&ops, &guide, 2);
    uint32_t best = lines(&ops, s->parts * pixels * 2);
    uint32_t target = rv_ops_tensor(&ops, RV_TENSOR_FLOATS, s->height, s->width, c + 2 * OFFSET);
    double *products = malloc((size_t)s->parts * pixels * sizeof *products);
    double *expected = malloc((size_t)pixels * c * sizeof *expected);
    for (uint32_t p = 0; p < pixels; p++) {
        double most = -INFINITY;
        for (uint32_t q = 0; q < columns; q++) {
            double product = product_of(&x, p, &y, q, c), *of = &products[q / share * pixels + p];
            if (q % share == 0 || product > *of)
                *of = product;
            for (uint32_t i = 0; product > most && i < c; i++)
                expected[p * c + i] = y.values[q * c + i];
            most = fmax(most, product);
        }
    }
    struct rv_step *step = rv_ops_step(&ops, RV_OP_MATCH);
    step->parts = s->parts;
    rv_ops_access(step, RV_ROLE_SOURCE, RV_READ, x.tensor, OFFSET, c);
    rv_ops_access(step, RV_ROLE_SOURCE_B, RV_READ, y.tensor, OFFSET, c);
    rv_ops_access(step, RV_ROLE_TARGET, RV_WRITE, best, 0, s->parts * pixels * 2);
    step = rv_ops_step(&ops, RV_OP_MATCH_GATHER);
    step->parts = s->parts;
    rv_ops_access(step, RV_ROLE_SOURCE, RV_READ, best, 0, s->parts * pixels * 2);
    rv_ops_access(step, RV_ROLE_SOURCE_B, RV_READ, y.tensor, OFFSET, c);
    rv_ops_access(step, RV_ROLE_TARGET, RV_WRITE, target, OFFSET, c);
    rv_ops_run(&ops, NULL, NULL);
    rv_ops_check(&ops, target, OFFSET, c, expected, 0, 0);
    double *found = rv_ops_values(&ops, best, 0, s->parts * pixels * 2);
    for (uint32_t i = 0; i < s->parts * pixels; i++)
        if (i / pixels * share < columns) // the last share may have none
            cr_expect(fabs(found[2 * i] - products[i]) <= c * 0x1p-22,
                      "%s: share %u, position %u: %.9g, not %.9g", ops.name, i / pixels, i % pixels,
                      found[2 * i], products[i]);
    rv_ops_end(&ops);
    free(x.values);
    free(y.values);
    free(products);
    free(expected);
    free(found);
}

Test(ops_compare, match) {
    rv_context *context = rv_test_context();
    RV_OPS_BOTH {
        for (size_t i = 0; i < sizeof matches / sizeof *matches; i++)
            check_match(context->device, &matches[i]);
    }
    rv_test_context_end(&context);
}

Test(ops_compare, channel_means) {
    static const struct shape shapes[] = {{1, 1, 16, 1}, {5, 7, 48, 1}, {19, 23, 80, 1}};
    rv_context *context = rv_test_context();
    RV_OPS_BOTH {
        for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
            const struct shape *s = &shapes[k];
            struct rv_ops ops;
            rv_ops_begin(&ops, context->device, "means %ux%ux%u", s->height, s->width, s->channels);
            struct layer layer = make_layer(&ops, s, 1);
            uint32_t target = lines(&ops, s->channels);
            double *expected = calloc(s->channels, sizeof *expected);
            for (size_t i = 0; i < (size_t)pixels_of(s) * s->channels; i++)
                expected[i % s->channels] += layer.values[i] / pixels_of(s);
            struct rv_step *step = rv_ops_step(&ops, RV_OP_CHANNEL_MEANS);
            rv_ops_access(step, RV_ROLE_SOURCE, RV_READ, layer.tensor, OFFSET, s->channels);
            rv_ops_access(step, RV_ROLE_TARGET, RV_WRITE, target, 0, s->channels);
            rv_ops_run(&ops, NULL, NULL);
            rv_ops_check(&ops, target, 0, s->channels, expected, 0x1p-22, 1e-6);
            rv_ops_end(&ops);
            free(layer.values);
            free(expected);
        }
    }
    rv_test_context_end(&context);
}

// ------------------------------------------------------------------------------------------------
// References of the seed and the loss

struct reference_case {
    struct shape layer;
    enum rv_plan_reference reference;
    float linear, other;
    uint32_t border;
    bool neuron;
    uint32_t x, y; // of the neuron
};

static const struct reference_case references[] = {
    {{5, 7, 48, 1}, RV_REFERENCE_VALUES, 0, 0.5f, 0, false, 0, 0},
    {{5, 7, 48, 1}, RV_REFERENCE_VALUES, -2, 2, 1, false, 0, 0},
    {{1, 9, 80, 1}, RV_REFERENCE_CHANNELS, 0, -1, 0, false, 0, 0},
    {{11, 6, 16, 1}, RV_REFERENCE_CHANNELS, 0, 3, 2, false, 0, 0},
    {{6, 5, 32, 1}, RV_REFERENCE_NONE, 1, 0, 0, true, 4, 0},
};

static bool counts(const struct reference_case *r, uint32_t pixel) {
    uint32_t x = pixel % r->layer.width, y = pixel / r->layer.width, b = r->border;
    if (r->neuron)
        return x == r->x && y == r->y;
    return x >= b && y >= b && x + b < r->layer.width && y + b < r->layer.height;
}

static void check_reference(struct rv_device *device, const struct reference_case *r) {
    struct rv_ops ops;
    const struct shape *s = &r->layer;
    uint32_t c = s->channels, pixels = pixels_of(s);
    bool channels = r->reference == RV_REFERENCE_CHANNELS;
    bool values = r->reference == RV_REFERENCE_VALUES;
    rv_ops_begin(&ops, device, "reference %d of %ux%ux%u, %g, %g, border %u%s", (int)r->reference,
                 s->height, s->width, c, (double)r->linear, (double)r->other, r->border,
                 r->neuron ? ", neuron" : "");
    struct layer layer = make_layer(&ops, s, 1), beside = make_layer(&ops, s, 2);
    uint32_t means = lines(&ops, c), partials = lines(&ops, RV_LOSS_PARTIALS);
    uint32_t target = rv_ops_tensor(&ops, RV_TENSOR_FLOATS, s->height, s->width, c + 2 * OFFSET);
    double *of_channels = rv_ops_noise(&ops, means, 3), loss = 0, found = 0, size = 0;
    double *expected = calloc((size_t)pixels * c, sizeof *expected);
    for (uint32_t i = 0; i < pixels * c; i++) {
        double y = layer.values[i], other = channels ? of_channels[i % c] : beside.values[i];
        if (!counts(r, i / c))
            continue;
        expected[i] =
            SEED_SCALE * ((double)r->linear * y +
                          (r->reference == RV_REFERENCE_NONE ? 0 : (double)r->other * other));
        double one = r->linear == 0 ? (double)r->other * y * other
                                    : (double)r->linear / 2 * pow(y - (values ? other : 0), 2);
        loss += one;
        size += fabs(one);
    }
    struct rv_plan_seed seed = {.active = true,
                                .linear = r->linear,
                                .other = r->other,
                                .reference = r->reference,
                                .neuron = r->neuron,
                                .x = r->x,
                                .y = r->y,
                                .end = c,
                                .border = r->border};
    ops.plan->seed_exponent = SEED_EXPONENT;
    for (int k = 0; k < 2; k++) {
        struct rv_step *step = rv_ops_step(&ops, k ? RV_OP_LOSS_PARTIAL : RV_OP_SEED);
        step->seed = seed;
        step->flag = true;
        rv_ops_access(step, k ? RV_ROLE_SOURCE : RV_ROLE_SEED, RV_READ, layer.tensor, OFFSET, c);
        rv_ops_access(step, RV_ROLE_TARGET, RV_WRITE, k ? partials : target, k ? 0 : OFFSET,
                      k ? RV_LOSS_PARTIALS : c);
        if (values)
            rv_ops_access(step, RV_ROLE_REFERENCE, RV_READ, beside.tensor, OFFSET, c);
        if (channels)
            rv_ops_access(step, RV_ROLE_REFERENCE, RV_READ, means, 0, c);
    }
    rv_ops_run(&ops, NULL, NULL);
    rv_ops_check(&ops, target, OFFSET, c, expected, 0x1p-19, 1e-6);
    double *sums = rv_ops_values(&ops, partials, 0, RV_LOSS_PARTIALS);
    for (uint32_t i = 0; i < RV_LOSS_PARTIALS; i++)
        found += sums[i];
    cr_expect(fabs(found - loss) <= size * 1e-6, "%s: loss %.9g, not %.9g", ops.name, found, loss);
    rv_ops_end(&ops);
    free(layer.values);
    free(beside.values);
    free(of_channels);
    free(expected);
    free(sums);
}

Test(ops_compare, references) {
    rv_context *context = rv_test_context();
    RV_OPS_BOTH {
        for (size_t i = 0; i < sizeof references / sizeof *references; i++)
            check_reference(context->device, &references[i]);
    }
    rv_test_context_end(&context);
}
