#include "ops/tones.h"

#include "layout/tones.h"
#include "ops/op.h"

#define COUNTS_BYTES ((uint64_t)RV_TONES_BINS * RV_TONES_PLANES * 4)
#define TABLE_BYTES ((uint64_t)RV_TONES_BINS * RV_TONES_PLANES * 8)

_Static_assert(COUNTS_BYTES % RV_PLAN_ALIGNMENT == 0, "the parts of the scratch are aligned");

uint64_t rv_tones_bytes(void) {
    return 2 * COUNTS_BYTES + TABLE_BYTES;
}

static struct rv_range counts_of(struct rv_range scratch, uint32_t index) {
    return (struct rv_range){scratch.buffer, scratch.offset + index * COUNTS_BYTES, COUNTS_BYTES};
}

static struct rv_range table_of(struct rv_range scratch) {
    return (struct rv_range){scratch.buffer, scratch.offset + 2 * COUNTS_BYTES, TABLE_BYTES};
}

static uint64_t pixels_of(struct rv_extent size) {
    return (uint64_t)size.width * size.height;
}

enum rv_status rv_op_blend(struct rv_recorder *recorder, const struct rv_blend_op *op) {
    uint64_t most = rv_image_band_pixels(recorder->device), pixels = pixels_of(op->size);
    enum rv_status status = RV_OK;
    for (uint64_t first = 0; first < pixels && status == RV_OK; first += most) {
        uint64_t count = pixels - first < most ? pixels - first : most;
        struct rv_tones_push push = {.pixels = (uint32_t)count, .share = op->share};
        bool in_place = op->target.buffer == op->picture.buffer;
        struct rv_op_dispatch d;
        rv_op_begin(&d, "tones_blend", "blend", 1, &push, sizeof push);
        d.spec[RV_BLEND_SPEC_COLORS] = op->keep_colors;
        rv_op_bind(&d, RV_BLEND_PICTURE, RV_READ, rv_image_band(op->picture, first, count));
        rv_op_bind(&d, RV_BLEND_ORIGINAL, RV_READ, rv_image_band(op->original, first, count));
        rv_op_bind(&d, RV_BLEND_TARGET, in_place ? RV_READ_WRITE : RV_WRITE,
                   rv_image_band(op->target, first, count));
        status = rv_op_dispatch(recorder, &d, rv_op_groups(count, 64), 1, 1);
    }
    return status;
}

static enum rv_status make_histogram(struct rv_recorder *recorder, struct rv_range picture,
                                     struct rv_extent size, struct rv_range counts, bool luma) {
    uint64_t most = rv_image_band_pixels(recorder->device), pixels = pixels_of(size);
    enum rv_status status = rv_record_clear(recorder, counts);
    for (uint64_t first = 0; first < pixels && status == RV_OK; first += most) {
        uint64_t count = pixels - first < most ? pixels - first : most;
        struct rv_tones_push push = {.pixels = (uint32_t)count};
        struct rv_op_dispatch d;
        rv_op_begin(&d, "tones_histogram", "histogram", 1, &push, sizeof push);
        d.spec[RV_HISTOGRAM_SPEC_LUMA] = luma;
        rv_op_bind(&d, RV_HISTOGRAM_COUNTS, RV_READ_WRITE, counts);
        rv_op_bind(&d, RV_HISTOGRAM_PICTURE, RV_READ, rv_image_band(picture, first, count));
        status = rv_op_dispatch(recorder, &d, rv_op_groups(count, 64), 1, 1);
    }
    return status;
}

static enum rv_status make_table(struct rv_recorder *recorder, const struct rv_tones_op *op,
                                 bool stretch) {
    struct rv_tones_push push = {.share = op->share};
    struct rv_op_dispatch d;
    rv_op_begin(&d, "tones_table", "table of tones", 1, &push, sizeof push);
    d.spec[RV_TABLE_SPEC_STRETCH] = stretch;
    rv_op_bind(&d, RV_TABLE_TARGET, RV_WRITE, table_of(op->scratch));
    rv_op_bind(&d, RV_TABLE_COUNTS, RV_READ_WRITE, counts_of(op->scratch, 0));
    rv_op_bind(&d, RV_TABLE_WANTED, RV_READ_WRITE, counts_of(op->scratch, 1));
    return rv_op_dispatch(recorder, &d, stretch ? 1 : RV_TONES_PLANES, 1, 1);
}

static enum rv_status apply_table(struct rv_recorder *recorder, const struct rv_tones_op *op,
                                  bool stretch) {
    uint64_t most = rv_image_band_pixels(recorder->device), pixels = pixels_of(op->size);
    enum rv_status status = RV_OK;
    for (uint64_t first = 0; first < pixels && status == RV_OK; first += most) {
        uint64_t count = pixels - first < most ? pixels - first : most;
        struct rv_tones_push push = {.pixels = (uint32_t)count};
        struct rv_op_dispatch d;
        rv_op_begin(&d, "tones_apply", "tones", 1, &push, sizeof push);
        d.spec[RV_TONES_SPEC_STRETCH] = stretch;
        rv_op_bind(&d, RV_TONES_PICTURE, RV_READ_WRITE, rv_image_band(op->picture, first, count));
        rv_op_bind(&d, RV_TONES_TABLE, RV_READ, table_of(op->scratch));
        status = rv_op_dispatch(recorder, &d, rv_op_groups(count, 64), 1, 1);
    }
    return status;
}

enum rv_status rv_op_match_histogram(struct rv_recorder *recorder, const struct rv_tones_op *op) {
    enum rv_status status;
    RV_TRY(make_histogram(recorder, op->picture, op->size, counts_of(op->scratch, 0), false));
    RV_TRY(make_histogram(recorder, op->original, op->size, counts_of(op->scratch, 1), false));
    RV_TRY(make_table(recorder, op, false));
    status = apply_table(recorder, op, false);
done:
    return status;
}

enum rv_status rv_op_stretch(struct rv_recorder *recorder, const struct rv_tones_op *op) {
    enum rv_status status;
    RV_TRY(make_histogram(recorder, op->picture, op->size, counts_of(op->scratch, 0), true));
    RV_TRY(make_table(recorder, op, true));
    status = apply_table(recorder, op, true);
done:
    return status;
}
