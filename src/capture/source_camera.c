// Cameras, by the kernel's interface V4L2: frames come in buffers that are mapped and handed back.
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/videodev2.h>

#include "base/clock.h"
#include "base/status.h"
#include "capture/mjpeg.h"
#include "capture/source.h"

#define USUAL_WIDTH 640
#define USUAL_HEIGHT 480
#define USUAL_RATE 30.0
#define BUFFERS 4       // one being filled, one ready, one in our hands, one to spare
#define WAIT_MS 50      // between looks at `stop`
#define PATIENCE 5.0    // seconds without a frame
#define MOST_DAMAGED 50 // frames in a row

struct camera {
    struct rv_video_source source; // first, so that its address converts
    const char *name;
    const struct rv_v4l2_calls *calls;
    const atomic_bool *stop;
    int fd;
    struct v4l2_pix_format pix;
    struct rv_video_format format; // of what is not MJPEG
    bool mjpeg, streaming;
    struct {
        uint8_t *address;
        size_t length;
    } buffers[BUFFERS];
    uint32_t buffer_count, damaged_in_a_row;
};

// What can be taken, the cheapest first.
static const struct {
    uint32_t fourcc;
    enum rv_pixel_format pixels; // NONE = MJPEG
    const char *name;
} kinds[] = {{V4L2_PIX_FMT_NV12, RV_PIXELS_NV12, "NV12"},
             {V4L2_PIX_FMT_YUYV, RV_PIXELS_YUYV, "YUYV"},
             {V4L2_PIX_FMT_MJPEG, RV_PIXELS_NONE, "MJPEG"},
             {V4L2_PIX_FMT_JPEG, RV_PIXELS_NONE, "JPEG"}};
#define KIND_COUNT (sizeof kinds / sizeof *kinds)

static int call(struct camera *camera, unsigned long request, void *argument) {
    return rv_v4l2_ioctl(camera->calls, camera->fd, request, argument);
}

static enum rv_status fail_open(const char *name, int error) {
    const char *advice = "";
    switch (error) {
    case ENOENT:
    case ENXIO:
        advice = "there is no such camera: `ls /dev/video*` lists those that there are";
        break;
    case ENODEV:
        advice = "the camera is not there: plug it in again";
        break;
    case EACCES:
    case EPERM:
        advice = "permission denied: become a member of the group \"video\"";
        break;
    case EBUSY:
        advice = "another program is using it: end that first";
        break;
    default:
        advice = strerror(error);
        break;
    }
    return rv_fail(RV_ERR_IO, "%s: cannot open: %s", name, advice);
}

static enum rv_status fail_call(struct camera *camera, const char *what) {
    switch (errno) {
    case EBUSY:
        return rv_fail(RV_ERR_IO, "%s: another program is using it: end that first", camera->name);
    case ENODEV:
    case ENXIO:
        return rv_fail(RV_ERR_IO, "%s: the camera is gone: was it unplugged?", camera->name);
    default:
        return rv_fail(RV_ERR_IO, "%s: cannot %s: %s", camera->name, what, strerror(errno));
    }
}

// ------------------------------------------------------------------------------------------------
// Agreeing on a format

static enum rv_status check_camera(struct camera *camera) {
    struct v4l2_capability can = {0};
    if (call(camera, VIDIOC_QUERYCAP, &can) < 0)
        return errno == ENOTTY || errno == EINVAL
                   ? rv_fail(RV_ERR_INPUT, "%s: it is no camera (V4L2 device)", camera->name)
                   : fail_call(camera, "ask what it can do");
    uint32_t caps = can.capabilities & V4L2_CAP_DEVICE_CAPS ? can.device_caps : can.capabilities;
    if (!(caps & V4L2_CAP_VIDEO_CAPTURE))
        return rv_fail(RV_ERR_INPUT,
                       "%s: it gives no video%s: `v4l2-ctl --list-devices` tells devices apart",
                       camera->name,
                       caps & V4L2_CAP_VIDEO_CAPTURE_MPLANE ? " in single planes"
                       : caps & V4L2_CAP_META_CAPTURE       ? ", only data about it"
                                                            : "");
    if (!(caps & V4L2_CAP_STREAMING))
        return rv_fail(RV_ERR_INPUT, "%s: it cannot stream through mapped buffers", camera->name);
    return RV_OK;
}

// True if the camera has that format; the names of all that it has are gathered in `seen`.
static bool offers(struct camera *camera, uint32_t fourcc, char *seen, size_t capacity) {
    bool found = false;
    *seen = '\0';
    for (uint32_t i = 0; i < 64; i++) {
        struct v4l2_fmtdesc row = {.index = i, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
        if (call(camera, VIDIOC_ENUM_FMT, &row) < 0)
            break;
        found |= row.pixelformat == fourcc;
        size_t used = strlen(seen);
        snprintf(seen + used, capacity - used, "%s%c%c%c%c", used ? ", " : "",
                 (char)(row.pixelformat & 0x7f), (char)(row.pixelformat >> 8 & 0x7f),
                 (char)(row.pixelformat >> 16 & 0x7f), (char)(row.pixelformat >> 24 & 0x7f));
    }
    return found;
}

// The highest rate at a format and size; 0 = not told.
static double highest_rate(struct camera *camera, const struct v4l2_pix_format *pix) {
    double best = 0;
    for (uint32_t i = 0; i < 64; i++) {
        struct v4l2_frmivalenum row = {.index = i,
                                       .pixel_format = pix->pixelformat,
                                       .width = pix->width,
                                       .height = pix->height};
        if (call(camera, VIDIOC_ENUM_FRAMEINTERVALS, &row) < 0)
            break;
        bool discrete = row.type == V4L2_FRMIVAL_TYPE_DISCRETE;
        struct v4l2_fract shortest = discrete ? row.discrete : row.stepwise.min;
        if (shortest.numerator > 0)
            best = fmax(best, (double)shortest.denominator / shortest.numerator);
        if (!discrete)
            break;
    }
    return best;
}

static bool try_format(struct camera *camera, uint32_t fourcc, uint32_t width, uint32_t height,
                       struct v4l2_pix_format *pix) {
    struct v4l2_format format = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
    format.fmt.pix.width = width;
    format.fmt.pix.height = height;
    format.fmt.pix.pixelformat = fourcc;
    format.fmt.pix.field = V4L2_FIELD_NONE;
    if (call(camera, VIDIOC_TRY_FMT, &format) < 0)
        return false;
    *pix = format.fmt.pix;
    return pix->pixelformat == fourcc && pix->width > 0 && pix->height > 0 &&
           pix->width <= RV_VIDEO_SIDE_MAX && pix->height <= RV_VIDEO_SIDE_MAX;
}

// Of the formats that both know: the rate that is wanted before the size that is wanted, before
// what is cheap to take. Over USB 2, large frames come fast as MJPEG only.
static enum rv_status choose_format(struct camera *camera, uint32_t width, uint32_t height,
                                    double rate) {
    char seen[160] = "";
    double best = -1;
    for (size_t i = 0; i < KIND_COUNT; i++) {
        struct v4l2_pix_format pix;
        if (!offers(camera, kinds[i].fourcc, seen, sizeof seen) ||
            !try_format(camera, kinds[i].fourcc, width, height, &pix))
            continue;
        double fastest = highest_rate(camera, &pix);
        bool fast = fastest == 0 || fastest > 0.9 * rate;
        bool large = pix.width >= width && pix.height >= height;
        double score = (fast ? 4 : 2 * fastest / rate) + (large ? 1 : 0);
        if (score <= best)
            continue;
        best = score;
        camera->pix = pix;
    }
    if (best < 0)
        return rv_fail(RV_ERR_INPUT,
                       "%s: none of its formats (%s) is known here: NV12, YUYV or MJPEG is needed",
                       camera->name, *seen ? seen : "it names none");
    return RV_OK;
}

static const char *kind_name(uint32_t fourcc) {
    size_t i = 0;
    while (kinds[i].fourcc != fourcc)
        i++;
    return kinds[i].name;
}

// What its numbers mean, by the kernel's own rules where it leaves that open.
static void read_colours(const struct v4l2_pix_format *pix, struct rv_video_format *format) {
    uint32_t encoding =
        pix->ycbcr_enc ? pix->ycbcr_enc : V4L2_MAP_YCBCR_ENC_DEFAULT(pix->colorspace);
    uint32_t range = pix->quantization
                         ? pix->quantization
                         : V4L2_MAP_QUANTIZATION_DEFAULT(false, pix->colorspace, encoding);
    bool hd = encoding == V4L2_YCBCR_ENC_709 || encoding == V4L2_YCBCR_ENC_XV709;
    format->matrix = hd ? RV_MATRIX_BT709 : RV_MATRIX_BT601;
    format->full_range = range == V4L2_QUANTIZATION_FULL_RANGE;
}

// Sets what was chosen; the driver has the last word about everything but the pixels.
static enum rv_status set_format(struct camera *camera) {
    struct v4l2_format format = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .fmt.pix = camera->pix};
    if (call(camera, VIDIOC_S_FMT, &format) < 0)
        return fail_call(camera, "set the format");
    const struct v4l2_pix_format *pix = &format.fmt.pix;
    if (pix->pixelformat != camera->pix.pixelformat || pix->width == 0 || pix->height == 0 ||
        pix->width > RV_VIDEO_SIDE_MAX || pix->height > RV_VIDEO_SIDE_MAX)
        return rv_fail(RV_ERR_INPUT, "%s: the camera does not keep to the format agreed on",
                       camera->name);
    camera->pix = *pix;
    camera->format.width = pix->width;
    camera->format.height = pix->height;
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (kinds[i].fourcc == pix->pixelformat)
            camera->format.pixels = kinds[i].pixels;
    }
    camera->mjpeg = camera->format.pixels == RV_PIXELS_NONE;
    read_colours(pix, &camera->format);
    size_t least = camera->mjpeg ? 0 : rv_pixels_planes(&camera->format, NULL).stride[0];
    if (camera->pix.bytesperline < least) // some drivers leave it 0
        camera->pix.bytesperline = (uint32_t)least;
    return RV_OK;
}

// A camera that does not let its rate be set has one of its own.
static void set_rate(struct camera *camera, double rate) {
    struct v4l2_streamparm parameters = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
    struct v4l2_captureparm *capture = &parameters.parm.capture;
    capture->timeperframe = (struct v4l2_fract){1000, (uint32_t)(rate * 1000 + 0.5)};
    if (call(camera, VIDIOC_S_PARM, &parameters) < 0 || capture->timeperframe.numerator == 0)
        return;
    camera->source.info.rate = capture->timeperframe.denominator;
    camera->source.info.rate_base = capture->timeperframe.numerator;
}

// ------------------------------------------------------------------------------------------------
// Buffers

static enum rv_status map_buffers(struct camera *camera) {
    struct v4l2_requestbuffers wanted = {
        .count = BUFFERS, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
    if (call(camera, VIDIOC_REQBUFS, &wanted) < 0)
        return fail_call(camera, "get buffers");
    if (wanted.count < 2)
        return rv_fail(RV_ERR_NO_MEMORY, "%s: the driver has no memory for two frames",
                       camera->name);
    uint32_t count = wanted.count < BUFFERS ? wanted.count : BUFFERS;
    for (uint32_t i = 0; i < count; i++) {
        struct v4l2_buffer buffer = {
            .index = i, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
        if (call(camera, VIDIOC_QUERYBUF, &buffer) < 0)
            return fail_call(camera, "look at a buffer");
        void *address = camera->calls->mmap(camera->calls->user, buffer.length, camera->fd,
                                            (off_t)buffer.m.offset);
        if (address == (void *)-1)
            return fail_call(camera, "map a buffer");
        camera->buffers[i].address = address;
        camera->buffers[i].length = buffer.length;
        camera->buffer_count = i + 1;
    }
    return RV_OK;
}

static enum rv_status give_buffer(struct camera *camera, uint32_t index) {
    struct v4l2_buffer buffer = {
        .index = index, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
    return call(camera, VIDIOC_QBUF, &buffer) < 0 ? fail_call(camera, "hand a buffer back") : RV_OK;
}

static enum rv_status start(struct camera *camera) {
    int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    enum rv_status status = RV_OK;
    for (uint32_t i = 0; i < camera->buffer_count; i++)
        RV_TRY(give_buffer(camera, i));
    if (call(camera, VIDIOC_STREAMON, &type) < 0)
        RV_TRY(fail_call(camera, "start"));
    camera->streaming = true;
done:
    return status;
}

// ------------------------------------------------------------------------------------------------
// Frames

// Waits for a filled buffer. *end after a stop.
static enum rv_status take_buffer(struct camera *camera, struct v4l2_buffer *buffer, bool *end) {
    const double until = rv_clock_seconds() + PATIENCE;
    while (!(*end = camera->stop && atomic_load(camera->stop))) {
        short events = 0;
        int ready = camera->calls->poll(camera->calls->user, camera->fd, POLLIN, WAIT_MS, &events);
        if (ready < 0 && errno != EINTR && errno != EAGAIN)
            return fail_call(camera, "wait for a frame");
        if (ready > 0) {
            *buffer = (struct v4l2_buffer){.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
                                           .memory = V4L2_MEMORY_MMAP};
            if (call(camera, VIDIOC_DQBUF, buffer) == 0)
                return buffer->index < camera->buffer_count
                           ? RV_OK
                           : rv_fail(RV_ERR_IO, "%s: the driver gave a buffer that is not there",
                                     camera->name);
            if (errno != EAGAIN && errno != EIO) // EIO: something was lost on the way
                return fail_call(camera, "take a frame");
        }
        if (rv_clock_seconds() > until)
            return rv_fail(RV_ERR_IO,
                           "%s: no frame came within %.0f s: is the camera covered by "
                           "a switch, or in use?",
                           camera->name, PATIENCE);
    }
    return RV_OK;
}

// When the frame was taken, if the driver tells it by our clock and not in the future.
static double time_of(const struct v4l2_buffer *buffer) {
    double now = rv_clock_seconds();
    double then = (double)buffer->timestamp.tv_sec + (double)buffer->timestamp.tv_usec * 1e-6;
    bool ours = (buffer->flags & V4L2_BUF_FLAG_TIMESTAMP_MASK) == V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
    return ours && then > 0 && then < now ? then : now;
}

// False if the frame is damaged.
static bool convert(struct camera *camera, const struct v4l2_buffer *buffer, uint8_t *rgba) {
    uint8_t *bytes = camera->buffers[buffer->index].address;
    size_t length = camera->buffers[buffer->index].length, needed, used = buffer->bytesused;
    if ((buffer->flags & V4L2_BUF_FLAG_ERROR) || used > length)
        return false;
    if (camera->mjpeg)
        return rv_mjpeg_decode(bytes, used, camera->pix.width, camera->pix.height, rgba) == RV_OK;
    struct rv_planes planes =
        rv_pixels_planes_strided(&camera->format, bytes, camera->pix.bytesperline, &needed);
    if (used < needed)
        return false;
    rv_pixels_to_rgba(&camera->format, &planes, rgba);
    return true;
}

static enum rv_status read_frame(struct rv_video_source *source, uint8_t *rgba, double *captured,
                                 bool *end) {
    struct camera *camera = (struct camera *)source;
    enum rv_status status = RV_OK;
    for (;;) {
        struct v4l2_buffer buffer;
        RV_TRY(take_buffer(camera, &buffer, end));
        if (*end)
            break;
        *captured = time_of(&buffer);
        bool good = convert(camera, &buffer, rgba);
        RV_TRY(give_buffer(camera, buffer.index));
        if (good) {
            camera->damaged_in_a_row = 0;
            break;
        }
        source->losses.damaged++;
        if (++camera->damaged_in_a_row == MOST_DAMAGED)
            RV_TRY(rv_fail(RV_ERR_IO,
                           "%s: %d damaged frames in a row: check the cable, or try "
                           "another --size",
                           camera->name, MOST_DAMAGED));
    }
done:
    return status;
}

static void close_camera(struct rv_video_source *source) {
    struct camera *camera = (struct camera *)source;
    int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    if (camera->streaming)
        call(camera, VIDIOC_STREAMOFF, &type); // it may be gone
    for (uint32_t i = 0; i < camera->buffer_count; i++)
        camera->calls->munmap(camera->calls->user, camera->buffers[i].address,
                              camera->buffers[i].length);
    camera->calls->close(camera->calls->user, camera->fd);
    free(camera);
}

static const struct rv_source_kind kind = {read_frame, close_camera};

static void describe(struct camera *camera) {
    struct rv_source_info *info = &camera->source.info;
    info->width = camera->pix.width;
    info->height = camera->pix.height;
    info->pixels = camera->format.pixels;
    info->live = true;
    double rate = info->rate_base ? (double)info->rate / info->rate_base : 0;
    int used =
        snprintf(info->text, sizeof info->text, "%s, %u x %u", kind_name(camera->pix.pixelformat),
                 (unsigned)info->width, (unsigned)info->height);
    if (rate > 0)
        snprintf(info->text + used, sizeof info->text - (size_t)used, " at %.4g frames a second",
                 rate);
}

enum rv_status rv_source_open_camera(const struct rv_source_request *request,
                                     struct rv_video_source **source) {
    const struct rv_v4l2_calls *calls = request->calls ? request->calls : &rv_v4l2_kernel;
    struct camera *camera = calloc(1, sizeof *camera);
    enum rv_status status = RV_OK;
    if (!camera)
        return rv_fail(RV_ERR_NO_MEMORY, "%s: no memory to open it", request->input);
    camera->source.kind = &kind;
    camera->name = request->input;
    camera->calls = calls;
    camera->stop = request->stop;
    camera->fd = calls->open(calls->user, request->input, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (camera->fd < 0) {
        int error = errno;
        free(camera);
        return fail_open(request->input, error);
    }
    double rate = request->rate > 0 ? request->rate : USUAL_RATE;
    RV_TRY(check_camera(camera));
    RV_TRY(choose_format(camera, request->width ? request->width : USUAL_WIDTH,
                         request->height ? request->height : USUAL_HEIGHT, rate));
    RV_TRY(set_format(camera));
    set_rate(camera, rate);
    RV_TRY(map_buffers(camera));
    RV_TRY(start(camera));
    describe(camera);
    *source = &camera->source;
    return RV_OK;
done:
    close_camera(&camera->source);
    return status;
}
