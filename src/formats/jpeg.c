#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

#include "base/status.h"
#include "formats/codec.h"
#include "formats/exif.h"

// A progressive file may repeat passes over the whole picture without end at a few bytes each.
enum { SCANS_MAX = 500 };

// What one run of libjpeg needs besides libjpeg's own struct, for both directions. libjpeg reports
// errors by a callback that must not return: it jumps to `escape`. All that changes between setjmp
// and longjmp lives here, in the caller's frame, so that it is still there after the jump.
struct jpeg_run {
    struct jpeg_error_mgr errors; // first, so that libjpeg's pointer converts
    jmp_buf escape;
    const char *name;
    enum rv_status status; // of our own checks
    JSAMPLE *row;
};

static _Noreturn void on_error(j_common_ptr jpeg) {
    longjmp(((struct jpeg_run *)jpeg->err)->escape, 1);
}

// Warnings are passed over, except those that say that pixels are missing.
static void on_message(j_common_ptr jpeg, int level) {
    if (level < 0 &&
        (jpeg->err->msg_code == JWRN_JPEG_EOF || jpeg->err->msg_code == JWRN_HIT_MARKER))
        on_error(jpeg);
}

static void set_handlers(struct jpeg_run *run) {
    jpeg_std_error(&run->errors);
    run->errors.error_exit = on_error;
    run->errors.emit_message = on_message;
}

static enum rv_status fail(struct jpeg_run *run, j_common_ptr jpeg) {
    char message[JMSG_LENGTH_MAX];
    run->errors.format_message(jpeg, message);
    if (run->errors.msg_code == JERR_OUT_OF_MEMORY)
        return rv_fail(RV_ERR_NO_MEMORY, "%s: JPEG: out of memory", run->name);
    if (!jpeg->is_decompressor)
        return rv_fail(RV_ERR_INPUT, "%s: cannot encode the JPEG: %s", run->name, message);
    const char *what = run->errors.msg_code == JWRN_JPEG_EOF ? "the file is cut short" : message;
    return rv_fail(RV_ERR_INPUT, "%s: damaged JPEG: %s; save or download it again", run->name,
                   what);
}

// ------------------------------------------------------------------------------------------------
// Decoding

struct jpeg_reader {
    struct jpeg_run run;
    struct jpeg_decompress_struct jpeg;
    struct jpeg_progress_mgr progress;
    const struct rv_source *source;
    struct rv_photo *photo;
    uint32_t *orientation;
};

static void limit_scans(j_common_ptr jpeg) {
    if (((j_decompress_ptr)jpeg)->input_scan_number > SCANS_MAX)
        ERREXIT(jpeg, JERR_BAD_PROGRESSION);
}

static void keep_extras(struct jpeg_reader *reader) {
    static const uint8_t exif[6] = {'E', 'x', 'i', 'f', 0, 0};
    for (jpeg_saved_marker_ptr marker = reader->jpeg.marker_list; marker; marker = marker->next) {
        if (marker->marker == JPEG_APP0 + 1 && marker->data_length > sizeof exif &&
            memcmp(marker->data, exif, sizeof exif) == 0) {
            *reader->orientation =
                rv_exif_orientation(marker->data + sizeof exif, marker->data_length - sizeof exif);
            break;
        }
    }
    JOCTET *icc = NULL;
    unsigned size = 0;
    if (jpeg_read_icc_profile(&reader->jpeg, &icc, &size)) {
        bool kept = rv_photo_keep_icc(reader->photo, icc, size);
        free(icc);
        if (!kept)
            ERREXIT1(&reader->jpeg, JERR_OUT_OF_MEMORY, 0);
    }
}

// One row of RGB or of CMYK. CMYK without its profile can only be approximated: each ink takes its
// share of the light. Adobe's programs, which write nearly all of these files, store it inverted.
static void keep_row(struct jpeg_reader *reader, uint32_t y) {
    bool cmyk = reader->jpeg.out_color_space == JCS_CMYK;
    uint32_t flip = reader->jpeg.saw_Adobe_marker ? 0 : 255;
    const JSAMPLE *from = reader->run.row;
    struct rv_picture *picture = &reader->photo->picture;
    float *to = picture->pixels + (size_t)y * picture->width * 3;
    for (uint32_t x = 0; x < picture->width; x++, from += cmyk ? 4 : 3)
        for (int c = 0; c < 3; c++)
            *to++ = cmyk ? (float)((from[c] ^ flip) * (from[3] ^ flip)) / (255.0f * 255.0f)
                         : (float)from[c] / 255.0f;
}

static void read_picture(struct jpeg_reader *reader) {
    j_decompress_ptr jpeg = &reader->jpeg;
    jpeg_create_decompress(jpeg);
    reader->progress.progress_monitor = limit_scans;
    jpeg->progress = &reader->progress;
    jpeg_mem_src(jpeg, reader->source->data, reader->source->size);
    jpeg_save_markers(jpeg, JPEG_APP0 + 1, 0xffff); // EXIF
    jpeg_save_markers(jpeg, JPEG_APP0 + 2, 0xffff); // ICC profile
    jpeg_read_header(jpeg, TRUE);
    uint32_t width = jpeg->image_width, height = jpeg->image_height;
    reader->run.status = rv_photo_check_size(reader->source, width, height);
    if (reader->run.status == RV_OK)
        reader->run.status = rv_photo_allocate(reader->photo, reader->source, width, height, false);
    if (reader->run.status != RV_OK)
        return;
    reader->photo->bits = 8;
    bool cmyk = jpeg->jpeg_color_space == JCS_CMYK || jpeg->jpeg_color_space == JCS_YCCK;
    jpeg->out_color_space = cmyk ? JCS_CMYK : JCS_RGB;
    reader->run.row = malloc((size_t)width * 4);
    if (!reader->run.row)
        ERREXIT1(jpeg, JERR_OUT_OF_MEMORY, 0);
    jpeg_start_decompress(jpeg);
    while (jpeg->output_scanline < jpeg->output_height) {
        uint32_t y = jpeg->output_scanline;
        jpeg_read_scanlines(jpeg, &reader->run.row, 1);
        keep_row(reader, y);
    }
    keep_extras(reader); // before the end, which forgets the markers
    jpeg_finish_decompress(jpeg);
}

static bool guarded_read(struct jpeg_reader *reader) {
    if (setjmp(reader->run.escape) != 0)
        return false;
    read_picture(reader);
    return true;
}

enum rv_status rv_jpeg_decode(const struct rv_source *source, struct rv_photo *photo,
                              uint32_t *orientation) {
    struct jpeg_reader reader = {
        .run.name = source->name, .source = source, .photo = photo, .orientation = orientation};
    set_handlers(&reader.run);
    reader.jpeg.err = &reader.run.errors;
    if (!guarded_read(&reader))
        reader.run.status = fail(&reader.run, (j_common_ptr)&reader.jpeg);
    jpeg_destroy_decompress(&reader.jpeg);
    free(reader.run.row);
    return reader.run.status;
}

// ------------------------------------------------------------------------------------------------
// Encoding

struct jpeg_writer {
    struct jpeg_run run;
    struct jpeg_compress_struct jpeg;
    struct jpeg_destination_mgr destination;
    JOCTET block[4096];
    const struct rv_photo *photo;
    uint32_t quality;
    struct rv_bytes *bytes;
};

static void begin_block(j_compress_ptr jpeg) {
    struct jpeg_writer *writer = jpeg->client_data;
    writer->destination.next_output_byte = writer->block;
    writer->destination.free_in_buffer = sizeof writer->block;
}

static void append_block(j_compress_ptr jpeg, size_t size) {
    struct jpeg_writer *writer = jpeg->client_data;
    if (!rv_bytes_append(writer->bytes, writer->block, size))
        ERREXIT1(jpeg, JERR_OUT_OF_MEMORY, 0);
}

static boolean end_full_block(j_compress_ptr jpeg) {
    append_block(jpeg, sizeof((struct jpeg_writer *)0)->block);
    begin_block(jpeg);
    return TRUE;
}

static void end_last_block(j_compress_ptr jpeg) {
    append_block(jpeg, sizeof((struct jpeg_writer *)0)->block - jpeg->dest->free_in_buffer);
}

static void write_picture(struct jpeg_writer *writer) {
    j_compress_ptr jpeg = &writer->jpeg;
    const struct rv_picture *picture = &writer->photo->picture;
    jpeg_create_compress(jpeg);
    jpeg->client_data = writer;
    jpeg->dest = &writer->destination;
    writer->destination = (struct jpeg_destination_mgr){.init_destination = begin_block,
                                                        .empty_output_buffer = end_full_block,
                                                        .term_destination = end_last_block};
    jpeg->image_width = picture->width;
    jpeg->image_height = picture->height;
    jpeg->input_components = 3;
    jpeg->in_color_space = JCS_RGB;
    jpeg_set_defaults(jpeg);
    jpeg_set_quality(jpeg, (int)writer->quality, TRUE);
    jpeg->optimize_coding = TRUE;
    jpeg->comp_info[0].h_samp_factor = 1; // 4:4:4: dreams live on fine, saturated colour
    jpeg->comp_info[0].v_samp_factor = 1;
    writer->run.row = malloc((size_t)picture->width * 3);
    if (!writer->run.row)
        ERREXIT1(jpeg, JERR_OUT_OF_MEMORY, 0);
    jpeg_start_compress(jpeg, TRUE);
    if (writer->photo->icc)
        jpeg_write_icc_profile(jpeg, writer->photo->icc, (unsigned)writer->photo->icc_size);
    for (uint32_t y = 0; y < picture->height; y++) {
        rv_photo_row8(writer->photo, y, 3, writer->run.row);
        jpeg_write_scanlines(jpeg, &writer->run.row, 1);
    }
    jpeg_finish_compress(jpeg);
}

static bool guarded_write(struct jpeg_writer *writer) {
    if (setjmp(writer->run.escape) != 0)
        return false;
    write_picture(writer);
    return true;
}

enum rv_status rv_jpeg_encode(const struct rv_photo *photo,
                              const struct rv_photo_save_params *chosen, const char *name,
                              struct rv_bytes *bytes) {
    struct jpeg_writer writer = {.run.name = name,
                                 .photo = photo,
                                 .quality = chosen->quality ? chosen->quality : 95,
                                 .bytes = bytes};
    set_handlers(&writer.run);
    writer.jpeg.err = &writer.run.errors;
    if (!guarded_write(&writer))
        writer.run.status = fail(&writer.run, (j_common_ptr)&writer.jpeg);
    jpeg_destroy_compress(&writer.jpeg);
    free(writer.run.row);
    return writer.run.status;
}
