#version 450
#extension GL_GOOGLE_include_directive : require
// Closes a step: the log's line gets the objective and the gradient's size, and the next line's turn
// comes.
//
// Work   one workgroup. Sums in a fixed order.
#include "layout/see.h"

layout(local_size_x = 64) in;

layout(set = 0, binding = RV_SEE_END_LOG) buffer Log {
    rv_see_head head;
    rv_see_line lines[];
};
layout(set = 0, binding = RV_SEE_END_LOSSES) readonly buffer Losses {
    float losses[];
};
layout(set = 0, binding = RV_SEE_END_PARTIALS) readonly buffer Partials {
    float partials[];
};

shared float sums[64];

void main() {
    uint lane = gl_LocalInvocationIndex;
    float sum = 0.0;
    for (uint i = lane; i < head.groups; i += 64u)
        sum += partials[i];
    sums[lane] = sum;
    barrier();
    if (lane != 0u)
        return;
    float total = 0.0, loss = 0.0;
    for (uint i = 0u; i < 64u; i++)
        total += sums[i];
    for (uint t = 0u; t < head.targets; t++)
        loss += losses[t];
    uint step = head.step;
    lines[step].loss = loss;
    lines[step].gradient = total;
    lines[step].done = 1u;
    head.step = step + 1u;
}
