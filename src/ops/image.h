// Operations on whole pictures (float4 a pixel, see shaders/layout/image.h).
#ifndef RV_OPS_IMAGE_H
#define RV_OPS_IMAGE_H

#include "layout/image.h"
#include "reverie/reverie.h"
#include "vk/record.h"

struct rv_extent {
    uint32_t width, height;
};

// Bytes of a picture, rounded up to 256.
uint64_t rv_image_bytes(struct rv_extent extent);

// A kernel that works pixel by pixel does so band by band: pixels that one dispatch can work on,
// and a picture's range without the pixels before `first`, at most `count` of them. Both are
// multiples of RV_PLAN_ALIGNMENT / 16 pixels.
uint64_t rv_image_band_pixels(const struct rv_device *device);
struct rv_range rv_image_band(struct rv_range picture, uint64_t first, uint64_t count);

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

// The end of an iteration: statistics of the gradient, the log's line, the step.
struct rv_ascend_op {
    struct rv_range picture, gradient, control, log, losses, partials;
    uint32_t pixels;
    bool clip; // to [-1, 1] after the step
};
enum rv_status rv_op_ascend(struct rv_recorder *recorder, const struct rv_ascend_op *op);

#endif
