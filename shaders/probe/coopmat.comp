// Whether a shader compiler knows GL_KHR_cooperative_matrix: compiled when CMake configures, never run.
#version 450
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
layout(local_size_x = 32) in;
layout(std430, binding = 0) buffer Data { float16_t data[]; };
void main() {
    coopmat<float16_t, gl_ScopeSubgroup, 8, 8, gl_MatrixUseA> matrix;
    coopMatLoad(matrix, data, 0, 8, gl_CooperativeMatrixLayoutRowMajor);
    coopMatStore(matrix, data, 64, 8, gl_CooperativeMatrixLayoutRowMajor);
}
