// Reverie in a program that has its own Vulkan device: what to enable, how to lend a device, how to
// hand over images without a copy by the host. Conventions are those of reverie.h.
//
// The library loads its functions through the pointer it is given, into a table of its own: neither
// the loader's nor volk's globals are touched. On a lent device it creates objects and submits to
// the queue it was given, nothing more: it enables nothing, never waits for the device or the queue
// to be idle, and destroys only what it made.
#ifndef REVERIE_VULKAN_H
#define REVERIE_VULKAN_H

#include <vulkan/vulkan_core.h>

#include <reverie/reverie.h>

#ifdef __cplusplus
extern "C" {
#endif

// ------------------------------------------------------------------------------------------------
// Requirements

// What a device must and may have. Static; known before any device is there. Where it lists
// extensions or features as recommended, enable those that the device has: each makes some kernels
// possible, and none is missed for correctness.
struct rv_vulkan_requirements {
    uint32_t api_version;     // least version of instance and device, VK_API_VERSION_1_2
    VkQueueFlags queue_flags; // of the queue's family: VK_QUEUE_COMPUTE_BIT
    uint32_t storage_buffers; // least maxPerStageDescriptorStorageBuffers

    const char *const *instance_extensions; // required: none at present, so the count is 0
    uint32_t instance_extension_count;
    const char *const *device_extensions; // required: none at present, so the count is 0
    uint32_t device_extension_count;
    // VK_KHR_cooperative_matrix and what it needs or is better with. Of their features are used:
    // cooperativeMatrix, subgroupSizeControl, computeFullSubgroups, and of
    // VK_NV_cooperative_matrix2 the workgroup scope, flexible dimensions, tensor addressing.
    const char *const *recommended_device_extensions;
    uint32_t recommended_device_extension_count;

    // The members that are VK_TRUE are meant; pNext is NULL. Required: timelineSemaphore. Each may
    // as well be enabled through the structure of the extension that it first came with.
    VkPhysicalDeviceVulkan11Features required_11, recommended_11;
    VkPhysicalDeviceVulkan12Features required_12, recommended_12;
};
RV_API const struct rv_vulkan_requirements *rv_vulkan_get_requirements(void);

// ------------------------------------------------------------------------------------------------
// Lending a device

// A device as its owner made it. The handles are retained: they must outlive the context. The
// arrays and structures pointed to are borrowed until rv_context_import returns.
struct rv_vulkan_device {
    size_t size; // sizeof(struct rv_vulkan_device); 0 = this version's size
    PFN_vkGetInstanceProcAddr get_instance_proc_addr; // every function is loaded through it
    uint32_t api_version; // VkApplicationInfo::apiVersion of the instance; 0 = VK_API_VERSION_1_2
    VkInstance instance;
    VkPhysicalDevice physical_device;
    VkDevice device;
    // What was enabled when `device` was made. Nothing beyond it is used.
    const char *const *extensions; // may be NULL if extension_count is 0
    uint32_t extension_count;
    const VkPhysicalDeviceFeatures2 *features; // with its pNext chain; structures that the library
                                               // does not know are skipped
    // A queue of which work is submitted, by vkQueueSubmit.
    uint32_t queue_family, queue_index;
    // Called around every submission, from the thread that called into the library: for a queue
    // that others use. Both or neither may be NULL. They must not call into the library.
    void (*lock_queue)(void *user);
    void (*unlock_queue)(void *user);
    void *queue_user;
    // Retained; compiled kernels go there and are not kept on disk. VK_NULL_HANDLE = one of the
    // context's own, kept in params->cache_dir.
    VkPipelineCache pipeline_cache;
};

// Opens a context on a lent device. Of `params`, which may be NULL, `device` and `validate` mean
// nothing here: the owner has chosen, and hears what its validation layer says. On failure *context
// is NULL: RV_ERR_NO_DEVICE says what is missing, RV_ERR_USAGE which field is wrong. Small work is
// submitted and waited for if the device is seen for the first time: its self-test. Destroyed with
// rv_context_destroy, which waits for what the library submitted.
RV_API enum rv_status rv_context_import(const struct rv_vulkan_device *device,
                                        const struct rv_context_params *params,
                                        rv_context **context);

// ------------------------------------------------------------------------------------------------
// Images

// A 2D image of the owner's, of one mip level and layer, for one use. It is only touched between
// the two semaphores. Formats: VK_FORMAT_R8G8B8A8_UNORM, _SRGB, VK_FORMAT_B8G8R8A8_UNORM, _SRGB,
// VK_FORMAT_R16G16B16A16_SFLOAT, VK_FORMAT_R32G32B32A32_SFLOAT.
struct rv_vulkan_image {
    size_t size;            // sizeof(struct rv_vulkan_image); 0 = this version's size
    VkImage image;          // made with VK_IMAGE_USAGE_TRANSFER_SRC_BIT as a source,
                            // VK_IMAGE_USAGE_TRANSFER_DST_BIT as a target
    VkFormat format;        // of the image itself
    uint32_t width, height; // pixels
    VkImageLayout layout;   // it is in. As a target VK_IMAGE_LAYOUT_UNDEFINED is possible: it is
                            // overwritten whole
    VkImageLayout layout_after; // it is left in; VK_IMAGE_LAYOUT_UNDEFINED = `layout`, which for a
                                // target must then not be UNDEFINED
    // It is exclusive and belongs to that other queue family, whose owner releases it before (in
    // `layout`) and acquires it after (in `layout_after`). false = no transfer is needed.
    bool transfer;
    uint32_t queue_family;
    bool linear; // its values are linear light; else they are encoded as sRGB, as stored in
                 // 8-bit files. Means nothing for an _SRGB format, whose bytes are encoded
    // Waited for before the image is touched, signalled after. VK_NULL_HANDLE = none; the values
    // are for timeline semaphores, and ignored by binary ones.
    VkSemaphore wait, signal;
    uint64_t wait_value, signal_value;
};

// As rv_session_begin, with the picture taken from an image by the device itself: no pixel passes
// through the host. Its alpha is not used, its values are held within 0..1. Blocks until the image
// was read: what `wait` waits for must have been submitted before. If it fails, the image may have
// been read and `signal` signalled all the same.
RV_API enum rv_status rv_session_begin_image(rv_context *context, const rv_weights *weights,
                                             const struct rv_vulkan_image *source,
                                             const struct rv_params *params, rv_session **session);

// Writes the picture as it stands, as rv_session_picture gives it, into an image of its size, with
// an alpha of 1. Submits, after what was submitted before, and does not wait for the device, unless
// the image before has not been written yet. If it fails, nothing was submitted: no semaphore is
// waited for or signalled.
RV_API enum rv_status rv_session_write_image(rv_session *session,
                                             const struct rv_vulkan_image *target);

// ------------------------------------------------------------------------------------------------
// Command buffers

// Instead of rv_session_advance: records the next slice, of at most `flops` operations (0 = a whole
// step) or a single layer if that has more, into a command buffer of the owner's, which is being
// recorded outside of a render pass, for a queue of the lent family, to be submitted once. The
// owner submits it; before the next call with this session it must have run. Nothing is recorded
// when nothing is left to do. An octave that is dreamed in tiles cannot be recorded: RV_ERR_USAGE.
// *progress, unless NULL, says how far the session is without this slice. Preparing an octave
// submits and waits, as in rv_session_advance.
RV_API enum rv_status rv_session_record(rv_session *session, VkCommandBuffer commands, double flops,
                                        struct rv_progress *progress);

// ------------------------------------------------------------------------------------------------
// Live

struct rv_live;
struct rv_frame;
struct rv_live_stats;

// As rv_live_frame (reverie/live.h), with the frame taken from an image, the dream written to one,
// or both, by the device itself: no pixel passes through the host, so that a window can show it
// directly. Either `in` or `source` is given; `out`, `target`, both or neither. Images are of the
// live dream's size; the source's values are held within 0..1, the target gets an alpha of 1.
// Waits until the dream is done, so what source->wait waits for must have been submitted before.
// The target is written by what is then submitted and not waited for. If it fails, nothing was
// submitted for the target; the source may have been read and its `signal` signalled all the same,
// except with RV_ERR_USAGE.
RV_API enum rv_status rv_live_frame_images(struct rv_live *live, const struct rv_frame *in,
                                           const struct rv_vulkan_image *source,
                                           struct rv_frame *out,
                                           const struct rv_vulkan_image *target,
                                           struct rv_live_stats *stats);

#ifdef __cplusplus
}
#endif

#endif
