// The plan as text.
#include <stdio.h>

#include "net/plan.h"

void rv_plan_print(const struct rv_plan *plan, void *stream) {
    FILE *file = stream;
    fprintf(
        file,
        "%u x %u pixels, %s: %u steps in %u levels, arena %.1f MiB (at least %.1f: %.3f times), "
        "weights %.1f MiB, "
        "%.2f GFLOP\n",
        plan->graph.width, plan->graph.height, plan->fp16 ? "fp16" : "fp32", plan->step_count,
        plan->level_count, (double)plan->arena_bytes / 1048576, (double)plan->live_bytes / 1048576,
        (double)plan->arena_bytes / (double)plan->live_bytes, (double)plan->weights_bytes / 1048576,
        plan->flops * 1e-9);
    for (uint32_t i = 0; i < plan->step_count; i++) {
        const struct rv_step *step = &plan->steps[i];
        fprintf(file, "%3u  %-44s %9.4f GFLOP %8.2f MB ", step->level, step->label,
                step->flops * 1e-9, step->bytes * 1e-6);
        for (uint32_t j = 0; j < step->access_count; j++) {
            const struct rv_plan_access *access = &step->access[j];
            fprintf(file, " %s%s%s[%u:%u)", access->reads ? "<" : "", access->writes ? ">" : "",
                    plan->tensors[access->tensor].name, access->channel,
                    access->channel + access->channels);
        }
        fputc('\n', file);
    }
}
