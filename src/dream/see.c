// Growing a picture for a layer: rv_see.
#include "dream/see.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/status.h"
#include "dream/budget.h"
#include "dream/context.h"
#include "dream/network.h"
#include "dream/objective.h"
#include "net/trace.h"
#include "ops/fourier.h"

#define WAKING_STEPS 16 // by what lies before a shut ReLU; lucid's number

// Where everything lies in one buffer. Ranges without a size are not needed.
struct places {
    struct rv_range values, means, squares; // what is optimised, and Adam's
    struct rv_range scaled, scale, between, table;
    struct rv_range colours; // before the matrix: the values themselves, of pixels
    struct rv_range picture, view;
    struct rv_range picture_gradient, colour_gradient,
        gradient; // of these, and of what is optimised
    struct rv_range partials;
    uint64_t bytes;
};

struct see {
    struct rv_device *device;
    const struct rv_weights *weights;
    struct rv_see_params params; // resolved
    struct rv_extent size, view_size;
    rv_see_matrix matrix;
    bool fourier, transform;
    uint32_t count; // float4 that are optimised
    struct rv_buffer state, log;
    struct places at;
    // What the network is asked for at present.
    struct rv_plan *plan;
    struct rv_network network;
    struct rv_recorder step;
    uint32_t done;
    rv_progress_fn progress;
    void *progress_user;
    double started, first_seconds; // until after the first step, which warms the driver up
    struct rv_dream_stats stats;
};

// ------------------------------------------------------------------------------------------------
// Room

static struct rv_range take(struct see *s, uint64_t bytes) {
    struct rv_range range = {&s->state, s->at.bytes,
                             (bytes + RV_PLAN_ALIGNMENT - 1) / RV_PLAN_ALIGNMENT *
                                 RV_PLAN_ALIGNMENT};
    s->at.bytes += range.size;
    return range;
}

static void place(struct see *s) {
    struct places *at = &s->at;
    uint64_t bytes = (uint64_t)s->count * 16, picture = rv_image_bytes(s->size);
    at->values = take(s, bytes);
    at->means = take(s, bytes);
    at->squares = take(s, bytes);
    at->colours = at->values;
    at->picture = take(s, picture);
    at->colour_gradient = take(s, picture);
    at->gradient = at->colour_gradient;
    if (s->fourier) {
        at->scaled = take(s, bytes);
        at->scale = take(s, bytes / 8);
        at->between = take(s, bytes);
        at->table = take(s, rv_fourier_table_bytes(s->size.width));
        at->colours = take(s, picture);
        at->gradient = take(s, bytes);
    }
    at->view = at->picture;
    if (s->transform) {
        at->view = take(s, rv_image_bytes(s->view_size));
        at->picture_gradient = take(s, picture);
    }
    at->partials = take(s, rv_see_adam_groups(s->count) * 4);
}

static enum rv_status upload(struct see *s, struct rv_range to, const void *data, size_t bytes) {
    return rv_buffer_write(s->device, &s->state, to.offset, data, bytes);
}

// The factor of a frequency, so that the transform without a factor gives t.
static double scale_of(const struct see *s, uint32_t row, uint32_t column) {
    uint32_t n = s->size.width;
    double y = (double)(row <= (n - 1) / 2 ? row : n - row) / n, x = (double)column / n;
    double frequency = fmax(sqrt(x * x + y * y), 1.0 / n);
    double decay = s->params.decay > 0 ? (double)s->params.decay : 0;
    return pow(frequency, -decay) / n / 4;
}

// What is optimised begins as noise, Adam's means as nothing.
static enum rv_status fill(struct see *s) {
    enum rv_status status = RV_OK;
    uint32_t columns = s->size.width / 2 + 1;
    float *values = calloc(s->count, 16), *scaled = calloc(s->count, 16);
    float *scale = calloc(s->count / 2 + 1, 4), *table = calloc(s->size.width, 8);
    float *zero = calloc(s->count, 16);
    if (!values || !scaled || !scale || !table || !zero) {
        status = rv_fail(RV_ERR_NO_MEMORY, "out of host memory for a spectrum");
        goto done;
    }
    for (uint32_t i = 0; s->fourier && i < s->count / 2; i++)
        scale[i] = (float)scale_of(s, i / columns, i % columns);
    for (uint32_t i = 0; i < s->count; i++)
        for (uint32_t c = 0; c < 3; c++) {
            double normal = rv_see_normal(s->params.seed, (uint64_t)i * 3 + c);
            values[i * 4 + c] = (float)((double)s->params.noise * normal);
            scaled[i * 4 + c] = s->fourier ? scale[i / 2] * values[i * 4 + c] : 0;
        }
    RV_TRY(upload(s, s->at.values, values, (size_t)s->count * 16));
    RV_TRY(upload(s, s->at.means, zero, (size_t)s->count * 16));
    RV_TRY(upload(s, s->at.squares, zero, (size_t)s->count * 16));
    if (s->fourier) {
        rv_fourier_table(s->size.width, table);
        RV_TRY(upload(s, s->at.scaled, scaled, (size_t)s->count * 16));
        RV_TRY(upload(s, s->at.scale, scale, (size_t)s->count * 2));
        RV_TRY(upload(s, s->at.table, table, (size_t)s->size.width * 8));
    }
done:
    free(values);
    free(scaled);
    free(scale);
    free(table);
    free(zero);
    return status;
}

static struct rv_see_head *head_of(const struct see *s) {
    return s->log.mapped;
}

static struct rv_see_line *lines_of(const struct see *s) {
    return (struct rv_see_line *)(head_of(s) + 1);
}

static enum rv_status make_log(struct see *s, uint32_t targets) {
    uint64_t bytes =
        sizeof(struct rv_see_head) + ((uint64_t)s->params.steps + 1) * sizeof(struct rv_see_line);
    bytes = (bytes + RV_PLAN_ALIGNMENT - 1) / RV_PLAN_ALIGNMENT * RV_PLAN_ALIGNMENT;
    enum rv_status status = rv_buffer_init(s->device, &s->log, bytes, RV_MEMORY_HOST, "log");
    if (status != RV_OK)
        return status;
    memset(s->log.mapped, 0, bytes);
    *head_of(s) = (struct rv_see_head){.targets = targets, .groups = rv_see_adam_groups(s->count)};
    for (uint32_t i = 0; i < s->params.steps; i++) {
        struct rv_see_line *line = &lines_of(s)[i];
        line->view = rv_see_view_of(&s->params, i);
        line->rate = (float)((double)s->params.rate / (1 - pow(0.9, i + 1)));
        line->correction = (float)(1 / sqrt(1 - pow(0.999, i + 1)));
    }
    return RV_OK;
}

static enum rv_status reserve(struct see *s, uint32_t targets) {
    enum rv_status status;
    uint32_t side = s->params.side, view = rv_see_view_side(&s->params);
    s->size = (struct rv_extent){side, side};
    s->view_size = (struct rv_extent){view, view};
    s->fourier = s->params.basis == RV_SEE_BASIS_FOURIER;
    s->transform = s->params.transform == RV_SWITCH_ON;
    s->count = s->fourier ? side * (side / 2 + 1) * 2 : side * side;
    rv_see_matrix_of(&s->params, s->matrix);
    place(s);
    RV_TRY(rv_buffer_init(s->device, &s->state, s->at.bytes, RV_MEMORY_DEVICE, "seen picture"));
    RV_TRY(make_log(s, targets));
    status = fill(s);
done:
    return status;
}

// ------------------------------------------------------------------------------------------------
// Recording

static struct rv_fourier_op fourier_of(const struct see *s) {
    return (struct rv_fourier_op){.spectrum = s->at.scaled,
                                  .between = s->at.between,
                                  .picture = s->at.colours,
                                  .table_x = s->at.table,
                                  .table_y = s->at.table,
                                  .size = s->size};
}

static struct rv_see_colour_op colour_of(const struct see *s) {
    return (struct rv_see_colour_op){
        .values = s->at.colours, .picture = s->at.picture, .size = s->size, .matrix = s->matrix};
}

// The picture from what is optimised.
static enum rv_status record_picture(const struct see *s, struct rv_recorder *recorder) {
    enum rv_status status = RV_OK;
    const struct rv_fourier_op fourier = fourier_of(s);
    const struct rv_see_colour_op colour = colour_of(s);
    if (s->fourier)
        RV_TRY(rv_op_fourier(recorder, &fourier));
    status = rv_op_see_colour(recorder, &colour);
done:
    return status;
}

static struct rv_range whole_log(const struct see *s) {
    return (struct rv_range){&s->log, 0, s->log.size};
}

// From the gradient by what the network saw to that by what is optimised.
static enum rv_status record_back(const struct see *s, struct rv_recorder *recorder) {
    enum rv_status status = RV_OK;
    struct rv_transform_op transform = {.picture = s->at.picture_gradient,
                                        .view = rv_network_gradient(&s->network, s->plan),
                                        .log = whole_log(s),
                                        .size = s->size,
                                        .view_size = s->view_size};
    struct rv_see_colour_op colour = colour_of(s);
    struct rv_fourier_op fourier = fourier_of(s);
    colour.values = fourier.picture = s->at.colour_gradient;
    colour.gradient = s->transform ? s->at.picture_gradient : transform.view;
    fourier.spectrum = s->at.gradient;
    if (s->transform)
        RV_TRY(rv_op_transform_adjoint(recorder, &transform));
    RV_TRY(rv_op_see_colour_adjoint(recorder, &colour));
    if (s->fourier)
        RV_TRY(rv_op_fourier_adjoint(recorder, &fourier));
done:
    return status;
}

static enum rv_status record_step(const struct see *s, struct rv_recorder *recorder) {
    enum rv_status status;
    const struct rv_transform_op transform = {.picture = s->at.picture,
                                              .view = s->at.view,
                                              .log = whole_log(s),
                                              .size = s->size,
                                              .view_size = s->view_size};
    const struct rv_see_adam_op adam = {.values = s->at.values,
                                        .means = s->at.means,
                                        .squares = s->at.squares,
                                        .gradient = s->at.gradient,
                                        .scaled = s->at.scaled,
                                        .scale = s->at.scale,
                                        .log = whole_log(s),
                                        .losses = {&s->network.control, RV_LOSSES_OFFSET, 256},
                                        .partials = s->at.partials,
                                        .count = s->count};
    RV_TRY(record_picture(s, recorder));
    if (s->transform)
        RV_TRY(rv_op_transform(recorder, &transform));
    RV_TRY(rv_network_record(&s->network, s->plan, s->at.view, recorder));
    RV_TRY(record_back(s, recorder));
    status = rv_op_see_adam(recorder, &adam);
done:
    return status;
}

// ------------------------------------------------------------------------------------------------
// What the network is asked for

static void end_stage(struct see *s) {
    if (!s->device->lost)
        rv_device_wait(s->device, s->device->submitted);
    rv_recorder_finish(&s->step);
    if (s->network.device)
        rv_network_finish(&s->network);
    free(s->plan);
    s->plan = NULL;
}

// Activations to leave out at each edge so that the middle of the layers remains.
static enum rv_status border_of(const struct see *s, const struct rv_target *targets,
                                uint32_t count, uint32_t *border) {
    const struct rv_layer *layers[RV_TARGET_MAX] = {0};
    struct rv_graph graph;
    uint32_t side = 0;
    enum rv_status status;
    *border = 0;
    if (!s->params.neuron)
        return RV_OK;
    for (uint32_t i = 0; i < count; i++)
        layers[i] = targets[i].layer;
    RV_TRY(rv_graph_build(&graph, s->view_size.height, s->view_size.width, layers, count));
    for (uint32_t i = 0; i < count; i++) {
        struct rv_slice slice;
        if (!rv_graph_find(&graph, layers[i], &slice))
            return rv_fail(RV_ERR_USAGE, "%s is not computed", layers[i]->info.name);
        uint32_t own = graph.tensors[slice.tensor].width;
        if (side && own != side)
            return rv_fail(RV_ERR_USAGE,
                           "neuron: %s has %u x %u positions, %s %u x %u: name layers that have "
                           "as many, or look at whole channels",
                           layers[i]->info.name, (unsigned)own, (unsigned)own, layers[0]->info.name,
                           (unsigned)side, (unsigned)side);
        side = own;
    }
    *border = (side - 1) / 2;
done:
    return status;
}

// A limit that was asked for is kept to; there are no tiles of such small pictures.
static enum rv_status check_memory(const struct see *s) {
    const struct rv_network_sizes sizes = {
        .arena_bytes = s->plan->arena_bytes, .largest = s->view_size, .iterations = 1};
    const struct rv_budget budget = rv_budget_of(s->device);
    uint64_t bytes =
        s->at.bytes + s->log.size + sizes.arena_bytes + rv_network_bytes(s->plan, &sizes);
    if (!budget.strict || bytes <= budget.bytes)
        return RV_OK;
    return rv_fail(RV_ERR_NO_MEMORY,
                   "out of device memory: a picture of %u x %u pixels takes %llu bytes, over the "
                   "limit of %llu: take a smaller one (--size), or raise --memory",
                   s->size.width, s->size.height, (unsigned long long)bytes,
                   (unsigned long long)budget.bytes);
}

static enum rv_status begin_stage(struct see *s, const struct rv_target *targets, uint32_t count) {
    struct rv_plan_request request = {.height = s->view_size.height,
                                      .width = s->view_size.width,
                                      .targets = targets,
                                      .target_count = count,
                                      .objective = s->params.objective,
                                      .pool_counts_padding = s->weights->pool_counts_padding,
                                      .fp16 = s->params.precision == RV_PRECISION_FP16};
    struct rv_recorder foreseen;
    enum rv_status status;
    RV_TRY(border_of(s, targets, count, &request.border));
    RV_TRY(rv_plan_create(&request, &s->plan));
    RV_TRY(check_memory(s));
    RV_TRY(rv_network_init(&s->network, s->device, s->weights, &s->plan, 1, 1));
    RV_TRY(rv_network_tune(&s->network, s->plan, s->at.view));
    rv_recorder_foresee(&foreseen, s->device);
    RV_TRY(record_step(s, &foreseen));
    RV_TRY(rv_pipelines_compile(s->device));
    RV_TRY(rv_recorder_init(&s->step, s->device, s->plan->step_count + 12));
    RV_TRY(record_step(s, &s->step));
    status = rv_recorder_end(&s->step);
done:
    return status;
}

// ------------------------------------------------------------------------------------------------
// Steps

static enum rv_status report(struct see *s, float loss) {
    double seconds = rv_clock_seconds() - s->started, left = -1;
    if (s->done == 1)
        s->first_seconds = seconds;
    else if (s->done > 1)
        left = (seconds - s->first_seconds) / (s->done - 1) * (s->params.steps - s->done);
    const struct rv_progress now = {.fraction = (double)s->done / s->params.steps,
                                    .octave = 1,
                                    .octaves = 1,
                                    .iteration = s->done,
                                    .iterations = s->params.steps,
                                    .width = s->size.width,
                                    .height = s->size.height,
                                    .loss = loss,
                                    .seconds = seconds,
                                    .seconds_left = left,
                                    .finished = s->done == s->params.steps};
    if (!s->progress || s->progress(s->progress_user, &now))
        return RV_OK;
    return rv_fail(RV_ERR_CANCELLED, "cancelled at step %u", (unsigned)s->done);
}

static enum rv_status judge(struct see *s, const struct rv_see_line *line) {
    // Written so that a NaN fails the comparison.
    if (!(fabsf(line->loss) <= 3e38f) || !(line->gradient <= 3e38f))
        return rv_fail(RV_ERR_NUMERIC,
                       "%s: the gradient is not finite at step %u: use a smaller rate%s",
                       s->params.layers, (unsigned)s->done + 1,
                       s->params.precision == RV_PRECISION_FP16 ? ", or --precision fp32" : "");
    s->stats.loss = line->loss;
    s->stats.flops += s->plan->flops;
    s->done++;
    return report(s, line->loss);
}

// Steps until `end`: one is always queued behind the one that runs. With `dead`, a gradient of
// nothing at all in the first step is told there, and that step, which changed nothing, undone.
static enum rv_status run(struct see *s, uint32_t end, bool *dead) {
    enum rv_status status = RV_OK;
    uint32_t submitted = s->done;
    uint64_t value[2];
    double begun = rv_clock_seconds();
    if (s->stats.start_seconds == 0)
        s->stats.start_seconds = begun - s->started;
    while (s->done < end) {
        for (; submitted < end && submitted - s->done < 2; submitted++)
            RV_TRY(rv_recorder_submit(&s->step, &value[submitted % 2]));
        RV_TRY(rv_device_wait(s->device, value[s->done % 2]));
        const struct rv_see_line *line = &lines_of(s)[s->done];
        if (dead && line->gradient == 0) {
            *dead = true;
            head_of(s)->step = 0;
            break;
        }
        RV_TRY(judge(s, line));
    }
done:
    s->stats.step_seconds += rv_clock_seconds() - begun;
    return status;
}

// The first steps of an objective whose ReLU is shut everywhere.
static enum rv_status wake(struct see *s, const struct rv_target *targets, uint32_t count) {
    struct rv_target before[RV_TARGET_MAX];
    bool any = false, dead = false;
    enum rv_status status;
    memcpy(before, targets, count * sizeof *targets);
    for (uint32_t i = 0; i < count; i++)
        any |= rv_trace_before_relu(&before[i]);
    dead = !any;
    if (any) {
        end_stage(s);
        RV_TRY(begin_stage(s, before, count));
        RV_TRY(run(s, 1, &dead));
    }
    if (dead)
        return rv_fail(RV_ERR_NUMERIC,
                       "%s: the gradient is zero: nothing in the noise excites it: take another "
                       "seed or more noise",
                       s->params.layers);
    RV_TRY(run(s, s->params.steps < WAKING_STEPS ? s->params.steps : WAKING_STEPS, NULL));
    end_stage(s);
    status = begin_stage(s, targets, count);
done:
    return status;
}

static enum rv_status grow(struct see *s, const struct rv_target *targets, uint32_t count) {
    enum rv_status status;
    bool dead = false;
    RV_TRY(begin_stage(s, targets, count));
    RV_TRY(report(s, NAN));
    RV_TRY(run(s, 1, &dead));
    if (dead)
        RV_TRY(wake(s, targets, count));
    status = run(s, s->params.steps, NULL);
done:
    return status;
}

// ------------------------------------------------------------------------------------------------
// The result

static enum rv_status read_picture(struct see *s, struct rv_picture *output) {
    size_t pixels = (size_t)s->size.width * s->size.height;
    struct rv_recorder recorder = {0};
    enum rv_status status;
    float *values = malloc(pixels * 16);
    struct rv_picture made = {s->size.width, s->size.height, malloc(pixels * 12)};
    if (!values || !made.pixels) {
        status = rv_fail(RV_ERR_NO_MEMORY, "out of host memory for a picture");
        goto done;
    }
    RV_TRY(rv_recorder_init(&recorder, s->device, 3));
    RV_TRY(record_picture(s, &recorder));
    RV_TRY(rv_recorder_run(&recorder));
    RV_TRY(rv_buffer_read(s->device, &s->state, s->at.picture.offset, values, pixels * 16));
    for (size_t i = 0; i < pixels; i++)
        for (size_t c = 0; c < 3; c++)
            made.pixels[i * 3 + c] = (values[i * 4 + c] + 1) / 2;
    *output = made;
    made.pixels = NULL;
done:
    rv_recorder_finish(&recorder);
    free(values);
    free(made.pixels);
    return status;
}

static void finish(struct see *s) {
    end_stage(s);
    rv_buffer_finish(s->device, &s->log);
    rv_buffer_finish(s->device, &s->state);
}

enum rv_status rv_see(rv_context *context, const rv_weights *weights,
                      const struct rv_see_params *params, rv_progress_fn progress,
                      void *progress_user, struct rv_picture *output,
                      struct rv_dream_stats *stats) {
    struct rv_target targets[RV_TARGET_MAX];
    uint32_t count;
    enum rv_status status;
    if (output)
        *output = (struct rv_picture){0};
    if (stats)
        *stats = (struct rv_dream_stats){0};
    if (!context || !weights || !output)
        return rv_fail(RV_ERR_USAGE, "rv_see needs a context, weights and an output");
    struct see s = {.device = context->device,
                    .weights = weights,
                    .progress = progress,
                    .progress_user = progress_user,
                    .started = rv_clock_seconds()};
    s.device->peak_bytes = s.device->bytes;
    RV_TRY(rv_see_resolve(params, &s.params));
    s.params.precision = rv_precision_of(context, s.params.precision);
    RV_TRY(rv_objective_parse(s.params.layers, targets, &count));
    RV_TRY(rv_objective_reach(targets, count, weights));
    RV_TRY(reserve(&s, count));
    status = grow(&s, targets, count);
    if (status == RV_OK || status == RV_ERR_CANCELLED) {
        enum rv_status shown = read_picture(&s, output);
        status = shown == RV_OK ? status : shown;
    }
    s.stats.device_bytes = s.device->peak_bytes;
    s.stats.arena_bytes = s.network.arena.size;
    s.stats.seconds = rv_clock_seconds() - s.started;
    s.stats.tiles = 1;
    if (stats)
        *stats = s.stats;
done:
    finish(&s);
    return status;
}
