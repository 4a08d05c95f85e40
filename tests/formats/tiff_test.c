// Kinds of TIFF that others write, made by libtiff itself.
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tiffio.h>
#include <unistd.h>

#include "base/file.h"
#include "formats/picture.h"

#define WIDTH 35u
#define HEIGHT 19u

struct kind {
    const char *what;
    uint16_t bits, format, samples, photometric, planar,
        extra; // extra: 0 = none, else EXTRASAMPLE_
    uint16_t compression, orientation;
    bool tiled;
    const char *mode; // how it is opened
};

// Sample s of pixel (x, y), of 0..255.
static uint32_t sample_of(uint32_t x, uint32_t y, uint32_t s) {
    return (x * 7 + y * 3 + s * 50) % 256;
}

static void put_sample(const struct kind *kind, uint32_t value, uint8_t *to) {
    uint16_t half = (uint16_t)(value * 257);
    float real = (float)value / 255.0f;
    if (kind->bits == 8)
        *to = (uint8_t)value;
    else if (kind->bits == 16)
        memcpy(to, &half, sizeof half);
    else
        memcpy(to, &real, sizeof real);
}

static void write_rows(TIFF *tiff, const struct kind *kind, uint32_t plane, uint32_t samples) {
    uint8_t row[WIDTH * 5 * 4];
    for (uint32_t y = 0; y < HEIGHT; y++) {
        memset(row, 0, sizeof row);
        for (uint32_t x = 0; x < WIDTH; x++)
            for (uint32_t s = 0; s < samples; s++) {
                uint32_t value = sample_of(x, y, plane + s);
                if (kind->bits == 1)
                    row[x / 8] |= (uint8_t)((value >> 7) << (7 - x % 8));
                else
                    put_sample(kind, value, row + (x * samples + s) * (kind->bits / 8u));
            }
        cr_assert(TIFFWriteScanline(tiff, row, y, (uint16_t)plane) >= 0);
    }
}

static void write_tiles(TIFF *tiff, const struct kind *kind, uint32_t plane, uint32_t samples) {
    uint8_t tile[16 * 16 * 5 * 4];
    for (uint32_t top = 0; top < HEIGHT; top += 16)
        for (uint32_t left = 0; left < WIDTH; left += 16) {
            memset(tile, 0, sizeof tile);
            for (uint32_t i = 0; i < 256; i++)
                for (uint32_t s = 0; s < samples; s++)
                    put_sample(kind, sample_of(left + i % 16, top + i / 16, plane + s),
                               tile + (i * samples + s) * (kind->bits / 8u));
            cr_assert(TIFFWriteTile(tiff, tile, left, top, 0, (uint16_t)plane) >= 0);
        }
}

static void write_file(const char *path, const struct kind *kind) {
    TIFF *tiff = TIFFOpen(path, kind->mode ? kind->mode : "w");
    cr_assert(tiff);
    TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, WIDTH);
    TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, HEIGHT);
    TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, kind->bits);
    TIFFSetField(tiff, TIFFTAG_SAMPLEFORMAT, kind->format ? kind->format : SAMPLEFORMAT_UINT);
    TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, kind->samples);
    TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, kind->photometric);
    TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, kind->planar ? kind->planar : PLANARCONFIG_CONTIG);
    TIFFSetField(tiff, TIFFTAG_COMPRESSION, kind->compression ? kind->compression : 1);
    TIFFSetField(tiff, TIFFTAG_IMAGEDESCRIPTION, "of somebody else's");
    if (kind->orientation)
        TIFFSetField(tiff, TIFFTAG_ORIENTATION, kind->orientation);
    if (kind->extra)
        TIFFSetField(tiff, TIFFTAG_EXTRASAMPLES, 1, &kind->extra);
    if (kind->photometric == PHOTOMETRIC_PALETTE) {
        uint16_t map[3][256];
        for (uint32_t i = 0; i < 256; i++)
            for (uint32_t c = 0; c < 3; c++)
                map[c][i] = (uint16_t)(((i + 50 * c) % 256) * 257);
        TIFFSetField(tiff, TIFFTAG_COLORMAP, map[0], map[1], map[2]);
    }
    bool separate = kind->planar == PLANARCONFIG_SEPARATE;
    if (kind->tiled) {
        TIFFSetField(tiff, TIFFTAG_TILEWIDTH, 16);
        TIFFSetField(tiff, TIFFTAG_TILELENGTH, 16);
    } else {
        TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, 4);
    }
    for (uint32_t plane = 0; plane < (separate ? kind->samples : 1u); plane++)
        (kind->tiled ? write_tiles : write_rows)(tiff, kind, plane, separate ? 1 : kind->samples);
    TIFFClose(tiff);
}

// What of colour c should come out at (x, y) of the stored picture, before alpha.
static double wanted(const struct kind *kind, uint32_t x, uint32_t y, uint32_t c) {
    bool gray =
        kind->photometric == PHOTOMETRIC_MINISBLACK || kind->photometric == PHOTOMETRIC_MINISWHITE;
    uint32_t value = sample_of(x, y, gray || kind->photometric == PHOTOMETRIC_PALETTE ? 0 : c);
    if (kind->bits == 1)
        value = value >> 7 ? 255 : 0;
    if (kind->photometric == PHOTOMETRIC_PALETTE)
        value = (value + 50 * c) % 256;
    return kind->photometric == PHOTOMETRIC_MINISWHITE ? 1 - value / 255.0 : value / 255.0;
}

Test(tiff, kinds) {
    char folder[] = "/tmp/reverie tiff test XXXXXX";
    static const struct kind kinds[] = {
        {"gray", 8, 0, 1, PHOTOMETRIC_MINISBLACK, 0, 0, 0, 0, false, NULL},
        {"gray from white", 16, 0, 1, PHOTOMETRIC_MINISWHITE, 0, 0, 0, 0, false, NULL},
        {"gray of floats", 32, SAMPLEFORMAT_IEEEFP, 1, PHOTOMETRIC_MINISBLACK, 0, 0, 0, 0, false,
         NULL},
        {"gray with alpha", 8, 0, 2, PHOTOMETRIC_MINISBLACK, 0, EXTRASAMPLE_UNASSALPHA, 0, 0, false,
         NULL},
        {"one bit", 1, 0, 1, PHOTOMETRIC_MINISBLACK, 0, 0, 0, 0, false, NULL},
        {"palette", 8, 0, 1, PHOTOMETRIC_PALETTE, 0, 0, 0, 0, false, NULL},
        {"RGB, LZW", 8, 0, 3, PHOTOMETRIC_RGB, 0, 0, COMPRESSION_LZW, 0, false, NULL},
        {"RGB in planes", 16, 0, 3, PHOTOMETRIC_RGB, PLANARCONFIG_SEPARATE, 0, 0, 0, false, NULL},
        {"RGB in tiles", 8, 0, 3, PHOTOMETRIC_RGB, 0, 0, COMPRESSION_PACKBITS, 0, true, NULL},
        {"RGB in planes of tiles", 32, SAMPLEFORMAT_IEEEFP, 3, PHOTOMETRIC_RGB,
         PLANARCONFIG_SEPARATE, 0, 0, 0, true, NULL},
        {"RGB and something", 8, 0, 4, PHOTOMETRIC_RGB, 0, 0, 0, 0, false, NULL},
        {"RGB with alpha", 16, 0, 4, PHOTOMETRIC_RGB, 0, EXTRASAMPLE_UNASSALPHA, 0, 0, false, NULL},
        {"big-endian", 16, 0, 3, PHOTOMETRIC_RGB, 0, 0, COMPRESSION_ADOBE_DEFLATE, 0, false, "wb"},
        {"BigTIFF", 8, 0, 3, PHOTOMETRIC_RGB, 0, 0, 0, 0, false, "w8"},
        {"upside down", 8, 0, 3, PHOTOMETRIC_RGB, 0, 0, 0, 3, false, NULL},
        {"palette, upside down", 8, 0, 1, PHOTOMETRIC_PALETTE, 0, 0, 0, 3, false, NULL},
    };
    cr_assert(mkdtemp(folder) && chdir(folder) == 0);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const struct kind *kind = &kinds[i];
        struct rv_photo photo;
        write_file("a.tif", kind);
        cr_assert_eq(rv_photo_load("a.tif", 0, &photo), RV_OK, "%s: %s", kind->what,
                     rv_error_text());
        bool plain = kind->bits > 1 && kind->photometric != PHOTOMETRIC_PALETTE;
        cr_expect_eq(photo.bits, plain ? kind->bits : 8, "%s: %u bits", kind->what, photo.bits);
        cr_expect(photo.picture.width == WIDTH && photo.picture.height == HEIGHT, "%s", kind->what);
        cr_expect_eq(photo.alpha != NULL, kind->extra != 0, "%s: alpha", kind->what);
        cr_expect(!photo.text, "%s: text of somebody else's", kind->what);
        for (uint32_t p = 0; p < WIDTH * HEIGHT; p++) {
            uint32_t from = kind->orientation == 3 ? WIDTH * HEIGHT - 1 - p : p;
            uint32_t x = from % WIDTH, y = from / WIDTH;
            for (uint32_t c = 0; c < 3; c++)
                cr_assert_float_eq(photo.picture.pixels[p * 3 + c], wanted(kind, x, y, c), 1e-6,
                                   "%s: (%u, %u) %u is %g, not %g", kind->what, x, y, c,
                                   (double)photo.picture.pixels[p * 3 + c], wanted(kind, x, y, c));
            if (photo.alpha)
                cr_assert_eq(photo.alpha[p], sample_of(x, y, kind->samples - 1u) * 257u);
        }
        rv_photo_free(&photo);
    }
    cr_assert(unlink("a.tif") == 0 && chdir("/") == 0 && rmdir(folder) == 0);
}

// Colours that are multiplied by alpha are divided by it again.
Test(tiff, premultiplied) {
    char folder[] = "/tmp/reverie tiff test XXXXXX";
    uint8_t row[8] = {100, 50, 25, 128, 0, 0, 0, 0};
    uint16_t extra = EXTRASAMPLE_ASSOCALPHA;
    struct rv_photo photo;
    cr_assert(mkdtemp(folder) && chdir(folder) == 0);
    TIFF *tiff = TIFFOpen("a.tif", "w");
    TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, 2);
    TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, 1);
    TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, 8);
    TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, 4);
    TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_RGB);
    TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
    TIFFSetField(tiff, TIFFTAG_EXTRASAMPLES, 1, &extra);
    cr_assert(TIFFWriteScanline(tiff, row, 0, 0) >= 0);
    TIFFClose(tiff);
    cr_assert_eq(rv_photo_load("a.tif", 0, &photo), RV_OK, "%s", rv_error_text());
    for (int c = 0; c < 3; c++)
        cr_expect_float_eq(photo.picture.pixels[c], row[c] / 128.0, 1e-6);
    cr_expect(photo.alpha[0] == 128 * 257 && photo.alpha[1] == 0);
    rv_photo_free(&photo);
    cr_assert(unlink("a.tif") == 0 && chdir("/") == 0 && rmdir(folder) == 0);
}

// A size that the file's pixels would not fill, and tiles of no size.
Test(tiff, senseless_sizes) {
    char folder[] = "/tmp/reverie tiff test XXXXXX";
    static const struct {
        uint32_t width, height;
        const char *text;
    } cases[] = {{20000, 20000, "20000 x 20000 pixels are too many"},
                 {4000000000u, 1, "too many"},
                 {5000, 5000, "damaged TIFF"}};
    cr_assert(mkdtemp(folder) && chdir(folder) == 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rv_photo photo;
        uint8_t row[3] = {0};
        TIFF *tiff = TIFFOpen("a.tif", "w");
        TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, 1);
        TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, 1);
        TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, 8);
        TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, 3);
        TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_RGB);
        TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
        cr_assert(TIFFWriteScanline(tiff, row, 0, 0) >= 0);
        TIFFClose(tiff);
        uint8_t *data;
        size_t size;
        cr_assert_eq(rv_file_read("a.tif", 1 << 20, &data, &size), RV_OK);
        uint32_t directory;
        memcpy(&directory, data + 4, 4);
        for (uint32_t e = 0; e < data[directory]; e++) { // both as 32-bit numbers
            uint8_t *entry = data + directory + 2 + 12 * e;
            uint16_t tag, kind = 4;
            memcpy(&tag, entry, 2);
            if (tag != TIFFTAG_IMAGEWIDTH && tag != TIFFTAG_IMAGELENGTH)
                continue;
            memcpy(entry + 2, &kind, 2);
            memcpy(entry + 8, tag == TIFFTAG_IMAGEWIDTH ? &cases[i].width : &cases[i].height, 4);
        }
        cr_expect_eq(rv_photo_decode(data, size, "photo", 0, &photo), RV_ERR_INPUT);
        cr_expect(strstr(rv_error_text(), cases[i].text), "\"%s\"", rv_error_text());
        free(data);
        rv_photo_free(&photo);
    }
    cr_assert(unlink("a.tif") == 0 && chdir("/") == 0 && rmdir(folder) == 0);
}
