// The safetensors container: eight bytes of little-endian header length, a JSON object that names
// tensors, their types, shapes and byte ranges, then the bytes.
#ifndef RV_FORMATS_SAFETENSORS_H
#define RV_FORMATS_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "reverie/reverie.h"

#define RV_TENSOR_MAX_RANK 8

enum rv_dtype {
    RV_DTYPE_F32,
    RV_DTYPE_F16,
    RV_DTYPE_OTHER // a known type that Reverie has no use for, in tensors it ignores
};

// One tensor of a parsed file. `data` is not aligned.
struct rv_tensor {
    const char *name;       // borrowed from the file
    const char *dtype_name; // "F32"; static
    enum rv_dtype dtype;
    uint32_t rank;
    uint64_t shape[RV_TENSOR_MAX_RANK];
    uint64_t begin, end; // within the data section
    const uint8_t *data; // end - begin bytes, borrowed from the bytes given to parse
};

struct rv_safetensors {
    void *header;              // json_t *, owned
    struct rv_tensor *tensors; // owned, in the order of their bytes
    size_t tensor_count;
    const uint8_t *data; // the whole data section, borrowed
    size_t data_size;
};

// Parses a whole file held in memory, which must outlive `file`. `label` names it in errors. The
// tensors must tile the data section exactly: no gap, no overlap, nothing after the last. Anything
// else is RV_ERR_WEIGHTS and leaves nothing to finish.
enum rv_status rv_safetensors_init(struct rv_safetensors *file, const char *label,
                                   const uint8_t *bytes, size_t size);
void rv_safetensors_finish(struct rv_safetensors *file);

// The tensor of that name, or NULL. Borrowed until finish.
const struct rv_tensor *rv_safetensors_find(const struct rv_safetensors *file, const char *name);

// A text of the file's __metadata__, or NULL. Borrowed until finish.
const char *rv_safetensors_metadata(const struct rv_safetensors *file, const char *key);

// Converts an F32 or F16 tensor of `count` elements.
void rv_tensor_read(const struct rv_tensor *tensor, float *values, size_t count);

// One tensor to be written, from float32 values.
struct rv_tensor_source {
    char name[64];
    enum rv_dtype dtype; // F32 or F16
    uint32_t rank;
    uint64_t shape[4];
    const float *values; // borrowed during the call
};

struct rv_metadata {
    const char *key, *value;
};

// Writes a file, whole or not at all: the tensors in the order given and the metadata, to which
// "content_sha256", the SHA-256 of the data section, is added and also copied to `content_sha256`.
// A value beyond the range of F16 is RV_ERR_WEIGHTS.
enum rv_status rv_safetensors_write(const char *path, const struct rv_tensor_source *tensors,
                                    size_t tensor_count, const struct rv_metadata *metadata,
                                    size_t metadata_count, char content_sha256[65]);

#endif
