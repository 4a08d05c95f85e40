// The studio's knowledge as JSON. Objects are the caller's; NULL if memory is short.
#ifndef RV_STUDIO_DESCRIBE_H
#define RV_STUDIO_DESCRIBE_H

#include <jansson.h>

#include "studio/api.h"

// What does not change: version, device, options, presets, layers, limits.
json_t *rv_describe_studio(const struct rv_studio *studio);
// What does.
json_t *rv_describe_state(const struct rv_studio *studio, const struct rv_dreamer_state *state);
// Every field that is set, but pictures, as texts.
json_t *rv_describe_params(const struct rv_params *params);

#endif
