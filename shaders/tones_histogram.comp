#version 450
#extension GL_GOOGLE_include_directive : require
// Adds a picture's pixels to histograms: of each channel, or (LUMA) of luma in the first. Counts are
// whole numbers: whatever the order, they come to the same.
//
// Work   an invocation: one pixel. Workgroups: ceil(pixels / 64).
#include "layout/tones.h"
#include "lib/luma.glsl"

layout(local_size_x = 64) in;

layout(constant_id = RV_HISTOGRAM_SPEC_LUMA) const bool LUMA = true;

layout(push_constant) uniform Push {
    rv_tones_push push;
};
layout(set = 0, binding = RV_HISTOGRAM_COUNTS) buffer Counts {
    uint counts[];
};
layout(set = 0, binding = RV_HISTOGRAM_PICTURE) readonly buffer Picture {
    vec4 picture[];
};

const float bins = float(RV_TONES_BINS);

void count(uint plane, float value) {
    uint bin = uint(clamp((value + 1.0) * (bins / 2.0), 0.0, bins - 1.0));
    atomicAdd(counts[plane * uint(RV_TONES_BINS) + bin], 1u);
}

void main() {
    uint i = gl_GlobalInvocationID.x;
    if (i >= push.pixels)
        return;
    vec3 c = picture[i].xyz;
    if (LUMA) {
        count(0u, luma(c));
    } else {
        count(0u, c.x);
        count(1u, c.y);
        count(2u, c.z);
    }
}
