#include "formats/npy.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/status.h"

enum { HEADER_SIZE = 128 }; // a multiple of 64; the longest description leaves some room

static void make_header(uint8_t header[HEADER_SIZE], const struct rv_array *array) {
    static const uint8_t start[10] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, HEADER_SIZE - 10, 0};
    char text[HEADER_SIZE];
    int length = snprintf(text, sizeof text,
                          "{'descr': '<f4', 'fortran_order': False, 'shape': (%u, %u, %u), }",
                          array->height, array->width, array->channels);
    memset(header, ' ', HEADER_SIZE);
    memcpy(header, start, sizeof start);
    memcpy(header + sizeof start, text, (size_t)length);
    header[HEADER_SIZE - 1] = '\n';
}

static void put_float(uint8_t to[4], float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(bits >> 8 * i); // little-endian on every machine
}

enum rv_status rv_npy_write(const char *path, const struct rv_array *array) {
    struct rv_file_writer writer;
    enum rv_status status = rv_file_writer_begin(&writer, path);
    if (status != RV_OK)
        return status;
    uint8_t header[HEADER_SIZE], block[4096];
    make_header(header, array);
    fwrite(header, 1, sizeof header, writer.stream);
    size_t left = (size_t)array->height * array->width * array->channels;
    for (const float *from = array->data; left;) {
        size_t count = left < sizeof block / 4 ? left : sizeof block / 4;
        for (size_t i = 0; i < count; i++)
            put_float(block + 4 * i, *from++);
        fwrite(block, 4, count, writer.stream);
        left -= count;
    }
    return rv_file_writer_commit(&writer); // a failed write is remembered by the stream
}
