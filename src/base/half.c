#include "base/half.h"

#include <string.h>

static uint32_t float_bits(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float float_of_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// value / 2^shift, rounded to nearest, ties to even; shift is 1..31.
static uint32_t shift_rounded(uint32_t value, uint32_t shift) {
    const uint32_t quotient = value >> shift;
    const uint32_t remainder = value & ((UINT32_C(1) << shift) - 1);
    const uint32_t half = UINT32_C(1) << (shift - 1);
    return quotient + (remainder > half || (remainder == half && (quotient & 1)));
}

uint16_t rv_half_from_float(float value) {
    const uint32_t bits = float_bits(value);
    const uint32_t sign = bits >> 16 & 0x8000;
    const uint32_t magnitude = bits & 0x7fffffff;
    const uint32_t exponent = magnitude >> 23;

    if (magnitude > 0x7f800000)
        return (uint16_t)(sign | 0x7e00); // NaN
    if (exponent >= 127 + 16)
        return (uint16_t)(sign | 0x7c00); // 65536 and up
    if (exponent >= 127 - 14)             // normal; a carry out of the top gives infinity
        return (uint16_t)(sign | (shift_rounded(magnitude, 13) - ((127 - 15) << 10)));
    if (exponent < 127 - 25)
        return (uint16_t)sign; // below half of the smallest subnormal
    const uint32_t significand = (magnitude & 0x7fffff) | 0x800000;
    return (uint16_t)(sign | shift_rounded(significand, 126 - exponent));
}

float rv_half_to_float(uint16_t half) {
    const uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    const uint32_t exponent = half >> 10 & 0x1f;
    const uint32_t fraction = half & 0x3ff;

    if (exponent == 31)
        return float_of_bits(sign | 0x7f800000 | fraction << 13);
    if (exponent == 0) {
        const float subnormal = (float)fraction * 0x1p-24f;
        return sign ? -subnormal : subnormal;
    }
    return float_of_bits(sign | (exponent + 127 - 15) << 23 | fraction << 13);
}
