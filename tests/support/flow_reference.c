#include "support/flow_reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/reference.h"

#define RADIUS 3
#define SOFT 0.03
#define SMOOTH 0.0002

static int32_t held(int32_t at, uint32_t size) {
    return at < 0 ? 0 : at >= (int32_t)size ? (int32_t)size - 1 : at;
}

static double clamped(double value, double least, double most) {
    return fmin(fmax(value, least), most);
}

// Bilinear, of channel `c` of `channels`; a place outside is held at the edge.
static double sample(uint32_t height, uint32_t width, uint32_t channels, uint32_t c,
                     const double *x, double at_x, double at_y) {
    at_x = clamped(at_x, 0, width - 1);
    at_y = clamped(at_y, 0, height - 1);
    int32_t left = (int32_t)at_x, top = (int32_t)at_y;
    double f = at_x - left, g = at_y - top, sum = 0;
    for (int32_t i = 0; i < 4; i++) {
        int32_t column = held(left + i % 2, width), row = held(top + i / 2, height);
        double weight = (i % 2 ? f : 1 - f) * (i / 2 ? g : 1 - g);
        sum += weight * x[((size_t)row * width + column) * channels + c];
    }
    return sum;
}

void rv_ref_luminance(uint32_t height, uint32_t width, const double *picture, double *grey) {
    for (size_t i = 0; i < (size_t)height * width; i++)
        grey[i] =
            (0.299 * picture[i * 3] + 0.587 * picture[i * 3 + 1] + 0.114 * picture[i * 3 + 2] + 1) /
            2;
}

void rv_ref_halve(uint32_t height, uint32_t width, const double *grey, double *half) {
    static const double weight[] = {1, 3, 3, 1};
    uint32_t to_height = (height + 1) / 2, to_width = (width + 1) / 2;
    for (uint32_t y = 0; y < to_height; y++)
        for (uint32_t x = 0; x < to_width; x++) {
            double sum = 0;
            for (int32_t i = 0; i < 16; i++) {
                int32_t row = held(2 * (int32_t)y + i / 4 - 1, height);
                int32_t column = held(2 * (int32_t)x + i % 4 - 1, width);
                sum += weight[i / 4] * weight[i % 4] * grey[(size_t)row * width + column];
            }
            half[(size_t)y * to_width + x] = sum / 64;
        }
}

// What a pixel says: the five different numbers of w g g' and w g b, then its flow.
struct terms {
    double xx, xy, yy, x, y, u, v;
};

static struct terms terms_of(uint32_t height, uint32_t width, const double *from, const double *to,
                             const double *flow, uint32_t x, uint32_t y) {
    size_t i = (size_t)y * width + x;
    double u = flow[2 * i], v = flow[2 * i + 1];
    int32_t left = held((int32_t)x - 1, width), right = held((int32_t)x + 1, width);
    int32_t up = held((int32_t)y - 1, height), down = held((int32_t)y + 1, height);
    double gx = (from[(size_t)y * width + right] - from[(size_t)y * width + left]) / 2;
    double gy = (from[(size_t)down * width + x] - from[(size_t)up * width + x]) / 2;
    double to_x = x + u, to_y = y + v;
    bool inside = to_x >= 0 && to_x <= width - 1 && to_y >= 0 && to_y <= height - 1;
    double residual = sample(height, width, 1, 0, to, to_x, to_y) - from[i];
    double w = inside ? SOFT / (SOFT + fabs(residual)) : 0, b = gx * u + gy * v - residual;
    return (struct terms){w * gx * gx, w * gx * gy, w * gy * gy, w * gx * b, w * gy * b, u, v};
}

static double weight_of(int32_t dx, int32_t dy) {
    double x = (double)dx / (RADIUS + 1), y = (double)dy / (RADIUS + 1);
    return (1 - x * x) * (1 - x * x) * (1 - y * y) * (1 - y * y);
}

static void solve(uint32_t height, uint32_t width, const struct terms *all, uint32_t x, uint32_t y,
                  double *flow) {
    struct terms sum = {0};
    double weights = 0;
    for (int32_t dy = -RADIUS; dy <= RADIUS; dy++)
        for (int32_t dx = -RADIUS; dx <= RADIUS; dx++) {
            int32_t row = (int32_t)y + dy, column = (int32_t)x + dx;
            if (row != held(row, height) || column != held(column, width))
                continue;
            const struct terms *t = &all[(size_t)row * width + column];
            double w = weight_of(dx, dy);
            weights += w;
            sum.xx += w * t->xx;
            sum.xy += w * t->xy;
            sum.yy += w * t->yy;
            sum.x += w * t->x;
            sum.y += w * t->y;
            sum.u += w * t->u;
            sum.v += w * t->v;
        }
    double xx = sum.xx / weights + SMOOTH, yy = sum.yy / weights + SMOOTH, xy = sum.xy / weights;
    double bx = (sum.x + SMOOTH * sum.u) / weights, by = (sum.y + SMOOTH * sum.v) / weights;
    flow[0] = (yy * bx - xy * by) / (xx * yy - xy * xy);
    flow[1] = (xx * by - xy * bx) / (xx * yy - xy * xy);
}

void rv_ref_flow_iteration(uint32_t height, uint32_t width, const double *from, const double *to,
                           double *flow) {
    struct terms *all = malloc((size_t)height * width * sizeof *all);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++)
            all[(size_t)y * width + x] = terms_of(height, width, from, to, flow, x, y);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++)
            solve(height, width, all, x, y, flow + ((size_t)y * width + x) * 2);
    free(all);
}

void rv_ref_flow_enlarge(uint32_t height, uint32_t width, const double *above, double *flow) {
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++)
            for (uint32_t c = 0; c < 2; c++)
                flow[((size_t)y * width + x) * 2 + c] =
                    2 * sample((height + 1) / 2, (width + 1) / 2, 2, c, above, (x - 0.5) / 2,
                               (y - 0.5) / 2);
}

double *rv_ref_flow(uint32_t height, uint32_t width, const double *from, const double *to,
                    int32_t level) {
    size_t pixels = (size_t)height * width;
    double *flow = calloc(pixels * 2, sizeof *flow);
    if (height > 14 || width > 14) {
        uint32_t half_height = (height + 1) / 2, half_width = (width + 1) / 2;
        size_t halves = (size_t)half_height * half_width;
        double *half_from = malloc(halves * sizeof *half_from);
        double *half_to = malloc(halves * sizeof *half_to);
        rv_ref_halve(height, width, from, half_from);
        rv_ref_halve(height, width, to, half_to);
        double *above = rv_ref_flow(half_height, half_width, half_from, half_to, level - 1);
        free(half_from);
        free(half_to);
        if (level > 0) {
            free(flow);
            return above;
        }
        rv_ref_flow_enlarge(height, width, above, flow);
        free(above);
    }
    for (int i = 0; i < (level == 0 ? 3 : 6); i++)
        rv_ref_flow_iteration(height, width, from, to, flow);
    return flow;
}

void rv_ref_check(uint32_t height, uint32_t width, const double *back, const double *forth,
                  const double *before, const double *now, bool *explained, double *margin) {
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++) {
            size_t i = (size_t)y * width + x;
            double u = back ? back[2 * i] : 0, v = back ? back[2 * i + 1] : 0;
            double to_x = x + u, to_y = y + v;
            double residual = fabs(now[i] - sample(height, width, 1, 0, before, to_x, to_y));
            explained[i] = residual <= 0.15;
            margin[i] = fabs(residual - 0.15);
            if (!back)
                continue;
            double f = sample(height, width, 2, 0, forth, to_x, to_y);
            double g = sample(height, width, 2, 1, forth, to_x, to_y);
            double gap = (u + f) * (u + f) + (v + g) * (v + g);
            double most = 0.01 * (u * u + v * v + f * f + g * g) + 0.25;
            double out =
                hypot(to_x - clamped(to_x, 0, width - 1), to_y - clamped(to_y, 0, height - 1));
            explained[i] = explained[i] && gap <= most && out <= 0.5;
            margin[i] = fmin(margin[i], fmin(fabs(gap - most), fabs(out - 0.5)));
        }
}

void rv_ref_carry(const struct rv_ref_carry *how, const double *delta, const double *back,
                  const bool *explained, double *carried) {
    size_t count = (size_t)how->flow_height * how->flow_width;
    double *motion = malloc(count * 4 * sizeof *motion);
    for (size_t i = 0; i < count; i++) {
        motion[i * 4] = back[i * 2];
        motion[i * 4 + 1] = back[i * 2 + 1];
        motion[i * 4 + 2] = explained[i];
        motion[i * 4 + 3] = hypot(back[i * 2], back[i * 2 + 1]);
    }
    for (uint32_t y = 0; y < how->height; y++)
        for (uint32_t x = 0; x < how->width; x++) {
            double value[4];
            for (uint32_t c = 0; c < 4; c++)
                value[c] = sample(how->flow_height, how->flow_width, 4, c, motion,
                                  (x + 0.5) / how->ratio - 0.5, (y + 0.5) / how->ratio - 0.5);
            double speed = fmin(how->ratio * value[3] / 2, 1);
            double left = value[2] * (how->decay + speed * (how->decay_moving - how->decay));
            for (uint32_t c = 0; c < 3; c++)
                carried[((size_t)y * how->width + x) * 3 + c] =
                    left * sample(how->height, how->width, 3, c, delta, x + how->ratio * value[0],
                                  y + how->ratio * value[1]);
        }
    free(motion);
}

void rv_ref_settle(uint32_t height, uint32_t width, uint32_t octave_height, uint32_t octave_width,
                   const double *frame, const double *carried, const double *begun,
                   const double *dreamed, double *delta) {
    size_t count = (size_t)octave_height * octave_width * 3, pixels = (size_t)height * width * 3;
    double *step = malloc(count * sizeof *step), *added = malloc(pixels * sizeof *added);
    for (size_t i = 0; i < count; i++)
        step[i] = dreamed[i] - begun[i];
    rv_ref_resize(octave_height, octave_width, 3, step, height, width, RV_RESIZE_HALF_PIXEL, added);
    for (size_t i = 0; i < pixels; i++)
        delta[i] = clamped(frame[i] + carried[i] + added[i], -1, 1) - frame[i];
    free(step);
    free(added);
}
