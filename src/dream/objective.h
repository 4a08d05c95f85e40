// Which layers are made large, and how much of each.
#ifndef RV_DREAM_OBJECTIVE_H
#define RV_DREAM_OBJECTIVE_H

#include "net/layers.h"

// Parses "NAME[:CHANNEL][@X/Y][=WEIGHT],...": "mixed3,mixed5=0.5,mixed4:77@centre=2". Some may
// stand within "mean(...)" or "l2(...)", with "=WEIGHT" behind it: an objective of their own.
// Spaces are ignored. The same layer, channel and position twice is an error, as are unknown names
// (the nearest one is suggested).
enum rv_status rv_objective_parse(const char *text, struct rv_target targets[RV_TARGET_MAX],
                                  uint32_t *count);

// The same for layers that are compared with another picture's, as wholes; errors name the option.
enum rv_status rv_objective_parse_compared(const char *option, const char *text,
                                           struct rv_target targets[RV_TARGET_MAX],
                                           uint32_t *count);

// All targets of resolved parameters: the dream's or the guide's, then the style's, the content's.
enum rv_status rv_objective_targets(const struct rv_params *params,
                                    struct rv_target targets[RV_PLAN_TARGET_MAX], uint32_t *count);

// Checks that the weights reach every target; RV_ERR_WEIGHTS names the first they do not, and the
// remedy.
enum rv_status rv_objective_reach(const struct rv_target *targets, uint32_t count,
                                  const rv_weights *weights);

#endif
