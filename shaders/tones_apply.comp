#version 450
#extension GL_GOOGLE_include_directive : require
// Gives a picture the values of tones_table's table: bin by bin in each channel or, with STRETCH,
// black and white at its first entry's values, evenly between, the same in all channels.
//
// Work   an invocation: one pixel. Workgroups: ceil(pixels / 64).
#include "layout/tones.h"

layout(local_size_x = 64) in;

layout(constant_id = RV_TONES_SPEC_STRETCH) const bool STRETCH = true;

layout(push_constant) uniform Push {
    rv_tones_push push;
};
layout(set = 0, binding = RV_TONES_PICTURE) buffer Picture {
    vec4 picture[];
};
layout(set = 0, binding = RV_TONES_TABLE) readonly buffer Table {
    vec2 ends[];
};

const float bins = float(RV_TONES_BINS);

float match(uint plane, float value) {
    float at = clamp((value + 1.0) * (bins / 2.0), 0.0, bins);
    float bin = min(floor(at), bins - 1.0);
    vec2 end = ends[plane * uint(RV_TONES_BINS) + uint(bin)];
    return mix(end.x, end.y, at - bin);
}

void main() {
    uint i = gl_GlobalInvocationID.x;
    if (i >= push.pixels)
        return;
    vec3 c = picture[i].xyz;
    if (STRETCH) {
        vec2 end = ends[0];
        if (end.y - end.x > 1.0 / 255.0) // else there is nothing to stretch
            c = clamp((c - end.x) / (end.y - end.x), 0.0, 1.0) * 2.0 - 1.0;
    } else {
        c = vec3(match(0u, c.x), match(1u, c.y), match(2u, c.z));
    }
    picture[i] = vec4(c, 0);
}
