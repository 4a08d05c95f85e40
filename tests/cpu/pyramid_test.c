// The octaves' sizes, against those that the originals of the recipes compute: the numbers come
// from their own lines of Python, run apart.
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "dream/pyramid.h"

#define MOST 8

static const struct sizes_case {
    enum rv_pyramid rule;
    uint32_t octaves;
    float scale;
    struct rv_extent base;
    uint32_t count;
    struct rv_extent octave[MOST];
} cases[] = {
    // TensorFlow's: int(float32(size) * float32(1.3 ** n)), n = -2 .. 2
    {RV_PYRAMID_GROW,
     5,
     1.3f,
     {162, 131},
     5,
     {{95, 77}, {124, 100}, {162, 131}, {210, 170}, {273, 221}}},
    {RV_PYRAMID_GROW,
     5,
     1.3f,
     {500, 333},
     5,
     {{295, 197}, {384, 256}, {500, 333}, {650, 432}, {845, 562}}},
    {RV_PYRAMID_GROW, 5, 1.3f, {1000, 100}, 4, {{769, 76}, {1000, 100}, {1300, 130}, {1690, 169}}},
    {RV_PYRAMID_GROW, 1, 1.3f, {75, 75}, 1, {{75, 75}}},
    {RV_PYRAMID_GROW, 2, 2, {80, 90}, 2, {{80, 90}, {160, 180}}},
    // Keras': int(size / 1.4 ** i)
    {RV_PYRAMID_REINJECT, 3, 1.4f, {900, 600}, 3, {{459, 306}, {642, 428}, {900, 600}}},
    {RV_PYRAMID_REINJECT, 3, 1.4f, {140, 140}, 2, {{100, 100}, {140, 140}}},
    {RV_PYRAMID_REINJECT, 32, 1.05f, {80, 76}, 1, {{80, 76}}},
    {RV_PYRAMID_REINJECT, 2, 1.2f, {74, 900}, 0, {{0, 0}}},
    // Google's: scipy.ndimage.zoom by 1 / 1.4, again and again; it rounds
    {RV_PYRAMID_DETAIL, 4, 1.4f, {1024, 576}, 4, {{373, 210}, {522, 294}, {731, 411}, {1024, 576}}},
    {RV_PYRAMID_DETAIL, 4, 1.4f, {162, 131}, 2, {{116, 94}, {162, 131}}},
    {RV_PYRAMID_DETAIL, 4, 4, {74, 74}, 0, {{0, 0}}},
    // TensorFlow 1's: int32(size / 1.4), again and again
    {RV_PYRAMID_SPLIT, 4, 1.4f, {1024, 576}, 4, {{372, 209}, {522, 293}, {731, 411}, {1024, 576}}},
    // pytorch-deepdream's: round(size * 1.8 ** -i)
    {RV_PYRAMID_PLAIN, 4, 1.8f, {1024, 576}, 4, {{176, 99}, {316, 178}, {569, 320}, {1024, 576}}},
};

// Sizes that are given, and the smallest.
Test(pyramid, given_sizes) {
    struct rv_params params = {.pyramid = RV_PYRAMID_DETAIL, .octaves = 2, .octave_scale = 1.4f};
    struct rv_extent base = {400, 300};
    struct rv_pyramid_sizes sizes;
    strcpy(params.octave_sizes, "100,200, 801");
    cr_expect_eq(rv_pyramid_sizes(&params, base, &sizes), RV_ERR_USAGE);
    strcpy(params.octave_sizes, "100,200,801");
    cr_assert_eq(rv_pyramid_sizes(&params, base, &sizes), RV_OK, "%s", rv_error_text());
    cr_assert_eq(sizes.count, 3);
    cr_expect(sizes.octave[0].width == 100 && sizes.octave[0].height == 75);
    cr_expect(sizes.octave[2].width == 801 && sizes.octave[2].height == 601);
    params.min_size = 76;
    cr_assert_eq(rv_pyramid_sizes(&params, base, &sizes), RV_OK);
    cr_expect_eq(sizes.count, 2);
    params.min_size = 602;
    cr_expect_eq(rv_pyramid_sizes(&params, base, &sizes), RV_ERR_INPUT);
    cr_expect_not_null(strstr(rv_error_text(), "min-size"));
    static const char *const wrong[] = {"100,100", "200,100", "74",  "65536", "100,",
                                        ",100",    "100;200", "big", "-100",  "1e2"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        strcpy(params.octave_sizes, wrong[i]);
        cr_expect_eq(rv_pyramid_sizes(&params, base, &sizes), RV_ERR_USAGE, "%s", wrong[i]);
    }
}

Test(pyramid, sizes) {
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct sizes_case *c = &cases[i];
        struct rv_params params = {
            .pyramid = c->rule, .octaves = c->octaves, .octave_scale = c->scale};
        struct rv_pyramid_sizes sizes;
        enum rv_status status = rv_pyramid_sizes(&params, c->base, &sizes);
        cr_expect(status == (c->count ? RV_OK : RV_ERR_INPUT), "case %zu: %s", i,
                  rv_status_name(status));
        cr_expect(sizes.count == c->count, "case %zu: %u octaves, not %u", i, sizes.count,
                  c->count);
        for (uint32_t o = 0; o < c->count && o < sizes.count; o++)
            cr_expect(sizes.octave[o].width == c->octave[o].width &&
                          sizes.octave[o].height == c->octave[o].height,
                      "case %zu: octave %u is %u x %u, not %u x %u", i, o, sizes.octave[o].width,
                      sizes.octave[o].height, c->octave[o].width, c->octave[o].height);
    }
}
