#version 450
#extension GL_GOOGLE_include_directive : require
// picture += mask * scale * (gradient - offset), then optionally clipped to [-1, 1]; with ADAM the
// gradient is a step already: picture += mask * adam_scale * gradient. Where the mask is 0 the picture stays
// as it is.
//
// Tensors    picture, gradient: a vec4 a pixel; mask: a float a pixel, only with MASKED.
// Work       an invocation: one pixel. Workgroups: ceil(pixels / 64).
#include "layout/ascend.h"

layout(local_size_x = 64) in;

layout(constant_id = RV_ASCEND_SPEC_MASKED) const bool MASKED = false;
layout(constant_id = RV_ASCEND_SPEC_ADAM) const bool ADAM = false;

layout(push_constant) uniform Push {
    rv_band_push push;
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
layout(set = 0, binding = RV_ASCEND_MASK) readonly buffer Mask {
    float mask[];
};

void main() {
    uint i = gl_GlobalInvocationID.x;
    if (i >= push.pixels || control.scale == 0.0)
        return;
    float scale = ADAM ? control.adam_scale : control.scale;
    if (MASKED) {
        scale *= mask[i];
        if (mask[i] == 0.0)
            return;
    }
    vec4 along = ADAM ? gradient[i] : gradient[i] - vec4(vec3(control.offset), 0);
    vec4 value = picture[i] + scale * along;
    picture[i] = push.clip != 0u ? clamp(value, -1.0, 1.0) : value;
}
