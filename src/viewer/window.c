#include "viewer/window.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "viewer/screen.h"
#include "viewer/sdl.h"

#define LARGE_WIDTH 960 // to which small pictures are shown enlarged, by powers of two
#define LARGE_HEIGHT 720

struct rv_window {
    SDL_Window *window;
    rv_screen *screen; // NULL = out of host memory
    char reason[256];  // why
    SDL_Renderer *renderer;
    SDL_Texture *texture;
    uint32_t width, height;
    bool hidden; // minimised: nothing is to be drawn
    bool full_screen;
};

bool rv_window_available(void) {
    return true;
}

static enum rv_status fail_sdl(const char *what) {
    return rv_fail(RV_ERR_IO, "the window: %s: %s; --output FILE does without one", what,
                   rv_sdl.SDL_GetError());
}

// Has SDL show pictures out of host memory.
static enum rv_status make_texture(rv_window *window) {
    window->renderer = rv_sdl.SDL_CreateRenderer(window->window, -1, 0);
    if (!window->renderer)
        return fail_sdl("cannot draw");
    rv_sdl.SDL_SetHint(SDL_HINT_RENDER_SCALE_QUALITY, "linear");
    window->texture = rv_sdl.SDL_CreateTexture(window->renderer, SDL_PIXELFORMAT_RGBA32,
                                               SDL_TEXTUREACCESS_STREAMING, (int)window->width,
                                               (int)window->height);
    if (!window->texture || rv_sdl.SDL_RenderSetLogicalSize(window->renderer, (int)window->width,
                                                            (int)window->height) != 0)
        return fail_sdl("cannot draw");
    return RV_OK;
}

static SDL_Window *make_window(const struct rv_window_params *params, uint32_t flags) {
    int width = (int)params->width, height = (int)params->height;
    while (width * 2 <= LARGE_WIDTH && height * 2 <= LARGE_HEIGHT) {
        width *= 2;
        height *= 2;
    }
    return rv_sdl.SDL_CreateWindow(params->title, SDL_WINDOWPOS_CENTERED, SDL_WINDOWPOS_CENTERED,
                                   width, height,
                                   flags | SDL_WINDOW_RESIZABLE | SDL_WINDOW_ALLOW_HIGHDPI);
}

// A device of its own, if one can show pictures here; the reason, if none can.
static void try_screen(rv_window *window, const struct rv_window_params *params) {
    window->window = make_window(params, SDL_WINDOW_VULKAN);
    if (!window->window)
        snprintf(window->reason, sizeof window->reason, "%s", rv_sdl.SDL_GetError());
    else if (rv_screen_open(window->window, params->device, params->width, params->height,
                            &window->screen) != RV_OK)
        snprintf(window->reason, sizeof window->reason, "%s", rv_error_text());
    if (window->screen || !window->window)
        return;
    rv_sdl.SDL_DestroyWindow(window->window);
    window->window = NULL;
}

enum rv_status rv_window_open(const struct rv_window_params *params, rv_window **out) {
    *out = NULL;
    enum rv_status status = rv_sdl_load();
    if (status != RV_OK)
        return status;
    rv_window *window = calloc(1, sizeof *window);
    if (!window)
        return rv_fail(RV_ERR_NO_MEMORY, "no memory for a window");
    window->width = params->width;
    window->height = params->height;
    rv_sdl.SDL_SetHint(SDL_HINT_NO_SIGNAL_HANDLERS, "1"); // Ctrl-C is the program's
    if (rv_sdl.SDL_InitSubSystem(SDL_INIT_VIDEO) != 0) {
        free(window);
        return fail_sdl("there is no display");
    }
    if (params->host)
        snprintf(window->reason, sizeof window->reason, "it was asked for");
    else
        try_screen(window, params);
    if (!window->screen) {
        window->window = make_window(params, 0);
        if (!window->window)
            RV_TRY(fail_sdl("cannot open one"));
        RV_TRY(make_texture(window));
    }
    *out = window;
    return RV_OK;
done:
    rv_window_close(&window);
    return status;
}

void rv_window_close(rv_window **out) {
    rv_window *window = out ? *out : NULL;
    if (!window)
        return;
    rv_screen_close(&window->screen);
    if (window->texture)
        rv_sdl.SDL_DestroyTexture(window->texture);
    if (window->renderer)
        rv_sdl.SDL_DestroyRenderer(window->renderer);
    if (window->window)
        rv_sdl.SDL_DestroyWindow(window->window);
    rv_sdl.SDL_QuitSubSystem(SDL_INIT_VIDEO);
    rv_sdl.SDL_Quit();
    free(window);
    *out = NULL;
}

bool rv_window_lend(rv_window *window, struct rv_vulkan_device *device, const char **reason) {
    *reason = window->reason;
    if (window->screen)
        rv_screen_lend(window->screen, device);
    return window->screen != NULL;
}

struct rv_vulkan_image rv_window_target(rv_window *window) {
    return rv_screen_target(window->screen);
}

enum rv_status rv_window_show(rv_window *window) {
    return window->hidden ? RV_OK : rv_screen_show(window->screen);
}

enum rv_status rv_window_show_pixels(rv_window *window, const uint8_t *rgba) {
    if (rgba && rv_sdl.SDL_UpdateTexture(window->texture, NULL, rgba, (int)window->width * 4) != 0)
        return fail_sdl("cannot draw");
    if (window->hidden)
        return RV_OK;
    if (rv_sdl.SDL_RenderClear(window->renderer) != 0 ||
        rv_sdl.SDL_RenderCopy(window->renderer, window->texture, NULL, NULL) != 0)
        return fail_sdl("cannot draw");
    rv_sdl.SDL_RenderPresent(window->renderer);
    return RV_OK;
}

void rv_window_title(rv_window *window, const char *title) {
    rv_sdl.SDL_SetWindowTitle(window->window, title);
}

// ------------------------------------------------------------------------------------------------
// Events

static void toggle_full_screen(rv_window *window) {
    window->full_screen = !window->full_screen;
    rv_sdl.SDL_SetWindowFullscreen(window->window,
                                   window->full_screen ? SDL_WINDOW_FULLSCREEN_DESKTOP : 0);
    rv_sdl.SDL_ShowCursor(window->full_screen ? SDL_DISABLE : SDL_ENABLE);
}

static void on_window_event(rv_window *window, uint8_t event) {
    switch (event) {
    case SDL_WINDOWEVENT_SIZE_CHANGED:
        if (window->screen)
            rv_screen_resized(window->screen);
        break;
    case SDL_WINDOWEVENT_MINIMIZED:
    case SDL_WINDOWEVENT_HIDDEN:
        window->hidden = true;
        break;
    case SDL_WINDOWEVENT_RESTORED:
    case SDL_WINDOWEVENT_MAXIMIZED:
    case SDL_WINDOWEVENT_SHOWN:
        window->hidden = false;
        break;
    default:
        break;
    }
}

// Escape leaves the full screen first.
static enum rv_wish on_key(rv_window *window, const SDL_KeyboardEvent *event) {
    enum rv_wish wish = rv_key_wish(rv_sdl.SDL_GetKeyName(event->keysym.sym));
    bool escape = event->keysym.sym == SDLK_ESCAPE && window->full_screen;
    bool once = wish == RV_WISH_PAUSE || wish == RV_WISH_SAVE || wish == RV_WISH_FULL_SCREEN;
    if (once && event->repeat) // it was only held down
        return RV_WISH_NONE;
    if (wish != RV_WISH_FULL_SCREEN && !escape)
        return wish;
    toggle_full_screen(window);
    return RV_WISH_NONE;
}

enum rv_wish rv_window_poll(rv_window *window) {
    SDL_Event event;
    enum rv_wish wish = RV_WISH_NONE;
    while (wish == RV_WISH_NONE && rv_sdl.SDL_PollEvent(&event)) {
        if (event.type == SDL_QUIT)
            wish = RV_WISH_QUIT;
        else if (event.type == SDL_WINDOWEVENT)
            on_window_event(window, event.window.event);
        else if (event.type == SDL_KEYDOWN)
            wish = on_key(window, &event.key);
    }
    return wish;
}
