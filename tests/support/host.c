#include "support/host.h"

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#define MUST(call) cr_assert_eq(call, VK_SUCCESS, "%s", #call)

static VkBool32 VKAPI_PTR on_message(VkDebugUtilsMessageSeverityFlagBitsEXT severity,
                                     VkDebugUtilsMessageTypeFlagsEXT types,
                                     const VkDebugUtilsMessengerCallbackDataEXT *data, void *user) {
    struct host *host = user;
    (void)severity;
    (void)types;
    host->messages++;
    fprintf(stderr, "%s\n", data->pMessage);
    return VK_FALSE;
}

static void make_instance(struct host *host) {
    VkDebugUtilsMessengerCreateInfoEXT messenger = {
        .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT,
        .messageSeverity = VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT |
                           VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT,
        .messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT,
        .pfnUserCallback = on_message,
        .pUserData = host};
    VkValidationFeatureEnableEXT enable =
        VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT;
    VkValidationFeaturesEXT features = {.sType = VK_STRUCTURE_TYPE_VALIDATION_FEATURES_EXT,
                                        .pNext = &messenger,
                                        .enabledValidationFeatureCount = 1,
                                        .pEnabledValidationFeatures = &enable};
    VkApplicationInfo application = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                                     .apiVersion = VK_API_VERSION_1_2};
    const char *layer = "VK_LAYER_KHRONOS_validation";
    const char *extensions[] = {VK_EXT_DEBUG_UTILS_EXTENSION_NAME,
                                VK_EXT_VALIDATION_FEATURES_EXTENSION_NAME};
    VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                                 .pNext = &features,
                                 .pApplicationInfo = &application,
                                 .enabledLayerCount = 1,
                                 .ppEnabledLayerNames = &layer,
                                 .enabledExtensionCount = 2,
                                 .ppEnabledExtensionNames = extensions};
    PFN_vkCreateInstance create = (PFN_vkCreateInstance)host->get(NULL, "vkCreateInstance");
    MUST(create(&info, NULL, &host->instance));
#define HOST_LOAD(name) host->name = (PFN_vk##name)host->get(host->instance, "vk" #name);
    HOST_FUNCTIONS(HOST_LOAD)
#undef HOST_LOAD
    messenger.pNext = NULL;
    MUST(host->CreateDebugUtilsMessengerEXT(host->instance, &messenger, NULL, &host->messenger));
}

static void make_device(struct host *host, bool timeline) {
    VkPhysicalDevice all[8];
    uint32_t count = 8;
    cr_assert(host->EnumeratePhysicalDevices(host->instance, &count, all) >= 0 && count > 0);
    host->physical = all[0];
    host->GetPhysicalDeviceMemoryProperties(host->physical, &host->memory);
    float priority = 1;
    VkDeviceQueueCreateInfo queue = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                     .queueCount = 1,
                                     .pQueuePriorities = &priority};
    VkPhysicalDeviceVulkan12Features v12 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES,
        .timelineSemaphore = timeline};
    VkDeviceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                               .pNext = &v12,
                               .queueCreateInfoCount = 1,
                               .pQueueCreateInfos = &queue};
    MUST(host->CreateDevice(host->physical, &info, NULL, &host->device));
    host->GetDeviceQueue(host->device, 0, 0, &host->queue);
}

void host_begin(struct host *host, bool timeline) {
    *host = (struct host){.library = dlopen("libvulkan.so.1", RTLD_NOW)};
    cr_assert(host->library, "%s", dlerror());
    void *symbol = dlsym(host->library, "vkGetInstanceProcAddr");
    memcpy(&host->get, &symbol, sizeof symbol);
    make_instance(host);
    make_device(host, timeline);
    VkCommandPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                    .flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT};
    MUST(host->CreateCommandPool(host->device, &pool, NULL, &host->pool));
    VkCommandBufferAllocateInfo commands = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                            .commandPool = host->pool,
                                            .commandBufferCount = 1};
    MUST(host->AllocateCommandBuffers(host->device, &commands, &host->commands));
}

void host_end(struct host *host) {
    host->DestroyCommandPool(host->device, host->pool, NULL);
    host->DestroyDevice(host->device, NULL);
    host->DestroyDebugUtilsMessengerEXT(host->instance, host->messenger, NULL);
    host->DestroyInstance(host->instance, NULL);
    cr_expect(host->messages == 0, "the validation layer reported %u times", host->messages);
}

static void lock(void *user) {
    struct host *host = user;
    cr_assert_eq(host->locked++, 0, "locked twice");
    host->submits++;
}

static void unlock(void *user) {
    struct host *host = user;
    cr_assert_eq(host->locked--, 1, "unlocked but not locked");
}

struct rv_vulkan_device host_lend(struct host *host) {
    static const VkPhysicalDeviceVulkan12Features v12 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES,
        .timelineSemaphore = VK_TRUE};
    static const VkPhysicalDeviceFeatures2 features = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = (void *)&v12};
    return (struct rv_vulkan_device){.get_instance_proc_addr = host->get,
                                     .instance = host->instance,
                                     .physical_device = host->physical,
                                     .device = host->device,
                                     .features = &features,
                                     .lock_queue = lock,
                                     .unlock_queue = unlock,
                                     .queue_user = host};
}

// ------------------------------------------------------------------------------------------------
// Images

static VkDeviceMemory allocate(struct host *host, VkMemoryRequirements needs,
                               VkMemoryPropertyFlags wanted) {
    VkMemoryAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                 .allocationSize = needs.size};
    VkDeviceMemory memory;
    while (!(needs.memoryTypeBits >> info.memoryTypeIndex & 1) ||
           (host->memory.memoryTypes[info.memoryTypeIndex].propertyFlags & wanted) != wanted)
        cr_assert(++info.memoryTypeIndex < host->memory.memoryTypeCount);
    MUST(host->AllocateMemory(host->device, &info, NULL, &memory));
    return memory;
}

struct host_image host_image(struct host *host, VkFormat format, uint32_t width, uint32_t height) {
    struct host_image image = {.format = format, .width = width, .height = height};
    size_t pixel = format == VK_FORMAT_R32G32B32A32_SFLOAT   ? 16
                   : format == VK_FORMAT_R16G16B16A16_SFLOAT ? 8
                                                             : 4;
    image.bytes = pixel * width * height;
    VkImageCreateInfo info = {.sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
                              .imageType = VK_IMAGE_TYPE_2D,
                              .format = format,
                              .extent = {width, height, 1},
                              .mipLevels = 1,
                              .arrayLayers = 1,
                              .samples = VK_SAMPLE_COUNT_1_BIT,
                              .usage = VK_IMAGE_USAGE_TRANSFER_SRC_BIT |
                                       VK_IMAGE_USAGE_TRANSFER_DST_BIT |
                                       VK_IMAGE_USAGE_SAMPLED_BIT};
    VkMemoryRequirements needs;
    MUST(host->CreateImage(host->device, &info, NULL, &image.image));
    host->GetImageMemoryRequirements(host->device, image.image, &needs);
    image.memory = allocate(host, needs, 0);
    MUST(host->BindImageMemory(host->device, image.image, image.memory, 0));
    return image;
}

void host_image_end(struct host *host, struct host_image *image) {
    host->DestroyImage(host->device, image->image, NULL);
    host->FreeMemory(host->device, image->memory, NULL);
    *image = (struct host_image){0};
}

struct staging {
    VkBuffer buffer;
    VkDeviceMemory memory;
    void *bytes;
};

static struct staging stage(struct host *host, size_t bytes) {
    struct staging staging;
    VkBufferCreateInfo info = {.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
                               .size = bytes,
                               .usage = VK_BUFFER_USAGE_TRANSFER_SRC_BIT |
                                        VK_BUFFER_USAGE_TRANSFER_DST_BIT};
    VkMemoryRequirements needs;
    MUST(host->CreateBuffer(host->device, &info, NULL, &staging.buffer));
    host->GetBufferMemoryRequirements(host->device, staging.buffer, &needs);
    staging.memory = allocate(
        host, needs, VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT);
    MUST(host->BindBufferMemory(host->device, staging.buffer, staging.memory, 0));
    MUST(host->MapMemory(host->device, staging.memory, 0, VK_WHOLE_SIZE, 0, &staging.bytes));
    return staging;
}

static void move(struct host *host, VkImage image, VkImageLayout from, VkImageLayout to) {
    VkImageMemoryBarrier barrier = {.sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER,
                                    .srcAccessMask = VK_ACCESS_MEMORY_WRITE_BIT,
                                    .dstAccessMask =
                                        VK_ACCESS_MEMORY_READ_BIT | VK_ACCESS_MEMORY_WRITE_BIT,
                                    .oldLayout = from,
                                    .newLayout = to,
                                    .srcQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
                                    .dstQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
                                    .image = image,
                                    .subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1}};
    host->CmdPipelineBarrier(host->commands, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT,
                             VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, 0, 0, NULL, 0, NULL, 1, &barrier);
}

void host_record(struct host *host) {
    VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    MUST(host->BeginCommandBuffer(host->commands, &begin));
}

void host_run(struct host *host) {
    VkSubmitInfo submit = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
                           .commandBufferCount = 1,
                           .pCommandBuffers = &host->commands};
    MUST(host->EndCommandBuffer(host->commands));
    MUST(host->QueueSubmit(host->queue, 1, &submit, VK_NULL_HANDLE));
    MUST(host->QueueWaitIdle(host->queue));
}

static void transfer(struct host *host, const struct host_image *image, VkImageLayout layout,
                     const void *write, void *read) {
    const VkImageLayout there =
        write ? VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL : VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL;
    VkBufferImageCopy copy = {.imageSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1},
                              .imageExtent = {image->width, image->height, 1}};
    struct staging staging = stage(host, image->bytes);
    if (write)
        memcpy(staging.bytes, write, image->bytes);
    host_record(host);
    move(host, image->image, write ? VK_IMAGE_LAYOUT_UNDEFINED : layout, there);
    if (write)
        host->CmdCopyBufferToImage(host->commands, staging.buffer, image->image, there, 1, &copy);
    else
        host->CmdCopyImageToBuffer(host->commands, image->image, there, staging.buffer, 1, &copy);
    move(host, image->image, there, layout);
    host_run(host);
    if (read)
        memcpy(read, staging.bytes, image->bytes);
    host->DestroyBuffer(host->device, staging.buffer, NULL);
    host->FreeMemory(host->device, staging.memory, NULL);
}

void host_image_write(struct host *host, const struct host_image *image, VkImageLayout layout,
                      const void *pixels) {
    transfer(host, image, layout, pixels, NULL);
}

void host_image_read(struct host *host, const struct host_image *image, VkImageLayout layout,
                     void *pixels) {
    transfer(host, image, layout, NULL, pixels);
}

VkSemaphore host_timeline(struct host *host) {
    VkSemaphoreTypeCreateInfo type = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
                                      .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE};
    VkSemaphoreCreateInfo info = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO, .pNext = &type};
    VkSemaphore semaphore;
    MUST(host->CreateSemaphore(host->device, &info, NULL, &semaphore));
    return semaphore;
}

uint64_t host_value(struct host *host, VkSemaphore timeline) {
    uint64_t value;
    MUST(host->GetSemaphoreCounterValue(host->device, timeline, &value));
    return value;
}
