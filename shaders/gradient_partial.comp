#version 450
#extension GL_GOOGLE_include_directive : require
// Partial sums of the picture's gradient g, over its three channels: (sum g, sum g^2, sum |g|, 0),
// of a band; they may be added to those of the bands before.
//
// Work   4096 invocations in all, each a strided share of the pixels. Workgroups: 64.
#include "layout/image.h"

layout(local_size_x = 64) in;

layout(push_constant) uniform Push {
    rv_pixels_push push;
};
layout(set = 0, binding = RV_GRADIENT_TARGET) buffer Target {
    vec4 partials[];
};
layout(set = 0, binding = RV_GRADIENT_SOURCE) readonly buffer Source {
    vec4 gradient[];
};

void main() {
    vec4 sums = push.add != 0u ? partials[gl_GlobalInvocationID.x] : vec4(0);
    for (uint i = gl_GlobalInvocationID.x; i < push.pixels; i += uint(RV_GRADIENT_PARTIALS)) {
        vec3 g = gradient[i].xyz;
        sums += vec4(dot(g, vec3(1)), dot(g, g), dot(abs(g), vec3(1)), 0);
    }
    partials[gl_GlobalInvocationID.x] = sums;
}
