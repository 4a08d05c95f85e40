#version 450
#extension GL_GOOGLE_include_directive : require
// One share of a layer's Gram matrix: for all pairs of channels scale * sum over the share's
// positions of the product of the two.
//
// Tensors    values nChw16c; target [share][channels][channels].
// Work       a workgroup: 32 x 32 channels of one share; an invocation: 4 x 4 of them.
//            Workgroups: ceil(channels / 32) x ceil(channels / 32) x shares.
#include "layout/gram.h"
#include "lib/storage.glsl"

layout(local_size_x = 8, local_size_y = 8) in;

layout(push_constant) uniform Push {
    rv_gram_push push;
};
layout(set = 0, binding = RV_GRAM_TARGET) writeonly buffer Target {
    vec4 target[];
};
layout(set = 0, binding = RV_GRAM_VALUES) readonly buffer Values {
    STORED values[];
};

const uint DEPTH = 16u; // positions at once
const uint QUADS = RV_GRAM_TILE / 4u;

shared vec4 rows[DEPTH * QUADS], columns[DEPTH * QUADS];

vec4 fetch(uint pixel, uint end, uint quad) {
    if (pixel >= end || quad * 4u >= push.channels)
        return vec4(0);
    return load4(values[quad / 4u * push.plane + pixel * 4u + quad % 4u]);
}

void main() {
    uint lane = gl_LocalInvocationIndex;
    uint row = gl_LocalInvocationID.y, column = gl_LocalInvocationID.x;
    uint first_row = gl_WorkGroupID.y * QUADS, first_column = gl_WorkGroupID.x * QUADS;
    uint begin = gl_WorkGroupID.z * push.share, end = min(begin + push.share, push.pixels);
    vec4 sums[4] = vec4[4](vec4(0), vec4(0), vec4(0), vec4(0));
    for (uint base = begin; base < end; base += DEPTH) {
        for (uint i = lane; i < DEPTH * QUADS; i += 64u) {
            rows[i] = fetch(base + i / QUADS, end, first_row + i % QUADS);
            columns[i] = fetch(base + i / QUADS, end, first_column + i % QUADS);
        }
        barrier();
        for (uint p = 0u; p < DEPTH; p++) {
            vec4 a = rows[p * QUADS + row], b = columns[p * QUADS + column];
            sums[0] += a.x * b;
            sums[1] += a.y * b;
            sums[2] += a.z * b;
            sums[3] += a.w * b;
        }
        barrier();
    }
    uint y = (first_row + row) * 4u, x = first_column + column, quads = push.channels / 4u;
    if (y >= push.channels || x >= quads)
        return;
    for (uint i = 0u; i < 4u; i++)
        target[(gl_WorkGroupID.z * push.channels + y + i) * quads + x] = push.scale * sums[i];
}
