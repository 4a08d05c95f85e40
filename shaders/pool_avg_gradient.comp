#version 450
#extension GL_GOOGLE_include_directive : require
// Gradient of average pooling 3x3, stride 1, same.
//
// Tensors    nChw16c; source = gradient of the output, target = gradient of the input.
// Work       an invocation: one pixel x 8 channels. Workgroups: ceil(pixels / 64) x channels / 8.
#include "lib/pool.glsl"

void main() {
    ivec2 size = unpack_size(push.target_size);
    uint pixel = gl_GlobalInvocationID.x;
    if (pixel >= uint(size.x * size.y))
        return;
    ivec2 p = ivec2(int(pixel) % size.x, int(pixel) / size.x);
    vec4 low = vec4(0), high = vec4(0);
    for (int y = max(p.y - 1, 0); y <= min(p.y + 1, size.y - 1); y++)
        for (int x = max(p.x - 1, 0); x <= min(p.x + 1, size.x - 1); x++) {
            uint at = at_source(uint(y * size.x + x));
            float count = window_count(ivec2(x, y), size);
            low += load4(source[at]) / count;
            high += load4(source[at + 1u]) / count;
        }
    uint to = at_target(pixel);
    target[to] = store4(low);
    target[to + 1u] = store4(high);
}
