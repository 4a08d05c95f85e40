#version 450
#extension GL_GOOGLE_include_directive : require
// From decorrelated colours t to a picture: 2 sigmoid(M t) - 1, in [-1, 1]. ADJOINT: the gradient by
// t, from that by the picture and the picture itself.
//
// Work   an invocation: one pixel. Workgroups: ceil(pixels / 64).
#include "layout/see.h"

layout(local_size_x = 64) in;

layout(push_constant) uniform Push {
    rv_see_colour_push push;
};
layout(set = 0, binding = RV_SEE_COLOUR_TARGET) writeonly buffer Target {
    vec4 target[];
};
layout(set = 0, binding = RV_SEE_COLOUR_SOURCE) readonly buffer Source {
    vec4 source[];
};
layout(set = 0, binding = RV_SEE_COLOUR_PICTURE) readonly buffer Picture {
    vec4 picture[];
};

vec3 row(uint i) {
    return vec3(push.matrix[4u * i], push.matrix[4u * i + 1u], push.matrix[4u * i + 2u]);
}

void main() {
    uint i = gl_GlobalInvocationID.x;
    if (i >= push.pixels)
        return;
    vec3 from = source[i].xyz;
#ifdef ADJOINT
    vec3 value = picture[i].xyz;
    from *= 0.5 * (1.0 - value * value); // the slope of 2 sigmoid - 1
    target[i] = vec4(row(0u) * from.x + row(1u) * from.y + row(2u) * from.z, 0);
#else
    vec3 z = vec3(dot(row(0u), from), dot(row(1u), from), dot(row(2u), from));
    target[i] = vec4(2.0 / (1.0 + exp(-z)) - 1.0, 0);
#endif
}
