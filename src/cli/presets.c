// reverie presets: what there is, and presets as files.
#include "cli/presets.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/status.h"
#include "cli/commands.h"
#include "formats/json.h"
#include "formats/recipe.h"

#define PATH_SIZE 4096
#define VALUE_SIZE 512
#define FILE_LIMIT ((size_t)1 << 20) // bytes

// ------------------------------------------------------------------------------------------------
// Presets as files

// Where users keep their own.
static void users_folder(char path[PATH_SIZE]) {
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    if (config && *config)
        snprintf(path, PATH_SIZE, "%s/reverie/presets", config);
    else
        snprintf(path, PATH_SIZE, "%s/.config/reverie/presets", home ? home : "");
}

static bool is_file_name(const char *name) {
    size_t length = strlen(name);
    return strchr(name, '/') || (length > 5 && strcmp(name + length - 5, ".json") == 0);
}

// Members that are no parameters are mistakes, not remarks.
static enum rv_status check_members(const json_t *object, const char *path) {
    struct rv_params scratch = {0};
    const char *name;
    const json_t *value;
    json_object_foreach((json_t *)object, name, value) {
        char text[VALUE_SIZE];
        if (rv_params_get(&scratch, name, text, sizeof text) != RV_OK)
            return rv_fail(RV_ERR_INPUT, "%s: %s", path, rv_error_text());
    }
    return RV_OK;
}

// The object of parameters, or one that holds it, as results do.
static enum rv_status load(const char *path, struct rv_params *params) {
    uint8_t *text = NULL;
    size_t size;
    json_t *root = NULL;
    enum rv_status status;
    RV_TRY(rv_file_read(path, FILE_LIMIT, &text, &size));
    if (rv_json_parse(path, (const char *)text, size, &root) != RV_OK) {
        status = rv_fail(RV_ERR_INPUT, "%s", rv_error_text());
        goto done;
    }
    const json_t *inside = json_object_get(root, "parameters"), *object = inside ? inside : root;
    RV_TRY(check_members(object, path));
    status = rv_recipe_apply(object, path, params);
done:
    json_decref(root);
    free(text);
    return status;
}

enum rv_status rv_preset_apply(const char *name, struct rv_params *params) {
    char folder[PATH_SIZE], path[PATH_SIZE + 64], reason[1024];
    if (is_file_name(name))
        return load(name, params);
    enum rv_status status = rv_params_set(params, "preset", name);
    if (status == RV_OK)
        return status;
    snprintf(reason, sizeof reason, "%s", rv_error_text());
    users_folder(folder);
    int length = snprintf(path, sizeof path, "%s/%s.json", folder, name);
    if (length > 0 && (size_t)length < sizeof path && access(path, F_OK) == 0)
        return load(path, params);
    return rv_fail(status, "%s, or a file NAME.json, also of %s", reason, folder);
}

// ------------------------------------------------------------------------------------------------
// Listing

// What the preset sets otherwise than the default one.
static json_t *differences(const struct rv_preset *preset) {
    uint32_t count;
    const struct rv_option *options = rv_options(&count);
    json_t *all = rv_recipe_parameters(&preset->params);
    json_t *usual = rv_recipe_parameters(&rv_presets(NULL)->params);
    for (uint32_t i = 0; preset != rv_presets(NULL) && i < count; i++)
        if (json_equal(json_object_get(all, options[i].name),
                       json_object_get(usual, options[i].name)))
            json_object_del(all, options[i].name);
    json_decref(usual);
    json_object_del(all, "preset"); // stands before them
    return all;
}

static void print_parameters(const json_t *parameters) {
    const char *name;
    const json_t *value;
    int column = 0;
    json_object_foreach((json_t *)parameters, name, value) {
        char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
        char line[VALUE_SIZE + 64];
        size_t length = text ? strlen(text) : 0;
        bool quoted = length >= 2 && text[0] == '"';
        int size = snprintf(line, sizeof line, " --%s %.*s", name,
                            (int)(quoted ? length - 2 : length), text ? text + quoted : "");
        free(text);
        if (column == 0 || column + size > 96)
            column = printf("%s   ", column ? "\n" : "") - 1;
        column += printf("%s", line);
    }
    printf("\n");
}

static int compare(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

// Names of the user's own, sorted; *count of them. Each and the list are the caller's.
static char **users_presets(size_t *count) {
    char folder[PATH_SIZE];
    char **names = NULL;
    struct dirent *entry;
    *count = 0;
    users_folder(folder);
    DIR *directory = opendir(folder);
    while (directory && (entry = readdir(directory)) != NULL) {
        if (!is_file_name(entry->d_name))
            continue;
        char **more = realloc(names, (*count + 1) * sizeof *more);
        if (!more)
            break;
        names = more;
        names[*count] = strdup(entry->d_name);
        if (!names[*count])
            break;
        names[*count][strlen(names[*count]) - 5] = '\0';
        ++*count;
    }
    if (directory)
        closedir(directory);
    if (names)
        qsort(names, *count, sizeof *names, compare);
    return names;
}

static enum rv_status list(bool as_json) {
    uint32_t count;
    size_t own_count;
    const struct rv_preset *presets = rv_presets(&count);
    char **own = users_presets(&own_count);
    json_t *array = as_json ? json_array() : NULL, *names = as_json ? json_array() : NULL;
    for (uint32_t i = 0; i < count; i++) {
        if (as_json) {
            json_array_append_new(array, json_pack("{s:s, s:s, s:o}", "name", presets[i].name,
                                                   "help", presets[i].help, "parameters",
                                                   rv_recipe_parameters(&presets[i].params)));
            continue;
        }
        json_t *parameters = differences(&presets[i]);
        printf("%s%s%s: %s\n", i ? "\n" : "", presets[i].name, i ? "" : " (the default)",
               presets[i].help);
        print_parameters(parameters);
        json_decref(parameters);
    }
    for (size_t i = 0; i < own_count; i++) {
        if (as_json)
            json_array_append_new(names, rv_json_text(own[i]));
        else
            printf("%s%s%s", i ? " " : "\nYour own: ", own[i], i + 1 == own_count ? "\n" : "");
        free(own[i]);
    }
    free(own);
    if (!as_json)
        return RV_OK;
    return rv_json_print(json_pack("{s:o, s:o}", "presets", array, "own", names));
}

enum rv_status rv_command_presets(const struct rv_arguments *arguments) {
    struct rv_params params = {0};
    enum rv_status status;
    bool given = false;
    for (uint32_t i = 0; i < RV_PARAMETER_MAX; i++)
        given = given || arguments->parameter[i];
    if (!arguments->positional_count && !given)
        return list(arguments->value[RV_CLI_JSON] != NULL);
    if (arguments->positional_count)
        RV_TRY(rv_preset_apply(arguments->positional[0], &params));
    RV_TRY(rv_arguments_apply(arguments, &params));
    RV_TRY(rv_params_resolve(&params, &params));
    status = rv_json_print(rv_recipe_parameters(&params));
done:
    return status;
}
