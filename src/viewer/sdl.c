#include "viewer/sdl.h"

#include <stdbool.h>

#include "base/status.h"
#include "capture/shared.h"

#ifdef __APPLE__
#define LIBRARY "libSDL2-2.0.0.dylib"
#else
#define LIBRARY "libSDL2-2.0.so.0"
#endif

struct rv_sdl rv_sdl;

enum rv_status rv_sdl_load(void) {
    bool all = true;
    void *library = rv_shared_open(LIBRARY);
    if (!library)
        return rv_fail(RV_ERR_USAGE, "a window takes SDL2, which is not there (Debian: "
                                     "libsdl2-2.0-0): install it, or name an output: -o FILE");
#define FIND(name) all &= rv_shared_find(library, #name, &rv_sdl.name);
    RV_SDL_FUNCTIONS(FIND)
#undef FIND
    return all ? RV_OK
               : rv_fail(RV_ERR_USAGE, "a window takes a newer SDL2: " LIBRARY " is too old");
}
