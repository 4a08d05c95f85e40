// What `reverie see` and `reverie atlas` share.
#ifndef RV_CLI_SEE_H
#define RV_CLI_SEE_H

#include <jansson.h>

#include "cli/commands.h"
#include "reverie/see.h"

// All options but layer and channel; resolved with any layer. Ranges are checked.
enum rv_status rv_see_read(const struct rv_arguments *arguments, struct rv_see_params *params);

// The layer that --layer names; RV_ERR_USAGE without one, or if there is no such.
enum rv_status rv_see_layer(const struct rv_arguments *arguments,
                            const struct rv_layer_info **layer);

// Checks an output's name, which must be a PNG's.
enum rv_status rv_see_check_output(const struct rv_arguments *arguments, const char *output);

// Opens weights and device, and makes the precision what it comes to there.
enum rv_status rv_see_open(const struct rv_arguments *arguments, const char *layers,
                           struct rv_see_params *params, rv_weights **weights,
                           rv_context **context);

// What is stored in the picture. NULL if memory is short. The caller owns it.
json_t *rv_see_describe(const struct rv_arguments *arguments, const struct rv_see_params *params,
                        uint32_t width, uint32_t height, const rv_weights *weights,
                        const rv_context *context);

// An rv_progress_fn's `user`: tells how far it is, `done` of `count` pictures before this one.
struct rv_see_watch {
    bool quiet, terminal, drawn;
    const char *what;
    uint32_t done, count;
    double shown_at;
};
void rv_see_watch_init(struct rv_see_watch *watch, bool quiet);
bool rv_see_watch_show(void *user, const struct rv_progress *progress);
void rv_see_watch_finish(struct rv_see_watch *watch);

#endif
