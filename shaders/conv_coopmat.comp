#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_EXT_control_flow_attributes : require
#pragma use_vulkan_memory_model
// Convolution on the matrix units of VK_KHR_cooperative_matrix (the `coopmat` profile): forward and
// backward-data over halves, sums in floats. An implicit matrix product, staged through shared memory.
//
// Tensors    nChw16c of halves, see src/net/plan.h; never the picture or its gradient.
// Weights    for every 8 output channels: [source][tap][input channel] 8 halves.
// Work       a workgroup of 128 in SUBGROUPS subgroups, ACROSS of them side by side over the channels:
//            128 or 64 pixels x 64 or 32 channels. The K dimension is walked in steps of one tap and
//            one block of 16 input channels, two steps a stage: while one stage is multiplied, the
//            next is on its way from memory to registers, then to the other half of shared memory.
//            Channels beyond the last are computed from clamped weights and not stored.
//            Workgroups: ceil(pixels / tile pixels) x ceil(channels / tile channels) x (4 with
//            PARITY).
// Matrices   a subgroup's product is M x K by K x N, sizes that divide 32, 16 and 32.
// Shared     at most 29 KiB. Rows are 16 bytes longer than they need be, so that neighbours begin in
//            other banks.
#include "lib/conv.glsl"

layout(constant_id = RV_CONV_SPEC_TILE) const uint TILE = 0u;
layout(constant_id = RV_CONV_SPEC_M) const uint M = 16u;
layout(constant_id = RV_CONV_SPEC_N) const uint N = 16u;
layout(constant_id = RV_CONV_SPEC_K) const uint K = 16u;
layout(constant_id = RV_CONV_SPEC_SUBGROUPS) const uint SUBGROUPS = 4u;
layout(constant_id = RV_CONV_SPEC_ACROSS) const uint ACROSS = 1u;

layout(local_size_x = 128) in;

layout(set = 0, binding = RV_CONV_WEIGHTS) readonly buffer Weights {
    uvec4 weights[];
};
layout(set = 0, binding = RV_CONV_SOURCE) readonly buffer Source {
    uvec4 source[]; // 8 channels
};
#ifndef FORWARD
layout(set = 0, binding = RV_CONV_SOURCE_B) readonly buffer SourceB {
    uvec4 source_b[];
};
#endif

const uint TILE_PIXELS = (TILE & RV_CONV_TILE_FEW_PIXELS) != 0u ? 64u : 128u;
const uint TILE_CHANNELS = (TILE & RV_CONV_TILE_FEW_CHANNELS) != 0u ? 32u : 64u;
const uint DOWN = SUBGROUPS / ACROSS;
const uint ROWS = TILE_PIXELS / DOWN / M; // matrices of a subgroup
const uint COLUMNS = TILE_CHANNELS / ACROSS / N;

// Sizes in shared memory are in uvec4s: 8 halves or 4 floats.
const uint STEPS = 2u; // of a stage
const uint DEPTH = 16u * STEPS;
const uint A_STRIDE = 2u * STEPS + 1u;          // of a pixel
const uint B_STRIDE = TILE_CHANNELS / 8u + 1u;  // of an input channel
const uint A_SIZE = TILE_PIXELS * A_STRIDE;
const uint STAGE_SIZE = A_SIZE + DEPTH * B_STRIDE;
const uint OUT_CHANNELS = 32u; // that leave at a time
const uint OUT_STRIDE = OUT_CHANNELS / 4u + 1u; // of a pixel
const uint OUT_SIZE = TILE_PIXELS * OUT_STRIDE;
shared uvec4 staged[2u * STAGE_SIZE > OUT_SIZE ? 2u * STAGE_SIZE : OUT_SIZE];

// What an invocation carries of a stage.
const uint PIXELS = TILE_PIXELS / 64u; // at half a step each
const uint BLOCKS = TILE_CHANNELS / 64u > 0u ? TILE_CHANNELS / 64u : 1u;
uvec4 a_next[STEPS][PIXELS], b_next[STEPS][BLOCKS];
ivec2 position[PIXELS];

coopmat<float, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator> sums[ROWS][COLUMNS];

// The weights lie in the order of this walk: those of step i begin at row 16 i.
struct Step {
    int source;
    ivec2 tap;
    uint channel;
};

void advance(inout Step at) {
    ivec2 taps = source_taps(at.source, gl_WorkGroupID.z);
    at.channel += 16u;
    if (at.channel < push.source[at.source].channels)
        return;
    at.channel = 0u;
    at.tap.x++;
    if (at.tap.x < taps.x)
        return;
    at.tap = ivec2(0, at.tap.y + 1);
    if (at.tap.y < taps.y)
        return;
    at.tap.y = 0;
    at.source++;
}

// Eight channels of what the tap reads for an output position.
uvec4 read(Step at, ivec2 output_position, uint part) {
    ivec2 size = source_size(at.source), q = source_start(at.source, output_position) + at.tap;
    if (CHECK && !is_inside(q, size))
        return uvec4(0);
    uint from = at.channel / 16u * (push.source[at.source].plane / 2u) +
                uint(q.y * size.x + q.x) * 2u + part;
#ifndef FORWARD
    if (at.source == 1)
        return source_b[from];
#endif
    return source[from];
}

// Begins the loads of two steps; those beyond the last are zeros.
void fetch(inout Step at, uint first_step, uint steps, uint start, uint block_rows) {
    uint lane = gl_LocalInvocationIndex, last = push.channels / 8u - 1u;
    [[unroll]] for (uint s = 0u; s < STEPS; s++) {
        bool more = first_step + s < steps;
        [[unroll]] for (uint i = 0u; i < PIXELS; i++)
            a_next[s][i] = uvec4(0);
        [[unroll]] for (uint i = 0u; i < BLOCKS; i++)
            b_next[s][i] = uvec4(0);
        if (!more)
            continue;
        [[unroll]] for (uint i = 0u; i < PIXELS; i++)
            a_next[s][i] = read(at, position[i], lane % 2u);
        [[unroll]] for (uint i = 0u; i < BLOCKS; i++) {
            uint block = gl_WorkGroupID.y * (TILE_CHANNELS / 8u) + i * 8u + lane / 16u;
            b_next[s][i] = weights[start + min(block, last) * block_rows +
                                   (first_step + s) * 16u + lane % 16u];
        }
        advance(at);
    }
}

void put(uint stage) {
    uint lane = gl_LocalInvocationIndex, base = stage % 2u * STAGE_SIZE;
    [[unroll]] for (uint s = 0u; s < STEPS; s++) {
        [[unroll]] for (uint i = 0u; i < PIXELS; i++)
            staged[base + (i * 64u + lane / 2u) * A_STRIDE + s * 2u + lane % 2u] = a_next[s][i];
        [[unroll]] for (uint i = 0u; i < BLOCKS; i++)
            if (i * 64u + lane / 16u * 8u < TILE_CHANNELS)
                staged[base + A_SIZE + (s * 16u + lane % 16u) * B_STRIDE + i * 8u + lane / 16u] =
                    b_next[s][i];
    }
}

void multiply(uint stage) {
    uint base = stage % 2u * STAGE_SIZE;
    uint row = gl_SubgroupID / ACROSS * ROWS * M, column = gl_SubgroupID % ACROSS * COLUMNS * N;
    coopmat<float16_t, gl_ScopeSubgroup, M, K, gl_MatrixUseA> a[ROWS];
    coopmat<float16_t, gl_ScopeSubgroup, K, N, gl_MatrixUseB> b;
    [[unroll]] for (uint k = 0u; k < DEPTH; k += K) {
        [[unroll]] for (uint r = 0u; r < ROWS; r++)
            coopMatLoad(a[r], staged, base + (row + r * M) * A_STRIDE + k / 8u, A_STRIDE,
                        gl_CooperativeMatrixLayoutRowMajor);
        [[unroll]] for (uint c = 0u; c < COLUMNS; c++) {
            coopMatLoad(b, staged, base + A_SIZE + k * B_STRIDE + (column + c * N) / 8u, B_STRIDE,
                        gl_CooperativeMatrixLayoutRowMajor);
            [[unroll]] for (uint r = 0u; r < ROWS; r++)
                sums[r][c] = coopMatMulAdd(a[r], b, sums[r][c]);
        }
    }
}

// 32 channels of the sums, from `first` within the tile, to shared memory.
void put_sums(uint first) {
    uint row = gl_SubgroupID / ACROSS * ROWS * M, column = gl_SubgroupID % ACROSS * COLUMNS * N;
    [[unroll]] for (uint r = 0u; r < ROWS; r++)
        [[unroll]] for (uint c = 0u; c < COLUMNS; c++) {
            uint channel = column + c * N;
            if (channel / OUT_CHANNELS * OUT_CHANNELS == first)
                coopMatStore(sums[r][c], staged,
                             (row + r * M) * OUT_STRIDE + (channel - first) / 4u, OUT_STRIDE,
                             gl_CooperativeMatrixLayoutRowMajor);
        }
}

void finish(uint first) {
    uint block = gl_LocalInvocationIndex % 4u, row = gl_LocalInvocationIndex / 4u * 4u;
    uint own = gl_WorkGroupID.y * (TILE_CHANNELS / 8u) + first / 8u + block;
    if (row >= TILE_PIXELS || own * 8u >= push.channels)
        return;
    vec4 low[4], high[4];
    for (uint i = 0u; i < 4u; i++) {
        uint from = (row + i) * OUT_STRIDE + block * 2u;
        low[i] = uintBitsToFloat(staged[from]) + bias_of(own * 2u);
        high[i] = uintBitsToFloat(staged[from + 1u]) + bias_of(own * 2u + 1u);
    }
    store(gl_WorkGroupID.x * TILE_PIXELS + row, own, low, high);
}

void main() {
    uint block_rows = weights_block(gl_WorkGroupID.z) / 2u, steps = block_rows / 16u;
    uint start = weights_start() / 2u;
    [[unroll]] for (uint i = 0u; i < PIXELS; i++)
        position[i] = grid_position(min(gl_WorkGroupID.x * TILE_PIXELS + i * 64u +
                                            gl_LocalInvocationIndex / 2u,
                                        grid_pixels() - 1u));
    [[unroll]] for (uint r = 0u; r < ROWS; r++)
        [[unroll]] for (uint c = 0u; c < COLUMNS; c++)
            sums[r][c] = coopmat<float, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator>(0.0);
    Step at = Step(0, ivec2(0), 0u);
    fetch(at, 0u, steps, start, block_rows);
    put(0u);
    barrier();
    uint stages = (steps + STEPS - 1u) / STEPS;
    for (uint stage = 0u; stage < stages; stage++) {
        if (stage + 1u < stages)
            fetch(at, (stage + 1u) * STEPS, steps, start, block_rows);
        multiply(stage);
        if (stage + 1u < stages)
            put(stage + 1u);
        barrier();
    }
    [[unroll]] for (uint first = 0u; first < TILE_CHANNELS; first += OUT_CHANNELS) {
        put_sums(first);
        barrier();
        finish(first);
        barrier();
    }
}
