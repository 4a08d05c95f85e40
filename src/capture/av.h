// FFmpeg's functions, as far as they are used here, loaded when a video is opened.
#ifndef RV_CAPTURE_AV_H
#define RV_CAPTURE_AV_H

#include <libavcodec/avcodec.h>
#include <libavdevice/avdevice.h>
#include <libavformat/avformat.h>
#include <libavutil/avstring.h>
#include <libavutil/error.h>
#include <libavutil/imgutils.h>
#include <libavutil/log.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>

#include "reverie/reverie.h"

// X(library, function)
#define RV_AV_FUNCTIONS(X)                                                                         \
    X(avutil, av_asprintf)                                                                         \
    X(avutil, av_dict_free)                                                                        \
    X(avutil, av_dict_set)                                                                         \
    X(avutil, av_frame_alloc)                                                                      \
    X(avutil, av_frame_free)                                                                       \
    X(avutil, av_frame_unref)                                                                      \
    X(avutil, av_free)                                                                             \
    X(avutil, av_freep)                                                                            \
    X(avutil, av_get_pix_fmt_name)                                                                 \
    X(avutil, av_image_alloc)                                                                      \
    X(avutil, av_log_set_level)                                                                    \
    X(avutil, av_malloc)                                                                           \
    X(avutil, av_strdup)                                                                           \
    X(avutil, av_strerror)                                                                         \
    X(avcodec, av_packet_alloc)                                                                    \
    X(avcodec, av_packet_free)                                                                     \
    X(avcodec, av_packet_unref)                                                                    \
    X(avcodec, avcodec_alloc_context3)                                                             \
    X(avcodec, avcodec_free_context)                                                               \
    X(avcodec, avcodec_get_name)                                                                   \
    X(avcodec, avcodec_open2)                                                                      \
    X(avcodec, avcodec_parameters_to_context)                                                      \
    X(avcodec, avcodec_receive_frame)                                                              \
    X(avcodec, avcodec_send_packet)                                                                \
    X(avformat, av_find_best_stream)                                                               \
    X(avformat, av_find_input_format)                                                              \
    X(avformat, av_guess_frame_rate)                                                               \
    X(avformat, av_guess_sample_aspect_ratio)                                                      \
    X(avformat, av_read_frame)                                                                     \
    X(avformat, avformat_alloc_context)                                                            \
    X(avformat, avformat_close_input)                                                              \
    X(avformat, avformat_find_stream_info)                                                         \
    X(avformat, avformat_open_input)                                                               \
    X(avformat, avio_alloc_context)                                                                \
    X(avformat, avio_context_free)                                                                 \
    X(avdevice, avdevice_register_all)                                                             \
    X(swscale, sws_freeContext)                                                                    \
    X(swscale, sws_getCachedContext)                                                               \
    X(swscale, sws_getCoefficients)                                                                \
    X(swscale, sws_scale)                                                                          \
    X(swscale, sws_setColorspaceDetails)

#define RV_AV_DECLARE(library, name) __typeof__(name) *name;
struct rv_av {
    RV_AV_FUNCTIONS(RV_AV_DECLARE)
};
#undef RV_AV_DECLARE

// Filled in by rv_av_load.
extern struct rv_av rv_av;

// Loads the libraries of those versions that this was built with. RV_ERR_USAGE names the one that
// is missing; `input` is what they are needed for. One thread at a time.
enum rv_status rv_av_load(const char *input);

#endif
