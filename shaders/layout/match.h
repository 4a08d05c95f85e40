// Bindings and push constants of the kernels that compare a layer with the guide's.
#ifndef RV_LAYOUT_MATCH_H
#define RV_LAYOUT_MATCH_H

#include "layout/types.h"

#define RV_MATCH_TARGET 0
#define RV_MATCH_VALUES 1 // of the layer; of the gathering: the best so far
#define RV_MATCH_GUIDE 2

#define RV_MATCH_TILE 32 // positions of the layer, and columns of the guide, that meet at once

struct rv_match_push {
    RV_UINT pixels, columns; // positions of the layer, of the guide
    RV_UINT channels;
    RV_UINT plane, guide_plane; // units of four channels; of the gathering: the target's, the guide's
    RV_UINT share, parts;       // columns of a share; shares
};

// Of a position in one of the shares: the dot product with its best column, and which that is.
struct rv_match_best {
    RV_FLOAT product;
    RV_UINT column;
};

struct rv_means_push {
    RV_UINT pixels;
    RV_UINT plane; // units of four channels
};

#endif
