// reverie dream: what the command line asks for.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/status.h"
#include "cli/job.h"
#include "formats/recipe.h"

// Explicit options come last, so that they override what another picture says.
static enum rv_status read_parameters(const struct rv_arguments *arguments, struct rv_job *job) {
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

// "8, 16 or 32" of what a format holds.
static void list_bits(const struct rv_photo_format_info *about, char *text, size_t capacity) {
    size_t used = 0;
    for (int i = 0; about->bits[i] && used < capacity; i++)
        used += (size_t)snprintf(text + used, capacity - used, "%s%u",
                                 i == 0               ? ""
                                 : about->bits[i + 1] ? ", "
                                                      : " or ",
                                 about->bits[i]);
}

static enum rv_status read_quality(const struct rv_arguments *arguments, struct rv_job *job) {
    const struct rv_photo_format_info *about = rv_photo_format_about(job->save.format);
    uint64_t bits = 0, quality = 0;
    enum rv_status status;
    char list[32];
    RV_TRY(rv_arguments_number(arguments, RV_CLI_BITS, 8, 32, &bits));
    RV_TRY(rv_arguments_number(arguments, RV_CLI_QUALITY, 1, 100, &quality));
    bool held = bits == 0;
    for (int i = 0; about->bits[i]; i++)
        held |= about->bits[i] == bits;
    list_bits(about, list, sizeof list);
    if (!held)
        return rv_fail(RV_ERR_USAGE,
                       "--bits %u: not possible: %s has %s bits: give that, or "
                       "another format",
                       (unsigned)bits, about->name, list);
    if (quality && !about->has_quality)
        return rv_fail(RV_ERR_USAGE,
                       "--quality: %s is exact and has none: leave it out, or take "
                       "JPEG or WebP",
                       about->name);
    job->save.bits = (uint32_t)bits;
    job->save.quality = (uint32_t)quality;
done:
    return status;
}

// The format is known by --format, by the name of the one output, or is PNG.
static enum rv_status choose_outputs(const struct rv_arguments *arguments, struct rv_job *job) {
    const char *output = arguments->value[RV_CLI_OUTPUT], *format = arguments->value[RV_CLI_FORMAT];
    enum rv_status status = RV_OK;
    if (format)
        RV_TRY(rv_photo_format_named(format, &job->save.format));
    else
        job->save.format = RV_PHOTO_PNG;
    const char *extension = rv_photo_format_about(job->save.format)->extension;
    RV_TRY(rv_inputs_find(arguments, output, extension, job->overwrite, &job->inputs));
    const char *first = job->inputs.list[0].output;
    bool to_stdout = strcmp(first, "-") == 0;
    if (strcmp(job->inputs.list[0].path, "-") == 0 && isatty(STDIN_FILENO))
        return rv_fail(RV_ERR_USAGE, "standard input is a terminal: send a picture to it, or name "
                                     "one");
    if (!format && !job->inputs.many)
        RV_TRY(rv_photo_format_of(first, &job->save.format));
    if (to_stdout && job->json)
        return rv_fail(RV_ERR_USAGE, "--json and -o - both write to standard output: give one of "
                                     "them");
    if (to_stdout && job->resume)
        return rv_fail(RV_ERR_USAGE, "--resume: standard output keeps no checkpoint: name a file "
                                     "with -o");
    job->quiet |= to_stdout;
    RV_TRY(read_quality(arguments, job));
done:
    return status;
}

static enum rv_status choose_views(const struct rv_arguments *arguments, struct rv_job *job) {
    enum rv_photo_format format;
    uint64_t every = 5;
    enum rv_status status;
    job->preview = arguments->value[RV_CLI_PREVIEW];
    job->steps_folder = arguments->value[RV_CLI_STEPS_DIR];
    RV_TRY(rv_arguments_number(arguments, RV_CLI_PREVIEW_EVERY, 1, 1000000, &every));
    job->preview_every = (uint32_t)every;
    if (!job->preview && arguments->value[RV_CLI_PREVIEW_EVERY])
        return rv_fail(RV_ERR_USAGE, "--preview-every: there is no preview: name one with "
                                     "--preview FILE");
    if (job->preview && strcmp(job->preview, "-") == 0)
        return rv_fail(RV_ERR_USAGE, "--preview: it is renewed while the picture grows: name a "
                                     "file");
    if (job->preview)
        RV_TRY(rv_photo_format_of(job->preview, &format));
    if (job->preview) // which is made to be replaced
        RV_TRY(rv_check_output(job->preview, true));
done:
    return status;
}

// Makes the folder that -o names, if it names one, and refuses outputs that cannot be written.
static enum rv_status prepare_outputs(struct rv_job *job) {
    const char *output = job->arguments->value[RV_CLI_OUTPUT];
    size_t length = output ? strlen(output) : 0;
    bool folder = output && (job->inputs.many || (length && output[length - 1] == '/'));
    enum rv_status status = RV_OK;
    if (job->arguments->value[RV_CLI_DRY_RUN])
        return RV_OK;
    if (folder)
        RV_TRY(rv_file_make_folder(output));
    for (size_t i = 0; i < job->inputs.count; i++)
        if (!job->inputs.list[i].there)
            RV_TRY(rv_check_output(job->inputs.list[i].output, job->overwrite));
done:
    return status;
}

static enum rv_status report(const struct rv_job *job, const struct rv_work *work) {
    if (job->json)
        return rv_json_print(rv_job_describe(job, work));
    if (!job->quiet)
        printf("%s: dreamed in %.1f s%s\n", work->input->output, work->stats.seconds,
               work->resumed ? ", resumed" : "");
    return RV_OK;
}

// What is needed of many pictures is needed of one; only its own faults come before those of
// weights and device.
static enum rv_status prepare(struct rv_job *job) {
    enum rv_status status;
    RV_TRY(rv_weights_load(job->arguments->value[RV_CLI_WEIGHTS], &job->weights));
    RV_TRY(rv_params_check(&job->params, job->weights));
    rv_interrupt_watch();
    if (job->arguments->value[RV_CLI_DRY_RUN])
        return RV_OK; // does without a device
    RV_TRY(rv_open_device(job->arguments, job->quiet, &job->context));
    job->params.precision = rv_precision_of(job->context, job->params.precision); // as it is stored
done:
    return status;
}

static enum rv_status dream_one(struct rv_job *job) {
    struct rv_work work = {.input = &job->inputs.list[0]};
    struct rv_progress_line line;
    enum rv_status status;
    rv_progress_line_init(&line, job->quiet);
    RV_TRY(rv_job_load(job, &work));
    RV_TRY(prepare(job));
    RV_TRY(rv_job_dream(job, &work, &line));
    RV_TRY(rv_job_save(job, &work));
    RV_TRY(report(job, &work));
done:
    rv_photo_free(&work.photo);
    return status;
}

enum rv_status rv_command_dream(const struct rv_arguments *arguments) {
    struct rv_job job = {.arguments = arguments,
                         .begun = rv_clock_seconds(),
                         .quiet = arguments->value[RV_CLI_QUIET] != NULL,
                         .json = arguments->value[RV_CLI_JSON] != NULL,
                         .overwrite = arguments->value[RV_CLI_OVERWRITE] != NULL,
                         .resume = arguments->value[RV_CLI_RESUME] != NULL};
    enum rv_status status;
    RV_TRY(read_parameters(arguments, &job));
    RV_TRY(choose_outputs(arguments, &job));
    RV_TRY(choose_views(arguments, &job));
    RV_TRY(rv_arguments_bytes(arguments, RV_CLI_MEMORY, &(uint64_t){0})); // before anything slow
    RV_TRY(prepare_outputs(&job));
    bool dry = arguments->value[RV_CLI_DRY_RUN] != NULL;
    if (!dry && !job.inputs.many) {
        status = dream_one(&job);
        goto done;
    }
    RV_TRY(prepare(&job));
    status = dry ? rv_forecast_print(&job) : rv_batch_run(&job);
done:
    rv_context_destroy(&job.context);
    rv_weights_destroy(&job.weights);
    rv_inputs_finish(&job.inputs);
    rv_pictures_free(&job.pictures);
    return status;
}
