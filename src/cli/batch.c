// The pictures of one command line, one after the other. While one is dreamed on, the next is read
// and the one before is written: each by a thread that has one picture in hand, so that there are
// never more than three in memory, however many there are to do.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/status.h"
#include "cli/job.h"
#include "formats/recipe.h"

// A place for one picture between two threads.
struct place {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct rv_work *work; // owned while it lies here
    bool busy;            // whoever takes from here still has one in hand
    bool closed;          // nothing more will come, or is wanted
};

struct batch {
    struct rv_job *job;
    struct rv_work **todo; // those that are to be done, in order; owned by whoever has them
    uint32_t count, skipped;
    struct place loaded, dreamed;
    struct rv_progress_line line;
    // Of the saver, and read when that has ended.
    uint32_t done, failed;
    json_t *results;
    enum rv_status first_failure;
    char names[256]; // of the pictures that failed, as many as fit
};

static void place_init(struct place *place) {
    pthread_mutex_init(&place->lock, NULL);
    pthread_cond_init(&place->changed, NULL);
}

static void place_finish(struct place *place) {
    pthread_cond_destroy(&place->changed);
    pthread_mutex_destroy(&place->lock);
}

// Waits until the place is empty; false if it is closed.
static bool wait_for_room(struct place *place) {
    pthread_mutex_lock(&place->lock);
    while (!place->closed && (place->work || place->busy))
        pthread_cond_wait(&place->changed, &place->lock);
    bool open = !place->closed;
    pthread_mutex_unlock(&place->lock);
    return open;
}

static void put(struct place *place, struct rv_work *work) {
    pthread_mutex_lock(&place->lock);
    place->work = work;
    pthread_cond_broadcast(&place->changed);
    pthread_mutex_unlock(&place->lock);
}

// Waits for a picture; NULL if the place is closed and empty. `hold`: until the next call the giver
// waits.
static struct rv_work *take(struct place *place, bool hold) {
    pthread_mutex_lock(&place->lock);
    place->busy = false;
    pthread_cond_broadcast(&place->changed);
    while (!place->work && !place->closed)
        pthread_cond_wait(&place->changed, &place->lock);
    struct rv_work *work = place->work;
    place->work = NULL;
    place->busy = hold && work;
    pthread_cond_broadcast(&place->changed);
    pthread_mutex_unlock(&place->lock);
    return work;
}

static void close_place(struct place *place) {
    pthread_mutex_lock(&place->lock);
    place->closed = true;
    pthread_cond_broadcast(&place->changed);
    pthread_mutex_unlock(&place->lock);
}

// ------------------------------------------------------------------------------------------------
// What is told

static void free_work(struct rv_work *work) {
    if (work)
        rv_photo_free(&work->photo);
    free(work);
}

// Errors about a file begin with its name already.
static void note_result(struct batch *batch, const struct rv_work *work) {
    const struct rv_job *job = batch->job;
    const char *path = work->input->path;
    bool named = strncmp(work->error, path, strlen(path)) == 0;
    if (work->status != RV_OK)
        rv_progress_line_say(&batch->line, stderr, "reverie: %s%s%s\n", named ? "" : path,
                             named ? "" : ": ", work->error);
    else if (!job->quiet && !job->json)
        rv_progress_line_say(&batch->line, stdout, "%s: dreamed in %.1f s%s\n", work->input->output,
                             work->stats.seconds, work->resumed ? ", resumed" : "");
}

static json_t *result_of(const struct batch *batch, const struct rv_work *work) {
    if (work->status == RV_OK) {
        json_t *result = rv_job_describe(batch->job, work);
        json_object_set_new(result, "input", rv_json_text(work->input->path));
        json_object_set_new(result, "status", json_string("done"));
        return result;
    }
    return json_pack("{s:o, s:o, s:s, s:o}", "input", rv_json_text(work->input->path), "output",
                     rv_json_text(work->input->output), "status", "failed", "error",
                     rv_json_text(work->error));
}

// Counts it, tells it, and lets it go. A picture that was interrupted is none that failed.
static void finish_work(struct batch *batch, struct rv_work *work) {
    if (work->status != RV_ERR_CANCELLED) {
        note_result(batch, work);
        if (batch->results)
            json_array_append_new(batch->results, result_of(batch, work));
    }
    if (work->status == RV_OK) {
        batch->done++;
    } else if (work->status != RV_ERR_CANCELLED) {
        if (batch->failed++ == 0)
            batch->first_failure = work->status;
        size_t used = strlen(batch->names);
        if (used + strlen(work->input->path) + 8 < sizeof batch->names)
            snprintf(batch->names + used, sizeof batch->names - used, "%s%s", used ? ", " : "",
                     work->input->path);
        else if (used && strcmp(batch->names + used - 3, "...") != 0)
            strcat(batch->names, ", ...");
    }
    free_work(work);
}

// ------------------------------------------------------------------------------------------------
// The threads

static void *load_all(void *user) {
    struct batch *batch = user;
    for (uint32_t i = 0; i < batch->count && wait_for_room(&batch->loaded); i++) {
        struct rv_work *work = batch->todo[i];
        rv_work_judge(work, rv_job_load(batch->job, work));
        put(&batch->loaded, work);
        batch->todo[i] = NULL;
    }
    return NULL;
}

// Failures of the other threads pass through here, too, so that all are told in order.
static void *save_all(void *user) {
    struct batch *batch = user;
    struct rv_work *work;
    while ((work = take(&batch->dreamed, true))) {
        if (work->status == RV_OK)
            rv_work_judge(work, rv_job_save(batch->job, work));
        finish_work(batch, work);
    }
    return NULL;
}

// The caller's own part. Returns why it ended: RV_OK, or what makes going on senseless.
static enum rv_status dream_all(struct batch *batch) {
    struct rv_progress_line *line = &batch->line;
    enum rv_status end = RV_OK;
    double begun = rv_clock_seconds();
    for (uint32_t i = 0; i < batch->count && end == RV_OK; i++) {
        struct rv_work *work = take(&batch->loaded, false);
        line->seconds_before = rv_clock_seconds() - begun;
        rv_progress_line_next(line, i, batch->count, work->input->path);
        if (work->status == RV_OK)
            rv_work_judge(work, rv_job_dream(batch->job, work, line));
        if (work->status == RV_ERR_CANCELLED || work->status == RV_ERR_DEVICE_LOST ||
            rv_interrupt_wanted())
            end = work->status == RV_ERR_DEVICE_LOST ? work->status : RV_ERR_CANCELLED;
        wait_for_room(&batch->dreamed);
        put(&batch->dreamed, work);
    }
    return end;
}

static enum rv_status run_threads(struct batch *batch, enum rv_status *end) {
    pthread_t loader, saver;
    if (pthread_create(&saver, NULL, save_all, batch) != 0)
        return rv_fail(RV_ERR_NO_MEMORY, "no memory for a thread");
    bool loading = pthread_create(&loader, NULL, load_all, batch) == 0;
    if (loading)
        *end = dream_all(batch);
    close_place(&batch->loaded);
    if (loading)
        pthread_join(loader, NULL);
    wait_for_room(&batch->dreamed);
    close_place(&batch->dreamed);
    pthread_join(saver, NULL);
    free_work(batch->loaded.work); // what was read, and then not wanted
    return loading ? RV_OK : rv_fail(RV_ERR_NO_MEMORY, "no memory for a thread");
}

// ------------------------------------------------------------------------------------------------
// From beginning to end

// The list of what is to be done: results that are there are passed over.
static enum rv_status list_work(struct batch *batch) {
    const struct rv_inputs *inputs = &batch->job->inputs;
    batch->todo = calloc(inputs->count, sizeof *batch->todo);
    if (!batch->todo)
        return rv_fail(RV_ERR_NO_MEMORY, "no memory for the list of pictures");
    for (size_t i = 0; i < inputs->count; i++) {
        const struct rv_input *input = &inputs->list[i];
        if (input->there) {
            batch->skipped++;
            if (batch->results)
                json_array_append_new(batch->results,
                                      json_pack("{s:o, s:o, s:s}", "input",
                                                rv_json_text(input->path), "output",
                                                rv_json_text(input->output), "status", "skipped"));
            continue;
        }
        struct rv_work *work = calloc(1, sizeof *work);
        if (!work)
            return rv_fail(RV_ERR_NO_MEMORY, "no memory for the list of pictures");
        work->input = input;
        batch->todo[batch->count++] = work;
    }
    return RV_OK;
}

static enum rv_status sum_up(struct batch *batch, enum rv_status end) {
    const struct rv_job *job = batch->job;
    uint32_t left = batch->count - batch->done - batch->failed;
    enum rv_status status = RV_OK;
    if (!job->quiet && !job->json) {
        printf("%u pictures: %u dreamed", batch->count + batch->skipped, batch->done);
        if (batch->skipped)
            printf(", %u skipped (there already)", batch->skipped);
        if (batch->failed)
            printf(", %u failed", batch->failed);
        if (left)
            printf(", %u left", left);
        printf(", in %.1f s\n", rv_clock_seconds() - job->begun);
    }
    if (job->json) {
        json_t *sum = json_pack("{s:O, s:i, s:i, s:i, s:i, s:f}", "pictures", batch->results,
                                "done", (int)batch->done, "skipped", (int)batch->skipped, "failed",
                                (int)batch->failed, "left", (int)left, "seconds",
                                rv_clock_seconds() - job->begun);
        status = rv_json_print(sum);
    }
    if (status != RV_OK)
        return status;
    if (end == RV_ERR_CANCELLED)
        return rv_fail(end,
                       "interrupted: %u of %u pictures were written; the same again, with "
                       "--resume, does the rest",
                       batch->done, batch->count);
    if (batch->failed == 0)
        return RV_OK;
    status = batch->done == 0 && batch->skipped == 0 ? batch->first_failure
             : end != RV_OK                          ? end
                                                     : RV_CLI_PARTIAL;
    return rv_fail(status, "%u of %u pictures failed: %s", batch->failed, batch->count,
                   batch->names);
}

enum rv_status rv_batch_run(struct rv_job *job) {
    struct batch batch = {.job = job, .results = job->json ? json_array() : NULL};
    enum rv_status status, end = RV_OK;
    place_init(&batch.loaded);
    place_init(&batch.dreamed);
    rv_progress_line_init(&batch.line, job->quiet);
    RV_TRY(list_work(&batch));
    if (batch.count)
        RV_TRY(run_threads(&batch, &end));
    status = sum_up(&batch, end);
done:
    for (uint32_t i = 0; batch.todo && i < batch.count; i++)
        free_work(batch.todo[i]);
    free(batch.todo);
    json_decref(batch.results);
    place_finish(&batch.loaded);
    place_finish(&batch.dreamed);
    return status;
}
