#include "formats/fixtures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <png.h>

uint32_t fixture_sample(uint32_t x, uint32_t y, uint32_t c, uint32_t largest) {
    return (x * 7001 + y * 1301 + c * 29) % (largest + 1);
}

void fixture_palette(uint32_t i, uint8_t rgb[3]) {
    rgb[0] = (uint8_t)(i * 3 + 1);
    rgb[1] = (uint8_t)(255 - i);
    rgb[2] = (uint8_t)(i * i);
}

static void put(uint8_t *to, uint32_t value, int bytes, bool big_endian) {
    for (int i = 0; i < bytes; i++)
        to[big_endian ? bytes - 1 - i : i] = (uint8_t)(value >> 8 * i);
}

void fixture_exif(uint32_t orientation, bool big_endian, uint8_t exif[FIXTURE_EXIF_SIZE]) {
    memset(exif, 0, FIXTURE_EXIF_SIZE);
    memset(exif, big_endian ? 'M' : 'I', 2);
    put(exif + 2, 42, 2, big_endian);
    put(exif + 4, 8, 4, big_endian);       // the directory follows
    put(exif + 8, 1, 2, big_endian);       // one entry
    put(exif + 10, 0x0112, 2, big_endian); // orientation
    put(exif + 12, 3, 2, big_endian);      // 16 bits
    put(exif + 14, 1, 4, big_endian);
    put(exif + 18, orientation, 2, big_endian);
}

void fixture_icc(const char *space, uint8_t icc[FIXTURE_ICC_SIZE]) {
    memset(icc, 0, FIXTURE_ICC_SIZE);
    put(icc, FIXTURE_ICC_SIZE, 4, true);
    put(icc + 8, 0x02100000, 4, true); // version 2.1
    memcpy(icc + 12, "mntr", 4);
    memcpy(icc + 16, space, 4);
    memcpy(icc + 20, "XYZ ", 4);
    memcpy(icc + 36, "acsp", 4);
    put(icc + 68, 0xf6d6, 4, true); // D50
    put(icc + 72, 0x10000, 4, true);
    put(icc + 76, 0xd32d, 4, true);
    put(icc + 128, 1, 4, true); // one tag of 100 bytes
    memcpy(icc + 132, "cprt", 4);
    put(icc + 136, 144, 4, true);
    put(icc + 140, 100, 4, true);
    for (uint32_t i = 144, noise = 1; i < FIXTURE_ICC_SIZE; i++)
        icc[i] = (uint8_t)((noise = noise * 1103515245 + 12345) >> 16);
}

// ------------------------------------------------------------------------------------------------
// PNG

static void append(png_structp png, png_bytep data, size_t size) {
    struct fixture_file *file = png_get_io_ptr(png);
    file->data = realloc(file->data, file->size + size);
    memcpy(file->data + file->size, data, size);
    file->size += size;
}

static void flush(png_structp png) {
    (void)png;
}

static void set_palette(png_structp png, png_infop info, const struct fixture_png *fixture) {
    png_color palette[256];
    int count = 1 << fixture->bits;
    for (int i = 0; i < count; i++) {
        uint8_t rgb[3];
        fixture_palette((uint32_t)i, rgb);
        palette[i] = (png_color){rgb[0], rgb[1], rgb[2]};
    }
    png_set_PLTE(png, info, palette, count);
}

static void set_extras(png_structp png, png_infop info, const struct fixture_png *fixture) {
    if (fixture->text) {
        png_text text = {.compression = PNG_TEXT_COMPRESSION_zTXt,
                         .key = "reverie",
                         .text = (char *)(uintptr_t)fixture->text};
        png_set_text(png, info, &text, 1);
    }
    if (fixture->orientation) {
        uint8_t exif[FIXTURE_EXIF_SIZE];
        fixture_exif(fixture->orientation, true, exif);
        png_set_eXIf_1(png, info, sizeof exif, exif);
    }
}

static void set_header(png_structp png, png_infop info, const struct fixture_png *fixture) {
    png_set_IHDR(png, info, fixture->width, fixture->height, fixture->bits, fixture->colour,
                 fixture->interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (fixture->colour == PNG_COLOR_TYPE_PALETTE)
        set_palette(png, info, fixture);
    if (fixture->transparent) {
        png_color_16 clear = {.red = 1, .green = 1, .blue = 1, .gray = 1};
        png_byte alpha[2] = {200, 0};
        png_set_tRNS(png, info, alpha, 2, &clear);
    }
    if (fixture->icc_space) {
        uint8_t icc[FIXTURE_ICC_SIZE];
        fixture_icc(fixture->icc_space, icc);
        png_set_iCCP(png, info, "test", PNG_COMPRESSION_TYPE_BASE, icc, sizeof icc);
    }
}

// One sample a byte (two for 16 bits); libpng packs the smaller ones.
static void fill_rows(const struct fixture_png *fixture, uint32_t channels, png_bytepp rows) {
    uint32_t largest = (1u << fixture->bits) - 1;
    for (uint32_t y = 0; y < fixture->height; y++) {
        uint8_t *to = rows[y] = malloc((size_t)fixture->width * channels * 2);
        for (uint32_t x = 0; x < fixture->width; x++)
            for (uint32_t c = 0; c < channels; c++) {
                uint32_t value = fixture_sample(x, y, c, largest);
                if (fixture->bits == 16)
                    *to++ = (uint8_t)(value >> 8);
                *to++ = (uint8_t)value;
            }
    }
}

void fixture_png(const struct fixture_png *fixture, struct fixture_file *file) {
    *file = (struct fixture_file){0};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png), end = png_create_info_struct(png);
    png_set_write_fn(png, file, append, flush);
    set_header(png, info, fixture);
    set_extras(png, fixture->late ? end : info, fixture);
    png_write_info(png, info);
    png_set_packing(png);
    png_bytepp rows = malloc(fixture->height * sizeof *rows);
    fill_rows(fixture, png_get_channels(png, info), rows);
    png_write_image(png, rows);
    png_write_end(png, end);
    for (uint32_t y = 0; y < fixture->height; y++)
        free(rows[y]);
    free(rows);
    png_destroy_info_struct(png, &end);
    png_destroy_write_struct(&png, &info);
}

// ------------------------------------------------------------------------------------------------
// JPEG

static J_COLOR_SPACE taken_for(int stored, int *components) {
    bool inks = stored == JCS_CMYK || stored == JCS_YCCK;
    *components = inks ? 4 : stored == JCS_GRAYSCALE ? 1 : 3;
    return inks ? JCS_CMYK : stored == JCS_GRAYSCALE ? JCS_GRAYSCALE : JCS_RGB;
}

void fixture_jpeg(const struct fixture_jpeg *fixture, struct fixture_file *file) {
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    unsigned long size = 0;
    *file = (struct fixture_file){0};
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &file->data, &size);
    jpeg.image_width = fixture->width;
    jpeg.image_height = fixture->height;
    jpeg.in_color_space = taken_for(fixture->stored, &jpeg.input_components);
    jpeg_set_defaults(&jpeg);
    jpeg_set_colorspace(&jpeg, (J_COLOR_SPACE)fixture->stored);
    jpeg_set_quality(&jpeg, 100, TRUE);
    jpeg.write_Adobe_marker = fixture->adobe;
    if (fixture->progressive)
        jpeg_simple_progression(&jpeg);
    jpeg_start_compress(&jpeg, TRUE);
    if (fixture->orientation) {
        uint8_t block[6 + FIXTURE_EXIF_SIZE] = "Exif";
        fixture_exif(fixture->orientation, false, block + 6);
        jpeg_write_marker(&jpeg, JPEG_APP0 + 1, block, sizeof block);
    }
    if (fixture->icc_space) {
        uint8_t icc[FIXTURE_ICC_SIZE];
        fixture_icc(fixture->icc_space, icc);
        jpeg_write_icc_profile(&jpeg, icc, sizeof icc);
    }
    JSAMPLE *row = malloc((size_t)fixture->width * 4);
    for (uint32_t x = 0; x < fixture->width; x++)
        memcpy(row + x * (size_t)jpeg.input_components, fixture->colour[x >= fixture->width / 2],
               (size_t)jpeg.input_components);
    for (uint32_t y = 0; y < fixture->height; y++)
        jpeg_write_scanlines(&jpeg, &row, 1);
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    free(row);
    file->size = size;
}
