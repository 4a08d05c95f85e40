// The gradient of a picture, tile by tile: each is cut out of the picture through the jitter's
// wrap-around, run through the network, and what it owns of the gradient put back in its place. The
// host submits; nothing is read back. See dream/tiling.h for where the tiles lie.
#ifndef RV_DREAM_TILES_H
#define RV_DREAM_TILES_H

#include "dream/network.h"
#include "dream/tiling.h"

// One tile's copies; two are under way at a time.
struct rv_tile_slot {
    struct rv_recorder cut, paste;
    uint64_t done; // the timeline's value when the slot is free again
};

struct rv_tiles {
    const struct rv_network *network; // borrowed
    const struct rv_tiling *tiling;   // borrowed
    struct rv_range picture;          // the whole one
    uint32_t border;                  // of the objective, in positions
    // The plan, recorded for every kind of place a tile can have. Few: those along the edges, and
    // one for all the others.
    struct rv_tile_recording {
        struct rv_op_tile place;
        struct rv_recorder recorder;
    } * recordings;
    uint32_t recording_count;
    struct rv_tile_slot slots[2];
    VkBufferCopy *pieces; // room for one tile's
};

// Records. The network's control must say a jitter of 0: tiles are cut through it. Finished with
// rv_tiles_finish, when the work has run.
enum rv_status rv_tiles_init(struct rv_tiles *tiles, const struct rv_network *network,
                             const struct rv_tiling *tiling, uint32_t border,
                             struct rv_range picture);
void rv_tiles_finish(struct rv_tiles *tiles);

// Submits what makes the gradient (rv_network's) and the losses of the picture rolled by 0 <=
// jitter < size. Returns when the last tile is submitted, but not done.
enum rv_status rv_tiles_submit(struct rv_tiles *tiles, uint32_t jitter_x, uint32_t jitter_y);

#endif
