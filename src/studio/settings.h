// Parameters as a visitor gave them, with the pictures among them: a mask, a guide, a style. Those
// are counted, since the dream goes on with one while another takes its place.
#ifndef RV_STUDIO_SETTINGS_H
#define RV_STUDIO_SETTINGS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "reverie/reverie.h"

#define RV_PIXELS_MAX (UINT64_C(1) << 25) // of any picture that the studio takes
#define RV_NAME_SIZE 128
#define RV_SLOTS_MAX 8      // rows of the table that are pictures
#define RV_IDENTITY_SIZE 48 // "640x480-0123456789abcdef", as rv_params_get has it
#define RV_SLOT_NONE UINT32_MAX

// One of those pictures. Immutable.
struct rv_aid {
    atomic_int owners;
    uint64_t id;             // another for each
    char name[RV_NAME_SIZE]; // of its file, to be shown
    char identity[RV_IDENTITY_SIZE];
    struct rv_picture picture;
};

// Decodes a file of at most RV_PIXELS_MAX pixels. `name` is copied. Owned by the caller.
enum rv_status rv_aid_decode(const uint8_t *file, size_t size, const char *name,
                             struct rv_aid **aid);
// The same of a copy of a picture.
enum rv_status rv_aid_copy(const struct rv_picture *picture, const char *name, struct rv_aid **aid);
struct rv_aid *rv_aid_share(struct rv_aid *aid);
// Takes the address, accepts NULL, and clears it.
void rv_aid_release(struct rv_aid **aid);

// Slots are the rows of rv_options() that are pictures, in their order. Valid as {0}.
struct rv_settings {
    struct rv_params params;          // its pictures are those of `aid`
    struct rv_aid *aid[RV_SLOTS_MAX]; // shared; NULL = none
    // The identity of a picture that a recipe names and nobody has given again; "" = none.
    char wanted[RV_SLOTS_MAX][RV_IDENTITY_SIZE];
};

// The name of a slot's option, or NULL.
const char *rv_slot_option(uint32_t slot);
// The slot of an option, or RV_SLOT_NONE.
uint32_t rv_slot_find(const char *option);

// Shares the pictures. `to` is overwritten as it is.
void rv_settings_copy(const struct rv_settings *from, struct rv_settings *to);
void rv_settings_release(struct rv_settings *settings);
// Takes the picture over; NULL = none.
void rv_settings_give(struct rv_settings *settings, uint32_t slot, struct rv_aid *aid);
// Asks for the picture of that identity ("" = none is wanted): a slot that holds it keeps it.
void rv_settings_want(struct rv_settings *settings, uint32_t slot, const char *identity);
// Makes the parameters' pictures those of the slots, after the parameters were replaced.
void rv_settings_refer(struct rv_settings *settings);
// Resolves the parameters; pictures stay those of `settings`.
enum rv_status rv_settings_resolve(const struct rv_settings *settings,
                                   struct rv_settings *resolved);

#endif
