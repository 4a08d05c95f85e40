#include "studio/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "formats/json.h"
#include "formats/picture.h"

// ------------------------------------------------------------------------------------------------
// Slots

const char *rv_slot_option(uint32_t slot) {
    uint32_t count;
    const struct rv_option *options = rv_options(&count);
    for (uint32_t i = 0; i < count && slot < RV_SLOTS_MAX; i++)
        if (options[i].type == RV_OPTION_PICTURE && slot-- == 0)
            return options[i].name;
    return NULL;
}

uint32_t rv_slot_find(const char *option) {
    const char *name;
    for (uint32_t slot = 0; (name = rv_slot_option(slot)); slot++)
        if (strcmp(name, option) == 0)
            return slot;
    return RV_SLOT_NONE;
}

// ------------------------------------------------------------------------------------------------
// A picture

// Takes the pixels over, also when it fails.
static enum rv_status make(struct rv_picture *picture, const char *name, struct rv_aid **aid) {
    static atomic_ullong made = 0;
    struct rv_params params = {0};
    struct rv_aid *one = calloc(1, sizeof *one);
    const char *option = rv_slot_option(0);
    *aid = NULL;
    if (!one) {
        rv_picture_free(picture);
        return rv_fail(RV_ERR_NO_MEMORY, "no memory for another picture");
    }
    one->owners = 1;
    one->id = atomic_fetch_add(&made, 1) + 1;
    one->picture = *picture;
    rv_copy_printable(one->name, sizeof one->name, name);
    if (option && rv_params_set_picture(&params, option, &one->picture) == RV_OK)
        (void)rv_params_get(&params, option, one->identity, sizeof one->identity);
    *aid = one;
    return RV_OK;
}

enum rv_status rv_aid_decode(const uint8_t *file, size_t size, const char *name,
                             struct rv_aid **aid) {
    char shown[RV_NAME_SIZE];
    struct rv_photo photo;
    *aid = NULL;
    rv_copy_printable(shown, sizeof shown, name);
    enum rv_status status = rv_photo_decode(file, size, shown, RV_PIXELS_MAX, &photo);
    if (status != RV_OK)
        return status;
    struct rv_picture picture = photo.picture;
    photo.picture.pixels = NULL;
    rv_photo_free(&photo);
    return make(&picture, shown, aid);
}

enum rv_status rv_aid_copy(const struct rv_picture *picture, const char *name,
                           struct rv_aid **aid) {
    size_t bytes = (size_t)picture->width * picture->height * 3 * sizeof(float);
    struct rv_picture copy = {picture->width, picture->height, malloc(bytes)};
    *aid = NULL;
    if (!copy.pixels)
        return rv_fail(RV_ERR_NO_MEMORY, "no memory for another picture");
    memcpy(copy.pixels, picture->pixels, bytes);
    return make(&copy, name, aid);
}

struct rv_aid *rv_aid_share(struct rv_aid *aid) {
    atomic_fetch_add(&aid->owners, 1);
    return aid;
}

void rv_aid_release(struct rv_aid **aid) {
    if (*aid && atomic_fetch_sub(&(*aid)->owners, 1) == 1) {
        rv_picture_free(&(*aid)->picture);
        free(*aid);
    }
    *aid = NULL;
}

// ------------------------------------------------------------------------------------------------
// Settings

void rv_settings_refer(struct rv_settings *settings) {
    for (uint32_t slot = 0; rv_slot_option(slot); slot++)
        (void)rv_params_set_picture(&settings->params, rv_slot_option(slot),
                                    settings->aid[slot] ? &settings->aid[slot]->picture : NULL);
}

void rv_settings_copy(const struct rv_settings *from, struct rv_settings *to) {
    *to = *from;
    for (uint32_t slot = 0; slot < RV_SLOTS_MAX; slot++)
        if (to->aid[slot])
            rv_aid_share(to->aid[slot]);
}

void rv_settings_release(struct rv_settings *settings) {
    for (uint32_t slot = 0; slot < RV_SLOTS_MAX; slot++)
        rv_aid_release(&settings->aid[slot]);
    *settings = (struct rv_settings){0};
}

void rv_settings_give(struct rv_settings *settings, uint32_t slot, struct rv_aid *aid) {
    rv_aid_release(&settings->aid[slot]);
    settings->aid[slot] = aid;
    settings->wanted[slot][0] = '\0';
    rv_settings_refer(settings);
}

void rv_settings_want(struct rv_settings *settings, uint32_t slot, const char *identity) {
    const struct rv_aid *held = settings->aid[slot];
    if (held && strcmp(held->identity, identity) == 0)
        return;
    rv_settings_give(settings, slot, NULL);
    rv_copy_printable(settings->wanted[slot], sizeof settings->wanted[slot], identity);
}

enum rv_status rv_settings_resolve(const struct rv_settings *settings,
                                   struct rv_settings *resolved) {
    struct rv_params params;
    enum rv_status status = rv_params_resolve(&settings->params, &params);
    *resolved = (struct rv_settings){0};
    if (status != RV_OK)
        return status;
    rv_settings_copy(settings, resolved);
    resolved->params = params;
    return RV_OK;
}
