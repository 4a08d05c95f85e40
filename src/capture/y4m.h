// YUV4MPEG2: the header of the file, and what stands before each frame. No input or output here.
#ifndef RV_CAPTURE_Y4M_H
#define RV_CAPTURE_Y4M_H

#include "capture/pixels.h"

#define RV_Y4M_LINE_MAX 1024 // bytes of a line, its newline included

struct rv_y4m {
    struct rv_video_format format;
    uint32_t rate, rate_base;     // frames a second as a fraction; 0/0 = not said
    uint32_t aspect, aspect_base; // of a pixel; 0/0 = not said
};

// Reads the line of the file, which begins with "YUV4MPEG2" and is `length` bytes long without its
// newline. Planar frames of eight bits are taken: 4:2:0 (wherever its chroma lies), 4:2:2, 4:4:4,
// gray; interlaced ones are taken for whole pictures. RV_ERR_INPUT names `name` and what is wrong.
enum rv_status rv_y4m_parse(const char *line, size_t length, const char *name, struct rv_y4m *y4m);

// Writes the line of the file, newline included; returns its length. `line` has room for
// RV_Y4M_LINE_MAX bytes. The format is one that y4m has (rv_y4m_holds).
size_t rv_y4m_format(const struct rv_y4m *y4m, char *line);

bool rv_y4m_holds(enum rv_pixel_format pixels);

#define RV_Y4M_MAGIC "YUV4MPEG2"
#define RV_Y4M_FRAME "FRAME"

#endif
