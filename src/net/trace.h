// What lies before a layer's values in the network.
#ifndef RV_NET_TRACE_H
#define RV_NET_TRACE_H

#include "net/layers.h"

// Fills in the receptive fields of the layers: pixels of the picture, along the longer side of the
// two where they differ, that one position depends on.
void rv_trace_receptive_fields(struct rv_layer *layers, uint32_t count);

// Moves a target that is one channel behind a ReLU to the same channel before it (through
// max-pools, to the ReLU before those). False if there is no such: it stays as it was.
bool rv_trace_before_relu(struct rv_target *target);

#endif
