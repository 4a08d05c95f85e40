// One Vulkan device with one compute queue: choosing it, its limits, submitting to it.
#ifndef RV_VK_DEVICE_H
#define RV_VK_DEVICE_H

#include "base/status.h"
#include "vk/functions.h"

// What the planner and the kernels may assume. Filled from the device; REVERIE_CLAMP=1 lowers every
// value to what Vulkan 1.2 guarantees. Recording and compiling check themselves against them.
struct rv_limits {
    uint32_t invocations;      // in a workgroup
    uint32_t shared_bytes;     // of a workgroup
    uint32_t group_count;      // workgroups in x
    uint64_t storage_range;    // bytes one descriptor can show
    uint64_t allocation_bytes; // largest single allocation
    uint64_t texel_bytes;      // of one texel buffer of vec4
    uint32_t timestamp_bits;   // 0 = the queue has no timestamps
    double timestamp_seconds;  // one tick
    bool cpu;                  // the `cpu` profile's kernels are used
};

struct rv_pipelines;

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

    VkSemaphore timeline; // counts submissions
    uint64_t submitted;   // the last value that will be signalled
    bool lost;

    uint64_t bytes, peak_bytes, byte_cap; // device memory held, its peak, and the most allowed
    uint64_t memory_limit; // rv_context_params::memory_bytes
    struct rv_pipelines *pipelines;       // owned

    rv_log_fn log;
    void *log_user;
    VkDebugUtilsMessengerEXT messenger;
    uint32_t validation_messages;
    char cache_dir[512]; // "" = none
};

// See rv_devices() and rv_context_create() for what these do.
enum rv_status rv_device_list(struct rv_device_info *devices, uint32_t *count);
enum rv_status rv_device_create(const struct rv_context_params *params, struct rv_device **device);
void rv_device_destroy(struct rv_device **device);

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

// Submits one command buffer; *value is what the timeline will show when it has run.
enum rv_status rv_device_submit(struct rv_device *device, VkCommandBuffer commands,
                                uint64_t *value);
// Waits until the timeline shows `value`.
enum rv_status rv_device_wait(struct rv_device *device, uint64_t value);

// Gives an object a name that debuggers and the validation layer show. `handle` as uint64_t.
void rv_device_name(struct rv_device *device, VkObjectType type, uint64_t handle, const char *name);

#endif
