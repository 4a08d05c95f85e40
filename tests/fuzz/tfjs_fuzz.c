// Any text as a module of the npm package: as a shard, as an object literal, as the whole model.
#include <stdlib.h>
#include <string.h>

#include "formats/js_module.h"
#include "formats/json.h"
#include "formats/tfjs.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    const char *text = (const char *)bytes;
    uint8_t *shard;
    char *json;
    size_t shard_size, json_size;
    if (rv_js_module_base64("fuzz", text, size, &shard, &shard_size) == RV_OK) {
        if (shard_size > size)
            abort();
        free(shard);
    }
    if (rv_js_module_object("fuzz", text, size, &json, &json_size) == RV_OK) {
        json_t *root;
        if (rv_json_parse("fuzz", json, json_size, &root) == RV_OK)
            json_decref(root);
        free(json);
    }
    struct rv_tfjs_model model;
    if (rv_tfjs_model_init(&model, "fuzz", text, size) == RV_OK) {
        for (size_t i = 0; i < rv_tfjs_shard_count(&model); i++)
            if (strchr(rv_tfjs_shard_name(&model, i), '/'))
                abort();
        uint8_t *data = calloc(1, model.data_size);
        struct rv_raw_weights raw;
        if (data && rv_tfjs_extract(&model, "fuzz", data, model.data_size, &raw) == RV_OK)
            rv_raw_weights_finish(&raw);
        free(data);
        rv_tfjs_model_finish(&model);
    }
    return 0;
}
