#include "ops/ascend.h"

#include "ops/op.h"

uint64_t rv_mask_bytes(struct rv_extent size) {
    uint64_t bytes = (uint64_t)size.width * size.height * 4;
    return (bytes + RV_PLAN_ALIGNMENT - 1) / RV_PLAN_ALIGNMENT * RV_PLAN_ALIGNMENT;
}

// ------------------------------------------------------------------------------------------------
// Kernels that look at neighbours

// The rows of the source that row y of the target reads: scale * y, and so many before and after.
struct reach {
    double scale, before, after;
};

static void rows_read(const void *user, struct rv_rows target, double *first, double *end) {
    const struct reach *reach = user;
    *first = target.first * reach->scale - reach->before;
    *end = (target.end - 1) * reach->scale + reach->after + 1;
}

static const struct reach one_row = {1, 1, 1}, smooth_rows = {1, RV_SMOOTH_REACH, RV_SMOOTH_REACH},
                          finer_rows = {2, 2, 3}, coarser_rows = {0.5, 1, 2};

static struct rv_bands bands_of(const struct rv_recorder *recorder, const char *label,
                                struct rv_extent to, struct rv_extent from,
                                const struct reach *reach) {
    return (struct rv_bands){.device = recorder->device,
                             .label = label,
                             .to = to,
                             .from = from,
                             .reads = rows_read,
                             .user = reach};
}

static struct rv_rows_push push_of(const struct rv_bands *bands) {
    return (struct rv_rows_push){.width = bands->to.width,
                                 .height = bands->to.height,
                                 .source_width = bands->from.width,
                                 .source_height = bands->from.height,
                                 .source_row = bands->read.first,
                                 .target_row = bands->rows.first,
                                 .rows = bands->rows.end - bands->rows.first};
}

// ------------------------------------------------------------------------------------------------
// Total variation and pull

// Both are means over the picture's values, as objectives are over a layer's.
enum rv_status rv_op_regularize(struct rv_recorder *recorder, const struct rv_ascend_op *op) {
    struct rv_bands bands = bands_of(recorder, "regularize", op->size, op->size, &one_row);
    float each = 2 / (3 * (float)op->size.width * (float)op->size.height);
    bool more, pulls = op->pull > 0;
    enum rv_status status = rv_bands_next(&bands, &more);
    for (; status == RV_OK && more; status = rv_bands_next(&bands, &more)) {
        struct rv_rows_push push = push_of(&bands);
        struct rv_op_dispatch d;
        push.variation = op->tv > 0 ? op->tv * each : 0;
        push.pull = pulls ? op->pull * each : 0;
        rv_op_begin(&d, "regularize", "regularize", 1, &push, sizeof push);
        d.spec[RV_REGULARIZE_SPEC_PULL] = pulls;
        rv_op_bind(&d, RV_REGULARIZE_GRADIENT, RV_READ_WRITE,
                   rv_bands_target(&bands, op->gradient));
        rv_op_bind(&d, RV_REGULARIZE_PICTURE, RV_READ, rv_bands_source(&bands, op->picture));
        rv_op_bind(&d, RV_REGULARIZE_ORIGINAL, RV_READ,
                   rv_bands_target(&bands, pulls ? op->original : op->picture));
        RV_TRY(rv_op_dispatch(recorder, &d, rv_op_groups(rv_bands_pixels(&bands), 64), 1, 1));
    }
done:
    return status;
}

// ------------------------------------------------------------------------------------------------
// Smoothing

enum rv_status rv_op_smooth(struct rv_recorder *recorder, const struct rv_ascend_op *op) {
    struct rv_bands bands = bands_of(recorder, "smooth", op->size, op->size, &smooth_rows);
    bool more;
    enum rv_status status = rv_bands_next(&bands, &more);
    for (; status == RV_OK && more; status = rv_bands_next(&bands, &more)) {
        struct rv_rows_push push = push_of(&bands);
        uint64_t items = (uint64_t)rv_op_groups(push.rows, RV_SMOOTH_ROWS) * push.width;
        struct rv_op_dispatch d;
        rv_op_begin(&d, "smooth", "smooth", 0, &push, sizeof push);
        rv_op_bind(&d, RV_SMOOTH_TARGET, RV_WRITE, rv_bands_target(&bands, op->smoothed));
        rv_op_bind(&d, RV_SMOOTH_SOURCE, RV_READ, rv_bands_source(&bands, op->gradient));
        rv_op_bind(&d, RV_SMOOTH_CONTROL, RV_READ, op->control);
        rv_op_bind(&d, RV_SMOOTH_LOG, RV_READ, op->log);
        RV_TRY(rv_op_dispatch(recorder, &d, rv_op_groups(items, 64), 1, 1));
    }
done:
    return status;
}

// ------------------------------------------------------------------------------------------------
// Sums over pictures

#define PARTIAL_BYTES ((uint64_t)RV_GRADIENT_PARTIALS * 16)

// Of a gradient, or of the difference of two pictures.
static enum rv_status gather(struct rv_recorder *recorder, struct rv_extent size,
                             struct rv_range partials, struct rv_range source,
                             const struct rv_range *second) {
    uint64_t most = recorder->device->limits.storage_range / 16 / 16 * 16;
    uint64_t pixels = (uint64_t)size.width * size.height;
    enum rv_status status = RV_OK;
    for (uint64_t first = 0; first < pixels && status == RV_OK; first += most) {
        uint64_t count = pixels - first < most ? pixels - first : most;
        struct rv_band_push push = {.pixels = (uint32_t)count, .add = first > 0};
        struct rv_op_dispatch d;
        rv_op_begin(&d, second ? "change_partial" : "gradient_partial",
                    second ? "change" : "gradient statistics", 0, &push, sizeof push);
        rv_op_bind(&d, RV_GRADIENT_TARGET, first > 0 ? RV_READ_WRITE : RV_WRITE, partials);
        rv_op_bind(&d, RV_GRADIENT_SOURCE, RV_READ, rv_image_band(source, first, count));
        if (second)
            rv_op_bind(&d, RV_GRADIENT_SECOND, RV_READ, rv_image_band(*second, first, count));
        status = rv_op_dispatch(recorder, &d, RV_GRADIENT_PARTIALS / 64, 1, 1);
    }
    return status;
}

static enum rv_status total(struct rv_recorder *recorder, const struct rv_ascend_op *op,
                            uint32_t kind, const char *label) {
    struct rv_totals_push push = {{op->size.width * op->size.height}};
    struct rv_op_dispatch d;
    rv_op_begin(&d, "totals", label, 1, &push, sizeof push);
    d.spec[RV_TOTALS_SPEC_KIND] = kind;
    rv_op_bind(&d, RV_TOTALS_PARTIALS, RV_READ, op->partials);
    rv_op_bind(&d, RV_TOTALS_SCALES, RV_READ, op->partials); // not used
    rv_op_bind(&d, RV_TOTALS_CONTROL, RV_READ_WRITE, op->control);
    rv_op_bind(&d, RV_TOTALS_LOG, RV_READ_WRITE, op->log);
    return rv_op_dispatch(recorder, &d, 1, 1, 1);
}

// ------------------------------------------------------------------------------------------------
// Laplacian pyramid

// The levels from the picture itself, 0, down. In their buffer: 1 and what follows, then the
// partial sums of all, then their scales.
struct levels {
    uint32_t count; // beside the lowest
    struct rv_extent size[RV_LAPLACIAN_LEVELS + 1];
    struct rv_range picture[RV_LAPLACIAN_LEVELS + 1];
    struct rv_range partials, scales;
};

static struct rv_extent half_of(struct rv_extent size) {
    return (struct rv_extent){(size.width + 1) / 2, (size.height + 1) / 2};
}

static struct levels levels_of(struct rv_extent size, struct rv_range gradient,
                               struct rv_range room, uint32_t count) {
    struct levels levels = {.count = count, .size = {size}, .picture = {gradient}};
    uint64_t offset = room.offset;
    for (uint32_t i = 1; i <= count; i++) {
        levels.size[i] = half_of(levels.size[i - 1]);
        levels.picture[i] = (struct rv_range){room.buffer, offset, rv_image_bytes(levels.size[i])};
        offset += levels.picture[i].size;
    }
    levels.partials = (struct rv_range){room.buffer, offset, (count + 1) * PARTIAL_BYTES};
    levels.scales =
        (struct rv_range){room.buffer, offset + levels.partials.size, RV_PLAN_ALIGNMENT};
    return levels;
}

uint64_t rv_levels_bytes(struct rv_extent size) {
    struct levels levels =
        levels_of(size, (struct rv_range){0}, (struct rv_range){0}, RV_LAPLACIAN_LEVELS);
    return levels.scales.offset + levels.scales.size;
}

// Level i + 1 from level i.
static enum rv_status shrink(struct rv_recorder *recorder, const struct levels *levels,
                             uint32_t i) {
    struct rv_bands bands =
        bands_of(recorder, "laplacian down", levels->size[i + 1], levels->size[i], &finer_rows);
    bool more;
    enum rv_status status = rv_bands_next(&bands, &more);
    for (; status == RV_OK && more; status = rv_bands_next(&bands, &more)) {
        struct rv_rows_push push = push_of(&bands);
        struct rv_op_dispatch d;
        rv_op_begin(&d, "laplacian_down", "laplacian down", 0, &push, sizeof push);
        rv_op_bind(&d, RV_LAPLACIAN_TARGET, RV_WRITE,
                   rv_bands_target(&bands, levels->picture[i + 1]));
        rv_op_bind(&d, RV_LAPLACIAN_SOURCE, RV_READ, rv_bands_source(&bands, levels->picture[i]));
        RV_TRY(rv_op_dispatch(recorder, &d, rv_op_groups(rv_bands_pixels(&bands), 64), 1, 1));
    }
done:
    return status;
}

// Takes level i + 1 off level i, or puts it on again.
static enum rv_status enlarge(struct rv_recorder *recorder, const struct levels *levels, uint32_t i,
                              bool merge) {
    const char *label = merge ? "laplacian merge" : "laplacian split";
    struct rv_bands bands =
        bands_of(recorder, label, levels->size[i], levels->size[i + 1], &coarser_rows);
    bool more;
    enum rv_status status = rv_bands_next(&bands, &more);
    for (; status == RV_OK && more; status = rv_bands_next(&bands, &more)) {
        struct rv_rows_push push = push_of(&bands);
        struct rv_op_dispatch d;
        push.level = i;
        push.lowest = i + 1 == levels->count;
        rv_op_begin(&d, "laplacian_up", label, 1, &push, sizeof push);
        d.spec[RV_LAPLACIAN_SPEC_MERGE] = merge;
        rv_op_bind(&d, RV_LAPLACIAN_TARGET, RV_READ_WRITE,
                   rv_bands_target(&bands, levels->picture[i]));
        rv_op_bind(&d, RV_LAPLACIAN_SOURCE, RV_READ,
                   rv_bands_source(&bands, levels->picture[i + 1]));
        rv_op_bind(&d, RV_LAPLACIAN_SCALES, RV_READ, levels->scales);
        RV_TRY(rv_op_dispatch(recorder, &d, rv_op_groups(rv_bands_pixels(&bands), 64), 1, 1));
    }
done:
    return status;
}

static enum rv_status measure(struct rv_recorder *recorder, const struct rv_ascend_op *op,
                              const struct levels *levels) {
    struct rv_totals_push push = {{0}};
    struct rv_op_dispatch d;
    enum rv_status status = RV_OK;
    for (uint32_t i = 0; i <= levels->count; i++) {
        struct rv_range partials = {levels->partials.buffer,
                                    levels->partials.offset + i * PARTIAL_BYTES, PARTIAL_BYTES};
        RV_TRY(gather(recorder, levels->size[i], partials, levels->picture[i], NULL));
        push.pixels[i] = levels->size[i].width * levels->size[i].height;
    }
    rv_op_begin(&d, "totals", "laplacian scales", 1, &push, sizeof push);
    d.spec[RV_TOTALS_SPEC_KIND] = RV_TOTALS_LEVELS;
    rv_op_bind(&d, RV_TOTALS_PARTIALS, RV_READ, levels->partials);
    rv_op_bind(&d, RV_TOTALS_SCALES, RV_WRITE, levels->scales);
    rv_op_bind(&d, RV_TOTALS_CONTROL, RV_READ, op->control); // neither is used
    rv_op_bind(&d, RV_TOTALS_LOG, RV_READ, op->log);
    status = rv_op_dispatch(recorder, &d, levels->count + 1, 1, 1);
done:
    return status;
}

enum rv_status rv_op_laplacian(struct rv_recorder *recorder, const struct rv_ascend_op *op,
                               bool normalise) {
    struct levels levels = levels_of(op->size, op->gradient, op->levels, op->laplacian);
    enum rv_status status = RV_OK;
    for (uint32_t i = 0; i < levels.count; i++) {
        RV_TRY(shrink(recorder, &levels, i));
        RV_TRY(enlarge(recorder, &levels, i, false));
    }
    if (normalise)
        RV_TRY(measure(recorder, op, &levels));
    for (uint32_t i = levels.count; i-- > 0;)
        RV_TRY(enlarge(recorder, &levels, i, true));
done:
    return status;
}

// ------------------------------------------------------------------------------------------------
// Mirror and mask

enum rv_status rv_op_mirror(struct rv_recorder *recorder, struct rv_extent size,
                            struct rv_range source, struct rv_range target,
                            struct rv_range control) {
    static const struct reach same_row = {1, 0, 0};
    struct rv_bands bands = bands_of(recorder, "mirror", size, size, &same_row);
    bool more;
    enum rv_status status = rv_bands_next(&bands, &more);
    for (; status == RV_OK && more; status = rv_bands_next(&bands, &more)) {
        struct rv_rows_push push = push_of(&bands);
        uint64_t items = (uint64_t)push.rows * ((size.width + 1) / 2);
        struct rv_op_dispatch d;
        rv_op_begin(&d, "mirror", "mirror", 0, &push, sizeof push);
        rv_op_bind(&d, RV_MIRROR_TARGET, RV_WRITE, rv_bands_target(&bands, target));
        rv_op_bind(&d, RV_MIRROR_SOURCE, RV_READ, rv_bands_source(&bands, source));
        rv_op_bind(&d, RV_MIRROR_CONTROL, RV_READ, control);
        RV_TRY(rv_op_dispatch(recorder, &d, rv_op_groups(items, 64), 1, 1));
    }
done:
    return status;
}

enum rv_status rv_op_hold(struct rv_recorder *recorder, struct rv_extent size,
                          struct rv_range picture, struct rv_range original, struct rv_range mask) {
    uint64_t most = rv_image_band_pixels(recorder->device),
             pixels = (uint64_t)size.width * size.height;
    enum rv_status status = RV_OK;
    for (uint64_t first = 0; first < pixels && status == RV_OK; first += most) {
        uint64_t count = pixels - first < most ? pixels - first : most;
        struct rv_band_push push = {.pixels = (uint32_t)count};
        struct rv_op_dispatch d;
        rv_op_begin(&d, "hold", "hold", 0, &push, sizeof push);
        rv_op_bind(&d, RV_HOLD_PICTURE, RV_WRITE, rv_image_band(picture, first, count));
        rv_op_bind(&d, RV_HOLD_ORIGINAL, RV_READ, rv_image_band(original, first, count));
        rv_op_bind(&d, RV_HOLD_MASK, RV_READ, rv_band_floats(mask, first, count));
        status = rv_op_dispatch(recorder, &d, rv_op_groups(count, 64), 1, 1);
    }
    return status;
}

// ------------------------------------------------------------------------------------------------
// The step

static enum rv_status iterate(struct rv_recorder *recorder, const struct rv_ascend_op *op) {
    struct rv_op_dispatch d;
    rv_op_begin(&d, "iterate", "iterate", 0, NULL, 0);
    rv_op_bind(&d, RV_ITERATE_CONTROL, RV_READ_WRITE, op->control);
    rv_op_bind(&d, RV_ITERATE_LOG, RV_READ_WRITE, op->log);
    rv_op_bind(&d, RV_ITERATE_LOSSES, RV_READ, op->losses);
    rv_op_bind(&d, RV_ITERATE_PARTIALS, RV_READ, op->partials);
    return rv_op_dispatch(recorder, &d, 1, 1, 1);
}

static enum rv_status adam(struct rv_recorder *recorder, const struct rv_ascend_op *op) {
    uint64_t pixels = (uint64_t)op->size.width * op->size.height;
    uint64_t most = rv_image_band_pixels(recorder->device);
    enum rv_status status = RV_OK;
    for (uint64_t first = 0; first < pixels && status == RV_OK; first += most) {
        uint64_t count = pixels - first < most ? pixels - first : most;
        struct rv_band_push push = {.pixels = (uint32_t)count};
        struct rv_op_dispatch d;
        rv_op_begin(&d, "adam", "adam", 0, &push, sizeof push);
        rv_op_bind(&d, RV_ADAM_GRADIENT, RV_READ_WRITE, rv_image_band(op->gradient, first, count));
        rv_op_bind(&d, RV_ADAM_MEAN, RV_READ_WRITE, rv_image_band(op->mean, first, count));
        rv_op_bind(&d, RV_ADAM_SQUARE, RV_READ_WRITE, rv_image_band(op->square, first, count));
        rv_op_bind(&d, RV_ADAM_CONTROL, RV_READ, op->control);
        rv_op_bind(&d, RV_ADAM_LOG, RV_READ, op->log);
        status = rv_op_dispatch(recorder, &d, rv_op_groups(count, 64), 1, 1);
    }
    return status;
}

static enum rv_status ascend(struct rv_recorder *recorder, const struct rv_ascend_op *op) {
    uint64_t pixels = (uint64_t)op->size.width * op->size.height;
    uint64_t most = rv_image_band_pixels(recorder->device);
    bool masked = op->mask.buffer != NULL;
    enum rv_status status = RV_OK;
    for (uint64_t first = 0; first < pixels && status == RV_OK; first += most) {
        uint64_t count = pixels - first < most ? pixels - first : most;
        struct rv_band_push push = {.pixels = (uint32_t)count, .clip = op->clip};
        struct rv_op_dispatch d;
        rv_op_begin(&d, "ascend", "ascend", 2, &push, sizeof push);
        d.spec[RV_ASCEND_SPEC_MASKED] = masked;
        d.spec[RV_ASCEND_SPEC_ADAM] = op->mean.buffer != NULL;
        rv_op_bind(&d, RV_ASCEND_PICTURE, RV_READ_WRITE, rv_image_band(op->picture, first, count));
        rv_op_bind(&d, RV_ASCEND_GRADIENT, RV_READ, rv_image_band(op->gradient, first, count));
        rv_op_bind(&d, RV_ASCEND_CONTROL, RV_READ, op->control);
        rv_op_bind(&d, RV_ASCEND_MASK, RV_READ,
                   masked ? rv_band_floats(op->mask, first, count) : op->control);
        status = rv_op_dispatch(recorder, &d, rv_op_groups(count, 64), 1, 1);
    }
    return status;
}

// What becomes of the gradient, and where it then is.
static enum rv_status shape(struct rv_recorder *recorder, struct rv_ascend_op *op) {
    enum rv_status status = RV_OK;
    if (op->seen.buffer)
        RV_TRY(rv_op_mirror(recorder, op->size, op->gradient, op->gradient, op->control));
    if (op->tv > 0 || op->pull > 0)
        RV_TRY(rv_op_regularize(recorder, op));
    if (op->smoothed.buffer) {
        RV_TRY(rv_op_smooth(recorder, op));
        op->gradient = op->smoothed;
    }
    if (op->laplacian)
        RV_TRY(rv_op_laplacian(recorder, op, true));
done:
    return status;
}

enum rv_status rv_op_ascend(struct rv_recorder *recorder, const struct rv_ascend_op *given) {
    struct rv_ascend_op op = *given;
    enum rv_status status;
    RV_TRY(shape(recorder, &op));
    RV_TRY(gather(recorder, op.size, op.partials, op.gradient, NULL));
    RV_TRY(iterate(recorder, &op));
    if (op.mean.buffer) {
        RV_TRY(adam(recorder, &op));
        if (op.strength) {
            RV_TRY(gather(recorder, op.size, op.partials, op.gradient, NULL));
            RV_TRY(total(recorder, &op, RV_TOTALS_STEP, "strength"));
        }
    }
    RV_TRY(ascend(recorder, &op));
    if (op.change) {
        RV_TRY(gather(recorder, op.size, op.partials, op.picture, &op.original));
        RV_TRY(total(recorder, &op, RV_TOTALS_CHANGE, "change"));
    }
    if (op.seen.buffer)
        RV_TRY(rv_op_mirror(recorder, op.size, op.picture, op.seen, op.control));
done:
    return status;
}
