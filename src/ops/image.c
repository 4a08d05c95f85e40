#include "ops/image.h"

#include <math.h>

#include "ops/op.h"

_Static_assert(RV_RESIZE_RULE_CORNERS == RV_RESIZE_ALIGN_CORNERS &&
                   RV_RESIZE_RULE_ASYMMETRIC == RV_RESIZE_ASYMMETRIC &&
                   RV_RESIZE_RULE_BICUBIC == RV_RESIZE_BICUBIC &&
                   RV_RESIZE_RULE_LANCZOS == RV_RESIZE_LANCZOS,
               "the kernel knows the rules by these numbers");

// ------------------------------------------------------------------------------------------------
// Resizing

// Rows of the source that these rows of the target read, and a few more: the kernel computes with
// 24 bits.
static void rows_read(const void *user, struct rv_rows target, double *first, double *end) {
    const struct rv_resize_op *op = user;
    double scale = (double)op->from.height / op->to.height, shift = 0.5;
    if (op->rule == RV_RESIZE_ALIGN_CORNERS)
        scale = op->to.height > 1 ? (double)(op->from.height - 1) / (op->to.height - 1) : 0;
    if (op->rule == RV_RESIZE_ALIGN_CORNERS || op->rule == RV_RESIZE_ASYMMETRIC)
        shift = 0;
    *first = floor((target.first + shift) * scale - shift) - 3; // Lanczos' two, and one
    *end = floor((target.end - 1 + shift) * scale - shift) + 6;
}

static enum rv_status resize_band(struct rv_recorder *recorder, const struct rv_resize_op *op,
                                  const struct rv_bands *bands) {
    uint64_t pixels = rv_bands_pixels(bands);
    struct rv_resize_push push = {.source_size = op->from.width | op->from.height << 16,
                                  .target_size = op->to.width | op->to.height << 16,
                                  .source_row = bands->read.first,
                                  .target_row = bands->rows.first,
                                  .pixels = (uint32_t)pixels,
                                  .quantise = op->quantise,
                                  .weight = op->weight,
                                  .other = op->other};
    struct rv_op_dispatch d;
    rv_op_begin(&d, "resize", "resize", 2, &push, sizeof push);
    d.spec[RV_RESIZE_SPEC_OTHER] = op->second.buffer != NULL;
    d.spec[RV_RESIZE_SPEC_RULE] = op->rule ? op->rule : RV_RESIZE_HALF_PIXEL;
    rv_op_bind(&d, RV_RESIZE_TARGET, RV_WRITE, rv_bands_target(bands, op->target));
    rv_op_bind(&d, RV_RESIZE_SOURCE, RV_READ, rv_bands_source(bands, op->source));
    rv_op_bind(&d, RV_RESIZE_OTHER, RV_READ,
               rv_bands_target(bands, op->second.buffer ? op->second : op->target));
    return rv_op_dispatch(recorder, &d, rv_op_groups(pixels, 64), 1, 1);
}

enum rv_status rv_op_resize(struct rv_recorder *recorder, const struct rv_resize_op *op) {
    struct rv_bands bands = {.device = recorder->device,
                             .label = "resize",
                             .to = op->to,
                             .from = op->from,
                             .reads = rows_read,
                             .user = op};
    bool more;
    enum rv_status status = rv_bands_next(&bands, &more);
    for (; status == RV_OK && more; status = rv_bands_next(&bands, &more))
        RV_TRY(resize_band(recorder, op, &bands));
done:
    return status;
}

// ------------------------------------------------------------------------------------------------
// Images of others

uint64_t rv_pixels_bytes(struct rv_extent size, uint32_t words) {
    uint64_t bytes = (uint64_t)size.width * size.height * words * 4;
    return (bytes + RV_PLAN_ALIGNMENT - 1) / RV_PLAN_ALIGNMENT * RV_PLAN_ALIGNMENT;
}

enum rv_status rv_op_pixels(struct rv_recorder *recorder, const struct rv_pixels_op *op) {
    uint64_t pixels = (uint64_t)op->size.width * op->size.height;
    uint64_t most = rv_image_band_pixels(recorder->device);
    enum rv_status status = RV_OK;
    for (uint64_t first = 0; first < pixels && status == RV_OK; first += most) {
        uint64_t count = pixels - first < most ? pixels - first : most,
                 from = first * op->words * 4;
        struct rv_pixels_push push = {.pixels = (uint32_t)count};
        struct rv_range theirs = {
            op->theirs.buffer, op->theirs.offset + from,
            rv_pixels_bytes((struct rv_extent){(uint32_t)count, 1}, op->words)};
        struct rv_op_dispatch d;
        rv_op_begin(&d, op->pack ? "pixels_pack" : "pixels_unpack", "pixels", 3, &push,
                    sizeof push);
        d.spec[RV_PIXELS_SPEC_WORDS] = op->words;
        d.spec[RV_PIXELS_SPEC_SWAP] = op->swap;
        d.spec[RV_PIXELS_SPEC_LINEAR] = op->linear;
        rv_op_bind(&d, RV_PIXELS_OURS, op->pack ? RV_READ : RV_WRITE,
                   rv_image_band(op->ours, first, count));
        rv_op_bind(&d, RV_PIXELS_THEIRS, op->pack ? RV_WRITE : RV_READ, theirs);
        status = rv_op_dispatch(recorder, &d, rv_op_groups(count, 64), 1, 1);
    }
    return status;
}
