// Live dreaming: a camera's frames in, dreams out, at the rate that is wanted.
//
// The conventions are those of reverie/reverie.h. What was dreamed on one frame is carried to the
// next: its difference from the frame (the delta) is moved along with what is seen, by the optical
// flow between the two frames, and fades; each frame then takes a few steps at one octave, the next
// frame at the next one. So what stands still deepens, up to where a step gives what fading takes,
// and what moves does not smear. What comes into view, and everything after a cut to another scene,
// begins anew.
#ifndef REVERIE_LIVE_H
#define REVERIE_LIVE_H

#include <reverie/reverie.h>

#ifdef __cplusplus
extern "C" {
#endif

// A dream that goes on from frame to frame. Context and weights are retained: they must outlive it.
// Thread-safety: one call at a time per context, as for sessions.
typedef struct rv_live rv_live;

// A frame in host memory: 8 bits a channel, RGBA, sRGB encoded, rows from the top. The alpha of a
// frame that is read is not used; one that is written gets 255. `pixels` belongs to the caller.
struct rv_frame {
    uint32_t width, height; // pixels; those that rv_live_begin was told
    size_t stride;          // bytes from a row to the next, at least 4 * width; 0 = 4 * width
    uint8_t *pixels;        // [height][stride]; a frame that is read is not written to
};

struct rv_live_params {
    size_t size;         // sizeof(struct rv_live_params); 0 = this version's size
    uint32_t steps;      // gradient steps a frame, 1..64. 0 = as many as `rate` leaves time for:
                         // first the steps give way, at least one being left, then the largest
                         // octaves, then the size at which is dreamed; and they come back
    uint32_t most_steps; // with `steps` 0: never more, 1..64; 0 = 8
    float rate;          // with `steps` 0: frames a second to hold, 0.1..1000; 0 = 30
    uint32_t size_limit; // longer side of the picture that is dreamed on, in pixels: a larger frame
                         // is shrunk to it, and the delta enlarged. At least 75, and the shorter
                         // side then has no less; 0 = 640. With `steps` 0 it may become smaller.
                         // Shrunk further if the device has not the memory
    float decay;         // share of the delta that is left from frame to frame where it stands
                         // still, 0..1; 0 = 0.92; RV_OFF = none: each frame begins anew
    float decay_moving;  // the same where it moves by 2 pixels or more a frame (of the picture that
                         // is dreamed on), between the two by degrees; 0 = decay * 0.95;
                         // RV_OFF = none
    float strength;      // the frame that comes out is the one that went in + strength * delta,
                         // 0..4; 0 = 1; RV_OFF = none, the dream goes on unseen
    bool no_flow;        // the delta stays where it is, whatever moves
    float scene_cut;     // share of the pixels, 0..1, that the frame before does not explain, from
                         // which on it is another scene: the delta is dropped. 0 = 0.6; RV_OFF =
                         // never. A pixel is not explained if the flow there and back does not
                         // close, leads out of the picture, or the luminance differs by 15 %
};

// What became of a frame.
struct rv_live_stats {
    uint64_t frame;           // its number, from 1
    uint32_t steps;           // taken
    uint32_t octave, octaves; // at which, from 1 = the smallest; and how many take turns
    uint32_t width, height;   // of the picture that is dreamed on, pixels
    uint32_t octave_width, octave_height; // of that octave, pixels
    bool reset;     // it began anew: the first one, after rv_live_reset, or a cut
    bool scene_cut; // it was a cut to another scene
    bool stuck;     // the gradient was zero or not finite, as on a frame without any
                    // structure: the steps from there on were left out
    float loss;     // the objective before the last step; NaN if it was not finite
    float flow;     // mean length of the flow, in pixels of the picture that is
                    // dreamed on; 0 without flow or where it began anew
    float occluded; // share of the pixels that the frame before does not explain
    float upload_ms, flow_ms, steps_ms, output_ms; // wall time of the stages
    float total_ms;                                // of the whole call
};

// Begins to dream on frames of `width` x `height` pixels, each at least 75 and at most 16384.
// `params` is how to dream, NULL = the default preset; of it `layers`, `objective`, `octaves`,
// `octave_scale`, `octave_sizes`, `min_size`, `step`, `strength`, `normalize`, `jitter`, `border`,
// `seed` and `precision` count. The rest means nothing here: one step follows another for ever,
// none leaves the range that can be shown, and what takes a second look at the picture (guide,
// style, content, a smoothed gradient, Adam) has no time. `live_params` may be NULL. Both are
// borrowed until the call returns. *live is NULL on failure: RV_ERR_USAGE names the field,
// RV_ERR_INPUT the size, others are as rv_session_begin's. Blocks while the kernels are compiled
// and, on a device new to them, measured. End it with rv_live_end.
RV_API enum rv_status rv_live_begin(rv_context *context, const rv_weights *weights, uint32_t width,
                                    uint32_t height, const struct rv_params *params,
                                    const struct rv_live_params *live_params, rv_live **live);

// Dreams on the newest frame, and waits for the result. Frames that came meanwhile are best dropped
// by the caller: only the newest is of interest.
//
// in     borrowed until the call returns
// out    where the dream goes, of the same size; may be `in` itself. NULL = nowhere
// stats  may be NULL
//
// On failure `out` is undefined, and the next call begins anew. RV_ERR_USAGE: a frame of another
// size. RV_ERR_NO_MEMORY: the size could not be changed. Others as rv_session_advance's, but never
// RV_ERR_NUMERIC: see rv_live_stats::stuck.
RV_API enum rv_status rv_live_frame(rv_live *live, const struct rv_frame *in, struct rv_frame *out,
                                    struct rv_live_stats *stats);

// Changes either or both, from the next frame on; NULL = as it is. The delta stays, unless the size
// at which is dreamed changes its limit. New layers, objective, border or precision take about as
// long as beginning. On failure it goes on as it was.
RV_API enum rv_status rv_live_change(rv_live *live, const struct rv_params *params,
                                     const struct rv_live_params *live_params);

// The parameters as they are meant, complete. Either may be NULL.
RV_API void rv_live_get(const rv_live *live, struct rv_params *params,
                        struct rv_live_params *live_params);

// Forgets what was dreamed: the next frame begins anew.
RV_API void rv_live_reset(rv_live *live);

// Ends it, at any moment between calls.
RV_API void rv_live_end(rv_live **live);

#ifdef __cplusplus
}
#endif

#endif
