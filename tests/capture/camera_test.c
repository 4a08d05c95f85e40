// A camera against a kernel of ours: agreeing on a format, frames, and all that goes wrong.
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "capture/fake_kernel.h"
#include "capture/mjpeg.h"
#include "capture/source.h"

static struct fake_kernel kernel;

static const struct fake_format webcam[] = {
    {V4L2_PIX_FMT_MJPEG, 1920, 1080, 30}, {V4L2_PIX_FMT_YUYV, 640, 480, 30}, {0}};

static enum rv_status open_camera(const struct rv_source_request *wanted,
                                  struct rv_video_source **source) {
    static struct rv_v4l2_calls calls;
    struct rv_source_request request = *wanted;
    calls = fake_calls(&kernel);
    request.input = "/dev/video0";
    request.calls = &calls;
    return rv_source_open(&request, source);
}

// ------------------------------------------------------------------------------------------------
// Formats

Test(camera, agrees_on_a_format) {
    static const struct {
        const char *what;
        struct fake_format formats[4];
        uint32_t width, height, rate;
        uint32_t fourcc, got_width, got_height, got_rate;
    } cases[] = {
        {"YUYV at the usual size",
         {{V4L2_PIX_FMT_MJPEG, 1920, 1080, 30}, {V4L2_PIX_FMT_YUYV, 640, 480, 30}},
         0,
         0,
         0,
         V4L2_PIX_FMT_YUYV,
         640,
         480,
         30},
        {"MJPEG where YUYV is too small",
         {{V4L2_PIX_FMT_YUYV, 640, 480, 30}, {V4L2_PIX_FMT_MJPEG, 1920, 1080, 30}},
         1280,
         720,
         0,
         V4L2_PIX_FMT_MJPEG,
         1280,
         720,
         30},
        {"MJPEG where YUYV is too slow",
         {{V4L2_PIX_FMT_YUYV, 1920, 1080, 10}, {V4L2_PIX_FMT_MJPEG, 1920, 1080, 30}},
         1280,
         720,
         0,
         V4L2_PIX_FMT_MJPEG,
         1280,
         720,
         30},
        {"YUYV where a slow rate is asked for",
         {{V4L2_PIX_FMT_YUYV, 1920, 1080, 10}, {V4L2_PIX_FMT_MJPEG, 1920, 1080, 30}},
         1280,
         720,
         10,
         V4L2_PIX_FMT_YUYV,
         1280,
         720,
         10},
        {"NV12 before all",
         {{V4L2_PIX_FMT_YUYV, 640, 480, 30}, {V4L2_PIX_FMT_NV12, 640, 480, 30}},
         0,
         0,
         0,
         V4L2_PIX_FMT_NV12,
         640,
         480,
         30},
        {"a camera that tells no rates",
         {{V4L2_PIX_FMT_YUYV, 320, 240, 0}},
         0,
         0,
         25,
         V4L2_PIX_FMT_YUYV,
         320,
         240,
         25},
        {"unknown formats beside a known one",
         {{V4L2_PIX_FMT_H264, 640, 480, 30}, {V4L2_PIX_FMT_JPEG, 640, 480, 30}},
         0,
         0,
         0,
         V4L2_PIX_FMT_JPEG,
         640,
         480,
         30},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rv_video_source *source;
        fake_camera(&kernel, cases[i].formats);
        const struct rv_source_request wanted = {
            .width = cases[i].width, .height = cases[i].height, .rate = cases[i].rate};
        cr_assert_eq(open_camera(&wanted, &source), RV_OK, "%s: %s", cases[i].what,
                     rv_error_text());
        cr_expect_eq(kernel.pix.pixelformat, cases[i].fourcc, "%s", cases[i].what);
        cr_expect(kernel.pix.width == cases[i].got_width &&
                      kernel.pix.height == cases[i].got_height,
                  "%s: %u x %u", cases[i].what, kernel.pix.width, kernel.pix.height);
        cr_expect_eq(source->info.rate / source->info.rate_base, cases[i].got_rate, "%s",
                     cases[i].what);
        cr_expect(source->info.live && *source->info.text);
        rv_source_close(&source);
        fake_finish(&kernel);
    }
}

Test(camera, refuses_what_is_none) {
    static const struct {
        const char *what;
        uint32_t capabilities;
        struct fake_format formats[2];
        unsigned long failing;
        int error, open_error;
        enum rv_status status;
        const char *text;
    } cases[] = {
        {"absent", 0, {{0}}, 0, 0, ENOENT, RV_ERR_IO, "no such camera"},
        {"not permitted", 0, {{0}}, 0, 0, EACCES, RV_ERR_IO, "group \"video\""},
        {"busy when opened", 0, {{0}}, 0, 0, EBUSY, RV_ERR_IO, "another program"},
        {"unplugged", 0, {{0}}, 0, 0, ENODEV, RV_ERR_IO, "plug it in"},
        {"another kind of device", 0, {{0}}, VIDIOC_QUERYCAP, ENOTTY, 0, RV_ERR_INPUT, "no camera"},
        {"an output", V4L2_CAP_VIDEO_OUTPUT, {{0}}, 0, 0, 0, RV_ERR_INPUT, "gives no video"},
        {"planes", V4L2_CAP_VIDEO_CAPTURE_MPLANE, {{0}}, 0, 0, 0, RV_ERR_INPUT, "single planes"},
        {"metadata", V4L2_CAP_META_CAPTURE, {{0}}, 0, 0, 0, RV_ERR_INPUT, "data about it"},
        {"without streaming", V4L2_CAP_VIDEO_CAPTURE, {{0}}, 0, 0, 0, RV_ERR_INPUT, "stream"},
        {"unknown formats", 0, {{V4L2_PIX_FMT_H264, 64, 64, 30}}, 0, 0, 0, RV_ERR_INPUT, "(H264)"},
        {"no formats", 0, {{0}}, 0, 0, 0, RV_ERR_INPUT, "names none"},
        {"busy at S_FMT",
         0,
         {{V4L2_PIX_FMT_YUYV, 64, 64, 30}},
         VIDIOC_S_FMT,
         EBUSY,
         0,
         RV_ERR_IO,
         "another program"},
        {"no memory",
         0,
         {{V4L2_PIX_FMT_YUYV, 64, 64, 30}},
         VIDIOC_REQBUFS,
         ENOMEM,
         0,
         RV_ERR_IO,
         "get buffers"},
        {"no start",
         0,
         {{V4L2_PIX_FMT_YUYV, 64, 64, 30}},
         VIDIOC_STREAMON,
         ENOSPC,
         0,
         RV_ERR_IO,
         "cannot start"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rv_video_source *source;
        fake_camera(&kernel, cases[i].formats);
        if (cases[i].capabilities)
            kernel.capabilities = cases[i].capabilities;
        kernel.failing = cases[i].failing;
        kernel.failing_error = cases[i].error;
        kernel.open_error = cases[i].open_error;
        cr_expect_eq(open_camera(&(struct rv_source_request){0}, &source), cases[i].status, "%s",
                     cases[i].what);
        cr_expect(!source && strstr(rv_error_text(), cases[i].text) &&
                      strstr(rv_error_text(), "/dev/video0"),
                  "%s: %s", cases[i].what, rv_error_text());
        fake_finish(&kernel);
    }
}

Test(camera, refuses_a_driver_without_sense) {
    struct rv_video_source *source;
    fake_camera(&kernel, webcam);
    kernel.other_width = 100000;
    cr_expect_eq(open_camera(&(struct rv_source_request){0}, &source), RV_ERR_INPUT);
    fake_finish(&kernel);
    fake_camera(&kernel, webcam);
    kernel.buffers = 1;
    cr_expect_eq(open_camera(&(struct rv_source_request){0}, &source), RV_ERR_NO_MEMORY);
    fake_finish(&kernel);
}

// A camera that does not know S_PARM, or has fewer buffers than asked for, serves all the same.
Test(camera, makes_do) {
    struct rv_video_source *source;
    uint8_t *rgba = malloc(640 * 480 * 4);
    double captured;
    bool end;
    fake_camera(&kernel, webcam);
    kernel.failing = VIDIOC_S_PARM;
    kernel.failing_error = ENOTTY;
    kernel.buffers = 2;
    cr_assert_eq(open_camera(&(struct rv_source_request){0}, &source), RV_OK, "%s",
                 rv_error_text());
    cr_expect_eq(source->info.rate_base, 0, "a rate that the camera does not tell");
    for (int i = 0; i < 5; i++)
        cr_assert_eq(rv_source_read(source, rgba, &captured, &end), RV_OK, "%s", rv_error_text());
    rv_source_close(&source);
    fake_finish(&kernel);
    free(rgba);
}

// ------------------------------------------------------------------------------------------------
// Frames

static uint8_t ramp(uint32_t frame, uint32_t x, uint32_t y, int channel) {
    static const uint8_t chroma[] = {0, 90, 170};
    return channel ? chroma[channel] : (uint8_t)(30 + (x + y * 3 + frame * 20) % 180);
}

static void expect_ramp(const uint8_t *rgba, uint32_t width, uint32_t height, uint32_t frame,
                        bool full) {
    int worst = 0;
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++) {
            const double luma = ramp(frame, x, y, 0);
            const double y1 = full ? luma : (luma - 16) * 255 / 219;
            const double u = (90 - 128) * (full ? 1 : 255.0 / 224);
            const double v = (170 - 128) * (full ? 1 : 255.0 / 224);
            const double wanted[3] = {y1 + 1.402 * v, y1 - 0.344136 * u - 0.714136 * v,
                                      y1 + 1.772 * u};
            for (int c = 0; c < 3; c++) {
                double inside = wanted[c] < 0 ? 0 : wanted[c] > 255 ? 255 : wanted[c];
                int off = abs(rgba[((size_t)y * width + x) * 4 + (size_t)c] - (int)(inside + 0.5));
                worst = off > worst ? off : worst;
            }
        }
    cr_expect(worst <= 1, "off by %d", worst);
}

Test(camera, frames) {
    static const struct {
        uint32_t fourcc, width, height, stride_more, colorspace;
        bool full;
    } cases[] = {{V4L2_PIX_FMT_YUYV, 96, 80, 0, V4L2_COLORSPACE_SRGB, false},
                 {V4L2_PIX_FMT_YUYV, 97, 75, 30, V4L2_COLORSPACE_SRGB, false},
                 {V4L2_PIX_FMT_NV12, 96, 80, 32, V4L2_COLORSPACE_SRGB, false},
                 {V4L2_PIX_FMT_NV12, 96, 81, 0, V4L2_COLORSPACE_JPEG, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct fake_format formats[] = {
            {cases[i].fourcc, cases[i].width, cases[i].height, 30}, {0}};
        uint8_t *rgba = malloc((size_t)cases[i].width * cases[i].height * 4);
        struct rv_video_source *source;
        double captured;
        bool end;
        fake_camera(&kernel, formats);
        kernel.stride_more = cases[i].stride_more;
        kernel.colorspace = cases[i].colorspace;
        kernel.pixel = ramp;
        kernel.frame_age = 0.25;
        kernel.interrupt_every_call = true;
        cr_assert_eq(open_camera(&(struct rv_source_request){0}, &source), RV_OK, "%s",
                     rv_error_text());
        for (uint32_t frame = 0; frame < 6; frame++) {
            cr_assert_eq(rv_source_read(source, rgba, &captured, &end), RV_OK, "%s",
                         rv_error_text());
            cr_assert(!end);
            expect_ramp(rgba, cases[i].width, cases[i].height, frame, cases[i].full);
            double age = rv_clock_seconds() - captured;
            cr_expect(age > 0.249 && age < 20, "it is %.3f s old", age);
        }
        cr_expect(kernel.calls_interrupted > 10);
        rv_source_close(&source);
        fake_finish(&kernel);
        free(rgba);
    }
}

// What is lost on the way costs frames, not the run.
Test(camera, goes_on_after_losses) {
    static const struct fake_format formats[] = {{V4L2_PIX_FMT_YUYV, 96, 80, 30}, {0}};
    static const enum fake_event events[] = {FAKE_NOT_YET, FAKE_EINTR,   FAKE_SHORT,
                                             FAKE_EIO,     FAKE_FLAGGED, FAKE_EAGAIN,
                                             FAKE_FRAME,   FAKE_SHORT,   FAKE_FRAME};
    uint8_t *rgba = malloc(96 * 80 * 4);
    struct rv_video_source *source;
    double captured;
    bool end;
    fake_camera(&kernel, formats);
    memcpy(kernel.events, events, sizeof events);
    kernel.pixel = ramp;
    cr_assert_eq(open_camera(&(struct rv_source_request){0}, &source), RV_OK);
    cr_assert_eq(rv_source_read(source, rgba, &captured, &end), RV_OK, "%s", rv_error_text());
    expect_ramp(rgba, 96, 80, 2, false);
    cr_expect_eq(source->losses.damaged, 2);
    cr_assert_eq(rv_source_read(source, rgba, &captured, &end), RV_OK, "%s", rv_error_text());
    expect_ramp(rgba, 96, 80, 4, false);
    cr_expect_eq(source->losses.damaged, 3);
    rv_source_close(&source);
    fake_finish(&kernel);
    free(rgba);
}

Test(camera, ends_with_a_word, .timeout = 60) {
    static const struct fake_format formats[] = {{V4L2_PIX_FMT_YUYV, 96, 80, 30}, {0}};
    static const struct {
        enum fake_event event;
        const char *text;
    } cases[] = {{FAKE_ENODEV, "unplugged"},
                 {FAKE_SHORT, "50 damaged frames"},
                 {FAKE_STRANGE, "buffer that is not there"},
                 {FAKE_NOT_YET, "no frame came within"}};
    uint8_t *rgba = malloc(96 * 80 * 4);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rv_video_source *source;
        double captured;
        bool end;
        fake_camera(&kernel, formats);
        kernel.events[1] = cases[i].event;
        cr_assert_eq(open_camera(&(struct rv_source_request){0}, &source), RV_OK);
        cr_assert_eq(rv_source_read(source, rgba, &captured, &end), RV_OK);
        cr_expect_eq(rv_source_read(source, rgba, &captured, &end), RV_ERR_IO, "%s", cases[i].text);
        cr_expect(strstr(rv_error_text(), cases[i].text), "%s", rv_error_text());
        rv_source_close(&source);
        fake_finish(&kernel);
    }
    free(rgba);
}

Test(camera, a_wait_is_broken_off, .timeout = 30) {
    static const struct fake_format formats[] = {{V4L2_PIX_FMT_YUYV, 96, 80, 30}, {0}};
    atomic_bool stop = false;
    struct rv_video_source *source;
    uint8_t *rgba = malloc(96 * 80 * 4);
    double captured;
    bool end;
    fake_camera(&kernel, formats);
    kernel.events[0] = FAKE_NOT_YET;
    cr_assert_eq(open_camera(&(struct rv_source_request){.stop = &stop}, &source), RV_OK);
    atomic_store(&stop, true);
    cr_expect_eq(rv_source_read(source, rgba, &captured, &end), RV_OK);
    cr_expect(end);
    rv_source_close(&source);
    fake_finish(&kernel);
    free(rgba);
}

Test(camera, motion_jpeg) {
    static const struct fake_format formats[] = {{V4L2_PIX_FMT_MJPEG, 96, 80, 30}, {0}};
    static const enum fake_event events[] = {FAKE_FRAME, FAKE_GARBAGE, FAKE_SHORT, FAKE_FRAME};
    uint8_t *rgba = malloc(96 * 80 * 4), *back = malloc(96 * 80 * 4), *jpeg;
    struct rv_video_source *source;
    double captured;
    bool end;
    for (size_t i = 0; i < 96 * 80 * 4; i++)
        rgba[i] = i % 4 == 3 ? 255 : (uint8_t)(80 + i / 4 % 96);
    fake_camera(&kernel, formats);
    cr_assert_eq(rv_mjpeg_encode(rgba, 96, 80, 95, &jpeg, &kernel.jpeg_size), RV_OK);
    kernel.jpeg = jpeg;
    memcpy(kernel.events, events, sizeof events);
    cr_assert_eq(open_camera(&(struct rv_source_request){0}, &source), RV_OK, "%s",
                 rv_error_text());
    for (int frame = 0; frame < 2; frame++) {
        cr_assert_eq(rv_source_read(source, back, &captured, &end), RV_OK, "%s", rv_error_text());
        int worst = 0;
        for (size_t i = 0; i < 96 * 80 * 4; i++)
            worst = abs(rgba[i] - back[i]) > worst ? abs(rgba[i] - back[i]) : worst;
        cr_expect(worst < 12, "frame %d: off by %d", frame, worst);
    }
    cr_expect_eq(source->losses.damaged, 2);
    rv_source_close(&source);
    fake_finish(&kernel);
    free(jpeg);
    free(rgba);
    free(back);
}
