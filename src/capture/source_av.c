// Video files, and ffmpeg's test pictures, through libavformat and its companions.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/status.h"
#include "capture/av.h"
#include "capture/source.h"
#include "capture/stream.h"

#define IO_BUFFER 32768

struct video {
    struct rv_video_source source; // first, so that its address converts
    const char *name;
    const atomic_bool *stop;
    struct rv_stream stream; // in place of a path
    AVIOContext *io;         // over it
    AVFormatContext *container;
    AVCodecContext *decoder;
    AVPacket *packet;
    AVFrame *frame;
    struct SwsContext *scaler;
    uint8_t *scaled[4]; // what it writes: it may write a little beyond each row
    int scaled_stride[4];
    int index;       // of the stream of pictures
    int32_t turn[4]; // where a step across and one down lead when it is shown: (x, y) of each
    bool drained;
};

bool rv_source_has_av(void) {
    return true;
}

static enum rv_status fail_av(struct video *video, const char *what, int code) {
    char text[AV_ERROR_MAX_STRING_SIZE];
    rv_av.av_strerror(code, text, sizeof text);
    if (code == AVERROR(ENOMEM))
        return rv_fail(RV_ERR_NO_MEMORY, "%s: %s: out of memory", video->name, what);
    return rv_fail(code == AVERROR(ENOENT) || code == AVERROR(EACCES) ? RV_ERR_IO : RV_ERR_INPUT,
                   "%s: %s: %s", video->name, what, text);
}

// ------------------------------------------------------------------------------------------------
// Opening

static int is_over(void *user) {
    const struct video *video = user;
    return video->stop && atomic_load(video->stop);
}

static int read_stream(void *user, uint8_t *bytes, int size) {
    struct video *video = user;
    size_t got;
    if (rv_stream_read(&video->stream, bytes, (size_t)size, &got) != RV_OK)
        return AVERROR(EIO);
    return got ? (int)got : AVERROR_EOF;
}

static enum rv_status use_stream(struct video *video) {
    uint8_t *buffer = rv_av.av_malloc(IO_BUFFER);
    video->io = buffer
                    ? rv_av.avio_alloc_context(buffer, IO_BUFFER, 0, video, read_stream, NULL, NULL)
                    : NULL;
    if (!video->io) {
        rv_av.av_free(buffer);
        return rv_fail(RV_ERR_NO_MEMORY, "%s: no memory to read it", video->name);
    }
    video->container->pb = video->io;
    return RV_OK;
}

// A playlist leads to files of this machine at most, and out of a pipe to nothing.
static enum rv_status open_container(struct video *video, const char *input) {
    const bool graph = strncmp(input, "lavfi:", 6) == 0;
    const AVInputFormat *format = graph ? rv_av.av_find_input_format("lavfi") : NULL;
    AVDictionary *options = NULL;
    char *address = NULL;
    enum rv_status status = RV_OK;
    if (graph && !format)
        return rv_fail(RV_ERR_USAGE, "%s: this libavdevice has no lavfi", input);
    video->container = rv_av.avformat_alloc_context();
    address = graph                  ? rv_av.av_strdup(input + 6)
              : video->stream.buffer ? rv_av.av_strdup("")
                                     : rv_av.av_asprintf("file:%s", input);
    if (!video->container || !address ||
        rv_av.av_dict_set(&options, "protocol_whitelist", video->stream.buffer ? "none" : "file",
                          0) < 0)
        RV_TRY(rv_fail(RV_ERR_NO_MEMORY, "%s: no memory to open it", video->name));
    video->container->interrupt_callback = (AVIOInterruptCB){is_over, video};
    if (video->stream.buffer)
        RV_TRY(use_stream(video));
    // On failure the container is freed, and the pointer cleared.
    int code = rv_av.avformat_open_input(&video->container, address, format, &options);
    if (code < 0)
        RV_TRY(
            fail_av(video, graph ? "cannot make that picture" : "cannot open it as a video", code));
    if (strcmp(video->container->iformat->name, "tty") == 0) // takes any text for a picture of it
        RV_TRY(rv_fail(RV_ERR_INPUT, "%s: it is a text, not a video", video->name));
    code = rv_av.avformat_find_stream_info(video->container, NULL);
    if (code < 0)
        RV_TRY(fail_av(video, "cannot find out what is in it", code));
done:
    rv_av.av_dict_free(&options);
    rv_av.av_free(address);
    return status;
}

static enum rv_status open_decoder(struct video *video) {
    const AVCodec *codec;
    int code = rv_av.av_find_best_stream(video->container, AVMEDIA_TYPE_VIDEO, -1, -1, &codec, 0);
    if (code < 0)
        return code == AVERROR_DECODER_NOT_FOUND
                   ? rv_fail(RV_ERR_INPUT, "%s: this libavcodec cannot decode it", video->name)
                   : rv_fail(RV_ERR_INPUT, "%s: there are no pictures in it", video->name);
    video->index = code;
    video->decoder = rv_av.avcodec_alloc_context3(codec);
    video->packet = rv_av.av_packet_alloc();
    video->frame = rv_av.av_frame_alloc();
    if (!video->decoder || !video->packet || !video->frame)
        return rv_fail(RV_ERR_NO_MEMORY, "%s: no memory to decode it", video->name);
    const AVStream *stream = video->container->streams[video->index];
    code = rv_av.avcodec_parameters_to_context(video->decoder, stream->codecpar);
    if (code >= 0)
        code = rv_av.avcodec_open2(video->decoder, codec, NULL);
    return code < 0 ? fail_av(video, "cannot decode it", code) : RV_OK;
}

// A telephone's camera stores its pictures as they come, and how they are to be turned beside them.
static void read_turn(struct video *video) {
    const AVStream *stream = video->container->streams[video->index];
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(60, 30, 0)
    const AVPacketSideData *data = stream->codecpar->coded_side_data;
    const int count = stream->codecpar->nb_coded_side_data;
#else
    const AVPacketSideData *data = stream->side_data;
    const int count = stream->nb_side_data;
#endif
    int32_t matrix[9];
    memcpy(video->turn, (const int32_t[]){1, 0, 0, 1}, sizeof video->turn);
    for (int i = 0; i < count; i++) {
        if (data[i].type != AV_PKT_DATA_DISPLAYMATRIX || data[i].size < sizeof matrix)
            continue;
        memcpy(matrix, data[i].data, sizeof matrix);
        bool straight = !matrix[1] && !matrix[3] && matrix[0] && matrix[4];
        bool across = !matrix[0] && !matrix[4] && matrix[1] && matrix[3];
        if (straight || across) // others are no quarter turns
            memcpy(video->turn, (const int32_t[]){matrix[0], matrix[1], matrix[3], matrix[4]},
                   sizeof video->turn);
    }
}

static bool is_across(const struct video *video) {
    return video->turn[0] == 0;
}

static enum rv_status describe(struct video *video) {
    AVStream *stream = video->container->streams[video->index];
    const AVCodecParameters *codec = stream->codecpar;
    struct rv_source_info *info = &video->source.info;
    AVRational rate = rv_av.av_guess_frame_rate(video->container, stream, NULL);
    AVRational aspect = rv_av.av_guess_sample_aspect_ratio(video->container, stream, NULL);
    if (codec->width <= 0 || codec->height <= 0 || codec->width > (int)RV_VIDEO_SIDE_MAX ||
        codec->height > (int)RV_VIDEO_SIDE_MAX)
        return rv_fail(RV_ERR_INPUT, "%s: frames of %d x %d pixels are not possible", video->name,
                       codec->width, codec->height);
    read_turn(video);
    info->width = (uint32_t)(is_across(video) ? codec->height : codec->width);
    info->height = (uint32_t)(is_across(video) ? codec->width : codec->height);
    if (rate.num > 0 && rate.den > 0) {
        info->rate = (uint32_t)rate.num;
        info->rate_base = (uint32_t)rate.den;
    }
    if (aspect.num > 0 && aspect.den > 0) {
        info->aspect = (uint32_t)(is_across(video) ? aspect.den : aspect.num);
        info->aspect_base = (uint32_t)(is_across(video) ? aspect.num : aspect.den);
    }
    const char *pixels = rv_av.av_get_pix_fmt_name(codec->format);
    info->pixels = pixels ? rv_pixels_find(pixels) : RV_PIXELS_NONE;
    snprintf(info->text, sizeof info->text, "%s, %s, %u x %u",
             rv_av.avcodec_get_name(codec->codec_id), pixels ? pixels : "?", (unsigned)info->width,
             (unsigned)info->height);
    return RV_OK;
}

// ------------------------------------------------------------------------------------------------
// Frames

// Gets the next picture out of the decoder, feeding it. Damaged packets are passed over.
static enum rv_status decode(struct video *video, bool *end) {
    while (!is_over(video)) {
        int code = rv_av.avcodec_receive_frame(video->decoder, video->frame);
        if (code == 0)
            return RV_OK;
        if (code == AVERROR_EOF || video->drained)
            break;
        if (code != AVERROR(EAGAIN))
            video->source.losses.damaged++;
        code = rv_av.av_read_frame(video->container, video->packet);
        if (code < 0) { // the end, or a file that breaks off: what is decoded still comes out
            video->drained = true;
            rv_av.avcodec_send_packet(video->decoder, NULL);
            continue;
        }
        if (video->packet->stream_index == video->index &&
            rv_av.avcodec_send_packet(video->decoder, video->packet) < 0)
            video->source.losses.damaged++;
        rv_av.av_packet_unref(video->packet);
    }
    *end = true;
    return RV_OK;
}

// BT.709 above 576 rows where the file does not say, as with our own formats.
static int matrix_of(const AVFrame *frame) {
    switch (frame->colorspace) {
    case AVCOL_SPC_BT709:
        return SWS_CS_ITU709;
    case AVCOL_SPC_BT2020_NCL:
    case AVCOL_SPC_BT2020_CL:
        return SWS_CS_BT2020;
    case AVCOL_SPC_UNSPECIFIED:
        return frame->height > 576 ? SWS_CS_ITU709 : SWS_CS_ITU601;
    default:
        return SWS_CS_ITU601;
    }
}

// Puts row `y` of what was scaled where it is shown.
static void turn_row(const struct video *video, int y, int width, int height, uint8_t *rgba) {
    const uint8_t *from = video->scaled[0] + (ptrdiff_t)y * video->scaled_stride[0];
    const int32_t *turn = video->turn;
    const ptrdiff_t shown_width = is_across(video) ? height : width;
    for (int x = 0; x < width; x++, from += 4) {
        ptrdiff_t to_x = turn[0] > 0   ? x
                         : turn[0] < 0 ? width - 1 - x
                         : turn[2] > 0 ? y
                                       : height - 1 - y;
        ptrdiff_t to_y = turn[3] > 0   ? y
                         : turn[3] < 0 ? height - 1 - y
                         : turn[1] > 0 ? x
                                       : width - 1 - x;
        memcpy(rgba + (to_y * shown_width + to_x) * 4, from, 4);
    }
}

static enum rv_status convert(struct video *video, uint8_t *rgba) {
    const AVFrame *frame = video->frame;
    const bool across = is_across(video);
    const int shown_width = (int)video->source.native_width;
    const int shown_height = (int)video->source.native_height;
    const int width = across ? shown_height : shown_width;
    const int height = across ? shown_width : shown_height;
    const int *matrix = rv_av.sws_getCoefficients(matrix_of(frame));
    if (!video->scaled[0] && rv_av.av_image_alloc(video->scaled, video->scaled_stride, width + 16,
                                                  height, AV_PIX_FMT_RGBA, 64) < 0)
        return rv_fail(RV_ERR_NO_MEMORY, "%s: no memory for its frames", video->name);
    video->scaler = rv_av.sws_getCachedContext(
        video->scaler, frame->width, frame->height, frame->format, width, height, AV_PIX_FMT_RGBA,
        SWS_BILINEAR | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT, NULL, NULL, NULL);
    if (!video->scaler)
        return rv_fail(RV_ERR_INPUT, "%s: its pixels cannot be converted", video->name);
    // Fails for what is RGB already, which needs no matrix.
    rv_av.sws_setColorspaceDetails(video->scaler, matrix, frame->color_range == AVCOL_RANGE_JPEG,
                                   matrix, 1, 0, 1 << 16, 1 << 16);
    rv_av.sws_scale(video->scaler, (const uint8_t *const *)frame->data, frame->linesize, 0,
                    frame->height, video->scaled, video->scaled_stride);
    for (int y = 0; y < height; y++)
        turn_row(video, y, width, height, rgba);
    return RV_OK;
}

static enum rv_status read_frame(struct rv_video_source *source, uint8_t *rgba, double *captured,
                                 bool *end) {
    struct video *video = (struct video *)source;
    enum rv_status status = decode(video, end);
    if (status != RV_OK || *end)
        return status;
    *captured = rv_clock_seconds();
    status = convert(video, rgba);
    rv_av.av_frame_unref(video->frame);
    return status;
}

static void close_video(struct rv_video_source *source) {
    struct video *video = (struct video *)source;
    rv_av.sws_freeContext(video->scaler);
    rv_av.av_freep(&video->scaled[0]);
    rv_av.av_frame_free(&video->frame);
    rv_av.av_packet_free(&video->packet);
    rv_av.avcodec_free_context(&video->decoder);
    rv_av.avformat_close_input(&video->container);
    if (video->io)
        rv_av.av_freep(&video->io->buffer);
    rv_av.avio_context_free(&video->io);
    rv_stream_close(&video->stream);
    free(video);
}

static const struct rv_source_kind kind = {read_frame, close_video};

enum rv_status rv_source_open_av(const struct rv_source_request *request, struct rv_stream *stream,
                                 struct rv_video_source **source) {
    enum rv_status status = rv_av_load(request->input);
    struct video *video = status == RV_OK ? calloc(1, sizeof *video) : NULL;
    if (status == RV_OK && !video)
        status = rv_fail(RV_ERR_NO_MEMORY, "%s: no memory to open it", request->input);
    if (status != RV_OK) {
        if (stream)
            rv_stream_close(stream);
        return status;
    }
    video->source.kind = &kind;
    video->name = strcmp(request->input, "-") == 0 ? "standard input" : request->input;
    video->stop = request->stop;
    video->stream = stream ? *stream : (struct rv_stream){.fd = -1};
    RV_TRY(open_container(video, request->input));
    RV_TRY(open_decoder(video));
    RV_TRY(describe(video));
    *source = &video->source;
    return RV_OK;
done:
    close_video(&video->source);
    return status;
}
