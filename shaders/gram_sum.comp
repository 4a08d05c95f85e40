#version 450
#extension GL_GOOGLE_include_directive : require
// A Gram matrix from its shares, added in their order, and partial sums of its squares. With
// COMPARE, of G and the style's A instead: (G - A) / |A|^2 and partial sums of
// loss * |G - A|^2 / |A|^2, by the style's partial sums.
//
// Tensors    shares [share][channels][channels]; partial sums: 4096.
// Work       4096 invocations in all, each a strided share of the elements. Workgroups: 64.
#include "layout/gram.h"
#include "layout/loss.h"

layout(local_size_x = 64) in;

layout(constant_id = RV_GRAM_SUM_SPEC_COMPARE) const bool COMPARE = true;

layout(push_constant) uniform Push {
    rv_gram_sum_push push;
};
layout(set = 0, binding = RV_GRAM_TARGET) writeonly buffer Target {
    float target[];
};
layout(set = 0, binding = RV_GRAM_VALUES) readonly buffer Shares {
    float shares[];
};
layout(set = 0, binding = RV_GRAM_REFERENCE) readonly buffer Reference {
    float reference[];
};
layout(set = 0, binding = RV_GRAM_SQUARES) readonly buffer Squares {
    float squares[];
};
layout(set = 0, binding = RV_GRAM_PARTIALS) writeonly buffer Partials {
    float partials[];
};

shared float sums[64];

// 1 / |A|^2; of a style without any features 0: there is nothing to come close to.
float style_factor() {
    uint lane = gl_LocalInvocationIndex;
    float sum = 0.0;
    for (uint i = lane; i < uint(RV_LOSS_PARTIAL_COUNT); i += 64u)
        sum += squares[i];
    sums[lane] = sum;
    barrier();
    for (uint half_count = 32u; half_count > 0u; half_count /= 2u) {
        if (lane < half_count)
            sums[lane] += sums[lane + half_count];
        barrier();
    }
    return sums[0] > 0.0 ? 1.0 / sums[0] : 0.0;
}

void main() {
    float factor = 1.0, sum = 0.0;
    if (COMPARE)
        factor = style_factor();
    for (uint i = gl_GlobalInvocationID.x; i < push.count; i += uint(RV_LOSS_PARTIAL_COUNT)) {
        float value = 0.0;
        for (uint part = 0u; part < push.parts; part++)
            value += shares[part * push.count + i];
        if (COMPARE)
            value -= reference[i];
        target[i] = factor * value;
        sum += value * value;
    }
    partials[gl_GlobalInvocationID.x] = COMPARE ? push.loss * factor * sum : sum;
}
