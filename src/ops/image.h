// Operations on whole pictures (float4 a pixel, see shaders/layout/image.h).
#ifndef RV_OPS_IMAGE_H
#define RV_OPS_IMAGE_H

#include "layout/image.h"
#include "ops/bands.h"
#include "reverie/reverie.h"

struct rv_resize_op {
    struct rv_range source, target, second; // second.buffer NULL = none; may be the target
    struct rv_extent from, to;
    enum rv_resize rule; // 0 = half pixels
    bool quantise;
    float weight, other; // target = weight * resize(source) + other * second
};
enum rv_status rv_op_resize(struct rv_recorder *recorder, const struct rv_resize_op *op);

// Between our pictures and the pixels of others' images, row by row without padding.
struct rv_pixels_op {
    struct rv_range ours, theirs; // theirs: rv_pixels_bytes
    struct rv_extent size;
    uint32_t words; // 32 bits each, of one of their pixels: 1, 2 or 4
    bool swap;      // theirs have blue first
    bool linear;    // theirs are linear light, not encoded as sRGB
    bool pack;      // ours to theirs, else theirs to ours
};
uint64_t rv_pixels_bytes(struct rv_extent size, uint32_t words);
enum rv_status rv_op_pixels(struct rv_recorder *recorder, const struct rv_pixels_op *op);

#endif
