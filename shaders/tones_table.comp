#version 450
#extension GL_GOOGLE_include_directive : require
// Makes a table of a histogram: what the lower and the upper end of each bin become.
//   To match: the values with as many pixels below them in the wanted histogram; in a bin's inside
//   they then go evenly from the one to the other. A bin's lower end is placed after bins that are
//   empty, its upper end before them, so that a histogram that is the wanted one changes nothing.
//   STRETCH: entry 0 has the values that become black and white, with so large a share of the
//   pixels (push.share) below the one, and above the other.
//
// Work   one workgroup for each plane of the histogram.
#include "layout/tones.h"

layout(local_size_x = 64) in;

layout(constant_id = RV_TABLE_SPEC_STRETCH) const bool STRETCH = true;

const uint BINS = uint(RV_TONES_BINS);
const uint SHARE = BINS / 64u; // of an invocation

layout(push_constant) uniform Push {
    rv_tones_push push;
};
layout(set = 0, binding = RV_TABLE_TARGET) writeonly buffer Target {
    vec2 ends[];
};
// Counts on entry, sums up to and including a bin on return.
layout(set = 0, binding = RV_TABLE_COUNTS) buffer Counts {
    uint counts[];
};
layout(set = 0, binding = RV_TABLE_WANTED) buffer Wanted {
    uint wanted[];
};

shared uint shares[2][64];

uint plane() {
    return gl_WorkGroupID.x * BINS;
}

void add_up(uint lane) {
    uint sum = 0u, sum_wanted = 0u;
    for (uint i = 0u; i < SHARE; i++) {
        uint at = plane() + lane * SHARE + i;
        sum += counts[at];
        counts[at] = sum;
        if (!STRETCH) {
            sum_wanted += wanted[at];
            wanted[at] = sum_wanted;
        }
    }
    shares[0][lane] = sum;
    shares[1][lane] = sum_wanted;
    barrier();
    uint before = 0u, before_wanted = 0u;
    for (uint i = 0u; i < lane; i++) {
        before += shares[0][i];
        before_wanted += shares[1][i];
    }
    for (uint i = 0u; i < SHARE; i++) {
        uint at = plane() + lane * SHARE + i;
        counts[at] += before;
        if (!STRETCH)
            wanted[at] += before_wanted;
    }
}

// The first bin whose sum is more than (or, unless `more`, at least) that; BINS if none is.
uint first_bin(float pixels, bool more, bool of_wanted) {
    uint low = 0u, high = BINS;
    while (low < high) {
        uint middle = (low + high) / 2u;
        float sum = float(of_wanted ? wanted[plane() + middle] : counts[plane() + middle]);
        if (more ? sum > pixels : sum >= pixels)
            high = middle;
        else
            low = middle + 1u;
    }
    return low;
}

// The value with so many pixels below it; among several the largest if `more`, else the smallest.
float value_at(float pixels, bool more, bool of_wanted) {
    uint bin = first_bin(pixels, more, of_wanted);
    if (bin == BINS)
        return 1.0;
    uint at = plane() + bin;
    float sum = float(of_wanted ? wanted[at] : counts[at]);
    float before = bin == 0u ? 0.0 : float(of_wanted ? wanted[at - 1u] : counts[at - 1u]);
    float inside = sum > before ? (pixels - before) / (sum - before) : 0.0;
    return (float(bin) + clamp(inside, 0.0, 1.0)) * (2.0 / float(RV_TONES_BINS)) - 1.0;
}

void main() {
    uint lane = gl_LocalInvocationIndex;
    add_up(lane);
    memoryBarrierBuffer();
    barrier();
    if (STRETCH) {
        float all = float(counts[plane() + BINS - 1u]);
        if (lane == 0u)
            ends[plane()] = vec2(value_at((1.0 - push.share) * all, true, false),
                                 value_at(push.share * all, false, false));
        return;
    }
    for (uint bin = lane; bin < BINS; bin += 64u) {
        float below = bin == 0u ? 0.0 : float(counts[plane() + bin - 1u]);
        ends[plane() + bin] = vec2(value_at(below, true, true),
                                   value_at(float(counts[plane() + bin]), false, true));
    }
}
