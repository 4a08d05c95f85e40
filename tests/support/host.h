// A program that has its own Vulkan device, as those have that lend it: instance with the
// validation layer, device, images. It has its own table of functions, out of the loader.
#ifndef RV_TESTS_HOST_H
#define RV_TESTS_HOST_H

#ifndef VK_NO_PROTOTYPES
#define VK_NO_PROTOTYPES
#endif
#include "reverie/vulkan.h"

#define HOST_FUNCTIONS(X)                                                                          \
    X(DestroyInstance)                                                                             \
    X(CreateDebugUtilsMessengerEXT)                                                                \
    X(DestroyDebugUtilsMessengerEXT)                                                               \
    X(EnumeratePhysicalDevices)                                                                    \
    X(GetPhysicalDeviceMemoryProperties)                                                           \
    X(CreateDevice)                                                                                \
    X(DestroyDevice)                                                                               \
    X(GetDeviceQueue)                                                                              \
    X(QueueSubmit)                                                                                 \
    X(QueueWaitIdle)                                                                               \
    X(CreateSemaphore)                                                                             \
    X(DestroySemaphore)                                                                            \
    X(SignalSemaphore)                                                                             \
    X(WaitSemaphores)                                                                              \
    X(GetSemaphoreCounterValue)                                                                    \
    X(CreateImage)                                                                                 \
    X(DestroyImage)                                                                                \
    X(GetImageMemoryRequirements)                                                                  \
    X(BindImageMemory)                                                                             \
    X(CreateBuffer)                                                                                \
    X(DestroyBuffer)                                                                               \
    X(GetBufferMemoryRequirements)                                                                 \
    X(BindBufferMemory)                                                                            \
    X(AllocateMemory)                                                                              \
    X(FreeMemory)                                                                                  \
    X(MapMemory)                                                                                   \
    X(CreateCommandPool)                                                                           \
    X(DestroyCommandPool)                                                                          \
    X(AllocateCommandBuffers)                                                                      \
    X(BeginCommandBuffer)                                                                          \
    X(EndCommandBuffer)                                                                            \
    X(CmdPipelineBarrier)                                                                          \
    X(CmdClearColorImage)                                                                          \
    X(CmdCopyBufferToImage)                                                                        \
    X(CmdCopyImageToBuffer)

struct host {
    void *library;
    PFN_vkGetInstanceProcAddr get;
    VkInstance instance;
    VkDebugUtilsMessengerEXT messenger;
    VkPhysicalDevice physical;
    VkDevice device;
    VkQueue queue;
    VkPhysicalDeviceMemoryProperties memory;
    VkCommandPool pool;
    VkCommandBuffer commands;
    uint32_t messages;        // of the validation layer
    uint32_t locked, submits; // calls of lock_queue so far
#define HOST_DECLARE(name) PFN_vk##name name;
    HOST_FUNCTIONS(HOST_DECLARE)
#undef HOST_DECLARE
};

// Fails the running test if there is no device or no validation layer. Enables timeline semaphores
// unless told not to, and nothing else.
void host_begin(struct host *host, bool timeline);
// Fails the running test if the validation layer had anything to say.
void host_end(struct host *host);
// Its device as it is lent, with a lock that is counted.
struct rv_vulkan_device host_lend(struct host *host);

// Begins host->commands; ends and submits it, and waits.
void host_record(struct host *host);
void host_run(struct host *host);

struct host_image {
    VkImage image;
    VkDeviceMemory memory;
    VkFormat format;
    uint32_t width, height;
    size_t bytes; // of its pixels
};

struct host_image host_image(struct host *host, VkFormat format, uint32_t width, uint32_t height);
void host_image_end(struct host *host, struct host_image *image);
// Fills an image of undefined layout, or reads one of `layout`, and leaves it in `layout`.
void host_image_write(struct host *host, const struct host_image *image, VkImageLayout layout,
                      const void *pixels);
void host_image_read(struct host *host, const struct host_image *image, VkImageLayout layout,
                     void *pixels);

VkSemaphore host_timeline(struct host *host);
uint64_t host_value(struct host *host, VkSemaphore timeline);

#endif
