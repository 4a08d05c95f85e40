// SDL's functions, as far as they are used here, loaded when a window is opened.
#ifndef RV_VIEWER_SDL_H
#define RV_VIEWER_SDL_H

#include <SDL.h>
#include <SDL_vulkan.h>

#include "reverie/reverie.h"

#define RV_SDL_FUNCTIONS(X)                                                                        \
    X(SDL_InitSubSystem)                                                                           \
    X(SDL_QuitSubSystem)                                                                           \
    X(SDL_Quit)                                                                                    \
    X(SDL_GetError)                                                                                \
    X(SDL_SetHint)                                                                                 \
    X(SDL_CreateWindow)                                                                            \
    X(SDL_DestroyWindow)                                                                           \
    X(SDL_SetWindowTitle)                                                                          \
    X(SDL_SetWindowFullscreen)                                                                     \
    X(SDL_ShowCursor)                                                                              \
    X(SDL_CreateRenderer)                                                                          \
    X(SDL_DestroyRenderer)                                                                         \
    X(SDL_CreateTexture)                                                                           \
    X(SDL_DestroyTexture)                                                                          \
    X(SDL_UpdateTexture)                                                                           \
    X(SDL_RenderSetLogicalSize)                                                                    \
    X(SDL_RenderClear)                                                                             \
    X(SDL_RenderCopy)                                                                              \
    X(SDL_RenderPresent)                                                                           \
    X(SDL_PollEvent)                                                                               \
    X(SDL_GetKeyName)                                                                              \
    X(SDL_Vulkan_GetVkGetInstanceProcAddr)                                                         \
    X(SDL_Vulkan_GetInstanceExtensions)                                                            \
    X(SDL_Vulkan_CreateSurface)                                                                    \
    X(SDL_Vulkan_GetDrawableSize)

#define RV_SDL_DECLARE(name) __typeof__(name) *name;
struct rv_sdl {
    RV_SDL_FUNCTIONS(RV_SDL_DECLARE)
};
#undef RV_SDL_DECLARE

// Filled in by rv_sdl_load.
extern struct rv_sdl rv_sdl;

// RV_ERR_USAGE if SDL2 is not there. One thread at a time.
enum rv_status rv_sdl_load(void);

#endif
