// What the pooling kernels share. An invocation owns eight channels: block gl_WorkGroupID.y.
#include "layout/pool.h"
#include "lib/storage.glsl"

layout(local_size_x = 64) in;

layout(constant_id = RV_POOL_SPEC_FLAG) const bool FLAG = true;
layout(constant_id = RV_POOL_SPEC_COUNTS_PADDING) const bool COUNTS_PADDING = false;

layout(push_constant) uniform Push {
    rv_pool_push push;
};

layout(set = 0, binding = RV_POOL_TARGET) writeonly buffer Target {
    STORED target[];
};
layout(set = 0, binding = RV_POOL_SOURCE) readonly buffer Source {
    STORED source[];
};

ivec2 unpack_size(uint size) {
    return ivec2(size & 0xffffu, size >> 16);
}

// Index of the first of the eight channels' two elements.
uint at_source(uint pixel) {
    return gl_WorkGroupID.y / 2u * push.source_plane + pixel * 4u + gl_WorkGroupID.y % 2u * 2u;
}

uint at_target(uint pixel) {
    return gl_WorkGroupID.y / 2u * push.target_plane + pixel * 4u + gl_WorkGroupID.y % 2u * 2u;
}

uint at_mask(uint pixel) {
    return gl_WorkGroupID.y / 2u * push.mask_plane + pixel / 4u * 2u + gl_WorkGroupID.y % 2u;
}

// How many positions of the 3x3 window around `p` an average divides by.
float window_count(ivec2 p, ivec2 size) {
    if (COUNTS_PADDING)
        return 9.0;
    ivec2 low = max(p - 1, ivec2(0)), high = min(p + 1, size - 1);
    ivec2 span = high - low + 1;
    return float(span.x * span.y);
}
