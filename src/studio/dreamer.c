#include "studio/dreamer.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/status.h"

#define SLICE_SECONDS 0.05       // how long a wish may have to wait for the device
#define STEP_SLICE_SECONDS 0.002 // where a single step is wanted: not to run past it

struct rv_dreamer {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wish, news;
    const rv_weights *weights;
    rv_open_context_fn open;
    void *open_user;
    struct rv_device_info device;

    // Of the thread alone.
    rv_context *context;
    rv_session *session;
    double step_begun;

    // Wishes, under the lock.
    bool quit, paused, one_step;
    bool fresh;               // the session is of the past
    bool changed;             // it has not got the parameters yet
    struct rv_snapshot *from; // where a new session begins; NULL = at the photograph
    struct rv_subject *subject;
    struct rv_params params; // as given

    // News, under the lock.
    bool altered; // parameters have changed since the dream began
    uint64_t last_id;
    struct rv_history history, kept;
    struct rv_dreamer_state state;
};

// ------------------------------------------------------------------------------------------------
// News

static void tell(rv_dreamer *d) {
    d->state.version++;
    pthread_cond_broadcast(&d->news);
}

static void enter(rv_dreamer *d, enum rv_phase phase) {
    if (d->state.phase == phase)
        return;
    d->state.phase = phase;
    tell(d);
}

// Keeps this thread's last error for the page.
static void report(rv_dreamer *d, enum rv_phase phase) {
    snprintf(d->state.error, sizeof d->state.error, "%s", rv_error_text());
    d->state.phase = phase;
    tell(d);
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

static void keep(rv_dreamer *d, struct rv_snapshot *snapshot) {
    if (!rv_history_find(&d->kept, snapshot->id))
        rv_history_push(&d->kept, rv_snapshot_share(snapshot));
}

// ------------------------------------------------------------------------------------------------
// The thread. Its functions are called and return with the lock held, and let it go while they
// work.

static bool same_whole(const struct rv_params *a, const struct rv_params *b) {
    return a->octaves == b->octaves && a->octave_scale == b->octave_scale &&
           a->pyramid == b->pyramid && a->resize == b->resize;
}

static void lose_device(rv_dreamer *d) {
    rv_session_end(&d->session);
    rv_context_destroy(&d->context);
}

// The session is at the snapshot's octave, or at its first if there are fewer octaves now.
static enum rv_status start(rv_dreamer *d, struct rv_snapshot *from, struct rv_subject *subject,
                            struct rv_params *params) {
    const struct rv_picture *input = from ? &from->picture : &subject->photo.picture;
    enum rv_status status = RV_OK;
    if (!d->context)
        RV_TRY(d->open(d->open_user, &d->context));
    RV_TRY(rv_params_resolve(params, params));
    params->precision = rv_precision_of(d->context, params->precision); // as it is stored
    RV_TRY(rv_session_begin(d->context, d->weights, input, params, &d->session));
    if (from && from->progress.octave)
        (void)rv_session_seek(d->session, from->progress.octave);
done:
    return status;
}

static void begin(rv_dreamer *d) {
    struct rv_snapshot *from = d->from ? rv_snapshot_share(d->from) : NULL;
    struct rv_subject *subject = rv_subject_share(d->subject);
    struct rv_params params = d->params;
    d->fresh = d->changed = false;
    d->altered = from != NULL;
    d->state.progress.iteration = 0;
    if (!from) {
        d->state.dream++;
        d->state.loss_count = 0;
        d->state.progress = (struct rv_progress){.loss = NAN, .seconds_left = -1};
    }
    d->state.error[0] = '\0';
    d->state.phase = RV_PHASE_PREPARING;
    tell(d);
    pthread_mutex_unlock(&d->lock);
    rv_session_end(&d->session);
    enum rv_status status = start(d, from, subject, &params);
    if (status == RV_ERR_DEVICE_LOST)
        lose_device(d);
    d->step_begun = rv_clock_seconds();
    rv_snapshot_release(&from);
    rv_subject_release(&subject);
    pthread_mutex_lock(&d->lock);
    if (status != RV_OK)
        report(d, RV_PHASE_FAILED);
}

// Hands the parameters to the session, or sees that it must begin again.
static void change(rv_dreamer *d) {
    struct rv_params now, wanted;
    d->changed = false;
    rv_session_params(d->session, &now);
    if (rv_params_resolve(&d->params, &wanted) != RV_OK)
        return; // was checked when it was wished
    wanted.precision = rv_precision_of(d->context, wanted.precision);
    if (!same_whole(&now, &wanted) || d->state.phase == RV_PHASE_FINISHED) {
        d->paused = d->paused && d->state.phase != RV_PHASE_FINISHED;
        d->fresh = true;
        d->state.phase = RV_PHASE_PREPARING;
        rv_snapshot_release(&d->from);
        return;
    }
    if (memcmp(&now, &wanted, sizeof now) == 0)
        return;
    pthread_mutex_unlock(&d->lock);
    enum rv_status status = rv_session_change(d->session, &wanted);
    if (status == RV_ERR_DEVICE_LOST)
        lose_device(d);
    pthread_mutex_lock(&d->lock);
    d->altered = true;
    d->state.error[0] = '\0';
    if (status != RV_OK) {
        if (!d->changed)
            d->params = now; // what the dream goes on with
        report(d, d->session ? d->state.phase : RV_PHASE_FAILED);
    } else if (d->state.phase == RV_PHASE_FAILED)
        enter(d, RV_PHASE_DREAMING);
}

static struct rv_snapshot *take(rv_dreamer *d, const struct rv_progress *progress) {
    struct rv_snapshot *snapshot = calloc(1, sizeof *snapshot);
    if (!snapshot) {
        rv_fail(RV_ERR_NO_MEMORY, "no memory for the picture");
        return NULL;
    }
    snapshot->owners = 1;
    snapshot->progress = *progress;
    rv_session_params(d->session, &snapshot->params);
    if (rv_session_picture(d->session, &snapshot->picture) != RV_OK)
        rv_snapshot_release(&snapshot);
    return snapshot;
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
    rv_history_push(&d->history, snapshot);
    if (snapshot->progress.finished) {
        keep(d, snapshot);
        d->state.phase = RV_PHASE_FINISHED;
    } else
        d->state.phase = d->paused && !d->one_step ? RV_PHASE_PAUSED : RV_PHASE_DREAMING;
    tell(d);
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
        snapshot = take(d, &progress);
    if (status == RV_ERR_DEVICE_LOST)
        lose_device(d);
    pthread_mutex_lock(&d->lock);
    if (status != RV_OK || (news && !snapshot)) {
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

static void *dream(void *user) {
    rv_dreamer *d = user;
    pthread_mutex_lock(&d->lock);
    while (!d->quit) {
        bool going = d->subject && (!d->paused || d->one_step);
        bool alive = d->session && !d->fresh;
        bool over = d->state.phase == RV_PHASE_FINISHED || d->state.phase == RV_PHASE_FAILED;
        if (d->changed && !d->session && d->state.phase == RV_PHASE_FAILED) {
            d->changed = false;
            d->fresh = true; // perhaps it can begin now
        } else if (alive && d->changed)
            change(d);
        else if (going && (d->fresh || (!d->session && !over)))
            begin(d);
        else if (going && alive && !over)
            advance(d);
        else {
            if (d->paused && !over && d->subject)
                enter(d, RV_PHASE_PAUSED);
            pthread_cond_wait(&d->wish, &d->lock);
        }
    }
    pthread_mutex_unlock(&d->lock);
    lose_device(d);
    return NULL;
}

// ------------------------------------------------------------------------------------------------
// Wishes

enum rv_status rv_dreamer_create(const rv_weights *weights, const struct rv_params *params,
                                 rv_open_context_fn open, void *user, rv_dreamer **dreamer) {
    rv_dreamer *d = calloc(1, sizeof *d);
    *dreamer = NULL;
    if (!d)
        return rv_fail(RV_ERR_NO_MEMORY, "no memory for the studio");
    d->weights = weights;
    d->params = *params;
    d->open = open;
    d->open_user = user;
    d->kept.limit = RV_KEPT_MAX;
    d->state.version = 1;
    d->state.progress = (struct rv_progress){.loss = NAN, .seconds_left = -1};
    enum rv_status status = open(user, &d->context);
    if (status != RV_OK) {
        free(d);
        return status;
    }
    d->device = *rv_context_device(d->context);
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->wish, NULL);
    pthread_cond_init(&d->news, &clock);
    pthread_condattr_destroy(&clock);
    if (pthread_create(&d->thread, NULL, dream, d) != 0) {
        rv_context_destroy(&d->context);
        free(d);
        return rv_fail(RV_ERR_NO_MEMORY, "no memory for another thread");
    }
    *dreamer = d;
    return RV_OK;
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
    rv_snapshot_release(&d->from);
    rv_history_clear(&d->history);
    rv_history_clear(&d->kept);
    rv_subject_release(&d->subject);
    pthread_mutex_destroy(&d->lock);
    pthread_cond_destroy(&d->wish);
    pthread_cond_destroy(&d->news);
    free(d);
    *dreamer = NULL;
}

const struct rv_device_info *rv_dreamer_device(const rv_dreamer *dreamer) {
    return &dreamer->device;
}

const rv_weights *rv_dreamer_weights(const rv_dreamer *dreamer) {
    return dreamer->weights;
}

// From the photograph; called with the lock held.
static void begin_again(rv_dreamer *d) {
    rv_snapshot_release(&d->from);
    rv_history_clear(&d->history);
    d->fresh = true;
    d->paused = d->one_step = false;
    d->state.error[0] = '\0';
    if (d->subject)
        d->state.phase =
            RV_PHASE_PREPARING; // what was is over, even if it is paused before it begins
}

// Lets the wishes that were changed under the lock be seen.
static void wish(rv_dreamer *d) {
    tell(d);
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

enum rv_status rv_dreamer_change(rv_dreamer *d, const struct rv_params *params) {
    enum rv_status status = rv_params_check(params, d->weights);
    if (status != RV_OK)
        return status;
    pthread_mutex_lock(&d->lock);
    d->params = *params;
    d->changed = true;
    wish(d);
    return RV_OK;
}

void rv_dreamer_params(rv_dreamer *d, struct rv_params *params) {
    pthread_mutex_lock(&d->lock);
    *params = d->params;
    pthread_mutex_unlock(&d->lock);
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
        return d->history.count ? d->history.items[d->history.count - 1] : NULL;
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
    rv_history_cut(&d->history, found->id);
    if (!rv_history_find(&d->history, found->id))
        rv_history_push(&d->history, rv_snapshot_share(found));
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
        keep(d, found);
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
// The state

static void fill_in(rv_dreamer *d, struct rv_dreamer_state *state) {
    *state = d->state;
    state->given = d->params;
    (void)rv_params_resolve(&d->params, &state->resolved);
    if (d->subject) {
        memcpy(state->name, d->subject->name, sizeof state->name);
        state->width = d->subject->photo.picture.width;
        state->height = d->subject->photo.picture.height;
        state->side = d->subject->side;
    }
    if (d->history.count)
        state->snapshot = d->history.items[d->history.count - 1]->id;
    if (d->history.count > 1)
        state->before = d->history.items[d->history.count - 2]->id;
    state->history_bytes = d->history.bytes + d->kept.bytes;
    for (; state->kept_count < d->kept.count; state->kept_count++) {
        const struct rv_snapshot *kept = d->kept.items[state->kept_count];
        state->kept[state->kept_count] =
            (struct rv_kept_info){kept->id, kept->progress.octave, kept->progress.iteration};
    }
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
