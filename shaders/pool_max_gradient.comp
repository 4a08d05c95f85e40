#version 450
#extension GL_GOOGLE_include_directive : require
// Gradient of max pooling 3x3, stride 2, valid, gathered by input pixel through the argmax; with
// FLAG times the mask of its own input.
//
// Tensors    nChw16c; source = gradient of the output, target = gradient of the input.
// Work       an invocation: one input pixel x 8 channels.
//            Workgroups: ceil(input pixels / 64) x channels / 8.
#include "lib/pool.glsl"

layout(set = 0, binding = RV_POOL_ARGMAX) readonly buffer Argmax {
    uint argmax[];
};
layout(set = 0, binding = RV_POOL_MASK) readonly buffer Mask {
    uint mask[];
};

void main() {
    ivec2 size = unpack_size(push.target_size), from = unpack_size(push.source_size);
    uint pixel = gl_GlobalInvocationID.x;
    if (pixel >= uint(size.x * size.y))
        return;
    ivec2 p = ivec2(int(pixel) % size.x, int(pixel) / size.x);
    vec4 low = vec4(0), high = vec4(0);
    for (int y = max(p.y - 1, 0) / 2; y <= min(p.y / 2, from.y - 1); y++)
        for (int x = max(p.x - 1, 0) / 2; x <= min(p.x / 2, from.x - 1); x++) {
            uint q = uint(y * from.x + x), at = at_source(q);
            uint taps = argmax[gl_WorkGroupID.y / 2u * push.argmax_plane + q * 2u +
                               gl_WorkGroupID.y % 2u];
            uvec4 tap = uvec4((p.y - 2 * y) * 3 + p.x - 2 * x);
            low += mix(vec4(0), load4(source[at]),
                       equal(uvec4(taps) >> uvec4(0, 4, 8, 12) & 15u, tap));
            high += mix(vec4(0), load4(source[at + 1u]),
                        equal(uvec4(taps) >> uvec4(16, 20, 24, 28) & 15u, tap));
        }
    if (FLAG) {
        uint bits = mask[at_mask(pixel)] >> (pixel % 4u * 8u);
        low = mix(vec4(0), low, bvec4(uvec4(bits) & uvec4(1, 2, 4, 8)));
        high = mix(vec4(0), high, bvec4(uvec4(bits) & uvec4(16, 32, 64, 128)));
    }
    uint to = at_target(pixel);
    target[to] = store4(low);
    target[to + 1u] = store4(high);
}
