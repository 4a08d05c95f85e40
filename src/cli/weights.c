// reverie weights fetch, import, verify.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/place.h"
#include "base/status.h"
#include "cli/commands.h"
#include "formats/import.h"

#define PATH_SIZE 4096

// The default place may be the first thing Reverie ever keeps for this user.
static enum rv_status make_default_folder(const char *path) {
    char folder[PATH_SIZE];
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (!slash || slash == folder)
        return RV_OK;
    *slash = '\0';
    return rv_file_make_folder(folder);
}

static void print_line(FILE *stream, const char *title, const char *value) {
    if (*value)
        fprintf(stream, "  %-12s%s\n", title, value);
}

// The hashes of the source are what its publisher may have stated; the last is the tensors' own.
static void print_origin(FILE *stream, const char *source, const char *sha256, const char *md5,
                         const char *content_sha256) {
    print_line(stream, "source", source);
    print_line(stream, "SHA-256", sha256);
    print_line(stream, "MD5", md5);
    print_line(stream, "content", content_sha256);
}

enum rv_status rv_command_import(const struct rv_arguments *arguments) {
    const char *output = arguments->value[RV_CLI_OUTPUT];
    char path[PATH_SIZE];
    struct rv_import_report report;
    enum rv_status status = RV_OK;
    if (!output) {
        rv_weights_default_path(path, sizeof path);
        output = path;
        status = make_default_folder(path);
    }
    if (status == RV_OK)
        status = rv_check_output(output, arguments->value[RV_CLI_OVERWRITE] != NULL);
    if (status == RV_OK)
        status = rv_import_weights(arguments->positional[0], output,
                                   arguments->value[RV_CLI_FP16] != NULL, &report);
    if (status != RV_OK || arguments->value[RV_CLI_QUIET])
        return status;
    FILE *stream = strcmp(output, "-") == 0 ? stderr : stdout;
    fprintf(stream, "%s: %u of 94 convolutions, up to %s, %s\n", output,
            (unsigned)report.conv_count, report.depth, report.fp16 ? "fp16" : "fp32");
    print_origin(stream, report.source, report.source_sha256, report.source_md5,
                 report.content_sha256);
    return RV_OK;
}

// Becomes the script that does it: fetching is the business of the registry's own client.
enum rv_status rv_command_fetch(const struct rv_arguments *arguments) {
    char script[PATH_SIZE], program[PATH_SIZE];
    (void)arguments;
    if (!rv_share_path("fetch-weights", script, sizeof script))
        return rv_fail(RV_ERR_IO, "%s: not there: install reverie completely", script);
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length < 0)
        return rv_fail(RV_ERR_IO, "/proc/self/exe: %s: mount /proc", strerror(errno));
    program[length] = '\0';
    execl(script, script, program, (char *)NULL);
    return rv_fail(RV_ERR_IO, "%s: cannot be run: %s: check its permissions and that bash is there",
                   script, strerror(errno));
}

enum rv_status rv_command_verify(const struct rv_arguments *arguments) {
    char path[PATH_SIZE];
    struct rv_verify_report report;
    rv_weights_default_path(path, sizeof path);
    const char *file = arguments->positional_count ? arguments->positional[0] : path;
    enum rv_status status = rv_verify_weights(file, &report);
    if (status == RV_ERR_IO) { // weights that are not there are missing weights, to whoever asks
        char reason[1024];
        snprintf(reason, sizeof reason, "%s", rv_error_text());
        return rv_fail(RV_ERR_WEIGHTS, "%s%s", reason,
                       arguments->positional_count ? "" : ", or `reverie weights fetch`");
    }
    if (status != RV_OK)
        return status;
    printf("%s: sound\n", file);
    printf("  %-12s%u of 94 convolutions, up to %s, %s\n", "holds", (unsigned)report.conv_count,
           report.depth, report.dtype);
    print_origin(stdout, report.own ? report.source : "not written by reverie",
                 report.source_sha256, report.source_md5, report.content_sha256);
    print_line(stdout, "pooling",
               report.pool_counts_padding ? "include_padding" : "exclude_padding");
    return RV_OK;
}
