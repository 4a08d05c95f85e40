#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char last_error[sizeof((struct rv_error_kept){0}.text)];

enum rv_status rv_fail(enum rv_status status, const char *format, ...) {
    char text[sizeof last_error]; // an argument may be the previous message itself
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    snprintf(last_error, sizeof last_error, "%s", text);
    return status;
}

const char *rv_error_text(void) {
    return last_error;
}

void rv_error_keep(struct rv_error_kept *kept) {
    memcpy(kept->text, last_error, sizeof kept->text);
}

void rv_error_put_back(const struct rv_error_kept *kept) {
    memcpy(last_error, kept->text, sizeof last_error);
}

const char *rv_status_name(enum rv_status status) {
    switch (status) {
    case RV_OK:
        return "ok";
    case RV_ERR_USAGE:
        return "wrong use";
    case RV_ERR_INPUT:
        return "bad input";
    case RV_ERR_IO:
        return "file error";
    case RV_ERR_WEIGHTS:
        return "weights missing or damaged";
    case RV_ERR_NO_MEMORY:
        return "out of memory";
    case RV_ERR_NO_DEVICE:
        return "no usable Vulkan device";
    case RV_ERR_DEVICE_LOST:
        return "device lost";
    case RV_ERR_NUMERIC:
        return "gradient is zero or not finite";
    case RV_ERR_CANCELLED:
        return "cancelled";
    }
    return "unknown status";
}
