#include "viewer/keys.h"

#include <math.h>
#include <string.h>
#include <strings.h>

const struct rv_key rv_keys[] = {{"right", "Right", RV_WISH_NEXT_LAYER, "the next layer"},
                                 {"left", "Left", RV_WISH_PREVIOUS_LAYER, "the layer before"},
                                 {"up", "Up", RV_WISH_STRONGER, "show the dream more strongly"},
                                 {"down", "Down", RV_WISH_WEAKER, "show it less"},
                                 {"=", "+", RV_WISH_LARGER_STEP, "larger steps"},
                                 {"+", "+", RV_WISH_LARGER_STEP, NULL},
                                 {"keypad +", "+", RV_WISH_LARGER_STEP, NULL},
                                 {"-", "-", RV_WISH_SMALLER_STEP, "smaller steps"},
                                 {"keypad -", "-", RV_WISH_SMALLER_STEP, NULL},
                                 {"o", "O", RV_WISH_MORE_OCTAVES, "one octave more"},
                                 {"i", "I", RV_WISH_FEWER_OCTAVES, "one less"},
                                 {"space", "Space", RV_WISH_PAUSE, "stop and go on"},
                                 {"r", "R", RV_WISH_RESET, "forget what was dreamed"},
                                 {"s", "S", RV_WISH_SAVE, "save a PNG, parameters inside"},
                                 {"f", "F", RV_WISH_FULL_SCREEN, "full screen and back"},
                                 {"f11", "F11", RV_WISH_FULL_SCREEN, NULL},
                                 {"h", "H", RV_WISH_HELP, "print this list"},
                                 {"f1", "F1", RV_WISH_HELP, NULL},
                                 {"q", "Q", RV_WISH_QUIT, "end"},
                                 {"escape", "Escape", RV_WISH_QUIT, NULL},
                                 {0}};

enum rv_wish rv_key_wish(const char *key) {
    for (const struct rv_key *row = rv_keys; row->key; row++) {
        if (strcasecmp(row->key, key) == 0)
            return row->wish;
    }
    return RV_WISH_NONE;
}

void rv_keys_print(FILE *stream) {
    fprintf(stream, "Keys:\n");
    for (const struct rv_key *row = rv_keys; row->key; row++) {
        if (row->help)
            fprintf(stream, "  %-8s%s\n", row->text, row->help);
    }
}

// The block next to the first that is named, in that direction, that the weights reach.
static bool step_layer(const rv_weights *weights, int direction, char *layers, size_t capacity) {
    uint32_t count;
    const struct rv_layer_info *all = rv_layers(&count);
    char first[64];
    snprintf(first, sizeof first, "%.*s", (int)strcspn(layers, ",=:"), layers);
    const struct rv_layer_info *at = rv_layer_find(first);
    uint32_t block = at ? at->block : 0;
    const struct rv_layer_info *found = NULL;
    for (uint32_t i = 0; i < count; i++) {
        const struct rv_layer_info *row = &all[i];
        bool beyond = direction > 0 ? row->block > block : row->block < block;
        if (!row->is_block || !beyond || !rv_weights_reach(weights, row))
            continue;
        if (!found || (direction > 0 ? row->block < found->block : row->block > found->block))
            found = row;
    }
    if (found)
        snprintf(layers, capacity, "%s", found->name);
    return found != NULL;
}

// In tenths, so that up and down meet again. 0 is RV_OFF there.
static bool step_strength(int direction, float *strength) {
    float before = *strength < 0 ? 0 : *strength;
    float after = roundf(before * 10 + (float)direction) / 10;
    if (after < 0 || after > 4)
        return false;
    *strength = after > 0 ? after : RV_OFF;
    return true;
}

static bool step_octaves(int direction, uint32_t *octaves) {
    if (direction > 0 ? *octaves >= 32 : *octaves <= 1)
        return false;
    *octaves = direction > 0 ? *octaves + 1 : *octaves - 1;
    return true;
}

static bool step_step(float factor, float *step) {
    float after = *step * factor;
    if (after > 10 || after < 1e-4f)
        return false;
    *step = after;
    return true;
}

bool rv_wish_apply(enum rv_wish wish, const rv_weights *weights, struct rv_params *params,
                   struct rv_live_params *live) {
    switch (wish) {
    case RV_WISH_NEXT_LAYER:
        return step_layer(weights, 1, params->layers, sizeof params->layers);
    case RV_WISH_PREVIOUS_LAYER:
        return step_layer(weights, -1, params->layers, sizeof params->layers);
    case RV_WISH_STRONGER:
        return step_strength(1, &live->strength);
    case RV_WISH_WEAKER:
        return step_strength(-1, &live->strength);
    case RV_WISH_MORE_OCTAVES:
        return step_octaves(1, &params->octaves);
    case RV_WISH_FEWER_OCTAVES:
        return step_octaves(-1, &params->octaves);
    case RV_WISH_LARGER_STEP:
        return step_step(1.25f, &params->step);
    case RV_WISH_SMALLER_STEP:
        return step_step(0.8f, &params->step);
    default:
        return false;
    }
}
