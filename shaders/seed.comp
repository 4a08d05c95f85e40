#version 450
#extension GL_GOOGLE_include_directive : require
// The objective's gradient at a layer: with y = alpha * value + beta,
//   alpha * (constant + linear * y) for the channels and positions that count, else 0;
// with REFERENCE, other * r more, r the reference's value at the place or of the channel;
// with MASKED times the layer's ReLU mask; written (OVERWRITE) or added to the target.
//
// Tensors    nChw16c, target, values and reference alike; or floats [channels] as reference.
// Work       an invocation: one pixel x 4 channels. Workgroups: ceil(pixels / 64) x channels / 4.
#include "layout/loss.h"
#include "lib/storage.glsl"

layout(local_size_x = 64) in;

layout(constant_id = RV_LOSS_SPEC_OVERWRITE) const bool OVERWRITE = true;
layout(constant_id = RV_LOSS_SPEC_MASKED) const bool MASKED = true;
layout(constant_id = RV_LOSS_SPEC_AFFINE) const bool AFFINE = true;
layout(constant_id = RV_LOSS_SPEC_REFERENCE) const int REFERENCE = RV_LOSS_REFERENCE_NONE;

layout(push_constant) uniform Push {
    rv_loss_push push;
};
layout(set = 0, binding = RV_LOSS_TARGET) buffer Target {
    STORED target[];
};
layout(set = 0, binding = RV_LOSS_VALUES) readonly buffer Values {
    STORED values[];
};
layout(set = 0, binding = RV_LOSS_MASK) readonly buffer Mask {
    uint mask[];
};
layout(set = 0, binding = RV_LOSS_AFFINE) readonly buffer Affine {
    vec4 affine[];
};

layout(set = 0, binding = RV_LOSS_REFERENCE) readonly buffer Reference {
    STORED reference[];
};
layout(set = 0, binding = RV_LOSS_REFERENCE) readonly buffer Channels {
    vec4 of_channels[];
};

ivec2 unpack(uint two) {
    return ivec2(two & 0xffffu, two >> 16);
}

void main() {
    ivec2 size = unpack(push.size);
    uint pixel = gl_GlobalInvocationID.x, part = gl_WorkGroupID.y;
    if (pixel >= uint(size.x * size.y))
        return;
    ivec2 p = ivec2(int(pixel) % size.x, int(pixel) / size.x);
    uint at = part / 4u * push.plane + pixel * 4u + part % 4u;
    vec4 gradient = vec4(0);
    if (all(greaterThanEqual(p, unpack(push.from))) && all(lessThan(p, unpack(push.to)))) {
        vec4 alpha = AFFINE ? affine[part] : vec4(1);
        gradient = vec4(push.constant);
        if (push.linear != 0.0) {
            vec4 y = load4(values[at]);
            if (AFFINE)
                y = alpha * y + affine[push.channels / 4u + part];
            gradient += push.linear * y;
        }
        if (REFERENCE == RV_LOSS_REFERENCE_VALUES)
            gradient += push.other *
                        load4(reference[part / 4u * push.reference_plane + pixel * 4u + part % 4u]);
        if (REFERENCE == RV_LOSS_REFERENCE_CHANNELS)
            gradient += push.other * of_channels[push.reference_first / 4u + part];
        gradient *= alpha;
        uvec4 c = part * 4u + uvec4(0, 1, 2, 3);
        bvec4 chosen = bvec4(uvec4(greaterThanEqual(c, uvec4(push.first))) &
                             uvec4(lessThan(c, uvec4(push.end))));
        gradient = mix(vec4(0), gradient, chosen);
    }
    if (MASKED && part * 4u < push.relu) {
        uint word = mask[part / 4u * push.mask_plane + pixel / 4u * 2u + part / 2u % 2u];
        uint bits = word >> (pixel % 4u * 8u + part % 2u * 4u);
        gradient = mix(vec4(0), gradient, bvec4(uvec4(bits) & uvec4(1, 2, 4, 8)));
    }
    target[at] = store4(OVERWRITE ? gradient : load4(target[at]) + gradient);
}
