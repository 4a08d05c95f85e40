#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
// Each column of a spectrum, times e^(sign 2 pi i k y / height): its inverse transform without a
// factor, or, with the other sign, the adjoint of that.
//
// Work   an invocation: one column, R rows of the target. Workgroups: ceil(columns * height / R /
//        64).
#include "layout/fourier.h"
#include "lib/fourier.glsl"

void main() {
    uint columns = push.width / 2u + 1u, n = push.height, i = gl_GlobalInvocationID.x;
    uint column = i % columns, y = i / columns, angle = 0u;
    if (y >= n / R)
        return;
    clear();
    for (uint k = 0u; k < n; k += R)
        [[unroll]] for (uint r = 0u; r < R; r++) {
            uint at = ((k + r) * columns + column) * 2u;
            vec2 turn = table[angle];
            add(r, source[at], source[at + 1u], vec2(turn.x, push.sign * turn.y));
            angle = next(angle, y, n);
        }
    [[unroll]] for (uint j = 0u; j < R; j++) {
        uint at = ((y + j * (n / R)) * columns + column) * 2u;
        vec4 a, b;
        gather(j, push.sign, n, a, b);
        target[at] = a;
        target[at + 1u] = b;
    }
}
