#include "formats/inception_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "base/status.h"
#include "formats/json.h"

static const char *metadata(const struct rv_inception_file *file, const char *key) {
    const char *text = rv_safetensors_metadata(&file->safetensors, key);
    return text ? text : "";
}

// Finds one part, checks its type and shape. A part that is absent stays NULL.
static enum rv_status find_part(struct rv_inception_file *file, const char *label, uint32_t index,
                                enum rv_part part) {
    char name[64];
    rv_part_name(index, part, name);
    const struct rv_tensor *tensor = rv_safetensors_find(&file->safetensors, name);
    if (!tensor)
        return RV_OK;
    if (tensor->dtype == RV_DTYPE_OTHER)
        return rv_fail(RV_ERR_WEIGHTS, "%s: tensor %s is %s; only F32 and F16 are read", label,
                       name, tensor->dtype_name);
    uint64_t shape[4];
    const uint32_t rank = rv_part_shape(index, part, shape);
    if (tensor->rank != rank || memcmp(tensor->shape, shape, rank * sizeof *shape) != 0) {
        char found[RV_TENSOR_MAX_RANK * 12 + 1] = "";
        for (uint32_t i = 0, at = 0; i < tensor->rank; i++)
            at += (uint32_t)snprintf(found + at, sizeof found - at, i ? ", %u" : "%u",
                                     (unsigned)tensor->shape[i]);
        return rv_fail(RV_ERR_WEIGHTS,
                       "%s: tensor %s has the shape [%s], which is not "
                       "InceptionV3's",
                       label, name, found);
    }
    file->parts[index][part] = tensor;
    return RV_OK;
}

// The first part that convolution `index` lacks, or RV_PART_COUNT.
static enum rv_part missing_part(const struct rv_inception_file *file, uint32_t index) {
    for (int part = 0; part < RV_PART_COUNT; part++)
        if (!file->parts[index][part] && (part != RV_GAMMA || file->has_gamma))
            return part;
    return RV_PART_COUNT;
}

static bool has_any_part(const struct rv_inception_file *file, uint32_t first) {
    for (uint32_t i = first; i < RV_CONV_COUNT; i++)
        for (int part = 0; part < RV_PART_COUNT; part++)
            if (file->parts[i][part])
                return true;
    return false;
}

// Complete convolutions up to the end of a block, nothing of the next block.
static enum rv_status find_depth(struct rv_inception_file *file, const char *label) {
    uint32_t count = 0;
    while (count < RV_CONV_COUNT && missing_part(file, count) == RV_PART_COUNT)
        count++;
    bool whole_block = false;
    for (int block = 0; block <= RV_BLOCK_COUNT; block++)
        whole_block |= rv_convs_to_block[block] == count;
    file->conv_count = count;
    if (count == RV_CONV_COUNT || (file->own && whole_block && !has_any_part(file, count)))
        return RV_OK;

    char name[64];
    rv_part_name(count, missing_part(file, count), name);
    if (!has_any_part(file, 0))
        return rv_fail(RV_ERR_WEIGHTS,
                       "%s: no tensor %s: these are not InceptionV3's weights "
                       "under torchvision's names",
                       label, name);
    return rv_fail(RV_ERR_WEIGHTS,
                   "%s: tensor %s is missing: the weights are incomplete, import "
                   "them again",
                   label, name);
}

static enum rv_status read_metadata(struct rv_inception_file *file, const char *label) {
    file->own = strcmp(metadata(file, "format"), RV_INCEPTION_FORMAT) == 0;
    file->pool_counts_padding = true;
    file->source = file->source_sha256 = file->source_md5 = file->content_sha256 = "";
    if (!file->own)
        return RV_OK;
    const char *avgpool = metadata(file, "avgpool");
    file->pool_counts_padding = strcmp(avgpool, "include_padding") == 0;
    if (!file->pool_counts_padding && strcmp(avgpool, "exclude_padding") != 0)
        return rv_fail(RV_ERR_WEIGHTS,
                       "%s: its metadata state neither include_padding nor "
                       "exclude_padding as avgpool",
                       label);
    file->source = metadata(file, "source");
    file->source_sha256 = metadata(file, "source_sha256");
    file->source_md5 = metadata(file, "source_md5");
    file->content_sha256 = metadata(file, "content_sha256");
    return RV_OK;
}

enum rv_status rv_inception_file_init(struct rv_inception_file *file, const char *label,
                                      const uint8_t *bytes, size_t size) {
    *file = (struct rv_inception_file){0};
    enum rv_status status = rv_safetensors_init(&file->safetensors, label, bytes, size);
    if (status != RV_OK)
        return status;
    RV_TRY(read_metadata(file, label));
    for (uint32_t i = 0; i < RV_CONV_COUNT; i++)
        for (int part = 0; part < RV_PART_COUNT; part++)
            RV_TRY(find_part(file, label, i, part));
    // All convolutions have a gamma, or none has.
    for (uint32_t i = 0; i < RV_CONV_COUNT; i++)
        file->has_gamma |= file->parts[i][RV_GAMMA] != NULL;
    RV_TRY(find_depth(file, label));
    if (file->own && strcmp(metadata(file, "depth"), rv_weights_depth_name(file->conv_count)) != 0)
        RV_TRY(rv_fail(RV_ERR_WEIGHTS, "%s: holds weights up to %s, but its metadata state %s",
                       label, rv_weights_depth_name(file->conv_count),
                       rv_printable(metadata(file, "depth")).text));
done:
    if (status != RV_OK)
        rv_inception_file_finish(file);
    return status;
}

void rv_inception_file_finish(struct rv_inception_file *file) {
    rv_safetensors_finish(&file->safetensors);
    *file = (struct rv_inception_file){0};
}

struct fold {
    const struct rv_inception_file *file;
    const char *label;
    struct rv_weights *weights;
};

static enum rv_status fold_one(void *user, uint32_t index) {
    const struct fold *fold = user;
    const struct rv_tensor *const *parts = fold->file->parts[index];
    float vectors[RV_PART_COUNT][RV_CONV_MAX_OUT];
    size_t count = rv_part_count(index, RV_KERNEL);
    float *kernel = malloc(count * sizeof *kernel);
    if (!kernel)
        return rv_fail(RV_ERR_NO_MEMORY, "%s: no memory to read it", fold->label);
    for (int part = RV_GAMMA; part < RV_PART_COUNT; part++)
        if (parts[part])
            rv_tensor_read(parts[part], vectors[part], rv_part_count(index, part));
    rv_tensor_read(parts[RV_KERNEL], kernel, count);
    enum rv_status status = rv_weights_fold(
        fold->weights, index, kernel, fold->file->has_gamma ? vectors[RV_GAMMA] : NULL,
        vectors[RV_BETA], vectors[RV_MEAN], vectors[RV_VARIANCE]);
    if (status != RV_OK)
        status = rv_fail(status, "%s: %s", fold->label, rv_error_text());
    free(kernel);
    return status;
}

enum rv_status rv_inception_file_fold(const struct rv_inception_file *file, const char *label,
                                      struct rv_weights **weights) {
    enum rv_status status = rv_weights_create(file->conv_count, file->pool_counts_padding, weights);
    if (status != RV_OK)
        return status;
    struct fold fold = {file, label, *weights};
    status = rv_parallel(file->conv_count, fold_one, &fold);
    if (status != RV_OK)
        rv_weights_destroy(weights);
    return status;
}

enum rv_status rv_inception_file_copy(const struct rv_inception_file *file,
                                      struct rv_raw_weights *raw) {
    enum rv_status status = rv_raw_weights_init(raw, file->conv_count, file->has_gamma);
    if (status != RV_OK)
        return status;
    raw->pool_counts_padding = file->pool_counts_padding;
    rv_copy_printable(raw->source, sizeof raw->source, file->source);
    rv_copy_printable(raw->source_sha256, sizeof raw->source_sha256, file->source_sha256);
    rv_copy_printable(raw->source_md5, sizeof raw->source_md5, file->source_md5);
    for (uint32_t i = 0; i < file->conv_count; i++)
        for (int part = 0; part < RV_PART_COUNT; part++)
            if (raw->parts[i][part])
                rv_tensor_read(file->parts[i][part], raw->parts[i][part], rv_part_count(i, part));
    return RV_OK;
}
