// The formats beside PNG and JPEG: what goes out comes back in, and what is not a picture is
// refused. Formats that this build lacks are to say so.
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "formats/fixtures.h"
#include "formats/picture.h"

static const char text[] =
    "{\"reverie\":\"0\",\"layers\":\"mixed3 <&>\\\"'\",\"name\":\"\xc3\xa9t\xc3\xa9\"}";

// More than one attribute of an EXR holds.
static const char *long_text(void) {
    static char longer[1200];
    snprintf(longer, sizeof longer, "%s %1000s", text, text);
    return longer;
}

static bool available(enum rv_photo_format format) {
    enum rv_photo_format found;
    return rv_photo_format_named(rv_photo_format_about(format)->extension, &found) == RV_OK;
}

// Decodes a copy of just these bytes, so that the sanitizer sees every read beyond them.
static enum rv_status decode_copy(const uint8_t *data, size_t size, uint64_t max_pixels,
                                  struct rv_photo *photo) {
    uint8_t *exact = malloc(size ? size : 1);
    memcpy(exact, data, size);
    enum rv_status status = rv_photo_decode(exact, size, "photo", max_pixels, photo);
    free(exact);
    return status;
}

// A photo that holds every 8-bit or 16-bit step, alpha too if wanted. Freed with rv_photo_free.
static void make_steps(uint32_t bits, bool alpha, struct rv_photo *photo) {
    uint32_t largest = (1u << bits) - 1, width = 256, height = (largest + 1) / 256;
    *photo = (struct rv_photo){.picture = {width, height, NULL}, .bits = bits};
    photo->picture.pixels = malloc((size_t)width * height * 3 * sizeof(float));
    photo->alpha = alpha ? malloc((size_t)width * height * sizeof(uint16_t)) : NULL;
    for (uint32_t i = 0; i <= largest; i++) {
        uint32_t values[3] = {i, largest - i, i ^ (largest >> 1)};
        for (int c = 0; c < 3; c++)
            photo->picture.pixels[i * 3 + (uint32_t)c] = (float)values[c] / (float)largest;
        if (alpha) // 0 is a case of its own: EXR's colours are lost there
            photo->alpha[i] = (uint16_t)((i == 0 ? 1 : i) * (bits == 8 ? 257 : 1));
    }
}

static void encode(const struct rv_photo *photo, enum rv_photo_format format, uint32_t bits,
                   struct fixture_file *file) {
    struct rv_photo_save_params params = {.format = format, .bits = bits};
    enum rv_status status = rv_photo_encode(photo, &params, "test", &file->data, &file->size);
    cr_assert_eq(status, RV_OK, "%s", rv_error_text());
}

// How far the second photo's colours and alpha are from the first's.
static double distance(const struct rv_photo *a, const struct rv_photo *b) {
    size_t count = (size_t)a->picture.width * a->picture.height;
    double most = 0;
    cr_assert(a->picture.width == b->picture.width && a->picture.height == b->picture.height);
    for (size_t i = 0; i < count * 3; i++)
        most = fmax(most, fabs((double)a->picture.pixels[i] - (double)b->picture.pixels[i]));
    for (size_t i = 0; i < count && a->alpha && b->alpha; i++)
        most = fmax(most, abs(a->alpha[i] - b->alpha[i]) / 65535.0);
    return most;
}

Test(formats, every_step_comes_back) {
    static const struct {
        enum rv_photo_format format;
        uint32_t bits, kept; // asked for; 8 or 16 steps that come back
        bool alpha, icc, text;
        double far; // most that a value may be from what it was
    } cases[] = {
        {RV_PHOTO_PNG, 8, 8, true, true, true, 0},
        {RV_PHOTO_PNG, 16, 16, true, true, true, 0},
        {RV_PHOTO_WEBP, 8, 8, true, true, true, 0},
        {RV_PHOTO_TIFF, 8, 8, true, true, true, 0},
        {RV_PHOTO_TIFF, 16, 16, true, true, true, 0},
        {RV_PHOTO_TIFF, 32, 16, true, true, true, 0},
        {RV_PHOTO_PPM, 8, 8, false, false, true, 0},
        {RV_PHOTO_PPM, 16, 16, false, false, true, 0},
        {RV_PHOTO_PAM, 8, 8, true, false, true, 0},
        {RV_PHOTO_PAM, 16, 16, true, false, true, 0},
        // to light and back in single precision; halves have eleven bits of it. Alpha goes through
        // halves as it is.
        {RV_PHOTO_EXR, 32, 16, true, false, true, 1e-5},
        {RV_PHOTO_EXR, 16, 8, true, false, true, 1.0 / 1024},
    };
    uint8_t icc[FIXTURE_ICC_SIZE];
    fixture_icc("RGB ", icc);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int alpha = 0; alpha < 2; alpha++) {
            const char *name = rv_photo_format_about(cases[i].format)->name;
            if (!available(cases[i].format))
                continue;
            struct rv_photo photo, again;
            struct fixture_file file;
            make_steps(cases[i].kept, alpha, &photo);
            photo.icc = memcpy(malloc(sizeof icc), icc, sizeof icc);
            photo.icc_size = sizeof icc;
            photo.text = strdup(alpha ? long_text() : text);
            encode(&photo, cases[i].format, cases[i].bits, &file);
            cr_assert_eq(decode_copy(file.data, file.size, 0, &again), RV_OK, "%s: %s", name,
                         rv_error_text());
            cr_expect_eq(again.bits, cases[i].bits, "%s: %u bits", name, again.bits);
            cr_expect_eq(again.alpha != NULL, alpha && cases[i].alpha, "%s: alpha", name);
            double far = distance(&photo, &again);
            cr_expect(far <= cases[i].far, "%s of %u bits, alpha %d: %g away", name, cases[i].bits,
                      alpha, far);
            bool same_text = again.text && strcmp(again.text, photo.text) == 0;
            cr_expect_eq(same_text, cases[i].text, "%s: text %s", name,
                         again.text ? again.text : "none");
            bool same_icc = again.icc && again.icc_size == sizeof icc &&
                            memcmp(again.icc, icc, sizeof icc) == 0;
            cr_expect_eq(same_icc, cases[i].icc, "%s: profile", name);
            rv_photo_free(&again);
            rv_photo_free(&photo);
            free(file.data);
        }
    }
}

// What lies beyond 0..1 is held there, whatever the format; bits follow the photo.
Test(formats, range_and_usual_bits) {
    static const struct {
        enum rv_photo_format format;
        uint32_t bits[4]; // of a photo of 0 (unknown), 8, 16, 32 bits
    } cases[] = {
        {RV_PHOTO_PNG, {8, 8, 16, 16}},   {RV_PHOTO_JPEG, {8, 8, 8, 8}},
        {RV_PHOTO_WEBP, {8, 8, 8, 8}},    {RV_PHOTO_TIFF, {8, 8, 16, 32}},
        {RV_PHOTO_EXR, {16, 16, 16, 32}}, {RV_PHOTO_PPM, {8, 8, 16, 16}},
        {RV_PHOTO_PAM, {8, 8, 16, 16}},
    };
    static const uint32_t given[4] = {0, 8, 16, 32};
    static const float values[] = {-1.0f, NAN, INFINITY, -INFINITY, 7.0f, 0.0f, 1.0f, 0.5f, 2.0f};
    static const float wanted[] = {0.0f, 0.0f, 1.0f, 0.0f, 1.0f, 0.0f, 1.0f, 0.5f, 1.0f};
    float pixels[9];
    memcpy(pixels, values, sizeof pixels);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int b = 0; b < 4 && available(cases[i].format); b++) {
            struct rv_photo photo = {.picture = {3, 1, pixels}, .bits = given[b]}, again;
            struct fixture_file file;
            encode(&photo, cases[i].format, 0, &file);
            cr_assert_eq(decode_copy(file.data, file.size, 0, &again), RV_OK, "%s",
                         rv_error_text());
            cr_expect_eq(again.bits, cases[i].bits[b], "%s of %u bits has %u",
                         rv_photo_format_about(cases[i].format)->name, given[b], again.bits);
            for (int v = 0; v < 9 && cases[i].format != RV_PHOTO_JPEG; v++)
                cr_expect_float_eq(again.picture.pixels[v], wanted[v], 0.003, "%s: %g is %g",
                                   rv_photo_format_about(cases[i].format)->name, (double)values[v],
                                   (double)again.picture.pixels[v]);
            rv_photo_free(&again);
            free(file.data);
        }
    }
}

// EXR's numbers are light: a middle gray of sRGB, 0.5, is 0.2140 of it, stored as a half.
Test(formats, exr_holds_light) {
    float pixels[3] = {0.5f, 0.5f, 0.5f};
    struct rv_photo photo = {.picture = {1, 1, pixels}};
    struct fixture_file file;
    if (!available(RV_PHOTO_EXR))
        return;
    encode(&photo, RV_PHOTO_EXR, 32, &file);
    // One row of three floats that does not compress is stored as it is.
    float light = powf((0.5f + 0.055f) / 1.055f, 2.4f), stored;
    bool found = false;
    for (size_t i = 0; i + sizeof stored <= file.size; i++) {
        memcpy(&stored, file.data + i, sizeof stored);
        found |= fabsf(stored - light) < 1e-6f;
    }
    cr_expect(found, "no %g in %zu bytes", (double)light, file.size);
    free(file.data);
}

// ------------------------------------------------------------------------------------------------
// Files of others

// A literal's bytes without its end, and how many they are.
#define BYTES(literal) literal, sizeof literal - 1

Test(formats, netpbm_kinds) {
    static const struct {
        const char *what, *data;
        size_t size;
        uint32_t bits;
        float rgb[6];
        int alpha[2]; // -1 = none
    } cases[] = {
        {"gray of 8 bits", BYTES("P5 2 1 255\n\x00\xff"), 8, {0, 0, 0, 1, 1, 1}, {-1, -1}},
        {"gray of 16 bits",
         BYTES("P5\n2 1\n65535\n\x80\x00\xff\xff"),
         16,
         {32768 / 65535.0f, 32768 / 65535.0f, 32768 / 65535.0f, 1, 1, 1},
         {-1, -1}},
        {"a largest value of its own",
         BYTES("P5 2 1 100 \x32\x64"),
         8,
         {.5f, .5f, .5f, 1, 1, 1},
         {-1, -1}},
        {"colour with comments",
         BYTES("P6 # a\n2# b\n 1\n#c\n255\n\x33\x66\x99\xff\x00\xcc"),
         8,
         {.2f, .4f, .6f, 1, 0, .8f},
         {-1, -1}},
        {"gray in words",
         BYTES("P2\n2 1\n3\n1 3"),
         8,
         {1 / 3.0f, 1 / 3.0f, 1 / 3.0f, 1, 1, 1},
         {-1, -1}},
        {"colour in words",
         BYTES("P3 2 1 5 0 1 2 # x\n3 4 5"),
         8,
         {0, .2f, .4f, .6f, .8f, 1},
         {-1, -1}},
        {"PAM of gray and alpha",
         BYTES(
             "P7\nWIDTH 2\nHEIGHT 1\nDEPTH 2\nMAXVAL 255\nTUPLTYPE GRAYSCALE_ALPHA\nENDHDR\n\x33\x00"
             "\xff\x80"),
         8,
         {.2f, .2f, .2f, 1, 1, 1},
         {0, 128 * 257}},
        {"PAM of one bit",
         BYTES(
             "P7\nWIDTH 2\n# x\nHEIGHT 1\nDEPTH 1\nMAXVAL 1\nTUPLTYPE BLACKANDWHITE\nENDHDR\n\1\0"),
         8,
         {1, 1, 1, 0, 0, 0},
         {-1, -1}},
        {"PAM that does not say what it is",
         BYTES("P7\nHEIGHT 1\nWIDTH 2\nDEPTH 4\nMAXVAL 255\nENDHDR\n\x33\x66\x99\xff\0\xff\0\0"),
         8,
         {.2f, .4f, .6f, 0, 1, 0},
         {65535, 0}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rv_photo photo;
        cr_assert_eq(decode_copy((const uint8_t *)cases[i].data, cases[i].size, 0, &photo), RV_OK,
                     "%s: %s", cases[i].what, rv_error_text());
        cr_expect(photo.picture.width == 2 && photo.picture.height == 1, "%s", cases[i].what);
        cr_expect_eq(photo.bits, cases[i].bits, "%s: %u bits", cases[i].what, photo.bits);
        for (int v = 0; v < 6; v++)
            cr_expect_float_eq(photo.picture.pixels[v], cases[i].rgb[v], 1e-6, "%s: %d is %g",
                               cases[i].what, v, (double)photo.picture.pixels[v]);
        cr_assert_eq(photo.alpha != NULL, cases[i].alpha[0] >= 0, "%s", cases[i].what);
        for (int a = 0; photo.alpha && a < 2; a++)
            cr_expect_eq(photo.alpha[a], cases[i].alpha[a], "%s: alpha %u", cases[i].what,
                         photo.alpha[a]);
        rv_photo_free(&photo);
        // Every beginning of it is refused.
        for (size_t size = 3; size < cases[i].size; size++) {
            cr_expect_eq(decode_copy((const uint8_t *)cases[i].data, size, 0, &photo), RV_ERR_INPUT,
                         "%s, %zu bytes: %s", cases[i].what, size, rv_error_text());
            rv_photo_free(&photo);
        }
    }
}

Test(formats, refused) {
    static const struct {
        const char *what, *data;
        size_t size;
        const char *text;
    } cases[] = {
        {"PPM's first bytes", BYTES("P6\n"), "photo: damaged PPM: the file is cut short"},
        {"no width", BYTES("P6\nx 1 255\n"), "a number is not one"},
        {"no pixels", BYTES("P6 0 1 255\n"), "its size"},
        {"no largest value", BYTES("P6 1 1 0\nabc"), "its size or its largest value"},
        {"too large a largest value", BYTES("P6 1 1 65536\nabcdef"), "its largest value"},
        {"beyond the largest", BYTES("P5 1 1 9\nz"), "larger than the largest"},
        {"huge", BYTES("P6 20000 20000 255\n"), "20000 x 20000 pixels are too many"},
        {"a number beyond all", BYTES("P6 99999999999 1 255\n"), "a number is not one"},
        {"words beyond the largest", BYTES("P2 1 1 9 99999999999999999999 "), "larger than"},
        {"PAM of five", BYTES("P7\nWIDTH 1\nHEIGHT 1\nDEPTH 5\nMAXVAL 9\nENDHDR\n12345"), "depth"},
        {"PAM with other words", BYTES("P7\nWIDTH 1\nFOO 3\nENDHDR\n"), "unknown"},
        {"PAM without a depth", BYTES("P7\nWIDTH 1\nHEIGHT 1\nENDHDR\n"), "depth"},
        {"PAM of two colours",
         BYTES("P7\nWIDTH 1\nHEIGHT 1\nDEPTH 2\nMAXVAL 9\nTUPLTYPE X\nENDHDR\n12"), "neither gray"},
        {"a bitmap", BYTES("P4 1 1\n\x80"), "not a picture"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rv_photo photo;
        enum rv_status status =
            decode_copy((const uint8_t *)cases[i].data, cases[i].size, 0, &photo);
        cr_expect_eq(status, RV_ERR_INPUT, "%s: status %d", cases[i].what, status);
        cr_expect(strstr(rv_error_text(), cases[i].text), "%s: \"%s\"", cases[i].what,
                  rv_error_text());
        rv_photo_free(&photo);
    }
}

static void make_file(enum rv_photo_format format, struct fixture_file *file) {
    struct rv_photo photo = {.picture = {9, 7, NULL}, .bits = 8};
    photo.picture.pixels = malloc(9 * 7 * 3 * sizeof(float));
    photo.alpha = malloc(9 * 7 * sizeof(uint16_t));
    for (uint32_t i = 0; i < 9 * 7 * 3; i++)
        photo.picture.pixels[i] = (float)fixture_sample(i, i / 9, 0, 255) / 255.0f;
    for (uint32_t i = 0; i < 9 * 7; i++)
        photo.alpha[i] = (uint16_t)fixture_sample(i, i / 9, 3, 65535);
    photo.text = strdup(text);
    encode(&photo, format, 0, file);
    rv_photo_free(&photo);
}

// Every beginning of a file is refused: never half a picture.
Test(formats, truncated) {
    for (int format = RV_PHOTO_WEBP; format < RV_PHOTO_FORMATS; format++) {
        struct fixture_file file;
        if (!available((enum rv_photo_format)format))
            continue;
        make_file((enum rv_photo_format)format, &file);
        const char *name = rv_photo_format_about((enum rv_photo_format)format)->name;
        for (size_t size = 0; size < file.size; size++) {
            struct rv_photo photo;
            enum rv_status status = decode_copy(file.data, size, 0, &photo);
            cr_expect_eq(status, RV_ERR_INPUT, "%s, %zu of %zu bytes: status %d", name, size,
                         file.size, status);
            cr_expect(strncmp(rv_error_text(), "photo: ", 7) == 0, "\"%s\"", rv_error_text());
            rv_photo_free(&photo);
        }
        free(file.data);
    }
}

// One byte changed anywhere never brings the decoders down.
Test(formats, damaged) {
    for (int format = RV_PHOTO_WEBP; format < RV_PHOTO_FORMATS; format++) {
        struct fixture_file file;
        if (!available((enum rv_photo_format)format))
            continue;
        make_file((enum rv_photo_format)format, &file);
        uint32_t refused = 0;
        for (size_t at = 0; at < file.size; at++) {
            for (int change = 0; change < 3; change++) {
                static const uint8_t changes[3] = {0x01, 0x80, 0xff};
                struct rv_photo photo;
                file.data[at] ^= changes[change];
                refused += decode_copy(file.data, file.size, 1 << 20, &photo) != RV_OK;
                rv_photo_free(&photo);
                file.data[at] ^= changes[change];
            }
        }
        cr_expect(refused > 0, "format %d", format);
        free(file.data);
    }
}

// Sizes are refused before anything is decoded.
Test(formats, sizes) {
    for (int format = RV_PHOTO_WEBP; format < RV_PHOTO_FORMATS; format++) {
        struct fixture_file file;
        struct rv_photo photo;
        if (!available((enum rv_photo_format)format))
            continue;
        make_file((enum rv_photo_format)format, &file);
        cr_expect_eq(decode_copy(file.data, file.size, 9 * 7 - 1, &photo), RV_ERR_INPUT);
        cr_expect(strstr(rv_error_text(), "photo: 9 x 7 pixels are too many"), "\"%s\"",
                  rv_error_text());
        cr_expect_eq(decode_copy(file.data, file.size, 9 * 7, &photo), RV_OK, "%s",
                     rv_error_text());
        rv_photo_free(&photo);
        free(file.data);
    }
}

// ------------------------------------------------------------------------------------------------
// Names

Test(formats, names) {
    static const struct {
        const char *path;
        enum rv_photo_format format; // to be written
        bool load;
    } cases[] = {
        {"a.png", RV_PHOTO_PNG, true},     {"b/a.JPG", RV_PHOTO_JPEG, true},
        {"a.jpeg", RV_PHOTO_JPEG, true},   {"a.ppm", RV_PHOTO_PPM, true},
        {"a.PNM", RV_PHOTO_PPM, true},     {"a.pam", RV_PHOTO_PAM, true},
        {"a.pgm", RV_PHOTO_BY_NAME, true}, {"a.webp", RV_PHOTO_WEBP, true},
        {"a.tif", RV_PHOTO_TIFF, true},    {"a.tiff", RV_PHOTO_TIFF, true},
        {"a.exr", RV_PHOTO_EXR, true},     {"a.gif", RV_PHOTO_BY_NAME, false},
        {"a", RV_PHOTO_BY_NAME, false},    {"a.png/b", RV_PHOTO_BY_NAME, false},
        {"a.", RV_PHOTO_BY_NAME, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum rv_photo_format format;
        bool there = cases[i].format == RV_PHOTO_BY_NAME || available(cases[i].format);
        enum rv_status status = rv_photo_format_of(cases[i].path, &format);
        bool wanted = cases[i].format != RV_PHOTO_BY_NAME && there;
        cr_expect_eq(status, wanted ? RV_OK : RV_ERR_USAGE, "%s", cases[i].path);
        cr_expect_eq(format, wanted ? cases[i].format : RV_PHOTO_BY_NAME, "%s", cases[i].path);
        cr_expect_eq(rv_photo_may_load(cases[i].path), cases[i].load && there, "%s", cases[i].path);
        if (!there)
            cr_expect(strstr(rv_error_text(), rv_photo_format_about(cases[i].format)->package),
                      "\"%s\"", rv_error_text());
    }
    enum rv_photo_format format;
    cr_expect_eq(rv_photo_format_named("JPEG", &format), RV_OK);
    cr_expect_eq(format, RV_PHOTO_JPEG);
    cr_expect_eq(rv_photo_format_named("gif", &format), RV_ERR_USAGE);
    cr_expect(strstr(rv_error_text(), "name one of PNG, JPEG"), "\"%s\"", rv_error_text());
    cr_expect_eq(rv_photo_format_named("", &format), RV_ERR_USAGE);
}

// A file of a format that this build lacks names what would make the difference.
Test(formats, absent_libraries) {
    static const struct {
        enum rv_photo_format format;
        const char *data;
        size_t size;
    } cases[] = {{RV_PHOTO_WEBP, "RIFF\4\0\0\0WEBP", 12},
                 {RV_PHOTO_TIFF, "II*\0\10\0\0\0", 8},
                 {RV_PHOTO_EXR, "\x76\x2f\x31\x01\2\0\0\0", 8}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rv_photo photo;
        enum rv_status status =
            decode_copy((const uint8_t *)cases[i].data, cases[i].size, 0, &photo);
        const char *package = rv_photo_format_about(cases[i].format)->package;
        if (available(cases[i].format))
            cr_expect_eq(status, RV_ERR_INPUT, "%s", rv_error_text());
        else
            cr_expect(status == RV_ERR_USAGE && strstr(rv_error_text(), package), "%s",
                      rv_error_text());
    }
}
