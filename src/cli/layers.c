// reverie layers: what can be made large, and how far the weights reach.
#include <stdio.h>

#include "cli/commands.h"
#include "formats/recipe.h"

static json_t *layer_json(const struct rv_layer_info *layer, const rv_weights *weights) {
    return json_pack("{s:s, s:s, s:i, s:i, s:i, s:i, s:b, s:o}", "name", layer->name, "torchvision",
                     layer->torchvision, "channels", (int)layer->channels, "stride",
                     (int)layer->stride, "receptive_field", (int)layer->receptive_field, "block",
                     (int)layer->block, "is_block", (int)layer->is_block, "reached",
                     weights ? json_boolean(rv_weights_reach(weights, layer)) : json_null());
}

static enum rv_status print_json(const rv_weights *weights) {
    uint32_t count;
    const struct rv_layer_info *layers = rv_layers(&count);
    json_t *list = json_array();
    for (uint32_t i = 0; i < count; i++)
        json_array_append_new(list, layer_json(&layers[i], weights));
    return rv_json_print(json_pack("{s:o, s:o}", "depth",
                                   weights ? json_string(rv_weights_depth(weights)) : json_null(),
                                   "layers", list));
}

static void print_text(const rv_weights *weights, bool all) {
    uint32_t count, hidden = 0;
    const struct rv_layer_info *layers = rv_layers(&count);
    printf("%-24s%-32s%9s%8s%7s  %s\n", "layer", "torchvision's name", "channels", "stride",
           "field", "weights");
    for (uint32_t i = 0; i < count; i++) {
        if (!all && !layers[i].is_block) {
            hidden++;
            continue;
        }
        printf("%-24s%-32s%9u%8u%7u  %s\n", layers[i].name, layers[i].torchvision,
               (unsigned)layers[i].channels, (unsigned)layers[i].stride,
               (unsigned)layers[i].receptive_field,
               !weights                                ? "?"
               : rv_weights_reach(weights, &layers[i]) ? "yes"
                                                       : "no");
    }
    if (hidden)
        printf("\n%u more lie within the blocks: `reverie layers --all` lists them.\n",
               (unsigned)hidden);
    if (!weights)
        printf("\nNo weights could be read: %s\n", rv_error_text());
    else if (!rv_weights_reach(weights, &layers[count - 1]))
        printf(
            "\nThe weights reach %s. For deeper layers import the full InceptionV3 file of\n"
            "Keras or timm: `reverie weights import FILE` (see `reverie help weights import`).\n",
            rv_weights_depth(weights));
}

enum rv_status rv_command_layers(const struct rv_arguments *arguments) {
    const char *path = arguments->value[RV_CLI_WEIGHTS];
    rv_weights *weights = NULL;
    enum rv_status status = rv_weights_load(path, &weights);
    if (status != RV_OK && path)
        return status; // without --weights the names are still worth listing
    status = RV_OK;
    if (arguments->value[RV_CLI_JSON])
        status = print_json(weights);
    else
        print_text(weights, arguments->value[RV_CLI_ALL_LAYERS] != NULL);
    rv_weights_destroy(&weights);
    return status;
}
