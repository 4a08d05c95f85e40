#include "dream/objective.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "base/text.h"

#define ITEM_SIZE 80 // longer than any layer's name with channel and weight

// Copies the item at `text` up to a comma without its spaces. Returns what follows the comma, or
// NULL after the last item.
static const char *take_item(const char *text, char item[ITEM_SIZE], bool *too_long) {
    size_t size = 0;
    *too_long = false;
    for (; *text && *text != ','; text++) {
        if (isspace((unsigned char)*text))
            continue;
        if (size + 1 < ITEM_SIZE)
            item[size++] = *text;
        else
            *too_long = true;
    }
    item[size] = '\0';
    return *text ? text + 1 : NULL;
}

// Cuts `item` at its last `mark` and returns what follows it, or NULL if there is no mark.
static char *cut(char *item, char mark) {
    char *found = strrchr(item, mark);
    if (found)
        *found++ = '\0';
    return found;
}

static enum rv_status parse_weight(const char *name, const char *text, float *weight) {
    char *end;
    locale_t locale = rv_locale_enter();
    *weight = strtof(text, &end);
    rv_locale_leave(locale);
    if (end == text || *end || !isfinite(*weight) || *weight == 0)
        return rv_fail(RV_ERR_USAGE,
                       "layers: weight \"%s\" of %s: give a number other than 0, such as %s=0.5",
                       text, name, name);
    return RV_OK;
}

static enum rv_status parse_channel(const char *text, const struct rv_layer_info *layer,
                                    int32_t *channel) {
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (!isdigit((unsigned char)*text) || *end || errno || value >= (long)layer->channels)
        return rv_fail(RV_ERR_USAGE, "layers: channel \"%s\" of %s: give a number from 0 to %u",
                       text, layer->name, (unsigned)layer->channels - 1);
    *channel = (int32_t)value;
    return RV_OK;
}

static enum rv_status parse_item(char *item, struct rv_target *target) {
    const char *weight = cut(item, '='), *channel = cut(item, ':');
    enum rv_status status = RV_OK;
    *target = (struct rv_target){.channel = -1, .weight = 1};
    if (!*item)
        return rv_fail(RV_ERR_USAGE, "layers: a layer's name is missing: write for example "
                                     "\"mixed3,mixed5=0.5,mixed4:77\"");
    const struct rv_layer_info *layer = rv_layer_find(item);
    if (!layer)
        return rv_fail(RV_ERR_USAGE,
                       "layers: there is no layer \"%s\": did you mean \"%s\"? "
                       "`reverie layers` lists them",
                       item, rv_layer_nearest(item));
    target->layer = rv_layer_of(layer);
    if (channel)
        RV_TRY(parse_channel(channel, layer, &target->channel));
    if (weight)
        RV_TRY(parse_weight(layer->name, weight, &target->weight));
done:
    return status;
}

enum rv_status rv_objective_parse(const char *text, struct rv_target targets[RV_TARGET_MAX],
                                  uint32_t *count) {
    *count = 0;
    for (uint32_t parsed = 0; text; parsed++) {
        char item[ITEM_SIZE];
        bool too_long;
        text = take_item(text, item, &too_long);
        if (too_long)
            return rv_fail(RV_ERR_USAGE,
                           "layers: no layer has a name as long as \"%s...\": "
                           "separate layers by commas",
                           item);
        if (parsed == RV_TARGET_MAX)
            return rv_fail(RV_ERR_USAGE, "layers: more than %d layers: leave some out",
                           RV_TARGET_MAX);
        enum rv_status status = parse_item(item, &targets[parsed]);
        if (status != RV_OK)
            return status;
        for (uint32_t i = 0; i < parsed; i++) {
            if (targets[i].layer == targets[parsed].layer &&
                targets[i].channel == targets[parsed].channel)
                return rv_fail(RV_ERR_USAGE,
                               "layers: %s is named twice: name it once, with a weight",
                               targets[parsed].layer->info.name);
        }
        if (!text)
            *count = parsed + 1;
    }
    return RV_OK;
}

enum rv_status rv_objective_reach(const struct rv_target *targets, uint32_t count,
                                  const rv_weights *weights) {
    for (uint32_t i = 0; i < count; i++) {
        if (!rv_weights_reach(weights, &targets[i].layer->info))
            return rv_fail(RV_ERR_WEIGHTS,
                           "layers: %s lies deeper than these weights, which reach %s: choose a "
                           "layer up to %s, or import Keras' or timm's full InceptionV3 file with "
                           "`reverie weights import FILE`",
                           targets[i].layer->info.name, rv_weights_depth(weights),
                           rv_weights_depth(weights));
    }
    return RV_OK;
}
