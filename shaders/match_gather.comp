#version 450
#extension GL_GOOGLE_include_directive : require
// Puts the guide's best column at every position: that of the share whose best is largest; between
// equals that of the first.
//
// Tensors    best [share][position] of rv_match_best; guide and target nChw16c.
// Work       an invocation: one position x 4 channels. Workgroups: ceil(positions / 64) x
//            channels / 4.
#include "layout/match.h"
#include "lib/storage.glsl"

layout(local_size_x = 64) in;

layout(push_constant) uniform Push {
    rv_match_push push;
};
layout(set = 0, binding = RV_MATCH_TARGET) writeonly buffer Target {
    STORED target[];
};
layout(set = 0, binding = RV_MATCH_VALUES) readonly buffer Best {
    rv_match_best best[];
};
layout(set = 0, binding = RV_MATCH_GUIDE) readonly buffer Guide {
    STORED guide[];
};

void main() {
    uint pixel = gl_GlobalInvocationID.x, part = gl_WorkGroupID.y;
    if (pixel >= push.pixels)
        return;
    rv_match_best winner = best[pixel];
    for (uint i = 1u; i < push.parts; i++)
        if (best[i * push.pixels + pixel].product > winner.product)
            winner = best[i * push.pixels + pixel];
    target[part / 4u * push.plane + pixel * 4u + part % 4u] =
        guide[part / 4u * push.guide_plane + winner.column * 4u + part % 4u];
}
