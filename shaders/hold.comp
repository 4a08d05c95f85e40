#version 450
#extension GL_GOOGLE_include_directive : require
// picture = original where the mask is 0.
//
// Tensors    pictures: a vec4 a pixel; mask: a float a pixel.
// Work       an invocation: one pixel. Workgroups: ceil(pixels / 64).
#include "layout/ascend.h"

layout(local_size_x = 64) in;

layout(push_constant) uniform Push {
    rv_band_push push;
};
layout(set = 0, binding = RV_HOLD_PICTURE) buffer Picture {
    vec4 picture[];
};
layout(set = 0, binding = RV_HOLD_ORIGINAL) readonly buffer Original {
    vec4 original[];
};
layout(set = 0, binding = RV_HOLD_MASK) readonly buffer Mask {
    float mask[];
};

void main() {
    uint i = gl_GlobalInvocationID.x;
    if (i < push.pixels && mask[i] == 0.0)
        picture[i] = original[i];
}
