#include "formats/import.h"

#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/status.h"
#include "formats/inception_file.h"
#include "formats/json.h"
#include "formats/keras_h5.h"
#include "formats/tfjs.h"

// ------------------------------------------------------------------------------------------------
// Sources

static enum rv_status import_folder(const char *folder, struct rv_raw_weights *raw) {
    // The folder itself, the package's root, or where `tar` put the package's root.
    static const char *const places[] = {"", "/dist/models/inception_v3",
                                         "/package/dist/models/inception_v3"};
    const size_t capacity = strlen(folder) + 64;
    char *path = malloc(capacity);
    if (!path)
        return rv_fail(RV_ERR_NO_MEMORY, "%s: out of memory", folder);
    enum rv_status status = rv_fail(RV_ERR_WEIGHTS,
                                    "%s: holds no " RV_TFJS_MODEL ": give the "
                                    "folder of the unpacked npm package",
                                    folder);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        struct stat info;
        snprintf(path, capacity, "%s%s/" RV_TFJS_MODEL, folder, places[i]);
        if (stat(path, &info) != 0)
            continue;
        snprintf(path, capacity, "%s%s", folder, places[i]);
        status = rv_tfjs_import(path, raw);
        break;
    }
    free(path);
    return status;
}

static enum rv_status import_safetensors(const char *path, const uint8_t *bytes, size_t size,
                                         struct rv_raw_weights *raw) {
    struct rv_inception_file file;
    enum rv_status status = rv_inception_file_init(&file, path, bytes, size);
    if (status != RV_OK)
        return status;
    status = rv_inception_file_copy(&file, raw);
    if (status == RV_OK && !file.own) {
        const char *slash = strrchr(path, '/');
        snprintf(raw->source, sizeof raw->source, "safetensors %s",
                 rv_printable(slash ? slash + 1 : path).text);
        SHA256Data(bytes, size, raw->source_sha256);
    }
    rv_inception_file_finish(&file);
    return status;
}

static bool begins(const uint8_t *bytes, size_t size, const char *magic, size_t length) {
    return size >= length && memcmp(bytes, magic, length) == 0;
}

static enum rv_status import_file(const char *path, struct rv_raw_weights *raw) {
    const uint8_t *bytes;
    size_t size;
    enum rv_status status = rv_file_map(path, &bytes, &size);
    if (status != RV_OK)
        return status;
    if (begins(bytes, size, "\x89HDF\r\n\x1a\n", 8))
        status = rv_keras_import(path, bytes, size, raw);
    else if (begins(bytes, size, "PK\3\4", 4))
        status = rv_fail(RV_ERR_WEIGHTS,
                         "%s: a zip archive (a PyTorch .pth or a new .keras file), "
                         "which is not read: give its weights as safetensors",
                         path);
    else if (begins(bytes, size, "\x1f\x8b", 2))
        status =
            rv_fail(RV_ERR_WEIGHTS, "%s: packed: unpack it with tar and give the folder", path);
    else
        status = import_safetensors(path, bytes, size, raw);
    rv_file_unmap(bytes, size);
    return status;
}

// ------------------------------------------------------------------------------------------------
// Our own file

static enum rv_status write_own(const char *output, const struct rv_raw_weights *raw, bool fp16,
                                char content_sha256[65]) {
    const struct rv_metadata metadata[] = {
        {"format", RV_INCEPTION_FORMAT},
        {"source", raw->source},
        {"source_sha256", raw->source_sha256},
        {"source_md5", raw->source_md5},
        {"depth", rv_weights_depth_name(raw->conv_count)},
        {"avgpool", raw->pool_counts_padding ? "include_padding" : "exclude_padding"},
    };
    struct rv_tensor_source *tensors = calloc(RV_CONV_COUNT * RV_PART_COUNT, sizeof *tensors);
    if (!tensors)
        return rv_fail(RV_ERR_NO_MEMORY, "%s: out of memory", output);
    size_t count = 0;
    for (uint32_t i = 0; i < raw->conv_count; i++)
        for (int part = 0; part < RV_PART_COUNT; part++) {
            if (!raw->parts[i][part])
                continue;
            struct rv_tensor_source *tensor = &tensors[count++];
            rv_part_name(i, part, tensor->name);
            tensor->dtype = fp16 && part == RV_KERNEL ? RV_DTYPE_F16 : RV_DTYPE_F32;
            tensor->rank = rv_part_shape(i, part, tensor->shape);
            tensor->values = raw->parts[i][part];
        }
    enum rv_status status = rv_safetensors_write(
        output, tensors, count, metadata, sizeof metadata / sizeof *metadata, content_sha256);
    free(tensors);
    return status;
}

enum rv_status rv_import_weights(const char *source, const char *output, bool fp16,
                                 struct rv_import_report *report) {
    if (report)
        *report = (struct rv_import_report){.depth = ""};
    struct stat info;
    struct rv_raw_weights raw = {0};
    enum rv_status status = stat(source, &info) == 0 && S_ISDIR(info.st_mode)
                                ? import_folder(source, &raw)
                                : import_file(source, &raw);
    if (status != RV_OK)
        return status;
    char content_sha256[65];
    RV_TRY(rv_raw_weights_check(&raw, source));
    RV_TRY(write_own(output, &raw, fp16, content_sha256));
    if (report) {
        report->depth = rv_weights_depth_name(raw.conv_count);
        report->conv_count = raw.conv_count;
        report->fp16 = fp16;
        memcpy(report->source, raw.source, sizeof report->source);
        memcpy(report->source_sha256, raw.source_sha256, sizeof report->source_sha256);
        memcpy(report->source_md5, raw.source_md5, sizeof report->source_md5);
        memcpy(report->content_sha256, content_sha256, sizeof report->content_sha256);
    }
done:
    rv_raw_weights_finish(&raw);
    return status;
}

static enum rv_status verify(const char *path, const struct rv_inception_file *file,
                             struct rv_verify_report *report) {
    struct rv_weights *weights;
    enum rv_status status = rv_inception_file_fold(file, path, &weights); // checks every number
    if (status != RV_OK)
        return status;
    rv_weights_destroy(&weights);

    SHA256Data(file->safetensors.data, file->safetensors.data_size, report->content_sha256);
    if (file->own && strcmp(file->content_sha256, report->content_sha256) != 0)
        return rv_fail(RV_ERR_WEIGHTS,
                       "%s: its tensors are not those that were written (SHA-256 "
                       "differs): import them again",
                       path);
    report->depth = rv_weights_depth_name(file->conv_count);
    report->conv_count = file->conv_count;
    report->dtype = file->parts[0][RV_KERNEL]->dtype_name;
    report->own = file->own;
    report->pool_counts_padding = file->pool_counts_padding;
    rv_copy_printable(report->source, sizeof report->source, file->source);
    rv_copy_printable(report->source_sha256, sizeof report->source_sha256, file->source_sha256);
    rv_copy_printable(report->source_md5, sizeof report->source_md5, file->source_md5);
    return RV_OK;
}

enum rv_status rv_verify_weights(const char *path, struct rv_verify_report *report) {
    struct rv_verify_report found = {.depth = "", .dtype = ""};
    const uint8_t *bytes;
    size_t size;
    struct rv_inception_file file;
    enum rv_status status = rv_file_map(path, &bytes, &size);
    if (status == RV_OK)
        status = rv_inception_file_init(&file, path, bytes, size);
    if (status == RV_OK) {
        status = verify(path, &file, &found);
        rv_inception_file_finish(&file);
    }
    rv_file_unmap(bytes, size);
    if (report)
        *report = status == RV_OK ? found : (struct rv_verify_report){.depth = "", .dtype = ""};
    return status;
}
