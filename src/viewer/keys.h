// What keys do to a live dream.
#ifndef RV_VIEWER_KEYS_H
#define RV_VIEWER_KEYS_H

#include <stdbool.h>
#include <stdio.h>

#include "reverie/live.h"

enum rv_wish {
    RV_WISH_NONE = 0,
    RV_WISH_NEXT_LAYER,
    RV_WISH_PREVIOUS_LAYER,
    RV_WISH_STRONGER,
    RV_WISH_WEAKER,
    RV_WISH_MORE_OCTAVES,
    RV_WISH_FEWER_OCTAVES,
    RV_WISH_LARGER_STEP,
    RV_WISH_SMALLER_STEP,
    RV_WISH_PAUSE,
    RV_WISH_RESET,
    RV_WISH_SAVE,
    RV_WISH_FULL_SCREEN,
    RV_WISH_HELP,
    RV_WISH_QUIT
};

// A key that a window knows, by its letter or, for those without one, its name.
struct rv_key {
    const char *key;  // "right", "o", "f11", as SDL_GetKeyName has it, in lower case
    const char *text; // for people: "Right"
    enum rv_wish wish;
    const char *help; // NULL: the row before explains it
};

// The table, ended by a row without a key. Several rows may mean the same wish.
extern const struct rv_key rv_keys[];

// The wish of a key; `key` in any case.
enum rv_wish rv_key_wish(const char *key);

// Changes the parameters, which are complete (rv_live_get), by a wish that is about them. Returns
// false if it is none, or can go no further. Layers are stepped through as far as the weights
// reach.
bool rv_wish_apply(enum rv_wish wish, const rv_weights *weights, struct rv_params *params,
                   struct rv_live_params *live);

// Prints the table.
void rv_keys_print(FILE *stream);

#endif
