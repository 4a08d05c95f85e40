// reverie live: frames in, dreams out, in a window or elsewhere.
#ifndef RV_VIEWER_VIEWER_H
#define RV_VIEWER_VIEWER_H

#include "capture/sink.h"
#include "capture/source.h"
#include "reverie/live.h"
#include "reverie/vulkan.h"

// What was asked for. Everything is borrowed until rv_viewer_run returns.
struct rv_viewer_params {
    struct rv_source_request source; // its `stop` is the one below
    bool realtime;                   // take a file at its rate, as if it were a camera
    bool window;                     // show the dream in one
    bool host_window;                // drawn out of host memory
    struct rv_sink_request sink;     // else write it there; shape and rate are filled in; `output`
                                     // NULL = nowhere
    struct rv_params params;         // complete
    struct rv_live_params live;      // steps and rate 0 = by the source's kind
    const rv_weights *weights;
    const char *weights_path; // NULL = the default place
    const char *device;       // as in rv_context_params, for a window
    uint64_t frames;          // end after so many; 0 = when the source ends
    bool bench;               // print figures at the end
    bool json;                // as JSON
    bool quiet, verbose;
    atomic_bool *stop; // when it becomes true, the run ends; it is set at the end, too
    // Opens the device: a lent one, or with NULL the library's own.
    enum rv_status (*open)(void *user, const struct rv_vulkan_device *lent, rv_context **context);
    void *open_user;
};

// Runs until the source ends, `stop`, the window's end, or an error. What was written before a stop
// or an error of the source is kept; RV_ERR_CANCELLED only if `stop` came before the first frame.
enum rv_status rv_viewer_run(const struct rv_viewer_params *params);

#endif
