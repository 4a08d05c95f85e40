// A Vulkan device that shows one picture in an SDL window, and that is lent to the library.
#ifndef RV_VIEWER_SCREEN_H
#define RV_VIEWER_SCREEN_H

#include <SDL.h>

#include "reverie/vulkan.h"

typedef struct rv_screen rv_screen;

// The window was made for Vulkan. `device` as in rv_window_params. Fails where no such device can
// show pictures in this window.
enum rv_status rv_screen_open(SDL_Window *window, const char *device, uint32_t width,
                              uint32_t height, rv_screen **screen);
void rv_screen_close(rv_screen **screen);

void rv_screen_lend(rv_screen *screen, struct rv_vulkan_device *device);
struct rv_vulkan_image rv_screen_target(rv_screen *screen);

// The window's size is another one: the next picture is shown in that.
void rv_screen_resized(rv_screen *screen);
enum rv_status rv_screen_show(rv_screen *screen);

#endif
