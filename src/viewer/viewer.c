#include "viewer/viewer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/status.h"
#include "capture/feed.h"
#include "viewer/meter.h"
#include "viewer/save.h"
#include "viewer/window.h"

#define SMALLEST_SIDE 75 // what InceptionV3 needs
#define USUAL_STEPS 2    // a frame, of a file that nobody waits for
#define WAIT 0.02        // seconds for a frame, between looks at the window and at `stop`
#define REDRAW 0.5       // seconds between lines on a terminal

struct viewer {
    const struct rv_viewer_params *params;
    struct rv_video_source *source;
    rv_feed *feed;
    enum rv_feed_mode mode;
    rv_window *window;
    bool lent; // the window's device is the library's
    struct rv_video_sink *sink;
    bool gone; // whoever read the output has gone
    rv_context *context;
    rv_live *live;
    uint8_t *dreamed; // the last dream in host memory, if it was wanted there
    bool has_dreamed; // it is that of the last frame
    bool pausing, paused, saving;
    uint64_t last_index; // of the source's frames
    struct rv_meter meter;
    bool terminal, drawn; // standard error is one; an unfinished line stands there
    double redrawn;       // moment
};

static bool stopped(const struct viewer *v) {
    return atomic_load(v->params->stop);
}

// ------------------------------------------------------------------------------------------------
// What is said

static void clear_line(struct viewer *v) {
    if (v->drawn)
        fprintf(stderr, "\r\033[K");
    v->drawn = false;
}

static void say(struct viewer *v, const char *what, const char *text) {
    clear_line(v);
    if (!v->params->quiet)
        fprintf(stderr, "%s%s\n", what, text);
}

static void show_figures(struct viewer *v) {
    const double now = rv_clock_seconds();
    const struct rv_feed_counts counts = rv_feed_counts(v->feed);
    char line[200], title[400];
    struct rv_params params;
    struct rv_live_params live;
    if (now - v->redrawn < REDRAW)
        return;
    v->redrawn = now;
    rv_meter_line(&v->meter, &counts, line, sizeof line);
    if (v->terminal && !v->params->quiet) {
        fprintf(stderr, "\r\033[K%s", line);
        fflush(stderr);
        v->drawn = true;
    }
    if (!v->window)
        return;
    rv_live_get(v->live, &params, &live);
    snprintf(title, sizeof title, "Reverie: %.60s, strength %.1f, %u octaves, %.1f frames/s%s",
             params.layers, (double)(live.strength < 0 ? 0 : live.strength),
             (unsigned)params.octaves, v->meter.recent_rate, v->paused ? " (stopped)" : "");
    rv_window_title(v->window, title);
}

static enum rv_status report(struct viewer *v) {
    const struct rv_viewer_params *p = v->params;
    const char *output = p->window ? "window" : p->sink.output ? p->sink.output : "none";
    const struct rv_feed_counts counts = rv_feed_counts(v->feed);
    FILE *stream = strcmp(output, "-") == 0 ? stderr : stdout;
    clear_line(v);
    if (p->json)
        return rv_json_print(rv_save_describe(v->context, v->live, p->weights, p->weights_path,
                                              &v->source->info, rv_meter_json(&v->meter, &counts)));
    if (p->bench) {
        fprintf(stream, "input       %s (%s)\ndevice      %s\n", p->source.input,
                v->source->info.text, rv_context_device(v->context)->name);
        rv_meter_print(&v->meter, &counts, stream);
    } else if (!p->quiet) {
        fprintf(stream, "%s: %llu frames, %.1f a second; %llu dropped, %llu damaged\n", output,
                (unsigned long long)v->meter.frames, rv_meter_rate(&v->meter),
                (unsigned long long)counts.dropped, (unsigned long long)counts.damaged);
    }
    return RV_OK;
}

// ------------------------------------------------------------------------------------------------
// Opening

static enum rv_status open_source(struct viewer *v) {
    const struct rv_viewer_params *p = v->params;
    enum rv_status status = rv_source_open(&p->source, &v->source);
    if (status != RV_OK)
        return status;
    const struct rv_source_info *info = &v->source->info;
    v->mode = info->live ? RV_FEED_NEWEST : p->realtime ? RV_FEED_PACED : RV_FEED_EVERY;
    if (p->verbose)
        fprintf(stderr, "reverie: input: %s\n", info->text);
    if (v->mode == RV_FEED_PACED && !info->rate_base)
        return rv_fail(RV_ERR_USAGE, "--realtime: %s does not tell its rate: give it with --rate",
                       p->source.input);
    if (info->width >= SMALLEST_SIDE && info->height >= SMALLEST_SIDE)
        return RV_OK;
    return rv_fail(RV_ERR_INPUT,
                   "%s: %u x %u pixels are too few for the network: both sides need at least %d; "
                   "give --size",
                   p->source.input, (unsigned)info->width, (unsigned)info->height, SMALLEST_SIDE);
}

static enum rv_status open_window(struct viewer *v) {
    const struct rv_source_info *info = &v->source->info;
    const struct rv_window_params params = {.title = "Reverie",
                                            .width = info->width,
                                            .height = info->height,
                                            .device = v->params->device,
                                            .host = v->params->host_window};
    struct rv_vulkan_device device;
    const char *reason;
    enum rv_status status = rv_window_open(&params, &v->window);
    if (status != RV_OK)
        return status;
    v->lent = rv_window_lend(v->window, &device, &reason);
    if (!v->lent && v->params->verbose)
        fprintf(stderr, "reverie: the window is drawn out of host memory: %s\n", reason);
    if (!v->params->quiet)
        rv_keys_print(stderr);
    return v->params->open(v->params->open_user, v->lent ? &device : NULL, &v->context);
}

static enum rv_status open_sink(struct viewer *v) {
    const struct rv_source_info *info = &v->source->info;
    struct rv_sink_request request = v->params->sink;
    if (!request.output)
        return RV_OK;
    request.width = info->width;
    request.height = info->height;
    request.rate = info->rate;
    request.rate_base = info->rate_base;
    request.aspect = info->aspect;
    request.aspect_base = info->aspect_base;
    enum rv_sink_format format;
    enum rv_status status = rv_sink_check(&request, &format);
    bool finer = info->pixels == RV_PIXELS_YUV422P || info->pixels == RV_PIXELS_YUV444P;
    if (status == RV_OK && format == RV_SINK_Y4M && !request.pixels && finer)
        request.pixels = info->pixels;
    if (status == RV_OK)
        status = rv_sink_open(&request, &v->sink);
    if (status == RV_OK && v->params->verbose)
        fprintf(stderr, "reverie: output: %s\n", rv_sink_text(v->sink));
    return status;
}

static enum rv_status begin_dream(struct viewer *v) {
    const struct rv_source_info *info = &v->source->info;
    struct rv_live_params live = v->params->live;
    if (!live.steps && live.rate == 0 && v->mode == RV_FEED_EVERY)
        live.steps = USUAL_STEPS;
    if (!live.steps && live.rate == 0 && info->rate_base)
        live.rate = fminf(fmaxf((float)info->rate / (float)info->rate_base, 0.1f), 1000);
    return rv_live_begin(v->context, v->params->weights, info->width, info->height,
                         &v->params->params, &live, &v->live);
}

// ------------------------------------------------------------------------------------------------
// Wishes

static void change(struct viewer *v, enum rv_wish wish) {
    struct rv_params params;
    struct rv_live_params live;
    char text[600];
    rv_live_get(v->live, &params, &live);
    if (!rv_wish_apply(wish, v->params->weights, &params, &live))
        return;
    if (rv_live_change(v->live, &params, &live) != RV_OK) {
        say(v, "reverie: ", rv_error_text());
        return;
    }
    snprintf(text, sizeof text, "%s, strength %.1f, %u octaves, step %.3g", params.layers,
             (double)(live.strength < 0 ? 0 : live.strength), (unsigned)params.octaves,
             (double)params.step);
    say(v, "", text);
}

static void save(struct viewer *v) {
    char path[64];
    enum rv_status status =
        rv_save_picture(v->context, v->live, v->params->weights, v->params->weights_path,
                        &v->source->info, v->dreamed, path, sizeof path);
    say(v, status == RV_OK ? "saved " : "reverie: ", status == RV_OK ? path : rv_error_text());
}

static void fulfil(struct viewer *v, enum rv_wish wish) {
    switch (wish) {
    case RV_WISH_QUIT:
        atomic_store(v->params->stop, true);
        break;
    case RV_WISH_PAUSE: // after one more frame, which is kept in host memory, to be saved
        v->pausing = !v->paused && !v->pausing;
        v->paused = false;
        break;
    case RV_WISH_RESET:
        rv_live_reset(v->live);
        break;
    case RV_WISH_SAVE:
        if (v->has_dreamed)
            save(v);
        else
            v->saving = true;
        break;
    case RV_WISH_HELP:
        clear_line(v);
        rv_keys_print(stderr);
        break;
    default:
        change(v, wish);
        break;
    }
}

// ------------------------------------------------------------------------------------------------
// Frames

static enum rv_status dream(struct viewer *v, const struct rv_feed_frame *taken,
                            struct rv_live_stats *stats) {
    const struct rv_source_info *info = &v->source->info;
    const struct rv_frame in = {
        .width = info->width, .height = info->height, .pixels = taken->rgba};
    struct rv_frame out = {.width = info->width, .height = info->height, .pixels = v->dreamed};
    v->has_dreamed = !v->lent || v->pausing || v->saving;
    if (!v->lent)
        return rv_live_frame(v->live, &in, &out, stats);
    const struct rv_vulkan_image target = rv_window_target(v->window);
    return rv_live_frame_images(v->live, &in, NULL, v->has_dreamed ? &out : NULL, &target, stats);
}

// A file or pipe has a fixed rate: the dream fills the places of frames that were dropped before
// it.
static enum rv_status write_dream(struct viewer *v, uint64_t index) {
    uint64_t times = v->meter.frames ? index - v->last_index : 1;
    enum rv_status status = RV_OK;
    if (rv_sink_is_device(v->sink))
        times = 1;
    for (; times > 0 && !v->gone && status == RV_OK; times--)
        status = rv_sink_write(v->sink, v->dreamed, &v->gone);
    return status;
}

static enum rv_status show(struct viewer *v, uint64_t index) {
    enum rv_status status = RV_OK;
    if (v->window)
        status = v->lent ? rv_window_show(v->window) : rv_window_show_pixels(v->window, v->dreamed);
    if (status == RV_OK && v->sink)
        status = write_dream(v, index);
    v->last_index = index;
    return status;
}

static enum rv_status take_frame(struct viewer *v, bool *ended) {
    struct rv_feed_frame frame;
    struct rv_sample sample = {0};
    bool taken;
    enum rv_status status = rv_feed_take(v->feed, WAIT, &frame, &taken, ended);
    if (status != RV_OK || !taken)
        return status;
    sample.captured = frame.captured;
    sample.ready = frame.ready;
    sample.taken = rv_clock_seconds();
    RV_TRY(dream(v, &frame, &sample.stats));
    sample.dreamed = rv_clock_seconds();
    RV_TRY(show(v, frame.index));
    sample.shown = rv_clock_seconds();
    rv_meter_add(&v->meter, &sample);
    if (v->saving)
        save(v);
    v->paused = v->paused || v->pausing;
    v->saving = v->pausing = false;
done:
    return status;
}

// Frames of a camera go by; a file waits.
static enum rv_status stand_still(struct viewer *v) {
    struct rv_feed_frame frame;
    bool taken, ended;
    enum rv_status status = RV_OK;
    if (v->mode != RV_FEED_EVERY)
        status = rv_feed_take(v->feed, WAIT, &frame, &taken, &ended);
    else
        nanosleep(&(struct timespec){.tv_nsec = (long)(WAIT * 1e9)}, NULL);
    if (status != RV_OK)
        return status;
    return v->lent ? rv_window_show(v->window) : rv_window_show_pixels(v->window, NULL);
}

static enum rv_status loop(struct viewer *v) {
    const uint64_t most = v->params->frames;
    bool ended = false;
    enum rv_status status = RV_OK;
    while (!ended && !v->gone && !stopped(v) && !(most && v->meter.frames >= most)) {
        enum rv_wish wish;
        while (v->window && (wish = rv_window_poll(v->window)) != RV_WISH_NONE)
            fulfil(v, wish);
        RV_TRY(v->paused ? stand_still(v) : take_frame(v, &ended));
        if (v->meter.frames)
            show_figures(v);
    }
done:
    return status;
}

static enum rv_status run(struct viewer *v) {
    const struct rv_viewer_params *p = v->params;
    enum rv_status status;
    RV_TRY(open_source(v));
    v->dreamed = malloc((size_t)v->source->info.width * v->source->info.height * 4);
    if (!v->dreamed)
        RV_TRY(rv_fail(RV_ERR_NO_MEMORY, "no memory for a frame"));
    RV_TRY(open_sink(v));
    RV_TRY(p->window ? open_window(v) : p->open(p->open_user, NULL, &v->context));
    RV_TRY(begin_dream(v));
    RV_TRY(rv_feed_begin(v->source, v->mode, p->stop, &v->feed));
    RV_TRY(loop(v));
    if (v->meter.frames == 0 && stopped(v))
        RV_TRY(
            rv_fail(RV_ERR_CANCELLED, "interrupted before the first frame: nothing was written"));
    if (v->meter.frames == 0 && !v->gone)
        RV_TRY(rv_fail(RV_ERR_INPUT, "%s: not a single frame came", p->source.input));
done:
    return status;
}

// What was written is kept unless writing itself failed, or there is nothing.
static enum rv_status close_sink(struct viewer *v, enum rv_status status) {
    bool keep = v->meter.frames > 0 && !v->gone;
    bool had_failed = status != RV_OK;
    char text[1024];
    snprintf(text, sizeof text, "%s", had_failed ? rv_error_text() : "");
    enum rv_status closed = rv_sink_close(&v->sink, keep);
    if (had_failed)
        return rv_fail(status, "%s", text); // the first error counts
    return closed;
}

enum rv_status rv_viewer_run(const struct rv_viewer_params *params) {
    struct viewer v = {.params = params, .terminal = isatty(STDERR_FILENO) == 1};
    enum rv_status status = run(&v);
    atomic_store(params->stop, true); // for the thread that reads
    clear_line(&v);
    status = close_sink(&v, status);
    if (status == RV_OK && !v.gone)
        status = report(&v);
    rv_feed_end(&v.feed);
    rv_source_close(&v.source);
    rv_live_end(&v.live);
    rv_context_destroy(&v.context);
    rv_window_close(&v.window);
    free(v.dreamed);
    rv_meter_free(&v.meter);
    return status;
}
