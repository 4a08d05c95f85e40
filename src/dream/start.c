// What a session starts from: the input, or noise with the input beside it.
#include <stdlib.h>

#include "base/status.h"
#include "dream/session.h"

struct rv_range rv_session_source(const struct rv_session *s) {
    return s->input.handle ? (struct rv_range){&s->input, 0, s->input.size}
                           : rv_pyramid_original(&s->pictures);
}

// Colours independent of each other, from 0.4 to 0.6: steps of the usual length must get the better
// of them.
static enum rv_status upload_noise(struct rv_session *s) {
    struct rv_extent base = s->pictures.base;
    size_t count = (size_t)base.width * base.height * 3;
    struct rv_picture noise = {base.width, base.height, malloc(count * sizeof *noise.pixels)};
    if (!noise.pixels)
        return rv_fail(RV_ERR_NO_MEMORY, "out of host memory for noise");
    for (size_t i = 0; i < count; i++)
        noise.pixels[i] = 0.4f + 0.2f * (float)(rv_hash(s->params.seed, i) >> 40) * 0x1p-24f;
    enum rv_status status = rv_picture_upload(s->device, &noise, rv_pyramid_original(&s->pictures));
    free(noise.pixels);
    return status;
}

enum rv_status rv_session_start(struct rv_session *s) {
    enum rv_status status = s->input.handle ? upload_noise(s) : RV_OK;
    return status == RV_OK ? rv_pyramid_start(&s->pictures) : status;
}
