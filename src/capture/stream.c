#include "capture/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/status.h"

#define WAIT_MS 50 // between looks at `stop`

enum rv_status rv_stream_open(struct rv_stream *stream, const char *path, const atomic_bool *stop) {
    const bool standard = strcmp(path, "-") == 0;
    struct stat info;
    *stream = (struct rv_stream){.name = standard ? "standard input" : path, .stop = stop};
    // A FIFO without a writer would block the call: it is opened without waiting, then read with.
    stream->fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    stream->owned = !standard && stream->fd >= 0;
    if (stream->fd < 0)
        return rv_fail(RV_ERR_IO, "%s: cannot open: %s; check the path and its permissions", path,
                       strerror(errno));
    if (fstat(stream->fd, &info) == 0 && S_ISDIR(info.st_mode)) {
        rv_stream_close(stream);
        return rv_fail(RV_ERR_IO, "%s: it is a folder: name a video file or a camera", path);
    }
    if (standard && isatty(STDIN_FILENO))
        return rv_fail(RV_ERR_USAGE, "standard input is a terminal: send video into it, as in "
                                     "ffmpeg ... -f yuv4mpegpipe - | reverie live -i -");
    stream->buffer = malloc(RV_STREAM_BUFFER);
    if (stream->buffer)
        return RV_OK;
    rv_stream_close(stream);
    return rv_fail(RV_ERR_NO_MEMORY, "%s: no memory to read it", path);
}

void rv_stream_close(struct rv_stream *stream) {
    if (stream->owned)
        close(stream->fd);
    free(stream->buffer);
    *stream = (struct rv_stream){.fd = -1};
}

bool rv_stream_stopped(const struct rv_stream *stream) {
    return stream->stop && atomic_load(stream->stop);
}

// Reads what is there, up to `size` bytes; 0 at the end or after `stop`.
static enum rv_status read_some(struct rv_stream *stream, uint8_t *bytes, size_t size,
                                size_t *got) {
    *got = 0;
    while (!rv_stream_stopped(stream)) {
        struct pollfd wait = {.fd = stream->fd, .events = POLLIN};
        int ready = poll(&wait, 1, WAIT_MS);
        if (ready == 0 || (ready < 0 && errno == EINTR))
            continue;
        ssize_t count = read(stream->fd, bytes, size);
        if (count >= 0) {
            *got = (size_t)count;
            break;
        }
        if (errno != EINTR && errno != EAGAIN)
            return rv_fail(RV_ERR_IO, "%s: cannot read: %s", stream->name, strerror(errno));
    }
    return RV_OK;
}

enum rv_status rv_stream_peek(struct rv_stream *stream, size_t wanted, const uint8_t **bytes,
                              size_t *available) {
    if (stream->begin > 0) {
        memmove(stream->buffer, stream->buffer + stream->begin, stream->end - stream->begin);
        stream->end -= stream->begin;
        stream->begin = 0;
    }
    while (stream->end < wanted) {
        size_t got;
        enum rv_status status =
            read_some(stream, stream->buffer + stream->end, RV_STREAM_BUFFER - stream->end, &got);
        if (status != RV_OK)
            return status;
        if (got == 0)
            break;
        stream->end += got;
    }
    *bytes = stream->buffer;
    *available = stream->end;
    return RV_OK;
}

enum rv_status rv_stream_read(struct rv_stream *stream, uint8_t *bytes, size_t size, size_t *got) {
    size_t kept = stream->end - stream->begin;
    *got = kept < size ? kept : size;
    memcpy(bytes, stream->buffer + stream->begin, *got);
    stream->begin += *got;
    while (*got < size) {
        size_t more;
        enum rv_status status = read_some(stream, bytes + *got, size - *got, &more);
        if (status != RV_OK)
            return status;
        if (more == 0)
            break;
        *got += more;
    }
    return RV_OK;
}
