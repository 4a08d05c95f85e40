// What rv_see promises: the picture that PyTorch grows, a gradient that is one, the same bytes
// again, an objective that rises, a channel that wakes, a clean stop, and every way to refuse.
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dream/see.h"
#include "formats/picture.h"
#include "net/weights.h"
#include "support/device.h"
#include "support/dreams.h"

// Small and short; what a test wants otherwise it sets.
static const struct rv_see_params small = {.layers = "mixed0:7", .side = 75, .steps = 3, .seed = 1};

struct bench {
    rv_context *context;
    rv_weights *weights;
};

static struct bench begin(void) {
    return (struct bench){rv_test_context(), rv_test_weights(1)};
}

// Whatever a test did, nothing stays on the device.
static void end(struct bench *bench) {
    cr_expect(bench->context->device->bytes == 0, "%llu bytes stay on the device",
              (unsigned long long)bench->context->device->bytes);
    rv_weights_destroy(&bench->weights);
    rv_test_context_end(&bench->context);
}

// The objective before each step.
struct losses {
    float loss[64];
    uint32_t count, stop_after; // 0 = never
    double fraction;
};

static bool keep_loss(void *user, const struct rv_progress *progress) {
    struct losses *losses = user;
    cr_expect(progress->fraction >= losses->fraction, "the fraction falls");
    cr_expect_eq(progress->iteration, losses->count, "step %u follows %u", progress->iteration,
                 losses->count);
    losses->fraction = progress->fraction;
    if (progress->iteration)
        losses->loss[progress->iteration - 1] = progress->loss;
    losses->count = progress->iteration + 1;
    return losses->stop_after == 0 || progress->iteration < losses->stop_after;
}

static struct rv_picture see(const struct bench *bench, const struct rv_see_params *params,
                             struct losses *losses) {
    struct rv_picture output;
    struct losses kept = {0};
    cr_assert_eq(rv_see(bench->context, bench->weights, params, keep_loss, losses ? losses : &kept,
                        &output, NULL),
                 RV_OK, "%s: %s", params->layers, rv_error_text());
    return output;
}

static bool same(const struct rv_picture *a, const struct rv_picture *b) {
    return a->width == b->width && a->height == b->height &&
           memcmp(a->pixels, b->pixels, (size_t)a->width * a->height * 12) == 0;
}

// ------------------------------------------------------------------------------------------------
// PyTorch's pictures, as tools/make-see-goldens lists them

static const struct golden {
    const char *file;
    struct rv_see_params params;
} goldens[] = {
    {"see-fourier.png",
     {.layers = "mixed2:100,mixed0:7=0.5", .side = 80, .basis = RV_SEE_BASIS_FOURIER}},
    {"see-pixels.png",
     {.layers = "mixed0:7,activation_3:5=-0.25",
      .side = 77,
      .basis = RV_SEE_BASIS_PIXELS,
      .decorrelate = RV_SWITCH_OFF}},
};

Test(see, goldens) {
    struct bench bench = {.context = rv_test_context()};
    cr_assert_eq(rv_weights_random(1, &bench.weights), RV_OK, "%s", rv_error_text());
    for (size_t i = 0; i < sizeof goldens / sizeof *goldens; i++) {
        char path[512];
        struct rv_photo golden;
        struct rv_see_params params = goldens[i].params;
        snprintf(path, sizeof path, "%s/golden/%s", RV_TEST_FOLDER, goldens[i].file);
        cr_assert_eq(rv_photo_load(path, 0, &golden), RV_OK, "%s", rv_error_text());
        params.seed = 3;
        params.noise = 1;
        params.transform = RV_SWITCH_OFF;
        params.precision = RV_PRECISION_FP32;
        params.steps = 12;
        struct rv_picture grown = see(&bench, &params, NULL);
        params.steps = 1;
        struct rv_picture first = see(&bench, &params, NULL);
        double found = -20 * log10(rv_test_distance(&grown, &golden.picture));
        double before = -20 * log10(rv_test_distance(&first, &golden.picture));
        fprintf(stderr, "%s: %.1f dB, after a single step %.1f dB\n", goldens[i].file, found,
                before);
        cr_expect(found >= 40, "%s: %.1f dB", goldens[i].file, found);
        cr_expect(before < 30, "%s: a single step is %.1f dB from twelve", goldens[i].file, before);
        rv_picture_free(&grown);
        rv_picture_free(&first);
        rv_photo_free(&golden);
    }
    end(&bench);
}

// ------------------------------------------------------------------------------------------------
// Along the gradient

// With a rate so small that the objective is straight, Adam's first step moves every value by the
// rate along its gradient's sign: the objective rises by rate * sum |gradient|, which a second
// rate, twice as large, doubles.
Test(see, first_step) {
    struct bench bench = begin();
    static const enum rv_see_basis bases[] = {RV_SEE_BASIS_FOURIER, RV_SEE_BASIS_PIXELS};
    for (uint32_t i = 0; i < 2; i++) {
        struct rv_see_params params = small;
        float rise[2];
        params.basis = bases[i];
        params.noise = 1;
        params.steps = 2;
        params.transform = RV_SWITCH_OFF;
        params.precision = RV_PRECISION_FP32;
        for (uint32_t twice = 0; twice < 2; twice++) {
            struct losses losses = {0};
            params.rate = twice ? 2e-4f : 1e-4f;
            struct rv_picture output = see(&bench, &params, &losses);
            rise[twice] = losses.loss[1] - losses.loss[0];
            rv_picture_free(&output);
        }
        cr_expect(rise[0] > 0 && fabsf(rise[1] / rise[0] - 2) < 0.1f,
                  "basis %u: the objective rises by %g, and by %g at twice the rate", bases[i],
                  (double)rise[0], (double)rise[1]);
    }
    end(&bench);
}

// Every part of it, also a random view and both precisions: the objective rises by far.
Test(see, rises) {
    struct bench bench = begin();
    for (uint32_t i = 0; i < 4; i++) {
        struct rv_see_params params = small;
        struct losses losses = {0};
        params.steps = 10;
        params.basis = i % 2 ? RV_SEE_BASIS_PIXELS : RV_SEE_BASIS_FOURIER;
        params.transform = i < 2 ? RV_SWITCH_ON : RV_SWITCH_OFF;
        params.precision = i == 3 ? RV_PRECISION_FP16 : RV_PRECISION_FP32;
        params.neuron = i == 2;
        struct rv_picture output = see(&bench, &params, &losses);
        cr_expect(losses.count == 11 && losses.fraction == 1, "%u steps", losses.count - 1);
        cr_expect(losses.loss[9] > 1.2f * losses.loss[0] && losses.loss[0] > 0,
                  "case %u: from %g to %g", i, (double)losses.loss[0], (double)losses.loss[9]);
        for (uint32_t k = 0; k < 75 * 75 * 3; k++)
            cr_assert(output.pixels[k] >= 0 && output.pixels[k] <= 1, "a pixel is %g",
                      (double)output.pixels[k]);
        rv_picture_free(&output);
    }
    // Away from it, it falls.
    struct rv_see_params params = small;
    struct losses losses = {0};
    params.layers = "mixed0:7=-1";
    params.noise = 1;
    params.steps = 16;
    struct rv_picture output = see(&bench, &params, &losses);
    cr_expect(losses.loss[0] < 0 && losses.loss[15] > losses.loss[0], "from %g to %g",
              (double)losses.loss[0], (double)losses.loss[15]);
    rv_picture_free(&output);
    end(&bench);
}

// The views: within what their parameters say, and all different.
Test(see, views) {
    struct rv_see_params params;
    double most_turn = 0, most_zoom = 1;
    cr_assert_eq(rv_see_resolve(NULL, &params), RV_OK);
    cr_expect_eq(rv_see_view_side(&params), 140);
    for (uint32_t i = 0; i < 200; i++) {
        struct rv_see_view v = rv_see_view_of(&params, i);
        double zoom = hypot((double)v.inverse_xx, (double)v.inverse_yx);
        double turn = atan2((double)v.xy, (double)v.xx) * 180 / M_PI;
        most_turn = fmax(most_turn, fabs(turn));
        most_zoom = fmax(most_zoom, fabs(zoom - 1) + 1);
        cr_expect(fabs(zoom - 1) < 0.1001 && fabs(turn) < 10.001, "zoom %g, turn %g", zoom, turn);
        // The middle of the view looks near the middle of the picture.
        double x = (double)v.xx * 69.5 + (double)v.xy * 69.5 + (double)v.x;
        cr_expect(fabs(x - 63.5) <= 4 + 2 / 0.9 * 1.4, "the middle is at %g", x);
        cr_expect_neq(v.x, rv_see_view_of(&params, i + 1).x);
    }
    cr_expect(most_turn > 9 && most_zoom > 1.09, "never beyond turn %g, zoom %g", most_turn,
              most_zoom);
    params.zoom = params.turn = params.pad = params.jitter = params.jitter_after = RV_OFF;
    struct rv_see_view v = rv_see_view_of(&params, 5);
    cr_expect(v.xx == 1 && v.xy == 0 && v.x == 0 && v.y == 0 && rv_see_view_side(&params) == 128,
              "what is off is not off");
}

Test(see, same_bytes) {
    struct bench bench = begin();
    struct rv_see_params params = small, other = small;
    other.seed = 2;
    struct rv_picture first = see(&bench, &params, NULL), again = see(&bench, &params, NULL);
    struct rv_picture different = see(&bench, &other, NULL);
    cr_expect(same(&first, &again), "the same seed gives other bytes");
    cr_expect(!same(&first, &different), "another seed gives the same bytes");
    rv_picture_free(&first);
    rv_picture_free(&again);
    rv_picture_free(&different);
    end(&bench);
}

// ------------------------------------------------------------------------------------------------
// A channel whose ReLU is shut

Test(see, wakes) {
    struct bench bench = begin();
    // mixed0's first branch is conv2d_5: its channel 7 answers to nothing but a strong picture.
    bench.weights->conv[5].bias[7] = -1;
    struct rv_see_params params = small;
    struct losses losses = {0};
    params.steps = 24;
    struct rv_picture output = see(&bench, &params, &losses);
    cr_expect(losses.loss[0] < 0, "before the ReLU it is %g", (double)losses.loss[0]);
    cr_expect(losses.loss[15] > losses.loss[0], "it rises from %g to %g", (double)losses.loss[0],
              (double)losses.loss[15]);
    cr_expect(losses.loss[23] >= 0, "behind the ReLU it is %g", (double)losses.loss[23]);
    cr_expect(losses.count == 25, "%u steps", losses.count - 1);
    rv_picture_free(&output);

    // Nothing at all leads to it.
    const struct rv_conv_info *info = &rv_convs[5];
    for (uint32_t i = 0; i < info->in; i++)
        memset(&bench.weights->conv[5].kernel[i * info->out], 0, info->out * sizeof(float));
    cr_expect_eq(rv_see(bench.context, bench.weights, &params, NULL, NULL, &output, NULL),
                 RV_ERR_NUMERIC);
    cr_expect(strstr(rv_error_text(), "zero") && !output.pixels, "%s", rv_error_text());
    end(&bench);
}

// ------------------------------------------------------------------------------------------------
// Stopping and refusing

Test(see, stops) {
    struct bench bench = begin();
    struct rv_see_params params = small;
    struct losses losses = {.stop_after = 2};
    struct rv_picture output;
    params.steps = 50;
    cr_expect_eq(rv_see(bench.context, bench.weights, &params, keep_loss, &losses, &output, NULL),
                 RV_ERR_CANCELLED);
    cr_expect(output.pixels && output.width == 75, "no picture so far");
    cr_expect_eq(losses.count, 3);
    rv_picture_free(&output);
    end(&bench);
}

Test(see, refuses) {
    struct bench bench = begin();
    const struct {
        struct rv_see_params params;
        enum rv_status status;
        const char *text;
    } cases[] = {
        {{.layers = "mixd4"}, RV_ERR_USAGE, "mixed4"},
        {{.layers = "mixed4:768"}, RV_ERR_USAGE, "767"},
        {{.layers = "mixed1"}, RV_ERR_WEIGHTS, "mixed0"},
        {{.side = 74}, RV_ERR_USAGE, "size"},
        {{.side = 513}, RV_ERR_USAGE, "75 to 512"},
        {{.steps = 10001}, RV_ERR_USAGE, "steps"},
        {{.rate = -1}, RV_ERR_USAGE, "rate"},
        {{.rate = NAN}, RV_ERR_USAGE, "rate"},
        {{.noise = 11}, RV_ERR_USAGE, "noise"},
        {{.decay = 5}, RV_ERR_USAGE, "decay"},
        {{.pad = 65}, RV_ERR_USAGE, "pad"},
        {{.jitter = 65}, RV_ERR_USAGE, "jitter"},
        {{.zoom = 0.6f}, RV_ERR_USAGE, "zoom"},
        {{.turn = 181}, RV_ERR_USAGE, "turn"},
        {{.side = 75, .pad = RV_OFF}, RV_ERR_USAGE, "jitter leaves fewer"},
        {{.seed = UINT64_C(1) << 53}, RV_ERR_USAGE, "seed"},
        {{.basis = (enum rv_see_basis)3}, RV_ERR_USAGE, "enumeration"},
        {{.layers = "mixed0,activation_0", .neuron = true}, RV_ERR_USAGE, "positions"},
        {{.layers = "mixed0:7", .side = 75, .steps = 2, .rate = 10, .noise = 10}, RV_OK, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rv_picture output;
        cr_expect_eq(
            rv_see(bench.context, bench.weights, &cases[i].params, NULL, NULL, &output, NULL),
            cases[i].status, "case %zu: %s", i, rv_error_text());
        cr_expect(!cases[i].text || (strstr(rv_error_text(), cases[i].text) && !output.pixels),
                  "case %zu does not say \"%s\": %s", i, cases[i].text ? cases[i].text : "",
                  rv_error_text());
        rv_picture_free(&output);
    }
    struct rv_picture output;
    cr_expect_eq(rv_see(NULL, bench.weights, NULL, NULL, NULL, &output, NULL), RV_ERR_USAGE);
    cr_expect_eq(rv_see_resolve(NULL, NULL), RV_ERR_USAGE);
    end(&bench);
}
