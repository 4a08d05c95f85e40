// Bytes of a file, a pipe or standard input, in order; a wait for them can be broken off.
#ifndef RV_CAPTURE_STREAM_H
#define RV_CAPTURE_STREAM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reverie/reverie.h"

#define RV_STREAM_BUFFER 65536

// Valid as {0} once closed or never opened.
struct rv_stream {
    const char *name; // for errors; borrowed
    int fd;
    bool owned;              // close it
    const atomic_bool *stop; // retained; when it becomes true, reading ends as at the file's end
    uint8_t *buffer;
    size_t begin, end; // what of the buffer has been filled and not taken
};

// "-" is standard input. `path` and `stop` (may be NULL) are retained.
enum rv_status rv_stream_open(struct rv_stream *stream, const char *path, const atomic_bool *stop);
void rv_stream_close(struct rv_stream *stream);

// Bytes that have been read but not taken, at least `wanted` (at most RV_STREAM_BUFFER) of them
// unless the stream ends before.
enum rv_status rv_stream_peek(struct rv_stream *stream, size_t wanted, const uint8_t **bytes,
                              size_t *available);

// Takes up to `size` bytes; fewer only at the end or after `stop`.
enum rv_status rv_stream_read(struct rv_stream *stream, uint8_t *bytes, size_t size, size_t *got);

// True if the wait was broken off.
bool rv_stream_stopped(const struct rv_stream *stream);

#endif
