// reverie dream: a picture in, a picture out.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/status.h"
#include "cli/commands.h"
#include "cli/pictures.h"
#include "cli/progress.h"
#include "formats/recipe.h"

#define PATH_SIZE 4096

// What was asked for, checked as far as it can be before anything slow.
struct job {
    const char *input;
    char output[PATH_SIZE];
    bool quiet, json;
    uint64_t size; // longest side; 0 = as it is
    struct rv_params params;
    struct rv_picture_parameters pictures; // of the parameters
    struct rv_photo_save_params save;
    struct rv_photo photo;
    rv_weights *weights;
    rv_context *context;
    struct rv_dream_stats stats;
    double begun, start_seconds; // the clock at first; until the first step was submitted
};

// Explicit options come last, so that they override what another picture says.
static enum rv_status read_parameters(const struct rv_arguments *arguments, struct job *job) {
    const char *like = arguments->value[RV_CLI_LIKE];
    struct rv_params given = {0};
    enum rv_status status = RV_OK;
    if (like) {
        if (arguments->parameter[0]) // the first row of the table is the preset
            return rv_fail(RV_ERR_USAGE, "--like and --preset both supply every parameter: give "
                                         "one of them");
        RV_TRY(rv_recipe_read(like, &given, &job->size));
    }
    RV_TRY(rv_arguments_apply(arguments, &given));
    RV_TRY(rv_pictures_load(arguments, &given, &job->pictures));
    if (like)
        RV_TRY(rv_recipe_check_pictures(like, &given));
    RV_TRY(rv_arguments_number(arguments, RV_CLI_SIZE, 75, RV_PHOTO_SIDE_MAX, &job->size));
    RV_TRY(rv_params_resolve(&given, &job->params));
done:
    return status;
}

// Beside the input, "photo.jpg" becomes "photo.dream.png".
static enum rv_status default_output(const char *input, char output[PATH_SIZE]) {
    const char *slash = strrchr(input, '/'), *name = slash ? slash + 1 : input;
    const char *dot = strrchr(name, '.');
    size_t stem = dot && dot != name ? (size_t)(dot - input) : strlen(input);
    if (strcmp(input, "-") == 0)
        return rv_fail(RV_ERR_USAGE, "the picture comes from standard input: name the output with "
                                     "-o FILE (-o - for standard output)");
    if (stem + sizeof ".dream.png" > PATH_SIZE)
        return rv_fail(RV_ERR_USAGE,
                       "input: %zu characters are too long for a path: choose a "
                       "shorter one",
                       strlen(input));
    snprintf(output, PATH_SIZE, "%.*s.dream.png", (int)stem, input);
    return RV_OK;
}

static enum rv_status choose_output(const struct rv_arguments *arguments, struct job *job) {
    const char *given = arguments->value[RV_CLI_OUTPUT];
    uint64_t bits = 0, quality = 0;
    enum rv_status status = RV_OK;
    if (!given)
        RV_TRY(default_output(job->input, job->output));
    else if (strlen(given) >= PATH_SIZE)
        return rv_fail(RV_ERR_USAGE,
                       "--output: %zu characters are too long for a path: choose a "
                       "shorter one",
                       strlen(given));
    else
        strcpy(job->output, given);
    if (job->json && strcmp(job->output, "-") == 0)
        return rv_fail(RV_ERR_USAGE, "--json and -o - both write to standard output: give one of "
                                     "them");
    RV_TRY(rv_photo_format_of(job->output, &job->save.format));
    RV_TRY(rv_arguments_number(arguments, RV_CLI_BITS, 8, 16, &bits));
    RV_TRY(rv_arguments_number(arguments, RV_CLI_QUALITY, 1, 100, &quality));
    bool jpeg = job->save.format == RV_PHOTO_JPEG;
    if ((bits != 0 && bits != 8 && bits != 16) || (jpeg && bits == 16))
        return rv_fail(RV_ERR_USAGE, "--bits %u: %s: give 8%s", (unsigned)bits,
                       jpeg ? "a JPEG holds 8 bits" : "not possible",
                       jpeg ? " or name a PNG with -o" : " or 16");
    if (quality && !jpeg)
        return rv_fail(RV_ERR_USAGE, "--quality: a PNG is exact and has none: leave it out, or "
                                     "name a JPEG with -o");
    job->save.bits = (uint32_t)bits;
    job->save.quality = (uint32_t)quality;
    RV_TRY(rv_check_output(job->output, arguments->value[RV_CLI_OVERWRITE] != NULL));
done:
    return status;
}

static enum rv_status load_photo(struct job *job) {
    enum rv_status status = rv_photo_load(job->input, 0, &job->photo);
    if (status != RV_OK)
        return status;
    if (job->size)
        status = rv_photo_resize_longest(&job->photo, (uint32_t)job->size);
    return status == RV_OK ? rv_check_size(job->input, &job->photo.picture) : status;
}

// Members that the stored recipe and the printed result have in common.
static json_t *describe(const struct rv_arguments *arguments, const struct job *job) {
    const struct rv_making making = {.width = job->photo.picture.width,
                                     .height = job->photo.picture.height,
                                     .device = rv_context_device(job->context),
                                     .weights_path = arguments->value[RV_CLI_WEIGHTS],
                                     .weights = job->weights,
                                     .params = &job->params,
                                     .size = job->size};
    return rv_recipe_describe(&making);
}

static enum rv_status save_result(const struct rv_arguments *arguments, struct job *job) {
    enum rv_status status = rv_recipe_attach(describe(arguments, job), &job->photo);
    return status == RV_OK ? rv_photo_save(job->output, &job->photo, &job->save) : status;
}

static enum rv_status report(const struct rv_arguments *arguments, const struct job *job) {
    const struct rv_dream_stats *stats = &job->stats;
    if (!job->json) {
        FILE *stream = strcmp(job->output, "-") == 0 ? stderr : stdout;
        if (!job->quiet)
            fprintf(stream, "%s: dreamed in %.1f s\n", job->output, stats->seconds);
        return RV_OK;
    }
    double rate = stats->step_seconds > 0 ? stats->flops / stats->step_seconds / 1e9 : 0;
    json_t *result = describe(arguments, job);
    if (result) {
        json_object_set_new(result, "output", rv_json_text(job->output));
        json_object_set_new(result, "seconds", json_real(stats->seconds));
        json_object_set_new(result, "step_seconds", json_real(stats->step_seconds));
        json_object_set_new(result, "start_seconds", json_real(job->start_seconds));
        json_object_set_new(result, "gflops", json_real(rate));
        json_object_set_new(result, "loss", json_real((double)stats->loss));
        json_object_set_new(result, "device_bytes", json_integer((json_int_t)stats->device_bytes));
        json_object_set_new(result, "tiles", json_integer((json_int_t)stats->tiles));
    }
    return rv_json_print(result);
}

static enum rv_status dream(struct job *job) {
    struct rv_picture result = {0};
    struct rv_progress_line line;
    rv_progress_line_init(&line, job->quiet);
    double prepared = rv_clock_seconds() - job->begun;
    enum rv_status status = rv_dream(job->context, job->weights, &job->photo.picture, &job->params,
                                     rv_progress_line_show, &line, &result, &job->stats);
    rv_progress_line_finish(&line);
    job->start_seconds = prepared + job->stats.start_seconds;
    if (status == RV_OK && rv_interrupt_wanted())
        status = RV_ERR_CANCELLED;
    if (status == RV_ERR_CANCELLED)
        rv_fail(status, "interrupted: nothing was written");
    if (status != RV_OK) {
        rv_picture_free(&result);
        return status;
    }
    rv_picture_free(&job->photo.picture);
    job->photo.picture = result;
    return RV_OK;
}

enum rv_status rv_command_dream(const struct rv_arguments *arguments) {
    struct job job = {.begun = rv_clock_seconds(),
                      .input = arguments->positional[0],
                      .quiet = arguments->value[RV_CLI_QUIET] != NULL,
                      .json = arguments->value[RV_CLI_JSON] != NULL};
    enum rv_status status;
    RV_TRY(read_parameters(arguments, &job));
    RV_TRY(choose_output(arguments, &job));
    RV_TRY(rv_arguments_bytes(arguments, RV_CLI_MEMORY, &(uint64_t){0})); // before anything slow
    RV_TRY(load_photo(&job));
    RV_TRY(rv_weights_load(arguments->value[RV_CLI_WEIGHTS], &job.weights));
    RV_TRY(rv_params_check(&job.params, job.weights));
    RV_TRY(rv_open_device(arguments, job.quiet, &job.context));
    job.params.precision = rv_precision_of(job.context, job.params.precision); // as it is stored
    rv_interrupt_watch();
    RV_TRY(dream(&job));
    RV_TRY(save_result(arguments, &job));
    RV_TRY(report(arguments, &job));
done:
    rv_context_destroy(&job.context);
    rv_weights_destroy(&job.weights);
    rv_photo_free(&job.photo);
    rv_pictures_free(&job.pictures);
    return status;
}
