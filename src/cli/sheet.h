// A contact sheet: square pictures in rows, each with a number above it.
#ifndef RV_CLI_SHEET_H
#define RV_CLI_SHEET_H

#include "reverie/reverie.h"

// Makes an empty sheet for `count` pictures of `side` pixels, about as wide as high. Freed with
// rv_picture_free.
enum rv_status rv_sheet_create(uint32_t count, uint32_t side, struct rv_picture *sheet);

// Puts picture `index` of the sheet in its place, with its number; of a NULL picture the number
// alone, over grey.
void rv_sheet_put(struct rv_picture *sheet, uint32_t count, uint32_t side, uint32_t index,
                  uint32_t number, const struct rv_picture *picture);

#endif
