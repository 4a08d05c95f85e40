// Which kernels are chosen, and that a self-test really guards the choice.
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ops/selftest.h"
#include "support/device.h"

struct messages {
    uint32_t warnings;
    char last[1024]; // warning
};

static void collect(void *user, enum rv_log_level level, const char *message) {
    struct messages *messages = user;
    if (level > RV_LOG_WARNING)
        return;
    messages->warnings++;
    snprintf(messages->last, sizeof messages->last, "%s", message);
}

static char folder[] = "/tmp/reverie-profile-XXXXXX";

static void make_folder(void) {
    cr_assert_not_null(mkdtemp(folder));
    cr_assert_eq(unsetenv("REVERIE_PROFILE"), 0);
}

static void remove_folder(void) {
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    cr_expect_eq(system(command), 0);
}

static rv_context *open_context(struct messages *messages, const char *profile) {
    rv_context *context;
    struct rv_context_params params = {
        .cache_dir = folder, .log = collect, .log_user = messages, .profile = profile};
    *messages = (struct messages){0};
    cr_assert_eq(rv_context_create(&params, &context), RV_OK, "%s", rv_error_text());
    return context;
}

static const struct rv_profile_info *row_of(const rv_context *context, const char *name) {
    const struct rv_profile_info *rows = rv_context_device(context)->profiles;
    for (int i = 0; i < RV_PROFILES; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    cr_expect_fail("no profile is called %s", name);
    return NULL;
}

// The profile chosen freely, and whether it is one that is tested.
static bool chosen(char name[16]) {
    struct messages messages;
    rv_context *context = open_context(&messages, NULL);
    snprintf(name, 16, "%s", rv_context_device(context)->profile);
    cr_expect_eq(messages.warnings, 0, "%s", messages.last);
    rv_context_destroy(&context);
    return strcmp(name, "scalar") != 0;
}

// The test runs once, then never again while its file is good; a damaged file is ignored.
Test(profile, a_verdict_is_remembered, .init = make_folder, .fini = remove_folder) {
    struct messages messages;
    char path[256];
    for (int run = 0; run < 4; run++) {
        rv_context *context = open_context(&messages, NULL);
        const struct rv_device *device = context->device;
        bool tested = device->limits.profile != RV_PROFILE_SCALAR;
        cr_expect_eq(device->self_tests, tested && run != 1, "run %d: %u tests", run,
                     device->self_tests);
        cr_expect_eq(messages.warnings, 0, "%s", messages.last);
        snprintf(path, sizeof path, "%s/verdicts-%08x-%08x%s.bin", folder, device->info.vendor_id,
                 device->info.device_id, rv_device_clamped() ? "-clamped" : "");
        rv_context_destroy(&context);
        if (!tested)
            return;
        FILE *file = fopen(path, "r+b");
        cr_assert_not_null(file, "%s", path);
        if (run == 1) { // cut
            cr_assert_eq(ftruncate(fileno(file), 40), 0);
        } else if (run == 2) { // one bit of a verdict
            int byte;
            cr_assert_eq(fseek(file, 44, SEEK_SET), 0);
            cr_assert_neq(byte = fgetc(file), EOF);
            cr_assert_eq(fseek(file, 44, SEEK_SET), 0);
            cr_assert_neq(fputc(byte ^ 8, file), EOF);
        }
        cr_assert_eq(fclose(file), 0);
    }
}

// A wrong weight disables the profile, is said once, and leaves nothing behind.
static void check_fault(const char *name) {
    struct messages messages;
    rv_context *context;
    struct rv_context_params params = {
        .cache_dir = folder, .log = collect, .log_user = &messages, .profile = ""};
    messages = (struct messages){0};
    cr_assert_eq(setenv("REVERIE_SELFTEST_FAULT", name, 1), 0);
    enum rv_status status = rv_context_create(&params, &context);
    if (status == RV_OK) {
        cr_expect_str_neq(rv_context_device(context)->profile, name);
        cr_expect_str_eq(rv_context_device(context)->profile,
                         rv_profile_name(context->device->limits.profile));
        cr_expect(!row_of(context, name)->available);
        cr_expect(strstr(row_of(context, name)->reason, "self-test") != NULL);
        cr_expect_eq(messages.warnings, 1);
        cr_expect(strstr(messages.last, name) && strstr(messages.last, "self-test"), "%s",
                  messages.last);
        rv_context_destroy(&context);
    } else { // none was left
        cr_expect_eq(status, RV_ERR_NO_DEVICE);
        cr_expect(strstr(rv_error_text(), name) && strstr(rv_error_text(), "self-test"), "%s",
                  rv_error_text());
    }
    // Asked for by name, it is an error rather than another profile.
    params.profile = name;
    cr_expect_eq(rv_context_create(&params, &context), RV_ERR_NO_DEVICE, "%s", name);
    cr_expect_null(context);
    cr_expect(strstr(rv_error_text(), name) && strstr(rv_error_text(), "self-test"), "%s",
              rv_error_text());
    cr_assert_eq(unsetenv("REVERIE_SELFTEST_FAULT"), 0);
    char after[16];
    chosen(after);
    cr_expect_str_eq(after, name);
}

// Every profile the device offers, those before it in the order of choice switched off.
Test(profile, a_fault_disables_the_profile, .init = make_folder, .fini = remove_folder) {
    struct messages messages;
    const char *inherited = getenv("REVERIE_DISABLE");
    char list[256];
    snprintf(list, sizeof list, "%s", inherited ? inherited : "");
    rv_context *context = open_context(&messages, NULL);
    struct rv_device_info info = *rv_context_device(context);
    rv_context_destroy(&context);
    for (int i = 0; i < RV_PROFILES; i++) {
        if (info.profiles[i].available && strcmp(info.profiles[i].name, "scalar") != 0)
            check_fault(info.profiles[i].name);
        snprintf(list + strlen(list), sizeof list - strlen(list), ",%s", info.profiles[i].name);
        cr_assert_eq(setenv("REVERIE_DISABLE", list, 1), 0);
    }
}

// A failure is remembered as well: the profile is not chosen, nor tried again.
Test(profile, a_failure_is_remembered, .init = make_folder, .fini = remove_folder) {
    struct messages messages;
    char name[16];
    if (!chosen(name))
        return;
    rv_context *context = open_context(&messages, NULL);
    struct rv_device *device = context->device;
    struct rv_verdicts failed = {.failed = 1u << rv_profile_of(name)};
    cr_assert_eq(rv_verdicts_save(&device->vk, device->physical, folder, failed), RV_OK, "%s",
                 rv_error_text());
    rv_context_destroy(&context);
    context = open_context(&messages, NULL);
    cr_expect_str_neq(rv_context_device(context)->profile, name);
    cr_expect(strstr(row_of(context, name)->reason, "self-test") != NULL);
    rv_context_destroy(&context);
}

// What was asked for is used or refused with the reason that the list gives.
Test(profile, one_can_be_asked_for, .init = make_folder, .fini = remove_folder) {
    static const char *const names[] = {"scalar", "coopmat", "coopmat2", "cpu"};
    struct messages messages;
    rv_context *context = open_context(&messages, NULL);
    struct rv_device_info info = *rv_context_device(context);
    rv_context_destroy(&context);
    for (int i = 0; i < RV_PROFILES; i++) {
        const struct rv_profile_info *row = info.profiles;
        while (strcmp(row->name, names[i]) != 0)
            row++;
        struct rv_context_params params = {.cache_dir = folder, .profile = names[i]};
        enum rv_status status = rv_context_create(&params, &context);
        cr_expect_eq(status, row->available ? RV_OK : RV_ERR_NO_DEVICE, "%s: %s", names[i],
                     rv_error_text());
        if (status == RV_OK)
            cr_expect_str_eq(rv_context_device(context)->profile, names[i]);
        else
            cr_expect(strstr(rv_error_text(), row->reason) != NULL, "%s", rv_error_text());
        rv_context_destroy(&context);
    }
    struct rv_context_params params = {.cache_dir = folder, .profile = "vector"};
    cr_expect_eq(rv_context_create(&params, &context), RV_ERR_USAGE);
}

// REVERIE_DISABLE takes profiles out one by one, by their whole names; what it does not know it
// says.
Test(profile, each_can_be_switched_off, .init = make_folder, .fini = remove_folder) {
    struct messages messages;
    char name[16], list[128] = "";
    cr_assert_eq(unsetenv("REVERIE_DISABLE"), 0);
    for (chosen(name); strcmp(name, "scalar") != 0; chosen(name)) {
        char before[16];
        snprintf(before, sizeof before, "%s", name);
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", *list ? "," : "", name);
        cr_assert_eq(setenv("REVERIE_DISABLE", list, 1), 0);
        chosen(name);
        cr_assert_str_neq(name, before);
    }
    cr_assert_eq(setenv("REVERIE_DISABLE", "scal, scalars", 1), 0);
    rv_context *context = open_context(&messages, NULL);
    cr_expect(row_of(context, "scalar")->available);
    cr_expect_eq(messages.warnings, 1);
    cr_expect(strstr(messages.last, "\"scal\"") != NULL, "%s", messages.last);
    rv_context_destroy(&context);
    cr_assert_eq(setenv("REVERIE_DISABLE", "scalar,coopmat,coopmat2,cpu", 1), 0);
    struct rv_context_params params = {.cache_dir = folder};
    cr_expect_eq(rv_context_create(&params, &context), RV_ERR_NO_DEVICE);
    cr_expect(strstr(rv_error_text(), "REVERIE_DISABLE") != NULL, "%s", rv_error_text());
}
