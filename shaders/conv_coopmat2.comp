#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_NV_cooperative_matrix2 : require
#extension GL_EXT_shader_16bit_storage : require
#extension GL_EXT_shader_8bit_storage : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_EXT_shader_explicit_arithmetic_types_int8 : require
#extension GL_EXT_control_flow_attributes : require
#pragma use_vulkan_memory_model
// Convolution on the matrix units of VK_NV_cooperative_matrix2 (the `coopmat2` profile): forward and
// backward-data over halves, sums in floats. The device itself brings a tap's part of the source, a
// box of positions by 32 input channels, into a matrix of the whole workgroup; what lies outside the
// source is zero, which is the padding.
//
// Tensors    nChw16c of halves, see src/net/plan.h; never the picture or its gradient.
// Weights    for every 8 output channels: [source][tap][input channel] 8 halves.
// Work       a workgroup of 128: 128 or 64 positions x 64 or 32 channels. The positions are a box of
//            TILE_WIDTH columns; where every source is read through one tap in place, the grid is one
//            long row. Workgroups: boxes x ceil(channels / tile channels) x (4 with PARITY).
// Shared     at most 18 KiB, beside what the driver keeps for itself.
#include "lib/conv.glsl"

layout(constant_id = RV_CONV_SPEC_TILE) const uint TILE = 0u;
layout(constant_id = RV_CONV_SPEC_TILE_WIDTH) const uint TILE_WIDTH = 16u;

layout(local_size_x = 128) in;

layout(set = 0, binding = RV_CONV_WEIGHTS) readonly buffer Weights {
    float16_t weights[];
};
layout(set = 0, binding = RV_CONV_SOURCE) readonly buffer Source {
    float16_t source[];
};
#ifdef FORWARD
// A box begins anywhere in a word of the mask, but a byte is one pixel's.
layout(set = 0, binding = RV_CONV_MASK) writeonly buffer MaskBytes {
    uint8_t mask_bytes[];
};
layout(set = 0, binding = RV_CONV_MASK_B) writeonly buffer MaskBytesB {
    uint8_t mask_bytes_b[];
};
#else
layout(set = 0, binding = RV_CONV_SOURCE_B) readonly buffer SourceB {
    float16_t source_b[];
};
#endif

const uint TILE_PIXELS = (TILE & RV_CONV_TILE_FEW_PIXELS) != 0u ? 64u : 128u;
const uint TILE_CHANNELS = (TILE & RV_CONV_TILE_FEW_CHANNELS) != 0u ? 32u : 64u;
const uint TILE_HEIGHT = TILE_PIXELS / TILE_WIDTH;
const bool FLAT = TILE_HEIGHT == 1u;
const uint DEPTH = 32u; // input channels of a product
const uint PART = 32u;  // output channels of a product
const uint PARTS = TILE_CHANNELS / PART;
const uint OUT_STRIDE = PART + 4u;
shared float sums_out[TILE_PIXELS * OUT_STRIDE];

coopmat<float, gl_ScopeWorkgroup, TILE_PIXELS, PART, gl_MatrixUseAccumulator> sums[PARTS];

ivec2 flat_or_not(ivec2 size) {
    return FLAT ? ivec2(size.x * size.y, 1) : size;
}

// The box a tap of a source reads for positions from `corner`: rows and columns `scale` apart.
struct Box {
    uint start; // of the first row and column of that kind, in halves
    uint rows, columns;
    ivec2 corner;
    uint scale, width;
};

Box box_of(int s, ivec2 corner, ivec2 tap) {
    ivec2 size = flat_or_not(source_size(s)), origin = source_start(s, ivec2(0)) + tap;
    int scale = source_start(s, ivec2(1)).x - source_start(s, ivec2(0)).x;
    ivec2 kind = origin & (scale - 1); // which of every `scale` rows and columns
    ivec2 count = (size - kind + scale - 1) / scale;
    return Box(uint(kind.y * size.x + kind.x) * 16u, uint(max(count.y, 0)), uint(max(count.x, 0)),
               corner + (origin - kind) / scale, uint(scale), uint(size.x));
}

// Adds the products of one tap; its weights begin at `row`.
void add_tap(int s, ivec2 corner, ivec2 tap, uint row) {
    Box box = box_of(s, corner, tap);
    uint channels = push.source[s].channels, block_rows = weights_block(gl_WorkGroupID.z) / 2u;
    tensorLayoutNV<4, gl_CooperativeMatrixClampModeConstantNV> pixels =
        createTensorLayoutNV(4, gl_CooperativeMatrixClampModeConstantNV);
    pixels = setTensorLayoutDimensionNV(pixels, box.rows, box.columns, channels / 16u, 16u);
    pixels = setTensorLayoutStrideNV(pixels, box.scale * box.width * 16u, box.scale * 16u,
                                     push.source[s].plane * 4u, 1u);
    tensorLayoutNV<3, gl_CooperativeMatrixClampModeConstantNV> kernel =
        createTensorLayoutNV(3, gl_CooperativeMatrixClampModeConstantNV);
    kernel = setTensorLayoutDimensionNV(kernel, block_rows, push.channels / 8u, 8u);
    kernel = setTensorLayoutStrideNV(kernel, 8u, block_rows * 8u, 1u);
    for (uint c = 0u; c < channels; c += DEPTH) {
        coopmat<float16_t, gl_ScopeWorkgroup, TILE_PIXELS, DEPTH, gl_MatrixUseA> a;
        coopmat<float16_t, gl_ScopeWorkgroup, DEPTH, PART, gl_MatrixUseB> b;
        tensorLayoutNV<4, gl_CooperativeMatrixClampModeConstantNV> slice =
            sliceTensorLayoutNV(pixels, box.corner.y, TILE_HEIGHT, box.corner.x, TILE_WIDTH,
                                int(c / 16u), DEPTH / 16u, 0, 16u);
#ifndef FORWARD
        if (s == 1)
            coopMatLoadTensorNV(a, source_b, box.start, slice);
        else
#endif
            coopMatLoadTensorNV(a, source, box.start, slice);
        [[unroll]] for (uint part = 0u; part < PARTS; part++) {
            int block = int(gl_WorkGroupID.y * (TILE_CHANNELS / 8u) + part * (PART / 8u));
            // The rows after an odd number of blocks of 16 are the next tap's: they meet zeros in a.
            coopMatLoadTensorNV(b, weights, weights_start() * 4u,
                                sliceTensorLayoutNV(kernel, int(row + c), DEPTH, block, PART / 8u,
                                                    0, 8u));
            sums[part] = coopMatMulAdd(a, b, sums[part]);
        }
    }
}

void store_one(ivec2 position, uint block, vec4 low, vec4 high) {
#ifdef FORWARD
    uint pixel = uint(position.y * flat_or_not(grid_size()).x + position.x);
    uint bits = store_pixel(pixel, block, low, high);
    bool first = block * 8u < push.split;
    uint own = first ? block : block - push.split / 8u;
    uint plane = first ? push.mask_plane : push.mask_b_plane;
    uint at = (own / 2u * plane + pixel / 4u * 2u + own % 2u) * 4u + pixel % 4u;
    if (block * 8u < push.relu) {
        if (first)
            mask_bytes[at] = uint8_t(bits);
        else
            mask_bytes_b[at] = uint8_t(bits);
    }
#else
    store_position(FLAT ? grid_position(uint(position.x)) : position, block, low, high);
#endif
}

// 32 channels of the sums, out of shared memory: a pixel and 8 channels at a time.
void finish(ivec2 corner, uint part) {
    ivec2 size = flat_or_not(grid_size());
    for (uint i = gl_LocalInvocationIndex; i < TILE_PIXELS * (PART / 8u); i += 128u) {
        uint pixel = i / 2u % TILE_PIXELS, block = i / (2u * TILE_PIXELS) * 2u + i % 2u;
        uint own = gl_WorkGroupID.y * (TILE_CHANNELS / 8u) + part * (PART / 8u) + block;
        ivec2 position = corner + ivec2(pixel % TILE_WIDTH, pixel / TILE_WIDTH);
        if (own * 8u >= push.channels || any(greaterThanEqual(position, size)))
            continue;
        vec4 low = bias_of(own * 2u), high = bias_of(own * 2u + 1u);
        for (uint j = 0u; j < 4u; j++) {
            low[j] += sums_out[pixel * OUT_STRIDE + block * 8u + j];
            high[j] += sums_out[pixel * OUT_STRIDE + block * 8u + 4u + j];
        }
        store_one(position, own, low, high);
    }
}

void main() {
    ivec2 size = flat_or_not(grid_size());
    uint boxes = (uint(size.x) + TILE_WIDTH - 1u) / TILE_WIDTH; // side by side
    ivec2 corner = ivec2(gl_WorkGroupID.x % boxes * TILE_WIDTH, gl_WorkGroupID.x / boxes * TILE_HEIGHT);
    if (corner.y >= size.y)
        return; // the grid of this parity is smaller
    [[unroll]] for (uint part = 0u; part < PARTS; part++)
        sums[part] = coopmat<float, gl_ScopeWorkgroup, TILE_PIXELS, PART,
                             gl_MatrixUseAccumulator>(0.0);
    uint row = 0u;
    for (int s = 0; s < 2; s++) {
        ivec2 taps = source_taps(s, gl_WorkGroupID.z);
        for (int tap = 0; tap < taps.x * taps.y; tap++) {
            add_tap(s, corner, ivec2(tap % taps.x, tap / taps.x), row);
            row += push.source[s].channels;
        }
    }
    [[unroll]] for (uint part = 0u; part < PARTS; part++) {
        coopMatStore(sums[part], sums_out, 0, OUT_STRIDE, gl_CooperativeMatrixLayoutRowMajor);
        barrier();
        finish(corner, part);
        barrier();
    }
}
