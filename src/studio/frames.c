// A camera's frames: one JPEG in, one JPEG out, so that nobody sends faster than is dreamed.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/status.h"
#include "formats/picture.h"
#include "studio/answers.h"

#define FRAME_PIXELS_MAX (UINT64_C(1) << 22)
#define FRAME_QUALITY 88

static uint8_t to_byte(float value) {
    return (uint8_t)(value <= 0 ? 0 : value >= 1 ? 255 : value * 255 + 0.5f);
}

static enum rv_status decode(const struct rv_request *request, struct rv_photo *photo,
                             struct rv_frame *frame) {
    enum rv_status status =
        rv_photo_decode(request->body, request->body_size, "the frame", FRAME_PIXELS_MAX, photo);
    if (status != RV_OK)
        return status;
    size_t count = (size_t)photo->picture.width * photo->picture.height;
    *frame = (struct rv_frame){photo->picture.width, photo->picture.height, 0, malloc(count * 4)};
    if (!frame->pixels)
        return rv_fail(RV_ERR_NO_MEMORY, "no memory for the frame");
    for (size_t i = 0; i < count; i++) {
        for (size_t c = 0; c < 3; c++)
            frame->pixels[i * 4 + c] = to_byte(photo->picture.pixels[i * 3 + c]);
        frame->pixels[i * 4 + 3] = 255;
    }
    return RV_OK;
}

static enum rv_status encode(const struct rv_frame *frame, struct rv_photo *photo, uint8_t **bytes,
                             size_t *size) {
    const struct rv_photo_save_params params = {.format = RV_PHOTO_JPEG, .quality = FRAME_QUALITY};
    size_t count = (size_t)frame->width * frame->height;
    for (size_t i = 0; i < count; i++)
        for (size_t c = 0; c < 3; c++)
            photo->picture.pixels[i * 3 + c] = (float)frame->pixels[i * 4 + c] / 255;
    return rv_photo_encode(photo, &params, "the frame", bytes, size);
}

// What became of the frame, beside its picture.
static void describe(const struct rv_live_stats *stats, double seconds, char *text, size_t size) {
    json_t *object = json_pack(
        "{s:I, s:i, s:i, s:i, s:i, s:i, s:b, s:b, s:b, s:f, s:f, s:f}", "frame",
        (json_int_t)stats->frame, "steps", (int)stats->steps, "octave", (int)stats->octave,
        "octaves", (int)stats->octaves, "width", (int)stats->width, "height", (int)stats->height,
        "reset", (int)stats->reset, "cut", (int)stats->scene_cut, "stuck", (int)stats->stuck,
        "flow", (double)stats->flow, "dream_ms", (double)stats->total_ms, "ms", seconds * 1000);
    char *dumped = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(4));
    snprintf(text, size, "%s", dumped ? dumped : "{}");
    free(dumped);
    json_decref(object);
}

// ?client= is a number that the page made up: one page's frames are dreamed on at a time.
void rv_post_frame(struct rv_studio *studio, const struct rv_request *request,
                   struct rv_reply *reply) {
    struct rv_live_job job = {.client = rv_query_number(request, "client", 0)};
    struct rv_photo photo = {0};
    struct rv_frame frame = {0};
    uint8_t *bytes = NULL;
    size_t size = 0;
    double begun = rv_clock_seconds();
    enum rv_status status;
    if (!rv_body_is_file(request, reply))
        return;
    if (job.client == 0) {
        rv_api_fail(reply, 400, "the request: its client is missing or no whole number");
        return;
    }
    RV_TRY(decode(request, &photo, &frame));
    job.in = job.out = &frame;
    RV_TRY(rv_dreamer_frame(studio->dreamer, &job));
    RV_TRY(encode(&frame, &photo, &bytes, &size));
    rv_reply_bytes(reply, "image/jpeg", bytes, size);
    describe(&job.stats, rv_clock_seconds() - begun, reply->note, sizeof reply->note);
done:
    if (status == RV_ERR_CANCELLED)
        rv_api_fail(reply, 409, rv_error_text());
    else if (status != RV_OK)
        rv_reply_failure(reply, status);
    free(frame.pixels);
    rv_photo_free(&photo);
}

// {"parameters": {name: text, ...}} and {"end": client}, either or both.
void rv_post_live(struct rv_studio *studio, const struct rv_request *request,
                  struct rv_reply *reply) {
    json_t *object = rv_body_object(request, reply);
    const json_t *end = json_object_get(object, "end");
    enum rv_status status = RV_OK;
    const char *name;
    json_t *value;
    if (!object)
        return;
    json_object_foreach(json_object_get(object, "parameters"), name, value) {
        if (status == RV_OK && !json_is_string(value))
            status = rv_fail(RV_ERR_INPUT, "the request: its \"%s\" is no text", name);
        else if (status == RV_OK)
            status = rv_dreamer_live_set(studio->dreamer, name, json_string_value(value));
    }
    if (json_is_integer(end) && json_integer_value(end) > 0)
        rv_dreamer_frames_end(studio->dreamer, (uint64_t)json_integer_value(end));
    json_decref(object);
    rv_reply_done(reply, status);
}
