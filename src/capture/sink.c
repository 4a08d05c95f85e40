#include "capture/sink.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/status.h"
#include "capture/mjpeg.h"
#include "capture/y4m.h"

#define USUAL_QUALITY 95

struct file {
    struct rv_video_sink sink; // first, so that its address converts
    struct rv_file_writer writer;
    enum rv_sink_format format;
    struct rv_video_format shape;
    uint32_t quality;
    bool regular;   // else it is flushed after every frame: somebody waits for it
    uint8_t *bytes; // a frame as it goes out; owned
    size_t size;
};

// ------------------------------------------------------------------------------------------------
// What is meant

static enum rv_sink_format format_of(const char *output) {
    static const struct {
        const char *extension;
        enum rv_sink_format format;
    } known[] = {{".y4m", RV_SINK_Y4M}, {".mjpeg", RV_SINK_MJPEG}, {".mjpg", RV_SINK_MJPEG},
                 {".raw", RV_SINK_RAW}, {".rgb", RV_SINK_RAW},     {".yuv", RV_SINK_RAW}};
    const char *slash = strrchr(output, '/'), *dot = strrchr(slash ? slash : output, '.');
    for (size_t i = 0; dot && i < sizeof known / sizeof *known; i++) {
        if (strcasecmp(dot, known[i].extension) == 0)
            return known[i].format;
    }
    return RV_SINK_BY_NAME;
}

static bool is_camera_device(const char *output) {
    struct stat info;
    if (strncmp(output, "/dev/video", 10) == 0)
        return true;
    enum { V4L2_MAJOR = 81 };
    return stat(output, &info) == 0 && S_ISCHR(info.st_mode) &&
           (unsigned)(info.st_rdev >> 8 & 0xfff) == V4L2_MAJOR;
}

enum rv_status rv_sink_check(const struct rv_sink_request *request, enum rv_sink_format *format) {
    const char *output = request->output;
    struct stat info;
    *format = request->format;
    if (is_camera_device(output)) {
        if (request->format || request->pixels)
            return rv_fail(RV_ERR_USAGE,
                           "%s: a device takes YUYV: leave --format and "
                           "--output-pixel-format out",
                           output);
        *format = RV_SINK_DEVICE;
        return RV_OK;
    }
    if (!*format)
        *format = format_of(output);
    bool special = strcmp(output, "-") == 0 ||
                   (stat(output, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode));
    if (!*format && special)
        *format = RV_SINK_Y4M;
    if (!*format)
        return rv_fail(RV_ERR_USAGE,
                       "%s: cannot tell the format: end the name in .y4m, .mjpeg, .raw, .rgb or "
                       ".yuv, or give --format; for others write y4m to ffmpeg: -o - | ffmpeg -i "
                       "- FILE",
                       output);
    if (request->pixels && *format == RV_SINK_Y4M && !rv_y4m_holds(request->pixels))
        return rv_fail(RV_ERR_USAGE,
                       "--output-pixel-format: y4m holds yuv420p, yuv422p, yuv444p and gray, not "
                       "%s",
                       rv_pixels_name(request->pixels));
    if (request->pixels && *format == RV_SINK_MJPEG)
        return rv_fail(RV_ERR_USAGE, "--output-pixel-format: MJPEG has one of its own: leave it "
                                     "out");
    return RV_OK;
}

// ------------------------------------------------------------------------------------------------
// Files and pipes

static enum rv_status put(struct file *file, const void *bytes, size_t size, bool *gone) {
    FILE *stream = file->writer.stream;
    const char *name = strcmp(file->writer.path, "-") == 0 ? "standard output" : file->writer.path;
    errno = 0;
    if (fwrite(bytes, 1, size, stream) == size)
        return RV_OK;
    *gone = errno == EPIPE;
    return *gone ? RV_OK : rv_fail(RV_ERR_IO, "%s: cannot write: %s", name, strerror(errno));
}

static enum rv_status flush(struct file *file, bool *gone) {
    errno = 0;
    if (file->regular || *gone || fflush(file->writer.stream) == 0)
        return RV_OK;
    *gone = errno == EPIPE;
    return *gone ? RV_OK
                 : rv_fail(RV_ERR_IO, "%s: cannot write: %s", file->writer.path, strerror(errno));
}

static enum rv_status write_jpeg(struct file *file, const uint8_t *rgba, bool *gone) {
    uint8_t *bytes;
    size_t size;
    enum rv_status status =
        rv_mjpeg_encode(rgba, file->shape.width, file->shape.height, file->quality, &bytes, &size);
    if (status == RV_OK)
        status = put(file, bytes, size, gone);
    free(bytes);
    return status;
}

static enum rv_status write_file(struct rv_video_sink *sink, const uint8_t *rgba, bool *gone) {
    struct file *file = (struct file *)sink;
    enum rv_status status = RV_OK;
    if (file->format == RV_SINK_MJPEG) {
        RV_TRY(write_jpeg(file, rgba, gone));
    } else {
        const struct rv_planes planes = rv_pixels_planes(&file->shape, file->bytes);
        rv_pixels_from_rgba(&file->shape, rgba, &planes);
        if (file->format == RV_SINK_Y4M)
            RV_TRY(put(file, RV_Y4M_FRAME "\n", strlen(RV_Y4M_FRAME) + 1, gone));
        if (!*gone)
            RV_TRY(put(file, file->bytes, file->size, gone));
    }
    RV_TRY(flush(file, gone));
done:
    return status;
}

static enum rv_status close_file(struct rv_video_sink *sink, bool keep) {
    struct file *file = (struct file *)sink;
    enum rv_status status = RV_OK;
    if (keep)
        status = rv_file_writer_commit(&file->writer);
    else
        rv_file_writer_abandon(&file->writer);
    free(file->bytes);
    free(file);
    return status;
}

static const struct rv_sink_kind file_kind = {write_file, close_file};

static enum rv_status begin_y4m(struct file *file, const struct rv_sink_request *request,
                                bool *gone) {
    const struct rv_y4m y4m = {.format = file->shape,
                               .rate = request->rate_base ? request->rate : 30,
                               .rate_base = request->rate_base ? request->rate_base : 1,
                               .aspect = request->aspect,
                               .aspect_base = request->aspect_base};
    char line[RV_Y4M_LINE_MAX];
    size_t length = rv_y4m_format(&y4m, line);
    enum rv_status status = put(file, line, length, gone);
    return status == RV_OK ? flush(file, gone) : status;
}

static enum rv_status open_file(const struct rv_sink_request *request, enum rv_sink_format format,
                                struct rv_video_sink **sink) {
    static const char *const format_names[] = {
        [RV_SINK_Y4M] = "y4m", [RV_SINK_RAW] = "raw", [RV_SINK_MJPEG] = "mjpeg"};
    struct file *file = calloc(1, sizeof *file);
    bool gone = false;
    enum rv_status status = RV_OK;
    if (!file)
        return rv_fail(RV_ERR_NO_MEMORY, "%s: no memory to write it", request->output);
    file->sink.kind = &file_kind;
    file->format = format;
    file->quality = request->quality ? request->quality : USUAL_QUALITY;
    file->shape = (struct rv_video_format){.pixels = request->pixels         ? request->pixels
                                                     : format == RV_SINK_RAW ? RV_PIXELS_RGB24
                                                                             : RV_PIXELS_YUV420P,
                                           .width = request->width,
                                           .height = request->height};
    file->size = format == RV_SINK_MJPEG ? 1 : rv_pixels_size(&file->shape);
    file->bytes = malloc(file->size);
    if (!file->bytes)
        RV_TRY(rv_fail(RV_ERR_NO_MEMORY, "%s: no memory for its frames", request->output));
    RV_TRY(rv_file_writer_begin(&file->writer, request->output));
    file->regular = file->writer.temporary != NULL;
    if (format == RV_SINK_Y4M)
        RV_TRY(
            begin_y4m(file, request, &gone)); // a reader that has gone is told by the first frame
    snprintf(file->sink.text, sizeof file->sink.text, "%s%s%s", format_names[format],
             format == RV_SINK_MJPEG ? "" : ", ",
             format == RV_SINK_MJPEG ? "" : rv_pixels_name(file->shape.pixels));
    *sink = &file->sink;
    return RV_OK;
done:
    close_file(&file->sink, false);
    return status;
}

// ------------------------------------------------------------------------------------------------
// All of them

enum rv_status rv_sink_open(const struct rv_sink_request *request, struct rv_video_sink **sink) {
    enum rv_sink_format format;
    *sink = NULL;
    enum rv_status status = rv_sink_check(request, &format);
    if (status != RV_OK)
        return status;
    return format == RV_SINK_DEVICE ? rv_sink_open_device(request, sink)
                                    : open_file(request, format, sink);
}

enum rv_status rv_sink_write(struct rv_video_sink *sink, const uint8_t *rgba, bool *gone) {
    *gone = false;
    return sink->kind->write(sink, rgba, gone);
}

enum rv_status rv_sink_close(struct rv_video_sink **sink, bool keep) {
    enum rv_status status = sink && *sink ? (*sink)->kind->close(*sink, keep) : RV_OK;
    if (sink)
        *sink = NULL;
    return status;
}

const char *rv_sink_text(const struct rv_video_sink *sink) {
    return sink->text;
}

bool rv_sink_is_device(const struct rv_video_sink *sink) {
    return sink->device;
}
