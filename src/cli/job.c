#include "cli/job.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/status.h"
#include "cli/checkpoint.h"
#include "formats/recipe.h"

#define PATH_SIZE 4096
#define CHECKPOINT_SECONDS 10.0 // a dream that is sooner at its end needs none

void rv_work_judge(struct rv_work *work, enum rv_status status) {
    work->status = status;
    snprintf(work->error, sizeof work->error, "%s", status == RV_OK ? "" : rv_error_text());
}

enum rv_status rv_job_load(const struct rv_job *job, struct rv_work *work) {
    const char *path = work->input->path;
    enum rv_status status = rv_photo_load(path, 0, &work->photo);
    if (status == RV_OK && job->size)
        status = rv_photo_resize_longest(&work->photo, (uint32_t)job->size);
    if (status == RV_OK)
        status = rv_check_size(path, &work->photo.picture);
    return status;
}

// Members that the stored recipe and the printed result have in common.
static json_t *describe_making(const struct rv_job *job, const struct rv_work *work) {
    const struct rv_making making = {.width = work->photo.picture.width,
                                     .height = work->photo.picture.height,
                                     .device = rv_context_device(job->context),
                                     .weights_path = job->arguments->value[RV_CLI_WEIGHTS],
                                     .weights = job->weights,
                                     .params = &job->params,
                                     .size = job->size};
    return rv_recipe_describe(&making);
}

json_t *rv_job_describe(const struct rv_job *job, const struct rv_work *work) {
    const struct rv_dream_stats *stats = &work->stats;
    double rate = stats->step_seconds > 0 ? stats->flops / stats->step_seconds / 1e9 : 0;
    json_t *result = describe_making(job, work);
    if (!result)
        return NULL;
    json_object_set_new(result, "output", rv_json_text(work->input->output));
    json_object_set_new(result, "seconds", json_real(stats->seconds));
    json_object_set_new(result, "step_seconds", json_real(stats->step_seconds));
    json_object_set_new(result, "start_seconds", json_real(work->start_seconds));
    json_object_set_new(result, "gflops", json_real(rate));
    json_object_set_new(result, "loss", json_real((double)stats->loss));
    json_object_set_new(result, "device_bytes", json_integer((json_int_t)stats->device_bytes));
    json_object_set_new(result, "tiles", json_integer((json_int_t)stats->tiles));
    if (work->resumed)
        json_object_set_new(result, "resumed", json_integer((json_int_t)work->resumed));
    return result;
}

// ------------------------------------------------------------------------------------------------
// While it grows

// A dream under way, and what is written meanwhile.
struct growth {
    const struct rv_job *job;
    struct rv_work *work;
    rv_session *session;
    json_t *recipe; // owned
    uint64_t hash;  // of the photograph; 0 = not known yet
    char checkpoint[PATH_SIZE];
    char steps[PATH_SIZE]; // the folder of this picture's steps
    uint32_t done;         // steps
    double kept_at;        // when the last checkpoint was written
    bool keeping;          // false after it failed once
};

// Saves the picture as it stands, beside what the photograph's file held.
static enum rv_status save_shown(const struct growth *g, const char *path,
                                 const struct rv_photo_save_params *save) {
    struct rv_photo shown = g->work->photo; // alpha and profile are borrowed
    enum rv_status status = rv_session_picture(g->session, &shown.picture);
    shown.text = NULL;
    if (status == RV_OK)
        status = rv_photo_save(path, &shown, save);
    rv_picture_free(&shown.picture);
    return status;
}

static void step_path(const struct growth *g, uint32_t number, char *path, size_t capacity) {
    snprintf(path, capacity, "%s/%05u.%s", g->steps, number,
             rv_photo_format_about(g->job->save.format)->extension);
}

static enum rv_status save_step(const struct growth *g) {
    char path[PATH_SIZE + 32];
    step_path(g, g->done, path, sizeof path);
    return save_shown(g, path, &g->job->save);
}

// Of the photograph; a large one takes its time, so only when it is wanted.
static uint64_t hash_of(struct growth *g) {
    if (!g->hash)
        g->hash = rv_checkpoint_hash(&g->work->photo.picture);
    return g->hash;
}

// A checkpoint that cannot be written is said, and costs no dream.
static enum rv_status keep_checkpoint(struct growth *g, bool finished) {
    double now = rv_clock_seconds();
    if (!g->keeping || finished || (!g->job->resume && now - g->kept_at < CHECKPOINT_SECONDS))
        return RV_OK;
    struct rv_checkpoint checkpoint = {.steps = g->done};
    enum rv_status status = rv_session_keep(g->session, &checkpoint.state);
    if (status != RV_OK || checkpoint.state.octave == 0)
        return status;
    if (rv_checkpoint_write(g->checkpoint, &checkpoint, g->recipe, hash_of(g)) == RV_OK) {
        g->work->checkpoint = true;
        g->kept_at = now;
    } else {
        fprintf(stderr, "reverie: no checkpoint, the dream goes on: %s\n", rv_error_text());
        g->keeping = false;
    }
    rv_session_state_free(&checkpoint.state);
    return RV_OK;
}

static enum rv_status after_step(struct growth *g, const struct rv_progress *progress) {
    enum rv_status status = RV_OK;
    g->done++;
    if (g->job->steps_folder)
        RV_TRY(save_step(g));
    if (g->job->preview && (g->done % g->job->preview_every == 0 || progress->finished))
        RV_TRY(save_shown(g, g->job->preview, NULL));
    RV_TRY(keep_checkpoint(g, progress->finished));
done:
    return status;
}

static enum rv_status resume(struct growth *g) {
    struct rv_checkpoint checkpoint;
    enum rv_status status = rv_checkpoint_read(g->checkpoint, g->recipe, hash_of(g), &checkpoint);
    if (status != RV_OK || checkpoint.state.octave == 0)
        return status;
    status = rv_session_resume(g->session, &checkpoint.state);
    if (status == RV_ERR_USAGE)
        status = rv_fail(RV_ERR_INPUT, "%s: %s: remove it", g->checkpoint, rv_error_text());
    if (status == RV_OK) {
        g->work->checkpoint = true;
        g->work->resumed = checkpoint.state.octave;
        g->done = checkpoint.steps;
    }
    rv_session_state_free(&checkpoint.state);
    return status;
}

static enum rv_status fail_interrupted(const struct growth *g) {
    if (g->work->checkpoint)
        return rv_fail(RV_ERR_CANCELLED,
                       "interrupted: %s was not written; the same with --resume goes on where %s "
                       "ends",
                       g->work->input->output, g->checkpoint);
    return rv_fail(RV_ERR_CANCELLED, "interrupted: nothing was written");
}

static enum rv_status grow(struct growth *g, struct rv_progress_line *line) {
    const struct rv_advance_params how = {.size = sizeof how,
                                          .ahead = !g->job->preview && !g->job->steps_folder};
    struct rv_progress progress = {0};
    enum rv_status status = RV_OK;
    if (g->job->resume)
        RV_TRY(resume(g));
    if (rv_interrupt_wanted())
        return fail_interrupted(g);
    do {
        RV_TRY(rv_session_advance(g->session, &how, &progress));
        if (progress.iteration > 0)
            RV_TRY(after_step(g, &progress));
        if (!rv_progress_line_show(line, &progress))
            return fail_interrupted(g);
    } while (!progress.finished);
done:
    return status;
}

// ------------------------------------------------------------------------------------------------
// From beginning to end

// Of many pictures each has a folder of its own in the one for steps.
static enum rv_status make_steps_folder(struct growth *g) {
    const struct rv_job *job = g->job;
    const char *path = g->work->input->path, *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');
    int stem = (int)(dot && dot != name ? (size_t)(dot - name) : strlen(name));
    int length = job->inputs.many
                     ? snprintf(g->steps, sizeof g->steps, "%s/%.*s", job->steps_folder, stem, name)
                     : snprintf(g->steps, sizeof g->steps, "%s", job->steps_folder);
    if (length < 0 || (size_t)length >= sizeof g->steps)
        return rv_fail(RV_ERR_USAGE, "--steps-dir: the path is too long: choose a shorter one");
    enum rv_status status = rv_file_make_folder(g->steps);
    char first[PATH_SIZE + 32];
    step_path(g, 1, first, sizeof first);
    return status == RV_OK ? rv_check_output(first, job->overwrite || job->resume) : status;
}

static enum rv_status prepare(struct growth *g) {
    enum rv_status status;
    const char *output = g->work->input->output;
    g->recipe = describe_making(g->job, g->work);
    if (!g->recipe)
        return rv_fail(RV_ERR_NO_MEMORY, "no memory for the picture's parameters");
    g->keeping = strcmp(output, "-") != 0;
    g->kept_at = rv_clock_seconds();
    RV_TRY(rv_checkpoint_path(output, g->checkpoint, sizeof g->checkpoint));
    if (g->job->steps_folder)
        RV_TRY(make_steps_folder(g));
    status = rv_session_begin(g->job->context, g->job->weights, &g->work->photo.picture,
                              &g->job->params, &g->session);
done:
    return status;
}

enum rv_status rv_job_dream(const struct rv_job *job, struct rv_work *work,
                            struct rv_progress_line *line) {
    struct growth g = {.job = job, .work = work};
    struct rv_picture result;
    double from = rv_clock_seconds();
    enum rv_status status;
    RV_TRY(prepare(&g));
    status = grow(&g, line);
    rv_progress_line_finish(line);
    rv_session_stats(g.session, &work->stats);
    work->stats.seconds = rv_clock_seconds() - from;
    work->start_seconds = from - job->begun + work->stats.start_seconds;
    if (status != RV_OK)
        goto done;
    if (rv_interrupt_wanted()) {
        status = fail_interrupted(&g);
        goto done;
    }
    RV_TRY(rv_session_picture(g.session, &result));
    rv_picture_free(&work->photo.picture);
    work->photo.picture = result;
    status = rv_recipe_attach(g.recipe, &work->photo);
    g.recipe = NULL;
done:
    rv_session_end(&g.session);
    json_decref(g.recipe);
    return status;
}

enum rv_status rv_job_save(const struct rv_job *job, struct rv_work *work) {
    char path[PATH_SIZE];
    enum rv_status status = rv_photo_save(work->input->output, &work->photo, &job->save);
    if (status == RV_OK && work->checkpoint &&
        rv_checkpoint_path(work->input->output, path, sizeof path) == RV_OK)
        unlink(path);
    return status;
}
