// Where dreams go: a file, a pipe, a device that other programs take for a camera.
#ifndef RV_CAPTURE_SINK_H
#define RV_CAPTURE_SINK_H

#include "capture/pixels.h"
#include "capture/v4l2_calls.h"

enum rv_sink_format {
    RV_SINK_BY_NAME = 0, // .y4m, .mjpeg or .mjpg, .raw or .rgb or .yuv; y4m for "-"
    RV_SINK_Y4M,
    RV_SINK_RAW,
    RV_SINK_MJPEG,
    RV_SINK_DEVICE // of V4L2: found out by looking at it, not asked for
};

// What is asked for. Texts are borrowed until the sink is closed.
struct rv_sink_request {
    const char *output; // a file, "-", or a device of V4L2
    enum rv_sink_format format;
    enum rv_pixel_format pixels;       // of y4m and raw; NONE = yuv420p for y4m, rgb24 for raw
    uint32_t width, height;            // of the frames
    uint32_t rate, rate_base;          // frames a second as a fraction; 0/0 = not known
    uint32_t aspect, aspect_base;      // of a pixel; 0/0 = not known
    uint32_t quality;                  // of MJPEG, 1..100; 0 = 95
    const struct rv_v4l2_calls *calls; // NULL = the kernel's
};

struct rv_video_sink;

// Finds out what an output is: *format becomes what BY_NAME means for it. RV_ERR_USAGE if the name
// tells nothing, or the format cannot hold such pixels. To be called before any work.
enum rv_status rv_sink_check(const struct rv_sink_request *request, enum rv_sink_format *format);

// Opens it. A file appears when it is closed, whole; pipes and devices are written at once.
enum rv_status rv_sink_open(const struct rv_sink_request *request, struct rv_video_sink **sink);

// Writes a frame, [height, width, 4]. *gone becomes true, and the status stays RV_OK, if whoever
// read the pipe has closed it: nothing more is to be written.
enum rv_status rv_sink_write(struct rv_video_sink *sink, const uint8_t *rgba, bool *gone);

// Ends it: keeps what was written, or throws a file away. Accepts NULL and pointers to NULL.
enum rv_status rv_sink_close(struct rv_video_sink **sink, bool keep);

// What it is, for people: "y4m, yuv420p".
const char *rv_sink_text(const struct rv_video_sink *sink);
// True for a device, where a frame is shown until the next one; elsewhere all take the same time.
bool rv_sink_is_device(const struct rv_video_sink *sink);

// ------------------------------------------------------------------------------------------------
// The kinds, for sink.c and tests

struct rv_sink_kind {
    enum rv_status (*write)(struct rv_video_sink *sink, const uint8_t *rgba, bool *gone);
    enum rv_status (*close)(struct rv_video_sink *sink, bool keep);
};

// The beginning of each kind's own struct.
struct rv_video_sink {
    const struct rv_sink_kind *kind;
    bool device;
    char text[80];
};

enum rv_status rv_sink_open_device(const struct rv_sink_request *request,
                                   struct rv_video_sink **sink);

#endif
