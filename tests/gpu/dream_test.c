// What rv_dream and rv_probe promise: the step, the jitter, the same bytes again, progress, being
// stopped, and every way to fail without losing anything.
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/device.h"
#include "support/dreams.h"
#include "support/reference.h"

#define WIDTH 84
#define HEIGHT 77
#define VALUES (WIDTH * HEIGHT * 3)

// One octave and two steps of something small; what a test wants otherwise it sets.
static const struct rv_params small = {.layers = "max_pooling2d",
                                       .octaves = 1,
                                       .iterations = 2,
                                       .jitter = RV_OFF,
                                       .pyramid = RV_PYRAMID_REINJECT};

struct bench {
    rv_context *context;
    rv_weights *weights;
    struct rv_picture input;
};

static struct bench begin(void) {
    return (struct bench){rv_test_context(), rv_test_weights(1), rv_test_noise(1, WIDTH, HEIGHT)};
}

// Whatever a test did, nothing stays on the device.
static void end(struct bench *bench) {
    cr_expect(bench->context->device->bytes == 0, "%llu bytes stay on the device",
              (unsigned long long)bench->context->device->bytes);
    rv_picture_free(&bench->input);
    rv_weights_destroy(&bench->weights);
    rv_test_context_end(&bench->context);
}

static bool same(const struct rv_picture *a, const struct rv_picture *b) {
    return a->width == b->width && a->height == b->height &&
           memcmp(a->pixels, b->pixels, (size_t)a->width * a->height * 12) == 0;
}

// ------------------------------------------------------------------------------------------------
// One step

// The input after one step along the gradient of the picture shifted by x, y.
static struct rv_picture stepped(const struct bench *bench, const struct rv_params *params,
                                 int32_t x, int32_t y) {
    static double gradient[VALUES];
    struct rv_probe_params probe = {.layers = params->layers,
                                    .objective = params->objective,
                                    .border = params->border > 0 ? (uint32_t)params->border : 0,
                                    .jitter_x = x,
                                    .jitter_y = y};
    struct rv_probe_result result;
    cr_assert_eq(rv_probe(bench->context, bench->weights, &bench->input, &probe, &result), RV_OK,
                 "%s", rv_error_text());
    for (size_t i = 0; i < VALUES; i++)
        gradient[i] = (double)result.gradient.data[i];
    struct rv_ref_statistics all = rv_ref_statistics(VALUES, gradient);
    double norm = params->normalize == RV_NORMALIZE_STD ? all.std + 1e-8 : fmax(all.mean_abs, 1e-6);
    struct rv_picture made = rv_test_noise(1, WIDTH, HEIGHT);
    for (size_t i = 0; i < VALUES; i++) {
        double value =
            (double)bench->input.pixels[i] + (double)params->step * gradient[i] / norm / 2;
        made.pixels[i] = (float)fmin(fmax(value, 0), 1);
    }
    rv_probe_free(&result);
    return made;
}

static const struct step_case {
    const char *name;
    struct rv_params params;
} steps[] = {
    {"mean, std",
     {.layers = "mixed0",
      .objective = RV_OBJECTIVE_MEAN,
      .normalize = RV_NORMALIZE_STD,
      .step = 0.05f}},
    {"l2, mean-abs",
     {.layers = "mixed0:3=2,activation_5=-1",
      .objective = RV_OBJECTIVE_L2,
      .normalize = RV_NORMALIZE_MEAN_ABS,
      .step = 0.02f}},
    {"l2, std, border, past the range",
     {.layers = "mixed0",
      .objective = RV_OBJECTIVE_L2,
      .border = 2,
      .normalize = RV_NORMALIZE_STD,
      .step = 2}},
    // The gradient's own size is under the floor of 1e-6 there.
    {"mean, mean-abs, faint",
     {.layers = "mixed0=1e-4",
      .objective = RV_OBJECTIVE_MEAN,
      .normalize = RV_NORMALIZE_MEAN_ABS,
      .step = 0.05f}},
};

Test(dream, step) {
    struct bench bench = begin();
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct rv_params params = steps[i].params;
        params.octaves = params.iterations = 1;
        params.jitter = RV_OFF;
        struct rv_picture result =
            rv_test_dream(bench.context, bench.weights, &bench.input, &params, steps[i].name);
        struct rv_picture expected = stepped(&bench, &params, 0, 0);
        double distance = rv_test_distance(&result, &expected);
        double way = rv_test_distance(&result, &bench.input);
        fprintf(stderr, "%s: %.1e off, after a way of %.1e\n", steps[i].name, distance, way);
        cr_expect(distance <= 1e-6 + 1e-4 * way, "%s: %.2e off, after a way of %.2e", steps[i].name,
                  distance, way);
        rv_picture_free(&result);
        rv_picture_free(&expected);
    }
    end(&bench);
}

// ------------------------------------------------------------------------------------------------
// Jitter

// The picture shifted right by x and down by y, what leaves one edge entering at the other.
static void roll(const float *from, float *to, int32_t x, int32_t y) {
    for (int32_t row = 0; row < HEIGHT; row++)
        for (int32_t column = 0; column < WIDTH; column++) {
            int32_t there = (row + y + 2 * HEIGHT) % HEIGHT * WIDTH;
            there += (column + x + 2 * WIDTH) % WIDTH;
            memcpy(to + 3 * there, from + 3 * (row * WIDTH + column), 12);
        }
}

Test(dream, jitter_rolls) {
    static const int32_t shifts[][2] = {{0, 0}, {1, 0}, {0, 1}, {-5, 7}, {WIDTH - 1, -HEIGHT}};
    static float back[VALUES];
    struct bench bench = begin();
    struct rv_picture rolled = rv_test_noise(1, WIDTH, HEIGHT);
    for (size_t i = 0; i < sizeof shifts / sizeof shifts[0]; i++) {
        int32_t x = shifts[i][0], y = shifts[i][1];
        struct rv_probe_params ours = {.layers = "mixed0", .jitter_x = x, .jitter_y = y};
        struct rv_probe_params plain = {.layers = "mixed0"};
        struct rv_probe_result a, b;
        roll(bench.input.pixels, rolled.pixels, x, y);
        cr_assert_eq(rv_probe(bench.context, bench.weights, &bench.input, &ours, &a), RV_OK, "%s",
                     rv_error_text());
        cr_assert_eq(rv_probe(bench.context, bench.weights, &rolled, &plain, &b), RV_OK, "%s",
                     rv_error_text());
        roll(b.gradient.data, back, -x, -y);
        cr_expect(a.loss == b.loss, "%d, %d: loss %.9g, not %.9g", x, y, a.loss, b.loss);
        cr_expect(memcmp(a.gradient.data, back, sizeof back) == 0, "%d, %d: another gradient", x,
                  y);
        rv_probe_free(&a);
        rv_probe_free(&b);
    }
    rv_picture_free(&rolled);
    end(&bench);
}

// With a jitter of 1 there are nine places a step may be taken from; every seed finds one of them.
Test(dream, jitter_is_drawn) {
    struct bench bench = begin();
    struct rv_params params = small;
    struct rv_picture places[9];
    uint32_t found[9] = {0}, different = 0;
    params.iterations = params.jitter = 1;
    params.step = 0.05f;
    params.objective = RV_OBJECTIVE_MEAN;
    params.normalize = RV_NORMALIZE_STD;
    for (int i = 0; i < 9; i++)
        places[i] = stepped(&bench, &params, i % 3 - 1, i / 3 - 1);
    for (params.seed = 0; params.seed < 12; params.seed++) {
        struct rv_picture result =
            rv_test_dream(bench.context, bench.weights, &bench.input, &params, "a seed");
        int fits = 0;
        for (int i = 0; i < 9; i++)
            if (rv_test_distance(&result, &places[i]) < 1e-5) {
                fits++;
                different += found[i]++ == 0;
            }
        cr_expect(fits == 1, "seed %d: %d of the nine places fit", (int)params.seed, fits);
        rv_picture_free(&result);
    }
    cr_expect(different >= 4, "twelve seeds find only %u places", different);
    for (int i = 0; i < 9; i++)
        rv_picture_free(&places[i]);
    end(&bench);
}

// ------------------------------------------------------------------------------------------------
// The same again

Test(dream, repeats) {
    struct bench bench = begin();
    struct rv_params params = small;
    strcpy(params.layers, "mixed0,max_pooling2d_1=0.3");
    params.octaves = 2;
    params.octave_scale = 1.05f;
    params.jitter = 8;
    params.seed = 9007199254740991;
    struct rv_picture input = rv_test_noise(3, 90, 83);
    struct rv_picture first =
        rv_test_dream(bench.context, bench.weights, &input, &params, "at first");
    struct rv_picture again = rv_test_dream(bench.context, bench.weights, &input, &params, "again");
    rv_context *fresh = rv_test_context();
    struct rv_picture elsewhere = rv_test_dream(fresh, bench.weights, &input, &params, "elsewhere");
    params.seed--;
    struct rv_picture other =
        rv_test_dream(bench.context, bench.weights, &input, &params, "another seed");
    cr_expect(same(&first, &again), "the same context gives other bytes");
    cr_expect(same(&first, &elsewhere), "a new context gives other bytes");
    cr_expect(!same(&first, &other), "another seed gives the same picture");
    rv_picture_free(&first);
    rv_picture_free(&again);
    rv_picture_free(&elsewhere);
    rv_picture_free(&other);
    rv_picture_free(&input);
    rv_test_context_end(&fresh);
    end(&bench);
}

// ------------------------------------------------------------------------------------------------
// Progress, and being stopped

struct watch {
    struct rv_progress all[64];
    uint32_t count, stop_at; // callbacks seen; the one that says stop, from 1; 0 = none
};

static bool watch(void *user, const struct rv_progress *progress) {
    struct watch *w = user;
    cr_assert(w->count < 64);
    w->all[w->count++] = *progress;
    return w->count != w->stop_at;
}

static enum rv_status dream_watched(const struct bench *bench, const struct rv_picture *input,
                                    const struct rv_params *params, uint32_t stop_at,
                                    struct watch *w, struct rv_picture *result,
                                    struct rv_dream_stats *stats) {
    *w = (struct watch){.stop_at = stop_at};
    return rv_dream(bench->context, bench->weights, input, params, watch, w, result, stats);
}

Test(dream, progress) {
    struct bench bench = begin();
    struct rv_params params = small;
    struct watch w;
    struct rv_dream_stats stats;
    struct rv_picture input = rv_test_noise(3, 100, 90), result;
    params.octaves = 2;
    params.octave_scale = 1.1f;
    params.iterations = 6;
    params.objective = RV_OBJECTIVE_MEAN;
    cr_assert_eq(dream_watched(&bench, &input, &params, 0, &w, &result, &stats), RV_OK, "%s",
                 rv_error_text());
    cr_assert_eq(w.count, 14, "%u callbacks", w.count);
    for (uint32_t i = 0; i < w.count; i++) {
        const struct rv_progress *p = &w.all[i], *before = &w.all[i ? i - 1 : 0];
        uint32_t octave = i / 7, iteration = i % 7;
        cr_expect(p->octave == octave + 1 && p->octaves == 2 && p->iteration == iteration &&
                      p->iterations == 6,
                  "callback %u: step %u/%u of octave %u/%u", i, p->iteration, p->iterations,
                  p->octave, p->octaves);
        cr_expect(p->width == (octave ? 100 : 90) && p->height == (octave ? 90 : 81),
                  "callback %u: %u x %u", i, p->width, p->height);
        cr_expect(p->fraction >= before->fraction && p->seconds >= before->seconds,
                  "callback %u: fraction %g after %g", i, p->fraction, before->fraction);
        cr_expect(iteration ? isfinite(p->loss) : isnan(p->loss), "callback %u: loss %g", i,
                  (double)p->loss);
        if (iteration > 1)
            cr_expect(p->loss > before->loss, "callback %u: the loss falls from %g to %g", i,
                      (double)before->loss, (double)p->loss);
    }
    cr_expect(w.all[0].fraction == 0 && w.all[13].fraction == 1, "from %g to %g", w.all[0].fraction,
              w.all[13].fraction);
    cr_expect(stats.loss == w.all[13].loss, "the statistics say a loss of %g", (double)stats.loss);
    cr_expect(stats.arena_bytes > 0 && stats.device_bytes > stats.arena_bytes && stats.flops > 0 &&
                  stats.step_seconds > 0 && stats.seconds > stats.step_seconds,
              "%g bytes, %g of them the arena; %g s, %g s of them steps",
              (double)stats.device_bytes, (double)stats.arena_bytes, stats.seconds,
              stats.step_seconds);
    rv_picture_free(&result);
    rv_picture_free(&input);
    end(&bench);
}

Test(dream, cancel) {
    static const enum rv_pyramid rules[] = {RV_PYRAMID_DETAIL, RV_PYRAMID_REINJECT,
                                            RV_PYRAMID_GROW};
    struct bench bench = begin();
    struct rv_params params = small;
    struct watch w;
    struct rv_dream_stats stats;
    struct rv_picture input = rv_test_noise(3, 110, 100), result;
    params.octaves = 3;
    params.octave_scale = 1.1f;
    for (int i = 0; i < 3; i++) {
        params.pyramid = rules[i];
        for (uint32_t stop_at = 1; stop_at <= 9; stop_at++) {
            enum rv_status status =
                dream_watched(&bench, &input, &params, stop_at, &w, &result, &stats);
            cr_assert_eq(status, RV_ERR_CANCELLED, "rule %d, callback %u: %s", i, stop_at,
                         rv_error_text());
            cr_expect_eq(w.count, stop_at, "rule %d: called again after the %uth", i, stop_at);
            double distance = rv_test_distance(&result, &input); // checks the size, too
            // Before the first step it is the photograph, somewhat blurred.
            cr_expect(isfinite(distance) && distance < 0.4, "rule %d, callback %u: %g away", i,
                      stop_at, distance);
            cr_expect(stop_at == 1 ? stats.flops == 0 : stats.flops > 0);
            rv_picture_free(&result);
        }
    }
    params.octaves = 1;
    params.pyramid = RV_PYRAMID_REINJECT;
    cr_assert_eq(dream_watched(&bench, &input, &params, 1, &w, &result, NULL), RV_ERR_CANCELLED);
    double distance = rv_test_distance(&result, &input);
    cr_expect(distance < 1e-6, "before any step: %.2e from the photograph", distance);
    rv_picture_free(&result);
    rv_picture_free(&input);
    end(&bench);
}

// An octave ends with the step whose loss passes the limit: the picture is, to the byte, that of a
// dream of so many steps.
Test(dream, max_loss) {
    struct bench bench = begin();
    struct rv_params params = small;
    struct watch free_run, stopped;
    struct rv_dream_stats stats, shorter;
    struct rv_picture result, expected;
    params.iterations = 6;
    params.objective = RV_OBJECTIVE_MEAN;
    cr_assert_eq(dream_watched(&bench, &bench.input, &params, 0, &free_run, &result, NULL), RV_OK);
    rv_picture_free(&result);
    for (uint32_t last = 1; last <= 3; last++) {
        params.iterations = 6;
        float below = last > 1 ? free_run.all[last - 1].loss : free_run.all[1].loss / 2;
        params.max_loss = (below + free_run.all[last].loss) / 2;
        cr_assert_eq(dream_watched(&bench, &bench.input, &params, 0, &stopped, &result, &stats),
                     RV_OK, "%s", rv_error_text());
        cr_expect_eq(stopped.count, last + 1, "%u callbacks, not %u", stopped.count, last + 1);
        cr_expect(stopped.all[stopped.count - 1].fraction == 1, "ends at %g",
                  stopped.all[stopped.count - 1].fraction);
        params.iterations = last;
        params.max_loss = -1;
        cr_assert_eq(dream_watched(&bench, &bench.input, &params, 0, &stopped, &expected, &shorter),
                     RV_OK);
        cr_expect(same(&result, &expected), "stopped after %u steps: another picture", last);
        cr_expect(stats.flops == shorter.flops, "%g operations are counted, not %g", stats.flops,
                  shorter.flops);
        rv_picture_free(&result);
        rv_picture_free(&expected);
    }
    end(&bench);
}

// ------------------------------------------------------------------------------------------------
// Failures

static const struct refusal {
    const char *name;
    float weights_scale; // of the kernels; 0 gives a network without any response
    float pixel;         // put into the picture; 0 = the picture stays
    uint32_t width, height;
    const char *layers;
    enum rv_status status;
    const char *text;
} refusals[] = {
    {"zero kernels", 0, 0, 80, 80, "mixed0", RV_ERR_NUMERIC, "zero"},
    {"huge kernels", 1e6f, 0, 80, 80, "mixed0", RV_ERR_NUMERIC, "not finite"},
    {"a huge pixel", 1, 1e38f, 80, 80, "mixed0", RV_ERR_NUMERIC, "not finite"},
    {"an infinite pixel", 1, INFINITY, 80, 80, "mixed0", RV_ERR_INPUT, "a finite number"},
    {"a pixel that is no number", 1, NAN, 80, 80, "mixed0", RV_ERR_INPUT, "a finite number"},
    {"74 rows", 1, 0, 80, 74, "mixed0", RV_ERR_INPUT, "75"},
    {"74 columns", 1, 0, 74, 80, "mixed0", RV_ERR_INPUT, "75"},
    {"a deeper layer", 1, 0, 80, 80, "mixed0,mixed1", RV_ERR_WEIGHTS, "mixed1"},
    {"no such layer", 1, 0, 80, 80, "mixd0", RV_ERR_USAGE, "mixed0"},
};

Test(dream, refusals) {
    struct bench bench = begin();
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        const struct refusal *r = &refusals[i];
        struct rv_picture input = rv_test_noise(4, r->width, r->height), result = bench.input;
        rv_weights *weights = rv_test_weights(r->weights_scale);
        struct rv_params params = small;
        strcpy(params.layers, r->layers);
        if (r->pixel != 0)
            input.pixels[(40 * r->width + 40) * 3] = r->pixel;
        enum rv_status status =
            rv_dream(bench.context, weights, &input, &params, NULL, NULL, &result, NULL);
        cr_expect(status == r->status && strstr(rv_error_text(), r->text), "%s: %s: %s", r->name,
                  rv_status_name(status), rv_error_text());
        cr_expect(!result.pixels && !result.width && !result.height, "%s: a result", r->name);
        cr_expect(bench.context->device->bytes == 0, "%s: bytes stay", r->name);
        rv_weights_destroy(&weights);
        rv_picture_free(&input);
    }
    end(&bench);
}

// A function of the driver that fails, once, when it is called for the `failing`th time. What was
// submitted before has run by then, as with a device that is really lost.
static struct rv_vk real;
static struct rv_device *failing_device;
static uint32_t failing, calls;

static VkResult drain(void) {
    VkSemaphoreWaitInfo all = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
                               .semaphoreCount = 1,
                               .pSemaphores = &failing_device->timeline,
                               .pValues = &failing_device->submitted};
    return real.WaitSemaphores(failing_device->handle, &all, UINT64_MAX);
}

#define FAILING(name, parameters, arguments, result)                                               \
    static VkResult VKAPI_PTR failing_##name parameters {                                          \
        if (++calls == failing)                                                                    \
            return drain() == VK_SUCCESS ? result : VK_ERROR_UNKNOWN;                              \
        return real.name arguments;                                                                \
    }
FAILING(AllocateMemory,
        (VkDevice d, const VkMemoryAllocateInfo *i, const VkAllocationCallbacks *a,
         VkDeviceMemory *m),
        (d, i, a, m), VK_ERROR_OUT_OF_DEVICE_MEMORY)
FAILING(CreateBuffer,
        (VkDevice d, const VkBufferCreateInfo *i, const VkAllocationCallbacks *a, VkBuffer *b),
        (d, i, a, b), VK_ERROR_OUT_OF_HOST_MEMORY)
FAILING(MapMemory,
        (VkDevice d, VkDeviceMemory m, VkDeviceSize o, VkDeviceSize s, VkMemoryMapFlags f,
         void **p),
        (d, m, o, s, f, p), VK_ERROR_OUT_OF_HOST_MEMORY)
FAILING(CreateComputePipelines,
        (VkDevice d, VkPipelineCache c, uint32_t n, const VkComputePipelineCreateInfo *i,
         const VkAllocationCallbacks *a, VkPipeline *p),
        (d, c, n, i, a, p), VK_ERROR_OUT_OF_HOST_MEMORY)
FAILING(CreateDescriptorPool,
        (VkDevice d, const VkDescriptorPoolCreateInfo *i, const VkAllocationCallbacks *a,
         VkDescriptorPool *p),
        (d, i, a, p), VK_ERROR_OUT_OF_DEVICE_MEMORY)
FAILING(AllocateDescriptorSets,
        (VkDevice d, const VkDescriptorSetAllocateInfo *i, VkDescriptorSet *s), (d, i, s),
        VK_ERROR_OUT_OF_HOST_MEMORY)
FAILING(EndCommandBuffer, (VkCommandBuffer b), (b), VK_ERROR_OUT_OF_DEVICE_MEMORY)
FAILING(QueueSubmit, (VkQueue q, uint32_t n, const VkSubmitInfo *i, VkFence f), (q, n, i, f),
        VK_ERROR_DEVICE_LOST)
FAILING(WaitSemaphores, (VkDevice d, const VkSemaphoreWaitInfo *i, uint64_t t), (d, i, t),
        VK_ERROR_DEVICE_LOST)

static void fail_everywhere(struct bench *bench, const char *function, enum rv_status wanted) {
    struct rv_device *device = bench->context->device;
    struct rv_picture result;
    enum rv_status status = wanted;
    for (failing = 1; status != RV_OK && failing < 500; failing++) {
        calls = 0;
        status = rv_dream(bench->context, bench->weights, &bench->input, &small, NULL, NULL,
                          &result, NULL);
        cr_assert(status == RV_OK || status == wanted, "%s, call %u: %s: %s", function, failing,
                  rv_status_name(status), rv_error_text());
        cr_expect((status == RV_OK) == (result.pixels != NULL), "%s, call %u: the result", function,
                  failing);
        cr_assert(device->bytes == 0, "%s, call %u: %llu bytes stay", function, failing,
                  (unsigned long long)device->bytes);
        rv_picture_free(&result);
        device->lost = false; // it is not, after all
    }
    cr_expect(failing > 2 && status == RV_OK, "%s: never called, or never enough", function);
    fprintf(stderr, "%s: fails in %u places\n", function, failing - 2);
}

Test(dream, failing_driver) {
    struct bench bench = begin();
    struct rv_device *device = bench.context->device;
    real = device->vk;
    failing_device = device;
#define CHECK(name, status)                                                                        \
    device->vk.name = failing_##name;                                                              \
    fail_everywhere(&bench, #name, status);                                                        \
    device->vk = real;
    CHECK(CreateComputePipelines, RV_ERR_NO_MEMORY) // at first, while there are none
    CHECK(AllocateMemory, RV_ERR_NO_MEMORY)
    CHECK(CreateBuffer, RV_ERR_NO_MEMORY)
    CHECK(MapMemory, RV_ERR_NO_MEMORY)
    CHECK(CreateDescriptorPool, RV_ERR_NO_MEMORY)
    CHECK(AllocateDescriptorSets, RV_ERR_NO_MEMORY)
    CHECK(EndCommandBuffer, RV_ERR_NO_MEMORY)
    CHECK(QueueSubmit, RV_ERR_DEVICE_LOST)
    CHECK(WaitSemaphores, RV_ERR_DEVICE_LOST)
    end(&bench);
}

// Every cap that is too low is refused, and costs nothing.
Test(dream, memory_cap) {
    struct bench bench = begin();
    struct rv_device *device = bench.context->device;
    enum rv_status dreamed = RV_ERR_NO_MEMORY, probed = RV_ERR_NO_MEMORY;
    uint32_t refused = 0;
    for (uint64_t cap = 1000; dreamed != RV_OK || probed != RV_OK; cap += cap / 3) {
        struct rv_probe_params probe = {.layers = "mixed0"};
        struct rv_probe_result gradient;
        struct rv_picture picture;
        device->byte_cap = cap;
        cr_assert(cap < 1u << 30, "a gigabyte does not suffice");
        dreamed = rv_dream(bench.context, bench.weights, &bench.input, &small, NULL, NULL, &picture,
                           NULL);
        probed = rv_probe(bench.context, bench.weights, &bench.input, &probe, &gradient);
        cr_assert(dreamed == RV_OK || dreamed == RV_ERR_NO_MEMORY, "%llu bytes: %s",
                  (unsigned long long)cap, rv_error_text());
        cr_assert(probed == RV_OK || probed == RV_ERR_NO_MEMORY, "%llu bytes: %s",
                  (unsigned long long)cap, rv_error_text());
        cr_expect((dreamed == RV_OK) == (picture.pixels != NULL) &&
                      (probed == RV_OK) == (gradient.gradient.data != NULL),
                  "%llu bytes: half a result", (unsigned long long)cap);
        cr_expect(device->bytes == 0, "%llu bytes: some stay", (unsigned long long)cap);
        refused += dreamed != RV_OK;
        rv_picture_free(&picture);
        rv_probe_free(&gradient);
    }
    cr_expect(refused > 5, "only %u caps were too low", refused);
    end(&bench);
}

static bool count_report(void *user, const struct rv_progress *progress) {
    (void)progress;
    ++*(uint32_t *)user;
    return true;
}

// What the largest octave cannot have is said before the smallest is dreamed.
Test(dream, limits_come_first) {
    struct bench bench = begin();
    struct rv_device *device = bench.context->device;
    const struct rv_limits limits = device->limits;
    struct rv_params two = small;
    struct rv_picture picture;
    uint32_t reports = 0;
    two.octaves = 2;
    two.octave_scale = 1.1f;
    for (uint32_t i = 0; i < 2; i++) {
        device->limits = limits;
        if (i == 0)
            device->limits.storage_range = (uint64_t)(WIDTH / 2) * (HEIGHT / 2) * 2 * 64;
        else
            device->limits.group_count = WIDTH * HEIGHT / 64 - 1;
        enum rv_status status = rv_dream(bench.context, bench.weights, &bench.input, &two,
                                         count_report, &reports, &picture, NULL);
        cr_expect_eq(status, i ? RV_ERR_INPUT : RV_ERR_NO_MEMORY, "%s", rv_error_text());
        cr_expect(strstr(rv_error_text(), "--size"), "%s", rv_error_text());
        cr_expect(reports == 0 && device->bytes == 0, "%u reports", reports);
    }
    device->limits = limits;
    end(&bench);
}
