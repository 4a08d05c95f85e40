// Any bytes as a request to the studio, from who asks to what is asked: never an answer to a
// stranger, always one that a client can read. The dream behind it is a fake. A request is lines:
// method, path with its query, host, origin, token, type; the rest is the body.
#include <stdlib.h>
#include <string.h>

#include "studio/guard.h"
#include "studio/requests.h"

#define LINES 6

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const char *text(const char *line) {
    return *line ? line : NULL;
}

static void answer(struct rv_studio *studio, char *const line[LINES], const uint8_t *body,
                   size_t size) {
    json_t *json = NULL;
    char path[512];
    // News is not waited for.
    if (strstr(line[1], "state"))
        return;
    strncpy(path, line[1], sizeof path - 1);
    path[sizeof path - 1] = '\0';
    path[strcspn(path, "?")] = '\0';
    if (size > rv_api_body_limit(line[0], path))
        return;
    unsigned status = requests_ask(studio, line[0], line[1], text(line[5]), body, size, &json);
    bool known = status == 200 || status == 304 || status == 400 || status == 404 ||
                 status == 405 || status == 409 || status == 415 || status == 500 || status == 507;
    if (!known || (status >= 400 && !json_is_string(json_object_get(json, "error"))))
        abort();
    json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    static struct rv_studio studio;
    struct rv_guard guard = {.port = 8380, .token = "0123456789abcdef0123456789abcdef"};
    char *copy = malloc(size + 1), *line[LINES], *at = copy;
    if (!studio.dreamer)
        studio = requests_begin();
    memcpy(copy, bytes, size);
    copy[size] = '\0';
    for (int i = 0; i < LINES; i++) {
        char *end = memchr(at, '\n', (size_t)(copy + size - at));
        line[i] = at;
        if (!end)
            end = copy + size;
        *end = '\0';
        at = end < copy + size ? end + 1 : end;
    }
    const struct rv_credentials given = {
        .host = text(line[2]), .origin = text(line[3]), .authorization = text(line[4])};
    bool page = strcmp(line[0], "GET") == 0 && strcmp(line[1], "/") == 0;
    bool welcome = rv_guard_refuse(&guard, &given, page) == NULL;
    bool knows = strcmp(line[4], "Bearer 0123456789abcdef0123456789abcdef") == 0;
    bool host = strcmp(line[2], "127.0.0.1:8380") == 0 || strcmp(line[2], "localhost:8380") == 0;
    if (welcome && !(knows && host))
        abort();
    answer(&studio, line, (const uint8_t *)at, (size_t)(copy + size - at)); // whoever asks
    free(copy);
    return 0;
}
