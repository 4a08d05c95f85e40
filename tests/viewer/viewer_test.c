// Figures and keys of a live dream.
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "capture/feed.h"
#include "viewer/keys.h"
#include "viewer/meter.h"

Test(meter, percentiles) {
    float values[100];
    for (int i = 0; i < 100; i++)
        values[i] = (float)((i * 37) % 100 + 1); // 1..100, shuffled
    cr_expect_eq(rv_percentile(values, 100, 0.5), 50);
    cr_expect_eq(rv_percentile(values, 100, 0.95), 95);
    cr_expect_eq(rv_percentile(values, 100, 0.99), 99);
    cr_expect_eq(rv_percentile(values, 100, 1), 100);
    cr_expect_eq(rv_percentile(values, 100, 0), 1);
    cr_expect_eq(rv_percentile(values, 1, 0.99), 1);
    cr_expect(isnan(rv_percentile(values, 0, 0.5)));
}

// A frame every 100 ms, 250 ms after it was captured; the first one, which waits for kernels to be
// compiled, took 3 s.
static struct rv_sample sample(int i) {
    double shown = 100 + i * 0.1, captured = shown - (i ? 0.25 : 3);
    return (struct rv_sample){.captured = captured,
                              .ready = captured + 0.01,
                              .taken = captured + 0.05,
                              .dreamed = shown - 0.002,
                              .shown = shown,
                              .stats = {.steps = (uint32_t)(i % 3 + 1),
                                        .octaves = 2,
                                        .width = 96,
                                        .height = 80,
                                        .scene_cut = i == 4,
                                        .upload_ms = 1,
                                        .flow_ms = 20,
                                        .steps_ms = 150,
                                        .output_ms = 5}};
}

Test(meter, figures) {
    struct rv_meter meter = {0};
    const struct rv_feed_counts counts = {.come = 400, .dropped = 100, .damaged = 7};
    for (int i = 0; i < 300; i++) {
        struct rv_sample one = sample(i);
        rv_meter_add(&meter, &one);
    }
    cr_expect_float_eq(rv_meter_rate(&meter), 10, 1e-6);
    json_t *json = rv_meter_json(&meter, &counts);
    static const struct {
        const char *object, *member;
        double value;
    } cases[] = {{NULL, "frames", 300},           {NULL, "come", 400},
                 {NULL, "dropped", 100},          {NULL, "damaged", 7},
                 {NULL, "frames_per_second", 10}, {NULL, "steps_per_frame", 2},
                 {NULL, "steps_least", 1},        {NULL, "steps_most", 3},
                 {NULL, "dream_width", 96},       {NULL, "scene_cuts", 1},
                 {"latency_ms", "p50", 250},      {"latency_ms", "p99", 250},
                 {"stages_ms", "convert", 10},    {"stages_ms", "wait", 40},
                 {"stages_ms", "flow", 20},       {"stages_ms", "steps", 150},
                 {"stages_ms", "return", 5},      {"stages_ms", "show", 2}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *object = cases[i].object ? json_object_get(json, cases[i].object) : json;
        double value = json_number_value(json_object_get(object, cases[i].member));
        cr_expect(fabs(value - cases[i].value) < 0.01, "%s is %g", cases[i].member, value);
    }
    json_decref(json);

    char *text = NULL, line[200];
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    rv_meter_print(&meter, &counts, stream);
    fclose(stream);
    cr_expect(strstr(text, "300 shown of 400, 100 dropped, 7 damaged") &&
                  strstr(text, "10.00 frames a second") && strstr(text, "p50 250.0 ms") &&
                  strstr(text, "2.00 steps a frame (1 to 3), at 96 x 80, octaves in turn: 2\n"),
              "%s", text);
    free(text);
    rv_meter_line(&meter, &counts, line, sizeof line);
    cr_expect(strstr(line, " 10.0 frames/s  latency 250 ms") && strstr(line, "100 dropped"), "%s",
              line);
    rv_meter_free(&meter);
}

Test(meter, of_one_frame) {
    struct rv_meter meter = {0};
    const struct rv_feed_counts counts = {.come = 1};
    struct rv_sample one = sample(0);
    rv_meter_add(&meter, &one);
    cr_expect_eq(rv_meter_rate(&meter), 0);
    json_t *json = rv_meter_json(&meter, &counts);
    cr_expect_eq(json_object_size(json_object_get(json, "latency_ms")), 0);
    json_decref(json);
    rv_meter_free(&meter);
}

Test(keys, mean_something) {
    cr_expect_eq(rv_key_wish("Right"), RV_WISH_NEXT_LAYER);
    cr_expect_eq(rv_key_wish("Q"), RV_WISH_QUIT);
    cr_expect_eq(rv_key_wish("Space"), RV_WISH_PAUSE);
    cr_expect_eq(rv_key_wish("z"), RV_WISH_NONE);
    cr_expect_eq(rv_key_wish(""), RV_WISH_NONE);
    for (const struct rv_key *row = rv_keys; row->key; row++)
        cr_expect_eq(rv_key_wish(row->key), row->wish, "%s", row->key);
}

Test(keys, change_parameters) {
    rv_weights *weights;
    struct rv_params params = {.layers = "mixed3,mixed5=0.5", .octaves = 2, .step = 0.01f};
    struct rv_live_params live = {.strength = 1};
    cr_assert_eq(rv_weights_random(1, &weights), RV_OK);
    cr_expect(rv_wish_apply(RV_WISH_NEXT_LAYER, weights, &params, &live));
    cr_expect_str_eq(params.layers, "mixed4");
    cr_expect(rv_wish_apply(RV_WISH_PREVIOUS_LAYER, weights, &params, &live));
    cr_expect_str_eq(params.layers, "mixed3");
    int more = 0;
    while (rv_wish_apply(RV_WISH_NEXT_LAYER, weights, &params, &live))
        more++;
    cr_expect_eq(more, 7);
    cr_expect_str_eq(params.layers, "mixed10");
    while (rv_wish_apply(RV_WISH_PREVIOUS_LAYER, weights, &params, &live))
        more--;
    cr_expect_eq(more, 7 - 10);
    cr_expect_str_eq(params.layers, "mixed0");
    strcpy(params.layers, "activation_27:5"); // within a block
    cr_expect(rv_wish_apply(RV_WISH_NEXT_LAYER, weights, &params, &live));
    cr_expect(rv_layer_find(params.layers)->is_block, "%s", params.layers);

    for (int i = 0; i < 10; i++)
        cr_expect(rv_wish_apply(RV_WISH_WEAKER, weights, &params, &live));
    cr_expect_eq(live.strength, RV_OFF);
    cr_expect(!rv_wish_apply(RV_WISH_WEAKER, weights, &params, &live));
    int stronger = 0;
    while (rv_wish_apply(RV_WISH_STRONGER, weights, &params, &live))
        stronger++;
    cr_expect_eq(stronger, 40);
    cr_expect_eq(live.strength, 4);

    cr_expect(rv_wish_apply(RV_WISH_MORE_OCTAVES, weights, &params, &live));
    cr_expect_eq(params.octaves, 3);
    while (rv_wish_apply(RV_WISH_FEWER_OCTAVES, weights, &params, &live))
        ;
    cr_expect_eq(params.octaves, 1);
    cr_expect(rv_wish_apply(RV_WISH_LARGER_STEP, weights, &params, &live));
    cr_expect_float_eq(params.step, 0.0125f, 1e-6);
    while (rv_wish_apply(RV_WISH_SMALLER_STEP, weights, &params, &live))
        ;
    cr_expect(params.step >= 1e-4f);
    cr_expect(!rv_wish_apply(RV_WISH_PAUSE, weights, &params, &live));
    rv_weights_destroy(&weights);
}
