// The table of options.
#include "dream/options.h"

#include <string.h>

#define SEED_MAX 9007199254740991.0 // 2^53 - 1

static const char *const preset_names[] = {
    "reverie",           "google",       "tf",  "tf-tiled",  "keras", "lapnorm",
    "pytorch-deepdream", "neural-dream", "mlx", "crowsonkb", "lucid", NULL};
static const char *const objectives[] = {"mean", "l2", NULL};
static const char *const guides[] = {"columns", "product", "sums", NULL};
static const char *const starts[] = {"picture", "noise", NULL};
static const char *const normalizations[] = {"std", "mean-abs", "rms", "standard", "none", NULL};
static const char *const optimizers[] = {"ascent", "adam", NULL};
static const char *const schedules[] = {"constant", "linear", "cosine", NULL};
static const char *const pyramids[] = {"detail", "reinject", "grow", "plain",
                                       "split",  "expand",   NULL};
static const char *const resizings[] = {"half-pixel", "align-corners", "asymmetric",
                                        "bicubic",    "lanczos",       NULL};
static const char *const clips[] = {"step", "end", NULL};
static const char *const colors[] = {"dream", "original", "matched", NULL};
static const char *const switches[] = {"off", "on", NULL};
static const char *const precisions[] = {"auto", "fp16", "fp32", NULL};

static const struct rv_option options[] = {
    {"preset", "NAME", RV_OPTION_CHOICE, 0, 0, preset_names, "",
     "recipe that supplies every option not given"},
    {"layers", "LIST", RV_OPTION_TEXT, 0, 0, NULL, "",
     "what to make large: NAME[:CHANNEL][@X/Y][=WEIGHT],... or mean(...), l2(...)"},
    {"objective", "KIND", RV_OPTION_CHOICE, 0, 0, objectives, "",
     "mean of the activations, or mean of their squares"},
    {"octaves", "N", RV_OPTION_INT, 1, 32, NULL, "sizes", "sizes to dream at, smallest first"},
    {"octave-scale", "X", RV_OPTION_REAL, 1.05, 4, NULL, "", "ratio of neighbouring sizes"},
    {"iterations", "N", RV_OPTION_INT, 1, 10000, NULL, "steps", "steps at each size"},
    {"step", "X", RV_OPTION_REAL, 1e-6, 10, NULL, "", "length of a step; colours span 2"},
    {"jitter", "N", RV_OPTION_INT, 0, 512, NULL, "pixels",
     "largest random shift before a step; 0 = off"},
    {"border", "N", RV_OPTION_INT, 0, 64, NULL, "positions",
     "edge of each layer that does not count; 0 = off"},
    {"normalize", "KIND", RV_OPTION_CHOICE, 0, 0, normalizations, "",
     "what the gradient is divided by: its deviation, or its mean size"},
    {"pyramid", "KIND", RV_OPTION_CHOICE, 0, 0, pyramids, "",
     "how one size becomes the next (Google's, Keras', TensorFlow's way)"},
    {"resize", "KIND", RV_OPTION_CHOICE, 0, 0, resizings, "", "how pictures are resized"},
    {"clip", "WHEN", RV_OPTION_CHOICE, 0, 0, clips, "",
     "hold colours in range after each step, or at the end"},
    {"max-loss", "X", RV_OPTION_REAL, 1e-6, 1e9, NULL, "",
     "leave a size when the objective passes X; never = do not"},
    {"seed", "N", RV_OPTION_INT, 0, SEED_MAX, NULL, "", "seed of all that is random"},
    {"precision", "KIND", RV_OPTION_CHOICE, 0, 0, precisions, "",
     "numbers kept: fp16 takes half the memory; auto = fp16 on GPUs that have it"},
    {"mask", "FILE", RV_OPTION_PICTURE, 0, 0, NULL, "",
     "where to dream: fully where it is white, not at all where it is black"},
    {"guide", "FILE", RV_OPTION_PICTURE, 0, 0, NULL, "",
     "picture whose features grow, rather than those that are there"},
    {"guide-match", "KIND", RV_OPTION_CHOICE, 0, 0, guides, "",
     "how the guide's features meet the picture's"},
    {"style", "FILE", RV_OPTION_PICTURE, 0, 0, NULL, "", "picture whose style is taken on"},
    {"style-layers", "LIST", RV_OPTION_TEXT, 0, 0, NULL, "",
     "layers whose statistics are the style: NAME[=WEIGHT],..."},
    {"style-weight", "X", RV_OPTION_REAL, 0, 1e6, NULL, "", "weight of the style; 0 = off"},
    {"content-layers", "LIST", RV_OPTION_TEXT, 0, 0, NULL, "",
     "layers that hold the picture's content: NAME[=WEIGHT],..."},
    {"content-weight", "X", RV_OPTION_REAL, 0, 1e6, NULL, "", "weight of the content; 0 = off"},
    {"dream-weight", "X", RV_OPTION_REAL, 0, 1e6, NULL, "",
     "weight of the dream beside style and content; 0 = off"},
    {"start", "KIND", RV_OPTION_CHOICE, 0, 0, starts, "", "what the picture is at first"},
    {"optimizer", "KIND", RV_OPTION_CHOICE, 0, 0, optimizers, "",
     "steps along the normalised gradient, or Adam's"},
    {"schedule", "KIND", RV_OPTION_CHOICE, 0, 0, schedules, "",
     "how the step shrinks over the iterations of a size"},
    {"smooth", "X", RV_OPTION_REAL, 0, 4, NULL, "", "blurs the gradient; 0 = off"},
    {"laplacian", "N", RV_OPTION_INT, 0, 8, NULL, "levels",
     "evens out fine and coarse parts of the gradient; 0 = off"},
    {"tv", "X", RV_OPTION_REAL, 0, 100, NULL, "", "total variation, against noise; 0 = off"},
    {"pull", "X", RV_OPTION_REAL, 0, 100, NULL, "", "draws back to the original; 0 = off"},
    {"flips", "SWITCH", RV_OPTION_CHOICE, 0, 0, switches, "",
     "mirrors the picture at random before a step"},
    {"strength", "X", RV_OPTION_REAL, 0, 128, NULL, "levels",
     "RMS change of a step, whatever its gradient, instead of step; 0 = off"},
    {"max-strength", "X", RV_OPTION_REAL, 0.01, 255, NULL, "levels",
     "end when the picture's RMS change has reached this; never = do not"},
    {"blend", "X", RV_OPTION_REAL, 0.01, 1, NULL, "",
     "the dream's share in the result, the rest the original's"},
    {"colors", "KIND", RV_OPTION_CHOICE, 0, 0, colors, "", "whose colours the result has"},
    {"stretch", "X", RV_OPTION_REAL, 50, 100, NULL, "percent",
     "percentile that becomes white, its opposite black; 0 = off"},
    {"octave-sizes", "LIST", RV_OPTION_TEXT, 0, 0, NULL, "",
     "longest sides in pixels, smallest first, instead of octaves; auto = by those"},
    {"min-size", "N", RV_OPTION_INT, 75, 4096, NULL, "pixels",
     "sizes with a shorter side are left out"},
};

#define FIELD(name, kind)                                                                          \
    { offsetof(struct rv_params, name), sizeof((struct rv_params *)0)->name, RV_FIELD_##kind }

// In the order of `options`.
static const struct rv_field fields[] = {
    FIELD(preset, TEXT),
    FIELD(layers, TEXT),
    FIELD(objective, ENUM),
    FIELD(octaves, UINT32),
    FIELD(octave_scale, FLOAT),
    FIELD(iterations, UINT32),
    FIELD(step, FLOAT),
    FIELD(jitter, INT32_OR_OFF),
    FIELD(border, INT32_OR_OFF),
    FIELD(normalize, ENUM),
    FIELD(pyramid, ENUM),
    FIELD(resize, ENUM),
    FIELD(clip, ENUM),
    FIELD(max_loss, FLOAT_OR_NEVER),
    FIELD(seed, UINT64),
    FIELD(precision, ENUM),
    FIELD(mask, PICTURE),
    FIELD(guide, PICTURE),
    FIELD(guide_match, ENUM),
    FIELD(style, PICTURE),
    FIELD(style_layers, TEXT),
    FIELD(style_weight, FLOAT_OR_OFF),
    FIELD(content_layers, TEXT),
    FIELD(content_weight, FLOAT_OR_OFF),
    FIELD(dream_weight, FLOAT_OR_OFF),
    FIELD(start, ENUM),
    FIELD(optimizer, ENUM),
    FIELD(schedule, ENUM),
    FIELD(smooth, FLOAT_OR_OFF),
    FIELD(laplacian, INT32_OR_OFF),
    FIELD(tv, FLOAT_OR_OFF),
    FIELD(pull, FLOAT_OR_OFF),
    FIELD(flips, ENUM),
    FIELD(strength, FLOAT_OR_OFF),
    FIELD(max_strength, FLOAT_OR_NEVER),
    FIELD(blend, FLOAT),
    FIELD(colors, ENUM),
    FIELD(stretch, FLOAT_OR_OFF),
    FIELD(octave_sizes, TEXT),
    FIELD(min_size, UINT32),
};

#define OPTION_COUNT (sizeof options / sizeof options[0])
_Static_assert(sizeof fields / sizeof fields[0] == OPTION_COUNT, "one field for each option");
_Static_assert(sizeof(enum rv_objective) == sizeof(int), "choices are read and written as int");

const struct rv_option *rv_options(uint32_t *count) {
    if (count)
        *count = OPTION_COUNT;
    return options;
}

const struct rv_field *rv_option_field(uint32_t index) {
    return &fields[index];
}

const struct rv_option *rv_option_find(const char *name, const struct rv_field **field) {
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (strcmp(options[i].name, name) == 0) {
            *field = &fields[i];
            return &options[i];
        }
    }
    return NULL;
}

const struct rv_picture **rv_param_picture(struct rv_params *params, uint32_t index) {
    const struct rv_picture **all[RV_PARAM_PICTURES] = {&params->mask, &params->guide,
                                                        &params->style};
    return all[index];
}
