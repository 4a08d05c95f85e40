// The layers an objective can name, under Keras' and torchvision's names.
#ifndef RV_NET_LAYERS_H
#define RV_NET_LAYERS_H

#include "reverie/reverie.h"
#include "net/inception_v3.h"

// What tensor a layer name stands for. `index` counts within the kind.
enum rv_layer_kind {
    RV_LAYER_CONV,       // conv2d_<index>: before batch normalisation; torchvision "X.conv"
    RV_LAYER_BATCH_NORM, // batch_normalization_<index>: before ReLU; torchvision "X.bn"
    RV_LAYER_ACTIVATION, // activation_<index>: after ReLU; torchvision "X"
    RV_LAYER_MAX_POOL,   // max_pooling2d_<index>: 0, 1 in the stem, 2 in mixed3, 3 in mixed8
    RV_LAYER_CONCAT,     // 0: mixed9_0, 1: concatenate, 2: mixed9_1, 3: concatenate_1
    RV_LAYER_BLOCK       // mixed<index>
};

struct rv_layer {
    struct rv_layer_info info; // a copy of the public description
    enum rv_layer_kind kind;
    uint8_t index;
};

// What is made large: a layer or a part of it, by itself or beside that of another picture, and how
// much of it.
#define RV_TARGET_MAX 16                       // of a list
#define RV_PLAN_TARGET_MAX (3 * RV_TARGET_MAX) // of a dream: its own, its style's, its content's

enum rv_target_kind {
    RV_TARGET_DREAM,         // the activations, by `objective`
    RV_TARGET_GUIDE_COLUMNS, // what enum rv_guide says
    RV_TARGET_GUIDE_PRODUCT,
    RV_TARGET_GUIDE_SUMS,
    RV_TARGET_STYLE,  // the Gram matrix comes close to the style's
    RV_TARGET_CONTENT // the activations come close to the content's
};

struct rv_target {
    const struct rv_layer *layer;
    int32_t channel;             // -1 = all
    float weight;                // any finite number but 0; negative makes the layer small
    enum rv_objective objective; // DEFAULT = the request's
    enum rv_target_kind kind;
    bool neuron; // only the position at these fractions of the layer's width and height
    float x, y;  // 0..1
};

// Whether these targets can only be had of a whole picture, not of its tiles.
static inline bool rv_target_needs_whole(const struct rv_target *target) {
    return target->neuron || target->kind == RV_TARGET_GUIDE_PRODUCT ||
           target->kind == RV_TARGET_STYLE || target->kind == RV_TARGET_CONTENT;
}

// The layer behind a public description, found by its Keras name; NULL if that is none of ours.
const struct rv_layer *rv_layer_of(const struct rv_layer_info *info);

#endif
