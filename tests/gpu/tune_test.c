// Measuring which kernels are the fastest: once, remembered, obeyed, and never seen in a result.
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "layout/conv.h"
#include "ops/conv_kernel.h"
#include "ops/tune.h"
#include "support/device.h"
#include "support/dreams.h"

#define SIZE 75
// Where things stand in the file: see src/ops/tune.c.
enum { UUID = 8, COUNT = 48, HASH = 56, ENTRIES = 64, ENTRY = 28, KERNEL = 24 };

static char folder[] = "/tmp/reverie-tune-XXXXXX";

static void make_folder(void) {
    cr_assert_not_null(mkdtemp(folder));
}

static void remove_folder(void) {
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    cr_expect_eq(system(command), 0);
}

// What a dream came to, and what was known of the device before and measured in it.
struct outcome {
    struct rv_picture picture;
    uint32_t known, measured;
    bool square, narrow; // the forward kernels of conv_gemm that were made
    char path[256];      // of the tuning file
};

static struct outcome dream(bool no_tune) {
    struct outcome o = {0};
    rv_context *context;
    // The profile that has a choice on every device.
    struct rv_context_params params = {
        .cache_dir = folder, .profile = "scalar", .no_tune = no_tune};
    cr_assert_eq(rv_context_create(&params, &context), RV_OK, "%s", rv_error_text());
    const struct rv_device *device = context->device;
    snprintf(o.path, sizeof o.path, "%s/tuning-%08x-%08x%s.bin", folder, device->info.vendor_id,
             device->info.device_id, rv_device_clamped() ? "-clamped" : "");
    o.known = rv_tuning_known(device);
    rv_weights *weights = rv_test_weights(1);
    struct rv_picture noise = rv_test_noise(1, SIZE, SIZE);
    struct rv_params dreamed = {.layers = "mixed0", .octaves = 1, .iterations = 2};
    o.picture = rv_test_dream(context, weights, &noise, &dreamed, "dream");
    o.measured = rv_tuning_measured(device);
    for (uint32_t i = 0; i < device->pipelines->count; i++) {
        const struct rv_pipeline *pipeline = &device->pipelines->list[i];
        if (strcmp(pipeline->shader, "conv_gemm_forward") != 0)
            continue;
        o.narrow |= pipeline->spec[RV_CONV_SPEC_TILE] == 1;
        o.square |= pipeline->spec[RV_CONV_SPEC_TILE] == 0;
    }
    rv_picture_free(&noise);
    rv_weights_destroy(&weights);
    rv_context_destroy(&context);
    return o;
}

// As many dreams as it takes until nothing is left to measure: on a slow device one has not the
// time. The outcome is the first's, with all that was measured.
static struct outcome dream_until_known(void) {
    struct outcome first = dream(false), next = first;
    for (int i = 0; i < 20 && next.measured; i++) {
        next = dream(false);
        first.measured += next.measured;
        cr_assert_eq(
            memcmp(next.picture.pixels, first.picture.pixels, sizeof(float) * 3 * SIZE * SIZE), 0);
        rv_picture_free(&next.picture);
    }
    cr_assert_eq(next.measured, 0, "it never ends");
    return first;
}

static void check_same(const struct outcome *a, struct outcome *b, const char *what) {
    cr_assert_eq(b->picture.width, a->picture.width);
    cr_expect_eq(memcmp(a->picture.pixels, b->picture.pixels, sizeof(float) * 3 * SIZE * SIZE), 0,
                 "%s: other bytes", what);
    rv_picture_free(&b->picture);
}

static uint8_t *read_file(const char *path, size_t *size) {
    uint8_t *data;
    cr_assert_eq(rv_file_read(path, 1 << 20, &data, size), RV_OK, "%s", rv_error_text());
    return data;
}

// Every entry's kernel becomes `kernel`; the file is whole.
static void rewrite(const char *path, uint32_t kernel) {
    size_t size;
    uint8_t *data = read_file(path, &size);
    for (size_t at = ENTRIES; at < size; at += ENTRY)
        memcpy(data + at + KERNEL, &kernel, sizeof kernel);
    uint64_t hash = rv_hash_bytes(RV_HASH_START, data + ENTRIES, size - ENTRIES);
    memcpy(data + HASH, &hash, sizeof hash);
    cr_assert_eq(rv_file_write(path, data, size), RV_OK);
    free(data);
}

static void flip(const char *path, size_t at) {
    size_t size;
    uint8_t *data = read_file(path, &size);
    cr_assert_lt(at, size);
    data[at] ^= 1;
    cr_assert_eq(rv_file_write(path, data, size), RV_OK);
    free(data);
}

Test(tune, once_for_a_device, .init = make_folder, .fini = remove_folder) {
    struct outcome shipped = dream(true);
    cr_expect_eq(shipped.known + shipped.measured, 0);
    cr_expect_neq(access(shipped.path, F_OK), 0, "nothing was to be measured");
    struct outcome first = dream_until_known(), second = dream(false);
    cr_expect_eq(first.known, 0);
    cr_expect_geq(first.measured, 10, "%u", first.measured);
    cr_expect(first.square && first.narrow, "both must have been tried");
    cr_expect_eq(second.known, first.measured);
    cr_expect_eq(second.measured, 0);
    check_same(&shipped, &first, "measuring");
    check_same(&shipped, &second, "measured");
    struct outcome ignoring = dream(true);
    cr_expect_eq(ignoring.known, 0);
    check_same(&shipped, &ignoring, "ignoring");
    rv_picture_free(&shipped.picture);
}

static uint32_t row_of(const char *name) {
    for (uint32_t i = 0; i < RV_CONV_KERNELS; i++)
        if (strcmp(rv_conv_kernels[i].name, name) == 0)
            return i;
    cr_assert_fail("no kernel is called %s", name);
    return 0;
}

// What the file says is done, so long as it can be.
Test(tune, the_choice_is_obeyed, .init = make_folder, .fini = remove_folder) {
    struct outcome first = dream_until_known();
    const char *const names[] = {"gemm 64x64", "gemm 128x32"};
    for (int i = 0; i < 2; i++) {
        rewrite(first.path, row_of(names[i]));
        struct outcome told = dream(false);
        cr_expect_eq(told.measured, 0);
        cr_expect(i ? told.narrow && !told.square : told.square && !told.narrow, "%s", names[i]);
        check_same(&first, &told, names[i]);
    }
    // Of another family, or from no table at all: the shipped choice.
    const uint32_t wrong[] = {row_of("cpu"), row_of("matrix 64x32"), RV_CONV_KERNELS, UINT32_MAX};
    for (int i = 0; i < 4; i++) {
        rewrite(first.path, wrong[i]);
        struct outcome told = dream(false);
        cr_expect_eq(told.measured, 0);
        check_same(&first, &told, "a kernel that cannot be");
    }
    rv_picture_free(&first.picture);
}

// Another driver's, another build's, an altered or a cut file: measured anew, and whole afterwards.
Test(tune, a_bad_file_is_ignored, .init = make_folder, .fini = remove_folder) {
    struct outcome first = dream_until_known();
    const size_t places[] = {0, UUID, UUID + 16, UUID + 24, UUID + 32, COUNT, HASH, ENTRIES + 3};
    for (size_t i = 0; i < sizeof places / sizeof *places + 3; i++) {
        if (i < sizeof places / sizeof *places)
            flip(first.path, places[i]);
        else
            cr_assert_eq(truncate(first.path, i % 3 == 0 ? 0 : i % 3 == 1 ? 63 : 64 + 27), 0);
        rv_context *context;
        struct rv_context_params params = {.cache_dir = folder, .profile = "scalar"};
        cr_assert_eq(rv_context_create(&params, &context), RV_OK, "%s", rv_error_text());
        cr_expect_eq(rv_tuning_known(context->device), 0, "damage %zu", i);
        rv_context_destroy(&context);
        if (i % 4 == 0) { // it takes its time
            struct outcome again = dream(false);
            cr_expect_gt(again.measured, 0);
            check_same(&first, &again, "anew");
        } else if (i < sizeof places / sizeof *places) {
            flip(first.path, places[i]);
        }
    }
    struct outcome last = dream(false);
    check_same(&first, &last, "at last");
    rv_picture_free(&first.picture);
}
