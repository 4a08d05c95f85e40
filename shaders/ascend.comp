#version 450
#extension GL_GOOGLE_include_directive : require
// picture += scale * gradient, then optionally clipped to [-1, 1].
//
// Work   an invocation: one pixel. Workgroups: ceil(pixels / 64).
#include "layout/image.h"

layout(local_size_x = 64) in;

layout(push_constant) uniform Push {
    rv_pixels_push push;
};
layout(set = 0, binding = RV_ASCEND_PICTURE) buffer Picture {
    vec4 picture[];
};
layout(set = 0, binding = RV_ASCEND_GRADIENT) readonly buffer Gradient {
    vec4 gradient[];
};
layout(set = 0, binding = RV_ASCEND_CONTROL) readonly buffer Control {
    rv_control control;
};

void main() {
    uint i = gl_GlobalInvocationID.x;
    if (i >= push.pixels || control.scale == 0.0)
        return;
    vec4 value = picture[i] + control.scale * gradient[i];
    picture[i] = push.clip != 0u ? clamp(value, -1.0, 1.0) : value;
}
