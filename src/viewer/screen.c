#include "viewer/screen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "viewer/sdl.h"
#include "viewer/vulkan_functions.h"
#include "viewer/wishes.h"

#define DEVICES_MAX 16
#define IMAGES_MAX 16      // of the swapchain
#define FRAMES 2           // under way at once
#define PATIENCE 200000000 // nanoseconds for an image of the swapchain; then a picture is left out

#define DECLARE(name) PFN_vk##name name;

struct frame {
    VkCommandBuffer commands;
    VkSemaphore acquired;
    uint64_t turn; // after which the commands are free again
};

struct rv_screen {
    SDL_Window *window;
    PFN_vkGetInstanceProcAddr get;
    struct {
        RV_GLOBAL_FUNCTIONS(DECLARE)
        RV_INSTANCE_FUNCTIONS(DECLARE)
        RV_DEVICE_FUNCTIONS(DECLARE)
    } vk;
    VkInstance instance;
    VkSurfaceKHR surface;
    VkPhysicalDevice physical;
    struct rv_device_wishes wishes;
    uint32_t family; // of the queue, which computes, copies and presents
    VkDevice device;
    VkQueue queue;
    VkSwapchainKHR swapchain;
    VkFormat format;
    VkExtent2D extent;
    VkImage images[IMAGES_MAX];
    VkSemaphore rendered[IMAGES_MAX];
    uint32_t image_count;
    bool stale; // the swapchain does not fit the window
    VkCommandPool pool;
    struct frame frames[FRAMES];
    uint32_t frame; // counts pictures shown
    // What is shown: one image, used by turns. Each use waits for the value of the timeline that
    // the one before signals, and signals the next.
    VkImage picture;
    VkDeviceMemory memory;
    uint32_t width, height;
    bool written; // the picture has been, so that its layout is TRANSFER_SRC_OPTIMAL
    VkSemaphore timeline;
    uint64_t turn;
};

static enum rv_status check(VkResult result, const char *call) {
    switch (result) {
    case VK_ERROR_DEVICE_LOST:
        return rv_fail(RV_ERR_DEVICE_LOST, "the window: %s: the driver gave the device up", call);
    case VK_ERROR_OUT_OF_HOST_MEMORY:
    case VK_ERROR_OUT_OF_DEVICE_MEMORY:
        return rv_fail(RV_ERR_NO_MEMORY, "the window: %s: out of memory", call);
    default:
        return result >= 0
                   ? RV_OK
                   : rv_fail(RV_ERR_NO_DEVICE, "the window: %s failed (%d)", call, (int)result);
    }
}
#define VK(name, ...) RV_TRY(check(screen->vk.name(__VA_ARGS__), "vk" #name))

// ------------------------------------------------------------------------------------------------
// Instance and physical device

#define LOAD(name)                                                                                 \
    screen->vk.name = (PFN_vk##name)screen->get(screen->instance, "vk" #name);                     \
    all &= screen->vk.name != NULL;

static enum rv_status make_instance(rv_screen *screen) {
    const char *extensions[16];
    unsigned count = 16;
    bool all = true;
    enum rv_status status = RV_OK;
    void *symbol = rv_sdl.SDL_Vulkan_GetVkGetInstanceProcAddr(); // of the loader that SDL uses
    if (!symbol || !rv_sdl.SDL_Vulkan_GetInstanceExtensions(screen->window, &count, extensions))
        return rv_fail(RV_ERR_NO_DEVICE, "the window: %s", rv_sdl.SDL_GetError());
    memcpy(&screen->get, &symbol, sizeof screen->get);
    RV_GLOBAL_FUNCTIONS(LOAD)
    const VkApplicationInfo application = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                                           .pApplicationName = "reverie",
                                           .apiVersion = VK_API_VERSION_1_3};
    const VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                                       .pApplicationInfo = &application,
                                       .enabledExtensionCount = count,
                                       .ppEnabledExtensionNames = extensions};
    if (all)
        VK(CreateInstance, &info, NULL, &screen->instance);
    RV_INSTANCE_FUNCTIONS(LOAD)
    if (!all)
        return rv_fail(RV_ERR_NO_DEVICE, "the window: the Vulkan loader is too old");
    if (!rv_sdl.SDL_Vulkan_CreateSurface(screen->window, screen->instance, &screen->surface))
        return rv_fail(RV_ERR_NO_DEVICE, "the window: %s", rv_sdl.SDL_GetError());
done:
    return status;
}

// A family of queues that compute, blit (which takes one that draws) and present.
static bool find_family(rv_screen *screen, VkPhysicalDevice physical, uint32_t *family) {
    const VkQueueFlags needed = VK_QUEUE_GRAPHICS_BIT | VK_QUEUE_COMPUTE_BIT;
    VkQueueFamilyProperties families[16];
    uint32_t count = 16;
    screen->vk.GetPhysicalDeviceQueueFamilyProperties(physical, &count, families);
    for (uint32_t i = 0; i < count; i++) {
        VkBool32 presents = VK_FALSE;
        if (screen->vk.GetPhysicalDeviceSurfaceSupportKHR(physical, i, screen->surface,
                                                          &presents) == VK_SUCCESS &&
            presents && (families[i].queueFlags & needed) == needed) {
            *family = i;
            return true;
        }
    }
    return false;
}

// The library says which devices it can use, their UUIDs which of ours they are.
static enum rv_status choose_device(rv_screen *screen, const char *device) {
    struct rv_device_info infos[DEVICES_MAX];
    VkPhysicalDevice all[DEVICES_MAX];
    uint32_t info_count = DEVICES_MAX, count = DEVICES_MAX;
    int best = -1;
    enum rv_status status;
    RV_TRY(rv_devices(infos, &info_count));
    if (info_count > DEVICES_MAX)
        info_count = DEVICES_MAX;
    VK(EnumeratePhysicalDevices, screen->instance, &count, all);
    for (uint32_t i = 0; i < count; i++) {
        VkPhysicalDeviceIDProperties id = {.sType =
                                               VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES};
        VkPhysicalDeviceProperties2 about = {
            .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &id};
        uint32_t family;
        screen->vk.GetPhysicalDeviceProperties2(all[i], &about);
        for (uint32_t j = 0; j < info_count; j++) {
            const struct rv_device_info *info = &infos[j];
            if (!info->usable || memcmp(info->uuid, id.deviceUUID, sizeof info->uuid) != 0 ||
                (device && *device && !rv_device_is_asked_for(info, device)) ||
                (best >= 0 && rv_device_rank(info->type) >= rv_device_rank(infos[best].type)) ||
                !find_family(screen, all[i], &family))
                continue;
            best = (int)j;
            screen->physical = all[i];
            screen->family = family;
        }
    }
    if (best < 0)
        status = rv_fail(RV_ERR_NO_DEVICE, "the window: no such device can show pictures in it");
done:
    return status;
}

// ------------------------------------------------------------------------------------------------
// Device, swapchain, picture

static enum rv_status make_device(rv_screen *screen) {
    const float priority = 1;
    const VkDeviceQueueCreateInfo queue = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                           .queueFamilyIndex = screen->family,
                                           .queueCount = 1,
                                           .pQueuePriorities = &priority};
    bool all = true;
    enum rv_status status = RV_OK;
    rv_device_wishes_make(&screen->wishes, screen->physical,
                          screen->vk.EnumerateDeviceExtensionProperties,
                          screen->vk.GetPhysicalDeviceFeatures2);
    const VkDeviceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                                     .pNext = &screen->wishes.features,
                                     .queueCreateInfoCount = 1,
                                     .pQueueCreateInfos = &queue,
                                     .enabledExtensionCount = screen->wishes.extension_count,
                                     .ppEnabledExtensionNames = screen->wishes.extensions};
    VK(CreateDevice, screen->physical, &info, NULL, &screen->device);
#define LOAD_DEVICE(name)                                                                          \
    screen->vk.name = (PFN_vk##name)screen->vk.GetDeviceProcAddr(screen->device, "vk" #name);      \
    all &= screen->vk.name != NULL;
    RV_DEVICE_FUNCTIONS(LOAD_DEVICE)
    if (!all)
        return rv_fail(RV_ERR_NO_DEVICE, "the window: the driver lacks functions of Vulkan 1.2");
    screen->vk.GetDeviceQueue(screen->device, screen->family, 0, &screen->queue);
done:
    return status;
}

// 8 bits, shown as they are, like the picture's.
static enum rv_status choose_format(rv_screen *screen, VkSurfaceFormatKHR *chosen) {
    *chosen = (VkSurfaceFormatKHR){0};
    VkSurfaceFormatKHR formats[64];
    uint32_t count = 64;
    enum rv_status status = RV_OK;
    VK(GetPhysicalDeviceSurfaceFormatsKHR, screen->physical, screen->surface, &count, formats);
    for (uint32_t i = 0; i < count; i++) {
        VkFormatProperties can;
        screen->vk.GetPhysicalDeviceFormatProperties(screen->physical, formats[i].format, &can);
        if ((formats[i].format == VK_FORMAT_B8G8R8A8_UNORM ||
             formats[i].format == VK_FORMAT_R8G8B8A8_UNORM) &&
            formats[i].colorSpace == VK_COLOR_SPACE_SRGB_NONLINEAR_KHR &&
            (can.optimalTilingFeatures & VK_FORMAT_FEATURE_BLIT_DST_BIT)) {
            *chosen = formats[i];
            return RV_OK;
        }
    }
    status = rv_fail(RV_ERR_NO_DEVICE, "the window: it shows none of the formats known here");
done:
    return status;
}

// The newest picture without tearing where that is to be had; else in the screen's beat.
static enum rv_status choose_mode(rv_screen *screen, VkPresentModeKHR *mode) {
    VkPresentModeKHR modes[16];
    uint32_t count = 16;
    enum rv_status status = RV_OK;
    *mode = VK_PRESENT_MODE_FIFO_KHR;
    VK(GetPhysicalDeviceSurfacePresentModesKHR, screen->physical, screen->surface, &count, modes);
    for (uint32_t i = 0; i < count; i++) {
        if (modes[i] == VK_PRESENT_MODE_MAILBOX_KHR)
            *mode = modes[i];
    }
done:
    return status;
}

static void destroy_swapchain(rv_screen *screen, VkSwapchainKHR swapchain) {
    for (uint32_t i = 0; i < screen->image_count; i++) {
        screen->vk.DestroySemaphore(screen->device, screen->rendered[i], NULL);
        screen->rendered[i] = VK_NULL_HANDLE;
    }
    screen->image_count = 0;
    screen->vk.DestroySwapchainKHR(screen->device, swapchain, NULL);
}

static enum rv_status make_semaphore(rv_screen *screen, VkSemaphoreType kind,
                                     VkSemaphore *semaphore) {
    const VkSemaphoreTypeCreateInfo type = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
                                            .semaphoreType = kind};
    const VkSemaphoreCreateInfo info = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO,
                                        .pNext = &type};
    enum rv_status status = RV_OK;
    VK(CreateSemaphore, screen->device, &info, NULL, semaphore);
done:
    return status;
}

static uint32_t within(uint32_t value, uint32_t least, uint32_t most) {
    return value < least ? least : value > most ? most : value;
}

// What the window's size is now. 0 x 0 while it is minimised.
static void find_extent(rv_screen *screen, const VkSurfaceCapabilitiesKHR *can) {
    int width, height;
    screen->extent = can->currentExtent;
    if (screen->extent.width != UINT32_MAX)
        return;
    rv_sdl.SDL_Vulkan_GetDrawableSize(screen->window, &width, &height); // Wayland leaves it to us
    screen->extent.width =
        within((uint32_t)width, can->minImageExtent.width, can->maxImageExtent.width);
    screen->extent.height =
        within((uint32_t)height, can->minImageExtent.height, can->maxImageExtent.height);
}

// Makes a swapchain that fits the window, in place of the one before. `screen->stale` stays set
// while the window has no size.
static enum rv_status make_swapchain(rv_screen *screen) {
    VkSurfaceCapabilitiesKHR can;
    VkSurfaceFormatKHR format;
    VkPresentModeKHR mode;
    VkSwapchainKHR old = screen->swapchain;
    enum rv_status status = RV_OK;
    VK(DeviceWaitIdle, screen->device); // nobody uses the old one any more
    VK(GetPhysicalDeviceSurfaceCapabilitiesKHR, screen->physical, screen->surface, &can);
    find_extent(screen, &can);
    if (screen->extent.width == 0 || screen->extent.height == 0)
        return RV_OK;
    RV_TRY(choose_format(screen, &format));
    RV_TRY(choose_mode(screen, &mode));
    if (!(can.supportedUsageFlags & VK_IMAGE_USAGE_TRANSFER_DST_BIT))
        RV_TRY(rv_fail(RV_ERR_NO_DEVICE, "the window: nothing can be copied into it"));
    uint32_t wanted = can.minImageCount + 1;
    const VkSwapchainCreateInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_SWAPCHAIN_CREATE_INFO_KHR,
        .surface = screen->surface,
        .minImageCount =
            can.maxImageCount && wanted > can.maxImageCount ? can.maxImageCount : wanted,
        .imageFormat = format.format,
        .imageColorSpace = format.colorSpace,
        .imageExtent = screen->extent,
        .imageArrayLayers = 1,
        .imageUsage = VK_IMAGE_USAGE_TRANSFER_DST_BIT,
        .preTransform = can.currentTransform,
        .compositeAlpha = can.supportedCompositeAlpha & VK_COMPOSITE_ALPHA_OPAQUE_BIT_KHR
                              ? VK_COMPOSITE_ALPHA_OPAQUE_BIT_KHR
                              : VK_COMPOSITE_ALPHA_INHERIT_BIT_KHR,
        .presentMode = mode,
        .clipped = VK_TRUE,
        .oldSwapchain = old};
    screen->swapchain = VK_NULL_HANDLE;
    VkResult made = screen->vk.CreateSwapchainKHR(screen->device, &info, NULL, &screen->swapchain);
    destroy_swapchain(screen, old);
    RV_TRY(check(made, "vkCreateSwapchainKHR"));
    uint32_t count = IMAGES_MAX;
    VK(GetSwapchainImagesKHR, screen->device, screen->swapchain, &count, screen->images);
    for (; screen->image_count < count; screen->image_count++)
        RV_TRY(make_semaphore(screen, VK_SEMAPHORE_TYPE_BINARY,
                              &screen->rendered[screen->image_count]));
    screen->format = format.format;
    screen->stale = false;
done:
    return status;
}

static enum rv_status make_frames(rv_screen *screen) {
    const VkCommandPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                          .flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
                                          .queueFamilyIndex = screen->family};
    enum rv_status status = RV_OK;
    VK(CreateCommandPool, screen->device, &pool, NULL, &screen->pool);
    const VkCommandBufferAllocateInfo info = {.sType =
                                                  VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                              .commandPool = screen->pool,
                                              .commandBufferCount = 1};
    for (int i = 0; i < FRAMES; i++) {
        VK(AllocateCommandBuffers, screen->device, &info, &screen->frames[i].commands);
        RV_TRY(make_semaphore(screen, VK_SEMAPHORE_TYPE_BINARY, &screen->frames[i].acquired));
    }
    RV_TRY(make_semaphore(screen, VK_SEMAPHORE_TYPE_TIMELINE, &screen->timeline));
done:
    return status;
}

static enum rv_status make_picture(rv_screen *screen) {
    const VkImageCreateInfo info = {.sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
                                    .imageType = VK_IMAGE_TYPE_2D,
                                    .format = VK_FORMAT_R8G8B8A8_UNORM,
                                    .extent = {screen->width, screen->height, 1},
                                    .mipLevels = 1,
                                    .arrayLayers = 1,
                                    .samples = VK_SAMPLE_COUNT_1_BIT,
                                    .usage = VK_IMAGE_USAGE_TRANSFER_SRC_BIT |
                                             VK_IMAGE_USAGE_TRANSFER_DST_BIT};
    VkMemoryRequirements needs;
    VkPhysicalDeviceMemoryProperties has;
    VkMemoryAllocateInfo memory = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO};
    enum rv_status status = RV_OK;
    VK(CreateImage, screen->device, &info, NULL, &screen->picture);
    screen->vk.GetImageMemoryRequirements(screen->device, screen->picture, &needs);
    screen->vk.GetPhysicalDeviceMemoryProperties(screen->physical, &has);
    memory.allocationSize = needs.size;
    // Of the types that serve, the first on the device; an image of optimal tiling has one.
    for (uint32_t i = has.memoryTypeCount; i-- > 0;) {
        bool serves = needs.memoryTypeBits >> i & 1;
        bool near = has.memoryTypes[i].propertyFlags & VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT;
        if (serves && near)
            memory.memoryTypeIndex = i;
    }
    VK(AllocateMemory, screen->device, &memory, NULL, &screen->memory);
    VK(BindImageMemory, screen->device, screen->picture, screen->memory, 0);
done:
    return status;
}

enum rv_status rv_screen_open(SDL_Window *window, const char *device, uint32_t width,
                              uint32_t height, rv_screen **out) {
    rv_screen *screen = calloc(1, sizeof *screen);
    enum rv_status status;
    *out = NULL;
    if (!screen)
        return rv_fail(RV_ERR_NO_MEMORY, "no memory for a window");
    screen->window = window;
    screen->width = width;
    screen->height = height;
    screen->stale = true;
    RV_TRY(make_instance(screen));
    RV_TRY(choose_device(screen, device));
    RV_TRY(make_device(screen));
    RV_TRY(make_swapchain(screen));
    RV_TRY(make_frames(screen));
    RV_TRY(make_picture(screen));
    *out = screen;
    return RV_OK;
done:
    rv_screen_close(&screen);
    return status;
}

static void destroy_device(rv_screen *screen) {
    VkDevice device = screen->device;
    screen->vk.DeviceWaitIdle(device); // a lost device does not wait either
    screen->vk.DestroyImage(device, screen->picture, NULL);
    screen->vk.FreeMemory(device, screen->memory, NULL);
    screen->vk.DestroySemaphore(device, screen->timeline, NULL);
    for (int i = 0; i < FRAMES; i++)
        screen->vk.DestroySemaphore(device, screen->frames[i].acquired, NULL);
    screen->vk.DestroyCommandPool(device, screen->pool, NULL);
    destroy_swapchain(screen, screen->swapchain);
    screen->vk.DestroyDevice(device, NULL);
}

void rv_screen_close(rv_screen **out) {
    rv_screen *screen = out ? *out : NULL;
    if (!screen)
        return;
    if (screen->device && screen->vk.QueuePresentKHR) // the last of the functions that are loaded
        destroy_device(screen);
    if (screen->surface)
        screen->vk.DestroySurfaceKHR(screen->instance, screen->surface, NULL);
    if (screen->instance && screen->vk.DestroyInstance)
        screen->vk.DestroyInstance(screen->instance, NULL);
    free(screen);
    *out = NULL;
}

// ------------------------------------------------------------------------------------------------
// Pictures

void rv_screen_lend(rv_screen *screen, struct rv_vulkan_device *device) {
    *device = (struct rv_vulkan_device){.size = sizeof *device,
                                        .get_instance_proc_addr = screen->get,
                                        .api_version = VK_API_VERSION_1_3,
                                        .instance = screen->instance,
                                        .physical_device = screen->physical,
                                        .device = screen->device,
                                        .extensions = screen->wishes.extensions,
                                        .extension_count = screen->wishes.extension_count,
                                        .features = &screen->wishes.features,
                                        .queue_family = screen->family};
}

struct rv_vulkan_image rv_screen_target(rv_screen *screen) {
    uint64_t before = screen->turn++;
    screen->written = true;
    return (struct rv_vulkan_image){.size = sizeof(struct rv_vulkan_image),
                                    .image = screen->picture,
                                    .format = VK_FORMAT_R8G8B8A8_UNORM,
                                    .width = screen->width,
                                    .height = screen->height,
                                    .layout = VK_IMAGE_LAYOUT_UNDEFINED,
                                    .layout_after = VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL,
                                    .wait = screen->timeline,
                                    .wait_value = before,
                                    .signal = screen->timeline,
                                    .signal_value = screen->turn};
}

void rv_screen_resized(rv_screen *screen) {
    screen->stale = true;
}

// Everything here is done by copies, so every barrier is between them.
static void barrier(rv_screen *screen, VkCommandBuffer commands, VkImage image, VkImageLayout from,
                    VkImageLayout to) {
    const VkImageMemoryBarrier info = {.sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER,
                                       .srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
                                       .dstAccessMask = VK_ACCESS_TRANSFER_READ_BIT |
                                                        VK_ACCESS_TRANSFER_WRITE_BIT,
                                       .oldLayout = from,
                                       .newLayout = to,
                                       .srcQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
                                       .dstQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
                                       .image = image,
                                       .subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1}};
    screen->vk.CmdPipelineBarrier(commands, VK_PIPELINE_STAGE_TRANSFER_BIT,
                                  VK_PIPELINE_STAGE_TRANSFER_BIT, 0, 0, NULL, 0, NULL, 1, &info);
}

// The largest rectangle of the picture's proportions within the window, in its middle.
static void place(const rv_screen *screen, VkOffset3D corners[2]) {
    const VkExtent2D window = screen->extent;
    uint64_t width = window.width, height = window.height;
    if (width * screen->height > height * screen->width)
        width = height * screen->width / screen->height;
    else
        height = width * screen->height / screen->width;
    width = width ? width : 1;
    height = height ? height : 1;
    corners[0] = (VkOffset3D){(int32_t)((window.width - width) / 2),
                              (int32_t)((window.height - height) / 2), 0};
    corners[1] = (VkOffset3D){corners[0].x + (int32_t)width, corners[0].y + (int32_t)height, 1};
}

static enum rv_status record(rv_screen *screen, VkCommandBuffer commands, VkImage image) {
    const VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
                                            .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT};
    const VkImageLayout target = VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL;
    const VkImageSubresourceRange all = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1};
    const VkClearColorValue black = {{0, 0, 0, 1}};
    VkImageBlit blit = {
        .srcSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1},
        .srcOffsets = {{0, 0, 0}, {(int32_t)screen->width, (int32_t)screen->height, 1}},
        .dstSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1}};
    enum rv_status status = RV_OK;
    place(screen, blit.dstOffsets);
    VK(BeginCommandBuffer, commands, &begin);
    barrier(screen, commands, image, VK_IMAGE_LAYOUT_UNDEFINED, target);
    screen->vk.CmdClearColorImage(commands, image, target, &black, 1, &all);
    barrier(screen, commands, image, target, target);
    screen->vk.CmdBlitImage(commands, screen->picture, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL, image,
                            target, 1, &blit, VK_FILTER_LINEAR);
    barrier(screen, commands, image, target, VK_IMAGE_LAYOUT_PRESENT_SRC_KHR);
    VK(EndCommandBuffer, commands);
done:
    return status;
}

// Takes the picture's next turn.
static enum rv_status submit(rv_screen *screen, struct frame *frame, VkSemaphore rendered) {
    const VkPipelineStageFlags stages[] = {VK_PIPELINE_STAGE_TRANSFER_BIT,
                                           VK_PIPELINE_STAGE_TRANSFER_BIT};
    const VkSemaphore waits[] = {screen->timeline, frame->acquired};
    const VkSemaphore signals[] = {screen->timeline, rendered};
    const uint64_t wait_values[] = {screen->turn, 0}, signal_values[] = {screen->turn + 1, 0};
    const VkTimelineSemaphoreSubmitInfo values = {
        VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO, NULL, 2, wait_values, 2, signal_values};
    const VkSubmitInfo info = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
                               .pNext = &values,
                               .waitSemaphoreCount = 2,
                               .pWaitSemaphores = waits,
                               .pWaitDstStageMask = stages,
                               .commandBufferCount = 1,
                               .pCommandBuffers = &frame->commands,
                               .signalSemaphoreCount = 2,
                               .pSignalSemaphores = signals};
    enum rv_status status = RV_OK;
    VK(QueueSubmit, screen->queue, 1, &info, VK_NULL_HANDLE);
    frame->turn = ++screen->turn;
    screen->frame++;
done:
    return status;
}

// Gets an image of the swapchain; *got is false when the window is not to be drawn in now.
static enum rv_status acquire(rv_screen *screen, struct frame *frame, uint32_t *index, bool *got) {
    enum rv_status status = RV_OK;
    *got = false;
    for (int attempt = 0; attempt < 2 && !*got; attempt++) {
        if (screen->stale)
            RV_TRY(make_swapchain(screen));
        if (screen->stale)
            return RV_OK;
        VkResult result = screen->vk.AcquireNextImageKHR(
            screen->device, screen->swapchain, PATIENCE, frame->acquired, VK_NULL_HANDLE, index);
        if (result == VK_TIMEOUT || result == VK_NOT_READY)
            return RV_OK;
        screen->stale = result == VK_ERROR_OUT_OF_DATE_KHR || result == VK_SUBOPTIMAL_KHR;
        if (result == VK_ERROR_OUT_OF_DATE_KHR)
            continue;
        RV_TRY(check(result, "vkAcquireNextImageKHR"));
        *got = true;
    }
done:
    return status;
}

enum rv_status rv_screen_show(rv_screen *screen) {
    struct frame *frame = &screen->frames[screen->frame % FRAMES];
    const VkSemaphoreWaitInfo wait = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
                                      .semaphoreCount = 1,
                                      .pSemaphores = &screen->timeline,
                                      .pValues = &frame->turn};
    uint32_t index;
    bool got;
    enum rv_status status = RV_OK;
    if (!screen->written)
        return RV_OK;
    VK(WaitSemaphores, screen->device, &wait, UINT64_MAX);
    RV_TRY(acquire(screen, frame, &index, &got));
    if (!got)
        return RV_OK;
    RV_TRY(record(screen, frame->commands, screen->images[index]));
    RV_TRY(submit(screen, frame, screen->rendered[index]));
    const VkPresentInfoKHR present = {.sType = VK_STRUCTURE_TYPE_PRESENT_INFO_KHR,
                                      .waitSemaphoreCount = 1,
                                      .pWaitSemaphores = &screen->rendered[index],
                                      .swapchainCount = 1,
                                      .pSwapchains = &screen->swapchain,
                                      .pImageIndices = &index};
    VkResult result = screen->vk.QueuePresentKHR(screen->queue, &present);
    if (result == VK_ERROR_OUT_OF_DATE_KHR || result == VK_SUBOPTIMAL_KHR)
        screen->stale = true;
    else
        RV_TRY(check(result, "vkQueuePresentKHR"));
done:
    return status;
}
