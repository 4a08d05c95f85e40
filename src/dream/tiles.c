#include "dream/tiles.h"

#include <stdlib.h>
#include <string.h>

#include "base/status.h"

#define PIXEL 16 // bytes

// ------------------------------------------------------------------------------------------------
// Copies

// A rectangle of a rolled picture, and where in an unwrapped one of another width it goes.
struct cut {
    uint32_t width, height;       // of the picture
    uint32_t x, y, columns, rows; // in it, as it is rolled
    uint32_t to_x, to_y, to_width;
};

static uint32_t rolled_back(uint32_t at, uint32_t jitter, uint32_t size) {
    return at >= jitter ? at - jitter : at + size - jitter;
}

// The pieces of contiguous bytes it consists of; `pieces` has room for two a row. Offsets are those
// within the pictures, the picture's as source.
static uint32_t make_pieces(const struct cut *cut, uint32_t jitter_x, uint32_t jitter_y,
                            VkBufferCopy *pieces) {
    uint32_t count = 0, x = rolled_back(cut->x, jitter_x, cut->width);
    uint32_t first = cut->width - x < cut->columns ? cut->width - x : cut->columns;
    for (uint32_t row = 0; row < cut->rows; row++) {
        uint32_t y = rolled_back(cut->y + row, jitter_y, cut->height);
        uint64_t from = (uint64_t)y * cut->width;
        uint64_t to = (uint64_t)(cut->to_y + row) * cut->to_width + cut->to_x;
        VkBufferCopy all[2] = {
            {(from + x) * PIXEL, to * PIXEL, (uint64_t)first * PIXEL},
            {from * PIXEL, (to + first) * PIXEL, (uint64_t)(cut->columns - first) * PIXEL}};
        for (uint32_t i = 0; i < 2 && all[i].size; i++) {
            VkBufferCopy *last = count ? &pieces[count - 1] : NULL;
            if (last && last->srcOffset + last->size == all[i].srcOffset &&
                last->dstOffset + last->size == all[i].dstOffset)
                last->size += all[i].size;
            else
                pieces[count++] = all[i];
        }
    }
    return count;
}

static enum rv_status record_pieces(struct rv_tiles *tiles, struct rv_recorder *recorder,
                                    uint32_t count, struct rv_range from, struct rv_range to) {
    for (uint32_t i = 0; i < count; i++) {
        tiles->pieces[i].srcOffset += from.offset;
        tiles->pieces[i].dstOffset += to.offset;
    }
    return rv_record_copies(recorder, from, to, tiles->pieces, count);
}

static struct rv_extent tile_size(const struct rv_tiles *tiles) {
    return (struct rv_extent){tiles->tiling->x.tile, tiles->tiling->y.tile};
}

static struct rv_range tile_picture(const struct rv_tiles *tiles) {
    return (struct rv_range){&tiles->network->arena, tiles->tiling->picture_offset,
                             rv_image_bytes(tile_size(tiles))};
}

static struct rv_range tile_gradient(const struct rv_tiles *tiles) {
    return (struct rv_range){&tiles->network->arena, tiles->tiling->gradient_offset,
                             rv_image_bytes(tile_size(tiles))};
}

// The tile whose turn it is, and by how much the picture is rolled.
struct turn {
    uint32_t column, row, jitter_x, jitter_y;
};

static struct turn turn_of(const struct rv_tiles *tiles, uint32_t jitter_x, uint32_t jitter_y) {
    uint32_t columns = tiles->tiling->x.count;
    return (struct turn){tiles->tile % columns, tiles->tile / columns, jitter_x, jitter_y};
}

static enum rv_status record_cut(struct rv_tiles *tiles, const struct turn *turn,
                                 struct rv_recorder *recorder) {
    const struct rv_tiling_axis *x = &tiles->tiling->x, *y = &tiles->tiling->y;
    struct cut cut = {.width = x->size,
                      .height = y->size,
                      .x = rv_tiling_origin(x, turn->column),
                      .y = rv_tiling_origin(y, turn->row),
                      .columns = x->tile,
                      .rows = y->tile,
                      .to_width = x->tile};
    uint32_t count = make_pieces(&cut, turn->jitter_x, turn->jitter_y, tiles->pieces);
    return record_pieces(tiles, recorder, count, tiles->picture, tile_picture(tiles));
}

static enum rv_status record_paste(struct rv_tiles *tiles, const struct turn *turn,
                                   struct rv_recorder *recorder) {
    const struct rv_tiling_axis *x = &tiles->tiling->x, *y = &tiles->tiling->y;
    struct cut cut = {.width = x->size, .height = y->size, .to_width = x->tile};
    rv_tiling_own(x, turn->column, &cut.x, &cut.columns);
    rv_tiling_own(y, turn->row, &cut.y, &cut.rows);
    cut.columns -= cut.x;
    cut.rows -= cut.y;
    cut.to_x = cut.x - rv_tiling_origin(x, turn->column);
    cut.to_y = cut.y - rv_tiling_origin(y, turn->row);
    uint32_t count = make_pieces(&cut, turn->jitter_x, turn->jitter_y, tiles->pieces);
    for (uint32_t i = 0; i < count; i++) { // the other way round
        VkBufferCopy piece = tiles->pieces[i];
        tiles->pieces[i] = (VkBufferCopy){piece.dstOffset, piece.srcOffset, piece.size};
    }
    struct rv_range whole = {&tiles->network->gradient, 0,
                             rv_image_bytes((struct rv_extent){x->size, y->size})};
    return record_pieces(tiles, recorder, count, tile_gradient(tiles), whole);
}

// Submits one of these on its own.
static enum rv_status
submit(struct rv_tiles *tiles, const struct turn *turn, struct rv_recorder *recorder,
       enum rv_status (*record)(struct rv_tiles *, const struct turn *, struct rv_recorder *)) {
    enum rv_status status;
    RV_TRY(rv_recorder_init(recorder, tiles->network->device, 0));
    RV_TRY(record(tiles, turn, recorder));
    RV_TRY(rv_recorder_end(recorder));
    RV_TRY(rv_recorder_submit(recorder, NULL));
    return RV_OK;
done:
    rv_recorder_finish(recorder); // it may be tried again
    return status;
}

// ------------------------------------------------------------------------------------------------
// Recordings

static uint32_t smaller(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

// What is left of the picture before and after a tile only matters as far as the border reaches,
// and whether it is there at all: so most tiles are alike.
static struct rv_op_tile place_of(const struct rv_tiling *tiling, uint32_t border, uint32_t column,
                                  uint32_t row) {
    const struct rv_tiling_axis *x = &tiling->x, *y = &tiling->y;
    uint32_t left = rv_tiling_origin(x, column), top = rv_tiling_origin(y, row), end_x, end_y;
    uint32_t reach = (border + 1) * 32;
    struct rv_op_tile place = {.left = smaller(left, reach),
                               .top = smaller(top, reach),
                               .right = smaller(x->size - x->tile - left, reach),
                               .bottom = smaller(y->size - y->tile - top, reach),
                               .add = column > 0 || row > 0};
    rv_tiling_own(x, column, &place.own_left, &end_x);
    rv_tiling_own(y, row, &place.own_top, &end_y);
    place.own_left -= left;
    place.own_top -= top;
    place.own_right = end_x - left;
    place.own_bottom = end_y - top;
    return place;
}

static bool same_place(const struct rv_op_tile *a, const struct rv_op_tile *b) {
    return a->left == b->left && a->top == b->top && a->right == b->right &&
           a->bottom == b->bottom && a->own_left == b->own_left && a->own_top == b->own_top &&
           a->own_right == b->own_right && a->own_bottom == b->own_bottom && a->add == b->add;
}

static struct rv_tile_recording *find(const struct rv_tiles *tiles,
                                      const struct rv_op_tile *place) {
    for (uint32_t i = 0; i < tiles->recording_count; i++)
        if (same_place(&tiles->recordings[i].place, place))
            return &tiles->recordings[i];
    return NULL;
}

static enum rv_status record(struct rv_tiles *tiles, const struct rv_op_tile *place,
                             double most_flops) {
    struct rv_tile_recording *grown =
        realloc(tiles->recordings, (tiles->recording_count + 1) * sizeof *grown);
    if (!grown)
        return rv_fail(RV_ERR_NO_MEMORY, "out of host memory while recording tiles");
    tiles->recordings = grown;
    struct rv_tile_recording *made = &grown[tiles->recording_count++];
    *made = (struct rv_tile_recording){.place = *place};
    struct rv_slices_request request = {.network = tiles->network,
                                        .plan = tiles->tiling->plan,
                                        .tile = place,
                                        .picture = tile_picture(tiles),
                                        .gradient = tile_gradient(tiles),
                                        .most_flops = most_flops};
    enum rv_status status = rv_slices_init(&made->slices, &request);
    return status == RV_OK ? rv_slices_end(&made->slices) : status;
}

enum rv_status rv_tiles_init(struct rv_tiles *tiles, const struct rv_network *network,
                             const struct rv_tiling *tiling, uint32_t border, double most_flops,
                             struct rv_range picture) {
    enum rv_status status = RV_OK;
    *tiles = (struct rv_tiles){
        .network = network, .tiling = tiling, .border = border, .picture = picture};
    tiles->pieces = calloc(2 * (size_t)tiling->y.tile, sizeof *tiles->pieces);
    if (!tiles->pieces)
        return rv_fail(RV_ERR_NO_MEMORY, "out of host memory while recording tiles");
    for (uint32_t row = 0; row < tiling->y.count; row++)
        for (uint32_t column = 0; column < tiling->x.count; column++) {
            struct rv_op_tile place = place_of(tiling, border, column, row);
            if (!find(tiles, &place))
                RV_TRY(record(tiles, &place, most_flops));
        }
    return RV_OK;
done:
    rv_tiles_finish(tiles);
    return status;
}

static void empty(struct rv_tile_slot *slot) {
    rv_recorder_finish(&slot->cut);
    rv_recorder_finish(&slot->paste);
}

void rv_tiles_finish(struct rv_tiles *tiles) {
    for (uint32_t i = 0; i < tiles->recording_count; i++)
        rv_slices_finish(&tiles->recordings[i].slices);
    for (uint32_t i = 0; i < 2; i++)
        empty(&tiles->slots[i]);
    free(tiles->recordings);
    free(tiles->pieces);
    *tiles = (struct rv_tiles){0};
}

static const struct rv_tile_recording *next_recording(const struct rv_tiles *tiles) {
    struct turn turn = turn_of(tiles, 0, 0);
    struct rv_op_tile place = place_of(tiles->tiling, tiles->border, turn.column, turn.row);
    return find(tiles, &place);
}

double rv_tiles_next_flops(const struct rv_tiles *tiles) {
    const struct rv_slices *slices = &next_recording(tiles)->slices;
    return tiles->slice < slices->count ? slices->list[tiles->slice].flops : 0;
}

uint64_t rv_tiles_next_value(const struct rv_tiles *tiles) {
    return tiles->slice == 0 ? tiles->slots[tiles->tile % 2].done : 0;
}

// The tile is done. Whether it was the last.
static bool next_tile(struct rv_tiles *tiles) {
    tiles->slice = 0;
    tiles->tile = (tiles->tile + 1) % (tiles->tiling->x.count * tiles->tiling->y.count);
    return tiles->tile == 0;
}

// Every submission is noted as it is made, so that a call that fails half-way can be made again:
// the slot's recordings may run until slot->done, and `slice` goes past the last one until the
// paste is submitted, too.
enum rv_status rv_tiles_submit(struct rv_tiles *tiles, uint32_t jitter_x, uint32_t jitter_y,
                               bool *last) {
    struct rv_device *device = tiles->network->device;
    struct rv_tile_slot *slot = &tiles->slots[tiles->tile % 2];
    const struct rv_slices *slices = &next_recording(tiles)->slices;
    struct turn turn = turn_of(tiles, jitter_x, jitter_y);
    enum rv_status status;
    *last = false;
    if (tiles->slice == 0) {
        RV_TRY(rv_device_wait(device, slot->done));
        empty(slot);
        RV_TRY(submit(tiles, &turn, &slot->cut, record_cut));
        slot->done = device->submitted;
    }
    if (tiles->slice < slices->count) {
        RV_TRY(rv_recorder_submit(&slices->list[tiles->slice].recorder, NULL));
        if (++tiles->slice < slices->count)
            return RV_OK;
    }
    RV_TRY(submit(tiles, &turn, &slot->paste, record_paste));
    slot->done = device->submitted;
    *last = next_tile(tiles);
done:
    return status;
}

enum rv_status rv_tiles_record(struct rv_tiles *tiles, uint32_t jitter_x, uint32_t jitter_y,
                               struct rv_recorder *recorder, bool *last) {
    struct rv_tile_slot *slot = &tiles->slots[tiles->tile % 2];
    const struct rv_tile_recording *recording = next_recording(tiles);
    const struct rv_slices *slices = &recording->slices;
    struct turn turn = turn_of(tiles, jitter_x, jitter_y);
    enum rv_status status = RV_OK;
    *last = false;
    if (tiles->slice == 0) {
        RV_TRY(rv_device_wait(tiles->network->device, slot->done));
        empty(slot);
        RV_TRY(record_cut(tiles, &turn, recorder));
    }
    if (tiles->slice < slices->count) {
        const struct rv_slice_recording *slice = &slices->list[tiles->slice];
        RV_TRY(rv_network_record_steps(tiles->network, tiles->tiling->plan, slice->first,
                                       slice->end, &recording->place, tile_picture(tiles),
                                       tile_gradient(tiles), recorder));
    }
    if (tiles->slice + 1 >= slices->count) {
        RV_TRY(record_paste(tiles, &turn, recorder));
        *last = next_tile(tiles);
    } else {
        tiles->slice++;
    }
done:
    return status;
}
