#version 450
#extension GL_GOOGLE_include_directive : require
// Convolution for every GPU (the `scalar` profile): an implicit matrix product through shared
// memory, forward and backward-data.
//
// Tensors    nChw16c, see src/net/plan.h.
// Weights    for every 8 output channels: [source][tap][input channel] 8 weights.
// Work       a workgroup of 128: 64 pixels x 64 channels or 128 x 32 (specialization constant); an
//            invocation 4 consecutive pixels x 8 channels. The K loop walks taps and blocks of 16
//            input channels (the picture: one vec4). Channels beyond the last are computed from
//            clamped weights and not stored.
//            Workgroups: ceil(pixels / tile pixels) x ceil(channels / tile channels) x (4 with
//            PARITY).
// Shared     at most 10.5 KiB.
#include "lib/conv.glsl"

layout(constant_id = RV_CONV_SPEC_TILE) const uint WIDE = 0;
const uint TILE_PIXELS = WIDE == 1u ? 128u : 64u;
const uint TILE_CHANNELS = WIDE == 1u ? 32u : 64u;
const uint COLUMNS = TILE_CHANNELS / 8u; // invocations side by side over the channels

layout(local_size_x = 128) in;

layout(set = 0, binding = RV_CONV_WEIGHTS) readonly buffer Weights {
    STORED weights[];
};
layout(set = 0, binding = RV_CONV_SOURCE) readonly buffer Source {
    STORED source[];
};
#ifdef FORWARD
layout(set = 0, binding = RV_CONV_SOURCE) readonly buffer Picture {
    vec4 picture[]; // the source, where that is the picture: never halves
};
#else
layout(set = 0, binding = RV_CONV_SOURCE_B) readonly buffer SourceB {
    STORED source_b[];
};
vec4 read_b(uint at) {
    return load4(source_b[at]);
}
#endif

vec4 read(uint at) {
#ifdef FORWARD
    if (WRAP_OR_TWO)
        return picture[at];
#endif
    return load4(source[at]);
}

shared float pixels_tile[16][TILE_PIXELS + 4u];
shared vec4 weights_tile[16][TILE_CHANNELS / 4u];

vec4 low[4], high[4];

void load_weights(uint start, uint first_block, uint block_size, uint at, uint depth) {
    uint last = push.channels / 8u - 1u;
    for (uint i = gl_LocalInvocationIndex; i < 4u * TILE_CHANNELS; i += 128u) {
        uint block = i / 32u, row = i % 32u / 2u, half_block = i % 2u;
        if (row < depth)
            weights_tile[row][block * 2u + half_block] =
                load4(weights[start + min(first_block + block, last) * block_size + at +
                              row * 2u + half_block]);
    }
}

void multiply(uint depth, uint column, uint row) {
    for (uint k = 0u; k < depth; k++) {
        vec4 l = weights_tile[k][column * 2u], h = weights_tile[k][column * 2u + 1u];
        for (uint i = 0u; i < 4u; i++) {
            float a = pixels_tile[k][row * 4u + i];
            low[i] += a * l;
            high[i] += a * h;
        }
    }
}

#define WALK(number, from)                                                                         \
    {                                                                                              \
        ivec2 size = source_size(number), taps = source_taps(number, gl_WorkGroupID.z);            \
        uint plane = push.source[number].plane, channels = push.source[number].channels;           \
        uint parts = min(channels / 4u, 4u), depth = parts * 4u;                                   \
        for (int tap = 0; tap < taps.x * taps.y; tap++) {                                          \
            ivec2 shift = ivec2(tap % taps.x, tap / taps.x);                                       \
            for (uint c = 0u; c < channels; c += 16u) {                                            \
                for (uint i = gl_LocalInvocationIndex; i < TILE_PIXELS * 4u; i += 128u) {          \
                    uint part = i % 4u;                                                            \
                    if (part >= parts)                                                             \
                        continue;                                                                  \
                    uint p = min(first + i / 4u, grid_pixels() - 1u);                              \
                    ivec2 q = source_start(number, grid_position(p)) + shift;                      \
                    vec4 value = vec4(0);                                                          \
                    if (!CHECK || is_inside(q, size))                                              \
                        value = from(c / 16u * plane +                                             \
                                     uint(source_pixel(number, q, size)) * parts + part);          \
                    for (uint j = 0u; j < 4u; j++)                                                 \
                        pixels_tile[part * 4u + j][i / 4u] = value[j];                             \
                }                                                                                  \
                load_weights(start, first_block, block_size, at, depth);                           \
                at += depth * 2u;                                                                  \
                barrier();                                                                         \
                multiply(depth, column, row);                                                      \
                barrier();                                                                         \
            }                                                                                      \
        }                                                                                          \
    }

void main() {
    uint column = gl_LocalInvocationIndex % COLUMNS, row = gl_LocalInvocationIndex / COLUMNS;
    uint first = gl_WorkGroupID.x * TILE_PIXELS;
    uint first_block = gl_WorkGroupID.y * COLUMNS;
    uint block = first_block + column, block_size = weights_block(gl_WorkGroupID.z);
    uint start = weights_start();
    uint own = min(block, push.channels / 8u - 1u);
    for (uint i = 0u; i < 4u; i++) {
        low[i] = bias_of(own * 2u);
        high[i] = bias_of(own * 2u + 1u);
    }
    uint at = 0u;
    WALK(0, read)
#ifndef FORWARD
    if (WRAP_OR_TWO)
        WALK(1, read_b)
#endif
    if (block * 8u < push.channels)
        store(first + row * 4u, block, low, high);
}
