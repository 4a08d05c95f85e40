#include "dream/slices.h"

#include <stdlib.h>

// The step after the last that fits into a slice beginning with `first`.
static uint32_t slice_end(const struct rv_slices_request *request, uint32_t first, double *flops) {
    const struct rv_plan *plan = request->plan;
    uint32_t end = first;
    *flops = 0;
    while (end < plan->step_count && (end == first || request->most_flops <= 0 ||
                                      *flops + plan->steps[end].flops <= request->most_flops))
        *flops += plan->steps[end++].flops;
    return end;
}

enum rv_status rv_slices_init(struct rv_slices *slices, const struct rv_slices_request *request) {
    enum rv_status status = RV_OK;
    uint32_t steps = request->plan->step_count;
    *slices = (struct rv_slices){.list = calloc(steps ? steps : 1, sizeof *slices->list)};
    if (!slices->list)
        return rv_fail(RV_ERR_NO_MEMORY, "out of host memory while recording");
    for (uint32_t first = 0, end; first < steps; first = end) {
        struct rv_slice_recording *slice = &slices->list[slices->count];
        end = slice_end(request, first, &slice->flops);
        slice->first = first;
        slice->end = end;
        RV_TRY(rv_recorder_init(&slice->recorder, request->network->device, end - first + 3));
        slices->count++;
        RV_TRY(rv_network_record_steps(request->network, request->plan, first, end, request->tile,
                                       request->picture, request->gradient, &slice->recorder));
        if (end < steps)
            RV_TRY(rv_recorder_end(&slice->recorder));
    }
    return RV_OK;
done:
    rv_slices_finish(slices);
    return status;
}

struct rv_recorder *rv_slices_last(const struct rv_slices *slices) {
    return &slices->list[slices->count - 1].recorder;
}

enum rv_status rv_slices_end(struct rv_slices *slices) {
    return rv_recorder_end(rv_slices_last(slices));
}

void rv_slices_finish(struct rv_slices *slices) {
    for (uint32_t i = 0; i < slices->count; i++)
        rv_recorder_finish(&slices->list[i].recorder);
    free(slices->list);
    *slices = (struct rv_slices){0};
}
