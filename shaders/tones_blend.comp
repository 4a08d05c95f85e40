#version 450
#extension GL_GOOGLE_include_directive : require
// target = original + share * (picture - original). With COLORS only luma changes: the original's
// chroma stays. Luma is Rec. 601's, of the encoded values; adding its change to all three channels
// leaves both colour differences as they are.
//
// Work   an invocation: one pixel. Workgroups: ceil(pixels / 64).
#include "layout/tones.h"
#include "lib/luma.glsl"

layout(local_size_x = 64) in;

layout(constant_id = RV_BLEND_SPEC_COLORS) const bool COLORS = true;

layout(push_constant) uniform Push {
    rv_tones_push push;
};
layout(set = 0, binding = RV_BLEND_PICTURE) readonly buffer Picture {
    vec4 picture[];
};
layout(set = 0, binding = RV_BLEND_ORIGINAL) readonly buffer Original {
    vec4 original[];
};
layout(set = 0, binding = RV_BLEND_TARGET) buffer Target {
    vec4 target[];
};

void main() {
    uint i = gl_GlobalInvocationID.x;
    if (i >= push.pixels)
        return;
    vec3 from = original[i].xyz, change = picture[i].xyz - from;
    if (COLORS)
        change = vec3(luma(change));
    target[i] = vec4(from + push.share * change, 0);
}
