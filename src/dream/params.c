// Parameters from text and to text, and what the unset ones come to.
#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/status.h"
#include "base/text.h"
#include "dream/objective.h"
#include "dream/options.h"
#include "dream/pyramid.h"

#define NUMBER_SIZE 48
#define TEXT_SIZE sizeof((struct rv_params *)0)->layers // the longest

static enum rv_status fail_unknown(const char *name) {
    uint32_t count;
    const struct rv_option *options = rv_options(&count);
    const char *nearest = options[0].name;
    for (uint32_t i = 1; i < count; i++) {
        if (rv_edit_distance(name, options[i].name) < rv_edit_distance(name, nearest))
            nearest = options[i].name;
    }
    return rv_fail(RV_ERR_USAGE, "there is no parameter \"%s\": did you mean \"%s\"?", name,
                   nearest);
}

// ------------------------------------------------------------------------------------------------
// One field from text and to text

static void *place(struct rv_params *params, const struct rv_field *field) {
    return (char *)params + field->offset;
}

// A number's shortest text that reads back as the same float: nine digits always do.
static void print_float(float value, char text[NUMBER_SIZE]) {
    for (int digits = 1; digits <= 9; digits++) {
        snprintf(text, NUMBER_SIZE, "%.*g", digits, (double)value);
        if ((float)strtod(text, NULL) == value)
            return;
    }
}

// What a picture can be known again by.
static void print_picture(const struct rv_picture *picture, char text[NUMBER_SIZE]) {
    if (!picture || !picture->pixels)
        return;
    uint64_t hash = rv_hash_bytes(RV_HASH_START, picture->pixels,
                                  (size_t)picture->width * picture->height * 3 * sizeof(float));
    snprintf(text, NUMBER_SIZE, "%ux%u-%016llx", (unsigned)picture->width,
             (unsigned)picture->height, (unsigned long long)hash);
}

static enum rv_status fail_range(const struct rv_option *option, const char *given) {
    return rv_fail(RV_ERR_USAGE, "%s: \"%s\" is not possible: give a%s number from %.17g to %.17g",
                   option->name, given, option->type == RV_OPTION_INT ? " whole" : "",
                   option->minimum, option->maximum);
}

static enum rv_status fail_choice(const struct rv_option *option, const char *given) {
    char list[128] = "";
    for (const char *const *choice = option->choices; *choice; choice++) {
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "", *choice);
    }
    return rv_fail(RV_ERR_USAGE, "%s: \"%s\" is not possible: give one of %s", option->name, given,
                   list);
}

static enum rv_status set_choice(const struct rv_option *option, const char *value, int *index) {
    for (*index = 0; option->choices[*index]; ++*index) {
        if (strcmp(option->choices[*index], value) == 0)
            return RV_OK;
    }
    return fail_choice(option, value);
}

static enum rv_status set_number(const struct rv_option *option, const char *value,
                                 double *number) {
    char *end;
    *number = strtod(value, &end);
    // Comparisons written so that NaN fails them.
    bool inside = *number >= option->minimum && *number <= option->maximum;
    if (end == value || *end || !inside ||
        (option->type == RV_OPTION_INT && *number != floor(*number)))
        return fail_range(option, value);
    return RV_OK;
}

static enum rv_status set_text(const struct rv_option *option, const struct rv_field *field,
                               const char *value, char *text) {
    if (strlen(value) >= field->capacity)
        return rv_fail(RV_ERR_USAGE, "%s: %zu characters are too many: give at most %zu",
                       option->name, strlen(value), field->capacity - 1);
    strcpy(text, value);
    return RV_OK;
}

static enum rv_status fail_picture(const char *name) {
    return rv_fail(RV_ERR_USAGE, "%s is a picture, not text: set it with rv_params_set_picture",
                   name);
}

static bool is_zero(const char *value) {
    char *end;
    return strtod(value, &end) == 0 && end != value && !*end;
}

static enum rv_status set_field(struct rv_params *params, const struct rv_option *option,
                                const struct rv_field *field, const char *value) {
    void *to = place(params, field);
    double number = 0;
    int choice = 0;
    enum rv_status status = RV_OK;
    bool can_be_off = field->kind == RV_FIELD_INT32_OR_OFF || field->kind == RV_FIELD_FLOAT_OR_OFF;
    if (can_be_off && (strcmp(value, "off") == 0 || is_zero(value))) {
        if (field->kind == RV_FIELD_FLOAT_OR_OFF)
            *(float *)to = RV_OFF;
        else
            *(int32_t *)to = RV_OFF;
        return RV_OK;
    }
    if (field->kind == RV_FIELD_FLOAT_OR_NEVER && strcmp(value, "never") == 0) {
        *(float *)to = -1;
        return RV_OK;
    }
    if (option->type == RV_OPTION_CHOICE)
        RV_TRY(set_choice(option, value, &choice));
    else if (option->type == RV_OPTION_PICTURE)
        return fail_picture(option->name);
    else if (option->type != RV_OPTION_TEXT)
        RV_TRY(set_number(option, value, &number));
    switch (field->kind) {
    case RV_FIELD_TEXT: {
        char text[TEXT_SIZE] = "";
        // A choice's text is one of the table's.
        RV_TRY(set_text(option, field, value, text));
        memcpy(to, text, field->capacity);
        break;
    }
    case RV_FIELD_PICTURE: // refused above
        break;
    case RV_FIELD_ENUM:
        *(int *)to = choice + 1; // 0 = the preset's
        break;
    case RV_FIELD_UINT32:
        *(uint32_t *)to = (uint32_t)number;
        break;
    case RV_FIELD_INT32_OR_OFF:
        *(int32_t *)to = number == 0 ? RV_OFF : (int32_t)number;
        break;
    case RV_FIELD_FLOAT_OR_OFF:
        *(float *)to = number == 0 ? RV_OFF : (float)number;
        break;
    case RV_FIELD_FLOAT:
    case RV_FIELD_FLOAT_OR_NEVER:
        *(float *)to = (float)number;
        break;
    case RV_FIELD_UINT64:
        *(uint64_t *)to = (uint64_t)number;
        break;
    }
done:
    return status;
}

enum rv_status rv_params_set(struct rv_params *params, const char *name, const char *value) {
    const struct rv_field *field;
    const struct rv_option *option = rv_option_find(name, &field);
    if (!option)
        return fail_unknown(name);
    if (!*value) {
        memset(place(params, field), 0, field->capacity);
        return RV_OK;
    }
    locale_t locale = rv_locale_enter();
    enum rv_status status = set_field(params, option, field, value);
    rv_locale_leave(locale);
    return status;
}

// The text of a field, either at its place in `params` or in `number`; NULL if it has no end.
static const char *field_text(const struct rv_params *params, const struct rv_option *option,
                              const struct rv_field *field, char number[NUMBER_SIZE]) {
    const void *from = (const char *)params + field->offset;
    number[0] = '\0';
    switch (field->kind) {
    case RV_FIELD_TEXT:
        return memchr(from, '\0', field->capacity) ? from : NULL;
    case RV_FIELD_ENUM: {
        int value = *(const int *)from, count = 0;
        while (option->choices[count])
            count++;
        if (value >= 1 && value <= count)
            return option->choices[value - 1];
        if (value != 0) // for the message of whoever checks it
            snprintf(number, NUMBER_SIZE, "%d", value);
        break;
    }
    case RV_FIELD_UINT32:
        if (*(const uint32_t *)from != 0)
            snprintf(number, NUMBER_SIZE, "%u", (unsigned)*(const uint32_t *)from);
        break;
    case RV_FIELD_INT32_OR_OFF:
        if (*(const int32_t *)from == RV_OFF)
            return "0";
        if (*(const int32_t *)from != 0)
            snprintf(number, NUMBER_SIZE, "%d", (int)*(const int32_t *)from);
        break;
    case RV_FIELD_FLOAT_OR_NEVER:
    case RV_FIELD_FLOAT_OR_OFF:
        if (*(const float *)from < 0)
            return field->kind == RV_FIELD_FLOAT_OR_NEVER ? "never" : "0";
        // fall through
    case RV_FIELD_FLOAT:
        if (*(const float *)from != 0)
            print_float(*(const float *)from, number);
        break;
    case RV_FIELD_PICTURE:
        print_picture(*(const struct rv_picture *const *)from, number);
        break;
    case RV_FIELD_UINT64:
        snprintf(number, NUMBER_SIZE, "%llu", (unsigned long long)*(const uint64_t *)from);
        break;
    }
    return number;
}

enum rv_status rv_params_get(const struct rv_params *params, const char *name, char *value,
                             size_t capacity) {
    const struct rv_field *field;
    const struct rv_option *option = rv_option_find(name, &field);
    char number[NUMBER_SIZE];
    if (!option)
        return fail_unknown(name);
    locale_t locale = rv_locale_enter();
    const char *text = field_text(params, option, field, number);
    rv_locale_leave(locale);
    if (!text)
        return rv_fail(RV_ERR_USAGE, "%s: the text has no end: end it with a zero byte", name);
    if (strlen(text) >= capacity)
        return rv_fail(RV_ERR_USAGE, "%s: its text needs %zu bytes: give a larger buffer", name,
                       strlen(text) + 1);
    strcpy(value, text);
    return RV_OK;
}

enum rv_status rv_params_set_picture(struct rv_params *params, const char *name,
                                     const struct rv_picture *picture) {
    const struct rv_field *field;
    const struct rv_option *option = rv_option_find(name, &field);
    if (!option)
        return fail_unknown(name);
    if (field->kind != RV_FIELD_PICTURE)
        return rv_fail(RV_ERR_USAGE, "%s is no picture: set it with rv_params_set", name);
    *(const struct rv_picture **)place(params, field) = picture;
    return RV_OK;
}

// ------------------------------------------------------------------------------------------------
// Resolving

static enum rv_status resolve_pictures(struct rv_params *given, struct rv_params *result) {
    for (uint32_t i = 0; i < RV_PARAM_PICTURES; i++) {
        const struct rv_picture *picture = *rv_param_picture(given, i);
        if (picture && (!picture->pixels || !picture->width || !picture->height))
            return rv_fail(RV_ERR_USAGE, "a picture among the parameters has no pixels");
        *rv_param_picture(result, i) = picture;
    }
    return RV_OK;
}

// Of lists that are compared, in use or not.
static enum rv_status check_layers(const char *option, const char *layers) {
    struct rv_target targets[RV_TARGET_MAX];
    uint32_t count;
    return rv_objective_parse_compared(option, layers, targets, &count);
}

// Every other field travels as text, so that one place checks the ranges of both struct and text.
static enum rv_status resolve(const struct rv_params *params, struct rv_params *resolved) {
    struct rv_params given = {0}, result = {.size = sizeof result};
    char text[TEXT_SIZE];
    uint32_t count;
    const struct rv_option *options = rv_options(&count);
    enum rv_status status = RV_OK;
    if (params && params->size > sizeof given)
        return rv_fail(RV_ERR_USAGE,
                       "parameters of %zu bytes are from a later version than this "
                       "library's %zu: use a newer library",
                       params->size, sizeof given);
    if (params)
        memcpy(&given, params, params->size ? params->size : sizeof given);
    RV_TRY(rv_params_get(&given, "preset", text, sizeof text));
    const struct rv_preset *preset = rv_preset_find(text);
    for (uint32_t i = 0; i < count; i++) {
        if (options[i].type == RV_OPTION_PICTURE)
            continue;
        RV_TRY(rv_params_get(&given, options[i].name, text, sizeof text));
        if (!*text && preset)
            RV_TRY(rv_params_get(&preset->params, options[i].name, text, sizeof text));
        RV_TRY(set_field(&result, &options[i], rv_option_field(i), text));
    }
    RV_TRY(resolve_pictures(&given, &result));
    RV_TRY(check_layers("style-layers", result.style_layers));
    RV_TRY(check_layers("content-layers", result.content_layers));
    RV_TRY(rv_octave_sizes_parse(result.octave_sizes, (uint32_t[RV_OCTAVE_MAX]){0}, &count));
    struct rv_target targets[RV_PLAN_TARGET_MAX];
    status = rv_objective_targets(&result, targets, &count);
done:
    *resolved = status == RV_OK ? result : (struct rv_params){0};
    return status;
}

enum rv_status rv_params_resolve(const struct rv_params *params, struct rv_params *resolved) {
    locale_t locale = rv_locale_enter();
    enum rv_status status = resolve(params, resolved);
    rv_locale_leave(locale);
    return status;
}

enum rv_status rv_params_check(const struct rv_params *params, const rv_weights *weights) {
    struct rv_params resolved;
    struct rv_target targets[RV_PLAN_TARGET_MAX];
    uint32_t count;
    enum rv_status status = rv_params_resolve(params, &resolved);
    if (status == RV_OK)
        status = rv_objective_targets(&resolved, targets, &count);
    return status == RV_OK ? rv_objective_reach(targets, count, weights) : status;
}
