// The frei0r filter: Reverie in ffmpeg, melt, Kdenlive, GStreamer and other hosts of frei0r.
//
// Parameters
// - All rows of the library's table of options, in its order and under its names, each a string
//   that reads as on the command line: "mixed3,mixed5=0.5", "0.02", "off". Empty: the preset's.
//   Numbers are strings, too. frei0r's own run from 0 to 1, so that neither "10 iterations" nor
//   "the preset's" could be said, and ffmpeg takes a place left empty in its list of parameters
//   for 0. A string reads the same in every host and in the manual, and MLT moves numbers in
//   strings from keyframe to keyframe as well.
// - Last, `amount`: 0 to 1, the dream's part in the result.
//
// Weights come from $REVERIE_WEIGHTS or the library's default places, the device is the library's
// choice. Both are opened at the first frame, since hosts construct filters only to list them, and
// are shared by all instances. A frame that cannot be dreamed on passes through unchanged, and
// standard error, the only channel there is, says why: once, until a parameter is changed.
#include <frei0r.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/picture.h"

#define OPTIONS_MAX 64
#define EXPORT __attribute__((visibility("default")))

struct instance {
    uint32_t width, height;
    char *values[OPTIONS_MAX];           // owned; of the options, as text
    struct rv_photo photos[OPTIONS_MAX]; // of those that are pictures, when they were wanted
    double amount;
    bool complained; // since a parameter was changed
};

// What all instances of a process have in common.
static struct {
    pthread_mutex_t lock; // of what follows, held while a frame is dreamed on
    unsigned users;       // instances, and f0r_init: MLT calls f0r_deinit before f0r_destruct
    rv_context *context;
    rv_weights *weights;
    char error[1024]; // why they could not be opened: not tried again while there are users
} shared = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void add_user(void) {
    pthread_mutex_lock(&shared.lock);
    shared.users++;
    pthread_mutex_unlock(&shared.lock);
}

static void remove_user(void) {
    pthread_mutex_lock(&shared.lock);
    if (shared.users > 0 && --shared.users == 0) {
        rv_context_destroy(&shared.context);
        rv_weights_destroy(&shared.weights);
        shared.error[0] = '\0';
    }
    pthread_mutex_unlock(&shared.lock);
}

// ------------------------------------------------------------------------------------------------
// The plugin and its parameters

EXPORT int f0r_init(void) {
    add_user();
    return 1;
}

EXPORT void f0r_deinit(void) {
    remove_user();
}

static uint32_t option_count(void) {
    uint32_t count;
    rv_options(&count);
    return count < OPTIONS_MAX ? count : OPTIONS_MAX;
}

EXPORT void f0r_get_plugin_info(f0r_plugin_info_t *info) {
    *info = (f0r_plugin_info_t){
        .name = "Reverie",
        .author = "The Reverie authors",
        .plugin_type = F0R_PLUGIN_TYPE_FILTER,
        .color_model = F0R_COLOR_MODEL_RGBA8888,
        .frei0r_version = FREI0R_MAJOR_VERSION,
        .major_version = RV_VERSION_MAJOR,
        .minor_version = RV_VERSION_MINOR,
        .num_params = (int)option_count() + 1,
        .explanation = "DeepDream: what a neural network sees grows out of the picture",
    };
}

static char explanations[OPTIONS_MAX][256];

__attribute__((format(printf, 2, 3))) static void append(char text[256], const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    size_t used = strlen(text);
    vsnprintf(text + used, 256 - used, format, arguments);
    va_end(arguments);
}

static void explain(const struct rv_option *option, char text[256]) {
    append(text, "%s", option->help);
    if (option->type == RV_OPTION_CHOICE) {
        for (const char *const *choice = option->choices; *choice; choice++)
            append(text, "%s%s", choice == option->choices ? " (" : ", ", *choice);
        append(text, ")");
    } else if (option->type == RV_OPTION_INT || option->type == RV_OPTION_REAL) {
        append(text, " (%.10g to %.16g%s%s)", option->minimum, option->maximum,
               *option->unit ? " " : "", option->unit);
    }
    append(text, option->type == RV_OPTION_PICTURE ? " (a file's name); empty: none"
                                                   : "; empty: the preset's");
}

static void explain_all(void) {
    const struct rv_option *options = rv_options(NULL);
    for (uint32_t i = 0; i < option_count(); i++)
        explain(&options[i], explanations[i]);
}

// Any thread may call this, and before f0r_init.
EXPORT void f0r_get_param_info(f0r_param_info_t *info, int index) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, explain_all);
    *info = (f0r_param_info_t){0};
    if (index >= 0 && index < (int)option_count())
        *info =
            (f0r_param_info_t){rv_options(NULL)[index].name, F0R_PARAM_STRING, explanations[index]};
    else if (index == (int)option_count())
        *info = (f0r_param_info_t){"amount", F0R_PARAM_DOUBLE,
                                   "the dream's part in the result: 0 = none, 1 = all"};
}

EXPORT void f0r_destruct(f0r_instance_t handle) {
    struct instance *instance = handle;
    if (!instance)
        return;
    for (uint32_t i = 0; i < OPTIONS_MAX; i++) {
        free(instance->values[i]);
        rv_photo_free(&instance->photos[i]);
    }
    free(instance);
    remove_user();
}

EXPORT f0r_instance_t f0r_construct(unsigned int width, unsigned int height) {
    struct instance *instance = calloc(1, sizeof *instance);
    if (!instance)
        return NULL;
    add_user();
    *instance = (struct instance){.width = width, .height = height, .amount = 1};
    for (uint32_t i = 0; i < option_count(); i++) {
        instance->values[i] = calloc(1, 1);
        if (!instance->values[i]) {
            f0r_destruct(instance);
            return NULL;
        }
    }
    return instance;
}

// MLT sets every parameter again before every frame.
static void set_text(struct instance *instance, const char *text, int index) {
    char **value = &instance->values[index];
    if (!text)
        text = "";
    char *copy = strcmp(*value, text) == 0 ? NULL : strdup(text);
    if (copy) {
        free(*value);
        *value = copy;
        rv_photo_free(&instance->photos[index]);
        instance->complained = false;
    }
}

EXPORT void f0r_set_param_value(f0r_instance_t handle, f0r_param_t param, int index) {
    struct instance *instance = handle;
    if (index >= 0 && index < (int)option_count())
        set_text(instance, *(const f0r_param_string *)param, index);
    else if (index == (int)option_count())
        instance->amount = fmin(fmax(*(const double *)param, 0), 1); // 0 for what is no number
}

EXPORT void f0r_get_param_value(f0r_instance_t handle, f0r_param_t param, int index) {
    struct instance *instance = handle;
    if (index >= 0 && index < (int)option_count())
        *(f0r_param_string *)param = instance->values[index];
    else if (index == (int)option_count())
        *(double *)param = instance->amount;
}

// ------------------------------------------------------------------------------------------------
// A frame. Functions that can fail return what is wrong, or NULL.

// Between keyframes hosts make fractions of whole numbers.
static const char *set_option(struct rv_params *params, const struct rv_option *option,
                              const char *value) {
    char whole[32], *end;
    double number = strtod(value, &end);
    if (option->type == RV_OPTION_INT && *value && !*end && isfinite(number)) {
        snprintf(whole, sizeof whole, "%.0f", number);
        value = whole;
    }
    return rv_params_set(params, option->name, value) == RV_OK ? NULL : rv_error_text();
}

// A picture's value is the name of a file, read once.
static const char *set_picture(struct rv_params *params, const struct rv_option *option,
                               const char *file, struct rv_photo *photo) {
    if (!*file)
        return NULL;
    enum rv_status status = photo->picture.pixels ? RV_OK : rv_photo_load(file, 0, photo);
    if (status == RV_OK)
        status = rv_params_set_picture(params, option->name, &photo->picture);
    return status == RV_OK ? NULL : rv_error_text();
}

static const char *read_params(struct instance *instance, struct rv_params *params) {
    const char *error = NULL;
    for (uint32_t i = 0; !error && i < option_count(); i++) {
        const struct rv_option *option = &rv_options(NULL)[i];
        error = option->type == RV_OPTION_PICTURE
                    ? set_picture(params, option, instance->values[i], &instance->photos[i])
                    : set_option(params, option, instance->values[i]);
    }
    return error;
}

static const char *open_shared(void) {
    if (shared.error[0])
        return shared.error;
    if ((!shared.weights && rv_weights_load(NULL, &shared.weights) != RV_OK) ||
        (!shared.context && rv_context_create(NULL, &shared.context) != RV_OK)) {
        snprintf(shared.error, sizeof shared.error, "%s", rv_error_text());
        return shared.error;
    }
    return NULL;
}

static const char *dream(const struct rv_picture *picture, const struct rv_params *params,
                         struct rv_picture *dreamed) {
    pthread_mutex_lock(&shared.lock);
    const char *error = open_shared();
    if (!error) {
        enum rv_status status =
            rv_dream(shared.context, shared.weights, picture, params, NULL, NULL, dreamed, NULL);
        if (status != RV_OK)
            error = rv_error_text();
        if (status == RV_ERR_DEVICE_LOST) // the next frame starts again
            rv_context_destroy(&shared.context);
    }
    pthread_mutex_unlock(&shared.lock);
    return error;
}

static void read_frame(const uint8_t *frame, struct rv_picture *picture) {
    for (size_t i = 0; i < (size_t)picture->width * picture->height; i++) {
        for (size_t c = 0; c < 3; c++)
            picture->pixels[3 * i + c] = frame[4 * i + c] / 255.0f;
    }
}

// `out` may be `frame`.
static void write_frame(const uint8_t *frame, const struct rv_picture *dreamed, float amount,
                        uint8_t *out) {
    for (size_t i = 0; i < (size_t)dreamed->width * dreamed->height; i++) {
        for (size_t c = 0; c < 3; c++) {
            float was = frame[4 * i + c], is = dreamed->pixels[3 * i + c] * 255;
            float mixed = amount * is + (1 - amount) * was;
            out[4 * i + c] = (uint8_t)(fminf(fmaxf(mixed, 0), 255) + 0.5f);
        }
        out[4 * i + 3] = frame[4 * i + 3];
    }
}

static const char *dream_on(struct instance *instance, const uint8_t *frame, uint8_t *out) {
    struct rv_params params = {.size = sizeof params};
    struct rv_picture picture = {instance->width, instance->height, NULL}, dreamed = {0};
    const char *error = read_params(instance, &params);
    if (error)
        return error;
    picture.pixels = malloc((size_t)picture.width * picture.height * 3 * sizeof(float));
    if (!picture.pixels)
        return "no memory for the frame";
    read_frame(frame, &picture);
    error = dream(&picture, &params, &dreamed);
    if (!error)
        write_frame(frame, &dreamed, (float)instance->amount, out);
    rv_picture_free(&dreamed);
    free(picture.pixels);
    return error;
}

// The same frame and parameters give the same result, whatever came before: jitter starts from the
// seed with every frame, and stands still while the pictures move.
EXPORT void f0r_update(f0r_instance_t handle, double time, const uint32_t *inframe,
                       uint32_t *outframe) {
    struct instance *instance = handle;
    (void)time;
    const char *error = "";
    if (instance->amount > 0) {
        // Numbers are read with a point, whatever the host has set.
        locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0), of_host = uselocale(c);
        error = dream_on(instance, (const uint8_t *)inframe, (uint8_t *)outframe);
        uselocale(of_host);
        if (c)
            freelocale(c);
    }
    if (!error)
        return;
    if (*error && !instance->complained)
        fprintf(stderr, "reverie: frames pass through unchanged: %s\n", error);
    instance->complained = instance->complained || *error;
    memmove(outframe, inframe, (size_t)instance->width * instance->height * sizeof *outframe);
}
