#include "capture/fake_kernel.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

static int fail(int error) {
    errno = error;
    return -1;
}

static int fake_open(void *user, const char *path, int flags) {
    struct fake_kernel *k = user;
    cr_assert(strncmp(path, "/dev/video", 10) == 0 && (flags & O_RDWR) && (flags & O_CLOEXEC));
    if (k->open_error)
        return fail(k->open_error);
    k->open_count++;
    return FAKE_FD;
}

static int fake_close(void *user, int fd) {
    struct fake_kernel *k = user;
    cr_assert_eq(fd, FAKE_FD);
    k->close_count++;
    return 0;
}

// ------------------------------------------------------------------------------------------------
// Formats

static const struct fake_format *find_format(const struct fake_kernel *k, uint32_t fourcc) {
    for (const struct fake_format *f = k->formats; f->fourcc; f++)
        if (f->fourcc == fourcc)
            return f;
    return NULL;
}

static uint32_t row_bytes(uint32_t fourcc, uint32_t width) {
    return fourcc == V4L2_PIX_FMT_YUYV   ? (width + 1) / 2 * 4
           : fourcc == V4L2_PIX_FMT_NV12 ? width
                                         : 0;
}

// As drivers do: what is not possible becomes the nearest that is.
static void fit(const struct fake_kernel *k, struct v4l2_pix_format *pix) {
    const struct fake_format *f = find_format(k, pix->pixelformat);
    if (!f)
        f = k->formats;
    pix->pixelformat = f->fourcc;
    pix->width = pix->width < f->width ? pix->width : f->width;
    pix->height = pix->height < f->height ? pix->height : f->height;
    pix->colorspace = k->colorspace;
    uint32_t row = row_bytes(f->fourcc, pix->width);
    pix->bytesperline = row ? row + k->stride_more : 0;
    pix->sizeimage = pix->bytesperline * pix->height;
    if (f->fourcc == V4L2_PIX_FMT_NV12)
        pix->sizeimage += (pix->bytesperline + 1) / 2 * 2 * ((pix->height + 1) / 2);
    if (!row)
        pix->sizeimage = pix->width * pix->height * 2 + 1000;
}

static int enumerate_formats(const struct fake_kernel *k, struct v4l2_fmtdesc *row) {
    uint32_t count = 0;
    while (k->formats[count].fourcc)
        count++;
    if (row->index >= count)
        return fail(EINVAL);
    row->pixelformat = k->formats[row->index].fourcc;
    return 0;
}

static int enumerate_rates(const struct fake_kernel *k, struct v4l2_frmivalenum *row) {
    const struct fake_format *f = find_format(k, row->pixel_format);
    if (!f || !f->rate || row->index > 1)
        return fail(EINVAL);
    row->type = V4L2_FRMIVAL_TYPE_DISCRETE;
    row->discrete = (struct v4l2_fract){1, row->index ? f->rate : 5};
    return 0;
}

static int set_format(struct fake_kernel *k, struct v4l2_format *format) {
    cr_assert(!k->streaming);
    fit(k, &format->fmt.pix);
    if (k->other_width)
        format->fmt.pix.width = k->other_width;
    k->pix = format->fmt.pix;
    return 0;
}

static int set_rate(struct fake_kernel *k, struct v4l2_streamparm *parameters) {
    const struct fake_format *f = find_format(k, k->pix.pixelformat);
    struct v4l2_fract *asked = &parameters->parm.capture.timeperframe; // output's lies there, too
    if (parameters->type == V4L2_BUF_TYPE_VIDEO_CAPTURE && f && f->rate &&
        (double)asked->denominator / asked->numerator > f->rate)
        *asked = (struct v4l2_fract){1, f->rate};
    k->interval = *asked;
    return 0;
}

// ------------------------------------------------------------------------------------------------
// Buffers

static int request_buffers(struct fake_kernel *k, struct v4l2_requestbuffers *wanted) {
    cr_assert_eq(wanted->memory, V4L2_MEMORY_MMAP);
    if (k->buffers && wanted->count > k->buffers)
        wanted->count = k->buffers;
    for (uint32_t i = 0; i < wanted->count; i++)
        k->memory[i] = calloc(1, k->pix.sizeimage);
    k->allocated = wanted->count;
    return 0;
}

static void *fake_mmap(void *user, size_t length, int fd, off_t offset) {
    struct fake_kernel *k = user;
    cr_assert(fd == FAKE_FD && length == k->pix.sizeimage && offset < (off_t)k->allocated);
    k->mapped++;
    return k->memory[offset];
}

static int fake_munmap(void *user, void *address, size_t length) {
    struct fake_kernel *k = user;
    cr_assert(length == k->pix.sizeimage && !k->streaming && address);
    k->mapped--;
    return 0;
}

static void fill(struct fake_kernel *k, uint8_t *bytes) {
    for (uint32_t y = 0; y < k->pix.height; y++)
        for (uint32_t x = 0; x < k->pix.width && k->pixel; x++) {
            uint8_t *row = bytes + (size_t)y * k->pix.bytesperline;
            if (k->pix.pixelformat == V4L2_PIX_FMT_YUYV) {
                row[x * 2] = k->pixel(k->frame, x, y, 0);
                row[x / 2 * 4 + 1] = k->pixel(k->frame, x, y, 1);
                row[x / 2 * 4 + 3] = k->pixel(k->frame, x, y, 2);
            } else {
                uint8_t *chroma = bytes + (size_t)k->pix.height * k->pix.bytesperline +
                                  (size_t)(y / 2) * k->pix.bytesperline + x / 2 * 2;
                row[x] = k->pixel(k->frame, x, y, 0);
                chroma[0] = k->pixel(k->frame, x, y, 1);
                chroma[1] = k->pixel(k->frame, x, y, 2);
            }
        }
}

static void stamp(const struct fake_kernel *k, struct v4l2_buffer *buffer) {
    double then = rv_clock_seconds() - k->frame_age;
    if (k->no_timestamps)
        return;
    buffer->flags |= V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
    buffer->timestamp.tv_sec = (time_t)then;
    buffer->timestamp.tv_usec = (suseconds_t)((then - (double)(time_t)then) * 1e6);
}

static enum fake_event take_event(struct fake_kernel *k) {
    enum fake_event event = k->events[k->event];
    if (k->events[k->event + 1] != FAKE_END)
        k->event++;
    return event;
}

static int dequeue(struct fake_kernel *k, struct v4l2_buffer *buffer) {
    enum fake_event event = take_event(k);
    cr_assert(k->streaming && buffer->memory == V4L2_MEMORY_MMAP);
    switch (event) {
    case FAKE_EAGAIN:
    case FAKE_NOT_YET:
        return fail(EAGAIN);
    case FAKE_EINTR:
        return fail(EINTR);
    case FAKE_EIO:
        return fail(EIO);
    case FAKE_ENODEV:
        return fail(ENODEV);
    default:
        break;
    }
    // Buffers come back in the order they were given; one that was kept is missed at once.
    uint32_t index = k->next;
    cr_assert(k->queued[index], "buffer %u was not given back", index);
    k->queued[index] = false;
    k->next = (k->next + 1) % k->allocated;
    bool jpeg = row_bytes(k->pix.pixelformat, 1) == 0;
    buffer->index = event == FAKE_STRANGE ? 77 : index;
    buffer->bytesused = jpeg ? (uint32_t)k->jpeg_size : k->pix.sizeimage;
    if (jpeg)
        memcpy(k->memory[index], k->jpeg, k->jpeg_size);
    else
        fill(k, k->memory[index]);
    if (event == FAKE_GARBAGE)
        memset(k->memory[index], 0x5a, buffer->bytesused);
    if (event == FAKE_SHORT)
        buffer->bytesused /= 2;
    if (event == FAKE_FLAGGED)
        buffer->flags |= V4L2_BUF_FLAG_ERROR;
    stamp(k, buffer);
    k->frame++;
    return 0;
}

static int enqueue(struct fake_kernel *k, const struct v4l2_buffer *buffer) {
    cr_assert(buffer->index < k->allocated && !k->queued[buffer->index]);
    k->queued[buffer->index] = true;
    return 0;
}

static int fake_poll(void *user, int fd, short events, int milliseconds, short *revents) {
    struct fake_kernel *k = user;
    cr_assert(fd == FAKE_FD && milliseconds > 0);
    *revents = events;
    if (events == POLLIN && k->events[k->event] == FAKE_NOT_YET) {
        take_event(k);
        usleep(1000);
        return 0;
    }
    return 1;
}

static ssize_t fake_write(void *user, int fd, const void *bytes, size_t size) {
    struct fake_kernel *k = user;
    cr_assert_eq(fd, FAKE_FD);
    if (k->write_errors[k->write_error])
        return fail(k->write_errors[k->write_error++]);
    size_t taken = k->write_most && size > k->write_most ? k->write_most : size;
    cr_assert(k->written_size + taken <= sizeof k->written);
    memcpy(k->written + k->written_size, bytes, taken);
    k->written_size += taken;
    return (ssize_t)taken;
}

// ------------------------------------------------------------------------------------------------
// Requests

static int answer(struct fake_kernel *k, unsigned long request, void *argument) {
    struct v4l2_capability *can = argument;
    struct v4l2_buffer *buffer = argument;
    switch (request) {
    case VIDIOC_QUERYCAP:
        can->capabilities = k->capabilities | V4L2_CAP_DEVICE_CAPS;
        can->device_caps = k->capabilities;
        return 0;
    case VIDIOC_ENUM_FMT:
        return enumerate_formats(k, argument);
    case VIDIOC_ENUM_FRAMEINTERVALS:
        return enumerate_rates(k, argument);
    case VIDIOC_G_FMT:
        ((struct v4l2_format *)argument)->fmt.pix = k->pix;
        return 0;
    case VIDIOC_TRY_FMT:
        fit(k, &((struct v4l2_format *)argument)->fmt.pix);
        return 0;
    case VIDIOC_S_FMT:
        return set_format(k, argument);
    case VIDIOC_S_PARM:
        return set_rate(k, argument);
    case VIDIOC_REQBUFS:
        return request_buffers(k, argument);
    case VIDIOC_QUERYBUF:
        buffer->length = k->pix.sizeimage;
        buffer->m.offset = buffer->index;
        return 0;
    case VIDIOC_QBUF:
        return enqueue(k, argument);
    case VIDIOC_DQBUF:
        return dequeue(k, argument);
    case VIDIOC_STREAMON:
        k->streaming = true;
        k->streams_on++;
        return 0;
    case VIDIOC_STREAMOFF:
        k->streaming = false;
        k->streams_off++;
        return 0;
    default:
        return fail(ENOTTY);
    }
}

static int fake_ioctl(void *user, int fd, unsigned long request, void *argument) {
    struct fake_kernel *k = user;
    cr_assert_eq(fd, FAKE_FD);
    k->interrupted = k->interrupt_every_call && !k->interrupted;
    if (k->interrupted) {
        k->calls_interrupted++;
        return fail(EINTR);
    }
    if (request == k->failing) {
        if (k->once)
            k->failing = 0;
        return fail(k->failing_error);
    }
    return answer(k, request, argument);
}

void fake_camera(struct fake_kernel *kernel, const struct fake_format *formats) {
    memset(kernel, 0, sizeof *kernel);
    kernel->capabilities = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
    kernel->events[0] = FAKE_FRAME;
    for (int i = 0; formats[i].fourcc; i++)
        kernel->formats[i] = formats[i];
}

struct rv_v4l2_calls fake_calls(struct fake_kernel *kernel) {
    return (struct rv_v4l2_calls){.user = kernel,
                                  .open = fake_open,
                                  .close = fake_close,
                                  .ioctl = fake_ioctl,
                                  .mmap = fake_mmap,
                                  .munmap = fake_munmap,
                                  .poll = fake_poll,
                                  .write = fake_write};
}

void fake_finish(struct fake_kernel *kernel) {
    cr_expect_eq(kernel->open_count, kernel->close_count, "the device stays open");
    cr_expect_eq(kernel->mapped, 0, "%d buffers stay mapped", kernel->mapped);
    cr_expect(!kernel->streaming, "it still streams");
    for (uint32_t i = 0; i < kernel->allocated; i++)
        free(kernel->memory[i]);
}
