// Sessions and contexts that end while something of theirs is under way, in every order there is.
// The validation layer knows what is in use, and what was never destroyed.
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "dream/context.h"
#include "dream/session.h"
#include "support/dreams.h"
#include "support/host.h"

#define WIDTH 100
#define HEIGHT 87

static const struct rv_params small = {.layers = "max_pooling2d",
                                       .octaves = 2,
                                       .octave_scale = 1.1f,
                                       .iterations = 2,
                                       .jitter = 9,
                                       .pyramid = RV_PYRAMID_GROW};

struct bench {
    struct host host;
    rv_context *context;
    rv_weights *weights;
    struct rv_picture input;
    struct host_image image;
};

static void import(struct bench *b) {
    struct rv_vulkan_device lent = host_lend(&b->host);
    cr_assert_eq(rv_context_import(&lent, NULL, &b->context), RV_OK, "%s", rv_error_text());
}

static void begin(struct bench *b) {
    *b = (struct bench){.weights = rv_test_weights(1), .input = rv_test_noise(1, WIDTH, HEIGHT)};
    host_begin(&b->host, true);
    b->image = host_image(&b->host, VK_FORMAT_R8G8B8A8_UNORM, WIDTH, HEIGHT);
    import(b);
}

static void end(struct bench *b) {
    rv_context_destroy(&b->context);
    host_image_end(&b->host, &b->image);
    host_end(&b->host);
    rv_weights_destroy(&b->weights);
    rv_picture_free(&b->input);
}

static rv_session *start(struct bench *b) {
    rv_session *session;
    cr_assert_eq(rv_session_begin(b->context, b->weights, &b->input, &small, &session), RV_OK, "%s",
                 rv_error_text());
    return session;
}

// Goes on by `calls` slices that nobody waits for, or to the end if those are fewer.
static void submit(rv_session *session, uint32_t calls) {
    struct rv_advance_params how = {.flops = 1.5e7, .no_wait = true};
    struct rv_progress progress = {0};
    for (uint32_t i = 0; i < calls && !progress.finished;) {
        uint64_t before = session->device->submitted;
        cr_assert_eq(rv_session_advance(session, &how, &progress), RV_OK, "%s", rv_error_text());
        i += session->device->submitted > before;
    }
}

static void write_image(struct bench *b, rv_session *session) {
    struct rv_vulkan_image target = {.image = b->image.image,
                                     .format = b->image.format,
                                     .width = WIDTH,
                                     .height = HEIGHT,
                                     .layout_after = VK_IMAGE_LAYOUT_GENERAL};
    cr_assert_eq(rv_session_write_image(session, &target), RV_OK, "%s", rv_error_text());
}

// With slices and an image under way; the context right after.
Test(endings, in_flight) {
    struct bench b;
    begin(&b);
    for (uint32_t calls = 0; calls < 24; calls += calls < 6 ? 1 : 5)
        for (int written = 0; written < 2; written++) {
            rv_session *session = start(&b);
            submit(session, calls);
            if (written)
                write_image(&b, session);
            rv_session_end(&session);
            cr_expect_eq(b.context->device->bytes, 0);
            rv_context_destroy(&b.context);
            import(&b);
        }
    end(&b);
}

// One of two sessions ends, the first or the second: the other dreams on as if alone.
Test(endings, beside) {
    struct bench b;
    begin(&b);
    struct rv_picture expected = rv_test_dream(b.context, b.weights, &b.input, &small, "alone");
    for (int first = 0; first < 2; first++) {
        rv_session *sessions[2] = {start(&b), start(&b)};
        for (uint32_t turn = 0; turn < 4; turn++)
            submit(sessions[turn % 2], 1 + turn);
        rv_session_end(&sessions[first]);
        submit(sessions[!first], UINT32_MAX);
        struct rv_picture picture;
        cr_assert_eq(rv_session_picture(sessions[!first], &picture), RV_OK);
        cr_expect(memcmp(picture.pixels, expected.pixels, sizeof(float) * WIDTH * HEIGHT * 3) == 0);
        rv_picture_free(&picture);
        rv_session_end(&sessions[!first]);
    }
    rv_picture_free(&expected);
    end(&b);
}

// What a picture on its way to an image is made in is not freed by a change of plans meanwhile, nor
// what it is written from by the next one.
Test(endings, of_plans) {
    struct bench b;
    begin(&b);
    for (uint32_t calls = 0; calls < 40; calls += 13) { // to the end
        struct rv_params other = small;
        rv_session *session = start(&b);
        submit(session, calls);
        for (int i = 0; i < 4; i++) {
            other.border = i % 2 ? 2 : RV_OFF;
            write_image(&b, session);
            cr_assert_eq(rv_session_change(session, &other), RV_OK, "%s", rv_error_text());
            write_image(&b, session);
            cr_assert_eq(rv_session_seek(session, 1 + (uint32_t)i % 2), RV_OK);
        }
        submit(session, 3);
        rv_session_end(&session);
        cr_expect_eq(b.context->device->bytes, 0);
    }
    end(&b);
}

// All of a lost device's can be destroyed, and what is asked of it answers that it is lost.
Test(endings, of_a_lost_device) {
    struct bench b;
    begin(&b);
    rv_session *sessions[2] = {start(&b), start(&b)};
    struct rv_picture picture;
    submit(sessions[0], 3);
    submit(sessions[1], 5);
    b.host.QueueWaitIdle(b.host.queue);
    b.context->device->lost = true;
    cr_expect_eq(rv_session_advance(sessions[0], NULL, NULL), RV_ERR_DEVICE_LOST);
    cr_expect_eq(rv_session_picture(sessions[1], &picture), RV_ERR_DEVICE_LOST);
    cr_expect(!picture.pixels && strstr(rv_error_text(), "destroy the context"));
    cr_expect_eq(rv_session_change(sessions[1], &small), RV_ERR_DEVICE_LOST);
    cr_expect_eq(rv_session_seek(sessions[1], 1), RV_ERR_DEVICE_LOST);
    rv_session_end(&sessions[0]);
    rv_session_end(&sessions[1]);
    end(&b);
}

// ------------------------------------------------------------------------------------------------
// A start without the files that a cache keeps, and with none that it can keep, is no error: what
// the thread said last stays what it was.

static void start_with_cache(const char *folder) {
    struct bench b = {.weights = rv_test_weights(1), .input = rv_test_noise(1, WIDTH, HEIGHT)};
    struct rv_context_params params = {.cache_dir = folder};
    for (int lent = 0; lent < 2; lent++) {
        struct rv_picture picture;
        host_begin(&b.host, true);
        struct rv_vulkan_device device = host_lend(&b.host);
        rv_fail(RV_OK, "said before");
        cr_assert_eq(lent ? rv_context_import(&device, &params, &b.context)
                          : rv_context_create(&params, &b.context),
                     RV_OK);
        cr_expect_str_eq(rv_error_text(), "said before", "%s, %d: opening", folder, lent);
        cr_assert_eq(rv_dream(b.context, b.weights, &b.input, &small, NULL, NULL, &picture, NULL),
                     RV_OK);
        cr_expect_str_eq(rv_error_text(), "said before", "%s, %d: dreaming", folder, lent);
        rv_picture_free(&picture);
        rv_context_destroy(&b.context);
        cr_expect_str_eq(rv_error_text(), "said before", "%s, %d: closing", folder, lent);
        host_end(&b.host);
    }
    rv_weights_destroy(&b.weights);
    rv_picture_free(&b.input);
}

Test(endings, a_start_without_a_cache) {
    char folder[] = "/tmp/reverie-endings-XXXXXX", inner[64], command[64];
    cr_assert_not_null(mkdtemp(folder));
    snprintf(inner, sizeof inner, "%s/cache", folder);
    start_with_cache(inner);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    cr_expect_eq(system(command), 0);
    start_with_cache("/dev/null/cache");
}
