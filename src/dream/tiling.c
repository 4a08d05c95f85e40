#include "dream/tiling.h"

#include <stdlib.h>

#include "base/status.h"

#define GRID 32 // the network's coarsest stride

// By the block of the deepest target, 0 = stem. Up to mixed2 the network sees no further. Beyond,
// its sight is wider than what counts: from here on, the gradient of a picture cut off differs from
// the whole one's by less than 1e-3, of the norm and of the largest value, in every band of 32
// pixels. Measured with build/tools/measure-halo LAYER PICTURE SIZE: to mixed5 with the default
// weights on a photograph, deeper with random ones.
static const uint32_t halos[] = {64, 64, 96, 128, 128, 256, 352, 416, 480, 576, 608, 608};

uint32_t rv_tiling_halo(const struct rv_target *targets, uint32_t count) {
    uint32_t halo = 0, last = sizeof halos / sizeof *halos - 1;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t block = targets[i].layer->info.block;
        uint32_t needed = halos[block < last ? block : last];
        halo = needed > halo ? needed : halo;
    }
    return halo;
}

struct rv_tiling_axis rv_tiling_cut(uint32_t size, uint32_t halo, uint32_t count) {
    struct rv_tiling_axis axis = {.size = size, .tile = size, .core = size, .count = 1};
    uint32_t rest = size % GRID;
    if (count <= 1 || size - rest <= 2 * halo)
        return axis;
    uint32_t cores = (size - rest - 2 * halo) / GRID, core = (cores + count - 1) / count;
    if (core == cores)
        return axis;
    axis.core = core * GRID;
    axis.tile = axis.core + 2 * halo + rest;
    axis.halo = halo;
    axis.count = (cores + core - 1) / core;
    return axis;
}

uint32_t rv_tiling_most(uint32_t size, uint32_t halo) {
    uint32_t whole = size - size % GRID;
    return whole > 2 * halo ? (whole - 2 * halo) / GRID : 1;
}

uint32_t rv_tiling_origin(const struct rv_tiling_axis *axis, uint32_t index) {
    return index + 1 == axis->count ? axis->size - axis->tile : index * axis->core;
}

void rv_tiling_own(const struct rv_tiling_axis *axis, uint32_t index, uint32_t *first,
                   uint32_t *end) {
    *first = index == 0 ? 0 : index * axis->core + axis->halo;
    *end = index + 1 == axis->count ? axis->size : (index + 1) * axis->core + axis->halo;
}

// ------------------------------------------------------------------------------------------------
// The choice

static double work_of(const struct rv_tiling_axis *x, const struct rv_tiling_axis *y) {
    return (double)x->count * x->tile * y->count * y->tile;
}

static uint64_t area_of(const struct rv_tiling *tiling) {
    return (uint64_t)tiling->x.tile * tiling->y.tile;
}

// The least work with tiles of at most `area` pixels. False if there is none.
static bool find(struct rv_extent picture, uint32_t halo, uint64_t area, struct rv_tiling *best) {
    uint32_t most_x = rv_tiling_most(picture.width, halo);
    uint32_t most_y = rv_tiling_most(picture.height, halo);
    bool found = false;
    for (uint32_t i = 1; i <= most_y; i++) {
        struct rv_tiling_axis y = rv_tiling_cut(picture.height, halo, i);
        for (uint32_t j = 1; j <= most_x; j++) {
            struct rv_tiling_axis x = rv_tiling_cut(picture.width, halo, j);
            if ((uint64_t)x.tile * y.tile > area)
                continue;
            if (!found || work_of(&x, &y) < work_of(&best->x, &best->y)) {
                *best = (struct rv_tiling){.x = x, .y = y};
                found = true;
            }
        }
    }
    return found;
}

static enum rv_status make_plan(const struct rv_tiling_needs *needs, struct rv_extent picture,
                                struct rv_tiling *tiling) {
    struct rv_plan_request request = *needs->request;
    struct rv_extent tile = {tiling->x.tile, tiling->y.tile};
    request.width = tile.width;
    request.height = tile.height;
    request.whole_width = picture.width;
    request.whole_height = picture.height;
    enum rv_status status = rv_plan_create(&request, &tiling->plan);
    if (status != RV_OK)
        return status;
    tiling->arena_bytes = tiling->plan->arena_bytes;
    tiling->flops = tiling->plan->flops * tiling->x.count * tiling->y.count;
    if (!rv_tiling_is_whole(tiling)) {
        tiling->picture_offset = tiling->arena_bytes;
        tiling->gradient_offset = tiling->picture_offset + rv_image_bytes(tile);
        tiling->arena_bytes = tiling->gradient_offset + rv_image_bytes(tile);
    }
    return RV_OK;
}

// How many times too large the plan is for what the device can show at once, hold in one piece, or
// spare; at most 1 if it fits.
static double excess(const struct rv_tiling_needs *needs, const struct rv_tiling *tiling) {
    uint64_t most = needs->device->limits.allocation_bytes;
    if (needs->arena_bytes < most)
        most = needs->arena_bytes;
    double shown = rv_op_plan_excess(needs->device, tiling->plan);
    double held = most ? (double)tiling->arena_bytes / (double)most : 2;
    return shown > held ? shown : held;
}

enum rv_status rv_tiling_choose(const struct rv_tiling_needs *needs, struct rv_extent picture,
                                struct rv_tiling *tiling, uint64_t *least) {
    uint32_t halo = rv_tiling_halo(needs->request->targets, needs->request->target_count);
    uint64_t area = UINT64_MAX;
    *least = 0;
    while (find(picture, halo, area, tiling)) {
        enum rv_status status = make_plan(needs, picture, tiling);
        if (status != RV_OK)
            return status;
        double times = excess(needs, tiling);
        if (times <= 1)
            return RV_OK;
        // Bytes go with the area: rather a little too large still than too small.
        double next = (double)area_of(tiling) / times * 1.05;
        area = area_of(tiling) - 1;
        if (next < (double)area)
            area = (uint64_t)next;
        rv_tiling_finish(tiling);
    }
    // None of those tried: then the smallest there are.
    *tiling = (struct rv_tiling){
        .x = rv_tiling_cut(picture.width, halo, rv_tiling_most(picture.width, halo)),
        .y = rv_tiling_cut(picture.height, halo, rv_tiling_most(picture.height, halo))};
    enum rv_status status = make_plan(needs, picture, tiling);
    if (status == RV_OK && excess(needs, tiling) <= 1)
        return RV_OK;
    if (status == RV_OK)
        status = rv_op_check_plan(needs->device, tiling->plan);
    *least = tiling->arena_bytes;
    rv_tiling_finish(tiling);
    return status;
}

void rv_tiling_finish(struct rv_tiling *tiling) {
    free(tiling->plan);
    tiling->plan = NULL;
}
