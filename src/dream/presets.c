// The presets: recipes as data. Sources and formulas stand with the fields of struct rv_params.
#include <string.h>

#include "dream/options.h"

#define NEVER (-1.0f)

// What only our own and later options have: what it is in every preset that does not say otherwise.
#define USUAL                                                                                      \
    .size = sizeof(struct rv_params), .precision = RV_PRECISION_AUTO,                              \
    .guide_match = RV_GUIDE_COLUMNS, .style_layers = "activation_2,activation_4,mixed0,mixed2",    \
    .content_layers = "mixed2", .style_weight = 1, .content_weight = RV_OFF, .dream_weight = 1,    \
    .start = RV_START_PICTURE, .optimizer = RV_OPTIMIZER_ASCENT, .schedule = RV_SCHEDULE_CONSTANT, \
    .smooth = RV_OFF, .laplacian = RV_OFF, .tv = RV_OFF, .pull = RV_OFF, .flips = RV_SWITCH_OFF,   \
    .strength = RV_OFF, .max_strength = NEVER, .blend = 1, .colors = RV_COLORS_DREAM,              \
    .stretch = RV_OFF, .octave_sizes = "auto", .min_size = 75

static const struct rv_preset presets[] = {
    {.name = "reverie",
     .help = "ours: Google's octaves and jitter, TensorFlow's objective",
     .params = {USUAL, .preset = "reverie", .layers = "mixed3,mixed5",
                .objective = RV_OBJECTIVE_MEAN, .octaves = 4, .octave_scale = 1.4f,
                .iterations = 10, .step = 0.015f, .jitter = 32, .border = RV_OFF, .max_loss = NEVER,
                .normalize = RV_NORMALIZE_STD, .pyramid = RV_PYRAMID_DETAIL,
                .resize = RV_RESIZE_HALF_PIXEL, .clip = RV_CLIP_STEP}},
    {.name = "tf",
     .help = "TensorFlow's DeepDream tutorial, the version with octaves",
     .params = {USUAL, .preset = "tf", .layers = "mixed3,mixed5", .objective = RV_OBJECTIVE_MEAN,
                .octaves = 5, .octave_scale = 1.3f, .iterations = 50, .step = 0.01f,
                .jitter = RV_OFF, .border = RV_OFF, .max_loss = NEVER,
                .normalize = RV_NORMALIZE_STD, .pyramid = RV_PYRAMID_GROW,
                .resize = RV_RESIZE_HALF_PIXEL, .clip = RV_CLIP_STEP}},
    // The notebook runs GoogLeNet to inception_4c, which has no counterpart in InceptionV3: mixed4
    // is our choice. Its step is 1.5 of 255 levels, 1.5 / 127.5 of our range; its objective is half
    // the sum of squares, the same as l2 once the gradient is normalised.
    {.name = "google",
     .help = "Google's dream.ipynb, adapted: it ran on another network",
     .params = {USUAL, .preset = "google", .layers = "mixed4", .objective = RV_OBJECTIVE_L2,
                .octaves = 4, .octave_scale = 1.4f, .iterations = 10, .step = 1.5f / 127.5f,
                .jitter = 32, .border = RV_OFF, .max_loss = NEVER,
                .normalize = RV_NORMALIZE_MEAN_ABS, .pyramid = RV_PYRAMID_DETAIL,
                .resize = RV_RESIZE_ALIGN_CORNERS, .clip = RV_CLIP_STEP}},
    {.name = "keras",
     .help = "Keras' DeepDream example; its layers need the full weights",
     .params = {USUAL, .preset = "keras", .layers = "mixed4,mixed5=1.5,mixed6=2,mixed7=2.5",
                .objective = RV_OBJECTIVE_L2, .octaves = 3, .octave_scale = 1.4f, .iterations = 20,
                .step = 0.01f, .jitter = RV_OFF, .border = 2, .normalize = RV_NORMALIZE_MEAN_ABS,
                .pyramid = RV_PYRAMID_REINJECT, .resize = RV_RESIZE_HALF_PIXEL, .clip = RV_CLIP_END,
                .max_loss = 15}},
};

const struct rv_preset *rv_presets(uint32_t *count) {
    if (count)
        *count = sizeof presets / sizeof presets[0];
    return presets;
}

const struct rv_preset *rv_preset_find(const char *name) {
    for (size_t i = 0; i < sizeof presets / sizeof presets[0]; i++) {
        if (strcmp(presets[i].name, *name ? name : presets[0].name) == 0)
            return &presets[i];
    }
    return NULL;
}
