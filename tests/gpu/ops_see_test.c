// What growing a picture takes beside the network, on the device: the Fourier transform, the view,
// the colours, Adam. Each against double precision, each adjoint against its operation.
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dream/see.h"
#include "ops/fourier.h"
#include "support/device.h"
#include "support/ops_harness.h"

// <a, b>
static double product(size_t count, const double *a, const double *b) {
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += a[i] * b[i];
    return sum;
}

static double norm(size_t count, const double *a) {
    return sqrt(product(count, a, a));
}

// <Ax, y> = <x, A'y>, up to rounding of sums of that size.
static void check_adjoint(const char *name, size_t inputs, const double *x, const double *back,
                          size_t outputs, const double *y, const double *forth) {
    double left = product(outputs, forth, y), right = product(inputs, x, back);
    double size = norm(outputs, forth) * norm(outputs, y) + norm(inputs, x) * norm(inputs, back);
    cr_expect(fabs(left - right) <= 1e-6 * size, "%s: <Ax, y> = %.9g, <x, A'y> = %.9g", name, left,
              right);
}

// ------------------------------------------------------------------------------------------------
// The Fourier transform

// Of all remainders by the kernels' radix, primes among them.
static const struct rv_extent fourier_sizes[] = {
    {1, 1},  {2, 1},  {1, 2},  {3, 2},   {7, 5},  {8, 9},   {33, 12}, {12, 33},
    {65, 4}, {4, 67}, {40, 8}, {16, 64}, {49, 6}, {35, 24}, {24, 35}, {56, 45},
};

struct fourier_run {
    struct rv_extent size;
    uint32_t spectrum, between, picture, table_x, table_y;
    bool adjoint;
};

static enum rv_status record_fourier(void *user, struct rv_ops *ops, struct rv_recorder *recorder) {
    const struct fourier_run *run = user;
    const struct rv_fourier_op op = {.spectrum = rv_ops_range(ops, run->spectrum),
                                     .between = rv_ops_range(ops, run->between),
                                     .picture = rv_ops_range(ops, run->picture),
                                     .table_x = rv_ops_range(ops, run->table_x),
                                     .table_y = rv_ops_range(ops, run->table_y),
                                     .size = run->size};
    return run->adjoint ? rv_op_fourier_adjoint(recorder, &op) : rv_op_fourier(recorder, &op);
}

static uint32_t make_table(struct rv_ops *ops, uint32_t side) {
    uint32_t tensor = rv_ops_tensor(ops, RV_TENSOR_LINES, 1, 1, 2 * side);
    rv_fourier_table(side, rv_ops_bytes(ops, tensor));
    return tensor;
}

static size_t spectrum_of(struct rv_extent size) {
    return (size_t)size.height * (size.width / 2 + 1) * 2;
}

static void begin_fourier(struct rv_ops *ops, struct rv_device *device, struct fourier_run *run) {
    struct rv_extent size = run->size;
    rv_ops_begin(ops, device, "fourier%s of %u x %u", run->adjoint ? " adjoint" : "", size.width,
                 size.height);
    uint32_t floats = (uint32_t)spectrum_of(size) * 4;
    run->spectrum = rv_ops_tensor(ops, RV_TENSOR_LINES, 1, 1, floats);
    run->between = rv_ops_tensor(ops, RV_TENSOR_LINES, 1, 1, floats);
    run->picture = rv_ops_tensor(ops, RV_TENSOR_PIXELS, size.height, size.width, 3);
    run->table_x = make_table(ops, size.width);
    run->table_y = make_table(ops, size.height);
}

// The sum over both axes at once: of a spectrum [height][columns][2][4] to [height][width][3], or,
// adjoint, back.
static void reference_fourier(struct rv_extent size, bool adjoint, double *spectrum,
                              double *picture) {
    uint32_t w = size.width, h = size.height, columns = w / 2 + 1;
    memset(adjoint ? spectrum : picture, 0,
           (adjoint ? spectrum_of(size) * 4 : (size_t)w * h * 3) * sizeof(double));
    for (size_t k = 0; k < (size_t)h * columns; k++)
        for (size_t p = 0; p < (size_t)w * h; p++) {
            uint32_t row = (uint32_t)(k / columns), column = (uint32_t)(k % columns);
            double turns = (double)(row * (p / w) % h) / h + (double)(column * (p % w) % w) / w;
            double times = column == 0 || column * 2 == w ? 1 : 2;
            double c = times * cos(2 * M_PI * turns), s = times * sin(2 * M_PI * turns);
            for (uint32_t i = 0; i < 3; i++) {
                double *real = &spectrum[k * 8 + i], *value = &picture[p * 3 + i];
                if (adjoint) {
                    real[0] += c * *value;
                    real[4] -= s * *value;
                } else {
                    *value += c * real[0] - s * real[4];
                }
            }
        }
}

// Noise, the fourth of every four zero.
static double *make_spectrum(struct rv_ops *ops, uint32_t tensor, size_t count) {
    double *values = rv_ops_noise(ops, tensor, 5);
    for (size_t i = 3; i < count * 4; i += 4)
        values[i] = 0;
    rv_ops_fill(ops, tensor, values);
    return values;
}

static void check_fourier(struct rv_device *device, struct rv_extent size) {
    struct rv_ops ops;
    struct fourier_run run = {.size = size};
    size_t count = spectrum_of(size) * 4, pixels = (size_t)size.width * size.height * 3;
    double *picture = malloc(pixels * sizeof *picture), *spectrum = malloc(count * sizeof(double));
    // Rounding of sums of so many terms of size 1; the last axis' sums are of those.
    double tolerance = 1e-6 * sqrt((double)pixels) + 2e-6;

    begin_fourier(&ops, device, &run);
    double *x = make_spectrum(&ops, run.spectrum, spectrum_of(size));
    reference_fourier(size, false, x, picture);
    rv_ops_run(&ops, record_fourier, &run);
    double *forth = rv_ops_values(&ops, run.picture, 0, 3);
    rv_ops_check(&ops, run.picture, 0, 3, picture, tolerance, 1e-5);
    free(rv_ops_values(&ops, run.between, 0, (uint32_t)count));
    rv_ops_end(&ops);

    run.adjoint = true;
    begin_fourier(&ops, device, &run);
    double *y = rv_ops_noise(&ops, run.picture, 6);
    reference_fourier(size, true, spectrum, y);
    rv_ops_run(&ops, record_fourier, &run);
    double *back = rv_ops_values(&ops, run.spectrum, 0, (uint32_t)count);
    rv_ops_check(&ops, run.spectrum, 0, (uint32_t)count, spectrum, tolerance, 1e-5);
    free(rv_ops_values(&ops, run.between, 0, (uint32_t)count));
    check_adjoint(ops.name, count, x, back, pixels, y, forth);
    rv_ops_end(&ops);

    free(x);
    free(y);
    free(forth);
    free(back);
    free(picture);
    free(spectrum);
}

Test(ops_see, fourier) {
    rv_context *context = rv_test_context();
    for (size_t i = 0; i < sizeof fourier_sizes / sizeof *fourier_sizes; i++)
        check_fourier(context->device, fourier_sizes[i]);
    rv_test_context_end(&context);
}

// ------------------------------------------------------------------------------------------------
// The view

static struct rv_see_view view_of(double zoom, double degrees, double x, double y) {
    double c = cos(degrees * M_PI / 180), s = sin(degrees * M_PI / 180);
    return (struct rv_see_view){.xx = (float)(c / zoom),
                                .xy = (float)(s / zoom),
                                .yx = (float)(-s / zoom),
                                .yy = (float)(c / zoom),
                                .x = (float)x,
                                .y = (float)y,
                                .inverse_xx = (float)(c * zoom),
                                .inverse_xy = (float)(-s * zoom),
                                .inverse_yx = (float)(s * zoom),
                                .inverse_yy = (float)(c * zoom)};
}

static const struct view_case {
    struct rv_extent size, view;
    double zoom, degrees, x, y;
} view_cases[] = {
    {{7, 5}, {7, 5}, 1, 0, 0, 0}, // as it is
    {{7, 5}, {11, 9}, 1, 0, -2, -2},
    {{9, 8}, {5, 6}, 1, 0, 3, 1},
    {{9, 8}, {9, 8}, 1, 0, 0.25, -0.5},
    {{1, 1}, {3, 3}, 1, 0, -1, -1},
    {{16, 17}, {21, 19}, 1.1, 10, -3.5, 0.75},
    {{16, 17}, {21, 19}, 0.9, -10, 1.5, -2.25},
    {{33, 20}, {40, 37}, 0.5, 33, -20, 5},
    {{33, 20}, {40, 37}, 1.5, 180, 32, 19},
    {{12, 31}, {25, 25}, 1.3, -90, 18, 2},
    {{12, 31}, {25, 25}, 1, 45, 100, 100}, // beside it
};

struct view_run {
    const struct view_case *c;
    uint32_t picture, view, log;
    bool adjoint;
};

static enum rv_status record_view(void *user, struct rv_ops *ops, struct rv_recorder *recorder) {
    const struct view_run *run = user;
    const struct rv_transform_op op = {.picture = rv_ops_range(ops, run->picture),
                                       .view = rv_ops_range(ops, run->view),
                                       .log = rv_ops_range(ops, run->log),
                                       .size = run->c->size,
                                       .view_size = run->c->view};
    return run->adjoint ? rv_op_transform_adjoint(recorder, &op) : rv_op_transform(recorder, &op);
}

// A log whose second line runs.
static void fill_log(struct rv_ops *ops, uint32_t tensor, const struct rv_see_line *line,
                     uint32_t groups) {
    struct rv_see_head head = {.step = 1, .targets = 2, .groups = groups};
    char *bytes = rv_ops_bytes(ops, tensor);
    memset(bytes, 0, sizeof head + 3 * sizeof *line);
    memcpy(bytes, &head, sizeof head);
    memcpy(bytes + sizeof head + sizeof *line, line, sizeof *line);
}

#define LOG_FLOATS ((sizeof(struct rv_see_head) + 3 * sizeof(struct rv_see_line)) / 4)

static void begin_view(struct rv_ops *ops, struct rv_device *device, struct view_run *run) {
    const struct view_case *c = run->c;
    rv_ops_begin(ops, device, "view%s, %u x %u of %u x %u, zoom %g, turn %g",
                 run->adjoint ? " adjoint" : "", c->view.width, c->view.height, c->size.width,
                 c->size.height, c->zoom, c->degrees);
    run->picture = rv_ops_tensor(ops, RV_TENSOR_PIXELS, c->size.height, c->size.width, 3);
    run->view = rv_ops_tensor(ops, RV_TENSOR_PIXELS, c->view.height, c->view.width, 3);
    run->log = rv_ops_tensor(ops, RV_TENSOR_LINES, 1, 1, LOG_FLOATS);
    const struct rv_see_line line = {.view = view_of(c->zoom, c->degrees, c->x, c->y)};
    fill_log(ops, run->log, &line, 0);
}

// Bilinear, zero outside; adjoint: what each position saw gets its share back.
static void reference_view(const struct view_case *c, bool adjoint, double *picture, double *view) {
    struct rv_see_view m = view_of(c->zoom, c->degrees, c->x, c->y);
    uint32_t w = c->size.width, h = c->size.height;
    memset(adjoint ? picture : view, 0,
           (adjoint ? (size_t)w * h : (size_t)c->view.width * c->view.height) * 3 * sizeof(double));
    for (uint32_t i = 0; i < c->view.width * c->view.height; i++) {
        double px = i % c->view.width, py = i / c->view.width;
        double x = (double)m.xx * px + (double)m.xy * py + (double)m.x;
        double y = (double)m.yx * px + (double)m.yy * py + (double)m.y;
        for (uint32_t corner = 0; corner < 4; corner++) {
            double qx = floor(x) + corner % 2, qy = floor(y) + corner / 2;
            double weight = (1 - fabs(x - qx)) * (1 - fabs(y - qy));
            if (qx < 0 || qy < 0 || qx >= w || qy >= h)
                continue;
            size_t at = ((size_t)qy * w + (size_t)qx) * 3;
            for (uint32_t n = 0; n < 3; n++) {
                if (adjoint)
                    picture[at + n] += weight * view[i * 3 + n];
                else
                    view[i * 3 + n] += weight * picture[at + n];
            }
        }
    }
}

static void check_view(struct rv_device *device, const struct view_case *c) {
    struct rv_ops ops;
    struct view_run run = {.c = c};
    size_t inputs = (size_t)c->size.width * c->size.height * 3;
    size_t outputs = (size_t)c->view.width * c->view.height * 3;
    double *expected = malloc((inputs > outputs ? inputs : outputs) * sizeof *expected);
    // A position of up to 64 is right to 2^-18; a few positions see a pixel.
    double tolerance = 16 * 0x1p-18;

    begin_view(&ops, device, &run);
    double *x = rv_ops_noise(&ops, run.picture, 7);
    reference_view(c, false, x, expected);
    rv_ops_run(&ops, record_view, &run);
    double *forth = rv_ops_values(&ops, run.view, 0, 3);
    rv_ops_check(&ops, run.view, 0, 3, expected, tolerance, 0);
    rv_ops_end(&ops);

    run.adjoint = true;
    begin_view(&ops, device, &run);
    double *y = rv_ops_noise(&ops, run.view, 8);
    reference_view(c, true, expected, y);
    rv_ops_run(&ops, record_view, &run);
    double *back = rv_ops_values(&ops, run.picture, 0, 3);
    rv_ops_check(&ops, run.picture, 0, 3, expected, tolerance, 0);
    check_adjoint(ops.name, inputs, x, back, outputs, y, forth);
    rv_ops_end(&ops);

    free(x);
    free(y);
    free(forth);
    free(back);
    free(expected);
}

Test(ops_see, view) {
    rv_context *context = rv_test_context();
    for (size_t i = 0; i < sizeof view_cases / sizeof *view_cases; i++)
        check_view(context->device, &view_cases[i]);
    rv_test_context_end(&context);
}

// ------------------------------------------------------------------------------------------------
// Colours

struct colour_run {
    struct rv_extent size;
    rv_see_matrix matrix;
    uint32_t values, picture, gradient;
    bool adjoint;
};

static enum rv_status record_colour(void *user, struct rv_ops *ops, struct rv_recorder *recorder) {
    const struct colour_run *run = user;
    struct rv_see_colour_op op = {.values = rv_ops_range(ops, run->values),
                                  .picture = rv_ops_range(ops, run->picture),
                                  .size = run->size,
                                  .matrix = run->matrix};
    if (!run->adjoint)
        return rv_op_see_colour(recorder, &op);
    op.gradient = rv_ops_range(ops, run->gradient);
    return rv_op_see_colour_adjoint(recorder, &op);
}

static double colour(const struct colour_run *run, const double *t, uint32_t row) {
    double z = 0;
    for (uint32_t i = 0; i < 3; i++)
        z += (double)run->matrix[row][i] * t[i];
    return tanh(z / 2); // 2 sigmoid - 1
}

// Values of all sizes, up to where the sigmoid is flat.
static void spread(double *values, size_t count) {
    for (size_t i = 0; i < count; i++)
        values[i] = (double)(float)(values[i] * pow(2, (double)(i % 9) - 4));
}

static void check_colour(struct rv_device *device, bool decorrelate, struct rv_extent size) {
    struct rv_ops ops;
    struct colour_run run = {.size = size};
    const struct rv_see_params params = {.decorrelate = decorrelate ? RV_SWITCH_ON : RV_SWITCH_OFF};
    size_t count = (size_t)size.width * size.height * 3;
    double *picture = malloc(count * sizeof *picture), *slope = malloc(count * sizeof *slope);
    rv_see_matrix_of(&params, run.matrix);

    rv_ops_begin(&ops, device, "colour of %u x %u", size.width, size.height);
    run.values = rv_ops_tensor(&ops, RV_TENSOR_PIXELS, size.height, size.width, 3);
    run.picture = rv_ops_tensor(&ops, RV_TENSOR_PIXELS, size.height, size.width, 3);
    double *t = rv_ops_noise(&ops, run.values, 9);
    spread(t, count);
    rv_ops_fill(&ops, run.values, t);
    for (size_t i = 0; i < count; i++)
        picture[i] = colour(&run, &t[i / 3 * 3], i % 3);
    rv_ops_run(&ops, record_colour, &run);
    rv_ops_check(&ops, run.picture, 0, 3, picture, 1e-6, 0);
    rv_ops_end(&ops);

    // The gradient by t of <picture, g>, by differences.
    run.adjoint = true;
    rv_ops_begin(&ops, device, "colour adjoint of %u x %u", size.width, size.height);
    run.values = rv_ops_tensor(&ops, RV_TENSOR_PIXELS, size.height, size.width, 3);
    run.picture = rv_ops_tensor(&ops, RV_TENSOR_PIXELS, size.height, size.width, 3);
    run.gradient = rv_ops_tensor(&ops, RV_TENSOR_PIXELS, size.height, size.width, 3);
    rv_ops_fill(&ops, run.picture, picture);
    double *g = rv_ops_noise(&ops, run.gradient, 10);
    for (size_t i = 0; i < count; i++) {
        double low[3], high[3];
        memcpy(low, &t[i / 3 * 3], sizeof low);
        memcpy(high, &t[i / 3 * 3], sizeof high);
        low[i % 3] -= 1e-4;
        high[i % 3] += 1e-4;
        slope[i] = 0;
        for (uint32_t row = 0; row < 3; row++)
            slope[i] +=
                g[i / 3 * 3 + row] * (colour(&run, high, row) - colour(&run, low, row)) / 2e-4;
    }
    rv_ops_run(&ops, record_colour, &run);
    rv_ops_check(&ops, run.values, 0, 3, slope, 1e-6, 1e-5);
    rv_ops_end(&ops);
    free(t);
    free(g);
    free(picture);
    free(slope);
}

Test(ops_see, colour) {
    rv_context *context = rv_test_context();
    check_colour(context->device, true, (struct rv_extent){9, 7});
    check_colour(context->device, true, (struct rv_extent){13, 11});
    check_colour(context->device, false, (struct rv_extent){1, 1});
    check_colour(context->device, false, (struct rv_extent){9, 15});
    rv_test_context_end(&context);
}

// ------------------------------------------------------------------------------------------------
// Adam and the end of a step

struct adam_run {
    uint32_t count; // float4
    bool scaled_too;
    uint32_t values, means, squares, gradient, scaled, scale, log, losses, partials;
};

static enum rv_status record_adam(void *user, struct rv_ops *ops, struct rv_recorder *recorder) {
    const struct adam_run *run = user;
    struct rv_see_adam_op op = {.values = rv_ops_range(ops, run->values),
                                .means = rv_ops_range(ops, run->means),
                                .squares = rv_ops_range(ops, run->squares),
                                .gradient = rv_ops_range(ops, run->gradient),
                                .log = rv_ops_range(ops, run->log),
                                .losses = rv_ops_range(ops, run->losses),
                                .partials = rv_ops_range(ops, run->partials),
                                .count = run->count};
    if (run->scaled_too) {
        op.scaled = rv_ops_range(ops, run->scaled);
        op.scale = rv_ops_range(ops, run->scale);
    }
    return rv_op_see_adam(recorder, &op);
}

static uint32_t lines(struct rv_ops *ops, uint32_t count) {
    return rv_ops_tensor(ops, RV_TENSOR_LINES, 1, 1, count);
}

// Noise in threes, the fourth as a spectrum has it; squares are those of noise.
static double *fours(struct rv_ops *ops, uint32_t tensor, uint32_t count, uint64_t seed,
                     bool squared) {
    double *values = rv_ops_noise(ops, tensor, seed);
    for (uint32_t i = 0; i < count * 4; i++)
        values[i] = i % 4 == 3 ? 0 : (double)(float)(squared ? values[i] * values[i] : values[i]);
    rv_ops_fill(ops, tensor, values);
    return values;
}

static void check_log(struct rv_ops *ops, const struct adam_run *run,
                      const struct rv_see_line *before, double size) {
    struct rv_see_head head;
    struct rv_see_line after;
    const char *bytes = rv_ops_bytes(ops, run->log);
    memcpy(&head, bytes, sizeof head);
    memcpy(&after, bytes + sizeof head + sizeof after, sizeof after);
    cr_expect(head.step == 2 && head.targets == 2, "%s: step %u", ops->name, head.step);
    cr_expect(after.done == 1 && fabsf(after.loss - 3.25f) < 1e-6f, "%s: loss %g", ops->name,
              (double)after.loss);
    cr_expect(fabs((double)after.gradient - size) <= 1e-5 * size, "%s: |gradient| %g, not %g",
              ops->name, (double)after.gradient, size);
    cr_expect(after.rate == before->rate && after.correction == before->correction,
              "%s: what the host wrote has changed", ops->name);
}

static void check_adam(struct rv_device *device, uint32_t count, bool scaled_too) {
    struct rv_ops ops;
    struct adam_run run = {.count = count, .scaled_too = scaled_too};
    const struct rv_see_line line = {.rate = 0.25f, .correction = 3};
    uint32_t n = count * 4, groups = rv_see_adam_groups(count);
    rv_ops_begin(&ops, device, "adam of %u%s", count, scaled_too ? ", scaled" : "");
    run.values = lines(&ops, n);
    run.means = lines(&ops, n);
    run.squares = lines(&ops, n);
    run.gradient = lines(&ops, n);
    run.scaled = lines(&ops, n);
    run.scale = lines(&ops, (count + 1) / 2);
    run.log = lines(&ops, LOG_FLOATS);
    run.losses = lines(&ops, 2);
    run.partials = lines(&ops, groups);
    double *x = fours(&ops, run.values, count, 1, false),
           *m = fours(&ops, run.means, count, 2, false);
    double *v = fours(&ops, run.squares, count, 3, true);
    double *g = fours(&ops, run.gradient, count, 4, false), *s = rv_ops_noise(&ops, run.scale, 5);
    double *scaled = malloc(n * sizeof *scaled), size = 0;
    memcpy(rv_ops_bytes(&ops, run.losses), (const float[]){1, 2.25f}, 8);
    fill_log(&ops, run.log, &line, groups);
    for (uint32_t i = 0; i < n; i++) {
        double scale = scaled_too ? s[i / 8] : 1, gradient = scale * g[i];
        m[i] = 0.9 * m[i] + 0.1 * gradient;
        v[i] = 0.999 * v[i] + 0.001 * gradient * gradient;
        x[i] += 0.25 * m[i] / (3 * sqrt(v[i]) + 1e-8);
        scaled[i] = scale * x[i];
        size += fabs(gradient);
    }
    rv_ops_run(&ops, record_adam, &run);
    rv_ops_check(&ops, run.values, 0, n, x, 1e-6, 1e-5);
    rv_ops_check(&ops, run.means, 0, n, m, 1e-7, 1e-6);
    rv_ops_check(&ops, run.squares, 0, n, v, 1e-7, 1e-6);
    if (scaled_too)
        rv_ops_check(&ops, run.scaled, 0, n, scaled, 1e-6, 1e-5);
    check_log(&ops, &run, &line, size);
    free(rv_ops_values(&ops, run.log, 0, LOG_FLOATS));  // looked at
    free(rv_ops_values(&ops, run.partials, 0, groups)); // their sum was
    rv_ops_end(&ops);
    free(x);
    free(m);
    free(v);
    free(g);
    free(s);
    free(scaled);
}

Test(ops_see, adam) {
    rv_context *context = rv_test_context();
    check_adam(context->device, 1, false);
    check_adam(context->device, 63, false);
    check_adam(context->device, 130, true);
    check_adam(context->device, 64 * 70 + 2, true); // more workgroups than the end has invocations
    rv_test_context_end(&context);
}
