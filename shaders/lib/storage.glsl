// How tensors and weights are kept: an element is four channels, as floats, or, with FP16 defined,
// as halves. All arithmetic is in floats: load4 on the way in, store4 on the way out.
//
// No extension is needed, so that every device has both. The rounding is done here, to nearest,
// ties to even: GLSL leaves packHalf2x16 free to cut off instead, which doubles the error and
// shifts every sum downwards (llvmpipe's rounds to nearest, measured with Mesa 22.3.6; others were
// not at hand). From 65520 on a half is infinite; what is not a number stays so.
#ifndef RV_LIB_STORAGE_GLSL
#define RV_LIB_STORAGE_GLSL

#ifdef FP16
#define STORED uvec2

uvec4 half_bits(vec4 value) {
    uvec4 bits = floatBitsToUint(value), magnitude = bits & 0x7fffffffu;
    // Rebiased and rounded; what exceeds a half's range ends at or above infinity.
    uvec4 result = min((magnitude + (magnitude >> 13 & 1u) + (0xfffu - (112u << 23))) >> 13, 0x7c00u);
    // Below 2^-14 halves are multiples of 2^-24, which is what one half is rounded to when added.
    precise vec4 shifted = abs(value) + 0.5;
    result = mix(result, floatBitsToUint(shifted) - 0x3f000000u,
                 lessThan(magnitude, uvec4(113u << 23)));
    result = mix(result, uvec4(0x7e00u), greaterThan(magnitude, uvec4(0x7f800000u)));
    return result | (bits >> 16 & 0x8000u);
}

vec4 load4(uvec2 stored) {
    return vec4(unpackHalf2x16(stored.x), unpackHalf2x16(stored.y));
}

uvec2 store4(vec4 value) {
    uvec4 bits = half_bits(value);
    return bits.xz | bits.yw << 16;
}
#else
#define STORED vec4

vec4 load4(vec4 stored) {
    return stored;
}

vec4 store4(vec4 value) {
    return value;
}
#endif

#endif
