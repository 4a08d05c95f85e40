// Leaving a dream at the end of an octave, and going on there.
#include <math.h>
#include <stdlib.h>

#include "dream/session.h"

// The picture travels in pieces of so many pixels; on the device it has four floats each.
#define PIECE_PIXELS ((size_t)1 << 20)

// Whether the picture still is what the octave before `s->octave` ended with.
static bool is_between_octaves(const struct rv_session *s) {
    return s->pictures.octave != UINT32_MAX && !s->work.begun &&
           s->octave == s->pictures.octave + 1;
}

static size_t pixels_of(const struct rv_session_state *state) {
    return (size_t)state->width * state->height;
}

static size_t piece_at(size_t first, size_t pixels) {
    return pixels - first < PIECE_PIXELS ? pixels - first : PIECE_PIXELS;
}

enum rv_status rv_session_keep(rv_session *session, struct rv_session_state *state) {
    struct rv_session *s = session;
    enum rv_status status = RV_OK;
    if (!session || !state)
        return rv_fail(RV_ERR_USAGE, "rv_session_keep needs a session and a place for its state");
    *state = (struct rv_session_state){0};
    if (!is_between_octaves(s) || s->enough)
        return RV_OK;
    struct rv_extent size = s->pictures.sizes.octave[s->pictures.octave];
    struct rv_session_state kept = {s->octave, size.width, size.height, NULL};
    struct rv_range from = rv_pyramid_current(&s->pictures, s->pictures.octave);
    size_t pixels = pixels_of(&kept);
    float *piece = malloc(piece_at(0, pixels) * 16);
    kept.values = malloc(pixels * 12);
    if (!piece || !kept.values) {
        status = rv_fail(RV_ERR_NO_MEMORY, "out of host memory for a picture of %u x %u",
                         size.width, size.height);
        goto done;
    }
    for (size_t first = 0; first < pixels; first += PIECE_PIXELS) {
        size_t count = piece_at(first, pixels);
        RV_TRY(rv_buffer_read(s->device, from.buffer, from.offset + first * 16, piece, count * 16));
        for (size_t i = 0; i < count; i++)
            for (size_t c = 0; c < 3; c++)
                kept.values[(first + i) * 3 + c] = piece[i * 4 + c];
    }
    *state = kept;
    kept.values = NULL;
done:
    free(kept.values);
    free(piece);
    return status;
}

static enum rv_status upload(struct rv_session *s, const struct rv_session_state *state) {
    struct rv_range to = rv_pyramid_current(&s->pictures, state->octave - 1);
    size_t pixels = pixels_of(state);
    float *piece = calloc(piece_at(0, pixels), 16);
    enum rv_status status = RV_OK;
    if (!piece)
        return rv_fail(RV_ERR_NO_MEMORY, "out of host memory for a picture of %u x %u",
                       state->width, state->height);
    for (size_t first = 0; first < pixels && status == RV_OK; first += PIECE_PIXELS) {
        size_t count = piece_at(first, pixels);
        for (size_t i = 0; i < count; i++)
            for (size_t c = 0; c < 3; c++)
                piece[i * 4 + c] = state->values[(first + i) * 3 + c];
        status = rv_buffer_write(s->device, to.buffer, to.offset + first * 16, piece, count * 16);
    }
    free(piece);
    return status;
}

static enum rv_status check(const struct rv_session *s, const struct rv_session_state *state) {
    const struct rv_pyramid_sizes *sizes = &s->pictures.sizes;
    if (state->octave < 1 || state->octave > sizes->count || !state->values ||
        sizes->octave[state->octave - 1].width != state->width ||
        sizes->octave[state->octave - 1].height != state->height)
        return rv_fail(RV_ERR_USAGE,
                       "a state at the end of octave %u of %u x %u pixels is another dream's",
                       state->octave, state->width, state->height);
    for (size_t i = 0; i < pixels_of(state) * 3; i++)
        if (!isfinite(state->values[i]))
            return rv_fail(RV_ERR_INPUT, "the state holds a value that is not a finite number");
    return RV_OK;
}

enum rv_status rv_session_resume(rv_session *session, const struct rv_session_state *state) {
    struct rv_session *s = session;
    enum rv_status status;
    if (!session || !state)
        return rv_fail(RV_ERR_USAGE, "rv_session_resume needs a session and a state");
    RV_TRY(check(s, state));
    uint32_t count = s->pictures.sizes.count;
    bool finished = state->octave == count;
    RV_TRY(rv_session_seek(s, finished ? count : state->octave + 1));
    RV_TRY(upload(s, state));
    s->pictures.octave = state->octave - 1;
    s->pictures.closed = finished;
    if (finished) { // as it was told after the last step
        s->work_done = s->work_all;
        RV_TRY(rv_octave_report(s, s->params.iterations, s->loss));
        s->octave = count;
        s->current.finished = true;
    }
done:
    return status;
}

void rv_session_state_free(struct rv_session_state *state) {
    if (!state)
        return;
    free(state->values);
    *state = (struct rv_session_state){0};
}
