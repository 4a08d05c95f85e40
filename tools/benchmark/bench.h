// What the files of tools/bench share. A run measures the device's ceilings, then one configuration
// after another (size, precision), each beside the peer's, then start-up in processes of their own.
#ifndef BENCH_H
#define BENCH_H

#include <jansson.h>

#include "dream/context.h"
#include "dream/network.h"

#define BENCH_LIST_MAX 16

enum bench_precision { BENCH_FP32, BENCH_FP16, BENCH_PRECISIONS };
extern const char *const bench_precision_names[BENCH_PRECISIONS];

struct bench_options {
    struct rv_extent sizes[BENCH_LIST_MAX];
    uint32_t size_count;
    enum bench_precision precisions[BENCH_LIST_MAX];
    uint32_t precision_count;
    uint32_t steps, rounds;
    const char *layers, *device, *peer;    // peer: the script, NULL = none
    const char *start_child, *start_cache; // the parent's clock; an own folder for caches
    bool profile, json, plan, start, no_tune, verbose;
};

// What the device reaches with kernels that do nothing else.
struct bench_ceilings {
    double gflops;           // multiply-adds in float32
    double gbytes;           // copying: read and written bytes a second
    double dispatch_seconds; // an empty dispatch that waits for the one before it
};
enum rv_status bench_ceilings(struct rv_device *device, struct bench_ceilings *ceilings);

// Seconds until the first step, from before the process began.
struct bench_start {
    double context; // the device is open
    double submitted, finished;
    double left_out; // weights that had to be invented: not part of the others
};
enum rv_status bench_start_both(const struct bench_options *options, struct rv_extent size,
                                struct bench_start *cold, struct bench_start *warm);
// What the processes do that bench_start_both begins.
enum rv_status bench_start_child(const struct bench_options *options);

// Seconds of something, once a measured step.
struct bench_times {
    double *seconds;
    uint32_t count, capacity;
};
enum rv_status bench_times_add(struct bench_times *times, double seconds);
double bench_times_median(const struct bench_times *times);
double bench_times_least(const struct bench_times *times);
void bench_times_finish(struct bench_times *times);

// One configuration of ours.
struct bench_step {
    struct rv_extent size;
    enum bench_precision precision;
    rv_context *context; // borrowed
    struct rv_plan *plan;
    uint32_t target_count;
    struct rv_network network;
    struct rv_buffer picture;
    struct rv_recorder recorder; // what is timed
    struct rv_recorder profiler; // the same with a timestamp after every dispatch
    struct bench_times wall, gpu;
    uint64_t peak_bytes;
};
enum rv_status bench_step_init(struct bench_step *step, const struct bench_options *options,
                               rv_context *context, const rv_weights *weights,
                               struct rv_extent size, enum bench_precision precision);
// One untimed step, then options->steps timed ones.
enum rv_status bench_step_round(struct bench_step *step, uint32_t steps);
void bench_step_finish(struct bench_step *step);

// A process that answers one line of JSON with another. It inherits standard error.
struct bench_process {
    int pid;
    void *to, *from; // FILE *; `to` NULL = no input
};
enum rv_status bench_process_begin(struct bench_process *process, char *const *arguments,
                                   bool input);
// Sends a line if `request` is not NULL, reads one. The caller releases *answer.
enum rv_status bench_process_ask(struct bench_process *process, const json_t *request,
                                 json_t **answer);
// Closes the pipes and waits. RV_ERR_USAGE if the process failed.
enum rv_status bench_process_end(struct bench_process *process, const char *name);

// The peer's configurations, over all rounds.
struct bench_peer {
    struct bench_process process;
    json_t *results; // array of objects; "step_seconds" is set at the end
    struct bench_times wall[BENCH_LIST_MAX], gpu[BENCH_LIST_MAX];
};
enum rv_status bench_peer_round(struct bench_peer *peer, const struct bench_options *options,
                                const struct bench_step *step);
// Replaces what was measured so far by medians and rates; *results is the caller's.
void bench_peer_collect(struct bench_peer *peer, const struct bench_ceilings *ceilings,
                        json_t **results);
enum rv_status bench_peer_end(struct bench_peer *peer);

// One configuration as a JSON object, as text, and its steps, slowest first.
json_t *bench_report(const struct bench_options *options, const struct bench_step *step,
                     const struct bench_ceilings *ceilings, const struct bench_start *cold,
                     const struct bench_start *warm, json_t *peer);
void bench_print(const json_t *result);
enum rv_status bench_print_profile(const struct bench_step *step);

#endif
