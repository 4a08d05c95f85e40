#include "formats/js_module.h"

#include <stdlib.h>
#include <string.h>

#include "base/status.h"

// What follows `.exports=` and begins with `first`, or NULL.
static const char *find_export(const char *text, size_t size, char first) {
    static const char marker[] = ".exports=";
    const size_t length = sizeof marker - 1;
    for (size_t i = 0; i + length < size; i++)
        if (text[i + length] == first && memcmp(text + i, marker, length) == 0)
            return text + i + length;
    return NULL;
}

// ------------------------------------------------------------------------------------------------
// Object literals

// `at` moves through the module; `out` has room for three bytes and a few for each one read, and no
// word becomes more than three times as long (`a` -> `"a"`).
struct words {
    const char *at, *end;
    char *out;
};

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' || is_digit(c);
}

static bool next_is(const struct words *w, char c) {
    return w->at < w->end && *w->at == c;
}

static void put(struct words *w, const char *text, size_t size) {
    memcpy(w->out, text, size);
    w->out += size;
}

// Copies digits; says whether there were any.
static bool copy_digits(struct words *w) {
    const char *from = w->at;
    while (w->at < w->end && is_digit(*w->at))
        *w->out++ = *w->at++;
    return w->at > from;
}

// -1, .5, 5., 1e-3: JSON wants a digit on both sides of the point.
static bool copy_number(struct words *w) {
    if (next_is(w, '-'))
        *w->out++ = *w->at++;
    const bool whole = copy_digits(w);
    if (!whole)
        *w->out++ = '0';
    if (next_is(w, '.')) {
        *w->out++ = *w->at++;
        const bool fraction = copy_digits(w);
        if (!fraction)
            *w->out++ = '0';
        if (!whole && !fraction)
            return false;
    } else if (!whole) {
        return false;
    }
    if (next_is(w, 'e') || next_is(w, 'E')) {
        *w->out++ = *w->at++;
        if (next_is(w, '-') || next_is(w, '+'))
            *w->out++ = *w->at++;
        if (!copy_digits(w))
            return false;
    }
    return w->at < w->end && !is_name(*w->at); // 0x10, 5n
}

// A text in either quote; escapes are left to the JSON parser, but for \' which JSON lacks.
static bool copy_text(struct words *w) {
    const char quote = *w->at++;
    *w->out++ = '"';
    while (w->at < w->end && *w->at != quote) {
        if (*w->at == '"')
            *w->out++ = '\\';
        if (*w->at == '\\') {
            if (++w->at == w->end)
                return false;
            if (*w->at != '\'')
                *w->out++ = '\\';
        }
        *w->out++ = *w->at++;
    }
    if (w->at == w->end)
        return false;
    w->at++;
    *w->out++ = '"';
    return true;
}

// A key, or one of the words that are values.
static bool copy_name(struct words *w) {
    const char *from = w->at;
    while (w->at < w->end && is_name(*w->at))
        w->at++;
    const size_t size = (size_t)(w->at - from);
    if (next_is(w, ':')) {
        put(w, "\"", 1);
        put(w, from, size);
        put(w, "\"", 1);
        return true;
    }
    put(w, from, size);
    return (size == 4 && memcmp(from, "true", 4) == 0) ||
           (size == 5 && memcmp(from, "false", 5) == 0) ||
           (size == 4 && memcmp(from, "null", 4) == 0);
}

// Copies one word. False on anything that is not data.
static bool copy_word(struct words *w) {
    const char c = *w->at;
    if (strchr("{}[]:, \n\r\t", c) && c) {
        *w->out++ = *w->at++;
        return true;
    }
    if (c == '!' && w->end - w->at >= 2 && (w->at[1] == '0' || w->at[1] == '1')) {
        put(w, w->at[1] == '0' ? "true" : "false", w->at[1] == '0' ? 4 : 5);
        w->at += 2;
        return w->at < w->end && !is_name(*w->at);
    }
    if (c == '"' || c == '\'')
        return copy_text(w);
    if (c == '-' || c == '.' || is_digit(c))
        return copy_number(w);
    return is_name(c) && copy_name(w);
}

enum rv_status rv_js_module_object(const char *label, const char *text, size_t size, char **json,
                                   size_t *json_size) {
    *json = NULL;
    *json_size = 0;
    struct words w = {.at = find_export(text, size, '{'), .end = text + size};
    if (!w.at)
        return rv_fail(RV_ERR_WEIGHTS, "%s: exports no object: not a model of the package", label);
    char *start = malloc((size_t)(w.end - w.at) * 3 + 16);
    if (!start)
        return rv_fail(RV_ERR_NO_MEMORY, "%s: no memory to read it", label);
    w.out = start;
    size_t depth = 0;
    do {
        if (*w.at == '{' || *w.at == '[')
            depth++;
        else if (*w.at == '}' || *w.at == ']')
            depth--;
        const char *word = w.at;
        if (!copy_word(&w)) {
            free(start);
            return rv_fail(RV_ERR_WEIGHTS, "%s: byte %zu is not data of an object literal", label,
                           (size_t)(word - text));
        }
    } while (depth > 0 && w.at < w.end);
    if (depth > 0) {
        free(start);
        return rv_fail(RV_ERR_WEIGHTS, "%s: the object it exports has no end: truncated", label);
    }
    *json = start;
    *json_size = (size_t)(w.out - start);
    return RV_OK;
}

// ------------------------------------------------------------------------------------------------
// Base64

// The six bits of a letter, or -1.
static int sextet(char c) {
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (is_digit(c))
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

// Decodes groups of four letters; only the last may end in padding. Returns the number of letters
// taken, `size` if all was well.
static size_t decode(const char *text, size_t size, uint8_t *out, size_t *out_size) {
    size_t at = 0, written = 0;
    for (; at + 4 <= size; at += 4) {
        const bool last = at + 4 == size;
        const int padding = !last || text[at + 3] != '=' ? 0 : text[at + 2] == '=' ? 2 : 1;
        uint32_t bits = 0;
        for (int i = 0; i < 4; i++) {
            const int value = i >= 4 - padding ? 0 : sextet(text[at + i]);
            if (value < 0)
                return at + i;
            bits = bits << 6 | (uint32_t)value;
        }
        for (int i = 0; i < 3 - padding; i++)
            out[written++] = (uint8_t)(bits >> (16 - 8 * i));
    }
    *out_size = written;
    return at;
}

enum rv_status rv_js_module_base64(const char *label, const char *text, size_t size,
                                   uint8_t **bytes, size_t *byte_count) {
    *bytes = NULL;
    *byte_count = 0;
    const char *from = find_export(text, size, '"');
    if (!from)
        return rv_fail(RV_ERR_WEIGHTS, "%s: exports no text: not a shard of the package", label);
    from++;
    const char *end = memchr(from, '"', (size_t)(text + size - from));
    if (!end)
        return rv_fail(RV_ERR_WEIGHTS, "%s: its text has no end: truncated", label);
    const size_t length = (size_t)(end - from);
    uint8_t *out = malloc(length / 4 * 3 + 1);
    if (!out)
        return rv_fail(RV_ERR_NO_MEMORY, "%s: no memory to read it", label);
    const size_t taken = decode(from, length, out, byte_count);
    if (taken != length) {
        free(out);
        *byte_count = 0;
        return rv_fail(RV_ERR_WEIGHTS, "%s: byte %zu is not base64", label,
                       (size_t)(from - text) + taken);
    }
    *bytes = out;
    return RV_OK;
}
