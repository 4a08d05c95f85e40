// The peer's side: tools/peer.py stays alive from the first round to the last.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "bench.h"

const char *const bench_precision_names[BENCH_PRECISIONS] = {"fp32", "fp16"};

// The device as PyTorch names it. AMD's cards are "cuda" to it too.
static const char *peer_device(const struct rv_device_info *info) {
    return info->type == RV_DEVICE_CPU ? "cpu" : "cuda";
}

static enum rv_status add_seconds(struct bench_times *times, const json_t *list) {
    for (size_t i = 0; i < json_array_size(list); i++) {
        enum rv_status status = bench_times_add(times, json_number_value(json_array_get(list, i)));
        if (status != RV_OK)
            return status;
    }
    return RV_OK;
}

enum rv_status bench_peer_round(struct bench_peer *peer, const struct bench_options *options,
                                const struct bench_step *step) {
    enum rv_status status = RV_OK;
    json_t *answer = NULL;
    char *arguments[] = {(char *)options->peer, "--serve", NULL};
    char size[32];
    snprintf(size, sizeof size, "%ux%u", step->size.width, step->size.height);
    json_t *request =
        json_pack("{s:s, s:s, s:s, s:s, s:i}", "size", size, "layers", options->layers, "precision",
                  bench_precision_names[step->precision], "device",
                  peer_device(rv_context_device(step->context)), "steps", (int)options->steps);
    if (!peer->process.pid)
        RV_TRY(bench_process_begin(&peer->process, arguments, true));
    RV_TRY(bench_process_ask(&peer->process, request, &answer));
    const char *trouble = json_string_value(json_object_get(answer, "error"));
    json_t *list = json_object_get(answer, "peer");
    if (trouble || json_array_size(list) == 0 || json_array_size(list) > BENCH_LIST_MAX) {
        status = rv_fail(RV_ERR_USAGE, "the peer: %s", trouble ? trouble : "no configurations");
        goto done;
    }
    if (peer->results && json_array_size(peer->results) != json_array_size(list)) {
        status = rv_fail(RV_ERR_USAGE, "the peer: other configurations than a round before");
        goto done;
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *entry = json_array_get(list, i);
        RV_TRY(add_seconds(&peer->wall[i], json_object_get(entry, "seconds")));
        RV_TRY(add_seconds(&peer->gpu[i], json_object_get(entry, "gpu_seconds")));
    }
    json_decref(peer->results);
    peer->results = json_incref(list);
done:
    json_decref(request);
    json_decref(answer);
    return status;
}

void bench_peer_collect(struct bench_peer *peer, const struct bench_ceilings *ceilings,
                        json_t **results) {
    for (size_t i = 0; i < json_array_size(peer->results); i++) {
        json_t *entry = json_array_get(peer->results, i);
        double seconds = bench_times_median(&peer->wall[i]);
        double gpu = bench_times_median(&peer->gpu[i]);
        double gflops = json_number_value(json_object_get(entry, "flops")) / seconds * 1e-9;
        json_object_del(entry, "seconds");
        json_object_set_new(entry, "steps", json_integer(peer->wall[i].count));
        json_object_set_new(entry, "step_seconds", json_real(seconds));
        json_object_set_new(entry, "fastest_seconds", json_real(bench_times_least(&peer->wall[i])));
        json_object_set_new(entry, "gpu_seconds", gpu > 0 ? json_real(gpu) : json_null());
        json_object_set_new(entry, "gflops", json_real(gflops));
        json_object_set_new(entry, "gbytes_per_second", json_null()); // what it moves is not known
        json_object_set_new(entry, "share", json_null());
        json_object_set_new(entry, "ceiling_gflops", json_real(ceilings->gflops));
        json_object_set_new(entry, "ceiling_gbytes", json_real(ceilings->gbytes));
        json_object_set_new(entry, "share_of_gflops", json_real(gflops / ceilings->gflops));
        bench_times_finish(&peer->wall[i]);
        bench_times_finish(&peer->gpu[i]);
    }
    *results = peer->results;
    peer->results = NULL;
}

enum rv_status bench_peer_end(struct bench_peer *peer) {
    for (size_t i = 0; i < BENCH_LIST_MAX; i++) {
        bench_times_finish(&peer->wall[i]);
        bench_times_finish(&peer->gpu[i]);
    }
    json_decref(peer->results);
    peer->results = NULL;
    return bench_process_end(&peer->process, "the peer");
}
