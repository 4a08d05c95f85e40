// What the headers promise of threads, under ThreadSanitizer, which ends the program with 66 where
// two threads meet without a lock. Plain C: Criterion's forks are no place for it.
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/weights.h"
#include "reverie/reverie.h"

#define WIDTH 84
#define HEIGHT 80
#define THREADS 4

// Ends the program, not the thread alone.
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "line %d: %s: %s\n", __LINE__, #condition, rv_error_text());           \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static rv_weights *weights;
static struct rv_picture input;

static const struct rv_params small = {
    .layers = "max_pooling2d", .octaves = 2, .octave_scale = 1.05f, .iterations = 2, .jitter = 9};

static void run(void *(*fn)(void *), void *users[], size_t count) {
    pthread_t threads[THREADS];
    for (size_t i = 0; i < count; i++)
        MUST(pthread_create(&threads[i], NULL, fn, users[i]) == 0);
    for (size_t i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
}

// Weights to mixed0, made up.
static void make_inputs(void) {
    MUST(rv_weights_create(rv_convs_to_block[1], false, &weights) == RV_OK);
    for (uint32_t i = 0; i < weights->conv_count; i++) {
        const struct rv_conv_info *info = &rv_convs[i];
        size_t count = (size_t)info->height * info->width * info->in * info->out;
        for (size_t k = 0; k < count; k++)
            weights->conv[i].kernel[k] = (float)(k * 7919 % 201) / 1000 - 0.1f;
        for (uint32_t o = 0; o < info->out; o++)
            weights->conv[i].scale[o] = 1;
    }
    input = (struct rv_picture){WIDTH, HEIGHT, malloc(sizeof(float) * WIDTH * HEIGHT * 3)};
    MUST(input.pixels);
    for (size_t i = 0; i < (size_t)WIDTH * HEIGHT * 3; i++)
        input.pixels[i] = (float)(i * 104729 % 256) / 255;
}

// ------------------------------------------------------------------------------------------------
// Contexts: one to a thread, in one folder of caches, with the same weights

static void dream(rv_context *context, struct rv_picture *output) {
    MUST(rv_dream(context, weights, &input, &small, NULL, NULL, output, NULL) == RV_OK);
}

static void *open_and_dream(void *user) {
    struct rv_device_info devices[4];
    uint32_t count = 4;
    rv_context *context;
    MUST(rv_devices(devices, &count) == RV_OK && count > 0);
    MUST(rv_context_create(NULL, &context) == RV_OK);
    dream(context, user);
    rv_context_destroy(&context);
    return NULL;
}

static void test_contexts(void) {
    struct rv_picture pictures[2];
    void *users[] = {&pictures[0], &pictures[1]};
    run(open_and_dream, users, 2);
    MUST(memcmp(pictures[0].pixels, pictures[1].pixels, sizeof(float) * WIDTH * HEIGHT * 3) == 0);
    rv_picture_free(&pictures[0]);
    rv_picture_free(&pictures[1]);
}

// ------------------------------------------------------------------------------------------------
// Sessions of one context, each driven by a thread, one call at a time

struct turn {
    rv_context *context;
    pthread_mutex_t *lock;
    struct rv_advance_params how;
    struct rv_picture output;
};

#define LOCKED(turn, call)                                                                         \
    do {                                                                                           \
        pthread_mutex_lock((turn)->lock);                                                          \
        enum rv_status status_ = (call);                                                           \
        MUST(status_ == RV_OK);                                                                    \
        pthread_mutex_unlock((turn)->lock);                                                        \
    } while (0)

static void *dream_in_turns(void *user) {
    struct turn *turn = user;
    struct rv_progress progress = {0};
    rv_session *session;
    LOCKED(turn, rv_session_begin(turn->context, weights, &input, &small, &session));
    while (!progress.finished)
        LOCKED(turn, rv_session_advance(session, &turn->how, &progress));
    LOCKED(turn, rv_session_picture(session, &turn->output));
    pthread_mutex_lock(turn->lock);
    rv_session_end(&session);
    pthread_mutex_unlock(turn->lock);
    return NULL;
}

static void test_sessions(void) {
    rv_context *context;
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    MUST(rv_context_create(NULL, &context) == RV_OK);
    struct turn turns[] = {
        {context, &lock, {0}, {0}},
        {context, &lock, {.flops = 3e7, .no_wait = true}, {0}},
    };
    void *users[] = {&turns[0], &turns[1]};
    run(dream_in_turns, users, 2);
    MUST(memcmp(turns[0].output.pixels, turns[1].output.pixels,
                sizeof(float) * WIDTH * HEIGHT * 3) == 0);
    rv_picture_free(&turns[0].output);
    rv_picture_free(&turns[1].output);
    rv_context_destroy(&context);
}

// ------------------------------------------------------------------------------------------------
// What needs no context is free for all

static void *ask(void *user) {
    uint32_t index = *(uint32_t *)user, count, presets, options;
    char unknown[32], path[512];
    snprintf(unknown, sizeof unknown, "mixed%u_%u", index, index);
    for (int i = 0; i < 200; i++) {
        const struct rv_layer_info *layers = rv_layers(&count);
        struct rv_params params = {0}, resolved;
        struct rv_picture none = {0};
        MUST(count > 94 && rv_layer_find(layers[count - 1].name));
        MUST(rv_layer_nearest(unknown) && rv_weights_reach(weights, &layers[0]));
        MUST(rv_presets(&presets) && rv_options(&options) && presets && options);
        MUST(rv_params_resolve(&params, &resolved) == RV_OK);
        snprintf(params.preset, sizeof params.preset, "%s", unknown);
        MUST(rv_params_resolve(&params, &resolved) == RV_ERR_USAGE);
        MUST(strstr(rv_error_text(), unknown)); // this thread's own
        MUST(rv_params_set(&resolved, "layers", "mixed3") == RV_OK);
        rv_weights_default_path(path, sizeof path);
        MUST(rv_version()[0] && rv_status_name(RV_ERR_IO)[0] && rv_weights_depth(weights)[0]);
        rv_picture_free(&none);
    }
    return NULL;
}

static void test_queries(void) {
    uint32_t indices[THREADS];
    void *users[THREADS];
    for (uint32_t i = 0; i < THREADS; i++) {
        indices[i] = i;
        users[i] = &indices[i];
    }
    run(ask, users, THREADS);
}

int main(void) {
    make_inputs();
    test_queries(); // first of all, so that what is built once is built there
    test_contexts();
    test_sessions();
    rv_weights_destroy(&weights);
    rv_picture_free(&input);
    return 0;
}
