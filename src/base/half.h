// Conversion between float32 and IEEE half precision, without hardware support.
#ifndef RV_BASE_HALF_H
#define RV_BASE_HALF_H

#include <stdint.h>

// Rounds to nearest, ties to even. Beyond half's range (65504) gives infinity; NaN stays NaN.
uint16_t rv_half_from_float(float value);

// Exact.
float rv_half_to_float(uint16_t half);

#endif
