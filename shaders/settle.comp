#version 450
#extension GL_GOOGLE_include_directive : require
// The new delta: what was carried over, and what the steps at an octave added to it, enlarged (bilinear,
// half-pixel centres), as far as the frame with it stays within [-1, 1].
//
// Work   an invocation a pixel. Workgroups: ceil(width / 16), ceil(height / 4).
#include "layout/flow.h"

layout(local_size_x = 16, local_size_y = 4) in;

layout(push_constant) uniform Push {
    rv_settle_push push;
};
layout(set = 0, binding = RV_SETTLE_DELTA) writeonly buffer Delta {
    vec4 delta[];
};
layout(set = 0, binding = RV_SETTLE_CARRIED) readonly buffer Carried {
    vec4 carried[];
};
layout(set = 0, binding = RV_SETTLE_FRAME) readonly buffer Frame {
    vec4 frame[];
};
layout(set = 0, binding = RV_SETTLE_BEGUN) readonly buffer Begun {
    vec4 begun[];
};
layout(set = 0, binding = RV_SETTLE_DREAMED) readonly buffer Dreamed {
    vec4 dreamed[];
};

vec4 added(int at) {
    return dreamed[at] - begun[at];
}

void main() {
    ivec2 p = ivec2(gl_GlobalInvocationID.xy), size = ivec2(push.size & 0xffffu, push.size >> 16);
    if (any(greaterThanEqual(p, size)))
        return;
    int i = p.y * size.x + p.x;
    ivec2 octave = ivec2(push.octave & 0xffffu, push.octave >> 16);
    vec2 at = clamp((vec2(p) + 0.5) * vec2(octave) / vec2(size) - 0.5, vec2(0), vec2(octave - 1));
    ivec2 low = ivec2(at), high = min(low + 1, octave - 1);
    vec2 f = at - vec2(low);
    vec4 step = mix(mix(added(low.y * octave.x + low.x), added(low.y * octave.x + high.x), f.x),
                    mix(added(high.y * octave.x + low.x), added(high.y * octave.x + high.x), f.x), f.y);
    vec4 sum = clamp(frame[i] + carried[i] + step, -1.0, 1.0);
    delta[i] = vec4((sum - frame[i]).xyz, 0);
}
