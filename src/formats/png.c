#include <limits.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

#include "base/status.h"
#include "formats/codec.h"
#include "formats/exif.h"

static const char text_key[] = "reverie";
static const char out_of_memory[] = "out of memory";
static const char cut_short[] = "the file is cut short";

// One run of libpng, reading or writing. libpng reports errors by a callback that must not return:
// it jumps to `escape`. All that changes between setjmp and longjmp lives here, in the caller's
// frame, so that it is still there after the jump.
struct png_run {
    png_structp png;
    png_infop info;
    jmp_buf escape;
    char message[128];
    enum rv_status status; // of our own checks
    // reading
    const struct rv_source *source;
    size_t at;
    struct rv_photo *photo;
    uint32_t *orientation;
    // writing
    const struct rv_photo *original;
    uint32_t bits;
    const char *name;
    struct rv_bytes *bytes;
    // both: the whole picture or one row, as stored in the file
    uint8_t *pixels;
};

static _Noreturn void on_error(png_structp png, png_const_charp message) {
    struct png_run *run = png_get_error_ptr(png);
    snprintf(run->message, sizeof run->message, "%s", message);
    longjmp(run->escape, 1);
}

static void on_warning(png_structp png, png_const_charp message) {
    (void)png;
    (void)message; // what libpng can pass over, so can we
}

// ------------------------------------------------------------------------------------------------
// Decoding

static void read_bytes(png_structp png, png_bytep to, size_t size) {
    struct png_run *run = png_get_io_ptr(png);
    if (size > run->source->size - run->at)
        png_error(png, cut_short);
    memcpy(to, run->source->data + run->at, size);
    run->at += size;
}

// Whether every chunk lies within the file, up to the one that ends it. libpng takes a length at
// its word and may allocate that much before it reads.
static bool chunks_fit(const struct rv_source *source) {
    const uint8_t *chunk = source->data + 8;
    size_t left = source->size - 8;
    while (left >= 12) {
        size_t length = (size_t)png_get_uint_32(chunk) + 12;
        if (length > left)
            return false;
        if (memcmp(chunk + 4, "IEND", 4) == 0)
            return true;
        chunk += length;
        left -= length;
    }
    return false;
}

// Every kind of PNG becomes RGB or RGBA of 8 or 16 bits; true with alpha.
static bool unify(struct png_run *run) {
    png_set_expand(run->png); // palettes, gray below 8 bits, transparent colours
    png_set_gray_to_rgb(run->png);
    png_set_interlace_handling(run->png);
    png_read_update_info(run->png, run->info);
    return png_get_channels(run->png, run->info) == 4;
}

static void keep_pixels(struct png_run *run, uint32_t bits, bool alpha) {
    struct rv_picture *picture = &run->photo->picture;
    size_t count = (size_t)picture->width * picture->height, channels = alpha ? 4 : 3;
    const uint8_t *from = run->pixels;
    float *to = picture->pixels;
    for (size_t i = 0; i < count; i++) {
        for (size_t c = 0; c < channels; c++) {
            uint32_t value = bits == 16 ? (uint32_t)(from[0] << 8 | from[1]) : *from;
            from += bits / 8;
            if (c == 3)
                run->photo->alpha[i] = (uint16_t)(bits == 16 ? value : value * 257);
            else
                *to++ = (float)value / (bits == 16 ? 65535.0f : 255.0f);
        }
    }
}

// Keeps our text, the colour profile and the orientation, wherever they stood in the file.
static void keep_extras(struct png_run *run) {
    png_textp texts = NULL;
    int text_count = 0;
    png_get_text(run->png, run->info, &texts, &text_count);
    for (int i = 0; i < text_count && !run->photo->text; i++) {
        if (strcmp(texts[i].key, text_key) == 0 && texts[i].text) {
            run->photo->text = strdup(texts[i].text);
            if (!run->photo->text)
                png_error(run->png, out_of_memory);
        }
    }
    png_charp profile_name;
    png_bytep profile;
    png_uint_32 profile_size;
    int compression;
    if (png_get_iCCP(run->png, run->info, &profile_name, &compression, &profile, &profile_size) &&
        !rv_photo_keep_icc(run->photo, profile, profile_size))
        png_error(run->png, out_of_memory);
    png_bytep exif;
    png_uint_32 exif_size;
    if (png_get_eXIf_1(run->png, run->info, &exif_size, &exif))
        *run->orientation = rv_exif_orientation(exif, exif_size);
}

static void read_picture(struct png_run *run) {
    run->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, run, on_error, on_warning);
    run->info = run->png ? png_create_info_struct(run->png) : NULL;
    if (!run->info) {
        run->status = rv_fail(RV_ERR_NO_MEMORY, "%s: out of memory", run->name);
        return;
    }
    if (!chunks_fit(run->source))
        png_error(run->png, cut_short);
    // Our limits are checked below, with a message that says what to do.
    png_set_user_limits(run->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_read_fn(run->png, run, read_bytes);
    png_read_info(run->png, run->info);
    uint32_t width = png_get_image_width(run->png, run->info);
    uint32_t height = png_get_image_height(run->png, run->info);
    run->status = rv_photo_check_size(run->source, width, height);
    if (run->status != RV_OK)
        return;
    uint32_t bits = png_get_bit_depth(run->png, run->info) == 16 ? 16 : 8;
    bool alpha = unify(run);
    run->photo->bits = bits;
    run->status = rv_photo_allocate(run->photo, run->source, width, height, alpha);
    if (run->status != RV_OK)
        return;
    size_t row = png_get_rowbytes(run->png, run->info); // at most 8 bytes a pixel
    run->pixels = malloc(row * height);
    if (!run->pixels)
        png_error(run->png, out_of_memory);
    int passes = png_get_interlace_type(run->png, run->info) == PNG_INTERLACE_ADAM7 ? 7 : 1;
    for (int pass = 0; pass < passes; pass++)
        for (uint32_t y = 0; y < height; y++)
            png_read_row(run->png, run->pixels + y * row, NULL);
    png_read_end(run->png, run->info);
    keep_pixels(run, bits, alpha);
    keep_extras(run);
}

static bool guarded_read(struct png_run *run) {
    if (setjmp(run->escape) != 0)
        return false;
    read_picture(run);
    return true;
}

enum rv_status rv_png_decode(const struct rv_source *source, struct rv_photo *photo,
                             uint32_t *orientation) {
    struct png_run run = {
        .source = source, .photo = photo, .orientation = orientation, .name = source->name};
    if (!guarded_read(&run))
        run.status =
            strcmp(run.message, out_of_memory) == 0
                ? rv_fail(RV_ERR_NO_MEMORY, "%s: out of memory; use a smaller picture", run.name)
                : rv_fail(RV_ERR_INPUT, "%s: damaged PNG: %s; save or download it again", run.name,
                          run.message);
    png_destroy_read_struct(&run.png, &run.info, NULL);
    free(run.pixels);
    return run.status;
}

// ------------------------------------------------------------------------------------------------
// Encoding

static void write_bytes(png_structp png, png_bytep from, size_t size) {
    struct png_run *run = png_get_io_ptr(png);
    if (!rv_bytes_append(run->bytes, from, size))
        png_error(png, out_of_memory);
}

static void flush_bytes(png_structp png) {
    (void)png;
}

static void write_extras(struct png_run *run) {
    const struct rv_photo *photo = run->original;
    if (photo->icc && photo->icc_size <= PNG_UINT_31_MAX)
        png_set_iCCP(run->png, run->info, "ICC profile", PNG_COMPRESSION_TYPE_BASE, photo->icc,
                     (png_uint_32)photo->icc_size);
    if (photo->text) {
        png_text text = {.compression = PNG_ITXT_COMPRESSION_NONE,
                         .key = (char *)text_key,
                         .text = photo->text,
                         .lang = "",
                         .lang_key = ""};
        png_set_text(run->png, run->info, &text, 1);
    }
}

static void write_row(struct png_run *run, uint32_t y) {
    const struct rv_photo *photo = run->original;
    uint32_t channels = photo->alpha ? 4 : 3;
    if (run->bits == 8) {
        rv_photo_row8(photo, y, channels, run->pixels);
    } else {
        // From the machine's byte order to PNG's; each number is read before it is overwritten.
        const uint16_t *row = (const uint16_t *)(const void *)run->pixels;
        rv_photo_row16(photo, y, channels, (uint16_t *)(void *)run->pixels);
        for (size_t i = 0; i < (size_t)photo->picture.width * channels; i++) {
            uint16_t value = row[i];
            run->pixels[2 * i] = (uint8_t)(value >> 8);
            run->pixels[2 * i + 1] = (uint8_t)value;
        }
    }
    png_write_row(run->png, run->pixels);
}

static void write_picture(struct png_run *run) {
    const struct rv_photo *photo = run->original;
    run->png = png_create_write_struct(PNG_LIBPNG_VER_STRING, run, on_error, on_warning);
    run->info = run->png ? png_create_info_struct(run->png) : NULL;
    run->pixels = malloc((size_t)photo->picture.width * 4 * (run->bits / 8));
    if (!run->info || !run->pixels) {
        run->status = rv_fail(RV_ERR_NO_MEMORY, "%s: out of memory", run->name);
        return;
    }
    // A profile that libpng finds fault with is left out; it must not cost the picture.
    png_set_benign_errors(run->png, 1);
    png_set_write_fn(run->png, run, write_bytes, flush_bytes);
    png_set_IHDR(run->png, run->info, photo->picture.width, photo->picture.height, (int)run->bits,
                 photo->alpha ? PNG_COLOR_TYPE_RGB_ALPHA : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_BASE, PNG_FILTER_TYPE_BASE);
    write_extras(run);
    png_write_info(run->png, run->info);
    for (uint32_t y = 0; y < photo->picture.height; y++)
        write_row(run, y);
    png_write_end(run->png, run->info);
}

static bool guarded_write(struct png_run *run) {
    if (setjmp(run->escape) != 0)
        return false;
    write_picture(run);
    return true;
}

enum rv_status rv_png_encode(const struct rv_photo *photo,
                             const struct rv_photo_save_params *chosen, const char *name,
                             struct rv_bytes *bytes) {
    struct png_run run = {.original = photo, .bits = chosen->bits, .name = name, .bytes = bytes};
    if (!guarded_write(&run)) // all that can fail here is memory
        run.status = rv_fail(RV_ERR_NO_MEMORY, "%s: cannot encode the PNG: %s", name, run.message);
    png_destroy_write_struct(&run.png, &run.info);
    free(run.pixels);
    return run.status;
}
