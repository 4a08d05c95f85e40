#include "ops/selftest.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/conv_kernel.h"
#include "ops/image.h"
#include "ops/op.h"
#include "ops/selftest_reference.h"

// The smallest network, to mixed3: it holds every kind of convolution the kernels distinguish, at
// 3 x 3 to 37 x 37 positions.
#define SIZE RV_MIN_SIZE
#define BLOCK 4         // of mixed3
#define MOST_FLOPS 25e6 // of one convolution: the reference is one thread of plain C
#define KIND_MAX 24
#define CONTROL_BYTES 4096

struct test {
    struct rv_device *device;
    struct rv_plan *plan; // cut down to the steps that are run
    struct rv_weights *weights;
    struct rv_buffer arena, picture, gradient, packed, control;
    char why[200]; // the first difference; "" if there is none
};

// What makes a convolution another kernel, or another path through one.
static uint32_t kind_of(const struct rv_step *step) {
    const struct rv_plan_conv *conv = &step->conv;
    bool taps = conv->source[0].tap_height * conv->source[0].tap_width > 1;
    return (uint32_t)conv->backward | (uint32_t)conv->image << 1 | (uint32_t)conv->wrap << 2 |
           (uint32_t)conv->parity << 3 | (uint32_t)(conv->split < conv->channels) << 4 |
           (uint32_t)(conv->source[1].channels > 0) << 5 | (uint32_t)taps << 6 |
           (uint32_t)(conv->source[0].scale > 1) << 7 | (uint32_t)step->seed.active << 8 |
           (uint32_t)conv->add << 9;
}

// Leaves the cheapest step of each kind.
static void select_steps(struct rv_plan *plan) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < plan->step_count; i++) {
        const struct rv_step *step = &plan->steps[i];
        uint32_t at = 0;
        if (step->op != RV_OP_CONV || step->flops > MOST_FLOPS)
            continue;
        while (at < count && kind_of(&plan->steps[at]) != kind_of(step))
            at++;
        if (at == count && count < KIND_MAX)
            plan->steps[count++] = *step;
        else if (at < count && step->flops < plan->steps[at].flops)
            plan->steps[at] = *step;
    }
    plan->step_count = count;
}

// Multiples of 1/64 up to 1, exact in fp16; sums of their products are exact in fp32, but for
// algorithms that transform them first.
static float noise(uint64_t seed, uint64_t n) {
    return (float)((int)(rv_hash(seed, n) % 129) - 64) / 64;
}

static enum rv_status make_weights(struct test *t) {
    enum rv_status status = rv_weights_create(rv_convs_to_block[BLOCK], false, &t->weights);
    if (status != RV_OK)
        return status;
    for (uint32_t i = 0; i < t->plan->step_count; i++)
        for (uint32_t j = 0; j < t->plan->steps[i].conv.part_count; j++) {
            uint32_t index = t->plan->steps[i].conv.parts[j].conv;
            const struct rv_conv_info *info = &rv_convs[index];
            struct rv_conv_weights *conv = &t->weights->conv[index];
            size_t count = (size_t)info->height * info->width * info->in * info->out;
            for (size_t k = 0; k < count; k++)
                conv->kernel[k] = noise(index, k);
            for (uint32_t k = 0; k < info->out; k++)
                conv->bias[k] = noise(1000 + index, k);
        }
    return RV_OK;
}

// Those profiles differ from the scalar one in plans of halves only.
static bool on_matrices(const struct rv_device *device) {
    return device->limits.profile == RV_PROFILE_COOPMAT ||
           device->limits.profile == RV_PROFILE_COOPMAT2;
}

static enum rv_status make_plan(struct test *t) {
    static const char *const names[] = {"mixed0", "mixed3"};
    struct rv_target targets[2];
    for (int i = 0; i < 2; i++) // weights that make the objective's gradient 2 y, whatever the size
        targets[i] = (struct rv_target){.layer = rv_layer_of(rv_layer_find(names[i])),
                                        .channel = -1,
                                        .weight = i ? 3 * 3 * 768 : 7 * 7 * 256};
    struct rv_plan_request request = {.height = SIZE,
                                      .width = SIZE,
                                      .targets = targets,
                                      .target_count = 2,
                                      .objective = RV_OBJECTIVE_L2,
                                      .border = 1,
                                      .fp16 = on_matrices(t->device)};
    enum rv_status status = rv_plan_create(&request, &t->plan);
    if (status == RV_OK) {
        t->plan->seed_exponent = 0; // these seeds are large enough as they are
        select_steps(t->plan);
    }
    return status;
}

static enum rv_status make_buffers(struct test *t, bool fault) {
    enum rv_status status;
    uint64_t pixels = rv_image_bytes((struct rv_extent){SIZE, SIZE});
    struct rv_device *device = t->device;
    const enum rv_memory_kind host = RV_MEMORY_HOST;
    RV_TRY(rv_buffer_init(device, &t->arena, t->plan->arena_bytes, host, "self-test's arena"));
    RV_TRY(rv_buffer_init(device, &t->picture, pixels, host, "self-test's picture"));
    RV_TRY(rv_buffer_init(device, &t->gradient, pixels, host, "self-test's gradient"));
    RV_TRY(rv_buffer_init(device, &t->packed, t->plan->weights_bytes, host, "self-test's weights"));
    RV_TRY(rv_buffer_init(device, &t->control, CONTROL_BYTES, host, "self-test's control"));
    memset(t->control.mapped, 0, CONTROL_BYTES);
    memset(t->picture.mapped, 0, pixels); // each pixel's fourth value
    const int32_t jitter[] = {5, 3};
    memcpy(t->control.mapped, jitter, sizeof jitter);
    RV_TRY(make_weights(t));
    rv_plan_pack(t->plan, t->weights, t->packed.mapped);
    if (fault) { // from here on the reference has another weight than the kernels
        uint32_t index = t->plan->steps[0].conv.parts[0].conv;
        t->weights->conv[index].kernel[0] += 1;
    }
done:
    return status;
}

static void *bytes_of(const struct test *t, const struct rv_plan_tensor *tensor) {
    const struct rv_buffer *space[] = {[RV_SPACE_ARENA] = &t->arena,
                                       [RV_SPACE_PICTURE] = &t->picture,
                                       [RV_SPACE_GRADIENT] = &t->gradient};
    return (char *)space[tensor->space]->mapped + tensor->offset;
}

// Inputs, what a sum is added to, masks; results get noise too, so that leaving them out shows.
static enum rv_status fill(struct test *t, const struct rv_step *step,
                           struct rv_reference *reference) {
    *reference = (struct rv_reference){
        .plan = t->plan, .step = step, .weights = t->weights, .jitter_x = 5, .jitter_y = 3};
    for (uint32_t i = 0; i < step->access_count; i++) {
        const struct rv_plan_access *access = &step->access[i];
        const struct rv_plan_tensor *tensor = &t->plan->tensors[access->tensor];
        reference->bytes[i] = bytes_of(t, tensor);
        if (tensor->kind == RV_TENSOR_MASK) {
            for (uint64_t j = 0; j < tensor->bytes / 4; j++)
                ((uint32_t *)reference->bytes[i])[j] = (uint32_t)rv_hash(i, j);
            continue;
        }
        for (uint32_t c = 0; c < access->channels; c++)
            for (uint32_t p = 0; p < tensor->height * tensor->width; p++)
                rv_reference_put(reference, i, p, c,
                                 noise(i + 7, (uint64_t)p * access->channels + c));
    }
    return rv_reference_run(reference);
}

// `turn`: of the kernels that may be chosen, the one whose turn it is.
static enum rv_status run_step(struct test *t, const struct rv_step *step, uint32_t turn) {
    uint32_t rows[RV_CONV_KERNELS], count;
    struct rv_reference reference;
    struct rv_recorder recorder = {0};
    struct rv_op_buffers buffers = {.space = {[RV_SPACE_ARENA] = &t->arena,
                                              [RV_SPACE_PICTURE] = &t->picture,
                                              [RV_SPACE_GRADIENT] = &t->gradient},
                                    .weights = &t->packed,
                                    .control = &t->control};
    struct rv_op_context context = {.recorder = &recorder, .plan = t->plan, .buffers = &buffers};
    enum rv_status status;
    RV_TRY(fill(t, step, &reference));
    RV_TRY(rv_recorder_init(&recorder, t->device, 16));
    count = rv_conv_candidates(&context, step, rows);
    context.kernel = count ? 1 + rows[turn % count] : 0;
    RV_TRY(rv_op_record(&context, step));
    RV_TRY(rv_recorder_run(&recorder));
    rv_reference_compare(&reference, t->why, sizeof t->why);
done:
    if (status != RV_OK && status != RV_ERR_NO_MEMORY && status != RV_ERR_DEVICE_LOST) {
        snprintf(t->why, sizeof t->why, "%.190s", rv_error_text()); // it cannot even be run
        status = RV_OK;
    }
    rv_recorder_finish(&recorder);
    rv_reference_finish(&reference);
    return status;
}

static enum rv_status run(struct rv_device *device, bool fault, char *why, size_t capacity) {
    struct test t = {.device = device};
    enum rv_status status;
    RV_TRY(make_plan(&t));
    RV_TRY(make_buffers(&t, fault));
    for (uint32_t i = 0; i < t.plan->step_count && !t.why[0]; i++) // each kernel in its turn
        RV_TRY(run_step(&t, &t.plan->steps[i], i));
    snprintf(why, capacity, "%s", t.why);
done:
    rv_buffer_finish(device, &t.control);
    rv_buffer_finish(device, &t.packed);
    rv_buffer_finish(device, &t.gradient);
    rv_buffer_finish(device, &t.picture);
    rv_buffer_finish(device, &t.arena);
    rv_weights_destroy(&t.weights);
    free(t.plan);
    device->peak_bytes = device->bytes; // the peak is that of the work to come
    return status;
}

enum rv_status rv_op_settle_profile(struct rv_device *device) {
    const char *faulty = getenv("REVERIE_SELFTEST_FAULT");
    bool changed = false;
    enum rv_status status = RV_OK;
    struct rv_error_kept error;
    rv_error_keep(&error);
    while (status == RV_OK && device->limits.profile != RV_PROFILE_SCALAR) {
        enum rv_profile profile = device->limits.profile;
        bool fault = faulty && strcmp(faulty, rv_profile_name(profile)) == 0;
        if (!fault && (device->verdicts.passed & 1u << profile))
            break;
        char why[200] = "";
        device->self_tests++;
        status = run(device, fault, why, sizeof why);
        if (status == RV_ERR_NO_MEMORY) { // so short that no picture of note will fit either
            rv_device_log(device, RV_LOG_INFO, "profile %s is not tested: %s",
                          rv_profile_name(profile), rv_error_text());
            rv_error_put_back(&error);
            return RV_OK;
        }
        if (status != RV_OK)
            break;
        status = rv_device_judge_profile(device, !why[0], why);
        if (fault) // nothing was learnt
            device->verdicts.failed &= ~(1u << profile);
        changed |= !fault;
        if (!why[0])
            break;
    }
    rv_error_keep(&error);
    if (changed && rv_verdicts_save(&device->vk, device->physical, device->cache_dir,
                                    device->verdicts) != RV_OK)
        rv_device_log(device, RV_LOG_INFO, "self-test not kept: %s", rv_error_text());
    rv_error_put_back(&error);
    return status;
}
