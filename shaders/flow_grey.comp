#version 450
#extension GL_GOOGLE_include_directive : require
// A level of the grey pyramid. Defined PICTURE: the luminance (ITU-R BT.601) of a picture of the same size.
// Else half the level below, by the kernel 1 3 3 1 on both axes, edges repeated.
//
// Work   an invocation a pixel of the target. Workgroups: ceil(width / 16), ceil(height / 4).
#include "layout/flow.h"

layout(local_size_x = 16, local_size_y = 4) in;

layout(push_constant) uniform Push {
    rv_flow_push push; // above: the target; size: the level below
};
layout(set = 0, binding = RV_GREY_TARGET) writeonly buffer Target {
    float target[];
};
#ifdef PICTURE
layout(set = 0, binding = RV_GREY_SOURCE) readonly buffer Source {
    vec4 source[];
};
#else
layout(set = 0, binding = RV_GREY_SOURCE) readonly buffer Source {
    float source[];
};
#endif

void main() {
    ivec2 p = ivec2(gl_GlobalInvocationID.xy), to = ivec2(push.above & 0xffffu, push.above >> 16);
    if (any(greaterThanEqual(p, to)))
        return;
#ifdef PICTURE
    vec3 color = source[p.y * to.x + p.x].rgb;
    target[p.y * to.x + p.x] = 0.5 * dot(color, vec3(0.299, 0.587, 0.114)) + 0.5;
#else
    ivec2 from = ivec2(push.size & 0xffffu, push.size >> 16);
    const float weight[4] = float[4](0.125, 0.375, 0.375, 0.125);
    float sum = 0.0;
    for (int y = 0; y < 4; y++) {
        int row = clamp(2 * p.y + y - 1, 0, from.y - 1) * from.x;
        float line = 0.0;
        for (int x = 0; x < 4; x++)
            line += weight[x] * source[row + clamp(2 * p.x + x - 1, 0, from.x - 1)];
        sum += weight[y] * line;
    }
    target[p.y * to.x + p.x] = sum;
#endif
}
