// What growing a picture for a layer takes beside the network and the Fourier transform: colours,
// the network's random view, Adam, the end of a step. Pictures are those of ops/image.h, at most
// what one descriptor can show.
#ifndef RV_OPS_SEE_H
#define RV_OPS_SEE_H

#include "layout/see.h"
#include "ops/image.h"

// picture = 2 sigmoid(matrix * values) - 1, value by value of three channels.
struct rv_see_colour_op {
    struct rv_range values, picture;
    struct rv_range gradient; // adjoint: by the picture
    struct rv_extent size;
    const float (*matrix)[3];
};
enum rv_status rv_op_see_colour(struct rv_recorder *recorder, const struct rv_see_colour_op *op);
// values = the gradient by the values, which the picture was made of.
enum rv_status rv_op_see_colour_adjoint(struct rv_recorder *recorder,
                                        const struct rv_see_colour_op *op);

// view = the picture as the log's line sees it.
struct rv_transform_op {
    struct rv_range picture, view, log;
    struct rv_extent size, view_size;
};
enum rv_status rv_op_transform(struct rv_recorder *recorder, const struct rv_transform_op *op);
// picture = the adjoint of that, of the view.
enum rv_status rv_op_transform_adjoint(struct rv_recorder *recorder,
                                       const struct rv_transform_op *op);

// A step of Adam along the gradient, and the end of the log's line.
struct rv_see_adam_op {
    struct rv_range values, means, squares, gradient;
    struct rv_range scaled, scale; // buffer NULL = the gradient is by the values themselves
    struct rv_range log, losses;
    struct rv_range partials; // rv_see_adam_groups floats
    uint32_t count;           // float4
};
uint32_t rv_see_adam_groups(uint32_t count);
enum rv_status rv_op_see_adam(struct rv_recorder *recorder, const struct rv_see_adam_op *op);

#endif
