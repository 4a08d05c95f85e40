// The planner, on the CPU alone. Every plan is walked as a device would run it, byte for byte: what
// is read must have been written, by the right tensor, and must be final.
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/half.h"
#include "dream/objective.h"
#include "net/plan.h"

#define CELL 256 // bytes; everything is aligned to it
#define NOBODY UINT32_MAX
#define LIST(array) (sizeof(array) / sizeof *(array))

// ------------------------------------------------------------------------------------------------
// Plans

struct plan_case {
    const char *layers; // targets, as rv_params::layers; or, with `keep`, layers to keep
    uint32_t height, width;
    enum rv_objective objective;
    uint32_t border;
    bool keep, no_alias, keep_all, fp16;
    bool compared; // with other pictures: targets of all those kinds in turn
};

#define MEAN RV_OBJECTIVE_MEAN
#define L2 RV_OBJECTIVE_L2

static const struct plan_case cases[] = {
    {"conv2d", 75, 75, MEAN, 0, false, false, false, false, false},
    {"activation_1", 75, 76, L2, 2, false, false, false, false, false},
    {"max_pooling2d_1", 90, 75, L2, 0, false, false, false, false, false},
    {"mixed0", 75, 75, MEAN, 0, false, false, false, false, false},
    {"mixed2:5", 101, 83, L2, 1, false, false, false, false, false},
    {"mixed3,mixed5", 75, 75, MEAN, 0, false, false, false, false, false},
    {"mixed3,mixed5", 163, 211, L2, 0, false, false, false, false, false},
    {"mixed4:77=2,mixed4,mixed1=-0.5", 107, 75, L2, 0, false, false, false, false, false},
    {"mixed7", 129, 118, L2, 2, false, false, false, false, false},
    {"mixed10", 107, 75, L2, 0, false, false, false, false, false},
    {"mixed10,mixed9,mixed8,mixed0", 75, 101, MEAN, 0, false, false, false, false, false},
    {"mixed9_0", 75, 75, L2, 0, false, false, false, false, false},
    {"concatenate,mixed9_1,concatenate_1,mixed10", 76, 77, MEAN, 0, false, false, false, false,
     false},
    // Before ReLU: a convolution of its own; an average pooling; inside a block that leads on.
    {"conv2d_4", 75, 75, L2, 0, false, false, false, false, false},
    {"conv2d_11,batch_normalization_11", 75, 75, L2, 0, false, false, false, false, false},
    {"batch_normalization_27,mixed7=0.1,mixed1:3", 91, 76, L2, 0, false, false, false, false,
     false},
    {"conv2d_6,activation_6,conv2d_12,mixed2", 75, 90, MEAN, 1, false, false, false, false, false},
    {"conv2d_79,activation_93,conv2d_93", 75, 75, L2, 0, false, false, false, false, false},
    // Parts of blocks: what leads nowhere is not computed.
    {"activation_7", 75, 75, L2, 0, false, false, false, false, false},
    {"activation_5,activation_29", 75, 75, MEAN, 0, false, false, false, false, false},
    {"max_pooling2d_2", 80, 75, L2, 0, false, false, false, false, false},
    {"max_pooling2d_3,activation_71", 80, 75, L2, 0, false, false, false, false, false},
    // Forward alone.
    {"mixed5", 75, 75, MEAN, 0, true, false, false, false, false},
    {"conv2d,mixed0,conv2d_11,activation_27,mixed10", 91, 107, MEAN, 0, true, false, false, false,
     false},
    // Compared with other pictures' layers, in every way.
    {"mixed1,mixed2,mixed3,mixed0,mixed4,mixed5,activation_12", 107, 91, MEAN, 1, false, false,
     false, false, true},
    {"batch_normalization_11,activation_7,activation_27,batch_normalization_30,max_pooling2d_2,"
     "mixed5",
     91, 83, L2, 0, false, false, false, false, true},
    {"mixed6,mixed10,mixed8,concatenate,mixed9_1", 107, 91, MEAN, 0, false, false, false, false,
     true},
    // For tests.
    {"mixed3,mixed5", 83, 91, L2, 0, false, true, false, false, false},
    {"mixed3,conv2d_31", 83, 91, L2, 0, false, false, true, false, false},
};

struct layers {
    struct rv_target targets[RV_TARGET_MAX];
    const struct rv_layer *keep[RV_TARGET_MAX];
};

static struct rv_plan_request request_of(const struct plan_case *c, struct layers *layers) {
    struct rv_plan_request request = {.height = c->height,
                                      .width = c->width,
                                      .objective = c->objective,
                                      .border = c->border,
                                      .no_alias = c->no_alias,
                                      .keep_all = c->keep_all,
                                      .fp16 = c->fp16};
    uint32_t count;
    cr_assert_eq(rv_objective_parse(c->layers, layers->targets, &count), RV_OK, "%s: %s", c->layers,
                 rv_error_text());
    for (uint32_t i = 0; i < count && c->compared; i++)
        layers->targets[i].kind = (enum rv_target_kind)(1 + i % 5);
    request.guide_height = request.guide_width = 99;
    for (uint32_t i = 0; i < count; i++)
        layers->keep[i] = layers->targets[i].layer;
    if (c->keep) {
        request.keep = layers->keep;
        request.keep_count = count;
    } else {
        request.targets = layers->targets;
        request.target_count = count;
    }
    return request;
}

static struct rv_plan *make_plan(const struct plan_case *c) {
    struct layers layers;
    struct rv_plan_request request = request_of(c, &layers);
    struct rv_plan *plan;
    cr_assert_eq(rv_plan_create(&request, &plan), RV_OK, "%s: %s", c->layers, rv_error_text());
    return plan;
}

static void for_each_case(void (*check)(const char *name, const struct plan_case *,
                                        const struct rv_plan *)) {
    for (size_t i = 0; i < 2 * LIST(cases); i++) {
        struct plan_case c = cases[i / 2];
        c.fp16 = i % 2;
        struct rv_plan *plan = make_plan(&c);
        char name[128];
        snprintf(name, sizeof name, "%s%s at %ux%u%s", c.keep ? "keep " : "", c.layers, c.width,
                 c.height, c.fp16 ? ", fp16" : "");
        check(name, &c, plan);
        free(plan);
    }
}

// ------------------------------------------------------------------------------------------------
// Bytes

struct bytes {
    enum rv_plan_space space;
    uint64_t begin, end;
};

static bool has_planes(const struct rv_plan_tensor *t) {
    return t->kind != RV_TENSOR_PIXELS && t->kind != RV_TENSOR_LINES;
}

static struct bytes bytes_of(const struct rv_plan *plan, const struct rv_plan_access *access) {
    const struct rv_plan_tensor *t = &plan->tensors[access->tensor];
    struct bytes all = {t->space, t->offset, t->offset + t->bytes};
    if (has_planes(t)) {
        all.begin = t->offset + access->channel / 16 * t->plane_bytes;
        all.end = all.begin + (access->channels + 15) / 16 * t->plane_bytes;
    }
    return all;
}

static bool share_bytes(struct bytes a, struct bytes b) {
    return a.space == b.space && a.begin < b.end && b.begin < a.end;
}

static bool conflict(const struct rv_plan *plan, const struct rv_step *a, const struct rv_step *b) {
    for (uint32_t i = 0; i < a->access_count; i++)
        for (uint32_t j = 0; j < b->access_count; j++)
            if ((a->access[i].writes || b->access[j].writes) &&
                share_bytes(bytes_of(plan, &a->access[i]), bytes_of(plan, &b->access[j])))
                return true;
    return false;
}

static uint64_t expected_plane(const struct rv_plan *plan, const struct rv_plan_tensor *t) {
    const uint64_t pixel_bits[] = {[RV_TENSOR_FLOATS] = 16 * (plan->fp16 ? 16 : 32),
                                   [RV_TENSOR_PARTIALS] = 16 * 32,
                                   [RV_TENSOR_PIXELS] = 4 * 32,
                                   [RV_TENSOR_MASK] = 16,
                                   [RV_TENSOR_ARGMAX] = 16 * 4};
    uint64_t pixels = (uint64_t)t->height * t->width, bytes = t->channels * UINT64_C(4);
    if (t->kind == RV_TENSOR_MASK)
        pixels = (pixels + 3) / 4 * 4; // whole words
    if (t->kind != RV_TENSOR_LINES)
        bytes = pixels * pixel_bits[t->kind] / 8;
    return (bytes + CELL - 1) / CELL * CELL;
}

// Shapes, alignment, and that every access lies in its tensor.
static void check_tensors(const char *name, const struct plan_case *c, const struct rv_plan *plan) {
    cr_expect_eq(plan->fp16, c->fp16, "%s", name);
    uint64_t end = 0;
    for (uint32_t i = 0; i < plan->tensor_count; i++) {
        const struct rv_plan_tensor *t = &plan->tensors[i];
        bool used = t->first_level != UINT32_MAX;
        cr_expect_eq(t->fp16, c->fp16 && t->kind == RV_TENSOR_FLOATS, "%s: %s", name, t->name);
        uint64_t planes = has_planes(t) ? (t->channels + 15) / 16 : 1;
        cr_expect(t->plane_bytes == expected_plane(plan, t) && t->bytes == planes * t->plane_bytes,
                  "%s: %s: %llu bytes in planes of %llu", name, t->name,
                  (unsigned long long)t->bytes, (unsigned long long)t->plane_bytes);
        cr_expect(t->offset % CELL == 0, "%s: %s is not aligned", name, t->name);
        if (used && t->space == RV_SPACE_ARENA && t->offset + t->bytes > end)
            end = t->offset + t->bytes;
    }
    cr_expect(plan->arena_bytes == end, "%s: the arena has %llu bytes, %llu are used", name,
              (unsigned long long)plan->arena_bytes, (unsigned long long)end);
    for (uint32_t i = 0; i < plan->step_count; i++)
        for (uint32_t j = 0; j < plan->steps[i].access_count; j++) {
            const struct rv_plan_access *a = &plan->steps[i].access[j];
            const struct rv_plan_tensor *t = &plan->tensors[a->tensor];
            cr_expect(a->tensor < plan->tensor_count && a->channels > 0 &&
                          a->channel + a->channels <= t->channels &&
                          (!has_planes(t) || a->channel % 16 == 0),
                      "%s: %s: access %u to channels [%u, %u) of %s", name, plan->steps[i].label, j,
                      a->channel, a->channel + a->channels, t->name);
            cr_expect(t->first_level <= plan->steps[i].level &&
                          plan->steps[i].level <= t->last_level,
                      "%s: %s: %s is not alive", name, plan->steps[i].label, t->name);
        }
}

Test(plan, tensors) {
    for_each_case(check_tensors);
}

// No two tensors of the arena that are alive at once share a byte.
static void check_placement(const char *name, const struct plan_case *c,
                            const struct rv_plan *plan) {
    for (uint32_t i = 0; i < plan->tensor_count; i++)
        for (uint32_t j = 0; j < i; j++) {
            const struct rv_plan_tensor *a = &plan->tensors[i], *b = &plan->tensors[j];
            bool arena = a->space == RV_SPACE_ARENA && b->space == RV_SPACE_ARENA;
            bool used = a->first_level != UINT32_MAX && b->first_level != UINT32_MAX;
            bool meet = a->first_level <= b->last_level && b->first_level <= a->last_level;
            bool apart = a->offset + a->bytes <= b->offset || b->offset + b->bytes <= a->offset;
            cr_expect(!arena || !used || apart || (!meet && !c->no_alias && !c->keep_all),
                      "%s: %s and %s overlap", name, a->name, b->name);
        }
}

Test(plan, placement) {
    for_each_case(check_placement);
}

// Steps are sorted by level; those of one level can run in any order; and none could run earlier,
// but for those that start a backward pass, and whatever waits for them.
static void check_levels(const char *name, const struct plan_case *c, const struct rv_plan *plan) {
    uint32_t late = 0;
    for (uint32_t i = 0; i < plan->step_count; i++) {
        const struct rv_step *step = &plan->steps[i];
        bool waits = step->level == 0;
        for (uint32_t j = 0; j < i; j++) {
            const struct rv_step *before = &plan->steps[j];
            cr_assert(before->level <= step->level, "%s: %s is out of order", name, step->label);
            bool meet = conflict(plan, before, step);
            cr_expect(!meet || before->level < step->level, "%s: %s and %s meet in level %u", name,
                      before->label, step->label, step->level);
            waits |= meet && before->level + 1 == step->level;
        }
        late += !waits && step->op != RV_OP_SEED;
    }
    cr_expect(late == 0, "%s: %u steps could run earlier", name, late);
    cr_expect(plan->level_count == plan->steps[plan->step_count - 1].level + 1,
              "%s: %u levels, the last step is in %u", name, plan->level_count,
              plan->steps[plan->step_count - 1].level);
    (void)c;
}

Test(plan, levels) {
    for_each_case(check_levels);
}

// ------------------------------------------------------------------------------------------------
// A run, byte range by byte range

struct memory {
    uint32_t *owner; // the tensor that wrote the cell last
    bool *final;     // it has been read by a step that does not write it
    uint64_t cells;
};

static void read_cells(const char *name, const struct rv_plan *plan, const struct rv_step *step,
                       const struct rv_plan_access *a, struct memory *memory) {
    struct bytes bytes = bytes_of(plan, a);
    uint64_t foreign = 0;
    for (uint64_t cell = bytes.begin / CELL; cell < bytes.end / CELL; cell++) {
        foreign += memory[bytes.space].owner[cell] != a->tensor;
        memory[bytes.space].final[cell] |= !a->writes;
    }
    cr_expect(foreign == 0, "%s: %s reads %llu bytes of %s that are not its own", name, step->label,
              (unsigned long long)foreign * CELL, plan->tensors[a->tensor].name);
}

static void write_cells(const char *name, const struct rv_plan *plan, const struct rv_step *step,
                        const struct rv_plan_access *a, struct memory *memory) {
    struct bytes bytes = bytes_of(plan, a);
    uint64_t early = 0;
    for (uint64_t cell = bytes.begin / CELL; cell < bytes.end / CELL; cell++) {
        uint32_t *owner = &memory[bytes.space].owner[cell];
        early += *owner == a->tensor && (memory[bytes.space].final[cell] || !a->reads);
        *owner = a->tensor;
        memory[bytes.space].final[cell] = false;
    }
    cr_expect(early == 0, "%s: %s overwrites %llu bytes of %s, or changes what was read", name,
              step->label, (unsigned long long)early * CELL, plan->tensors[a->tensor].name);
}

// What a plan finds there when it runs.
static bool is_given(enum rv_plan_space space) {
    return space == RV_SPACE_PICTURE || space == RV_SPACE_FEATURES || space == RV_SPACE_CONTENT ||
           space == RV_SPACE_GUIDE;
}

static void make_memory(const struct rv_plan *plan, struct memory memory[RV_SPACE_COUNT]) {
    for (uint32_t i = 0; i < plan->tensor_count; i++) {
        const struct rv_plan_tensor *t = &plan->tensors[i];
        if (t->first_level != UINT32_MAX && (t->offset + t->bytes) / CELL > memory[t->space].cells)
            memory[t->space].cells = (t->offset + t->bytes) / CELL;
    }
    for (uint32_t s = 0; s < RV_SPACE_COUNT; s++) {
        memory[s].owner = malloc((memory[s].cells + 1) * sizeof *memory[s].owner);
        memory[s].final = calloc(memory[s].cells + 1, sizeof *memory[s].final);
        for (uint64_t i = 0; i < memory[s].cells; i++)
            memory[s].owner[i] = NOBODY;
    }
    for (uint32_t i = 0; i < plan->tensor_count; i++) {
        const struct rv_plan_tensor *t = &plan->tensors[i];
        if (is_given(t->space))
            for (uint64_t cell = t->offset / CELL; cell < (t->offset + t->bytes) / CELL; cell++)
                memory[t->space].owner[cell] = i;
    }
}

// What is looked at after the run: kept layers, the gradient, the losses.
static void check_results(const char *name, const struct plan_case *c, const struct rv_plan *plan,
                          struct memory *memory) {
    struct rv_step end = {.label = "the end"};
    struct layers layers;
    struct rv_plan_request request = request_of(c, &layers);
    for (uint32_t i = 0; i < request.keep_count; i++) {
        struct rv_plan_access slice;
        cr_assert(rv_plan_find(plan, request.keep[i], &slice), "%s: %s is not there", name,
                  request.keep[i]->info.name);
        cr_expect_eq(slice.channels, request.keep[i]->info.channels);
        read_cells(name, plan, &end, &slice, memory);
    }
    for (uint32_t i = 0; c->keep_all && i < plan->tensor_count; i++) {
        struct rv_plan_access all = {.tensor = i, .channels = 16};
        if (plan->tensors[i].first_level != UINT32_MAX)
            read_cells(name, plan, &end, &all, memory);
    }
    uint32_t gradient = plan->gradient[RV_PICTURE_TENSOR];
    cr_expect_eq(gradient == NOBODY, c->keep, "%s: a gradient where none is wanted, or none", name);
    if (c->keep)
        return;
    read_cells(name, plan, &end, &(struct rv_plan_access){.tensor = gradient}, memory);
    read_cells(name, plan, &end, &(struct rv_plan_access){.tensor = plan->loss}, memory);
}

static void check_run(const char *name, const struct plan_case *c, const struct rv_plan *plan) {
    struct memory memory[RV_SPACE_COUNT] = {{.cells = 0}};
    make_memory(plan, memory);
    for (uint32_t i = 0; i < plan->step_count; i++) {
        const struct rv_step *step = &plan->steps[i];
        for (uint32_t j = 0; j < step->access_count; j++)
            if (step->access[j].reads)
                read_cells(name, plan, step, &step->access[j], memory);
        for (uint32_t j = 0; j < step->access_count; j++)
            if (step->access[j].writes)
                write_cells(name, plan, step, &step->access[j], memory);
    }
    check_results(name, c, plan, memory);
    for (uint32_t s = 0; s < RV_SPACE_COUNT; s++) {
        free(memory[s].owner);
        free(memory[s].final);
    }
}

Test(plan, run) {
    for_each_case(check_run);
}

// Every chosen channel of every target gets its gradient once.
static void check_seeds(const char *name, const struct plan_case *c, const struct rv_plan *plan) {
    struct layers layers;
    struct rv_plan_request request = request_of(c, &layers);
    uint32_t wanted = 0, seeded = 0;
    for (uint32_t i = 0; i < request.target_count; i++) {
        const struct rv_target *target = &request.targets[i];
        wanted += target->channel < 0 ? target->layer->info.channels : 1;
    }
    for (uint32_t i = 0; i < plan->step_count; i++) {
        const struct rv_plan_seed *seed = &plan->steps[i].seed;
        bool loss = plan->steps[i].op == RV_OP_LOSS_PARTIAL || plan->steps[i].op == RV_OP_GRAM_SUM;
        if (seed->active && !loss)
            seeded += seed->end - seed->first;
    }
    cr_expect_eq(seeded, wanted, "%s: %u of %u channels get a gradient", name, seeded, wanted);
}

Test(plan, seeds) {
    for_each_case(check_seeds);
}

// ------------------------------------------------------------------------------------------------
// Weights

// Blocks are aligned and follow one another, none shared; and they do not depend on the picture's
// size: one upload serves all octaves.
static void check_weights(const char *name, const struct plan_case *c, const struct rv_plan *plan) {
    struct plan_case larger = *c;
    larger.height += 64;
    larger.width += 131;
    struct rv_plan *other = make_plan(&larger);
    cr_assert(other->step_count == plan->step_count && other->weights_bytes == plan->weights_bytes,
              "%s: the steps depend on the picture's size", name);
    uint8_t *taken = calloc(plan->weights_bytes / CELL + 1, 1);
    for (uint32_t i = 0; i < plan->step_count; i++) {
        const struct rv_step *a = &plan->steps[i], *b = &other->steps[i];
        const uint64_t block[2][2] = {{a->conv.weights_offset, a->conv.weights_bytes},
                                      {a->constants_offset, a->constants_bytes}};
        cr_expect(strcmp(a->label, b->label) == 0 &&
                      a->conv.weights_offset == b->conv.weights_offset &&
                      a->constants_offset == b->constants_offset,
                  "%s: %s: its weights lie elsewhere in a larger picture", name, a->label);
        cr_expect_eq(a->conv.weights_bytes > 0, a->op == RV_OP_CONV, "%s: %s", name, a->label);
        for (uint32_t k = 0; k < 2; k++) {
            uint64_t begin = block[k][0], cells = (block[k][1] + CELL - 1) / CELL;
            cr_expect(begin % CELL == 0 && begin + block[k][1] <= plan->weights_bytes,
                      "%s: %s: weights at %llu", name, a->label, (unsigned long long)begin);
            for (uint64_t cell = begin / CELL; cell < begin / CELL + cells; cell++)
                cr_expect_eq(taken[cell]++, 0, "%s: %s: weights of another step", name, a->label);
        }
    }
    for (uint64_t cell = 0; cell < plan->weights_bytes / CELL; cell++)
        cr_expect(taken[cell], "%s: cell %llu of the weights is no one's", name,
                  (unsigned long long)cell);
    free(taken);
    free(other);
}

Test(plan, weights) {
    for_each_case(check_weights);
}

static uint64_t hash_word(uint32_t word) {
    return word ? rv_hash(word, 0) : 0; // padding is zero
}

static uint64_t hash_floats(const float *values, size_t count) {
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t word;
        memcpy(&word, &values[i], sizeof word);
        sum += hash_word(word);
    }
    return sum;
}

// Of what is packed, and of the floats that are to be packed: as they are, or as halves.
static uint64_t hash_packed(const void *packed, uint64_t bytes, bool fp16) {
    uint64_t sum = 0;
    for (uint64_t i = 0; fp16 && i < bytes / 2; i++)
        sum += hash_word(((const uint16_t *)packed)[i]);
    return fp16 ? sum : hash_floats(packed, bytes / 4);
}

static uint64_t hash_kernel(const float *values, size_t count, bool fp16) {
    uint64_t sum = 0;
    for (size_t i = 0; fp16 && i < count; i++)
        sum += hash_word(rv_half_from_float(values[i]));
    return fp16 ? sum : hash_floats(values, count);
}

// Every weight of a step's convolutions is packed exactly once, every bias where it belongs,
// nothing else: the sums of hashes agree. (That each stands in its place is for the device to
// show.)
static void check_pack(const struct plan_case *c, const struct rv_weights *weights) {
    struct rv_plan *plan = make_plan(c);
    char *packed = calloc(1, plan->weights_bytes);
    rv_plan_pack(plan, weights, packed);
    for (uint32_t s = 0; s < plan->step_count; s++) {
        const struct rv_step *step = &plan->steps[s];
        const struct rv_plan_conv *conv = &step->conv;
        const float *constants = (const float *)(packed + step->constants_offset);
        uint64_t sum = 0, biases = 0;
        for (uint32_t p = 0; p < conv->part_count; p++) {
            const struct rv_conv_info *info = &rv_convs[conv->parts[p].conv];
            const struct rv_conv_weights *from = &weights->conv[conv->parts[p].conv];
            size_t count = (size_t)info->height * info->width * info->in * info->out;
            // Beside a stride of 2 stands a 1x1, once for each of the four parities.
            uint32_t times = conv->parity && conv->parts[p].source == 1 ? 4 : 1;
            sum += times * hash_kernel(from->kernel, count, c->fp16);
            biases += conv->parts[p].bias ? hash_floats(from->bias, info->out) : 0;
        }
        cr_expect_eq(hash_packed(packed + conv->weights_offset, conv->weights_bytes, c->fp16), sum,
                     "%s: %s: not its weights", c->layers, step->label);
        if (step->op == RV_OP_CONV)
            cr_expect_eq(hash_floats(constants, step->constants_bytes / 4), biases,
                         "%s: %s: not its biases", c->layers, step->label);
    }
    free(packed);
    free(plan);
}

// Plans that make the features of guide and style use the dream's weights, and lay the features out
// as it does.
Test(plan, features) {
    static const struct plan_case c = {"mixed1,mixed2,mixed3,mixed0,mixed4,activation_12,mixed5",
                                       107,
                                       91,
                                       MEAN,
                                       1,
                                       false,
                                       false,
                                       false,
                                       false,
                                       true};
    struct rv_plan *dream = make_plan(&c);
    for (int makes = RV_MAKES_GUIDE; makes <= RV_MAKES_STYLE; makes++) {
        struct layers layers;
        struct rv_plan_request request = request_of(&c, &layers);
        struct rv_plan *plan;
        uint32_t same = 0, written = 0, convs = 0;
        request.makes = (enum rv_plan_makes)makes;
        request.height = request.width = 99;
        cr_assert_eq(rv_plan_create(&request, &plan), RV_OK, "%s", rv_error_text());
        cr_expect_eq(plan->features_bytes, dream->features_bytes);
        for (uint32_t i = 0; i < plan->step_count; i++) {
            const struct rv_step *step = &plan->steps[i];
            convs += step->op == RV_OP_CONV;
            for (uint32_t j = 0; j < dream->step_count; j++)
                same += step->op == RV_OP_CONV && strcmp(step->label, dream->steps[j].label) == 0 &&
                        step->conv.weights_offset == dream->steps[j].conv.weights_offset &&
                        step->constants_offset == dream->steps[j].constants_offset;
            for (uint32_t j = 0; j < step->access_count; j++)
                written += step->access[j].writes &&
                           plan->tensors[step->access[j].tensor].space == RV_SPACE_FEATURES;
        }
        cr_expect(convs > 0 && same == convs, "%u of %u convolutions have their weights", same,
                  convs);
        // Columns of mixed1 and activation_12, means of mixed3; a matrix and its squares of mixed0.
        cr_expect_eq(written, makes == RV_MAKES_GUIDE ? 3 : 2, "%u", written);
        free(plan);
    }
    free(dream);
}

Test(plan, pack) {
    static const struct plan_case chosen[] = {
        {"mixed3,conv2d_11,batch_normalization_4", 75, 75, L2, 0, false, false, false, false,
         false},
        {"mixed4,conv2d_18", 75, 75, MEAN, 0, true, false, false, false, false},
        {"mixed3,conv2d_11,batch_normalization_4", 75, 75, L2, 0, false, false, false, true, false},
        {"mixed4,conv2d_18", 75, 75, MEAN, 0, true, false, false, true, false},
    };
    rv_weights *weights;
    cr_assert_eq(rv_weights_random(3, &weights), RV_OK, "%s", rv_error_text());
    for (size_t i = 0; i < LIST(chosen); i++)
        check_pack(&chosen[i], weights);
    rv_weights_destroy(&weights);
}

// ------------------------------------------------------------------------------------------------
// Shape of the plan

// The convolutions of a block that read its input.
static bool opens(uint32_t conv, uint32_t block) {
    const struct rv_conv_info *info = &rv_convs[conv];
    bool first = conv == rv_convs_to_block[block - 1];
    return info->block == block &&
           ((info->height == 1 && info->width == 1) || (first && block == 4));
}

static bool is_entry(uint32_t conv, uint32_t block) {
    return opens(conv, block) && rv_convs[conv].height == 1;
}

// Every convolution runs once forward and once backward; the 1x1 convolutions that open a block are
// one step, and the gradient of its input is one.
Test(plan, merged) {
    struct rv_plan *plan = make_plan(&(struct plan_case){.layers = "mixed10", 107, 75, L2});
    uint32_t times[2][RV_CONV_COUNT] = {{0}};
    for (uint32_t i = 0; i < plan->step_count; i++)
        for (uint32_t k = 0; k < plan->steps[i].conv.part_count; k++)
            times[plan->steps[i].conv.backward][plan->steps[i].conv.parts[k].conv]++;
    for (uint32_t i = 0; i < RV_CONV_COUNT; i++)
        cr_expect(times[0][i] == 1 && times[1][i] == 1, "%s runs %u times forward, %u backward",
                  rv_convs[i].torchvision, times[0][i], times[1][i]);
    for (uint32_t block = 1; block <= RV_BLOCK_COUNT; block++)
        for (uint32_t backward = 0; backward < 2; backward++) {
            uint32_t steps = 0, parts = 0, expected = 0;
            for (uint32_t i = rv_convs_to_block[block - 1]; i < rv_convs_to_block[block]; i++)
                expected += backward ? opens(i, block) : is_entry(i, block);
            for (uint32_t i = 0; i < plan->step_count; i++) {
                const struct rv_plan_conv *conv = &plan->steps[i].conv;
                uint32_t found = 0;
                for (uint32_t k = 0; k < conv->part_count && conv->backward == backward; k++)
                    found += backward ? opens(conv->parts[k].conv, block)
                                      : is_entry(conv->parts[k].conv, block);
                steps += found > 0;
                parts += found;
                cr_expect(found == 0 || found == conv->part_count, "%s: foreign parts",
                          plan->steps[i].label);
            }
            cr_expect(steps == 1 && parts == expected, "mixed%u %s: %u parts in %u steps, not %u",
                      block - 1, backward ? "backward" : "forward", parts, steps, expected);
        }
    free(plan);
}

// How long the plans are: what a change of the planner makes worse shows here. The dependencies ask
// for 7 levels in the stem, 3 in each of mixed0 to mixed3, 5 in each of mixed4 to mixed7, 4 in
// mixed8, 3 in mixed9 and mixed10; as many backward; and one for the objective's gradient at the
// deepest layer, which no convolution makes.
Test(plan, length) {
    static const struct {
        const char *layers;
        bool keep;
        uint32_t steps, levels;
    } lengths[] = {
        {"mixed0", true, 12, 10},         {"mixed7", true, 59, 39},   {"mixed10", true, 79, 49},
        {"conv2d", false, 6, 3},          {"mixed0", false, 30, 21},  {"mixed3", false, 58, 39},
        {"mixed3,mixed5", false, 92, 59}, {"mixed7", false, 123, 79}, {"mixed10", false, 161, 99},
    };
    for (size_t i = 0; i < LIST(lengths); i++) {
        struct plan_case c = {.layers = lengths[i].layers, 299, 299, MEAN, .keep = lengths[i].keep};
        struct rv_plan *plan = make_plan(&c);
        fprintf(stderr, "%s%s: %u steps in %u levels, %.1f MiB\n", c.keep ? "forward to " : "",
                c.layers, plan->step_count, plan->level_count, (double)plan->arena_bytes / 1048576);
        cr_expect(plan->step_count == lengths[i].steps && plan->level_count == lengths[i].levels,
                  "%s: %u steps in %u levels, not %u in %u", c.layers, plan->step_count,
                  plan->level_count, lengths[i].steps, lengths[i].levels);
        free(plan);
    }
}

// One line for the plan and one for each step, which names every tensor it touches.
Test(plan, print) {
    struct rv_plan *plan = make_plan(&cases[5]);
    FILE *file = tmpfile();
    char line[1024];
    rv_plan_print(plan, file);
    rewind(file);
    cr_assert(fgets(line, sizeof line, file) && strstr(line, "75 x 75"), "%s", line);
    for (uint32_t i = 0; i < plan->step_count; i++) {
        cr_assert(fgets(line, sizeof line, file), "only %u lines", i);
        cr_expect(strstr(line, plan->steps[i].label), "%s: %s", plan->steps[i].label, line);
        for (uint32_t j = 0; j < plan->steps[i].access_count; j++)
            cr_expect(strstr(line, plan->tensors[plan->steps[i].access[j].tensor].name),
                      "%s: access %u: %s", plan->steps[i].label, j, line);
    }
    cr_expect(!fgets(line, sizeof line, file), "more lines than steps: %s", line);
    fclose(file);
    free(plan);
}
