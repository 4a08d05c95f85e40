// Answers that are pictures.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "formats/recipe.h"
#include "studio/answers.h"

#define PREVIEW_SIDE 1600u
#define PREVIEW_QUALITY 88
#define THUMBNAIL_SIDE 192u

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
        rv_reply_bytes(reply, "image/jpeg", bytes, size);
    else
        rv_reply_failure(reply, status);
}

void rv_get_original(struct rv_studio *studio, const struct rv_request *request,
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
        rv_dreamer_snapshot(studio->dreamer, rv_query_number(request, "id", 0));
    if (!snapshot)
        rv_api_fail(reply, 404, "this picture is no longer remembered");
    return snapshot;
}

void rv_get_picture(struct rv_studio *studio, const struct rv_request *request,
                    struct rv_reply *reply) {
    struct rv_snapshot *snapshot = wanted_snapshot(studio, request, reply);
    if (snapshot)
        answer_preview(reply, &snapshot->picture,
                       rv_query(request, "small") ? THUMBNAIL_SIDE : PREVIEW_SIDE);
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
                                     .params = &snapshot->settings.params,
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

void rv_get_save(struct rv_studio *studio, const struct rv_request *request,
                 struct rv_reply *reply) {
    const char *format = rv_query(request, "format");
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
        rv_reply_failure(reply, status);
        return;
    }
    rv_reply_bytes(reply, jpeg ? "image/jpeg" : "image/png", bytes, size);
    reply->attachment = true; // the page names the file
}

// A picture among the parameters: small, or, to be painted on or saved, as it is.
void rv_get_slot(struct rv_studio *studio, const struct rv_request *request,
                 struct rv_reply *reply) {
    const char *name = rv_query(request, "name");
    uint32_t slot = name ? rv_slot_find(name) : RV_SLOT_NONE;
    struct rv_settings settings;
    struct rv_aid *aid = NULL;
    rv_dreamer_settings(studio->dreamer, &settings);
    if (slot != RV_SLOT_NONE && settings.aid[slot])
        aid = rv_aid_share(settings.aid[slot]);
    rv_settings_release(&settings);
    if (!aid)
        rv_api_fail(reply, 404, "there is no such picture");
    else if (!rv_query(request, "whole"))
        answer_preview(reply, &aid->picture, THUMBNAIL_SIDE);
    else {
        const struct rv_photo photo = {.picture = aid->picture}; // borrowed
        uint8_t *bytes;
        size_t size;
        enum rv_status status = rv_photo_encode(&photo, NULL, aid->name, &bytes, &size);
        if (status == RV_OK)
            rv_reply_bytes(reply, "image/png", bytes, size);
        else
            rv_reply_failure(reply, status);
    }
    rv_aid_release(&aid);
}

// What a layer dreams. A browser may keep it, but asks each time whether it still may: so nobody
// sees one who has no token.
void rv_get_layer(struct rv_studio *studio, const struct rv_request *request,
                  struct rv_reply *reply) {
    const char *name = rv_query(request, "name");
    struct rv_portrait portrait;
    if (!name || !rv_portraits_find(rv_dreamer_portraits(studio->dreamer), name, &portrait)) {
        rv_api_fail(reply, 404, "there is no picture of this layer yet");
        return;
    }
    bool known = request->known_tag && strcmp(request->known_tag, portrait.tag) == 0;
    *reply = (struct rv_reply){.status = known ? 304 : 200,
                               .type = "image/jpeg",
                               .body = portrait.bytes,
                               .size = known ? 0 : portrait.size,
                               .tag = portrait.tag};
}
