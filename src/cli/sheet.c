#include "cli/sheet.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/status.h"

#define GAP 4      // pixels between pictures and around them
#define PAPER 0.1f // levels
#define INK 0.85f
#define GREY 0.5f

// Digits of 3 x 5 pixels, a row three bits, the first row in the highest.
static const uint16_t digits[10] = {075557, 026227, 071747, 071717, 055711,
                                    074717, 074757, 071222, 075757, 075717};

// Pixels of the sheet to a pixel of a digit.
static uint32_t zoom_of(uint32_t side) {
    return side < 128 ? 1 : side < 256 ? 2 : 3;
}

static uint32_t label_of(uint32_t side) {
    return 5 * zoom_of(side) + 3;
}

// So many that the sheet is about square, the pictures with their labels being a little higher.
static uint32_t columns_of(uint32_t count) {
    uint32_t columns = 1;
    while (columns * columns < count)
        columns++;
    return columns;
}

enum rv_status rv_sheet_create(uint32_t count, uint32_t side, struct rv_picture *sheet) {
    uint32_t columns = columns_of(count), rows = (count + columns - 1) / columns;
    uint32_t width = GAP + columns * (side + GAP);
    uint32_t height = GAP + rows * (side + label_of(side) + GAP);
    size_t values = (size_t)width * height * 3;
    *sheet = (struct rv_picture){width, height, malloc(values * sizeof(float))};
    if (!sheet->pixels) {
        *sheet = (struct rv_picture){0};
        return rv_fail(RV_ERR_NO_MEMORY, "out of host memory for a sheet of %u x %u pixels", width,
                       height);
    }
    for (size_t i = 0; i < values; i++)
        sheet->pixels[i] = PAPER;
    return RV_OK;
}

static void fill(struct rv_picture *sheet, uint32_t x, uint32_t y, uint32_t width, uint32_t height,
                 float level) {
    for (uint32_t row = y; row < y + height; row++)
        for (size_t i = 0; i < (size_t)width * 3; i++)
            sheet->pixels[((size_t)row * sheet->width + x) * 3 + i] = level;
}

static void write_number(struct rv_picture *sheet, uint32_t x, uint32_t y, uint32_t zoom,
                         uint32_t number) {
    char text[12];
    snprintf(text, sizeof text, "%u", (unsigned)number);
    for (const char *digit = text; *digit; digit++, x += 4 * zoom)
        for (uint32_t bit = 0; bit < 15; bit++)
            if (digits[*digit - '0'] >> (14 - bit) & 1)
                fill(sheet, x + bit % 3 * zoom, y + bit / 3 * zoom, zoom, zoom, INK);
}

void rv_sheet_put(struct rv_picture *sheet, uint32_t count, uint32_t side, uint32_t index,
                  uint32_t number, const struct rv_picture *picture) {
    uint32_t columns = columns_of(count), label = label_of(side);
    uint32_t x = GAP + index % columns * (side + GAP);
    uint32_t y = GAP + index / columns * (side + label + GAP);
    write_number(sheet, x, y, zoom_of(side), number);
    y += label;
    if (!picture) {
        fill(sheet, x, y, side, side, GREY);
        return;
    }
    for (uint32_t row = 0; row < side; row++)
        for (size_t i = 0; i < (size_t)side * 3; i++)
            sheet->pixels[((size_t)(y + row) * sheet->width + x) * 3 + i] =
                picture->pixels[(size_t)row * side * 3 + i];
}
