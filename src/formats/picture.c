#include "formats/picture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/status.h"
#include "formats/codec.h"

// Of the file, not of the picture: RGBA of floats at the pixel limit, stored without compression,
// fits.
#define FILE_LIMIT ((size_t)5 << 28)

// ------------------------------------------------------------------------------------------------
// The formats

struct codec {
    struct rv_photo_format_info about;
    const char *const *extensions; // by which it is known; the first is not for output
    bool (*matches)(const uint8_t *data, size_t size);
    rv_decode_fn decode;
    rv_encode_fn encode;
};

static bool begins(const uint8_t *data, size_t size, const char *with, size_t length) {
    return size >= length && memcmp(data, with, length) == 0;
}

static bool is_png(const uint8_t *data, size_t size) {
    return begins(data, size, "\x89PNG\r\n\x1a\n", 8);
}

static bool is_jpeg(const uint8_t *data, size_t size) {
    return begins(data, size, "\xff\xd8\xff", 3);
}

static bool is_webp(const uint8_t *data, size_t size) {
    return begins(data, size, "RIFF", 4) && size >= 12 && memcmp(data + 8, "WEBP", 4) == 0;
}

// BigTIFF has 43 in place of 42.
static bool is_tiff(const uint8_t *data, size_t size) {
    return begins(data, size, "II*", 4) || begins(data, size, "MM\0*", 4) ||
           begins(data, size, "II+", 4) || begins(data, size, "MM\0+", 4);
}

static bool is_exr(const uint8_t *data, size_t size) {
    return begins(data, size, "\x76\x2f\x31\x01", 4);
}

static bool is_pnm(const uint8_t *data, size_t size) {
    return size >= 3 && data[0] == 'P' && strchr("2356", data[1]) && data[1] &&
           strchr(" \t\n\v\f\r#", data[2]);
}

static bool is_pam(const uint8_t *data, size_t size) {
    return begins(data, size, "P7\n", 3);
}

static const char *const png_names[] = {"", "png", NULL};
static const char *const jpeg_names[] = {"", "jpg", "jpeg", NULL};
static const char *const webp_names[] = {"", "webp", NULL};
static const char *const tiff_names[] = {"", "tif", "tiff", NULL};
static const char *const exr_names[] = {"", "exr", NULL};
static const char *const ppm_names[] = {"pgm", "ppm", "pnm", NULL};
static const char *const pam_names[] = {"", "pam", NULL};

// A build without one of the libraries still tells its pictures from others.
#ifndef RV_HAVE_WEBP
#define rv_webp_decode NULL
#define rv_webp_encode NULL
#endif
#ifndef RV_HAVE_TIFF
#define rv_tiff_decode NULL
#define rv_tiff_encode NULL
#endif
#ifndef RV_HAVE_EXR
#define rv_exr_decode NULL
#define rv_exr_encode NULL
#endif

// clang-format off
static const struct codec codecs[RV_PHOTO_FORMATS] = {
    [RV_PHOTO_PNG] = {{"PNG", "png", {8, 16}, false, true, "libpng-dev"},
                      png_names, is_png, rv_png_decode, rv_png_encode},
    [RV_PHOTO_JPEG] = {{"JPEG", "jpg", {8}, true, false, "libjpeg-dev"},
                       jpeg_names, is_jpeg, rv_jpeg_decode, rv_jpeg_encode},
    [RV_PHOTO_WEBP] = {{"WebP", "webp", {8}, true, true, "libwebp-dev"},
                       webp_names, is_webp, rv_webp_decode, rv_webp_encode},
    [RV_PHOTO_TIFF] = {{"TIFF", "tif", {8, 16, 32}, false, true, "libtiff-dev"},
                       tiff_names, is_tiff, rv_tiff_decode, rv_tiff_encode},
    [RV_PHOTO_EXR] = {{"EXR", "exr", {16, 32}, false, true, "libopenexr-dev"},
                      exr_names, is_exr, rv_exr_decode, rv_exr_encode},
    [RV_PHOTO_PPM] = {{"PPM", "ppm", {8, 16}, false, true, ""},
                      ppm_names, is_pnm, rv_pnm_decode, rv_ppm_encode},
    [RV_PHOTO_PAM] = {{"PAM", "pam", {8, 16}, false, true, ""},
                      pam_names, is_pam, rv_pnm_decode, rv_pam_encode},
};
// clang-format on

static const struct codec *codec_of(enum rv_photo_format format) {
    return &codecs[format == RV_PHOTO_BY_NAME ? RV_PHOTO_PNG : format];
}

const struct rv_photo_format_info *rv_photo_format_about(enum rv_photo_format format) {
    return &codec_of(format)->about;
}

// "PNG, JPEG, ... or PAM" of names, or of extensions.
static void list_formats(char *text, size_t capacity, bool extensions) {
    size_t used = 0;
    for (int i = RV_PHOTO_PNG; i < RV_PHOTO_FORMATS && used < capacity; i++)
        used += (size_t)snprintf(text + used, capacity - used, "%s%s%s",
                                 i == RV_PHOTO_PNG           ? ""
                                 : i + 1 == RV_PHOTO_FORMATS ? " or "
                                                             : ", ",
                                 extensions ? "." : "",
                                 extensions ? codecs[i].about.extension : codecs[i].about.name);
}

static enum rv_status fail_absent(const char *name, const struct codec *codec) {
    return rv_fail(RV_ERR_USAGE,
                   "%s: this build of reverie knows no %s: install %s and build it again, or use "
                   "another format",
                   name, codec->about.name, codec->about.package);
}

// ------------------------------------------------------------------------------------------------
// What the codecs share

enum rv_status rv_photo_check_size(const struct rv_source *source, uint32_t width,
                                   uint32_t height) {
    uint64_t pixels = (uint64_t)width * height;
    if (width <= RV_PHOTO_SIDE_MAX && height <= RV_PHOTO_SIDE_MAX && pixels <= source->max_pixels &&
        pixels <= SIZE_MAX / (8 * sizeof(float)))
        return RV_OK;
    return rv_fail(RV_ERR_INPUT,
                   "%s: %u x %u pixels are too many (at most %.1f million, and %u on a side); make "
                   "the picture smaller first",
                   source->name, width, height, (double)source->max_pixels / 1e6,
                   RV_PHOTO_SIDE_MAX);
}

enum rv_status rv_photo_allocate(struct rv_photo *photo, const struct rv_source *source,
                                 uint32_t width, uint32_t height, bool alpha) {
    size_t pixels = (size_t)width * height;
    photo->picture.pixels = malloc(pixels * 3 * sizeof(float));
    photo->alpha = alpha ? malloc(pixels * sizeof(uint16_t)) : NULL;
    if (!photo->picture.pixels || (alpha && !photo->alpha))
        return rv_fail(RV_ERR_NO_MEMORY, "%s: no memory for %u x %u pixels; use a smaller picture",
                       source->name, width, height);
    photo->picture.width = width;
    photo->picture.height = height;
    return RV_OK;
}

bool rv_photo_keep_icc(struct rv_photo *photo, const uint8_t *icc, size_t size) {
    enum { HEADER_SIZE = 128, COLOUR_SPACE = 16, SIGNATURE = 36 };
    if (size < HEADER_SIZE || memcmp(icc + COLOUR_SPACE, "RGB ", 4) != 0 ||
        memcmp(icc + SIGNATURE, "acsp", 4) != 0)
        return true;
    photo->icc = malloc(size);
    if (!photo->icc)
        return false;
    memcpy(photo->icc, icc, size);
    photo->icc_size = size;
    return true;
}

bool rv_bytes_append(struct rv_bytes *bytes, const void *data, size_t size) {
    if (size > bytes->capacity - bytes->size) {
        if (size > SIZE_MAX / 4 || bytes->capacity > SIZE_MAX / 4)
            return false;
        size_t capacity =
            bytes->capacity * 2 > bytes->size + size ? bytes->capacity * 2 : bytes->size + size;
        uint8_t *grown = realloc(bytes->data, capacity);
        if (!grown)
            return false;
        bytes->data = grown;
        bytes->capacity = capacity;
    }
    memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
    return true;
}

enum rv_status rv_photo_fail_damaged(const struct rv_source *source, const char *kind,
                                     const char *what) {
    return rv_fail(RV_ERR_INPUT, "%s: damaged %s: %s; save or download it again", source->name,
                   kind, what);
}

enum rv_status rv_photo_fail_memory(const char *name) {
    return rv_fail(RV_ERR_NO_MEMORY, "%s: out of memory; use a smaller picture", name);
}

bool rv_photo_keep_text(struct rv_photo *photo, const char *text, size_t length) {
    free(photo->text);
    photo->text = strndup(text, length);
    return photo->text != NULL;
}

void rv_photo_row8(const struct rv_photo *photo, uint32_t y, uint32_t channels, uint8_t *row) {
    size_t at = (size_t)y * photo->picture.width;
    const float *from = photo->picture.pixels + at * 3;
    for (uint32_t x = 0; x < photo->picture.width; x++, at++) {
        for (int c = 0; c < 3; c++)
            *row++ = (uint8_t)rv_to_steps(*from++, 255.0f);
        if (channels == 4) // 16 to 8 bits: the inverse of * 257, rounded
            *row++ = photo->alpha ? (uint8_t)((photo->alpha[at] + 128u) / 257u) : 255;
    }
}

void rv_photo_row16(const struct rv_photo *photo, uint32_t y, uint32_t channels, uint16_t *row) {
    size_t at = (size_t)y * photo->picture.width;
    const float *from = photo->picture.pixels + at * 3;
    for (uint32_t x = 0; x < photo->picture.width; x++, at++) {
        for (int c = 0; c < 3; c++)
            *row++ = (uint16_t)rv_to_steps(*from++, 65535.0f);
        if (channels == 4)
            *row++ = photo->alpha ? photo->alpha[at] : 65535;
    }
}

void rv_photo_free(struct rv_photo *photo) {
    if (!photo)
        return;
    rv_picture_free(&photo->picture);
    free(photo->alpha);
    free(photo->icc);
    free(photo->text);
    *photo = (struct rv_photo){0};
}

// ------------------------------------------------------------------------------------------------
// Decoding

// Turns the picture upright. For each orientation: whether x and y change places, then which axes
// of the stored picture run backwards.
static enum rv_status make_upright(struct rv_photo *photo, const struct rv_source *source,
                                   uint32_t orientation) {
    static const struct {
        bool swap, flip_x, flip_y;
    } turns[9] = {[2] = {0, 1, 0}, [3] = {0, 1, 1}, [4] = {0, 0, 1}, [5] = {1, 0, 0},
                  [6] = {1, 0, 1}, [7] = {1, 1, 1}, [8] = {1, 1, 0}};
    if (orientation <= 1)
        return RV_OK;
    bool swap = turns[orientation].swap;
    uint32_t width = photo->picture.width, height = photo->picture.height;
    struct rv_photo upright = {0};
    enum rv_status status = rv_photo_allocate(&upright, source, swap ? height : width,
                                              swap ? width : height, photo->alpha != NULL);
    if (status != RV_OK) {
        rv_photo_free(&upright);
        return status;
    }
    size_t to = 0;
    for (uint32_t y = 0; y < upright.picture.height; y++) {
        for (uint32_t x = 0; x < upright.picture.width; x++, to++) {
            uint32_t from_x = swap ? y : x, from_y = swap ? x : y;
            from_x = turns[orientation].flip_x ? width - 1 - from_x : from_x;
            from_y = turns[orientation].flip_y ? height - 1 - from_y : from_y;
            size_t from = (size_t)from_y * width + from_x;
            memcpy(upright.picture.pixels + to * 3, photo->picture.pixels + from * 3,
                   3 * sizeof(float));
            if (photo->alpha)
                upright.alpha[to] = photo->alpha[from];
        }
    }
    free(photo->picture.pixels);
    free(photo->alpha);
    photo->picture = upright.picture;
    photo->alpha = upright.alpha;
    return RV_OK;
}

enum rv_status rv_photo_decode(const uint8_t *data, size_t size, const char *name,
                               uint64_t max_pixels, struct rv_photo *photo) {
    struct rv_source source = {data, size, name, max_pixels ? max_pixels : RV_PHOTO_PIXELS_MAX};
    const struct codec *codec = NULL;
    uint32_t orientation = 1;
    char list[128];
    *photo = (struct rv_photo){0};
    list_formats(list, sizeof list, false);
    if (size == 0)
        return rv_fail(RV_ERR_INPUT, "%s: the file is empty; give a picture: %s", name, list);
    for (int i = RV_PHOTO_PNG; i < RV_PHOTO_FORMATS && !codec; i++)
        codec = codecs[i].matches(data, size) ? &codecs[i] : NULL;
    if (!codec)
        return rv_fail(RV_ERR_INPUT, "%s: not a picture (%s); convert it first", name, list);
    if (!codec->decode)
        return fail_absent(name, codec);
    enum rv_status status = codec->decode(&source, photo, &orientation);
    if (status == RV_OK)
        status = make_upright(photo, &source, orientation);
    if (status != RV_OK)
        rv_photo_free(photo);
    return status;
}

enum rv_status rv_photo_load(const char *path, uint64_t max_pixels, struct rv_photo *photo) {
    uint8_t *data;
    size_t size;
    *photo = (struct rv_photo){0};
    enum rv_status status = rv_file_read(path, FILE_LIMIT, &data, &size);
    if (status != RV_OK)
        return status;
    const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
    status = rv_photo_decode(data, size, name, max_pixels, photo);
    free(data);
    return status;
}

// ------------------------------------------------------------------------------------------------
// Encoding

// The extension of a path, without its dot; "" if it has none.
static const char *extension_of(const char *path) {
    const char *slash = strrchr(path, '/'), *dot = strrchr(slash ? slash : path, '.');
    return dot ? dot + 1 : "";
}

// The format of that extension, BY_NAME if there is none, and the place of the extension in its
// list.
static enum rv_photo_format find_extension(const char *extension, size_t *place) {
    for (int i = RV_PHOTO_PNG; i < RV_PHOTO_FORMATS; i++)
        for (*place = 0; codecs[i].extensions[*place]; ++*place)
            if (*extension && strcasecmp(extension, codecs[i].extensions[*place]) == 0)
                return (enum rv_photo_format)i;
    return RV_PHOTO_BY_NAME;
}

bool rv_photo_may_load(const char *path) {
    size_t place;
    enum rv_photo_format format = find_extension(extension_of(path), &place);
    return format != RV_PHOTO_BY_NAME && codecs[format].decode;
}

static enum rv_status format_of(const char *name, const char *extension, const char *advice,
                                bool dots, enum rv_photo_format *format) {
    size_t place;
    char list[128];
    *format = find_extension(extension, &place);
    if (*format != RV_PHOTO_BY_NAME && place > 0 && codecs[*format].encode)
        return RV_OK;
    enum rv_photo_format found = *format;
    *format = RV_PHOTO_BY_NAME;
    if (found != RV_PHOTO_BY_NAME && place > 0)
        return fail_absent(name, &codecs[found]);
    list_formats(list, sizeof list, dots);
    return rv_fail(RV_ERR_USAGE, "%s: cannot tell the picture format; %s %s", name, advice, list);
}

enum rv_status rv_photo_format_of(const char *path, enum rv_photo_format *format) {
    *format = RV_PHOTO_PNG;
    if (strcmp(path, "-") == 0)
        return RV_OK;
    return format_of(path, extension_of(path), "end the name in", true, format);
}

enum rv_status rv_photo_format_named(const char *name, enum rv_photo_format *format) {
    return format_of(name, name, "name one of", false, format);
}

// What to save with where nothing is asked for: the photo's own bits, else the next more that the
// format holds, else its most.
static uint32_t usual_bits(const struct rv_photo_format_info *about, uint32_t bits) {
    uint32_t usual = about->bits[0];
    for (int i = 0; about->bits[i]; i++)
        if (usual < (bits ? bits : 8))
            usual = about->bits[i];
    return usual;
}

static enum rv_status check(const struct rv_photo_format_info *about,
                            const struct rv_photo_save_params *chosen, const char *name) {
    bool held = false;
    for (int i = 0; about->bits[i]; i++)
        held |= about->bits[i] == chosen->bits;
    if (chosen->bits != 8 && chosen->bits != 16 && chosen->bits != 32)
        return rv_fail(RV_ERR_USAGE, "%s: %u bits per channel; choose 8, 16 or 32", name,
                       chosen->bits);
    if (!held)
        return rv_fail(RV_ERR_USAGE, "%s: %s has no %u bits per channel; save as another format",
                       name, about->name, chosen->bits);
    if (chosen->quality > 100)
        return rv_fail(RV_ERR_USAGE, "%s: %s quality %u; choose 1 to 100", name, about->name,
                       chosen->quality);
    return RV_OK;
}

enum rv_status rv_photo_encode(const struct rv_photo *photo,
                               const struct rv_photo_save_params *params, const char *name,
                               uint8_t **data, size_t *size) {
    struct rv_photo_save_params chosen = params ? *params : (struct rv_photo_save_params){0};
    const struct codec *codec = codec_of(chosen.format);
    struct rv_bytes bytes = {0};
    enum rv_status status;
    *data = NULL;
    *size = 0;
    if (!codec->encode)
        return fail_absent(name, codec);
    if (!chosen.bits)
        chosen.bits = usual_bits(&codec->about, photo->bits);
    RV_TRY(check(&codec->about, &chosen, name));
    RV_TRY(codec->encode(photo, &chosen, name, &bytes));
    *data = bytes.data;
    *size = bytes.size;
    return RV_OK;
done:
    free(bytes.data);
    return status;
}

enum rv_status rv_photo_save(const char *path, const struct rv_photo *photo,
                             const struct rv_photo_save_params *params) {
    struct rv_photo_save_params chosen = params ? *params : (struct rv_photo_save_params){0};
    enum rv_status status = RV_OK;
    if (chosen.format == RV_PHOTO_BY_NAME)
        status = rv_photo_format_of(path, &chosen.format);
    if (status != RV_OK)
        return status;
    uint8_t *data;
    size_t size;
    status = rv_photo_encode(photo, &chosen, path, &data, &size);
    if (status != RV_OK)
        return status;
    status = rv_file_write(path, data, size);
    free(data);
    return status;
}
