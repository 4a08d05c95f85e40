#include "capture/mjpeg.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>
#include <jerror.h>

#include "base/status.h"

// libjpeg reports errors by a callback that must not return: it jumps to `escape`. What changes
// between setjmp and longjmp lives here, in the caller's frame, so that it is still there after.
struct run {
    struct jpeg_error_mgr errors; // first, so that libjpeg's pointer converts
    jmp_buf escape;
    JSAMPLE *row; // RGB
};

static _Noreturn void on_error(j_common_ptr jpeg) {
    longjmp(((struct run *)jpeg->err)->escape, 1);
}

// Warnings that say that pixels are missing count; cameras cause others.
static void on_message(j_common_ptr jpeg, int level) {
    if (level < 0 &&
        (jpeg->err->msg_code == JWRN_JPEG_EOF || jpeg->err->msg_code == JWRN_HIT_MARKER))
        on_error(jpeg);
}

static void set_handlers(struct run *run) {
    jpeg_std_error(&run->errors);
    run->errors.error_exit = on_error;
    run->errors.emit_message = on_message;
}

static enum rv_status fail(struct run *run, j_common_ptr jpeg) {
    char message[JMSG_LENGTH_MAX];
    run->errors.format_message(jpeg, message);
    if (run->errors.msg_code == JERR_OUT_OF_MEMORY)
        return rv_fail(RV_ERR_NO_MEMORY, "JPEG: out of memory");
    return rv_fail(RV_ERR_INPUT, "damaged JPEG: %s", message);
}

// ------------------------------------------------------------------------------------------------
// Decoding

struct reader {
    struct run run;
    struct jpeg_decompress_struct jpeg;
    const uint8_t *bytes;
    size_t size;
    uint32_t width, height;
    uint8_t *rgba;
    bool other_size;
};

static void read_picture(struct reader *reader) {
    j_decompress_ptr jpeg = &reader->jpeg;
    jpeg_create_decompress(jpeg);
    jpeg_mem_src(jpeg, reader->bytes, reader->size);
    jpeg_read_header(jpeg, TRUE);
    reader->other_size = jpeg->image_width != reader->width || jpeg->image_height != reader->height;
    if (reader->other_size)
        return;
    if (jpeg->progressive_mode) // no camera makes them, and they may be slow without end
        ERREXIT(jpeg, JERR_BAD_PROGRESSION);
    jpeg->out_color_space = JCS_RGB;
    jpeg->dct_method = JDCT_IFAST;
    reader->run.row = malloc((size_t)reader->width * 3);
    if (!reader->run.row)
        ERREXIT1(jpeg, JERR_OUT_OF_MEMORY, 0);
    jpeg_start_decompress(jpeg);
    for (uint8_t *to = reader->rgba; jpeg->output_scanline < jpeg->output_height;) {
        const JSAMPLE *from = reader->run.row;
        jpeg_read_scanlines(jpeg, &reader->run.row, 1);
        for (uint32_t x = 0; x < reader->width; x++, from += 3, to += 4) {
            to[0] = from[0];
            to[1] = from[1];
            to[2] = from[2];
            to[3] = 255;
        }
    }
    jpeg_finish_decompress(jpeg);
}

static bool guarded_read(struct reader *reader) {
    if (setjmp(reader->run.escape) != 0)
        return false;
    read_picture(reader);
    return true;
}

enum rv_status rv_mjpeg_decode(const uint8_t *bytes, size_t size, uint32_t width, uint32_t height,
                               uint8_t *rgba) {
    struct reader reader = {
        .bytes = bytes, .size = size, .width = width, .height = height, .rgba = rgba};
    enum rv_status status = RV_OK;
    if (size == 0)
        return rv_fail(RV_ERR_INPUT, "damaged JPEG: it is empty");
    set_handlers(&reader.run);
    reader.jpeg.err = &reader.run.errors;
    if (!guarded_read(&reader))
        status = fail(&reader.run, (j_common_ptr)&reader.jpeg);
    else if (reader.other_size)
        status = rv_fail(RV_ERR_INPUT, "JPEG of %u x %u pixels where %u x %u were agreed on",
                         (unsigned)reader.jpeg.image_width, (unsigned)reader.jpeg.image_height,
                         (unsigned)width, (unsigned)height);
    jpeg_destroy_decompress(&reader.jpeg);
    free(reader.run.row);
    return status;
}

// ------------------------------------------------------------------------------------------------
// Encoding

struct writer {
    struct run run;
    struct jpeg_compress_struct jpeg;
    const uint8_t *rgba;
    uint32_t width, height, quality;
    unsigned char *bytes; // as libjpeg has grown it
    unsigned long size;
};

static void write_picture(struct writer *writer) {
    j_compress_ptr jpeg = &writer->jpeg;
    jpeg_create_compress(jpeg);
    jpeg_mem_dest(jpeg, &writer->bytes, &writer->size);
    jpeg->image_width = writer->width;
    jpeg->image_height = writer->height;
    jpeg->input_components = 3;
    jpeg->in_color_space = JCS_RGB;
    jpeg_set_defaults(jpeg);
    jpeg_set_quality(jpeg, (int)writer->quality, TRUE);
    writer->run.row = malloc((size_t)writer->width * 3);
    if (!writer->run.row)
        ERREXIT1(jpeg, JERR_OUT_OF_MEMORY, 0);
    jpeg_start_compress(jpeg, TRUE);
    const uint8_t *from = writer->rgba;
    for (uint32_t y = 0; y < writer->height; y++) {
        JSAMPLE *to = writer->run.row;
        for (uint32_t x = 0; x < writer->width; x++, from += 4, to += 3) {
            to[0] = from[0];
            to[1] = from[1];
            to[2] = from[2];
        }
        jpeg_write_scanlines(jpeg, &writer->run.row, 1);
    }
    jpeg_finish_compress(jpeg);
}

static bool guarded_write(struct writer *writer) {
    if (setjmp(writer->run.escape) != 0)
        return false;
    write_picture(writer);
    return true;
}

enum rv_status rv_mjpeg_encode(const uint8_t *rgba, uint32_t width, uint32_t height,
                               uint32_t quality, uint8_t **bytes, size_t *size) {
    struct writer writer = {.rgba = rgba, .width = width, .height = height, .quality = quality};
    enum rv_status status = RV_OK;
    set_handlers(&writer.run);
    writer.jpeg.err = &writer.run.errors;
    if (!guarded_write(&writer))
        status = fail(&writer.run, (j_common_ptr)&writer.jpeg);
    jpeg_destroy_compress(&writer.jpeg);
    free(writer.run.row);
    if (status != RV_OK) {
        free(writer.bytes);
        writer.bytes = NULL;
    }
    *bytes = writer.bytes;
    *size = writer.bytes ? writer.size : 0;
    return status;
}
