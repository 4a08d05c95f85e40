// The TensorFlow.js model of the npm package nsfwjs: a Keras InceptionV3 whose layers up to mixed5
// were left as trained on ImageNet. The deeper ones were trained further, for content moderation,
// and are never read.
#ifndef RV_FORMATS_TFJS_H
#define RV_FORMATS_TFJS_H

#include "formats/raw_weights.h"

#define RV_TFJS_BLOCK 6 // mixed5, as in rv_convs_to_block
#define RV_TFJS_MODEL "model.min.js"

// One entry of the model's manifest: where a tensor lies in the joined shards, and how the bytes q
// become numbers: q * scale + min.
struct rv_tfjs_tensor {
    const char *name; // borrowed from the model
    size_t offset, count;
    uint64_t shape[4];
    uint32_t rank;
    double scale, min;
};

struct rv_tfjs_model {
    void *root;                     // json_t *, owned
    struct rv_tfjs_tensor *tensors; // owned
    size_t tensor_count;
    size_t data_size; // bytes of all tensors
};

// Parses the module `model.min.js` and checks that its layers up to mixed5 are InceptionV3's and
// not trained further. RV_ERR_WEIGHTS otherwise, with nothing to finish.
enum rv_status rv_tfjs_model_init(struct rv_tfjs_model *model, const char *label, const char *text,
                                  size_t size);
void rv_tfjs_model_finish(struct rv_tfjs_model *model);

// The names of the shards, without ".min.js", all of them plain file names. Borrowed.
size_t rv_tfjs_shard_count(const struct rv_tfjs_model *model);
const char *rv_tfjs_shard_name(const struct rv_tfjs_model *model, size_t index);

// Takes the tensors up to mixed5 out of the joined shards, which must be model->data_size bytes.
// As TensorFlow.js does, q * scale + min is computed in double and stored as float32.
enum rv_status rv_tfjs_extract(const struct rv_tfjs_model *model, const char *label,
                               const uint8_t *data, size_t size, struct rv_raw_weights *raw);

// All of it, from the folder that holds model.min.js and the shards.
enum rv_status rv_tfjs_import(const char *folder, struct rv_raw_weights *raw);

#endif
