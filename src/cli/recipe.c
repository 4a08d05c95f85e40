#include "cli/recipe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "formats/picture.h"

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
        if (rv_params_get(resolved, options[i].name, text, sizeof text) == RV_OK)
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

static enum rv_status read_parameters(const char *path, const json_t *object,
                                      struct rv_params *params) {
    uint32_t count;
    const struct rv_option *options = rv_options(&count);
    for (uint32_t i = 0; i < count; i++) {
        char text[VALUE_SIZE];
        const json_t *value = json_object_get(object, options[i].name);
        if (!value)
            continue;
        if (!to_text(value, text))
            return rv_fail(RV_ERR_INPUT,
                           "%s: its \"%s\" is neither text nor number: use a "
                           "picture that reverie wrote",
                           path, options[i].name);
        if (rv_params_set(params, options[i].name, text) != RV_OK)
            return rv_fail(RV_ERR_INPUT, "%s: its parameters are damaged: %s", path,
                           rv_error_text());
    }
    return RV_OK;
}

enum rv_status rv_recipe_read(const char *path, struct rv_params *params, uint64_t *size) {
    struct rv_photo photo = {0};
    json_t *root = NULL;
    json_error_t error;
    enum rv_status status;
    *size = 0;
    RV_TRY(rv_photo_load(path, 0, &photo));
    root = photo.text ? json_loads(photo.text, JSON_REJECT_DUPLICATES, &error) : NULL;
    const json_t *parameters = json_object_get(root, "parameters");
    if (!json_is_object(parameters)) {
        status =
            rv_fail(RV_ERR_INPUT,
                    "%s: no parameters are stored in it: choose a PNG that reverie wrote", path);
        goto done;
    }
    const json_t *stored_size = json_object_get(root, "size");
    if (json_is_integer(stored_size) && json_integer_value(stored_size) > 0)
        *size = (uint64_t)json_integer_value(stored_size);
    status = read_parameters(path, parameters, params);
done:
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
