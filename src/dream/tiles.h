// The gradient of a picture, tile by tile: each is cut out of the picture through the jitter's
// wrap-around, run through the network, and what it owns of the gradient put back in its place. The
// host submits; nothing is read back. See dream/tiling.h for where the tiles lie.
#ifndef RV_DREAM_TILES_H
#define RV_DREAM_TILES_H

#include "dream/slices.h"
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
        struct rv_slices slices;
    } * recordings;
    uint32_t recording_count;
    struct rv_tile_slot slots[2];
    VkBufferCopy *pieces; // room for one tile's
    uint32_t tile, slice; // to be submitted next
};

// Records, in slices of at most `most_flops` (0 = a tile is one). The network's control must say a
// jitter of 0: tiles are cut through it. Finished with rv_tiles_finish, when the work has run.
enum rv_status rv_tiles_init(struct rv_tiles *tiles, const struct rv_network *network,
                             const struct rv_tiling *tiling, uint32_t border, double most_flops,
                             struct rv_range picture);
void rv_tiles_finish(struct rv_tiles *tiles);

// Submits the next slice of what makes the gradient (rv_network's) and the losses of the picture
// rolled by 0 <= jitter < size, the same for all slices. A tile's first waits until the one before
// the last is done. True in *last with the last slice of the last tile: the next is the first
// again.
enum rv_status rv_tiles_submit(struct rv_tiles *tiles, uint32_t jitter_x, uint32_t jitter_y,
                               bool *last);
// Records the same into somebody's command buffer instead, which must have run before the next of
// these calls.
enum rv_status rv_tiles_record(struct rv_tiles *tiles, uint32_t jitter_x, uint32_t jitter_y,
                               struct rv_recorder *recorder, bool *last);
// Operations of the next slice.
double rv_tiles_next_flops(const struct rv_tiles *tiles);
// The timeline's value from which on the next slice need not wait.
uint64_t rv_tiles_next_value(const struct rv_tiles *tiles);

#endif
