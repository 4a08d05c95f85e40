// Which layers are made large, and how much of each.
#ifndef RV_DREAM_OBJECTIVE_H
#define RV_DREAM_OBJECTIVE_H

#include "net/layers.h"

// Parses "NAME[:CHANNEL][=WEIGHT],...": "mixed3,mixed5=0.5,mixed4:77=2". Spaces are ignored. The
// same layer and channel twice is an error, as are unknown names (the nearest one is suggested).
enum rv_status rv_objective_parse(const char *text, struct rv_target targets[RV_TARGET_MAX],
                                  uint32_t *count);

// Checks that the weights reach every target; RV_ERR_WEIGHTS names the first they do not, and the
// remedy.
enum rv_status rv_objective_reach(const struct rv_target *targets, uint32_t count,
                                  const rv_weights *weights);

#endif
