// The table of options: text to parameters and back, ranges, presets, resolving.
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "reverie/reverie.h"

Test(params, round_trip) {
    static const char *const cases[][3] = {
        // option, text, text that comes back
        {"preset", "keras", "keras"},
        {"layers", "mixed3,mixed4:77=2", "mixed3,mixed4:77=2"},
        {"objective", "mean", "mean"},
        {"objective", "l2", "l2"},
        {"octaves", "1", "1"},
        {"octaves", "32", "32"},
        {"octave-scale", "1.05", "1.05"},
        {"octave-scale", "1.40", "1.4"},
        {"iterations", "10000", "10000"},
        {"step", "0.01176470588", "0.011764706"},
        {"step", "1e-6", "1e-06"},
        {"jitter", "0", "0"},
        {"jitter", "off", "0"},
        {"jitter", "512", "512"},
        {"border", "off", "0"},
        {"border", "2", "2"},
        {"normalize", "std", "std"},
        {"normalize", "mean-abs", "mean-abs"},
        {"pyramid", "detail", "detail"},
        {"pyramid", "reinject", "reinject"},
        {"pyramid", "grow", "grow"},
        {"resize", "half-pixel", "half-pixel"},
        {"resize", "align-corners", "align-corners"},
        {"clip", "step", "step"},
        {"clip", "end", "end"},
        {"max-loss", "never", "never"},
        {"max-loss", "15", "15"},
        {"normalize", "rms", "rms"},
        {"normalize", "standard", "standard"},
        {"normalize", "none", "none"},
        {"pyramid", "plain", "plain"},
        {"pyramid", "split", "split"},
        {"resize", "asymmetric", "asymmetric"},
        {"resize", "bicubic", "bicubic"},
        {"resize", "lanczos", "lanczos"},
        {"guide-match", "columns", "columns"},
        {"guide-match", "product", "product"},
        {"guide-match", "sums", "sums"},
        {"style-layers", "mixed0=2,mixed1", "mixed0=2,mixed1"},
        {"style-weight", "0.5", "0.5"},
        {"style-weight", "off", "0"},
        {"content-layers", "mixed2", "mixed2"},
        {"content-weight", "0", "0"},
        {"dream-weight", "1e6", "1e+06"},
        {"start", "picture", "picture"},
        {"start", "noise", "noise"},
        {"optimizer", "ascent", "ascent"},
        {"optimizer", "adam", "adam"},
        {"schedule", "constant", "constant"},
        {"schedule", "linear", "linear"},
        {"schedule", "cosine", "cosine"},
        {"smooth", "off", "0"},
        {"smooth", "0.5", "0.5"},
        {"laplacian", "0", "0"},
        {"laplacian", "4", "4"},
        {"tv", "0.25", "0.25"},
        {"pull", "off", "0"},
        {"flips", "on", "on"},
        {"flips", "off", "off"},
        {"strength", "1.5", "1.5"},
        {"max-strength", "never", "never"},
        {"max-strength", "12", "12"},
        {"blend", "0.3", "0.3"},
        {"colors", "dream", "dream"},
        {"colors", "original", "original"},
        {"colors", "matched", "matched"},
        {"stretch", "99.98", "99.98"},
        {"octave-sizes", "128,256", "128,256"},
        {"min-size", "299", "299"},
        {"precision", "auto", "auto"},
        {"precision", "fp16", "fp16"},
        {"precision", "fp32", "fp32"},
        {"seed", "0", "0"},
        {"seed", "9007199254740991", "9007199254740991"},
    };
    uint32_t option_count;
    const struct rv_option *options = rv_options(&option_count);
    for (uint32_t o = 0; o < option_count; o++) {
        size_t tried = 0;
        if (options[o].type == RV_OPTION_PICTURE)
            continue; // see below
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            if (strcmp(cases[i][0], options[o].name) != 0)
                continue;
            struct rv_params params = {0};
            char text[512];
            tried++;
            cr_assert_eq(rv_params_set(&params, cases[i][0], cases[i][1]), RV_OK, "%s",
                         rv_error_text());
            cr_assert_eq(rv_params_get(&params, cases[i][0], text, sizeof text), RV_OK);
            cr_expect_str_eq(text, cases[i][2], "%s %s gives %s", cases[i][0], cases[i][1], text);
            cr_assert_eq(rv_params_set(&params, cases[i][0], ""), RV_OK);
            cr_assert_eq(rv_params_get(&params, cases[i][0], text, sizeof text), RV_OK);
            cr_expect_str_eq(text, strcmp(cases[i][0], "seed") == 0 ? "0" : "", "%s", cases[i][0]);
        }
        cr_expect(tried > 0, "%s has no case", options[o].name);
    }
}

Test(params, refusals) {
    static const char *const cases[][3] = {
        // option, text, what the message must contain
        {"preset", "caffe", "give one of reverie, google, tf, tf-tiled, keras"},
        {"objective", "max", "give one of mean, l2"},
        {"octaves", "0", "whole number from 1 to 32"},
        {"octaves", "33", "whole number from 1 to 32"},
        {"octaves", "2.5", "whole number"},
        {"octaves", "four", "whole number"},
        {"octaves", "4x", "\"4x\""},
        {"octaves", " ", "whole number"},
        {"octave-scale", "1", "number from 1.05 to 4"},
        {"octave-scale", "nan", "number from"},
        {"octave-scale", "inf", "number from"},
        {"iterations", "10001", "10000"},
        {"step", "0", "number from"},
        {"step", "-0.01", "number from"},
        {"jitter", "-1", "0 to 512"},
        {"jitter", "513", "0 to 512"},
        {"border", "65", "0 to 64"},
        {"border", "never", "0 to 64"},
        {"max-loss", "0", "number from"},
        {"max-loss", "-1", "number from"},
        {"precision", "half", "give one of auto, fp16, fp32"},
        {"seed", "-1", "0 to 9007199254740991"},
        {"seed", "9007199254740992", "0 to 9007199254740991"},
        {"octave", "4", "did you mean \"octaves\""},
        {"iteration", "4", "did you mean \"iterations\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rv_params params = {0}, before = {0};
        cr_expect_eq(rv_params_set(&params, cases[i][0], cases[i][1]), RV_ERR_USAGE,
                     "%s %s is accepted", cases[i][0], cases[i][1]);
        cr_expect_not_null(strstr(rv_error_text(), cases[i][2]), "%s %s: %s", cases[i][0],
                           cases[i][1], rv_error_text());
        cr_expect_eq(memcmp(&params, &before, sizeof params), 0, "%s %s changed the parameters",
                     cases[i][0], cases[i][1]);
    }
    struct rv_params params = {0};
    char text[600];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    cr_expect_eq(rv_params_set(&params, "layers", text), RV_ERR_USAGE);
    cr_assert_eq(rv_params_set(&params, "layers", "mixed5"), RV_OK);
    cr_expect_eq(rv_params_get(&params, "layers", text, 6), RV_ERR_USAGE);
}

Test(params, pictures) {
    float pixels[2 * 2 * 3] = {0}, others[2 * 2 * 3] = {0.5f};
    struct rv_picture picture = {2, 2, pixels}, other = {2, 2, others}, none = {2, 2, NULL};
    struct rv_params params = {0}, resolved;
    char text[64], again[64];
    cr_expect_eq(rv_params_set(&params, "mask", "mask.png"), RV_ERR_USAGE);
    cr_expect_not_null(strstr(rv_error_text(), "rv_params_set_picture"));
    cr_expect_eq(rv_params_set_picture(&params, "layers", &picture), RV_ERR_USAGE);
    cr_expect_eq(rv_params_set_picture(&params, "masc", &picture), RV_ERR_USAGE);
    cr_assert_eq(rv_params_set_picture(&params, "mask", &picture), RV_OK);
    cr_assert_eq(rv_params_get(&params, "mask", text, sizeof text), RV_OK);
    cr_expect_eq(strncmp(text, "2x2-", 4), 0, "%s", text);
    cr_assert_eq(rv_params_resolve(&params, &resolved), RV_OK);
    cr_expect_eq(resolved.mask, &picture);
    cr_expect_null(resolved.style);
    cr_assert_eq(rv_params_set_picture(&params, "mask", &other), RV_OK);
    cr_assert_eq(rv_params_get(&params, "mask", again, sizeof again), RV_OK);
    cr_expect_str_neq(text, again);
    cr_assert_eq(rv_params_set(&params, "mask", ""), RV_OK);
    cr_expect_null(params.mask);
    params.style = &none;
    cr_expect_eq(rv_params_resolve(&params, &resolved), RV_ERR_USAGE);
}

Test(params, presets) {
    uint32_t preset_count, option_count;
    const struct rv_preset *presets = rv_presets(&preset_count);
    const struct rv_option *options = rv_options(&option_count);
    const char *const *choices = options[0].choices;
    for (uint32_t i = 0; i < preset_count; i++) {
        struct rv_params params = {0}, resolved, again;
        cr_assert_eq(rv_params_set(&params, "preset", presets[i].name), RV_OK);
        cr_expect_str_eq(choices[i], presets[i].name);
        cr_assert_eq(rv_params_resolve(&params, &resolved), RV_OK, "%s", rv_error_text());
        cr_assert_eq(rv_params_resolve(&resolved, &again), RV_OK, "%s", rv_error_text());
        for (uint32_t o = 0; o < option_count; o++) {
            char expected[512], text[512], text_again[512];
            rv_params_get(&presets[i].params, options[o].name, expected, sizeof expected);
            rv_params_get(&resolved, options[o].name, text, sizeof text);
            rv_params_get(&again, options[o].name, text_again, sizeof text_again);
            cr_expect(*text || options[o].type == RV_OPTION_PICTURE, "%s leaves %s open",
                      presets[i].name, options[o].name);
            cr_expect_str_eq(text, expected, "%s: %s", presets[i].name, options[o].name);
            cr_expect_str_eq(text_again, expected, "%s: %s", presets[i].name, options[o].name);
        }
    }
    cr_expect_null(choices[preset_count]);
    struct rv_params resolved;
    cr_assert_eq(rv_params_resolve(NULL, &resolved), RV_OK);
    cr_expect_str_eq(resolved.preset, presets[0].name);
    cr_expect_eq(resolved.size, sizeof resolved);
}

// The constants of the three recipes, so that nobody tunes them by accident.
Test(params, recipes) {
    static const char *const cases[][3] = {
        {"tf", "layers", "mixed3,mixed5"},
        {"tf", "objective", "mean"},
        {"tf", "octaves", "5"},
        {"tf", "octave-scale", "1.3"},
        {"tf", "iterations", "50"},
        {"tf", "step", "0.01"},
        {"tf", "jitter", "0"},
        {"tf", "normalize", "std"},
        {"tf", "pyramid", "grow"},
        {"tf", "resize", "half-pixel"},
        {"tf", "clip", "step"},
        {"tf", "max-loss", "never"},
        {"google", "objective", "l2"},
        {"google", "octaves", "4"},
        {"google", "octave-scale", "1.4"},
        {"google", "iterations", "10"},
        {"google", "step", "0.011764706"},
        {"google", "jitter", "32"},
        {"google", "clip", "step"},
        {"google", "normalize", "mean-abs"},
        {"google", "pyramid", "detail"},
        {"google", "resize", "align-corners"},
        {"keras", "layers", "mixed4,mixed5=1.5,mixed6=2,mixed7=2.5"},
        {"keras", "objective", "l2"},
        {"keras", "border", "2"},
        {"keras", "octaves", "3"},
        {"keras", "octave-scale", "1.4"},
        {"keras", "iterations", "20"},
        {"keras", "step", "0.01"},
        {"keras", "jitter", "0"},
        {"keras", "normalize", "mean-abs"},
        {"keras", "pyramid", "reinject"},
        {"keras", "resize", "half-pixel"},
        {"keras", "clip", "end"},
        {"keras", "max-loss", "15"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rv_params params = {0};
        char text[512];
        cr_assert_eq(rv_params_set(&params, "preset", cases[i][0]), RV_OK);
        cr_assert_eq(rv_params_resolve(&params, &params), RV_OK);
        cr_assert_eq(rv_params_get(&params, cases[i][1], text, sizeof text), RV_OK);
        cr_expect_str_eq(text, cases[i][2], "%s: %s is %s", cases[i][0], cases[i][1], text);
    }
}

Test(params, resolve) {
    struct rv_params given = {.layers = "mixed4", .octaves = 2, .step = 0.5f}, resolved;
    strcpy(given.preset, "keras");
    cr_assert_eq(rv_params_resolve(&given, &resolved), RV_OK, "%s", rv_error_text());
    cr_expect_str_eq(resolved.layers, "mixed4");
    cr_expect_eq(resolved.octaves, 2);
    cr_expect_eq(resolved.step, 0.5f);
    cr_expect_eq(resolved.iterations, 20);

    struct rv_params wrong[10] = {{0}};
    strcpy(wrong[0].preset, "caffe");
    strcpy(wrong[1].layers, "mixd5");
    wrong[2].objective = (enum rv_objective)9;
    wrong[3].octaves = 33;
    wrong[4].octave_scale = NAN;
    wrong[5].step = -1;
    wrong[6].jitter = -2;
    wrong[7].seed = UINT64_MAX;
    wrong[8].size = sizeof wrong[0] + 8;
    memset(wrong[9].layers, 'a', sizeof wrong[9].layers);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        cr_expect_eq(rv_params_resolve(&wrong[i], &resolved), RV_ERR_USAGE, "case %zu", i);
        cr_expect_eq(resolved.size, 0, "case %zu leaves a result", i);
    }
}
