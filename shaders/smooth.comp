#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
// target = the mean of three Gaussian blurs of 9 x 9 pixels, the source reflected at its edges (without
// the outermost pixel again). The Gaussians are those of the running iteration, in its line of the log.
//
// Each row is blurred along x with all three, then goes into the rows it reaches along y: four of them an
// invocation, so that a pixel of the source is read 27 times for a target's, not 81.
//
// Bands  source and target may be bands: the source's has four rows more at each end.
// Work   an invocation: one column of four rows. Workgroups: ceil(width * ceil(rows / 4) / 64). At least
//        5 pixels each way.
#include "layout/ascend.h"

layout(local_size_x = 64) in;

#define ROWS RV_SMOOTH_ROWS
#define REACH RV_SMOOTH_REACH
#define TAPS RV_SMOOTH_TAPS

layout(push_constant) uniform Push {
    rv_rows_push push;
};
layout(set = 0, binding = RV_SMOOTH_TARGET) writeonly buffer Target {
    vec4 target[];
};
layout(set = 0, binding = RV_SMOOTH_SOURCE) readonly buffer Source {
    vec4 source[];
};
layout(set = 0, binding = RV_SMOOTH_CONTROL) readonly buffer Control {
    rv_control control;
};
layout(set = 0, binding = RV_SMOOTH_LOG) readonly buffer Log {
    rv_iteration lines[];
};

int reflected(int at, int size) {
    at = abs(at);
    return at < size ? at : 2 * size - 2 - at;
}

void main() {
    int width = int(push.width), x = int(gl_GlobalInvocationID.x) % width;
    int first = int(gl_GlobalInvocationID.x) / width * ROWS;
    int rows = min(int(push.rows) - first, ROWS);
    if (rows <= 0)
        return;
    float weights[3 * TAPS];
    [[unroll]] for (int i = 0; i < 3 * TAPS; i++)
        weights[i] = lines[control.iteration].gaussians[i];
    vec3 sums[ROWS];
    [[unroll]] for (int i = 0; i < ROWS; i++)
        sums[i] = vec3(0);
    [[unroll]] for (int r = -REACH; r < ROWS + REACH; r++) {
        if (r < rows + REACH) {
            int y = reflected(int(push.target_row) + first + r, int(push.height)) - int(push.source_row);
            vec3 blurred[3] = vec3[3](vec3(0), vec3(0), vec3(0));
            [[unroll]] for (int c = -REACH; c <= REACH; c++) {
                vec3 value = source[y * width + reflected(x + c, width)].xyz;
                [[unroll]] for (int k = 0; k < 3; k++)
                    blurred[k] += weights[k * TAPS + abs(c)] * value;
            }
            [[unroll]] for (int i = 0; i < ROWS; i++)
                if (abs(r - i) <= REACH)
                    [[unroll]] for (int k = 0; k < 3; k++)
                        sums[i] += weights[k * TAPS + abs(r - i)] * blurred[k];
        }
    }
    [[unroll]] for (int i = 0; i < ROWS; i++)
        if (i < rows)
            target[(first + i) * width + x] = vec4(sums[i] / 3.0, 0);
}
