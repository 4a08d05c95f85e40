// Bindings and push constants of the discrete Fourier transform of a real picture. A spectrum is
// [height][columns][2] float4, columns = width / 2 + 1: of every frequency the real part, then the
// imaginary part, of three channels and an unused fourth. A table of a side of n holds (cos, sin)
// of 2 pi i / n for i < n.
#ifndef RV_LAYOUT_FOURIER_H
#define RV_LAYOUT_FOURIER_H

#include "layout/types.h"

#define RV_FOURIER_TARGET 0
#define RV_FOURIER_SOURCE 1
#define RV_FOURIER_TABLE 2

// What an invocation makes at once, a divisor of the side: see lib/fourier.glsl.
#define RV_FOURIER_SPEC_RADIX 0
#define RV_FOURIER_RADIX_MAX 8

struct rv_fourier_push {
    RV_UINT width, height; // of the picture
    RV_FLOAT sign;         // columns: 1, or -1 for the adjoint
};

#endif
