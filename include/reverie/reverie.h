// Reverie: DeepDream on any Vulkan device.
//
// Conventions of this header
// - Every function that can fail returns `enum rv_status`; rv_error_text() then says what was
//   wrong, where, and what to do. Out pointers are NULL (or zeroed) on failure.
// - Every parameter struct is valid as `{0}`, which means the documented default for every field.
// - Ownership: *owned* is freed by its holder; *borrowed until X returns* is only read during the
//   call; *retained* must outlive the object that was given it.
// - `create/destroy` pairs allocate; a destroy takes the address of the handle, accepts NULL and
//   pointers to NULL, and clears the handle.
// - The library never prints, never exits, never aborts.
#ifndef REVERIE_REVERIE_H
#define REVERIE_REVERIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32)
#define RV_API
#else
#define RV_API __attribute__((visibility("default")))
#endif

#define RV_VERSION_MAJOR 0
#define RV_VERSION_MINOR 1
#define RV_VERSION_PATCH 0
#define RV_VERSION "0.1.0"

// The version of the library that is running, "major.minor.patch". Static. Thread-safe.
RV_API const char *rv_version(void);

// What a build may have or lack, as bits.
enum rv_feature {
    RV_FEATURE_COOPMAT = 1, // kernels on VK_KHR_cooperative_matrix
    RV_FEATURE_COOPMAT2 = 2 // kernels on VK_NV_cooperative_matrix2
};

// What the library that is running has: an "or" of enum rv_feature. Thread-safe.
RV_API uint32_t rv_features(void);

// ------------------------------------------------------------------------------------------------
// Errors

// Each value tells the caller what can be done about it.
enum rv_status {
    RV_OK = 0,
    RV_ERR_USAGE,       // the call or an option breaks a documented rule: correct it
    RV_ERR_INPUT,       // a picture or other input is malformed or of an unusable size: replace it
    RV_ERR_IO,          // a file cannot be read or written: check path, permission, space
    RV_ERR_WEIGHTS,     // weights are missing, damaged, or too shallow for the layer: import them
    RV_ERR_NO_MEMORY,   // host or device memory is short: use a smaller picture
    RV_ERR_NO_DEVICE,   // no loader, no driver, no suitable device: see `reverie devices`
    RV_ERR_DEVICE_LOST, // the driver gave the device up: destroy the context and start again
    RV_ERR_NUMERIC,     // the gradient is zero or not finite: change layers, step or picture
    RV_ERR_CANCELLED    // a callback asked to stop; the picture so far is valid
};

// The text of this thread's last error: one line, no newline. Valid until the next failing call in
// the same thread. Empty if nothing has failed yet. Thread-safe (the text is the thread's own).
RV_API const char *rv_error_text(void);

// A short name of a status, such as "out of memory". Static. Thread-safe.
RV_API const char *rv_status_name(enum rv_status status);

enum rv_log_level { RV_LOG_ERROR = 0, RV_LOG_WARNING, RV_LOG_INFO, RV_LOG_DEBUG };

// Receives one message a call: UTF-8, no newline, valid during the call only. May be called from
// any thread that is inside an rv_ function of the same context.
typedef void (*rv_log_fn)(void *user, enum rv_log_level level, const char *message);

// ------------------------------------------------------------------------------------------------
// Pictures

// A picture in host memory: float32, RGB interleaved, rows from the top, no padding between rows.
// Shape [height, width, 3]; nominal range 0..1 in the sRGB encoding (as stored in an 8-bit file,
// divided by 255). Who owns `pixels` is said by the function that takes or gives the picture.
struct rv_picture {
    uint32_t width, height; // pixels
    float *pixels;          // [height * width * 3]
};

// Frees `pixels` of a picture the library filled in and zeroes the struct. Thread-safe.
RV_API void rv_picture_free(struct rv_picture *picture);

// ------------------------------------------------------------------------------------------------
// Devices and the context

enum rv_device_type {
    RV_DEVICE_OTHER = 0,
    RV_DEVICE_DISCRETE,
    RV_DEVICE_INTEGRATED,
    RV_DEVICE_VIRTUAL,
    RV_DEVICE_CPU
};

// A set of kernels that a device may run.
struct rv_profile_info {
    const char *name; // "scalar", "coopmat", "coopmat2", "cpu"; static
    bool available;
    char reason[96]; // why it is not; empty otherwise
};
#define RV_PROFILES 4

struct rv_device_info {
    uint32_t index;   // position in the loader's order; a valid `device` selector
    char name[256];   // as the driver reports it
    char driver[256]; // driver's name and version
    enum rv_device_type type;
    uint8_t uuid[16]; // VkPhysicalDeviceIDProperties::deviceUUID
    uint32_t vendor_id, device_id;
    uint32_t api_version;       // packed as VK_MAKE_API_VERSION
    uint64_t memory_bytes;      // size of the largest device-local heap
    uint64_t memory_free_bytes; // the driver's present budget for that heap; 0 = not reported
    uint32_t subgroup_size;     // invocations
    bool fp16;                  // shaderFloat16 and 16-bit storage
    bool usable;                // meets Reverie's requirements (Vulkan 1.2 with a compute queue)
    char profile[16];           // the profile that is used, or would be; "" if none can be
    struct rv_profile_info profiles[RV_PROFILES]; // all of them, in the order of preference here
    char reason[256];                             // why it is not usable; empty otherwise
};

// Lists the Vulkan devices. On entry *count is the capacity of `devices`; on return the number of
// devices present (which may be larger; only the capacity is filled). `devices` may be NULL if
// *count is 0. Fails with RV_ERR_NO_DEVICE if there is no loader or no driver; the text says which.
// Thread-safe. Blocks while drivers load.
RV_API enum rv_status rv_devices(struct rv_device_info *devices, uint32_t *count);

// A device with its queue and compiled kernels. Thread-safety: one call at a time per context.
typedef struct rv_context rv_context;

struct rv_context_params {
    size_t size;           // sizeof(struct rv_context_params); 0 = this version's size
    const char *device;    // index, UUID in hex, or part of a name in any case; NULL or "" = best
                           // of discrete, integrated, virtual; a CPU device only if nothing else
                           // exists. "cpu" chooses a CPU device. Borrowed until create returns.
    const char *cache_dir; // where pipeline caches live; NULL = $XDG_CACHE_HOME/reverie or
                           // ~/.cache/reverie; "" = keep none. Borrowed until create returns.
    rv_log_fn log;         // NULL = silent
    void *log_user;        // passed to `log`
    bool validate;         // load VK_LAYER_KHRONOS_validation with synchronization validation;
                           // fails with RV_ERR_NO_DEVICE if the layer is absent
    uint64_t memory_bytes; // device memory that a dream or a probe may take: pictures that need
                           // more are worked on in overlapping tiles, whose seams cannot be seen;
                           // below what the smallest tiles take, RV_ERR_NO_MEMORY names that. 0 =
                           // nine tenths of what the driver says is free or, where it says nothing,
                           // three quarters of the heap: then a guide, exceeded if it must be
    const char *profile;   // the set of kernels: a name of rv_profile_info; NULL or "" =
                           // $REVERIE_PROFILE, else the best available whose self-test passes.
                           // Borrowed until create returns.
    bool no_tune;          // take the shipped choice of kernels rather than measure, once for a
                           // device and driver, which are faster; results are the same bytes
};

// Opens a device. `params` may be NULL. On failure *context is NULL.
// Thread-safe. Blocks while the driver starts.
RV_API enum rv_status rv_context_create(const struct rv_context_params *params,
                                        rv_context **context);
// Destroys the context, a lost one too; its sessions must be ended before. Waits for work it
// submitted.
RV_API void rv_context_destroy(rv_context **context);
// What the context runs on. Owned by the context.
RV_API const struct rv_device_info *rv_context_device(const rv_context *context);
// Warnings and errors that the validation layer has reported so far; 0 unless `validate`.
RV_API uint32_t rv_context_validation_messages(const rv_context *context);

// ------------------------------------------------------------------------------------------------
// Weights and layers

// The weights of InceptionV3 in host memory, batch normalisation folded. Immutable once loaded, so
// it may be used from any thread.
typedef struct rv_weights rv_weights;

// Loads a safetensors file: one that `reverie weights import` wrote, or one with timm's and
// torchvision's names. Checks names, shapes, types and finiteness.
// `path` NULL = $REVERIE_WEIGHTS, else the default places (see rv_weights_default_path).
RV_API enum rv_status rv_weights_load(const char *path, rv_weights **weights);
RV_API void rv_weights_destroy(rv_weights **weights);

// Where weights are looked for when no path is given: $REVERIE_WEIGHTS; else
// inception_v3.safetensors in $XDG_DATA_HOME/reverie (~/.local/share/reverie), else in
// share/reverie in the folder that holds this library (or the program it is linked into) or in one
// of the four above it, such as the prefix of an installation. Writes the first that exists, or the
// first that was looked at if none does. Thread-safe.
RV_API void rv_weights_default_path(char *path, size_t capacity);

// Random weights of the right shapes (He-uniform kernels), a pure function of `seed`: for tests and
// speed measurements of layers that the default weights lack.
RV_API enum rv_status rv_weights_random(uint64_t seed, rv_weights **weights);

// The deepest layer these weights reach: "mixed5" for the default file, "mixed10" for a full one.
RV_API const char *rv_weights_depth(const rv_weights *weights);

struct rv_layer_info {
    const char *name;        // Keras' name: "mixed5", "conv2d_27", "activation_27", ...
    const char *torchvision; // torchvision's name of the same tensor: "Mixed_6c", ...; "" if none
    uint32_t channels;
    uint32_t stride;          // picture pixels per position
    uint32_t block;           // 0 = stem, 1 = mixed0, ... 11 = mixed10
    bool is_block;            // a mixedN layer (what the layer pickers offer first)
    uint32_t receptive_field; // picture pixels, along a side, that one position depends on
};

// All layers that an objective can name, from the stem up. Static. Thread-safe.
RV_API const struct rv_layer_info *rv_layers(uint32_t *count);
// The layer of that Keras or torchvision name, or NULL. Thread-safe.
RV_API const struct rv_layer_info *rv_layer_find(const char *name);
// The known name closest to `name` by edit distance, for "did you mean". Static. Thread-safe.
RV_API const char *rv_layer_nearest(const char *name);
// True if these weights reach that layer.
RV_API bool rv_weights_reach(const rv_weights *weights, const struct rv_layer_info *layer);

// ------------------------------------------------------------------------------------------------
// Parameters

// What is made large. With a the layer's activations (border excluded), N their number including
// the border, w the layer's weight; of a neuron a is what is at its position, N its channels:
enum rv_objective {
    RV_OBJECTIVE_DEFAULT = 0, // the preset's
    RV_OBJECTIVE_MEAN,        // sum over layers of w * sum(a) / N
    RV_OBJECTIVE_L2           // sum over layers of w * sum(a^2) / N
};

// What a guide picture's features are to the dream's, at each layer, in place of the objective.
// With x the dream's activations (border excluded), y the guide's, p a position, w and N as above;
// y comes from the guide at its own size, at most 512 pixels on its longer side, but for PRODUCT:
enum rv_guide {
    RV_GUIDE_DEFAULT = 0, // the preset's
    RV_GUIDE_COLUMNS, // w / N * sum of x(p) . y(q), where q(p) is the position of the guide whose
                      // dot product with x(p) is largest: the gradient at p is that column of y
                      // (Google's notebook, dream.ipynb)
    RV_GUIDE_PRODUCT, // w / N * sum of x(p) . y(p), the guide resized to the octave and rolled as
                      // the picture is (DeepDream-MLX). Costs a second pass forward a step, and
                      // needs the whole picture at once
    RV_GUIDE_SUMS     // w / N * sum of x(p) . mean of y: the gradient is every channel's mean in
                      // the guide (crowsonkb's sum, over the number of positions)
};

// What the picture is at first.
enum rv_start {
    RV_START_DEFAULT = 0, // the preset's
    RV_START_PICTURE,     // the input
    RV_START_NOISE        // noise of the seed, of the input's size, from 0.4 to 0.6: the input is
                          // content only. It takes more and longer steps than a photograph, such
                          // as 40 of 0.04
};

// What the gradient is divided by before a step: numbers of the whole picture's, all channels taken
// together, after what smooths and steadies it.
enum rv_normalize {
    RV_NORMALIZE_DEFAULT = 0, // the preset's
    RV_NORMALIZE_STD,         // its population standard deviation + 1e-8 (TensorFlow's tutorial)
    RV_NORMALIZE_MEAN_ABS,    // max(mean |g|, 1e-6) (Google's notebook, Keras' example)
    RV_NORMALIZE_RMS,         // max(root of the mean of g^2, 1e-8)
    RV_NORMALIZE_STANDARD,    // (g - mean) / (standard deviation + 1e-8) (pytorch-deepdream)
    RV_NORMALIZE_NONE         // nothing
};

// How a step follows from the gradient.
enum rv_optimizer {
    RV_OPTIMIZER_DEFAULT = 0, // the preset's
    RV_OPTIMIZER_ASCENT,      // step * normalised gradient
    RV_OPTIMIZER_ADAM         // Adam (Kingma and Ba, 2014) of that, beta 0.9 and 0.999, epsilon
                              // 1e-8, begun anew at each octave: its learning rate is `step`
};

// How the step's length, or its strength, changes over an octave's iterations.
enum rv_schedule {
    RV_SCHEDULE_DEFAULT = 0, // the preset's
    RV_SCHEDULE_CONSTANT,
    RV_SCHEDULE_LINEAR, // from the whole step down to a tenth of it
    RV_SCHEDULE_COSINE  // the same along half a cosine
};

// How the picture of one octave becomes the next.
enum rv_pyramid {
    RV_PYRAMID_DEFAULT = 0, // the preset's
    RV_PYRAMID_DETAIL,      // Google: detail = result - base is carried up and added before ascent
    RV_PYRAMID_REINJECT,    // Keras: the original's detail lost by shrinking is added after ascent
    RV_PYRAMID_GROW,  // TensorFlow: the result is resized, octaves run past the picture's size
                      // (exponents -2..+2 for five octaves), quantised to 8 bits between
                      // octaves, and the last is resized back
    RV_PYRAMID_PLAIN, // pytorch-deepdream: the result is resized, nothing is put back
    RV_PYRAMID_SPLIT, // TensorFlow 1's notebook: the high frequencies that each shrinking lost are
                      // added before the ascent
    RV_PYRAMID_EXPAND // as GROW, without cutting to 8 bits (TensorFlow's tutorial, in tiles)
};

// How pictures are resized between octaves (no antialiasing).
enum rv_resize {
    RV_RESIZE_DEFAULT = 0,   // the preset's
    RV_RESIZE_HALF_PIXEL,    // bilinear, pixel centres at half coordinates (TensorFlow 2, Keras)
    RV_RESIZE_ALIGN_CORNERS, // bilinear, corner pixels coincide (scipy.ndimage.zoom, Google)
    RV_RESIZE_ASYMMETRIC,    // bilinear, source = target * scale (TensorFlow 1)
    RV_RESIZE_BICUBIC,       // Keys' cubic, a = -0.75, half pixels (PyTorch)
    RV_RESIZE_LANCZOS        // Lanczos of 3 lobes, half pixels, renormalised
};

// When the picture is held within the network's input range [-1, 1].
enum rv_clip {
    RV_CLIP_DEFAULT = 0, // the preset's
    RV_CLIP_STEP,        // after every step (Google's notebook, TensorFlow's tutorial)
    RV_CLIP_END          // once, when the picture is finished (Keras' example)
};

// Whose colours the finished picture has.
enum rv_colors {
    RV_COLORS_DEFAULT = 0, // the preset's
    RV_COLORS_DREAM,       // its own
    RV_COLORS_ORIGINAL,    // the dream's luminance (Rec. 601 luma) with the original's chroma
    RV_COLORS_MATCHED      // each channel's histogram is that of the original
};

enum rv_switch { RV_SWITCH_DEFAULT = 0, RV_SWITCH_OFF, RV_SWITCH_ON };

// How tensors and weights are kept on the device. Sums are always 32 bits. Halves need half the
// memory and give the gradient to about 3e-3 (1 - cosine). Every device can do both.
enum rv_precision {
    RV_PRECISION_DEFAULT = 0, // the preset's
    RV_PRECISION_AUTO,        // FP16 on a GPU that calculates in halves, else FP32
    RV_PRECISION_FP16,
    RV_PRECISION_FP32
};

#define RV_OFF (-1) // for fields that say so: explicitly none

// How to dream. Zero (or an empty string) in a field means: what the preset says; the preset
// itself defaults to "reverie". rv_params_resolve() fills everything in.
struct rv_params {
    size_t size;     // sizeof(struct rv_params); 0 = this version's size
    char preset[32]; // a name of rv_presets(): "reverie", "tf", "google", ...
    // What is made large: "mixed3,mixed5=0.5,mixed4:77". A layer's name, then, if wanted, its
    // ":channel"; "@x/y", one position, as fractions 0..1 of the layer's width and height, or
    // "@centre" (such a neuron needs the whole picture at once); "=weight", which may be negative.
    // At most 16. Layers of an objective of their own stand in its parentheses:
    // "mean(mixed3),l2(mixed5:77)=0.5"
    char layers[480];
    enum rv_objective objective;
    uint32_t octaves;    // number of sizes, 1..32
    float octave_scale;  // ratio of neighbouring sizes, 1.05..4
    uint32_t iterations; // gradient steps an octave, 1..10000
    float step;          // step along the normalised gradient, in units of the network's
                         // input range [-1, 1], > 0 .. 10
    int32_t jitter;      // largest random shift in pixels, each axis, each step, 1..512;
                         // RV_OFF = none
    int32_t border;      // activations left out of the objective at each edge, 1..64;
                         // RV_OFF = none
    enum rv_normalize normalize;
    enum rv_pyramid pyramid;
    enum rv_resize resize;
    enum rv_clip clip;
    float max_loss;              // an octave ends after the step at which the loss passes this;
                                 // negative = never
    uint64_t seed;               // of the jitter, 0..2^53-1 so that JSON holds it exactly; 0 is a
                                 // seed like any other
    enum rv_precision precision; // rv_precision_of says what `auto` comes to on a device

    // Pictures that help, NULL = none. Borrowed until the function that takes the parameters
    // returns: a session keeps copies, which rv_session_params shows.
    const struct rv_picture *mask;  // where to dream, and how strongly: steps are multiplied by its
                                    // luminance (Rec. 601), resized to each octave: white = fully,
                                    // black = not at all. What is black stays the input, but that
                                    // RV_PYRAMID_GROW resizes and quantises all of it
    const struct rv_picture *guide; // its features grow, rather than those that are there
    const struct rv_picture *style; // its style is taken on, see style_layers

    enum rv_guide guide_match;
    // The style's part of the objective, at each of its layers, with F the activations, channels x
    // positions, and w the layer's weight: -w * |G - A|^2 / |A|^2, where G = F F^T / (channels *
    // positions) is the Gram matrix, as neural-style normalises it, A the style picture's (resized
    // to the octave's longer side, unless it is smaller), and |.|^2 the sum of the squared
    // elements. So 0 is the style itself, and w is what a picture without any features would lose:
    // layers, pictures and sizes weigh alike. Needs the whole picture at once, as does the content.
    char style_layers[160]; // names, "=weight"
    // The content's part, at each of its layers: -w / N * sum((x - y)^2), y the input's
    // activations, rolled as the picture is: the mean squared difference. Costs a second pass
    // forward a step.
    char content_layers[160]; // names, "=weight"
    float style_weight;       // all of the style's weights are multiplied by it, 0..1e6; RV_OFF =
                              // none. Only with `style`
    float content_weight;     // the same of the content's; RV_OFF = none
    // At weight 1 the gradients are of similar size: on a photograph of 160 x 112 pixels, norms of
    // 0.10 for the dream (mixed3, mixed5), 0.10 for a content, 0.06 to 0.23 for each style layer.
    float dream_weight; // and of the dream's (or the guide's), if there are style or content
                        // beside it; RV_OFF = none
    enum rv_start start;

    // From the gradient to the step: tv, pull, smooth, laplacian, normalize, optimizer, schedule,
    // strength, mask, clip, in this order. Total variation and the pull count against the
    // objective, as sums over the picture's N values x, which the network takes in -1..1; o is the
    // original at the octave's size.
    enum rv_optimizer optimizer;
    enum rv_schedule schedule;
    float smooth;      // 0..4: the gradient becomes the mean of three Gaussian blurs of 9 x 9
                       // pixels, deviations s / 2, s and 2 s, s = 2 (t + 1) / iterations + smooth
                       // at iteration t from 0, reflected at the edges (pytorch-deepdream);
                       // RV_OFF = none
    int32_t laplacian; // 1..8: levels of a Laplacian pyramid of the gradient, binomial
                       // [1 4 6 4 1], each, and what is left, divided by max(RMS, 1e-10) and put
                       // together again (TensorFlow 1's lapnorm, with `normalize` none); RV_OFF =
                       // none
    float tv;          // total variation, against noise, 0..100: tv / N * sum of the squared
                       // differences of neighbours, both ways (the exponent 2 of crowsonkb and
                       // cnn-vis, the division of Keras' first example); RV_OFF = none
    float pull;        // toward the original, 0..100: pull / N * sum of (x - o)^2; RV_OFF = none
    enum rv_switch flips; // mirror the picture left to right for the network at random, by `seed`,
                          // before a step
    float strength;     // instead of `step`: root mean square of a step over the picture, in 8-bit
                        // levels, before mask and clipping: the same for every normalisation, size
                        // and preset, 0..128; RV_OFF = by `step`
    float max_strength; // the dream ends with the step that brings the root mean square of x - o,
                        // in 8-bit levels, to this or beyond, 0..255: octaves that remain are gone
                        // through without steps; negative = never

    float blend;            // the dream's share in the result, the rest the original's, 0.01..1
    enum rv_colors colors;  // of the result
    float stretch;          // 50..100: percentile of the result's luminance, and the one as far
                            // from the other end, that become white and black; RV_OFF = none
    char octave_sizes[128]; // "128,256,512": longest sides, in pixels, instead of octaves and
                            // octave_scale; "auto" = by those
    uint32_t min_size; // shortest side of an octave, 75..4096 pixels: smaller ones are left out
};

enum rv_option_type {
    RV_OPTION_TEXT,
    RV_OPTION_INT,
    RV_OPTION_REAL,
    RV_OPTION_CHOICE,
    RV_OPTION_PICTURE // a file's name on a command line: see rv_params_set_picture
};

// One row of the table from which the option parser, the help, the manual page, the completions, the
// metadata in saved pictures, the studio's controls and the plugins' parameters are generated.
struct rv_option {
    const char *name;  // "octave-scale"
    const char *value; // placeholder for help texts: "X"
    enum rv_option_type type;
    double minimum, maximum;    // for INT and REAL, both inclusive
    const char *const *choices; // for CHOICE: NULL-terminated
    const char *unit;           // "pixels", or ""
    const char *help;           // one line
};

// The table of all fields of rv_params. Static. Thread-safe.
RV_API const struct rv_option *rv_options(uint32_t *count);
// Sets one field from text ("0" or "off" turns off what can be RV_OFF, "never" stands for a bound
// that is none; "" leaves the field to the preset again). A picture has no text: see below.
// RV_ERR_USAGE names the option, the range and what was given.
RV_API enum rv_status rv_params_set(struct rv_params *params, const char *name, const char *value);
// Writes one field as text that rv_params_set takes back; an unset field gives "". Of a picture,
// what it can be known again by: its size and a hash, "640x480-0123456789abcdef".
RV_API enum rv_status rv_params_get(const struct rv_params *params, const char *name, char *value,
                                    size_t capacity);
// Sets a field that is a picture, by its option's name; NULL = none. The picture is not copied.
RV_API enum rv_status rv_params_set_picture(struct rv_params *params, const char *name,
                                            const struct rv_picture *picture);
// Fills every unset field from the preset and checks all ranges and layer names.
RV_API enum rv_status rv_params_resolve(const struct rv_params *params, struct rv_params *resolved);
// Checks that the weights reach every layer the parameters name, as rv_dream does before it starts.
// RV_ERR_WEIGHTS names the layer, the depth of the weights and the remedy. Thread-safe.
RV_API enum rv_status rv_params_check(const struct rv_params *params, const rv_weights *weights);

// What a precision comes to on the context's device: FP16 or FP32. Thread-safe.
RV_API enum rv_precision rv_precision_of(const rv_context *context, enum rv_precision precision);

struct rv_preset {
    const char *name;
    const char *help;        // one line: where it comes from
    struct rv_params params; // complete
};
// The presets, the default one first. Static. Thread-safe.
RV_API const struct rv_preset *rv_presets(uint32_t *count);

// ------------------------------------------------------------------------------------------------
// Dreaming

struct rv_progress {
    double fraction;                // of the whole job's work, monotone, 0..1
    uint32_t octave, octaves;       // octave counts from 1
    uint32_t iteration, iterations; // within the octave, from 1; 0 = the octave is being prepared
    uint32_t width, height;         // of this octave, pixels
    float loss;                     // the objective before this step, in which style and content
                                    // count negative; NaN when iteration is 0
    double seconds, seconds_left;   // elapsed, and estimated; negative = not known yet
    bool finished;                  // nothing is left to do
};

// Called after every step, from the thread that dreams. Returning false stops the dream cleanly.
typedef bool (*rv_progress_fn)(void *user, const struct rv_progress *progress);

struct rv_dream_stats {
    uint64_t device_bytes; // peak of device memory allocated by the library
    uint64_t arena_bytes;  // of which the planned arena of the largest octave
    double flops;          // floating-point operations of all steps
    double seconds;        // wall time from the call to the finished picture
    double step_seconds;   // wall time inside steps
    double start_seconds;  // wall time from the call to the first submitted step
    float loss;            // of the last step
    uint32_t tiles;        // most that an octave was cut into; 1 = all were dreamed whole
};

// Dreams on `input` and waits for the result.
//
// input     borrowed until the call returns; at least 75 x 75 after the shrinking of the octaves is
//           bounded: octaves smaller than that are left out (RV_ERR_INPUT if none remains)
// params    NULL = the default preset
// progress  may be NULL
// output    on RV_OK and on RV_ERR_CANCELLED: a new picture of input's size, which the caller frees
//           with rv_picture_free; zeroed on any other status
// stats     may be NULL
RV_API enum rv_status rv_dream(rv_context *context, const rv_weights *weights,
                               const struct rv_picture *input, const struct rv_params *params,
                               rv_progress_fn progress, void *progress_user,
                               struct rv_picture *output, struct rv_dream_stats *stats);

// What a dream takes.
struct rv_estimate {
    uint64_t device_bytes;  // device memory at its peak, if no octave is dreamed in tiles
    uint64_t arena_bytes;   // of which for the network's values, at the largest octave
    uint64_t weights_bytes; // of which for the weights
    double flops;           // floating-point operations of all steps
    uint32_t steps;         // octaves * iterations, without octaves that are too small
};

// Estimates a dream of a picture of that size, in pixels, before there is a device. Precision
// `auto` counts as fp32. `params` may be NULL. A device with less memory dreams it in tiles, see
// rv_context_params::memory_bytes. Thread-safe. Takes milliseconds.
RV_API enum rv_status rv_dream_estimate(uint32_t width, uint32_t height,
                                        const struct rv_params *params,
                                        struct rv_estimate *estimate);

// One octave of a dream, as rv_dream_plan lists it.
struct rv_octave_plan {
    uint32_t width, height;           // pixels
    uint32_t tiles_x, tiles_y;        // into which it is cut; 1 and 1 = it is dreamed whole
    uint32_t tile_width, tile_height; // pixels; the octave's own if it is dreamed whole
    double flops;         // floating-point operations of one step, what tiles share counted twice
    uint64_t arena_bytes; // device memory for the network's values
};

// What a dream of a picture of that size will do on the context's device, with the memory that it
// has now: nothing is run. `context` NULL: on a device of enough memory, so without tiles.
//
// params    NULL = the default preset
// octaves   filled in, in the order in which they are dreamed; may be NULL if *count is 0
// count     on entry the capacity of `octaves`; on return how many there are (which may be more;
//           only the capacity is filled). At most 32.
// estimate  may be NULL; the whole dream's, tiles and precision as on that device
//
// RV_ERR_INPUT: no octave is large enough. RV_ERR_NO_MEMORY: the smallest tiles do not fit either.
// Thread-safety: one call at a time per context; without one, thread-safe. Takes milliseconds.
RV_API enum rv_status rv_dream_plan(const rv_context *context, uint32_t width, uint32_t height,
                                    const struct rv_params *params, struct rv_octave_plan *octaves,
                                    uint32_t *count, struct rv_estimate *estimate);

// ------------------------------------------------------------------------------------------------
// Dreaming in steps: for programs that show what grows, that let people change it meanwhile, or
// that have frames of their own to draw

// A dream in progress. Context and weights are retained: they must outlive it. Thread-safety: one
// call at a time per context, its sessions included. A context may have several sessions at once.
typedef struct rv_session rv_session;

// Begins a dream on `input`, which is borrowed until the call returns. Fails as rv_dream does
// before its first step; *session is NULL then. Blocks while the picture is uploaded. End it with
// rv_session_end.
RV_API enum rv_status rv_session_begin(rv_context *context, const rv_weights *weights,
                                       const struct rv_picture *input,
                                       const struct rv_params *params, rv_session **session);

// How much is done at once. A step of the dream may be cut into slices of the network's layers, so
// that a device shared with others, such as a game's frames, never waits long for this one.
struct rv_advance_params {
    size_t size;    // sizeof(struct rv_advance_params); 0 = this version's size
    double flops;   // most floating-point operations to submit; 0 = no limit. At least one layer is
                    // submitted, the largest being about a tenth of a step
    double seconds; // instead: return after about so long, in slices of about a quarter of it, by
                    // the pace of those before; 0 = no limit
    bool no_wait; // with `flops`: return without waiting for the device. Nothing is submitted while
                  // what was before still runs, so call it as often as you like
    bool ahead;   // for whole steps: the device is given the step after this one before this one is
                  // waited for, so that it is never idle; the picture may then be a step ahead of
                  // what *progress tells, except at an octave's end
};

// Goes on: by one whole step (`params` NULL or zero), or by a slice. Returns RV_OK also when
// nothing is left to do.
//
// A new octave is prepared first: the picture is resized, kernels are compiled and recorded and,
// where the device is new to them, measured (rv_context_params::no_tune spares that). For a whole
// step all of it is done at once, which blocks, for seconds at worst. With `flops` a call does one
// part of it and submits nothing of the dream: one kernel is compiled, or one layer measured, which
// waits for the device also with `no_wait`. With `seconds` it does such parts as long as there is
// time. The same goes for what a change of parameters or of `flops` makes necessary.
//
// *progress, unless NULL, says how far it is, after the last step that was done; its iteration is 0
// from the first part of an octave's preparation until the octave's first step. RV_ERR_NUMERIC:
// the gradient is zero or not finite; the picture stays as it was, and other parameters may go on
// (rv_session_change). RV_ERR_NO_MEMORY: the session stays as it was; the same call may be made
// again. Other errors as in rv_dream.
RV_API enum rv_status rv_session_advance(rv_session *session,
                                         const struct rv_advance_params *params,
                                         struct rv_progress *progress);

// The picture as it stands, after a whole step, at input's size. Waits for what was submitted. A
// new picture, freed by the caller with rv_picture_free.
RV_API enum rv_status rv_session_picture(rv_session *session, struct rv_picture *output);

// Changes parameters in flight, from the next step on; a step that was only submitted in part
// begins anew. `octaves`, `octave_scale`, `octave_sizes`, `min_size`, `pyramid`, `resize` and
// `start` are those of the whole dream: RV_ERR_USAGE if they differ. What the network computes
// (layers, objective, border, precision, guide, style, content and weights) or how many iterations
// there are makes new plans, which takes about as long as beginning. On failure the session goes on
// as it was.
RV_API enum rv_status rv_session_change(rv_session *session, const struct rv_params *params);
// Goes on at the first step of that octave, from 1, with the picture as it stands: forwards, back,
// or once more, also when the dream is finished.
RV_API enum rv_status rv_session_seek(rv_session *session, uint32_t octave);

// Where a dream stands at the end of an octave: beside its input, weights and parameters, all that
// the rest of it depends on. May be written to a disk, to go on another day.
struct rv_session_state {
    uint32_t octave;        // the last that is done, counted from 1; 0 = none
    uint32_t width, height; // of that octave, pixels
    float *values; // [height * width * 3]: its picture, RGB, in the network's range -1..1 but not
                   // held within it; freed with rv_session_state_free
};

// Copies that state where the last step that was done was the last of its octave. Else, and when
// max_strength is reached, so that no step follows, *state is zeroed, and RV_OK returned: it costs
// nothing to ask after every step. Blocks while the picture is downloaded.
RV_API enum rv_status rv_session_keep(rv_session *session, struct rv_session_state *state);
// Goes on behind that state, which is borrowed until the call returns, in a session that was begun
// with the same input, weights and parameters. From there on everything is the same, to the byte,
// as in the session that it was kept of, if device, driver and tiles are the same. RV_ERR_USAGE:
// the session has no such octave. RV_ERR_INPUT: a value is not a finite number.
RV_API enum rv_status rv_session_resume(rv_session *session, const struct rv_session_state *state);
// Frees `values` and zeroes the struct. Thread-safe.
RV_API void rv_session_state_free(struct rv_session_state *state);

// A dream as it stood after a step, in host memory.
typedef struct rv_moment rv_moment;

// Keeps the moment, after the last whole step, to return to. Waits for what was submitted. Free it
// with rv_moment_free; it may outlive the session.
RV_API enum rv_status rv_session_remember(rv_session *session, rv_moment **moment);
// Goes on at that moment, as if nothing had come since: with parameters as they were, to the same
// bytes. `moment` is borrowed until the call returns. It may be another session's, such as one
// whose device was lost, if picture and octaves have the same sizes: RV_ERR_USAGE else. A step that
// was only submitted in part is dropped. On any other failure the session can only be ended.
RV_API enum rv_status rv_session_return(rv_session *session, const rv_moment *moment);
// What it takes of host memory. Thread-safe.
RV_API uint64_t rv_moment_bytes(const rv_moment *moment);
RV_API void rv_moment_free(rv_moment **moment);

// The parameters as they are meant, complete. Their pictures belong to the session and are borrowed
// until it is changed or ended.
RV_API void rv_session_params(const rv_session *session, struct rv_params *params);
RV_API void rv_session_stats(const rv_session *session, struct rv_dream_stats *stats);

// Ends the session, at any moment. Waits for what was submitted: a slice, or a step.
RV_API void rv_session_end(rv_session **session);

// ------------------------------------------------------------------------------------------------
// Studying the network

// A float32 array in host memory, shape [height, width, channels], C order. `data` is freed with
// rv_array_free.
struct rv_array {
    uint32_t height, width, channels;
    float *data;
};
RV_API void rv_array_free(struct rv_array *array);

struct rv_probe_params {
    size_t size;                    // sizeof(struct rv_probe_params); 0 = this version's size
    const char *layers;             // as rv_params::layers; NULL = "mixed3,mixed5"
    enum rv_objective objective;    // default mean
    uint32_t border;                // activations left out at each edge
    int32_t jitter_x, jitter_y;     // roll the picture by this many pixels first (the gradient is
                                    // rolled back); for tests of the jitter
    const char *const *activations; // names of layers whose activations are wanted
    uint32_t activation_count;      // at most 16
    enum rv_precision precision;    // default auto
    // As the fields of rv_params of the same names; their zero means the default preset's. Pictures
    // are borrowed until rv_probe returns; NULL = none.
    const struct rv_picture *guide;
    enum rv_guide guide_match;
    const struct rv_picture *style;
    const char *style_layers; // NULL = the default preset's
    float style_weight;
    const struct rv_picture *content; // of the input's size; the activations to stay close to
    const char *content_layers;       // NULL = the default preset's
    float content_weight;
    float dream_weight;
};

struct rv_probe_result {
    double loss;
    struct rv_array gradient;        // of the loss with respect to the network's input in [-1, 1]
    struct rv_array activations[16]; // as asked for
};

// Runs the network once on `input` (scaled to [-1, 1]). Free the result with rv_probe_free.
RV_API enum rv_status rv_probe(rv_context *context, const rv_weights *weights,
                               const struct rv_picture *input, const struct rv_probe_params *params,
                               struct rv_probe_result *result);
RV_API void rv_probe_free(struct rv_probe_result *result);

#ifdef __cplusplus
}
#endif

#endif
