#version 450
#extension GL_GOOGLE_include_directive : require
// Which pixels of this frame the one before explains: where the flow back, and the flow from there, come
// to nothing, within the picture, and the luminance is about the same. Without FLOW: the luminance alone.
//
// Tensors  motion: (flow back, 1 or 0, its length); sums: (pixels not explained, lengths of those that
//          are, 0, 0), an invocation each.
// Work     RV_CHECK_PARTIALS invocations, each a strided share of the pixels. Workgroups: that / 64.
#include "layout/flow.h"

layout(local_size_x = 64) in;

layout(constant_id = RV_CHECK_SPEC_FLOW) const bool FLOW = true;

layout(push_constant) uniform Push {
    rv_flow_push push;
};
layout(set = 0, binding = RV_CHECK_MOTION) writeonly buffer Motion {
    vec4 motion[];
};
layout(set = 0, binding = RV_CHECK_FLOW) readonly buffer Flow {
    vec2 flow[];
};
layout(set = 0, binding = RV_CHECK_BEFORE) readonly buffer Before {
    float before[];
};
layout(set = 0, binding = RV_CHECK_NOW) readonly buffer Now {
    float now[];
};
layout(set = 0, binding = RV_CHECK_SUMS) writeonly buffer Sums {
    vec4 sums[];
};

void main() {
    ivec2 size = ivec2(push.size & 0xffffu, push.size >> 16);
    int pixels = size.x * size.y;
    vec4 sum = vec4(0);
    for (int i = int(gl_GlobalInvocationID.x); i < pixels; i += RV_CHECK_PARTIALS) {
        vec2 back = FLOW ? flow[pixels + i] : vec2(0);
        vec2 q = vec2(i % size.x, i / size.x) + back, at = clamp(q, vec2(0), vec2(size - 1));
        ivec2 low = ivec2(at), high = min(low + 1, size - 1);
        vec2 f = at - vec2(low);
        ivec4 corner = ivec4(low.y * size.x + low.x, low.y * size.x + high.x, high.y * size.x + low.x,
                             high.y * size.x + high.x);
        float gray = mix(mix(before[corner.x], before[corner.y], f.x),
                         mix(before[corner.z], before[corner.w], f.x), f.y);
        bool explained = abs(now[i] - gray) <= RV_CHECK_RESIDUAL;
        if (FLOW) {
            vec2 forth = mix(mix(flow[corner.x], flow[corner.y], f.x),
                             mix(flow[corner.z], flow[corner.w], f.x), f.y);
            vec2 gap = back + forth;
            float most = RV_CHECK_SLOPE * (dot(back, back) + dot(forth, forth)) + RV_CHECK_SLACK;
            // Written so that what is not a number is not explained.
            explained = explained && dot(gap, gap) <= most && distance(q, at) <= 0.5;
        }
        float far = length(back);
        motion[i] = vec4(back, explained ? 1.0 : 0.0, far);
        sum += explained ? vec4(0, far, 0, 0) : vec4(1, 0, 0, 0);
    }
    sums[gl_GlobalInvocationID.x] = sum;
}
