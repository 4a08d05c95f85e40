// Requests that bring pictures.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "formats/recipe.h"
#include "studio/answers.h"
#include "studio/page.h"

#define SIDE_ON_PROCESSOR 400u // what stays lively; a GPU takes more
#define SIDE_ON_GPU 1280u

uint32_t rv_studio_usual_side(const rv_dreamer *dreamer) {
    return rv_dreamer_device(dreamer)->type == RV_DEVICE_CPU ? SIDE_ON_PROCESSOR : SIDE_ON_GPU;
}

// Replaces the settings by those of a result of ours, if that is what it is. Its pictures are only
// named there: those that are in their slots stay, the others are asked for.
static enum rv_status apply_recipe(struct rv_studio *studio, const char *text, const char *name) {
    struct rv_params params = {0};
    struct rv_settings settings;
    uint64_t stored;
    const char *option;
    enum rv_status status = rv_recipe_parse(text, name, &params, &stored);
    if (status != RV_OK)
        return status;
    rv_dreamer_edit(studio->dreamer, &settings);
    settings.params = params;
    for (uint32_t slot = 0; (option = rv_slot_option(slot)); slot++) {
        char identity[RV_IDENTITY_SIZE];
        rv_recipe_picture(text, option, identity, sizeof identity);
        rv_settings_want(&settings, slot, identity);
    }
    rv_settings_refer(&settings);
    return rv_dreamer_edited(studio->dreamer, &settings, true);
}

// Opens a photograph at the size asked for (?size=), or at one that stays lively. A result of ours
// brings its parameters along.
static enum rv_status open_photo(struct rv_studio *studio, const uint8_t *bytes, size_t byte_count,
                                 const char *name, uint64_t size, bool *recipe) {
    struct rv_subject *subject = NULL;
    bool automatic = size > RV_PHOTO_SIDE_MAX;
    enum rv_status status = rv_subject_create(
        bytes, byte_count, name, automatic ? rv_studio_usual_side(studio->dreamer) : (uint32_t)size,
        automatic, &subject);
    if (status != RV_OK)
        return status;
    *recipe = apply_recipe(studio, subject->photo.text, name) == RV_OK;
    rv_dreamer_open(studio->dreamer, subject);
    return RV_OK;
}

static void reply_opened(struct rv_reply *reply, enum rv_status status, bool recipe) {
    if (status == RV_OK)
        rv_reply_json(reply, 200, json_pack("{s:b}", "recipe", (int)recipe));
    else
        rv_reply_failure(reply, status);
}

void rv_post_photo(struct rv_studio *studio, const struct rv_request *request,
                   struct rv_reply *reply) {
    const char *name = rv_query(request, "name");
    bool recipe = false;
    if (!rv_body_is_file(request, reply))
        return;
    enum rv_status status =
        open_photo(studio, request->body, request->body_size, name && *name ? name : "photograph",
                   rv_query_number(request, "size", UINT64_MAX), &recipe);
    reply_opened(reply, status, recipe);
}

// A picture among the parameters, such as a mask: ?name= says which, ?file= what to call it.
void rv_post_slot(struct rv_studio *studio, const struct rv_request *request,
                  struct rv_reply *reply) {
    const char *name = rv_query(request, "name"), *file = rv_query(request, "file");
    uint32_t slot = name ? rv_slot_find(name) : RV_SLOT_NONE;
    struct rv_settings settings;
    struct rv_aid *aid;
    if (!rv_body_is_file(request, reply))
        return;
    if (slot == RV_SLOT_NONE) {
        rv_api_fail(reply, 400, "the request: its name is that of no picture");
        return;
    }
    enum rv_status status = rv_aid_decode(request->body, request->body_size,
                                          file && *file ? file : rv_slot_option(slot), &aid);
    if (status == RV_OK) {
        rv_dreamer_edit(studio->dreamer, &settings);
        rv_settings_give(&settings, slot, aid);
        status = rv_dreamer_edited(studio->dreamer, &settings, true);
    }
    rv_reply_done(reply, status);
}

void rv_post_sample(struct rv_studio *studio, const struct rv_request *request,
                    struct rv_reply *reply) {
    const struct rv_page_file *sample = rv_page_find("/sample.jpg");
    json_t *object = rv_body_object(request, reply);
    bool recipe = false;
    if (!object)
        return;
    json_decref(object);
    enum rv_status status =
        open_photo(studio, sample->data, sample->size, "chelsea.jpg", UINT64_MAX, &recipe);
    reply_opened(reply, status, recipe);
}

// The same photograph at another size; 0 = its own.
void rv_post_size(struct rv_studio *studio, const struct rv_request *request,
                  struct rv_reply *reply) {
    json_t *object = rv_body_object(request, reply);
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
    rv_reply_done(reply, status);
}

// Only the parameters of a result of ours.
void rv_post_recipe(struct rv_studio *studio, const struct rv_request *request,
                    struct rv_reply *reply) {
    struct rv_photo photo;
    if (!rv_body_is_file(request, reply))
        return;
    enum rv_status status =
        rv_photo_decode(request->body, request->body_size, "the picture", RV_PIXELS_MAX, &photo);
    if (status == RV_OK)
        status = apply_recipe(studio, photo.text, "the picture");
    rv_photo_free(&photo);
    rv_reply_done(reply, status);
}
