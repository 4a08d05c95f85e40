#include "dream/ascent.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/resample.h"

#define LEVELS 127.5 // 8-bit levels a unit of the network's range

static bool has_mask(const struct rv_params *params) {
    return params->mask && params->mask->pixels;
}

static bool watches_change(const struct rv_params *params) {
    return params->max_strength >= 0;
}

static bool wants_original(const struct rv_params *params) {
    return params->pull > 0 || watches_change(params) || has_mask(params);
}

// ------------------------------------------------------------------------------------------------
// Buffers

static const char *const labels[RV_ASCENT_BUFFERS] = {"smoothed gradient",
                                                      "pyramid of the gradient",
                                                      "Adam's moments",
                                                      "mirrored picture",
                                                      "mask",
                                                      "original at the octave's size"};

// Whether the pyramid lacks the original at some octave.
static bool is_original_missing(const struct rv_params *params,
                                const struct rv_pyramid_sizes *sizes, struct rv_extent base) {
    bool missing = false;
    for (uint32_t i = 0; i < sizes->count; i++)
        missing |= sizes->octave[i].width != base.width || sizes->octave[i].height != base.height;
    return missing && params->pyramid != RV_PYRAMID_DETAIL;
}

static void count_bytes(const struct rv_params *params, const struct rv_pyramid_sizes *sizes,
                        struct rv_extent base, uint64_t bytes[RV_ASCENT_BUFFERS]) {
    struct rv_extent largest = rv_pyramid_largest(sizes, base);
    uint64_t picture = rv_image_bytes(largest);
    bool original = wants_original(params) && is_original_missing(params, sizes, base);
    bytes[RV_ASCENT_SMOOTHED] = params->smooth > 0 ? picture : 0;
    bytes[RV_ASCENT_LEVELS] = params->laplacian > 0 ? rv_levels_bytes(largest) : 0;
    bytes[RV_ASCENT_MOMENTS] = params->optimizer == RV_OPTIMIZER_ADAM ? 2 * picture : 0;
    bytes[RV_ASCENT_SEEN] = params->flips == RV_SWITCH_ON ? picture : 0;
    bytes[RV_ASCENT_MASK] = has_mask(params) ? rv_mask_bytes(largest) : 0;
    bytes[RV_ASCENT_ORIGINAL] = original ? picture : 0;
}

uint64_t rv_ascent_bytes(const struct rv_params *params, const struct rv_pyramid_sizes *sizes,
                         struct rv_extent base) {
    const struct rv_ascent none = {0};
    return rv_ascent_lacks(&none, params, sizes, base);
}

uint64_t rv_ascent_lacks(const struct rv_ascent *ascent, const struct rv_params *params,
                         const struct rv_pyramid_sizes *sizes, struct rv_extent base) {
    uint64_t bytes[RV_ASCENT_BUFFERS], lacks = 0;
    count_bytes(params, sizes, base, bytes);
    for (uint32_t i = 0; i < RV_ASCENT_BUFFERS; i++)
        if (bytes[i] > ascent->buffers[i].size)
            lacks += bytes[i] - ascent->buffers[i].size;
    return lacks;
}

static void empty(struct rv_ascent *ascent, uint32_t which) {
    if (ascent->buffers[which].handle)
        rv_buffer_finish(ascent->device, &ascent->buffers[which]);
    ascent->buffers[which] = (struct rv_buffer){0};
    if (which == RV_ASCENT_MOMENTS)
        ascent->moments = false;
    if (which == RV_ASCENT_MASK)
        ascent->mask_octave = 0;
    if (which == RV_ASCENT_ORIGINAL)
        ascent->original_octave = 0;
}

enum rv_status rv_ascent_reserve(struct rv_ascent *ascent, struct rv_device *device,
                                 const struct rv_params *params,
                                 const struct rv_pyramid_sizes *sizes, struct rv_extent base) {
    uint64_t bytes[RV_ASCENT_BUFFERS];
    enum rv_status status = RV_OK;
    ascent->device = device;
    count_bytes(params, sizes, base, bytes);
    for (uint32_t i = 0; i < RV_ASCENT_BUFFERS; i++)
        if (bytes[i] != ascent->buffers[i].size)
            empty(ascent, i);
    for (uint32_t i = 0; i < RV_ASCENT_BUFFERS; i++)
        if (bytes[i] && !ascent->buffers[i].handle)
            RV_TRY(
                rv_buffer_init(device, &ascent->buffers[i], bytes[i], RV_MEMORY_DEVICE, labels[i]));
done:
    return status;
}

void rv_ascent_finish(struct rv_ascent *ascent) {
    for (uint32_t i = 0; i < RV_ASCENT_BUFFERS; i++)
        empty(ascent, i);
}

static struct rv_range range_of(const struct rv_ascent *ascent, enum rv_ascent_buffer which,
                                uint64_t bytes) {
    return (struct rv_range){&ascent->buffers[which], 0, bytes};
}

// ------------------------------------------------------------------------------------------------
// What the kernels are told

// From 1 to a tenth, at the last iteration.
static double rate_of(const struct rv_params *params, uint32_t iteration) {
    double way = params->iterations > 1 ? (double)iteration / (params->iterations - 1) : 0;
    if (params->schedule == RV_SCHEDULE_LINEAR)
        return 1 - 0.9 * way;
    if (params->schedule == RV_SCHEDULE_COSINE)
        return 0.1 + 0.9 * (1 + cos(3.14159265358979323846 * way)) / 2;
    return 1;
}

// pytorch-deepdream's: three Gaussians of 9 taps, sums 1, whose deviations are a half, once and
// twice (t + 1) / N * 2 + coefficient at iteration t of N.
static void set_gaussians(const struct rv_params *params, uint32_t iteration,
                          struct rv_iteration *line) {
    double sigma = (iteration + 1.0) / params->iterations * 2 + (double)params->smooth;
    for (uint32_t k = 0; k < RV_SMOOTH_GAUSSIANS; k++) {
        double deviation = sigma * ldexp(0.5, (int)k), taps[RV_SMOOTH_TAPS], sum = 0;
        for (uint32_t i = 0; i < RV_SMOOTH_TAPS; i++) {
            taps[i] = exp(-0.5 * (i / deviation) * (i / deviation));
            sum += i ? 2 * taps[i] : taps[i];
        }
        for (uint32_t i = 0; i < RV_SMOOTH_TAPS; i++)
            line->gaussians[k * RV_SMOOTH_TAPS + i] = (float)(taps[i] / sum);
    }
}

static uint32_t normalizer_of(enum rv_normalize normalize) {
    switch (normalize) {
    case RV_NORMALIZE_MEAN_ABS:
        return RV_NORMALIZER_MEAN_ABS;
    case RV_NORMALIZE_RMS:
        return RV_NORMALIZER_RMS;
    case RV_NORMALIZE_STANDARD:
        return RV_NORMALIZER_STANDARD;
    case RV_NORMALIZE_NONE:
        return RV_NORMALIZER_NONE;
    case RV_NORMALIZE_DEFAULT:
    case RV_NORMALIZE_STD:
        break;
    }
    return RV_NORMALIZER_STD;
}

void rv_ascent_control(struct rv_ascent *ascent, const struct rv_params *params, uint32_t next,
                       struct rv_control *control, struct rv_iteration *log) {
    bool adam = params->optimizer == RV_OPTIMIZER_ADAM;
    if (adam && (next <= ascent->first || !ascent->moments))
        ascent->first = next;
    ascent->moments = adam;
    control->step = params->step;
    control->strength = params->strength > 0 ? (float)((double)params->strength / LEVELS) : 0;
    control->max_loss = params->max_loss < 0 ? INFINITY : params->max_loss;
    control->max_change =
        watches_change(params) ? (float)((double)params->max_strength / LEVELS) : INFINITY;
    control->normalize = normalizer_of(params->normalize);
    control->adam = adam;
    control->first = ascent->first;
    for (uint32_t i = next; i < params->iterations; i++) {
        double t = adam ? i - ascent->first + 1.0 : 1;
        log[i].fall = (float)(1 - rate_of(params, i));
        log[i].mean_factor = (float)(1 / (1 - pow(0.9, t)));
        log[i].square_factor = (float)(1 / (1 - pow(0.999, t)));
        if (params->smooth > 0)
            set_gaussians(params, i, &log[i]);
    }
}

// ------------------------------------------------------------------------------------------------
// What an octave prepares

// The luminance (Rec. 601) of the mask, at the octave's size, in [0, 1]. Freed by the caller.
static enum rv_status make_mask(const struct rv_picture *mask, struct rv_extent size,
                                float **made) {
    float *pixels =
        rv_resample(mask->pixels, mask->width, mask->height, size.width, size.height, 3);
    if (!pixels)
        return rv_fail(RV_ERR_NO_MEMORY, "out of host memory for a mask of %u x %u", size.width,
                       size.height);
    for (size_t i = 0; i < (size_t)size.width * size.height; i++) {
        const float *rgb = pixels + 3 * i;
        float luma = 0.299f * rgb[0] + 0.587f * rgb[1] + 0.114f * rgb[2];
        // Weights of the resizing add up to 1 but for their rounding. Not a number counts as black.
        pixels[i] = luma > 1e-6f ? (luma < 1 - 1e-6f ? luma : 1) : 0;
    }
    *made = pixels;
    return RV_OK;
}

static enum rv_status upload_mask(struct rv_ascent *ascent, const struct rv_picture *mask,
                                  struct rv_extent size, uint32_t octave) {
    float *values = NULL;
    if (ascent->mask_octave == octave + 1)
        return RV_OK;
    enum rv_status status = make_mask(mask, size, &values);
    if (status != RV_OK)
        return status;
    ascent->mask_octave = 0;
    status = rv_buffer_write(ascent->device, &ascent->buffers[RV_ASCENT_MASK], 0, values,
                             (uint64_t)size.width * size.height * 4);
    free(values);
    if (status == RV_OK)
        ascent->mask_octave = octave + 1;
    return status;
}

static struct rv_range mask_of(const struct rv_ascent *ascent, struct rv_extent size) {
    return range_of(ascent, RV_ASCENT_MASK, rv_mask_bytes(size));
}

static struct rv_range original_of(const struct rv_ascent *ascent,
                                   const struct rv_pyramid_pictures *pictures, uint32_t octave) {
    struct rv_range original;
    if (rv_pyramid_has_original(pictures, octave, &original))
        return original;
    return range_of(ascent, RV_ASCENT_ORIGINAL, rv_image_bytes(pictures->sizes.octave[octave]));
}

static enum rv_status record_original(struct rv_ascent *ascent,
                                      const struct rv_pyramid_pictures *pictures, uint32_t octave,
                                      struct rv_recorder *recorder) {
    struct rv_range original;
    if (rv_pyramid_has_original(pictures, octave, &original))
        return RV_OK;
    return rv_pyramid_make_original(pictures, octave, original_of(ascent, pictures, octave),
                                    recorder);
}

// Resizing an octave's picture carries some of the dream across the mask's edge, and may blur all
// of it.
static enum rv_status record_hold(struct rv_ascent *ascent,
                                  const struct rv_pyramid_pictures *pictures, uint32_t octave,
                                  struct rv_recorder *recorder) {
    struct rv_extent size = pictures->sizes.octave[octave];
    return rv_op_hold(recorder, size, rv_pyramid_current(pictures, octave),
                      original_of(ascent, pictures, octave), mask_of(ascent, size));
}

struct rv_range rv_ascent_seen(const struct rv_ascent *ascent, const struct rv_params *params,
                               const struct rv_pyramid_pictures *pictures, uint32_t octave) {
    if (params->flips != RV_SWITCH_ON)
        return rv_pyramid_current(pictures, octave);
    return range_of(ascent, RV_ASCENT_SEEN, rv_image_bytes(pictures->sizes.octave[octave]));
}

enum rv_status rv_ascent_begin(struct rv_ascent *ascent, const struct rv_params *params,
                               const struct rv_pyramid_pictures *pictures, uint32_t octave,
                               const struct rv_buffer *control) {
    struct rv_extent size = pictures->sizes.octave[octave];
    struct rv_recorder recorder = {0};
    enum rv_status status = RV_OK;
    bool mirrors = params->flips == RV_SWITCH_ON;
    if (!wants_original(params) && !mirrors)
        return RV_OK;
    if (has_mask(params))
        RV_TRY(upload_mask(ascent, params->mask, size, octave));
    RV_TRY(rv_recorder_init(&recorder, pictures->device, 3));
    if (wants_original(params) && ascent->original_octave != octave + 1)
        RV_TRY(record_original(ascent, pictures, octave, &recorder));
    // Keras' rule puts back what an octave lost when it is over: its pictures are not the
    // original's.
    if (has_mask(params) && params->pyramid != RV_PYRAMID_REINJECT)
        RV_TRY(record_hold(ascent, pictures, octave, &recorder));
    if (mirrors)
        RV_TRY(rv_op_mirror(&recorder, size, rv_pyramid_current(pictures, octave),
                            rv_ascent_seen(ascent, params, pictures, octave),
                            (struct rv_range){control, RV_CONTROL_OFFSET, 256}));
    RV_TRY(rv_recorder_run(&recorder));
    ascent->original_octave = wants_original(params) ? octave + 1 : 0;
done:
    rv_recorder_finish(&recorder);
    return status;
}

enum rv_status rv_ascent_end(struct rv_ascent *ascent, const struct rv_params *params,
                             const struct rv_pyramid_pictures *pictures, uint32_t octave) {
    struct rv_recorder recorder = {0};
    enum rv_status status = RV_OK;
    if (!has_mask(params) || params->pyramid != RV_PYRAMID_REINJECT)
        return RV_OK;
    RV_TRY(upload_mask(ascent, params->mask, pictures->sizes.octave[octave], octave));
    RV_TRY(rv_recorder_init(&recorder, pictures->device, 2));
    RV_TRY(record_original(ascent, pictures, octave, &recorder));
    RV_TRY(record_hold(ascent, pictures, octave, &recorder));
    RV_TRY(rv_recorder_run(&recorder));
done:
    rv_recorder_finish(&recorder);
    return status;
}

struct rv_ascend_op rv_ascent_op(const struct rv_ascent *ascent, const struct rv_params *params,
                                 const struct rv_pyramid_pictures *pictures, uint32_t octave) {
    struct rv_extent size = pictures->sizes.octave[octave];
    uint64_t bytes = rv_image_bytes(size);
    struct rv_ascend_op op = {.size = size,
                              .picture = rv_pyramid_current(pictures, octave),
                              .clip = params->clip == RV_CLIP_STEP,
                              .tv = params->tv > 0 ? params->tv : 0,
                              .pull = params->pull > 0 ? params->pull : 0,
                              .change = watches_change(params),
                              .strength = params->strength > 0};
    if (params->flips == RV_SWITCH_ON)
        op.seen = rv_ascent_seen(ascent, params, pictures, octave);
    if (wants_original(params))
        op.original = original_of(ascent, pictures, octave);
    if (params->smooth > 0)
        op.smoothed = range_of(ascent, RV_ASCENT_SMOOTHED, bytes);
    if (params->laplacian > 0) {
        op.laplacian = (uint32_t)params->laplacian;
        op.levels = range_of(ascent, RV_ASCENT_LEVELS, rv_levels_bytes(size));
    }
    if (params->optimizer == RV_OPTIMIZER_ADAM) {
        op.mean = range_of(ascent, RV_ASCENT_MOMENTS, bytes);
        op.square = (struct rv_range){&ascent->buffers[RV_ASCENT_MOMENTS], bytes, bytes};
    }
    if (has_mask(params))
        op.mask = mask_of(ascent, size);
    return op;
}
