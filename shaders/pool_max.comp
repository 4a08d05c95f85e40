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

void main() {
    ivec2 size = unpack_size(push.target_size), from = unpack_size(push.source_size);
    uint pixel = gl_GlobalInvocationID.x;
    if (pixel >= uint(size.x * size.y))
        return;
    ivec2 p = 2 * ivec2(int(pixel) % size.x, int(pixel) / size.x);
    uint first = at_source(uint(p.y * from.x + p.x));
    vec4 low = source[first], high = source[first + 1u];
    uvec4 low_tap = uvec4(0), high_tap = uvec4(0);
    for (int tap = 1; tap < 9; tap++) {
        uint at = at_source(uint((p.y + tap / 3) * from.x + p.x + tap % 3));
        vec4 l = source[at], h = source[at + 1u];
        low_tap = mix(low_tap, uvec4(tap), greaterThan(l, low));
        high_tap = mix(high_tap, uvec4(tap), greaterThan(h, high));
        low = max(low, l);
        high = max(high, h);
    }
    uint to = at_target(pixel);
    target[to] = low;
    target[to + 1u] = high;
    uvec4 packed = low_tap << uvec4(0, 4, 8, 12) | high_tap << uvec4(16, 20, 24, 28);
    argmax[gl_WorkGroupID.y / 2u * push.argmax_plane + pixel * 2u + gl_WorkGroupID.y % 2u] =
        packed.x | packed.y | packed.z | packed.w;
}
