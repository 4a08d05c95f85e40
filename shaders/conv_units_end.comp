#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_samplerless_texture_functions : require
// What follows the last conv_units: bias, ReLU and mask bits forward; the objective's gradient and
// the mask backward. In place.
//
// Tensors    nChw16c floats, see src/net/plan.h; the targets are read as texel buffers.
// Work       an invocation: 4 consecutive pixels x 8 channels. Workgroups: ceil(pixels / 128) x
//            channels / 8.
#include "lib/conv.glsl"

layout(local_size_x = 32) in;

layout(set = 0, binding = RV_CONV_TEXEL_SOURCE) uniform textureBuffer before;
#ifdef FORWARD
layout(set = 0, binding = RV_CONV_TEXEL_SOURCE_B) uniform textureBuffer before_b;
#endif

void main() {
    uint first = gl_GlobalInvocationID.x * 4u, block = gl_WorkGroupID.y;
    if (first >= grid_pixels())
        return;
    vec4 low[4], high[4];
    uint own = block, plane = push.target_plane;
#ifdef FORWARD
    bool other = block * 8u >= push.split;
    if (other) {
        own -= push.split / 8u;
        plane = push.target_b_plane;
    }
#endif
    for (uint i = 0u; i < 4u; i++) {
        uint pixel = min(first + i, grid_pixels() - 1u);
        int at = int(own / 2u * plane + pixel * 4u + own % 2u * 2u);
#ifdef FORWARD
        if (other) {
            low[i] = texelFetch(before_b, at);
            high[i] = texelFetch(before_b, at + 1);
        } else
#endif
        {
            low[i] = texelFetch(before, at);
            high[i] = texelFetch(before, at + 1);
        }
        low[i] += bias_of(block * 2u);
        high[i] += bias_of(block * 2u + 1u);
    }
    store(first, block, low, high);
}
