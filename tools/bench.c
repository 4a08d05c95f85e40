// Measures a dream step (forward, gradient, statistics, ascent) on one device; see tools/bench.
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "dream/context.h"
#include "dream/network.h"
#include "dream/objective.h"
#include "dream/pyramid.h"

struct options {
    uint32_t width, height, steps, rounds;
    const char *layers, *device, *peer;
    bool profile, json, plan;
};

struct bench {
    struct options options;
    rv_context *context;
    rv_weights *weights;
    struct rv_target targets[RV_TARGET_MAX];
    uint32_t target_count;
    struct rv_plan *plan;
    struct rv_network network;
    struct rv_buffer picture;
    struct rv_recorder recorder;
    double start_seconds; // from nothing to the first finished step
    double *seconds;      // of every measured step
    uint32_t measured;
};

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const double *values, uint32_t count) {
    double *sorted = malloc(count * sizeof *sorted), middle = 0;
    if (sorted && count) {
        memcpy(sorted, values, count * sizeof *sorted);
        qsort(sorted, count, sizeof *sorted, by_value);
        middle = (sorted[count / 2] + sorted[(count - 1) / 2]) / 2;
    }
    free(sorted);
    return middle;
}

static enum rv_status set_up(struct bench *b) {
    enum rv_status status;
    const struct options *o = &b->options;
    struct rv_context_params params = {.device = o->device};
    struct rv_extent extent = {o->width, o->height};
    struct rv_picture noise = {o->width, o->height, NULL};
    double begun = rv_clock_seconds();
    RV_TRY(rv_context_create(&params, &b->context));
    RV_TRY(rv_weights_random(1, &b->weights));
    RV_TRY(rv_objective_parse(o->layers, b->targets, &b->target_count));
    struct rv_plan_request request = {.height = o->height,
                                      .width = o->width,
                                      .targets = b->targets,
                                      .target_count = b->target_count,
                                      .objective = RV_OBJECTIVE_MEAN};
    RV_TRY(rv_plan_create(&request, &b->plan));
    struct rv_device *device = b->context->device;
    RV_TRY(rv_network_init(&b->network, device, b->weights, &b->plan, 1, o->steps * o->rounds + 2));
    noise.pixels = malloc((size_t)o->width * o->height * 12);
    for (size_t i = 0; noise.pixels && i < (size_t)o->width * o->height * 3; i++)
        noise.pixels[i] = (float)rv_hash_uniform(1, i);
    RV_TRY(
        rv_buffer_init(device, &b->picture, rv_image_bytes(extent), RV_MEMORY_DEVICE, "picture"));
    struct rv_range picture = {&b->picture, 0, rv_image_bytes(extent)};
    RV_TRY(rv_picture_upload(device, &noise, picture));
    *rv_network_control(&b->network) = (struct rv_control){.step = 0.01f,
                                                           .max_loss = 3e38f,
                                                           .targets = b->target_count,
                                                           .pixels = o->width * o->height};
    RV_TRY(rv_recorder_init(&b->recorder, device, b->plan->step_count + 3));
    if (o->profile)
        RV_TRY(rv_recorder_profile(&b->recorder, b->plan->step_count + 3));
    RV_TRY(rv_network_record(&b->network, b->plan, picture, &b->recorder));
    RV_TRY(rv_network_ascend(&b->network, b->plan, picture, true, &b->recorder));
    RV_TRY(rv_recorder_end(&b->recorder));
    RV_TRY(rv_recorder_submit(&b->recorder, NULL)); // the first step compiles on some drivers
    RV_TRY(rv_device_wait(device, device->submitted));
    b->start_seconds = rv_clock_seconds() - begun;
done:
    free(noise.pixels);
    return status;
}

static enum rv_status measure(struct bench *b) {
    enum rv_status status = RV_OK;
    struct rv_device *device = b->context->device;
    for (uint32_t i = 0; i < b->options.steps; i++) {
        double begun = rv_clock_seconds();
        RV_TRY(rv_recorder_submit(&b->recorder, NULL));
        RV_TRY(rv_device_wait(device, device->submitted));
        b->seconds[b->measured++] = rv_clock_seconds() - begun;
    }
done:
    return status;
}

// One round of the peer: its JSON, or NULL.
static json_t *run_peer(const struct options *o) {
    char command[2048];
    snprintf(command, sizeof command, "'%s' --size %ux%u --layers '%s' --steps %u --json", o->peer,
             o->width, o->height, o->layers, o->steps);
    FILE *pipe = popen(command, "r");
    if (!pipe)
        return NULL;
    json_t *result = json_loadf(pipe, 0, NULL);
    if (pclose(pipe) != 0) {
        json_decref(result);
        return NULL;
    }
    return result;
}

struct row {
    double seconds;
    const struct rv_step *step; // NULL: what follows the plan
};

static int slowest_first(const void *a, const void *b) {
    double x = ((const struct row *)a)->seconds, y = ((const struct row *)b)->seconds;
    return (x < y) - (x > y);
}

static void print_profile(struct bench *b) {
    uint32_t count = b->recorder.dispatches;
    double *seconds = calloc(count, sizeof *seconds);
    struct row *rows = calloc(count, sizeof *rows);
    if (seconds && rows && b->recorder.queries &&
        rv_recorder_times(&b->recorder, seconds) == RV_OK) {
        double total = 0;
        for (uint32_t i = 0; i < count; i++) {
            rows[i] = (struct row){seconds[i], i < b->plan->step_count ? &b->plan->steps[i] : NULL};
            total += seconds[i];
        }
        qsort(rows, count, sizeof *rows, slowest_first);
        printf("%10s %6s %9s %8s  step\n", "ms", "share", "GFLOP/s", "GB/s");
        for (uint32_t i = 0; i < count; i++) {
            const struct rv_step *s = rows[i].step;
            printf("%10.3f %5.1f%% %9.1f %8.1f  %s\n", rows[i].seconds * 1e3,
                   100 * rows[i].seconds / total, s ? s->flops / rows[i].seconds * 1e-9 : 0,
                   s ? s->bytes / rows[i].seconds * 1e-9 : 0, s ? s->label : "statistics, ascent");
        }
        printf("%10.3f 100.0%%  all\n", total * 1e3);
    }
    free(rows);
    free(seconds);
}

static void print_result(const struct bench *b, json_t *peer) {
    const struct options *o = &b->options;
    const struct rv_device_info *info = rv_context_device(b->context);
    double step = median(b->seconds, b->measured), gflops = b->plan->flops / step * 1e-9;
    uint64_t peak = b->context->device->peak_bytes;
    double peer_step = json_number_value(json_object_get(peer, "step_seconds"));
    if (o->json) {
        json_t *result = json_pack(
            "{s:s, s:s, s:s, s:s, s:i, s:i, s:s, s:i, s:f, s:f, s:f, s:I, s:I, s:f}", "device",
            info->name, "driver", info->driver, "profile", info->profile, "precision", "fp32",
            "width", (int)o->width, "height", (int)o->height, "layers", o->layers, "steps",
            (int)b->measured, "step_seconds", step, "gflops", gflops, "flops", b->plan->flops,
            "peak_device_bytes", (json_int_t)peak, "arena_bytes", (json_int_t)b->plan->arena_bytes,
            "start_seconds", b->start_seconds);
        if (peer)
            json_object_set(result, "peer", peer);
        json_dumpf(result, stdout, JSON_INDENT(2));
        putchar('\n');
        json_decref(result);
        return;
    }
    printf("reverie  %s, %s, profile %s: %ux%u, %s: %.4f s a step, %.1f GFLOP/s, peak %.0f MiB, "
           "start %.2f s\n",
           info->name, info->driver, info->profile, o->width, o->height, o->layers, step, gflops,
           (double)peak / 1048576, b->start_seconds);
    if (peer)
        printf("peer     %s: %.4f s a step, %.1f GFLOP/s, peak %.0f MiB\n"
               "reverie takes %.2f times the peer's time\n",
               json_string_value(json_object_get(peer, "what")), peer_step,
               json_number_value(json_object_get(peer, "gflops_per_second")),
               json_number_value(json_object_get(peer, "peak_bytes")) / 1048576, step / peer_step);
}

// The peer's rounds as one: the median of their medians.
static void keep_peer(json_t **kept, json_t *round, double *medians, uint32_t *count) {
    if (!round)
        return;
    medians[(*count)++] = json_number_value(json_object_get(round, "step_seconds"));
    double flops = json_number_value(json_object_get(round, "flops"));
    double middle = median(medians, *count);
    json_object_set_new(round, "step_seconds", json_real(middle));
    json_object_set_new(round, "gflops_per_second", json_real(flops / middle * 1e-9));
    json_decref(*kept);
    *kept = round;
}

static bool parse(int argc, char **argv, struct options *o) {
    static const struct option table[] = {
        {"size", required_argument, NULL, 's'},   {"layers", required_argument, NULL, 'l'},
        {"steps", required_argument, NULL, 'n'},  {"device", required_argument, NULL, 'd'},
        {"peer", required_argument, NULL, 'p'},   {"profile", no_argument, NULL, 'P'},
        {"json", no_argument, NULL, 'j'},         {"plan", no_argument, NULL, 'L'},
        {"rounds", required_argument, NULL, 'r'}, {0}};
    int option;
    while ((option = getopt_long(argc, argv, "", table, NULL)) != -1) {
        if (option == 's' && sscanf(optarg, "%ux%u", &o->width, &o->height) != 2)
            return false;
        if (option == 'l')
            o->layers = optarg;
        if (option == 'n')
            o->steps = (uint32_t)strtoul(optarg, NULL, 10);
        if (option == 'r')
            o->rounds = (uint32_t)strtoul(optarg, NULL, 10);
        if (option == 'd')
            o->device = optarg;
        if (option == 'p')
            o->peer = optarg;
        o->profile |= option == 'P';
        o->json |= option == 'j';
        o->plan |= option == 'L';
        if (option == '?')
            return false;
    }
    return optind == argc && o->steps > 0 && o->rounds > 0;
}

int main(int argc, char **argv) {
    struct bench b = {
        .options = {
            .width = 512, .height = 512, .steps = 5, .rounds = 3, .layers = "mixed3,mixed5"}};
    json_t *peer = NULL;
    double medians[64];
    uint32_t rounds = 0;
    if (!parse(argc, argv, &b.options) || b.options.rounds > 64) {
        fprintf(stderr, "usage: bench [--size WxH] [--layers LIST] [--steps N] [--rounds N] "
                        "[--device D] [--peer SCRIPT] [--profile] [--plan] [--json]\n");
        return 2;
    }
    enum rv_status status = set_up(&b);
    b.seconds = calloc((size_t)b.options.steps * b.options.rounds, sizeof *b.seconds);
    if (!b.seconds)
        status = RV_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < b.options.rounds && status == RV_OK; i++) {
        status = measure(&b);
        if (b.options.peer)
            keep_peer(&peer, run_peer(&b.options), medians, &rounds);
    }
    if (status == RV_OK && b.options.plan)
        rv_plan_print(b.plan, stdout);
    if (status == RV_OK && b.options.profile)
        print_profile(&b);
    if (status == RV_OK)
        print_result(&b, peer);
    else
        fprintf(stderr, "bench: %s\n", rv_error_text());
    json_decref(peer);
    rv_recorder_finish(&b.recorder);
    if (b.context)
        rv_buffer_finish(b.context->device, &b.picture);
    rv_network_finish(&b.network);
    free(b.plan);
    free(b.seconds);
    rv_weights_destroy(&b.weights);
    rv_context_destroy(&b.context);
    return status == RV_OK ? 0 : 1;
}
