// Files that are not what they seem: each is refused with a clear line, and nothing is left over.
#include <criterion/criterion.h>
#include <dirent.h>
#include <jpeglib.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "formats/fixtures.h"
#include "formats/picture.h"

// Decodes a copy of just these bytes, so that the sanitizer sees every read beyond them.
static enum rv_status decode_copy(const uint8_t *data, size_t size, uint64_t max_pixels,
                                  struct rv_photo *photo) {
    uint8_t *exact = malloc(size ? size : 1);
    memcpy(exact, data, size);
    enum rv_status status = rv_photo_decode(exact, size, "photo", max_pixels, photo);
    free(exact);
    return status;
}

static void expect_refused(const char *what, const uint8_t *data, size_t size, const char *text) {
    struct rv_photo photo;
    enum rv_status status = decode_copy(data, size, 0, &photo);
    cr_expect_eq(status, RV_ERR_INPUT, "%s: status %d", what, status);
    cr_expect(status == RV_OK || strstr(rv_error_text(), text), "%s: \"%s\"", what,
              rv_error_text());
    cr_expect(!photo.picture.pixels && !photo.alpha && !photo.icc && !photo.text, "%s", what);
    rv_photo_free(&photo);
}

Test(picture_errors, not_pictures) {
    static const struct {
        const char *what, *data;
        size_t size;
        const char *text;
    } cases[] = {
        {"empty", "", 0, "photo: the file is empty"},
        {"one byte", "\x89", 1, "not a picture"},
        {"text", "Dear Sir or Madam,", 18,
         "photo: not a picture (PNG, JPEG, WebP, TIFF, EXR, PPM or PAM); convert it first"},
        {"GIF", "GIF89a\1\0\1\0\0\0\0", 13, "not a picture"},
        {"PNG changed by a text transfer", "\x89PNG\n\x1a\n\0\0\0\rIHDR", 15, "not a picture"},
        {"PNG's first bytes only", "\x89PNG\r\n\x1a\n", 8, "damaged PNG: the file is cut short"},
        {"JPEG's first bytes only", "\xff\xd8\xff", 3, "damaged JPEG: the file is cut short"},
        {"JPEG without a picture", "\xff\xd8\xff\xd9", 4, "photo: damaged JPEG: "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_refused(cases[i].what, (const uint8_t *)cases[i].data, cases[i].size, cases[i].text);
}

// Every beginning of a file is refused: never half a picture.
Test(picture_errors, truncated) {
    static const struct fixture_png pngs[] = {
        {.width = 9, .height = 9, .colour = PNG_COLOR_TYPE_RGB, .bits = 8, .icc_space = "RGB "},
        {.width = 9,
         .height = 9,
         .colour = PNG_COLOR_TYPE_PALETTE,
         .bits = 2,
         .interlaced = true,
         .transparent = true,
         .late = true,
         .text = "{}",
         .orientation = 3}};
    static const struct fixture_jpeg jpegs[] = {
        {40, 24, JCS_YCbCr, false, false, {{200, 30, 90}, {10, 120, 240}}, 6, "RGB "},
        {40, 24, JCS_YCbCr, true, false, {{200, 30, 90}, {10, 120, 240}}, 6, NULL},
        {40, 24, JCS_CMYK, false, true, {{200, 30, 90, 9}, {10, 120, 240, 9}}, 0, NULL}};
    for (int i = 0; i < 5; i++) {
        struct fixture_file file;
        if (i < 2)
            fixture_png(&pngs[i], &file);
        else
            fixture_jpeg(&jpegs[i - 2], &file);
        for (size_t size = 8; size < file.size; size++) {
            char what[64];
            snprintf(what, sizeof what, "picture %d, %zu of %zu bytes", i, size, file.size);
            expect_refused(what, file.data, size, "photo: damaged ");
        }
        // A JPEG that ends early but properly: the decoder would make up the rest.
        if (i == 2) {
            size_t cut = file.size - 40;
            memcpy(file.data + cut, "\xff\xd9", 2);
            expect_refused("closed too early", file.data, cut + 2, "premature end");
        }
        free(file.data);
    }
}

// One byte changed anywhere never brings the decoders down.
Test(picture_errors, damaged) {
    for (int kind = 0; kind < 3; kind++) {
        struct fixture_file file;
        if (kind == 0)
            fixture_png(&(struct fixture_png){.width = 9,
                                              .height = 9,
                                              .bits = 4,
                                              .colour = PNG_COLOR_TYPE_PALETTE,
                                              .interlaced = true,
                                              .transparent = true,
                                              .text = "{}",
                                              .orientation = 6,
                                              .icc_space = "RGB "},
                        &file);
        else
            fixture_jpeg(&(struct fixture_jpeg){40,
                                                24,
                                                kind == 1 ? JCS_YCbCr : JCS_YCCK,
                                                kind == 1,
                                                true,
                                                {{200, 30, 90}, {10, 120}},
                                                6,
                                                "RGB "},
                         &file);
        uint32_t refused = 0;
        for (size_t at = 8; at < file.size; at++) {
            for (int change = 0; change < 3; change++) {
                static const uint8_t changes[3] = {0x01, 0x80, 0xff};
                struct rv_photo photo;
                file.data[at] ^= changes[change];
                refused += decode_copy(file.data, file.size, 1 << 20, &photo) != RV_OK;
                rv_photo_free(&photo);
                file.data[at] ^= changes[change];
            }
        }
        cr_expect(refused > 0, "kind %d", kind);
        free(file.data);
    }
}

// A PNG that states a size and holds next to nothing; its checksums are right.
static void tiny_png_of_size(uint32_t width, uint32_t height, struct fixture_file *file) {
    fixture_png(
        &(struct fixture_png){.width = 1, .height = 1, .colour = PNG_COLOR_TYPE_RGB, .bits = 8},
        file);
    uint8_t *header = file->data + 12; // "IHDR" and what follows
    for (int i = 0; i < 4; i++) {
        header[4 + i] = (uint8_t)(width >> (24 - 8 * i));
        header[8 + i] = (uint8_t)(height >> (24 - 8 * i));
    }
    uint32_t sum = 0xffffffff;
    for (int i = 0; i < 17; i++) {
        sum ^= header[i];
        for (int bit = 0; bit < 8; bit++)
            sum = sum >> 1 ^ (sum & 1 ? 0xedb88320 : 0);
    }
    for (int i = 0; i < 4; i++)
        header[17 + i] = (uint8_t)(~sum >> (24 - 8 * i));
}

static void tiny_jpeg_of_size(uint32_t width, uint32_t height, struct fixture_file *file) {
    fixture_jpeg(&(struct fixture_jpeg){.width = 1, .height = 1, .stored = JCS_GRAYSCALE}, file);
    for (size_t i = 0; i + 9 < file->size; i++) {
        if (file->data[i] == 0xff && file->data[i + 1] == 0xc0) { // frame header
            uint8_t size[4] = {(uint8_t)(height >> 8), (uint8_t)height, (uint8_t)(width >> 8),
                               (uint8_t)width};
            memcpy(file->data + i + 5, size, 4);
            return;
        }
    }
    cr_assert_fail("no frame header");
}

Test(picture_errors, sizes) {
    static const struct {
        uint32_t width, height;
        uint64_t max_pixels;
        const char *text;
    } cases[] = {
        {20000, 20000, 0,
         "photo: 20000 x 20000 pixels are too many (at most 67.1 million, and 65535 on a side); "
         "make the picture smaller first"},
        {65000, 65000, 0, "too many"},
        {8193, 8192, 0, "8193 x 8192 pixels are too many"},
        {3, 2, 5, "3 x 2 pixels are too many"},
        {65536, 1, 0, "65536 x 1 pixels are too many"},
        {1, 2000000000, 0, "1 x 2000000000 pixels are too many"},
        {2000000000, 2000000000, UINT64_MAX, "too many"},
        {5000, 5000, 0, "cut short"}, // allowed, but the pixels are not there
        {0, 5, 0, "damaged"},
        {5, 0, 0, "damaged"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int jpeg = 0; jpeg < 2; jpeg++) {
            struct fixture_file file;
            struct rv_photo photo;
            if (jpeg && (cases[i].width > 65500 || cases[i].height > 65500))
                continue; // beyond what the format can say
            (jpeg ? tiny_jpeg_of_size : tiny_png_of_size)(cases[i].width, cases[i].height, &file);
            enum rv_status status = decode_copy(file.data, file.size, cases[i].max_pixels, &photo);
            cr_expect_eq(status, RV_ERR_INPUT, "case %zu, jpeg %d: status %d", i, jpeg, status);
            bool lenient = strcmp(cases[i].text, "cut short") == 0; // each decoder has its words
            cr_expect(strstr(rv_error_text(), lenient ? "damaged" : cases[i].text),
                      "case %zu, jpeg %d: \"%s\"", i, jpeg, rv_error_text());
            rv_photo_free(&photo);
            free(file.data);
        }
    }
    for (int jpeg = 0; jpeg < 2; jpeg++) { // one pixel is a picture
        struct fixture_file file;
        struct rv_photo photo;
        (jpeg ? tiny_jpeg_of_size : tiny_png_of_size)(1, 1, &file);
        cr_expect_eq(decode_copy(file.data, file.size, 1, &photo), RV_OK, "%s", rv_error_text());
        rv_photo_free(&photo);
        free(file.data);
    }
}

Test(picture_errors, saving) {
    char folder[] = "/tmp/reverie picture test XXXXXX";
    cr_assert(mkdtemp(folder) && chdir(folder) == 0);
    cr_assert(symlink("/dev/full", "full.png") == 0 && symlink("/dev/full", "full.jpg") == 0);
    cr_assert_eq(mkdir("folder.png", 0755), 0);
    static const struct {
        const char *path;
        struct rv_photo_save_params params;
        enum rv_status status;
        const char *text;
    } cases[] = {
        {"a.png", {0}, RV_OK, NULL},
        {"a.JPG", {0}, RV_OK, NULL},
        {"a.b/../a.jpeg", {0}, RV_ERR_IO, "a.b/../a.jpeg: cannot write: No such file or directory"},
        {"a.gif",
         {0},
         RV_ERR_USAGE,
         "a.gif: cannot tell the picture format; end the name in .png, .jpg"},
        {"png", {0}, RV_ERR_USAGE, "png: cannot tell"},
        {"a.png/b", {0}, RV_ERR_USAGE, "a.png/b: cannot tell"},
        {"b", {.format = RV_PHOTO_PNG}, RV_OK, NULL},
        {"b.png", {.bits = 12}, RV_ERR_USAGE, "b.png: 12 bits per channel; choose 8, 16 or 32"},
        {"b.jpg", {.bits = 16}, RV_ERR_USAGE, "b.jpg: JPEG has no 16 bits per channel"},
        {"b.jpg", {.quality = 101}, RV_ERR_USAGE, "b.jpg: JPEG quality 101"},
        {"full.png", {0}, RV_ERR_IO, "No space left on device"},
        {"full.jpg", {0}, RV_ERR_IO, "No space left on device"},
        {"absent/c.png", {0}, RV_ERR_IO, "absent/c.png: cannot write: No such file or directory"},
        {"folder.png", {0}, RV_ERR_IO, "folder.png: cannot write: Is a directory"},
        {"/proc/c.png", {0}, RV_ERR_IO, "/proc/c.png: cannot write: "},
    };
    float pixels[2 * 3] = {0.0f, 0.2f, 0.4f, 0.6f, 0.8f, 1.0f};
    struct rv_photo photo = {.picture = {2, 1, pixels}, .bits = 16};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum rv_status status = rv_photo_save(cases[i].path, &photo, &cases[i].params);
        cr_expect_eq(status, cases[i].status, "case %zu: status %d", i, status);
        cr_expect(status == RV_OK || strstr(rv_error_text(), cases[i].text), "case %zu: \"%s\"", i,
                  rv_error_text());
    }
    static const struct {
        const char *path;
        uint32_t bits;
    } written[] = {{"a.png", 16}, {"a.JPG", 8}, {"b", 16}};
    for (size_t i = 0; i < sizeof written / sizeof *written; i++) {
        struct rv_photo again;
        cr_expect_eq(rv_photo_load(written[i].path, 0, &again), RV_OK, "%s", rv_error_text());
        cr_expect_eq(again.bits, written[i].bits, "%s", written[i].path);
        rv_photo_free(&again);
    }
    struct rv_photo absent;
    cr_expect_eq(rv_photo_load("absent.png", 0, &absent), RV_ERR_IO);
    DIR *stream = opendir(".");
    int count = 0;
    while (readdir(stream))
        count++;
    closedir(stream);
    cr_expect_eq(count, 2 + 3 + 3, "only what was written is left: %d", count);
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    cr_assert(chdir("/") == 0 && system(command) == 0);
}
