#version 450
#extension GL_GOOGLE_include_directive : require
// Closes an iteration: totals of the gradient's statistics and of the losses, the factor by which
// `ascend` goes along the gradient (or `adam` takes it in), the log's line, and the jitter of the next
// iteration.
//
// Work   one workgroup. Sums in a fixed order.
#include "layout/ascend.h"

layout(local_size_x = 64) in;

layout(set = 0, binding = RV_ITERATE_CONTROL) buffer Control {
    rv_control control;
};
layout(set = 0, binding = RV_ITERATE_LOG) buffer Log {
    rv_iteration lines[];
};
layout(set = 0, binding = RV_ITERATE_LOSSES) readonly buffer Losses {
    float losses[];
};
layout(set = 0, binding = RV_ITERATE_PARTIALS) readonly buffer Partials {
    vec4 partials[];
};

shared vec4 sums[64];

float divisor_of(float mean_abs, float root, float deviation) {
    switch (int(control.normalize)) {
    case RV_NORMALIZER_MEAN_ABS:
        return max(mean_abs, 1e-6);
    case RV_NORMALIZER_RMS:
        return max(root, 1e-8);
    case RV_NORMALIZER_NONE:
        return 1.0;
    }
    return deviation + 1e-8;
}

void close(vec4 total) {
    float loss = 0.0, count = 3.0 * float(control.pixels);
    for (uint t = 0u; t < control.targets; t++)
        loss += losses[t];
    float mean = total.x / count, mean_abs = total.z / count, root = sqrt(total.y / count);
    float deviation = sqrt(max(total.y / count - mean * mean, 0.0));
    bool standard = control.normalize == uint(RV_NORMALIZER_STANDARD);
    uint i = control.iteration;
    float rate = 1.0 - lines[i].fall, scale = 0.0;
    if (control.stopped == uint(RV_STOP_NONE)) {
        // Written so that a NaN fails the comparisons; the squares' sum shows it wherever it is.
        if (!(abs(loss) <= 3.0e38) || !(total.y <= 3.0e38))
            control.stopped = uint(RV_STOP_NOT_FINITE);
        else if (total.z == 0.0)
            control.stopped = uint(RV_STOP_ZERO);
        else {
            if (control.adam != 0u)
                scale = 1.0 / divisor_of(mean_abs, root, deviation);
            else if (control.strength > 0.0)
                scale = control.strength * rate / max(standard ? deviation : root, 1e-30);
            else
                scale = control.step * rate / divisor_of(mean_abs, root, deviation);
            if (loss > control.max_loss) // this step is still taken
                control.stopped = uint(RV_STOP_LOSS);
        }
    }
    control.scale = scale;
    control.offset = standard ? mean : 0.0;
    control.adam_scale = control.step * rate;
    lines[i].loss = loss;
    lines[i].std = deviation;
    lines[i].mean_abs = mean_abs;
    lines[i].stopped = control.stopped;
    lines[i].done = 1u;
    control.iteration = i + 1u;
    control.jitter_x = lines[i + 1u].jitter_x;
    control.jitter_y = lines[i + 1u].jitter_y;
    control.flip = lines[i + 1u].flip;
}

void main() {
    uint lane = gl_LocalInvocationIndex;
    vec4 sum = vec4(0);
    for (uint i = lane; i < uint(RV_GRADIENT_PARTIALS); i += 64u)
        sum += partials[i];
    sums[lane] = sum;
    barrier();
    for (uint half_count = 32u; half_count > 0u; half_count /= 2u) {
        if (lane < half_count)
            sums[lane] += sums[lane + half_count];
        barrier();
    }
    if (lane == 0u)
        close(sums[0]);
}
