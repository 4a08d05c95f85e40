// In place of window.c and screen.c where the build found no SDL2.
#include "base/status.h"
#include "viewer/window.h"

bool rv_window_available(void) {
    return false;
}

enum rv_status rv_window_open(const struct rv_window_params *params, rv_window **window) {
    (void)params;
    *window = NULL;
    return rv_fail(RV_ERR_USAGE, "this reverie opens no windows: build it where SDL2 is (Debian: "
                                 "libsdl2-dev), or name an output: -o FILE, or -o - | ffplay -");
}

void rv_window_close(rv_window **window) {
    (void)window;
}

bool rv_window_lend(rv_window *window, struct rv_vulkan_device *device, const char **reason) {
    (void)window, (void)device;
    *reason = "";
    return false;
}

struct rv_vulkan_image rv_window_target(rv_window *window) {
    (void)window;
    return (struct rv_vulkan_image){0};
}

enum rv_status rv_window_show(rv_window *window) {
    (void)window;
    return RV_OK;
}

enum rv_status rv_window_show_pixels(rv_window *window, const uint8_t *rgba) {
    (void)window, (void)rgba;
    return RV_OK;
}

enum rv_wish rv_window_poll(rv_window *window) {
    (void)window;
    return RV_WISH_NONE;
}

void rv_window_title(rv_window *window, const char *title) {
    (void)window, (void)title;
}
