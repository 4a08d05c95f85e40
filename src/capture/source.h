// Where frames come from: a camera, a file, a pipe, a test picture. Every kind gives RGBA.
#ifndef RV_CAPTURE_SOURCE_H
#define RV_CAPTURE_SOURCE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "capture/pixels.h"
#include "capture/v4l2_calls.h"

// What is asked for. Texts are borrowed until the source is closed. Zero means: as it comes.
struct rv_source_request {
    const char *input;      // a camera's device, a file, "-" or "lavfi:GRAPH"
    uint32_t width, height; // of the frames; asked of a camera; what comes otherwise is resized
    double rate;            // frames a second: asked of a camera, that of raw frames
    enum rv_pixel_format pixels; // of raw frames without any header; then the size must be given
    const atomic_bool *stop;     // retained: when it becomes true, every wait ends; NULL = never
    const struct rv_v4l2_calls *calls; // NULL = the kernel's
};

// What was got.
struct rv_source_info {
    uint32_t width, height;       // of the frames that come out
    uint32_t rate, rate_base;     // frames a second as a fraction; 0/0 = not known
    uint32_t aspect, aspect_base; // of a pixel; 0/0 = not known
    enum rv_pixel_format pixels;  // as it came, where it is one of ours
    bool live;                    // frames come at their own time, whether or not one is ready
    char text[160];               // for people: "YUYV, 640 x 480 at 30 frames a second"
};

// What a source counts besides frames.
struct rv_source_losses {
    uint64_t damaged; // frames that came cut short or undecodable and were passed over
};

struct rv_video_source;

// What each kind of source does. `read` and `close` as below.
struct rv_source_kind {
    // Reads into [info.height, info.width, 4]; sets *end instead when there is no more, or after a
    // stop. *captured is when the frame was (rv_clock_seconds); as it stands, now.
    enum rv_status (*read)(struct rv_video_source *source, uint8_t *rgba, double *captured,
                           bool *end);
    void (*close)(struct rv_video_source *source);
};

// The beginning of each kind's own struct.
struct rv_video_source {
    const struct rv_source_kind *kind;
    struct rv_source_info info;
    struct rv_source_losses losses;
    uint8_t *scratch; // of the size of native frames, when they are to be resized; owned
    uint32_t native_width, native_height;
};

// Opens what is asked for. RV_ERR_IO and RV_ERR_INPUT say what is wrong with it, RV_ERR_USAGE what
// this build lacks.
enum rv_status rv_source_open(const struct rv_source_request *request,
                              struct rv_video_source **source);
// The next frame, resized to info's size. One thread at a time.
enum rv_status rv_source_read(struct rv_video_source *source, uint8_t *rgba, double *captured,
                              bool *end);
// Accepts NULL and pointers to NULL.
void rv_source_close(struct rv_video_source **source);

// ------------------------------------------------------------------------------------------------
// The kinds; each sets kind and info to native frames. For rv_source_open and tests.

struct rv_stream;
// y4m or, if request->pixels is given, raw frames. Takes the stream over, also on failure.
enum rv_status rv_source_open_frames(const struct rv_source_request *request,
                                     struct rv_stream *stream, struct rv_video_source **source);
enum rv_status rv_source_open_camera(const struct rv_source_request *request,
                                     struct rv_video_source **source);
// What libavformat knows; a stream that is not NULL is taken over and read in place of the path.
enum rv_status rv_source_open_av(const struct rv_source_request *request, struct rv_stream *stream,
                                 struct rv_video_source **source);
// Whether this build has libavformat and its companions.
bool rv_source_has_av(void);

#endif
