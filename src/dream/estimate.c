// What a dream will take, before there is a device.
#include <stdlib.h>

#include "dream/network.h"
#include "dream/objective.h"
#include "dream/pyramid.h"
#include "dream/reference.h"

// Adds one octave's plan to the estimate; the last plan is kept in *plan.
static enum rv_status add_octave(const struct rv_params *params, struct rv_plan_request *request,
                                 struct rv_extent size, struct rv_plan **plan,
                                 struct rv_estimate *estimate) {
    enum rv_status status;
    free(*plan);
    *plan = NULL;
    request->width = size.width;
    request->height = size.height;
    RV_TRY(rv_plan_create(request, plan));
    estimate->flops += (*plan)->flops * params->iterations;
    if ((*plan)->arena_bytes > estimate->arena_bytes)
        estimate->arena_bytes = (*plan)->arena_bytes;
done:
    return status;
}

enum rv_status rv_dream_estimate(uint32_t width, uint32_t height, const struct rv_params *params,
                                 struct rv_estimate *estimate) {
    struct rv_params resolved;
    struct rv_target targets[RV_PLAN_TARGET_MAX];
    struct rv_pyramid_sizes sizes;
    struct rv_plan *plan = NULL;
    struct rv_extent base = {width, height};
    enum rv_status status;
    if (!estimate)
        return rv_fail(RV_ERR_USAGE, "rv_dream_estimate needs a place for the estimate");
    *estimate = (struct rv_estimate){0};
    RV_TRY(rv_params_resolve(params, &resolved));
    struct rv_plan_request request = {.targets = targets,
                                      .objective = resolved.objective,
                                      .border = resolved.border > 0 ? (uint32_t)resolved.border : 0,
                                      .fp16 = resolved.precision == RV_PRECISION_FP16};
    struct rv_references references = {resolved.guide, resolved.style};
    uint64_t arena, picture;
    RV_TRY(rv_objective_targets(&resolved, targets, &request.target_count));
    rv_references_request(&references, &request);
    RV_TRY(rv_pyramid_sizes(&resolved, base, &sizes));
    for (uint32_t i = 0; i < sizes.count; i++)
        RV_TRY(add_octave(&resolved, &request, sizes.octave[i], &plan, estimate));
    RV_TRY(rv_references_bytes(&references, &request, sizes.octave, sizes.count, &arena, &picture));
    estimate->arena_bytes = arena > estimate->arena_bytes ? arena : estimate->arena_bytes;
    struct rv_network_sizes room = {.largest = rv_pyramid_largest(&sizes, base),
                                    .iterations = resolved.iterations};
    estimate->weights_bytes = plan->weights_bytes;
    estimate->device_bytes = estimate->arena_bytes + rv_network_bytes(plan, &room) +
                             rv_pyramid_bytes(&resolved, &sizes, base) + picture;
    if (resolved.start == RV_START_NOISE) // the input is kept beside it
        estimate->device_bytes += rv_image_bytes(base);
    estimate->steps = sizes.count * resolved.iterations;
done:
    free(plan);
    if (status != RV_OK)
        *estimate = (struct rv_estimate){0};
    return status;
}
