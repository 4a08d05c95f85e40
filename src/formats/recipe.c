#include "formats/recipe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "formats/json.h"

#define VALUE_SIZE 512 // holds every parameter's text

static json_t *to_json(const struct rv_option *option, const char *text) {
    char *end;
    double number = strtod(text, &end);
    if (option->type == RV_OPTION_INT)
        return json_integer(strtoll(text, NULL, 10));
    if (option->type == RV_OPTION_REAL && end != text && !*end)
        return json_real(number);
    return json_string(text); // choices, layers, and "never"
}

json_t *rv_recipe_parameters(const struct rv_params *resolved) {
    uint32_t count;
    const struct rv_option *options = rv_options(&count);
    json_t *object = json_object();
    for (uint32_t i = 0; i < count; i++) {
        char text[VALUE_SIZE];
        if (rv_params_get(resolved, options[i].name, text, sizeof text) == RV_OK && *text)
            json_object_set_new(object, options[i].name, to_json(&options[i], text));
    }
    return object;
}

// Turns a stored value into text for rv_params_set; false if it is neither text nor number.
static bool to_text(const json_t *value, char text[VALUE_SIZE]) {
    if (json_is_integer(value))
        snprintf(text, VALUE_SIZE, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        snprintf(text, VALUE_SIZE, "%.9g", json_real_value(value));
    else if (json_is_string(value) && json_string_length(value) < VALUE_SIZE)
        snprintf(text, VALUE_SIZE, "%s", json_string_value(value));
    else
        return false;
    return true;
}

enum rv_status rv_recipe_apply(const json_t *object, const char *name, struct rv_params *params) {
    uint32_t count;
    const struct rv_option *options = rv_options(&count);
    for (uint32_t i = 0; i < count; i++) {
        char text[VALUE_SIZE];
        const json_t *value = json_object_get(object, options[i].name);
        if (!value || options[i].type == RV_OPTION_PICTURE)
            continue;
        if (!to_text(value, text))
            return rv_fail(RV_ERR_INPUT,
                           "%s: its \"%s\" is neither text nor number: use a "
                           "picture that reverie wrote",
                           name, options[i].name);
        if (rv_params_set(params, options[i].name, text) != RV_OK)
            return rv_fail(RV_ERR_INPUT, "%s: its parameters are damaged: %s", name,
                           rv_error_text());
    }
    return RV_OK;
}

json_t *rv_recipe_describe(const struct rv_making *making) {
    char path[4096];
    if (making->weights_path)
        snprintf(path, sizeof path, "%s", making->weights_path);
    else
        rv_weights_default_path(path, sizeof path);
    const char *slash = strrchr(path, '/'); // a picture need not tell where its maker keeps files
    json_t *object = json_pack("{s:s, s:i, s:i, s:o, s:o, s:{s:o, s:s}}", "reverie", rv_version(),
                               "width", (int)making->width, "height", (int)making->height, "device",
                               rv_json_text(making->device->name), "driver",
                               rv_json_text(making->device->driver), "weights", "file",
                               rv_json_text(slash ? slash + 1 : path), "depth",
                               rv_weights_depth(making->weights));
    if (object && making->params)
        json_object_set_new(object, "parameters", rv_recipe_parameters(making->params));
    if (object && making->size)
        json_object_set_new(object, "size", json_integer((json_int_t)making->size));
    return object;
}

static double number_of(double value) {
    return value < 0 ? 0 : value; // what is off
}

json_t *rv_recipe_see(const struct rv_see_params *p) {
    static const char *const precisions[] = {"", "auto", "fp16", "fp32"};
    return json_pack(
        "{s:s, s:s, s:b, s:i, s:i, s:f, s:I, s:s, s:f, s:f, s:b, s:b, s:f, s:f, s:f, s:f, s:f, s:s}",
        "layers", p->layers, "objective", p->objective == RV_OBJECTIVE_L2 ? "l2" : "mean", "neuron",
        (int)p->neuron, "size", (int)p->side, "steps", (int)p->steps, "rate", (double)p->rate,
        "seed", (json_int_t)p->seed, "basis",
        p->basis == RV_SEE_BASIS_PIXELS ? "pixels" : "fourier", "noise", (double)p->noise, "decay",
        number_of((double)p->decay), "decorrelate", p->decorrelate == RV_SWITCH_ON, "transform",
        p->transform == RV_SWITCH_ON, "pad", number_of(p->pad), "jitter", number_of(p->jitter),
        "zoom", number_of((double)p->zoom), "turn", number_of((double)p->turn), "jitter-after",
        number_of(p->jitter_after), "precision", precisions[p->precision]);
}

enum rv_status rv_recipe_attach(json_t *recipe, struct rv_photo *photo) {
    free(photo->text);
    photo->text = recipe ? json_dumps(recipe, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(recipe);
    return photo->text ? RV_OK
                       : rv_fail(RV_ERR_NO_MEMORY, "no memory for the picture's parameters");
}

enum rv_status rv_recipe_parse(const char *text, const char *name, struct rv_params *params,
                               uint64_t *size) {
    json_t *root = NULL;
    const json_t *parameters = NULL;
    enum rv_status status;
    *size = 0;
    if (text && rv_json_parse(name, text, strlen(text), &root) == RV_OK)
        parameters = json_object_get(root, "parameters");
    if (json_is_object(parameters))
        status = rv_recipe_apply(parameters, name, params);
    else
        status =
            rv_fail(RV_ERR_INPUT,
                    "%s: no parameters are stored in it: choose a picture that reverie wrote, and "
                    "no JPEG",
                    name);
    const json_t *stored_size = json_object_get(root, "size");
    if (json_is_integer(stored_size) && json_integer_value(stored_size) > 0)
        *size = (uint64_t)json_integer_value(stored_size);
    json_decref(root);
    return status;
}

void rv_recipe_picture(const char *text, const char *option, char *identity, size_t capacity) {
    json_t *root = NULL;
    const char *stored = NULL;
    if (text && rv_json_parse("the picture", text, strlen(text), &root) == RV_OK)
        stored = json_string_value(json_object_get(json_object_get(root, "parameters"), option));
    rv_copy_printable(identity, capacity, stored ? stored : "");
    json_decref(root);
}

enum rv_status rv_recipe_read(const char *path, struct rv_params *params, uint64_t *size) {
    struct rv_photo photo;
    enum rv_status status = rv_photo_load(path, 0, &photo);
    if (status == RV_OK)
        status = rv_recipe_parse(photo.text, path, params, size);
    rv_photo_free(&photo);
    return status;
}

static enum rv_status check_pictures(const json_t *parameters, const char *path,
                                     const struct rv_params *params) {
    uint32_t count;
    const struct rv_option *options = rv_options(&count);
    enum rv_status status = RV_OK;
    for (uint32_t i = 0; i < count; i++) {
        const char *stored = json_string_value(json_object_get(parameters, options[i].name));
        char text[VALUE_SIZE];
        if (options[i].type != RV_OPTION_PICTURE || !stored)
            continue;
        RV_TRY(rv_params_get(params, options[i].name, text, sizeof text));
        if (!*text)
            return rv_fail(RV_ERR_USAGE,
                           "%s was dreamed with a %s, which is not stored in it (%s): "
                           "give it again with --%s FILE",
                           path, options[i].name, stored, options[i].name);
    }
done:
    return status;
}

enum rv_status rv_recipe_check_pictures(const char *path, const struct rv_params *params) {
    struct rv_photo photo;
    json_t *root = NULL;
    enum rv_status status = rv_photo_load(path, 0, &photo);
    if (status == RV_OK && photo.text &&
        rv_json_parse(path, photo.text, strlen(photo.text), &root) == RV_OK)
        status = check_pictures(json_object_get(root, "parameters"), path, params);
    json_decref(root);
    rv_photo_free(&photo);
    return status;
}

json_t *rv_json_text(const char *text) {
    json_t *string = json_string(text);
    char *plain = string ? NULL : strdup(text);
    for (char *letter = plain; letter && *letter; letter++) {
        if ((unsigned char)*letter >= 0x80)
            *letter = '?';
    }
    if (plain)
        string = json_string(plain);
    free(plain);
    return string;
}

enum rv_status rv_json_print(json_t *result) {
    // Nine digits bring every float back; jansson's seventeen would print 1.4
    // as 1.3999999999999999.
    char *text = result ? json_dumps(result, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) : NULL;
    enum rv_status status =
        text ? RV_OK : rv_fail(RV_ERR_NO_MEMORY, "no memory for the result's JSON");
    if (text && (puts(text) < 0 || fflush(stdout) != 0))
        status = rv_fail(RV_ERR_IO, "standard output: cannot write: check where it goes");
    free(text);
    json_decref(result);
    return status;
}
