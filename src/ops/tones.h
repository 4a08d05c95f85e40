// The colours of a finished picture: blending, matching histograms, stretching contrast.
#ifndef RV_OPS_TONES_H
#define RV_OPS_TONES_H

#include "ops/image.h"

// target = original + share * (picture - original), with the original's chroma if wanted. The
// target may be the picture.
struct rv_blend_op {
    struct rv_range picture, original, target;
    struct rv_extent size;
    float share;
    bool keep_colors;
};
enum rv_status rv_op_blend(struct rv_recorder *recorder, const struct rv_blend_op *op);

// Bytes of the scratch that the operations below write: histograms and a table.
uint64_t rv_tones_bytes(void);

// Gives each channel of the picture the original's histogram, of the same number of pixels. Beyond
// 2^24 pixels shares are right to 2^-24.
struct rv_tones_op {
    struct rv_range picture, original, scratch; // original: only to match
    struct rv_extent size;
    float share; // stretch: of the pixels, by luma, that are not white, 0.5..1
};
enum rv_status rv_op_match_histogram(struct rv_recorder *recorder, const struct rv_tones_op *op);
// Makes the luma that so large a share of the pixels are not above white, and that the same share
// are not below black.
enum rv_status rv_op_stretch(struct rv_recorder *recorder, const struct rv_tones_op *op);

#endif
