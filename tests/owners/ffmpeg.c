// A device that FFmpeg made, and frames of its own: those of its Vulkan filters and decoders.
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include <libavutil/dict.h>
#include <libavutil/hwcontext.h>
#include <libavutil/hwcontext_vulkan.h>
#include <libavutil/log.h>

#include "owners/proof.h"

#include <reverie/vulkan.h>

static uint32_t messages; // of the validation layer

static void on_message(void *of, int level, const char *format, va_list arguments) {
    char line[4096];
    int prefix = 1;
    if (level > AV_LOG_WARNING)
        return;
    av_log_format_line(of, level, format, arguments, line, sizeof line, &prefix);
    fputs(line, stderr);
    if (strstr(line, "Validation") || strstr(line, "VUID") || strstr(line, "SYNC-"))
        messages++;
}

// FFmpeg goes on without the layer if it is not there.
static bool is_validated(const AVVulkanDeviceContext *vulkan) {
    for (int i = 0; i < vulkan->nb_enabled_inst_extensions; i++)
        if (strcmp(vulkan->enabled_inst_extensions[i], VK_EXT_DEBUG_UTILS_EXTENSION_NAME) == 0)
            return true;
    return false;
}

static AVBufferRef *make_device(void) {
    AVDictionary *options = NULL;
    AVBufferRef *device = NULL;
    av_log_set_callback(on_message);
    av_dict_set(&options, "debug", "1", 0); // the validation layer
    int result = av_hwdevice_ctx_create(&device, AV_HWDEVICE_TYPE_VULKAN, NULL, options, 0);
    av_dict_free(&options);
    cr_assert_eq(result, 0, "FFmpeg makes no device: %s", av_err2str(result));
    cr_assert(is_validated(((AVHWDeviceContext *)device->data)->hwctx));
    return device;
}

// FFmpeg 5.1 has no lock for its queues: its documentation leaves it to the program that only one
// thread at a time submits to them, which holds here. It makes its instance for Vulkan 1.2.
static rv_context *lend(const AVVulkanDeviceContext *vulkan) {
    struct rv_vulkan_device lent = {.get_instance_proc_addr = vulkan->get_proc_addr,
                                    .api_version = VK_API_VERSION_1_2,
                                    .instance = vulkan->inst,
                                    .physical_device = vulkan->phys_dev,
                                    .device = vulkan->act_dev,
                                    .extensions = vulkan->enabled_dev_extensions,
                                    .extension_count = (uint32_t)vulkan->nb_enabled_dev_extensions,
                                    .features = &vulkan->device_features,
                                    .queue_family = (uint32_t)vulkan->queue_family_comp_index};
    rv_context *context;
    cr_assert_eq(rv_context_import(&lent, NULL, &context), RV_OK, "%s", rv_error_text());
    return context;
}

// ------------------------------------------------------------------------------------------------
// Frames

static AVBufferRef *make_pool(AVBufferRef *device, enum AVPixelFormat format) {
    AVBufferRef *pool = av_hwframe_ctx_alloc(device);
    AVHWFramesContext *frames = (AVHWFramesContext *)pool->data;
    frames->format = AV_PIX_FMT_VULKAN;
    frames->sw_format = format;
    frames->width = PROOF_WIDTH;
    frames->height = PROOF_HEIGHT;
    int result = av_hwframe_ctx_init(pool);
    cr_assert_eq(result, 0, "FFmpeg makes no frames: %s", av_err2str(result));
    return pool;
}

static AVFrame *make_frame(AVBufferRef *pool) {
    AVFrame *frame = av_frame_alloc();
    cr_assert_eq(av_hwframe_get_buffer(pool, frame, 0), 0);
    return frame;
}

static AVFrame *make_host_frame(enum AVPixelFormat format) {
    AVFrame *frame = av_frame_alloc();
    frame->format = format;
    frame->width = PROOF_WIDTH;
    frame->height = PROOF_HEIGHT;
    cr_assert_eq(av_frame_get_buffer(frame, 0), 0);
    return frame;
}

// The first plane of a frame, with its semaphore as FFmpeg wants it used: waited for at its value,
// signalled one higher. Formats of several planes have an image for each, none of which is a
// picture.
static struct rv_vulkan_image use(AVVkFrame *frame, enum AVPixelFormat format,
                                  VkImageLayout after) {
    return (struct rv_vulkan_image){.image = frame->img[0],
                                    .format = av_vkfmt_from_pixfmt(format)[0],
                                    .width = PROOF_WIDTH,
                                    .height = PROOF_HEIGHT,
                                    .layout = frame->layout[0],
                                    .layout_after = after,
                                    .wait = frame->sem[0],
                                    .wait_value = frame->sem_value[0],
                                    .signal = frame->sem[0],
                                    .signal_value = frame->sem_value[0] + 1};
}

static void used(AVVkFrame *frame, const struct rv_vulkan_image *image) {
    frame->layout[0] = image->layout_after;
    frame->access[0] = VK_ACCESS_MEMORY_READ_BIT | VK_ACCESS_MEMORY_WRITE_BIT;
    frame->sem_value[0] = image->signal_value;
}

// ------------------------------------------------------------------------------------------------
// Tests

static void check_format(AVBufferRef *device, rv_context *context, const struct proof *proof,
                         enum AVPixelFormat format, bool blue_first) {
    AVBufferRef *pool = make_pool(device, format);
    AVFrame *host = make_host_frame(format), *result = make_host_frame(format);
    AVFrame *from = make_frame(pool), *to = make_frame(pool);
    AVVkFrame *from_image = (AVVkFrame *)from->data[0], *to_image = (AVVkFrame *)to->data[0];
    rv_session *session;
    for (uint32_t y = 0; y < PROOF_HEIGHT; y++)
        proof_row(proof, y, blue_first, host->data[0] + (ptrdiff_t)y * host->linesize[0]);
    cr_assert_eq(av_hwframe_transfer_data(from, host, 0), 0);

    struct rv_vulkan_image source = use(from_image, format, from_image->layout[0]);
    cr_assert_eq(rv_session_begin_image(context, proof->weights, &source, &proof->params, &session),
                 RV_OK, "%s", rv_error_text());
    used(from_image, &source);
    proof_finish(session);
    struct rv_vulkan_image target = use(to_image, format, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL);
    cr_assert_eq(rv_session_write_image(session, &target), RV_OK, "%s", rv_error_text());
    used(to_image, &target);

    // FFmpeg waits for us by itself.
    const char *name = blue_first ? "bgra" : "rgba";
    cr_assert_eq(av_hwframe_transfer_data(result, to, 0), 0);
    proof_check(proof, result->data[0], (size_t)result->linesize[0], blue_first, name);
    cr_assert_eq(av_hwframe_transfer_data(result, from, 0), 0);
    for (int y = 0; y < PROOF_HEIGHT; y++)
        cr_expect(memcmp(result->data[0] + y * result->linesize[0],
                         host->data[0] + y * host->linesize[0], PROOF_PITCH) == 0,
                  "%s: row %d of the source was changed", name, y);
    rv_session_end(&session);
    av_frame_free(&from);
    av_frame_free(&to);
    av_frame_free(&host);
    av_frame_free(&result);
    av_buffer_unref(&pool);
}

Test(ffmpeg, dreams) {
    static struct proof proof;
    proof_begin(&proof);
    AVBufferRef *device = make_device();
    const AVVulkanDeviceContext *vulkan = ((AVHWDeviceContext *)device->data)->hwctx;
    rv_context *context = lend(vulkan);
    fprintf(stderr, "%s\n", rv_context_device(context)->name);
    check_format(device, context, &proof, AV_PIX_FMT_RGBA, false);
    check_format(device, context, &proof, AV_PIX_FMT_BGRA, true);
    rv_context_destroy(&context);
    av_buffer_unref(&device);
    cr_expect(messages == 0, "the validation layer reported %u times", messages);
    proof_end(&proof);
}
