#include "ops/bands.h"

#include "net/plan.h"

uint64_t rv_image_bytes(struct rv_extent extent) {
    uint64_t bytes = (uint64_t)extent.width * extent.height * 16;
    return (bytes + RV_PLAN_ALIGNMENT - 1) / RV_PLAN_ALIGNMENT * RV_PLAN_ALIGNMENT;
}

// Pixels from which a band may begin: their offset must be a multiple of RV_PLAN_ALIGNMENT.
#define ALIGNED_PIXELS (RV_PLAN_ALIGNMENT / 16)
#define ALIGNED_FLOATS (RV_PLAN_ALIGNMENT / 4)

static uint32_t greatest_divisor(uint32_t a, uint32_t b) {
    while (b) {
        uint32_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

uint32_t rv_band_rows(uint32_t width) {
    return ALIGNED_PIXELS / greatest_divisor(width, ALIGNED_PIXELS);
}

// A descriptor shows so many pixels, or a dispatch reaches so many.
static uint64_t most_pixels(const struct rv_device *device) {
    uint64_t shown = device->limits.storage_range / 16, run = (uint64_t)device->limits.group_count;
    return shown < run * 64 ? shown : run * 64;
}

uint64_t rv_image_band_pixels(const struct rv_device *device) {
    return most_pixels(device) / ALIGNED_FLOATS * ALIGNED_FLOATS;
}

// What rounds a band's size up to the alignment lies within the whole's own range.
static struct rv_range part(struct rv_range whole, uint64_t first, uint64_t bytes) {
    uint64_t rest = whole.size - first;
    bytes = (bytes + RV_PLAN_ALIGNMENT - 1) / RV_PLAN_ALIGNMENT * RV_PLAN_ALIGNMENT;
    return (struct rv_range){whole.buffer, whole.offset + first, bytes < rest ? bytes : rest};
}

struct rv_range rv_image_band(struct rv_range picture, uint64_t first, uint64_t count) {
    return part(picture, first * 16, count * 16);
}

struct rv_range rv_band_floats(struct rv_range floats, uint64_t first, uint64_t count) {
    return part(floats, first * 4, count * 4);
}

// ------------------------------------------------------------------------------------------------
// With neighbours

static struct rv_rows rows_read(const struct rv_bands *bands) {
    double first, end;
    bands->reads(bands->user, bands->rows, &first, &end);
    struct rv_rows read = {first > 0 ? (uint32_t)first : 0,
                           end < bands->from.height ? (uint32_t)end : bands->from.height};
    if (read.first >= read.end)
        read.first = read.end - 1;
    read.first -= read.first % rv_band_rows(bands->from.width);
    return read;
}

enum rv_status rv_bands_next(struct rv_bands *bands, bool *more) {
    uint32_t width = bands->to.width, unit = rv_band_rows(width);
    uint64_t most = most_pixels(bands->device) / width;
    uint64_t shown = bands->device->limits.storage_range / 16;
    bands->rows.first = bands->rows.end;
    uint32_t count = bands->to.height - bands->rows.first;
    *more = count > 0;
    if (!*more)
        return RV_OK;
    if (count > most)
        count = (uint32_t)most / unit * unit;
    for (; count > 0; count = count / 2 / unit * unit) {
        bands->rows.end = bands->rows.first + count;
        bands->read = rows_read(bands);
        if ((uint64_t)(bands->read.end - bands->read.first) * bands->from.width <= shown)
            return RV_OK;
    }
    return rv_fail(
        RV_ERR_INPUT,
        "%s: the picture is too large for this device: %u rows of %u and %u pixels cannot "
        "be shown to a kernel: use a smaller one (--size)",
        bands->label, unit, width, bands->from.width);
}

struct rv_range rv_bands_target(const struct rv_bands *bands, struct rv_range target) {
    return rv_image_band(target, (uint64_t)bands->rows.first * bands->to.width,
                         rv_bands_pixels(bands));
}

struct rv_range rv_bands_source(const struct rv_bands *bands, struct rv_range source) {
    return rv_image_band(source, (uint64_t)bands->read.first * bands->from.width,
                         (uint64_t)(bands->read.end - bands->read.first) * bands->from.width);
}

uint64_t rv_bands_pixels(const struct rv_bands *bands) {
    return (uint64_t)(bands->rows.end - bands->rows.first) * bands->to.width;
}
