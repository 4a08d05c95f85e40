// What a context owns.
#ifndef RV_DREAM_CONTEXT_H
#define RV_DREAM_CONTEXT_H

#include "vk/device.h"

struct rv_context {
    struct rv_device *device; // owned
};

#endif
