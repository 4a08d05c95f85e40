#version 450
#extension GL_GOOGLE_include_directive : require
// Sums of the terms over a window, first along rows; defined SOLVE: then along columns, and the flow that
// the sums say. With A, b, u the weighted means over the window, it is the solution of
// (A + e) x = b + e u: where there is nothing to see, it is the mean flow around.
//
// Tensors  terms as flow_terms writes them; the target: terms again, or two planes of flow.
// Work     an invocation a pixel. Workgroups: ceil(width / 16), ceil(height / 4), 2 directions.
#include "layout/flow.h"

layout(local_size_x = 16, local_size_y = 4) in;

layout(push_constant) uniform Push {
    rv_flow_push push;
};
layout(set = 0, binding = RV_FLOW_TERMS) readonly buffer Terms {
    vec4 terms[];
};
#ifdef SOLVE
layout(set = 0, binding = RV_FLOW_TARGET) writeonly buffer Target {
    vec2 flow[];
};
#else
layout(set = 0, binding = RV_FLOW_TARGET) writeonly buffer Target {
    vec4 target[];
};
#endif

float weight(int k) {
    float x = float(k) / float(RV_FLOW_RADIUS + 1);
    return (1.0 - x * x) * (1.0 - x * x);
}

void main() {
    ivec2 p = ivec2(gl_GlobalInvocationID.xy), size = ivec2(push.size & 0xffffu, push.size >> 16);
    int plane = int(gl_GlobalInvocationID.z);
    if (any(greaterThanEqual(p, size)))
        return;
    int pixels = size.x * size.y, i = p.y * size.x + p.x, base = 2 * plane * pixels;
    vec4 first = vec4(0), second = vec4(0);
#ifdef SOLVE
    int along = size.x, place = p.y, end = size.y;
#else
    int along = 1, place = p.x, end = size.x;
#endif
    for (int k = max(-RV_FLOW_RADIUS, -place); k <= min(RV_FLOW_RADIUS, end - 1 - place); k++) {
        first += weight(k) * terms[base + i + k * along];
        second += weight(k) * terms[base + pixels + i + k * along];
    }
#ifdef SOLVE
    vec4 sums = first / second.w;
    vec2 mean = second.yz / second.w, b = vec2(sums.w, second.x / second.w) + RV_FLOW_SMOOTH * mean;
    vec3 a = sums.xyz + vec3(RV_FLOW_SMOOTH, 0, RV_FLOW_SMOOTH);
    float determinant = a.x * a.z - a.y * a.y;
    flow[plane * pixels + i] = vec2(a.z * b.x - a.y * b.y, a.x * b.y - a.y * b.x) / determinant;
#else
    target[base + i] = first;
    target[base + pixels + i] = second;
#endif
}
