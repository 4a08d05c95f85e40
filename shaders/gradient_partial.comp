#version 450
#extension GL_GOOGLE_include_directive : require
// Partial sums of a gradient g, over its three channels: (sum g, sum g^2, sum |g|, 0), of a band; they
// may be added to those of the bands before. Defined CHANGE: of the difference of two pictures.
//
// Work   4096 invocations in all, each a strided share of the pixels. Workgroups: 64.
#include "layout/ascend.h"

layout(local_size_x = 64) in;

layout(push_constant) uniform Push {
    rv_band_push push;
};
layout(set = 0, binding = RV_GRADIENT_TARGET) buffer Target {
    vec4 partials[];
};
layout(set = 0, binding = RV_GRADIENT_SOURCE) readonly buffer Source {
    vec4 gradient[];
};
#ifdef CHANGE
layout(set = 0, binding = RV_GRADIENT_SECOND) readonly buffer Second {
    vec4 second[];
};
#endif

void main() {
    vec4 sums = push.add != 0u ? partials[gl_GlobalInvocationID.x] : vec4(0);
    for (uint i = gl_GlobalInvocationID.x; i < push.pixels; i += uint(RV_GRADIENT_PARTIALS)) {
        vec3 g = gradient[i].xyz;
#ifdef CHANGE
        g -= second[i].xyz;
#endif
        sums += vec4(dot(g, vec3(1)), dot(g, g), dot(abs(g), vec3(1)), 0);
    }
    partials[gl_GlobalInvocationID.x] = sums;
}
