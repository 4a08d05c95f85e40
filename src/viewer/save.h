// A picture out of a live dream, and what is told about it.
#ifndef RV_VIEWER_SAVE_H
#define RV_VIEWER_SAVE_H

#include "capture/source.h"
#include "formats/recipe.h"
#include "reverie/live.h"

// How the dream is made, as JSON, with the members of `more`, which is dropped, beside; NULL if
// memory is short. The caller owns it.
json_t *rv_save_describe(const rv_context *context, const rv_live *live, const rv_weights *weights,
                         const char *weights_path, const struct rv_source_info *info, json_t *more);

// Writes a picture of the source's size as a PNG with its parameters inside, into the first of
// reverie-live-1.png, -2, ... in the current folder that does not exist; *path becomes its name.
enum rv_status rv_save_picture(const rv_context *context, const rv_live *live,
                               const rv_weights *weights, const char *weights_path,
                               const struct rv_source_info *info, const uint8_t *rgba, char *path,
                               size_t capacity);

#endif
