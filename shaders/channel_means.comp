#version 450
#extension GL_GOOGLE_include_directive : require
// The mean of every channel of a layer, in a fixed order.
//
// Tensors    values nChw16c; target floats [channels].
// Work       a workgroup: 4 channels. Workgroups: channels / 4.
#include "layout/match.h"
#include "lib/storage.glsl"

layout(local_size_x = 64) in;

layout(push_constant) uniform Push {
    rv_means_push push;
};
layout(set = 0, binding = RV_MATCH_TARGET) writeonly buffer Target {
    vec4 target[];
};
layout(set = 0, binding = RV_MATCH_VALUES) readonly buffer Values {
    STORED values[];
};

shared vec4 sums[64];

void main() {
    uint lane = gl_LocalInvocationIndex, part = gl_WorkGroupID.x;
    vec4 sum = vec4(0);
    for (uint pixel = lane; pixel < push.pixels; pixel += 64u)
        sum += load4(values[part / 4u * push.plane + pixel * 4u + part % 4u]);
    sums[lane] = sum;
    barrier();
    for (uint half_count = 32u; half_count > 0u; half_count /= 2u) {
        if (lane < half_count)
            sums[lane] += sums[lane + half_count];
        barrier();
    }
    if (lane == 0u)
        target[part] = sums[0] / float(push.pixels);
}
