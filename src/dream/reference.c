#include "dream/reference.h"

#include <stdlib.h>

#include "base/resample.h"
#include "base/status.h"
#include "dream/pyramid.h"
#include "net/graph.h"

// ------------------------------------------------------------------------------------------------
// Sizes

static uint32_t rounded(double value) {
    return value < 1 ? 1 : (uint32_t)(value + 0.5);
}

// The picture's proportions with a longest side of at most `longest`, neither side so short that
// the network cannot take it.
static struct rv_extent fit(const struct rv_picture *picture, uint32_t longest) {
    uint32_t most = picture->width > picture->height ? picture->width : picture->height;
    uint32_t least = picture->width < picture->height ? picture->width : picture->height;
    double scale = most > longest ? (double)longest / most : 1;
    if (scale * least < RV_MIN_SIZE)
        scale = (double)RV_MIN_SIZE / least;
    struct rv_extent size = {rounded(scale * picture->width), rounded(scale * picture->height)};
    size.width = size.width < RV_MIN_SIZE ? RV_MIN_SIZE : size.width;
    size.height = size.height < RV_MIN_SIZE ? RV_MIN_SIZE : size.height;
    return size;
}

// A style is as large as the octave, as far as it goes: its strokes keep their proportion.
static struct rv_extent style_size(const struct rv_picture *style, struct rv_extent octave) {
    return fit(style, octave.width > octave.height ? octave.width : octave.height);
}

static bool has(const struct rv_plan_request *request, enum rv_target_kind kind) {
    for (uint32_t i = 0; i < request->target_count; i++)
        if (request->targets[i].kind == kind)
            return true;
    return false;
}

static bool has_guide_features(const struct rv_plan_request *request) {
    return has(request, RV_TARGET_GUIDE_COLUMNS) || has(request, RV_TARGET_GUIDE_SUMS);
}

void rv_references_request(const struct rv_references *references,
                           struct rv_plan_request *request) {
    if (!has_guide_features(request))
        return;
    struct rv_extent size = fit(references->guide, RV_GUIDE_SIDE);
    request->guide_width = size.width;
    request->guide_height = size.height;
}

// The request for the features of a guide or a style of that size.
static struct rv_plan_request features_of(const struct rv_plan_request *request,
                                          enum rv_plan_makes makes, struct rv_extent size) {
    struct rv_plan_request features = *request;
    features.makes = makes;
    features.width = size.width;
    features.height = size.height;
    features.whole_width = features.whole_height = 0;
    return features;
}

static enum rv_status add_bytes(const struct rv_plan_request *request, uint64_t *arena,
                                uint64_t *picture) {
    struct rv_plan *plan;
    enum rv_status status = rv_plan_create(request, &plan);
    if (status != RV_OK)
        return status;
    uint64_t bytes = rv_image_bytes((struct rv_extent){request->width, request->height});
    *arena = plan->arena_bytes > *arena ? plan->arena_bytes : *arena;
    *picture = bytes > *picture ? bytes : *picture;
    free(plan);
    return RV_OK;
}

enum rv_status rv_references_bytes(const struct rv_references *references,
                                   const struct rv_plan_request *request,
                                   const struct rv_extent *pictures, uint32_t count,
                                   uint64_t *arena, uint64_t *picture) {
    enum rv_status status = RV_OK;
    *arena = *picture = 0;
    if (has_guide_features(request)) {
        struct rv_plan_request guide =
            features_of(request, RV_MAKES_GUIDE, fit(references->guide, RV_GUIDE_SIDE));
        RV_TRY(add_bytes(&guide, arena, picture));
    }
    for (uint32_t i = 0; i < count && has(request, RV_TARGET_STYLE); i++) {
        struct rv_plan_request style =
            features_of(request, RV_MAKES_STYLE, style_size(references->style, pictures[i]));
        RV_TRY(add_bytes(&style, arena, picture));
    }
done:
    return status;
}

enum rv_status rv_references_check(const struct rv_plan_request *request,
                                   const struct rv_tiling *tiling) {
    for (uint32_t i = 0; i < request->target_count && !rv_tiling_is_whole(tiling); i++)
        if (rv_target_needs_whole(&request->targets[i]))
            return rv_fail(RV_ERR_USAGE,
                           "style, content, a guide by its product and neurons need the whole "
                           "picture at once, and %u x %u pixels would have to be worked on in "
                           "tiles: use a smaller picture (--size) or more memory (--memory)",
                           tiling->x.size, tiling->y.size);
    return RV_OK;
}

// ------------------------------------------------------------------------------------------------
// On the device

// The picture, resized by the host, in the network's range; `to` has room for it.
static enum rv_status upload(struct rv_device *device, const struct rv_picture *picture,
                             struct rv_extent size, struct rv_range to) {
    struct rv_picture resized = {
        size.width, size.height,
        rv_resample(picture->pixels, picture->width, picture->height, size.width, size.height, 3)};
    enum rv_status status =
        resized.pixels ? rv_picture_upload(device, &resized, to)
                       : rv_fail(RV_ERR_NO_MEMORY, "out of host memory for a picture of %u x %u",
                                 size.width, size.height);
    free(resized.pixels);
    return status;
}

static enum rv_status record_and_run(const struct rv_network *network, const struct rv_plan *plan,
                                     struct rv_range picture) {
    struct rv_recorder recorder = {0}, foreseen;
    struct rv_range none = {0};
    enum rv_status status;
    rv_recorder_foresee(&foreseen, network->device);
    RV_TRY(rv_network_record_steps(network, plan, 0, plan->step_count, NULL, picture, none,
                                   &foreseen));
    RV_TRY(rv_pipelines_compile(network->device));
    RV_TRY(rv_recorder_init(&recorder, network->device, plan->step_count));
    RV_TRY(rv_network_record_steps(network, plan, 0, plan->step_count, NULL, picture, none,
                                   &recorder));
    status = rv_recorder_run(&recorder);
done:
    rv_recorder_finish(&recorder);
    return status;
}

static enum rv_status make_features(const struct rv_network *network,
                                    const struct rv_plan_request *request,
                                    const struct rv_picture *picture) {
    struct rv_extent size = {request->width, request->height};
    struct rv_device *device = network->device;
    struct rv_buffer buffer = {0};
    struct rv_plan *plan = NULL;
    enum rv_status status;
    RV_TRY(rv_plan_create(request, &plan));
    RV_TRY(rv_op_check_plan(device, plan));
    RV_TRY(rv_buffer_init(device, &buffer, rv_image_bytes(size), RV_MEMORY_DEVICE, "reference"));
    struct rv_range range = {&buffer, 0, buffer.size};
    RV_TRY(upload(device, picture, size, range));
    status = record_and_run(network, plan, range);
done:
    rv_buffer_finish(device, &buffer);
    free(plan);
    return status;
}

enum rv_status rv_references_make(const struct rv_references *references,
                                  const struct rv_network *network,
                                  const struct rv_plan_request *request, struct rv_extent size) {
    struct rv_control *control = rv_network_control(network);
    enum rv_status status = RV_OK;
    control->jitter_x = control->jitter_y = 0;
    if (has_guide_features(request)) {
        struct rv_plan_request guide =
            features_of(request, RV_MAKES_GUIDE, fit(references->guide, RV_GUIDE_SIDE));
        RV_TRY(make_features(network, &guide, references->guide));
    }
    if (has(request, RV_TARGET_STYLE)) {
        struct rv_plan_request style =
            features_of(request, RV_MAKES_STYLE, style_size(references->style, size));
        RV_TRY(make_features(network, &style, references->style));
    }
    if (has(request, RV_TARGET_GUIDE_PRODUCT))
        RV_TRY(upload(network->device, references->guide, size,
                      (struct rv_range){&network->guide, 0, rv_image_bytes(size)}));
done:
    return status;
}

enum rv_status rv_references_content(const struct rv_network *network, struct rv_range picture,
                                     struct rv_extent from, struct rv_extent to) {
    struct rv_recorder recorder = {0};
    enum rv_status status;
    struct rv_resize_op op = {.source = picture,
                              .target = {&network->content, 0, rv_image_bytes(to)},
                              .from = from,
                              .to = to,
                              .weight = 1};
    RV_TRY(rv_recorder_init(&recorder, network->device, 1));
    RV_TRY(rv_op_resize(&recorder, &op));
    status = rv_recorder_run(&recorder);
done:
    rv_recorder_finish(&recorder);
    return status;
}
