// How an octave is worked on within the memory there is: as a whole, or cut into overlapping tiles
// of one size. Every tile is a picture of its own to the network; of its gradient only the part is
// kept that it owns, which lies a halo away from the edges it was cut along. Nothing here needs a
// device's work.
//
// Tiles begin at multiples of 32, the network's coarsest stride, and are as long as the picture
// modulo 32: so the layers of all of them fall on the positions of the whole picture's, the last
// tile ends where the picture does, and one plan serves them all.
#ifndef RV_DREAM_TILING_H
#define RV_DREAM_TILING_H

#include "ops/image.h"
#include "ops/op.h"

// Tiles along one axis, in pixels.
struct rv_tiling_axis {
    uint32_t size;  // of the picture
    uint32_t tile;  // of a tile; = size if there is but one
    uint32_t core;  // from one tile's own part to the next
    uint32_t halo;  // at least so much around it
    uint32_t count; // tiles
};

struct rv_tiling {
    struct rv_tiling_axis x, y;
    struct rv_plan *plan; // owned: of the picture, or of a tile
    // In the arena's buffer: the plan's arena, then, in tiles, the tile's picture and its gradient.
    uint64_t picture_offset, gradient_offset, arena_bytes;
    double flops; // of one gradient, halos included
};

// What a choice depends on beside the picture: the plan's request (its size is ignored), and the
// device's limits.
struct rv_tiling_needs {
    const struct rv_device *device;
    const struct rv_plan_request *request;
    uint64_t arena_bytes; // most that the arena's buffer may take
};

// Pixels from a cut at which the gradient of these layers is that of the whole picture, to 1e-3.
uint32_t rv_tiling_halo(const struct rv_target *targets, uint32_t count);

// Cuts `size` pixels into `count` tiles, or fewer where so many would be too narrow.
struct rv_tiling_axis rv_tiling_cut(uint32_t size, uint32_t halo, uint32_t count);
// The most tiles that rv_tiling_cut makes of it.
uint32_t rv_tiling_most(uint32_t size, uint32_t halo);
// Where tile `index` begins, and the pixels of the picture that it owns.
uint32_t rv_tiling_origin(const struct rv_tiling_axis *axis, uint32_t index);
void rv_tiling_own(const struct rv_tiling_axis *axis, uint32_t index, uint32_t *first,
                   uint32_t *end);

// The tiling with the least work whose arena fits into needs->arena_bytes, the whole picture if
// that does. If none fits, *tiling has no plan and *least is what the smallest tiles need. Freed
// with rv_tiling_finish.
enum rv_status rv_tiling_choose(const struct rv_tiling_needs *needs, struct rv_extent picture,
                                struct rv_tiling *tiling, uint64_t *least);
void rv_tiling_finish(struct rv_tiling *tiling);

static inline bool rv_tiling_is_whole(const struct rv_tiling *tiling) {
    return tiling->x.count == 1 && tiling->y.count == 1;
}

#endif
