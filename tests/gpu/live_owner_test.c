// Live dreaming on a lent device: frames from and to images, and what is left when a call fails.
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dream/context.h"
#include "dream/live.h"
#include "reverie/live.h"
#include "support/dreams.h"
#include "support/faults.h"

#define WIDTH 84
#define HEIGHT 80
#define BYTES ((size_t)WIDTH * HEIGHT * 4)

static const struct rv_params small = {
    .layers = "max_pooling2d", .octaves = 2, .octave_scale = 1.05f, .jitter = 9, .step = 0.03f};
static const struct rv_live_params one_step = {.steps = 1};

struct bench {
    struct host host;
    struct rv_vulkan_device lent;
    rv_context *context;
    rv_weights *weights;
    struct host_image source, target;
    uint8_t in[BYTES], out[BYTES];
};

static void begin(struct bench *b) {
    struct rv_context_params opening = {.no_tune = true};
    host_begin(&b->host, true);
    b->lent = host_lend(&b->host);
    faults_hook(&b->host, &b->lent);
    b->weights = rv_test_weights(1);
    cr_assert_eq(rv_context_import(&b->lent, &opening, &b->context), RV_OK, "%s", rv_error_text());
    for (size_t i = 0; i < BYTES; i++)
        b->in[i] = i % 4 == 3 ? 255 : (uint8_t)(i * 37 % 251);
    b->source = host_image(&b->host, VK_FORMAT_R8G8B8A8_UNORM, WIDTH, HEIGHT);
    b->target = host_image(&b->host, VK_FORMAT_R8G8B8A8_UNORM, WIDTH, HEIGHT);
    host_image_write(&b->host, &b->source, VK_IMAGE_LAYOUT_GENERAL, b->in);
}

static void end(struct bench *b) {
    rv_context_destroy(&b->context);
    host_image_end(&b->host, &b->source);
    host_image_end(&b->host, &b->target);
    rv_weights_destroy(&b->weights);
    host_end(&b->host);
}

static struct rv_vulkan_image describe(const struct host_image *image) {
    return (struct rv_vulkan_image){.image = image->image,
                                    .format = image->format,
                                    .width = image->width,
                                    .height = image->height,
                                    .layout = VK_IMAGE_LAYOUT_GENERAL};
}

static rv_live *start(struct bench *b) {
    rv_live *live;
    cr_assert_eq(rv_live_begin(b->context, b->weights, WIDTH, HEIGHT, &small, &one_step, &live),
                 RV_OK, "%s", rv_error_text());
    return live;
}

// Whatever way the pixels take, they are the same; by way of images none passes through the host.
Test(live_owner, images) {
    static struct bench b;
    begin(&b);
    uint8_t *made = malloc(BYTES);
    struct rv_frame in = {WIDTH, HEIGHT, 0, b.in}, out = {WIDTH, HEIGHT, 0, b.out};
    struct rv_vulkan_image source = describe(&b.source), target = describe(&b.target);
    VkSemaphore timeline = host_timeline(&b.host);
    rv_live *live = start(&b), *other = start(&b);
    target.layout = VK_IMAGE_LAYOUT_UNDEFINED;
    target.layout_after = VK_IMAGE_LAYOUT_GENERAL;
    source.signal = target.wait = target.signal = timeline;
    for (uint64_t frame = 1; frame <= 4; frame++) {
        struct rv_live_stats stats;
        source.signal_value = target.wait_value = 2 * frame - 1;
        target.signal_value = 2 * frame;
        cr_assert_eq(rv_live_frame(live, &in, &out, NULL), RV_OK, "%s", rv_error_text());
        uint64_t copied = b.context->device->host_bytes;
        cr_assert_eq(rv_live_frame_images(other, NULL, &source, NULL, &target, &stats), RV_OK, "%s",
                     rv_error_text());
        cr_expect_eq(b.context->device->host_bytes, copied, "copied by the host");
        cr_expect(stats.frame == frame && stats.steps == 1 && stats.reset == (frame == 1));
        host_image_read(&b.host, &b.target, VK_IMAGE_LAYOUT_GENERAL, made);
        cr_expect_eq(host_value(&b.host, timeline), 2 * frame);
        cr_assert(memcmp(made, b.out, BYTES) == 0, "frame %u: other bytes", (unsigned)frame);
    }
    // By halves.
    source.signal = target.wait = target.signal = VK_NULL_HANDLE;
    cr_assert_eq(rv_live_frame(live, &in, &out, NULL), RV_OK);
    memcpy(made, b.out, BYTES);
    memset(b.out, 0, BYTES);
    cr_assert_eq(rv_live_frame_images(other, NULL, &source, &out, NULL, NULL), RV_OK);
    cr_expect(memcmp(made, b.out, BYTES) == 0);
    cr_assert_eq(rv_live_frame_images(other, &in, NULL, &out, &target, NULL), RV_OK);
    host_image_read(&b.host, &b.target, VK_IMAGE_LAYOUT_GENERAL, made);
    cr_expect(memcmp(made, b.out, BYTES) == 0);
    rv_live_end(&live);
    rv_live_end(&other);
    b.host.DestroySemaphore(b.host.device, timeline, NULL);
    cr_expect_eq(b.context->device->bytes, 0);
    free(made);
    end(&b);
}

Test(live_owner, refusals) {
    static struct bench b;
    begin(&b);
    struct rv_frame in = {WIDTH, HEIGHT, 0, b.in};
    struct rv_vulkan_image image = describe(&b.source), bad = image;
    rv_live *live = start(&b);
    uint32_t submits = b.host.submits;
    cr_expect_eq(rv_live_frame_images(live, NULL, NULL, NULL, NULL, NULL), RV_ERR_USAGE);
    cr_expect_eq(rv_live_frame_images(live, &in, &image, NULL, NULL, NULL), RV_ERR_USAGE);
    cr_expect_eq(rv_live_frame_images(NULL, &in, NULL, NULL, NULL, NULL), RV_ERR_USAGE);
    bad.width = 83;
    cr_expect_eq(rv_live_frame_images(live, NULL, &bad, NULL, NULL, NULL), RV_ERR_USAGE);
    cr_expect(strstr(rv_error_text(), "83 x 80"), "%s", rv_error_text());
    cr_expect_eq(rv_live_frame_images(live, &in, NULL, NULL, &bad, NULL), RV_ERR_USAGE);
    bad = image;
    bad.layout = VK_IMAGE_LAYOUT_UNDEFINED;
    bad.layout_after = VK_IMAGE_LAYOUT_GENERAL;
    cr_expect_eq(rv_live_frame_images(live, NULL, &bad, NULL, NULL, NULL), RV_ERR_USAGE);
    bad.format = VK_FORMAT_R8_UNORM;
    cr_expect_eq(rv_live_frame_images(live, &in, NULL, NULL, &bad, NULL), RV_ERR_USAGE);
    cr_expect_eq(b.host.submits, submits, "something was submitted");
    rv_live_end(&live);
    end(&b);
}

// ------------------------------------------------------------------------------------------------
// Faults

// A live dream in which the `at`th call of a kind fails. False once there are not so many. Counts
// the errors that are told in *told: not every call that fails matters.
static bool fail_once(struct bench *b, enum faults_kind kind, uint32_t at, uint32_t *told) {
    struct rv_frame in = {WIDTH, HEIGHT, 0, b->in}, out = {WIDTH, HEIGHT, 0, b->out};
    struct rv_vulkan_image target = describe(&b->target);
    struct rv_params other = small;
    rv_live *live = NULL;
    uint32_t failed = 0;
    strcpy(other.layers, "max_pooling2d_1");
    target.layout = VK_IMAGE_LAYOUT_UNDEFINED;
    target.layout_after = VK_IMAGE_LAYOUT_GENERAL;
    faults_arm(kind, at, kind == FAULTS_LOST);
    // Each call that fails for want of memory is made again, and then succeeds.
#define CALL(call)                                                                                 \
    do {                                                                                           \
        enum rv_status status_ = (call);                                                           \
        if (status_ != RV_OK) {                                                                    \
            cr_assert(rv_error_text()[0], "%s fails without a word", #call);                       \
            cr_assert(status_ == (kind == FAULTS_LOST ? RV_ERR_DEVICE_LOST : RV_ERR_NO_MEMORY),    \
                      "%s at %u: %s: %s", #call, at, rv_status_name(status_), rv_error_text());    \
            *told += 1;                                                                            \
            if (kind == FAULTS_LOST)                                                               \
                goto done;                                                                         \
            failed += faults_disarm();                                                             \
            status_ = (call);                                                                      \
        }                                                                                          \
        cr_assert_eq(status_, RV_OK, "%s, again, at %u: %s", #call, at, rv_error_text());          \
    } while (0)
    CALL(rv_live_begin(b->context, b->weights, WIDTH, HEIGHT, &small, &one_step, &live));
    CALL(rv_live_frame(live, &in, &out, NULL));
    CALL(rv_live_frame_images(live, &in, NULL, &out, &target, NULL));
    CALL(rv_live_change(live, &other, NULL));
    live->notch = 1; // as if there had been no time
    CALL(rv_live_frame(live, &in, &out, NULL));
    CALL(rv_live_frame(live, &in, &out, NULL));
done:
    failed += faults_disarm();
    rv_live_end(&live);
    cr_assert(b->context->device->bytes == 0, "at %u: %llu bytes stay", at,
              (unsigned long long)b->context->device->bytes);
    return failed > 0;
}

static void fail_all(enum faults_kind kind, const char *name, uint32_t step) {
    static struct bench b;
    uint32_t places = 0, told = 0;
    begin(&b);
    for (uint32_t at = 1; fail_once(&b, kind, at, &told); at += step) {
        places++;
        if (kind == FAULTS_LOST) {
            struct rv_context_params opening = {.no_tune = true};
            rv_context_destroy(&b.context);
            cr_assert_eq(rv_context_import(&b.lent, &opening, &b.context), RV_OK);
        }
    }
    fprintf(stderr, "%s: %u places, %u errors told\n", name, places, told);
    cr_expect(told > 5);
    end(&b);
}

Test(live_owner, lost) {
    fail_all(FAULTS_LOST, "device lost", 3);
}

Test(live_owner, memory) {
    fail_all(FAULTS_MEMORY, "no memory", 29);
}

Test(live_owner, heap) {
    fail_all(FAULTS_HEAP, "no heap", 7);
}
