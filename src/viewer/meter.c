#include "viewer/meter.h"

#include <math.h>
#include <stdlib.h>

#include "capture/feed.h"

#define MOST_SAMPLES ((size_t)1 << 20) // ten hours at 30 frames a second; later ones only count
#define RECENT 1.0                     // seconds

static const char *const stage_names[RV_STAGE_COUNT] = {"convert", "wait",   "upload", "flow",
                                                        "steps",   "return", "show"};

static bool grow(struct rv_meter *meter) {
    if (meter->count < meter->capacity)
        return true;
    if (meter->count >= MOST_SAMPLES)
        return false;
    size_t capacity = meter->capacity ? meter->capacity * 2 : 256;
    float **lists[RV_STAGE_COUNT + 1] = {&meter->latency};
    for (int i = 0; i < RV_STAGE_COUNT; i++)
        lists[i + 1] = &meter->stages[i];
    for (int i = 0; i <= RV_STAGE_COUNT; i++) {
        float *grown = realloc(*lists[i], capacity * sizeof **lists[i]);
        if (!grown)
            return false;
        *lists[i] = grown;
    }
    meter->capacity = capacity;
    return true;
}

static void count_steps(struct rv_meter *meter, const struct rv_live_stats *stats) {
    meter->steps += stats->steps;
    if (meter->frames == 1 || stats->steps < meter->least_steps)
        meter->least_steps = stats->steps;
    if (stats->steps > meter->most_steps)
        meter->most_steps = stats->steps;
    meter->cuts += stats->scene_cut;
    meter->stuck += stats->stuck;
    meter->width = stats->width;
    meter->height = stats->height;
    meter->octaves = stats->octaves;
}

static void count_recent(struct rv_meter *meter, const struct rv_sample *sample) {
    double latency = (sample->shown - sample->captured) * 1e3;
    double passed = sample->shown - meter->recent_since;
    meter->recent_latency =
        meter->frames == 1 ? latency : meter->recent_latency * 0.8 + latency * 0.2;
    meter->recent_frames++;
    if (meter->frames == 1) {
        meter->recent_since = sample->shown;
        meter->recent_frames = 0;
    } else if (passed >= RECENT || meter->recent_rate == 0) {
        meter->recent_rate = passed > 0 ? meter->recent_frames / passed : 0;
        meter->recent_since = sample->shown;
        meter->recent_frames = 0;
    }
}

void rv_meter_add(struct rv_meter *meter, const struct rv_sample *sample) {
    const struct rv_live_stats *stats = &sample->stats;
    const double milliseconds[RV_STAGE_COUNT] = {(sample->ready - sample->captured) * 1e3,
                                                 (sample->taken - sample->ready) * 1e3,
                                                 (double)stats->upload_ms,
                                                 (double)stats->flow_ms,
                                                 (double)stats->steps_ms,
                                                 (double)stats->output_ms,
                                                 (sample->shown - sample->dreamed) * 1e3};
    meter->frames++;
    count_steps(meter, stats);
    count_recent(meter, sample);
    if (meter->frames == 1)
        meter->first_shown = sample->shown;
    meter->last_shown = sample->shown;
    if (meter->frames == 1 || !grow(meter)) // the first one waits for kernels to be compiled
        return;
    meter->latency[meter->count] = (float)((sample->shown - sample->captured) * 1e3);
    for (int i = 0; i < RV_STAGE_COUNT; i++)
        meter->stages[i][meter->count] = (float)milliseconds[i];
    meter->count++;
}

void rv_meter_free(struct rv_meter *meter) {
    free(meter->latency);
    for (int i = 0; i < RV_STAGE_COUNT; i++)
        free(meter->stages[i]);
    *meter = (struct rv_meter){0};
}

static int compare(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

double rv_percentile(float *values, size_t count, double share) {
    if (count == 0)
        return NAN;
    qsort(values, count, sizeof *values, compare);
    double rank = ceil(share * (double)count);
    return (double)values[rank < 1 ? 0 : (size_t)rank - 1];
}

double rv_meter_rate(const struct rv_meter *meter) {
    double seconds = meter->last_shown - meter->first_shown;
    return meter->frames > 1 && seconds > 0 ? (double)(meter->frames - 1) / seconds : 0;
}

static double steps_a_frame(const struct rv_meter *meter) {
    return meter->frames ? (double)meter->steps / (double)meter->frames : 0;
}

void rv_meter_print(struct rv_meter *meter, const struct rv_feed_counts *counts, FILE *stream) {
    fprintf(stream, "frames      %llu shown of %llu, %llu dropped, %llu damaged\n",
            (unsigned long long)meter->frames, (unsigned long long)counts->come,
            (unsigned long long)counts->dropped, (unsigned long long)counts->damaged);
    fprintf(stream, "rate        %.2f frames a second\n", rv_meter_rate(meter));
    if (meter->count)
        fprintf(stream, "latency     p50 %.1f ms, p95 %.1f ms, p99 %.1f ms\n",
                rv_percentile(meter->latency, meter->count, 0.5),
                rv_percentile(meter->latency, meter->count, 0.95),
                rv_percentile(meter->latency, meter->count, 0.99));
    fprintf(stream, "dream       %.2f steps a frame (%u to %u), at %u x %u, octaves in turn: %u\n",
            steps_a_frame(meter), (unsigned)meter->least_steps, (unsigned)meter->most_steps,
            (unsigned)meter->width, (unsigned)meter->height, (unsigned)meter->octaves);
    if (!meter->count)
        return;
    fprintf(stream, "medians     ");
    for (int i = 0; i < RV_STAGE_COUNT; i++)
        fprintf(stream, "%s%s %.1f", i ? ", " : "", stage_names[i],
                rv_percentile(meter->stages[i], meter->count, 0.5));
    fprintf(stream, " ms\n");
}

json_t *rv_meter_json(struct rv_meter *meter, const struct rv_feed_counts *counts) {
    json_t *object = json_object(), *latency = json_object(), *stages = json_object();
    static const struct {
        const char *name;
        double share;
    } shares[] = {{"p50", 0.5}, {"p95", 0.95}, {"p99", 0.99}};
    for (size_t i = 0; meter->count && i < sizeof shares / sizeof *shares; i++)
        json_object_set_new(
            latency, shares[i].name,
            json_real(rv_percentile(meter->latency, meter->count, shares[i].share)));
    for (int i = 0; meter->count && i < RV_STAGE_COUNT; i++)
        json_object_set_new(stages, stage_names[i],
                            json_real(rv_percentile(meter->stages[i], meter->count, 0.5)));
    json_object_set_new(object, "frames", json_integer((json_int_t)meter->frames));
    json_object_set_new(object, "come", json_integer((json_int_t)counts->come));
    json_object_set_new(object, "dropped", json_integer((json_int_t)counts->dropped));
    json_object_set_new(object, "damaged", json_integer((json_int_t)counts->damaged));
    json_object_set_new(object, "frames_per_second", json_real(rv_meter_rate(meter)));
    json_object_set_new(object, "latency_ms", latency);
    json_object_set_new(object, "stages_ms", stages);
    json_object_set_new(object, "steps_per_frame", json_real(steps_a_frame(meter)));
    json_object_set_new(object, "steps_least", json_integer(meter->least_steps));
    json_object_set_new(object, "steps_most", json_integer(meter->most_steps));
    json_object_set_new(object, "dream_width", json_integer(meter->width));
    json_object_set_new(object, "dream_height", json_integer(meter->height));
    json_object_set_new(object, "octaves", json_integer(meter->octaves));
    json_object_set_new(object, "scene_cuts", json_integer((json_int_t)meter->cuts));
    json_object_set_new(object, "stuck", json_integer((json_int_t)meter->stuck));
    return object;
}

void rv_meter_line(const struct rv_meter *meter, const struct rv_feed_counts *counts, char *line,
                   size_t capacity) {
    double steps = steps_a_frame(meter);
    snprintf(line, capacity,
             "%5.1f frames/s  latency %.0f ms  %.1f steps at %u x %u  %llu frames, %llu dropped",
             meter->recent_rate, meter->recent_latency, steps, (unsigned)meter->width,
             (unsigned)meter->height, (unsigned long long)meter->frames,
             (unsigned long long)counts->dropped);
}
