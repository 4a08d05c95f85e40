#include "dream/finish.h"

#include "ops/tones.h"

uint64_t rv_finish_bytes(void) {
    return rv_tones_bytes();
}

void rv_finish_set(struct rv_finish *finish, const struct rv_params *params) {
    finish->blend = params->blend;
    finish->colors = params->colors;
    finish->stretch = params->stretch;
}

enum rv_status rv_finish_init(struct rv_finish *finish, struct rv_device *device,
                              const struct rv_params *params) {
    rv_finish_set(finish, params);
    return rv_buffer_init(device, &finish->scratch, rv_finish_bytes(), RV_MEMORY_DEVICE, "tones");
}

static bool is_matched(const struct rv_finish *finish) {
    return finish->colors == RV_COLORS_MATCHED;
}

static bool is_stretched(const struct rv_finish *finish) {
    return finish->stretch > 0;
}

// Unset parameters (0) do nothing.
static bool is_blended(const struct rv_finish *finish) {
    return (finish->blend > 0 && finish->blend < 1) || finish->colors == RV_COLORS_ORIGINAL;
}

bool rv_finish_wanted(const struct rv_finish *finish) {
    return is_blended(finish) || is_matched(finish) || is_stretched(finish);
}

enum rv_status rv_finish_record(const struct rv_finish *finish, struct rv_recorder *recorder,
                                struct rv_extent size, struct rv_range picture,
                                struct rv_range original, struct rv_range target) {
    enum rv_status status = RV_OK;
    uint64_t bytes = rv_image_bytes(size);
    picture.size = original.size = target.size = bytes;
    if (is_blended(finish)) {
        struct rv_blend_op op = {.picture = picture,
                                 .original = original,
                                 .target = target,
                                 .size = size,
                                 .share = finish->blend,
                                 .keep_colors = finish->colors == RV_COLORS_ORIGINAL};
        RV_TRY(rv_op_blend(recorder, &op));
    } else if (picture.buffer != target.buffer) {
        RV_TRY(rv_record_copy(recorder, picture, target));
    }
    struct rv_tones_op op = {.picture = target,
                             .original = original,
                             .scratch = {&finish->scratch, 0, rv_finish_bytes()},
                             .size = size,
                             .share = finish->stretch / 100};
    if (is_matched(finish))
        RV_TRY(rv_op_match_histogram(recorder, &op));
    if (is_stretched(finish))
        RV_TRY(rv_op_stretch(recorder, &op));
done:
    return status;
}
