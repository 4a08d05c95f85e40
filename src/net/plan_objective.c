// The targets: what they are compared with, their losses, and their gradients' factors.
#include <math.h>
#include <string.h>

#include "base/status.h"
#include "net/plan_internal.h"

// Of the largest factor of a seed, in halves. Measured on a photograph, objectives at mixed0 to
// mixed10, mean and l2: on the way down gradients grow to at most 220 times that factor, a 300th of
// the largest half; and a 256th of this scale loses no accuracy yet.
#define SEED_EXPONENT 0

#define GRAM_SHARE 1024 // positions that are summed up as one, until there are GRAM_PARTS shares
#define GRAM_PARTS 64
#define MATCH_SHARE 32 // columns of the guide that are searched as one
#define MATCH_PARTS 8

// ------------------------------------------------------------------------------------------------
// Factors

static double positions_of(const struct rv_planner *p, uint32_t index) {
    return (double)p->target_height[index] * p->target_width[index];
}

// The nearest position to a fraction of the axis.
static uint32_t position_at(float fraction, uint32_t size) {
    uint32_t position = (uint32_t)((double)fraction * size);
    return position < size ? position : size - 1;
}

static void set_factors(const struct rv_planner *p, uint32_t index, uint32_t channels,
                        struct rv_plan_seed *seed) {
    const struct rv_target *target = &p->request->targets[index];
    enum rv_objective objective = target->objective;
    double positions = target->neuron ? 1 : positions_of(p, index);
    double scale = (double)target->weight / (positions * channels);
    if (objective == RV_OBJECTIVE_DEFAULT)
        objective = p->request->objective;
    switch (target->kind) {
    case RV_TARGET_DREAM:
        if (objective == RV_OBJECTIVE_L2)
            seed->linear = (float)(2 * scale);
        else
            seed->constant = (float)scale;
        break;
    case RV_TARGET_GUIDE_COLUMNS:
    case RV_TARGET_GUIDE_PRODUCT:
        seed->reference = RV_REFERENCE_VALUES;
        seed->other = (float)scale;
        break;
    case RV_TARGET_GUIDE_SUMS:
        seed->reference = RV_REFERENCE_CHANNELS;
        seed->other = (float)scale;
        break;
    case RV_TARGET_CONTENT: // -w / N * sum((y - r)^2)
        seed->reference = RV_REFERENCE_VALUES;
        seed->linear = (float)(-2 * scale);
        seed->other = (float)(2 * scale);
        break;
    case RV_TARGET_STYLE: // -w * |G - A|^2 / |A|^2, G = F F^T / positions
        seed->constant = -target->weight;
        seed->linear = (float)(-4 * (double)target->weight / positions);
        break;
    }
}

struct rv_plan_seed rv_plan_seed_of(const struct rv_planner *p, uint32_t index,
                                    struct rv_slice slice) {
    const struct rv_target *target = &p->request->targets[index];
    struct rv_slice all = p->target_slice[index];
    if (target->channel >= 0)
        all = (struct rv_slice){all.tensor, all.channel + (uint32_t)target->channel, 1};
    uint32_t first = all.channel > slice.channel ? all.channel - slice.channel : 0;
    uint32_t end =
        all.channel + all.channels > slice.channel ? all.channel + all.channels - slice.channel : 0;
    struct rv_plan_seed seed = {.active = true,
                                .neuron = target->neuron,
                                .first = first,
                                .end = end < slice.channels ? end : slice.channels,
                                .border =
                                    rv_plan_has_border(p->request, index) ? p->request->border : 0,
                                .stride = target->layer->info.stride};
    if (target->neuron) {
        seed.x = position_at(target->x, p->target_width[index]);
        seed.y = position_at(target->y, p->target_height[index]);
    }
    set_factors(p, index, all.channels, &seed);
    if (target->layer->kind == RV_LAYER_CONV)
        seed.affine = 1 + target->layer->index;
    return seed;
}

// Brings the largest factor to [2^SEED_EXPONENT, 2^(SEED_EXPONENT + 1)).
static int32_t seed_exponent(const struct rv_planner *p) {
    float largest = 0;
    for (uint32_t i = 0; i < p->request->target_count; i++) {
        struct rv_plan_seed seed = rv_plan_seed_of(p, i, p->target_slice[i]);
        if (p->request->targets[i].kind != RV_TARGET_STYLE)
            largest = fmaxf(largest, fabsf(seed.constant));
        largest = fmaxf(largest, fmaxf(fabsf(seed.linear), fabsf(seed.other)));
    }
    return p->request->fp16 && largest > 0 ? SEED_EXPONENT - ilogbf(largest) : 0;
}

// ------------------------------------------------------------------------------------------------
// What targets are compared with

static const char *name_of(const struct rv_planner *p, uint32_t index) {
    return p->request->targets[index].layer->info.name;
}

static uint32_t add_lines(struct rv_planner *p, enum rv_plan_space space, const char *prefix,
                          uint32_t index, uint32_t count) {
    return rv_plan_add_tensor(p, RV_TENSOR_LINES, space, prefix, name_of(p, index), 1, 1, count);
}

static struct rv_plan_access all_of(const struct rv_planner *p, uint32_t tensor) {
    return (struct rv_plan_access){.tensor = tensor, .channels = p->plan->tensors[tensor].channels};
}

// Places the tensor behind the features so far, which every plan of a dream lays out alike.
static uint32_t place_features(struct rv_planner *p, uint32_t tensor) {
    struct rv_plan_tensor *t = &p->plan->tensors[tensor];
    t->offset = p->plan->features_bytes;
    p->plan->features_bytes += t->bytes;
    return tensor;
}

static uint32_t channels_of(const struct rv_planner *p, uint32_t index) {
    return p->target_slice[index].channels;
}

// The layers of `kind`'s targets. Returns how many.
static uint32_t layers_of(const struct rv_planner *p, enum rv_target_kind kind,
                          const struct rv_layer **layers) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < p->request->target_count; i++)
        if (p->request->targets[i].kind == kind)
            layers[count++] = p->request->targets[i].layer;
    return count;
}

static enum rv_status place_columns(struct rv_planner *p) {
    const struct rv_plan_request *request = p->request;
    const struct rv_layer *layers[RV_PLAN_TARGET_MAX];
    struct rv_graph graph;
    uint32_t count = layers_of(p, RV_TARGET_GUIDE_COLUMNS, layers);
    if (count == 0)
        return RV_OK;
    enum rv_status status =
        rv_graph_build(&graph, request->guide_height, request->guide_width, layers, count);
    for (uint32_t i = 0; i < request->target_count && status == RV_OK; i++) {
        struct rv_slice slice;
        if (request->targets[i].kind != RV_TARGET_GUIDE_COLUMNS ||
            !rv_graph_find(&graph, request->targets[i].layer, &slice))
            continue;
        const struct rv_graph_tensor *t = &graph.tensors[slice.tensor];
        p->reference[i] =
            all_of(p, place_features(p, rv_plan_add_tensor(p, RV_TENSOR_FLOATS, RV_SPACE_FEATURES,
                                                           "guide ", name_of(p, i), t->height,
                                                           t->width, slice.channels)));
    }
    return status;
}

// A style's Gram matrix, then, as a tensor of its own, partial sums of its squares.
static void place_lines(struct rv_planner *p) {
    for (uint32_t i = 0; i < p->request->target_count; i++) {
        uint32_t channels = channels_of(p, i);
        enum rv_target_kind kind = p->request->targets[i].kind;
        if (kind == RV_TARGET_GUIDE_SUMS)
            p->reference[i] = all_of(
                p, place_features(p, add_lines(p, RV_SPACE_FEATURES, "means ", i, channels)));
        if (kind != RV_TARGET_STYLE)
            continue;
        p->reference[i] = all_of(p, place_features(p, add_lines(p, RV_SPACE_FEATURES, "style ", i,
                                                                channels * channels)));
        place_features(p, add_lines(p, RV_SPACE_FEATURES, "squares ", i, RV_LOSS_PARTIALS));
    }
}

// The plan's tensors by those of the graph.
struct maps {
    struct rv_graph graph;
    uint32_t activation[RV_GRAPH_TENSOR_MAX], mask[RV_GRAPH_TENSOR_MAX], argmax[4],
        before_relu[RV_CONV_COUNT];
};

static void save(const struct rv_plan *plan, struct maps *maps) {
    maps->graph = plan->graph;
    memcpy(maps->activation, plan->activation, sizeof maps->activation);
    memcpy(maps->mask, plan->mask, sizeof maps->mask);
    memcpy(maps->argmax, plan->argmax, sizeof maps->argmax);
    memcpy(maps->before_relu, plan->before_relu, sizeof maps->before_relu);
}

static void restore(struct rv_plan *plan, const struct maps *maps) {
    plan->graph = maps->graph;
    memcpy(plan->activation, maps->activation, sizeof maps->activation);
    memcpy(plan->mask, maps->mask, sizeof maps->mask);
    memcpy(plan->argmax, maps->argmax, sizeof maps->argmax);
    memcpy(plan->before_relu, maps->before_relu, sizeof maps->before_relu);
}

// The layers of another picture of the same size, which is rolled alike, for the targets that
// compare with it position by position: the same steps once more, whose decisions nobody reads.
static enum rv_status forward_beside(struct rv_planner *p, enum rv_target_kind kind,
                                     enum rv_plan_space space, const char *name) {
    struct rv_plan *plan = p->plan;
    const struct rv_layer *layers[RV_PLAN_TARGET_MAX];
    uint32_t count = layers_of(p, kind, layers);
    struct maps own, none;
    enum rv_status status;
    if (count == 0)
        return RV_OK;
    save(plan, &own);
    memset(&none, 0xff, sizeof none);
    RV_TRY(rv_graph_build(&none.graph, own.graph.height, own.graph.width, layers, count));
    restore(plan, &none);
    plan->activation[RV_PICTURE_TENSOR] = rv_plan_add_tensor(p, RV_TENSOR_PIXELS, space, name, "",
                                                             own.graph.height, own.graph.width, 3);
    rv_plan_forward(p);
    for (uint32_t i = 0; i < p->request->target_count; i++)
        if (p->request->targets[i].kind == kind)
            rv_plan_find(plan, p->request->targets[i].layer, &p->reference[i]);
    restore(plan, &own);
done:
    return status;
}

enum rv_status rv_plan_references(struct rv_planner *p) {
    enum rv_status status;
    RV_TRY(place_columns(p));
    place_lines(p);
    if (p->request->makes != RV_MAKES_GRADIENT)
        return RV_OK;
    RV_TRY(forward_beside(p, RV_TARGET_CONTENT, RV_SPACE_CONTENT, "content"));
    status = forward_beside(p, RV_TARGET_GUIDE_PRODUCT, RV_SPACE_GUIDE, "guide");
done:
    return status;
}

// ------------------------------------------------------------------------------------------------
// Features of guide and style

static void read_values(struct rv_step *step, enum rv_role role,
                        const struct rv_plan_access *values) {
    rv_plan_access(step, role, true, false, values->tensor, values->channel, values->channels);
}

static void access_all(struct rv_planner *p, struct rv_step *step, enum rv_role role, bool writes,
                       uint32_t tensor) {
    rv_plan_access(step, role, !writes, writes, tensor, 0, p->plan->tensors[tensor].channels);
}

static uint64_t pixels_of(const struct rv_planner *p, uint32_t tensor) {
    const struct rv_plan_tensor *t = &p->plan->tensors[tensor];
    return (uint64_t)t->height * t->width;
}

static uint32_t parts_of(uint64_t count, uint32_t share, uint32_t most) {
    uint64_t parts = (count + share - 1) / share;
    return parts < most ? (uint32_t)parts : most;
}

// The shares of a Gram matrix. Returns their tensor.
static uint32_t gram_step(struct rv_planner *p, uint32_t index,
                          const struct rv_plan_access *values) {
    uint64_t positions = pixels_of(p, values->tensor);
    uint32_t channels = values->channels, parts = parts_of(positions, GRAM_SHARE, GRAM_PARTS);
    uint32_t shares = add_lines(p, RV_SPACE_ARENA, "gram ", index, parts * channels * channels);
    struct rv_step *step = rv_plan_add_step(p, RV_OP_GRAM, "gram of %s", name_of(p, index));
    step->parts = parts;
    step->flops = 2.0 * (double)positions * channels * channels;
    read_values(step, RV_ROLE_SOURCE, values);
    access_all(p, step, RV_ROLE_TARGET, true, shares);
    return shares;
}

static struct rv_step *gram_sum_step(struct rv_planner *p, uint32_t index, uint32_t shares) {
    uint32_t channels = channels_of(p, index);
    struct rv_step *step = rv_plan_add_step(p, RV_OP_GRAM_SUM, "sum of gram %s", name_of(p, index));
    step->parts = p->plan->tensors[shares].channels / (channels * channels);
    step->flops = (double)step->parts * channels * channels;
    access_all(p, step, RV_ROLE_SOURCE, false, shares);
    return step;
}

static void make_style(struct rv_planner *p, uint32_t index, const struct rv_plan_access *values) {
    struct rv_step *step = gram_sum_step(p, index, gram_step(p, index, values));
    access_all(p, step, RV_ROLE_TARGET, true, p->reference[index].tensor);
    access_all(p, step, RV_ROLE_TARGET_B, true, p->reference[index].tensor + 1);
}

// The columns are a copy: a seed of the values themselves.
static void make_guide(struct rv_planner *p, uint32_t index, const struct rv_plan_access *values) {
    bool sums = p->request->targets[index].kind == RV_TARGET_GUIDE_SUMS;
    struct rv_step *step =
        sums ? rv_plan_add_step(p, RV_OP_CHANNEL_MEANS, "means of %s", name_of(p, index))
             : rv_plan_add_step(p, RV_OP_SEED, "columns of %s", name_of(p, index));
    if (!sums) {
        step->seed = (struct rv_plan_seed){.active = true, .linear = 1, .end = values->channels};
        step->flag = true;
    }
    read_values(step, sums ? RV_ROLE_SOURCE : RV_ROLE_SEED, values);
    access_all(p, step, RV_ROLE_TARGET, true, p->reference[index].tensor);
}

void rv_plan_features(struct rv_planner *p) {
    bool style = p->request->makes == RV_MAKES_STYLE;
    for (uint32_t i = 0; i < p->request->target_count; i++) {
        enum rv_target_kind kind = p->request->targets[i].kind;
        struct rv_plan_access values;
        if (!rv_plan_find(p->plan, p->request->targets[i].layer, &values))
            continue;
        if (style && kind == RV_TARGET_STYLE)
            make_style(p, i, &values);
        else if (!style && (kind == RV_TARGET_GUIDE_COLUMNS || kind == RV_TARGET_GUIDE_SUMS))
            make_guide(p, i, &values);
    }
}

// ------------------------------------------------------------------------------------------------
// Losses

// Finds at every position the column of the guide that suits it best, and puts it there: the
// reference from then on.
static void match_steps(struct rv_planner *p, uint32_t index, const struct rv_plan_access *values) {
    const struct rv_plan_tensor t = p->plan->tensors[values->tensor];
    struct rv_plan_access guide = p->reference[index];
    uint64_t columns = pixels_of(p, guide.tensor), positions = pixels_of(p, values->tensor);
    uint32_t parts = parts_of(columns, MATCH_SHARE, MATCH_PARTS);
    uint32_t best = add_lines(p, RV_SPACE_ARENA, "best ", index, (uint32_t)positions * parts * 2);
    uint32_t matched = rv_plan_add_tensor(p, RV_TENSOR_FLOATS, RV_SPACE_ARENA, "matched ",
                                          name_of(p, index), t.height, t.width, values->channels);
    struct rv_step *step = rv_plan_add_step(p, RV_OP_MATCH, "match %s", name_of(p, index));
    step->parts = parts;
    step->flops = 2.0 * (double)positions * (double)columns * values->channels;
    read_values(step, RV_ROLE_SOURCE, values);
    read_values(step, RV_ROLE_SOURCE_B, &guide);
    access_all(p, step, RV_ROLE_TARGET, true, best);
    step = rv_plan_add_step(p, RV_OP_MATCH_GATHER, "columns for %s", name_of(p, index));
    step->parts = parts;
    access_all(p, step, RV_ROLE_SOURCE, false, best);
    read_values(step, RV_ROLE_SOURCE_B, &guide);
    access_all(p, step, RV_ROLE_TARGET, true, matched);
    p->reference[index] = all_of(p, matched);
}

// How far the Gram matrix is from the style's: the loss, and the difference, the reference from
// then on.
static void style_steps(struct rv_planner *p, uint32_t index, const struct rv_plan_access *values) {
    uint32_t channels = values->channels, style = p->reference[index].tensor;
    uint32_t shares = gram_step(p, index, values);
    uint32_t difference = add_lines(p, RV_SPACE_ARENA, "difference ", index, channels * channels);
    struct rv_step *step = gram_sum_step(p, index, shares);
    step->index = index;
    step->seed = rv_plan_seed_of(p, index, p->target_slice[index]);
    access_all(p, step, RV_ROLE_TARGET, true, difference);
    rv_plan_access(step, RV_ROLE_TARGET_B, false, true, p->plan->loss_partials, index * 16, 16);
    access_all(p, step, RV_ROLE_REFERENCE, false, style);
    access_all(p, step, RV_ROLE_SOURCE_B, false, style + 1);
    p->reference[index] = all_of(p, difference);
}

static void loss_step(struct rv_planner *p, uint32_t index, const struct rv_plan_access *values) {
    struct rv_step *step = rv_plan_add_step(p, RV_OP_LOSS_PARTIAL, "loss %s", name_of(p, index));
    step->index = index;
    step->seed = rv_plan_seed_of(p, index, p->target_slice[index]);
    if (step->seed.affine) {
        step->constants_bytes = values->channels * 8;
        step->constants_offset = rv_plan_reserve(p, step->constants_bytes);
    }
    read_values(step, RV_ROLE_SOURCE, values);
    if (step->seed.reference != RV_REFERENCE_NONE)
        read_values(step, RV_ROLE_REFERENCE, &p->reference[index]);
    rv_plan_access(step, RV_ROLE_TARGET, false, true, p->plan->loss_partials, index * 16, 16);
}

void rv_plan_losses(struct rv_planner *p) {
    struct rv_plan *plan = p->plan;
    uint32_t count = p->request->target_count;
    plan->seed_exponent = seed_exponent(p);
    plan->loss_partials = rv_plan_add_tensor(p, RV_TENSOR_PARTIALS, RV_SPACE_ARENA, "loss partials",
                                             "", 1, RV_LOSS_PARTIALS / 16, count * 16);
    plan->loss = rv_plan_add_tensor(p, RV_TENSOR_LINES, RV_SPACE_LOSS, "loss", "", 1, 1, count);
    for (uint32_t i = 0; i < count; i++) {
        struct rv_plan_access values;
        if (!rv_plan_find(plan, p->request->targets[i].layer, &values))
            continue;
        if (p->request->targets[i].kind == RV_TARGET_STYLE) {
            style_steps(p, i, &values);
            continue;
        }
        if (p->request->targets[i].kind == RV_TARGET_GUIDE_COLUMNS)
            match_steps(p, i, &values);
        loss_step(p, i, &values);
    }
    struct rv_step *step = rv_plan_add_step(p, RV_OP_LOSS_SUM, "loss");
    step->index = count;
    rv_plan_access(step, RV_ROLE_SOURCE, true, false, plan->loss_partials, 0, count * 16);
    rv_plan_access(step, RV_ROLE_TARGET, false, true, plan->loss, 0, count);
}
