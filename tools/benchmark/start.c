// How long it takes to the first step: a new process each time, as a user's would be. The first
// finds every cache empty, the second what the first left.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/status.h"
#include "bench.h"

// What drivers keep compiled kernels in, beside our own folder. All go into the same new one.
static const char *const caches[] = {"XDG_CACHE_HOME", "MESA_SHADER_CACHE_DIR",
                                     "__GL_SHADER_DISK_CACHE_PATH", "AMD_SHADER_DISK_CACHE_PATH"};

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *where) {
    (void)info, (void)type, (void)where;
    return remove(path);
}

static enum rv_status run_child(const struct bench_options *options, struct rv_extent size,
                                const char *cache, struct bench_start *start) {
    enum rv_status status;
    struct bench_process process = {0};
    json_t *answer = NULL;
    char program[4096], text[5][600];
    if (!realpath("/proc/self/exe", program))
        return rv_fail(RV_ERR_IO, "/proc/self/exe cannot be read: no start can be timed");
    snprintf(text[0], sizeof *text, "--size=%ux%u", size.width, size.height);
    snprintf(text[1], sizeof *text, "--layers=%s", options->layers);
    snprintf(text[2], sizeof *text, "--device=%s", options->device ? options->device : "");
    snprintf(text[3], sizeof *text, "--start-cache=%s", cache);
    snprintf(text[4], sizeof *text, "--start-child=%.9f", rv_clock_seconds());
    char *arguments[] = {program, text[0], text[1], text[2], text[3], text[4], NULL};
    RV_TRY(bench_process_begin(&process, arguments, false));
    RV_TRY(bench_process_ask(&process, NULL, &answer));
    *start =
        (struct bench_start){.context = json_number_value(json_object_get(answer, "context")),
                             .submitted = json_number_value(json_object_get(answer, "submitted")),
                             .finished = json_number_value(json_object_get(answer, "finished")),
                             .left_out = json_number_value(json_object_get(answer, "left_out"))};
done:
    json_decref(answer);
    if (status == RV_OK)
        return bench_process_end(&process, "the timed start");
    bench_process_end(&process, "the timed start");
    return status;
}

enum rv_status bench_start_both(const struct bench_options *options, struct rv_extent size,
                                struct bench_start *cold, struct bench_start *warm) {
    enum rv_status status;
    const char *folder = getenv("TMPDIR");
    char cache[512];
    snprintf(cache, sizeof cache, "%.480s/reverie-bench-XXXXXX",
             folder && *folder ? folder : "/tmp");
    if (!mkdtemp(cache))
        return rv_fail(RV_ERR_IO, "%s: no folder for an empty cache can be made there", cache);
    RV_TRY(run_child(options, size, cache, cold));
    RV_TRY(run_child(options, size, cache, warm));
done:
    nftw(cache, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return status;
}

struct first_step {
    double finished;
};

static bool stop_after_first(void *user, const struct rv_progress *progress) {
    struct first_step *first = user;
    if (progress->iteration == 0)
        return true;
    first->finished = rv_clock_seconds();
    return false;
}

// The weights of the installation, or random ones where those do not reach the layers.
static enum rv_status find_weights(const struct rv_params *params, rv_weights **weights,
                                   double *left_out) {
    *left_out = 0;
    if (rv_weights_load(NULL, weights) == RV_OK) {
        if (rv_params_check(params, *weights) == RV_OK)
            return RV_OK;
        rv_weights_destroy(weights);
    }
    double begun = rv_clock_seconds();
    enum rv_status status = rv_weights_random(1, weights);
    *left_out = rv_clock_seconds() - begun;
    return status;
}

enum rv_status bench_start_child(const struct bench_options *options) {
    enum rv_status status;
    const double begun = strtod(options->start_child, NULL);
    struct rv_extent size = options->sizes[0];
    rv_context *context = NULL;
    rv_weights *weights = NULL;
    struct first_step first = {0};
    struct rv_dream_stats stats;
    double left_out;
    size_t count = (size_t)size.width * size.height * 3;
    struct rv_picture noise = {size.width, size.height, calloc(count, sizeof(float))}, output = {0};
    struct rv_params params = {0};
    if (!noise.pixels)
        return rv_fail(RV_ERR_NO_MEMORY, "out of host memory for a picture");
    for (size_t i = 0; options->start_cache && i < sizeof caches / sizeof *caches; i++)
        setenv(caches[i], options->start_cache, 1);
    for (size_t i = 0; i < count; i++)
        noise.pixels[i] = (float)(i % 251) / 250;
    RV_TRY(rv_params_set(&params, "layers", options->layers));
    RV_TRY(find_weights(&params, &weights, &left_out));
    struct rv_context_params context_params = {.device = options->device};
    RV_TRY(rv_context_create(&context_params, &context));
    double opened = rv_clock_seconds();
    status = rv_dream(context, weights, &noise, &params, stop_after_first, &first, &output, &stats);
    if (status != RV_OK && status != RV_ERR_CANCELLED)
        goto done;
    json_t *answer = json_pack("{s:f, s:f, s:f, s:f}", "context", opened - begun - left_out,
                               "submitted", opened + stats.start_seconds - begun - left_out,
                               "finished", first.finished - begun - left_out, "left_out", left_out);
    json_dumpf(answer, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(answer);
    status = RV_OK;
done:
    rv_picture_free(&output);
    rv_context_destroy(&context);
    rv_weights_destroy(&weights);
    free(noise.pixels);
    return status;
}
