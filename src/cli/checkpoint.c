#include "cli/checkpoint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/status.h"
#include "formats/json.h"
#include "formats/safetensors.h"

static const char format[] = "reverie-checkpoint-1";
static const char tensor_name[] = "picture";

#define FILE_LIMIT ((size_t)5 << 28) // three floats a pixel, and the header

enum rv_status rv_checkpoint_path(const char *output, char *path, size_t capacity) {
    if ((size_t)snprintf(path, capacity, "%s.resume", output) < capacity)
        return RV_OK;
    return rv_fail(RV_ERR_USAGE,
                   "output: %zu characters are too long for a path: choose a shorter one",
                   strlen(output));
}

uint64_t rv_checkpoint_hash(const struct rv_picture *picture) {
    uint32_t size[2] = {picture->width, picture->height};
    uint64_t hash = rv_hash_bytes(RV_HASH_START, size, sizeof size);
    return rv_hash_bytes(hash, picture->pixels,
                         (size_t)picture->width * picture->height * 3 * sizeof(float));
}

enum rv_status rv_checkpoint_write(const char *path, const struct rv_checkpoint *checkpoint,
                                   const json_t *recipe, uint64_t picture_hash) {
    const struct rv_session_state *state = &checkpoint->state;
    struct rv_tensor_source tensor = {.dtype = RV_DTYPE_F32,
                                      .rank = 3,
                                      .shape = {state->height, state->width, 3},
                                      .values = state->values};
    char octave[16], steps[16], hash[24], sha256[65];
    char *text = recipe ? json_dumps(recipe, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    if (!text)
        return rv_fail(RV_ERR_NO_MEMORY, "%s: no memory for the checkpoint", path);
    strcpy(tensor.name, tensor_name);
    snprintf(octave, sizeof octave, "%u", state->octave);
    snprintf(steps, sizeof steps, "%u", checkpoint->steps);
    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)picture_hash);
    const struct rv_metadata metadata[] = {{"format", format},
                                           {"octave", octave},
                                           {"steps", steps},
                                           {"photograph", hash},
                                           {"recipe", text}};
    enum rv_status status = rv_safetensors_write(path, &tensor, 1, metadata,
                                                 sizeof metadata / sizeof *metadata, sha256);
    free(text);
    return status;
}

// ------------------------------------------------------------------------------------------------
// Reading

static enum rv_status fail_other(const char *path, const char *what) {
    return rv_fail(RV_ERR_INPUT,
                   "%s: this checkpoint is of another dream (%s): give what was given then, or "
                   "remove it",
                   path, what);
}

// The first parameter in which two recipes differ, or "" if none does.
static void differing_parameter(const json_t *now, const json_t *then, char *text,
                                size_t capacity) {
    const char *name;
    const json_t *value;
    *text = '\0';
    json_object_foreach((json_t *)(uintptr_t)now, name, value) {
        const json_t *other = json_object_get(then, name);
        if (json_equal(value, other))
            continue;
        char *was = other ? json_dumps(other, JSON_ENCODE_ANY | JSON_REAL_PRECISION(9)) : NULL;
        snprintf(text, capacity, "%s was %s", name, was ? was : "not there");
        free(was);
        return;
    }
    if (json_object_size(then) != json_object_size(now))
        snprintf(text, capacity, "it has further parameters");
}

// What the rest of the dream depends on. On another device it goes on just as well, if not to the
// same bytes.
static enum rv_status compare(const char *path, const json_t *now, const json_t *then) {
    static const char *const members[] = {"reverie", "weights", "width", "height", "size"};
    char what[256];
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        const json_t *a = json_object_get(now, members[i]), *b = json_object_get(then, members[i]);
        snprintf(what, sizeof what, "%s differs", i == 0 ? "reverie's version" : members[i]);
        if ((a || b) && !json_equal(a, b))
            return fail_other(path, what);
    }
    differing_parameter(json_object_get(now, "parameters"), json_object_get(then, "parameters"),
                        what, sizeof what);
    return *what ? fail_other(path, what) : RV_OK;
}

// As it comes back from a text: numbers of nine digits.
static json_t *normalised(const json_t *recipe) {
    char *text = json_dumps(recipe, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_t *again = text ? json_loads(text, 0, NULL) : NULL;
    free(text);
    return again;
}

static enum rv_status check_recipe(const char *path, const json_t *recipe, const char *stored) {
    json_t *then = NULL, *now = normalised(recipe);
    enum rv_status status = RV_OK;
    if (!now)
        return rv_fail(RV_ERR_NO_MEMORY, "%s: no memory for the checkpoint", path);
    if (!stored || rv_json_parse(path, stored, strlen(stored), &then) != RV_OK)
        status = rv_fail(RV_ERR_INPUT, "%s: damaged: it holds no recipe: remove it", path);
    else
        status = compare(path, now, then);
    json_decref(now);
    json_decref(then);
    return status;
}

static enum rv_status read_state(const char *path, const struct rv_safetensors *file,
                                 struct rv_checkpoint *checkpoint) {
    const struct rv_tensor *tensor = rv_safetensors_find(file, tensor_name);
    const char *octave = rv_safetensors_metadata(file, "octave");
    const char *steps = rv_safetensors_metadata(file, "steps");
    if (!tensor || tensor->dtype != RV_DTYPE_F32 || tensor->rank != 3 || tensor->shape[2] != 3 ||
        !octave || !steps || !tensor->shape[0] || !tensor->shape[1])
        return rv_fail(RV_ERR_INPUT, "%s: damaged: it holds no picture: remove it", path);
    size_t count = (size_t)(tensor->end - tensor->begin) / sizeof(float);
    float *values = malloc(count * sizeof *values);
    if (!values)
        return rv_fail(RV_ERR_NO_MEMORY, "%s: no memory for the checkpoint", path);
    rv_tensor_read(tensor, values, count);
    checkpoint->steps = (uint32_t)strtoul(steps, NULL, 10);
    checkpoint->state =
        (struct rv_session_state){(uint32_t)strtoul(octave, NULL, 10), (uint32_t)tensor->shape[1],
                                  (uint32_t)tensor->shape[0], values};
    return RV_OK;
}

enum rv_status rv_checkpoint_read(const char *path, const json_t *recipe, uint64_t picture_hash,
                                  struct rv_checkpoint *checkpoint) {
    struct rv_safetensors file = {0};
    uint8_t *data = NULL;
    size_t size;
    char hash[24];
    enum rv_status status;
    *checkpoint = (struct rv_checkpoint){0};
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return RV_OK;
    RV_TRY(rv_file_read(path, FILE_LIMIT, &data, &size));
    if (rv_safetensors_init(&file, path, data, size) != RV_OK) {
        free(data);
        return rv_fail(RV_ERR_INPUT, "%s: damaged, or no checkpoint of reverie's: remove it", path);
    }
    const char *kind = rv_safetensors_metadata(&file, "format");
    const char *photograph = rv_safetensors_metadata(&file, "photograph");
    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)picture_hash);
    if (!kind || strcmp(kind, format) != 0)
        status =
            rv_fail(RV_ERR_INPUT, "%s: no checkpoint of this version of reverie: remove it", path);
    else if (!photograph || strcmp(photograph, hash) != 0)
        status = fail_other(path, "the photograph differs");
    else
        status = check_recipe(path, recipe, rv_safetensors_metadata(&file, "recipe"));
    if (status == RV_OK)
        status = read_state(path, &file, checkpoint);
    rv_safetensors_finish(&file);
done:
    free(data);
    return status;
}
