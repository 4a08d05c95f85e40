// The thread that dreams.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/status.h"
#include "studio/dreaming.h"

#define SLICE_SECONDS 0.05       // how long a wish may have to wait for the device
#define STEP_SLICE_SECONDS 0.002 // where a single step is wanted: not to run past it
#define IDLE_SECONDS 1.5         // without anything to do before there is time for portraits

// ------------------------------------------------------------------------------------------------
// News

void rv_dreamer_tell(rv_dreamer *d) {
    d->state.version++;
    pthread_cond_broadcast(&d->news);
}

static void enter(rv_dreamer *d, enum rv_phase phase) {
    if (d->state.phase == phase)
        return;
    d->state.phase = phase;
    rv_dreamer_tell(d);
}

// Keeps this thread's last error for the page.
static void report(rv_dreamer *d, enum rv_phase phase) {
    snprintf(d->state.error, sizeof d->state.error, "%s", rv_error_text());
    d->state.phase = phase;
    rv_dreamer_tell(d);
}

static void add_loss(struct rv_dreamer_state *state, float loss) {
    if (!isfinite(loss))
        return;
    if (state->loss_count == RV_LOSSES_MAX) {
        memmove(state->losses, state->losses + 1, (RV_LOSSES_MAX - 1) * sizeof state->losses[0]);
        state->loss_count--;
    }
    state->losses[state->loss_count++] = loss;
}

void rv_dreamer_hold(rv_dreamer *d, struct rv_snapshot *snapshot) {
    if (!rv_history_find(&d->kept, snapshot->id))
        rv_history_push(&d->kept, rv_snapshot_share(snapshot));
}

// ------------------------------------------------------------------------------------------------
// The thread. Its functions are called and return with the lock held, and let it go while they
// work.

// Whether a session can change from one to the other, see rv_session_change.
static bool same_whole(const struct rv_params *a, const struct rv_params *b) {
    return a->octaves == b->octaves && a->octave_scale == b->octave_scale &&
           a->pyramid == b->pyramid && a->resize == b->resize && a->start == b->start &&
           a->min_size == b->min_size && strcmp(a->octave_sizes, b->octave_sizes) == 0;
}

static bool same_params(const struct rv_settings *a, const struct rv_settings *b) {
    return memcmp(&a->params, &b->params, sizeof a->params) == 0;
}

// The given settings, resolved as the device takes them.
static enum rv_status resolve(const rv_dreamer *d, const struct rv_settings *given,
                              struct rv_settings *resolved) {
    enum rv_status status = rv_settings_resolve(given, resolved);
    if (status == RV_OK)
        resolved->params.precision = rv_precision_of(d->context, resolved->params.precision);
    return status;
}

// Takes `settings` over.
static void note_dreamed(rv_dreamer *d, struct rv_settings *settings) {
    rv_settings_release(&d->dreamed);
    d->dreamed = *settings;
    *settings = (struct rv_settings){0};
}

static enum rv_status need_context(rv_dreamer *d) {
    return d->context ? RV_OK : d->setup.open(d->setup.open_user, &d->context);
}

static void close_device(rv_dreamer *d) {
    rv_session_end(&d->session);
    rv_live_desk_close(&d->desk);
    rv_portraits_rest(d->portraits);
    rv_context_destroy(&d->context);
}

// A new session will go on where this one was.
static void go_on_here(rv_dreamer *d) {
    struct rv_snapshot *now = rv_history_find(&d->history, d->present);
    rv_snapshot_release(&d->from);
    d->from = now ? rv_snapshot_share(now) : NULL;
    d->fresh = true;
}

// Says so and waits: what was dreamed is not lost, and the next wish opens the device again.
static void report_loss(rv_dreamer *d) {
    snprintf(d->state.error, sizeof d->state.error,
             "The driver gave the device up (%s). Nothing is lost: the dream goes on from here.",
             rv_error_text());
    go_on_here(d);
    d->paused = true;
    d->one_step = false;
    d->state.phase = RV_PHASE_PAUSED;
    rv_dreamer_tell(d);
}

// How a session stands at its beginning.
enum place {
    AT_PHOTOGRAPH,
    AT_MOMENT, // as it was
    AT_OCTAVE  // at the first step of an octave, with the picture of that moment
};

// Brings a new session to where the snapshot was. One whose sizes are others has its picture for a
// photograph then, at the snapshot's octave, or at its first if there are fewer octaves now.
static enum rv_status go_to(rv_dreamer *d, const struct rv_snapshot *from,
                            const struct rv_settings *settings, enum place *place) {
    enum rv_status status =
        from->moment ? rv_session_return(d->session, from->moment) : RV_ERR_USAGE;
    *place = status == RV_OK && !from->progress.finished ? AT_MOMENT : AT_OCTAVE;
    if (status == RV_ERR_USAGE) {
        rv_session_end(&d->session);
        RV_TRY(rv_session_begin(d->context, d->setup.weights, &from->picture, &settings->params,
                                &d->session));
    }
    RV_TRY(status);
    if (*place == AT_OCTAVE && from->progress.octave)
        (void)rv_session_seek(d->session, from->progress.octave);
done:
    return status;
}

static enum rv_status start(rv_dreamer *d, const struct rv_snapshot *from,
                            const struct rv_subject *subject, const struct rv_settings *given,
                            enum place *place) {
    struct rv_settings settings = {0};
    enum rv_status status;
    *place = AT_PHOTOGRAPH;
    RV_TRY(need_context(d));
    RV_TRY(resolve(d, given, &settings));
    RV_TRY(rv_session_begin(d->context, d->setup.weights, &subject->photo.picture, &settings.params,
                            &d->session));
    if (from)
        RV_TRY(go_to(d, from, &settings, place));
    note_dreamed(d, &settings);
done:
    rv_settings_release(&settings);
    return status;
}

// Whether the dream has come to what it is by what it is dreamed with alone.
static bool is_replay(const rv_dreamer *d, const struct rv_snapshot *from, enum place place) {
    return !from ||
           (place == AT_MOMENT && from->replayable && same_params(&from->settings, &d->dreamed));
}

static void begin(rv_dreamer *d) {
    struct rv_snapshot *from = d->from ? rv_snapshot_share(d->from) : NULL;
    struct rv_subject *subject = rv_subject_share(d->subject);
    struct rv_settings settings;
    enum place place;
    rv_settings_copy(&d->settings, &settings);
    d->fresh = d->changed = false;
    if (!from) {
        d->state.dream++;
        d->state.loss_count = 0;
        d->state.progress = (struct rv_progress){.loss = NAN, .seconds_left = -1};
    }
    d->state.error[0] = '\0';
    d->state.phase = RV_PHASE_PREPARING;
    rv_dreamer_tell(d);
    pthread_mutex_unlock(&d->lock);
    rv_session_end(&d->session);
    rv_portraits_rest(d->portraits);
    enum rv_status status = start(d, from, subject, &settings, &place);
    if (status == RV_ERR_DEVICE_LOST)
        close_device(d);
    d->step_begun = rv_clock_seconds();
    bool replay = is_replay(d, from, place);
    rv_settings_release(&settings);
    rv_snapshot_release(&from);
    rv_subject_release(&subject);
    pthread_mutex_lock(&d->lock);
    d->altered = !replay;
    if (place == AT_OCTAVE)
        d->state.progress.iteration = 0;
    if (status != RV_OK)
        report(d, RV_PHASE_FAILED);
}

// Hands the settings to the session, or sees that it must begin again.
static void change(rv_dreamer *d) {
    struct rv_settings wanted;
    d->changed = false;
    if (resolve(d, &d->settings, &wanted) != RV_OK)
        return; // was checked when it was wished
    if (!same_whole(&d->dreamed.params, &wanted.params) || d->state.phase == RV_PHASE_FINISHED) {
        d->paused = d->paused && d->state.phase != RV_PHASE_FINISHED;
        d->fresh = true;
        d->state.phase = RV_PHASE_PREPARING;
        rv_snapshot_release(&d->from);
        rv_settings_release(&wanted);
        return;
    }
    if (same_params(&d->dreamed, &wanted)) {
        rv_settings_release(&wanted);
        return;
    }
    pthread_mutex_unlock(&d->lock);
    enum rv_status status = rv_session_change(d->session, &wanted.params);
    if (status == RV_ERR_DEVICE_LOST)
        close_device(d);
    if (status == RV_OK)
        note_dreamed(d, &wanted);
    rv_settings_release(&wanted);
    pthread_mutex_lock(&d->lock);
    d->altered = true;
    d->state.error[0] = '\0';
    if (status != RV_OK) {
        if (!d->changed) { // what the dream goes on with
            rv_settings_release(&d->settings);
            rv_settings_copy(&d->dreamed, &d->settings);
        }
        if (d->session)
            report(d, d->state.phase);
        else
            report_loss(d);
    } else if (d->state.phase == RV_PHASE_FAILED)
        enter(d, RV_PHASE_DREAMING);
}

static enum rv_status take(rv_dreamer *d, const struct rv_progress *progress,
                           struct rv_snapshot **taken) {
    struct rv_snapshot *snapshot = calloc(1, sizeof *snapshot);
    enum rv_status status = RV_OK;
    if (!snapshot)
        return rv_fail(RV_ERR_NO_MEMORY, "no memory for the picture");
    snapshot->owners = 1;
    snapshot->progress = *progress;
    rv_settings_copy(&d->dreamed, &snapshot->settings);
    RV_TRY(rv_session_picture(d->session, &snapshot->picture));
    RV_TRY(rv_session_remember(d->session, &snapshot->moment));
    *taken = snapshot;
    return RV_OK;
done:
    rv_snapshot_release(&snapshot);
    return status;
}

static void publish(rv_dreamer *d, struct rv_snapshot *snapshot, uint32_t steps) {
    struct rv_dreamer_state *state = &d->state;
    struct rv_dream_stats stats;
    double now = rv_clock_seconds();
    rv_session_stats(d->session, &stats);
    snapshot->id = ++d->last_id;
    snapshot->subject = rv_subject_share(d->subject);
    snapshot->replayable = !d->altered;
    state->progress = snapshot->progress;
    state->step_seconds = (now - d->step_begun) / (steps ? steps : 1);
    state->device_bytes = stats.device_bytes;
    state->tiles = stats.tiles;
    d->step_begun = now;
    if (steps)
        add_loss(state, snapshot->progress.loss);
    snapshot->loss_count = state->loss_count;
    rv_history_cut(&d->history, d->present); // what was undone
    rv_history_push(&d->history, snapshot);
    d->present = snapshot->id;
    if (snapshot->progress.finished) {
        rv_dreamer_hold(d, snapshot);
        d->state.phase = RV_PHASE_FINISHED;
    } else
        d->state.phase = d->paused && !d->one_step ? RV_PHASE_PAUSED : RV_PHASE_DREAMING;
    rv_dreamer_tell(d);
}

// Steps that lie between two moments; an octave's end counts as one.
static uint32_t steps_between(const struct rv_progress *before, const struct rv_progress *after) {
    if (after->octave == before->octave && after->iteration >= before->iteration)
        return after->iteration - before->iteration;
    return after->iteration ? after->iteration : after->finished;
}

static void advance(rv_dreamer *d) {
    // In slices even for a single step: a whole step would have the next one queued behind it, and
    // the picture be that one's.
    const struct rv_advance_params slice = {
        .size = sizeof slice, .seconds = d->one_step ? STEP_SLICE_SECONDS : SLICE_SECONDS};
    struct rv_progress before = d->state.progress, progress = before;
    struct rv_snapshot *snapshot = NULL;
    if (d->state.phase != RV_PHASE_PREPARING)
        enter(d, RV_PHASE_DREAMING);
    pthread_mutex_unlock(&d->lock);
    enum rv_status status = rv_session_advance(d->session, &slice, &progress);
    uint32_t steps = steps_between(&before, &progress);
    bool news = status == RV_OK && (steps || progress.finished);
    if (news)
        status = take(d, &progress, &snapshot);
    if (status == RV_ERR_DEVICE_LOST)
        close_device(d);
    pthread_mutex_lock(&d->lock);
    if (status == RV_ERR_DEVICE_LOST) {
        report_loss(d);
        return;
    }
    if (status != RV_OK) {
        report(d, RV_PHASE_FAILED);
        return;
    }
    if (steps)
        d->one_step = false;
    if (snapshot && !d->fresh)
        publish(d, snapshot, steps);
    else
        rv_snapshot_release(&snapshot);
}

// ------------------------------------------------------------------------------------------------
// A camera's frames, and what is done meanwhile

static void wait_at_most(rv_dreamer *d, double seconds) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    seconds = fmin(fmax(seconds, 0), 60);
    double whole = floor(seconds);
    until.tv_sec += (time_t)whole;
    until.tv_nsec += (long)((seconds - whole) * 1e9);
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_cond_timedwait(&d->wish, &d->lock, &until);
}

static void run_errand(rv_dreamer *d) {
    struct rv_errand *errand = d->errand;
    struct rv_live_params params = d->live_params;
    struct rv_settings settings;
    rv_settings_copy(&d->settings, &settings);
    pthread_mutex_unlock(&d->lock);
    enum rv_status status = need_context(d);
    rv_portraits_rest(d->portraits);
    if (status == RV_OK)
        status = rv_live_desk_dream(&d->desk, d->context, d->setup.weights, &settings, &params,
                                    errand->job);
    if (status != RV_OK)
        snprintf(errand->error, sizeof errand->error, "%s", rv_error_text());
    bool lost = status == RV_ERR_DEVICE_LOST;
    if (lost)
        close_device(d);
    rv_settings_release(&settings);
    pthread_mutex_lock(&d->lock);
    errand->status = status;
    errand->done = true;
    d->errand = NULL;
    if (d->live_client == errand->job->client)
        d->live_until = rv_clock_seconds() + RV_LIVE_SECONDS;
    pthread_cond_broadcast(&d->back);
    if (lost && d->subject && d->state.phase != RV_PHASE_FINISHED)
        go_on_here(d);
}

// Whether frames are dreamed on; if they have ceased to come, that is over.
static bool is_live(rv_dreamer *d) {
    if (d->live_client && rv_clock_seconds() < d->live_until)
        return true;
    if (d->live_client || d->state.live) {
        d->live_client = 0;
        d->state.live = false;
        rv_dreamer_tell(d);
    }
    if (d->desk.live) {
        pthread_mutex_unlock(&d->lock);
        rv_live_desk_close(&d->desk);
        pthread_mutex_lock(&d->lock);
    }
    return false;
}

static void rest(rv_dreamer *d) {
    double idle = rv_clock_seconds() - d->idle_since;
    if (!d->context || !rv_portraits_wanted(d->portraits)) {
        pthread_cond_wait(&d->wish, &d->lock);
        return;
    }
    if (idle < IDLE_SECONDS) {
        wait_at_most(d, IDLE_SECONDS - idle);
        return;
    }
    bool made;
    pthread_mutex_unlock(&d->lock);
    enum rv_status status = rv_portraits_advance(d->portraits, d->context, SLICE_SECONDS, &made);
    if (status == RV_ERR_DEVICE_LOST)
        close_device(d);
    pthread_mutex_lock(&d->lock);
    if (made)
        rv_dreamer_tell(d);
}

void *rv_dreamer_run(void *user) {
    rv_dreamer *d = user;
    pthread_mutex_lock(&d->lock);
    while (!d->quit) {
        bool live = is_live(d);
        bool going = !live && d->subject && (!d->paused || d->one_step);
        bool alive = d->session && !d->fresh;
        bool over = d->state.phase == RV_PHASE_FINISHED || d->state.phase == RV_PHASE_FAILED;
        bool busy = true;
        if (d->errand)
            run_errand(d);
        else if (d->changed && !d->session && d->state.phase == RV_PHASE_FAILED) {
            d->changed = false;
            d->fresh = true; // perhaps it can begin now
        } else if (alive && d->changed && !live)
            change(d);
        else if (going && (d->fresh || (!d->session && !over)))
            begin(d);
        else if (going && alive && !over)
            advance(d);
        else if (live)
            wait_at_most(d, d->live_until - rv_clock_seconds());
        else {
            busy = false;
            if (d->paused && !over && d->subject)
                enter(d, RV_PHASE_PAUSED);
            rest(d);
        }
        if (busy)
            d->idle_since = rv_clock_seconds();
    }
    if (d->errand) { // nobody will run it
        d->errand->status = RV_ERR_CANCELLED;
        d->errand->done = true;
        d->errand = NULL;
        pthread_cond_broadcast(&d->back);
    }
    pthread_mutex_unlock(&d->lock);
    close_device(d);
    return NULL;
}
