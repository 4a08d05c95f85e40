#version 450
#extension GL_GOOGLE_include_directive : require
// Between the pixels of somebody's image, as they are copied from and to it, and ours: float RGB and an
// unused fourth value in [-1, 1]. Defined PACK: ours to theirs, alpha 1; else theirs to ours, held
// within 0..1 first, alpha dropped.
//
// Tensors    ours: a vec4 a pixel; theirs: words, 1 a pixel of four bytes, 2 of halves, 4 of floats.
// Work       an invocation a pixel; workgroups: ceil(pixels / 64).
#include "layout/image.h"

layout(local_size_x = 64) in;

layout(constant_id = RV_PIXELS_SPEC_WORDS) const uint WORDS = 1;  // a pixel
layout(constant_id = RV_PIXELS_SPEC_SWAP) const bool SWAP = false;     // blue comes first
layout(constant_id = RV_PIXELS_SPEC_LINEAR) const bool LINEAR = false; // theirs is linear light

layout(push_constant) uniform Push {
    rv_pixels_push push;
};
#ifdef PACK
layout(set = 0, binding = RV_PIXELS_OURS) readonly buffer Ours {
    vec4 ours[];
};
layout(set = 0, binding = RV_PIXELS_THEIRS) writeonly buffer Theirs {
    uint theirs[];
};
#else
layout(set = 0, binding = RV_PIXELS_OURS) writeonly buffer Ours {
    vec4 ours[];
};
layout(set = 0, binding = RV_PIXELS_THEIRS) readonly buffer Theirs {
    uint theirs[];
};
#endif

// IEC 61966-2-1.
vec3 encoded(vec3 linear) {
    vec3 power = 1.055 * pow(max(linear, vec3(0.0031308)), vec3(1.0 / 2.4)) - 0.055;
    return mix(power, 12.92 * linear, lessThanEqual(linear, vec3(0.0031308)));
}

vec3 decoded(vec3 value) {
    vec3 power = pow((max(value, vec3(0.04045)) + 0.055) / 1.055, vec3(2.4));
    return mix(power, value / 12.92, lessThanEqual(value, vec3(0.04045)));
}

#ifdef PACK
void main() {
    uint i = gl_GlobalInvocationID.x;
    if (i >= push.pixels)
        return;
    vec3 color = clamp((ours[i].rgb + 1.0) / 2.0, 0.0, 1.0);
    if (LINEAR)
        color = decoded(color);
    if (SWAP)
        color = color.bgr;
    vec4 pixel = vec4(color, 1.0);
    if (WORDS == 1u) {
        theirs[i] = packUnorm4x8(pixel);
    } else if (WORDS == 2u) {
        theirs[2u * i] = packHalf2x16(pixel.xy);
        theirs[2u * i + 1u] = packHalf2x16(pixel.zw);
    } else {
        for (uint c = 0u; c < 4u; c++)
            theirs[4u * i + c] = floatBitsToUint(pixel[c]);
    }
}
#else
void main() {
    uint i = gl_GlobalInvocationID.x;
    if (i >= push.pixels)
        return;
    vec3 color;
    if (WORDS == 1u)
        color = unpackUnorm4x8(theirs[i]).rgb;
    else if (WORDS == 2u)
        color = vec3(unpackHalf2x16(theirs[2u * i]), unpackHalf2x16(theirs[2u * i + 1u]).x);
    else
        for (uint c = 0u; c < 3u; c++)
            color[c] = uintBitsToFloat(theirs[4u * i + c]);
    if (SWAP)
        color = color.bgr;
    for (uint c = 0u; c < 3u; c++) // not clamp(), for which a NaN may be anything
        color[c] = color[c] > 0.0 ? min(color[c], 1.0) : 0.0;
    if (LINEAR)
        color = encoded(color);
    ours[i] = vec4(2.0 * color - 1.0, 0.0);
}
#endif
