// Room on the device for a live dream, at the largest size that there is memory for.
#include <stdlib.h>

#include "dream/budget.h"
#include "dream/live.h"
#include "net/graph.h"

#define NOTCH 0.8 // of the length of the size before

bool rv_live_size(const struct rv_live *live, uint32_t notch, struct rv_extent *size) {
    double width = live->full.width, height = live->full.height;
    double longer = width > height ? width : height, shorter = width > height ? height : width;
    double least = RV_MIN_SIZE / shorter, scale = live->live.size_limit / longer;
    scale = scale < 1 ? scale : 1;
    for (; notch > 0; notch--) {
        if (scale <= least)
            return false;
        scale *= NOTCH;
    }
    scale = scale > least ? scale : least;
    *size = (struct rv_extent){(uint32_t)(width * scale + 0.5), (uint32_t)(height * scale + 0.5)};
    return true;
}

enum rv_status rv_live_octaves(const struct rv_live *live, struct rv_extent size,
                               struct rv_pyramid_sizes *octaves) {
    struct rv_params params = live->params;
    params.pyramid = RV_PYRAMID_DETAIL;
    return rv_pyramid_sizes(&params, size, octaves);
}

struct rv_plan_request rv_live_request(const struct rv_live *live, struct rv_extent size) {
    int32_t border = live->params.border;
    return (struct rv_plan_request){.height = size.height,
                                    .width = size.width,
                                    .targets = live->targets,
                                    .target_count = live->target_count,
                                    .objective = live->params.objective,
                                    .border = border > 0 ? (uint32_t)border : 0,
                                    .pool_counts_padding = live->weights->pool_counts_padding,
                                    .fp16 = live->params.precision == RV_PRECISION_FP16};
}

struct rv_range rv_live_range(const struct rv_live *live, enum rv_live_buffer buffer) {
    const struct rv_buffer *found = &live->buffers[buffer];
    return (struct rv_range){found, 0, found->size};
}

struct rv_range rv_live_picture(const struct rv_live *live, enum rv_live_buffer buffer,
                                struct rv_extent size) {
    return (struct rv_range){&live->buffers[buffer], 0, rv_image_bytes(size)};
}

struct rv_range rv_live_dreamed_on(const struct rv_live *live) {
    struct rv_extent size = live->stage.size;
    bool shrunk = size.width != live->full.width || size.height != live->full.height;
    return rv_live_picture(live, shrunk ? RV_LIVE_FRAME : RV_LIVE_FULL, size);
}

static uint64_t larger_of(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

// Bytes of every buffer, with pictures of `largest` at most.
static void count_bytes(const struct rv_live *live, struct rv_extent largest, uint32_t first_notch,
                        uint64_t *bytes) {
    struct rv_extent size, half = {(live->full.width + 1) / 2, (live->full.height + 1) / 2};
    uint64_t pixels = rv_pixels_bytes(live->full, 1), picture = rv_image_bytes(largest);
    for (uint32_t i = 0; i < RV_LIVE_BUFFERS; i++)
        bytes[i] = picture;
    bytes[RV_LIVE_INPUT] = bytes[RV_LIVE_OUTPUT] = pixels;
    bytes[RV_LIVE_FULL] = bytes[RV_LIVE_RESULT] = rv_image_bytes(live->full);
    // A half, a half of that, and so on, with what rounding up takes.
    bytes[RV_LIVE_SHRUNK] = rv_image_bytes(half) + rv_image_bytes(half) / 2 + 65536;
    bytes[RV_LIVE_CARRY] = 256;
    for (uint32_t i = RV_LIVE_BEFORE; i <= RV_LIVE_SUMS; i++)
        bytes[i] = 0;
    for (uint32_t notch = first_notch; rv_live_size(live, notch, &size); notch++) {
        struct rv_flow_plan flow = rv_flow_plan(size, rv_flow_most(live->device));
        const uint64_t needs[] = {flow.grey_bytes,  flow.grey_bytes,  flow.flow_bytes,
                                  flow.terms_bytes, flow.terms_bytes, flow.motion_bytes,
                                  flow.sums_bytes};
        for (uint32_t i = RV_LIVE_BEFORE; i <= RV_LIVE_SUMS; i++)
            bytes[i] = larger_of(bytes[i], needs[i - RV_LIVE_BEFORE]);
    }
}

// Whether the kernels for pictures that are not worked on in bands can see them.
static bool are_shown(const struct rv_live *live, const uint64_t *bytes) {
    for (uint32_t i = RV_LIVE_FRAME; i < RV_LIVE_BUFFERS; i++)
        if (bytes[i] > live->device->limits.storage_range)
            return false;
    return true;
}

static enum rv_status reserve_pictures(struct rv_live *live, const uint64_t *bytes) {
    enum rv_status status = RV_OK;
    for (uint32_t i = 0; i < RV_LIVE_BUFFERS; i++) {
        bool mapped = i == RV_LIVE_INPUT || i == RV_LIVE_OUTPUT || i == RV_LIVE_CARRY;
        RV_TRY(rv_buffer_init(live->device, &live->buffers[i], bytes[i],
                              mapped ? RV_MEMORY_HOST : RV_MEMORY_DEVICE, "live pictures"));
    }
    // Grey values are looked up where the flow says, so they must be numbers from the start.
    void *black = calloc(1, bytes[RV_LIVE_NOW]);
    if (!black)
        return rv_fail(RV_ERR_NO_MEMORY, "out of host memory for a frame");
    status =
        rv_buffer_write(live->device, &live->buffers[RV_LIVE_NOW], 0, black, bytes[RV_LIVE_NOW]);
    free(black);
    live->anew = true;
done:
    return status;
}

void rv_live_give_back(struct rv_live *live, bool pictures) {
    rv_live_stage_finish(live);
    rv_network_finish(&live->network);
    for (uint32_t i = 0; pictures && i < RV_LIVE_BUFFERS; i++)
        rv_buffer_finish(live->device, &live->buffers[i]);
}

// Tries one size. RV_ERR_NO_MEMORY: a smaller one may do.
static enum rv_status try_size(struct rv_live *live, uint32_t notch) {
    enum rv_status status;
    uint64_t bytes[RV_LIVE_BUFFERS];
    struct rv_extent size;
    struct rv_pyramid_sizes octaves;
    struct rv_plan *any = NULL;
    struct rv_tiling tiling = {0};
    struct rv_network_sizes room = {.iterations = RV_LIVE_STEPS};
    struct rv_budget budget = rv_budget_of(live->device);
    (void)rv_live_size(live, notch, &size);
    RV_TRY(rv_live_octaves(live, size, &octaves));
    room.largest = octaves.octave[octaves.count - 1];
    count_bytes(live, size, notch, bytes);
    struct rv_plan_request request = rv_live_request(live, room.largest);
    RV_TRY(rv_plan_create(&request, &any));
    budget.fixed = rv_network_bytes(any, &room);
    for (uint32_t i = 0; i < RV_LIVE_BUFFERS; i++)
        budget.fixed += bytes[i];
    RV_TRY(rv_budget_spend(&budget, live->device, &request, &room.largest, 1, &tiling));
    if (!rv_tiling_is_whole(&tiling) || !are_shown(live, bytes)) {
        status = rv_fail(RV_ERR_NO_MEMORY,
                         "out of device memory for dreaming on %u x %u pixels: lower size_limit",
                         size.width, size.height);
        goto done;
    }
    room.arena_bytes = tiling.arena_bytes;
    RV_TRY(rv_network_reserve(&live->network, live->device, live->weights, any, &room));
    if (live->buffers[RV_LIVE_FRAME].size != bytes[RV_LIVE_FRAME] ||
        live->buffers[RV_LIVE_TERMS].size != bytes[RV_LIVE_TERMS]) {
        for (uint32_t i = 0; i < RV_LIVE_BUFFERS; i++)
            rv_buffer_finish(live->device, &live->buffers[i]);
        RV_TRY(reserve_pictures(live, bytes));
    }
    live->first_notch = live->notch = notch;
done:
    rv_tiling_finish(&tiling);
    free(any);
    return status;
}

enum rv_status rv_live_reserve(struct rv_live *live) {
    enum rv_status status = RV_ERR_NO_MEMORY;
    struct rv_extent size;
    for (uint32_t notch = 0; status == RV_ERR_NO_MEMORY && rv_live_size(live, notch, &size);
         notch++) {
        status = try_size(live, notch);
        if (status != RV_OK)
            rv_live_give_back(live, status == RV_ERR_NO_MEMORY);
        else if (notch > 0)
            rv_device_log(live->device, RV_LOG_INFO, "dreams on %u x %u pixels, for want of memory",
                          size.width, size.height);
    }
    return status;
}
