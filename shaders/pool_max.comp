#version 450
#extension GL_GOOGLE_include_directive : require
// Max pooling 3x3, stride 2, valid, with argmax; ties go to the first in row order.
//
// Tensors    nChw16c; argmax as in src/net/plan.h.
// Work       an invocation: one output pixel x 8 channels.
//            Workgroups: ceil(output pixels / 64) x channels / 8.
#include "lib/pool.glsl"

layout(set = 0, binding = RV_POOL_ARGMAX) writeonly buffer Argmax {
    uint argmax[];
};

// Whether a value takes the place of the largest so far. A NaN does, and stays.
bvec4 wins(vec4 value, vec4 largest) {
    return bvec4(uvec4(greaterThan(value, largest)) | uvec4(isnan(value)));
}

void main() {
    ivec2 size = unpack_size(push.target_size), from = unpack_size(push.source_size);
    uint pixel = gl_GlobalInvocationID.x;
    if (pixel >= uint(size.x * size.y))
        return;
    ivec2 p = 2 * ivec2(int(pixel) % size.x, int(pixel) / size.x);
    uint first = at_source(uint(p.y * from.x + p.x));
    vec4 low = load4(source[first]), high = load4(source[first + 1u]);
    uvec4 low_tap = uvec4(0), high_tap = uvec4(0);
    for (int tap = 1; tap < 9; tap++) {
        uint at = at_source(uint((p.y + tap / 3) * from.x + p.x + tap % 3));
        vec4 l = load4(source[at]), h = load4(source[at + 1u]);
        bvec4 low_wins = wins(l, low), high_wins = wins(h, high);
        low_tap = mix(low_tap, uvec4(tap), low_wins);
        high_tap = mix(high_tap, uvec4(tap), high_wins);
        low = mix(low, l, low_wins);
        high = mix(high, h, high_wins);
    }
    uint to = at_target(pixel);
    target[to] = store4(low);
    target[to + 1u] = store4(high);
    uvec4 packed = low_tap << uvec4(0, 4, 8, 12) | high_tap << uvec4(16, 20, 24, 28);
    argmax[gl_WorkGroupID.y / 2u * push.argmax_plane + pixel * 2u + gl_WorkGroupID.y % 2u] =
        packed.x | packed.y | packed.z | packed.w;
}
