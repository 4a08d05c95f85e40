// `reverie studio`: dreaming in the browser.
#ifndef RV_STUDIO_STUDIO_H
#define RV_STUDIO_STUDIO_H

#include "studio/dreamer.h"

struct rv_studio_params {
    const rv_weights *weights;
    const char *weights_path; // NULL = the default place; told in saved pictures
    const char *photo;        // to begin with; NULL = none
    uint64_t side;            // longest side to dream it at; 0 = what stays lively
    struct rv_params params;  // to begin with
    rv_open_context_fn open;
    void *open_user;
    uint16_t port; // 0 = any
    bool any_port; // if that one is taken
    bool browser;  // open one
};

// True if this build has a server.
bool rv_studio_available(void);

// Prints the address, serves until SIGINT or SIGTERM, then returns RV_OK. RV_ERR_USAGE without a
// server.
enum rv_status rv_studio_run(const struct rv_studio_params *params);

#endif
