// WebP through libwebp. Metadata stands beside the picture, in chunks that libwebpmux knows.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <webp/decode.h>
#include <webp/encode.h>
#include <webp/mux.h>

#include "base/status.h"
#include "formats/codec.h"
#include "formats/exif.h"

// ------------------------------------------------------------------------------------------------
// Our text, in an XMP packet of its own

static const char xmp_head[] = "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF xmlns:rdf=\""
                               "http://www.w3.org/1999/02/22-rdf-syntax-ns#\"><rdf:Description "
                               "rdf:about=\"\" xmlns:reverie=\"urn:reverie\" ";
static const char xmp_name[] = "reverie:recipe=\"";
static const char xmp_tail[] = "\"/></rdf:RDF></x:xmpmeta>";

static const struct {
    char letter;
    const char *entity;
} entities[] = {{'&', "&amp;"},  {'<', "&lt;"},   {'>', "&gt;"},
                {'"', "&quot;"}, {'\n', "&#10;"}, {'\t', "&#9;"}};
#define ENTITIES (sizeof entities / sizeof *entities)

static bool append_text(struct rv_bytes *bytes, const char *text) {
    return rv_bytes_append(bytes, text, strlen(text));
}

static bool write_xmp(const char *text, struct rv_bytes *xmp) {
    bool good = append_text(xmp, xmp_head) && append_text(xmp, xmp_name);
    for (; good && *text; text++) {
        size_t i = 0;
        while (i < ENTITIES && entities[i].letter != *text)
            i++;
        good = i < ENTITIES ? append_text(xmp, entities[i].entity) : rv_bytes_append(xmp, text, 1);
    }
    return good && append_text(xmp, xmp_tail);
}

// Where `what` begins within the bytes, or NULL.
static const char *find(const char *bytes, size_t size, const char *what) {
    size_t length = strlen(what);
    for (size_t i = 0; size >= length && i <= size - length; i++)
        if (memcmp(bytes + i, what, length) == 0)
            return bytes + i;
    return NULL;
}

static bool keep_xmp(struct rv_photo *photo, const char *xmp, size_t size) {
    const char *from = find(xmp, size, xmp_name), *end = xmp + size;
    if (!from)
        return true;
    from += sizeof xmp_name - 1;
    const char *quote = memchr(from, '"', (size_t)(end - from));
    if (!quote || memchr(from, 0, (size_t)(quote - from)))
        return true;
    char *text = malloc((size_t)(quote - from) + 1), *to = text;
    while (text && from < quote) {
        size_t i = 0;
        while (i < ENTITIES && ((size_t)(quote - from) < strlen(entities[i].entity) ||
                                memcmp(from, entities[i].entity, strlen(entities[i].entity)) != 0))
            i++;
        *to++ = i < ENTITIES ? entities[i].letter : *from;
        from += i < ENTITIES ? strlen(entities[i].entity) : 1;
    }
    if (text)
        *to = '\0';
    photo->text = text;
    return text != NULL;
}

// ------------------------------------------------------------------------------------------------
// Decoding

static bool keep_extras(const struct rv_source *source, struct rv_photo *photo,
                        uint32_t *orientation) {
    const WebPData file = {source->data, source->size};
    WebPMux *mux = WebPMuxCreate(&file, 0);
    WebPData chunk;
    bool good = true;
    if (!mux) // nothing but the picture can be made out
        return true;
    if (WebPMuxGetChunk(mux, "ICCP", &chunk) == WEBP_MUX_OK)
        good = rv_photo_keep_icc(photo, chunk.bytes, chunk.size);
    if (good && WebPMuxGetChunk(mux, "XMP ", &chunk) == WEBP_MUX_OK)
        good = keep_xmp(photo, (const char *)chunk.bytes, chunk.size);
    if (WebPMuxGetChunk(mux, "EXIF", &chunk) == WEBP_MUX_OK) {
        size_t skip = chunk.size > 6 && memcmp(chunk.bytes, "Exif\0\0", 6) == 0 ? 6 : 0;
        *orientation = rv_exif_orientation(chunk.bytes + skip, chunk.size - skip);
    }
    WebPMuxDelete(mux);
    return good;
}

static void keep_pixels(const uint8_t *from, struct rv_photo *photo) {
    size_t count = (size_t)photo->picture.width * photo->picture.height;
    float *to = photo->picture.pixels;
    for (size_t i = 0; i < count; i++) {
        for (int c = 0; c < 3; c++)
            *to++ = (float)*from++ / 255.0f;
        if (photo->alpha)
            photo->alpha[i] = (uint16_t)(*from++ * 257);
    }
}

enum rv_status rv_webp_decode(const struct rv_source *source, struct rv_photo *photo,
                              uint32_t *orientation) {
    WebPBitstreamFeatures features;
    const uint8_t *size = source->data + 4;
    uint64_t stated = (uint64_t)size[0] | (uint64_t)size[1] << 8 | (uint64_t)size[2] << 16 |
                      (uint64_t)size[3] << 24;
    enum rv_status status = RV_OK;
    uint8_t *pixels = NULL;
    if (stated + 8 > source->size)
        return rv_photo_fail_damaged(source, "WebP", "the file is cut short");
    if (WebPGetFeatures(source->data, source->size, &features) != VP8_STATUS_OK)
        return rv_photo_fail_damaged(source, "WebP", "its header makes no sense");
    uint32_t width = (uint32_t)features.width, height = (uint32_t)features.height;
    size_t channels = features.has_alpha ? 4 : 3;
    RV_TRY(rv_photo_check_size(source, width, height));
    if (features.has_animation)
        return rv_fail(RV_ERR_INPUT, "%s: this WebP is an animation; give one of its pictures",
                       source->name);
    RV_TRY(rv_photo_allocate(photo, source, width, height, features.has_alpha));
    size_t bytes = (size_t)width * height * channels;
    pixels = malloc(bytes);
    if (!pixels) {
        status = rv_photo_fail_memory(source->name);
        goto done;
    }
    int stride = (int)((size_t)width * channels);
    uint8_t *read = features.has_alpha
                        ? WebPDecodeRGBAInto(source->data, source->size, pixels, bytes, stride)
                        : WebPDecodeRGBInto(source->data, source->size, pixels, bytes, stride);
    if (!read) {
        status = rv_photo_fail_damaged(source, "WebP", "its pixels cannot be decoded");
        goto done;
    }
    photo->bits = 8;
    keep_pixels(pixels, photo);
    if (!keep_extras(source, photo, orientation))
        status = rv_photo_fail_memory(source->name);
done:
    free(pixels);
    return status;
}

// ------------------------------------------------------------------------------------------------
// Encoding

static int append(const uint8_t *data, size_t size, const WebPPicture *picture) {
    return rv_bytes_append(picture->custom_ptr, data, size);
}

static bool import(const struct rv_photo *photo, WebPPicture *picture) {
    uint32_t channels = photo->alpha ? 4 : 3, width = photo->picture.width;
    size_t row = (size_t)width * channels;
    uint8_t *pixels = malloc(row * photo->picture.height);
    if (!pixels)
        return false;
    for (uint32_t y = 0; y < photo->picture.height; y++)
        rv_photo_row8(photo, y, channels, pixels + y * row);
    bool good = photo->alpha ? WebPPictureImportRGBA(picture, pixels, (int)row)
                             : WebPPictureImportRGB(picture, pixels, (int)row);
    free(pixels);
    return good;
}

// Puts the pixels' stream and what belongs to it into one file.
static bool assemble(const struct rv_photo *photo, const struct rv_bytes *stream,
                     struct rv_bytes *bytes) {
    WebPMux *mux = WebPMuxNew();
    const WebPData image = {stream->data, stream->size}, icc = {photo->icc, photo->icc_size};
    struct rv_bytes text = {0};
    WebPData file = {0};
    bool good = mux && WebPMuxSetImage(mux, &image, 0) == WEBP_MUX_OK;
    if (good && photo->icc)
        good = WebPMuxSetChunk(mux, "ICCP", &icc, 0) == WEBP_MUX_OK;
    if (good && photo->text) {
        good = write_xmp(photo->text, &text);
        const WebPData xmp = {text.data, text.size};
        good = good && WebPMuxSetChunk(mux, "XMP ", &xmp, 0) == WEBP_MUX_OK;
    }
    good = good && WebPMuxAssemble(mux, &file) == WEBP_MUX_OK &&
           rv_bytes_append(bytes, file.bytes, file.size);
    WebPDataClear(&file);
    WebPMuxDelete(mux);
    free(text.data);
    return good;
}

enum rv_status rv_webp_encode(const struct rv_photo *photo,
                              const struct rv_photo_save_params *chosen, const char *name,
                              struct rv_bytes *bytes) {
    WebPConfig config;
    WebPPicture picture;
    struct rv_bytes stream = {0};
    if (photo->picture.width > WEBP_MAX_DIMENSION || photo->picture.height > WEBP_MAX_DIMENSION)
        return rv_fail(RV_ERR_USAGE,
                       "%s: a WebP has at most %d pixels on a side; save as another format", name,
                       WEBP_MAX_DIMENSION);
    if (!WebPConfigInit(&config) || !WebPPictureInit(&picture))
        return rv_fail(RV_ERR_USAGE, "%s: libwebp is another than the one built with", name);
    config.lossless = chosen->quality == 0;
    config.exact = 1; // colours stay what they are where nobody can see them
    config.quality = chosen->quality ? (float)chosen->quality : 50; // without loss: the effort
    config.use_sharp_yuv = 1; // dreams live on fine, saturated colour
    picture.use_argb = 1;
    picture.width = (int)photo->picture.width;
    picture.height = (int)photo->picture.height;
    picture.writer = append;
    picture.custom_ptr = &stream;
    bool good =
        import(photo, &picture) && WebPEncode(&config, &picture) && assemble(photo, &stream, bytes);
    WebPPictureFree(&picture);
    free(stream.data);
    return good ? RV_OK : rv_photo_fail_memory(name); // all that can fail here
}
