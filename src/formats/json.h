// Parsing JSON that comes from files nobody vouches for.
#ifndef RV_FORMATS_JSON_H
#define RV_FORMATS_JSON_H

#include <jansson.h>

#include "reverie/reverie.h"

// Parses one JSON object of at most 64 levels; the same key twice is an error, as is anything after
// the object but white space. RV_ERR_WEIGHTS names `label` and the place. The caller owns *root.
enum rv_status rv_json_parse(const char *label, const char *text, size_t size, json_t **root);

// Copies a foreign text, cut to `capacity` - 1 bytes, control characters replaced, so that it fits
// in a one-line message.
void rv_copy_printable(char *to, size_t capacity, const char *from);

// The same as a value, for the arguments of a message.
struct rv_printable {
    char text[80];
};
struct rv_printable rv_printable(const char *name);

#endif
