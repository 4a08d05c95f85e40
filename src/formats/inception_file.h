// InceptionV3 in a safetensors file: one that Reverie wrote, or one with timm's and torchvision's
// names.
#ifndef RV_FORMATS_INCEPTION_FILE_H
#define RV_FORMATS_INCEPTION_FILE_H

#include "formats/raw_weights.h"

// The value of the metadata key "format" in files that Reverie writes.
#define RV_INCEPTION_FORMAT "reverie-1"

// The network's tensors found in a file, and what the metadata says.
struct rv_inception_file {
    struct rv_safetensors safetensors;
    const struct rv_tensor *parts[RV_CONV_COUNT][RV_PART_COUNT]; // gamma NULL if there is none
    uint32_t conv_count;
    bool has_gamma;
    bool own;                 // Reverie's own format: the fields below are set
    bool pool_counts_padding; // true unless the metadata say otherwise
    const char *source, *source_sha256, *source_md5, *content_sha256; // "" = not stated
};

// Parses a whole file held in memory, which must outlive `file`, and finds the network in it:
// names, types and shapes. How far the network goes follows from which convolutions are complete;
// a foreign file must hold all 94. Tensors of other names are ignored. RV_ERR_WEIGHTS, naming the
// first tensor at fault, leaves nothing to finish.
enum rv_status rv_inception_file_init(struct rv_inception_file *file, const char *label,
                                      const uint8_t *bytes, size_t size);
void rv_inception_file_finish(struct rv_inception_file *file);

// Folds a parsed file into weights for use.
enum rv_status rv_inception_file_fold(const struct rv_inception_file *file, const char *label,
                                      struct rv_weights **weights);

// Copies a parsed file's parts and metadata.
enum rv_status rv_inception_file_copy(const struct rv_inception_file *file,
                                      struct rv_raw_weights *raw);

#endif
