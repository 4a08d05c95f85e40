// reverie probe: runs the network once, for study and for checking it from outside.
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "cli/commands.h"
#include "cli/pictures.h"
#include "formats/recipe.h"
#include "formats/npy.h"

struct wanted { // one --activation LAYER=FILE
    char layer[64];
    const char *file;
};

static enum rv_status read_activations(const struct rv_arguments *arguments,
                                       struct wanted wanted[RV_ACTIVATION_MAX]) {
    for (uint32_t i = 0; i < arguments->activation_count; i++) {
        const char *text = arguments->activation[i], *equals = strchr(text, '=');
        if (!equals || !equals[1] || equals - text >= (ptrdiff_t)sizeof wanted->layer)
            return rv_fail(RV_ERR_USAGE,
                           "--activation: \"%s\" is not LAYER=FILE: write for "
                           "example mixed3=mixed3.npy",
                           text);
        snprintf(wanted[i].layer, sizeof wanted->layer, "%.*s", (int)(equals - text), text);
        wanted[i].file = equals + 1;
        if (!rv_layer_find(wanted[i].layer))
            return rv_fail(RV_ERR_USAGE,
                           "--activation: there is no layer \"%s\": did you mean "
                           "\"%s\"? `reverie layers --all` lists them",
                           wanted[i].layer, rv_layer_nearest(wanted[i].layer));
    }
    return RV_OK;
}

static bool read_number(const char **text, uint32_t *number) {
    char *end;
    errno = 0;
    unsigned long value = strtoul(*text, &end, 10);
    if (!isdigit((unsigned char)**text) || errno || value < 1 || value > RV_PHOTO_SIDE_MAX)
        return false;
    *number = (uint32_t)value;
    *text = end;
    return true;
}

static enum rv_status resize(const char *size, struct rv_photo *photo) {
    const char *rest = size;
    uint32_t width, height;
    if (!size)
        return RV_OK;
    if (!read_number(&rest, &width) || *rest++ != 'x' || !read_number(&rest, &height) || *rest)
        return rv_fail(RV_ERR_USAGE,
                       "--size: \"%s\" is not WIDTHxHEIGHT: write for example 299x299", size);
    return rv_photo_resize(photo, width, height);
}

static enum rv_status load_content(const struct rv_arguments *arguments,
                                   const struct rv_picture *photo, struct rv_photo *content) {
    const char *path = arguments->value[RV_CLI_CONTENT];
    enum rv_status status = path ? rv_photo_load(path, 0, content) : RV_OK;
    return path && status == RV_OK ? rv_photo_resize(content, photo->width, photo->height) : status;
}

// The layers written out must be reached too, though the objective does not name them.
static enum rv_status check_reach(const struct rv_params *params, const struct wanted *wanted,
                                  uint32_t count, const rv_weights *weights) {
    enum rv_status status = rv_params_check(params, weights);
    for (uint32_t i = 0; i < count && status == RV_OK; i++) {
        struct rv_params one = {0};
        status = rv_params_set(&one, "layers", wanted[i].layer);
        if (status == RV_OK)
            status = rv_params_check(&one, weights);
    }
    return status;
}

static enum rv_status check_outputs(const struct rv_arguments *arguments,
                                    const struct wanted *wanted) {
    enum rv_status status = RV_OK;
    if (arguments->value[RV_CLI_GRADIENT])
        RV_TRY(rv_check_output(arguments->value[RV_CLI_GRADIENT], true));
    for (uint32_t i = 0; i < arguments->activation_count; i++)
        RV_TRY(rv_check_output(wanted[i].file, true));
done:
    return status;
}

static enum rv_status save(const struct rv_arguments *arguments, const struct wanted *wanted,
                           const struct rv_probe_result *result) {
    enum rv_status status = RV_OK;
    if (arguments->value[RV_CLI_GRADIENT])
        RV_TRY(rv_npy_write(arguments->value[RV_CLI_GRADIENT], &result->gradient));
    for (uint32_t i = 0; i < arguments->activation_count; i++)
        RV_TRY(rv_npy_write(wanted[i].file, &result->activations[i]));
done:
    return status;
}

static enum rv_status report(const struct rv_arguments *arguments, const rv_context *context,
                             const struct rv_picture *picture,
                             const struct rv_probe_result *result) {
    if (!arguments->value[RV_CLI_JSON]) {
        printf("loss %.9g\n", result->loss);
        return RV_OK;
    }
    return rv_json_print(json_pack("{s:f, s:i, s:i, s:o}", "loss", result->loss, "width",
                                   (int)picture->width, "height", (int)picture->height, "device",
                                   rv_json_text(rv_context_device(context)->name)));
}

enum rv_status rv_command_probe(const struct rv_arguments *arguments) {
    struct rv_params params = {0};
    struct rv_picture_parameters pictures = {0};
    struct wanted wanted[RV_ACTIVATION_MAX];
    const char *layers[RV_ACTIVATION_MAX];
    struct rv_photo photo = {0}, content = {0};
    struct rv_probe_result result = {0};
    rv_weights *weights = NULL;
    rv_context *context = NULL;
    enum rv_status status;
    RV_TRY(rv_arguments_apply(arguments, &params));
    RV_TRY(rv_pictures_load(arguments, &params, &pictures));
    RV_TRY(rv_params_resolve(&params, &params)); // the default preset's layers, objective, border
    RV_TRY(read_activations(arguments, wanted));
    RV_TRY(check_outputs(arguments, wanted));
    RV_TRY(rv_photo_load(arguments->positional[0], 0, &photo));
    RV_TRY(resize(arguments->value[RV_CLI_SIZE_EXACT], &photo));
    RV_TRY(rv_check_size(arguments->positional[0], &photo.picture));
    RV_TRY(load_content(arguments, &photo.picture, &content));
    RV_TRY(rv_load_weights(arguments, &weights));
    RV_TRY(check_reach(&params, wanted, arguments->activation_count, weights));
    RV_TRY(rv_open_device(arguments, false, &context));
    for (uint32_t i = 0; i < arguments->activation_count; i++)
        layers[i] = wanted[i].layer;
    struct rv_probe_params probe = {.size = sizeof probe,
                                    .layers = params.layers,
                                    .objective = params.objective,
                                    .border = params.border > 0 ? (uint32_t)params.border : 0,
                                    .activations = layers,
                                    .activation_count = arguments->activation_count,
                                    .precision = params.precision,
                                    .guide = params.guide,
                                    .guide_match = params.guide_match,
                                    .style = params.style,
                                    .style_layers = params.style_layers,
                                    .style_weight = params.style_weight,
                                    .content = content.picture.pixels ? &content.picture : NULL,
                                    .content_layers = params.content_layers,
                                    .content_weight = params.content_weight,
                                    .dream_weight = params.dream_weight};
    RV_TRY(rv_probe(context, weights, &photo.picture, &probe, &result));
    RV_TRY(save(arguments, wanted, &result));
    RV_TRY(report(arguments, context, &photo.picture, &result));
done:
    rv_probe_free(&result);
    rv_context_destroy(&context);
    rv_weights_destroy(&weights);
    rv_photo_free(&photo);
    rv_photo_free(&content);
    rv_pictures_free(&pictures);
    return status;
}
