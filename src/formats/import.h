// Bringing weights into Reverie's own file, and checking such a file.
#ifndef RV_FORMATS_IMPORT_H
#define RV_FORMATS_IMPORT_H

#include "reverie/reverie.h"

struct rv_import_report {
    const char *depth;       // the deepest layer the weights reach: "mixed5"; static
    uint32_t conv_count;     // of 94
    bool fp16;               // kernels were written as fp16
    char source[128];        // what was imported, in words
    char source_sha256[65];  // of the source's files (several: one after the other)
    char source_md5[33];     // of a Keras file, whose publisher gives only that; else ""
    char content_sha256[65]; // of the tensors written
};

// Imports weights from `source` and writes them to `output`, whole or not at all; `fp16` halves the
// file by rounding the kernels to half precision (batch normalisation stays fp32). The source is
// - a folder: the unpacked npm package nsfwjs, or its dist/models/inception_v3 (up to mixed5), or
// - a file: Keras' "..._notop.h5", or safetensors: our own, or with timm's and torchvision's names.
// `report` may be NULL. Not to be called from two threads at once (libhdf5).
enum rv_status rv_import_weights(const char *source, const char *output, bool fp16,
                                 struct rv_import_report *report);

struct rv_verify_report {
    const char *depth;        // static
    uint32_t conv_count;      // of 94
    const char *dtype;        // of the kernels: "F32" or "F16"; static
    bool own;                 // written by rv_import_weights, else foreign safetensors
    bool pool_counts_padding; // average pooling: "include_padding", else "exclude_padding"
    char source[128];         // "" for a foreign file
    char source_sha256[65];   // "" = not stated
    char source_md5[33];      // "" = not stated
    char content_sha256[65];  // of the tensors as they are now
};

// Checks a weights file completely: names, types, shapes, finiteness, and in a file of our own that
// the tensors are those that were written (content hash). `report` may be NULL.
enum rv_status rv_verify_weights(const char *path, struct rv_verify_report *report);

#endif
