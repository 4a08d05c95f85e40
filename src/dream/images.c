// What the owner of a lent device does with a session: images, and command buffers.
#include "dream/images.h"

#include <string.h>

#include "dream/context.h"
#include "dream/session.h"

// How a format's pixels are laid out. False if it is none of ours.
static bool read_format(const struct rv_vulkan_image *image, struct rv_pixels_op *op) {
    bool encoded = false;
    switch ((int)image->format) {
    case VK_FORMAT_R8G8B8A8_SRGB:
    case VK_FORMAT_B8G8R8A8_SRGB:
        encoded = true;
        // fall through
    case VK_FORMAT_R8G8B8A8_UNORM:
    case VK_FORMAT_B8G8R8A8_UNORM:
        op->words = 1;
        break;
    case VK_FORMAT_R16G16B16A16_SFLOAT:
        op->words = 2;
        break;
    case VK_FORMAT_R32G32B32A32_SFLOAT:
        op->words = 4;
        break;
    default:
        return false;
    }
    op->swap =
        image->format == VK_FORMAT_B8G8R8A8_SRGB || image->format == VK_FORMAT_B8G8R8A8_UNORM;
    op->linear = image->linear && !encoded;
    return true;
}

enum rv_status rv_image_check(const struct rv_vulkan_image *given, struct rv_vulkan_image *image,
                              struct rv_pixels_op *op) {
    *image = (struct rv_vulkan_image){0};
    memcpy(image, given, given->size && given->size < sizeof *image ? given->size : sizeof *image);
    op->size = (struct rv_extent){image->width, image->height};
    if (image->layout_after == VK_IMAGE_LAYOUT_UNDEFINED)
        image->layout_after = image->layout;
    if (!image->image || !image->width || !image->height)
        return rv_fail(RV_ERR_USAGE, "rv_vulkan_image: image, width and height must be set");
    if (image->layout_after == VK_IMAGE_LAYOUT_UNDEFINED ||
        image->layout_after == VK_IMAGE_LAYOUT_PREINITIALIZED)
        return rv_fail(RV_ERR_USAGE,
                       "rv_vulkan_image: set layout_after, the layout to leave it in");
    if (!read_format(image, op))
        return rv_fail(
            RV_ERR_USAGE,
            "rv_vulkan_image: format %d is none of RGBA8, BGRA8 (UNORM or SRGB), RGBA16F "
            "and RGBA32F",
            (int)image->format);
    return RV_OK;
}

struct rv_image_use rv_image_use_of(const struct rv_vulkan_image *image) {
    return (struct rv_image_use){.image = image->image,
                                 .width = image->width,
                                 .height = image->height,
                                 .layout = image->layout,
                                 .layout_after = image->layout_after,
                                 .queue_family = image->transfer ? image->queue_family
                                                                 : VK_QUEUE_FAMILY_IGNORED};
}

struct rv_meeting rv_image_meeting(const struct rv_vulkan_image *image) {
    return (struct rv_meeting){image->wait, image->signal, image->wait_value, image->signal_value};
}

// Begins the recording of an exchange, when the one before is over.
static enum rv_status begin(struct rv_session *s, struct rv_pixels_op *op) {
    uint64_t bytes = rv_pixels_bytes(op->size, op->words);
    enum rv_status status;
    RV_TRY(rv_device_wait(s->device, s->exchanged));
    rv_recorder_finish(&s->exchange);
    if (s->pixels.size < bytes) {
        if (s->pixels.handle)
            rv_buffer_finish(s->device, &s->pixels);
        RV_TRY(rv_buffer_init(s->device, &s->pixels, bytes, RV_MEMORY_DEVICE, "image"));
    }
    op->theirs = (struct rv_range){&s->pixels, 0, bytes};
    status = rv_recorder_init(&s->exchange, s->device, 2);
done:
    return status;
}

static enum rv_status finish(struct rv_session *s, const struct rv_vulkan_image *image) {
    struct rv_meeting meeting = rv_image_meeting(image);
    enum rv_status status = rv_recorder_end(&s->exchange);
    return status == RV_OK ? rv_recorder_meet(&s->exchange, &meeting, &s->exchanged) : status;
}

static enum rv_status read_source(struct rv_session *s, const struct rv_vulkan_image *image,
                                  struct rv_pixels_op *op) {
    struct rv_image_use use = rv_image_use_of(image);
    enum rv_status status;
    RV_TRY(begin(s, op));
    op->ours = rv_pyramid_original(&s->pictures);
    RV_TRY(rv_record_image_read(&s->exchange, &use, op->theirs));
    RV_TRY(rv_op_pixels(&s->exchange, op));
    status = finish(s, image);
done:
    return status;
}

enum rv_status rv_session_begin_image(rv_context *context, const rv_weights *weights,
                                      const struct rv_vulkan_image *source,
                                      const struct rv_params *params, rv_session **session) {
    struct rv_pixels_op op = {0};
    struct rv_vulkan_image image;
    enum rv_status status;
    if (session)
        *session = NULL;
    if (!context || !weights || !source || !session)
        return rv_fail(RV_ERR_USAGE,
                       "rv_session_begin_image needs a context, weights, an image and "
                       "a place for the session");
    status = rv_image_check(source, &image, &op);
    if (status == RV_OK && (image.layout == VK_IMAGE_LAYOUT_UNDEFINED))
        status =
            rv_fail(RV_ERR_USAGE, "rv_vulkan_image: a source of undefined layout holds nothing");
    if (status != RV_OK)
        return status;
    RV_TRY(rv_session_prepare(context, weights, op.size, params, session));
    RV_TRY(read_source(*session, &image, &op));
    RV_TRY(rv_pyramid_start(&(*session)->pictures));
    return RV_OK;
done:
    rv_session_end(session);
    return status;
}

enum rv_status rv_session_write_image(rv_session *session, const struct rv_vulkan_image *target) {
    struct rv_session *s = session;
    struct rv_pixels_op op = {.pack = true};
    struct rv_vulkan_image image;
    struct rv_range room;
    enum rv_status status;
    if (!session || !target)
        return rv_fail(RV_ERR_USAGE, "rv_session_write_image needs a session and an image");
    RV_TRY(rv_image_check(target, &image, &op));
    struct rv_extent base = s->pictures.base;
    if (image.width != base.width || image.height != base.height) {
        status = rv_fail(RV_ERR_USAGE, "an image of %u x %u cannot hold a picture of %u x %u",
                         image.width, image.height, base.width, base.height);
        goto done;
    }
    struct rv_image_use use = rv_image_use_of(&image);
    RV_TRY(rv_session_room(s, &room));
    RV_TRY(begin(s, &op));
    RV_TRY(rv_pyramid_show(&s->pictures, &s->exchange, room, &op.ours));
    RV_TRY(rv_op_pixels(&s->exchange, &op));
    RV_TRY(rv_record_image_write(&s->exchange, op.theirs, &use));
    status = finish(s, &image);
done:
    return status;
}

enum rv_status rv_session_record(rv_session *session, VkCommandBuffer commands, double flops,
                                 struct rv_progress *progress) {
    struct rv_session *s = session;
    enum rv_status status;
    if (!session || !commands || !(flops >= 0))
        return rv_fail(RV_ERR_USAGE, "rv_session_record needs a session, a command buffer and a "
                                     "number of operations that is not negative");
    rv_recorder_finish(&s->recorded);
    RV_TRY(rv_session_collect(s));
    RV_TRY(rv_session_ready(s, flops));
    if (s->work.tiles.tiling)
        status = rv_fail(RV_ERR_USAGE, "this octave is dreamed in tiles, which cannot be recorded: "
                                       "use rv_session_advance, or allow more memory");
    else if (rv_octave_can_submit(s))
        status = rv_octave_record(s, commands);
    s->current.finished = rv_session_finished(s);
    if (progress)
        *progress = s->current;
done:
    return status;
}
