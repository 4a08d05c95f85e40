// A program that draws frames on the queue it has lent: sixty a second, in a thread of its own,
// while a dream goes on in slices that nobody waits for. What is asserted are operations and
// counts; times are printed, since they are this machine's.
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "dream/context.h"
#include "dream/session.h"
#include "support/dreams.h"
#include "support/host.h"

#define FRAME_SECONDS (1.0 / 60)

static const struct rv_params small = {.layers = "mixed0",
                                       .octaves = 2,
                                       .octave_scale = 1.1f,
                                       .iterations = 6,
                                       .jitter = 9,
                                       .step = 0.03f};

// ------------------------------------------------------------------------------------------------
// Frames

struct frames {
    struct host *host;
    pthread_mutex_t queue; // what lock_queue is for
    pthread_t thread;
    struct host_image image;
    VkSemaphore drawn;
    atomic_bool enough;
    uint32_t count, failed; // frames; calls of the driver
    double longest, sum;    // seconds from a frame's submission to its end
};

static void lock(void *user) {
    struct frames *frames = user;
    pthread_mutex_lock(&frames->queue);
}

static void unlock(void *user) {
    struct frames *frames = user;
    pthread_mutex_unlock(&frames->queue);
}

// A frame's work: an image is cleared.
static void record_frame(struct frames *frames) {
    struct host *host = frames->host;
    VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    VkImageSubresourceRange all = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1};
    VkImageMemoryBarrier barrier = {.sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER,
                                    .dstAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
                                    .newLayout = VK_IMAGE_LAYOUT_GENERAL,
                                    .srcQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
                                    .dstQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
                                    .image = frames->image.image,
                                    .subresourceRange = all};
    VkClearColorValue colour = {.float32 = {0.1f, 0.2f, 0.3f, 1}};
    cr_assert_eq(host->BeginCommandBuffer(host->commands, &begin), VK_SUCCESS);
    host->CmdPipelineBarrier(host->commands, VK_PIPELINE_STAGE_TRANSFER_BIT,
                             VK_PIPELINE_STAGE_TRANSFER_BIT, 0, 0, NULL, 0, NULL, 1, &barrier);
    host->CmdClearColorImage(host->commands, frames->image.image, VK_IMAGE_LAYOUT_GENERAL, &colour,
                             1, &all);
    cr_assert_eq(host->EndCommandBuffer(host->commands), VK_SUCCESS);
}

static void draw_frame(struct frames *frames) {
    struct host *host = frames->host;
    uint64_t value = ++frames->count;
    VkTimelineSemaphoreSubmitInfo timeline = {.sType =
                                                  VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
                                              .signalSemaphoreValueCount = 1,
                                              .pSignalSemaphoreValues = &value};
    VkSubmitInfo submit = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
                           .pNext = &timeline,
                           .commandBufferCount = 1,
                           .pCommandBuffers = &host->commands,
                           .signalSemaphoreCount = 1,
                           .pSignalSemaphores = &frames->drawn};
    VkSemaphoreWaitInfo wait = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
                                .semaphoreCount = 1,
                                .pSemaphores = &frames->drawn,
                                .pValues = &value};
    double begun = rv_clock_seconds();
    lock(frames);
    frames->failed += host->QueueSubmit(host->queue, 1, &submit, VK_NULL_HANDLE) != VK_SUCCESS;
    unlock(frames);
    frames->failed += host->WaitSemaphores(host->device, &wait, UINT64_MAX) != VK_SUCCESS;
    double took = rv_clock_seconds() - begun;
    frames->sum += took;
    frames->longest = took > frames->longest ? took : frames->longest;
}

static void *draw(void *user) {
    struct frames *frames = user;
    while (!atomic_load(&frames->enough)) {
        double next = rv_clock_seconds() + FRAME_SECONDS;
        draw_frame(frames);
        double left = next - rv_clock_seconds();
        struct timespec pause = {0, (long)(left * 1e9)};
        if (left > 0)
            nanosleep(&pause, NULL);
    }
    return NULL;
}

static void start_frames(struct frames *frames, struct host *host) {
    *frames = (struct frames){.host = host,
                              .image = host_image(host, VK_FORMAT_R8G8B8A8_UNORM, 320, 200)};
    pthread_mutex_init(&frames->queue, NULL);
    frames->drawn = host_timeline(host);
    record_frame(frames);
}

static void end_frames(struct frames *frames) {
    struct host *host = frames->host;
    host->DestroySemaphore(host->device, frames->drawn, NULL);
    host_image_end(host, &frames->image);
    pthread_mutex_destroy(&frames->queue);
}

// ------------------------------------------------------------------------------------------------
// What is submitted beside them

static struct watch {
    PFN_vkQueueSubmit submit; // the driver's
    const rv_session *session;
    uint32_t submits, slices, busy; // slices: of this call; busy: calls that did not find all done
    double call, longest;           // operations: of this call so far; of the longest call
} watched;

// Operations of a recording of the session, 0 if it is none of its slices.
static double flops_of(const rv_session *session, VkCommandBuffer commands) {
    const struct rv_slices *slices = &session->work.slices;
    for (uint32_t i = 0; i < slices->count; i++)
        if (slices->list[i].recorder.commands == commands)
            return slices->list[i].flops;
    return 0;
}

static VkResult VKAPI_PTR watch_submit(VkQueue queue, uint32_t count, const VkSubmitInfo *infos,
                                       VkFence fence) {
    const rv_session *s = watched.session;
    double flops = s ? flops_of(s, infos->pCommandBuffers[0]) : 0;
    if (s && watched.slices++ == 0) {
        bool done;
        watched.busy += rv_device_poll(s->device, s->device->submitted, &done) != RV_OK || !done;
    }
    watched.submits++;
    watched.call += flops;
    watched.longest = watched.call > watched.longest ? watched.call : watched.longest;
    return watched.submit(queue, count, infos, fence);
}

static double longest_step(const rv_session *session) {
    double most = 0;
    for (uint32_t i = 0; i < session->pictures.sizes.count; i++) {
        const struct rv_plan *plan = session->tilings[i].plan;
        for (uint32_t j = 0; j < plan->step_count; j++)
            most = plan->steps[j].flops > most ? plan->steps[j].flops : most;
    }
    return most;
}

// Dreams with frames beside it, in calls of so many operations; 0 = whole steps, waited for.
static struct rv_picture dream(struct frames *frames, rv_context *context,
                               const rv_weights *weights, const struct rv_picture *input,
                               double flops) {
    struct rv_advance_params how = {.flops = flops, .no_wait = flops > 0};
    struct rv_progress progress = {0};
    struct rv_picture picture;
    rv_session *session;
    frames->count = 0;
    frames->longest = frames->sum = 0;
    // The timeline counts on: a new one for every dream.
    frames->host->DestroySemaphore(frames->host->device, frames->drawn, NULL);
    frames->drawn = host_timeline(frames->host);
    atomic_store(&frames->enough, false);
    cr_assert_eq(pthread_create(&frames->thread, NULL, draw, frames), 0);
    cr_assert_eq(rv_session_begin(context, weights, input, &small, &session), RV_OK, "%s",
                 rv_error_text());
    watched = (struct watch){.submit = watched.submit, .session = session};
    double begun = rv_clock_seconds();
    while (!progress.finished) {
        struct timespec pause = {0, 200000}; // a program does something else meanwhile
        watched.call = watched.slices = 0;
        cr_assert_eq(rv_session_advance(session, &how, &progress), RV_OK, "%s", rv_error_text());
        if (flops > 0)
            nanosleep(&pause, NULL);
    }
    double took = rv_clock_seconds() - begun, step = longest_step(session);
    cr_assert_eq(rv_session_picture(session, &picture), RV_OK, "%s", rv_error_text());
    struct watch seen = watched;
    watched.session = NULL;
    rv_session_end(&session);
    atomic_store(&frames->enough, true);
    pthread_join(frames->thread, NULL);
    fprintf(stderr,
            "%.1e operations a call: %u submits, at most %.2e operations (longest layer %.2e), "
            "%.2f s; %u frames took %.2f ms, at most %.2f ms\n",
            flops, seen.submits, seen.longest, step, took, frames->count,
            frames->sum / frames->count * 1e3, frames->longest * 1e3);
    cr_expect(frames->count > 0 && frames->failed == 0);
    cr_expect(flops == 0 || seen.longest <= flops || seen.longest <= step,
              "%g operations submitted at once, %g allowed, the longest layer %g", seen.longest,
              flops, step);
    cr_expect(flops == 0 || seen.busy == 0, "%u calls did not find all done", seen.busy);
    return picture;
}

Test(frames, beside_slices) {
    static const double budgets[] = {0, 1e8, 2e7, 4e6, 1};
    struct host host;
    struct frames frames;
    struct rv_context_params opening = {.no_tune = true};
    rv_weights *weights = rv_test_weights(1);
    struct rv_picture input = rv_test_noise(1, 100, 87);
    rv_context *context;
    uint32_t submits = 0;
    host_begin(&host, true);
    start_frames(&frames, &host);
    struct rv_vulkan_device lent = host_lend(&host);
    lent.lock_queue = lock;
    lent.unlock_queue = unlock;
    lent.queue_user = &frames;
    cr_assert_eq(rv_context_import(&lent, &opening, &context), RV_OK, "%s", rv_error_text());
    struct rv_picture expected =
        rv_test_dream(context, weights, &input, &small, "without frames"); // kernels are compiled
    watched.submit = context->device->vk.QueueSubmit;
    context->device->vk.QueueSubmit = watch_submit;
    for (size_t i = 0; i < sizeof budgets / sizeof *budgets; i++) {
        struct rv_picture picture = dream(&frames, context, weights, &input, budgets[i]);
        cr_expect(memcmp(picture.pixels, expected.pixels, sizeof(float) * 100 * 87 * 3) == 0,
                  "%g: other bytes than without frames", budgets[i]);
        cr_expect(watched.submits > submits, "%g: no more submits than with more operations",
                  budgets[i]);
        submits = watched.submits;
        rv_picture_free(&picture);
    }
    context->device->vk.QueueSubmit = watched.submit;
    rv_picture_free(&expected);
    rv_context_destroy(&context);
    end_frames(&frames);
    host_end(&host);
    rv_weights_destroy(&weights);
    rv_picture_free(&input);
}

// ------------------------------------------------------------------------------------------------
// Octaves are prepared

static PFN_vkCreateComputePipelines create_pipelines; // the driver's
static uint32_t pipelines;                            // made in this call

static VkResult VKAPI_PTR count_pipelines(VkDevice device, VkPipelineCache cache, uint32_t count,
                                          const VkComputePipelineCreateInfo *infos,
                                          const VkAllocationCallbacks *allocator,
                                          VkPipeline *made) {
    pipelines += count;
    return create_pipelines(device, cache, count, infos, allocator, made);
}

struct prepared {
    uint32_t calls, most_pipelines, most_submits; // calls that made pipelines; of one call
    double longest, longest_step; // seconds of a call, and of one that went on with steps
};

// Dreams on a device that knows nothing yet: whatever is needed is compiled, and measured.
static struct prepared prepare(struct host *host, const rv_weights *weights,
                               const struct rv_picture *input, const struct rv_advance_params *how,
                               struct rv_picture *picture) {
    struct rv_context_params opening = {.cache_dir = ""};
    struct rv_vulkan_device lent = host_lend(host);
    struct rv_progress progress = {0};
    struct prepared seen = {0};
    rv_context *context;
    rv_session *session;
    cr_assert_eq(rv_context_import(&lent, &opening, &context), RV_OK, "%s", rv_error_text());
    cr_assert_eq(rv_session_begin(context, weights, input, &small, &session), RV_OK, "%s",
                 rv_error_text());
    create_pipelines = context->device->vk.CreateComputePipelines;
    context->device->vk.CreateComputePipelines = count_pipelines;
    watched = (struct watch){.submit = context->device->vk.QueueSubmit};
    context->device->vk.QueueSubmit = watch_submit;
    while (!progress.finished) {
        pipelines = watched.submits = 0;
        double begun = rv_clock_seconds();
        cr_assert_eq(rv_session_advance(session, how, &progress), RV_OK, "%s", rv_error_text());
        double took = rv_clock_seconds() - begun;
        double *longest = pipelines || progress.iteration == 0 ? &seen.longest : &seen.longest_step;
        *longest = took > *longest ? took : *longest;
        seen.calls += pipelines > 0;
        if (pipelines > seen.most_pipelines)
            seen.most_pipelines = pipelines;
        if (watched.submits > seen.most_submits)
            seen.most_submits = watched.submits;
    }
    cr_assert_eq(rv_session_picture(session, picture), RV_OK, "%s", rv_error_text());
    rv_session_end(&session);
    rv_context_destroy(&context);
    return seen;
}

Test(frames, octaves_in_parts) {
    static const struct {
        const char *name;
        struct rv_advance_params how;
    } ways[] = {{"at once", {0}},
                {"slices", {.flops = 2e7}},
                {"slices without waiting", {.flops = 2e7, .no_wait = true}},
                {"a millisecond", {.seconds = 1e-3}}};
    struct host host;
    struct rv_picture expected = {0};
    rv_weights *weights = rv_test_weights(1);
    struct rv_picture input = rv_test_noise(1, 100, 87);
    host_begin(&host, true);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct rv_picture picture;
        struct prepared seen = prepare(&host, weights, &input, &ways[i].how, &picture);
        fprintf(
            stderr,
            "%s: kernels made in %u calls, at most %u pipelines and %u submits in one; the longest "
            "took %.1f ms, those of the steps at most %.1f ms\n",
            ways[i].name, seen.calls, seen.most_pipelines, seen.most_submits, seen.longest * 1e3,
            seen.longest_step * 1e3);
        if (i == 0) {
            expected = picture;
            cr_expect_gt(seen.most_pipelines, 8);
            continue;
        }
        cr_expect_gt(seen.calls, 8, "%s", ways[i].name);
        cr_expect_leq(seen.most_pipelines, ways[i].how.seconds > 0 ? 8 : 2, "%s", ways[i].name);
        cr_expect(memcmp(picture.pixels, expected.pixels, sizeof(float) * 100 * 87 * 3) == 0,
                  "%s: other bytes", ways[i].name);
        rv_picture_free(&picture);
    }
    rv_picture_free(&expected);
    rv_picture_free(&input);
    rv_weights_destroy(&weights);
    host_end(&host);
}
