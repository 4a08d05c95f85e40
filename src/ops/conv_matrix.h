// How a convolution is cut up for the kernels on matrix units.
#ifndef RV_OPS_CONV_MATRIX_H
#define RV_OPS_CONV_MATRIX_H

#include "ops/op.h"

struct rv_conv_matrix {
    const char *shader;        // without the storage's suffix
    uint32_t tile;             // RV_CONV_TILE_...
    uint32_t pixels, channels; // of a tile
    uint32_t groups;           // that cover the positions
    bool workgroup;            // conv_coopmat2, in tiles `width` across; else conv_coopmat:
    uint32_t width;
    uint32_t m, n, k;           // of a subgroup's product
    uint32_t subgroups, across; // of a workgroup
};

// Whether the step can run on matrix units with that tile: on a device whose profile has them, in a
// plan of halves, all but the picture's convolutions; *choice then says how.
bool rv_conv_matrix_choose(const struct rv_op_context *context, const struct rv_step *step,
                           uint32_t tile, struct rv_conv_matrix *choice);
// The tile that should be the fastest.
uint32_t rv_conv_matrix_best(const struct rv_op_context *context, const struct rv_step *step);

#endif
