#include "formats/safetensors.h"

#include <jansson.h>
#include <sha2.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/half.h"
#include "base/status.h"
#include "formats/json.h"

// 94 convolutions need about 60 kB of header; the bound keeps a hostile one from filling memory.
#define HEADER_MAX ((size_t)1 << 20)

static const struct {
    const char *name;
    enum rv_dtype dtype;
    uint8_t size;
} dtypes[] = {
    {"F32", RV_DTYPE_F32, 4},    {"F16", RV_DTYPE_F16, 2},       {"BF16", RV_DTYPE_OTHER, 2},
    {"F64", RV_DTYPE_OTHER, 8},  {"I64", RV_DTYPE_OTHER, 8},     {"U64", RV_DTYPE_OTHER, 8},
    {"I32", RV_DTYPE_OTHER, 4},  {"U32", RV_DTYPE_OTHER, 4},     {"I16", RV_DTYPE_OTHER, 2},
    {"U16", RV_DTYPE_OTHER, 2},  {"I8", RV_DTYPE_OTHER, 1},      {"U8", RV_DTYPE_OTHER, 1},
    {"BOOL", RV_DTYPE_OTHER, 1}, {"F8_E4M3", RV_DTYPE_OTHER, 1}, {"F8_E5M2", RV_DTYPE_OTHER, 1},
};

// Reads a JSON integer that is not negative.
static bool get_unsigned(const json_t *value, uint64_t *number) {
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    *number = (uint64_t)json_integer_value(value);
    return true;
}

// Reads the shape and its number of elements; an empty shape is one element.
static bool get_shape(const json_t *shape, struct rv_tensor *tensor, uint64_t *count) {
    if (!json_is_array(shape) || json_array_size(shape) > RV_TENSOR_MAX_RANK)
        return false;
    tensor->rank = (uint32_t)json_array_size(shape);
    *count = 1;
    for (uint32_t i = 0; i < tensor->rank; i++) {
        uint64_t extent;
        // Extents below 2^32 and products below 2^40 cannot overflow together.
        if (!get_unsigned(json_array_get(shape, i), &extent) || extent > UINT32_MAX)
            return false;
        tensor->shape[i] = extent;
        *count *= extent;
        if (*count >> 40)
            return false;
    }
    return true;
}

static enum rv_status parse_tensor(const char *label, const struct rv_safetensors *file,
                                   const char *name, const json_t *entry,
                                   struct rv_tensor *tensor) {
    const char *dtype = json_string_value(json_object_get(entry, "dtype"));
    size_t t = 0;
    while (t < sizeof dtypes / sizeof *dtypes && dtype && strcmp(dtypes[t].name, dtype) != 0)
        t++;
    if (!dtype || t == sizeof dtypes / sizeof *dtypes)
        return rv_fail(RV_ERR_WEIGHTS, "%s: tensor %s has no dtype that safetensors knows", label,
                       rv_printable(name).text);
    tensor->name = name;
    tensor->dtype = dtypes[t].dtype;
    tensor->dtype_name = dtypes[t].name;

    uint64_t count;
    if (!get_shape(json_object_get(entry, "shape"), tensor, &count))
        return rv_fail(RV_ERR_WEIGHTS, "%s: tensor %s has no usable shape", label,
                       rv_printable(name).text);
    const json_t *offsets = json_object_get(entry, "data_offsets");
    if (json_array_size(offsets) != 2 ||
        !get_unsigned(json_array_get(offsets, 0), &tensor->begin) ||
        !get_unsigned(json_array_get(offsets, 1), &tensor->end) || tensor->begin > tensor->end)
        return rv_fail(RV_ERR_WEIGHTS, "%s: tensor %s has no usable data_offsets", label,
                       rv_printable(name).text);
    if (tensor->end > file->data_size)
        return rv_fail(RV_ERR_WEIGHTS,
                       "%s: tensor %s ends at byte %llu of %zu: the file is "
                       "truncated, get it again",
                       label, rv_printable(name).text, (unsigned long long)tensor->end,
                       file->data_size);
    if (tensor->end - tensor->begin != count * dtypes[t].size)
        return rv_fail(RV_ERR_WEIGHTS,
                       "%s: tensor %s has %llu bytes; its shape and dtype need "
                       "%llu",
                       label, rv_printable(name).text,
                       (unsigned long long)(tensor->end - tensor->begin),
                       (unsigned long long)(count * dtypes[t].size));
    tensor->data = file->data + tensor->begin;
    return RV_OK;
}

static int compare_place(const void *a, const void *b) {
    const struct rv_tensor *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end); // empty tensors first
}

// The tensors, sorted by place, must tile the data section.
static enum rv_status check_tiling(const char *label, const struct rv_safetensors *file) {
    uint64_t at = 0;
    for (size_t i = 0; i < file->tensor_count; i++) {
        const struct rv_tensor *tensor = &file->tensors[i];
        if (tensor->begin != at)
            return rv_fail(
                RV_ERR_WEIGHTS,
                "%s: tensor %s begins at byte %llu, %s its predecessor "
                "ends (%llu)",
                label, rv_printable(tensor->name).text, (unsigned long long)tensor->begin,
                tensor->begin < at ? "before" : "after a gap from where", (unsigned long long)at);
        at = tensor->end;
    }
    if (at != file->data_size)
        return rv_fail(RV_ERR_WEIGHTS, "%s: %llu bytes follow the last tensor", label,
                       (unsigned long long)(file->data_size - at));
    return RV_OK;
}

static enum rv_status check_metadata(const char *label, const json_t *metadata) {
    const char *key;
    json_t *value;
    if (metadata && !json_is_object(metadata))
        return rv_fail(RV_ERR_WEIGHTS, "%s: __metadata__ is not an object", label);
    json_object_foreach((json_t *)metadata, key, value) {
        if (!json_is_string(value))
            return rv_fail(RV_ERR_WEIGHTS, "%s: __metadata__ %s is not a text", label,
                           rv_printable(key).text);
    }
    return RV_OK;
}

static enum rv_status parse_header(struct rv_safetensors *file, const char *label) {
    enum rv_status status;
    json_t *root = file->header, *entry;
    RV_TRY(check_metadata(label, json_object_get(root, "__metadata__")));
    file->tensors = calloc(json_object_size(root) + 1, sizeof *file->tensors);
    if (!file->tensors)
        return rv_fail(RV_ERR_NO_MEMORY, "%s: no memory for its header", label);
    const char *name;
    json_object_foreach(root, name, entry) {
        if (strcmp(name, "__metadata__") == 0)
            continue;
        RV_TRY(parse_tensor(label, file, name, entry, &file->tensors[file->tensor_count]));
        file->tensor_count++;
    }
    qsort(file->tensors, file->tensor_count, sizeof *file->tensors, compare_place);
    status = check_tiling(label, file);
done:
    return status;
}

enum rv_status rv_safetensors_init(struct rv_safetensors *file, const char *label,
                                   const uint8_t *bytes, size_t size) {
    *file = (struct rv_safetensors){0};
    if (size < 8)
        return rv_fail(RV_ERR_WEIGHTS, "%s: %zu bytes are too few for a safetensors file", label,
                       size);
    uint64_t length = 0;
    for (int i = 7; i >= 0; i--)
        length = length << 8 | bytes[i];
    if (length > size - 8)
        return rv_fail(RV_ERR_WEIGHTS,
                       "%s: states a header of %llu bytes but has only %zu: "
                       "truncated, or not a safetensors file",
                       label, (unsigned long long)length, size - 8);
    if (length > HEADER_MAX)
        return rv_fail(RV_ERR_WEIGHTS, "%s: a header of %llu bytes; at most %zu are read", label,
                       (unsigned long long)length, HEADER_MAX);
    file->data = bytes + 8 + length;
    file->data_size = size - 8 - (size_t)length;

    json_t *root;
    enum rv_status status = rv_json_parse(label, (const char *)bytes + 8, (size_t)length, &root);
    if (status != RV_OK)
        return status;
    file->header = root;
    status = parse_header(file, label);
    if (status != RV_OK)
        rv_safetensors_finish(file);
    return status;
}

void rv_safetensors_finish(struct rv_safetensors *file) {
    free(file->tensors);
    json_decref(file->header);
    *file = (struct rv_safetensors){0};
}

const struct rv_tensor *rv_safetensors_find(const struct rv_safetensors *file, const char *name) {
    for (size_t i = 0; i < file->tensor_count; i++)
        if (strcmp(file->tensors[i].name, name) == 0)
            return &file->tensors[i];
    return NULL;
}

const char *rv_safetensors_metadata(const struct rv_safetensors *file, const char *key) {
    return json_string_value(json_object_get(json_object_get(file->header, "__metadata__"), key));
}

void rv_tensor_read(const struct rv_tensor *tensor, float *values, size_t count) {
    const uint8_t *b = tensor->data;
    if (tensor->dtype == RV_DTYPE_F16) {
        for (size_t i = 0; i < count; i++, b += 2)
            values[i] = rv_half_to_float((uint16_t)(b[0] | b[1] << 8));
        return;
    }
    for (size_t i = 0; i < count; i++, b += 4) {
        const uint32_t bits =
            b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
        memcpy(&values[i], &bits, sizeof bits);
    }
}

static uint64_t source_count(const struct rv_tensor_source *tensor) {
    uint64_t count = 1;
    for (uint32_t i = 0; i < tensor->rank; i++)
        count *= tensor->shape[i];
    return count;
}

static uint64_t source_size(const struct rv_tensor_source *tensor) {
    return source_count(tensor) * (tensor->dtype == RV_DTYPE_F16 ? 2 : 4);
}

// The header: metadata first, then the tensors in order; padded so that the data is aligned.
// Returns NULL when out of memory. The caller frees the text.
static char *format_header(const struct rv_tensor_source *tensors, size_t tensor_count,
                           const struct rv_metadata *metadata, size_t metadata_count,
                           const char *content_sha256) {
    json_t *root = json_object(), *texts = json_object();
    int failed = json_object_set_new(root, "__metadata__", texts);
    for (size_t i = 0; i < metadata_count; i++)
        failed |= json_object_set_new(texts, metadata[i].key, json_string(metadata[i].value));
    failed |= json_object_set_new(texts, "content_sha256", json_string(content_sha256));

    uint64_t at = 0;
    for (size_t t = 0; t < tensor_count; t++) {
        json_t *shape = json_array();
        for (uint32_t i = 0; i < tensors[t].rank; i++)
            failed |= json_array_append_new(shape, json_integer((json_int_t)tensors[t].shape[i]));
        const uint64_t end = at + source_size(&tensors[t]);
        const char *dtype = tensors[t].dtype == RV_DTYPE_F16 ? "F16" : "F32";
        json_t *entry = json_pack("{s:s, s:o, s:[I, I]}", "dtype", dtype, "shape", shape,
                                  "data_offsets", (json_int_t)at, (json_int_t)end);
        failed |= json_object_set_new(root, tensors[t].name, entry);
        at = end;
    }
    char *text = failed ? NULL : json_dumps(root, JSON_COMPACT);
    json_decref(root);
    return text;
}

static enum rv_status put_values(const struct rv_tensor_source *tensor, uint8_t *to) {
    const uint64_t count = source_count(tensor);
    for (uint64_t i = 0; i < count; i++) {
        uint32_t bits;
        if (tensor->dtype == RV_DTYPE_F16) {
            bits = rv_half_from_float(tensor->values[i]);
            if ((bits & 0x7c00) == 0x7c00)
                return rv_fail(RV_ERR_WEIGHTS,
                               "%s holds %g, beyond the range of fp16: import "
                               "as fp32",
                               tensor->name, (double)tensor->values[i]);
        } else {
            memcpy(&bits, &tensor->values[i], sizeof bits);
            to[2] = (uint8_t)(bits >> 16);
            to[3] = (uint8_t)(bits >> 24);
        }
        to[0] = (uint8_t)bits;
        to[1] = (uint8_t)(bits >> 8);
        to += tensor->dtype == RV_DTYPE_F16 ? 2 : 4;
    }
    return RV_OK;
}

// The length word, the header and the spaces that align the data, at the start of `file`.
static void put_header(uint8_t *file, const char *header, size_t data_at) {
    const uint64_t length = data_at - 8;
    for (int i = 0; i < 8; i++)
        file[i] = (uint8_t)(length >> 8 * i);
    memset(file + 8, ' ', (size_t)length);
    memcpy(file + 8, header, strlen(header));
}

enum rv_status rv_safetensors_write(const char *path, const struct rv_tensor_source *tensors,
                                    size_t tensor_count, const struct rv_metadata *metadata,
                                    size_t metadata_count, char content_sha256[65]) {
    enum rv_status status = RV_OK;
    uint64_t data_size = 0;
    for (size_t t = 0; t < tensor_count; t++)
        data_size += source_size(&tensors[t]);

    // The hash in the header is of the data behind it, but its length is known before.
    memset(content_sha256, '0', 64);
    content_sha256[64] = 0;
    char *header = format_header(tensors, tensor_count, metadata, metadata_count, content_sha256);
    const size_t data_at = header ? 8 + (strlen(header) + 7) / 8 * 8 : 0;
    uint8_t *file = header ? malloc(data_at + (size_t)data_size) : NULL;
    free(header);
    if (!file)
        return rv_fail(RV_ERR_NO_MEMORY, "%s: no memory to write weights", path);
    uint8_t *to = file + data_at;
    for (size_t t = 0; t < tensor_count; t++) {
        RV_TRY(put_values(&tensors[t], to));
        to += source_size(&tensors[t]);
    }
    SHA256Data(file + data_at, (size_t)data_size, content_sha256);
    header = format_header(tensors, tensor_count, metadata, metadata_count, content_sha256);
    if (!header) {
        status = rv_fail(RV_ERR_NO_MEMORY, "%s: no memory to write weights", path);
        goto done;
    }
    put_header(file, header, data_at);
    free(header);
    status = rv_file_write(path, file, data_at + (size_t)data_size);
done:
    free(file);
    return status;
}
