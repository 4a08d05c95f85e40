// In place of source_av.c where the build found no libavformat.
#include "base/status.h"
#include "capture/source.h"
#include "capture/stream.h"

bool rv_source_has_av(void) {
    return false;
}

enum rv_status rv_source_open_av(const struct rv_source_request *request, struct rv_stream *stream,
                                 struct rv_video_source **source) {
    (void)source;
    if (stream)
        rv_stream_close(stream);
    return rv_fail(RV_ERR_USAGE,
                   "%s: this reverie reads cameras, y4m and raw frames only: build it where "
                   "libavformat, libavcodec, libavdevice and libswscale are (Debian: "
                   "libavdevice-dev), or convert it: ffmpeg -i FILE -f yuv4mpegpipe - | reverie "
                   "live -i -",
                   request->input);
}
