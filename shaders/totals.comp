#version 450
#extension GL_GOOGLE_include_directive : require
// Totals of partial sums, as gradient_partial leaves them, and what follows from them:
//   LEVELS  workgroup l: scales[l] = 1 / max(root mean square of level l, 1e-10) of a Laplacian pyramid
//   STEP    control.adam_scale, which gives Adam's step the root mean square that is wanted
//   CHANGE  the picture's change in the log, and the end if it is enough
//
// Work   a workgroup for each set of 4096 partial sums; one but for LEVELS. Sums in a fixed order.
#include "layout/ascend.h"

layout(local_size_x = 64) in;

layout(constant_id = RV_TOTALS_SPEC_KIND) const int KIND = RV_TOTALS_LEVELS;

layout(push_constant) uniform Push {
    rv_totals_push push;
};
layout(set = 0, binding = RV_TOTALS_PARTIALS) readonly buffer Partials {
    vec4 partials[];
};
layout(set = 0, binding = RV_TOTALS_SCALES) buffer Scales {
    float scales[];
};
layout(set = 0, binding = RV_TOTALS_CONTROL) buffer Control {
    rv_control control;
};
layout(set = 0, binding = RV_TOTALS_LOG) buffer Log {
    rv_iteration lines[];
};

shared float sums[64];

// `iterate` has gone on to the next iteration already.
void use(float root) {
    if (KIND == RV_TOTALS_LEVELS) {
        scales[gl_WorkGroupID.x] = 1.0 / max(root, 1e-10);
        return;
    }
    uint line = control.iteration - 1u;
    if (KIND == RV_TOTALS_STEP) {
        control.adam_scale = control.strength * (1.0 - lines[line].fall) / max(root, 1e-30);
        return;
    }
    lines[line].change = root;
    if (control.scale != 0.0 && root >= control.max_change)
        control.stopped = uint(RV_STOP_CHANGE);
    lines[line].stopped = control.stopped;
}

void main() {
    uint lane = gl_LocalInvocationIndex, set = gl_WorkGroupID.x;
    float sum = 0.0;
    for (uint i = lane; i < uint(RV_GRADIENT_PARTIALS); i += 64u)
        sum += partials[set * uint(RV_GRADIENT_PARTIALS) + i].y;
    sums[lane] = sum;
    barrier();
    for (uint half_count = 32u; half_count > 0u; half_count /= 2u) {
        if (lane < half_count)
            sums[lane] += sums[lane + half_count];
        barrier();
    }
    if (lane == 0u)
        use(sqrt(sums[0] / (3.0 * float(push.pixels[set]))));
}
