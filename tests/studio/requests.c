#include "studio/requests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/picture.h"

static rv_weights *weights;

struct rv_studio requests_begin(void) {
    static const struct rv_settings settings = {
        .params = {.octaves = 2, .iterations = 4, .jitter = RV_OFF}};
    struct rv_studio studio = {.weights_path = "none"};
    if (!weights && rv_weights_random(1, &weights) != RV_OK)
        abort();
    const struct rv_dreamer_setup setup = {
        .weights = weights, .weights_path = "none", .settings = &settings, .open = fake_open};
    if (rv_dreamer_create(&setup, &studio.dreamer) != RV_OK)
        abort();
    return studio;
}

void requests_end(struct rv_studio *studio) {
    rv_dreamer_destroy(&studio->dreamer);
    rv_weights_destroy(&weights);
}

unsigned requests_ask(struct rv_studio *studio, const char *method, const char *path,
                      const char *type, const void *body, size_t size, json_t **json) {
    struct rv_request request = {
        .method = method, .content_type = type, .body = body, .body_size = size};
    struct rv_reply reply;
    char address[512], *next;
    snprintf(address, sizeof address, "%s", path);
    request.path = strtok_r(address, "?", &next);
    for (char *pair; request.query_count < RV_QUERY_MAX && (pair = strtok_r(NULL, "&", &next));) {
        char *value = strchr(pair, '=');
        if (value)
            *value++ = '\0';
        request.queries[request.query_count++] = (struct rv_query){pair, value};
    }
    if (!request.path)
        request.path = "/";
    rv_api_answer(studio, &request, &reply);
    if (json)
        *json = json_loadb(reply.body, reply.size, 0, NULL);
    free(reply.owned);
    return reply.status;
}

unsigned requests_post(struct rv_studio *studio, const char *path, const char *json) {
    return requests_ask(studio, "POST", path, "application/json", json, strlen(json), NULL);
}

uint8_t *requests_png(uint32_t width, uint32_t height, size_t *size) {
    size_t count = (size_t)width * height * 3;
    struct rv_photo photo = {.picture = {width, height, malloc(count * sizeof(float))}};
    uint8_t *bytes;
    if (!photo.picture.pixels)
        abort();
    for (size_t i = 0; i < count; i++)
        photo.picture.pixels[i] = (float)(i * 2654435761u % 251) / 250;
    if (rv_photo_encode(&photo, NULL, "noise", &bytes, size) != RV_OK)
        abort();
    rv_photo_free(&photo);
    return bytes;
}
