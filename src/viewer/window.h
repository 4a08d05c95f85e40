// The window a live dream is shown in. It has a Vulkan device of its own, which the library dreams
// on so that no pixel of the dream passes through the host; where none can show pictures in a
// window, they are drawn out of host memory.
#ifndef RV_VIEWER_WINDOW_H
#define RV_VIEWER_WINDOW_H

#include "reverie/vulkan.h"
#include "viewer/keys.h"

struct rv_window_params {
    const char *title;
    uint32_t width, height; // of the pictures
    const char *device;     // index, UUID or part of a name, or "cpu"; NULL = the best
    bool host;              // draw out of host memory in any case
};

typedef struct rv_window rv_window;

// Whether this build can open windows.
bool rv_window_available(void);

// Opens it. RV_ERR_USAGE if this build cannot, RV_ERR_IO if there is no display. One thread, the
// one that calls the other functions and the library.
enum rv_status rv_window_open(const struct rv_window_params *params, rv_window **window);
// Everything that was begun on its device must be ended before. Accepts NULL and pointers to NULL.
void rv_window_close(rv_window **window);

// Fills in the window's device, to be lent to the library; false if it has none, and `reason`, a
// static or the window's text, says why not. Pointers in it are valid while the window is.
bool rv_window_lend(rv_window *window, struct rv_vulkan_device *device, const char **reason);

// With a device: the image that the library is to write the next picture to, as a target of
// rv_live_frame_images. To be called anew for each picture that is then written.
struct rv_vulkan_image rv_window_target(rv_window *window);
// Shows what was written there last, or nothing while the window cannot be seen.
enum rv_status rv_window_show(rv_window *window);
// Without one: shows a picture out of host memory, RGBA; NULL = the last one again.
enum rv_status rv_window_show_pixels(rv_window *window, const uint8_t *rgba);

// The next thing that was asked for, NONE if nothing more. Full screen is seen to at once.
enum rv_wish rv_window_poll(rv_window *window);
void rv_window_title(rv_window *window, const char *title);

#endif
