// Photographs of every kind in, and back out; what is expected is worked out by hand.
#include <criterion/criterion.h>
#include <jpeglib.h>
#include <math.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/exif.h"
#include "formats/fixtures.h"
#include "formats/picture.h"

static void decode(const struct fixture_file *file, struct rv_photo *photo) {
    enum rv_status status = rv_photo_decode(file->data, file->size, "test", 0, photo);
    cr_assert_eq(status, RV_OK, "%s", rv_error_text());
}

// Encodes a photo and decodes what came out. Frees nothing that was given.
static void recode(const struct rv_photo *photo, enum rv_photo_format format, uint32_t bits,
                   struct rv_photo *result) {
    struct rv_photo_save_params params = {.format = format, .bits = bits};
    struct fixture_file file;
    enum rv_status status = rv_photo_encode(photo, &params, "test", &file.data, &file.size);
    cr_assert_eq(status, RV_OK, "%s", rv_error_text());
    decode(&file, result);
    free(file.data);
}

static bool same_photo(const struct rv_photo *a, const struct rv_photo *b) {
    size_t count = (size_t)a->picture.width * a->picture.height;
    return a->picture.width == b->picture.width && a->picture.height == b->picture.height &&
           memcmp(a->picture.pixels, b->picture.pixels, count * 3 * sizeof(float)) == 0 &&
           !a->alpha == !b->alpha &&
           (!a->alpha || memcmp(a->alpha, b->alpha, count * sizeof *a->alpha) == 0);
}

// ------------------------------------------------------------------------------------------------
// PNG

// What a decoder must make of pixel (x, y): four numbers in 0..1.
static void expected_png(const struct fixture_png *png, uint32_t x, uint32_t y, double rgba[4]) {
    uint32_t largest = (1u << png->bits) - 1;
    bool gray = !(png->colour & PNG_COLOR_MASK_COLOR);
    uint32_t first = fixture_sample(x, y, 0, largest), colours = gray ? 1 : 3, ones = 0;
    rgba[3] = 1.0;
    if (png->colour == PNG_COLOR_TYPE_PALETTE) {
        uint8_t rgb[3];
        fixture_palette(first, rgb);
        for (int c = 0; c < 3; c++)
            rgba[c] = rgb[c] / 255.0;
        if (png->transparent && first < 2)
            rgba[3] = first == 0 ? 200 / 255.0 : 0.0;
        return;
    }
    for (uint32_t c = 0; c < 3; c++) {
        uint32_t value = fixture_sample(x, y, gray ? 0 : c, largest);
        rgba[c] = (double)value / largest;
        ones += value == 1;
    }
    if (png->colour & PNG_COLOR_MASK_ALPHA)
        rgba[3] = (double)fixture_sample(x, y, colours, largest) / largest;
    else if (png->transparent && ones == 3)
        rgba[3] = 0.0;
}

static void check_png(const struct fixture_png *png) {
    struct fixture_file file;
    struct rv_photo photo;
    char name[96];
    snprintf(name, sizeof name, "%u x %u, colour type %d, %d bits%s%s", png->width, png->height,
             png->colour, png->bits, png->interlaced ? ", interlaced" : "",
             png->transparent ? ", tRNS" : "");
    fixture_png(png, &file);
    decode(&file, &photo);
    cr_assert(photo.picture.width == png->width && photo.picture.height == png->height, "%s", name);
    cr_expect_eq(photo.bits, png->bits == 16 ? 16 : 8, "%s: %u bits", name, photo.bits);
    bool alpha = png->transparent || (png->colour & PNG_COLOR_MASK_ALPHA);
    cr_expect_eq(photo.alpha != NULL, alpha, "%s: alpha", name);
    for (uint32_t y = 0; y < png->height; y++) {
        for (uint32_t x = 0; x < png->width; x++) {
            double rgba[4];
            size_t at = (size_t)y * png->width + x;
            expected_png(png, x, y, rgba);
            for (int c = 0; c < 3; c++)
                cr_assert_float_eq(photo.picture.pixels[at * 3 + c], rgba[c], 1e-7,
                                   "%s: (%u, %u) channel %d is %.9g, not %.9g", name, x, y, c,
                                   photo.picture.pixels[at * 3 + c], rgba[c]);
            if (photo.alpha)
                cr_assert_eq(photo.alpha[at], (uint16_t)lround(rgba[3] * 65535.0),
                             "%s: (%u, %u) alpha is %u, not %g", name, x, y, photo.alpha[at],
                             rgba[3] * 65535.0);
        }
    }
    struct rv_photo again;
    recode(&photo, RV_PHOTO_PNG, 0, &again);
    cr_expect(same_photo(&photo, &again), "%s: changes when saved", name);
    rv_photo_free(&again);
    rv_photo_free(&photo);
    free(file.data);
}

Test(picture, png_kinds) {
    static const struct {
        int colour, bits[6];
        bool may_be_transparent;
    } kinds[] = {{PNG_COLOR_TYPE_GRAY, {1, 2, 4, 8, 16}, true},
                 {PNG_COLOR_TYPE_PALETTE, {1, 2, 4, 8}, true},
                 {PNG_COLOR_TYPE_RGB, {8, 16}, true},
                 {PNG_COLOR_TYPE_GRAY_ALPHA, {8, 16}, false},
                 {PNG_COLOR_TYPE_RGB_ALPHA, {8, 16}, false}};
    static const uint32_t sizes[][2] = {{1, 1}, {5, 3}, {67, 41}};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (int b = 0; kinds[k].bits[b]; b++)
            for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
                for (int variant = 0; variant < (kinds[k].may_be_transparent ? 4 : 2); variant++)
                    check_png(&(struct fixture_png){.width = sizes[s][0],
                                                    .height = sizes[s][1],
                                                    .colour = kinds[k].colour,
                                                    .bits = kinds[k].bits[b],
                                                    .interlaced = variant & 1,
                                                    .transparent = variant & 2});
}

// ------------------------------------------------------------------------------------------------
// JPEG

// Two flat halves: at quality 100 they come back to within two steps, so the colour conversion and
// the place of every pixel are seen.
Test(picture, jpeg_kinds) {
    static const struct {
        const char *name;
        struct fixture_jpeg jpeg;
        int left[3], right[3]; // of 255
    } cases[] = {
        {"colour",
         {33, 17, JCS_YCbCr, false, false, {{200, 30, 90}, {10, 120, 240}}, 0, NULL},
         {200, 30, 90},
         {10, 120, 240}},
        {"progressive",
         {33, 17, JCS_YCbCr, true, false, {{200, 30, 90}, {10, 120, 240}}, 0, NULL},
         {200, 30, 90},
         {10, 120, 240}},
        {"stored as RGB",
         {40, 9, JCS_RGB, false, true, {{200, 30, 90}, {10, 120, 240}}, 0, NULL},
         {200, 30, 90},
         {10, 120, 240}},
        {"gray",
         {33, 17, JCS_GRAYSCALE, false, false, {{77}, {201}}, 0, NULL},
         {77, 77, 77},
         {201, 201, 201}},
        {"one pixel",
         {1, 1, JCS_YCbCr, false, false, {{0}, {10, 120, 240}}, 0, NULL},
         {10, 120, 240},
         {10, 120, 240}},
        // Adobe stores 255 - ink: 200 * 128 / 255 = 100, 100 * 128 / 255 = 50, 50 * 128 / 255 = 25
        {"Adobe's CMYK",
         {33, 17, JCS_CMYK, false, true, {{200, 100, 50, 128}, {255, 0, 255, 255}}, 0, NULL},
         {100, 50, 25},
         {255, 0, 255}},
        {"Adobe's YCCK",
         {33, 17, JCS_YCCK, false, true, {{200, 100, 50, 128}, {255, 0, 255, 255}}, 0, NULL},
         {100, 50, 25},
         {255, 0, 255}},
        // the ink itself: (255 - 55) * (255 - 127) / 255 = 100
        {"plain CMYK",
         {33, 17, JCS_CMYK, false, false, {{55, 155, 205, 127}, {0, 255, 0, 0}}, 0, NULL},
         {100, 50, 25},
         {255, 0, 255}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct fixture_jpeg *jpeg = &cases[i].jpeg;
        struct fixture_file file;
        struct rv_photo photo;
        fixture_jpeg(jpeg, &file);
        decode(&file, &photo);
        cr_assert(photo.picture.width == jpeg->width && photo.picture.height == jpeg->height &&
                      photo.bits == 8 && !photo.alpha,
                  "%s", cases[i].name);
        for (uint32_t p = 0; p < jpeg->width * jpeg->height; p++) {
            uint32_t x = p % jpeg->width, edge = jpeg->width / 2;
            if (x + 16 > edge && x < edge + 16 && jpeg->width > 1 && x != 0 && x != jpeg->width - 1)
                continue; // chroma is stored at half the resolution: the edge is soft
            const int *wanted = x < edge ? cases[i].left : cases[i].right;
            for (int c = 0; c < 3; c++)
                cr_assert_float_eq(photo.picture.pixels[p * 3 + c] * 255.0f, wanted[c], 3.0,
                                   "%s: pixel %u channel %d is %g, not %d", cases[i].name, p, c,
                                   photo.picture.pixels[p * 3 + c] * 255.0f, wanted[c]);
        }
        rv_photo_free(&photo);
        free(file.data);
    }
}

// ------------------------------------------------------------------------------------------------
// Orientation and what is kept aside

// A stored picture of 3 x 2 pixels 012/345 and how each orientation shows it.
Test(picture, orientation) {
    static const char *const shown[10] = {"012/345",  "012/345",  "210/543",  "543/210",
                                          "345/012",  "03/14/25", "30/41/52", "52/41/30",
                                          "25/14/03", "012/345"};
    for (uint32_t orientation = 0; orientation < 10; orientation++) {
        for (int late = 0; late < 2; late++) {
            struct fixture_png png = {.width = 3,
                                      .height = 2,
                                      .colour = PNG_COLOR_TYPE_RGB_ALPHA,
                                      .bits = 8,
                                      .late = late,
                                      .orientation = orientation};
            struct fixture_file file;
            struct rv_photo photo, again;
            fixture_png(&png, &file);
            decode(&file, &photo);
            uint32_t width = (uint32_t)strcspn(shown[orientation], "/"), height = 6 / width;
            cr_assert(photo.picture.width == width && photo.picture.height == height,
                      "orientation %u: %u x %u", orientation, photo.picture.width,
                      photo.picture.height);
            for (uint32_t i = 0; i < 6; i++) {
                uint32_t from = (uint32_t)(shown[orientation][i + i / width] - '0');
                uint32_t x = from % 3, y = from / 3;
                for (uint32_t c = 0; c < 3; c++)
                    cr_expect_eq(lroundf(photo.picture.pixels[i * 3 + c] * 255.0f),
                                 fixture_sample(x, y, c, 255), "orientation %u, pixel %u",
                                 orientation, i);
                cr_expect_eq(photo.alpha[i], fixture_sample(x, y, 3, 255) * 257);
            }
            recode(&photo, RV_PHOTO_PNG, 0, &again); // the tag is gone, the pixels stay upright
            cr_expect(same_photo(&photo, &again), "orientation %u turns twice", orientation);
            rv_photo_free(&again);
            rv_photo_free(&photo);
            free(file.data);
        }
    }
}

Test(picture, jpeg_orientation) {
    // Left half dark, right half bright, turned by 90 degrees to the right: dark on top.
    struct fixture_jpeg jpeg = {64, 16, JCS_GRAYSCALE, false, false, {{20}, {220}}, 6, NULL};
    struct fixture_file file;
    struct rv_photo photo;
    fixture_jpeg(&jpeg, &file);
    decode(&file, &photo);
    cr_assert(photo.picture.width == 16 && photo.picture.height == 64);
    cr_expect_float_eq(photo.picture.pixels[0] * 255.0f, 20.0, 2.0);
    cr_expect_float_eq(photo.picture.pixels[(64 * 16 - 1) * 3] * 255.0f, 220.0, 2.0);
    rv_photo_free(&photo);
    free(file.data);
}

Test(picture, damaged_exif) {
    uint8_t exif[FIXTURE_EXIF_SIZE];
    for (int big = 0; big < 2; big++) {
        for (uint32_t size = 0; size <= FIXTURE_EXIF_SIZE; size++) {
            fixture_exif(5, big, exif);
            uint8_t *exact = malloc(size + 1); // so that the sanitizer sees every step beyond
            memcpy(exact + 1, exif, size);
            uint32_t wanted = size >= 22 ? 5 : 1;
            cr_expect_eq(rv_exif_orientation(exact + 1, size), wanted, "%u bytes", size);
            free(exact);
        }
    }
    static const struct {
        const char *what;
        int at;
        uint8_t value;
    } cases[] = {{"mixed byte order", 1, 'I'},
                 {"other letters", 0, 'X'},
                 {"not 42", 3, 43},
                 {"directory outside", 4, 0xff},
                 {"directory at the end", 7, 25},
                 {"no entries", 9, 0},
                 {"65281 entries of another tag", 10, 9},
                 {"not 16 bits", 13, 4},
                 {"orientation 0", 19, 0},
                 {"orientation 9", 19, 9},
                 {"orientation 261", 18, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fixture_exif(5, true, exif);
        exif[cases[i].at] = cases[i].value;
        exif[8] = i == 6 ? 0xff : 0;
        cr_expect_eq(rv_exif_orientation(exif, sizeof exif), 1, "%s", cases[i].what);
    }
}

Test(picture, profiles_and_text) {
    static const struct {
        const char *space;
        int png_colour, jpeg_stored;
        bool kept;
    } cases[] = {{"RGB ", PNG_COLOR_TYPE_RGB, JCS_YCbCr, true},
                 {"GRAY", PNG_COLOR_TYPE_GRAY, JCS_GRAYSCALE, false},
                 {"RGB ", PNG_COLOR_TYPE_PALETTE, JCS_YCbCr, true},
                 {"CMYK", PNG_COLOR_TYPE_RGB, JCS_CMYK, false}};
    uint8_t icc[FIXTURE_ICC_SIZE];
    fixture_icc("RGB ", icc);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture_file files[2];
        fixture_png(&(struct fixture_png){.width = 4,
                                          .height = 4,
                                          .bits = 8,
                                          .late = i & 1,
                                          .colour = cases[i].png_colour,
                                          .text = "{\"a\": 1}",
                                          .icc_space = strcmp(cases[i].space, "CMYK") == 0
                                                           ? NULL
                                                           : cases[i].space},
                    &files[0]);
        fixture_jpeg(&(struct fixture_jpeg){.width = 4,
                                            .height = 4,
                                            .stored = cases[i].jpeg_stored,
                                            .icc_space = cases[i].space},
                     &files[1]);
        for (int jpeg = 0; jpeg < 2; jpeg++) {
            for (int out = RV_PHOTO_PNG; out <= RV_PHOTO_JPEG; out++) {
                struct rv_photo photo, again;
                decode(&files[jpeg], &photo);
                cr_expect_eq(photo.icc != NULL, cases[i].kept, "case %zu, jpeg %d", i, jpeg);
                cr_expect(jpeg ? !photo.text : photo.text && !strcmp(photo.text, "{\"a\": 1}"));
                free(photo.text);
                photo.text = strdup("{\"layers\": \"mixed3\", \"name\": \"\xc3\xa9t\xc3\xa9\"}");
                recode(&photo, (enum rv_photo_format)out, 0, &again);
                cr_expect_eq(again.icc != NULL, cases[i].kept, "case %zu, out %d", i, out);
                if (again.icc)
                    cr_expect(again.icc_size == sizeof icc && !memcmp(again.icc, icc, sizeof icc));
                if (out == RV_PHOTO_PNG)
                    cr_expect(again.text && !strcmp(again.text, photo.text), "%s", again.text);
                rv_photo_free(&again);
                rv_photo_free(&photo);
            }
            free(files[jpeg].data);
        }
    }
}

// A profile that libpng rejects costs the profile, not the picture.
Test(picture, senseless_profile) {
    float grey[3] = {0.5f, 0.5f, 0.5f};
    struct rv_photo photo = {.picture = {1, 1, grey}}, again;
    uint8_t icc[FIXTURE_ICC_SIZE];
    fixture_icc("RGB ", icc);
    icc[0] = 0x7f; // states a size far beyond its own
    photo.icc = icc;
    photo.icc_size = sizeof icc;
    recode(&photo, RV_PHOTO_PNG, 0, &again);
    cr_expect_eq(lroundf(again.picture.pixels[0] * 255.0f), 128);
    cr_expect(!again.icc);
    rv_photo_free(&again);
}

// ------------------------------------------------------------------------------------------------
// Numbers on the way out, and resizing

Test(picture, rounding) {
    static const struct {
        float value;
        long steps8, steps16;
    } cases[] = {{0.0f, 0, 0},       {1.0f, 255, 65535},    {-0.1f, 0, 0},
                 {-INFINITY, 0, 0},  {1.1f, 255, 65535},    {INFINITY, 255, 65535},
                 {NAN, 0, 0},        {0.5f, 128, 32768},    {0.00195f, 0, 128},
                 {0.00197f, 1, 129}, {0.9980f, 254, 65404}, {0.9981f, 255, 65410}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        float pixels[3] = {cases[i].value, cases[i].value, cases[i].value};
        struct rv_photo photo = {.picture = {1, 1, pixels}}, again;
        for (int bits = 8; bits <= 16; bits += 8) {
            recode(&photo, RV_PHOTO_PNG, (uint32_t)bits, &again);
            long wanted = bits == 8 ? cases[i].steps8 : cases[i].steps16;
            long got = lroundf(again.picture.pixels[0] * (bits == 8 ? 255.0f : 65535.0f));
            cr_expect_eq(got, wanted, "%g at %d bits is %ld, not %ld", cases[i].value, bits, got,
                         wanted);
            cr_expect_eq(again.bits, (uint32_t)bits);
            rv_photo_free(&again);
        }
    }
}

// All the steps there are, colour and alpha, survive decoding and encoding.
Test(picture, every_step) {
    for (uint32_t bits = 8; bits <= 16; bits += 8) {
        uint32_t largest = (1u << bits) - 1, width = 256, height = (largest + 1) / 256;
        float *pixels = malloc((size_t)width * height * 3 * sizeof *pixels);
        uint16_t *alpha = malloc((size_t)width * height * sizeof *alpha);
        for (uint32_t i = 0; i <= largest; i++) {
            for (int c = 0; c < 3; c++)
                pixels[i * 3 + c] = (float)i / (float)largest;
            alpha[i] = (uint16_t)(bits == 8 ? i * 257 : i);
        }
        struct rv_photo photo = {.picture = {width, height, pixels}, .alpha = alpha, .bits = bits};
        struct rv_photo again;
        recode(&photo, RV_PHOTO_PNG, 0, &again);
        cr_expect(same_photo(&photo, &again), "%u bits", bits);
        rv_photo_free(&again);
        rv_photo_free(&photo);
    }
}

Test(picture, resizing) {
    // One row or one column, each worked out by hand: the triangle's weights at the pixels'
    // centres.
    static const struct {
        uint32_t from, to;
        double values[8], wanted[8];
    } cases[] = {
        {2, 4, {0, 1}, {0, 0.25, 0.75, 1}},
        {1, 3, {0.5}, {0.5, 0.5, 0.5}},
        {3, 3, {0.1, 0.7, 0.3}, {0.1, 0.7, 0.3}},
        // reach 2 around 1 and 3: distances 0.5, 0.5, 1.5 (and 1.5 beyond the edge)
        {4, 2, {1, 0, 0, 0}, {3.0 / 7, 0}},
        {4, 2, {0, 1, 0, 0}, {3.0 / 7, 1.0 / 7}},
        {4, 1, {1, 0, 0, 0}, {2.5 / 12}}, // reach 4 around 2: 2.5, 3.5, 3.5, 2.5
        {3, 2, {1, 0, 0}, {5.0 / 8, 0}},  // reach 1.5 around 0.75: 0.25, 0.75, (1.75: none)
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int tall = 0; tall < 2; tall++) {
            uint32_t from = cases[i].from, to = cases[i].to;
            struct rv_photo photo = {.picture = {tall ? 1 : from, tall ? from : 1, NULL}};
            photo.picture.pixels = malloc(from * 3 * sizeof(float));
            photo.alpha = malloc(from * sizeof(uint16_t));
            for (uint32_t k = 0; k < from; k++) {
                for (uint32_t c = 0; c < 3; c++)
                    photo.picture.pixels[k * 3 + c] = (float)(cases[i].values[k] * (c + 1));
                photo.alpha[k] = (uint16_t)(cases[i].values[k] * 60000.0);
            }
            cr_assert_eq(rv_photo_resize(&photo, tall ? 1 : to, tall ? to : 1), RV_OK);
            for (uint32_t k = 0; k < to; k++) {
                double wanted = cases[i].wanted[k];
                for (uint32_t c = 0; c < 3; c++)
                    cr_expect_float_eq(photo.picture.pixels[k * 3 + c], wanted * (c + 1), 1e-6,
                                       "case %zu, %u: %g, not %g", i, k,
                                       photo.picture.pixels[k * 3 + c], wanted * (c + 1));
                cr_expect_float_eq(photo.alpha[k], wanted * 60000.0, 1.0, "case %zu alpha", i);
            }
            rv_photo_free(&photo);
        }
    }
    static const uint32_t refused[][2] = {{0, 1}, {1, 0}, {65536, 1}, {1, 65536}};
    float pixel[3] = {0};
    struct rv_photo photo = {.picture = {1, 1, pixel}};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        cr_expect_eq(rv_photo_resize(&photo, refused[i][0], refused[i][1]), RV_ERR_USAGE);
        cr_expect(photo.picture.pixels == pixel && photo.picture.width == 1);
    }
}
