#include "capture/y4m.h"

#include <stdio.h>
#include <string.h>

#include "base/status.h"

// Chroma's names, after "C". The first of a format is the one that is written.
static const struct {
    const char *name;
    enum rv_pixel_format pixels;
} chromas[] = {{"420jpeg", RV_PIXELS_YUV420P},  {"420", RV_PIXELS_YUV420P},
               {"420mpeg2", RV_PIXELS_YUV420P}, {"420paldv", RV_PIXELS_YUV420P},
               {"422", RV_PIXELS_YUV422P},      {"444", RV_PIXELS_YUV444P},
               {"mono", RV_PIXELS_GRAY}};
#define CHROMA_COUNT (sizeof chromas / sizeof *chromas)

// A word of the line, which is not ended by a zero.
struct word {
    const char *text;
    size_t length;
};

static bool is_text(struct word word, const char *text) {
    return strlen(text) == word.length && memcmp(word.text, text, word.length) == 0;
}

// A whole number from `minimum` to `maximum`, nothing else.
static bool read_number(struct word word, uint32_t minimum, uint32_t maximum, uint32_t *number) {
    uint64_t value = 0;
    for (size_t i = 0; i < word.length; i++) {
        if (word.text[i] < '0' || word.text[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(word.text[i] - '0');
        if (value > maximum)
            return false;
    }
    *number = (uint32_t)value;
    return word.length > 0 && value >= minimum;
}

// "30000:1001". 0:0 means unknown.
static bool read_ratio(struct word word, uint32_t *above, uint32_t *below) {
    const char *colon = memchr(word.text, ':', word.length);
    if (!colon)
        return false;
    struct word first = {word.text, (size_t)(colon - word.text)};
    struct word second = {colon + 1, word.length - first.length - 1};
    return read_number(first, 0, INT32_MAX, above) && read_number(second, 0, INT32_MAX, below) &&
           (*above == 0) == (*below == 0);
}

static bool read_chroma(struct word word, enum rv_pixel_format *pixels) {
    for (size_t i = 0; i < CHROMA_COUNT; i++) {
        if (is_text(word, chromas[i].name)) {
            *pixels = chromas[i].pixels;
            return true;
        }
    }
    return false;
}

// ffmpeg's extensions.
static void read_extension(struct word word, struct rv_y4m *y4m) {
    if (is_text(word, "COLORRANGE=FULL"))
        y4m->format.full_range = true;
}

static enum rv_status read_word(struct word word, const char *name, struct rv_y4m *y4m) {
    const char tag = *word.text;
    const struct word value = {word.text + 1, word.length - 1};
    bool good = true;
    switch (tag) {
    case 'W':
        good = read_number(value, 1, RV_VIDEO_SIDE_MAX, &y4m->format.width);
        break;
    case 'H':
        good = read_number(value, 1, RV_VIDEO_SIDE_MAX, &y4m->format.height);
        break;
    case 'F':
        good = read_ratio(value, &y4m->rate, &y4m->rate_base);
        break;
    case 'A':
        good = read_ratio(value, &y4m->aspect, &y4m->aspect_base);
        break;
    case 'C':
        if (!read_chroma(value, &y4m->format.pixels))
            return rv_fail(RV_ERR_INPUT,
                           "%s: y4m: frames of the kind \"%.*s\" are not possible: make them "
                           "ffmpeg's yuv420p, yuv422p, yuv444p or gray with -pix_fmt",
                           name, (int)(value.length < 32 ? value.length : 32), value.text);
        break;
    case 'X':
        read_extension(value, y4m);
        break;
    default: // 'I', and what may come
        break;
    }
    return good ? RV_OK
                : rv_fail(RV_ERR_INPUT, "%s: y4m: \"%.*s\" in its first line is not possible", name,
                          (int)(word.length < 32 ? word.length : 32), word.text);
}

enum rv_status rv_y4m_parse(const char *line, size_t length, const char *name, struct rv_y4m *y4m) {
    const size_t magic = strlen(RV_Y4M_MAGIC);
    enum rv_status status = RV_OK;
    *y4m = (struct rv_y4m){.format.pixels = RV_PIXELS_YUV420P};
    if (length < magic || memcmp(line, RV_Y4M_MAGIC, magic) != 0 ||
        (length > magic && line[magic] != ' '))
        return rv_fail(RV_ERR_INPUT, "%s: not y4m: it does not begin with " RV_Y4M_MAGIC, name);
    for (size_t at = magic; at < length;) {
        const char *space = memchr(line + at, ' ', length - at);
        struct word word = {line + at, space ? (size_t)(space - line) - at : length - at};
        if (word.length > 0)
            RV_TRY(read_word(word, name, y4m));
        at += word.length + 1;
    }
    if (!y4m->format.width || !y4m->format.height)
        return rv_fail(RV_ERR_INPUT, "%s: y4m: its first line lacks the size of the frames", name);
done:
    return status;
}

bool rv_y4m_holds(enum rv_pixel_format pixels) {
    for (size_t i = 0; i < CHROMA_COUNT; i++) {
        if (chromas[i].pixels == pixels)
            return true;
    }
    return false;
}

size_t rv_y4m_format(const struct rv_y4m *y4m, char *line) {
    size_t i = 0;
    while (chromas[i].pixels != y4m->format.pixels)
        i++;
    int length = snprintf(
        line, RV_Y4M_LINE_MAX, RV_Y4M_MAGIC " W%u H%u F%u:%u Ip A%u:%u C%s XCOLORRANGE=%s\n",
        (unsigned)y4m->format.width, (unsigned)y4m->format.height, (unsigned)y4m->rate,
        (unsigned)y4m->rate_base, (unsigned)y4m->aspect, (unsigned)y4m->aspect_base,
        chromas[i].name, y4m->format.full_range ? "FULL" : "LIMITED");
    return (size_t)length;
}
