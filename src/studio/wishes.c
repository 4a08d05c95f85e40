// What others ask of the dreamer.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/status.h"
#include "studio/dreaming.h"

// ------------------------------------------------------------------------------------------------
// Beginning and end

static void init_locks(rv_dreamer *d) {
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_mutex_init(&d->editing, NULL);
    pthread_mutex_init(&d->fronting, NULL);
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->wish, &clock);
    pthread_cond_init(&d->news, &clock);
    pthread_cond_init(&d->back, NULL);
    pthread_condattr_destroy(&clock);
}

static void free_all(rv_dreamer *d) {
    rv_snapshot_release(&d->from);
    rv_history_clear(&d->history);
    rv_history_clear(&d->kept);
    rv_subject_release(&d->subject);
    rv_settings_release(&d->settings);
    rv_settings_release(&d->dreamed);
    rv_portraits_destroy(&d->portraits);
    rv_context_destroy(&d->context);
    pthread_mutex_destroy(&d->editing);
    pthread_mutex_destroy(&d->fronting);
    pthread_mutex_destroy(&d->lock);
    pthread_cond_destroy(&d->wish);
    pthread_cond_destroy(&d->news);
    pthread_cond_destroy(&d->back);
    free(d);
}

enum rv_status rv_dreamer_create(const struct rv_dreamer_setup *setup, rv_dreamer **dreamer) {
    rv_dreamer *d = calloc(1, sizeof *d);
    enum rv_status status = RV_OK;
    *dreamer = NULL;
    if (!d)
        return rv_fail(RV_ERR_NO_MEMORY, "no memory for the studio");
    init_locks(d);
    d->setup = *setup;
    d->setup.settings = NULL;
    rv_settings_copy(setup->settings, &d->settings);
    d->kept.limit = RV_KEPT_MAX;
    d->state.version = 1;
    d->state.progress = (struct rv_progress){.loss = NAN, .seconds_left = -1};
    d->portraits = rv_portraits_create(setup->weights, setup->weights_path);
    if (!d->portraits)
        status = rv_fail(RV_ERR_NO_MEMORY, "no memory for the studio");
    RV_TRY(status);
    RV_TRY(setup->open(setup->open_user, &d->context));
    d->device = *rv_context_device(d->context);
    d->idle_since = rv_clock_seconds();
    if (pthread_create(&d->thread, NULL, rv_dreamer_run, d) != 0)
        status = rv_fail(RV_ERR_NO_MEMORY, "no memory for another thread");
    RV_TRY(status);
    *dreamer = d;
    return RV_OK;
done:
    free_all(d);
    return status;
}

void rv_dreamer_stop(rv_dreamer *d) {
    pthread_mutex_lock(&d->lock);
    d->quit = true;
    pthread_cond_signal(&d->wish);
    pthread_cond_broadcast(&d->news);
    pthread_mutex_unlock(&d->lock);
}

void rv_dreamer_destroy(rv_dreamer **dreamer) {
    rv_dreamer *d = *dreamer;
    if (!d)
        return;
    rv_dreamer_stop(d);
    pthread_join(d->thread, NULL);
    free_all(d);
    *dreamer = NULL;
}

const struct rv_device_info *rv_dreamer_device(const rv_dreamer *dreamer) {
    return &dreamer->device;
}

const rv_weights *rv_dreamer_weights(const rv_dreamer *dreamer) {
    return dreamer->setup.weights;
}

const rv_portraits *rv_dreamer_portraits(const rv_dreamer *dreamer) {
    return dreamer->portraits;
}

// ------------------------------------------------------------------------------------------------
// Wishes

// From the photograph; called with the lock held.
static void begin_again(rv_dreamer *d) {
    rv_snapshot_release(&d->from);
    rv_history_clear(&d->history);
    d->present = 0;
    d->fresh = true;
    d->paused = d->one_step = false;
    d->state.error[0] = '\0';
    if (d->subject)
        d->state.phase =
            RV_PHASE_PREPARING; // what was is over, even if it is paused before it begins
}

// Lets the wishes that were changed under the lock be seen.
static void wish(rv_dreamer *d) {
    rv_dreamer_tell(d);
    pthread_cond_signal(&d->wish);
    pthread_mutex_unlock(&d->lock);
}

void rv_dreamer_open(rv_dreamer *d, struct rv_subject *subject) {
    pthread_mutex_lock(&d->lock);
    rv_subject_release(&d->subject);
    d->subject = subject;
    begin_again(d);
    wish(d);
}

struct rv_subject *rv_dreamer_subject(rv_dreamer *d) {
    pthread_mutex_lock(&d->lock);
    struct rv_subject *subject = d->subject ? rv_subject_share(d->subject) : NULL;
    pthread_mutex_unlock(&d->lock);
    return subject;
}

void rv_dreamer_settings(rv_dreamer *d, struct rv_settings *settings) {
    pthread_mutex_lock(&d->lock);
    rv_settings_copy(&d->settings, settings);
    pthread_mutex_unlock(&d->lock);
}

void rv_dreamer_edit(rv_dreamer *d, struct rv_settings *settings) {
    pthread_mutex_lock(&d->editing);
    rv_dreamer_settings(d, settings);
}

enum rv_status rv_dreamer_edited(rv_dreamer *d, struct rv_settings *settings, bool good) {
    enum rv_status status = good ? rv_params_check(&settings->params, d->setup.weights) : RV_OK;
    if (good && status == RV_OK) {
        pthread_mutex_lock(&d->lock);
        struct rv_settings before = d->settings;
        d->settings = *settings;
        *settings = before;
        d->changed = true;
        wish(d);
    }
    pthread_mutex_unlock(&d->editing);
    rv_settings_release(settings);
    return status;
}

void rv_dreamer_pause(rv_dreamer *d, bool paused) {
    pthread_mutex_lock(&d->lock);
    d->paused = paused;
    d->one_step = false;
    wish(d);
}

void rv_dreamer_step(rv_dreamer *d) {
    pthread_mutex_lock(&d->lock);
    d->paused = d->one_step = true;
    wish(d);
}

void rv_dreamer_restart(rv_dreamer *d) {
    pthread_mutex_lock(&d->lock);
    begin_again(d);
    wish(d);
}

// Borrowed, under the lock.
static struct rv_snapshot *find(const rv_dreamer *d, uint64_t id) {
    if (id == 0)
        id = d->present;
    struct rv_snapshot *found = rv_history_find(&d->history, id);
    return found ? found : rv_history_find(&d->kept, id);
}

static enum rv_status fail_forgotten(uint64_t id) {
    return rv_fail(RV_ERR_INPUT, "picture %llu is no longer remembered", (unsigned long long)id);
}

enum rv_status rv_dreamer_back(rv_dreamer *d, uint64_t id) {
    pthread_mutex_lock(&d->lock);
    struct rv_snapshot *found = find(d, id);
    if (!found) {
        pthread_mutex_unlock(&d->lock);
        return fail_forgotten(id);
    }
    rv_snapshot_release(&d->from);
    d->from = rv_snapshot_share(found);
    if (!rv_history_find(&d->history, found->id)) { // a kept one, of another dream
        rv_history_clear(&d->history);
        rv_history_push(&d->history, rv_snapshot_share(found));
    }
    d->present = found->id;
    if (d->state.loss_count > found->loss_count)
        d->state.loss_count = found->loss_count;
    if (d->subject != found->subject) { // a kept one, of another photograph
        rv_subject_release(&d->subject);
        d->subject = rv_subject_share(found->subject);
    }
    d->state.progress = found->progress;
    d->state.progress.finished = false;
    d->state.error[0] = '\0';
    d->state.phase = RV_PHASE_PAUSED;
    d->fresh = d->paused = true;
    d->one_step = false;
    wish(d);
    return RV_OK;
}

enum rv_status rv_dreamer_keep(rv_dreamer *d, uint64_t id) {
    pthread_mutex_lock(&d->lock);
    struct rv_snapshot *found = find(d, id);
    if (found)
        rv_dreamer_hold(d, found);
    wish(d);
    return found ? RV_OK : fail_forgotten(id);
}

void rv_dreamer_forget(rv_dreamer *d, uint64_t id) {
    pthread_mutex_lock(&d->lock);
    rv_history_drop(&d->kept, id);
    wish(d);
}

struct rv_snapshot *rv_dreamer_snapshot(rv_dreamer *d, uint64_t id) {
    pthread_mutex_lock(&d->lock);
    struct rv_snapshot *found = find(d, id);
    if (found)
        found = rv_snapshot_share(found);
    pthread_mutex_unlock(&d->lock);
    return found;
}

// ------------------------------------------------------------------------------------------------
// Frames

enum rv_status rv_dreamer_frame(rv_dreamer *d, struct rv_live_job *job) {
    struct rv_errand errand = {.job = job};
    pthread_mutex_lock(&d->fronting);
    pthread_mutex_lock(&d->lock);
    bool others =
        d->live_client && d->live_client != job->client && rv_clock_seconds() < d->live_until;
    if (d->quit || others) {
        pthread_mutex_unlock(&d->lock);
        pthread_mutex_unlock(&d->fronting);
        return rv_fail(RV_ERR_CANCELLED, d->quit ? "the studio is closing"
                                                 : "another page's camera is being dreamed on: "
                                                   "stop it there first");
    }
    if (!d->state.live)
        rv_dreamer_tell(d);
    d->state.live = true;
    d->live_client = job->client;
    d->live_until = INFINITY; // while it is worked on
    d->errand = &errand;
    pthread_cond_signal(&d->wish);
    while (!errand.done)
        pthread_cond_wait(&d->back, &d->lock);
    pthread_mutex_unlock(&d->lock);
    pthread_mutex_unlock(&d->fronting);
    return errand.status == RV_OK ? RV_OK : rv_fail(errand.status, "%s", errand.error);
}

void rv_dreamer_frames_end(rv_dreamer *d, uint64_t client) {
    pthread_mutex_lock(&d->lock);
    if (d->live_client == client)
        d->live_client = 0;
    pthread_cond_signal(&d->wish);
    pthread_mutex_unlock(&d->lock);
}

enum rv_status rv_dreamer_live_set(rv_dreamer *d, const char *name, const char *value) {
    pthread_mutex_lock(&d->lock);
    enum rv_status status = rv_live_params_set(&d->live_params, name, value);
    if (status == RV_OK)
        rv_dreamer_tell(d);
    pthread_mutex_unlock(&d->lock);
    return status;
}

// ------------------------------------------------------------------------------------------------
// The state

static struct rv_history_info info_of(const struct rv_snapshot *snapshot) {
    return (struct rv_history_info){snapshot->id, snapshot->progress.octave,
                                    snapshot->progress.iteration};
}

static void fill_in(rv_dreamer *d, struct rv_dreamer_state *state) {
    *state = d->state;
    rv_settings_copy(&d->settings, &state->given);
    (void)rv_params_resolve(&d->settings.params, &state->resolved);
    state->live_params = d->live_params;
    if (d->subject) {
        memcpy(state->name, d->subject->name, sizeof state->name);
        state->width = d->subject->photo.picture.width;
        state->height = d->subject->photo.picture.height;
        state->side = d->subject->side;
    }
    const struct rv_snapshot *before = rv_history_before(&d->history, d->present);
    state->snapshot = d->present;
    state->before = before ? before->id : 0;
    state->history_bytes = d->history.bytes + d->kept.bytes;
    for (uint32_t i = 0; i < d->history.count; i++)
        state->history[state->history_count++] = info_of(d->history.items[i]);
    for (uint32_t i = 0; i < d->kept.count && i < RV_KEPT_MAX; i++)
        state->kept[state->kept_count++] = info_of(d->kept.items[i]);
}

void rv_dreamer_state(rv_dreamer *d, uint64_t after, double seconds,
                      struct rv_dreamer_state *state) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)seconds;
    pthread_mutex_lock(&d->lock);
    while (d->state.version <= after && !d->quit &&
           pthread_cond_timedwait(&d->news, &d->lock, &until) == 0)
        continue;
    fill_in(d, state);
    pthread_mutex_unlock(&d->lock);
}

void rv_dreamer_state_finish(struct rv_dreamer_state *state) {
    rv_settings_release(&state->given);
}
