// One look at the network: loss, gradient, activations.
#include <stdlib.h>
#include <string.h>

#include "base/half.h"
#include "dream/budget.h"
#include "dream/context.h"
#include "dream/network.h"
#include "dream/objective.h"
#include "dream/pyramid.h"
#include "dream/reference.h"
#include "dream/tiles.h"

struct probe {
    struct rv_device *device;
    const struct rv_weights *weights;
    const struct rv_picture *input;
    struct rv_buffer picture;
    bool fp16;
};

static uint32_t wrapped(int32_t jitter, uint32_t size) {
    int32_t rest = jitter % (int32_t)size;
    return (uint32_t)(rest < 0 ? rest + (int32_t)size : rest);
}

// Runs a plan of the whole picture once. The network is ready.
static enum rv_status run(struct probe *p, const struct rv_plan *plan,
                          const struct rv_network *network, int32_t jitter_x, int32_t jitter_y) {
    enum rv_status status;
    struct rv_recorder recorder = {0};
    struct rv_control *control = rv_network_control(network);
    control->jitter_x = (int32_t)wrapped(jitter_x, p->input->width);
    control->jitter_y = (int32_t)wrapped(jitter_y, p->input->height);
    RV_TRY(rv_recorder_init(&recorder, p->device, plan->step_count));
    struct rv_range picture = {&p->picture, 0, p->picture.size};
    RV_TRY(rv_network_record(network, plan, picture, &recorder));
    status = rv_recorder_run(&recorder);
done:
    rv_recorder_finish(&recorder);
    return status;
}

static enum rv_status run_tiles(struct probe *p, const struct rv_tiling *tiling,
                                const struct rv_network *network,
                                const struct rv_probe_params *params) {
    enum rv_status status;
    struct rv_tiles tiles = {0};
    struct rv_range picture = {&p->picture, 0, p->picture.size};
    RV_TRY(rv_tiles_init(&tiles, network, tiling, params->border, 0, picture));
    for (bool last = false; status == RV_OK && !last;)
        status = rv_tiles_submit(&tiles, wrapped(params->jitter_x, p->input->width),
                                 wrapped(params->jitter_y, p->input->height), &last);
    if (!p->device->lost) {
        enum rv_status waited = rv_device_wait(p->device, p->device->submitted);
        if (status == RV_OK)
            status = waited;
    }
done:
    rv_tiles_finish(&tiles);
    return status;
}

static enum rv_status make_array(struct rv_array *array, uint32_t height, uint32_t width,
                                 uint32_t channels) {
    *array = (struct rv_array){height, width, channels, NULL};
    array->data = malloc((size_t)height * width * channels * sizeof(float));
    return array->data ? RV_OK : rv_fail(RV_ERR_NO_MEMORY, "out of host memory for an array");
}

static enum rv_status read_gradient(struct probe *p, const struct rv_network *network,
                                    struct rv_array *array) {
    size_t pixels = (size_t)p->input->width * p->input->height;
    float *values = malloc(pixels * 16);
    if (!values)
        return rv_fail(RV_ERR_NO_MEMORY, "out of host memory for a gradient");
    enum rv_status status;
    RV_TRY(make_array(array, p->input->height, p->input->width, 3));
    RV_TRY(rv_buffer_read(p->device, &network->gradient, 0, values, pixels * 16));
    for (size_t i = 0; i < pixels; i++)
        for (size_t c = 0; c < 3; c++)
            array->data[i * 3 + c] = values[i * 4 + c];
done:
    free(values);
    return status;
}

static float element(const char *numbers, size_t index, bool fp16) {
    return fp16 ? rv_half_to_float(((const uint16_t *)numbers)[index])
                : ((const float *)numbers)[index];
}

// From blocks of 16 channels to [height][width][channels]; conv2d layers before normalisation.
static enum rv_status read_activation(struct probe *p, const struct rv_plan *plan,
                                      const struct rv_network *network,
                                      const struct rv_layer *layer, struct rv_array *array) {
    struct rv_plan_access slice;
    if (!rv_plan_find(plan, layer, &slice))
        return rv_fail(RV_ERR_USAGE, "%s is not computed", layer->info.name);
    const struct rv_plan_tensor *t = &plan->tensors[slice.tensor];
    uint64_t bytes = slice.channels / 16 * t->plane_bytes;
    char *blocks = malloc(bytes);
    if (!blocks)
        return rv_fail(RV_ERR_NO_MEMORY, "out of host memory for an activation");
    enum rv_status status;
    RV_TRY(make_array(array, t->height, t->width, slice.channels));
    RV_TRY(rv_buffer_read(p->device, &network->arena,
                          t->offset + slice.channel / 16 * t->plane_bytes, blocks, bytes));
    size_t pixels = (size_t)t->height * t->width;
    for (uint32_t c = 0; c < slice.channels; c++) {
        const char *from = blocks + c / 16 * t->plane_bytes;
        double scale = 1, bias = 0;
        if (layer->kind == RV_LAYER_CONV) {
            scale = (double)p->weights->conv[layer->index].scale[c];
            bias = (double)p->weights->conv[layer->index].bias[c];
        }
        for (size_t i = 0; i < pixels; i++)
            array->data[i * slice.channels + c] =
                (float)(((double)element(from, i * 16 + c % 16, t->fp16) - bias) / scale);
    }
done:
    free(blocks);
    return status;
}

// The targets, as those of a dream with these parameters.
static enum rv_status find_targets(const struct rv_probe_params *params,
                                   struct rv_target targets[RV_PLAN_TARGET_MAX], uint32_t *count) {
    const char *lists[] = {params->layers, params->style_layers, params->content_layers};
    struct rv_params dream = {.guide = params->guide,
                              .guide_match = params->guide_match,
                              .style = params->style,
                              .style_weight = params->style_weight,
                              .content_weight =
                                  params->content ? params->content_weight : (float)RV_OFF,
                              .dream_weight = params->dream_weight};
    static const struct {
        const char *name, *usual;
    } options[] = {{"layers", "mixed3,mixed5"}, {"style-layers", ""}, {"content-layers", ""}};
    enum rv_status status;
    for (uint32_t i = 0; i < 3; i++)
        RV_TRY(rv_params_set(&dream, options[i].name, lists[i] ? lists[i] : options[i].usual));
    RV_TRY(rv_params_resolve(&dream, &dream));
    status = rv_objective_targets(&dream, targets, count);
done:
    return status;
}

// What the objective compares with. The network is ready.
static enum rv_status make_references(struct probe *p, const struct rv_references *references,
                                      const struct rv_network *network,
                                      const struct rv_plan_request *request,
                                      const struct rv_picture *content) {
    struct rv_extent size = {p->input->width, p->input->height};
    enum rv_status status;
    RV_TRY(rv_references_make(references, network, request, size));
    if (!network->content.handle)
        return RV_OK;
    if (content->width != size.width || content->height != size.height)
        return rv_fail(RV_ERR_USAGE, "rv_probe: the content is %u x %u, not of the input's size",
                       content->width, content->height);
    status = rv_picture_upload(p->device, content,
                               (struct rv_range){&network->content, 0, rv_image_bytes(size)});
done:
    return status;
}

static enum rv_status probe_gradient(struct probe *p, const struct rv_probe_params *params,
                                     struct rv_probe_result *result) {
    enum rv_status status;
    struct rv_target targets[RV_PLAN_TARGET_MAX];
    struct rv_references references = {params->guide, params->style};
    uint64_t arena, picture;
    struct rv_plan *any = NULL;
    struct rv_tiling tiling = {0};
    struct rv_network network = {0};
    struct rv_extent extent = {p->input->width, p->input->height};
    struct rv_network_sizes room = {.largest = extent, .iterations = 1};
    struct rv_budget budget = rv_budget_of(p->device);
    struct rv_plan_request request = {.height = p->input->height,
                                      .width = p->input->width,
                                      .targets = targets,
                                      .objective = params->objective,
                                      .border = params->border,
                                      .pool_counts_padding = p->weights->pool_counts_padding,
                                      .fp16 = p->fp16};
    RV_TRY(find_targets(params, targets, &request.target_count));
    rv_references_request(&references, &request);
    RV_TRY(rv_objective_reach(targets, request.target_count, p->weights));
    RV_TRY(rv_plan_create(&request, &any));
    RV_TRY(rv_references_bytes(&references, &request, &extent, 1, &arena, &picture));
    budget.fixed = p->picture.size + rv_network_bytes(any, &room) + picture;
    RV_TRY(rv_budget_spend(&budget, p->device, &request, &extent, 1, &tiling));
    RV_TRY(rv_references_check(&request, &tiling));
    room.arena_bytes = arena > tiling.arena_bytes ? arena : tiling.arena_bytes;
    RV_TRY(rv_network_reserve(&network, p->device, p->weights, any, &room));
    RV_TRY(make_references(p, &references, &network, &request, params->content));
    status = rv_tiling_is_whole(&tiling)
                 ? run(p, tiling.plan, &network, params->jitter_x, params->jitter_y)
                 : run_tiles(p, &tiling, &network, params);
    if (status != RV_OK)
        goto done;
    const float *losses = (const float *)((const char *)network.control.mapped + RV_LOSSES_OFFSET);
    for (uint32_t i = 0; i < request.target_count; i++)
        result->loss += (double)losses[i];
    RV_TRY(read_gradient(p, &network, &result->gradient));
done:
    rv_network_finish(&network);
    rv_tiling_finish(&tiling);
    free(any);
    return status;
}

static enum rv_status probe_activations(struct probe *p, const struct rv_probe_params *params,
                                        struct rv_probe_result *result) {
    enum rv_status status = RV_OK;
    const struct rv_layer *layers[16];
    struct rv_plan *plan = NULL;
    struct rv_network network = {0};
    uint32_t count = params->activation_count;
    if (count == 0)
        return RV_OK;
    if (!params->activations)
        return rv_fail(RV_ERR_USAGE, "rv_probe is asked for %u activations without their names",
                       count);
    if (count > 16)
        return rv_fail(RV_ERR_USAGE, "at most 16 activations can be asked for, not %u", count);
    for (uint32_t i = 0; i < count; i++) {
        struct rv_target target[RV_TARGET_MAX];
        uint32_t one;
        RV_TRY(rv_objective_parse(params->activations[i], target, &one));
        RV_TRY(rv_objective_reach(target, one, p->weights));
        layers[i] = target[0].layer;
    }
    struct rv_plan_request request = {.height = p->input->height,
                                      .width = p->input->width,
                                      .keep = layers,
                                      .keep_count = count,
                                      .pool_counts_padding = p->weights->pool_counts_padding,
                                      .fp16 = p->fp16};
    RV_TRY(rv_plan_create(&request, &plan));
    RV_TRY(rv_network_init(&network, p->device, p->weights, &plan, 1, 1));
    RV_TRY(run(p, plan, &network, params->jitter_x, params->jitter_y));
    for (uint32_t i = 0; i < count; i++)
        RV_TRY(read_activation(p, plan, &network, layers[i], &result->activations[i]));
done:
    rv_network_finish(&network);
    free(plan);
    return status;
}

enum rv_status rv_probe(rv_context *context, const rv_weights *weights,
                        const struct rv_picture *input, const struct rv_probe_params *given,
                        struct rv_probe_result *result) {
    struct rv_probe_params params = {0};
    if (result)
        *result = (struct rv_probe_result){0};
    if (!context || !weights || !input || !input->pixels || !result)
        return rv_fail(RV_ERR_USAGE, "rv_probe needs a context, weights, a picture and a result");
    if (given)
        memcpy(&params, given,
               given->size && given->size < sizeof params ? given->size : sizeof params);
    struct probe p = {.device = context->device,
                      .weights = weights,
                      .input = input,
                      .fp16 = rv_precision_of(context, params.precision) == RV_PRECISION_FP16};
    struct rv_extent extent = {input->width, input->height};
    enum rv_status status;
    RV_TRY(
        rv_buffer_init(p.device, &p.picture, rv_image_bytes(extent), RV_MEMORY_DEVICE, "picture"));
    RV_TRY(rv_picture_upload(p.device, input,
                             (struct rv_range){&p.picture, 0, rv_image_bytes(extent)}));
    RV_TRY(probe_gradient(&p, &params, result));
    RV_TRY(probe_activations(&p, &params, result));
done:
    rv_buffer_finish(p.device, &p.picture);
    if (status != RV_OK)
        rv_probe_free(result);
    return status;
}

void rv_array_free(struct rv_array *array) {
    free(array->data);
    *array = (struct rv_array){0};
}

void rv_probe_free(struct rv_probe_result *result) {
    rv_array_free(&result->gradient);
    for (uint32_t i = 0; i < 16; i++)
        rv_array_free(&result->activations[i]);
}
