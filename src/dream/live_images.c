// Frames from and to the images of a lent device's owner.
#include "base/clock.h"
#include "dream/images.h"
#include "dream/live.h"

// An image's size is that of the frames.
static enum rv_status check(const struct rv_live *live, const struct rv_vulkan_image *given,
                            struct rv_vulkan_image *image, struct rv_pixels_op *op) {
    enum rv_status status = rv_image_check(given, image, op);
    if (status == RV_OK && (image->width != live->full.width || image->height != live->full.height))
        status =
            rv_fail(RV_ERR_USAGE, "an image of %u x %u, where frames of %u x %u are dreamed on",
                    image->width, image->height, live->full.width, live->full.height);
    return status;
}

// Begins the recording of an exchange, when the one before is over.
static enum rv_status begin(struct rv_live *live, struct rv_pixels_op *op) {
    uint64_t bytes = rv_pixels_bytes(op->size, op->words);
    enum rv_status status;
    RV_TRY(rv_device_wait(live->device, live->exchanged));
    rv_recorder_finish(&live->exchange);
    if (live->pixels.size < bytes) {
        rv_buffer_finish(live->device, &live->pixels);
        RV_TRY(rv_buffer_init(live->device, &live->pixels, bytes, RV_MEMORY_DEVICE, "image"));
    }
    op->theirs = (struct rv_range){&live->pixels, 0, bytes};
    status = rv_recorder_init(&live->exchange, live->device, 2);
done:
    return status;
}

static enum rv_status finish(struct rv_live *live, const struct rv_vulkan_image *image) {
    struct rv_meeting meeting = rv_image_meeting(image);
    enum rv_status status = rv_recorder_end(&live->exchange);
    return status == RV_OK ? rv_recorder_meet(&live->exchange, &meeting, &live->exchanged) : status;
}

static enum rv_status take(struct rv_live *live, const struct rv_vulkan_image *source,
                           struct rv_pixels_op *op) {
    struct rv_image_use use = rv_image_use_of(source);
    enum rv_status status;
    RV_TRY(begin(live, op));
    op->ours = rv_live_range(live, RV_LIVE_FULL);
    RV_TRY(rv_record_image_read(&live->exchange, &use, op->theirs));
    RV_TRY(rv_op_pixels(&live->exchange, op));
    RV_TRY(finish(live, source));
    status = rv_device_wait(live->device, live->exchanged);
done:
    return status;
}

static enum rv_status give(struct rv_live *live, const struct rv_vulkan_image *target,
                           struct rv_pixels_op *op) {
    struct rv_image_use use = rv_image_use_of(target);
    enum rv_status status;
    op->pack = true;
    RV_TRY(begin(live, op));
    op->ours = rv_live_range(live, RV_LIVE_RESULT);
    RV_TRY(rv_op_pixels(&live->exchange, op));
    RV_TRY(rv_record_image_write(&live->exchange, op->theirs, &use));
    status = finish(live, target);
done:
    return status;
}

enum rv_status rv_live_frame_images(struct rv_live *live, const struct rv_frame *in,
                                    const struct rv_vulkan_image *source, struct rv_frame *out,
                                    const struct rv_vulkan_image *target,
                                    struct rv_live_stats *stats) {
    struct rv_pixels_op from = {0}, to = {0};
    struct rv_vulkan_image source_image, target_image;
    struct rv_live_frame_state frame;
    enum rv_status status = RV_OK;
    if (stats)
        *stats = (struct rv_live_stats){0};
    if (!live || !in == !source)
        return rv_fail(RV_ERR_USAGE,
                       "rv_live_frame_images needs a live dream and either a frame or "
                       "an image to dream on");
    if (in)
        status = rv_live_check_frame(live, in);
    if (status == RV_OK && out)
        status = rv_live_check_frame(live, out);
    if (status == RV_OK && source)
        status = check(live, source, &source_image, &from);
    if (status == RV_OK && source && source_image.layout == VK_IMAGE_LAYOUT_UNDEFINED)
        status =
            rv_fail(RV_ERR_USAGE, "rv_vulkan_image: a source of undefined layout holds nothing");
    if (status == RV_OK && target)
        status = check(live, target, &target_image, &to);
    if (status != RV_OK)
        return status;
    RV_TRY(rv_live_prepare(live, &frame));
    RV_TRY(in ? rv_live_take(live, in) : take(live, &source_image, &from));
    RV_TRY(rv_live_dream(live, &frame));
    if (out)
        RV_TRY(rv_live_give(live, out));
    if (target)
        RV_TRY(give(live, &target_image, &to));
done:
    rv_live_close(live, status, &frame, stats);
    return status;
}
