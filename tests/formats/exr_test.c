// Kinds of EXR that others write: in tiles, gray, with channels that are no colours, with a window
// that does not begin at 0. Made by OpenEXR's own library.
#include <criterion/criterion.h>
#include <math.h>
#include <openexr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "formats/picture.h"

#define WIDTH 21
#define HEIGHT 13
#define TILE 8

struct channel {
    const char *name;
    exr_pixel_type_t type;
};

struct kind {
    const char *what;
    bool tiled;
    int left, top;              // of the data's window
    struct channel channels[5]; // in the order of their names
    const char *refused;        // by this text; NULL = read
};

// Light of a channel at (x, y); the last letter tells the channel.
static float light(const char *name, int x, int y) {
    char letter = name[strlen(name) - 1];
    float value = (float)((x * 5 + y * 11 + letter * 3) % 64) / 64.0f;
    return letter == 'A' ? 0.5f : value;
}

// These values are exact in 16 bits, too.
static uint16_t half_of(float value) {
    int exponent;
    float fraction = frexpf(value, &exponent);
    if (value == 0.0f)
        return 0;
    return (uint16_t)((exponent + 14) << 10 | ((int)(fraction * 2048.0f) & 1023));
}

// The bytes of one block of pixels, uncompressed: row by row, channel by channel.
static size_t pack(const struct kind *kind, int left, int top, int width, int height,
                   uint8_t *bytes) {
    uint8_t *to = bytes;
    for (int y = top; y < top + height; y++)
        for (const struct channel *c = kind->channels; c->name; c++)
            for (int x = left; x < left + width; x++) {
                float value = light(c->name, x, y);
                uint16_t half = half_of(value);
                uint32_t whole = 77;
                size_t size = c->type == EXR_PIXEL_HALF ? 2 : 4;
                memcpy(to,
                       c->type == EXR_PIXEL_HALF    ? (const void *)&half
                       : c->type == EXR_PIXEL_FLOAT ? (const void *)&value
                                                    : (const void *)&whole,
                       size);
                to += size;
            }
    return (size_t)(to - bytes);
}

static void write_file(const char *path, const struct kind *kind) {
    exr_context_initializer_t init = EXR_DEFAULT_CONTEXT_INITIALIZER;
    exr_context_t file;
    int part, step = kind->tiled ? TILE : 1;
    uint8_t bytes[WIDTH * TILE * 5 * 4];
    cr_assert_eq(exr_start_write(&file, path, EXR_WRITE_FILE_DIRECTLY, &init), 0);
    cr_assert_eq(
        exr_add_part(file, "x", kind->tiled ? EXR_STORAGE_TILED : EXR_STORAGE_SCANLINE, &part), 0);
    exr_attr_box2i_t window;
    window.min.x = kind->left;
    window.min.y = kind->top;
    window.max.x = kind->left + WIDTH - 1;
    window.max.y = kind->top + HEIGHT - 1;
    exr_attr_v2f_t centre = {{{0, 0}}};
    cr_assert_eq(exr_initialize_required_attr(file, part, &window, &window, 1, &centre, 1,
                                              EXR_LINEORDER_INCREASING_Y, EXR_COMPRESSION_NONE),
                 0);
    if (kind->tiled)
        cr_assert_eq(exr_set_tile_descriptor(file, part, TILE, TILE, EXR_TILE_ONE_LEVEL,
                                             EXR_TILE_ROUND_DOWN),
                     0);
    for (const struct channel *c = kind->channels; c->name; c++)
        cr_assert_eq(exr_add_channel(file, part, c->name, c->type, EXR_PERCEPTUALLY_LINEAR, 1, 1),
                     0);
    cr_assert_eq(exr_write_header(file), 0);
    for (int y = 0; y < HEIGHT; y += step)
        for (int x = 0; x < WIDTH; x += kind->tiled ? TILE : WIDTH) {
            int width = kind->tiled ? (WIDTH - x < TILE ? WIDTH - x : TILE) : WIDTH;
            int height = HEIGHT - y < step ? HEIGHT - y : step;
            size_t size = pack(kind, x, y, width, height, bytes);
            cr_assert_eq(
                kind->tiled
                    ? exr_write_tile_chunk(file, part, x / TILE, y / TILE, 0, 0, bytes, size)
                    : exr_write_scanline_chunk(file, part, kind->top + y, bytes, size),
                0);
        }
    cr_assert_eq(exr_finish(&file), 0);
}

static double encoded(double value) {
    return value <= 0.0031308 ? value * 12.92 : 1.055 * pow(value, 1 / 2.4) - 0.055;
}

Test(exr, kinds) {
    char folder[] = "/tmp/reverie exr test XXXXXX";
    static const struct kind kinds[] = {
        {"rows",
         false,
         0,
         0,
         {{"B", EXR_PIXEL_HALF}, {"G", EXR_PIXEL_HALF}, {"R", EXR_PIXEL_HALF}},
         NULL},
        {"rows elsewhere",
         false,
         -7,
         100,
         {{"B", EXR_PIXEL_FLOAT}, {"G", EXR_PIXEL_FLOAT}, {"R", EXR_PIXEL_FLOAT}},
         NULL},
        {"tiles",
         true,
         0,
         0,
         {{"B", EXR_PIXEL_FLOAT}, {"G", EXR_PIXEL_FLOAT}, {"R", EXR_PIXEL_FLOAT}},
         NULL},
        {"tiles with alpha",
         true,
         0,
         0,
         {{"A", EXR_PIXEL_HALF},
          {"B", EXR_PIXEL_HALF},
          {"G", EXR_PIXEL_HALF},
          {"R", EXR_PIXEL_HALF}},
         NULL},
        {"further channels",
         false,
         0,
         0,
         {{"B", EXR_PIXEL_HALF},
          {"G", EXR_PIXEL_FLOAT},
          {"R", EXR_PIXEL_HALF},
          {"id", EXR_PIXEL_UINT},
          {"layer.R", EXR_PIXEL_HALF}},
         NULL},
        {"gray in tiles", true, 0, 0, {{"Y", EXR_PIXEL_HALF}, {"z", EXR_PIXEL_FLOAT}}, NULL},
        {"gray with alpha", false, 0, 0, {{"A", EXR_PIXEL_FLOAT}, {"Y", EXR_PIXEL_FLOAT}}, NULL},
        {"whole numbers",
         false,
         0,
         0,
         {{"B", EXR_PIXEL_UINT}, {"G", EXR_PIXEL_UINT}, {"R", EXR_PIXEL_UINT}},
         "whole numbers"},
        {"no colours",
         false,
         0,
         0,
         {{"u", EXR_PIXEL_HALF}, {"v", EXR_PIXEL_HALF}},
         "no channels R, G and B"},
    };
    cr_assert(mkdtemp(folder) && chdir(folder) == 0);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const struct kind *kind = &kinds[i];
        struct rv_photo photo;
        bool alpha = strcmp(kind->channels[0].name, "A") == 0, gray = false, floats = false;
        for (const struct channel *c = kind->channels; c < kind->channels + 5 && c->name; c++) {
            gray |= strcmp(c->name, "Y") == 0;
            floats |= c->type == EXR_PIXEL_FLOAT && strchr("RGBY", *c->name);
        }
        write_file("a.exr", kind);
        enum rv_status status = rv_photo_load("a.exr", 0, &photo);
        if (kind->refused) {
            cr_expect_eq(status, RV_ERR_INPUT, "%s: status %d", kind->what, status);
            cr_expect(strstr(rv_error_text(), kind->refused), "%s", rv_error_text());
            continue;
        }
        cr_assert_eq(status, RV_OK, "%s: %s", kind->what, rv_error_text());
        cr_assert(photo.picture.width == WIDTH && photo.picture.height == HEIGHT, "%s", kind->what);
        cr_expect_eq(photo.bits, floats ? 32 : 16, "%s: %u bits", kind->what, photo.bits);
        cr_expect_eq(photo.alpha != NULL, alpha, "%s: alpha", kind->what);
        for (int p = 0; p < WIDTH * HEIGHT; p++) {
            static const char *const names[] = {"R", "G", "B"};
            for (int c = 0; c < 3; c++) {
                double stored = (double)light(gray ? "Y" : names[c], p % WIDTH, p / WIDTH);
                double wanted = encoded(fmin(alpha ? stored / 0.5 : stored, 1)); // premultiplied
                cr_assert_float_eq(photo.picture.pixels[p * 3 + c], wanted, 1e-6,
                                   "%s: pixel %d, %d is %g, not %g", kind->what, p, c,
                                   (double)photo.picture.pixels[p * 3 + c], wanted);
            }
            if (alpha)
                cr_assert_eq(photo.alpha[p], 32768);
        }
        rv_photo_free(&photo);
    }
    cr_assert(unlink("a.exr") == 0 && chdir("/") == 0 && rmdir(folder) == 0);
}
