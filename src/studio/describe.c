#include "studio/describe.h"

#include <math.h>
#include <string.h>

#include "formats/recipe.h"

#define VALUE_SIZE 512

json_t *rv_describe_params(const struct rv_params *params) {
    uint32_t count;
    const struct rv_option *options = rv_options(&count);
    json_t *object = json_object();
    for (uint32_t i = 0; i < count; i++) {
        char text[VALUE_SIZE];
        if (options[i].type != RV_OPTION_PICTURE && // rv_params_get would look at every pixel
            rv_params_get(params, options[i].name, text, sizeof text) == RV_OK && *text)
            json_object_set_new(object, options[i].name, json_string(text));
    }
    return object;
}

// Parameters with the identity of each picture, there or wanted.
static json_t *describe_given(const struct rv_settings *settings, const struct rv_params *params) {
    json_t *object = rv_describe_params(params);
    const char *name;
    for (uint32_t slot = 0; (name = rv_slot_option(slot)); slot++) {
        const struct rv_aid *aid = settings->aid[slot];
        const char *identity = aid ? aid->identity : settings->wanted[slot];
        if (*identity)
            json_object_set_new(object, name, json_string(identity));
    }
    return object;
}

static json_t *describe_slots(const struct rv_settings *settings) {
    json_t *object = json_object();
    const char *name;
    for (uint32_t slot = 0; (name = rv_slot_option(slot)); slot++) {
        const struct rv_aid *aid = settings->aid[slot];
        json_t *one = NULL;
        if (aid)
            one = json_pack("{s:I, s:o, s:s, s:i, s:i}", "id", (json_int_t)aid->id, "name",
                            rv_json_text(aid->name), "identity", aid->identity, "width",
                            (int)aid->picture.width, "height", (int)aid->picture.height);
        else if (settings->wanted[slot][0])
            one = json_pack("{s:o}", "wanted", rv_json_text(settings->wanted[slot]));
        if (one)
            json_object_set_new(object, name, one);
    }
    return object;
}

// The page shows the options in these groups, those that are in none in the last.
static const struct group {
    const char *title;
    const char *options[16];
} groups[] = {
    {"Sizes",
     {"octaves", "octave-scale", "octave-sizes", "min-size", "pyramid", "resize", "start"}},
    {"Steps",
     {"iterations", "step", "strength", "schedule", "optimizer", "normalize", "jitter", "flips",
      "clip", "max-loss", "max-strength"}},
    {"Calm", {"smooth", "laplacian", "tv", "pull", "border"}},
    {"Guide and style",
     {"guide-match", "style-layers", "style-weight", "content-layers", "content-weight",
      "dream-weight"}},
    {"Balance", {"blend", "colors", "stretch"}},
    {"More", {"objective", "seed", "precision"}},
};
#define GROUPS (sizeof groups / sizeof groups[0])

// The last group's title if no other has it; *place is where in the page's order it comes.
static const char *group_of(const char *option, int *place) {
    for (size_t g = 0; g < GROUPS; g++)
        for (size_t i = 0; i < 16 && groups[g].options[i]; i++)
            if (strcmp(groups[g].options[i], option) == 0) {
                *place = (int)(g * 100 + i);
                return groups[g].title;
            }
    *place = GROUPS * 100;
    return groups[GROUPS - 1].title;
}

static json_t *describe_option(const struct rv_option *option) {
    static const char *const types[] = {[RV_OPTION_TEXT] = "text",
                                        [RV_OPTION_INT] = "int",
                                        [RV_OPTION_REAL] = "real",
                                        [RV_OPTION_CHOICE] = "choice",
                                        [RV_OPTION_PICTURE] = "picture"};
    json_t *choices = json_array();
    for (const char *const *choice = option->choices; choice && *choice; choice++)
        json_array_append_new(choices, json_string(*choice));
    return json_pack("{s:s, s:s, s:f, s:f, s:o, s:s, s:s}", "name", option->name, "type",
                     types[option->type], "minimum", option->minimum, "maximum", option->maximum,
                     "choices", choices, "unit", option->unit, "help", option->help);
}

static json_t *describe_options(void) {
    // Those of the dream as a whole, see rv_session_change.
    static const char *const whole[] = {"octaves", "octave-scale", "octave-sizes", "min-size",
                                        "pyramid", "resize",       "start"};
    uint32_t count;
    const struct rv_option *options = rv_options(&count);
    json_t *array = json_array();
    for (uint32_t i = 0; i < count; i++) {
        bool restarts = false;
        int place;
        for (size_t k = 0; k < sizeof whole / sizeof whole[0]; k++)
            restarts = restarts || strcmp(whole[k], options[i].name) == 0;
        json_t *one = describe_option(&options[i]);
        json_object_set_new(one, "restarts", json_boolean(restarts));
        json_object_set_new(one, "group", json_string(group_of(options[i].name, &place)));
        json_object_set_new(one, "place", json_integer(place));
        json_array_append_new(array, one);
    }
    return array;
}

static json_t *describe_live_params(const struct rv_live_params *params) {
    uint32_t count;
    const struct rv_option *options = rv_live_options(&count);
    json_t *object = json_object();
    for (uint32_t i = 0; i < count; i++) {
        char text[VALUE_SIZE];
        rv_live_params_get(params, options[i].name, text, sizeof text);
        json_object_set_new(object, options[i].name, json_string(text));
    }
    return object;
}

static json_t *describe_live_options(void) {
    uint32_t count;
    const struct rv_option *options = rv_live_options(&count);
    json_t *array = json_array();
    for (uint32_t i = 0; i < count; i++)
        json_array_append_new(array, describe_option(&options[i]));
    return array;
}

static json_t *describe_presets(void) {
    uint32_t count;
    const struct rv_preset *presets = rv_presets(&count);
    json_t *array = json_array();
    for (uint32_t i = 0; i < count; i++)
        json_array_append_new(array, json_pack("{s:s, s:s, s:o}", "name", presets[i].name, "help",
                                               presets[i].help, "parameters",
                                               rv_describe_params(&presets[i].params)));
    return array;
}

static json_t *describe_layers(const rv_weights *weights) {
    uint32_t count;
    const struct rv_layer_info *layers = rv_layers(&count);
    json_t *array = json_array();
    for (uint32_t i = 0; i < count; i++) {
        const struct rv_layer_info *layer = &layers[i];
        if (rv_layer_is_drawn(layer))
            json_array_append_new(array, json_pack("{s:s, s:s, s:i, s:i, s:i, s:b, s:b}", "name",
                                                   layer->name, "torchvision", layer->torchvision,
                                                   "channels", (int)layer->channels, "stride",
                                                   (int)layer->stride, "block", (int)layer->block,
                                                   "is_block", (int)layer->is_block, "reached",
                                                   (int)rv_weights_reach(weights, layer)));
    }
    return array;
}

json_t *rv_describe_studio(const struct rv_studio *studio) {
    const struct rv_device_info *device = rv_dreamer_device(studio->dreamer);
    const rv_weights *weights = rv_dreamer_weights(studio->dreamer);
    json_t *about = json_pack(
        "{s:s, s:{s:o, s:o, s:b}, s:s, s:o, s:o, s:o, s:{s:i, s:I, s:i}}", "version", rv_version(),
        "device", "name", rv_json_text(device->name), "driver", rv_json_text(device->driver),
        "processor", (int)(device->type == RV_DEVICE_CPU), "depth", rv_weights_depth(weights),
        "options", describe_options(), "presets", describe_presets(), "layers",
        describe_layers(weights), "limits", "bytes", (int)RV_PHOTO_BYTES_MAX, "pixels",
        (json_int_t)RV_PIXELS_MAX, "side", (int)RV_SIDE_MIN);
    const struct rv_live_params usual = {0};
    if (about)
        json_object_set_new(about, "live",
                            json_pack("{s:o, s:o}", "options", describe_live_options(), "usual",
                                      describe_live_params(&usual)));
    return about;
}

// JSON knows no NaN.
static json_t *number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *describe_progress(const struct rv_progress *progress) {
    return json_pack("{s:o, s:i, s:i, s:i, s:i, s:i, s:i, s:o, s:o, s:o}", "fraction",
                     number(progress->fraction), "octave", (int)progress->octave, "octaves",
                     (int)progress->octaves, "iteration", (int)progress->iteration, "iterations",
                     (int)progress->iterations, "width", (int)progress->width, "height",
                     (int)progress->height, "loss", number((double)progress->loss), "seconds",
                     number(progress->seconds), "seconds_left", number(progress->seconds_left));
}

// Rows of [id, size, step]: there are many of them.
static json_t *describe_history(const struct rv_history_info *items, uint32_t count) {
    json_t *array = json_array();
    for (uint32_t i = 0; i < count; i++)
        json_array_append_new(array, json_pack("[I, i, i]", (json_int_t)items[i].id,
                                               (int)items[i].octave, (int)items[i].iteration));
    return array;
}

static json_t *describe_portraits(const rv_portraits *portraits) {
    uint32_t count;
    const struct rv_layer_info *layers = rv_layers(&count);
    struct rv_portrait portrait;
    json_t *array = json_array();
    for (uint32_t i = 0; i < count; i++)
        if (rv_portraits_find(portraits, layers[i].name, &portrait))
            json_array_append_new(array, json_string(layers[i].name));
    return array;
}

json_t *rv_describe_state(const struct rv_studio *studio, const struct rv_dreamer_state *state) {
    static const char *const phases[] = {
        [RV_PHASE_EMPTY] = "empty",       [RV_PHASE_PREPARING] = "preparing",
        [RV_PHASE_DREAMING] = "dreaming", [RV_PHASE_PAUSED] = "paused",
        [RV_PHASE_FINISHED] = "finished", [RV_PHASE_FAILED] = "failed"};
    json_t *losses = json_array();
    for (uint32_t i = 0; i < state->loss_count; i++)
        json_array_append_new(losses, json_real((double)state->losses[i]));
    json_t *photo = state->width
                        ? json_pack("{s:o, s:i, s:i, s:I}", "name", rv_json_text(state->name),
                                    "width", (int)state->width, "height", (int)state->height,
                                    "size", (json_int_t)state->side)
                        : json_null();
    json_t *all =
        json_pack("{s:I, s:I, s:s, s:b, s:o, s:o, s:I, s:I, s:o, s:o, s:I, s:I, s:i, s:o}",
                  "version", (json_int_t)state->version, "dream", (json_int_t)state->dream, "phase",
                  phases[state->phase], "live", (int)state->live, "error",
                  rv_json_text(state->error), "photo", photo, "snapshot",
                  (json_int_t)state->snapshot, "before", (json_int_t)state->before, "progress",
                  describe_progress(&state->progress), "step_seconds", number(state->step_seconds),
                  "device_bytes", (json_int_t)state->device_bytes, "history_bytes",
                  (json_int_t)state->history_bytes, "tiles", (int)state->tiles, "losses", losses);
    json_t *more = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "given",
                             describe_given(&state->given, &state->given.params), "parameters",
                             describe_given(&state->given, &state->resolved), "slots",
                             describe_slots(&state->given), "live_parameters",
                             describe_live_params(&state->live_params), "history",
                             describe_history(state->history, state->history_count), "kept",
                             describe_history(state->kept, state->kept_count), "portraits",
                             describe_portraits(rv_dreamer_portraits(studio->dreamer)));
    if (!all || !more || json_object_update(all, more) != 0) {
        json_decref(all);
        all = NULL;
    }
    json_decref(more);
    return all;
}
