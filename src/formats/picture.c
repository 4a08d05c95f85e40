#include "formats/picture.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/status.h"
#include "formats/codec.h"

// Of the file, not of the picture: 16-bit RGBA at the pixel limit, stored without compression,
// fits.
#define FILE_LIMIT ((size_t)1 << 30)

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
    static const uint8_t png[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    static const uint8_t jpeg[3] = {0xff, 0xd8, 0xff};
    struct rv_source source = {data, size, name, max_pixels ? max_pixels : RV_PHOTO_PIXELS_MAX};
    uint32_t orientation = 1;
    enum rv_status status;
    *photo = (struct rv_photo){0};
    if (size == 0)
        return rv_fail(RV_ERR_INPUT, "%s: the file is empty; give a PNG or JPEG picture", name);
    if (size >= sizeof png && memcmp(data, png, sizeof png) == 0)
        status = rv_png_decode(&source, photo, &orientation);
    else if (size >= sizeof jpeg && memcmp(data, jpeg, sizeof jpeg) == 0)
        status = rv_jpeg_decode(&source, photo, &orientation);
    else
        return rv_fail(RV_ERR_INPUT, "%s: not a picture (neither PNG nor JPEG); convert it first",
                       name);
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

enum rv_status rv_photo_format_of(const char *path, enum rv_photo_format *format) {
    static const struct {
        const char *extension;
        enum rv_photo_format format;
    } known[] = {{".png", RV_PHOTO_PNG}, {".jpg", RV_PHOTO_JPEG}, {".jpeg", RV_PHOTO_JPEG}};
    *format = RV_PHOTO_PNG;
    if (strcmp(path, "-") == 0)
        return RV_OK;
    const char *slash = strrchr(path, '/'), *dot = strrchr(slash ? slash : path, '.');
    for (size_t i = 0; dot && i < sizeof known / sizeof *known; i++) {
        if (strcasecmp(dot, known[i].extension) == 0) {
            *format = known[i].format;
            return RV_OK;
        }
    }
    *format = RV_PHOTO_BY_NAME;
    return rv_fail(RV_ERR_USAGE, "%s: cannot tell the picture format; end the name in .png or .jpg",
                   path);
}

enum rv_status rv_photo_encode(const struct rv_photo *photo,
                               const struct rv_photo_save_params *params, const char *name,
                               uint8_t **data, size_t *size) {
    struct rv_photo_save_params chosen = params ? *params : (struct rv_photo_save_params){0};
    struct rv_bytes bytes = {0};
    enum rv_status status;
    *data = NULL;
    *size = 0;
    if (chosen.bits != 0 && chosen.bits != 8 && chosen.bits != 16)
        return rv_fail(RV_ERR_USAGE, "%s: %u bits per channel; choose 8 or 16", name, chosen.bits);
    if (chosen.quality > 100)
        return rv_fail(RV_ERR_USAGE, "%s: JPEG quality %u; choose 1 to 100", name, chosen.quality);
    if (chosen.format == RV_PHOTO_JPEG) {
        if (chosen.bits == 16)
            return rv_fail(RV_ERR_USAGE, "%s: JPEG has no 16 bits per channel; save as PNG", name);
        status = rv_jpeg_encode(photo, chosen.quality ? chosen.quality : 95, name, &bytes);
    } else {
        uint32_t bits = chosen.bits ? chosen.bits : photo->bits;
        status = rv_png_encode(photo, bits == 16 ? 16 : 8, name, &bytes);
    }
    if (status != RV_OK) {
        free(bytes.data);
        return status;
    }
    *data = bytes.data;
    *size = bytes.size;
    return RV_OK;
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
