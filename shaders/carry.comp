#version 450
#extension GL_GOOGLE_include_directive : require
// The delta of the frame before, where its pixels are now, faded; none where the frame before does not
// explain this one.
//
// Work   an invocation a pixel. Workgroups: ceil(width / 16), ceil(height / 4).
#include "layout/flow.h"

layout(local_size_x = 16, local_size_y = 4) in;

layout(push_constant) uniform Push {
    rv_carry_push push;
};
layout(set = 0, binding = RV_CARRY_TARGET) writeonly buffer Target {
    vec4 target[];
};
layout(set = 0, binding = RV_CARRY_SOURCE) readonly buffer Source {
    vec4 source[];
};
layout(set = 0, binding = RV_CARRY_MOTION) readonly buffer Motion {
    vec4 motion[];
};
layout(set = 0, binding = RV_CARRY_CARRY) readonly buffer Carry {
    rv_carry carry;
};

void main() {
    ivec2 p = ivec2(gl_GlobalInvocationID.xy), size = ivec2(push.size & 0xffffu, push.size >> 16);
    if (any(greaterThanEqual(p, size)))
        return;
    int i = p.y * size.x + p.x;
    ivec2 coarse = ivec2(push.motion & 0xffffu, push.motion >> 16);
    float ratio = float(push.ratio);
    vec2 at = clamp((vec2(p) + 0.5) / ratio - 0.5, vec2(0), vec2(coarse - 1));
    ivec2 low = ivec2(at), high = min(low + 1, coarse - 1);
    vec2 f = at - vec2(low);
    vec4 move = mix(mix(motion[low.y * coarse.x + low.x], motion[low.y * coarse.x + high.x], f.x),
                    mix(motion[high.y * coarse.x + low.x], motion[high.y * coarse.x + high.x], f.x), f.y);
    float speed = min(ratio * move.w / RV_CARRY_FAST, 1.0);
    float left = move.z * mix(carry.decay, carry.decay_moving, speed);
    if (carry.cut != 0u || !(left > 0.0)) { // what is there need not be numbers
        target[i] = vec4(0);
        return;
    }
    at = clamp(vec2(p) + ratio * move.xy, vec2(0), vec2(size - 1));
    low = ivec2(at), high = min(low + 1, size - 1);
    f = at - vec2(low);
    target[i] =
        left * mix(mix(source[low.y * size.x + low.x], source[low.y * size.x + high.x], f.x),
                   mix(source[high.y * size.x + low.x], source[high.y * size.x + high.x], f.x), f.y);
}
