#include "dream/held.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"

static bool same_picture(const struct rv_picture *a, const struct rv_picture *b) {
    return a->width == b->width && a->height == b->height &&
           (a->pixels == b->pixels ||
            memcmp(a->pixels, b->pixels, (size_t)a->width * a->height * 3 * sizeof(float)) == 0);
}

static enum rv_status copy_picture(const struct rv_picture *from, struct rv_picture *copy) {
    size_t count = (size_t)from->width * from->height * 3, bytes = count * sizeof(float);
    for (size_t i = 0; i < count; i++)
        if (!isfinite(from->pixels[i])) // told now, not when it is used
            return rv_fail(RV_ERR_INPUT, "a mask, guide or style holds a value that is not a "
                                         "finite number: its values lie between 0 and 1");
    *copy = (struct rv_picture){from->width, from->height, malloc(bytes)};
    if (!copy->pixels)
        return rv_fail(RV_ERR_NO_MEMORY, "out of host memory for a picture of %u x %u", from->width,
                       from->height);
    memcpy(copy->pixels, from->pixels, bytes);
    return RV_OK;
}

void rv_held_free(struct rv_held *held, const struct rv_held *kept) {
    for (uint32_t i = 0; i < RV_PARAM_PICTURES; i++)
        if (held->picture[i].pixels != kept->picture[i].pixels)
            free(held->picture[i].pixels);
}

enum rv_status rv_held_take(const struct rv_held *held, struct rv_params *params,
                            struct rv_held *now) {
    enum rv_status status = RV_OK;
    *now = (struct rv_held){0};
    for (uint32_t i = 0; i < RV_PARAM_PICTURES; i++) {
        const struct rv_picture *given = *rv_param_picture(params, i), *old = &held->picture[i];
        if (!given)
            continue;
        if (old->pixels && same_picture(given, old))
            now->picture[i] = *old;
        else
            RV_TRY(copy_picture(given, &now->picture[i]));
    }
    return RV_OK;
done:
    rv_held_free(now, held);
    return status;
}
