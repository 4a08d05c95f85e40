#version 450
#extension GL_GOOGLE_include_directive : require
// target = weight * resize(source) + other * second picture; bilinear, no antialiasing, the source
// clamped at its edges. QUANTISE takes the source as 8-bit levels: floor(127.5 * (x + 1)).
//
// Bands  source, target and second picture may be bands: the first rows bound are push constants.
// Work   an invocation: one pixel of the target. Workgroups: ceil(bound pixels / 64).
#include "layout/image.h"

layout(local_size_x = 64) in;

layout(constant_id = RV_RESIZE_SPEC_OTHER) const bool OTHER = true;

layout(push_constant) uniform Push {
    rv_resize_push push;
};
layout(set = 0, binding = RV_RESIZE_TARGET) writeonly buffer Target {
    vec4 target[];
};
layout(set = 0, binding = RV_RESIZE_SOURCE) readonly buffer Source {
    vec4 source[];
};
layout(set = 0, binding = RV_RESIZE_OTHER) readonly buffer Other {
    vec4 second[];
};

ivec2 unpack_size(uint size) {
    return ivec2(size & 0xffffu, size >> 16);
}

vec4 fetch(ivec2 p, int width) {
    vec4 value = source[(p.y - int(push.source_row)) * width + p.x];
    if (push.quantise != 0u)
        value = floor(clamp(127.5 * (value + 1.0), 0.0, 255.0)) / 127.5 - 1.0;
    return value;
}

void main() {
    ivec2 size = unpack_size(push.target_size), from = unpack_size(push.source_size);
    uint pixel = gl_GlobalInvocationID.x;
    if (pixel >= push.pixels)
        return;
    ivec2 p = ivec2(pixel % uint(size.x), pixel / uint(size.x) + push.target_row);
    vec2 at = push.align_corners != 0u
                  ? vec2(p) * vec2(from - 1) / vec2(max(size - 1, ivec2(1)))
                  : (vec2(p) + 0.5) * vec2(from) / vec2(size) - 0.5;
    at = clamp(at, vec2(0), vec2(from - 1));
    ivec2 low = ivec2(at), high = min(low + 1, from - 1);
    vec2 f = at - vec2(low);
    vec4 top = mix(fetch(low, from.x), fetch(ivec2(high.x, low.y), from.x), f.x);
    vec4 bottom = mix(fetch(ivec2(low.x, high.y), from.x), fetch(high, from.x), f.x);
    vec4 value = push.weight * mix(top, bottom, f.y);
    if (OTHER)
        value += push.other * second[pixel];
    target[pixel] = vec4(value.xyz, 0);
}
