// A device that takes frames: v4l2loopback's, which other programs then take for a camera. Format
// and order of the calls are those that OBS uses, so that what works with OBS works here.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/videodev2.h>

#include "base/status.h"
#include "capture/sink.h"

#define WAIT_MS 1000 // for a device that has no room

struct device {
    struct rv_video_sink sink; // first, so that its address converts
    const char *name;
    const struct rv_v4l2_calls *calls;
    int fd;
    struct rv_video_format format;
    bool streaming;
    size_t stride; // bytes
    uint8_t *bytes;
    size_t size; // of a frame
};

static int call(struct device *device, unsigned long request, void *argument) {
    return rv_v4l2_ioctl(device->calls, device->fd, request, argument);
}

static enum rv_status fail_device(struct device *device, const char *what) {
    switch (errno) {
    case ENOENT:
    case ENXIO:
    case ENODEV:
        return rv_fail(RV_ERR_IO,
                       "%s: there is no such device: sudo modprobe v4l2loopback exclusive_caps=1 "
                       "makes one",
                       device->name);
    case EACCES:
    case EPERM:
        return rv_fail(RV_ERR_IO, "%s: permission denied: become a member of the group \"video\"",
                       device->name);
    case EBUSY:
        return rv_fail(RV_ERR_IO, "%s: another program is using it: end that first", device->name);
    default:
        return rv_fail(RV_ERR_IO, "%s: cannot %s: %s", device->name, what, strerror(errno));
    }
}

static enum rv_status open_device(struct device *device) {
    device->fd = device->calls->open(device->calls->user, device->name, O_RDWR | O_CLOEXEC);
    return device->fd < 0 ? fail_device(device, "open it") : RV_OK;
}

static enum rv_status takes_frames(struct device *device, bool *takes) {
    struct v4l2_capability can = {0};
    if (call(device, VIDIOC_QUERYCAP, &can) < 0)
        return errno == ENOTTY || errno == EINVAL
                   ? rv_fail(RV_ERR_INPUT, "%s: it is no video device", device->name)
                   : fail_device(device, "ask what it can do");
    uint32_t caps = can.capabilities & V4L2_CAP_DEVICE_CAPS ? can.device_caps : can.capabilities;
    *takes = caps & V4L2_CAP_VIDEO_OUTPUT;
    return RV_OK;
}

// With exclusive_caps=1 a device whose last writer ended badly says that it only gives frames,
// until its output was started and stopped once.
static enum rv_status reset(struct device *device, bool *takes) {
    struct v4l2_format format = {.type = V4L2_BUF_TYPE_VIDEO_OUTPUT};
    int type = V4L2_BUF_TYPE_VIDEO_OUTPUT;
    *takes = false;
    if (call(device, VIDIOC_G_FMT, &format) < 0 || call(device, VIDIOC_S_FMT, &format) < 0 ||
        call(device, VIDIOC_STREAMON, &type) < 0 || call(device, VIDIOC_STREAMOFF, &type) < 0)
        return RV_OK;
    device->calls->close(device->calls->user, device->fd);
    enum rv_status status = open_device(device);
    return status == RV_OK ? takes_frames(device, takes) : status;
}

static enum rv_status set_format(struct device *device) {
    struct v4l2_format format = {.type = V4L2_BUF_TYPE_VIDEO_OUTPUT};
    struct v4l2_pix_format *pix = &format.fmt.pix;
    const uint32_t width = device->format.width, height = device->format.height;
    if (call(device, VIDIOC_G_FMT, &format) < 0)
        return fail_device(device, "ask for its format");
    pix->width = width;
    pix->height = height;
    pix->pixelformat = V4L2_PIX_FMT_YUYV;
    pix->field = V4L2_FIELD_NONE;
    pix->bytesperline = (uint32_t)device->stride;
    pix->sizeimage = (uint32_t)device->size;
    pix->colorspace = V4L2_COLORSPACE_SRGB;
    if (call(device, VIDIOC_S_FMT, &format) < 0)
        return fail_device(device, "set its format");
    if (pix->width != width || pix->height != height || pix->pixelformat != V4L2_PIX_FMT_YUYV)
        return rv_fail(RV_ERR_IO,
                       "%s: it takes %u x %u pixels of another kind only: end the programs that "
                       "read it, or give --size %ux%u",
                       device->name, (unsigned)pix->width, (unsigned)pix->height,
                       (unsigned)pix->width, (unsigned)pix->height);
    if (pix->bytesperline > device->stride)
        device->stride = pix->bytesperline;
    return RV_OK;
}

// v4l2loopback knows no rate but this; a device that does not take it has one of its own.
static void set_rate(struct device *device, const struct rv_sink_request *request) {
    struct v4l2_streamparm parameters = {.type = V4L2_BUF_TYPE_VIDEO_OUTPUT};
    if (!request->rate || !request->rate_base)
        return;
    parameters.parm.output.capability = V4L2_CAP_TIMEPERFRAME;
    parameters.parm.output.timeperframe = (struct v4l2_fract){request->rate_base, request->rate};
    call(device, VIDIOC_S_PARM, &parameters);
}

static enum rv_status write_frame(struct rv_video_sink *sink, const uint8_t *rgba, bool *gone) {
    struct device *device = (struct device *)sink;
    const struct rv_planes planes =
        rv_pixels_planes_strided(&device->format, device->bytes, device->stride, NULL);
    (void)gone; // that somebody reads is not needed
    rv_pixels_from_rgba(&device->format, rgba, &planes);
    for (size_t done = 0; done < device->size;) {
        ssize_t count = device->calls->write(device->calls->user, device->fd, device->bytes + done,
                                             device->size - done);
        if (count > 0) {
            done += (size_t)count;
            continue;
        }
        if (count < 0 && errno == EINTR)
            continue;
        short events;
        if (count < 0 && errno == EAGAIN &&
            device->calls->poll(device->calls->user, device->fd, POLLOUT, WAIT_MS, &events) != 0)
            continue;
        if (count == 0 || errno == EAGAIN)
            return rv_fail(RV_ERR_IO, "%s: it takes no frames", device->name);
        return fail_device(device, "write a frame");
    }
    return RV_OK;
}

static enum rv_status close_device(struct rv_video_sink *sink, bool keep) {
    struct device *device = (struct device *)sink;
    int type = V4L2_BUF_TYPE_VIDEO_OUTPUT;
    (void)keep;
    if (device->streaming)
        call(device, VIDIOC_STREAMOFF, &type);
    if (device->fd >= 0)
        device->calls->close(device->calls->user, device->fd);
    free(device->bytes);
    free(device);
    return RV_OK;
}

static const struct rv_sink_kind kind = {write_frame, close_device};

enum rv_status rv_sink_open_device(const struct rv_sink_request *request,
                                   struct rv_video_sink **sink) {
    struct device *device = calloc(1, sizeof *device);
    enum rv_status status = RV_OK;
    bool takes;
    if (!device)
        return rv_fail(RV_ERR_NO_MEMORY, "%s: no memory to open it", request->output);
    device->sink.kind = &kind;
    device->sink.device = true;
    device->name = request->output;
    device->calls = request->calls ? request->calls : &rv_v4l2_kernel;
    device->fd = -1;
    // Readers of YUYV take it for BT.601 of limited range.
    device->format = (struct rv_video_format){.pixels = RV_PIXELS_YUYV,
                                              .width = request->width,
                                              .height = request->height,
                                              .matrix = RV_MATRIX_BT601};
    device->stride = rv_pixels_planes(&device->format, NULL).stride[0];
    device->size = rv_pixels_size(&device->format);
    RV_TRY(open_device(device));
    RV_TRY(takes_frames(device, &takes));
    bool stuck = !takes;
    if (stuck)
        RV_TRY(reset(device, &takes));
    if (!takes)
        RV_TRY(rv_fail(RV_ERR_INPUT,
                       "%s: it takes no frames: is it a camera? `v4l2-ctl --list-devices` tells "
                       "devices apart",
                       device->name));
    set_rate(device, request);
    RV_TRY(set_format(device));
    device->size = device->stride * device->format.height;
    device->bytes = calloc(1, device->size);
    if (!device->bytes)
        RV_TRY(rv_fail(RV_ERR_NO_MEMORY, "%s: no memory for its frames", device->name));
    if (stuck) {
        int type = V4L2_BUF_TYPE_VIDEO_OUTPUT;
        if (call(device, VIDIOC_STREAMON, &type) < 0)
            RV_TRY(fail_device(device, "start it"));
        device->streaming = true;
    }
    snprintf(device->sink.text, sizeof device->sink.text, "YUYV, a device for other programs");
    *sink = &device->sink;
    return RV_OK;
done:
    close_device(&device->sink, false);
    return status;
}
