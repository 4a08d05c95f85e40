#include "formats/tfjs.h"

#include <math.h>
#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/status.h"
#include "formats/js_module.h"
#include "formats/json.h"

#define MODEL_MAX ((size_t)4 << 20)  // the real one has 178 kB
#define SHARD_MAX ((size_t)64 << 20) // 5.6 MB
#define SHARDS_MAX 64                // 6
#define DATA_MAX ((size_t)256 << 20) // 22 MB

#define CONV_COUNT 50 // rv_convs_to_block[RV_TFJS_BLOCK]

// ------------------------------------------------------------------------------------------------
// The topology

static bool text_is(const json_t *object, const char *key, const char *expected) {
    const char *text = json_string_value(json_object_get(object, key));
    return text && strcmp(text, expected) == 0;
}

static bool number_is(const json_t *number, double expected) {
    return json_is_number(number) && fabs(json_number_value(number) - expected) <= 1e-9;
}

static bool pair_is(const json_t *object, const char *key, double first, double second) {
    const json_t *pair = json_object_get(object, key);
    return json_array_size(pair) == 2 && number_is(json_array_get(pair, 0), first) &&
           number_is(json_array_get(pair, 1), second);
}

// The layer of that name and class if it is marked as not trained further; its configuration.
static enum rv_status find_frozen(const char *label, const json_t *layers, const char *name,
                                  const char *class_name, const json_t **layer) {
    size_t i;
    json_t *entry;
    *layer = NULL;
    json_array_foreach(layers, i, entry) {
        if (!text_is(entry, "name", name))
            continue;
        if (*layer)
            return rv_fail(RV_ERR_WEIGHTS, "%s: two layers are called %s", label, name);
        *layer = entry;
    }
    if (!text_is(*layer, "class_name", class_name))
        return rv_fail(RV_ERR_WEIGHTS, "%s: has no %s layer %s: not the package's InceptionV3",
                       label, class_name, name);
    if (!json_is_false(json_object_get(json_object_get(*layer, "config"), "trainable")))
        return rv_fail(RV_ERR_WEIGHTS,
                       "%s: layer %s is marked trainable, so it may not hold "
                       "ImageNet's weights any more: refused",
                       label, name);
    return RV_OK;
}

// Convolution `index` and its batch normalisation are as InceptionV3 has them.
static enum rv_status check_pair(const char *label, const json_t *layers, uint32_t index) {
    const struct rv_conv_info *info = &rv_convs[index];
    const json_t *conv, *norm;
    char conv_name[32], norm_name[32];
    snprintf(conv_name, sizeof conv_name, "conv2d_%u", (unsigned)index + 1);
    snprintf(norm_name, sizeof norm_name, "batch_normalization_%u", (unsigned)index + 1);
    enum rv_status status;
    RV_TRY(find_frozen(label, layers, conv_name, "Conv2D", &conv));
    RV_TRY(find_frozen(label, layers, norm_name, "BatchNormalization", &norm));

    const json_t *c = json_object_get(conv, "config"), *n = json_object_get(norm, "config");
    if (!number_is(json_object_get(c, "filters"), info->out) ||
        !pair_is(c, "kernel_size", info->height, info->width) ||
        !pair_is(c, "strides", info->stride, info->stride) || !pair_is(c, "dilation_rate", 1, 1) ||
        !text_is(c, "padding", info->same ? "same" : "valid") ||
        !text_is(c, "data_format", "channels_last") || !text_is(c, "activation", "linear") ||
        !json_is_false(json_object_get(c, "use_bias")))
        return rv_fail(RV_ERR_WEIGHTS, "%s: layer %s is not InceptionV3's", label, conv_name);
    const json_t *inbound = json_array_get(json_object_get(norm, "inbound_nodes"), 0);
    const char *input = json_string_value(json_array_get(json_array_get(inbound, 0), 0));
    if (!number_is(json_object_get(n, "epsilon"), RV_BATCH_NORM_EPSILON) ||
        !json_is_false(json_object_get(n, "scale")) || !input || strcmp(input, conv_name) != 0)
        return rv_fail(RV_ERR_WEIGHTS, "%s: layer %s is not InceptionV3's", label, norm_name);
done:
    return status;
}

static enum rv_status check_topology(const char *label, const json_t *root) {
    const json_t *topology = json_object_get(root, "modelTopology");
    const json_t *config = json_object_get(json_object_get(topology, "model_config"), "config");
    const json_t *layers = json_object_get(config, "layers"), *block;
    enum rv_status status;
    for (uint32_t i = 0; i < CONV_COUNT; i++)
        RV_TRY(check_pair(label, layers, i));
    status = find_frozen(label, layers, "mixed5", "Concatenate", &block);
done:
    return status;
}

// ------------------------------------------------------------------------------------------------
// The manifest

static enum rv_status parse_tensor(const char *label, const json_t *entry,
                                   struct rv_tfjs_tensor *tensor) {
    tensor->name = json_string_value(json_object_get(entry, "name"));
    const json_t *shape = json_object_get(entry, "shape");
    if (!tensor->name || !json_is_array(shape) || json_array_size(shape) > 4)
        return rv_fail(RV_ERR_WEIGHTS, "%s: a tensor of its manifest has no name or shape", label);
    tensor->rank = (uint32_t)json_array_size(shape);
    tensor->count = 1;
    for (uint32_t i = 0; i < tensor->rank; i++) {
        const double extent = json_number_value(json_array_get(shape, i));
        if (!(extent >= 1 && extent <= DATA_MAX) || extent != floor(extent))
            return rv_fail(RV_ERR_WEIGHTS, "%s: tensor %s has no usable shape", label,
                           rv_printable(tensor->name).text);
        tensor->shape[i] = (uint64_t)extent;
        if (tensor->count > DATA_MAX / (size_t)extent)
            return rv_fail(RV_ERR_WEIGHTS, "%s: tensor %s is larger than any of InceptionV3", label,
                           rv_printable(tensor->name).text);
        tensor->count *= (size_t)extent;
    }
    const json_t *quantization = json_object_get(entry, "quantization");
    const json_t *scale = json_object_get(quantization, "scale");
    const json_t *min = json_object_get(quantization, "min");
    if (!text_is(quantization, "dtype", "uint8") || !json_is_number(scale) || !json_is_number(min))
        return rv_fail(RV_ERR_WEIGHTS, "%s: tensor %s does not say how it is quantised to uint8",
                       label, rv_printable(tensor->name).text);
    tensor->scale = json_number_value(scale);
    tensor->min = json_number_value(min);
    return RV_OK;
}

static enum rv_status parse_manifest(struct rv_tfjs_model *model, const char *label) {
    const json_t *groups = json_object_get(model->root, "weightsManifest");
    const json_t *weights = json_object_get(json_array_get(groups, 0), "weights");
    if (json_array_size(groups) != 1 || json_array_size(weights) == 0)
        return rv_fail(RV_ERR_WEIGHTS, "%s: has no manifest of one group of tensors", label);
    model->tensors = calloc(json_array_size(weights), sizeof *model->tensors);
    if (!model->tensors)
        return rv_fail(RV_ERR_NO_MEMORY, "%s: no memory for its manifest", label);

    for (size_t i = 0; i < json_array_size(weights); i++) {
        struct rv_tfjs_tensor *tensor = &model->tensors[model->tensor_count++];
        enum rv_status status = parse_tensor(label, json_array_get(weights, i), tensor);
        if (status != RV_OK)
            return status;
        tensor->offset = model->data_size;
        model->data_size += tensor->count;
        if (model->data_size > DATA_MAX)
            return rv_fail(RV_ERR_WEIGHTS, "%s: has more than %zu MB of weights", label,
                           DATA_MAX >> 20);
    }
    return RV_OK;
}

size_t rv_tfjs_shard_count(const struct rv_tfjs_model *model) {
    const json_t *groups = json_object_get(model->root, "weightsManifest");
    return json_array_size(json_object_get(json_array_get(groups, 0), "paths"));
}

const char *rv_tfjs_shard_name(const struct rv_tfjs_model *model, size_t index) {
    const json_t *groups = json_object_get(model->root, "weightsManifest");
    const json_t *paths = json_object_get(json_array_get(groups, 0), "paths");
    return json_string_value(json_array_get(paths, index));
}

// Shards lie beside the model: a name that leads elsewhere is refused.
static enum rv_status check_shard_names(const struct rv_tfjs_model *model, const char *label) {
    const size_t count = rv_tfjs_shard_count(model);
    if (count == 0 || count > SHARDS_MAX)
        return rv_fail(RV_ERR_WEIGHTS, "%s: lists %zu shards, not 1 to %d", label, count,
                       SHARDS_MAX);
    for (size_t i = 0; i < count; i++) {
        const char *name = rv_tfjs_shard_name(model, i);
        static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789-_";
        if (!name || !*name || strlen(name) > 64 || name[strspn(name, allowed)])
            return rv_fail(RV_ERR_WEIGHTS, "%s: shard %zu has no plain file name", label, i + 1);
    }
    return RV_OK;
}

enum rv_status rv_tfjs_model_init(struct rv_tfjs_model *model, const char *label, const char *text,
                                  size_t size) {
    *model = (struct rv_tfjs_model){0};
    char *json;
    size_t json_size;
    enum rv_status status = rv_js_module_object(label, text, size, &json, &json_size);
    if (status != RV_OK)
        return status;
    json_t *root;
    status = rv_json_parse(label, json, json_size, &root);
    free(json);
    model->root = root;
    if (status == RV_OK)
        status = parse_manifest(model, label);
    if (status == RV_OK)
        status = check_shard_names(model, label);
    if (status == RV_OK)
        status = check_topology(label, root);
    if (status != RV_OK)
        rv_tfjs_model_finish(model);
    return status;
}

void rv_tfjs_model_finish(struct rv_tfjs_model *model) {
    free(model->tensors);
    json_decref(model->root);
    *model = (struct rv_tfjs_model){0};
}

// ------------------------------------------------------------------------------------------------
// The weights

// Finds one tensor, checks its shape and turns its bytes into numbers.
static enum rv_status dequantise(const struct rv_tfjs_model *model, const char *label,
                                 const char *layer, uint32_t index, const char *variable,
                                 const uint64_t *shape, uint32_t rank, const uint8_t *data,
                                 float *values) {
    char name[64];
    snprintf(name, sizeof name, "%s_%u/%s", layer, (unsigned)index + 1, variable);
    const struct rv_tfjs_tensor *tensor = NULL;
    for (size_t i = 0; i < model->tensor_count; i++) {
        if (strcmp(model->tensors[i].name, name) != 0)
            continue;
        if (tensor)
            return rv_fail(RV_ERR_WEIGHTS, "%s: two tensors are called %s", label, name);
        tensor = &model->tensors[i];
    }
    if (!tensor)
        return rv_fail(RV_ERR_WEIGHTS, "%s: tensor %s is missing", label, name);
    if (tensor->rank != rank || memcmp(tensor->shape, shape, rank * sizeof *shape) != 0)
        return rv_fail(RV_ERR_WEIGHTS, "%s: tensor %s has not the shape of InceptionV3's", label,
                       name);
    for (size_t i = 0; i < tensor->count; i++)
        values[i] = (float)(data[tensor->offset + i] * tensor->scale + tensor->min);
    return RV_OK;
}

enum rv_status rv_tfjs_extract(const struct rv_tfjs_model *model, const char *label,
                               const uint8_t *data, size_t size, struct rv_raw_weights *raw) {
    if (size != model->data_size)
        return rv_fail(RV_ERR_WEIGHTS,
                       "%s: its shards have %zu bytes, its manifest lists %zu: "
                       "get the package again",
                       label, size, model->data_size);
    enum rv_status status = rv_raw_weights_init(raw, CONV_COUNT, false);
    size_t largest = 0;
    for (uint32_t i = 0; i < CONV_COUNT; i++)
        if (rv_part_count(i, RV_KERNEL) > largest)
            largest = rv_part_count(i, RV_KERNEL);
    float *kernel = malloc(largest * sizeof *kernel);
    if (status == RV_OK && !kernel)
        status = rv_fail(RV_ERR_NO_MEMORY, "%s: no memory to read it", label);
    for (uint32_t i = 0; i < CONV_COUNT && status == RV_OK; i++) {
        static const char norm[] = "batch_normalization";
        const struct rv_conv_info *info = &rv_convs[i];
        const uint64_t shape[4] = {info->height, info->width, info->in, info->out};
        float *const *p = raw->parts[i];
        RV_TRY(dequantise(model, label, "conv2d", i, "kernel", shape, 4, data, kernel));
        RV_TRY(dequantise(model, label, norm, i, "beta", shape + 3, 1, data, p[RV_BETA]));
        RV_TRY(dequantise(model, label, norm, i, "moving_mean", shape + 3, 1, data, p[RV_MEAN]));
        RV_TRY(dequantise(model, label, norm, i, "moving_variance", shape + 3, 1, data,
                          p[RV_VARIANCE]));
        rv_kernel_from_keras(i, kernel, p[RV_KERNEL]);
    }
done:
    free(kernel);
    if (status != RV_OK)
        rv_raw_weights_finish(raw);
    return status;
}

// ------------------------------------------------------------------------------------------------
// Files

// Decodes one shard and appends it to *data.
static enum rv_status append_shard(const char *path, SHA2_CTX *hash, uint8_t **data, size_t *size) {
    uint8_t *text, *bytes = NULL;
    size_t text_size, byte_count;
    enum rv_status status = rv_file_read(path, SHARD_MAX, &text, &text_size);
    if (status != RV_OK)
        return status;
    SHA256Update(hash, text, text_size);
    RV_TRY(rv_js_module_base64(path, (const char *)text, text_size, &bytes, &byte_count));
    if (byte_count > DATA_MAX - *size)
        RV_TRY(rv_fail(RV_ERR_WEIGHTS, "%s: more than %zu MB of weights", path, DATA_MAX >> 20));
    uint8_t *grown = realloc(*data, *size + byte_count + 1);
    if (!grown)
        RV_TRY(rv_fail(RV_ERR_NO_MEMORY, "%s: no memory to read it", path));
    memcpy(grown + *size, bytes, byte_count);
    *data = grown;
    *size += byte_count;
done:
    free(bytes);
    free(text);
    return status;
}

// The last part of a path, for the record of where weights came from.
static const char *folder_name(const char *folder, char name[64]) {
    size_t end = strlen(folder);
    while (end > 1 && folder[end - 1] == '/')
        end--;
    size_t start = end;
    while (start > 0 && folder[start - 1] != '/')
        start--;
    snprintf(name, 64, "%.*s", (int)(end - start < 63 ? end - start : 63), folder + start);
    return name;
}

enum rv_status rv_tfjs_import(const char *folder, struct rv_raw_weights *raw) {
    enum rv_status status;
    struct rv_tfjs_model model = {0};
    uint8_t *text = NULL, *data = NULL;
    size_t text_size, data_size = 0;
    SHA2_CTX hash;
    char name[64];
    const size_t capacity = strlen(folder) + 96;
    char *path = malloc(capacity);
    if (!path)
        return rv_fail(RV_ERR_NO_MEMORY, "%s: out of memory", folder);

    snprintf(path, capacity, "%s/" RV_TFJS_MODEL, folder);
    RV_TRY(rv_file_read(path, MODEL_MAX, &text, &text_size));
    SHA256Init(&hash);
    SHA256Update(&hash, text, text_size);
    RV_TRY(rv_tfjs_model_init(&model, path, (const char *)text, text_size));
    for (size_t i = 0; i < rv_tfjs_shard_count(&model); i++) {
        snprintf(path, capacity, "%s/%s.min.js", folder, rv_tfjs_shard_name(&model, i));
        RV_TRY(append_shard(path, &hash, &data, &data_size));
    }
    RV_TRY(rv_tfjs_extract(&model, folder, data, data_size, raw));
    snprintf(raw->source, sizeof raw->source, "TensorFlow.js model %s", folder_name(folder, name));
    SHA256End(&hash, raw->source_sha256);
done:
    rv_tfjs_model_finish(&model);
    free(data);
    free(text);
    free(path);
    return status;
}
