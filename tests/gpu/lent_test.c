// Devices and images that belong to somebody else.
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/half.h"
#include "dream/context.h"
#include "support/device.h"
#include "support/dreams.h"
#include "support/host.h"

#define WIDTH 101
#define HEIGHT 79
#define PIXELS ((size_t)WIDTH * HEIGHT)

static const struct rv_params small = {.layers = "mixed0",
                                       .octaves = 2,
                                       .octave_scale = 1.05f,
                                       .iterations = 2,
                                       .jitter = 9,
                                       .step = 0.03f};

static rv_context *import(struct host *host) {
    struct rv_vulkan_device lent = host_lend(host);
    rv_context *context;
    cr_assert_eq(rv_context_import(&lent, NULL, &context), RV_OK, "%s", rv_error_text());
    return context;
}

static void finish(rv_session *session) {
    struct rv_progress progress = {0};
    while (!progress.finished)
        cr_assert_eq(rv_session_advance(session, NULL, &progress), RV_OK, "%s", rv_error_text());
}

// ------------------------------------------------------------------------------------------------
// The device

// The same bytes as on a device of our own, every submission within the lock, and the host's device
// is there afterwards.
Test(lent, dreams) {
    struct host host;
    rv_weights *weights = rv_test_weights(1);
    struct rv_picture input = rv_test_noise(1, WIDTH, HEIGHT);
    rv_context *own = rv_test_context();
    struct rv_picture expected = rv_test_dream(own, weights, &input, &small, "a device of our own");
    rv_test_context_end(&own);
    host_begin(&host, true);
    for (int i = 0; i < 2; i++) {
        rv_context *context = import(&host);
        uint32_t before = host.submits;
        uint64_t submitted = context->device->submitted;
        struct rv_picture result = rv_test_dream(context, weights, &input, &small, "a lent one");
        cr_expect(memcmp(result.pixels, expected.pixels, PIXELS * 12) == 0, "other bytes");
        cr_expect_eq(host.submits - before, context->device->submitted - submitted);
        cr_expect(host.submits > 4 && host.locked == 0);
        rv_picture_free(&result);
        rv_context_destroy(&context);
        struct host_image image = host_image(&host, VK_FORMAT_R8G8B8A8_UNORM, 4, 4);
        uint32_t pixels[16] = {1, 2, 3}, read[16];
        host_image_write(&host, &image, VK_IMAGE_LAYOUT_GENERAL, pixels);
        host_image_read(&host, &image, VK_IMAGE_LAYOUT_GENERAL, read);
        cr_expect(memcmp(read, pixels, sizeof read) == 0, "the host's device does not work");
        host_image_end(&host, &image);
    }
    host_end(&host);
    rv_picture_free(&input);
    rv_picture_free(&expected);
    rv_weights_destroy(&weights);
}

// Slices in the host's own command buffer, now and then one of ours: the same bytes.
static void dream_in_command_buffers(struct host *host, rv_context *context,
                                     const rv_weights *weights, const struct rv_picture *input,
                                     const struct rv_params *params, uint32_t tiles) {
    static const double flops[] = {1, 5e6, 0};
    struct rv_picture expected = rv_test_dream(context, weights, input, params, "in one call");
    struct rv_dream_stats stats;
    rv_session *session;
    for (size_t i = 0; i < sizeof flops / sizeof *flops; i++) {
        struct rv_progress progress = {0};
        struct rv_advance_params how = {.flops = flops[i] > 0 ? flops[i] : 1e12};
        struct rv_picture result;
        uint32_t calls = 0;
        cr_assert_eq(rv_session_begin(context, weights, input, params, &session), RV_OK);
        while (!progress.finished) {
            host_record(host);
            cr_assert_eq(rv_session_record(session, host->commands, flops[i], &progress), RV_OK,
                         "%s", rv_error_text());
            host_run(host);
            if (++calls % 3 == 0)
                cr_assert_eq(rv_session_advance(session, &how, &progress), RV_OK);
        }
        cr_assert_eq(rv_session_picture(session, &result), RV_OK, "%s", rv_error_text());
        rv_session_stats(session, &stats);
        fprintf(stderr, "%g: %u calls, %u tiles\n", flops[i], calls, stats.tiles);
        cr_expect(stats.tiles >= tiles);
        cr_expect(memcmp(result.pixels, expected.pixels,
                         sizeof(float) * 3 * input->width * input->height) == 0,
                  "%g: other bytes", flops[i]);
        rv_picture_free(&result);
        rv_session_end(&session);
    }
    rv_picture_free(&expected);
}

Test(lent, command_buffers) {
    struct host host;
    struct rv_params wide = small, shaped = small;
    shaped.smooth = 0.5f;
    shaped.laplacian = 3;
    shaped.tv = shaped.pull = 1;
    shaped.optimizer = RV_OPTIMIZER_ADAM;
    shaped.schedule = RV_SCHEDULE_LINEAR;
    shaped.flips = RV_SWITCH_ON;
    shaped.strength = 3;
    rv_weights *weights = rv_test_weights(1);
    struct rv_picture input = rv_test_noise(1, WIDTH, HEIGHT), panorama = rv_test_noise(2, 300, 80);
    host_begin(&host, true);
    rv_context *context = import(&host);
    dream_in_command_buffers(&host, context, weights, &input, &small, 1);
    dream_in_command_buffers(&host, context, weights, &input, &shaped, 1);
    // The device can show a kernel too little at once.
    context->device->limits.storage_range = context->device->limits.texel_bytes = 1200000;
    strcpy(wide.layers, "max_pooling2d");
    wide.octaves = 1;
    dream_in_command_buffers(&host, context, weights, &panorama, &wide, 2);
    rv_context_destroy(&context);
    host_end(&host);
    rv_picture_free(&input);
    rv_picture_free(&panorama);
    rv_weights_destroy(&weights);
}

// What is wrong with what is lent is said before anything is done with it.
Test(lent, refusals) {
    struct host host;
    rv_context *context;
    host_begin(&host, true);
    struct rv_vulkan_device good = host_lend(&host), bad = good;
#define REFUSED(status, word)                                                                      \
    do {                                                                                           \
        cr_expect_eq(rv_context_import(&bad, NULL, &context), status, "%s", word);                 \
        cr_expect(!context && strstr(rv_error_text(), word), "%s", rv_error_text());               \
        bad = good;                                                                                \
    } while (0)
    bad.get_instance_proc_addr = NULL;
    REFUSED(RV_ERR_USAGE, "get_instance_proc_addr");
    bad.device = VK_NULL_HANDLE;
    REFUSED(RV_ERR_USAGE, "device");
    bad.unlock_queue = NULL;
    REFUSED(RV_ERR_USAGE, "unlock_queue");
    bad.queue_family = 77;
    REFUSED(RV_ERR_USAGE, "family 77");
    bad.queue_index = 99;
    REFUSED(RV_ERR_USAGE, "queue 99");
    bad.features = NULL;
    REFUSED(RV_ERR_NO_DEVICE, "timelineSemaphore");
    bad.extension_count = 1;
    REFUSED(RV_ERR_USAGE, "extensions");
#undef REFUSED
    cr_expect_eq(rv_context_import(NULL, NULL, &context), RV_ERR_USAGE);
    cr_expect_eq(rv_context_import(&good, NULL, NULL), RV_ERR_USAGE);
    cr_expect_eq(host.submits, 0);
    host_end(&host);
}

// A device on which nothing was enabled but what is required uses nothing else.
Test(lent, restraint) {
    struct host host;
    host_begin(&host, true);
    rv_context *context = import(&host);
    const struct rv_device_info *info = rv_context_device(context);
    cr_expect(!info->fp16);
    for (int i = 0; i < RV_PROFILES; i++)
        cr_expect(!info->profiles[i].available || !strstr(info->profiles[i].name, "coopmat"));
    rv_context_destroy(&context);
    host_end(&host);
}

// ------------------------------------------------------------------------------------------------
// Images

static const struct kind {
    VkFormat format;
    const char *name;
    bool linear;
    double step; // between neighbouring values
} kinds[] = {
    {VK_FORMAT_R8G8B8A8_UNORM, "RGBA8", false, 1.0 / 255},
    {VK_FORMAT_R8G8B8A8_SRGB, "RGBA8 sRGB", true, 1.0 / 255},
    {VK_FORMAT_B8G8R8A8_UNORM, "BGRA8", false, 1.0 / 255},
    {VK_FORMAT_B8G8R8A8_SRGB, "BGRA8 sRGB", false, 1.0 / 255},
    {VK_FORMAT_R8G8B8A8_UNORM, "RGBA8 linear", true, 13.0 / 255}, // 12.92 as steep at black
    {VK_FORMAT_R16G16B16A16_SFLOAT, "RGBA16F", false, 1.0 / 2048},
    {VK_FORMAT_R16G16B16A16_SFLOAT, "RGBA16F linear", true, 1.0 / 1024},
    {VK_FORMAT_R32G32B32A32_SFLOAT, "RGBA32F", false, 1e-6},
    {VK_FORMAT_R32G32B32A32_SFLOAT, "RGBA32F linear", true, 2e-6},
};

static bool is_linear(const struct kind *kind) {
    return kind->linear && kind->format != VK_FORMAT_R8G8B8A8_SRGB &&
           kind->format != VK_FORMAT_B8G8R8A8_SRGB;
}

static bool has_blue_first(const struct kind *kind) {
    return kind->format == VK_FORMAT_B8G8R8A8_UNORM || kind->format == VK_FORMAT_B8G8R8A8_SRGB;
}

static double encode(double x) {
    return x <= 0.0031308 ? 12.92 * x : 1.055 * pow(x, 1 / 2.4) - 0.055;
}

static double decode(double x) {
    return x <= 0.04045 ? x / 12.92 : pow((x + 0.055) / 1.055, 2.4);
}

// One value of an image's pixels, red first, in 0..1 as sRGB.
static double value_of(const struct kind *kind, const void *pixels, size_t pixel, int channel) {
    double value;
    if (has_blue_first(kind) && channel < 3)
        channel = 2 - channel;
    if (kind->format == VK_FORMAT_R32G32B32A32_SFLOAT)
        value = (double)((const float *)pixels)[4 * pixel + (size_t)channel];
    else if (kind->format == VK_FORMAT_R16G16B16A16_SFLOAT)
        value = (double)rv_half_to_float(((const uint16_t *)pixels)[4 * pixel + (size_t)channel]);
    else
        value = ((const uint8_t *)pixels)[4 * pixel + (size_t)channel] / 255.0;
    return channel < 3 && is_linear(kind) ? encode(value) : value;
}

static void *make_pixels(const struct kind *kind, const struct rv_picture *picture) {
    uint8_t *pixels = malloc(PIXELS * 16);
    for (size_t i = 0; i < PIXELS * 4; i++) {
        int channel = (int)(i % 4);
        if (has_blue_first(kind) && channel < 3)
            channel = 2 - channel;
        double value =
            channel < 3 ? (double)picture->pixels[i / 4 * 3 + (size_t)channel] : 0.25; // alpha
        if (is_linear(kind) && channel < 3)
            value = decode(value);
        if (kind->format == VK_FORMAT_R32G32B32A32_SFLOAT)
            ((float *)pixels)[i] = (float)value;
        else if (kind->format == VK_FORMAT_R16G16B16A16_SFLOAT)
            ((uint16_t *)pixels)[i] = rv_half_from_float((float)value);
        else
            pixels[i] = (uint8_t)(value * 255 + 0.5);
    }
    return pixels;
}

static struct rv_vulkan_image describe(const struct host_image *image, const struct kind *kind,
                                       VkImageLayout layout, VkImageLayout after) {
    return (struct rv_vulkan_image){.image = image->image,
                                    .format = image->format,
                                    .width = image->width,
                                    .height = image->height,
                                    .layout = layout,
                                    .layout_after = after,
                                    .linear = kind->linear};
}

// A picture comes in as it is in the image, and goes out as rv_session_picture gives it, by the
// device alone: of the host's memory nothing but the weights is copied. The semaphores are waited
// for and signalled by one queue, and rv_vulkan_image::transfer is not used: llvmpipe and
// SwiftShader have one family of one queue.
static void check_kind(struct host *host, rv_context *context, const rv_weights *weights,
                       const struct kind *kind) {
    const VkImageLayout read = VK_IMAGE_LAYOUT_SHADER_READ_ONLY_OPTIMAL;
    struct rv_picture input = rv_test_noise(1, WIDTH, HEIGHT), shown;
    struct host_image from = host_image(host, kind->format, WIDTH, HEIGHT);
    struct host_image to = host_image(host, kind->format, WIDTH, HEIGHT);
    struct rv_vulkan_image source = describe(&from, kind, read, VK_IMAGE_LAYOUT_GENERAL);
    struct rv_vulkan_image target = describe(&to, kind, VK_IMAGE_LAYOUT_UNDEFINED, read);
    void *pixels = make_pixels(kind, &input), *made = malloc(PIXELS * 16);
    VkSemaphore timeline = host_timeline(host);
    rv_session *session;
    host_image_write(host, &from, read, pixels);
    source.signal = target.wait = timeline;
    source.signal_value = target.wait_value = 5;
    target.signal = timeline;
    target.signal_value = 9;
    cr_assert_eq(rv_session_begin_image(context, weights, &source, &small, &session), RV_OK, "%s",
                 rv_error_text());
    cr_expect_eq(host_value(host, timeline), 5);
    cr_assert_eq(rv_session_picture(session, &shown), RV_OK, "%s", rv_error_text());
    double worst = 0;
    for (size_t i = 0; i < PIXELS * 3; i++)
        worst = fmax(worst,
                     fabs((double)shown.pixels[i] - value_of(kind, pixels, i / 3, (int)(i % 3))));
    cr_expect(worst < 2e-5, "%s: read %.1e off", kind->name, worst);
    rv_picture_free(&shown);

    finish(session);
    uint64_t host_bytes = context->device->host_bytes;
    cr_assert_eq(rv_session_write_image(session, &target), RV_OK, "%s", rv_error_text());
    cr_expect_eq(context->device->host_bytes, host_bytes, "%s: copied by the host", kind->name);
    cr_assert_eq(rv_session_picture(session, &shown), RV_OK, "%s", rv_error_text());
    cr_expect_eq(host_value(host, timeline), 9);
    host_image_read(host, &to, read, made);
    double off = 0;
    for (size_t i = 0; i < PIXELS * 3; i++)
        off = fmax(off, fabs((double)shown.pixels[i] - value_of(kind, made, i / 3, (int)(i % 3))));
    for (size_t i = 0; i < PIXELS; i++)
        cr_assert(value_of(kind, made, i, 3) == 1, "%s: alpha", kind->name);
    fprintf(stderr, "%s: read %.1e off, written %.1e off\n", kind->name, worst, off);
    cr_expect(off <= kind->step / 2 * 1.01 + 1e-6, "%s: written %.1e off", kind->name, off);
    rv_picture_free(&shown);
    rv_session_end(&session);
    free(pixels);
    free(made);
    host->DestroySemaphore(host->device, timeline, NULL);
    host_image_end(host, &from);
    host_image_end(host, &to);
    rv_picture_free(&input);
}

Test(lent, images) {
    struct host host;
    rv_weights *weights = rv_test_weights(1);
    host_begin(&host, true);
    rv_context *context = import(&host);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        check_kind(&host, context, weights, &kinds[i]);
    cr_expect_eq(context->device->bytes, 0);
    rv_context_destroy(&context);
    host_end(&host);
    rv_weights_destroy(&weights);
}

// The whole way of a picture through the device: what the host copies are the weights.
Test(lent, no_host_copies) {
    struct host host;
    rv_weights *weights = rv_test_weights(1);
    struct rv_picture input = rv_test_noise(1, WIDTH, HEIGHT);
    rv_session *session;
    host_begin(&host, true);
    rv_context *context = import(&host);
    struct rv_device *device = context->device;
    struct host_image image = host_image(&host, VK_FORMAT_R8G8B8A8_UNORM, WIDTH, HEIGHT);
    void *pixels = make_pixels(&kinds[0], &input);
    host_image_write(&host, &image, VK_IMAGE_LAYOUT_GENERAL, pixels);
    struct rv_vulkan_image use = describe(&image, &kinds[0], VK_IMAGE_LAYOUT_GENERAL, 0);
    cr_assert_eq(rv_session_begin(context, weights, &input, &small, &session), RV_OK);
    uint64_t with_upload = device->host_bytes;
    rv_session_end(&session);
    device->host_bytes = 0;
    cr_assert_eq(rv_session_begin_image(context, weights, &use, &small, &session), RV_OK, "%s",
                 rv_error_text());
    cr_expect_eq(with_upload - device->host_bytes, PIXELS * 16, "%llu and %llu bytes",
                 (unsigned long long)with_upload, (unsigned long long)device->host_bytes);
    uint64_t weights_only = device->host_bytes;
    struct rv_progress progress = {0};
    struct rv_advance_params how = {.flops = 2e7};
    while (!progress.finished) {
        cr_assert_eq(rv_session_advance(session, &how, &progress), RV_OK);
        cr_assert_eq(rv_session_write_image(session, &use), RV_OK, "%s", rv_error_text());
    }
    cr_expect_eq(device->host_bytes, weights_only);
    rv_session_end(&session);
    host_image_end(&host, &image);
    free(pixels);
    rv_context_destroy(&context);
    host_end(&host);
    rv_picture_free(&input);
    rv_weights_destroy(&weights);
}

Test(lent, image_refusals) {
    struct host host;
    rv_weights *weights = rv_test_weights(1);
    struct rv_picture input = rv_test_noise(1, WIDTH, HEIGHT);
    rv_session *session, *other;
    host_begin(&host, true);
    rv_context *context = import(&host);
    struct host_image image = host_image(&host, VK_FORMAT_R8G8B8A8_UNORM, WIDTH, HEIGHT);
    struct rv_vulkan_image good =
        describe(&image, &kinds[0], VK_IMAGE_LAYOUT_UNDEFINED, VK_IMAGE_LAYOUT_GENERAL);
    cr_assert_eq(rv_session_begin(context, weights, &input, &small, &session), RV_OK);
    struct rv_vulkan_image bad = good;
#define REFUSED(word)                                                                              \
    do {                                                                                           \
        cr_expect_eq(rv_session_write_image(session, &bad), RV_ERR_USAGE, "%s", word);             \
        cr_expect(strstr(rv_error_text(), word), "%s", rv_error_text());                           \
        bad = good;                                                                                \
    } while (0)
    bad.width++;
    REFUSED("102 x 79");
    bad.format = VK_FORMAT_R8_UNORM;
    REFUSED("format 9");
    bad.layout_after = VK_IMAGE_LAYOUT_UNDEFINED;
    REFUSED("layout_after");
    bad.image = VK_NULL_HANDLE;
    REFUSED("image");
#undef REFUSED
    cr_expect_eq(rv_session_begin_image(context, weights, &good, &small, &other), RV_ERR_USAGE);
    cr_expect(other == NULL && strstr(rv_error_text(), "undefined layout"));
    cr_expect_eq(rv_session_write_image(session, &good), RV_OK, "%s", rv_error_text());
    rv_session_end(&session);
    host_image_end(&host, &image);
    rv_context_destroy(&context);
    host_end(&host);
    rv_picture_free(&input);
    rv_weights_destroy(&weights);
}
