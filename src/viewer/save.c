#include "viewer/save.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/status.h"

#define MOST_PICTURES 100000

json_t *rv_save_describe(const rv_context *context, const rv_live *live, const rv_weights *weights,
                         const char *weights_path, const struct rv_source_info *info,
                         json_t *more) {
    struct rv_params params;
    struct rv_live_params l;
    rv_live_get(live, &params, &l);
    const struct rv_making making = {.width = info->width,
                                     .height = info->height,
                                     .device = rv_context_device(context),
                                     .weights_path = weights_path,
                                     .weights = weights,
                                     .params = &params};
    json_t *object = rv_recipe_describe(&making);
    json_t *about = json_pack(
        "{s:i, s:i, s:f, s:i, s:f, s:f, s:f, s:b, s:f}", "steps", (int)l.steps, "most-steps",
        (int)l.most_steps, "rate", (double)l.rate, "dream-size", (int)l.size_limit, "decay",
        (double)l.decay, "decay-moving", (double)l.decay_moving, "strength", (double)l.strength,
        "no-flow", (int)l.no_flow, "scene-cut", (double)l.scene_cut);
    if (object && about) // a still picture cannot be made again from these
        json_object_set_new(object, "live", about);
    if (object && more)
        json_object_update(object, more);
    json_decref(more);
    return object;
}

static void to_floats(const uint8_t *rgba, size_t pixels, float *to) {
    for (; pixels > 0; pixels--, rgba += 4) {
        for (int c = 0; c < 3; c++)
            *to++ = (float)rgba[c] / 255.0f;
    }
}

enum rv_status rv_save_picture(const rv_context *context, const rv_live *live,
                               const rv_weights *weights, const char *weights_path,
                               const struct rv_source_info *info, const uint8_t *rgba, char *path,
                               size_t capacity) {
    const size_t pixels = (size_t)info->width * info->height;
    struct rv_photo photo = {.picture = {.width = info->width, .height = info->height}};
    enum rv_status status = RV_OK;
    unsigned number = 1;
    do
        snprintf(path, capacity, "reverie-live-%u.png", number);
    while (access(path, F_OK) == 0 && ++number < MOST_PICTURES);
    photo.picture.pixels = malloc(pixels * 3 * sizeof(float));
    if (!photo.picture.pixels)
        return rv_fail(RV_ERR_NO_MEMORY, "%s: no memory to save it", path);
    to_floats(rgba, pixels, photo.picture.pixels);
    RV_TRY(rv_recipe_attach(rv_save_describe(context, live, weights, weights_path, info, NULL),
                            &photo));
    RV_TRY(rv_photo_save(path, &photo, NULL));
done:
    rv_photo_free(&photo);
    return status;
}
