// OpenEXR through its library's interface for C. Its numbers are light: they are turned into sRGB's
// encoding on the way in and back on the way out.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openexr.h>

#include "base/status.h"
#include "formats/codec.h"

// Our parameters are attributes "reverie0", "reverie1", ...: FFmpeg (5.1) loses the first rows of a
// file in which one is longer than this.
#define TEXT_PIECE 255
#define TEXT_PIECES 1000
#define TEXT_NAME_SIZE 16

static void name_piece(unsigned index, char name[TEXT_NAME_SIZE]) {
    snprintf(name, TEXT_NAME_SIZE, "reverie%u", index);
}

// One run of the library over bytes in memory, reading or writing.
struct exr_run {
    const char *name;
    const struct rv_source *source; // reading; else NULL
    struct rv_bytes *bytes;         // writing
    exr_context_t context;
    char message[160]; // the first thing that the library complained about
    bool unable;       // which was something that it cannot do
};

// ------------------------------------------------------------------------------------------------
// Numbers

// IEC 61966-2-1; both directions hold what is beyond 0..1 at the ends, and make 0 of what is no
// number.
static float encoded(float light) {
    if (!(light > 0.0f))
        return 0.0f;
    if (light >= 1.0f)
        return 1.0f;
    return light <= 0.0031308f ? light * 12.92f : 1.055f * powf(light, 1.0f / 2.4f) - 0.055f;
}

static float light_of(float value) {
    if (!(value > 0.0f))
        return 0.0f;
    if (value >= 1.0f)
        return 1.0f;
    return value <= 0.04045f ? value / 12.92f : powf((value + 0.055f) / 1.055f, 2.4f);
}

// ------------------------------------------------------------------------------------------------
// The library's files and complaints

static int64_t read_bytes(exr_const_context_t context, void *user, void *to, uint64_t size,
                          uint64_t offset, exr_stream_error_func_ptr_t complain) {
    const struct rv_source *source = ((struct exr_run *)user)->source;
    uint64_t left = offset < source->size ? source->size - offset : 0;
    uint64_t count = size < left ? size : left;
    (void)context;
    (void)complain;
    if (count)
        memcpy(to, source->data + offset, (size_t)count);
    return (int64_t)count;
}

static int64_t size_of(exr_const_context_t context, void *user) {
    (void)context;
    return (int64_t)((struct exr_run *)user)->source->size;
}

// The table of chunks is written last, over the place that was left for it.
static int64_t write_bytes(exr_const_context_t context, void *user, const void *from, uint64_t size,
                           uint64_t offset, exr_stream_error_func_ptr_t complain) {
    static const uint8_t zero[4096];
    struct rv_bytes *bytes = ((struct exr_run *)user)->bytes;
    bool good = true;
    while (good && bytes->size < offset) {
        uint64_t gap = offset - bytes->size;
        good = rv_bytes_append(bytes, zero, gap < sizeof zero ? (size_t)gap : sizeof zero);
    }
    uint64_t within = good ? bytes->size - offset : 0;
    size_t over = size < within ? (size_t)size : (size_t)within;
    if (over)
        memcpy(bytes->data + offset, from, over);
    good = good && rv_bytes_append(bytes, (const uint8_t *)from + over, (size_t)size - over);
    if (!good)
        complain(context, EXR_ERR_OUT_OF_MEMORY, "out of memory");
    return good ? (int64_t)size : -1;
}

static void keep_complaint(exr_const_context_t context, exr_result_t code, const char *message) {
    struct exr_run *run = NULL;
    if (exr_get_user_data(context, (void **)&run) != EXR_ERR_SUCCESS || !run || *run->message)
        return;
    run->unable = code == EXR_ERR_FEATURE_NOT_IMPLEMENTED;
    snprintf(run->message, sizeof run->message, "%s", message);
}

static exr_context_initializer_t initializer(struct exr_run *run) {
    exr_context_initializer_t init = EXR_DEFAULT_CONTEXT_INITIALIZER;
    init.error_handler_fn = keep_complaint;
    init.user_data = run;
    init.read_fn = run->source ? read_bytes : NULL;
    init.size_fn = run->source ? size_of : NULL;
    init.write_fn = run->source ? NULL : write_bytes;
    return init;
}

static enum rv_status fail(const struct exr_run *run) {
    if (run->unable)
        return rv_fail(RV_ERR_INPUT,
                       "%s: this EXR cannot be read: %s; save it with ZIP compression", run->name,
                       run->message);
    return rv_photo_fail_damaged(run->source, "EXR",
                                 *run->message ? run->message : "OpenEXR cannot read it");
}

// ------------------------------------------------------------------------------------------------
// Decoding

// The picture in its first part: which of its channels are the colours, and where its window lies.
struct layout {
    exr_attr_box2i_t window;
    uint32_t width, height;
    exr_storage_t storage;
    bool gray, alpha, floats;
};

// The place of a channel in our picture: 0 to 2, 3 for alpha, -1 for none.
static int place_of(const char *name, bool gray) {
    static const char *const names[] = {"R", "G", "B", "A"};
    if (gray && strcmp(name, "Y") == 0)
        return 0;
    for (int i = gray ? 3 : 0; i < 4; i++)
        if (strcmp(name, names[i]) == 0)
            return i;
    return -1;
}

static enum rv_status read_layout(struct exr_run *run, struct layout *layout) {
    const exr_attr_chlist_t *channels;
    uint32_t found = 0, luminance = 0;
    if (exr_get_storage(run->context, 0, &layout->storage) != EXR_ERR_SUCCESS ||
        exr_get_channels(run->context, 0, &channels) != EXR_ERR_SUCCESS ||
        exr_get_data_window(run->context, 0, &layout->window) != EXR_ERR_SUCCESS)
        return fail(run);
    if (layout->storage != EXR_STORAGE_SCANLINE && layout->storage != EXR_STORAGE_TILED)
        return rv_fail(RV_ERR_INPUT, "%s: this EXR is a deep picture; flatten it first", run->name);
    for (int i = 0; i < channels->num_channels; i++) {
        const exr_attr_chlist_entry_t *entry = &channels->entries[i];
        int place = place_of(entry->name.str, false);
        bool is_luminance = strcmp(entry->name.str, "Y") == 0;
        if (place < 0 && !is_luminance)
            continue;
        if (entry->pixel_type == EXR_PIXEL_UINT || entry->x_sampling != 1 || entry->y_sampling != 1)
            return rv_fail(RV_ERR_INPUT,
                           "%s: channel %s of this EXR is of whole numbers or of fewer pixels; "
                           "convert it to RGB of floats",
                           run->name, entry->name.str);
        luminance += is_luminance;
        found |= place >= 0 ? 1u << place : 0;
        layout->floats |= entry->pixel_type == EXR_PIXEL_FLOAT && place != 3;
    }
    layout->alpha = found >> 3;
    layout->gray = (found & 7) != 7;
    if (layout->gray && !luminance)
        return rv_fail(RV_ERR_INPUT,
                       "%s: this EXR has no channels R, G and B, and no Y; choose another layer",
                       run->name);
    int64_t width = (int64_t)layout->window.max.x - layout->window.min.x + 1;
    int64_t height = (int64_t)layout->window.max.y - layout->window.min.y + 1;
    if (width < 1 || height < 1 || width > UINT32_MAX || height > UINT32_MAX)
        return fail(run);
    layout->width = (uint32_t)width;
    layout->height = (uint32_t)height;
    return rv_photo_check_size(run->source, layout->width, layout->height);
}

// One chunk (a few rows, or a tile) as planes of floats: three colours, alpha, and one for what is
// not looked at, since the library wants a place for everything.
enum { PLANES = 5 };
struct chunk {
    float *planes;   // [PLANES][capacity]
    size_t capacity; // pixels of the largest chunk
    exr_decode_pipeline_t pipeline;
    bool begun;
};

static bool read_chunk(struct exr_run *run, const struct layout *layout,
                       const exr_chunk_info_t *info, struct chunk *chunk) {
    exr_decode_pipeline_t *pipeline = &chunk->pipeline;
    exr_result_t result = chunk->begun ? exr_decoding_update(run->context, 0, info, pipeline)
                                       : exr_decoding_initialize(run->context, 0, info, pipeline);
    if (result != EXR_ERR_SUCCESS || info->width < 1 || info->height < 1 ||
        (uint64_t)info->width * (uint64_t)info->height > chunk->capacity)
        return false;
    for (int i = 0; i < pipeline->channel_count; i++) {
        exr_coding_channel_info_t *channel = &pipeline->channels[i];
        int place = place_of(channel->channel_name, layout->gray);
        size_t plane = place < 0 ? PLANES - 1 : (size_t)place;
        if (channel->height > info->height || channel->width > info->width)
            return false;
        channel->decode_to_ptr = (uint8_t *)(chunk->planes + plane * chunk->capacity);
        channel->user_pixel_stride = sizeof(float);
        channel->user_line_stride = info->width * (int32_t)sizeof(float);
        channel->user_bytes_per_element = sizeof(float);
        channel->user_data_type =
            channel->data_type == EXR_PIXEL_UINT ? EXR_PIXEL_UINT : EXR_PIXEL_FLOAT;
    }
    if (!chunk->begun &&
        exr_decoding_choose_default_routines(run->context, 0, pipeline) != EXR_ERR_SUCCESS)
        return false;
    chunk->begun = true;
    return exr_decoding_run(run->context, 0, pipeline) == EXR_ERR_SUCCESS;
}

// A chunk's pixels into the photo. EXR's colours are multiplied by alpha.
static void keep_chunk(struct rv_photo *photo, const struct layout *layout,
                       const struct chunk *chunk, const exr_chunk_info_t *info, uint32_t left,
                       uint32_t top) {
    const float *alphas = chunk->planes + 3 * chunk->capacity;
    for (uint32_t y = 0; y < (uint32_t)info->height && top + y < layout->height; y++)
        for (uint32_t x = 0; x < (uint32_t)info->width && left + x < layout->width; x++) {
            size_t from = (size_t)y * (uint32_t)info->width + x;
            size_t at = (size_t)(top + y) * layout->width + left + x;
            float alpha = layout->alpha && alphas[from] > 0.0f ? alphas[from] : 1.0f;
            for (size_t c = 0; c < 3; c++)
                photo->picture.pixels[at * 3 + c] =
                    encoded(chunk->planes[(layout->gray ? 0 : c) * chunk->capacity + from] / alpha);
            if (layout->alpha)
                photo->alpha[at] = (uint16_t)rv_to_steps(alphas[from], 65535.0f);
        }
}

static bool read_rows(struct exr_run *run, const struct layout *layout, struct rv_photo *photo,
                      struct chunk *chunk) {
    exr_chunk_info_t info;
    for (uint32_t y = 0; y < layout->height; y += (uint32_t)info.height) {
        if (exr_read_scanline_chunk_info(run->context, 0, layout->window.min.y + (int)y, &info) !=
                EXR_ERR_SUCCESS ||
            info.height < 1 || info.width != (int)layout->width ||
            !read_chunk(run, layout, &info, chunk))
            return false;
        keep_chunk(photo, layout, chunk, &info, 0, y);
    }
    return true;
}

// Of tiles, those of the full size.
static bool read_tiles(struct exr_run *run, const struct layout *layout, struct rv_photo *photo,
                       struct chunk *chunk, uint32_t width, uint32_t height) {
    exr_chunk_info_t info;
    for (uint32_t y = 0; y * height < layout->height; y++)
        for (uint32_t x = 0; x * width < layout->width; x++) {
            if (exr_read_tile_chunk_info(run->context, 0, (int)x, (int)y, 0, 0, &info) !=
                    EXR_ERR_SUCCESS ||
                info.width < 1 || info.height < 1 || !read_chunk(run, layout, &info, chunk))
                return false;
            keep_chunk(photo, layout, chunk, &info, x * width, y * height);
        }
    return true;
}

static enum rv_status read_chunks(struct exr_run *run, const struct layout *layout,
                                  struct rv_photo *photo) {
    struct chunk chunk = {.pipeline = EXR_DECODE_PIPELINE_INITIALIZER};
    int32_t width = (int32_t)layout->width, height = 1;
    exr_result_t result;
    if (layout->storage == EXR_STORAGE_TILED)
        result = exr_get_tile_sizes(run->context, 0, 0, 0, &width, &height);
    else
        result = exr_get_scanlines_per_chunk(run->context, 0, &height);
    if (result != EXR_ERR_SUCCESS || width < 1 || height < 1 || width > (int)RV_PHOTO_SIDE_MAX ||
        height > (int)RV_PHOTO_SIDE_MAX || (uint64_t)width * (uint64_t)height > RV_PHOTO_PIXELS_MAX)
        return fail(run);
    chunk.capacity = (size_t)width * (size_t)height;
    chunk.planes = calloc(chunk.capacity * PLANES, sizeof *chunk.planes);
    if (!chunk.planes)
        return rv_photo_fail_memory(run->name);
    bool good = layout->storage == EXR_STORAGE_TILED
                    ? read_tiles(run, layout, photo, &chunk, (uint32_t)width, (uint32_t)height)
                    : read_rows(run, layout, photo, &chunk);
    exr_decoding_destroy(run->context, &chunk.pipeline);
    free(chunk.planes);
    return good ? RV_OK : fail(run);
}

static const exr_attr_string_t *find_piece(struct exr_run *run, unsigned index) {
    const exr_attribute_t *piece;
    char name[TEXT_NAME_SIZE];
    name_piece(index, name);
    bool found = exr_get_attribute_by_name(run->context, 0, name, &piece) == EXR_ERR_SUCCESS &&
                 piece->type == EXR_ATTR_STRING && piece->string->length >= 0;
    return found ? piece->string : NULL;
}

static bool keep_text(struct exr_run *run, struct rv_photo *photo) {
    const exr_attr_string_t *piece;
    struct rv_bytes text = {0};
    bool good = true;
    for (unsigned i = 0; good && i < TEXT_PIECES && (piece = find_piece(run, i)); i++)
        good = rv_bytes_append(&text, piece->str, (size_t)piece->length);
    if (good && text.size)
        good = rv_photo_keep_text(photo, (const char *)text.data, text.size);
    free(text.data);
    return good;
}

static enum rv_status read_picture(struct exr_run *run, struct rv_photo *photo) {
    struct layout layout = {0};
    enum rv_status status;
    RV_TRY(read_layout(run, &layout));
    RV_TRY(rv_photo_allocate(photo, run->source, layout.width, layout.height, layout.alpha));
    photo->bits = layout.floats ? 32 : 16;
    RV_TRY(read_chunks(run, &layout, photo));
    if (!keep_text(run, photo))
        status = rv_photo_fail_memory(run->name);
done:
    return status;
}

enum rv_status rv_exr_decode(const struct rv_source *source, struct rv_photo *photo,
                             uint32_t *orientation) {
    struct exr_run run = {.name = source->name, .source = source};
    exr_context_initializer_t init = initializer(&run);
    (void)orientation;
    if (exr_start_read(&run.context, source->name, &init) != EXR_ERR_SUCCESS)
        return fail(&run);
    enum rv_status status = read_picture(&run, photo);
    exr_finish(&run.context);
    return status;
}

// ------------------------------------------------------------------------------------------------
// Encoding

static const char *const channel_names[] = {"A", "B", "G", "R"}; // in the order of the alphabet

static bool write_text(struct exr_run *run, int part, const char *text) {
    char name[TEXT_NAME_SIZE], piece[TEXT_PIECE + 1];
    bool good = true;
    for (unsigned i = 0; good && *text && i < TEXT_PIECES; i++, text += strlen(piece)) {
        snprintf(piece, sizeof piece, "%s", text);
        name_piece(i, name);
        good = exr_attr_set_string(run->context, part, name, piece) == EXR_ERR_SUCCESS;
    }
    return good;
}

static bool write_header(struct exr_run *run, const struct rv_photo *photo, exr_pixel_type_t type) {
    exr_context_t context = run->context;
    int part;
    bool good = exr_add_part(context, "picture", EXR_STORAGE_SCANLINE, &part) == EXR_ERR_SUCCESS &&
                exr_initialize_required_attr_simple(context, part, (int)photo->picture.width,
                                                    (int)photo->picture.height,
                                                    EXR_COMPRESSION_ZIP) == EXR_ERR_SUCCESS;
    for (int i = photo->alpha ? 0 : 1; good && i < 4; i++)
        good = exr_add_channel(context, part, channel_names[i], type, EXR_PERCEPTUALLY_LOGARITHMIC,
                               1, 1) == EXR_ERR_SUCCESS;
    if (good && photo->text)
        good = write_text(run, part, photo->text);
    return good && exr_write_header(context) == EXR_ERR_SUCCESS;
}

// Some rows as planes of floats, multiplied by alpha; the fourth is alpha itself.
static void fill_planes(const struct rv_photo *photo, uint32_t y, uint32_t rows, size_t capacity,
                        float *planes) {
    size_t begin = (size_t)y * photo->picture.width, count = (size_t)rows * photo->picture.width;
    for (size_t i = 0; i < count; i++) {
        float alpha = photo->alpha ? (float)photo->alpha[begin + i] / 65535.0f : 1.0f;
        for (size_t c = 0; c < 3; c++)
            planes[c * capacity + i] = light_of(photo->picture.pixels[(begin + i) * 3 + c]) * alpha;
        planes[3 * capacity + i] = alpha;
    }
}

static bool write_chunk(struct exr_run *run, const exr_chunk_info_t *info, const float *planes,
                        size_t capacity, exr_encode_pipeline_t *pipeline, bool first) {
    exr_result_t result = first ? exr_encoding_initialize(run->context, 0, info, pipeline)
                                : exr_encoding_update(run->context, 0, info, pipeline);
    if (result != EXR_ERR_SUCCESS)
        return false;
    for (int i = 0; i < pipeline->channel_count; i++) {
        exr_coding_channel_info_t *channel = &pipeline->channels[i];
        size_t plane = (size_t)place_of(channel->channel_name, false);
        channel->encode_from_ptr = (const uint8_t *)(planes + plane * capacity);
        channel->user_pixel_stride = sizeof(float);
        channel->user_line_stride = info->width * (int32_t)sizeof(float);
        channel->user_bytes_per_element = sizeof(float);
        channel->user_data_type = EXR_PIXEL_FLOAT;
    }
    if (first && exr_encoding_choose_default_routines(run->context, 0, pipeline) != EXR_ERR_SUCCESS)
        return false;
    return exr_encoding_run(run->context, 0, pipeline) == EXR_ERR_SUCCESS;
}

static bool write_chunks(struct exr_run *run, const struct rv_photo *photo) {
    exr_encode_pipeline_t pipeline = EXR_ENCODE_PIPELINE_INITIALIZER;
    exr_chunk_info_t info;
    int32_t rows = 0;
    if (exr_get_scanlines_per_chunk(run->context, 0, &rows) != EXR_ERR_SUCCESS || rows < 1)
        return false;
    size_t capacity = (size_t)rows * photo->picture.width;
    float *planes = malloc(capacity * 4 * sizeof *planes);
    bool good = planes != NULL;
    for (uint32_t y = 0; good && y < photo->picture.height; y += (uint32_t)rows) {
        good = exr_write_scanline_chunk_info(run->context, 0, (int)y, &info) == EXR_ERR_SUCCESS;
        if (!good)
            break;
        fill_planes(photo, y, (uint32_t)info.height, capacity, planes);
        good = write_chunk(run, &info, planes, capacity, &pipeline, y == 0);
    }
    exr_encoding_destroy(run->context, &pipeline);
    free(planes);
    return good;
}

enum rv_status rv_exr_encode(const struct rv_photo *photo,
                             const struct rv_photo_save_params *chosen, const char *name,
                             struct rv_bytes *bytes) {
    struct exr_run run = {.name = name, .bytes = bytes};
    exr_context_initializer_t init = initializer(&run);
    if (exr_start_write(&run.context, "picture.exr", EXR_WRITE_FILE_DIRECTLY, &init) !=
        EXR_ERR_SUCCESS)
        return rv_photo_fail_memory(name);
    bool good = write_header(&run, photo, chosen->bits == 32 ? EXR_PIXEL_FLOAT : EXR_PIXEL_HALF) &&
                write_chunks(&run, photo);
    good = exr_finish(&run.context) == EXR_ERR_SUCCESS && good;
    return good ? RV_OK
                : rv_fail(RV_ERR_NO_MEMORY, "%s: cannot encode the EXR: %s", name,
                          *run.message ? run.message : "out of memory");
}
