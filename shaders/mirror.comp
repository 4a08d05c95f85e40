#version 450
#extension GL_GOOGLE_include_directive : require
// target = the source mirrored left to right, if that is what the running iteration wants, else as it is.
// The two may be one.
//
// Work   an invocation: a pixel of the left half, its middle column included, and its counterpart.
//        Workgroups: ceil(rows * ceil(width / 2) / 64).
#include "layout/ascend.h"

layout(local_size_x = 64) in;

layout(push_constant) uniform Push {
    rv_rows_push push;
};
layout(set = 0, binding = RV_MIRROR_TARGET) buffer Target {
    vec4 target[];
};
layout(set = 0, binding = RV_MIRROR_SOURCE) readonly buffer Source {
    vec4 source[];
};
layout(set = 0, binding = RV_MIRROR_CONTROL) readonly buffer Control {
    rv_control control;
};

void main() {
    uint columns = (push.width + 1u) / 2u, i = gl_GlobalInvocationID.x;
    if (i >= push.rows * columns)
        return;
    uint row = i / columns * push.width, x = i % columns;
    uint left = row + x, right = row + push.width - 1u - x;
    vec4 a = source[left], b = source[right];
    bool flip = control.flip != 0u;
    target[left] = flip ? b : a;
    target[right] = flip ? a : b;
}
