#version 450
#extension GL_GOOGLE_include_directive : require
// The network's view of the picture, bilinear: shifted, scaled and turned by the log's line; beyond
// the picture's edges all is grey (0). ADJOINT: the picture's gradient from the view's. For each pixel
// it gathers what saw it, by the inverse of the view, with the very weights it was seen with.
//
// Work   an invocation: one pixel of the target. Workgroups: ceil(pixels of the target / 64).
#include "layout/see.h"

layout(local_size_x = 64) in;

layout(push_constant) uniform Push {
    rv_transform_push push;
};
layout(set = 0, binding = RV_TRANSFORM_TARGET) writeonly buffer Target {
    vec4 target[];
};
layout(set = 0, binding = RV_TRANSFORM_SOURCE) readonly buffer Source {
    vec4 source[];
};
layout(set = 0, binding = RV_TRANSFORM_LOG) readonly buffer Log {
    rv_see_head head;
    rv_see_line lines[];
};

// Where in the picture the view's position p looks. The same bits whoever asks.
vec2 seen(rv_see_view view, ivec2 p) {
    precise vec2 at = vec2(view.xx * float(p.x) + view.xy * float(p.y) + view.x,
                           view.yx * float(p.x) + view.yy * float(p.y) + view.y);
    return at;
}

float weight(vec2 at, ivec2 pixel) {
    vec2 w = max(1.0 - abs(at - vec2(pixel)), vec2(0));
    return w.x * w.y;
}

void main() {
    rv_see_view view = lines[head.step].view;
    ivec2 picture = ivec2(push.picture_width, push.picture_height);
    ivec2 size = ivec2(push.view_width, push.view_height);
    int i = int(gl_GlobalInvocationID.x);
    vec4 sum = vec4(0);
#ifdef ADJOINT
    if (i >= picture.x * picture.y)
        return;
    ivec2 p = ivec2(i % picture.x, i / picture.x);
    vec2 from = vec2(p) - vec2(view.x, view.y);
    vec2 middle = vec2(view.inverse_xx * from.x + view.inverse_xy * from.y,
                       view.inverse_yx * from.x + view.inverse_yy * from.y);
    // Whatever lies less than a pixel away on both axes, and a little for rounding.
    vec2 reach = vec2(abs(view.inverse_xx) + abs(view.inverse_xy),
                      abs(view.inverse_yx) + abs(view.inverse_yy)) + 0.01;
    ivec2 first = max(ivec2(ceil(middle - reach)), ivec2(0));
    ivec2 last = min(ivec2(floor(middle + reach)), size - 1);
    for (int y = first.y; y <= last.y; y++)
        for (int x = first.x; x <= last.x; x++)
            sum += weight(seen(view, ivec2(x, y)), p) * source[y * size.x + x];
#else
    if (i >= size.x * size.y)
        return;
    vec2 at = seen(view, ivec2(i % size.x, i / size.x));
    ivec2 low = ivec2(floor(at));
    for (int y = max(low.y, 0); y <= min(low.y + 1, picture.y - 1); y++)
        for (int x = max(low.x, 0); x <= min(low.x + 1, picture.x - 1); x++)
            sum += weight(at, ivec2(x, y)) * source[y * picture.x + x];
#endif
    target[i] = vec4(sum.xyz, 0);
}
