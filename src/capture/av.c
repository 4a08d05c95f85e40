#include "capture/av.h"

#include <stdio.h>

#include "base/status.h"
#include "capture/shared.h"

struct rv_av rv_av;

// Loads the library of that version, or says that it is missing.
static void *open_library(const char *input, const char *name, unsigned version) {
    char file[64];
#ifdef __APPLE__
    snprintf(file, sizeof file, "lib%s.%u.dylib", name, version);
#else
    snprintf(file, sizeof file, "lib%s.so.%u", name, version);
#endif
    void *library = rv_shared_open(file);
    if (!library)
        rv_fail(RV_ERR_USAGE,
                "%s: to read it takes %s, which is not there (Debian: lib%s%u), or convert it: "
                "ffmpeg -i FILE -f yuv4mpegpipe - | reverie live -i -",
                input, file, name, version);
    return library;
}

enum rv_status rv_av_load(const char *input) {
    static bool loaded;
    bool all = true;
    if (loaded)
        return RV_OK;
    void *avutil = open_library(input, "avutil", LIBAVUTIL_VERSION_MAJOR);
    void *avcodec = avutil ? open_library(input, "avcodec", LIBAVCODEC_VERSION_MAJOR) : NULL;
    void *avformat = avcodec ? open_library(input, "avformat", LIBAVFORMAT_VERSION_MAJOR) : NULL;
    void *swscale = avformat ? open_library(input, "swscale", LIBSWSCALE_VERSION_MAJOR) : NULL;
    void *avdevice = swscale ? open_library(input, "avdevice", LIBAVDEVICE_VERSION_MAJOR) : NULL;
    if (!avdevice)
        return RV_ERR_USAGE; // as was said
#define FIND(library, name) all &= rv_shared_find(library, #name, &rv_av.name);
    RV_AV_FUNCTIONS(FIND)
#undef FIND
    if (!all)
        return rv_fail(RV_ERR_USAGE, "%s: FFmpeg's libraries lack functions that they had", input);
    loaded = true;
    rv_av.av_log_set_level(AV_LOG_FATAL); // we say ourselves what went wrong
    rv_av.avdevice_register_all();
    return RV_OK;
}
