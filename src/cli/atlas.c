// reverie atlas: all channels of a layer on one sheet, each kept as soon as it is finished.
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/status.h"
#include "cli/progress.h"
#include "cli/see.h"
#include "cli/sheet.h"
#include "formats/json.h"
#include "formats/recipe.h"

#define PATH_SIZE 4096

struct atlas {
    const struct rv_arguments *arguments;
    const struct rv_layer_info *layer;
    uint32_t first, count; // channels
    struct rv_see_params params;
    char output[PATH_SIZE], folder[PATH_SIZE];
    rv_weights *weights;
    rv_context *context;
    struct rv_photo sheet;
    uint32_t grown, reused, dark; // pictures: made now, found, and of channels that see nothing
    struct rv_see_watch watch;
};

// ------------------------------------------------------------------------------------------------
// What was asked for

static enum rv_status read_channels(struct atlas *a) {
    const char *text = a->arguments->value[RV_CLI_CHANNELS];
    char *end;
    a->count = a->layer->channels;
    if (!text)
        return RV_OK;
    errno = 0;
    unsigned long first = strtoul(text, &end, 10), last = first;
    bool good = isdigit((unsigned char)*text) != 0;
    if (good && *end == '-') {
        good = isdigit((unsigned char)end[1]) != 0;
        last = strtoul(end + 1, &end, 10);
    }
    if (!good || *end || errno || first > last || last >= a->layer->channels)
        return rv_fail(RV_ERR_USAGE,
                       "--channels: \"%s\" is not possible: give FIRST-LAST from 0 to %u, such as "
                       "0-63",
                       text, (unsigned)a->layer->channels - 1);
    a->first = (uint32_t)first;
    a->count = (uint32_t)(last - first) + 1;
    return RV_OK;
}

static enum rv_status choose_output(struct atlas *a) {
    const char *given = a->arguments->value[RV_CLI_OUTPUT];
    enum rv_status status;
    if (given && strcmp(given, "-") == 0)
        return rv_fail(RV_ERR_USAGE, "an atlas keeps its pictures beside it: name a file with -o");
    if (given && strlen(given) + 64 > PATH_SIZE)
        return rv_fail(RV_ERR_USAGE,
                       "--output: %zu characters are too long for a path: choose a "
                       "shorter one",
                       strlen(given));
    snprintf(a->output, sizeof a->output, "%s%s", given ? given : a->layer->name,
             given ? "" : ".atlas.png");
    RV_TRY(rv_see_check_output(a->arguments, a->output));
    snprintf(a->folder, sizeof a->folder, "%.*s.tiles", PATH_SIZE - 16, a->output);
done:
    return status;
}

// ------------------------------------------------------------------------------------------------
// One picture

// What a stored picture must say to be used again: how it was grown, and with which weights.
static char *identity_of(const json_t *recipe) {
    json_t *object = json_pack("{s:O?, s:O?, s:O?}", "see", json_object_get(recipe, "see"),
                               "weights", json_object_get(recipe, "weights"), "reverie",
                               json_object_get(recipe, "reverie"));
    char *text = object ? json_dumps(object, JSON_SORT_KEYS | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(object);
    return text;
}

// Whether the file is that picture; if so, it is loaded.
static bool find(const char *path, const json_t *recipe, uint32_t side, struct rv_photo *photo) {
    json_t *stored = NULL;
    bool same = false;
    if (access(path, R_OK) != 0)
        return false;
    if (rv_photo_load(path, 0, photo) == RV_OK && photo->text &&
        rv_json_parse(path, photo->text, strlen(photo->text), &stored) == RV_OK) {
        char *theirs = identity_of(stored), *ours = identity_of(recipe);
        same = theirs && ours && strcmp(theirs, ours) == 0 && photo->picture.width == side &&
               photo->picture.height == side;
        free(theirs);
        free(ours);
    }
    json_decref(stored);
    if (!same)
        rv_photo_free(photo);
    return same;
}

// The channel's picture as it lies in its file, so that a sheet is the same bytes however often its
// making was interrupted. None, and RV_OK, if nothing excites the channel.
static enum rv_status tile(struct atlas *a, uint32_t channel, struct rv_photo *photo) {
    char layers[512], path[PATH_SIZE + 64];
    struct rv_see_params params = a->params;
    enum rv_status status = RV_OK;
    snprintf(layers, sizeof layers, "%s:%u", a->layer->name, (unsigned)channel);
    snprintf(path, sizeof path, "%s/%s-%04u.png", a->folder, a->layer->name, (unsigned)channel);
    params.layers = a->watch.what = layers;
    json_t *recipe =
        rv_see_describe(a->arguments, &params, params.side, params.side, a->weights, a->context);
    if (!recipe)
        return rv_fail(RV_ERR_NO_MEMORY, "no memory for the picture's parameters");
    if (find(path, recipe, params.side, photo)) {
        a->reused++;
        goto done;
    }
    status = rv_see(a->context, a->weights, &params, rv_see_watch_show, &a->watch, &photo->picture,
                    NULL);
    if (status == RV_ERR_NUMERIC) {
        a->dark++;
        status = RV_OK;
        goto done;
    }
    RV_TRY(status);
    RV_TRY(rv_recipe_attach(json_incref(recipe), photo));
    RV_TRY(rv_photo_save(path, photo, NULL));
    rv_photo_free(photo);
    RV_TRY(rv_photo_load(path, 0, photo));
    a->grown++;
done:
    json_decref(recipe);
    return status;
}

// ------------------------------------------------------------------------------------------------
// The sheet

static enum rv_status grow(struct atlas *a) {
    enum rv_status status;
    RV_TRY(rv_sheet_create(a->count, a->params.side, &a->sheet.picture));
    RV_TRY(rv_file_make_folder(a->folder));
    rv_see_watch_init(&a->watch, a->arguments->value[RV_CLI_QUIET] != NULL);
    a->watch.count = a->count;
    for (uint32_t i = 0; i < a->count; i++) {
        struct rv_photo photo = {0};
        a->watch.done = i;
        status = rv_interrupt_wanted() ? RV_ERR_CANCELLED : tile(a, a->first + i, &photo);
        if (status == RV_OK)
            rv_sheet_put(&a->sheet.picture, a->count, a->params.side, i, a->first + i,
                         photo.picture.pixels ? &photo.picture : NULL);
        rv_photo_free(&photo);
        RV_TRY(status);
    }
done:
    rv_see_watch_finish(&a->watch);
    if (status == RV_ERR_CANCELLED)
        rv_fail(status,
                "interrupted: %u of %u pictures are kept in %s: the same command goes on from "
                "there",
                (unsigned)(a->grown + a->reused), (unsigned)a->count, a->folder);
    return status;
}

// What is stored in the sheet. NULL if memory is short.
static json_t *describe(const struct atlas *a) {
    json_t *recipe = rv_see_describe(a->arguments, &a->params, a->sheet.picture.width,
                                     a->sheet.picture.height, a->weights, a->context);
    json_t *channels = json_pack("[i, i]", (int)a->first, (int)(a->first + a->count - 1));
    if (!recipe || json_object_set_new(recipe, "channels", channels) != 0) {
        json_decref(recipe);
        return NULL;
    }
    return recipe;
}

static enum rv_status report(const struct atlas *a, double seconds, json_t *recipe) {
    if (a->arguments->value[RV_CLI_JSON]) {
        json_object_set_new(recipe, "output", rv_json_text(a->output));
        json_object_set_new(recipe, "seconds", json_real(seconds));
        json_object_set_new(recipe, "grown", json_integer(a->grown));
        json_object_set_new(recipe, "reused", json_integer(a->reused));
        json_object_set_new(recipe, "dark", json_integer(a->dark));
        return rv_json_print(json_incref(recipe));
    }
    if (a->arguments->value[RV_CLI_QUIET])
        return RV_OK;
    printf("%s: %u channels of %s, %u grown in %.1f s", a->output, (unsigned)a->count,
           a->layer->name, (unsigned)a->grown, seconds);
    if (a->reused)
        printf(", %u found in %s", (unsigned)a->reused, a->folder);
    if (a->dark)
        printf(", %u that nothing excites", (unsigned)a->dark);
    printf("\n");
    return RV_OK;
}

enum rv_status rv_command_atlas(const struct rv_arguments *arguments) {
    double begun = rv_clock_seconds();
    struct atlas a = {.arguments = arguments};
    json_t *recipe = NULL;
    enum rv_status status;
    RV_TRY(rv_see_read(arguments, &a.params));
    RV_TRY(rv_see_layer(arguments, &a.layer));
    a.params.layers = a.layer->name;
    RV_TRY(read_channels(&a));
    RV_TRY(choose_output(&a));
    RV_TRY(rv_see_open(arguments, a.layer->name, &a.params, &a.weights, &a.context));
    rv_interrupt_watch();
    RV_TRY(grow(&a));
    recipe = describe(&a);
    RV_TRY(rv_recipe_attach(json_incref(recipe), &a.sheet));
    RV_TRY(rv_photo_save(a.output, &a.sheet, NULL));
    status = report(&a, rv_clock_seconds() - begun, recipe);
done:
    json_decref(recipe);
    rv_photo_free(&a.sheet);
    rv_context_destroy(&a.context);
    rv_weights_destroy(&a.weights);
    return status;
}
