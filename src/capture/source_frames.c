// Frames as they are, with y4m's lines between them or without any.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/status.h"
#include "capture/source.h"
#include "capture/stream.h"
#include "capture/y4m.h"

struct frames {
    struct rv_video_source source; // first, so that its address converts
    struct rv_stream stream;
    struct rv_video_format format;
    bool y4m;
    uint8_t *bytes; // a frame as it comes; owned
    size_t size;
    uint64_t count; // frames read
};

// Takes a line, at most RV_Y4M_LINE_MAX bytes, without its newline. *length is SIZE_MAX at the end.
static enum rv_status take_line(struct rv_stream *stream, char line[RV_Y4M_LINE_MAX],
                                size_t *length) {
    const uint8_t *bytes, *newline = NULL;
    size_t available = 0, got, wanted = 1;
    enum rv_status status;
    while (!newline) {
        status = rv_stream_peek(stream, wanted, &bytes, &available);
        if (status != RV_OK)
            return status;
        newline = memchr(bytes, '\n', available);
        if (!newline && (available < wanted || available >= RV_Y4M_LINE_MAX))
            break;
        wanted = available + 1;
    }
    *length = SIZE_MAX;
    if (available == 0 || rv_stream_stopped(stream))
        return RV_OK;
    if (!newline || newline - bytes >= RV_Y4M_LINE_MAX)
        return rv_fail(RV_ERR_INPUT, "%s: y4m: damaged: the line before a frame has no end",
                       stream->name);
    *length = (size_t)(newline - bytes);
    return rv_stream_read(stream, (uint8_t *)line, *length + 1, &got);
}

// What stands before a frame of y4m. Its own parameters are not needed.
static enum rv_status take_frame_line(struct frames *frames, bool *end) {
    char line[RV_Y4M_LINE_MAX];
    const size_t word = strlen(RV_Y4M_FRAME);
    size_t length;
    enum rv_status status = take_line(&frames->stream, line, &length);
    if (status != RV_OK)
        return status;
    *end = length == SIZE_MAX;
    if (!*end && (length < word || memcmp(line, RV_Y4M_FRAME, word) != 0 ||
                  (length > word && line[word] != ' ')))
        return rv_fail(RV_ERR_INPUT, "%s: y4m: damaged: frame %llu does not begin with %s",
                       frames->stream.name, (unsigned long long)frames->count + 1, RV_Y4M_FRAME);
    return RV_OK;
}

static enum rv_status read_frame(struct rv_video_source *source, uint8_t *rgba, double *captured,
                                 bool *end) {
    struct frames *frames = (struct frames *)source;
    size_t got;
    enum rv_status status = RV_OK;
    if (frames->y4m)
        RV_TRY(take_frame_line(frames, end));
    if (*end)
        return RV_OK;
    RV_TRY(rv_stream_read(&frames->stream, frames->bytes, frames->size, &got));
    *end = rv_stream_stopped(&frames->stream) || (got == 0 && !frames->y4m);
    if (*end)
        return RV_OK;
    if (got < frames->size)
        return rv_fail(RV_ERR_INPUT, "%s: it is cut short within frame %llu: %zu of %zu bytes",
                       frames->stream.name, (unsigned long long)frames->count + 1, got,
                       frames->size);
    *captured = rv_clock_seconds(); // before it was converted, after the wait for it
    frames->count++;
    const struct rv_planes planes = rv_pixels_planes(&frames->format, frames->bytes);
    rv_pixels_to_rgba(&frames->format, &planes, rgba);
done:
    return status;
}

static void close_frames(struct rv_video_source *source) {
    struct frames *frames = (struct frames *)source;
    rv_stream_close(&frames->stream);
    free(frames->bytes);
    free(frames);
}

static const struct rv_source_kind kind = {read_frame, close_frames};

static enum rv_status begin_y4m(struct frames *frames) {
    struct rv_source_info *info = &frames->source.info;
    struct rv_y4m y4m;
    char line[RV_Y4M_LINE_MAX];
    size_t length;
    enum rv_status status = take_line(&frames->stream, line, &length);
    if (status == RV_OK && length == SIZE_MAX) // only after a stop
        status = rv_fail(RV_ERR_CANCELLED, "%s: interrupted before the first frame",
                         frames->stream.name);
    if (status == RV_OK)
        status = rv_y4m_parse(line, length, frames->stream.name, &y4m);
    if (status != RV_OK)
        return status;
    frames->format = y4m.format;
    info->rate = y4m.rate;
    info->rate_base = y4m.rate_base;
    info->aspect = y4m.aspect;
    info->aspect_base = y4m.aspect_base;
    return RV_OK;
}

static enum rv_status begin_raw(const struct rv_source_request *request, struct frames *frames) {
    if (!request->width || !request->height)
        return rv_fail(RV_ERR_USAGE, "%s: raw frames do not tell their size: give it with --size",
                       frames->stream.name);
    frames->format = (struct rv_video_format){
        .pixels = request->pixels, .width = request->width, .height = request->height};
    return RV_OK;
}

enum rv_status rv_source_open_frames(const struct rv_source_request *request,
                                     struct rv_stream *stream, struct rv_video_source **source) {
    struct frames *frames = calloc(1, sizeof *frames);
    enum rv_status status = RV_OK;
    if (!frames) {
        status = rv_fail(RV_ERR_NO_MEMORY, "%s: no memory to read it", stream->name);
        rv_stream_close(stream);
        return status;
    }
    struct rv_source_info *info = &frames->source.info;
    frames->source.kind = &kind;
    frames->stream = *stream;
    frames->y4m = !request->pixels;
    RV_TRY(frames->y4m ? begin_y4m(frames) : begin_raw(request, frames));
    info->width = frames->format.width;
    info->height = frames->format.height;
    info->pixels = frames->format.pixels;
    frames->size = rv_pixels_size(&frames->format);
    frames->bytes = malloc(frames->size);
    if (!frames->bytes)
        RV_TRY(rv_fail(RV_ERR_NO_MEMORY, "%s: no memory for its frames", stream->name));
    snprintf(info->text, sizeof info->text, "%s, %s, %u x %u", frames->y4m ? "y4m" : "raw",
             rv_pixels_name(info->pixels), (unsigned)info->width, (unsigned)info->height);
    *source = &frames->source;
    return RV_OK;
done:
    close_frames(&frames->source);
    return status;
}
