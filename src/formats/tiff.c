// TIFF through libtiff. Samples of 8 and 16 bits and 32-bit floats, gray or RGB, are read as they
// are; every other kind (palettes, single bits, CMYK, YCbCr, ...) as the 8-bit RGBA that libtiff
// makes of it.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tiffio.h>

#include "base/status.h"
#include "formats/codec.h"

// That ImageDescription is ours is told by the program's name beside it.
static const char software[] = "reverie";

// One run of libtiff over bytes in memory, reading or writing.
struct tiff_run {
    const char *name;
    const struct rv_source *source; // reading; else NULL
    struct rv_bytes *bytes;         // writing
    uint64_t at;
    bool out_of_memory;
    bool cut;          // something was looked for beyond the end, if only a text
    char message[160]; // the first thing that libtiff complained about
};

// ------------------------------------------------------------------------------------------------
// libtiff's files and complaints

static tmsize_t read_bytes(thandle_t handle, void *to, tmsize_t size) {
    struct tiff_run *run = handle;
    const uint8_t *data = run->source ? run->source->data : run->bytes->data;
    uint64_t all = run->source ? run->source->size : run->bytes->size;
    uint64_t left = run->at < all ? all - run->at : 0;
    uint64_t count = (uint64_t)size < left ? (uint64_t)size : left;
    if (count)
        memcpy(to, data + run->at, (size_t)count);
    run->at += count;
    run->cut |= count < (uint64_t)size;
    return (tmsize_t)count;
}

// libtiff goes back to fill in what it did not know before.
static tmsize_t write_bytes(thandle_t handle, void *from, tmsize_t size) {
    static const uint8_t zero[4096];
    struct tiff_run *run = handle;
    struct rv_bytes *bytes = run->bytes;
    bool good = !run->source;
    while (good && bytes->size < run->at) {
        uint64_t gap = run->at - bytes->size;
        good = rv_bytes_append(bytes, zero, gap < sizeof zero ? (size_t)gap : sizeof zero);
    }
    if (!good)
        return 0;
    uint64_t within = bytes->size - run->at;
    size_t over = (uint64_t)size < within ? (size_t)size : (size_t)within;
    if (over)
        memcpy(bytes->data + run->at, from, over);
    if (!rv_bytes_append(bytes, (const uint8_t *)from + over, (size_t)size - over)) {
        run->out_of_memory = true;
        return 0;
    }
    run->at += (uint64_t)size;
    return size;
}

static toff_t seek(thandle_t handle, toff_t offset, int whence) {
    struct tiff_run *run = handle;
    uint64_t all = run->source ? run->source->size : run->bytes->size;
    run->at = offset + (whence == SEEK_CUR ? run->at : whence == SEEK_END ? all : 0);
    return run->at;
}

static int close_nothing(thandle_t handle) {
    (void)handle;
    return 0;
}

static toff_t size_of(thandle_t handle) {
    const struct tiff_run *run = handle;
    return run->source ? run->source->size : run->bytes->size;
}

static int keep_complaint(TIFF *tiff, void *user, const char *module, const char *format,
                          va_list arguments) {
    struct tiff_run *run = user;
    (void)tiff;
    (void)module;
    if (!*run->message)
        vsnprintf(run->message, sizeof run->message, format, arguments);
    return 1; // nothing is printed
}

static int pass_over(TIFF *tiff, void *user, const char *module, const char *format,
                     va_list arguments) {
    (void)tiff;
    (void)user;
    (void)module;
    (void)format;
    (void)arguments;
    return 1;
}

static TIFF *open_run(struct tiff_run *run, const char *mode) {
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    if (!options)
        return NULL;
    TIFFOpenOptionsSetErrorHandlerExtR(options, keep_complaint, run);
    TIFFOpenOptionsSetWarningHandlerExtR(options, pass_over, run);
    // A strip or tile may be as large as the largest picture, and no larger.
    TIFFOpenOptionsSetMaxSingleMemAlloc(options, (tmsize_t)5 << 28);
    TIFF *tiff = TIFFClientOpenExt(run->name, mode, run, read_bytes, write_bytes, seek,
                                   close_nothing, size_of, NULL, NULL, options);
    TIFFOpenOptionsFree(options);
    return tiff;
}

static enum rv_status fail(const struct tiff_run *run) {
    const char *what = *run->message ? run->message : "libtiff cannot read it";
    return rv_photo_fail_damaged(run->source, "TIFF", run->cut ? "the file is cut short" : what);
}

// ------------------------------------------------------------------------------------------------
// Decoding

// What a file's samples are.
struct layout {
    uint32_t width, height;
    uint16_t bits, format, samples, photometric, planar, compression;
    uint16_t colours; // of the samples: 1 or 3
    bool alpha, premultiplied, tiled;
};

static void read_layout(TIFF *tiff, struct layout *layout) {
    uint16_t extra_count = 0, *extras = NULL;
    TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &layout->width);
    TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &layout->height);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &layout->bits);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLEFORMAT, &layout->format);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &layout->samples);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_PLANARCONFIG, &layout->planar);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_COMPRESSION, &layout->compression);
    if (!TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &layout->photometric))
        layout->photometric = layout->samples < 3 ? PHOTOMETRIC_MINISBLACK : PHOTOMETRIC_RGB;
    TIFFGetFieldDefaulted(tiff, TIFFTAG_EXTRASAMPLES, &extra_count, &extras);
    layout->colours = layout->photometric == PHOTOMETRIC_RGB ? 3 : 1;
    layout->alpha = extra_count > 0 && extras[0] != EXTRASAMPLE_UNSPECIFIED &&
                    layout->samples > layout->colours;
    layout->premultiplied = layout->alpha && extras[0] == EXTRASAMPLE_ASSOCALPHA;
    layout->tiled = TIFFIsTiled(tiff);
}

static bool is_plain(const struct layout *layout) {
    bool number = layout->format == SAMPLEFORMAT_UINT || layout->format == SAMPLEFORMAT_VOID;
    bool kind = (number && (layout->bits == 8 || layout->bits == 16)) ||
                (layout->format == SAMPLEFORMAT_IEEEFP && layout->bits == 32);
    return kind && layout->samples >= layout->colours && layout->samples <= 16 &&
           (layout->photometric == PHOTOMETRIC_MINISBLACK ||
            layout->photometric == PHOTOMETRIC_MINISWHITE ||
            layout->photometric == PHOTOMETRIC_RGB);
}

static float to_float(const uint8_t *sample, const struct layout *layout) {
    uint16_t half;
    float value;
    if (layout->bits == 8)
        return (float)*sample / 255.0f;
    if (layout->bits == 16) {
        memcpy(&half, sample, sizeof half);
        return (float)half / 65535.0f;
    }
    memcpy(&value, sample, sizeof value);
    return value > 0.0f ? (value < 1.0f ? value : 1.0f) : 0.0f; // NaN gives 0
}

// Takes one sample to its place: gray to all three colours, colour to one, alpha to its plane.
static void put(struct rv_photo *photo, const struct layout *layout, size_t pixel, uint32_t sample,
                float value) {
    float *to = photo->picture.pixels + pixel * 3;
    if (layout->photometric == PHOTOMETRIC_MINISWHITE && sample == 0)
        value = 1.0f - value;
    if (layout->colours == 1 && sample == 0)
        to[0] = to[1] = to[2] = value;
    else if (sample < layout->colours)
        to[sample] = value;
    else if (sample == layout->colours && photo->alpha)
        photo->alpha[pixel] = (uint16_t)rv_to_steps(value, 65535.0f);
}

// A piece of the picture as libtiff gives it: a row of a strip, or a tile. `plane` is the sample
// that it holds, or -1 for all of them in turn.
struct piece {
    const uint8_t *data;
    uint32_t x, y, width, height, stride; // pixels; stride: from row to row of `data`
    int plane;
};

static void put_piece(struct rv_photo *photo, const struct layout *layout,
                      const struct piece *piece) {
    uint32_t bytes = layout->bits / 8u, samples = piece->plane < 0 ? layout->samples : 1;
    for (uint32_t y = 0; y < piece->height && piece->y + y < layout->height; y++) {
        const uint8_t *from = piece->data + (size_t)y * piece->stride * samples * bytes;
        size_t pixel = (size_t)(piece->y + y) * layout->width + piece->x;
        for (uint32_t x = 0; x < piece->width && piece->x + x < layout->width; x++, pixel++)
            for (uint32_t s = 0; s < samples; s++, from += bytes)
                put(photo, layout, pixel, piece->plane < 0 ? s : (uint32_t)piece->plane,
                    to_float(from, layout));
    }
}

static bool read_plane(TIFF *tiff, struct rv_photo *photo, const struct layout *layout, int plane,
                       uint8_t *data) {
    struct piece piece = {.data = data, .plane = plane, .height = 1};
    uint16_t sample = plane < 0 ? 0 : (uint16_t)plane;
    piece.width = piece.stride = layout->width;
    if (!layout->tiled) {
        for (; piece.y < layout->height; piece.y++) {
            if (TIFFReadScanline(tiff, data, piece.y, sample) < 0)
                return false;
            put_piece(photo, layout, &piece);
        }
        return true;
    }
    TIFFGetField(tiff, TIFFTAG_TILEWIDTH, &piece.width);
    TIFFGetField(tiff, TIFFTAG_TILELENGTH, &piece.height);
    piece.stride = piece.width;
    for (piece.y = 0; piece.y < layout->height; piece.y += piece.height)
        for (piece.x = 0; piece.x < layout->width; piece.x += piece.width) {
            if (TIFFReadTile(tiff, data, piece.x, piece.y, 0, sample) < 0)
                return false;
            put_piece(photo, layout, &piece);
        }
    return true;
}

// Bytes of what is read at once; 0 if the file's own numbers do not agree with each other.
static size_t piece_size(TIFF *tiff, const struct layout *layout) {
    uint64_t samples = layout->planar == PLANARCONFIG_SEPARATE ? 1 : layout->samples;
    uint64_t pixels = layout->width;
    uint32_t width = 0, height = 0;
    if (layout->tiled) {
        if (!TIFFGetField(tiff, TIFFTAG_TILEWIDTH, &width) ||
            !TIFFGetField(tiff, TIFFTAG_TILELENGTH, &height) || !width || !height ||
            width > 1 << 16 || height > 1 << 16)
            return 0;
        pixels = (uint64_t)width * height;
    }
    tmsize_t stated = layout->tiled ? TIFFTileSize(tiff) : TIFFScanlineSize(tiff);
    uint64_t needed = pixels * samples * (layout->bits / 8u);
    return stated > 0 && (uint64_t)stated == needed && needed <= (uint64_t)5 << 28 ? (size_t)stated
                                                                                   : 0;
}

static enum rv_status read_plain(struct tiff_run *run, TIFF *tiff, struct rv_photo *photo,
                                 const struct layout *layout) {
    size_t size = piece_size(tiff, layout);
    if (!size)
        return fail(run);
    uint8_t *data = malloc(size);
    if (!data)
        return rv_photo_fail_memory(run->name);
    int needed = layout->colours + (layout->alpha ? 1 : 0);
    bool good = true;
    if (layout->planar != PLANARCONFIG_SEPARATE)
        good = read_plane(tiff, photo, layout, -1, data);
    else
        for (int plane = 0; good && plane < needed; plane++)
            good = read_plane(tiff, photo, layout, plane, data);
    free(data);
    return good && !*run->message ? RV_OK : fail(run);
}

// Whatever libtiff can turn into 8-bit RGBA, rows from the top as they are stored.
static enum rv_status read_other(struct tiff_run *run, TIFF *tiff, struct rv_photo *photo,
                                 const struct layout *layout) {
    size_t count = (size_t)layout->width * layout->height;
    uint32_t *pixels = malloc(count * sizeof *pixels);
    uint16_t orientation = ORIENTATION_TOPLEFT;
    if (!pixels)
        return rv_photo_fail_memory(run->name);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_ORIENTATION, &orientation);
    bool good =
        TIFFReadRGBAImageOriented(tiff, layout->width, layout->height, pixels, orientation, 1) &&
        !*run->message;
    for (size_t i = 0; good && i < count; i++) {
        float *to = photo->picture.pixels + i * 3;
        to[0] = (float)TIFFGetR(pixels[i]) / 255.0f;
        to[1] = (float)TIFFGetG(pixels[i]) / 255.0f;
        to[2] = (float)TIFFGetB(pixels[i]) / 255.0f;
        if (photo->alpha)
            photo->alpha[i] = (uint16_t)(TIFFGetA(pixels[i]) * 257);
    }
    free(pixels);
    return good ? RV_OK : fail(run);
}

// From colours that are multiplied by alpha to colours. Where alpha is 0 there are none: black.
static void divide_by_alpha(struct rv_photo *photo) {
    size_t count = (size_t)photo->picture.width * photo->picture.height;
    for (size_t i = 0; i < count; i++)
        for (int c = 0; c < 3 && photo->alpha[i]; c++) {
            float *value = &photo->picture.pixels[i * 3 + (size_t)c];
            *value = fminf(*value * 65535.0f / photo->alpha[i], 1.0f);
        }
}

static bool keep_extras(TIFF *tiff, struct rv_photo *photo, uint32_t *orientation) {
    uint32_t icc_size = 0;
    uint16_t turned = ORIENTATION_TOPLEFT;
    void *icc = NULL;
    char *text = NULL, *program = NULL;
    TIFFGetFieldDefaulted(tiff, TIFFTAG_ORIENTATION, &turned);
    *orientation = turned >= 1 && turned <= 8 ? turned : 1;
    if (TIFFGetField(tiff, TIFFTAG_ICCPROFILE, &icc_size, &icc) && icc &&
        !rv_photo_keep_icc(photo, icc, icc_size))
        return false;
    return !TIFFGetField(tiff, TIFFTAG_SOFTWARE, &program) || strcmp(program, software) != 0 ||
           !TIFFGetField(tiff, TIFFTAG_IMAGEDESCRIPTION, &text) ||
           rv_photo_keep_text(photo, text, strlen(text));
}

static enum rv_status read_picture(struct tiff_run *run, TIFF *tiff, struct rv_photo *photo,
                                   uint32_t *orientation) {
    struct layout layout = {0};
    enum rv_status status;
    char why[1024];
    read_layout(tiff, &layout);
    bool plain = is_plain(&layout);
    if (layout.width == 0 || layout.height == 0)
        return fail(run);
    RV_TRY(rv_photo_check_size(run->source, layout.width, layout.height));
    // Codecs of one bit a pixel and the like need not be known to be read; what cannot be is said.
    if (!TIFFIsCODECConfigured(layout.compression))
        return rv_fail(RV_ERR_INPUT, "%s: this TIFF is compressed in a way that libtiff lacks (%u)",
                       run->name, layout.compression);
    if (!plain && !TIFFRGBAImageOK(tiff, why))
        return rv_fail(RV_ERR_INPUT, "%s: this kind of TIFF cannot be read: %s", run->name, why);
    RV_TRY(rv_photo_allocate(photo, run->source, layout.width, layout.height, layout.alpha));
    photo->bits = plain ? layout.bits : 8;
    RV_TRY(plain ? read_plain(run, tiff, photo, &layout) : read_other(run, tiff, photo, &layout));
    if (layout.premultiplied || (layout.alpha && !plain))
        divide_by_alpha(photo);
    if (!keep_extras(tiff, photo, orientation))
        status = rv_photo_fail_memory(run->name);
done:
    return status;
}

enum rv_status rv_tiff_decode(const struct rv_source *source, struct rv_photo *photo,
                              uint32_t *orientation) {
    struct tiff_run run = {.name = source->name, .source = source};
    TIFF *tiff = open_run(&run, "rm"); // m: nothing is mapped
    if (!tiff)
        return fail(&run);
    enum rv_status status = read_picture(&run, tiff, photo, orientation);
    TIFFClose(tiff);
    return status == RV_OK && run.cut ? fail(&run) : status;
}

// ------------------------------------------------------------------------------------------------
// Encoding

static void set_fields(TIFF *tiff, const struct rv_photo *photo, uint32_t bits) {
    uint16_t alpha = EXTRASAMPLE_UNASSALPHA;
    TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, photo->picture.width);
    TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, photo->picture.height);
    TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, bits);
    TIFFSetField(tiff, TIFFTAG_SAMPLEFORMAT, bits == 32 ? SAMPLEFORMAT_IEEEFP : SAMPLEFORMAT_UINT);
    TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, photo->alpha ? 4 : 3);
    TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_RGB);
    TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
    TIFFSetField(tiff, TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT);
    if (photo->alpha)
        TIFFSetField(tiff, TIFFTAG_EXTRASAMPLES, 1, &alpha);
    if (TIFFIsCODECConfigured(COMPRESSION_ADOBE_DEFLATE)) {
        TIFFSetField(tiff, TIFFTAG_COMPRESSION, COMPRESSION_ADOBE_DEFLATE);
        TIFFSetField(tiff, TIFFTAG_PREDICTOR,
                     bits == 32 ? PREDICTOR_FLOATINGPOINT : PREDICTOR_HORIZONTAL);
    }
    TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, TIFFDefaultStripSize(tiff, 0));
    if (photo->icc && photo->icc_size <= UINT32_MAX)
        TIFFSetField(tiff, TIFFTAG_ICCPROFILE, (uint32_t)photo->icc_size, photo->icc);
    TIFFSetField(tiff, TIFFTAG_SOFTWARE, software);
    if (photo->text)
        TIFFSetField(tiff, TIFFTAG_IMAGEDESCRIPTION, photo->text);
}

static void row_of_floats(const struct rv_photo *photo, uint32_t y, float *row) {
    size_t at = (size_t)y * photo->picture.width;
    const float *from = photo->picture.pixels + at * 3;
    for (uint32_t x = 0; x < photo->picture.width; x++, at++) {
        for (int c = 0; c < 3; c++, from++)
            *row++ = *from > 0.0f ? (*from < 1.0f ? *from : 1.0f) : 0.0f;
        if (photo->alpha)
            *row++ = (float)photo->alpha[at] / 65535.0f;
    }
}

static bool write_rows(TIFF *tiff, const struct rv_photo *photo, uint32_t bits, void *row) {
    uint32_t channels = photo->alpha ? 4 : 3;
    for (uint32_t y = 0; y < photo->picture.height; y++) {
        if (bits == 8)
            rv_photo_row8(photo, y, channels, row);
        else if (bits == 16)
            rv_photo_row16(photo, y, channels, row);
        else
            row_of_floats(photo, y, row);
        if (TIFFWriteScanline(tiff, row, y, 0) < 0)
            return false;
    }
    return true;
}

enum rv_status rv_tiff_encode(const struct rv_photo *photo,
                              const struct rv_photo_save_params *chosen, const char *name,
                              struct rv_bytes *bytes) {
    struct tiff_run run = {.name = name, .bytes = bytes};
    void *row = malloc((size_t)photo->picture.width * 4 * sizeof(float));
    TIFF *tiff = row ? open_run(&run, "wm") : NULL;
    bool good = tiff != NULL;
    if (tiff) {
        set_fields(tiff, photo, chosen->bits);
        good = write_rows(tiff, photo, chosen->bits, row) && TIFFFlush(tiff) && !run.out_of_memory;
        TIFFClose(tiff);
    }
    free(row);
    return good ? RV_OK : rv_photo_fail_memory(name); // all that can fail here
}
