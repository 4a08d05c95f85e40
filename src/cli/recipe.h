// What a picture remembers about how it was made: JSON, stored in the PNG's text "reverie".
#ifndef RV_CLI_RECIPE_H
#define RV_CLI_RECIPE_H

#include <jansson.h>

#include "reverie/reverie.h"

// All resolved parameters as a JSON object, one member for each row of rv_options(). NULL if memory
// is short. The caller owns it.
json_t *rv_recipe_parameters(const struct rv_params *resolved);

// Reads back what a result holds: fills *params and, if the picture was resized, *size (longest
// side; else 0). RV_ERR_INPUT if there is nothing of ours in the picture, or nothing sensible.
enum rv_status rv_recipe_read(const char *path, struct rv_params *params, uint64_t *size);

// A text of any origin as a JSON string: bytes that are no UTF-8 (in file names) become "?".
json_t *rv_json_text(const char *text);

// Prints `result` on standard output as one JSON object and drops it.
enum rv_status rv_json_print(json_t *result);

#endif
