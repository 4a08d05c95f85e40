#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_samplerless_texture_functions : require
// Convolution for devices that are processors (the `cpu` profile): forward and backward-data.
//
// Tensors    nChw16c, see src/net/plan.h; sources and weights are read as texel buffers of four
//            floats or halves (the view's format says which), which such drivers load a lane at a
//            time without a bounds branch for every component.
// Weights    for every 8 output channels: [source][tap][input channel] 8 weights.
// Work       one invocation: 8 consecutive pixels x 8 channels, kept in registers; no shared memory,
//            no barrier. Workgroups: ceil(pixels / 256) x channels / 8 x (4 with PARITY).
#include "lib/conv.glsl"

layout(local_size_x = 32) in;

layout(set = 0, binding = RV_CONV_TEXEL_WEIGHTS) uniform textureBuffer weights;
layout(set = 0, binding = RV_CONV_TEXEL_SOURCE) uniform textureBuffer source;
#ifndef FORWARD
layout(set = 0, binding = RV_CONV_TEXEL_SOURCE_B) uniform textureBuffer source_b;
#endif

const int PIXELS = 8;

#ifdef FORWARD
const int PARTS = WRAP_OR_TWO ? 1 : 4; // vec4s of a block; the picture has one
#else
const int PARTS = 4;
#endif

vec4 low[PIXELS], high[PIXELS];

// Four input channels: a[i] times the 4 x 8 weights from `at`.
#define ACCUMULATE(channel)                                                                        \
    {                                                                                              \
        vec4 l = texelFetch(weights, at), h = texelFetch(weights, at + 1);                         \
        at += 2;                                                                                   \
        for (int i = 0; i < PIXELS; i++) {                                                         \
            low[i] += a[i].channel * l;                                                            \
            high[i] += a[i].channel * h;                                                           \
        }                                                                                          \
    }

#define WALK(number, from)                                                                         \
    {                                                                                              \
        ivec2 size = source_size(number), taps = source_taps(number, gl_WorkGroupID.z);            \
        int plane = int(push.source[number].plane), channels = int(push.source[number].channels);  \
        for (int tap_y = 0; tap_y < taps.y; tap_y++)                                               \
            for (int tap_x = 0; tap_x < taps.x; tap_x++) {                                         \
                int read[PIXELS];                                                                  \
                float inside[PIXELS];                                                              \
                for (int i = 0; i < PIXELS; i++) {                                                 \
                    ivec2 p = source_start(number, position[i]) + ivec2(tap_x, tap_y);             \
                    bool is = !CHECK || is_inside(p, size);                                        \
                    inside[i] = is ? 1.0 : 0.0;                                                    \
                    read[i] = is ? source_pixel(number, p, size) * PARTS : 0;                      \
                }                                                                                  \
                for (int c = 0; c < channels; c += 16) {                                           \
                    for (int part = 0; part < PARTS; part++) {                                     \
                        vec4 a[PIXELS];                                                            \
                        for (int i = 0; i < PIXELS; i++) {                                         \
                            a[i] = texelFetch(from, read[i] + part);                               \
                            if (CHECK)                                                             \
                                a[i] *= inside[i];                                                 \
                        }                                                                          \
                        ACCUMULATE(x)                                                              \
                        ACCUMULATE(y)                                                              \
                        ACCUMULATE(z)                                                              \
                        ACCUMULATE(w)                                                              \
                    }                                                                              \
                    for (int i = 0; i < PIXELS; i++)                                               \
                        read[i] += plane;                                                          \
                }                                                                                  \
            }                                                                                      \
    }

void main() {
    uint first = gl_GlobalInvocationID.x * uint(PIXELS);
    uint block = gl_WorkGroupID.y;
    if (first >= grid_pixels())
        return;
    ivec2 position[PIXELS];
    for (int i = 0; i < PIXELS; i++)
        position[i] = grid_position(min(first + uint(i), grid_pixels() - 1u));
    int at = int(weights_start() + block * weights_block(gl_WorkGroupID.z));
    for (int i = 0; i < PIXELS; i++) {
        low[i] = bias_of(block * 2u);
        high[i] = bias_of(block * 2u + 1u);
    }
    WALK(0, source)
#ifndef FORWARD
    if (WRAP_OR_TWO)
        WALK(1, source_b)
#endif
    store(first, block, vec4[4](low[0], low[1], low[2], low[3]),
          vec4[4](high[0], high[1], high[2], high[3]));
    store(first + 4u, block, vec4[4](low[4], low[5], low[6], low[7]),
          vec4[4](high[4], high[5], high[6], high[7]));
}
