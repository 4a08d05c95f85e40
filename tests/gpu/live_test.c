// What a live dream promises: it carries along what it dreamed, deepens what stands still, forgets
// what is another scene, holds its rate, and changes or ends at any moment.
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dream/context.h"
#include "dream/live.h"
#include "formats/picture.h"
#include "support/device.h"
#include "support/dreams.h"
#include "support/faults.h"
#include "support/reference.h"

#define WIDTH 112
#define HEIGHT 88
#define BYTES ((size_t)WIDTH * HEIGHT * 4)

static const struct rv_params small = {
    .layers = "mixed0", .octaves = 2, .octave_scale = 1.15f, .jitter = 9, .step = 0.03f, .seed = 5};
// The same bytes at every frame: one octave, no jitter.
static const struct rv_params plain = {
    .layers = "mixed0", .octaves = 1, .jitter = RV_OFF, .step = 0.03f};

struct bench {
    rv_context *context;
    rv_weights *weights;
    struct rv_photo photo;
};

static struct bench begin(void) {
    struct bench bench = {.context = rv_test_context(), .weights = rv_test_weights(1)};
    cr_assert_eq(rv_photo_load(RV_TEST_FOLDER "/golden/photo.png", 0, &bench.photo), RV_OK, "%s",
                 rv_error_text());
    return bench;
}

static void end(struct bench *bench) {
    cr_expect(bench->context->device->bytes == 0, "%llu bytes stay on the device",
              (unsigned long long)bench->context->device->bytes);
    rv_photo_free(&bench->photo);
    rv_weights_destroy(&bench->weights);
    rv_test_context_end(&bench->context);
}

static rv_live *start(const struct bench *bench, const struct rv_params *params,
                      const struct rv_live_params *live_params) {
    rv_live *live;
    cr_assert_eq(
        rv_live_begin(bench->context, bench->weights, WIDTH, HEIGHT, params, live_params, &live),
        RV_OK, "%s", rv_error_text());
    return live;
}

// A part of the photograph, from that corner on; `turned` by half and negative, it is another one.
static void look(const struct bench *bench, uint32_t left, uint32_t top, bool turned,
                 uint8_t *pixels) {
    const struct rv_picture *photo = &bench->photo.picture;
    cr_assert(left + WIDTH <= photo->width && top + HEIGHT <= photo->height);
    for (size_t i = 0; i < BYTES; i++) {
        size_t x = left + i / 4 % WIDTH, y = top + i / 4 / WIDTH;
        float value = photo->pixels[(y * photo->width + x) * 3 + (i % 4 < 3 ? i % 4 : 0)];
        pixels[turned ? BYTES - 4 - i / 4 * 4 + i % 4 : i] =
            (uint8_t)(255 * (turned ? 1 - value : value) + 0.5f);
        if (i % 4 == 3)
            pixels[i] = 7; // means nothing
    }
}

static struct rv_frame frame_of(uint8_t *pixels) {
    return (struct rv_frame){WIDTH, HEIGHT, 0, pixels};
}

static struct rv_live_stats dream(rv_live *live, uint8_t *in, uint8_t *out) {
    struct rv_frame from = frame_of(in), to = frame_of(out);
    struct rv_live_stats stats;
    cr_assert_eq(rv_live_frame(live, &from, &to, &stats), RV_OK, "%s", rv_error_text());
    return stats;
}

// Root of the mean squared difference of the colours, in levels, of b's pixel and that of a which
// is (dx, dy) from it.
static double distance_moved(const uint8_t *a, const uint8_t *b, int dx, int dy) {
    double sum = 0;
    size_t count = 0;
    for (int y = 8; y < HEIGHT - 8; y++)
        for (int x = 8; x < WIDTH - 8; x++)
            for (int c = 0; c < 3; c++) {
                double difference =
                    (double)b[(y * WIDTH + x) * 4 + c] - a[((y + dy) * WIDTH + x + dx) * 4 + c];
                sum += difference * difference;
                count++;
            }
    return sqrt(sum / (double)count);
}

static double distance(const uint8_t *a, const uint8_t *b) {
    return distance_moved(a, b, 0, 0);
}

// ------------------------------------------------------------------------------------------------
// What is seen

// Deepens, up to a bound; the alpha is 255; the same frames give the same bytes.
Test(live, still_deepens) {
    struct bench bench = begin();
    struct rv_live_params live_params = {.steps = 1, .decay = 0.8f};
    uint8_t in[BYTES], out[BYTES], again[BYTES];
    double depth[40];
    uint32_t frames = 36;
    look(&bench, 10, 10, false, in);
    rv_live *live = start(&bench, &small, &live_params),
            *other = start(&bench, &small, &live_params);
    for (uint32_t i = 0; i < frames; i++) {
        struct rv_live_stats stats = dream(live, in, out);
        depth[i] = distance(in, out);
        cr_expect(stats.frame == i + 1 && stats.steps == 1 && stats.octaves == 2);
        cr_expect_eq(stats.octave, i % 2 + 1);
        cr_expect(stats.reset == (i == 0) && !stats.scene_cut && !stats.stuck);
        cr_expect(stats.flow < 0.01f && stats.occluded < 0.01f, "flow %g, occluded %g",
                  (double)stats.flow, (double)stats.occluded);
        cr_expect(stats.width == WIDTH && stats.height == HEIGHT);
        cr_expect(stats.total_ms > 0 && stats.steps_ms > 0 && stats.total_ms >= stats.steps_ms);
        if (i < 4) {
            dream(other, in, again);
            cr_assert(memcmp(out, again, BYTES) == 0, "other bytes at frame %u", i + 1);
        }
        for (size_t p = 3; p < BYTES; p += 4)
            cr_assert_eq(out[p], 255);
    }
    fprintf(stderr, "depth after 1, 2, 4, 8, %u frames: %.2f %.2f %.2f %.2f %.2f levels\n", frames,
            depth[0], depth[1], depth[3], depth[7], depth[frames - 1]);
    cr_expect(depth[0] > 0.5 && depth[3] > 1.5 * depth[0] && depth[7] > 1.1 * depth[3]);
    // 0.8^8 is 0.17: from there on it grows by no more than that share.
    cr_expect(depth[frames - 1] < 1.35 * depth[7], "not bounded: %g", depth[frames - 1]);
    rv_live_end(&live);
    rv_live_end(&other);
    end(&bench);
}

// How far consecutive dreams differ once the known motion is undone.
static double unsteadiness(const struct bench *bench, bool no_flow, double *depth) {
    struct rv_live_params live_params = {.steps = 1, .no_flow = no_flow, .scene_cut = RV_OFF};
    uint8_t in[BYTES], out[BYTES], last[BYTES];
    uint32_t frames = 12;
    double sum = 0;
    rv_live *live = start(bench, &small, &live_params);
    for (uint32_t i = 0; i < frames; i++) {
        look(bench, 2 + 3 * i, 2 + i, false, in);
        struct rv_live_stats stats = dream(live, in, out);
        cr_expect(stats.reset == (i == 0));
        cr_expect(no_flow ? stats.flow == 0 : i == 0 || fabsf(stats.flow - 3.16f) < 0.3f, "flow %g",
                  (double)stats.flow);
        if (i >= 2)
            sum += distance_moved(last, out, 3, 1);
        memcpy(last, out, BYTES);
    }
    *depth = distance(in, out);
    rv_live_end(&live);
    return sum / (frames - 2);
}

Test(live, moving_is_steady) {
    struct bench bench = begin();
    double depth[2];
    double with = unsteadiness(&bench, false, &depth[0]);
    double without = unsteadiness(&bench, true, &depth[1]);
    fprintf(stderr,
            "warping error of consecutive dreams: %.2f levels with flow (depth %.2f), %.2f without "
            "(%.2f)\n",
            with, depth[0], without, depth[1]);
    cr_expect(with < 0.7 * without);
    cr_expect(depth[0] > 0.8 * depth[1]);
    end(&bench);
}

// After a cut it is as if it had begun there.
Test(live, scene_cut) {
    struct bench bench = begin();
    struct rv_live_params live_params = {.steps = 1};
    uint8_t scene[BYTES], other[BYTES], out[BYTES], fresh[BYTES];
    look(&bench, 10, 10, false, scene);
    look(&bench, 10, 10, true, other);
    rv_live *live = start(&bench, &plain, &live_params);
    cr_expect(dream(live, other, fresh).reset);
    rv_live_reset(live);
    for (int i = 0; i < 3; i++) {
        struct rv_live_stats stats = dream(live, scene, out);
        cr_expect(stats.reset == (i == 0) && !stats.scene_cut);
    }
    struct rv_live_stats stats = dream(live, other, out);
    cr_expect(stats.reset && stats.scene_cut && stats.occluded > 0.9f, "occluded %g",
              (double)stats.occluded);
    cr_expect(memcmp(out, fresh, BYTES) == 0, "something is left of the scene before");
    stats = dream(live, other, out);
    cr_expect(!stats.reset && memcmp(out, fresh, BYTES) != 0);
    rv_live_reset(live);
    stats = dream(live, other, out);
    cr_expect(stats.reset && !stats.scene_cut && memcmp(out, fresh, BYTES) == 0);
    live_params.scene_cut = RV_OFF;
    cr_assert_eq(rv_live_change(live, NULL, &live_params), RV_OK);
    cr_expect(!dream(live, scene, out).reset, "a cut where there is to be none");
    rv_live_end(&live);
    end(&bench);
}

// ------------------------------------------------------------------------------------------------
// Changes

Test(live, changes) {
    struct bench bench = begin();
    struct rv_live_params live_params = {.steps = 1}, got_live;
    struct rv_params params = plain, got;
    struct rv_live_stats stats;
    uint8_t in[BYTES], out[BYTES], first[BYTES], before[BYTES];
    look(&bench, 10, 10, false, in);
    rv_live *live = start(&bench, &params, &live_params);
    dream(live, in, first);
    dream(live, in, out);
    cr_expect(memcmp(out, first, BYTES) != 0);

    live_params.decay = RV_OFF; // as if each frame were the first
    cr_assert_eq(rv_live_change(live, NULL, &live_params), RV_OK, "%s", rv_error_text());
    stats = dream(live, in, out);
    cr_expect(!stats.reset && memcmp(out, first, BYTES) == 0, "not from the next frame on");

    live_params.strength = RV_OFF;
    cr_assert_eq(rv_live_change(live, NULL, &live_params), RV_OK, "%s", rv_error_text());
    dream(live, in, out);
    for (size_t i = 0; i < BYTES; i++)
        cr_assert_eq(out[i], i % 4 == 3 ? 255 : in[i], "strength off: byte %zu", i);

    live_params.strength = 0;
    live_params.steps = 3;
    params.step = 0.01f;
    cr_assert_eq(rv_live_change(live, &params, &live_params), RV_OK, "%s", rv_error_text());
    stats = dream(live, in, out);
    cr_expect(stats.steps == 3 && memcmp(out, first, BYTES) != 0);

    strcpy(params.layers, "max_pooling2d_1"); // another plan; what was dreamed stays
    live_params.decay = 1;
    cr_assert_eq(rv_live_change(live, &params, &live_params), RV_OK, "%s", rv_error_text());
    double depth = distance(in, out);
    stats = dream(live, in, out);
    cr_expect(!stats.reset && distance(in, out) > depth);

    params.octaves = 2;
    params.octave_scale = 1.1f;
    cr_assert_eq(rv_live_change(live, &params, NULL), RV_OK, "%s", rv_error_text());
    dream(live, in, out);
    stats = dream(live, in, out);
    cr_expect(!stats.reset && stats.octaves == 2 && stats.octave == 1 && stats.octave_width == 102,
              "octave %u of %u, %u pixels", stats.octave, stats.octaves, stats.octave_width);

    live_params.size_limit = 100;
    cr_assert_eq(rv_live_change(live, NULL, &live_params), RV_OK, "%s", rv_error_text());
    stats = dream(live, in, out);
    cr_expect(stats.reset && !stats.scene_cut && stats.width == 100 && stats.height == 79,
              "%u x %u", stats.width, stats.height);
    cr_expect(distance(in, out) > 0.5);
    rv_live_get(live, &got, &got_live);
    cr_expect(got_live.size_limit == 100 && got_live.steps == 3 && got_live.rate == 30);
    cr_expect(strcmp(got.layers, "max_pooling2d_1") == 0 && got.octaves == 2);

    // What is refused changes nothing.
    struct rv_params bad = params;
    struct rv_live_params bad_live = live_params;
    memcpy(before, out, BYTES);
    strcpy(bad.layers, "mixed5");
    cr_expect_eq(rv_live_change(live, &bad, NULL), RV_ERR_WEIGHTS);
    strcpy(bad.layers, "mixed99");
    cr_expect_eq(rv_live_change(live, &bad, NULL), RV_ERR_USAGE);
    bad_live.decay = 1.5f;
    cr_expect_eq(rv_live_change(live, NULL, &bad_live), RV_ERR_USAGE);
    stats = dream(live, in, out);
    cr_expect(!stats.reset && distance(in, out) >= 0.5);
    rv_live_end(&live);
    end(&bench);
}

// A frame of more pixels than are dreamed on; in place, and with padding between the rows.
Test(live, shrunk) {
    struct bench bench = begin();
    struct rv_live_params live_params = {.steps = 1, .size_limit = 97};
    const uint32_t width = 330, height = 270, stride = 330 * 4 + 24;
    uint8_t *pixels = malloc((size_t)stride * height), *given = malloc((size_t)stride * height);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < stride; x++)
            pixels[(size_t)y * stride + x] =
                (uint8_t)(128 + 60 * sin(x / 4 * 0.11 + y * 0.03) + 40 * cos(y * 0.09));
    memcpy(given, pixels, (size_t)stride * height);
    rv_live *live;
    cr_assert_eq(
        rv_live_begin(bench.context, bench.weights, width, height, &plain, &live_params, &live),
        RV_OK, "%s", rv_error_text());
    struct rv_frame frame = {width, height, stride, pixels};
    struct rv_live_stats stats;
    cr_assert_eq(rv_live_frame(live, &frame, &frame, &stats), RV_OK, "%s", rv_error_text());
    cr_expect(stats.width == 97 && stats.height == 79, "%u x %u", stats.width, stats.height);
    double sum = 0;
    for (uint32_t y = 0; y < height; y++) {
        for (uint32_t x = 0; x < width * 4; x++)
            sum +=
                abs(pixels[(size_t)y * stride + x] - given[(size_t)y * stride + x]) * (x % 4 < 3);
        cr_assert(memcmp(pixels + (size_t)y * stride + width * 4,
                         given + (size_t)y * stride + width * 4, 24) == 0,
                  "the padding of row %u was written", y);
    }
    cr_expect(sum / ((double)width * height * 3) > 0.3);
    rv_live_end(&live);
    free(pixels);
    free(given);
    end(&bench);
}

// ------------------------------------------------------------------------------------------------
// Rate

Test(live, adapts) {
    struct bench bench = begin();
    uint8_t in[BYTES], out[BYTES];
    look(&bench, 10, 10, false, in);
    struct rv_live_params fast = {.rate = 1000}, slow = {.rate = 0.2f, .most_steps = 3};
    rv_live *live = start(&bench, &small, &fast);
    struct rv_live_stats stats;
    uint32_t frames = 20;
    for (uint32_t i = 0; i < frames; i++) {
        stats = dream(live, in, out);
        cr_expect(stats.steps == 1 && stats.width >= 75 && stats.height >= 75 && !stats.scene_cut);
        cr_expect(stats.reset == (i == 0), "frame %u begins anew", i + 1);
    }
    cr_expect_eq(stats.octaves, 1, "octaves do not give way");
    cr_expect(distance(in, out) > 1);
    cr_assert_eq(rv_live_change(live, NULL, &slow), RV_OK, "%s", rv_error_text());
    bool back = false; // all that gave way: the size, the octaves, the steps
    for (frames = 0; frames < 60 && !back; frames++) {
        stats = dream(live, in, out);
        back = stats.width == WIDTH && stats.octave == 2 && stats.steps == 3;
        cr_expect(!stats.reset);
    }
    fprintf(stderr, "back after %u frames\n", frames);
    cr_expect(back, "%u steps, %u octaves, %u pixels after %u frames", stats.steps, stats.octaves,
              stats.width, frames);
    rv_live_end(&live);
    end(&bench);
}

// To another size and back with what was dreamed.
Test(live, resizes) {
    struct bench bench = begin();
    struct rv_live_params live_params = {.decay = 1, .rate = 0.1f};
    uint8_t in[BYTES], out[BYTES];
    look(&bench, 10, 10, false, in);
    rv_live *live = start(&bench, &plain, &live_params);
    for (int i = 0; i < 4; i++)
        dream(live, in, out);
    for (uint32_t notch = 1; notch < 3; notch++) {
        double depth = distance(in, out);
        live->notch = notch % 2;
        struct rv_live_stats stats = dream(live, in, out);
        cr_expect(!stats.reset && stats.occluded < 0.05f && stats.flow < 0.1f,
                  "occluded %g, flow %g", (double)stats.occluded, (double)stats.flow);
        cr_expect(stats.width == (notch == 1 ? 95 : WIDTH), "%u pixels", stats.width);
        cr_expect(distance(in, out) > 0.4 * depth, "%g of %g is left", distance(in, out), depth);
    }
    rv_live_end(&live);
    end(&bench);
}

// Once it runs, a frame allocates nothing, on neither side, and records nothing.
Test(live, steady) {
    struct bench bench = begin();
    struct rv_live_params live_params = {.steps = 2};
    uint8_t in[BYTES], out[BYTES];
    struct rv_frame frame = frame_of(in), to = frame_of(out);
    look(&bench, 10, 10, false, in);
    rv_live *live = start(&bench, &small, &live_params);
    uint64_t bytes = bench.context->device->bytes;
    uint32_t pipelines = bench.context->device->pipelines->count;
    bench.context->device->peak_bytes = bytes;
    for (int i = 0; i < 4; i++) {
        enum rv_status status = rv_live_frame(live, &frame, &to, NULL);
        cr_assert_eq(status, RV_OK, "%s", rv_error_text());
        VkCommandBuffer step = live->stage.step[1].commands;
        faults_arm(FAULTS_HEAP, 1, true);
        status = rv_live_frame(live, &frame, &to, NULL);
        uint32_t failed = faults_disarm();
        cr_assert_eq(status, RV_OK, "%s", rv_error_text());
        cr_expect_eq(failed, 0, "%u allocations", failed);
        cr_expect(live->stage.step[1].commands == step);
    }
    cr_expect_eq(bench.context->device->peak_bytes, bytes);
    cr_expect_eq(bench.context->device->pipelines->count, pipelines);
    rv_live_end(&live);
    end(&bench);
}

// ------------------------------------------------------------------------------------------------
// Errors and ends

Test(live, refusals) {
    struct bench bench = begin();
    rv_live *live = (rv_live *)&bench;
    uint8_t in[BYTES];
    struct rv_frame good = frame_of(in), bad;
    look(&bench, 10, 10, false, in);
#define REFUSED(expected, call, word)                                                              \
    do {                                                                                           \
        cr_expect_eq(call, expected, "%s", word);                                                  \
        cr_expect(strstr(rv_error_text(), word), "\"%s\" is not in: %s", word, rv_error_text());   \
    } while (0)
#define BEGIN(width, height, params, live_params)                                                  \
    rv_live_begin(bench.context, bench.weights, width, height, params, live_params, &live)
    REFUSED(RV_ERR_USAGE, rv_live_begin(NULL, bench.weights, 80, 80, NULL, NULL, &live), "context");
    cr_expect(live == NULL);
    REFUSED(RV_ERR_USAGE, rv_live_begin(bench.context, NULL, 80, 80, NULL, NULL, &live), "weights");
    REFUSED(RV_ERR_USAGE, rv_live_begin(bench.context, bench.weights, 80, 80, NULL, NULL, NULL),
            "place");
    REFUSED(RV_ERR_INPUT, BEGIN(74, 80, &plain, NULL), "74 x 80");
    REFUSED(RV_ERR_INPUT, BEGIN(80, 20000, &plain, NULL), "20000");
    REFUSED(RV_ERR_WEIGHTS, BEGIN(80, 80, NULL, NULL), "mixed3");
    static const struct {
        struct rv_live_params params;
        const char *word;
    } cases[] = {{{.steps = 65}, "steps is 65"},
                 {{.most_steps = 99}, "most_steps 99"},
                 {{.rate = -1}, "rate"},
                 {{.rate = NAN}, "rate"},
                 {{.size_limit = 74}, "size_limit"},
                 {{.decay = 1.1f}, "decay"},
                 {{.decay_moving = 2}, "decay_moving"},
                 {{.strength = 5}, "strength"},
                 {{.scene_cut = -2}, "scene_cut"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        REFUSED(RV_ERR_USAGE, BEGIN(80, 80, &plain, &cases[i].params), cases[i].word);
    cr_expect(live == NULL);

    live = start(&bench, &plain, NULL);
    REFUSED(RV_ERR_USAGE, rv_live_frame(NULL, &good, NULL, NULL), "live dream");
    REFUSED(RV_ERR_USAGE, rv_live_frame(live, NULL, NULL, NULL), "frame");
    REFUSED(RV_ERR_USAGE, rv_live_change(NULL, NULL, NULL), "live dream");
    bad = good;
    bad.width--;
    REFUSED(RV_ERR_USAGE, rv_live_frame(live, &bad, NULL, NULL), "111 x 88");
    bad = good;
    bad.stride = 4;
    REFUSED(RV_ERR_USAGE, rv_live_frame(live, &good, &bad, NULL), "4 bytes");
    bad.pixels = NULL;
    REFUSED(RV_ERR_USAGE, rv_live_frame(live, &bad, NULL, NULL), "frame");
    cr_expect_eq(rv_live_frame(live, &good, NULL, NULL), RV_OK, "%s", rv_error_text());
    rv_live_end(&live);
    cr_expect(live == NULL);
    rv_live_end(&live);
    rv_live_end(NULL);
    rv_live_reset(NULL);
    end(&bench);
}

// Nothing excites a network whose weights are all zero: the frame goes through as it is.
Test(live, stuck) {
    struct bench bench = begin();
    struct rv_live_params live_params = {.steps = 2};
    uint8_t in[BYTES], out[BYTES];
    look(&bench, 10, 10, false, in);
    rv_weights_destroy(&bench.weights);
    bench.weights = rv_test_weights(0);
    rv_live *live = start(&bench, &plain, &live_params);
    struct rv_live_stats stats = dream(live, in, out);
    cr_expect(stats.stuck && stats.steps == 0, "%u steps", stats.steps);
    for (size_t i = 0; i < BYTES; i++)
        cr_assert(i % 4 == 3 || out[i] == in[i]);
    rv_live_end(&live);
    end(&bench);
}

// With less and less memory: on the whole picture, on a smaller one, not at all.
Test(live, short_of_memory) {
    struct bench bench = begin();
    struct rv_device *device = bench.context->device;
    struct rv_live_params live_params = {.steps = 1};
    uint8_t in[BYTES], out[BYTES];
    look(&bench, 10, 10, false, in);
    rv_live *live = start(&bench, &plain, &live_params);
    uint64_t needs = device->bytes;
    uint32_t whole = 0, smaller = 0;
    rv_live_end(&live);
    for (device->memory_limit = 2 * needs;; device->memory_limit -= needs / 16) {
        enum rv_status status =
            rv_live_begin(bench.context, bench.weights, WIDTH, HEIGHT, &plain, &live_params, &live);
        if (status != RV_OK) {
            cr_expect_eq(status, RV_ERR_NO_MEMORY, "%s", rv_error_text());
            break;
        }
        cr_assert(device->bytes <= device->memory_limit);
        struct rv_live_stats stats = dream(live, in, out);
        whole += stats.width == WIDTH;
        smaller += stats.width < WIDTH;
        rv_live_end(&live);
    }
    cr_expect(whole > 0 && smaller > 0, "%u times whole, %u times smaller", whole, smaller);
    cr_expect(live == NULL && device->bytes == 0);
    end(&bench);
}

// Ended before, between and after frames; two at once.
Test(live, ends) {
    struct bench bench = begin();
    uint8_t in[BYTES], out[BYTES];
    look(&bench, 10, 10, false, in);
    for (int frames = 0; frames < 3; frames++) {
        rv_live *live = start(&bench, &plain, NULL), *other = start(&bench, &small, NULL);
        for (int i = 0; i < frames; i++) {
            dream(live, in, out);
            dream(other, in, out);
        }
        rv_live_end(&live);
        rv_live_end(&other);
        cr_expect_eq(bench.context->device->bytes, 0);
    }
    end(&bench);
}
