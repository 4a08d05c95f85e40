// Any bytes as y4m: refused with a message, or frames of the size that the first line tells; and a
// first line that is taken comes back as it was when it is written again.
#define _GNU_SOURCE // memfd_create
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capture/source.h"
#include "capture/stream.h"
#include "capture/y4m.h"

#define MOST_PIXELS (1u << 16)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check_line(const struct rv_y4m *y4m) {
    char line[RV_Y4M_LINE_MAX];
    struct rv_y4m again;
    size_t length = rv_y4m_format(y4m, line);
    if (line[length - 1] != '\n' || rv_y4m_parse(line, length - 1, "fuzz", &again) != RV_OK)
        abort();
    if (again.format.pixels != y4m->format.pixels || again.format.width != y4m->format.width ||
        again.format.height != y4m->format.height || again.rate != y4m->rate ||
        again.rate_base != y4m->rate_base || again.aspect != y4m->aspect ||
        again.aspect_base != y4m->aspect_base || again.format.full_range != y4m->format.full_range)
        abort();
}

static void read_frames(int fd) {
    const struct rv_source_request request = {.input = "fuzz"};
    struct rv_stream stream = {.name = "fuzz", .fd = fd, .buffer = malloc(RV_STREAM_BUFFER)};
    struct rv_video_source *source;
    bool end = false;
    double captured;
    if (!stream.buffer || rv_source_open_frames(&request, &stream, &source) != RV_OK)
        return;
    source->native_width = source->info.width;
    source->native_height = source->info.height;
    uint8_t *rgba = malloc((size_t)source->info.width * source->info.height * 4);
    while (rgba && !end && rv_source_read(source, rgba, &captured, &end) == RV_OK)
        ;
    free(rgba);
    rv_source_close(&source);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    const uint8_t *newline = memchr(bytes, '\n', size);
    struct rv_y4m y4m;
    if (rv_y4m_parse((const char *)bytes, newline ? (size_t)(newline - bytes) : size, "fuzz",
                     &y4m) == RV_OK) {
        check_line(&y4m);
        if ((uint64_t)y4m.format.width * y4m.format.height > MOST_PIXELS)
            return 0; // memory, not the reader, would be tested
    }
    int fd = memfd_create("fuzz", 0);
    if (fd < 0 || write(fd, bytes, size) != (ssize_t)size || lseek(fd, 0, SEEK_SET) != 0)
        abort();
    read_frames(fd);
    close(fd);
    return 0;
}
