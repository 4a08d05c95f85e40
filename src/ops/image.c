#include "ops/image.h"

#include <math.h>

#include "ops/op.h"

_Static_assert(RV_RESIZE_RULE_CORNERS == RV_RESIZE_ALIGN_CORNERS &&
                   RV_RESIZE_RULE_ASYMMETRIC == RV_RESIZE_ASYMMETRIC &&
                   RV_RESIZE_RULE_BICUBIC == RV_RESIZE_BICUBIC &&
                   RV_RESIZE_RULE_LANCZOS == RV_RESIZE_LANCZOS,
               "the kernel knows the rules by these numbers");

uint64_t rv_image_bytes(struct rv_extent extent) {
    uint64_t bytes = (uint64_t)extent.width * extent.height * 16;
    return (bytes + RV_PLAN_ALIGNMENT - 1) / RV_PLAN_ALIGNMENT * RV_PLAN_ALIGNMENT;
}

// ------------------------------------------------------------------------------------------------
// Bands

// Pixels from which a band may begin: their offset must be a multiple of RV_PLAN_ALIGNMENT.
#define ALIGNED_PIXELS (RV_PLAN_ALIGNMENT / 16)

static uint32_t greatest_divisor(uint32_t a, uint32_t b) {
    while (b) {
        uint32_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

// Rows from which a band may begin are multiples of this.
static uint32_t aligned_rows(uint32_t width) {
    return ALIGNED_PIXELS / greatest_divisor(width, ALIGNED_PIXELS);
}

static uint64_t most_pixels(const struct rv_device *device) {
    uint64_t shown = device->limits.storage_range / 16, run = (uint64_t)device->limits.group_count;
    return shown < run * 64 ? shown : run * 64;
}

uint64_t rv_image_band_pixels(const struct rv_device *device) {
    return most_pixels(device) / ALIGNED_PIXELS * ALIGNED_PIXELS;
}

// What rounds its size up to the alignment lies within the picture's own range.
struct rv_range rv_image_band(struct rv_range picture, uint64_t first, uint64_t count) {
    uint64_t bytes = (count + ALIGNED_PIXELS - 1) / ALIGNED_PIXELS * RV_PLAN_ALIGNMENT;
    uint64_t rest = picture.size - first * 16;
    return (struct rv_range){picture.buffer, picture.offset + first * 16,
                             bytes < rest ? bytes : rest};
}

// ------------------------------------------------------------------------------------------------
// Resizing

struct rows {
    uint32_t first, end;
};

// Rows of the source that these rows of the target read, and a few more: the kernel computes with
// 24 bits.
static struct rows rows_read(const struct rv_resize_op *op, struct rows target) {
    double scale = (double)op->from.height / op->to.height, shift = 0.5;
    if (op->rule == RV_RESIZE_ALIGN_CORNERS)
        scale = op->to.height > 1 ? (double)(op->from.height - 1) / (op->to.height - 1) : 0;
    if (op->rule == RV_RESIZE_ALIGN_CORNERS || op->rule == RV_RESIZE_ASYMMETRIC)
        shift = 0;
    double first = floor((target.first + shift) * scale - shift) - 3; // Lanczos' two, and one
    double end = floor((target.end - 1 + shift) * scale - shift) + 6;
    struct rows read = {first > 0 ? (uint32_t)first : 0,
                        end < op->from.height ? (uint32_t)end : op->from.height};
    if (read.first >= read.end)
        read.first = read.end - 1;
    read.first -= read.first % aligned_rows(op->from.width);
    return read;
}

static enum rv_status resize_band(struct rv_recorder *recorder, const struct rv_resize_op *op,
                                  struct rows rows, struct rows read) {
    uint64_t from = (uint64_t)read.first * op->from.width;
    uint64_t to = (uint64_t)rows.first * op->to.width;
    uint64_t shown = (uint64_t)(read.end - read.first) * op->from.width;
    uint64_t pixels = (uint64_t)(rows.end - rows.first) * op->to.width;
    struct rv_resize_push push = {.source_size = op->from.width | op->from.height << 16,
                                  .target_size = op->to.width | op->to.height << 16,
                                  .source_row = read.first,
                                  .target_row = rows.first,
                                  .pixels = (uint32_t)pixels,
                                  .quantise = op->quantise,
                                  .weight = op->weight,
                                  .other = op->other};
    struct rv_op_dispatch d;
    rv_op_begin(&d, "resize", "resize", 2, &push, sizeof push);
    d.spec[RV_RESIZE_SPEC_OTHER] = op->second.buffer != NULL;
    d.spec[RV_RESIZE_SPEC_RULE] = op->rule ? op->rule : RV_RESIZE_HALF_PIXEL;
    rv_op_bind(&d, RV_RESIZE_TARGET, RV_WRITE, rv_image_band(op->target, to, pixels));
    rv_op_bind(&d, RV_RESIZE_SOURCE, RV_READ, rv_image_band(op->source, from, shown));
    rv_op_bind(&d, RV_RESIZE_OTHER, RV_READ,
               rv_image_band(op->second.buffer ? op->second : op->target, to, pixels));
    return rv_op_dispatch(recorder, &d, rv_op_groups(pixels, 64), 1, 1);
}

enum rv_status rv_op_resize(struct rv_recorder *recorder, const struct rv_resize_op *op) {
    const struct rv_device *device = recorder->device;
    uint32_t unit = aligned_rows(op->to.width);
    uint64_t shown = device->limits.storage_range / 16;
    struct rows rows = {0, 0};
    while (rows.end < op->to.height) {
        rows.first = rows.end;
        uint64_t most = most_pixels(device) / op->to.width;
        uint32_t count = op->to.height - rows.first;
        if (count > most)
            count = (uint32_t)most / unit * unit;
        struct rows read = {0, 0};
        for (; count > 0; count = count / 2 / unit * unit) {
            rows.end = rows.first + count;
            read = rows_read(op, rows);
            if ((uint64_t)(read.end - read.first) * op->from.width <= shown)
                break;
        }
        if (count == 0)
            return rv_fail(RV_ERR_INPUT,
                           "resize: the picture is too large for this device: %u rows of %u and "
                           "%u pixels cannot be shown to a kernel: use a smaller one (--size)",
                           unit, op->to.width, op->from.width);
        enum rv_status status = resize_band(recorder, op, rows, read);
        if (status != RV_OK)
            return status;
    }
    return RV_OK;
}

// ------------------------------------------------------------------------------------------------
// Images of others

uint64_t rv_pixels_bytes(struct rv_extent size, uint32_t words) {
    uint64_t bytes = (uint64_t)size.width * size.height * words * 4;
    return (bytes + RV_PLAN_ALIGNMENT - 1) / RV_PLAN_ALIGNMENT * RV_PLAN_ALIGNMENT;
}

enum rv_status rv_op_pixels(struct rv_recorder *recorder, const struct rv_pixels_op *op) {
    // Bands begin at multiples of the alignment in both, of which theirs may have 4 bytes a pixel.
    uint64_t unit = RV_PLAN_ALIGNMENT / 4, pixels = (uint64_t)op->size.width * op->size.height;
    uint64_t most = most_pixels(recorder->device) / unit * unit;
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

// ------------------------------------------------------------------------------------------------
// The end of an iteration

static enum rv_status gather(struct rv_recorder *recorder, const struct rv_ascend_op *op) {
    uint64_t most = recorder->device->limits.storage_range / 16 / ALIGNED_PIXELS * ALIGNED_PIXELS;
    enum rv_status status = RV_OK;
    for (uint64_t first = 0; first < op->pixels && status == RV_OK; first += most) {
        uint64_t count = op->pixels - first < most ? op->pixels - first : most;
        struct rv_pixels_push push = {.pixels = (uint32_t)count, .add = first > 0};
        struct rv_op_dispatch d;
        rv_op_begin(&d, "gradient_partial", "gradient statistics", 0, &push, sizeof push);
        rv_op_bind(&d, RV_GRADIENT_TARGET, RV_READ_WRITE, op->partials);
        rv_op_bind(&d, RV_GRADIENT_SOURCE, RV_READ, rv_image_band(op->gradient, first, count));
        status = rv_op_dispatch(recorder, &d, RV_GRADIENT_PARTIALS / 64, 1, 1);
    }
    return status;
}

static enum rv_status ascend(struct rv_recorder *recorder, const struct rv_ascend_op *op) {
    uint64_t most = rv_image_band_pixels(recorder->device);
    enum rv_status status = RV_OK;
    for (uint64_t first = 0; first < op->pixels && status == RV_OK; first += most) {
        uint64_t count = op->pixels - first < most ? op->pixels - first : most;
        struct rv_pixels_push push = {.pixels = (uint32_t)count, .clip = op->clip};
        struct rv_op_dispatch d;
        rv_op_begin(&d, "ascend", "ascend", 0, &push, sizeof push);
        rv_op_bind(&d, RV_ASCEND_PICTURE, RV_READ_WRITE, rv_image_band(op->picture, first, count));
        rv_op_bind(&d, RV_ASCEND_GRADIENT, RV_READ, rv_image_band(op->gradient, first, count));
        rv_op_bind(&d, RV_ASCEND_CONTROL, RV_READ, op->control);
        status = rv_op_dispatch(recorder, &d, rv_op_groups(count, 64), 1, 1);
    }
    return status;
}

enum rv_status rv_op_ascend(struct rv_recorder *recorder, const struct rv_ascend_op *op) {
    struct rv_op_dispatch d;
    enum rv_status status = gather(recorder, op);
    if (status != RV_OK)
        return status;
    rv_op_begin(&d, "iterate", "iterate", 0, NULL, 0);
    rv_op_bind(&d, RV_ITERATE_CONTROL, RV_READ_WRITE, op->control);
    rv_op_bind(&d, RV_ITERATE_LOG, RV_READ_WRITE, op->log);
    rv_op_bind(&d, RV_ITERATE_LOSSES, RV_READ, op->losses);
    rv_op_bind(&d, RV_ITERATE_PARTIALS, RV_READ, op->partials);
    status = rv_op_dispatch(recorder, &d, 1, 1, 1);
    return status == RV_OK ? ascend(recorder, op) : status;
}
