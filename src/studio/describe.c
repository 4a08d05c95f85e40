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
        if (rv_params_get(params, options[i].name, text, sizeof text) == RV_OK && *text)
            json_object_set_new(object, options[i].name, json_string(text));
    }
    return object;
}

static json_t *describe_options(void) {
    static const char *const types[] = {[RV_OPTION_TEXT] = "text",
                                        [RV_OPTION_INT] = "int",
                                        [RV_OPTION_REAL] = "real",
                                        [RV_OPTION_CHOICE] = "choice",
                                        [RV_OPTION_PICTURE] = "picture"};
    // Those of the dream as a whole, see rv_session_change.
    static const char *const whole[] = {"octaves", "octave-scale", "octave-sizes", "min-size",
                                        "pyramid", "resize",       "start"};
    uint32_t count;
    const struct rv_option *options = rv_options(&count);
    json_t *array = json_array();
    for (uint32_t i = 0; i < count; i++) {
        const struct rv_option *option = &options[i];
        json_t *choices = json_array();
        bool restarts = false;
        for (const char *const *choice = option->choices; choice && *choice; choice++)
            json_array_append_new(choices, json_string(*choice));
        for (size_t k = 0; k < sizeof whole / sizeof whole[0]; k++)
            restarts = restarts || strcmp(whole[k], option->name) == 0;
        json_array_append_new(array, json_pack("{s:s, s:s, s:f, s:f, s:o, s:s, s:s, s:b}", "name",
                                               option->name, "type", types[option->type], "minimum",
                                               option->minimum, "maximum", option->maximum,
                                               "choices", choices, "unit", option->unit, "help",
                                               option->help, "restarts", (int)restarts));
    }
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

// The drawing shows the blocks, and of the stem what comes out of a ReLU or a pooling.
static bool is_drawn(const struct rv_layer_info *layer) {
    return layer->is_block || (layer->block == 0 && (strncmp(layer->name, "activation", 10) == 0 ||
                                                     strncmp(layer->name, "max_pool", 8) == 0));
}

static json_t *describe_layers(const rv_weights *weights) {
    uint32_t count;
    const struct rv_layer_info *layers = rv_layers(&count);
    json_t *array = json_array();
    for (uint32_t i = 0; i < count; i++) {
        const struct rv_layer_info *layer = &layers[i];
        if (is_drawn(layer))
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
    return json_pack("{s:s, s:{s:o, s:o, s:b}, s:s, s:o, s:o, s:o, s:{s:i, s:I, s:i}}", "version",
                     rv_version(), "device", "name", rv_json_text(device->name), "driver",
                     rv_json_text(device->driver), "processor",
                     (int)(device->type == RV_DEVICE_CPU), "depth", rv_weights_depth(weights),
                     "options", describe_options(), "presets", describe_presets(), "layers",
                     describe_layers(weights), "limits", "bytes", (int)RV_PHOTO_BYTES_MAX, "pixels",
                     (json_int_t)RV_PIXELS_MAX, "side", (int)RV_SIDE_MIN);
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

json_t *rv_describe_state(const struct rv_dreamer_state *state) {
    static const char *const phases[] = {
        [RV_PHASE_EMPTY] = "empty",       [RV_PHASE_PREPARING] = "preparing",
        [RV_PHASE_DREAMING] = "dreaming", [RV_PHASE_PAUSED] = "paused",
        [RV_PHASE_FINISHED] = "finished", [RV_PHASE_FAILED] = "failed"};
    json_t *losses = json_array(), *kept = json_array();
    for (uint32_t i = 0; i < state->loss_count; i++)
        json_array_append_new(losses, json_real((double)state->losses[i]));
    for (uint32_t i = 0; i < state->kept_count; i++)
        json_array_append_new(kept,
                              json_pack("{s:I, s:i, s:i}", "id", (json_int_t)state->kept[i].id,
                                        "octave", (int)state->kept[i].octave, "iteration",
                                        (int)state->kept[i].iteration));
    json_t *photo = state->width
                        ? json_pack("{s:o, s:i, s:i, s:I}", "name", rv_json_text(state->name),
                                    "width", (int)state->width, "height", (int)state->height,
                                    "size", (json_int_t)state->side)
                        : json_null();
    return json_pack(
        "{s:I, s:I, s:s, s:o, s:o, s:o, s:o, s:I, s:I, s:o, s:o, s:I, s:I, s:i, s:o, s:o}",
        "version", (json_int_t)state->version, "dream", (json_int_t)state->dream, "phase",
        phases[state->phase], "error", rv_json_text(state->error), "given",
        rv_describe_params(&state->given), "parameters", rv_describe_params(&state->resolved),
        "photo", photo, "snapshot", (json_int_t)state->snapshot, "before",
        (json_int_t)state->before, "progress", describe_progress(&state->progress), "step_seconds",
        number(state->step_seconds), "device_bytes", (json_int_t)state->device_bytes,
        "history_bytes", (json_int_t)state->history_bytes, "tiles", (int)state->tiles, "losses",
        losses, "kept", kept);
}
