// What a dream will take, and what it will do, before any of it is done.
#include <stdlib.h>
#include <string.h>

#include "dream/ascent.h"
#include "dream/budget.h"
#include "dream/context.h"
#include "dream/network.h"
#include "dream/objective.h"
#include "dream/pyramid.h"
#include "dream/reference.h"

// What is asked, and what comes of it.
struct forecast {
    struct rv_params params; // resolved
    struct rv_target targets[RV_PLAN_TARGET_MAX];
    struct rv_references references;
    uint64_t arena_bytes, picture_bytes; // that making their features takes
    struct rv_plan_request request;
    struct rv_extent base;
    struct rv_pyramid_sizes sizes;
    struct rv_plan *any; // owned: of the first octave
    struct rv_octave_plan octaves[RV_OCTAVE_MAX];
};

static enum rv_status begin(struct forecast *f, const rv_context *context,
                            const struct rv_params *params) {
    enum rv_status status;
    RV_TRY(rv_params_resolve(params, &f->params));
    if (context)
        f->params.precision = rv_precision_of(context, f->params.precision);
    f->request =
        (struct rv_plan_request){.targets = f->targets,
                                 .objective = f->params.objective,
                                 .border = f->params.border > 0 ? (uint32_t)f->params.border : 0,
                                 .fp16 = f->params.precision == RV_PRECISION_FP16};
    f->references = (struct rv_references){f->params.guide, f->params.style};
    RV_TRY(rv_objective_targets(&f->params, f->targets, &f->request.target_count));
    rv_references_request(&f->references, &f->request);
    RV_TRY(rv_pyramid_sizes(&f->params, f->base, &f->sizes));
    f->request.width = f->sizes.octave[0].width;
    f->request.height = f->sizes.octave[0].height;
    RV_TRY(rv_plan_create(&f->request, &f->any));
    status = rv_references_bytes(&f->references, &f->request, f->sizes.octave, f->sizes.count,
                                 &f->arena_bytes, &f->picture_bytes);
done:
    return status;
}

static struct rv_network_sizes room_of(const struct forecast *f) {
    return (struct rv_network_sizes){.largest = rv_pyramid_largest(&f->sizes, f->base),
                                     .iterations = f->params.iterations};
}

static uint64_t fixed_bytes(const struct forecast *f) {
    struct rv_network_sizes room = room_of(f);
    return rv_network_bytes(f->any, &room) + rv_pyramid_bytes(&f->params, &f->sizes, f->base) +
           rv_ascent_bytes(&f->params, &f->sizes, f->base) + f->picture_bytes +
           (f->params.start == RV_START_NOISE ? rv_image_bytes(f->base) : 0); // the input
}

static enum rv_status plan_whole(struct forecast *f, uint32_t index) {
    struct rv_extent size = f->sizes.octave[index];
    struct rv_plan *plan = NULL;
    f->request.width = size.width;
    f->request.height = size.height;
    enum rv_status status = rv_plan_create(&f->request, &plan);
    if (status == RV_OK)
        f->octaves[index] = (struct rv_octave_plan){
            size.width, size.height, 1, 1, size.width, size.height, plan->flops, plan->arena_bytes};
    free(plan);
    return status;
}

// As the device's memory has it, the way a session does.
static enum rv_status plan_on(struct forecast *f, const struct rv_device *device) {
    struct rv_tiling tilings[RV_OCTAVE_MAX];
    struct rv_budget budget = rv_budget_of(device);
    memset(tilings, 0, sizeof tilings);
    budget.fixed = fixed_bytes(f);
    enum rv_status status =
        rv_budget_spend(&budget, device, &f->request, f->sizes.octave, f->sizes.count, tilings);
    for (uint32_t i = 0; i < f->sizes.count; i++) {
        const struct rv_tiling *t = &tilings[i];
        if (status == RV_OK)
            f->octaves[i] = (struct rv_octave_plan){f->sizes.octave[i].width,
                                                    f->sizes.octave[i].height,
                                                    t->x.count,
                                                    t->y.count,
                                                    t->x.tile,
                                                    t->y.tile,
                                                    t->flops,
                                                    t->arena_bytes};
        rv_tiling_finish(&tilings[i]);
    }
    return status;
}

static struct rv_estimate sum_up(const struct forecast *f) {
    struct rv_estimate estimate = {.weights_bytes = f->any->weights_bytes,
                                   .arena_bytes = f->arena_bytes,
                                   .steps = f->sizes.count * f->params.iterations};
    for (uint32_t i = 0; i < f->sizes.count; i++) {
        estimate.flops += f->octaves[i].flops * f->params.iterations;
        if (f->octaves[i].arena_bytes > estimate.arena_bytes)
            estimate.arena_bytes = f->octaves[i].arena_bytes;
    }
    estimate.device_bytes = estimate.arena_bytes + fixed_bytes(f);
    return estimate;
}

enum rv_status rv_dream_plan(const rv_context *context, uint32_t width, uint32_t height,
                             const struct rv_params *params, struct rv_octave_plan *octaves,
                             uint32_t *count, struct rv_estimate *estimate) {
    struct forecast f = {.base = {width, height}};
    uint32_t capacity = count ? *count : 0;
    enum rv_status status;
    if (!count || (capacity > 0 && !octaves))
        return rv_fail(RV_ERR_USAGE, "rv_dream_plan needs a place for the octaves, and a count");
    *count = 0;
    if (estimate)
        *estimate = (struct rv_estimate){0};
    RV_TRY(begin(&f, context, params));
    if (context)
        RV_TRY(plan_on(&f, context->device));
    for (uint32_t i = 0; i < f.sizes.count && !context; i++)
        RV_TRY(plan_whole(&f, i));
    *count = f.sizes.count;
    for (uint32_t i = 0; i < f.sizes.count && i < capacity; i++)
        octaves[i] = f.octaves[i];
    if (estimate)
        *estimate = sum_up(&f);
done:
    free(f.any);
    return status;
}

enum rv_status rv_dream_estimate(uint32_t width, uint32_t height, const struct rv_params *params,
                                 struct rv_estimate *estimate) {
    uint32_t count = 0;
    if (!estimate)
        return rv_fail(RV_ERR_USAGE, "rv_dream_estimate needs a place for the estimate");
    return rv_dream_plan(NULL, width, height, params, NULL, &count, estimate);
}
