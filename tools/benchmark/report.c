// What was measured, as JSON and as text.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

// Seconds a step would take if every dispatch ran at the device's ceiling of arithmetic or of
// memory, whichever it meets first, one after the other.
static double roofline_seconds(const struct rv_plan *plan, const struct bench_ceilings *ceilings) {
    double total = 0;
    for (uint32_t i = 0; i < plan->step_count; i++) {
        double flops = plan->steps[i].flops / (ceilings->gflops * 1e9);
        double bytes = plan->steps[i].bytes / (ceilings->gbytes * 1e9);
        total += flops > bytes ? flops : bytes;
    }
    return total;
}

static void set_real(json_t *object, const char *name, double value) {
    json_object_set_new(object, name, json_real(value));
}

static void set_count(json_t *object, const char *name, uint64_t value) {
    json_object_set_new(object, name, json_integer((json_int_t)value));
}

static void set_starts(json_t *object, const struct bench_start *cold,
                       const struct bench_start *warm) {
    bool timed = warm && warm->submitted > 0;
    json_object_set_new(object, "start_seconds", timed ? json_real(warm->submitted) : json_null());
    json_object_set_new(object, "cold_start_seconds",
                        timed ? json_real(cold->submitted) : json_null());
    if (!timed)
        return;
    set_real(object, "first_step_seconds", warm->finished);
    set_real(object, "cold_first_step_seconds", cold->finished);
    set_real(object, "open_seconds", warm->context);
}

// Who was fastest, and by how much.
static void set_winner(json_t *object, json_t *peer) {
    double ours = json_number_value(json_object_get(object, "step_seconds")), best = 0;
    const char *name = "";
    for (size_t i = 0; i < json_array_size(peer); i++) {
        json_t *entry = json_array_get(peer, i);
        double seconds = json_number_value(json_object_get(entry, "step_seconds"));
        if (i == 0 || seconds < best) {
            best = seconds;
            name = json_string_value(json_object_get(entry, "profile"));
        }
    }
    json_object_set(object, "peer", peer);
    json_object_set_new(object, "best_peer", json_string(name));
    json_object_set_new(object, "winner", json_string(ours < best ? "reverie" : "peer"));
    set_real(object, "time_over_peers", ours / best);
}

json_t *bench_report(const struct bench_options *options, const struct bench_step *step,
                     const struct bench_ceilings *ceilings, const struct bench_start *cold,
                     const struct bench_start *warm, json_t *peer) {
    const struct rv_device_info *info = rv_context_device(step->context);
    const struct rv_plan *plan = step->plan;
    double wall = bench_times_median(&step->wall), gpu = bench_times_median(&step->gpu);
    double gflops = plan->flops / wall * 1e-9, gbytes = plan->bytes / wall * 1e-9;
    json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:s, s:i}", "device", info->name,
                          "driver", info->driver, "profile", info->profile, "precision",
                          bench_precision_names[step->precision], "width", (int)step->size.width,
                          "height", (int)step->size.height, "layers", options->layers, "steps",
                          (int)step->wall.count);
    set_real(o, "step_seconds", wall);
    set_real(o, "fastest_seconds", bench_times_least(&step->wall));
    json_object_set_new(o, "gpu_seconds", gpu > 0 ? json_real(gpu) : json_null());
    set_real(o, "flops", plan->flops);
    set_real(o, "bytes", plan->bytes);
    set_real(o, "gflops", gflops);
    set_real(o, "gbytes_per_second", gbytes);
    set_real(o, "ceiling_gflops", ceilings->gflops);
    set_real(o, "ceiling_gbytes", ceilings->gbytes);
    set_real(o, "empty_dispatch_seconds", ceilings->dispatch_seconds);
    set_real(o, "share", roofline_seconds(plan, ceilings) / wall);
    set_real(o, "share_of_gflops", gflops / ceilings->gflops);
    set_real(o, "share_of_gbytes", gbytes / ceilings->gbytes);
    set_count(o, "dispatches", step->recorder.dispatches);
    set_count(o, "barriers", step->recorder.barriers);
    set_count(o, "levels", plan->level_count);
    set_count(o, "peak_device_bytes", step->peak_bytes);
    set_count(o, "arena_bytes", plan->arena_bytes);
    set_count(o, "live_bytes", plan->live_bytes);
    set_real(o, "arena_over_live", (double)plan->arena_bytes / (double)plan->live_bytes);
    set_count(o, "weights_bytes", plan->weights_bytes);
    set_starts(o, cold, warm);
    if (peer)
        set_winner(o, peer);
    return o;
}

static const char *text(const json_t *object, const char *name) {
    const char *value = json_string_value(json_object_get(object, name));
    return value ? value : "";
}

static double number(const json_t *object, const char *name) {
    return json_number_value(json_object_get(object, name));
}

static void print_times(const json_t *o, bool share) {
    printf("%-34.34s %9.4f ms", text(o, "profile"), number(o, "step_seconds") * 1e3);
    if (json_is_number(json_object_get(o, "gpu_seconds")))
        printf(" (%9.4f on the device)", number(o, "gpu_seconds") * 1e3);
    printf(" %9.1f GFLOP/s", number(o, "gflops"));
    if (share)
        printf(" (%.1f %% of the ceiling)", 100 * number(o, "share_of_gflops"));
    printf(", peak %.0f MiB\n", number(o, "peak_device_bytes") / 1048576);
}

void bench_print(const json_t *o) {
    printf("%s, %s\n%.0f x %.0f, %s, %s, %.0f steps; %.0f dispatches, %.0f barriers, %.0f levels\n",
           text(o, "device"), text(o, "driver"), number(o, "width"), number(o, "height"),
           text(o, "layers"), text(o, "precision"), number(o, "steps"), number(o, "dispatches"),
           number(o, "barriers"), number(o, "levels"));
    printf("ceilings: %.1f GFLOP/s, %.1f GB/s, %.2f us for a dispatch that waits for another\n",
           number(o, "ceiling_gflops"), number(o, "ceiling_gbytes"),
           number(o, "empty_dispatch_seconds") * 1e6);
    print_times(o, true);
    printf("  %.1f GB/s (%.1f %%); %.1f %% of what both ceilings allow; arena %.1f MiB "
           "(%.3f times the least), weights %.1f MiB\n",
           number(o, "gbytes_per_second"), 100 * number(o, "share_of_gbytes"),
           100 * number(o, "share"), number(o, "arena_bytes") / 1048576,
           number(o, "arena_over_live"), number(o, "weights_bytes") / 1048576);
    if (json_is_number(json_object_get(o, "start_seconds")))
        printf("  start to the first submitted step: %.3f s, with empty caches %.3f s; to its end "
               "%.3f s, %.3f s; the device is open after %.3f s\n",
               number(o, "start_seconds"), number(o, "cold_start_seconds"),
               number(o, "first_step_seconds"), number(o, "cold_first_step_seconds"),
               number(o, "open_seconds"));
    json_t *peer = json_object_get(o, "peer");
    for (size_t i = 0; i < json_array_size(peer); i++)
        print_times(json_array_get(peer, i), false);
    if (json_array_size(peer))
        printf("%s wins: reverie takes %.2f times what the peer's %s takes\n", text(o, "winner"),
               number(o, "time_over_peers"), text(o, "best_peer"));
}

// A step of the plan, which may take several dispatches, or what follows the plan.
struct row {
    const char *label;
    double seconds, flops, bytes;
    uint32_t dispatches;
};

static int slowest_first(const void *a, const void *b) {
    double x = ((const struct row *)a)->seconds, y = ((const struct row *)b)->seconds;
    return (x < y) - (x > y);
}

// The row of a dispatch: they carry the label of their step, the very same text.
static struct row *find_row(struct row *rows, uint32_t *count, const char *label) {
    uint32_t i = 0;
    while (i < *count && rows[i].label != label)
        i++;
    if (i == *count)
        rows[(*count)++] = (struct row){.label = label};
    return &rows[i];
}

static void print_rows(const struct row *rows, uint32_t count) {
    double total = 0;
    for (uint32_t i = 0; i < count; i++)
        total += rows[i].seconds;
    printf("%10s %6s %9s %8s %2s  step\n", "ms", "share", "GFLOP/s", "GB/s", "n");
    for (uint32_t i = 0; i < count; i++)
        printf("%10.3f %5.1f%% %9.1f %8.1f %2u  %s\n", rows[i].seconds * 1e3,
               100 * rows[i].seconds / total, rows[i].flops / rows[i].seconds * 1e-9,
               rows[i].bytes / rows[i].seconds * 1e-9, rows[i].dispatches, rows[i].label);
    printf("%10.3f 100.0%%  all\n", total * 1e3);
}

enum rv_status bench_print_profile(const struct bench_step *step) {
    enum rv_status status = RV_OK;
    const struct rv_recorder *profiler = &step->profiler;
    double *seconds = calloc(profiler->dispatches, sizeof *seconds);
    struct row *rows = calloc(profiler->dispatches, sizeof *rows);
    uint32_t count = 0;
    if (!profiler->queries || !seconds || !rows) {
        status = rv_fail(RV_ERR_NO_DEVICE, "no profile: the device has no timestamps");
        goto done;
    }
    RV_TRY(rv_recorder_times(profiler, seconds));
    for (uint32_t i = 0; i < profiler->dispatches; i++) {
        struct row *row = find_row(rows, &count, profiler->labels[i]);
        row->seconds += seconds[i];
        row->dispatches++;
    }
    for (uint32_t i = 0; i < step->plan->step_count; i++) {
        struct row *row = find_row(rows, &count, step->plan->steps[i].label);
        row->flops = step->plan->steps[i].flops;
        row->bytes = step->plan->steps[i].bytes;
    }
    qsort(rows, count, sizeof *rows, slowest_first);
    print_rows(rows, count);
done:
    free(rows);
    free(seconds);
    return status;
}
