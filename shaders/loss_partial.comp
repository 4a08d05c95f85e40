#version 450
#extension GL_GOOGLE_include_directive : require
// Partial sums of one target of the objective: constant * sum(y) or, with SQUARE, sum(y^2), over the
// channels and the positions that count; y = alpha * value + beta. With REFERENCE, r the reference's
// value at the place or of the channel: sum(y * r) or, with SQUARE, sum((y - r)^2).
//
// Tensors    nChw16c; or floats [channels] as reference. Work: 4096 invocations in all, each a strided share of the elements.
//            Workgroups: 64.
#include "layout/loss.h"
#include "lib/storage.glsl"

layout(local_size_x = 64) in;

layout(constant_id = RV_LOSS_SPEC_AFFINE) const bool AFFINE = true;
layout(constant_id = RV_LOSS_SPEC_SQUARE) const bool SQUARE = true;
layout(constant_id = RV_LOSS_SPEC_REFERENCE) const int REFERENCE = RV_LOSS_REFERENCE_NONE;

layout(push_constant) uniform Push {
    rv_loss_push push;
};
layout(set = 0, binding = RV_LOSS_TARGET) writeonly buffer Target {
    float partials[];
};
layout(set = 0, binding = RV_LOSS_VALUES) readonly buffer Values {
    STORED values[];
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
    int width = int(push.size & 0xffffu), height = int(push.size >> 16);
    ivec2 from = unpack(push.from), to = unpack(push.to);
    uint pixels = uint(width * height);
    uint begin = push.first / 4u, end = (push.end + 3u) / 4u; // parts of four channels
    float sum = 0.0;
    for (uint i = gl_GlobalInvocationID.x; i < pixels * (end - begin);
         i += uint(RV_LOSS_PARTIAL_COUNT)) {
        uint part = begin + i / pixels, pixel = i % pixels;
        ivec2 p = ivec2(int(pixel) % width, int(pixel) / width);
        if (any(lessThan(p, from)) || any(greaterThanEqual(p, to)))
            continue;
        vec4 value = load4(values[part / 4u * push.plane + pixel * 4u + part % 4u]);
        if (AFFINE)
            value = affine[part] * value + affine[push.channels / 4u + part];
        vec4 other = vec4(1);
        if (REFERENCE == RV_LOSS_REFERENCE_VALUES)
            other = load4(reference[part / 4u * push.reference_plane + pixel * 4u + part % 4u]);
        if (REFERENCE == RV_LOSS_REFERENCE_CHANNELS)
            other = of_channels[push.reference_first / 4u + part];
        if (SQUARE && REFERENCE != RV_LOSS_REFERENCE_NONE)
            value -= other;
        value *= SQUARE ? value : other;
        uvec4 c = part * 4u + uvec4(0, 1, 2, 3);
        bvec4 chosen = bvec4(uvec4(greaterThanEqual(c, uvec4(push.first))) &
                             uvec4(lessThan(c, uvec4(push.end))));
        sum += dot(mix(vec4(0), value, chosen), vec4(1));
    }
    partials[gl_GlobalInvocationID.x] = sum * push.constant;
}
