#version 450
#extension GL_GOOGLE_include_directive : require
// Levels of a Laplacian pyramid, with the binomial b = [1 4 6 4 1] / 16 along both axes, stride 2, zeros
// outside, TensorFlow's "same" padding: a level of n pixels begins 1 before (n even) or 2 (n odd), and the
// next has ceil(n / 2).
//   DOWN       target = b * source, the next level; else, with up(s) the transposed of that, times 4:
//   not MERGE  target = target - up(source): what the next level cannot hold of this one
//   MERGE      target = scales[level] * target + s * up(source), s = scales[level + 1] if that is the
//              lowest level, which was not merged itself, else 1
//
// Bands  source and target may be bands: those rows of the source that the target's taps reach.
// Work   an invocation: one pixel of the target. Workgroups: ceil(bound pixels / 64).
#include "layout/ascend.h"

layout(local_size_x = 64) in;

layout(constant_id = RV_LAPLACIAN_SPEC_MERGE) const bool MERGE = false;

layout(push_constant) uniform Push {
    rv_rows_push push;
};
layout(set = 0, binding = RV_LAPLACIAN_TARGET) buffer Target {
    vec4 target[];
};
layout(set = 0, binding = RV_LAPLACIAN_SOURCE) readonly buffer Source {
    vec4 source[];
};
#ifndef DOWN
layout(set = 0, binding = RV_LAPLACIAN_SCALES) readonly buffer Scales {
    float scales[];
};
#endif

const float binomial[5] = float[5](0.0625, 0.25, 0.375, 0.25, 0.0625);

// Zeros before the first pixel of the finer level.
ivec2 padding(ivec2 size) {
    return 1 + (size & 1);
}

vec4 fetch(ivec2 p) {
    return source[(p.y - int(push.source_row)) * int(push.source_width) + p.x];
}

#ifdef DOWN
vec4 made(ivec2 p, ivec2 size, ivec2 from) {
    ivec2 corner = 2 * p - padding(from);
    vec4 sum = vec4(0);
    for (int i = 0; i < 5; i++) {
        int y = corner.y + i;
        if (y < 0 || y >= from.y)
            continue;
        vec4 row = vec4(0);
        for (int j = 0; j < 5; j++) {
            int x = corner.x + j;
            if (x >= 0 && x < from.x)
                row += binomial[j] * fetch(ivec2(x, y));
        }
        sum += binomial[i] * row;
    }
    return sum;
}
#else
// Pixel p is tap p + padding - 2 o of the coarser level's pixel o: taps 0, 2, 4 or 1, 3.
vec4 up(ivec2 p, ivec2 size, ivec2 from) {
    ivec2 q = p + padding(size);
    vec4 sum = vec4(0);
    for (int i = q.y & 1; i < 5; i += 2) {
        int y = (q.y - i) / 2;
        if (q.y < i || y >= from.y)
            continue;
        vec4 row = vec4(0);
        for (int j = q.x & 1; j < 5; j += 2) {
            int x = (q.x - j) / 2;
            if (q.x >= j && x < from.x)
                row += binomial[j] * fetch(ivec2(x, y));
        }
        sum += binomial[i] * row;
    }
    return 4.0 * sum;
}
#endif

void main() {
    uint i = gl_GlobalInvocationID.x;
    if (i >= push.rows * push.width)
        return;
    ivec2 p = ivec2(i % push.width, i / push.width + push.target_row);
    ivec2 size = ivec2(push.width, push.height), from = ivec2(push.source_width, push.source_height);
#ifdef DOWN
    vec4 value = made(p, size, from);
#else
    vec4 value = target[i], lower = up(p, size, from);
    if (MERGE)
        value = scales[push.level] * value + (push.lowest != 0u ? scales[push.level + 1u] : 1.0) * lower;
    else
        value -= lower;
#endif
    target[i] = vec4(value.xyz, 0);
}
