#version 450
#extension GL_GOOGLE_include_directive : require
// The style's gradient at a layer: factor * D F, D the difference of the Gram matrices, F the
// layer's values as channels x positions, for the target's channels; with MASKED times the layer's
// ReLU mask; written (OVERWRITE) or added to the target.
//
// Tensors    values and target nChw16c; D [channels][channels], symmetric.
// Work       a workgroup: 32 positions x 32 channels of the target; an invocation: 4 x 4 of them.
//            Workgroups: ceil(positions / 32) x ceil(target channels / 32).
#include "layout/gram.h"
#include "lib/storage.glsl"

layout(local_size_x = 8, local_size_y = 8) in;

layout(constant_id = RV_GRAM_SPEC_OVERWRITE) const bool OVERWRITE = true;
layout(constant_id = RV_GRAM_SPEC_MASKED) const bool MASKED = true;

layout(push_constant) uniform Push {
    rv_gram_gradient_push push;
};
layout(set = 0, binding = RV_GRAM_TARGET) buffer Target {
    STORED target[];
};
layout(set = 0, binding = RV_GRAM_VALUES) readonly buffer Values {
    STORED values[];
};
layout(set = 0, binding = RV_GRAM_REFERENCE) readonly buffer Difference {
    vec4 difference[];
};
layout(set = 0, binding = RV_GRAM_MASK) readonly buffer Mask {
    uint mask[];
};

const uint DEPTH = 16u; // channels of the layer at once
const uint QUADS = RV_GRAM_TILE / 4u;

shared vec4 features[RV_GRAM_TILE * DEPTH / 4u]; // [position][quad of channels]
shared vec4 matrix[DEPTH * QUADS];               // [channel][quad of the target's channels]

vec4 masked(vec4 gradient, uint pixel, uint part) {
    if (!MASKED || part * 4u >= push.relu)
        return gradient;
    uint word = mask[part / 4u * push.mask_plane + pixel / 4u * 2u + part / 2u % 2u];
    uint bits = word >> (pixel % 4u * 8u + part % 2u * 4u);
    return mix(vec4(0), gradient, bvec4(uvec4(bits) & uvec4(1, 2, 4, 8)));
}

void main() {
    uint lane = gl_LocalInvocationIndex;
    uint row = gl_LocalInvocationID.y, column = gl_LocalInvocationID.x;
    uint first_pixel = gl_WorkGroupID.x * uint(RV_GRAM_TILE), first_part = gl_WorkGroupID.y * QUADS;
    vec4 sums[4] = vec4[4](vec4(0), vec4(0), vec4(0), vec4(0));
    for (uint base = 0u; base < push.channels; base += DEPTH) {
        for (uint i = lane; i < uint(RV_GRAM_TILE) * DEPTH / 4u; i += 64u) {
            uint pixel = first_pixel + i / (DEPTH / 4u);
            features[i] = vec4(0);
            if (pixel < push.pixels)
                features[i] = load4(values[base / 16u * push.plane + pixel * 4u + i % 4u]);
        }
        for (uint i = lane; i < DEPTH * QUADS; i += 64u) {
            uint part = first_part + i % QUADS;
            matrix[i] = vec4(0);
            if (part * 4u < push.target_channels)
                matrix[i] = difference[(base + i / QUADS) * (push.channels / 4u) +
                                       push.first / 4u + part];
        }
        barrier();
        for (uint quad = 0u; quad < DEPTH / 4u; quad++) {
            vec4 m[4];
            for (uint c = 0u; c < 4u; c++)
                m[c] = matrix[(quad * 4u + c) * QUADS + column];
            for (uint i = 0u; i < 4u; i++) {
                vec4 f = features[(row * 4u + i) * (DEPTH / 4u) + quad];
                sums[i] += f.x * m[0] + f.y * m[1] + f.z * m[2] + f.w * m[3];
            }
        }
        barrier();
    }
    uint part = first_part + column;
    if (part * 4u >= push.target_channels)
        return;
    for (uint i = 0u; i < 4u; i++) {
        uint pixel = first_pixel + row * 4u + i;
        if (pixel >= push.pixels)
            return;
        uint at = part / 4u * push.target_plane + pixel * 4u + part % 4u;
        vec4 gradient = masked(push.factor * sums[i], pixel, part);
        target[at] = store4(OVERWRITE ? gradient : load4(target[at]) + gradient);
    }
}
