#version 450
#extension GL_GOOGLE_include_directive : require
// A step of Adam (Kingma and Ba, 2014; beta 0.9 and 0.999, epsilon 1e-8) uphill, and each
// workgroup's sum of |gradient|. With scales the network sees scale * parameters: the gradient is by
// those, and they are made anew.
//
// Work   an invocation: one float4. Workgroups: ceil(count / 64).
#include "layout/see.h"

layout(local_size_x = 64) in;

layout(constant_id = RV_SEE_ADAM_SPEC_SCALED) const bool SCALED = true;

layout(push_constant) uniform Push {
    rv_see_adam_push push;
};
layout(set = 0, binding = RV_SEE_ADAM_VALUES) buffer Values {
    vec4 values[];
};
layout(set = 0, binding = RV_SEE_ADAM_MEANS) buffer Means {
    vec4 means[];
};
layout(set = 0, binding = RV_SEE_ADAM_SQUARES) buffer Squares {
    vec4 squares[];
};
layout(set = 0, binding = RV_SEE_ADAM_GRADIENT) readonly buffer Gradient {
    vec4 gradient[];
};
layout(set = 0, binding = RV_SEE_ADAM_SCALED) writeonly buffer Scaled {
    vec4 scaled[];
};
layout(set = 0, binding = RV_SEE_ADAM_SCALE) readonly buffer Scale {
    float scales[];
};
layout(set = 0, binding = RV_SEE_ADAM_LOG) readonly buffer Log {
    rv_see_head head;
    rv_see_line lines[];
};
layout(set = 0, binding = RV_SEE_ADAM_PARTIALS) writeonly buffer Partials {
    float partials[];
};

shared float sums[64];

void main() {
    uint i = gl_GlobalInvocationID.x, lane = gl_LocalInvocationIndex;
    float size = 0.0;
    if (i < push.count) {
        float rate = lines[head.step].rate, correction = lines[head.step].correction;
        float scale = SCALED ? scales[i / 2u] : 1.0;
        vec4 g = vec4(scale * gradient[i].xyz, 0);
        vec4 m = 0.9 * means[i] + 0.1 * g, s = 0.999 * squares[i] + 0.001 * (g * g);
        vec4 value = values[i] + rate * m / (sqrt(s) * correction + 1e-8);
        means[i] = m;
        squares[i] = s;
        values[i] = value;
        if (SCALED)
            scaled[i] = scale * value;
        size = dot(abs(g.xyz), vec3(1));
    }
    sums[lane] = size;
    barrier();
    for (uint half_count = 32u; half_count > 0u; half_count /= 2u) {
        if (lane < half_count)
            sums[lane] += sums[lane + half_count];
        barrier();
    }
    if (lane == 0u)
        partials[gl_WorkGroupID.x] = sums[0];
}
