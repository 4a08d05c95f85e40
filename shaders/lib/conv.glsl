// What the convolution kernels share: bindings, where a tap reads, biases, and the epilogue.
// FORWARD defined: bias has been added; ReLU, mask bits out, one or two targets.
// Otherwise backward: optional sum with the target and the objective's gradient, mask bits in; with
// IMAGE the target is the gradient of the picture, three channels, rolled back by the jitter.
#include "layout/conv.h"
#include "lib/storage.glsl"

layout(constant_id = RV_CONV_SPEC_CHECK) const bool CHECK = true;
layout(constant_id = RV_CONV_SPEC_WRAP) const bool WRAP_OR_TWO = true;
layout(constant_id = RV_CONV_SPEC_ADD) const bool ADD = true;
layout(constant_id = RV_CONV_SPEC_SEED) const bool SEED = true;
layout(constant_id = RV_CONV_SPEC_PARITY) const bool PARITY = true;

layout(push_constant) uniform Push {
    rv_conv_push push;
};

#ifdef IMAGE
layout(set = 0, binding = RV_CONV_TARGET) writeonly buffer Target {
    vec4 target[];
};
#else
layout(set = 0, binding = RV_CONV_TARGET) buffer Target {
    STORED target[];
};
layout(set = 0, binding = RV_CONV_MASK) buffer Mask {
    uint mask[];
};
#endif
#ifdef FORWARD
layout(set = 0, binding = RV_CONV_TARGET_B) writeonly buffer TargetB {
    STORED target_b[];
};
layout(set = 0, binding = RV_CONV_MASK_B) writeonly buffer MaskB {
    uint mask_b[];
};
layout(set = 0, binding = RV_CONV_BIAS) readonly buffer Bias {
    vec4 bias[];
};
#endif
#if defined(FORWARD) || defined(IMAGE)
layout(set = 0, binding = RV_CONV_JITTER) readonly buffer Jitter {
    ivec2 jitter; // pixels the picture is rolled to the right and down, 0 <= jitter < size
};
#else
layout(set = 0, binding = RV_CONV_SEED) readonly buffer Seed {
    STORED seed_values[];
};
#endif

ivec2 unpack_size(uint size) {
    return ivec2(size & 0xffffu, size >> 16);
}

ivec2 source_size(int s) {
    return unpack_size(push.source[s].size);
}

// Which of every 2 x 2 pixels of the target this workgroup computes.
ivec2 odd_of(uint parity) {
    return ivec2(parity % 2u, parity / 2u);
}

ivec2 source_taps(int s, uint parity) {
    if (PARITY && s == 0)
        return 2 - odd_of(parity);
    return ivec2(push.source[s].taps & 0xffu, (push.source[s].taps >> 8) & 0xffu);
}

// Where tap (0, 0) of an output position reads.
ivec2 source_start(int s, ivec2 position) {
    ivec2 odd = odd_of(gl_WorkGroupID.z);
    if (PARITY)
        return s == 0 ? position - 1 + odd : 2 * position + odd;
    ivec2 origin = ivec2(bitfieldExtract(push.source[s].origin, 0, 16), push.source[s].origin >> 16);
    return position * int(push.source[s].taps >> 16) + origin;
}

ivec2 grid_size() {
    return PARITY ? (unpack_size(push.target_size) - odd_of(gl_WorkGroupID.z) + 1) / 2
                  : unpack_size(push.grid_size);
}

// Elements of the packed weights of 8 output channels.
uint weights_block(uint parity) {
    uint rows = 0u;
    for (int s = 0; s < 2; s++) {
        ivec2 taps = source_taps(s, parity);
        rows += uint(taps.x * taps.y) * push.source[s].channels;
    }
    return 2u * rows;
}

// Where the weights of this workgroup's parity begin.
uint weights_start() {
    uint start = 0u;
    if (PARITY)
        for (uint parity = 0u; parity < gl_WorkGroupID.z; parity++)
            start += push.channels / 8u * weights_block(parity);
    return start;
}

bool is_inside(ivec2 at, ivec2 size) {
    return all(greaterThanEqual(at, ivec2(0))) && all(lessThan(at, size));
}

// Pixel index of a position of the source; the picture is read through the jitter.
int source_pixel(int s, ivec2 at, ivec2 size) {
#ifdef FORWARD
    if (WRAP_OR_TWO) {
        at -= jitter;
        at += ivec2(lessThan(at, ivec2(0))) * size;
    }
#endif
    return at.y * size.x + at.x;
}

ivec2 grid_position(uint pixel) {
    uint width = uint(grid_size().x);
    return ivec2(pixel % width, pixel / width);
}

uint grid_pixels() {
    ivec2 size = grid_size();
    return uint(size.x * size.y);
}

// What channels 4 * part .. 4 * part + 3 of the output begin with.
vec4 bias_of(uint part) {
#ifdef FORWARD
    return bias[part];
#else
    return vec4(0);
#endif
}

#ifdef FORWARD
// One pixel, eight channels of block `block`; returns which of them are above zero, for the mask.
uint store_pixel(uint pixel, uint block, vec4 low, vec4 high) {
    bool first = block * 8u < push.split;
    uint own = first ? block : block - push.split / 8u;
    uint bits = 0u;
    if (block * 8u < push.relu) {
        bvec4 l = greaterThan(low, vec4(0)), h = greaterThan(high, vec4(0));
        bits = uint(l.x) | uint(l.y) << 1 | uint(l.z) << 2 | uint(l.w) << 3 | uint(h.x) << 4 |
               uint(h.y) << 5 | uint(h.z) << 6 | uint(h.w) << 7;
        low = mix(low, vec4(0), lessThanEqual(low, vec4(0))); // keeps a NaN
        high = mix(high, vec4(0), lessThanEqual(high, vec4(0)));
    }
    uint at = own / 2u * (first ? push.target_plane : push.target_b_plane) + pixel * 4u +
              own % 2u * 2u;
    if (first) {
        target[at] = store4(low);
        target[at + 1u] = store4(high);
    } else {
        target_b[at] = store4(low);
        target_b[at + 1u] = store4(high);
    }
    return bits;
}

// Four pixels from `pixel` (a multiple of 4), eight channels of block `block`.
void store(uint pixel, uint block, vec4 low[4], vec4 high[4]) {
    if (pixel >= grid_pixels())
        return;
    bool first = block * 8u < push.split, relu = block * 8u < push.relu;
    uint own = first ? block : block - push.split / 8u;
    uint bits = 0u;
    for (uint i = 0u; i < 4u; i++)
        if (pixel + i < grid_pixels())
            bits |= store_pixel(pixel + i, block, low[i], high[i]) << (8u * i);
    uint word = pixel / 4u * 2u + own % 2u;
    if (relu && first)
        mask[own / 2u * push.mask_plane + word] = bits;
    else if (relu)
        mask_b[own / 2u * push.mask_b_plane + word] = bits;
}
#elif defined(IMAGE)
void store(uint pixel, uint block, vec4 low[4], vec4 high[4]) {
    ivec2 size = unpack_size(push.target_size);
    for (uint i = 0u; i < 4u; i++) {
        if (pixel + i >= grid_pixels())
            return;
        ivec2 position = 2 * grid_position(pixel + i) + odd_of(gl_WorkGroupID.z) - jitter;
        position += ivec2(lessThan(position, ivec2(0))) * size;
        target[position.y * size.x + position.x] = vec4(push.gradient_scale * low[i].xyz, 0);
    }
}
#else
vec4 seed_of(uint at, uint channel, ivec2 position) {
    if (any(lessThan(position, unpack_size(push.seed_from))) ||
        any(greaterThanEqual(position, unpack_size(push.seed_to))))
        return vec4(0);
    uvec4 c = channel + uvec4(0, 1, 2, 3);
    bvec4 chosen = bvec4(uvec4(greaterThanEqual(c, uvec4(push.seed_channels & 0xffffu))) &
                         uvec4(lessThan(c, uvec4(push.seed_channels >> 16))));
    vec4 value = vec4(push.seed_constant);
    if (push.seed_linear != 0.0)
        value += push.seed_linear * load4(seed_values[at]);
    return mix(vec4(0), value, chosen);
}

// One position of the grid, eight channels of block `block`.
void store_position(ivec2 position, uint block, vec4 low, vec4 high) {
    if (PARITY)
        position = 2 * position + odd_of(gl_WorkGroupID.z);
    uint p = uint(position.y) * (push.target_size & 0xffffu) + uint(position.x);
    uint at = block / 2u * push.target_plane + p * 4u + block % 2u * 2u;
    if (ADD) {
        low += load4(target[at]);
        high += load4(target[at + 1u]);
    }
    if (SEED) {
        low += seed_of(at, block * 8u, position);
        high += seed_of(at + 1u, block * 8u + 4u, position);
    }
    if (block * 8u < push.relu) {
        uint bits = mask[block / 2u * push.mask_plane + p / 4u * 2u + block % 2u] >> (p % 4u * 8u);
        low = mix(vec4(0), low, bvec4(uvec4(bits) & uvec4(1, 2, 4, 8)));
        high = mix(vec4(0), high, bvec4(uvec4(bits) & uvec4(16, 32, 64, 128)));
    }
    target[at] = store4(low);
    target[at + 1u] = store4(high);
}

void store(uint pixel, uint block, vec4 low[4], vec4 high[4]) {
    for (uint i = 0u; i < 4u; i++)
        if (pixel + i < grid_pixels())
            store_position(grid_position(pixel + i), block, low[i], high[i]);
}
#endif
