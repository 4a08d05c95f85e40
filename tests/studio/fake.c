#include "studio/fake.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/status.h"
#include "reverie/live.h"

struct fake_context {
    struct rv_device_info device;
    atomic_bool lost;
};
struct fake_session {
    struct fake_context *context;
    struct rv_params params;
    struct rv_picture picture;
    uint32_t octave, iteration; // octave from 0
};
struct fake_moment {
    uint32_t octave, iteration, width, height;
};
struct fake_live {
    struct fake_context *context;
    uint32_t width, height;
    uint64_t frames;
};

static atomic_int alive, opened, countdown[FAKE_CALLS];
static atomic_int failure[FAKE_CALLS];

void fake_fail(enum fake_call call, int at, enum rv_status status) {
    failure[call] = status;
    countdown[call] = at;
}

int fake_alive(void) {
    return alive;
}

int fake_opened(void) {
    return opened;
}

static enum rv_status pass(struct fake_context *context, enum fake_call call) {
    if (countdown[call] > 0 && atomic_fetch_sub(&countdown[call], 1) == 1) {
        if (failure[call] == RV_ERR_DEVICE_LOST)
            context->lost = true;
        return rv_fail((enum rv_status)failure[call], "the test makes this call fail");
    }
    return context->lost ? rv_fail(RV_ERR_DEVICE_LOST, "the device is lost") : RV_OK;
}

static void nap(void) {
    nanosleep(&(struct timespec){.tv_nsec = 300000}, NULL);
}

// ------------------------------------------------------------------------------------------------
// The context

enum rv_status fake_open(void *user, rv_context **context) {
    struct fake_context *made = calloc(1, sizeof *made);
    (void)user;
    *context = (rv_context *)made;
    if (!made)
        return rv_fail(RV_ERR_NO_MEMORY, "no memory for the fake");
    strcpy(made->device.name, "a fake");
    made->device.type = RV_DEVICE_CPU;
    alive++;
    opened++;
    return RV_OK;
}

void __wrap_rv_context_destroy(rv_context **context);
void __wrap_rv_context_destroy(rv_context **context) {
    if (*context)
        alive--;
    free(*context);
    *context = NULL;
}

const struct rv_device_info *__wrap_rv_context_device(const rv_context *context);
const struct rv_device_info *__wrap_rv_context_device(const rv_context *context) {
    return &((const struct fake_context *)context)->device;
}

enum rv_precision __wrap_rv_precision_of(const rv_context *context, enum rv_precision precision);
enum rv_precision __wrap_rv_precision_of(const rv_context *context, enum rv_precision precision) {
    (void)context;
    return precision == RV_PRECISION_AUTO ? RV_PRECISION_FP32 : precision;
}

// ------------------------------------------------------------------------------------------------
// Sessions: every step darkens the picture a little

static enum rv_status copy(const struct rv_picture *from, struct rv_picture *to) {
    size_t bytes = (size_t)from->width * from->height * 12;
    *to = (struct rv_picture){from->width, from->height, malloc(bytes)};
    if (!to->pixels)
        return rv_fail(RV_ERR_NO_MEMORY, "no memory for the fake");
    memcpy(to->pixels, from->pixels, bytes);
    return RV_OK;
}

void __wrap_rv_session_end(rv_session **session);
void __wrap_rv_session_end(rv_session **session) {
    struct fake_session *s = (struct fake_session *)*session;
    if (!s)
        return;
    alive--;
    rv_picture_free(&s->picture);
    free(s);
    *session = NULL;
}

enum rv_status __wrap_rv_session_begin(rv_context *context, const rv_weights *weights,
                                       const struct rv_picture *input,
                                       const struct rv_params *params, rv_session **session);
enum rv_status __wrap_rv_session_begin(rv_context *context, const rv_weights *weights,
                                       const struct rv_picture *input,
                                       const struct rv_params *params, rv_session **session) {
    struct fake_session *s = NULL;
    enum rv_status status = pass((struct fake_context *)context, FAKE_BEGIN);
    (void)weights;
    *session = NULL;
    RV_TRY(status);
    s = calloc(1, sizeof *s);
    if (!s)
        return rv_fail(RV_ERR_NO_MEMORY, "no memory for the fake");
    s->context = (struct fake_context *)context;
    RV_TRY(rv_params_resolve(params, &s->params));
    RV_TRY(copy(input, &s->picture));
    alive++;
    *session = (rv_session *)s;
    return RV_OK;
done:
    free(s);
    return status;
}

static bool finished(const struct fake_session *s) {
    return s->octave == s->params.octaves;
}

enum rv_status __wrap_rv_session_advance(rv_session *session,
                                         const struct rv_advance_params *params,
                                         struct rv_progress *progress);
enum rv_status __wrap_rv_session_advance(rv_session *session,
                                         const struct rv_advance_params *params,
                                         struct rv_progress *progress) {
    struct fake_session *s = (struct fake_session *)session;
    enum rv_status status = pass(s->context, FAKE_ADVANCE);
    (void)params;
    nap();
    if (status == RV_OK && !finished(s)) {
        s->iteration++;
        for (size_t i = 0; i < (size_t)s->picture.width * s->picture.height * 3; i += 7)
            s->picture.pixels[i] *= 0.98f;
    }
    bool over = s->octave + 1 == s->params.octaves && s->iteration >= s->params.iterations;
    *progress = (struct rv_progress){.fraction = 0.5,
                                     .octave = s->octave + 1,
                                     .octaves = s->params.octaves,
                                     .iteration = s->iteration,
                                     .iterations = s->params.iterations,
                                     .width = s->picture.width,
                                     .height = s->picture.height,
                                     .loss = 1,
                                     .seconds_left = -1,
                                     .finished = over || finished(s)};
    if (s->iteration >= s->params.iterations) {
        s->octave++;
        s->iteration = 0;
    }
    return status;
}

enum rv_status __wrap_rv_session_picture(rv_session *session, struct rv_picture *output);
enum rv_status __wrap_rv_session_picture(rv_session *session, struct rv_picture *output) {
    struct fake_session *s = (struct fake_session *)session;
    enum rv_status status = pass(s->context, FAKE_PICTURE);
    *output = (struct rv_picture){0};
    return status == RV_OK ? copy(&s->picture, output) : status;
}

enum rv_status __wrap_rv_session_change(rv_session *session, const struct rv_params *params);
enum rv_status __wrap_rv_session_change(rv_session *session, const struct rv_params *params) {
    struct fake_session *s = (struct fake_session *)session;
    enum rv_status status = pass(s->context, FAKE_CHANGE);
    return status == RV_OK ? rv_params_resolve(params, &s->params) : status;
}

enum rv_status __wrap_rv_session_seek(rv_session *session, uint32_t octave);
enum rv_status __wrap_rv_session_seek(rv_session *session, uint32_t octave) {
    struct fake_session *s = (struct fake_session *)session;
    if (octave < 1 || octave > s->params.octaves)
        return rv_fail(RV_ERR_USAGE, "no such octave");
    s->octave = octave - 1;
    s->iteration = 0;
    return RV_OK;
}

void __wrap_rv_session_stats(const rv_session *session, struct rv_dream_stats *stats);
void __wrap_rv_session_stats(const rv_session *session, struct rv_dream_stats *stats) {
    (void)session;
    *stats = (struct rv_dream_stats){.device_bytes = 1, .tiles = 1};
}

enum rv_status __wrap_rv_session_remember(rv_session *session, rv_moment **moment);
enum rv_status __wrap_rv_session_remember(rv_session *session, rv_moment **moment) {
    struct fake_session *s = (struct fake_session *)session;
    enum rv_status status = pass(s->context, FAKE_KEEP);
    *moment = NULL;
    if (status != RV_OK)
        return status;
    struct fake_moment *made = malloc(sizeof *made);
    if (!made)
        return rv_fail(RV_ERR_NO_MEMORY, "no memory for the fake");
    *made = (struct fake_moment){s->octave, s->iteration, s->picture.width, s->picture.height};
    alive++;
    *moment = (rv_moment *)made;
    return RV_OK;
}

enum rv_status __wrap_rv_session_return(rv_session *session, const rv_moment *moment);
enum rv_status __wrap_rv_session_return(rv_session *session, const rv_moment *moment) {
    struct fake_session *s = (struct fake_session *)session;
    const struct fake_moment *to = (const struct fake_moment *)moment;
    if (to->width != s->picture.width || to->height != s->picture.height)
        return rv_fail(RV_ERR_USAGE, "another size");
    s->octave = to->octave;
    s->iteration = to->iteration;
    return RV_OK;
}

uint64_t __wrap_rv_moment_bytes(const rv_moment *moment);
uint64_t __wrap_rv_moment_bytes(const rv_moment *moment) {
    return moment ? sizeof(struct fake_moment) : 0;
}

void __wrap_rv_moment_free(rv_moment **moment);
void __wrap_rv_moment_free(rv_moment **moment) {
    if (*moment)
        alive--;
    free(*moment);
    *moment = NULL;
}

// ------------------------------------------------------------------------------------------------
// Live

enum rv_status __wrap_rv_live_begin(rv_context *context, const rv_weights *weights, uint32_t width,
                                    uint32_t height, const struct rv_params *params,
                                    const struct rv_live_params *live_params, rv_live **live);
enum rv_status __wrap_rv_live_begin(rv_context *context, const rv_weights *weights, uint32_t width,
                                    uint32_t height, const struct rv_params *params,
                                    const struct rv_live_params *live_params, rv_live **live) {
    (void)weights, (void)params, (void)live_params;
    *live = NULL;
    if (width < 75 || height < 75)
        return rv_fail(RV_ERR_USAGE, "a frame needs 75 pixels each way");
    struct fake_live *made = malloc(sizeof *made);
    if (!made)
        return rv_fail(RV_ERR_NO_MEMORY, "no memory for the fake");
    *made = (struct fake_live){(struct fake_context *)context, width, height, 0};
    alive++;
    *live = (rv_live *)made;
    return RV_OK;
}

enum rv_status __wrap_rv_live_frame(rv_live *live, const struct rv_frame *in, struct rv_frame *out,
                                    struct rv_live_stats *stats);
enum rv_status __wrap_rv_live_frame(rv_live *live, const struct rv_frame *in, struct rv_frame *out,
                                    struct rv_live_stats *stats) {
    struct fake_live *l = (struct fake_live *)live;
    (void)in, (void)out;
    nap();
    *stats = (struct rv_live_stats){.frame = ++l->frames, .steps = 1, .width = l->width};
    return pass(l->context, FAKE_LIVE);
}

enum rv_status __wrap_rv_live_change(rv_live *live, const struct rv_params *params,
                                     const struct rv_live_params *live_params);
enum rv_status __wrap_rv_live_change(rv_live *live, const struct rv_params *params,
                                     const struct rv_live_params *live_params) {
    (void)live, (void)params, (void)live_params;
    return RV_OK;
}

void __wrap_rv_live_end(rv_live **live);
void __wrap_rv_live_end(rv_live **live) {
    if (*live)
        alive--;
    free(*live);
    *live = NULL;
}
