// A camera's frames, dreamed on one after the other beside the dream of the photograph.
#ifndef RV_STUDIO_LIVE_H
#define RV_STUDIO_LIVE_H

#include <reverie/live.h>

#include "studio/settings.h"

// One frame's way.
struct rv_live_job {
    uint64_t client; // whose frames these are
    const struct rv_frame *in;
    struct rv_frame *out; // of the same size
    struct rv_live_stats stats;
};

// What is worked on with. Of the thread that has the context. Valid as {0}.
struct rv_live_desk {
    rv_live *live; // NULL = closed
    uint32_t width, height;
    struct rv_settings settings; // as they were when last handed on
    struct rv_live_params params;
};

// Dreams on a frame with these settings, beginning where there is nothing to go on with. On failure
// the desk is closed.
enum rv_status rv_live_desk_dream(struct rv_live_desk *desk, rv_context *context,
                                  const rv_weights *weights, const struct rv_settings *settings,
                                  const struct rv_live_params *params, struct rv_live_job *job);
void rv_live_desk_close(struct rv_live_desk *desk);

// The table of what is said about frames rather than dreams, as rv_options, rv_params_set and
// rv_params_get are for those.
const struct rv_option *rv_live_options(uint32_t *count);
enum rv_status rv_live_params_set(struct rv_live_params *params, const char *name,
                                  const char *value);
void rv_live_params_get(const struct rv_live_params *params, const char *name, char *value,
                        size_t capacity);

#endif
