#version 450
#extension GL_GOOGLE_include_directive : require
// Adds to the gradient those of what holds the picture back, as push constants say, with x a pixel, n its
// neighbours above, below, left and right, as many as there are, and o the original's pixel:
//   gradient += pull * (o - x) + variation * sum over n of (n - x)
//
// Bands  the three may be bands: the picture's has a row more at each end.
// Work   an invocation: one pixel. Workgroups: ceil(bound pixels / 64).
#include "layout/ascend.h"

layout(local_size_x = 64) in;

layout(constant_id = RV_REGULARIZE_SPEC_PULL) const bool PULL = true;

layout(push_constant) uniform Push {
    rv_rows_push push;
};
layout(set = 0, binding = RV_REGULARIZE_GRADIENT) buffer Gradient {
    vec4 gradient[];
};
layout(set = 0, binding = RV_REGULARIZE_PICTURE) readonly buffer Picture {
    vec4 picture[];
};
layout(set = 0, binding = RV_REGULARIZE_ORIGINAL) readonly buffer Original {
    vec4 original[];
};

void main() {
    uint i = gl_GlobalInvocationID.x;
    if (i >= push.rows * push.width)
        return;
    uint x = i % push.width, y = i / push.width + push.target_row;
    uint at = (y - push.source_row) * push.width + x;
    vec4 here = picture[at], sum = vec4(0);
    if (push.variation != 0.0) {
        if (x > 0u)
            sum += picture[at - 1u] - here;
        if (x + 1u < push.width)
            sum += picture[at + 1u] - here;
        if (y > 0u)
            sum += picture[at - push.width] - here;
        if (y + 1u < push.height)
            sum += picture[at + push.width] - here;
        sum *= push.variation;
    }
    if (PULL)
        sum += push.pull * (original[i] - here);
    gradient[i] += vec4(sum.xyz, 0);
}
