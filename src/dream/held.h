// A session's own copies of the pictures among its parameters: mask, guide and style.
#ifndef RV_DREAM_HELD_H
#define RV_DREAM_HELD_H

#include "dream/options.h"

// By rv_param_picture; no pixels = none.
#define RV_HELD_MASK 0
struct rv_held {
    struct rv_picture picture[RV_PARAM_PICTURES];
};

// Fills in what is to be held for these parameters: where they have the picture that is held, that
// one, so that a picture that stays the same stays in place.
enum rv_status rv_held_take(const struct rv_held *held, struct rv_params *params,
                            struct rv_held *now);
// Frees the pictures of `held` that `kept` does not have too.
void rv_held_free(struct rv_held *held, const struct rv_held *kept);

#endif
