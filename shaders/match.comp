#version 450
#extension GL_GOOGLE_include_directive : require
// For every position of a layer the column, in one share of the guide's, whose dot product with the
// layer's is largest; between equals the first.
//
// Tensors    values and guide nChw16c; target [share][position] of rv_match_best.
// Work       a workgroup: 32 positions, all columns of a share; an invocation: 4 positions, every
//            eighth group of 4 columns. Workgroups: ceil(positions / 32) x shares.
#include "layout/match.h"
#include "lib/storage.glsl"

layout(local_size_x = 8, local_size_y = 8) in;

layout(push_constant) uniform Push {
    rv_match_push push;
};
layout(set = 0, binding = RV_MATCH_TARGET) writeonly buffer Target {
    rv_match_best target[];
};
layout(set = 0, binding = RV_MATCH_VALUES) readonly buffer Values {
    STORED values[];
};
layout(set = 0, binding = RV_MATCH_GUIDE) readonly buffer Guide {
    STORED guide[];
};

const uint TILE = RV_MATCH_TILE;

shared vec4 xs[TILE * 4u], ys[TILE * 4u]; // [position or column][quad of channels]
shared rv_match_best bests[TILE * 8u];

bool is_better(rv_match_best a, rv_match_best b) {
    return a.product > b.product || (a.product == b.product && a.column < b.column);
}

void main() {
    uint lane = gl_LocalInvocationIndex;
    uint row = gl_LocalInvocationID.y, column = gl_LocalInvocationID.x;
    uint first_pixel = gl_WorkGroupID.x * TILE;
    uint begin = gl_WorkGroupID.y * push.share, end = min(begin + push.share, push.columns);
    rv_match_best best[4];
    for (uint i = 0u; i < 4u; i++) {
        best[i].product = -1.0e38;
        best[i].column = begin;
    }
    for (uint tile = begin; tile < end; tile += TILE) {
        vec4 products[4] = vec4[4](vec4(0), vec4(0), vec4(0), vec4(0));
        for (uint block = 0u; block < push.channels / 16u; block++) {
            for (uint i = lane; i < TILE * 4u; i += 64u) {
                uint pixel = first_pixel + i / 4u, other = tile + i / 4u;
                xs[i] = vec4(0);
                ys[i] = vec4(0);
                if (pixel < push.pixels)
                    xs[i] = load4(values[block * push.plane + pixel * 4u + i % 4u]);
                if (other < end)
                    ys[i] = load4(guide[block * push.guide_plane + other * 4u + i % 4u]);
            }
            barrier();
            for (uint quad = 0u; quad < 4u; quad++) {
                vec4 y[4];
                for (uint j = 0u; j < 4u; j++)
                    y[j] = ys[(column * 4u + j) * 4u + quad];
                for (uint i = 0u; i < 4u; i++) {
                    vec4 x = xs[(row * 4u + i) * 4u + quad];
                    products[i] += vec4(dot(x, y[0]), dot(x, y[1]), dot(x, y[2]), dot(x, y[3]));
                }
            }
            barrier();
        }
        for (uint i = 0u; i < 4u; i++)
            for (uint j = 0u; j < 4u; j++) {
                uint other = tile + column * 4u + j;
                if (other < end && products[i][j] > best[i].product) {
                    best[i].product = products[i][j];
                    best[i].column = other;
                }
            }
    }
    for (uint i = 0u; i < 4u; i++)
        bests[(row * 4u + i) * 8u + column] = best[i];
    barrier();
    if (lane >= TILE || first_pixel + lane >= push.pixels)
        return;
    rv_match_best winner = bests[lane * 8u];
    for (uint i = 1u; i < 8u; i++)
        if (is_better(bests[lane * 8u + i], winner))
            winner = bests[lane * 8u + i];
    target[gl_WorkGroupID.y * push.pixels + first_pixel + lane] = winner;
}
