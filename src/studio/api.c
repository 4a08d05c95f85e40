#include "studio/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "formats/json.h"
#include "formats/recipe.h"
#include "studio/answers.h"
#include "studio/page.h"

// ------------------------------------------------------------------------------------------------
// Replies

void rv_reply_json(struct rv_reply *reply, unsigned status, json_t *object) {
    static const char none[] = "{\"error\":\"no memory\"}";
    char *text = object ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(object);
    *reply = (struct rv_reply){.status = text ? status : 500,
                               .type = "application/json",
                               .body = text ? text : none,
                               .size = strlen(text ? text : none),
                               .owned = text};
}

void rv_api_fail(struct rv_reply *reply, unsigned status, const char *error) {
    rv_reply_json(reply, status, json_pack("{s:o}", "error", rv_json_text(error)));
}

// What a failed call says about the request.
void rv_reply_failure(struct rv_reply *reply, enum rv_status status) {
    rv_api_fail(reply,
                status == RV_ERR_NO_MEMORY ? 507
                : status == RV_ERR_IO      ? 500
                                           : 400,
                rv_error_text());
}

void rv_reply_done(struct rv_reply *reply, enum rv_status status) {
    if (status == RV_OK)
        rv_reply_json(reply, 200, json_pack("{s:b}", "done", 1));
    else
        rv_reply_failure(reply, status);
}

// Takes `bytes` over.
void rv_reply_bytes(struct rv_reply *reply, const char *type, uint8_t *bytes, size_t size) {
    *reply =
        (struct rv_reply){.status = 200, .type = type, .body = bytes, .size = size, .owned = bytes};
}

// ------------------------------------------------------------------------------------------------
// Requests

const char *rv_query(const struct rv_request *request, const char *name) {
    for (uint32_t i = 0; i < request->query_count; i++) {
        if (strcmp(request->queries[i].name, name) == 0)
            return request->queries[i].value ? request->queries[i].value : "";
    }
    return NULL;
}

uint64_t rv_query_number(const struct rv_request *request, const char *name, uint64_t usual) {
    const char *text = rv_query(request, name);
    char *end;
    unsigned long long value = text ? strtoull(text, &end, 10) : 0;
    return text && *text >= '0' && *text <= '9' && !*end ? value : usual;
}

// The body as a JSON object; else the reply says why not.
json_t *rv_body_object(const struct rv_request *request, struct rv_reply *reply) {
    json_t *object = NULL;
    if (!request->content_type || strncmp(request->content_type, "application/json", 16) != 0)
        rv_api_fail(reply, 415, "the content type must be application/json");
    else if (request->body_size == 0)
        rv_api_fail(reply, 400, "the request is empty");
    else if (rv_json_parse("the request", (const char *)request->body, request->body_size,
                           &object) != RV_OK)
        rv_api_fail(reply, 400, rv_error_text());
    return object;
}

// Whether the body is a file, which the reply denies else. (A form of another page's cannot claim
// this type.)
bool rv_body_is_file(const struct rv_request *request, struct rv_reply *reply) {
    static const char type[] = "application/octet-stream";
    if (!request->content_type || strncmp(request->content_type, type, sizeof type - 1) != 0)
        rv_api_fail(reply, 415, "the content type must be application/octet-stream");
    else if (request->body_size == 0)
        rv_api_fail(reply, 400, "the file is empty");
    else
        return true;
    return false;
}

// The member "id" of a body; false if there is none, which the reply says.
bool rv_body_id(const struct rv_request *request, struct rv_reply *reply, uint64_t *id) {
    json_t *object = rv_body_object(request, reply);
    const json_t *member = json_object_get(object, "id");
    bool good = json_is_integer(member) && json_integer_value(member) >= 0;
    if (good)
        *id = (uint64_t)json_integer_value(member);
    else if (object)
        rv_api_fail(reply, 400, "the request: its \"id\" is missing or no whole number");
    json_decref(object);
    return good;
}

// ------------------------------------------------------------------------------------------------
// The table

static const struct route {
    const char *method, *path;
    rv_answer_fn *answer;
    size_t body_limit;
} routes[] = {
    {"GET", "/api/about", rv_get_about, 0},
    {"GET", "/api/state", rv_get_state, 0},
    {"GET", "/api/original", rv_get_original, 0},
    {"GET", "/api/picture", rv_get_picture, 0},
    {"GET", "/api/save", rv_get_save, 0},
    {"GET", "/api/slot", rv_get_slot, 0},
    {"GET", "/api/layer", rv_get_layer, 0},
    {"POST", "/api/slot", rv_post_slot, RV_PHOTO_BYTES_MAX},
    {"POST", "/api/frame", rv_post_frame, RV_FRAME_BYTES_MAX},
    {"POST", "/api/live", rv_post_live, RV_JSON_BYTES_MAX},
    {"POST", "/api/photo", rv_post_photo, RV_PHOTO_BYTES_MAX},
    {"POST", "/api/recipe", rv_post_recipe, RV_PHOTO_BYTES_MAX},
    {"POST", "/api/sample", rv_post_sample, RV_JSON_BYTES_MAX},
    {"POST", "/api/size", rv_post_size, RV_JSON_BYTES_MAX},
    {"POST", "/api/change", rv_post_change, RV_JSON_BYTES_MAX},
    {"POST", "/api/control", rv_post_control, RV_JSON_BYTES_MAX},
    {"POST", "/api/back", rv_post_back, RV_JSON_BYTES_MAX},
    {"POST", "/api/keep", rv_post_keep, RV_JSON_BYTES_MAX},
    {"POST", "/api/forget", rv_post_forget, RV_JSON_BYTES_MAX},
};

// The route of that method, or, with `method` NULL, of any.
static const struct route *find_route(const char *method, const char *path) {
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        if (strcmp(routes[i].path, path) == 0 && (!method || strcmp(routes[i].method, method) == 0))
            return &routes[i];
    }
    return NULL;
}

size_t rv_api_body_limit(const char *method, const char *path) {
    const struct route *route = find_route(method, path);
    return route ? route->body_limit : 0;
}

void rv_api_answer(struct rv_studio *studio, const struct rv_request *request,
                   struct rv_reply *reply) {
    const struct route *route = find_route(request->method, request->path);
    const struct rv_page_file *file = rv_page_find(request->path);
    bool get = strcmp(request->method, "GET") == 0;
    *reply = (struct rv_reply){0};
    if (route)
        route->answer(studio, request, reply);
    else if (get && file)
        *reply = (struct rv_reply){
            .status = 200, .type = file->type, .body = file->data, .size = file->size};
    else if (file || find_route(NULL, request->path))
        rv_api_fail(reply, 405, "this address does not take that method");
    else
        rv_api_fail(reply, 404, "there is nothing at this address");
}
