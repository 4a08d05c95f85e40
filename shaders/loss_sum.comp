#version 450
#extension GL_GOOGLE_include_directive : require
// Totals of the targets: workgroup t adds up the partial sums of target t in a fixed order; with
// ADD the total joins that of the tiles before.
#include "layout/loss.h"

layout(local_size_x = 64) in;

layout(constant_id = RV_LOSS_SUM_SPEC_ADD) const bool ADD = true;

layout(set = 0, binding = RV_LOSS_TARGET) buffer Target {
    float losses[];
};
layout(set = 0, binding = RV_LOSS_VALUES) readonly buffer Values {
    float partials[];
};

shared float sums[64];

void main() {
    uint lane = gl_LocalInvocationIndex;
    float sum = 0.0;
    for (uint i = lane; i < uint(RV_LOSS_PARTIAL_COUNT); i += 64u)
        sum += partials[gl_WorkGroupID.x * uint(RV_LOSS_PARTIAL_COUNT) + i];
    sums[lane] = sum;
    barrier();
    for (uint half_count = 32u; half_count > 0u; half_count /= 2u) {
        if (lane < half_count)
            sums[lane] += sums[lane + half_count];
        barrier();
    }
    if (lane == 0u)
        losses[gl_WorkGroupID.x] = ADD ? losses[gl_WorkGroupID.x] + sums[0] : sums[0];
}
