#version 450
#extension GL_EXT_samplerless_texture_functions : require
// What copying reaches: the ceiling of memory that tools/bench compares a step with.
//
// Work   an invocation: four vec4s, `stride` apart. Workgroups: ceil(stride / 128).
// TEXEL  defined: reads through a texel buffer, as the `cpu` profile's convolutions do.
layout(local_size_x = 128) in;

layout(push_constant) uniform Push {
    uint stride; // a quarter of the vec4s to copy
};
layout(set = 0, binding = 0) writeonly buffer Target {
    vec4 target[];
};
#ifdef TEXEL
layout(set = 0, binding = 8) uniform textureBuffer source;
#define LOAD(i) texelFetch(source, int(i))
#else
layout(set = 0, binding = 1) readonly buffer Source {
    vec4 source[];
};
#define LOAD(i) source[i]
#endif

void main() {
    uint i = gl_GlobalInvocationID.x;
    if (i >= stride)
        return;
    vec4 a = LOAD(i), b = LOAD(i + stride), c = LOAD(i + 2u * stride), d = LOAD(i + 3u * stride);
    target[i] = a;
    target[i + stride] = b;
    target[i + 2u * stride] = c;
    target[i + 3u * stride] = d;
}
