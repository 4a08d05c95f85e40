// The presets: recipes as data. Sources and formulas stand with the fields of struct rv_params.
#include <string.h>

#include "dream/options.h"

#define NEVER (-1.0f)

// What is so in every preset that does not say otherwise.
#define USUAL                                                                                      \
    .size = sizeof(struct rv_params), .jitter = RV_OFF, .border = RV_OFF, .max_loss = NEVER,       \
    .precision = RV_PRECISION_AUTO, .guide_match = RV_GUIDE_COLUMNS,                               \
    .style_layers = "activation_2,activation_4,mixed0,mixed2", .content_layers = "mixed2",         \
    .style_weight = 1, .content_weight = RV_OFF, .dream_weight = 1, .start = RV_START_PICTURE,     \
    .optimizer = RV_OPTIMIZER_ASCENT, .schedule = RV_SCHEDULE_CONSTANT, .smooth = RV_OFF,          \
    .laplacian = RV_OFF, .tv = RV_OFF, .pull = RV_OFF, .flips = RV_SWITCH_OFF, .strength = RV_OFF, \
    .max_strength = NEVER, .blend = 1, .colors = RV_COLORS_DREAM, .stretch = RV_OFF,               \
    .octave_sizes = "auto", .min_size = 75

// Steps of others' pictures in units of our range, which is 2: of 255 levels, and of ImageNet's
// mean deviation, 0.226 of the levels.
#define LEVELS(x) ((x) / 127.5f)
#define DEVIATIONS(x) ((x)*0.226f * 2)

// GoogLeNet's inception_4c and 4d, which most recipes dream on, have no counterpart in InceptionV3:
// in the adaptations mixed4 stands for them. Half a sum of squares, a norm and a mean of squares
// are the same objective once the gradient is normalised.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init" // what differs from USUAL is named again
static const struct rv_preset presets[] = {
    {.name = "reverie",
     .help = "ours: Google's octaves and jitter, TensorFlow's objective",
     .params = {USUAL, .preset = "reverie", .layers = "mixed3,mixed5",
                .objective = RV_OBJECTIVE_MEAN, .octaves = 4, .octave_scale = 1.4f,
                .iterations = 10, .step = 0.015f, .jitter = 32, .normalize = RV_NORMALIZE_STD,
                .pyramid = RV_PYRAMID_DETAIL, .resize = RV_RESIZE_HALF_PIXEL,
                .clip = RV_CLIP_STEP}},
    {.name = "google",
     .help = "Google's dream.ipynb of 2015, adapted from GoogLeNet",
     .params = {USUAL, .preset = "google", .layers = "mixed4", .objective = RV_OBJECTIVE_L2,
                .octaves = 4, .octave_scale = 1.4f, .iterations = 10, .step = LEVELS(1.5f),
                .jitter = 32, .normalize = RV_NORMALIZE_MEAN_ABS, .pyramid = RV_PYRAMID_DETAIL,
                .resize = RV_RESIZE_ALIGN_CORNERS, .clip = RV_CLIP_STEP}},
    {.name = "tf",
     .help = "TensorFlow 2's DeepDream tutorial, with octaves; exact",
     .params = {USUAL, .preset = "tf", .layers = "mixed3,mixed5", .objective = RV_OBJECTIVE_MEAN,
                .octaves = 5, .octave_scale = 1.3f, .iterations = 50, .step = 0.01f,
                .normalize = RV_NORMALIZE_STD, .pyramid = RV_PYRAMID_GROW,
                .resize = RV_RESIZE_HALF_PIXEL, .clip = RV_CLIP_STEP}},
    // The roll that hides the seams of its tiles of 512 pixels stays; tiles are not needed.
    {.name = "tf-tiled",
     .help = "TensorFlow 2's tutorial, scaled up in tiles; exact up to 512 pixels",
     .params = {USUAL, .preset = "tf-tiled", .layers = "mixed3,mixed5",
                .objective = RV_OBJECTIVE_MEAN, .octaves = 5, .octave_scale = 1.3f,
                .iterations = 100, .step = 0.01f, .jitter = 512, .normalize = RV_NORMALIZE_STD,
                .pyramid = RV_PYRAMID_EXPAND, .resize = RV_RESIZE_HALF_PIXEL,
                .clip = RV_CLIP_STEP}},
    {.name = "keras",
     .help = "Keras' DeepDream example; exact; its layers need the full weights",
     .params = {USUAL, .preset = "keras", .layers = "mixed4,mixed5=1.5,mixed6=2,mixed7=2.5",
                .objective = RV_OBJECTIVE_L2, .octaves = 3, .octave_scale = 1.4f, .iterations = 20,
                .step = 0.01f, .border = 2, .max_loss = 15, .normalize = RV_NORMALIZE_MEAN_ABS,
                .pyramid = RV_PYRAMID_REINJECT, .resize = RV_RESIZE_HALF_PIXEL,
                .clip = RV_CLIP_END}},
    {.name = "lapnorm",
     .help = "TensorFlow 1's notebook, its Laplacian normalisation; adapted from Inception 5h",
     .params = {USUAL, .preset = "lapnorm", .layers = "mixed4", .objective = RV_OBJECTIVE_L2,
                .octaves = 3, .octave_scale = 1.4f, .iterations = 10, .step = LEVELS(1),
                .jitter = 32, .normalize = RV_NORMALIZE_NONE, .laplacian = 4,
                .pyramid = RV_PYRAMID_SPLIT, .resize = RV_RESIZE_ASYMMETRIC, .clip = RV_CLIP_STEP}},
    {.name = "pytorch-deepdream",
     .help = "gordicaleksa's pytorch-deepdream, adapted from VGG 16",
     .params = {USUAL, .preset = "pytorch-deepdream", .layers = "mixed4",
                .objective = RV_OBJECTIVE_L2, .octaves = 4, .octave_scale = 1.8f, .iterations = 10,
                .step = DEVIATIONS(0.09f), .jitter = 32, .smooth = 0.5f,
                .normalize = RV_NORMALIZE_STANDARD, .pyramid = RV_PYRAMID_PLAIN,
                .resize = RV_RESIZE_HALF_PIXEL, .clip = RV_CLIP_STEP}},
    {.name = "neural-dream",
     .help = "ProGamerGov's neural-dream, adapted from GoogLeNet",
     .params = {USUAL, .preset = "neural-dream", .layers = "mixed4", .objective = RV_OBJECTIVE_L2,
                .octaves = 2, .octave_scale = 1.6666667f, .iterations = 50, .step = LEVELS(1.5f),
                .jitter = 32, .optimizer = RV_OPTIMIZER_ADAM, .normalize = RV_NORMALIZE_NONE,
                .pyramid = RV_PYRAMID_PLAIN, .resize = RV_RESIZE_ALIGN_CORNERS,
                .clip = RV_CLIP_STEP}},
    {.name = "mlx",
     .help = "DeepDream-MLX on InceptionV3; its layers need the full weights",
     .params = {USUAL, .preset = "mlx", .layers = "mixed2,mixed7,mixed10",
                .objective = RV_OBJECTIVE_L2, .octaves = 4, .octave_scale = 1.8f, .iterations = 10,
                .step = DEVIATIONS(0.09f), .jitter = 32, .smooth = 0.5f,
                .normalize = RV_NORMALIZE_STANDARD, .pyramid = RV_PYRAMID_PLAIN,
                .resize = RV_RESIZE_HALF_PIXEL, .clip = RV_CLIP_STEP, .min_size = 120}},
    {.name = "crowsonkb",
     .help = "crowsonkb's deep_dream, two sizes an octave down to 128; adapted from GoogLeNet",
     .params = {USUAL, .preset = "crowsonkb", .layers = "mixed4", .objective = RV_OBJECTIVE_L2,
                .octaves = 16, .octave_scale = 1.4142135f, .iterations = 10, .step = LEVELS(1.5f),
                .jitter = 32, .normalize = RV_NORMALIZE_MEAN_ABS, .pyramid = RV_PYRAMID_DETAIL,
                .resize = RV_RESIZE_HALF_PIXEL, .clip = RV_CLIP_STEP, .min_size = 128}},
    // Its Fourier image is what `reverie see` grows; here its optimiser and its evened-out spectrum
    // work on a photograph.
    {.name = "lucid",
     .help = "lucid's way with a photograph: Adam on an evened-out gradient; adapted",
     .params = {USUAL, .preset = "lucid", .layers = "mixed4", .objective = RV_OBJECTIVE_MEAN,
                .octaves = 1, .octave_scale = 1.4f, .iterations = 64, .step = 0.02f, .jitter = 8,
                .laplacian = 4, .optimizer = RV_OPTIMIZER_ADAM, .normalize = RV_NORMALIZE_NONE,
                .pyramid = RV_PYRAMID_PLAIN, .resize = RV_RESIZE_HALF_PIXEL, .clip = RV_CLIP_STEP}},
};
#pragma GCC diagnostic pop

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
