// Data wrapped in JavaScript modules, read as data: nothing is run. A module is the text of a
// bundler around one `.exports={...}` or `.exports="..."`.
#ifndef RV_FORMATS_JS_MODULE_H
#define RV_FORMATS_JS_MODULE_H

#include <stddef.h>
#include <stdint.h>

#include "reverie/reverie.h"

// Finds the object that a module exports and writes it as JSON: quotes keys, `!0` and `!1` become
// true and false, `.5` becomes 0.5, texts in single quotes get double ones. Only the words are
// looked at; whether they make an object is for the JSON parser to say. RV_ERR_WEIGHTS on anything
// that is not data (calls, operators, templates, comments). The caller frees *json.
enum rv_status rv_js_module_object(const char *label, const char *text, size_t size, char **json,
                                   size_t *json_size);

// Finds the text that a module exports and decodes its base64 (padded, no white space).
// The caller frees *bytes.
enum rv_status rv_js_module_base64(const char *label, const char *text, size_t size,
                                   uint8_t **bytes, size_t *byte_count);

#endif
