// The table of options from within: where each row's value lives in struct rv_params.
#ifndef RV_DREAM_OPTIONS_H
#define RV_DREAM_OPTIONS_H

#include <stddef.h>

#include "reverie/reverie.h"

enum rv_field_kind {
    RV_FIELD_TEXT,
    RV_FIELD_ENUM, // 0 = unset, else the choice's number from 1
    RV_FIELD_UINT32,
    RV_FIELD_INT32_OR_OFF,
    RV_FIELD_FLOAT,
    RV_FIELD_FLOAT_OR_OFF,   // RV_OFF or any negative number: off
    RV_FIELD_FLOAT_OR_NEVER, // negative: never
    RV_FIELD_UINT64,
    RV_FIELD_PICTURE
};

struct rv_field {
    size_t offset;
    size_t capacity; // bytes
    enum rv_field_kind kind;
};

// The field of row `index` of rv_options().
const struct rv_field *rv_option_field(uint32_t index);
// The row of that name, or NULL.
const struct rv_option *rv_option_find(const char *name, const struct rv_field **field);
// The rows that are pictures, in the table's order: the mask, the guide, the style.
#define RV_PARAM_PICTURES 3
const struct rv_picture **rv_param_picture(struct rv_params *params, uint32_t index);

// The preset of that name ("" = the default one), or NULL.
const struct rv_preset *rv_preset_find(const char *name);

#endif
