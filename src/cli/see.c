// reverie see: what a layer, a channel or a neuron sees.
#include "cli/see.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/status.h"
#include "cli/progress.h"
#include "formats/recipe.h"

#define REDRAW_SECONDS 0.1 // on a terminal
#define PLAIN_SECONDS 15.0 // between plain lines

// ------------------------------------------------------------------------------------------------
// Options

static enum rv_status read_whole(const struct rv_arguments *arguments, enum rv_cli_option_id id,
                                 uint64_t least, uint64_t most, uint32_t *value) {
    uint64_t number = *value;
    enum rv_status status = rv_arguments_number(arguments, id, least, most, &number);
    *value = (uint32_t)number;
    return status;
}

static enum rv_status read_pixels(const struct rv_arguments *arguments, enum rv_cli_option_id id,
                                  int32_t *value) {
    const char *text = arguments->value[id];
    uint32_t number = 0;
    if (!text)
        return RV_OK;
    enum rv_status status = RV_OK;
    if (strcmp(text, "off") != 0)
        status = read_whole(arguments, id, 0, 64, &number);
    *value = number ? (int32_t)number : RV_OFF;
    return status;
}

static enum rv_switch unless(const struct rv_arguments *arguments, enum rv_cli_option_id id) {
    return arguments->value[id] ? RV_SWITCH_OFF : RV_SWITCH_ON;
}

enum rv_status rv_see_read(const struct rv_arguments *arguments, struct rv_see_params *params) {
    struct rv_params table = {0};
    struct rv_see_params p = {.size = sizeof p};
    enum rv_status status;
    RV_TRY(rv_arguments_apply(arguments, &table));
    p.objective = table.objective;
    p.seed = table.seed;
    p.precision = table.precision;
    p.neuron = arguments->value[RV_CLI_NEURON] != NULL;
    p.basis = arguments->value[RV_CLI_PIXELS] ? RV_SEE_BASIS_PIXELS : RV_SEE_BASIS_FOURIER;
    p.decorrelate = unless(arguments, RV_CLI_NO_DECORRELATE);
    p.transform = unless(arguments, RV_CLI_NO_TRANSFORM);
    RV_TRY(read_whole(arguments, RV_CLI_SEE_SIZE, 75, 512, &p.side));
    RV_TRY(read_whole(arguments, RV_CLI_SEE_STEPS, 1, 10000, &p.steps));
    RV_TRY(rv_arguments_real_or_off(arguments, RV_CLI_SEE_RATE, false, &p.rate));
    RV_TRY(rv_arguments_real_or_off(arguments, RV_CLI_NOISE, false, &p.noise));
    RV_TRY(rv_arguments_real_or_off(arguments, RV_CLI_SEE_DECAY, true, &p.decay));
    RV_TRY(rv_arguments_real_or_off(arguments, RV_CLI_ZOOM, true, &p.zoom));
    RV_TRY(rv_arguments_real_or_off(arguments, RV_CLI_TURN, true, &p.turn));
    RV_TRY(read_pixels(arguments, RV_CLI_PAD, &p.pad));
    RV_TRY(read_pixels(arguments, RV_CLI_SEE_JITTER, &p.jitter));
    RV_TRY(read_pixels(arguments, RV_CLI_JITTER_AFTER, &p.jitter_after));
    RV_TRY(rv_arguments_bytes(arguments, RV_CLI_MEMORY, &(uint64_t){0})); // before anything slow
    status = rv_see_resolve(&p, params);
done:
    return status;
}

enum rv_status rv_see_layer(const struct rv_arguments *arguments,
                            const struct rv_layer_info **layer) {
    const char *name = arguments->value[RV_CLI_LAYER];
    if (!name)
        return rv_fail(RV_ERR_USAGE, "--layer is missing: name a layer, such as --layer mixed4: "
                                     "`reverie layers` lists them");
    *layer = rv_layer_find(name);
    return *layer ? RV_OK
                  : rv_fail(RV_ERR_USAGE,
                            "--layer: there is no layer \"%s\": did you mean \"%s\"? `reverie "
                            "layers --all` lists them",
                            name, rv_layer_nearest(name));
}

enum rv_status rv_see_check_output(const struct rv_arguments *arguments, const char *output) {
    enum rv_photo_format format;
    enum rv_status status;
    if (arguments->value[RV_CLI_JSON] && strcmp(output, "-") == 0)
        return rv_fail(RV_ERR_USAGE, "--json and -o - both write to standard output: give one of "
                                     "them");
    RV_TRY(rv_photo_format_of(output, &format));
    status = rv_check_output(output, arguments->value[RV_CLI_OVERWRITE] != NULL);
done:
    return status;
}

enum rv_status rv_see_open(const struct rv_arguments *arguments, const char *layers,
                           struct rv_see_params *params, rv_weights **weights,
                           rv_context **context) {
    struct rv_params reached = {0};
    enum rv_status status;
    RV_TRY(rv_params_set(&reached, "layers", layers));
    RV_TRY(rv_load_weights(arguments, weights));
    RV_TRY(rv_params_check(&reached, *weights));
    RV_TRY(rv_open_device(arguments, arguments->value[RV_CLI_QUIET] != NULL, context));
    params->precision = rv_precision_of(*context, params->precision);
done:
    return status;
}

json_t *rv_see_describe(const struct rv_arguments *arguments, const struct rv_see_params *params,
                        uint32_t width, uint32_t height, const rv_weights *weights,
                        const rv_context *context) {
    char random[48];
    const char *seed = arguments->value[RV_CLI_RANDOM_WEIGHTS];
    snprintf(random, sizeof random, "random %s", seed ? seed : "");
    const struct rv_making making = {.width = width,
                                     .height = height,
                                     .device = rv_context_device(context),
                                     .weights_path =
                                         seed ? random : arguments->value[RV_CLI_WEIGHTS],
                                     .weights = weights};
    json_t *object = rv_recipe_describe(&making);
    if (object)
        json_object_set_new(object, "see", rv_recipe_see(params));
    return object;
}

// ------------------------------------------------------------------------------------------------
// Progress

void rv_see_watch_init(struct rv_see_watch *watch, bool quiet) {
    *watch =
        (struct rv_see_watch){.quiet = quiet, .terminal = isatty(STDERR_FILENO) == 1, .count = 1};
}

bool rv_see_watch_show(void *user, const struct rv_progress *progress) {
    struct rv_see_watch *watch = user;
    double wait = watch->terminal ? REDRAW_SECONDS : PLAIN_SECONDS;
    bool due = progress->iteration == 0 || progress->seconds - watch->shown_at >= wait;
    if (watch->quiet || !due)
        return !rv_interrupt_wanted();
    if (watch->terminal)
        fprintf(stderr, "\r\033[K");
    fprintf(stderr, "%3d %%  %s", (int)((watch->done + progress->fraction) / watch->count * 100),
            watch->what);
    if (watch->count > 1)
        fprintf(stderr, " (%u of %u)", (unsigned)watch->done + 1, (unsigned)watch->count);
    fprintf(stderr, "  step %u/%u", (unsigned)progress->iteration, (unsigned)progress->iterations);
    if (progress->iteration)
        fprintf(stderr, "  loss %.4g", (double)progress->loss);
    if (progress->seconds_left >= 0) {
        double each = progress->seconds + progress->seconds_left;
        double left = progress->seconds_left + each * (watch->count - watch->done - 1);
        fprintf(stderr, "  %lu:%02lu left", (unsigned long)left / 60, (unsigned long)left % 60);
    }
    if (!watch->terminal)
        fprintf(stderr, "\n");
    fflush(stderr);
    watch->drawn = watch->terminal;
    watch->shown_at = progress->seconds;
    return !rv_interrupt_wanted();
}

void rv_see_watch_finish(struct rv_see_watch *watch) {
    if (watch->drawn)
        fprintf(stderr, "\r\033[K");
    watch->drawn = false;
}

// ------------------------------------------------------------------------------------------------
// The command

struct job {
    char layers[512], output[4096];
    struct rv_see_params params;
    rv_weights *weights;
    rv_context *context;
    struct rv_photo photo;
    struct rv_dream_stats stats;
};

// From --layer and --channel, or --layers, what is looked at and what the picture is called.
static enum rv_status choose(const struct rv_arguments *arguments, struct job *job) {
    const char *list = arguments->value[RV_CLI_SEE_LAYERS];
    const char *output = arguments->value[RV_CLI_OUTPUT];
    const struct rv_layer_info *layer;
    uint32_t channel = 0;
    enum rv_status status;
    if (list && (arguments->value[RV_CLI_LAYER] || arguments->value[RV_CLI_CHANNEL]))
        return rv_fail(RV_ERR_USAGE, "--layers says all that --layer and --channel do: give one "
                                     "or the other");
    if (list) {
        if (!output)
            return rv_fail(RV_ERR_USAGE, "name the picture of several layers with -o FILE");
        snprintf(job->layers, sizeof job->layers, "%s", list);
        snprintf(job->output, sizeof job->output, "%s", output);
        return RV_OK;
    }
    RV_TRY(rv_see_layer(arguments, &layer));
    RV_TRY(read_whole(arguments, RV_CLI_CHANNEL, 0, layer->channels - 1, &channel));
    snprintf(job->layers, sizeof job->layers, "%s", layer->name);
    snprintf(job->output, sizeof job->output, "%s.png", layer->name);
    if (arguments->value[RV_CLI_CHANNEL]) {
        snprintf(job->layers, sizeof job->layers, "%s:%u", layer->name, (unsigned)channel);
        snprintf(job->output, sizeof job->output, "%s-%u.png", layer->name, (unsigned)channel);
    }
    if (output)
        snprintf(job->output, sizeof job->output, "%s", output);
done:
    return status;
}

static enum rv_status grow(const struct rv_arguments *arguments, struct job *job) {
    struct rv_see_watch watch;
    rv_see_watch_init(&watch, arguments->value[RV_CLI_QUIET] != NULL);
    watch.what = job->layers;
    enum rv_status status = rv_see(job->context, job->weights, &job->params, rv_see_watch_show,
                                   &watch, &job->photo.picture, &job->stats);
    rv_see_watch_finish(&watch);
    if (status == RV_OK && rv_interrupt_wanted())
        status = RV_ERR_CANCELLED;
    if (status == RV_ERR_CANCELLED)
        rv_fail(status, "interrupted: nothing was written");
    return status;
}

static enum rv_status report(const struct rv_arguments *arguments, const struct job *job,
                             json_t *recipe) {
    if (!arguments->value[RV_CLI_JSON]) {
        if (!arguments->value[RV_CLI_QUIET])
            fprintf(strcmp(job->output, "-") == 0 ? stderr : stdout,
                    "%s: what %s sees, in %.1f s\n", job->output, job->layers, job->stats.seconds);
        return RV_OK;
    }
    json_object_set_new(recipe, "output", rv_json_text(job->output));
    json_object_set_new(recipe, "seconds", json_real(job->stats.seconds));
    json_object_set_new(recipe, "step_seconds", json_real(job->stats.step_seconds));
    json_object_set_new(recipe, "loss", json_real((double)job->stats.loss));
    json_object_set_new(recipe, "device_bytes", json_integer((json_int_t)job->stats.device_bytes));
    return rv_json_print(json_incref(recipe));
}

enum rv_status rv_command_see(const struct rv_arguments *arguments) {
    struct job job = {0};
    json_t *recipe = NULL;
    enum rv_status status;
    RV_TRY(rv_see_read(arguments, &job.params));
    RV_TRY(choose(arguments, &job));
    job.params.layers = job.layers;
    RV_TRY(rv_see_resolve(&job.params, &job.params));
    RV_TRY(rv_see_check_output(arguments, job.output));
    RV_TRY(rv_see_open(arguments, job.layers, &job.params, &job.weights, &job.context));
    rv_interrupt_watch();
    RV_TRY(grow(arguments, &job));
    recipe = rv_see_describe(arguments, &job.params, job.photo.picture.width,
                             job.photo.picture.height, job.weights, job.context);
    RV_TRY(rv_recipe_attach(json_incref(recipe), &job.photo));
    RV_TRY(rv_photo_save(job.output, &job.photo, NULL));
    status = report(arguments, &job, recipe);
done:
    json_decref(recipe);
    rv_photo_free(&job.photo);
    rv_context_destroy(&job.context);
    rv_weights_destroy(&job.weights);
    return status;
}
