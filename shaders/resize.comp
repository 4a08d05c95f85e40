#version 450
#extension GL_GOOGLE_include_directive : require
// target = weight * resize(source) + other * second picture, by one of the rules of enum rv_resize;
// no antialiasing; beyond its edges the source goes on as it is there. QUANTISE takes the source as
// 8-bit levels: floor(127.5 * (x + 1)).
//
// Bands  source, target and second picture may be bands: the first rows bound are push constants.
// Work   an invocation: one pixel of the target. Workgroups: ceil(bound pixels / 64).
#include "layout/image.h"

layout(local_size_x = 64) in;

layout(constant_id = RV_RESIZE_SPEC_OTHER) const bool OTHER = true;
layout(constant_id = RV_RESIZE_SPEC_RULE) const uint RULE = 1;

const bool CUBIC = RULE == RV_RESIZE_RULE_BICUBIC;
const int TAPS = RULE == RV_RESIZE_RULE_LANCZOS ? 6 : CUBIC ? 4 : 2; // along an axis

layout(push_constant) uniform Push {
    rv_resize_push push;
};
layout(set = 0, binding = RV_RESIZE_TARGET) writeonly buffer Target {
    vec4 target[];
};
layout(set = 0, binding = RV_RESIZE_SOURCE) readonly buffer Source {
    vec4 source[];
};
layout(set = 0, binding = RV_RESIZE_OTHER) readonly buffer Other {
    vec4 second[];
};

ivec2 unpack_size(uint size) {
    return ivec2(size & 0xffffu, size >> 16);
}

vec4 fetch(ivec2 p, int width) {
    vec4 value = source[(p.y - int(push.source_row)) * width + p.x];
    if (push.quantise != 0u)
        value = floor(clamp(127.5 * (value + 1.0), 0.0, 255.0)) / 127.5 - 1.0;
    return value;
}

// Where a pixel of the target lies in the source.
vec2 place(ivec2 p, ivec2 size, ivec2 from) {
    if (RULE == RV_RESIZE_RULE_CORNERS)
        return vec2(p) * vec2(from - 1) / vec2(max(size - 1, ivec2(1)));
    if (RULE == RV_RESIZE_RULE_ASYMMETRIC)
        return vec2(p) * vec2(from) / vec2(size);
    return (vec2(p) + 0.5) * vec2(from) / vec2(size) - 0.5;
}

// Keys' cubic convolution, a = -0.75; x >= 0.
float cubic(float x) {
    const float a = -0.75;
    if (x < 1.0)
        return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
    return x < 2.0 ? ((x - 5.0) * x + 8.0) * a * x - 4.0 * a : 0.0;
}

float lanczos(float x) {
    const float pi = 3.14159265358979;
    if (x < 1e-3) // sine over argument loses its digits; this is right to 1e-6
        return 1.0;
    return x < 3.0 ? 3.0 * sin(pi * x) * sin(pi * x / 3.0) / (pi * pi * x * x) : 0.0;
}

// The weight of a tap at that distance.
float tap(float x) {
    x = abs(x);
    return RULE == RV_RESIZE_RULE_LANCZOS ? lanczos(x) : CUBIC ? cubic(x) : max(1.0 - x, 0.0);
}

void main() {
    ivec2 size = unpack_size(push.target_size), from = unpack_size(push.source_size);
    uint pixel = gl_GlobalInvocationID.x;
    if (pixel >= push.pixels)
        return;
    vec2 at = place(ivec2(pixel % uint(size.x), pixel / uint(size.x) + push.target_row), size, from);
    if (TAPS == 2)
        at = clamp(at, vec2(0), vec2(from - 1));
    ivec2 low = ivec2(floor(at));
    vec2 f = at - vec2(low);
    ivec2 first = low - TAPS / 2 + 1;
    vec4 sum = vec4(0);
    vec2 total = vec2(0); // of the weights: 1 but for Lanczos
    for (int y = 0; y < TAPS; y++) {
        vec4 row = vec4(0);
        int r = clamp(first.y + y, 0, from.y - 1);
        total.x = 0.0;
        for (int x = 0; x < TAPS; x++) {
            float weight = tap(f.x - float(x - TAPS / 2 + 1));
            row += weight * fetch(ivec2(clamp(first.x + x, 0, from.x - 1), r), from.x);
            total.x += weight;
        }
        float weight = tap(f.y - float(y - TAPS / 2 + 1));
        sum += weight * row;
        total.y += weight;
    }
    if (RULE == RV_RESIZE_RULE_LANCZOS)
        sum /= total.x * total.y;
    vec4 value = push.weight * sum;
    if (OTHER)
        value += push.other * second[pixel];
    target[pixel] = vec4(value.xyz, 0);
}
