#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_samplerless_texture_functions : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
// The sums of a convolution for devices that are processors, the fast path of the `cpu` profile: one
// source, one target. conv_units_end then does bias, ReLU, mask and seed. One pipeline serves all
// convolutions: such drivers take seconds to compile it.
//
// Tensors    nChw16c floats, see src/net/plan.h. Source, weights and what the target holds are read
//            as texel buffers: such drivers fetch from them without a branch for every component.
// Weights    for every 8 output channels: [unit][16 input channels] 8 weights, a unit being one tap of
//            16 input channels. All lanes need the same ones, and a fetch costs dozens of products:
//            so 8 lanes fetch the 32 weights of 4 input channels, four each, and hand them round by
//            shuffles from a constant lane, which llvmpipe makes one instruction.
// Work       an invocation: 4 consecutive positions x 8 * BLOCKS output channels. Lanes beyond
//            the last position repeat it and store nothing: others need the weights they fetch, so
//            none may leave early. Subgroups of at least 8. Workgroups: ceil(positions / 128) x output
//            channels / (8 * BLOCKS).
// Loops      all but the one over units are marked to be unrolled; a loop over a part of another's
//            range would not be (Mesa 22.3), and what stays a loop here is ten times slower.
#include "layout/conv_units.h"

layout(local_size_x = 32) in;

layout(constant_id = RV_UNITS_SPEC_BLOCKS) const int BLOCKS = 2;

layout(push_constant) uniform Push {
    rv_units_push push;
};
layout(set = 0, binding = RV_UNITS_TARGET) writeonly buffer Target {
    vec4 target[];
};
layout(set = 0, binding = RV_UNITS_TEXEL_BEFORE) uniform textureBuffer before;
layout(set = 0, binding = RV_UNITS_TEXEL_SOURCE) uniform textureBuffer source;
layout(set = 0, binding = RV_UNITS_TEXEL_WEIGHTS) uniform textureBuffer weights;

const int PIXELS = 4;

void main() {
    ivec2 grid = ivec2(push.grid_size & 0xffffu, push.grid_size >> 16);
    ivec2 size = ivec2(push.source_size & 0xffffu, push.source_size >> 16);
    ivec2 origin = ivec2(bitfieldExtract(push.origin, 0, 16), push.origin >> 16);
    int blocks = int(push.source_blocks), plane = int(push.source_plane);
    int first = int(gl_GlobalInvocationID.x) * PIXELS;
    int block = int(gl_WorkGroupID.y) * BLOCKS; // of 8 channels
    int from = int(push.weights) + block * int(push.block_elements) +
               int(gl_SubgroupInvocationID) % 8;
    ivec2 corner[PIXELS]; // what tap (0, 0) reads
    int at[PIXELS];
    vec4 sum[2 * BLOCKS][PIXELS];
    [[unroll]] for (int i = 0; i < PIXELS; i++) {
        int pixel = min(first + i, grid.x * grid.y - 1);
        ivec2 position = ivec2(pixel % grid.x, pixel / grid.x);
        corner[i] = position * int(push.scales & 0xffu) + origin;
        position = position * int(push.scales >> 8) + ivec2(push.target_x, push.target_y);
        at[i] = block / 2 * int(push.target_plane) +
                (position.y * int(push.target_width) + position.x) * 4;
        [[unroll]] for (int part = 0; part < 2 * BLOCKS; part++)
            sum[part][i] = vec4(0);
    }
    if (push.add != 0u)
        [[unroll]] for (int i = 0; i < PIXELS; i++)
            [[unroll]] for (int part = 0; part < 2 * BLOCKS; part++)
                sum[part][i] =
                    texelFetch(before, at[i] + part / 4 * int(push.target_plane) + part % 4);
    for (int u = 0; u < int(push.units); u++) {
        int tap = u / blocks, base = (u - tap * blocks) * plane;
        ivec2 shift = ivec2(tap % int(push.tap_width), tap / int(push.tap_width));
        vec4 a[PIXELS][4];
        [[unroll]] for (int i = 0; i < PIXELS; i++) {
            ivec2 p = corner[i] + shift;
            bool inside = all(greaterThanEqual(p, ivec2(0))) && all(lessThan(p, size));
            int read = inside ? base + (p.y * size.x + p.x) * 4 : 0;
            float factor = inside ? 1.0 : 0.0;
            [[unroll]] for (int k = 0; k < 4; k++)
                a[i][k] = texelFetch(source, read + k) * factor;
        }
        [[unroll]] for (int b = 0; b < BLOCKS; b++) {
            vec4 w[4];
            [[unroll]] for (int k = 0; k < 4; k++)
                w[k] = texelFetch(weights, from + b * int(push.block_elements) + k * 8);
            // A few sums at a time: they stay in registers.
            [[unroll]] for (int part = 0; part < 2; part++)
                [[unroll]] for (int group = 0; group < PIXELS; group += 4)
                    [[unroll]] for (int k = 0; k < 16; k++) {
                        vec4 one = subgroupShuffle(w[k / 4], uint(2 * (k % 4) + part));
                        [[unroll]] for (int i = 0; i < 4; i++)
                            sum[2 * b + part][group + i] += a[group + i][k / 4][k % 4] * one;
                    }
        }
        from += 32;
    }
    [[unroll]] for (int i = 0; i < PIXELS; i++)
        if (first + i < grid.x * grid.y)
            [[unroll]] for (int part = 0; part < 2 * BLOCKS; part++)
                target[at[i] + part / 4 * int(push.target_plane) + part % 4] = sum[part][i];
}
