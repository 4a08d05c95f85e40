// Errors inside the library: a status says what the caller can do, the text says what was wrong,
// where, and what to do about it.
#ifndef RV_BASE_STATUS_H
#define RV_BASE_STATUS_H

#include "reverie/reverie.h"

// Records a formatted one-line message as this thread's last error and returns `status`, so that a
// failing function can end with `return rv_fail(RV_ERR_INPUT, "%s: truncated", path);`.
// The message replaces the previous one; it is cut at 1023 bytes.
enum rv_status rv_fail(enum rv_status status, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 2, 3)))
#endif
    ;

// This thread's last error, put aside before something whose failure is none of the call's, such as
// a cache's file that is not there yet, and put back after it: rv_error_text() is as it was.
struct rv_error_kept {
    char text[1024];
};
void rv_error_keep(struct rv_error_kept *kept);
void rv_error_put_back(const struct rv_error_kept *kept);

// Jumps to the label `done` when `expression` is not RV_OK. Needs a local `enum rv_status status`.
#define RV_TRY(expression)                                                                         \
    do {                                                                                           \
        status = (expression);                                                                     \
        if (status != RV_OK)                                                                       \
            goto done;                                                                             \
    } while (0)

#endif
