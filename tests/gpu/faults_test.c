// What is left when something goes wrong, wherever that is: an error that is told, nothing that
// leaks, and a session that goes on, to the same bytes, once there is memory again.
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dream/context.h"
#include "dream/session.h"
#include "support/dreams.h"
#include "support/faults.h"

#define WIDTH 84
#define HEIGHT 80

static const struct rv_params small = {.layers = "max_pooling2d",
                                       .octaves = 2,
                                       .octave_scale = 1.05f,
                                       .iterations = 2,
                                       .jitter = 9,
                                       .step = 0.03f,
                                       .pyramid = RV_PYRAMID_DETAIL};

struct bench {
    struct host host;
    struct rv_vulkan_device lent;
    struct rv_context_params opening;
    rv_context *context;
    rv_weights *weights;
    struct rv_picture input;
    struct rv_params params;
    bool tiled;                       // the device can show a kernel too little at once
    struct host_image source, target; // unless a test has none
    uint32_t told;                    // calls that failed
};

static void import(struct bench *b) {
    cr_assert_eq(rv_context_import(&b->lent, &b->opening, &b->context), RV_OK, "%s",
                 rv_error_text());
    if (b->tiled)
        b->context->device->limits.storage_range = b->context->device->limits.texel_bytes = 1200000;
}

static void import_again(struct bench *b) {
    rv_context_destroy(&b->context);
    import(b);
}

// Without tuning, whose submissions depend on the clock, unless a test is about it.
static void begin(struct bench *b, bool no_tune) {
    *b = (struct bench){.opening = {.no_tune = no_tune, .cache_dir = no_tune ? NULL : ""},
                        .params = small};
    host_begin(&b->host, true);
    b->lent = host_lend(&b->host);
    faults_hook(&b->host, &b->lent);
    b->weights = rv_test_weights(1);
    b->input = rv_test_noise(1, WIDTH, HEIGHT);
    import(b);
}

static struct host_image make_image(struct bench *b) {
    struct host_image image = host_image(&b->host, VK_FORMAT_R8G8B8A8_UNORM, WIDTH, HEIGHT);
    uint8_t *pixels = malloc(image.bytes);
    for (size_t i = 0; i < image.bytes; i++)
        pixels[i] = (uint8_t)(i * 37 % 251);
    host_image_write(&b->host, &image, VK_IMAGE_LAYOUT_GENERAL, pixels);
    free(pixels);
    return image;
}

static void end(struct bench *b) {
    rv_context_destroy(&b->context);
    if (b->source.image) {
        host_image_end(&b->host, &b->source);
        host_image_end(&b->host, &b->target);
    }
    rv_weights_destroy(&b->weights);
    rv_picture_free(&b->input);
    host_end(&b->host);
}

// ------------------------------------------------------------------------------------------------
// A dream in which one call fails

// Whether a call that was short of memory is to be tried again, with memory.
static bool try_again(struct bench *b, enum rv_status status, const char *call) {
    cr_assert(rv_error_text()[0], "%s: fails without a word", call);
    b->told++;
    if (status == RV_ERR_DEVICE_LOST)
        return false;
    uint32_t failed = faults_disarm();
    cr_assert(status == RV_ERR_NO_MEMORY && failed > 0, "%s: %s: %s", call, rv_status_name(status),
              rv_error_text());
    return true;
}

// Jumps to `done` unless the call succeeds, at the second trial at the latest.
#define CALL(call)                                                                                 \
    do {                                                                                           \
        status = (call);                                                                           \
        if (status != RV_OK && try_again(b, status, #call))                                        \
            status = (call);                                                                       \
        if (status != RV_OK)                                                                       \
            goto done;                                                                             \
    } while (0)

static const struct way {
    const char *name;
    struct rv_advance_params how;
    enum rv_pyramid pyramid;
    bool
        changes; // its steps do not depend on the clock, so that they can be another's from some on
} ways[] = {
    {"steps", {0}, RV_PYRAMID_DETAIL, true},
    {"slices", {.flops = 2e7}, RV_PYRAMID_REINJECT, true},
    {"slices without waiting", {.flops = 2e7, .no_wait = true}, RV_PYRAMID_GROW, false},
    {"seconds", {.seconds = 0.004}, RV_PYRAMID_REINJECT, false},
};
#define WAYS (sizeof ways / sizeof *ways)

static struct rv_vulkan_image use_of(const struct host_image *image) {
    return (struct rv_vulkan_image){.image = image->image,
                                    .format = image->format,
                                    .width = WIDTH,
                                    .height = HEIGHT,
                                    .layout = VK_IMAGE_LAYOUT_GENERAL};
}

// Everything a session can do: it is looked at, changed, sent back, and put into an image.
static enum rv_status dream(struct bench *b, const struct way *way, struct rv_picture *result) {
    struct rv_params params = b->params, other = b->params;
    struct rv_vulkan_image source = use_of(&b->source), target = use_of(&b->target);
    struct rv_progress progress = {0};
    struct rv_picture shown = {0};
    rv_session *session = NULL;
    enum rv_status status;
    bool changed = false, sought = false;
    uint32_t calls = 0;
    *result = (struct rv_picture){0};
    params.pyramid = other.pyramid = way->pyramid;
    if (way->changes)
        other.border = 2;
    const uint32_t last = params.octaves;
    if (b->source.image)
        CALL(rv_session_begin_image(b->context, b->weights, &source, &params, &session));
    else
        CALL(rv_session_begin(b->context, b->weights, &b->input, &params, &session));
    while (!progress.finished) {
        CALL(rv_session_advance(session, &way->how, &progress));
        if (calls++ == 1) {
            CALL(rv_session_picture(session, &shown));
            rv_picture_free(&shown);
        }
        if (b->target.image)
            CALL(rv_session_write_image(session, &target));
        if (!changed && (progress.iteration == 1 || progress.finished)) {
            CALL(rv_session_change(session, &other));
            changed = true;
        }
        if (progress.finished && !sought) {
            CALL(rv_session_seek(session, last));
            sought = true;
            progress.finished = false;
        }
    }
    CALL(rv_session_picture(session, result));
done:
    rv_session_end(&session);
    return status;
}

static bool same(const struct rv_picture *a, const struct rv_picture *b) {
    return a->pixels && b->pixels && a->width == b->width && a->height == b->height &&
           memcmp(a->pixels, b->pixels, (size_t)a->width * a->height * 12) == 0;
}

struct plan {
    enum faults_kind kind;
    bool lasting;
    uint32_t first, stride; // of the places; with RV_TEST_EVERY_PLACE set, all of them, with
                            // RV_TEST_SHARE=N every Nth of those there would be
    bool fresh;             // a context that has compiled nothing yet, each time
};

static uint32_t next_place(const struct plan *plan, uint32_t at) {
    const char *share = getenv("RV_TEST_SHARE");
    uint32_t stride = plan->stride * (share ? (uint32_t)strtoul(share, NULL, 10) : 1);
    return at + (getenv("RV_TEST_EVERY_PLACE") ? 1 : stride);
}

static const char *name_of(const struct plan *plan) {
    static const char *const names[] = {"lost", "out of memory", "out of heap"};
    return names[plan->kind];
}

// A call fails at every place there is, one dream after the other.
static void fail_everywhere(struct bench *b, const struct way *way, struct plan plan) {
    struct rv_picture expected, result;
    uint32_t places = 0, failed = 1;
    cr_assert_eq(dream(b, way, &expected), RV_OK, "%s: %s", way->name, rv_error_text());
    b->told = 0;
    for (uint32_t at = plan.first; failed; at = next_place(&plan, at)) {
        if (plan.fresh)
            import_again(b);
        faults_arm(plan.kind, at, plan.lasting);
        uint32_t told = b->told;
        enum rv_status status = dream(b, way, &result);
        failed = faults_disarm() + b->told - told;
        places += failed > 0;
        bool lost = plan.kind == FAULTS_LOST && b->told > told; // else it was when all was over
        cr_assert_eq(status, lost ? RV_ERR_DEVICE_LOST : RV_OK, "%s, %s at %u: %s: %s", way->name,
                     name_of(&plan), at, rv_status_name(status), rv_error_text());
        cr_assert(lost || same(&result, &expected), "%s, %s at %u: other bytes", way->name,
                  name_of(&plan), at);
        cr_assert(b->context->device->bytes == 0, "%s, %s at %u: bytes stay", way->name,
                  name_of(&plan), at);
        cr_assert_eq(b->host.messages, 0, "%s, %s at %u", way->name, name_of(&plan), at);
        rv_picture_free(&result);
        b->context->device->lost = false; // it is not, after all
        if (lost && places % 10 == 0)     // what its owner is told to do
            import_again(b);
    }
    fprintf(stderr, "%s: %s%s: %u places, %u calls failed\n", way->name, name_of(&plan),
            plan.lasting ? " from there on" : "", places, b->told);
    const uint32_t least = getenv("RV_TEST_SHARE") ? 1 : 2;
    cr_expect(places >= least && b->told >= least);
    rv_picture_free(&expected);
}

static void fail_all_ways(struct plan plan) {
    struct bench b;
    begin(&b, true);
    for (size_t i = 0; i < WAYS; i++)
        fail_everywhere(&b, &ways[i], plan);
    end(&b);
}

Test(faults, lost) {
    fail_all_ways((struct plan){FAULTS_LOST, true, 1, 5, false});
}

Test(faults, memory) {
    fail_all_ways((struct plan){FAULTS_MEMORY, false, 1, 41, false});
}

Test(faults, no_memory) {
    fail_all_ways((struct plan){FAULTS_MEMORY, true, 2, 41, false});
}

Test(faults, heap) {
    fail_all_ways((struct plan){FAULTS_HEAP, false, 1, 29, false});
    fail_all_ways((struct plan){FAULTS_HEAP, true, 2, 41, false});
}

// The same with a guide, a style and a content, from noise.
Test(faults, references) {
    struct bench b;
    struct rv_picture other = rv_test_noise(9, 80, 77);
    begin(&b, true);
    b.params.guide = b.params.style = &other;
    b.params.start = RV_START_NOISE;
    b.params.content_weight = 1;
    b.params.octaves = b.params.iterations = 1;
    strcpy(b.params.style_layers, "activation_1");
    strcpy(b.params.content_layers, "max_pooling2d");
    fail_everywhere(&b, &ways[0], (struct plan){FAULTS_LOST, true, 1, 3, false});
    fail_everywhere(&b, &ways[0], (struct plan){FAULTS_MEMORY, false, 1, 13, false});
    fail_everywhere(&b, &ways[0], (struct plan){FAULTS_HEAP, false, 1, 5, false});
    end(&b);
    rv_picture_free(&other);
}

// The same with a picture that comes from an image and goes there after every call.
Test(faults, images) {
    struct bench b;
    begin(&b, true);
    b.source = make_image(&b);
    b.target = make_image(&b);
    fail_everywhere(&b, &ways[1], (struct plan){FAULTS_LOST, true, 1, 17, false});
    fail_everywhere(&b, &ways[1], (struct plan){FAULTS_MEMORY, false, 1, 97, false});
    fail_everywhere(&b, &ways[1], (struct plan){FAULTS_HEAP, false, 1, 37, false});
    end(&b);
}

// In tiles there is more to submit, and on the way.
Test(faults, tiles) {
    struct bench b;
    begin(&b, true);
    rv_picture_free(&b.input);
    b.input = rv_test_noise(2, 300, 80);
    b.params.octaves = b.params.iterations = 1;
    b.tiled = true;
    import_again(&b);
    fail_everywhere(&b, &ways[1], (struct plan){FAULTS_LOST, true, 1, 19, false});
    fail_everywhere(&b, &ways[1], (struct plan){FAULTS_MEMORY, false, 1, 97, false});
    fail_everywhere(&b, &ways[2], (struct plan){FAULTS_MEMORY, true, 2, 131, false});
    end(&b);
}

// While kernels are compiled, and while they are measured.
Test(faults, kernels) {
    for (int no_tune = 0; no_tune < 2; no_tune++) {
        struct bench b;
        begin(&b, no_tune);
        b.params.octaves = b.params.iterations = 1;
        fail_everywhere(&b, &ways[0], (struct plan){FAULTS_MEMORY, false, 30, 61, true});
        fail_everywhere(&b, &ways[0], (struct plan){FAULTS_HEAP, false, 6, 11, true});
        end(&b);
    }
}

// ------------------------------------------------------------------------------------------------
// A change that fails

static void finish(rv_session *session, struct rv_picture *result) {
    struct rv_progress progress = {0};
    while (!progress.finished)
        cr_assert_eq(rv_session_advance(session, NULL, &progress), RV_OK, "%s", rv_error_text());
    cr_assert_eq(rv_session_picture(session, result), RV_OK, "%s", rv_error_text());
    rv_session_end(&session);
}

// In the middle of a step; then the dream goes on as if nobody had asked for it. True if it failed.
static bool fail_change(struct bench *b, struct plan plan, uint32_t at, struct rv_picture *result) {
    static const struct rv_advance_params slice = {.flops = 2e7};
    struct rv_params other = b->params, before, after;
    struct rv_picture shown[2];
    rv_session *session;
    strcpy(other.layers, "mixed0");
    other.iterations = 5;
    cr_assert_eq(rv_session_begin(b->context, b->weights, &b->input, &b->params, &session), RV_OK);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(rv_session_advance(session, &slice, NULL), RV_OK);
    rv_session_params(session, &before);
    cr_assert_eq(rv_session_picture(session, &shown[0]), RV_OK);
    faults_arm(plan.kind, at, plan.lasting);
    enum rv_status status = rv_session_change(session, &other);
    faults_disarm();
    cr_assert(status == RV_OK || status == RV_ERR_NO_MEMORY, "%u: %s", at, rv_error_text());
    rv_session_params(session, &after);
    cr_assert(status == RV_OK || memcmp(&before, &after, sizeof before) == 0);
    cr_assert(status == RV_OK || rv_error_text()[0]);
    cr_assert_eq(rv_session_picture(session, &shown[1]), RV_OK, "%s", rv_error_text());
    cr_assert(same(&shown[0], &shown[1]), "%u: another picture", at);
    rv_picture_free(&shown[0]);
    rv_picture_free(&shown[1]);
    finish(session, result);
    return status != RV_OK;
}

Test(faults, changes) {
    static const struct plan plans[] = {{FAULTS_MEMORY, false, 1, 1, false},
                                        {FAULTS_MEMORY, true, 1, 1, false},
                                        {FAULTS_HEAP, false, 1, 1, false},
                                        {FAULTS_HEAP, true, 1, 1, false}};
    struct bench b;
    begin(&b, true);
    struct rv_picture expected = rv_test_dream(b.context, b.weights, &b.input, &small, "no change");
    for (size_t i = 0; i < sizeof plans / sizeof *plans; i++) {
        uint32_t places = 0, gone = 0; // places that change nothing, in a row
        for (uint32_t at = 1; gone < 3; at++) {
            struct rv_picture result;
            bool failed = fail_change(&b, plans[i], at, &result);
            cr_assert(!failed || same(&result, &expected), "%s at %u: other bytes",
                      name_of(&plans[i]), at);
            cr_assert(b.context->device->bytes == 0 && b.host.messages == 0);
            places += failed;
            gone = failed ? 0 : gone + 1;
            rv_picture_free(&result);
        }
        fprintf(stderr, "change: %s%s: %u places\n", name_of(&plans[i]),
                plans[i].lasting ? " from there on" : "", places);
        cr_expect(places > 1);
    }
    rv_picture_free(&expected);
    end(&b);
}

// ------------------------------------------------------------------------------------------------
// A context that cannot be had

static void fail_imports(struct bench *b, const char *name, struct plan plan) {
    uint32_t places = 0, refused = 0, failed = 1;
    for (uint32_t at = plan.first; failed; at = next_place(&plan, at)) {
        rv_context_destroy(&b->context);
        faults_arm(plan.kind, at, plan.lasting);
        enum rv_status status = rv_context_import(&b->lent, &b->opening, &b->context);
        failed = faults_disarm();
        cr_assert(status == RV_OK || (!b->context && rv_error_text()[0]));
        cr_assert(status == RV_OK ||
                      status == (plan.kind == FAULTS_LOST ? RV_ERR_DEVICE_LOST : RV_ERR_NO_MEMORY),
                  "%s at %u: %s: %s", name_of(&plan), at, rv_status_name(status), rv_error_text());
        cr_assert(b->host.messages == 0 && b->host.locked == 0);
        refused += status != RV_OK;
        places += failed > 0;
        if (status != RV_OK)
            import(b);
    }
    fprintf(stderr, "import, %s: %s: %u places, %u refused\n", name, name_of(&plan), places,
            refused);
    cr_expect(refused > 0);
}

Test(faults, imports) {
    struct bench b;
    begin(&b, true);
    fail_imports(&b, "known", (struct plan){FAULTS_MEMORY, false, 1, 1, false});
    fail_imports(&b, "known", (struct plan){FAULTS_HEAP, false, 1, 1, false});
    b.opening.cache_dir = ""; // with a self-test
    fail_imports(&b, "tested", (struct plan){FAULTS_LOST, true, 1, 9, false});
    fail_imports(&b, "tested", (struct plan){FAULTS_MEMORY, false, 1, 97, false});
    fail_imports(&b, "tested", (struct plan){FAULTS_HEAP, false, 1, 31, false});
    end(&b);
}

// A device of our own, and the list of all.
Test(faults, opens) {
    struct rv_context_params opening = {.no_tune = true};
    uint32_t refused[2] = {0, 0}, failed = 1;
    for (uint32_t at = 1; failed; at++) {
        rv_context *context = NULL;
        struct rv_device_info devices[4];
        uint32_t count = 4;
        faults_arm(FAULTS_HEAP, at, false);
        enum rv_status status = rv_context_create(&opening, &context);
        failed = faults_disarm();
        cr_assert(status == RV_OK ? context != NULL : status == RV_ERR_NO_MEMORY && !context);
        refused[0] += status != RV_OK;
        rv_context_destroy(&context);
        faults_arm(FAULTS_HEAP, at, false);
        status = rv_devices(devices, &count);
        failed += faults_disarm();
        cr_assert(status == RV_OK ? count > 0 : status == RV_ERR_NO_MEMORY && count == 0);
        refused[1] += status != RV_OK;
    }
    fprintf(stderr, "%u contexts, %u lists refused\n", refused[0], refused[1]);
    cr_expect(refused[0] > 2 && refused[1] > 1);
}

// ------------------------------------------------------------------------------------------------
// Calls that do all at once

static bool stop(void *user, const struct rv_progress *progress) {
    (void)progress;
    return --*(uint32_t *)user > 0;
}

// A dream that is stopped, and one whose picture cannot be had then: the reason is the memory.
static void fail_stopped(struct bench *b, uint32_t calls) {
    struct rv_picture picture;
    uint32_t failed = 1, places = 0;
    for (uint32_t at = 1; failed; at += 3) {
        uint32_t left = calls;
        faults_arm(FAULTS_HEAP, at, false);
        enum rv_status status =
            rv_dream(b->context, b->weights, &b->input, &b->params, stop, &left, &picture, NULL);
        failed = faults_disarm();
        places += failed > 0;
        cr_assert(status == RV_ERR_CANCELLED || (failed && status == RV_ERR_NO_MEMORY),
                  "%u: %s: %s", at, rv_status_name(status), rv_error_text());
        cr_assert_eq(picture.pixels != NULL, status == RV_ERR_CANCELLED);
        cr_assert_eq(b->context->device->bytes, 0);
        rv_picture_free(&picture);
    }
    cr_expect(places > 3, "%u places", places);
}

static void fail_probes(struct bench *b, struct plan plan) {
    static const char *const names[] = {"max_pooling2d", "activation_1"};
    struct rv_probe_params params = {
        .layers = "max_pooling2d", .activations = names, .activation_count = 2};
    uint32_t places = 0, failed = 1;
    for (uint32_t at = plan.first; failed; at = next_place(&plan, at)) {
        struct rv_probe_result result;
        faults_arm(plan.kind, at, plan.lasting);
        enum rv_status status = rv_probe(b->context, b->weights, &b->input, &params, &result);
        failed = faults_disarm();
        places += failed > 0;
        cr_assert(status == RV_OK || status == RV_ERR_NO_MEMORY || status == RV_ERR_DEVICE_LOST);
        cr_assert(status == RV_OK ? result.gradient.data != NULL : !result.gradient.data,
                  "%s at %u", name_of(&plan), at);
        cr_assert_eq(b->context->device->bytes, 0);
        cr_assert_eq(b->host.messages, 0);
        b->context->device->lost = false;
        rv_probe_free(&result);
    }
    fprintf(stderr, "probe: %s: %u places\n", name_of(&plan), places);
}

Test(faults, at_once) {
    struct bench b;
    begin(&b, true);
    for (uint32_t calls = 1; calls <= 4; calls++)
        fail_stopped(&b, calls);
    fail_probes(&b, (struct plan){FAULTS_LOST, true, 1, 1, false});
    fail_probes(&b, (struct plan){FAULTS_MEMORY, false, 1, 5, false});
    fail_probes(&b, (struct plan){FAULTS_HEAP, false, 1, 3, false});
    end(&b);
}
