#define VOLK_IMPLEMENTATION
#include "host.h"

#include <stdio.h>
#include <stdlib.h>

#include <SDL_vulkan.h>

void host_fail(const char *what, const char *why) {
    fprintf(stderr, "window: %s: %s\n", what, why);
    exit(1);
}

static void check(VkResult result, const char *call) {
    char code[16];
    snprintf(code, sizeof code, "%d", (int)result);
    if (result < 0)
        host_fail(call, code);
}
#define VK(call) check(call, #call)
#define SDL(condition) ((condition) ? (void)0 : host_fail(#condition, SDL_GetError()))

// ------------------------------------------------------------------------------------------------
// Window and device

static void make_instance(struct host *host) {
    const char *extensions[8];
    unsigned count = 8;
    SDL(SDL_Vulkan_GetInstanceExtensions(host->window, &count, extensions));
    VkApplicationInfo application = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                                     .apiVersion = VK_API_VERSION_1_3};
    VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                                 .pApplicationInfo = &application,
                                 .enabledExtensionCount = count,
                                 .ppEnabledExtensionNames = extensions};
    void *symbol = SDL_Vulkan_GetVkGetInstanceProcAddr(); // of the loader that SDL uses
    PFN_vkGetInstanceProcAddr get;
    SDL_memcpy(&get, &symbol, sizeof get);
    volkInitializeCustom(get);
    VK(vkCreateInstance(&info, NULL, &host->instance));
    volkLoadInstance(host->instance);
}

// A family of queues that draw, compute and present.
static bool find_family(struct host *host, VkPhysicalDevice physical) {
    const VkQueueFlags needed = VK_QUEUE_GRAPHICS_BIT | VK_QUEUE_COMPUTE_BIT;
    VkQueueFamilyProperties families[16];
    uint32_t count = 16;
    vkGetPhysicalDeviceQueueFamilyProperties(physical, &count, families);
    for (host->family = 0; host->family < count; host->family++) {
        VkBool32 presents = VK_FALSE;
        VK(vkGetPhysicalDeviceSurfaceSupportKHR(physical, host->family, host->surface, &presents));
        if (presents && (families[host->family].queueFlags & needed) == needed)
            return true;
    }
    return false;
}

void host_begin(struct host *host, const char *title, uint32_t width, uint32_t height) {
    VkPhysicalDevice all[8];
    uint32_t count = 8, i = 0;
    *host = (struct host){0};
    SDL(SDL_Init(SDL_INIT_VIDEO) == 0);
    SDL(host->queue_mutex = SDL_CreateMutex());
    SDL(host->window =
            SDL_CreateWindow(title, SDL_WINDOWPOS_CENTERED, SDL_WINDOWPOS_CENTERED, (int)width,
                             (int)height, SDL_WINDOW_VULKAN | SDL_WINDOW_RESIZABLE));
    make_instance(host);
    SDL(SDL_Vulkan_CreateSurface(host->window, host->instance, &host->surface));
    VK(vkEnumeratePhysicalDevices(host->instance, &count, all));
    while (i < count && !find_family(host, all[i]))
        i++;
    if (i == count)
        host_fail("no device", "none can draw in the window");
    host->physical = all[i];
}

// Makes the swapchain, anew if there is one: what was submitted must have run then. False: the
// window has no size at the moment, and all stays as it was.
static bool make_swapchain(struct host *host) {
    VkSwapchainKHR old = host->swapchain;
    VkSurfaceCapabilitiesKHR can;
    VkSurfaceFormatKHR formats[64];
    uint32_t count = 64, chosen = 0;
    VK(vkGetPhysicalDeviceSurfaceCapabilitiesKHR(host->physical, host->surface, &can));
    VK(vkGetPhysicalDeviceSurfaceFormatsKHR(host->physical, host->surface, &count, formats));
    for (uint32_t i = 0; i < count; i++)
        if (formats[i].format == VK_FORMAT_B8G8R8A8_UNORM)
            chosen = i; // whose values are shown as they are, like the picture's
    VkExtent2D extent = can.currentExtent;
    if (extent.width == UINT32_MAX) { // Wayland leaves it to us
        int width, height;
        SDL_Vulkan_GetDrawableSize(host->window, &width, &height);
        extent = (VkExtent2D){(uint32_t)width, (uint32_t)height};
    }
    if (extent.width == 0 || extent.height == 0) // minimised under Windows
        return false;
    host->format = formats[chosen].format;
    host->extent = extent;
    VkSwapchainCreateInfoKHR info = {.sType = VK_STRUCTURE_TYPE_SWAPCHAIN_CREATE_INFO_KHR,
                                     .surface = host->surface,
                                     .minImageCount = can.minImageCount,
                                     .imageFormat = host->format,
                                     .imageColorSpace = formats[chosen].colorSpace,
                                     .imageExtent = host->extent,
                                     .imageArrayLayers = 1,
                                     .imageUsage = VK_IMAGE_USAGE_TRANSFER_DST_BIT |
                                                   VK_IMAGE_USAGE_TRANSFER_SRC_BIT,
                                     .preTransform = can.currentTransform,
                                     .compositeAlpha = VK_COMPOSITE_ALPHA_OPAQUE_BIT_KHR,
                                     .presentMode = VK_PRESENT_MODE_FIFO_KHR,
                                     .clipped = VK_TRUE,
                                     .oldSwapchain = old};
    VK(vkCreateSwapchainKHR(host->device, &info, NULL, &host->swapchain));
    vkDestroySwapchainKHR(host->device, old, NULL);
    host->image_count = HOST_IMAGES;
    VK(vkGetSwapchainImagesKHR(host->device, host->swapchain, &host->image_count, host->images));
    host->stale = false;
    return true;
}

static VkSemaphore make_semaphore(struct host *host, VkSemaphoreType kind) {
    VkSemaphoreTypeCreateInfo type = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
                                      .semaphoreType = kind};
    VkSemaphoreCreateInfo info = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO, .pNext = &type};
    VkSemaphore semaphore;
    VK(vkCreateSemaphore(host->device, &info, NULL, &semaphore));
    return semaphore;
}

static void make_frames(struct host *host) {
    VkCommandPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                    .flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
                                    .queueFamilyIndex = host->family};
    VK(vkCreateCommandPool(host->device, &pool, NULL, &host->pool));
    VkCommandBufferAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                        .commandPool = host->pool,
                                        .commandBufferCount = 1};
    for (int i = 0; i < HOST_FRAMES; i++) {
        VK(vkAllocateCommandBuffers(host->device, &info, &host->frames[i].commands));
        host->frames[i].acquired = make_semaphore(host, VK_SEMAPHORE_TYPE_BINARY);
    }
    for (uint32_t i = 0; i < HOST_IMAGES; i++)
        host->rendered[i] = make_semaphore(host, VK_SEMAPHORE_TYPE_BINARY);
    host->timeline = make_semaphore(host, VK_SEMAPHORE_TYPE_TIMELINE);
}

void host_make_device(struct host *host, const char *const *extensions, uint32_t extension_count,
                      const VkPhysicalDeviceFeatures2 *features) {
    float priority = 1;
    VkDeviceQueueCreateInfo queue = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                     .queueFamilyIndex = host->family,
                                     .queueCount = 1,
                                     .pQueuePriorities = &priority};
    VkDeviceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                               .pNext = features,
                               .queueCreateInfoCount = 1,
                               .pQueueCreateInfos = &queue,
                               .enabledExtensionCount = extension_count,
                               .ppEnabledExtensionNames = extensions};
    VK(vkCreateDevice(host->physical, &info, NULL, &host->device));
    volkLoadDevice(host->device);
    vkGetDeviceQueue(host->device, host->family, 0, &host->queue);
    if (!make_swapchain(host))
        host_fail("no window", "it has no size");
    make_frames(host);
}

void host_end(struct host *host) {
    VkDevice device = host->device;
    VK(vkDeviceWaitIdle(device));
    vkDestroyImage(device, host->picture, NULL);
    vkFreeMemory(device, host->picture_memory, NULL);
    vkDestroyBuffer(device, host->staging, NULL);
    vkFreeMemory(device, host->staging_memory, NULL);
    vkDestroySemaphore(device, host->timeline, NULL);
    for (uint32_t i = 0; i < HOST_IMAGES; i++)
        vkDestroySemaphore(device, host->rendered[i], NULL);
    for (int i = 0; i < HOST_FRAMES; i++)
        vkDestroySemaphore(device, host->frames[i].acquired, NULL);
    vkDestroyCommandPool(device, host->pool, NULL);
    vkDestroySwapchainKHR(device, host->swapchain, NULL);
    vkDestroyDevice(device, NULL);
    vkDestroySurfaceKHR(host->instance, host->surface, NULL);
    vkDestroyInstance(host->instance, NULL);
    SDL_DestroyMutex(host->queue_mutex);
    SDL_DestroyWindow(host->window);
    SDL_Quit();
}

// ------------------------------------------------------------------------------------------------
// Commands

// Waits until nothing uses what belongs to the next frame.
static struct host_frame *free_frame(struct host *host) {
    struct host_frame *frame = &host->frames[host->frame % HOST_FRAMES];
    VkSemaphoreWaitInfo wait = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
                                .semaphoreCount = 1,
                                .pSemaphores = &host->timeline,
                                .pValues = &frame->turn};
    VK(vkWaitSemaphores(host->device, &wait, UINT64_MAX));
    return frame;
}

static VkCommandBuffer begin_commands(struct host *host) {
    struct host_frame *frame = free_frame(host);
    VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    VK(vkBeginCommandBuffer(frame->commands, &begin));
    return frame->commands;
}

// Takes the picture's next turn. Without a swapchain's image both semaphores are VK_NULL_HANDLE.
static void submit(struct host *host, VkSemaphore acquired, VkSemaphore rendered) {
    struct host_frame *frame = &host->frames[host->frame++ % HOST_FRAMES];
    const VkPipelineStageFlags stages[] = {VK_PIPELINE_STAGE_TRANSFER_BIT,
                                           VK_PIPELINE_STAGE_TRANSFER_BIT};
    uint32_t count = acquired ? 2 : 1;
    VkSemaphore waits[] = {host->timeline, acquired}, signals[] = {host->timeline, rendered};
    uint64_t wait_values[] = {host->turn, 0}, signal_values[] = {host->turn + 1, 0};
    VkTimelineSemaphoreSubmitInfo values = {VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
                                            NULL,
                                            count,
                                            wait_values,
                                            count,
                                            signal_values};
    VkSubmitInfo info = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
                         .pNext = &values,
                         .waitSemaphoreCount = count,
                         .pWaitSemaphores = waits,
                         .pWaitDstStageMask = stages,
                         .commandBufferCount = 1,
                         .pCommandBuffers = &frame->commands,
                         .signalSemaphoreCount = count,
                         .pSignalSemaphores = signals};
    VK(vkEndCommandBuffer(frame->commands));
    SDL_LockMutex(host->queue_mutex);
    VK(vkQueueSubmit(host->queue, 1, &info, VK_NULL_HANDLE));
    SDL_UnlockMutex(host->queue_mutex);
    frame->turn = ++host->turn;
}

// Everything here is done by copies, so every barrier is between them.
static void barrier(VkCommandBuffer commands, VkImage image, VkImageLayout from, VkImageLayout to) {
    VkImageMemoryBarrier info = {.sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER,
                                 .srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
                                 .dstAccessMask =
                                     VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT,
                                 .oldLayout = from,
                                 .newLayout = to,
                                 .srcQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
                                 .dstQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
                                 .image = image,
                                 .subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1}};
    vkCmdPipelineBarrier(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_PIPELINE_STAGE_TRANSFER_BIT,
                         0, 0, NULL, 0, NULL, 1, &info);
}

// ------------------------------------------------------------------------------------------------
// The picture

static VkDeviceMemory allocate(struct host *host, VkMemoryRequirements needs,
                               VkMemoryPropertyFlags wanted) {
    VkPhysicalDeviceMemoryProperties has;
    VkMemoryAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                 .allocationSize = needs.size};
    VkDeviceMemory memory;
    vkGetPhysicalDeviceMemoryProperties(host->physical, &has);
    while (!(needs.memoryTypeBits >> info.memoryTypeIndex & 1) ||
           (has.memoryTypes[info.memoryTypeIndex].propertyFlags & wanted) != wanted)
        if (++info.memoryTypeIndex == has.memoryTypeCount)
            host_fail("memory", "there is none of the right type");
    VK(vkAllocateMemory(host->device, &info, NULL, &memory));
    return memory;
}

// Makes room for so many bytes; nothing may use the room that was there.
static void make_staging(struct host *host, VkDeviceSize bytes) {
    VkMemoryRequirements needs;
    if (host->staging_bytes >= bytes)
        return;
    host->staging_bytes = bytes;
    vkDestroyBuffer(host->device, host->staging, NULL);
    vkFreeMemory(host->device, host->staging_memory, NULL);
    VkBufferCreateInfo info = {.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
                               .size = bytes,
                               .usage = VK_BUFFER_USAGE_TRANSFER_SRC_BIT |
                                        VK_BUFFER_USAGE_TRANSFER_DST_BIT};
    VK(vkCreateBuffer(host->device, &info, NULL, &host->staging));
    vkGetBufferMemoryRequirements(host->device, host->staging, &needs);
    host->staging_memory = allocate(
        host, needs, VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT);
    VK(vkBindBufferMemory(host->device, host->staging, host->staging_memory, 0));
    VK(vkMapMemory(host->device, host->staging_memory, 0, VK_WHOLE_SIZE, 0, &host->staged));
}

void host_make_picture(struct host *host, const void *pixels, uint32_t width, uint32_t height) {
    VkMemoryRequirements needs;
    VkDeviceSize picture = (VkDeviceSize)width * height * 4;
    VkImageCreateInfo info = {.sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
                              .imageType = VK_IMAGE_TYPE_2D,
                              .format = VK_FORMAT_R8G8B8A8_UNORM,
                              .extent = {width, height, 1},
                              .mipLevels = 1,
                              .arrayLayers = 1,
                              .samples = VK_SAMPLE_COUNT_1_BIT,
                              .usage = VK_IMAGE_USAGE_TRANSFER_SRC_BIT |
                                       VK_IMAGE_USAGE_TRANSFER_DST_BIT};
    VK(vkCreateImage(host->device, &info, NULL, &host->picture));
    vkGetImageMemoryRequirements(host->device, host->picture, &needs);
    host->picture_memory = allocate(host, needs, 0);
    VK(vkBindImageMemory(host->device, host->picture, host->picture_memory, 0));
    host->width = width;
    host->height = height;
    make_staging(host, picture);
    SDL_memcpy(host->staged, pixels, picture);

    VkBufferImageCopy copy = {.imageSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1},
                              .imageExtent = {width, height, 1}};
    VkCommandBuffer commands = begin_commands(host);
    barrier(commands, host->picture, VK_IMAGE_LAYOUT_UNDEFINED,
            VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL);
    vkCmdCopyBufferToImage(commands, host->staging, host->picture,
                           VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, 1, &copy);
    barrier(commands, host->picture, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL,
            VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL);
    submit(host, VK_NULL_HANDLE, VK_NULL_HANDLE);
}

// ------------------------------------------------------------------------------------------------
// Frames

static void paint(struct host *host, VkCommandBuffer commands, VkImage image, const float colour[4],
                  uint32_t border) {
    const VkImageLayout layout = VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL;
    const VkImageSubresourceRange all = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1};
    const VkClearColorValue clear = {{colour[0], colour[1], colour[2], colour[3]}};
    int32_t left = (int32_t)border, right = (int32_t)host->extent.width - left;
    int32_t bottom = (int32_t)host->extent.height - left;
    VkImageBlit blit = {.srcSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1},
                        .srcOffsets = {{0, 0, 0}, {(int32_t)host->width, (int32_t)host->height, 1}},
                        .dstSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1},
                        .dstOffsets = {{left, left, 0}, {right, bottom, 1}}};
    barrier(commands, image, VK_IMAGE_LAYOUT_UNDEFINED, layout);
    vkCmdClearColorImage(commands, image, layout, &clear, 1, &all);
    barrier(commands, image, layout, layout);
    if (right > left && bottom > left)
        vkCmdBlitImage(commands, host->picture, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL, image, layout,
                       1, &blit, VK_FILTER_LINEAR);
}

static void read_back(struct host *host, VkCommandBuffer commands, VkImage image) {
    VkBufferImageCopy copy = {.imageSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1},
                              .imageExtent = {host->extent.width, host->extent.height, 1}};
    barrier(commands, image, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL,
            VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL);
    vkCmdCopyImageToBuffer(commands, image, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL, host->staging, 1,
                           &copy);
    barrier(commands, image, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL,
            VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL);
}

static void wait_until_idle(struct host *host) {
    SDL_LockMutex(host->queue_mutex);
    VK(vkQueueWaitIdle(host->queue));
    SDL_UnlockMutex(host->queue_mutex);
}

// The swapchain's next image, of a new swapchain if the window has changed. False: there is none.
static bool acquire(struct host *host, VkSemaphore acquired, uint32_t *index) {
    VkResult result;
    if (SDL_GetWindowFlags(host->window) & (SDL_WINDOW_MINIMIZED | SDL_WINDOW_HIDDEN))
        return false;
    do {
        if (host->stale) {
            wait_until_idle(host);
            if (!make_swapchain(host))
                return false;
        }
        result = vkAcquireNextImageKHR(host->device, host->swapchain, UINT64_MAX, acquired,
                                       VK_NULL_HANDLE, index);
        host->stale = result == VK_ERROR_OUT_OF_DATE_KHR || result == VK_SUBOPTIMAL_KHR;
    } while (result == VK_ERROR_OUT_OF_DATE_KHR);
    check(result, "vkAcquireNextImageKHR");
    return true;
}

static void present(struct host *host, uint32_t index) {
    VkPresentInfoKHR info = {.sType = VK_STRUCTURE_TYPE_PRESENT_INFO_KHR,
                             .waitSemaphoreCount = 1,
                             .pWaitSemaphores = &host->rendered[index],
                             .swapchainCount = 1,
                             .pSwapchains = &host->swapchain,
                             .pImageIndices = &index};
    SDL_LockMutex(host->queue_mutex);
    VkResult result = vkQueuePresentKHR(host->queue, &info);
    SDL_UnlockMutex(host->queue_mutex);
    if (result == VK_ERROR_OUT_OF_DATE_KHR || result == VK_SUBOPTIMAL_KHR)
        host->stale = true;
    else
        check(result, "vkQueuePresentKHR");
}

static bool draw(struct host *host, const float colour[4], uint32_t border, bool staged) {
    uint32_t index;
    VkSemaphore acquired = free_frame(host)->acquired;
    if (!acquire(host, acquired, &index))
        return false;
    if (staged) {
        wait_until_idle(host);
        make_staging(host, (VkDeviceSize)host->extent.width * host->extent.height * 4);
    }
    VkCommandBuffer commands = begin_commands(host);
    paint(host, commands, host->images[index], colour, border);
    if (staged)
        read_back(host, commands, host->images[index]);
    barrier(commands, host->images[index], VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL,
            VK_IMAGE_LAYOUT_PRESENT_SRC_KHR);
    submit(host, acquired, host->rendered[index]);
    present(host, index);
    return true;
}

bool host_is_open(struct host *host) {
    SDL_Event event;
    bool open = true;
    while (SDL_PollEvent(&event)) {
        open &= event.type != SDL_QUIT;
        host->stale |=
            event.type == SDL_WINDOWEVENT && event.window.event == SDL_WINDOWEVENT_SIZE_CHANGED;
    }
    return open;
}

bool host_draw(struct host *host, const float colour[4], uint32_t border) {
    return draw(host, colour, border, false);
}

bool host_draw_to_file(struct host *host, const float colour[4], uint32_t border,
                       const char *path) {
    if (!draw(host, colour, border, true))
        return false;
    int width = (int)host->extent.width, height = (int)host->extent.height;
    wait_until_idle(host);
    SDL_Surface *surface = SDL_CreateRGBSurfaceWithFormatFrom(
        host->staged, width, height, 32, width * 4,
        host->format == VK_FORMAT_R8G8B8A8_UNORM ? SDL_PIXELFORMAT_RGBA32 : SDL_PIXELFORMAT_BGRA32);
    SDL(surface && SDL_SaveBMP(surface, path) == 0);
    SDL_FreeSurface(surface);
    return true;
}
