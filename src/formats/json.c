#include "formats/json.h"

#include <string.h>

#include "base/status.h"

#define DEPTH_MAX 64

// Nesting as the brackets outside of texts tell it: jansson recurses, and its own limit is 2048.
static bool too_deep(const char *text, size_t size) {
    size_t depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < size; i++) {
        const char c = text[i];
        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == '{' || c == '[') && ++depth > DEPTH_MAX)
            return true;
        else if (!quoted && (c == '}' || c == ']') && depth > 0)
            depth--;
    }
    return false;
}

enum rv_status rv_json_parse(const char *label, const char *text, size_t size, json_t **root) {
    *root = NULL;
    if (too_deep(text, size))
        return rv_fail(RV_ERR_WEIGHTS, "%s: its JSON is nested deeper than %d levels", label,
                       DEPTH_MAX);
    json_error_t error;
    json_t *value = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    if (!value && !*error.text) // what is wrong with a text, jansson can say
        return rv_fail(RV_ERR_NO_MEMORY, "%s: no memory for its JSON", label);
    if (!value)
        return rv_fail(RV_ERR_WEIGHTS, "%s: its JSON is damaged at byte %d: %s", label,
                       error.position, rv_printable(error.text).text);
    if (!json_is_object(value)) {
        json_decref(value);
        return rv_fail(RV_ERR_WEIGHTS, "%s: its JSON is not an object", label);
    }
    *root = value;
    return RV_OK;
}

void rv_copy_printable(char *to, size_t capacity, const char *from) {
    size_t i = 0;
    for (; from[i] && i + 1 < capacity; i++)
        to[i] = (unsigned char)from[i] < 0x20 || from[i] == 0x7f ? '?' : from[i];
    to[i] = 0;
}

struct rv_printable rv_printable(const char *name) {
    struct rv_printable out;
    rv_copy_printable(out.text, sizeof out.text, name);
    return out;
}
