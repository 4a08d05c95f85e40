// Operations on whole pictures (float4 a pixel, see shaders/layout/image.h).
#ifndef RV_OPS_IMAGE_H
#define RV_OPS_IMAGE_H

#include "layout/image.h"
#include "vk/record.h"

struct rv_extent {
    uint32_t width, height;
};

// Bytes of a picture, rounded up to 256.
uint64_t rv_image_bytes(struct rv_extent extent);

struct rv_resize_op {
    struct rv_range source, target, second; // second.buffer NULL = none; may be the target
    struct rv_extent from, to;
    bool align_corners, quantise;
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

// The end of an iteration: statistics of the gradient, the log's line, the step.
struct rv_ascend_op {
    struct rv_range picture, gradient, control, log, losses, partials;
    uint32_t pixels;
    bool clip; // to [-1, 1] after the step
};
enum rv_status rv_op_ascend(struct rv_recorder *recorder, const struct rv_ascend_op *op);

#endif
