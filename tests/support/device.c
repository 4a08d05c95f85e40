#include "support/device.h"

#include <criterion/criterion.h>
#include <stdio.h>

static uint32_t messages; // warnings and errors so far

static void print(void *user, enum rv_log_level level, const char *message) {
    (void)user;
    if (level > RV_LOG_WARNING)
        return;
    fprintf(stderr, "%s\n", message);
    messages++;
}

rv_context *rv_test_context(void) {
    rv_context *context;
    struct rv_context_params params = {.log = print, .validate = true};
    cr_assert_eq(rv_context_create(&params, &context), RV_OK, "%s", rv_error_text());
    return context;
}

void rv_test_context_end(rv_context **context) {
    rv_context_destroy(context); // the layer then reports what was never destroyed
    cr_expect(messages == 0, "the validation layer reported %u times", messages);
}
