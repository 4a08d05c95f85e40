// The Netpbm formats: PGM and PPM, as numbers or as text, and PAM. All of it is one short header
// and the samples, so that this takes no library.
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "formats/codec.h"

static const char cut_short[] = "the file is cut short";
static const char text_mark[] = "# reverie "; // of the comment that holds our parameters

struct reader {
    const struct rv_source *source;
    struct rv_photo *photo;
    const char *kind; // for errors
    const uint8_t *at, *end;
    uint32_t width, height, channels, largest;
    bool alpha, as_text;
};

static enum rv_status fail(const struct reader *reader, const char *what) {
    return rv_photo_fail_damaged(reader->source, reader->kind, what);
}

// ------------------------------------------------------------------------------------------------
// Headers

// From '#' to the end of the line, which is left.
static enum rv_status skip_comment(struct reader *reader) {
    const uint8_t *begin = reader->at;
    const size_t mark = sizeof text_mark - 1;
    while (reader->at < reader->end && *reader->at != '\n' && *reader->at != '\r')
        reader->at++;
    size_t length = (size_t)(reader->at - begin);
    if (length <= mark || memcmp(begin, text_mark, mark) != 0 || memchr(begin, 0, length))
        return RV_OK;
    return rv_photo_keep_text(reader->photo, (const char *)begin + mark, length - mark)
               ? RV_OK
               : rv_photo_fail_memory(reader->source->name);
}

static enum rv_status skip_space(struct reader *reader) {
    enum rv_status status = RV_OK;
    while (reader->at < reader->end && (isspace(*reader->at) || *reader->at == '#')) {
        if (*reader->at == '#')
            RV_TRY(skip_comment(reader));
        else
            reader->at++;
    }
done:
    return status;
}

// A number of up to ten digits, which must be followed by something: the file goes on.
static enum rv_status read_number(struct reader *reader, uint32_t *number) {
    enum rv_status status = skip_space(reader);
    uint64_t value = 0;
    const uint8_t *begin = reader->at;
    if (status != RV_OK)
        return status;
    while (reader->at < reader->end && isdigit(*reader->at) && reader->at - begin < 10)
        value = value * 10 + (uint64_t)(*reader->at++ - '0');
    if (reader->at == reader->end)
        return fail(reader, cut_short);
    bool ends = isspace(*reader->at) || *reader->at == '#';
    if (reader->at == begin || !ends || value > UINT32_MAX)
        return fail(reader, "a number is not one");
    *number = (uint32_t)value;
    return RV_OK;
}

// "P6 WIDTH HEIGHT LARGEST" and a single blank.
static enum rv_status read_plain_header(struct reader *reader) {
    enum rv_status status;
    char kind = (char)reader->source->data[1];
    reader->kind = kind == '2' || kind == '5' ? "PGM" : "PPM";
    reader->channels = kind == '2' || kind == '5' ? 1 : 3;
    reader->as_text = kind == '2' || kind == '3';
    RV_TRY(read_number(reader, &reader->width));
    RV_TRY(read_number(reader, &reader->height));
    RV_TRY(read_number(reader, &reader->largest));
    if (*reader->at++ == '#')
        return fail(reader, "a comment stands where its pixels begin");
done:
    return status;
}

// One line of PAM's header: a word, and the rest of the line.
static enum rv_status read_line(struct reader *reader, char *line, size_t capacity) {
    const uint8_t *begin = reader->at;
    while (reader->at < reader->end && *reader->at != '\n')
        reader->at++;
    if (reader->at == reader->end)
        return fail(reader, cut_short);
    size_t length = (size_t)(reader->at++ - begin);
    if (length >= capacity || memchr(begin, 0, length))
        return fail(reader, "a line of the header is too long");
    memcpy(line, begin, length);
    line[length] = '\0';
    return RV_OK;
}

static bool read_field(const char *line, const char *name, uint32_t *number) {
    char format[32];
    int end = -1;
    snprintf(format, sizeof format, "%s %%9u %%n", name);
    return sscanf(line, format, number, &end) == 1 && end >= 0 && !line[end];
}

static enum rv_status read_pam_header(struct reader *reader) {
    enum rv_status status;
    uint32_t depth = 0;
    char line[256], kind[128] = "";
    reader->kind = "PAM";
    reader->at++; // the end of the first line
    for (;;) {
        if (reader->at < reader->end && *reader->at == '#') {
            RV_TRY(skip_comment(reader));
            if (reader->at++ == reader->end)
                return fail(reader, cut_short);
            continue;
        }
        RV_TRY(read_line(reader, line, sizeof line));
        if (strcmp(line, "ENDHDR") == 0)
            break;
        bool known = read_field(line, "WIDTH", &reader->width) ||
                     read_field(line, "HEIGHT", &reader->height) ||
                     read_field(line, "DEPTH", &depth) ||
                     read_field(line, "MAXVAL", &reader->largest) ||
                     sscanf(line, "TUPLTYPE %127s", kind) == 1 || !*line;
        if (!known)
            return fail(reader, "a line of its header is unknown");
    }
    if (depth < 1 || depth > 4)
        return fail(reader, "its depth is none of 1 to 4");
    const char *tail = strstr(kind, "_ALPHA");
    reader->alpha = *kind ? tail && !tail[6] : depth == 2 || depth == 4;
    reader->channels = depth - (reader->alpha ? 1 : 0);
    if (reader->channels != 1 && reader->channels != 3)
        return fail(reader, "it is neither gray nor RGB");
done:
    return status;
}

// ------------------------------------------------------------------------------------------------
// Samples

static enum rv_status read_sample(struct reader *reader, uint32_t *value) {
    enum rv_status status = RV_OK;
    if (!reader->as_text) { // the whole length has been checked
        *value = *reader->at++;
        if (reader->largest > 255)
            *value = *value << 8 | *reader->at++;
    } else if ((status = skip_space(reader)) == RV_OK) {
        const uint8_t *begin = reader->at;
        for (*value = 0; reader->at < reader->end && isdigit(*reader->at); reader->at++)
            *value = *value < 100000 ? *value * 10 + (uint32_t)(*reader->at - '0') : *value;
        if (reader->at == begin)
            return fail(reader, reader->at == reader->end ? cut_short : "a number is not one");
    }
    if (status == RV_OK && *value > reader->largest)
        return fail(reader, "a value is larger than the largest that it states");
    return status;
}

static enum rv_status read_pixels(struct reader *reader) {
    enum rv_status status = RV_OK;
    size_t count = (size_t)reader->width * reader->height;
    float *to = reader->photo->picture.pixels;
    for (size_t i = 0; i < count; i++, to += 3) {
        uint32_t value = 0;
        for (uint32_t c = 0; c < reader->channels; c++) {
            RV_TRY(read_sample(reader, &value));
            to[c] = (float)value / (float)reader->largest;
        }
        if (reader->channels == 1)
            to[1] = to[2] = to[0];
        if (reader->alpha) {
            RV_TRY(read_sample(reader, &value));
            reader->photo->alpha[i] = rv_to_alpha(value, reader->largest);
        }
    }
done:
    return status;
}

// The least that so many samples take, so that nothing is allocated for what is not there.
static bool samples_fit(const struct reader *reader) {
    uint64_t samples =
        (uint64_t)reader->width * reader->height * (reader->channels + (reader->alpha ? 1 : 0));
    uint64_t left = (uint64_t)(reader->end - reader->at);
    if (reader->as_text)
        return samples * 2 - 1 <= left;
    return samples * (reader->largest > 255 ? 2 : 1) <= left;
}

enum rv_status rv_pnm_decode(const struct rv_source *source, struct rv_photo *photo,
                             uint32_t *orientation) {
    struct reader reader = {.source = source,
                            .photo = photo,
                            .at = source->data + 2,
                            .end = source->data + source->size};
    enum rv_status status;
    (void)orientation;
    RV_TRY(source->data[1] == '7' ? read_pam_header(&reader) : read_plain_header(&reader));
    if (reader.width == 0 || reader.height == 0 || reader.largest == 0 || reader.largest > 65535)
        return fail(&reader, "its size or its largest value is not possible");
    RV_TRY(rv_photo_check_size(source, reader.width, reader.height));
    if (!samples_fit(&reader))
        return fail(&reader, cut_short);
    RV_TRY(rv_photo_allocate(photo, source, reader.width, reader.height, reader.alpha));
    photo->bits = reader.largest > 255 ? 16 : 8;
    status = read_pixels(&reader);
done:
    return status;
}

// ------------------------------------------------------------------------------------------------
// Encoding

static bool put_row(const struct rv_photo *photo, uint32_t y, uint32_t channels, uint32_t bits,
                    void *row, struct rv_bytes *bytes) {
    size_t count = (size_t)photo->picture.width * channels;
    if (bits == 8) {
        rv_photo_row8(photo, y, channels, row);
        return rv_bytes_append(bytes, row, count);
    }
    const uint16_t *values = row;
    uint8_t *to = row;
    rv_photo_row16(photo, y, channels, row);
    for (size_t i = 0; i < count; i++) { // in the machine's byte order till here
        uint16_t value = values[i];
        *to++ = (uint8_t)(value >> 8);
        *to++ = (uint8_t)value;
    }
    return rv_bytes_append(bytes, row, count * 2);
}

// The magic number, the comment, the rest of the header, the rows.
static enum rv_status encode(const struct rv_photo *photo, const char *magic, const char *header,
                             uint32_t channels, uint32_t bits, const char *name,
                             struct rv_bytes *bytes) {
    void *row = malloc((size_t)photo->picture.width * channels * 2);
    const char *text = photo->text && !strpbrk(photo->text, "\r\n") ? photo->text : NULL;
    bool good = row && rv_bytes_append(bytes, magic, strlen(magic));
    if (text)
        good = good && rv_bytes_append(bytes, text_mark, sizeof text_mark - 1) &&
               rv_bytes_append(bytes, text, strlen(text)) && rv_bytes_append(bytes, "\n", 1);
    good = good && rv_bytes_append(bytes, header, strlen(header));
    for (uint32_t y = 0; good && y < photo->picture.height; y++)
        good = put_row(photo, y, channels, bits, row, bytes);
    free(row);
    return good ? RV_OK : rv_photo_fail_memory(name);
}

enum rv_status rv_ppm_encode(const struct rv_photo *photo,
                             const struct rv_photo_save_params *chosen, const char *name,
                             struct rv_bytes *bytes) {
    char header[64];
    snprintf(header, sizeof header, "%u %u\n%u\n", photo->picture.width, photo->picture.height,
             (1u << chosen->bits) - 1);
    return encode(photo, "P6\n", header, 3, chosen->bits, name, bytes);
}

enum rv_status rv_pam_encode(const struct rv_photo *photo,
                             const struct rv_photo_save_params *chosen, const char *name,
                             struct rv_bytes *bytes) {
    char header[160];
    uint32_t channels = photo->alpha ? 4 : 3;
    snprintf(header, sizeof header,
             "WIDTH %u\nHEIGHT %u\nDEPTH %u\nMAXVAL %u\nTUPLTYPE %s\nENDHDR\n",
             photo->picture.width, photo->picture.height, channels, (1u << chosen->bits) - 1,
             photo->alpha ? "RGB_ALPHA" : "RGB");
    return encode(photo, "P7\n", header, channels, chosen->bits, name, bytes);
}
