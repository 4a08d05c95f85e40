#include "capture/source.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/status.h"
#include "capture/stream.h"
#include "capture/y4m.h"

// By its first bytes: y4m, what --pixel-format says, or something for libavformat.
static enum rv_status open_stream(const struct rv_source_request *request,
                                  struct rv_video_source **source) {
    struct rv_stream stream;
    const uint8_t *bytes;
    size_t available, magic = strlen(RV_Y4M_MAGIC);
    enum rv_status status = rv_stream_open(&stream, request->input, request->stop);
    if (status == RV_OK)
        status = rv_stream_peek(&stream, magic, &bytes, &available);
    if (status != RV_OK) {
        rv_stream_close(&stream);
        return status;
    }
    if (available == 0 && !rv_stream_stopped(&stream)) {
        status = rv_fail(RV_ERR_INPUT, "%s: it is empty: no frame came", stream.name);
        rv_stream_close(&stream);
        return status;
    }
    bool y4m = available >= magic && memcmp(bytes, RV_Y4M_MAGIC, magic) == 0;
    if (y4m || request->pixels || rv_stream_stopped(&stream))
        return rv_source_open_frames(request, &stream, source);
    if (strcmp(request->input, "-") == 0)
        return rv_source_open_av(request, &stream, source);
    rv_stream_close(&stream);
    return rv_source_open_av(request, NULL, source);
}

static enum rv_status open_any(const struct rv_source_request *request,
                               struct rv_video_source **source) {
    struct stat info;
    const char *input = request->input;
    if (strncmp(input, "lavfi:", 6) == 0)
        return rv_source_open_av(request, NULL, source);
    bool exists = strcmp(input, "-") != 0 && stat(input, &info) == 0;
    if (exists ? S_ISCHR(info.st_mode) : strncmp(input, "/dev/video", 10) == 0)
        return rv_source_open_camera(request, source);
    return open_stream(request, source);
}

enum rv_status rv_source_open(const struct rv_source_request *request,
                              struct rv_video_source **out) {
    *out = NULL;
    enum rv_status status = open_any(request, out);
    if (status != RV_OK)
        return status;
    struct rv_video_source *source = *out;
    source->native_width = source->info.width;
    source->native_height = source->info.height;
    if (!source->info.live && !source->info.rate_base && request->rate > 0) {
        source->info.rate = (uint32_t)(request->rate * 1000 + 0.5);
        source->info.rate_base = 1000;
    }
    if (!request->width ||
        (request->width == source->native_width && request->height == source->native_height))
        return RV_OK;
    source->info.width = request->width;
    source->info.height = request->height;
    source->info.aspect = source->info.aspect_base = 0;
    source->scratch = malloc((size_t)source->native_width * source->native_height * 4);
    if (source->scratch)
        return RV_OK;
    rv_source_close(out);
    return rv_fail(RV_ERR_NO_MEMORY, "%s: no memory for its frames", request->input);
}

enum rv_status rv_source_read(struct rv_video_source *source, uint8_t *rgba, double *captured,
                              bool *end) {
    *end = false;
    *captured = rv_clock_seconds();
    enum rv_status status =
        source->kind->read(source, source->scratch ? source->scratch : rgba, captured, end);
    if (status != RV_OK || *end || !source->scratch)
        return status;
    return rv_pixels_resize(source->scratch, source->native_width, source->native_height, rgba,
                            source->info.width, source->info.height);
}

void rv_source_close(struct rv_video_source **source) {
    if (!source || !*source)
        return;
    free((*source)->scratch);
    (*source)->kind->close(*source);
    *source = NULL;
}
