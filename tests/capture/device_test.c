// What other programs take for a camera, against a kernel of ours.
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture/fake_kernel.h"
#include "capture/sink.h"

static struct fake_kernel kernel;

static const struct fake_format loopback[] = {{V4L2_PIX_FMT_YUYV, 8192, 8192, 0}, {0}};

static enum rv_status open_device(struct rv_video_sink **sink) {
    static struct rv_v4l2_calls calls;
    calls = fake_calls(&kernel);
    const struct rv_sink_request request = {.output = "/dev/video9",
                                            .width = 96,
                                            .height = 80,
                                            .rate = 30,
                                            .rate_base = 1,
                                            .calls = &calls};
    return rv_sink_open(&request, sink);
}

static void fake_device(void) {
    fake_camera(&kernel, loopback);
    kernel.capabilities = V4L2_CAP_VIDEO_OUTPUT;
}

Test(device, takes_frames) {
    static const struct {
        size_t most;
        int errors[4];
        uint32_t stride_more;
    } cases[] = {{0, {0}, 0}, {1000, {0}, 0}, {0, {EINTR, EAGAIN, EINTR}, 0}, {777, {EAGAIN}, 64}};
    uint8_t *rgba = malloc(96 * 80 * 4);
    memset(rgba, 128, 96 * 80 * 4);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rv_video_sink *sink;
        bool gone;
        fake_device();
        kernel.write_most = cases[i].most;
        kernel.stride_more = cases[i].stride_more;
        memcpy(kernel.write_errors, cases[i].errors, sizeof cases[i].errors);
        cr_assert_eq(open_device(&sink), RV_OK, "%s", rv_error_text());
        cr_expect(rv_sink_is_device(sink));
        cr_expect(kernel.pix.width == 96 && kernel.pix.height == 80 &&
                  kernel.pix.pixelformat == V4L2_PIX_FMT_YUYV);
        cr_expect(kernel.interval.numerator == 1 && kernel.interval.denominator == 30);
        cr_assert_eq(rv_sink_write(sink, rgba, &gone), RV_OK, "%s", rv_error_text());
        cr_expect(!gone);
        const size_t stride = 96 * 2 + cases[i].stride_more;
        cr_expect_eq(kernel.written_size, stride * 80, "%zu bytes", kernel.written_size);
        for (size_t y = 0; y < 80; y++)
            for (size_t x = 0; x < 96 * 2; x++) // gray 128 is 16 + 128 * 219 / 255
                cr_assert_eq(kernel.written[y * stride + x], x % 2 ? 128 : 126);
        cr_expect_eq(rv_sink_close(&sink, true), RV_OK);
        fake_finish(&kernel);
    }
    free(rgba);
}

// With exclusive_caps=1, after a writer that ended badly.
Test(device, is_reset_when_it_is_stuck) {
    struct rv_video_sink *sink;
    fake_device();
    kernel.capabilities = V4L2_CAP_VIDEO_CAPTURE;
    cr_expect_eq(open_device(&sink), RV_ERR_INPUT);
    cr_expect(strstr(rv_error_text(), "is it a camera?"), "%s", rv_error_text());
    cr_expect(kernel.streams_on == 1 && kernel.streams_off == 1 && kernel.open_count == 2);
    fake_finish(&kernel);
}

Test(device, refusals) {
    static const struct {
        int open_error;
        unsigned long failing;
        int error;
        uint32_t other_width;
        enum rv_status status;
        const char *text;
    } cases[] = {{ENOENT, 0, 0, 0, RV_ERR_IO, "modprobe v4l2loopback"},
                 {EACCES, 0, 0, 0, RV_ERR_IO, "group \"video\""},
                 {EBUSY, 0, 0, 0, RV_ERR_IO, "another program"},
                 {0, VIDIOC_QUERYCAP, ENOTTY, 0, RV_ERR_INPUT, "no video device"},
                 {0, VIDIOC_S_FMT, EBUSY, 0, RV_ERR_IO, "another program"},
                 {0, 0, 0, 640, RV_ERR_IO, "--size 640x80"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rv_video_sink *sink;
        fake_device();
        kernel.open_error = cases[i].open_error;
        kernel.failing = cases[i].failing;
        kernel.failing_error = cases[i].error;
        kernel.other_width = cases[i].other_width;
        cr_expect_eq(open_device(&sink), cases[i].status, "%s", cases[i].text);
        cr_expect(!sink && strstr(rv_error_text(), cases[i].text), "%s", rv_error_text());
        fake_finish(&kernel);
    }
}

Test(device, a_rate_that_is_not_taken_is_no_matter) {
    struct rv_video_sink *sink;
    fake_device();
    kernel.failing = VIDIOC_S_PARM;
    kernel.failing_error = EINVAL;
    cr_expect_eq(open_device(&sink), RV_OK, "%s", rv_error_text());
    rv_sink_close(&sink, true);
    fake_finish(&kernel);
}

Test(device, is_unplugged) {
    static const uint8_t rgba[96 * 80 * 4];
    struct rv_video_sink *sink;
    bool gone;
    fake_device();
    kernel.write_errors[0] = ENODEV;
    cr_assert_eq(open_device(&sink), RV_OK);
    cr_expect_eq(rv_sink_write(sink, rgba, &gone), RV_ERR_IO);
    cr_expect(strstr(rv_error_text(), "/dev/video9"), "%s", rv_error_text());
    rv_sink_close(&sink, true);
    fake_finish(&kernel);
}
