// In place of cameras and devices where there is no V4L2.
#include "base/status.h"
#include "capture/sink.h"
#include "capture/source.h"

enum rv_status rv_source_open_camera(const struct rv_source_request *request,
                                     struct rv_video_source **source) {
    (void)source;
    return rv_fail(RV_ERR_USAGE,
                   "%s: cameras are read on Linux only: let ffmpeg read it, and send its y4m "
                   "to reverie live -i -",
                   request->input);
}

enum rv_status rv_sink_open_device(const struct rv_sink_request *request,
                                   struct rv_video_sink **sink) {
    (void)sink;
    return rv_fail(RV_ERR_USAGE, "%s: devices that take frames are there on Linux only",
                   request->output);
}
