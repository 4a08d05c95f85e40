// reverie dream --dry-run: what would be done, what it would take, and for how long.
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/status.h"
#include "cli/job.h"
#include "formats/recipe.h"

#define OCTAVES 32          // rv_dream_plan's most
#define MEASURE_SECONDS 0.5 // of steps, after the first, which warms the driver up

// What is known of one picture.
struct forecast {
    const struct rv_input *input;
    uint32_t width, height;
    struct rv_octave_plan octaves[OCTAVES];
    uint32_t count;
    struct rv_estimate estimate;
    double seconds; // negative = not known
};

// Operations a second, by some steps of the smallest octave; 0 if that cannot be had. Larger
// octaves are no slower, so the time that follows is rather too long than too short.
static double measure(const struct rv_job *job, const struct rv_picture *picture) {
    struct rv_dream_stats first, last;
    struct rv_progress progress;
    rv_session *session;
    double rate = 0;
    if (rv_session_begin(job->context, job->weights, picture, &job->params, &session) != RV_OK)
        return 0;
    if (rv_session_advance(session, NULL, &progress) == RV_OK) {
        rv_session_stats(session, &first);
        double begun = rv_clock_seconds();
        do {
            if (rv_session_advance(session, NULL, &progress) != RV_OK)
                break;
            rv_session_stats(session, &last);
            rate = (last.flops - first.flops) / (last.step_seconds - first.step_seconds);
        } while (!progress.finished && progress.octave == 1 && !rv_interrupt_wanted() &&
                 rv_clock_seconds() - begun < MEASURE_SECONDS);
        if (rate == 0 && first.step_seconds > 0) // a dream of one step
            rate = first.flops / first.step_seconds;
    }
    rv_session_end(&session);
    return rate;
}

static enum rv_status look_ahead(const struct rv_job *job, const struct rv_input *input,
                                 double *rate, struct forecast *f) {
    struct rv_work work = {.input = input};
    enum rv_status status;
    *f = (struct forecast){.input = input, .count = OCTAVES, .seconds = -1};
    RV_TRY(rv_job_load(job, &work));
    f->width = work.photo.picture.width;
    f->height = work.photo.picture.height;
    RV_TRY(rv_dream_plan(job->context, f->width, f->height, &job->params, f->octaves, &f->count,
                         &f->estimate));
    if (job->context && *rate == 0)
        *rate = measure(job, &work.photo.picture);
    if (*rate > 0)
        f->seconds = f->estimate.flops / *rate;
done:
    rv_photo_free(&work.photo);
    return status;
}

// ------------------------------------------------------------------------------------------------
// Printing

static void print_time(const char *before, double seconds, const char *after) {
    char text[32];
    rv_print_duration(text, sizeof text, seconds);
    if (seconds >= 0)
        printf("%s%s%s", before, text, after);
    else
        printf("%stime unknown%s", before, after);
}

static void print_octave(const struct rv_octave_plan *octave, uint32_t index, uint32_t count,
                         uint32_t steps) {
    printf("  octave %u/%u  %5u x %-5u  %u steps of %.1f GFLOP", index + 1, count, octave->width,
           octave->height, steps, octave->flops / 1e9);
    if (octave->tiles_x * octave->tiles_y > 1)
        printf(", in %u x %u tiles of %u x %u", octave->tiles_x, octave->tiles_y,
               octave->tile_width, octave->tile_height);
    printf("\n");
}

static void print_text(const struct rv_job *job, const struct forecast *f) {
    const double mebi = 1048576;
    printf("%s (%u x %u) -> %s%s\n", f->input->path, f->width, f->height, f->input->output,
           f->input->there ? " (skipped: there already)" : "");
    for (uint32_t i = 0; i < f->count; i++)
        print_octave(&f->octaves[i], i, f->count, job->params.iterations);
    printf("  %u steps, %.3g TFLOP, %.0f MiB of device memory", f->estimate.steps,
           f->estimate.flops / 1e12, (double)f->estimate.device_bytes / mebi);
    print_time(f->seconds >= 0 ? ", about " : ", ", f->seconds, "\n");
}

static json_t *octaves_json(const struct rv_job *job, const struct forecast *f) {
    json_t *list = json_array();
    for (uint32_t i = 0; i < f->count; i++) {
        const struct rv_octave_plan *o = &f->octaves[i];
        json_array_append_new(list, json_pack("{s:i, s:i, s:i, s:f, s:[i, i], s:[i, i]}", "width",
                                              (int)o->width, "height", (int)o->height, "steps",
                                              (int)job->params.iterations, "step_flops", o->flops,
                                              "tiles", (int)o->tiles_x, (int)o->tiles_y, "tile",
                                              (int)o->tile_width, (int)o->tile_height));
    }
    return list;
}

static json_t *to_json(const struct rv_job *job, const struct forecast *f) {
    return json_pack("{s:o, s:o, s:b, s:i, s:i, s:o, s:i, s:f, s:I, s:I, s:o}", "input",
                     rv_json_text(f->input->path), "output", rv_json_text(f->input->output),
                     "skipped", (int)f->input->there, "width", (int)f->width, "height",
                     (int)f->height, "octaves", octaves_json(job, f), "steps",
                     (int)f->estimate.steps, "flops", f->estimate.flops, "device_bytes",
                     (json_int_t)f->estimate.device_bytes, "weights_bytes",
                     (json_int_t)f->estimate.weights_bytes, "seconds",
                     f->seconds >= 0 ? json_real(f->seconds) : json_null());
}

// The device that the numbers are of, and how fast it was.
static void print_sum(const struct rv_job *job, size_t todo, double seconds, double rate,
                      const char *no_device) {
    if (todo > 1)
        print_time("all together: about ", seconds, "\n");
    if (job->context && rate > 0)
        printf("on %s, measured at %.3g GFLOP/s on the first of these pictures\n",
               rv_context_device(job->context)->name, rate / 1e9);
    else if (job->context)
        printf("on %s, whose pace could not be measured: %s\n",
               rv_context_device(job->context)->name, rv_error_text());
    else
        printf("without a device (%s): memory as if nothing had to be cut into tiles\n", no_device);
}

enum rv_status rv_forecast_print(struct rv_job *job) {
    double seconds = 0, rate = 0;
    size_t todo = 0, failed = 0;
    char no_device[1024] = "";
    json_t *pictures = json_array();
    enum rv_status status = RV_OK;
    if (rv_open_device(job->arguments, true, &job->context) != RV_OK)
        snprintf(no_device, sizeof no_device, "%s", rv_error_text());
    for (size_t i = 0; i < job->inputs.count && !rv_interrupt_wanted(); i++) {
        struct forecast f;
        status = look_ahead(job, &job->inputs.list[i], &rate, &f);
        if (status != RV_OK && !job->inputs.many)
            goto done;
        if (status != RV_OK) {
            fprintf(stderr, "reverie: %s\n", rv_error_text());
            failed++;
            continue;
        }
        if (job->json)
            json_array_append_new(pictures, to_json(job, &f));
        else
            print_text(job, &f);
        todo += !f.input->there;
        seconds += f.input->there ? 0 : f.seconds;
    }
    status = RV_OK;
    if (rv_interrupt_wanted())
        status = rv_fail(RV_ERR_CANCELLED, "interrupted");
    else if (job->json)
        status = rv_json_print(json_pack(
            "{s:O, s:o, s:o, s:o}", "pictures", pictures, "device",
            job->context ? rv_json_text(rv_context_device(job->context)->name) : json_null(),
            "gflops", job->context ? json_real(rate / 1e9) : json_null(), "seconds",
            rate > 0 ? json_real(seconds) : json_null()));
    else
        print_sum(job, todo, rate > 0 ? seconds : -1, rate, no_device);
    if (status == RV_OK && failed)
        status =
            rv_fail(RV_CLI_PARTIAL, "%zu of %zu pictures would fail", failed, job->inputs.count);
done:
    json_decref(pictures);
    return status;
}
