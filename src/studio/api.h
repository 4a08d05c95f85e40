// What the studio answers, whatever carries the requests. Everything a client sends is suspect; no
// text of a client's ever names a file.
#ifndef RV_STUDIO_API_H
#define RV_STUDIO_API_H

#include <stddef.h>
#include <stdint.h>

#include "studio/dreamer.h"

#define RV_JSON_BYTES_MAX 65536u
#define RV_PHOTO_BYTES_MAX (64u << 20)
#define RV_FRAME_BYTES_MAX (8u << 20)
#define RV_QUERY_MAX 4

struct rv_studio {
    rv_dreamer *dreamer;
    const char *weights_path; // NULL = the default place
};

struct rv_query {
    const char *name, *value;
};
struct rv_request {
    const char *method, *path;
    const char *content_type; // NULL = none
    const char *known_tag;    // of what the client has already (If-None-Match); NULL = none
    struct rv_query queries[RV_QUERY_MAX];
    uint32_t query_count;
    const uint8_t *body;
    size_t body_size;
};

struct rv_reply {
    unsigned status; // as HTTP has it
    const char *type;
    const void *body; // lives as long as the program, or is `owned`
    size_t size;
    void *owned;     // to be freed after sending; NULL = nothing
    bool attachment; // to be saved, not shown
    const char *tag; // ETag: may be kept, to be asked about each time; NULL = may not be kept
    char note[256];  // JSON beside a picture; "" = none
};

// The longest side that stays lively on the device, in pixels.
uint32_t rv_studio_usual_side(const rv_dreamer *dreamer);

// The most that a request of that method and path may carry, in bytes.
size_t rv_api_body_limit(const char *method, const char *path);
// Answers. Thread-safe. May wait up to RV_WAIT_SECONDS for news.
#define RV_WAIT_SECONDS 15.0
void rv_api_answer(struct rv_studio *studio, const struct rv_request *request,
                   struct rv_reply *reply);
// A JSON object with the member "error".
void rv_api_fail(struct rv_reply *reply, unsigned status, const char *error);

#endif
