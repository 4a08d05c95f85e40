// A dream as it stood after a step: what a session keeps and returns to.
#include <stdlib.h>

#include "dream/session.h"

struct rv_moment {
    uint32_t octave, done; // as in the session
    struct rv_extent base;
    struct rv_pyramid_sizes sizes;
    uint32_t picture_octave; // whose size the picture has; UINT32_MAX = before any
    bool closed, enough;
    float loss;
    struct rv_progress current;
    uint32_t first;        // as in the ascent, if there are Adam's moments
    uint64_t bytes, adams; // of the picture, and of those moments behind it
    char values[];         // as on the device
};

static uint64_t picture_bytes(const struct rv_pyramid_pictures *p) {
    return p->octave == UINT32_MAX ? 0 : rv_image_bytes(p->sizes.octave[p->octave]);
}

// Adam's moments, where the next step goes on with them.
static const struct rv_buffer *adams_of(const struct rv_session *s) {
    const struct rv_buffer *moments = &s->ascent.buffers[RV_ASCENT_MOMENTS];
    return s->ascent.moments && s->work.done > s->ascent.first && moments->handle ? moments : NULL;
}

enum rv_status rv_session_remember(rv_session *session, rv_moment **moment) {
    struct rv_session *s = session;
    rv_moment *made = NULL;
    enum rv_status status;
    if (moment)
        *moment = NULL;
    if (!session || !moment)
        return rv_fail(RV_ERR_USAGE,
                       "rv_session_remember needs a session and a place for the moment");
    RV_TRY(rv_device_wait(s->device, s->device->submitted));
    RV_TRY(rv_session_collect(s));
    const struct rv_pyramid_pictures *p = &s->pictures;
    const struct rv_buffer *adams = adams_of(s);
    uint64_t bytes = picture_bytes(p), more = adams ? adams->size : 0;
    made = malloc(sizeof *made + bytes + more);
    if (!made)
        return rv_fail(RV_ERR_NO_MEMORY, "out of host memory for a moment of %llu bytes",
                       (unsigned long long)(bytes + more));
    *made = (rv_moment){.octave = s->octave,
                        .done = s->work.done,
                        .base = p->base,
                        .sizes = p->sizes,
                        .picture_octave = p->octave,
                        .closed = p->closed,
                        .enough = s->enough,
                        .loss = s->loss,
                        .current = s->current,
                        .first = s->ascent.first,
                        .bytes = bytes,
                        .adams = more};
    if (bytes)
        RV_TRY(rv_buffer_read(s->device, &p->current, 0, made->values, bytes));
    if (more)
        RV_TRY(rv_buffer_read(s->device, adams, 0, made->values + bytes, more));
    *moment = made;
    made = NULL;
done:
    free(made);
    return status;
}

static bool same_sizes(const struct rv_pyramid_pictures *p, const rv_moment *moment) {
    bool same = p->base.width == moment->base.width && p->base.height == moment->base.height &&
                p->sizes.count == moment->sizes.count;
    for (uint32_t i = 0; same && i < p->sizes.count; i++)
        same = p->sizes.octave[i].width == moment->sizes.octave[i].width &&
               p->sizes.octave[i].height == moment->sizes.octave[i].height;
    return same;
}

enum rv_status rv_session_return(rv_session *session, const rv_moment *moment) {
    struct rv_session *s = session;
    enum rv_status status;
    if (!session || !moment)
        return rv_fail(RV_ERR_USAGE, "rv_session_return needs a session and a moment");
    if (!same_sizes(&s->pictures, moment))
        return rv_fail(RV_ERR_USAGE, "the moment is of a dream of other sizes: return to one of a "
                                     "picture and of octaves of the same sizes");
    RV_TRY(rv_octave_drop(s));
    if (moment->bytes)
        RV_TRY(rv_buffer_write(s->device, &s->pictures.current, 0, moment->values, moment->bytes));
    const struct rv_buffer *adams = &s->ascent.buffers[RV_ASCENT_MOMENTS];
    s->ascent.moments = moment->adams > 0 && adams->handle && adams->size == moment->adams;
    if (s->ascent.moments) {
        RV_TRY(rv_buffer_write(s->device, adams, 0, moment->values + moment->bytes, moment->adams));
        s->ascent.first = moment->first;
    }
    s->enough = moment->enough;
    s->pictures.octave = moment->picture_octave;
    s->pictures.closed = moment->closed;
    s->octave = moment->octave;
    s->work.done = moment->done;
    s->loss = moment->loss;
    s->current = moment->current;
    rv_session_count_done(s);
done:
    return status;
}

uint64_t rv_moment_bytes(const rv_moment *moment) {
    return moment ? sizeof *moment + moment->bytes + moment->adams : 0;
}

void rv_moment_free(rv_moment **moment) {
    if (!moment)
        return;
    free(*moment);
    *moment = NULL;
}
