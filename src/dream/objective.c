#include "dream/objective.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "base/text.h"

#define ITEM_SIZE 120 // longer than any layer's name with all that can stand around it

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

// "X/Y", each a fraction of the layer, or "centre".
static enum rv_status parse_position(const char *text, const struct rv_layer_info *layer,
                                     struct rv_target *target) {
    char *end;
    target->neuron = true;
    target->x = target->y = 0.5f;
    if (strcmp(text, "centre") == 0 || strcmp(text, "center") == 0)
        return RV_OK;
    locale_t locale = rv_locale_enter();
    target->x = strtof(text, &end);
    bool slash = end != text && *end == '/';
    const char *second = end + 1;
    if (slash)
        target->y = strtof(second, &end);
    rv_locale_leave(locale);
    // Comparisons written so that NaN fails them.
    if (!slash || end == second || *end || !(target->x >= 0 && target->x <= 1) ||
        !(target->y >= 0 && target->y <= 1))
        return rv_fail(
            RV_ERR_USAGE,
            "layers: position \"%s\" of %s: give fractions of its width and height, such "
            "as %s@0.5/0.25, or %s@centre",
            text, layer->name, layer->name, layer->name);
    return RV_OK;
}

// Layers of the whole InceptionV3 that its top has.
static bool is_of_top(const char *name) {
    static const char *const tops[] = {"predictions", "logits", "fc", "avg_pool", "avgpool"};
    for (size_t i = 0; i < sizeof tops / sizeof *tops; i++)
        if (strcmp(name, tops[i]) == 0)
            return true;
    return false;
}

static enum rv_status fail_unknown(const char *name) {
    if (is_of_top(name))
        return rv_fail(RV_ERR_USAGE,
                       "layers: \"%s\" belongs to the network's top, which tells classes: weights "
                       "are without it, importing leaves it out: choose a layer up to mixed10, or "
                       "one of its channels, such as mixed10:5",
                       name);
    return rv_fail(RV_ERR_USAGE,
                   "layers: there is no layer \"%s\": did you mean \"%s\"? "
                   "`reverie layers` lists them",
                   name, rv_layer_nearest(name));
}

static enum rv_status parse_item(char *item, struct rv_target *target) {
    const char *weight = cut(item, '='), *position = cut(item, '@'), *channel = cut(item, ':');
    enum rv_status status = RV_OK;
    *target = (struct rv_target){.channel = -1, .weight = 1};
    if (!*item)
        return rv_fail(RV_ERR_USAGE, "layers: a layer's name is missing: write for example "
                                     "\"mixed3,mixed5=0.5,mixed4:77\"");
    const struct rv_layer_info *layer = rv_layer_find(item);
    if (!layer)
        return fail_unknown(item);
    target->layer = rv_layer_of(layer);
    if (channel)
        RV_TRY(parse_channel(channel, layer, &target->channel));
    if (position)
        RV_TRY(parse_position(position, layer, target));
    if (weight)
        RV_TRY(parse_weight(layer->name, weight, &target->weight));
done:
    return status;
}

// An objective's name before a parenthesis, and the targets within it so far.
struct bracket {
    bool open;
    enum rv_objective objective;
    uint32_t first;
};

static enum rv_status fail_bracket(const char *text) {
    return rv_fail(RV_ERR_USAGE,
                   "layers: \"%s\": write layers of an objective of their own as l2(mixed3,mixed4) "
                   "or mean(mixed5)=0.5",
                   text);
}

// Takes "l2(" off the item. *rest is what follows.
static enum rv_status open_bracket(char *item, uint32_t count, struct bracket *bracket,
                                   char **rest) {
    char *mark = strchr(item, '(');
    *rest = item;
    if (!mark)
        return RV_OK;
    if (bracket->open || strchr(mark + 1, '('))
        return fail_bracket(item);
    *mark = '\0';
    *bracket = (struct bracket){true, RV_OBJECTIVE_DEFAULT, count};
    if (strcmp(item, "l2") == 0)
        bracket->objective = RV_OBJECTIVE_L2;
    else if (strcmp(item, "mean") == 0)
        bracket->objective = RV_OBJECTIVE_MEAN;
    else
        return rv_fail(RV_ERR_USAGE, "layers: there is no objective \"%s\": give mean or l2", item);
    *rest = mark + 1;
    return RV_OK;
}

// Takes ")" or ")=WEIGHT" off the item's end. *weight is that text, NULL if there is none.
static enum rv_status close_bracket(char *item, struct bracket *bracket, const char **weight) {
    char *mark = strchr(item, ')');
    *weight = NULL;
    if (!mark)
        return RV_OK;
    if (!bracket->open || (mark[1] && mark[1] != '='))
        return fail_bracket(item);
    *mark = '\0';
    bracket->open = false;
    if (mark[1])
        *weight = mark + 2;
    return RV_OK;
}

static bool same_target(const struct rv_target *a, const struct rv_target *b) {
    return a->layer == b->layer && a->channel == b->channel && a->objective == b->objective &&
           a->neuron == b->neuron && a->x == b->x && a->y == b->y;
}

// One item between commas.
static enum rv_status parse_next(char *item, struct bracket *bracket, struct rv_target *targets,
                                 uint32_t index) {
    enum rv_status status;
    const char *weight;
    char *rest;
    float factor;
    RV_TRY(open_bracket(item, index, bracket, &rest));
    bool inside = bracket->open;
    RV_TRY(close_bracket(rest, bracket, &weight));
    RV_TRY(parse_item(rest, &targets[index]));
    if (inside)
        targets[index].objective = bracket->objective;
    if (weight) {
        RV_TRY(parse_weight(bracket->objective == RV_OBJECTIVE_L2 ? "l2(...)" : "mean(...)", weight,
                            &factor));
        for (uint32_t i = bracket->first; i <= index; i++)
            targets[i].weight *= factor;
    }
    for (uint32_t i = 0; i < index; i++)
        if (same_target(&targets[i], &targets[index]))
            return rv_fail(RV_ERR_USAGE, "layers: %s is named twice: name it once, with a weight",
                           targets[index].layer->info.name);
done:
    return status;
}

enum rv_status rv_objective_parse(const char *text, struct rv_target targets[RV_TARGET_MAX],
                                  uint32_t *count) {
    struct bracket bracket = {0};
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
        enum rv_status status = parse_next(item, &bracket, targets, parsed);
        if (status != RV_OK)
            return status;
        if (!text && bracket.open)
            return rv_fail(RV_ERR_USAGE, "layers: a parenthesis is not closed: write for example "
                                         "\"mean(mixed3),l2(mixed5:77)=0.5\"");
        if (!text)
            *count = parsed + 1;
    }
    return RV_OK;
}

// ------------------------------------------------------------------------------------------------
// Of a dream

// The names of such lists stand for whole layers after their normalisation.
static enum rv_status check_compared(const char *option, const struct rv_target *targets,
                                     uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        const struct rv_layer *layer = targets[i].layer;
        if (targets[i].channel >= 0 || targets[i].neuron)
            return rv_fail(RV_ERR_USAGE,
                           "%s: %s is compared as a whole: leave out the channel and the position",
                           option, layer->info.name);
        if (layer->kind == RV_LAYER_CONV)
            return rv_fail(RV_ERR_USAGE,
                           "%s: %s stands before its normalisation and cannot be compared with "
                           "another picture's: choose activation_%u",
                           option, layer->info.name, (unsigned)layer->index);
    }
    return RV_OK;
}

enum rv_status rv_objective_parse_compared(const char *option, const char *text,
                                           struct rv_target targets[RV_TARGET_MAX],
                                           uint32_t *count) {
    enum rv_status status = rv_objective_parse(text, targets, count);
    if (status != RV_OK)
        return rv_fail(status, "%s: %s", option, rv_error_text());
    for (uint32_t i = 0; i < *count; i++)
        if (targets[i].objective != RV_OBJECTIVE_DEFAULT)
            return rv_fail(RV_ERR_USAGE, "%s: %s is compared: leave out mean() and l2()", option,
                           targets[i].layer->info.name);
    return check_compared(option, targets, *count);
}

static enum rv_target_kind guided_kind(enum rv_guide match) {
    switch (match) {
    case RV_GUIDE_PRODUCT:
        return RV_TARGET_GUIDE_PRODUCT;
    case RV_GUIDE_SUMS:
        return RV_TARGET_GUIDE_SUMS;
    default:
        return RV_TARGET_GUIDE_COLUMNS;
    }
}

// Adds the layers of a list that is compared, if it has a weight.
static enum rv_status add_compared(const char *option, const char *layers, float weight,
                                   enum rv_target_kind kind, struct rv_target *targets,
                                   uint32_t *count) {
    uint32_t more;
    if (!(weight > 0))
        return RV_OK;
    enum rv_status status = rv_objective_parse_compared(option, layers, targets + *count, &more);
    for (uint32_t i = 0; i < more; i++) {
        targets[*count + i].kind = kind;
        targets[*count + i].weight *= weight;
    }
    *count += more;
    return status;
}

enum rv_status rv_objective_targets(const struct rv_params *params,
                                    struct rv_target targets[RV_PLAN_TARGET_MAX], uint32_t *count) {
    bool style = params->style && params->style_weight > 0;
    bool beside = style || params->content_weight > 0;
    enum rv_status status;
    RV_TRY(rv_objective_parse(params->layers, targets, count));
    if (params->guide)
        RV_TRY(check_compared("guide", targets, *count));
    if (beside && !(params->dream_weight > 0))
        *count = 0;
    for (uint32_t i = 0; i < *count; i++) {
        if (params->guide)
            targets[i].kind = guided_kind(params->guide_match);
        if (beside)
            targets[i].weight *= params->dream_weight;
    }
    if (style)
        RV_TRY(add_compared("style-layers", params->style_layers, params->style_weight,
                            RV_TARGET_STYLE, targets, count));
    RV_TRY(add_compared("content-layers", params->content_layers, params->content_weight,
                        RV_TARGET_CONTENT, targets, count));
done:
    return status;
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
