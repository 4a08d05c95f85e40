// The part of the example that every program with a window and a Vulkan device has already: nothing
// in it knows of Reverie. Whatever fails here says so and ends the program.
#ifndef RV_EXAMPLES_HOST_H
#define RV_EXAMPLES_HOST_H

// Before everything else that includes Vulkan's headers: volk's pointers stand in for the
// prototypes.
#include <volk.h>

#include <SDL.h>

#include <stdbool.h>

#define HOST_FRAMES 2 // under way at once
#define HOST_IMAGES 16

struct host_frame {
    VkCommandBuffer commands;
    VkSemaphore acquired;
    uint64_t turn; // after which the commands are free again
};

struct host {
    SDL_Window *window;
    SDL_mutex *queue_mutex; // around everything that is done with the queue
    VkInstance instance;
    VkSurfaceKHR surface;
    VkPhysicalDevice physical;
    VkDevice device;
    uint32_t family; // of the queue, which draws, computes and presents
    VkQueue queue;
    VkSwapchainKHR swapchain;
    bool stale; // the swapchain is no longer the window's: it is made anew before the next frame
    VkFormat format;
    VkExtent2D extent;
    VkImage images[HOST_IMAGES];
    VkSemaphore rendered[HOST_IMAGES];
    uint32_t image_count;
    VkCommandPool pool;
    struct host_frame frames[HOST_FRAMES];
    uint32_t frame; // counts frames
    // The picture that is shown: one image, used by turns. Each use waits for the value of the
    // timeline that the one before signals, and signals the next. Between uses its layout is
    // VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL.
    VkImage picture;
    VkDeviceMemory picture_memory;
    uint32_t width, height;
    VkSemaphore timeline;
    uint64_t turn;
    VkBuffer staging; // of the picture on its way in, of the window on its way out
    VkDeviceMemory staging_memory;
    VkDeviceSize staging_bytes;
    void *staged;
};

// A window, an instance, a physical device that can present to it.
void host_begin(struct host *host, const char *title, uint32_t width, uint32_t height);
// A device with these extensions and features, the swapchain, and a picture of RGBA8 pixels.
void host_make_device(struct host *host, const char *const *extensions, uint32_t extension_count,
                      const VkPhysicalDeviceFeatures2 *features);
void host_make_picture(struct host *host, const void *pixels, uint32_t width, uint32_t height);
// Destroys everything, after everybody has stopped using it.
void host_end(struct host *host);

// Hears what has happened to the window since the last call. False: it was closed.
bool host_is_open(struct host *host);

// One frame: a background of this colour, and the picture on it with `border` pixels around, as
// large as the window is by now. False: nothing was drawn, since the window is minimised.
bool host_draw(struct host *host, const float colour[4], uint32_t border);
// Draws it and writes it to a file.
bool host_draw_to_file(struct host *host, const float colour[4], uint32_t border, const char *path);

void host_fail(const char *what, const char *why);

#endif
