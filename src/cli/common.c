#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/status.h"
#include "cli/commands.h"
#include "reverie/vulkan.h"

#define SMALLEST_SIDE 75 // what InceptionV3 needs

static void print_message(void *user, enum rv_log_level level, const char *message) {
    const enum rv_log_level *most = user;
    if (level <= *most)
        fprintf(stderr, "reverie: %s\n", message);
}

enum rv_status rv_open_lent_device(const struct rv_arguments *arguments, bool quiet,
                                   const struct rv_vulkan_device *lent, rv_context **context) {
    static enum rv_log_level most; // outlives the context, which keeps a pointer to it
    most = arguments->value[RV_CLI_VERBOSE] ? RV_LOG_DEBUG : quiet ? RV_LOG_ERROR : RV_LOG_WARNING;
    struct rv_context_params params = {.size = sizeof params,
                                       .device = arguments->value[RV_CLI_DEVICE],
                                       .profile = arguments->value[RV_CLI_PROFILE],
                                       .no_tune = arguments->value[RV_CLI_NO_TUNE] != NULL,
                                       .log = print_message,
                                       .log_user = &most};
    enum rv_status status = rv_arguments_bytes(arguments, RV_CLI_MEMORY, &params.memory_bytes);
    if (status == RV_OK)
        status =
            lent ? rv_context_import(lent, &params, context) : rv_context_create(&params, context);
    if (status != RV_OK)
        return status;
    const struct rv_device_info *device = rv_context_device(*context);
    if (device->type == RV_DEVICE_CPU && !params.device && !quiet)
        fprintf(stderr, "reverie: no GPU found: using %s on the processor; this is slow\n",
                device->name);
    return RV_OK;
}

enum rv_status rv_open_device(const struct rv_arguments *arguments, bool quiet,
                              rv_context **context) {
    return rv_open_lent_device(arguments, quiet, NULL, context);
}

enum rv_status rv_load_weights(const struct rv_arguments *arguments, rv_weights **weights) {
    uint64_t seed = 0;
    if (!arguments->value[RV_CLI_RANDOM_WEIGHTS])
        return rv_weights_load(arguments->value[RV_CLI_WEIGHTS], weights);
    if (arguments->value[RV_CLI_WEIGHTS])
        return rv_fail(RV_ERR_USAGE, "--weights and --random-weights exclude each other: give one "
                                     "of them");
    enum rv_status status =
        rv_arguments_number(arguments, RV_CLI_RANDOM_WEIGHTS, 0, UINT64_MAX, &seed);
    return status == RV_OK ? rv_weights_random(seed, weights) : status;
}

const char *rv_device_type_name(enum rv_device_type type) {
    switch (type) {
    case RV_DEVICE_DISCRETE:
        return "discrete";
    case RV_DEVICE_INTEGRATED:
        return "integrated";
    case RV_DEVICE_VIRTUAL:
        return "virtual";
    case RV_DEVICE_CPU:
        return "cpu";
    case RV_DEVICE_OTHER:
        break;
    }
    return "other";
}

// The folder a file lies in: "." for a bare name, "/" for one in the root.
static void folder_of(const char *path, char *folder, size_t capacity) {
    const char *slash = strrchr(path, '/');
    size_t length = slash == path ? 1 : slash ? (size_t)(slash - path) : 0;
    snprintf(folder, capacity, "%.*s", slash ? (int)length : 1, slash ? path : ".");
}

enum rv_status rv_check_output(const char *path, bool overwrite) {
    struct stat info;
    char folder[4096];
    if (strcmp(path, "-") == 0)
        return isatty(STDOUT_FILENO)
                   ? rv_fail(RV_ERR_USAGE, "standard output is a terminal: send it to a file or a "
                                           "program, or name the output with -o FILE")
                   : RV_OK;
    if (strlen(path) >= sizeof folder)
        return rv_fail(RV_ERR_USAGE,
                       "output: %zu characters are too long for a path: choose a "
                       "shorter one",
                       strlen(path));
    if (stat(path, &info) == 0) {
        if (S_ISDIR(info.st_mode))
            return rv_fail(RV_ERR_IO, "%s: cannot write: it is a folder: name a file in it", path);
        if (S_ISREG(info.st_mode) && !overwrite)
            return rv_fail(RV_ERR_IO,
                           "%s: it exists already: add --overwrite to replace it, or "
                           "name another file with -o",
                           path);
        return access(path, W_OK) == 0
                   ? RV_OK
                   : rv_fail(RV_ERR_IO, "%s: cannot write: %s: choose another file with -o", path,
                             strerror(errno));
    }
    folder_of(path, folder, sizeof folder);
    if (stat(folder, &info) != 0)
        return rv_fail(RV_ERR_IO,
                       "%s: cannot write: its folder: %s: create %s, or name another "
                       "file with -o",
                       path, strerror(errno), folder);
    if (!S_ISDIR(info.st_mode) || access(folder, W_OK | X_OK) != 0)
        return rv_fail(RV_ERR_IO, "%s: cannot write into %s: %s: name another file with -o", path,
                       folder, strerror(S_ISDIR(info.st_mode) ? errno : ENOTDIR));
    return RV_OK;
}

enum rv_status rv_check_size(const char *path, const struct rv_picture *picture) {
    if (picture->width >= SMALLEST_SIDE && picture->height >= SMALLEST_SIDE)
        return RV_OK;
    return rv_fail(RV_ERR_INPUT,
                   "%s: %u x %u pixels are too few for the network: both sides need "
                   "at least %d; use a larger picture or --size",
                   path, (unsigned)picture->width, (unsigned)picture->height, SMALLEST_SIDE);
}
