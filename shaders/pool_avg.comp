#version 450
#extension GL_GOOGLE_include_directive : require
// Average pooling 3x3, stride 1, same, plus bias; with FLAG also ReLU and its mask.
//
// Tensors    nChw16c. Bias [channels].
// Work       an invocation: 4 consecutive pixels x 8 channels (a word of the mask).
//            Workgroups: ceil(pixels / 256) x channels / 8.
#include "lib/pool.glsl"

layout(set = 0, binding = RV_POOL_MASK) writeonly buffer Mask {
    uint mask[];
};
layout(set = 0, binding = RV_POOL_BIAS) readonly buffer Bias {
    vec4 bias[];
};

void main() {
    ivec2 size = unpack_size(push.target_size);
    uint first = gl_GlobalInvocationID.x * 4u, pixels = uint(size.x * size.y), bits = 0u;
    if (first >= pixels)
        return;
    for (uint i = 0u; i < 4u && first + i < pixels; i++) {
        uint pixel = first + i;
        ivec2 p = ivec2(int(pixel) % size.x, int(pixel) / size.x);
        vec4 low = vec4(0), high = vec4(0);
        for (int y = max(p.y - 1, 0); y <= min(p.y + 1, size.y - 1); y++)
            for (int x = max(p.x - 1, 0); x <= min(p.x + 1, size.x - 1); x++) {
                uint at = at_source(uint(y * size.x + x));
                low += load4(source[at]);
                high += load4(source[at + 1u]);
            }
        float count = window_count(p, size);
        low = low / count + bias[gl_WorkGroupID.y * 2u];
        high = high / count + bias[gl_WorkGroupID.y * 2u + 1u];
        if (FLAG) {
            bvec4 l = greaterThan(low, vec4(0)), h = greaterThan(high, vec4(0));
            bits |= (uint(l.x) | uint(l.y) << 1 | uint(l.z) << 2 | uint(l.w) << 3 | uint(h.x) << 4 |
                     uint(h.y) << 5 | uint(h.z) << 6 | uint(h.w) << 7) << (8u * i);
            low = mix(low, vec4(0), lessThanEqual(low, vec4(0))); // keeps a NaN
            high = mix(high, vec4(0), lessThanEqual(high, vec4(0)));
        }
        uint to = at_target(pixel);
        target[to] = store4(low);
        target[to + 1u] = store4(high);
    }
    if (FLAG)
        mask[at_mask(first)] = bits;
}
