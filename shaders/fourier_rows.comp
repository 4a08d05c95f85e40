#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
// Each row of a spectrum to the real numbers whose spectrum it is, without a factor: sum over k of
// c (re cos - im sin) of 2 pi k x / width, c = 1 for k = 0 and, of an even width, width / 2, else 2.
// ADJOINT goes the other way: c sum over x of the numbers times (cos, -sin).
//
// Work   an invocation: of one row, R values of the target (ADJOINT: those that a spectrum has).
//        Workgroups: ceil(width / R * height / 64).
#include "layout/fourier.h"
#include "lib/fourier.glsl"

// How often a frequency stands in the whole spectrum.
float times(uint k) {
    return k == 0u || 2u * k == push.width ? 1.0 : 2.0;
}

void main() {
    uint columns = push.width / 2u + 1u, n = push.width, i = gl_GlobalInvocationID.x;
    uint first = i % (n / R), row = i / (n / R), angle = 0u;
    if (row >= push.height)
        return;
    clear();
#ifdef ADJOINT
    for (uint x = 0u; x < n; x += R)
        [[unroll]] for (uint r = 0u; r < R; r++) {
            vec4 value = source[row * n + x + r];
            vec2 turn = table[angle];
            real[r] += value * turn.x;
            imaginary[r] -= value * turn.y;
            angle = next(angle, first, n);
        }
    [[unroll]] for (uint j = 0u; j < R; j++) {
        uint column = first + j * (n / R), at = (row * columns + column) * 2u;
        vec4 a, b;
        if (column < columns) {
            gather(j, -1.0, n, a, b);
            target[at] = times(column) * a;
            target[at + 1u] = times(column) * b;
        }
    }
#else
    for (uint k = 0u; k < columns; k += R)
        [[unroll]] for (uint r = 0u; r < R; r++) {
            uint at = (row * columns + k + r) * 2u;
            if (k + r < columns)
                add(r, source[at], source[at + 1u], times(k + r) * table[angle]);
            angle = next(angle, first, n);
        }
    [[unroll]] for (uint j = 0u; j < R; j++) {
        vec4 a, b;
        gather(j, 1.0, n, a, b);
        target[row * n + first + j * (n / R)] = a;
    }
#endif
}
