#version 450
#extension GL_GOOGLE_include_directive : require
// Adam (Kingma and Ba, 2014): the moments of scale * (gradient - offset), and in the gradient's place the
// step they make, for `ascend` to multiply by its length:
//   mean   = 0.9 mean + 0.1 g,  square = 0.999 square + 0.001 g^2
//   step   = (mean / (1 - 0.9^t)) / (sqrt(square / (1 - 0.999^t)) + 1e-8)
// A gradient that no step is taken along (scale 0) leaves all as it is. `iterate` has gone on to the next
// iteration already.
//
// Work   an invocation: one pixel. Workgroups: ceil(pixels / 64).
#include "layout/ascend.h"

layout(local_size_x = 64) in;

layout(push_constant) uniform Push {
    rv_band_push push;
};
layout(set = 0, binding = RV_ADAM_GRADIENT) buffer Gradient {
    vec4 gradient[];
};
layout(set = 0, binding = RV_ADAM_MEAN) buffer Mean {
    vec4 mean[];
};
layout(set = 0, binding = RV_ADAM_SQUARE) buffer Square {
    vec4 square[];
};
layout(set = 0, binding = RV_ADAM_CONTROL) readonly buffer Control {
    rv_control control;
};
layout(set = 0, binding = RV_ADAM_LOG) readonly buffer Log {
    rv_iteration lines[];
};

void main() {
    uint i = gl_GlobalInvocationID.x, line = control.iteration - 1u;
    if (i >= push.pixels || control.scale == 0.0)
        return;
    vec3 g = control.scale * (gradient[i].xyz - control.offset), m = 0.1 * g, v = 0.001 * g * g;
    if (line != control.first) { // else what the moments hold is another octave's
        m += 0.9 * mean[i].xyz;
        v += 0.999 * square[i].xyz;
    }
    mean[i] = vec4(m, 0);
    square[i] = vec4(v, 0);
    vec3 root = sqrt(v * lines[line].square_factor);
    gradient[i] = vec4(m * lines[line].mean_factor / (root + 1e-8), 0);
}
