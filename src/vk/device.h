// One Vulkan device with one compute queue: choosing it, its limits, submitting to it.
#ifndef RV_VK_DEVICE_H
#define RV_VK_DEVICE_H

#include <stdatomic.h>

#include "base/status.h"
#include "vk/verdict.h"

// What the planner and the kernels may assume. Filled from the device; REVERIE_CLAMP=1 lowers every
// value to what Vulkan 1.2 guarantees. Recording and compiling check themselves against them.
struct rv_limits {
    uint32_t invocations;      // in a workgroup
    uint32_t shared_bytes;     // of a workgroup
    uint32_t group_count;      // workgroups in x
    uint64_t storage_range;    // bytes one descriptor can show
    uint64_t allocation_bytes; // largest single allocation
    uint64_t texel_bytes;      // of one texel buffer of four floats; half as many of four halves
    uint32_t timestamp_bits;   // 0 = the queue has no timestamps
    double timestamp_seconds;  // one tick
    enum rv_profile profile;   // whose kernels are used
    bool shuffles;             // compute shaders shuffle within subgroups of at least 8
    struct rv_matrices matrices;
};

// Bytes that one texel buffer of four floats or halves can show.
static inline uint64_t rv_texel_bytes(const struct rv_limits *limits, bool fp16) {
    return fp16 ? limits->texel_bytes / 2 : limits->texel_bytes;
}

struct rv_pipelines;
struct rv_tuning;

struct rv_device {
    struct rv_vk vk;
    VkInstance instance;
    VkPhysicalDevice physical;
    VkDevice handle;
    VkQueue queue;
    uint32_t queue_family;
    VkPhysicalDeviceMemoryProperties memory;
    struct rv_limits limits;
    struct rv_device_info info;
    struct rv_verdicts verdicts; // what is known of its profiles
    bool profile_forced;         // one was asked for: no other will do
    uint32_t self_tests;         // run since the device was opened

    VkSemaphore timeline; // counts submissions
    uint64_t submitted;   // the last value that will be signalled
    bool lost;

    uint64_t bytes, peak_bytes, byte_cap; // device memory held, its peak, and the most allowed
    uint64_t memory_limit;                // rv_context_params::memory_bytes
    struct rv_pipelines *pipelines;       // owned
    bool no_tune;                         // asked for
    struct rv_tuning *tuning; // see ops/tune.h; NULL = none; destroyed by who created it

    // A lent device's owner: see reverie/vulkan.h.
    bool lent;
    void (*lock_queue)(void *user); // NULL = nobody else uses the queue
    void (*unlock_queue)(void *user);
    void *queue_user;
    VkPipelineCache lent_cache; // NULL = the cache is ours

    uint64_t host_bytes; // that travelled between host and device memory, either way
    rv_log_fn log;
    void *log_user;
    VkDebugUtilsMessengerEXT messenger;
    atomic_uint validation_messages; // kernels are compiled in several threads
    char cache_dir[512];             // "" = none
};

// See rv_devices() and rv_context_create() for what these do.
enum rv_status rv_device_list(struct rv_device_info *devices, uint32_t *count);
enum rv_status rv_device_create(const struct rv_context_params *params, struct rv_device **device);
void rv_device_destroy(struct rv_device **device);

// Keeps what a self-test found of the profile in use. One that failed is given up for the next one,
// which is said through the log: RV_ERR_NO_DEVICE if none is left, or if it was asked for by name.
enum rv_status rv_device_judge_profile(struct rv_device *device, bool passed, const char *why);

// Names a failed Vulkan call: text with the result's name and what to do. Remembers a lost device.
enum rv_status rv_device_fail(struct rv_device *device, VkResult result, const char *call);

// Runs `expression` and returns from the function with the named error if it is not VK_SUCCESS.
#define RV_VK_TRY(device, expression)                                                              \
    do {                                                                                           \
        VkResult result_ = (device)->vk.expression;                                                \
        if (result_ != VK_SUCCESS) {                                                               \
            status = rv_device_fail(device, result_, "vk" #expression);                            \
            goto done;                                                                             \
        }                                                                                          \
    } while (0)

void rv_device_log(struct rv_device *device, enum rv_log_level level, const char *format, ...);

// Semaphores of others, around a submission. VK_NULL_HANDLE = none; binary ones ignore the values.
struct rv_meeting {
    VkSemaphore wait, signal;
    uint64_t wait_value, signal_value;
};
// Submits one command buffer; *value is what the timeline will show when it has run. `meeting` may
// be NULL.
enum rv_status rv_device_submit(struct rv_device *device, VkCommandBuffer commands,
                                const struct rv_meeting *meeting, uint64_t *value);
// Waits until the timeline shows `value`. Fails with RV_ERR_DEVICE_LOST only.
enum rv_status rv_device_wait(struct rv_device *device, uint64_t value);
// Whether it does already.
enum rv_status rv_device_poll(struct rv_device *device, uint64_t value, bool *reached);

// Gives an object a name that debuggers and the validation layer show. `handle` as uint64_t.
void rv_device_name(struct rv_device *device, VkObjectType type, uint64_t handle, const char *name);

#endif
