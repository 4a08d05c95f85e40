#include "studio/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "formats/json.h"
#include "formats/recipe.h"
#include "studio/describe.h"
#include "studio/page.h"

#define SIDE_ON_PROCESSOR 400u // what stays lively; a GPU takes more
#define SIDE_ON_GPU 1280u
#define PREVIEW_SIDE 1600u
#define PREVIEW_QUALITY 88
#define THUMBNAIL_SIDE 192u

typedef void (*answer_fn)(struct rv_studio *studio, const struct rv_request *request,
                          struct rv_reply *reply);

// ------------------------------------------------------------------------------------------------
// Replies

static void reply_json(struct rv_reply *reply, unsigned status, json_t *object) {
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
    reply_json(reply, status, json_pack("{s:o}", "error", rv_json_text(error)));
}

// What a failed call says about the request.
static void reply_failure(struct rv_reply *reply, enum rv_status status) {
    rv_api_fail(reply,
                status == RV_ERR_NO_MEMORY ? 507
                : status == RV_ERR_IO      ? 500
                                           : 400,
                rv_error_text());
}

static void reply_done(struct rv_reply *reply, enum rv_status status) {
    if (status == RV_OK)
        reply_json(reply, 200, json_pack("{s:b}", "done", 1));
    else
        reply_failure(reply, status);
}

// Takes `bytes` over.
static void reply_bytes(struct rv_reply *reply, const char *type, uint8_t *bytes, size_t size) {
    *reply =
        (struct rv_reply){.status = 200, .type = type, .body = bytes, .size = size, .owned = bytes};
}

// ------------------------------------------------------------------------------------------------
// Requests

static const char *query(const struct rv_request *request, const char *name) {
    for (uint32_t i = 0; i < request->query_count; i++) {
        if (strcmp(request->queries[i].name, name) == 0)
            return request->queries[i].value ? request->queries[i].value : "";
    }
    return NULL;
}

static uint64_t query_number(const struct rv_request *request, const char *name, uint64_t usual) {
    const char *text = query(request, name);
    char *end;
    unsigned long long value = text ? strtoull(text, &end, 10) : 0;
    return text && *text >= '0' && *text <= '9' && !*end ? value : usual;
}

// The body as a JSON object; else the reply says why not.
static json_t *body_object(const struct rv_request *request, struct rv_reply *reply) {
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
static bool body_is_file(const struct rv_request *request, struct rv_reply *reply) {
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
static bool body_id(const struct rv_request *request, struct rv_reply *reply, uint64_t *id) {
    json_t *object = body_object(request, reply);
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
// Pictures out

// A JPEG of no more than `side` pixels.
static enum rv_status encode_preview(const struct rv_picture *picture, uint32_t side,
                                     uint8_t **bytes, size_t *size) {
    const struct rv_photo_save_params params = {.format = RV_PHOTO_JPEG,
                                                .quality = PREVIEW_QUALITY};
    uint32_t longest = picture->width > picture->height ? picture->width : picture->height;
    size_t count = (size_t)picture->width * picture->height * 3;
    struct rv_photo photo = {.picture = *picture};
    enum rv_status status = RV_OK;
    if (longest <= side) // as it is, borrowed
        return rv_photo_encode(&photo, &params, "preview", bytes, size);
    photo.picture.pixels = malloc(count * sizeof(float));
    if (!photo.picture.pixels)
        return rv_fail(RV_ERR_NO_MEMORY, "no memory for the preview");
    memcpy(photo.picture.pixels, picture->pixels, count * sizeof(float));
    RV_TRY(rv_photo_resize_longest(&photo, side));
    RV_TRY(rv_photo_encode(&photo, &params, "preview", bytes, size));
done:
    rv_photo_free(&photo);
    return status;
}

static void answer_preview(struct rv_reply *reply, const struct rv_picture *picture,
                           uint32_t side) {
    uint8_t *bytes;
    size_t size;
    enum rv_status status = encode_preview(picture, side, &bytes, &size);
    if (status == RV_OK)
        reply_bytes(reply, "image/jpeg", bytes, size);
    else
        reply_failure(reply, status);
}

static void get_original(struct rv_studio *studio, const struct rv_request *request,
                         struct rv_reply *reply) {
    struct rv_subject *subject = rv_dreamer_subject(studio->dreamer);
    (void)request;
    if (subject)
        answer_preview(reply, &subject->photo.picture, PREVIEW_SIDE);
    else
        rv_api_fail(reply, 404, "there is no photograph yet");
    rv_subject_release(&subject);
}

static struct rv_snapshot *wanted_snapshot(struct rv_studio *studio,
                                           const struct rv_request *request,
                                           struct rv_reply *reply) {
    struct rv_snapshot *snapshot =
        rv_dreamer_snapshot(studio->dreamer, query_number(request, "id", 0));
    if (!snapshot)
        rv_api_fail(reply, 404, "this picture is no longer remembered");
    return snapshot;
}

static void get_picture(struct rv_studio *studio, const struct rv_request *request,
                        struct rv_reply *reply) {
    struct rv_snapshot *snapshot = wanted_snapshot(studio, request, reply);
    if (snapshot)
        answer_preview(reply, &snapshot->picture,
                       query(request, "small") ? THUMBNAIL_SIDE : PREVIEW_SIDE);
    rv_snapshot_release(&snapshot);
}

// What the command line would have written.
static enum rv_status encode_result(const struct rv_studio *studio,
                                    const struct rv_snapshot *snapshot, enum rv_photo_format format,
                                    uint8_t **bytes, size_t *size) {
    const struct rv_photo_save_params params = {.format = format};
    const struct rv_making making = {.width = snapshot->picture.width,
                                     .height = snapshot->picture.height,
                                     .device = rv_dreamer_device(studio->dreamer),
                                     .weights_path = studio->weights_path,
                                     .weights = rv_dreamer_weights(studio->dreamer),
                                     .params = &snapshot->params,
                                     .size = snapshot->subject->side};
    struct rv_photo photo = snapshot->subject->photo; // alpha and profile are borrowed
    json_t *recipe = rv_recipe_describe(&making);
    if (recipe && !(snapshot->replayable && snapshot->progress.finished))
        json_object_set_new(recipe, "interactive",
                            json_true()); // the parameters alone do not make it
    photo.picture = snapshot->picture;
    photo.text = NULL;
    enum rv_status status = rv_recipe_attach(recipe, &photo);
    if (status == RV_OK)
        status = rv_photo_encode(&photo, &params, "the result", bytes, size);
    free(photo.text);
    return status;
}

static void get_save(struct rv_studio *studio, const struct rv_request *request,
                     struct rv_reply *reply) {
    const char *format = query(request, "format");
    bool jpeg = format && strcmp(format, "jpeg") == 0;
    struct rv_snapshot *snapshot = wanted_snapshot(studio, request, reply);
    uint8_t *bytes;
    size_t size;
    if (!snapshot)
        return;
    enum rv_status status =
        encode_result(studio, snapshot, jpeg ? RV_PHOTO_JPEG : RV_PHOTO_PNG, &bytes, &size);
    rv_snapshot_release(&snapshot);
    if (status != RV_OK) {
        reply_failure(reply, status);
        return;
    }
    reply_bytes(reply, jpeg ? "image/jpeg" : "image/png", bytes, size);
    reply->attachment = true; // the page names the file
}

// ------------------------------------------------------------------------------------------------
// Pictures in

uint32_t rv_studio_usual_side(const rv_dreamer *dreamer) {
    return rv_dreamer_device(dreamer)->type == RV_DEVICE_CPU ? SIDE_ON_PROCESSOR : SIDE_ON_GPU;
}

// Opens a photograph at the size asked for (?size=), or at one that stays lively. A result of ours
// brings its parameters along.
static enum rv_status open_photo(struct rv_studio *studio, const uint8_t *bytes, size_t byte_count,
                                 const char *name, uint64_t size, bool *recipe) {
    struct rv_subject *subject = NULL;
    struct rv_params params = {0};
    uint64_t stored;
    bool automatic = size > RV_PHOTO_SIDE_MAX;
    enum rv_status status = rv_subject_create(
        bytes, byte_count, name, automatic ? rv_studio_usual_side(studio->dreamer) : (uint32_t)size,
        automatic, &subject);
    if (status != RV_OK)
        return status;
    *recipe = rv_recipe_parse(subject->photo.text, name, &params, &stored) == RV_OK &&
              rv_dreamer_change(studio->dreamer, &params) == RV_OK;
    rv_dreamer_open(studio->dreamer, subject);
    return RV_OK;
}

static void reply_opened(struct rv_reply *reply, enum rv_status status, bool recipe) {
    if (status == RV_OK)
        reply_json(reply, 200, json_pack("{s:b}", "recipe", (int)recipe));
    else
        reply_failure(reply, status);
}

static void post_photo(struct rv_studio *studio, const struct rv_request *request,
                       struct rv_reply *reply) {
    const char *name = query(request, "name");
    bool recipe = false;
    if (!body_is_file(request, reply))
        return;
    enum rv_status status =
        open_photo(studio, request->body, request->body_size, name && *name ? name : "photograph",
                   query_number(request, "size", UINT64_MAX), &recipe);
    reply_opened(reply, status, recipe);
}

static void post_sample(struct rv_studio *studio, const struct rv_request *request,
                        struct rv_reply *reply) {
    const struct rv_page_file *sample = rv_page_find("/sample.jpg");
    json_t *object = body_object(request, reply);
    bool recipe = false;
    if (!object)
        return;
    json_decref(object);
    enum rv_status status =
        open_photo(studio, sample->data, sample->size, "chelsea.jpg", UINT64_MAX, &recipe);
    reply_opened(reply, status, recipe);
}

// The same photograph at another size; 0 = its own.
static void post_size(struct rv_studio *studio, const struct rv_request *request,
                      struct rv_reply *reply) {
    json_t *object = body_object(request, reply);
    const json_t *member = json_object_get(object, "size");
    json_int_t size = json_is_integer(member) ? json_integer_value(member) : -1;
    struct rv_subject *subject, *resized = NULL;
    json_decref(object);
    if (!object)
        return;
    if (size != 0 && (size < (json_int_t)RV_SIDE_MIN || size > 8192)) {
        rv_api_fail(reply, 400,
                    "size: give a whole number from 75 to 8192, or 0 for the picture's "
                    "own");
        return;
    }
    subject = rv_dreamer_subject(studio->dreamer);
    if (!subject) {
        rv_api_fail(reply, 409, "there is no photograph yet");
        return;
    }
    enum rv_status status = rv_subject_create(subject->file, subject->file_size, subject->name,
                                              (uint32_t)size, false, &resized);
    rv_subject_release(&subject);
    if (status == RV_OK)
        rv_dreamer_open(studio->dreamer, resized);
    reply_done(reply, status);
}

// Only the parameters of a result of ours.
static void post_recipe(struct rv_studio *studio, const struct rv_request *request,
                        struct rv_reply *reply) {
    struct rv_photo photo;
    struct rv_params params = {0};
    uint64_t size;
    if (!body_is_file(request, reply))
        return;
    enum rv_status status =
        rv_photo_decode(request->body, request->body_size, "the picture", RV_PIXELS_MAX, &photo);
    if (status == RV_OK)
        status = rv_recipe_parse(photo.text, "the picture", &params, &size);
    if (status == RV_OK)
        status = rv_dreamer_change(studio->dreamer, &params);
    rv_photo_free(&photo);
    reply_done(reply, status);
}

// ------------------------------------------------------------------------------------------------
// What it knows, and wishes

static void get_about(struct rv_studio *studio, const struct rv_request *request,
                      struct rv_reply *reply) {
    (void)request;
    reply_json(reply, 200, rv_describe_studio(studio));
}

static void get_state(struct rv_studio *studio, const struct rv_request *request,
                      struct rv_reply *reply) {
    struct rv_dreamer_state state;
    rv_dreamer_state(studio->dreamer, query_number(request, "after", 0), RV_WAIT_SECONDS, &state);
    reply_json(reply, 200, rv_describe_state(&state));
}

// {"parameters": {name: value, ...}}: those named are set, "" leaves one to the preset again. With
// "only" true all others are left to the preset.
static void post_change(struct rv_studio *studio, const struct rv_request *request,
                        struct rv_reply *reply) {
    struct rv_params params = {0};
    json_t *object = body_object(request, reply);
    const json_t *parameters = json_object_get(object, "parameters");
    const char *name;
    json_t *value;
    enum rv_status status = RV_OK;
    if (!object)
        return;
    if (!json_is_true(json_object_get(object, "only")))
        rv_dreamer_params(studio->dreamer, &params);
    if (!json_is_object(parameters))
        status = rv_fail(RV_ERR_INPUT, "the request: its \"parameters\" are missing");
    json_object_foreach((json_t *)parameters, name, value) {
        // Unknown names are refused here; what is known is read as from a picture.
        if (status == RV_OK && rv_params_set(&params, name, "") != RV_OK)
            status = RV_ERR_USAGE;
    }
    if (status == RV_OK)
        status = rv_recipe_apply(parameters, "the request", &params);
    if (status == RV_OK)
        status = rv_dreamer_change(studio->dreamer, &params);
    json_decref(object);
    reply_done(reply, status);
}

// {"do": "go" | "pause" | "step" | "restart"}
static void post_control(struct rv_studio *studio, const struct rv_request *request,
                         struct rv_reply *reply) {
    json_t *object = body_object(request, reply);
    const char *wish = json_string_value(json_object_get(object, "do"));
    if (!object)
        return;
    if (wish && strcmp(wish, "go") == 0)
        rv_dreamer_pause(studio->dreamer, false);
    else if (wish && strcmp(wish, "pause") == 0)
        rv_dreamer_pause(studio->dreamer, true);
    else if (wish && strcmp(wish, "step") == 0)
        rv_dreamer_step(studio->dreamer);
    else if (wish && strcmp(wish, "restart") == 0)
        rv_dreamer_restart(studio->dreamer);
    else
        wish = NULL;
    json_decref(object);
    if (wish)
        reply_done(reply, RV_OK);
    else
        rv_api_fail(reply, 400, "the request: its \"do\" is none of go, pause, step, restart");
}

static void post_back(struct rv_studio *studio, const struct rv_request *request,
                      struct rv_reply *reply) {
    uint64_t id;
    if (body_id(request, reply, &id))
        reply_done(reply, rv_dreamer_back(studio->dreamer, id));
}

static void post_keep(struct rv_studio *studio, const struct rv_request *request,
                      struct rv_reply *reply) {
    uint64_t id;
    if (body_id(request, reply, &id))
        reply_done(reply, rv_dreamer_keep(studio->dreamer, id));
}

static void post_forget(struct rv_studio *studio, const struct rv_request *request,
                        struct rv_reply *reply) {
    uint64_t id;
    if (!body_id(request, reply, &id))
        return;
    rv_dreamer_forget(studio->dreamer, id);
    reply_done(reply, RV_OK);
}

// ------------------------------------------------------------------------------------------------
// The table

static const struct route {
    const char *method, *path;
    answer_fn answer;
    size_t body_limit;
} routes[] = {
    {"GET", "/api/about", get_about, 0},
    {"GET", "/api/state", get_state, 0},
    {"GET", "/api/original", get_original, 0},
    {"GET", "/api/picture", get_picture, 0},
    {"GET", "/api/save", get_save, 0},
    {"POST", "/api/photo", post_photo, RV_PHOTO_BYTES_MAX},
    {"POST", "/api/recipe", post_recipe, RV_PHOTO_BYTES_MAX},
    {"POST", "/api/sample", post_sample, RV_JSON_BYTES_MAX},
    {"POST", "/api/size", post_size, RV_JSON_BYTES_MAX},
    {"POST", "/api/change", post_change, RV_JSON_BYTES_MAX},
    {"POST", "/api/control", post_control, RV_JSON_BYTES_MAX},
    {"POST", "/api/back", post_back, RV_JSON_BYTES_MAX},
    {"POST", "/api/keep", post_keep, RV_JSON_BYTES_MAX},
    {"POST", "/api/forget", post_forget, RV_JSON_BYTES_MAX},
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
