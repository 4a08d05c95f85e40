// y4m, raw frames and MJPEG: what is written is read again, and what is damaged is refused.
#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "capture/mjpeg.h"
#include "capture/sink.h"
#include "capture/source.h"
#include "capture/y4m.h"

static char folder[] = "/tmp/reverie frames XXXXXX";

static void enter(void) {
    cr_assert(mkdtemp(folder) && chdir(folder) == 0);
}

static void leave(void) {
    char command[128];
    cr_assert(chdir("/") == 0);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    cr_assert_eq(system(command), 0);
}

TestSuite(frames, .init = enter, .fini = leave);

// ------------------------------------------------------------------------------------------------
// The first line

static enum rv_status parse(const char *line, struct rv_y4m *y4m) {
    char *exact = malloc(strlen(line) + 1); // the sanitizer sees every read beyond it
    memcpy(exact, line, strlen(line));
    enum rv_status status = rv_y4m_parse(exact, strlen(line), "clip", y4m);
    free(exact);
    return status;
}

Test(frames, first_line) {
    static const struct {
        const char *line;
        enum rv_pixel_format pixels;
        uint32_t width, height, rate, rate_base, aspect, aspect_base;
        bool full;
    } cases[] = {
        {"YUV4MPEG2 W96 H80", RV_PIXELS_YUV420P, 96, 80, 0, 0, 0, 0, false},
        {"YUV4MPEG2 W96 H80 F30000:1001 Ip A1:1 C420mpeg2 XYSCSS=420MPEG2", RV_PIXELS_YUV420P, 96,
         80, 30000, 1001, 1, 1, false},
        {"YUV4MPEG2  H1  W16384 C422 A0:0 F0:0 ", RV_PIXELS_YUV422P, 16384, 1, 0, 0, 0, 0, false},
        {"YUV4MPEG2 C444 W3 H5 XCOLORRANGE=FULL", RV_PIXELS_YUV444P, 3, 5, 0, 0, 0, 0, true},
        {"YUV4MPEG2 W3 H5 It Cmono XCOLORRANGE=LIMITED Qnew", RV_PIXELS_GRAY, 3, 5, 0, 0, 0, 0,
         false},
        {"YUV4MPEG2 W3 H5 C420paldv", RV_PIXELS_YUV420P, 3, 5, 0, 0, 0, 0, false},
        {"YUV4MPEG2 W3 H5 C420jpeg A10:11", RV_PIXELS_YUV420P, 3, 5, 0, 0, 10, 11, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rv_y4m got;
        cr_assert_eq(parse(cases[i].line, &got), RV_OK, "%s: %s", cases[i].line, rv_error_text());
        cr_expect(got.format.pixels == cases[i].pixels && got.format.width == cases[i].width &&
                      got.format.height == cases[i].height && got.rate == cases[i].rate &&
                      got.rate_base == cases[i].rate_base && got.aspect == cases[i].aspect &&
                      got.aspect_base == cases[i].aspect_base &&
                      got.format.full_range == cases[i].full,
                  "%s", cases[i].line);
    }
}

Test(frames, damaged_first_line) {
    static const struct {
        const char *line, *text;
    } cases[] = {
        {"", "not y4m"},
        {"YUV4MPEG", "not y4m"},
        {"YUV4MPEG23 W1 H1", "not y4m"},
        {"YUV4MPEG2", "lacks the size"},
        {"YUV4MPEG2 W96", "lacks the size"},
        {"YUV4MPEG2 H96", "lacks the size"},
        {"YUV4MPEG2 W0 H1", "\"W0\""},
        {"YUV4MPEG2 W H1", "\"W\""},
        {"YUV4MPEG2 W-3 H1", "\"W-3\""},
        {"YUV4MPEG2 W16385 H1", "\"W16385\""},
        {"YUV4MPEG2 W99999999999999999999999 H1", "\"W999999"},
        {"YUV4MPEG2 W1x H1", "\"W1x\""},
        {"YUV4MPEG2 W1 H1 F30", "\"F30\""},
        {"YUV4MPEG2 W1 H1 F30:0", "\"F30:0\""},
        {"YUV4MPEG2 W1 H1 F:", "\"F:\""},
        {"YUV4MPEG2 W1 H1 A1:99999999999", "\"A1:9999"},
        {"YUV4MPEG2 W1 H1 C420p10", "\"420p10\""},
        {"YUV4MPEG2 W1 H1 C411", "-pix_fmt"},
        {"YUV4MPEG2 W1 H1 C", "\"\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rv_y4m got;
        cr_expect_eq(parse(cases[i].line, &got), RV_ERR_INPUT, "%s", cases[i].line);
        cr_expect(strstr(rv_error_text(), cases[i].text) && strstr(rv_error_text(), "clip"),
                  "%s: %s", cases[i].line, rv_error_text());
    }
}

// ------------------------------------------------------------------------------------------------
// Writing and reading again

static void paint(uint8_t *rgba, uint32_t width, uint32_t height, uint32_t frame) {
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++) {
            uint8_t *pixel = rgba + ((size_t)y * width + x) * 4;
            pixel[0] = (uint8_t)(60 + (x / 4 * 17 + frame * 40) % 120);
            pixel[1] = (uint8_t)(80 + y / 4 * 9 % 100);
            pixel[2] = (uint8_t)(100 + (x / 4 + y / 4) * 5 % 90);
            pixel[3] = 255;
        }
}

// Writes three frames and reads them again; returns the largest difference of a channel.
static int round_trip(const struct rv_sink_request *out, const struct rv_source_request *in) {
    const size_t size = (size_t)out->width * out->height * 4;
    uint8_t *rgba = malloc(size), *back = malloc(size);
    struct rv_video_sink *sink;
    struct rv_video_source *source;
    bool gone, end;
    double captured;
    int worst = 0;
    cr_assert_eq(rv_sink_open(out, &sink), RV_OK, "%s", rv_error_text());
    for (uint32_t frame = 0; frame < 3; frame++) {
        paint(rgba, out->width, out->height, frame);
        cr_assert_eq(rv_sink_write(sink, rgba, &gone), RV_OK, "%s", rv_error_text());
        cr_assert(!gone);
    }
    cr_assert_neq(access(out->output, F_OK), 0, "the file is there before it is whole");
    cr_assert_eq(rv_sink_close(&sink, true), RV_OK, "%s", rv_error_text());
    cr_assert_eq(rv_source_open(in, &source), RV_OK, "%s", rv_error_text());
    cr_assert(source->info.width == out->width && source->info.height == out->height);
    cr_expect(!source->info.live);
    cr_expect(in->rate == 0 || source->info.rate == in->rate * source->info.rate_base);
    for (uint32_t frame = 0; frame < 3; frame++) {
        cr_assert_eq(rv_source_read(source, back, &captured, &end), RV_OK, "%s", rv_error_text());
        cr_assert(!end);
        paint(rgba, out->width, out->height, frame);
        for (size_t i = 0; i < size; i++)
            worst = abs(rgba[i] - back[i]) > worst ? abs(rgba[i] - back[i]) : worst;
    }
    cr_assert_eq(rv_source_read(source, back, &captured, &end), RV_OK);
    cr_expect(end, "there is a fourth frame");
    rv_source_close(&source);
    remove(out->output);
    free(rgba);
    free(back);
    return worst;
}

static const uint32_t sizes[][2] = {{96, 80}, {1, 1}, {3, 7}, {17, 16}};

Test(frames, y4m_comes_back) {
    static const struct {
        enum rv_pixel_format pixels;
        int most;
    } cases[] = {{RV_PIXELS_YUV444P, 3}, {RV_PIXELS_YUV422P, 3}, {RV_PIXELS_YUV420P, 3}, {0, 3}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            struct rv_sink_request out = {.output = "clip.y4m",
                                          .pixels = cases[i].pixels,
                                          .width = sizes[s][0],
                                          .height = sizes[s][1],
                                          .rate = 25,
                                          .rate_base = 1};
            // Blocks of 4 x 4 pixels have one colour, so that chroma of 2 x 2 loses nothing.
            int worst = round_trip(&out, &(struct rv_source_request){.input = "clip.y4m"});
            cr_expect(worst <= cases[i].most, "%d, %u x %u: off by %d", cases[i].pixels, out.width,
                      out.height, worst);
        }
}

Test(frames, raw_comes_back) {
    for (int pixels = 1; pixels < RV_PIXELS_COUNT; pixels++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            struct rv_sink_request out = {.output = "clip.raw",
                                          .pixels = (enum rv_pixel_format)pixels,
                                          .width = sizes[s][0],
                                          .height = sizes[s][1]};
            struct rv_source_request in = {.input = "clip.raw",
                                           .pixels = out.pixels,
                                           .width = out.width,
                                           .height = out.height,
                                           .rate = 12.5};
            int worst = round_trip(&out, &in);
            bool exact = pixels <= RV_PIXELS_RGB24, gray = pixels == RV_PIXELS_GRAY;
            cr_expect(worst <= (exact  ? 0
                                : gray ? 255
                                       : 3),
                      "%s, %u x %u: off by %d", rv_pixels_name(out.pixels), out.width, out.height,
                      worst);
        }
}

Test(frames, the_header_tells_rate_aspect_and_chroma) {
    struct rv_sink_request out = {.output = "clip.y4m",
                                  .pixels = RV_PIXELS_YUV422P,
                                  .width = 8,
                                  .height = 6,
                                  .rate = 30000,
                                  .rate_base = 1001,
                                  .aspect = 10,
                                  .aspect_base = 11};
    struct rv_video_sink *sink;
    struct rv_video_source *source;
    cr_assert_eq(rv_sink_open(&out, &sink), RV_OK);
    cr_assert_eq(rv_sink_close(&sink, true), RV_OK);
    cr_assert_eq(rv_source_open(&(struct rv_source_request){.input = "clip.y4m"}, &source), RV_OK);
    const struct rv_source_info *info = &source->info;
    cr_expect(info->rate == 30000 && info->rate_base == 1001 && info->aspect == 10 &&
              info->aspect_base == 11 && info->pixels == RV_PIXELS_YUV422P);
    rv_source_close(&source);
}

Test(frames, another_size_is_resized_to) {
    struct rv_sink_request out = {.output = "clip.y4m", .width = 40, .height = 30};
    uint8_t rgba[80 * 90 * 4];
    struct rv_video_sink *sink;
    struct rv_video_source *source;
    bool gone, end;
    double captured;
    memset(rgba, 200, sizeof rgba);
    cr_assert_eq(rv_sink_open(&out, &sink), RV_OK);
    cr_assert_eq(rv_sink_write(sink, rgba, &gone), RV_OK);
    cr_assert_eq(rv_sink_close(&sink, true), RV_OK);
    memset(rgba, 0, sizeof rgba);
    cr_assert_eq(
        rv_source_open(&(struct rv_source_request){.input = "clip.y4m", .width = 80, .height = 90},
                       &source),
        RV_OK);
    cr_assert(source->info.width == 80 && source->info.height == 90);
    cr_assert_eq(rv_source_read(source, rgba, &captured, &end), RV_OK);
    for (size_t i = 0; i < sizeof rgba; i++)
        cr_assert(i % 4 == 3 ? rgba[i] == 255 : abs(rgba[i] - 200) <= 1, "byte %zu is %d", i,
                  rgba[i]);
    rv_source_close(&source);
}

// ------------------------------------------------------------------------------------------------
// Damaged files

static void expect_refused(const char *what, const char *bytes, size_t size, int good_frames,
                           enum rv_status wanted, const char *text) {
    static uint8_t rgba[96 * 80 * 4];
    struct rv_video_source *source;
    bool end = false;
    double captured;
    cr_assert_eq(rv_file_write("clip.y4m", bytes, size), RV_OK);
    enum rv_status status =
        rv_source_open(&(struct rv_source_request){.input = "clip.y4m"}, &source);
    int frames = -1;
    while (status == RV_OK && !end) {
        status = rv_source_read(source, rgba, &captured, &end);
        frames++;
    }
    cr_expect_eq(status, wanted, "%s: status %d: %s", what, status, rv_error_text());
    cr_expect_eq(frames, good_frames, "%s: %d frames", what, frames);
    cr_expect(!*text || strstr(rv_error_text(), text), "%s: %s", what, rv_error_text());
    rv_source_close(&source);
}

Test(frames, damaged_files) {
#define HEAD "YUV4MPEG2 W2 H2 F1:1\n"
#define FRAME "FRAME\nabcdef" // 2 x 2 + 2 chroma samples
    static const struct {
        const char *what, *bytes;
        int frames;
        enum rv_status status;
        const char *text;
    } cases[] = {
        {"no frame", HEAD, 0, RV_OK, ""},
        {"two frames", HEAD FRAME FRAME, 2, RV_OK, ""},
        {"a frame's own parameters", HEAD "FRAME Ip\nabcdef", 1, RV_OK, ""},
        {"an empty file", "", -1, RV_ERR_INPUT, "empty"},
        {"no end of the first line", "YUV4MPEG2 W2 H2", -1, RV_ERR_INPUT, "no end"},
        {"cut within a frame", HEAD FRAME "FRAME\nabc", 1, RV_ERR_INPUT, "within frame 2: 3 of 6"},
        {"cut within its line", HEAD FRAME "FRA", 1, RV_ERR_INPUT, "no end"},
        {"another word", HEAD "FRAMES\nabcdef", 0, RV_ERR_INPUT, "frame 1 does not begin"},
        {"frames too long", HEAD "FRAME\nabcdefg" FRAME, 1, RV_ERR_INPUT, "frame 2"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_refused(cases[i].what, cases[i].bytes, strlen(cases[i].bytes), cases[i].frames,
                       cases[i].status, cases[i].text);
    char longest[4096] = "YUV4MPEG2 W2 H2 X";
    memset(longest + strlen(longest), 'x', 3000);
    expect_refused("a line of 3000 bytes", longest, 3017, -1, RV_ERR_INPUT, "no end");
    // Binary zeros must not end a line.
    expect_refused("zeros", "YUV4MPEG2\0W2 H2\n", 16, -1, RV_ERR_INPUT, "not y4m");
}

Test(frames, raw_frames_cut_short) {
    uint8_t rgba[2 * 2 * 4];
    struct rv_video_source *source;
    const struct rv_source_request in = {
        .input = "clip.raw", .pixels = RV_PIXELS_RGB24, .width = 2, .height = 2};
    bool end;
    double captured;
    cr_assert_eq(rv_file_write("clip.raw", "0123456789abcdefgh", 18), RV_OK);
    cr_assert_eq(rv_source_open(&in, &source), RV_OK);
    cr_assert_eq(rv_source_read(source, rgba, &captured, &end), RV_OK);
    cr_expect_arr_eq(rgba, ((uint8_t[]){'0', '1', '2', 255, '3', '4', '5', 255}), 8);
    cr_expect_eq(rv_source_read(source, rgba, &captured, &end), RV_ERR_INPUT);
    cr_expect(strstr(rv_error_text(), "within frame 2: 6 of 12 bytes"), "%s", rv_error_text());
    rv_source_close(&source);
}

Test(frames, no_such_input) {
    struct rv_video_source *source;
    cr_assert_eq(mkdir("folder", 0755), 0);
    static const struct {
        struct rv_source_request in;
        enum rv_status status;
        const char *text;
    } cases[] = {
        {{.input = "absent.y4m"}, RV_ERR_IO, "absent.y4m: cannot open: No such file"},
        {{.input = "folder"}, RV_ERR_IO, "folder: it is a folder"},
        {{.input = "/dev/video77"}, RV_ERR_IO, "no such camera"},
        {{.input = "/dev/null"}, RV_ERR_INPUT, "no camera"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_expect_eq(rv_source_open(&cases[i].in, &source), cases[i].status, "%s",
                     cases[i].in.input);
        cr_expect(!source && strstr(rv_error_text(), cases[i].text), "%s", rv_error_text());
    }
}

// A wait for a pipe that stays silent ends with the flag.
static void *raise_flag(void *flag) {
    usleep(200000);
    atomic_store((atomic_bool *)flag, true);
    return NULL;
}

Test(frames, a_wait_is_broken_off, .timeout = 30) {
    atomic_bool stop = false;
    const struct rv_source_request in = {.input = "pipe", .stop = &stop};
    struct rv_video_source *source = NULL;
    uint8_t rgba[2 * 2 * 4];
    bool end = false;
    double captured;
    pthread_t thread;
    cr_assert_eq(mkfifo("pipe", 0600), 0);
    int writer = open("pipe", O_RDWR);
    cr_assert_eq(write(writer, HEAD "FRAME\nab", 29), 29);
    cr_assert_eq(rv_source_open(&in, &source), RV_OK, "%s", rv_error_text());
    pthread_create(&thread, NULL, raise_flag, &stop);
    cr_expect_eq(rv_source_read(source, rgba, &captured, &end), RV_OK, "%s", rv_error_text());
    cr_expect(end);
    pthread_join(thread, NULL);
    rv_source_close(&source);
    close(writer);
}

// ------------------------------------------------------------------------------------------------
// Writing

Test(frames, what_cannot_be_written_is_told) {
    static const struct {
        struct rv_sink_request out;
        const char *text;
    } cases[] = {
        {{.output = "clip.avi"}, "ffmpeg"},
        {{.output = "clip"}, "--format"},
        {{.output = "a.y4m/clip"}, "--format"},
        {{.output = "clip.y4m", .pixels = RV_PIXELS_RGBA}, "not rgba"},
        {{.output = "clip.mjpeg", .pixels = RV_PIXELS_RGBA}, "leave it out"},
        {{.output = "/dev/video0", .format = RV_SINK_Y4M}, "YUYV"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum rv_sink_format format;
        cr_expect_eq(rv_sink_check(&cases[i].out, &format), RV_ERR_USAGE, "%s",
                     cases[i].out.output);
        cr_expect(strstr(rv_error_text(), cases[i].text), "%s", rv_error_text());
    }
    static const struct {
        const char *output;
        enum rv_sink_format format;
    } good[] = {{"-", RV_SINK_Y4M},           {"a.Y4M", RV_SINK_Y4M},
                {"a.mjpg", RV_SINK_MJPEG},    {"a.rgb", RV_SINK_RAW},
                {"a.yuv", RV_SINK_RAW},       {"/dev/null", RV_SINK_Y4M},
                {"b/a.mjpeg", RV_SINK_MJPEG}, {"/dev/video3", RV_SINK_DEVICE}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        enum rv_sink_format format;
        cr_expect_eq(rv_sink_check(&(struct rv_sink_request){.output = good[i].output}, &format),
                     RV_OK);
        cr_expect_eq(format, good[i].format, "%s", good[i].output);
    }
}

Test(frames, a_file_is_thrown_away_or_kept_whole) {
    const struct rv_sink_request out = {.output = "clip.y4m", .width = 2, .height = 2};
    const uint8_t rgba[16] = {0};
    struct rv_video_sink *sink;
    bool gone;
    cr_assert_eq(rv_file_write("clip.y4m", "old", 3), RV_OK);
    cr_assert_eq(rv_sink_open(&out, &sink), RV_OK);
    cr_assert_eq(rv_sink_write(sink, rgba, &gone), RV_OK);
    cr_assert_eq(rv_sink_close(&sink, false), RV_OK);
    uint8_t *data;
    size_t size;
    cr_assert_eq(rv_file_read("clip.y4m", 100, &data, &size), RV_OK);
    cr_expect(size == 3, "what stood there is gone");
    free(data);
}

Test(frames, a_full_disk_is_told) {
    const struct rv_sink_request out = {.output = "/dev/full", .width = 64, .height = 64};
    struct rv_video_sink *sink;
    cr_expect_eq(rv_sink_open(&out, &sink), RV_ERR_IO);
    cr_expect(!sink && strstr(rv_error_text(), "No space"), "%s", rv_error_text());
}

Test(frames, a_reader_that_has_gone_is_no_error) {
    const struct rv_sink_request out = {.output = "pipe", .width = 64, .height = 64};
    static const uint8_t rgba[64 * 64 * 4];
    struct rv_video_sink *sink;
    bool gone = false;
    signal(SIGPIPE, SIG_IGN);
    cr_assert_eq(mkfifo("pipe", 0600), 0);
    int reader = open("pipe", O_RDONLY | O_NONBLOCK);
    cr_assert_eq(rv_sink_open(&out, &sink), RV_OK, "%s", rv_error_text());
    close(reader);
    cr_expect_eq(rv_sink_write(sink, rgba, &gone), RV_OK, "%s", rv_error_text());
    cr_expect(gone);
    cr_expect_eq(rv_sink_close(&sink, false), RV_OK);
}

// ------------------------------------------------------------------------------------------------
// MJPEG

Test(frames, mjpeg_comes_back) {
    static const uint32_t shapes[][2] = {{96, 80}, {1, 1}, {17, 9}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        const uint32_t width = shapes[s][0], height = shapes[s][1];
        const size_t count = (size_t)width * height * 4;
        uint8_t *rgba = malloc(count), *back = malloc(count), *bytes;
        size_t size;
        int worst = 0;
        paint(rgba, width, height, 1);
        cr_assert_eq(rv_mjpeg_encode(rgba, width, height, 100, &bytes, &size), RV_OK);
        cr_assert_eq(rv_mjpeg_decode(bytes, size, width, height, back), RV_OK, "%s",
                     rv_error_text());
        for (size_t i = 0; i < count; i++)
            worst = abs(rgba[i] - back[i]) > worst ? abs(rgba[i] - back[i]) : worst;
        cr_expect(worst < 40, "%u x %u: off by %d", width, height, worst);
        cr_expect_eq(rv_mjpeg_decode(bytes, size, width + 1, height, back), RV_ERR_INPUT);
        for (size_t cut = 0; cut < size; cut += 1 + size / 50) {
            uint8_t *exact = malloc(cut ? cut : 1);
            memcpy(exact, bytes, cut);
            cr_expect(rv_mjpeg_decode(exact, cut, width, height, back) == RV_ERR_INPUT,
                      "%zu of %zu bytes are taken", cut, size);
            free(exact);
        }
        free(bytes);
        free(rgba);
        free(back);
    }
}

Test(frames, mjpeg_is_written) {
    const struct rv_sink_request out = {
        .output = "clip.mjpeg", .width = 16, .height = 16, .quality = 60};
    uint8_t rgba[16 * 16 * 4], back[16 * 16 * 4], *data;
    struct rv_video_sink *sink;
    size_t size, begins = 0;
    bool gone;
    paint(rgba, 16, 16, 0);
    cr_assert_eq(rv_sink_open(&out, &sink), RV_OK);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(rv_sink_write(sink, rgba, &gone), RV_OK);
    cr_assert_eq(rv_sink_close(&sink, true), RV_OK);
    cr_assert_eq(rv_file_read("clip.mjpeg", 100000, &data, &size), RV_OK);
    for (size_t i = 0; i + 2 < size; i++)
        begins += data[i] == 0xff && data[i + 1] == 0xd8 && data[i + 2] == 0xff;
    cr_expect_eq(begins, 2);
    cr_expect_eq(rv_mjpeg_decode(data, size / 2, 16, 16, back), RV_OK, "%s", rv_error_text());
    free(data);
}
