#version 450
#extension GL_GOOGLE_include_directive : require
// How much of this frame the one before explains, and whether that is so little that nothing is carried
// over.
//
// Work   one workgroup. Sums in a fixed order.
#include "layout/flow.h"

layout(local_size_x = 64) in;

layout(push_constant) uniform Push {
    rv_flow_push push;
};
layout(set = 0, binding = RV_CUT_CARRY) buffer Carry {
    rv_carry carry;
};
layout(set = 0, binding = RV_CUT_SUMS) readonly buffer Sums {
    vec4 sums[];
};

shared vec4 totals[64];

void main() {
    uint lane = gl_LocalInvocationIndex;
    vec4 sum = vec4(0);
    for (uint i = lane; i < uint(RV_CHECK_PARTIALS); i += 64u)
        sum += sums[i];
    totals[lane] = sum;
    barrier();
    for (uint half_count = 32u; half_count > 0u; half_count /= 2u) {
        if (lane < half_count)
            totals[lane] += totals[lane + half_count];
        barrier();
    }
    if (lane != 0u)
        return;
    float pixels = float((push.size & 0xffffu) * (push.size >> 16));
    float occluded = totals[0].x / pixels;
    carry.occluded = occluded;
    carry.flow = totals[0].y / max(pixels - totals[0].x, 1.0);
    carry.cut = carry.anew != 0u || occluded >= carry.scene_cut ? 1u : 0u;
}
