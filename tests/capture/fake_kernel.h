// A kernel with one video device, for tests: a camera, or what takes frames, that behaves as told.
#ifndef RV_TESTS_FAKE_KERNEL_H
#define RV_TESTS_FAKE_KERNEL_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/videodev2.h>

#include "capture/v4l2_calls.h"

#define FAKE_FD 42
#define FAKE_BUFFERS 8

struct fake_format {
    uint32_t fourcc;
    uint32_t width, height; // the largest; what is asked for is cut to it
    uint32_t rate;          // frames a second at any size; 0 = not told
};

// What happens when a frame is asked for, in their order; the last one again and again.
enum fake_event {
    FAKE_END = 0, // of the list
    FAKE_FRAME,
    FAKE_SHORT,   // half the bytes
    FAKE_FLAGGED, // with V4L2_BUF_FLAG_ERROR
    FAKE_GARBAGE, // bytes without sense
    FAKE_NOT_YET, // poll: nothing; then as if it had
    FAKE_EAGAIN,
    FAKE_EINTR,
    FAKE_EIO,
    FAKE_ENODEV, // unplugged
    FAKE_STRANGE // a buffer that is not there
};

struct fake_kernel {
    // How it behaves.
    int open_error;        // errno, 0 = it opens
    uint32_t capabilities; // of the device
    struct fake_format formats[8];
    uint32_t stride_more;  // bytes that rows are longer than need be
    uint32_t other_width;  // S_FMT gives another width than was agreed on; 0 = keeps to it
    uint32_t colorspace;   // of frames
    uint32_t buffers;      // at most so many; 0 = as many as asked for
    unsigned long failing; // this request fails with ...
    int failing_error;     // ... this errno
    bool once;             // the first time only
    enum fake_event events[64];
    bool no_timestamps;
    double frame_age; // seconds that a frame's timestamp lies back
    uint8_t (*pixel)(uint32_t frame, uint32_t x, uint32_t y, int channel); // of YUYV: Y, U, V
    const uint8_t *jpeg; // what frames of MJPEG hold
    size_t jpeg_size;
    size_t write_most;   // bytes a write takes; 0 = all
    int write_errors[8]; // errnos of the first writes, ended by 0

    // What happened.
    struct v4l2_pix_format pix;
    struct v4l2_fract interval;
    int open_count, close_count, mapped, streams_on, streams_off, calls_interrupted;
    bool streaming, queued[FAKE_BUFFERS];
    uint8_t *memory[FAKE_BUFFERS];
    uint32_t allocated, event, frame, next, write_error;
    uint8_t written[1 << 20];
    size_t written_size;
    bool interrupt_every_call; // the first try of each ioctl is broken off
    bool interrupted;
};

// A camera with these formats, ended by one without a fourcc.
void fake_camera(struct fake_kernel *kernel, const struct fake_format *formats);
// The calls of that kernel.
struct rv_v4l2_calls fake_calls(struct fake_kernel *kernel);
// Asserts that everything was given back, and frees it.
void fake_finish(struct fake_kernel *kernel);

#endif
