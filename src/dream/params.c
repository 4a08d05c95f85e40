// The table of options, the presets, and what turns text into parameters and back.
#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "base/text.h"
#include "dream/objective.h"

#define SEED_MAX 9007199254740991.0 // 2^53 - 1
#define MAX_LOSS_NEVER (-1.0f)
#define NUMBER_SIZE 32

// ------------------------------------------------------------------------------------------------
// Presets

static const struct rv_preset presets[] = {
    {"reverie",
     "ours: Google's octaves and jitter, TensorFlow's objective",
     {sizeof(struct rv_params), "reverie", "mixed3,mixed5", RV_OBJECTIVE_MEAN, 4, 1.4f, 10, 0.015f,
      32, RV_OFF, RV_NORMALIZE_STD, RV_PYRAMID_DETAIL, RV_RESIZE_HALF_PIXEL, RV_CLIP_STEP,
      MAX_LOSS_NEVER, 0, RV_PRECISION_AUTO}},
    {"tf",
     "TensorFlow's DeepDream tutorial, the version with octaves",
     {sizeof(struct rv_params), "tf", "mixed3,mixed5", RV_OBJECTIVE_MEAN, 5, 1.3f, 50, 0.01f,
      RV_OFF, RV_OFF, RV_NORMALIZE_STD, RV_PYRAMID_GROW, RV_RESIZE_HALF_PIXEL, RV_CLIP_STEP,
      MAX_LOSS_NEVER, 0, RV_PRECISION_AUTO}},
    // The notebook runs GoogLeNet to inception_4c, which has no counterpart in InceptionV3: mixed4
    // is our choice. Its step is 1.5 of 255 levels, 1.5 / 127.5 of our range; its objective is half
    // the sum of squares, the same as l2 once the gradient is normalised.
    {"google",
     "Google's dream.ipynb, adapted: it ran on another network",
     {sizeof(struct rv_params), "google", "mixed4", RV_OBJECTIVE_L2, 4, 1.4f, 10, 1.5f / 127.5f, 32,
      RV_OFF, RV_NORMALIZE_MEAN_ABS, RV_PYRAMID_DETAIL, RV_RESIZE_ALIGN_CORNERS, RV_CLIP_STEP,
      MAX_LOSS_NEVER, 0, RV_PRECISION_AUTO}},
    {"keras",
     "Keras' DeepDream example; its layers need the full weights",
     {sizeof(struct rv_params), "keras", "mixed4,mixed5=1.5,mixed6=2,mixed7=2.5", RV_OBJECTIVE_L2,
      3, 1.4f, 20, 0.01f, RV_OFF, 2, RV_NORMALIZE_MEAN_ABS, RV_PYRAMID_REINJECT,
      RV_RESIZE_HALF_PIXEL, RV_CLIP_END, 15.0f, 0, RV_PRECISION_AUTO}},
};

const struct rv_preset *rv_presets(uint32_t *count) {
    if (count)
        *count = sizeof presets / sizeof presets[0];
    return presets;
}

static const struct rv_preset *find_preset(const char *name) {
    for (size_t i = 0; i < sizeof presets / sizeof presets[0]; i++) {
        if (strcmp(presets[i].name, *name ? name : "reverie") == 0)
            return &presets[i];
    }
    return NULL;
}

// ------------------------------------------------------------------------------------------------
// The table

static const char *const preset_names[] = {"reverie", "tf", "google", "keras", NULL};
static const char *const objectives[] = {"mean", "l2", NULL};
static const char *const normalizations[] = {"std", "mean-abs", NULL};
static const char *const pyramids[] = {"detail", "reinject", "grow", NULL};
static const char *const resizings[] = {"half-pixel", "align-corners", NULL};
static const char *const clips[] = {"step", "end", NULL};
static const char *const precisions[] = {"auto", "fp16", "fp32", NULL};

static const struct rv_option options[] = {
    {"preset", "NAME", RV_OPTION_CHOICE, 0, 0, preset_names, "",
     "recipe that supplies every option not given"},
    {"layers", "LIST", RV_OPTION_TEXT, 0, 0, NULL, "",
     "what to make large: NAME[:CHANNEL][=WEIGHT],..."},
    {"objective", "KIND", RV_OPTION_CHOICE, 0, 0, objectives, "",
     "mean of the activations, or mean of their squares"},
    {"octaves", "N", RV_OPTION_INT, 1, 32, NULL, "sizes", "sizes to dream at, smallest first"},
    {"octave-scale", "X", RV_OPTION_REAL, 1.05, 4, NULL, "", "ratio of neighbouring sizes"},
    {"iterations", "N", RV_OPTION_INT, 1, 10000, NULL, "steps", "steps at each size"},
    {"step", "X", RV_OPTION_REAL, 1e-6, 10, NULL, "", "length of a step; colours span 2"},
    {"jitter", "N", RV_OPTION_INT, 0, 512, NULL, "pixels",
     "largest random shift before a step; 0 = off"},
    {"border", "N", RV_OPTION_INT, 0, 64, NULL, "positions",
     "edge of each layer that does not count; 0 = off"},
    {"normalize", "KIND", RV_OPTION_CHOICE, 0, 0, normalizations, "",
     "what the gradient is divided by: its deviation, or its mean size"},
    {"pyramid", "KIND", RV_OPTION_CHOICE, 0, 0, pyramids, "",
     "how one size becomes the next (Google's, Keras', TensorFlow's way)"},
    {"resize", "KIND", RV_OPTION_CHOICE, 0, 0, resizings, "", "where pixels lie when resizing"},
    {"clip", "WHEN", RV_OPTION_CHOICE, 0, 0, clips, "",
     "hold colours in range after each step, or at the end"},
    {"max-loss", "X", RV_OPTION_REAL, 1e-6, 1e9, NULL, "",
     "leave a size when the objective passes X; never = do not"},
    {"seed", "N", RV_OPTION_INT, 0, SEED_MAX, NULL, "", "seed of the random shifts"},
    {"precision", "KIND", RV_OPTION_CHOICE, 0, 0, precisions, "",
     "numbers kept: fp16 takes half the memory; auto = fp16 on GPUs that have it"},
};

// Where a row of the table lives in rv_params, and how: the same order as `options`.
static const struct field {
    size_t offset;
    enum { TEXT, PRESET, ENUM, UINT32, INT32_OR_OFF, FLOAT, FLOAT_OR_NEVER, UINT64 } kind;
} fields[] = {
    {offsetof(struct rv_params, preset), PRESET},
    {offsetof(struct rv_params, layers), TEXT},
    {offsetof(struct rv_params, objective), ENUM},
    {offsetof(struct rv_params, octaves), UINT32},
    {offsetof(struct rv_params, octave_scale), FLOAT},
    {offsetof(struct rv_params, iterations), UINT32},
    {offsetof(struct rv_params, step), FLOAT},
    {offsetof(struct rv_params, jitter), INT32_OR_OFF},
    {offsetof(struct rv_params, border), INT32_OR_OFF},
    {offsetof(struct rv_params, normalize), ENUM},
    {offsetof(struct rv_params, pyramid), ENUM},
    {offsetof(struct rv_params, resize), ENUM},
    {offsetof(struct rv_params, clip), ENUM},
    {offsetof(struct rv_params, max_loss), FLOAT_OR_NEVER},
    {offsetof(struct rv_params, seed), UINT64},
    {offsetof(struct rv_params, precision), ENUM},
};

#define OPTION_COUNT (sizeof options / sizeof options[0])
_Static_assert(sizeof fields / sizeof fields[0] == OPTION_COUNT, "one field for each option");
_Static_assert(sizeof preset_names / sizeof preset_names[0] - 1 ==
                   sizeof presets / sizeof presets[0],
               "one name for each preset");
_Static_assert(sizeof(enum rv_objective) == sizeof(int), "choices are read and written as int");

const struct rv_option *rv_options(uint32_t *count) {
    if (count)
        *count = OPTION_COUNT;
    return options;
}

static const struct field *find_field(const char *name, const struct rv_option **option) {
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (strcmp(options[i].name, name) == 0) {
            *option = &options[i];
            return &fields[i];
        }
    }
    return NULL;
}

static enum rv_status fail_unknown(const char *name) {
    const char *nearest = options[0].name;
    for (size_t i = 1; i < OPTION_COUNT; i++) {
        if (rv_edit_distance(name, options[i].name) < rv_edit_distance(name, nearest))
            nearest = options[i].name;
    }
    return rv_fail(RV_ERR_USAGE, "there is no parameter \"%s\": did you mean \"%s\"?", name,
                   nearest);
}

// ------------------------------------------------------------------------------------------------
// One field from text and to text

static size_t text_capacity(const struct field *field) {
    return field->kind == PRESET ? sizeof((struct rv_params *)0)->preset
                                 : sizeof((struct rv_params *)0)->layers;
}

static void *place(struct rv_params *params, const struct field *field) {
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

static enum rv_status set_text(const struct rv_option *option, const struct field *field,
                               const char *value, char *text) {
    if (strlen(value) >= text_capacity(field))
        return rv_fail(RV_ERR_USAGE, "%s: %zu characters are too many: give at most %zu",
                       option->name, strlen(value), text_capacity(field) - 1);
    strcpy(text, value);
    return RV_OK;
}

static void unset(struct rv_params *params, const struct field *field) {
    static const size_t sizes[] = {
        [ENUM] = sizeof(int),    [UINT32] = sizeof(uint32_t),      [INT32_OR_OFF] = sizeof(int32_t),
        [FLOAT] = sizeof(float), [FLOAT_OR_NEVER] = sizeof(float), [UINT64] = sizeof(uint64_t)};
    bool text = field->kind == TEXT || field->kind == PRESET;
    memset(place(params, field), 0, text ? text_capacity(field) : sizes[field->kind]);
}

static enum rv_status set_field(struct rv_params *params, const struct rv_option *option,
                                const struct field *field, const char *value) {
    void *to = place(params, field);
    double number = 0;
    int choice = 0;
    enum rv_status status = RV_OK;
    if (field->kind == INT32_OR_OFF && (strcmp(value, "off") == 0))
        value = "0";
    if (field->kind == FLOAT_OR_NEVER && strcmp(value, "never") == 0) {
        *(float *)to = MAX_LOSS_NEVER;
        return RV_OK;
    }
    if (option->type == RV_OPTION_CHOICE)
        RV_TRY(set_choice(option, value, &choice));
    else if (option->type != RV_OPTION_TEXT)
        RV_TRY(set_number(option, value, &number));
    switch (field->kind) {
    case TEXT:
    case PRESET:
        return set_text(option, field, value, to);
    case ENUM:
        *(int *)to = choice + 1; // 0 = the preset's
        break;
    case UINT32:
        *(uint32_t *)to = (uint32_t)number;
        break;
    case INT32_OR_OFF:
        *(int32_t *)to = number == 0 ? RV_OFF : (int32_t)number;
        break;
    case FLOAT:
    case FLOAT_OR_NEVER:
        *(float *)to = (float)number;
        break;
    case UINT64:
        *(uint64_t *)to = (uint64_t)number;
        break;
    }
done:
    return status;
}

enum rv_status rv_params_set(struct rv_params *params, const char *name, const char *value) {
    const struct rv_option *option = NULL;
    const struct field *field = find_field(name, &option);
    if (!field)
        return fail_unknown(name);
    if (!*value) {
        unset(params, field);
        return RV_OK;
    }
    locale_t locale = rv_locale_enter();
    enum rv_status status = set_field(params, option, field, value);
    rv_locale_leave(locale);
    return status;
}

// The text of a field, either at its place in `params` or in `number`; NULL if it has no end.
static const char *field_text(const struct rv_params *params, const struct rv_option *option,
                              const struct field *field, char number[NUMBER_SIZE]) {
    const void *from = (const char *)params + field->offset;
    number[0] = '\0';
    switch (field->kind) {
    case TEXT:
    case PRESET:
        return memchr(from, '\0', text_capacity(field)) ? from : NULL;
    case ENUM: {
        int value = *(const int *)from, count = 0;
        while (option->choices[count])
            count++;
        if (value >= 1 && value <= count)
            return option->choices[value - 1];
        if (value != 0) // for the message of whoever checks it
            snprintf(number, NUMBER_SIZE, "%d", value);
        break;
    }
    case UINT32:
        if (*(const uint32_t *)from != 0)
            snprintf(number, NUMBER_SIZE, "%u", (unsigned)*(const uint32_t *)from);
        break;
    case INT32_OR_OFF:
        if (*(const int32_t *)from == RV_OFF)
            return "0";
        if (*(const int32_t *)from != 0)
            snprintf(number, NUMBER_SIZE, "%d", (int)*(const int32_t *)from);
        break;
    case FLOAT_OR_NEVER:
        if (*(const float *)from < 0)
            return "never";
        // fall through
    case FLOAT:
        if (*(const float *)from != 0)
            print_float(*(const float *)from, number);
        break;
    case UINT64:
        snprintf(number, NUMBER_SIZE, "%llu", (unsigned long long)*(const uint64_t *)from);
        break;
    }
    return number;
}

enum rv_status rv_params_get(const struct rv_params *params, const char *name, char *value,
                             size_t capacity) {
    const struct rv_option *option = NULL;
    const struct field *field = find_field(name, &option);
    char number[NUMBER_SIZE];
    if (!field)
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

// ------------------------------------------------------------------------------------------------
// Resolving

// Every field travels as text, so that one place checks the ranges of both struct and text.
static enum rv_status resolve(const struct rv_params *params, struct rv_params *resolved) {
    struct rv_params given = {0}, result = {.size = sizeof result};
    struct rv_target targets[RV_TARGET_MAX];
    uint32_t target_count;
    char text[sizeof given.layers];
    enum rv_status status = RV_OK;
    if (params && params->size > sizeof given)
        return rv_fail(RV_ERR_USAGE,
                       "parameters of %zu bytes are from a later version than this "
                       "library's %zu: use a newer library",
                       params->size, sizeof given);
    if (params)
        memcpy(&given, params, params->size ? params->size : sizeof given);
    RV_TRY(rv_params_get(&given, "preset", text, sizeof text));
    const struct rv_preset *preset = find_preset(text);
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        RV_TRY(rv_params_get(&given, options[i].name, text, sizeof text));
        if (!*text && preset)
            RV_TRY(rv_params_get(&preset->params, options[i].name, text, sizeof text));
        RV_TRY(set_field(&result, &options[i], &fields[i], text));
    }
    RV_TRY(rv_objective_parse(result.layers, targets, &target_count));
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
    struct rv_target targets[RV_TARGET_MAX];
    uint32_t count;
    enum rv_status status = rv_params_resolve(params, &resolved);
    if (status == RV_OK)
        status = rv_objective_parse(resolved.layers, targets, &count);
    return status == RV_OK ? rv_objective_reach(targets, count, weights) : status;
}
