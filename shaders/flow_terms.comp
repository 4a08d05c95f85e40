#version 450
#extension GL_GOOGLE_include_directive : require
// What each pixel says about the flow u at its place (Lucas and Kanade): with g the gradient of the one
// frame and r what the other, at p + u, is brighter: w g g' u = w g (g' u - r), before any sum over a
// window. w falls with |r|, so that few pixels that moved otherwise do not count, and is 0 where p + u
// leaves the picture.
//
// Tensors  terms: four planes of vec4, two for either direction: (w gx gx, w gx gy, w gy gy, w gx b) and
//          (w gy b, ux, uy, 1), b = g' u - r.
// Work     an invocation a pixel. Workgroups: ceil(width / 16), ceil(height / 4), 2 directions.
#include "layout/flow.h"

layout(local_size_x = 16, local_size_y = 4) in;

layout(constant_id = RV_FLOW_SPEC_FROM) const uint FROM = RV_FLOW_FROM_NONE;

layout(push_constant) uniform Push {
    rv_flow_push push;
};
layout(set = 0, binding = RV_FLOW_TERMS) writeonly buffer Terms {
    vec4 terms[];
};
layout(set = 0, binding = RV_FLOW_BEFORE) readonly buffer Before {
    float before[];
};
layout(set = 0, binding = RV_FLOW_NOW) readonly buffer Now {
    float now[];
};
layout(set = 0, binding = RV_FLOW_COARSE) readonly buffer Coarse {
    vec2 coarse[];
};

float fetch(bool this_frame, int at) {
    return this_frame ? now[at] : before[at];
}

// The flow of the level above, in pixels of this one.
vec2 enlarged(ivec2 p, int plane) {
    ivec2 size = ivec2(push.above & 0xffffu, push.above >> 16);
    vec2 at = clamp(0.5 * vec2(p) - 0.25, vec2(0), vec2(size - 1));
    ivec2 low = ivec2(at), high = min(low + 1, size - 1);
    vec2 f = at - vec2(low);
    int base = plane * size.x * size.y;
    vec2 top = mix(coarse[base + low.y * size.x + low.x], coarse[base + low.y * size.x + high.x], f.x);
    vec2 bottom =
        mix(coarse[base + high.y * size.x + low.x], coarse[base + high.y * size.x + high.x], f.x);
    return 2.0 * mix(top, bottom, f.y);
}

void main() {
    ivec2 p = ivec2(gl_GlobalInvocationID.xy), size = ivec2(push.size & 0xffffu, push.size >> 16);
    int plane = int(gl_GlobalInvocationID.z);
    if (any(greaterThanEqual(p, size)))
        return;
    bool back = plane == 1;
    int pixels = size.x * size.y, row = p.y * size.x, i = row + p.x;
    vec2 u = vec2(0);
    if (FROM == RV_FLOW_FROM_COARSE)
        u = enlarged(p, plane);
    else if (FROM == RV_FLOW_FROM_SAME)
        u = coarse[plane * pixels + i];

    vec2 g = 0.5 * vec2(fetch(back, row + min(p.x + 1, size.x - 1)) - fetch(back, row + max(p.x - 1, 0)),
                        fetch(back, min(p.y + 1, size.y - 1) * size.x + p.x) -
                            fetch(back, max(p.y - 1, 0) * size.x + p.x));
    vec2 q = vec2(p) + u, at = clamp(q, vec2(0), vec2(size - 1));
    ivec2 low = ivec2(at), high = min(low + 1, size - 1);
    vec2 f = at - vec2(low);
    float top = mix(fetch(!back, low.y * size.x + low.x), fetch(!back, low.y * size.x + high.x), f.x);
    float bottom =
        mix(fetch(!back, high.y * size.x + low.x), fetch(!back, high.y * size.x + high.x), f.x);
    float r = mix(top, bottom, f.y) - fetch(back, i);
    float w = q == at ? RV_FLOW_SOFT / (RV_FLOW_SOFT + abs(r)) : 0.0;
    vec2 b = w * g * (dot(g, u) - r);
    terms[2 * plane * pixels + i] = vec4(w * g.x * g.x, w * g.x * g.y, w * g.y * g.y, b.x);
    terms[(2 * plane + 1) * pixels + i] = vec4(b.y, u, 1.0);
}
