// A small picture of what each layer dreams, for the drawing of the network. They are made once for
// some weights, from noise, one after the other while the device has nothing else to do, and kept
// where the pipelines are.
#ifndef RV_STUDIO_PORTRAITS_H
#define RV_STUDIO_PORTRAITS_H

#include <stddef.h>

#include "reverie/reverie.h"

typedef struct rv_portraits rv_portraits;

// The drawing shows the blocks, and of the stem what comes out of a ReLU or a pooling.
bool rv_layer_is_drawn(const struct rv_layer_info *layer);

// `weights` and `weights_path` (NULL = the default place) are borrowed until destroy. NULL if
// memory is short.
rv_portraits *rv_portraits_create(const rv_weights *weights, const char *weights_path);
void rv_portraits_destroy(rv_portraits **portraits);

// For the thread that has the context. Whether any are still to be made:
bool rv_portraits_wanted(const rv_portraits *portraits);
// Goes on for so many seconds, more where a session begins; *made = one more is there. After a
// failure no more are wanted.
enum rv_status rv_portraits_advance(rv_portraits *portraits, rv_context *context, double seconds,
                                    bool *made);
// Gives the device's memory back. Before the context is destroyed, and before there is better to
// do.
void rv_portraits_rest(rv_portraits *portraits);

// One of them as JPEG, borrowed until destroy; false if it is not there (yet). Thread-safe.
struct rv_portrait {
    const void *bytes;
    size_t size;
    const char *tag; // another for other bytes
};
bool rv_portraits_find(const rv_portraits *portraits, const char *layer,
                       struct rv_portrait *portrait);

#endif
