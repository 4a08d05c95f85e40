// Measures a dream step (forward, gradient, statistics, ascent) on one device; see tools/bench.
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "bench.h"

static const char usage[] =
    "usage: bench [--size WxH,...] [--layers LIST] [--precision fp32|fp16,...] [--steps N]\n"
    "             [--rounds N] [--device D] [--peer SCRIPT] [--no-start] [--no-tune]\n"
    "             [--profile] [--plan] [--json] [--verbose]\n";

static bool parse_sizes(char *text, struct bench_options *o) {
    o->size_count = 0;
    for (char *item = strtok(text, ","); item; item = strtok(NULL, ",")) {
        struct rv_extent *size = &o->sizes[o->size_count++];
        char rest;
        if (o->size_count > BENCH_LIST_MAX ||
            sscanf(item, "%ux%u%c", &size->width, &size->height, &rest) != 2)
            return false;
    }
    return o->size_count > 0;
}

static bool parse_precisions(char *text, struct bench_options *o) {
    o->precision_count = 0;
    for (char *item = strtok(text, ","); item; item = strtok(NULL, ",")) {
        int precision = 0;
        while (precision < BENCH_PRECISIONS && strcmp(bench_precision_names[precision], item) != 0)
            precision++;
        if (precision == BENCH_PRECISIONS || o->precision_count == BENCH_LIST_MAX)
            return false;
        o->precisions[o->precision_count++] = (enum bench_precision)precision;
    }
    return o->precision_count > 0;
}

static bool parse_count(const char *text, uint32_t *count) {
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    *count = (uint32_t)value;
    return end != text && !*end && value > 0 && value <= 100000;
}

static bool parse_option(int option, struct bench_options *o) {
    switch (option) {
    case 's':
        return parse_sizes(optarg, o);
    case 'f':
        return parse_precisions(optarg, o);
    case 'n':
        return parse_count(optarg, &o->steps);
    case 'r':
        return parse_count(optarg, &o->rounds);
    case 'l':
        o->layers = optarg;
        return true;
    case 'd':
        o->device = optarg;
        return true;
    case 'p':
        o->peer = optarg;
        return true;
    case 'c':
        o->start_child = optarg;
        return true;
    case 'C':
        o->start_cache = optarg;
        return true;
    default:
        return option != '?';
    }
}

static bool parse(int argc, char **argv, struct bench_options *o) {
    static const struct option table[] = {{"size", required_argument, NULL, 's'},
                                          {"layers", required_argument, NULL, 'l'},
                                          {"precision", required_argument, NULL, 'f'},
                                          {"steps", required_argument, NULL, 'n'},
                                          {"rounds", required_argument, NULL, 'r'},
                                          {"device", required_argument, NULL, 'd'},
                                          {"peer", required_argument, NULL, 'p'},
                                          {"start-child", required_argument, NULL, 'c'},
                                          {"start-cache", required_argument, NULL, 'C'},
                                          {"no-start", no_argument, NULL, 'S'},
                                          {"no-tune", no_argument, NULL, 'T'},
                                          {"verbose", no_argument, NULL, 'v'},
                                          {"profile", no_argument, NULL, 'P'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"plan", no_argument, NULL, 'L'},
                                          {0}};
    int option;
    while ((option = getopt_long(argc, argv, "", table, NULL)) != -1) {
        if (!parse_option(option, o))
            return false;
        o->start &= option != 'S';
        o->no_tune |= option == 'T';
        o->verbose |= option == 'v';
        o->profile |= option == 'P';
        o->json |= option == 'j';
        o->plan |= option == 'L';
    }
    return optind == argc;
}

static void print_message(void *user, enum rv_log_level level, const char *message) {
    (void)user;
    (void)level;
    fprintf(stderr, "bench: %s\n", message);
}

// What lives as long as the run.
struct run {
    struct bench_options options;
    rv_context *context;
    rv_weights *weights;
    struct bench_ceilings ceilings;
    struct bench_peer peer;
    json_t *results; // array
};

static enum rv_status measure(struct run *run, struct rv_extent size,
                              enum bench_precision precision) {
    enum rv_status status;
    const struct bench_options *o = &run->options;
    struct bench_step step = {0};
    struct bench_start cold = {0}, warm = {0};
    json_t *peer = NULL;
    RV_TRY(bench_step_init(&step, o, run->context, run->weights, size, precision));
    for (uint32_t i = 0; i < o->rounds; i++) {
        RV_TRY(bench_step_round(&step, o->steps));
        if (o->peer)
            RV_TRY(bench_peer_round(&run->peer, o, &step));
    }
    if (o->peer)
        bench_peer_collect(&run->peer, &run->ceilings, &peer);
    if (o->start)
        RV_TRY(bench_start_both(o, size, &cold, &warm));
    json_t *result = bench_report(o, &step, &run->ceilings, &cold, &warm, peer);
    json_array_append_new(run->results, result);
    if (o->plan)
        rv_plan_print(step.plan, stdout);
    if (o->profile)
        RV_TRY(bench_print_profile(&step));
    if (!o->json)
        bench_print(result);
    fflush(stdout);
done:
    json_decref(peer);
    bench_step_finish(&step);
    return status;
}

static enum rv_status measure_all(struct run *run) {
    enum rv_status status;
    const struct bench_options *o = &run->options;
    struct rv_context_params params = {
        .device = o->device, .no_tune = o->no_tune, .log = o->verbose ? print_message : NULL};
    RV_TRY(rv_context_create(&params, &run->context));
    RV_TRY(rv_weights_random(1, &run->weights)); // of any depth; speed does not depend on them
    RV_TRY(bench_ceilings(run->context->device, &run->ceilings));
    for (uint32_t i = 0; i < o->size_count; i++)
        for (uint32_t j = 0; j < o->precision_count; j++)
            RV_TRY(measure(run, o->sizes[i], o->precisions[j]));
    if (o->json) {
        bool one = json_array_size(run->results) == 1;
        json_dumpf(one ? json_array_get(run->results, 0) : run->results, stdout, JSON_INDENT(2));
        putchar('\n');
    }
done:
    return status;
}

int main(int argc, char **argv) {
    struct run run = {.options = {.sizes = {{512, 512}},
                                  .size_count = 1,
                                  .precision_count = 1, // fp32
                                  .steps = 5,
                                  .rounds = 3,
                                  .layers = "mixed3,mixed5",
                                  .start = true},
                      .results = json_array()};
    if (!parse(argc, argv, &run.options)) {
        fputs(usage, stderr);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN); // a peer that ends is noticed when it does not answer
    enum rv_status status =
        run.options.start_child ? bench_start_child(&run.options) : measure_all(&run);
    if (status == RV_OK)
        status = bench_peer_end(&run.peer);
    if (status != RV_OK)
        fprintf(stderr, "bench: %s\n", rv_error_text());
    if (status != RV_OK)
        bench_peer_end(&run.peer);
    rv_weights_destroy(&run.weights);
    rv_context_destroy(&run.context);
    json_decref(run.results);
    return status == RV_OK ? 0 : 1;
}
