// The parameters of rv_see, and what follows from them alone.
#include <math.h>
#include <string.h>

#include "base/status.h"
#include "dream/objective.h"
#include "dream/see.h"
#include "net/weights.h"
#include "ops/fourier.h"

#define SIDE_MIN 75

// ------------------------------------------------------------------------------------------------
// Defaults and ranges

// A number that is left to its default when 0.
static enum rv_status real(const char *name, float *value, float otherwise, double most) {
    if (*value == 0)
        *value = otherwise;
    if (!(*value > 0 && (double)*value <= most))
        return rv_fail(RV_ERR_USAGE, "%s: %g is not possible: give a number above 0, at most %g",
                       name, (double)*value, most);
    return RV_OK;
}

// The same of what may be off.
static enum rv_status real_or_off(const char *name, float *value, float otherwise, double most) {
    if (*value < 0) {
        *value = RV_OFF;
        return RV_OK;
    }
    return real(name, value, otherwise, most);
}

static enum rv_status whole(const char *name, uint32_t *value, uint32_t otherwise, uint32_t least,
                            uint32_t most) {
    if (*value == 0)
        *value = otherwise;
    if (*value < least || *value > most)
        return rv_fail(RV_ERR_USAGE, "%s: %u is not possible: give a whole number from %u to %u",
                       name, (unsigned)*value, (unsigned)least, (unsigned)most);
    return RV_OK;
}

static enum rv_status pixels_or_off(const char *name, int32_t *value, int32_t otherwise) {
    enum rv_status status = RV_OK;
    uint32_t given = (uint32_t)*value;
    if (*value < 0)
        *value = RV_OFF;
    else if ((status = whole(name, &given, (uint32_t)otherwise, 1, 64)) == RV_OK)
        *value = (int32_t)given;
    return status;
}

static bool is_choice(int value, int count) {
    return value >= 0 && value <= count;
}

static enum rv_status check_choices(const struct rv_see_params *p) {
    if (!is_choice((int)p->objective, RV_OBJECTIVE_L2) ||
        !is_choice((int)p->basis, RV_SEE_BASIS_PIXELS) ||
        !is_choice((int)p->decorrelate, RV_SWITCH_ON) ||
        !is_choice((int)p->transform, RV_SWITCH_ON) ||
        !is_choice((int)p->precision, RV_PRECISION_FP32))
        return rv_fail(RV_ERR_USAGE, "rv_see_params: objective, basis, decorrelate, transform or "
                                     "precision is none of its enumeration's values");
    if (p->seed >> 53)
        return rv_fail(RV_ERR_USAGE,
                       "seed: %llu is not possible: give a whole number from 0 to "
                       "9007199254740991",
                       (unsigned long long)p->seed);
    return RV_OK;
}

enum rv_status rv_see_resolve(const struct rv_see_params *given, struct rv_see_params *resolved) {
    struct rv_see_params p = {0};
    struct rv_target targets[RV_TARGET_MAX];
    enum rv_status status;
    uint32_t count;
    if (!resolved)
        return rv_fail(RV_ERR_USAGE, "rv_see_resolve needs a place for the result");
    if (given)
        memcpy(&p, given, given->size && given->size < sizeof p ? given->size : sizeof p);
    *resolved = (struct rv_see_params){0};
    p.size = sizeof p;
    if (!p.layers)
        p.layers = "mixed4";
    RV_TRY(rv_objective_parse(p.layers, targets, &count));
    RV_TRY(check_choices(&p));
    p.objective = p.objective ? p.objective : RV_OBJECTIVE_MEAN;
    p.basis = p.basis ? p.basis : RV_SEE_BASIS_FOURIER;
    p.decorrelate = p.decorrelate ? p.decorrelate : RV_SWITCH_ON;
    p.transform = p.transform ? p.transform : RV_SWITCH_ON;
    p.precision = p.precision ? p.precision : RV_PRECISION_AUTO;
    RV_TRY(whole("size", &p.side, 128, SIDE_MIN, RV_FOURIER_SIDE_MAX));
    RV_TRY(whole("steps", &p.steps, 512, 1, 10000));
    RV_TRY(real("rate", &p.rate, 0.05f, 10));
    RV_TRY(real("noise", &p.noise, 0.01f, 10));
    RV_TRY(real_or_off("decay", &p.decay, 1, 4));
    RV_TRY(pixels_or_off("pad", &p.pad, 12));
    RV_TRY(pixels_or_off("jitter", &p.jitter, 8));
    RV_TRY(pixels_or_off("jitter after", &p.jitter_after, 4));
    RV_TRY(real_or_off("zoom", &p.zoom, 0.1f, 0.5));
    RV_TRY(real_or_off("turn", &p.turn, 10, 180));
    if (rv_see_view_side(&p) < SIDE_MIN)
        return rv_fail(RV_ERR_USAGE,
                       "size: of %u pixels the jitter leaves fewer than the %d that the network "
                       "needs: take a larger size or less jitter",
                       (unsigned)p.side, SIDE_MIN);
    *resolved = p;
done:
    return status;
}

// ------------------------------------------------------------------------------------------------
// Colours

void rv_see_matrix_of(const struct rv_see_params *resolved, rv_see_matrix matrix) {
    static const double root[3][3] = {{0.26, 0.09, 0.02}, {0.27, 0.00, -0.05}, {0.27, -0.09, 0.03}};
    double longest = 0;
    for (uint32_t c = 0; c < 3; c++) {
        double length =
            sqrt(root[0][c] * root[0][c] + root[1][c] * root[1][c] + root[2][c] * root[2][c]);
        longest = fmax(longest, length);
    }
    for (uint32_t r = 0; r < 3; r++)
        for (uint32_t c = 0; c < 3; c++)
            matrix[r][c] = resolved->decorrelate == RV_SWITCH_ON ? (float)(root[r][c] / longest)
                                                                 : (float)(r == c);
}

// ------------------------------------------------------------------------------------------------
// What is drawn by lot: every number of a sequence by its index

#define VIEWS (UINT64_C(1) << 40) // indices from which the views' numbers stand

double rv_see_normal(uint64_t seed, uint64_t n) {
    double a = rv_hash_uniform(seed, 2 * n), b = rv_hash_uniform(seed, 2 * n + 1);
    return sqrt(-2 * log(a + 0x1p-25)) * cos(2 * M_PI * b); // Box and Muller, 1958
}

static double between(const struct rv_see_params *p, uint32_t step, uint32_t which, double from,
                      double to) {
    return from + (to - from) * rv_hash_uniform(p->seed, VIEWS + (uint64_t)step * 8 + which);
}

// A whole number from 0 to `most`, or 0 if that is off.
static double offset(const struct rv_see_params *p, uint32_t step, uint32_t which, int32_t most) {
    return most > 0 ? floor(between(p, step, which, 0, most + 1)) : 0;
}

static int32_t on(int32_t pixels) {
    return pixels > 0 ? pixels : 0;
}

uint32_t rv_see_view_side(const struct rv_see_params *p) {
    if (p->transform != RV_SWITCH_ON)
        return p->side;
    int32_t side = (int32_t)p->side + 2 * on(p->pad) - on(p->jitter) - on(p->jitter_after);
    return side > 0 ? (uint32_t)side : 0;
}

struct rv_see_view rv_see_view_of(const struct rv_see_params *p, uint32_t step) {
    // The picture with its grey, less the first jitter; zoom and turn leave its middle in place.
    double middle = (p->side + 2.0 * on(p->pad) - on(p->jitter) - 1) / 2;
    double zoom = p->zoom > 0 ? 1 + between(p, step, 0, -(double)p->zoom, (double)p->zoom) : 1;
    double turn = p->turn > 0 ? between(p, step, 1, -(double)p->turn, (double)p->turn) : 0;
    double c = cos(turn * M_PI / 180), s = sin(turn * M_PI / 180);
    double x = offset(p, step, 2, p->jitter_after) - middle;
    double y = offset(p, step, 3, p->jitter_after) - middle;
    double back_x = middle - on(p->pad) + offset(p, step, 4, p->jitter);
    double back_y = middle - on(p->pad) + offset(p, step, 5, p->jitter);
    return (struct rv_see_view){.xx = (float)(c / zoom),
                                .xy = (float)(s / zoom),
                                .yx = (float)(-s / zoom),
                                .yy = (float)(c / zoom),
                                .x = (float)((c * x + s * y) / zoom + back_x),
                                .y = (float)((c * y - s * x) / zoom + back_y),
                                .inverse_xx = (float)(c * zoom),
                                .inverse_xy = (float)(-s * zoom),
                                .inverse_yx = (float)(s * zoom),
                                .inverse_yy = (float)(c * zoom)};
}
