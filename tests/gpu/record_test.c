// The recorder: barriers where the declared bytes ask for them and nowhere else, recordings that
// can be run again, and what the device's limits refuse.
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/image.h"
#include "ops/op.h"
#include "support/device.h"
#include "support/reference.h"

#define LIST(array) (sizeof(array) / sizeof *(array))

Test(record, overlap) {
    // Only the handles are looked at, as identities.
    struct rv_buffer buffers[2] = {{.size = 4096}, {.size = 4096}};
    memcpy(&buffers[0].handle, &(uint64_t){1}, sizeof buffers[0].handle);
    memcpy(&buffers[1].handle, &(uint64_t){2}, sizeof buffers[1].handle);
    const struct rv_buffer *a = &buffers[0], *b = &buffers[1];
    const struct {
        const char *name;
        struct rv_range x, y;
        bool overlap;
    } cases[] = {
        {"the same", {a, 256, 256}, {a, 256, 256}, true},
        {"one within the other", {a, 0, 1024}, {a, 256, 256}, true},
        {"sharing the first byte", {a, 256, 512}, {a, 0, 257}, true},
        {"sharing the last byte", {a, 256, 512}, {a, 767, 256}, true},
        {"touching below", {a, 256, 512}, {a, 0, 256}, false},
        {"touching above", {a, 256, 512}, {a, 768, 256}, false},
        {"apart", {a, 0, 256}, {a, 1024, 256}, false},
        {"other buffers", {a, 256, 256}, {b, 256, 256}, false},
        {"beyond 4 GiB", {a, UINT64_C(1) << 32, 256}, {a, 0, 256}, false},
    };
    for (size_t i = 0; i < LIST(cases); i++) {
        cr_expect_eq(rv_ranges_overlap(&cases[i].x, &cases[i].y), cases[i].overlap, "%s",
                     cases[i].name);
        cr_expect_eq(rv_ranges_overlap(&cases[i].y, &cases[i].x), cases[i].overlap,
                     "%s, the other way round", cases[i].name);
    }
    struct rv_buffer copy = buffers[0]; // the same memory under another struct
    cr_expect(rv_ranges_overlap(&(struct rv_range){a, 0, 256}, &(struct rv_range){&copy, 0, 256}));
}

// ------------------------------------------------------------------------------------------------
// Barriers

#define UNIT 1024 // bytes: 64 pixels, what one resize of 8 x 8 reads and writes
#define UNITS 8

// A copy, or a resize (to the same size, so that it copies too), in units of a buffer: `count` of
// them from `from` to `to`. With `both`, the target is also read: target = source + target.
struct move {
    enum { END, COPY, RESIZE } kind;
    uint32_t from, to, count;
    bool both;
};

struct barrier_case {
    const char *name;
    struct move moves[5];
    uint32_t barriers;
};

static const struct barrier_case barrier_cases[] = {
    {"read what was written", {{COPY, 0, 1, 1, false}, {COPY, 1, 2, 1, false}}, 1},
    {"write what was read", {{COPY, 0, 1, 1, false}, {COPY, 2, 0, 1, false}}, 1},
    {"write what was written", {{COPY, 0, 2, 1, false}, {COPY, 1, 2, 1, false}}, 1},
    {"read twice", {{COPY, 0, 1, 1, false}, {COPY, 0, 2, 1, false}}, 0},
    {"nothing shared", {{COPY, 0, 1, 1, false}, {COPY, 2, 3, 1, false}}, 0},
    {"one unit shared", {{COPY, 0, 2, 2, false}, {COPY, 3, 6, 2, false}}, 1},
    {"neighbours", {{COPY, 0, 2, 2, false}, {COPY, 4, 6, 2, false}}, 0},
    {"a dispatch reads what was written", {{RESIZE, 0, 1, 1, false}, {RESIZE, 1, 2, 1, false}}, 1},
    {"a dispatch writes what was read", {{RESIZE, 0, 1, 1, false}, {RESIZE, 2, 0, 1, false}}, 1},
    {"a dispatch writes what was written", {{RESIZE, 0, 2, 1, false}, {RESIZE, 1, 2, 1, false}}, 1},
    {"a dispatch reads twice", {{RESIZE, 0, 1, 1, false}, {RESIZE, 0, 2, 1, false}}, 0},
    {"dispatches, nothing shared", {{RESIZE, 0, 1, 1, false}, {RESIZE, 2, 3, 1, false}}, 0},
    {"a dispatch after a copy", {{COPY, 0, 2, 2, false}, {RESIZE, 3, 4, 1, false}}, 1},
    {"a copy after a dispatch", {{RESIZE, 0, 1, 1, false}, {COPY, 1, 2, 1, false}}, 1},
    {"sums into one place", {{RESIZE, 0, 2, 1, true}, {RESIZE, 1, 2, 1, true}}, 1},
    {"sums into two places", {{RESIZE, 0, 1, 1, true}, {RESIZE, 0, 2, 1, true}}, 0},
    {"one barrier serves two",
     {{COPY, 0, 1, 1, false},
      {COPY, 2, 3, 1, false},
      {COPY, 1, 4, 1, false},
      {COPY, 3, 5, 1, false}},
     1},
    {"what a barrier has ordered is forgotten",
     {{COPY, 0, 1, 1, false},
      {COPY, 1, 2, 1, false},
      {COPY, 1, 3, 1, false},
      {COPY, 4, 0, 1, false}},
     1},
    {"a chain",
     {{COPY, 0, 1, 1, false},
      {RESIZE, 1, 2, 1, false},
      {COPY, 2, 3, 1, false},
      {RESIZE, 3, 4, 1, true},
      {COPY, 4, 5, 1, false}},
     4},
};

static enum rv_status record_move(struct rv_recorder *recorder, const struct rv_buffer *buffer,
                                  const struct move *move) {
    struct rv_range from = {buffer, (uint64_t)move->from * UNIT, (uint64_t)move->count * UNIT};
    struct rv_range to = {buffer, (uint64_t)move->to * UNIT, (uint64_t)move->count * UNIT};
    if (move->kind == COPY)
        return rv_record_copy(recorder, from, to);
    struct rv_extent size = {8, 8 * move->count};
    struct rv_resize_op op = {
        .source = from, .target = to, .from = size, .to = size, .weight = 1, .other = 1};
    if (move->both)
        op.second = to;
    return rv_op_resize(recorder, &op);
}

// The same on the host. Whole numbers, so that sums are exact; the fourth value of a pixel stays 0.
static void move_floats(float *values, const struct move *move) {
    const float *from = values + (size_t)move->from * UNIT / 4;
    float *to = values + (size_t)move->to * UNIT / 4;
    for (size_t i = 0; i < (size_t)move->count * UNIT / 4; i++)
        to[i] = move->both ? to[i] + from[i] : from[i];
}

static void check_barriers(struct rv_device *device, const struct barrier_case *c) {
    float expected[UNITS * UNIT / 4], found[UNITS * UNIT / 4];
    struct rv_buffer buffer;
    struct rv_recorder recorder;
    for (size_t i = 0; i < LIST(expected); i++)
        expected[i] = i % 4 == 3 ? 0 : (float)i;
    cr_assert_eq(rv_buffer_init(device, &buffer, sizeof expected, RV_MEMORY_DEVICE, "units"),
                 RV_OK);
    cr_assert_eq(rv_buffer_write(device, &buffer, 0, expected, sizeof expected), RV_OK);
    cr_assert_eq(rv_recorder_init(&recorder, device, 5), RV_OK);
    for (size_t i = 0; i < LIST(c->moves) && c->moves[i].kind != END; i++) {
        cr_assert_eq(record_move(&recorder, &buffer, &c->moves[i]), RV_OK, "%s: %s", c->name,
                     rv_error_text());
        move_floats(expected, &c->moves[i]);
    }
    cr_expect_eq(recorder.barriers, c->barriers, "%s: %u barriers, not %u", c->name,
                 recorder.barriers, c->barriers);
    cr_assert_eq(rv_recorder_end(&recorder), RV_OK);
    cr_assert_eq(rv_recorder_submit(&recorder, NULL), RV_OK);
    cr_assert_eq(rv_device_wait(device, device->submitted), RV_OK);
    cr_assert_eq(rv_buffer_read(device, &buffer, 0, found, sizeof found), RV_OK);
    cr_expect(memcmp(found, expected, sizeof found) == 0, "%s: not what the host makes of it",
              c->name);
    rv_recorder_finish(&recorder);
    rv_buffer_finish(device, &buffer);
}

// Synchronization validation, which the context has on, would name a barrier that is missing.
Test(record, barriers) {
    rv_context *context = rv_test_context();
    for (size_t i = 0; i < LIST(barrier_cases); i++)
        check_barriers(context->device, &barrier_cases[i]);
    rv_test_context_end(&context);
}

// ------------------------------------------------------------------------------------------------
// Replay

// 16 x 12 pixels to 20 x 9 and back, over and over, from one recording: the same bytes every time
// from the same bytes; other ones from others; and several submissions in a row, unwaited.
Test(record, replay) {
    rv_context *context = rv_test_context();
    struct rv_device *device = context->device;
    struct rv_recorder recorder;
    struct rv_buffer buffer;
    struct rv_extent sizes[2] = {{16, 12}, {20, 9}};
    float start[2][16 * 12 * 4], results[4][16 * 12 * 4];
    for (size_t i = 0; i < LIST(start[0]); i++) {
        start[0][i] = i % 4 == 3 ? 0 : rv_ref_uniform(1, i);
        start[1][i] = i % 4 == 3 ? 0 : rv_ref_uniform(2, i);
    }
    cr_assert_eq(rv_buffer_init(device, &buffer, 8192, RV_MEMORY_DEVICE, "two pictures"), RV_OK);
    struct rv_range ranges[2] = {{&buffer, 0, rv_image_bytes(sizes[0])},
                                 {&buffer, 4096, rv_image_bytes(sizes[1])}};
    cr_assert_eq(rv_recorder_init(&recorder, device, 2), RV_OK);
    for (uint32_t i = 0; i < 2; i++) {
        struct rv_resize_op op = {.source = ranges[i],
                                  .from = sizes[i],
                                  .target = ranges[1 - i],
                                  .to = sizes[1 - i],
                                  .weight = 1};
        cr_assert_eq(rv_op_resize(&recorder, &op), RV_OK, "%s", rv_error_text());
    }
    cr_assert_eq(rv_recorder_end(&recorder), RV_OK);
    for (uint32_t i = 0; i < 4; i++) { // once; once more; from another start; three times
        cr_assert_eq(rv_buffer_write(device, &buffer, 0, start[i == 2], sizeof start[0]), RV_OK);
        for (uint32_t n = 0; n < (i == 3 ? 3u : 1u); n++)
            cr_assert_eq(rv_recorder_submit(&recorder, NULL), RV_OK, "%s", rv_error_text());
        cr_assert_eq(rv_device_wait(device, device->submitted), RV_OK);
        cr_assert_eq(rv_buffer_read(device, &buffer, 0, results[i], sizeof results[i]), RV_OK);
    }
    cr_expect(memcmp(results[0], results[1], sizeof results[0]) == 0, "the second run differs");
    cr_expect(memcmp(results[0], results[2], sizeof results[0]) != 0,
              "the source is not looked at");
    // Each run goes on from the last: three of one recording are as three recordings of one.
    for (uint32_t n = 0; n < 3; n++) {
        cr_assert_eq(
            rv_buffer_write(device, &buffer, 0, n ? results[0] : start[0], sizeof start[0]), RV_OK);
        cr_assert_eq(rv_recorder_submit(&recorder, NULL), RV_OK);
        cr_assert_eq(rv_device_wait(device, device->submitted), RV_OK);
        cr_assert_eq(rv_buffer_read(device, &buffer, 0, results[0], sizeof results[0]), RV_OK);
    }
    cr_expect(memcmp(results[0], results[3], sizeof results[0]) == 0,
              "three runs in a row are not one after the other");
    rv_recorder_finish(&recorder);
    rv_buffer_finish(device, &buffer);
    rv_test_context_end(&context);
}

// ------------------------------------------------------------------------------------------------
// Limits

Test(record, memory_cap) {
    setenv("REVERIE_MEMORY_CAP", "3145728", 1); // 3 MiB
    rv_context *context = rv_test_context();
    struct rv_device *device = context->device;
    struct rv_buffer first, second;
    cr_assert_eq(rv_buffer_init(device, &first, 2 << 20, RV_MEMORY_DEVICE, "arena"), RV_OK, "%s",
                 rv_error_text());
    cr_expect_eq(rv_buffer_init(device, &second, 2 << 20, RV_MEMORY_DEVICE, "pictures"),
                 RV_ERR_NO_MEMORY);
    const char *const says[] = {"pictures", "2.0 MiB", "3.0", "REVERIE_MEMORY_CAP", "--size"};
    for (size_t i = 0; i < LIST(says); i++)
        cr_expect(strstr(rv_error_text(), says[i]), "\"%s\" is not in: %s", says[i],
                  rv_error_text());
    cr_expect(!second.handle && !second.memory && second.size == 2 << 20 &&
              device->bytes == 2 << 20);
    rv_buffer_finish(device, &first);
    // What was given back can be had again, to the last byte and no further.
    cr_expect_eq(rv_buffer_init(device, &first, 3 << 20, RV_MEMORY_HOST, "arena"), RV_OK, "%s",
                 rv_error_text());
    cr_expect_eq(rv_buffer_init(device, &second, 1, RV_MEMORY_DEVICE, "a byte"), RV_ERR_NO_MEMORY);
    rv_buffer_finish(device, &first);
    cr_expect(device->bytes == 0 && device->peak_bytes == 3 << 20);
    rv_test_context_end(&context);
}

// Each limit in turn is lowered below what a 64 x 64 picture needs.
Test(record, limits) {
    rv_context *context = rv_test_context();
    struct rv_device *device = context->device;
    const struct rv_limits limits = device->limits;
    struct rv_extent size = {64, 64};
    struct rv_buffer buffer;
    struct rv_recorder recorder;
    cr_assert_eq(rv_buffer_init(device, &buffer, 1 << 17, RV_MEMORY_DEVICE, "pictures"), RV_OK);
    struct rv_range picture = {&buffer, 0, 1 << 16};
    struct rv_resize_op op = {.source = picture,
                              .target = {&buffer, 1 << 16, 1 << 16},
                              .from = size,
                              .to = size,
                              .weight = 1};
    cr_assert_eq(rv_recorder_init(&recorder, device, 4), RV_OK);

    struct rv_binding binding = {.access = RV_READ_WRITE, .range = picture};
    struct rv_dispatch dispatch = {.shader = "ascend",
                                   .label = "floats",
                                   .spec = (const uint32_t[]){0},
                                   .bindings = &binding,
                                   .binding_count = 1,
                                   .groups = {1, 1, 1}};
    device->limits.storage_range = (1 << 16) - 256;
    cr_expect_eq(rv_record_dispatch(&recorder, &dispatch), RV_ERR_NO_MEMORY);
    cr_expect(strstr(rv_error_text(), "floats: a tensor of 0 MiB is over the"), "%s",
              rv_error_text());
    device->limits = limits;

    // A picture is worked on in bands, so only one of which no row can be shown is refused.
    device->limits.storage_range = 1023;
    cr_expect_eq(rv_op_resize(&recorder, &op), RV_ERR_INPUT);
    cr_expect(strstr(rv_error_text(), "resize: the picture is too large"), "%s", rv_error_text());
    device->limits = limits;

    struct rv_op_dispatch wide;
    rv_op_begin(&wide, "ascend", "groups", 0, NULL, 0);
    device->limits.group_count = 63;
    cr_expect_eq(rv_op_dispatch(&recorder, &wide, 64, 1, 1), RV_ERR_INPUT);
    cr_expect(strstr(rv_error_text(), "groups: the picture is too large"), "%s", rv_error_text());
    device->limits = limits;

    device->limits.texel_bytes = (1 << 16) - 256;
    struct rv_binding texels = {.slot = RV_BUFFER_SLOTS, .access = RV_READ, .range = picture};
    dispatch.label = "texels";
    dispatch.bindings = &texels;
    cr_expect_eq(rv_record_dispatch(&recorder, &dispatch), RV_ERR_NO_MEMORY);
    cr_expect(strstr(rv_error_text(), "texels: "), "%s", rv_error_text());
    device->limits.texel_bytes = 2 * picture.size - 1; // as many elements of half the size
    texels.fp16 = true;
    cr_expect_eq(rv_record_dispatch(&recorder, &dispatch), RV_ERR_NO_MEMORY);
    cr_expect(strstr(rv_error_text(), "texels: "), "%s", rv_error_text());
    device->limits = limits;

    device->limits.allocation_bytes = 1 << 20;
    struct rv_buffer none;
    cr_expect_eq(rv_buffer_init(device, &none, (1 << 20) + 1, RV_MEMORY_DEVICE, "arena"),
                 RV_ERR_NO_MEMORY);
    cr_expect(strstr(rv_error_text(), "the arena needs 1.0 MiB"), "%s", rv_error_text());
    device->limits = limits;

    // What is exactly at a limit passes, and what was refused has left the recorder in order.
    device->limits.storage_range = 1 << 16;
    device->limits.group_count = 64;
    cr_expect_eq(rv_op_resize(&recorder, &op), RV_OK, "%s", rv_error_text());
    cr_assert_eq(rv_recorder_end(&recorder), RV_OK);
    cr_assert_eq(rv_recorder_submit(&recorder, NULL), RV_OK);
    cr_assert_eq(rv_device_wait(device, device->submitted), RV_OK);
    rv_recorder_finish(&recorder);
    rv_buffer_finish(device, &buffer);
    rv_test_context_end(&context);
}

// A step of no known operation is refused by name.
Test(record, no_such_operation) {
    struct rv_op_context context = {.recorder = NULL};
    struct rv_step step = {.op = RV_OP_COUNT, .label = "a step"};
    cr_expect_eq(rv_op_record(&context, &step), RV_ERR_USAGE);
    cr_expect(strstr(rv_error_text(), "a step"), "%s", rv_error_text());
}
