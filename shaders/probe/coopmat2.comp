// Whether a shader compiler knows GL_NV_cooperative_matrix2: compiled when CMake configures, never run.
#version 450
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_NV_cooperative_matrix2 : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
layout(local_size_x = 128) in;
layout(std430, binding = 0) buffer Data { float16_t data[]; };
void main() {
    coopmat<float16_t, gl_ScopeWorkgroup, 32, 32, gl_MatrixUseA> matrix;
    tensorLayoutNV<2> tile = createTensorLayoutNV(2);
    tile = setTensorLayoutDimensionNV(tile, 64, 64);
    tile = sliceTensorLayoutNV(tile, 0, 32, 0, 32);
    coopMatLoadTensorNV(matrix, data, 0, tile);
    coopMatStoreTensorNV(matrix, data, 0, tile);
}
