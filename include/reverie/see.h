// Reverie: what a layer, a channel or a neuron of the network sees. A picture is grown from noise
// that makes it answer most, as lucid does (Olah, Mordvintsev and Schubert, "Feature
// Visualization", Distill 2017; github.com/tensorflow/lucid). Conventions are those of reverie.h.
//
// The picture is 1 / (1 + exp(-M t)). M, unless decorrelation is off, is lucid's matrix of the
// colours' correlation in photographs,
//     0.26  0.09  0.02
//     0.27  0.00 -0.05
//     0.27 -0.09  0.03   divided by the longest of its columns,
// and t is either what is optimised itself or, from the Fourier basis, a quarter of the orthonormal
// inverse real transform of what is optimised, each frequency f (cycles a pixel) divided by
// max(f, 1 / side) to the power of `decay`. It begins as normal noise. Adam (Kingma and Ba, 2014;
// beta 0.9 and 0.999, epsilon 1e-8) goes uphill, and in every step the network sees the picture a
// little shifted, scaled and turned.
#ifndef REVERIE_SEE_H
#define REVERIE_SEE_H

#include <reverie/reverie.h>

#ifdef __cplusplus
extern "C" {
#endif

// What is optimised.
enum rv_see_basis {
    RV_SEE_BASIS_DEFAULT = 0, // Fourier
    RV_SEE_BASIS_FOURIER,     // a spectrum: all frequencies grow alike, which looks natural
    RV_SEE_BASIS_PIXELS       // the pixels: high frequencies win
};

// How to look. Zero in a field means the default that its comment names.
struct rv_see_params {
    size_t size;                 // sizeof(struct rv_see_params); 0 = this version's size
    const char *layers;          // as rv_params::layers, such as "mixed4:77" or, for two channels,
                                 // "mixed4:77,mixed3:5=-0.5"; NULL = "mixed4". Borrowed until the
                                 // call returns
    enum rv_objective objective; // default mean
    bool neuron;             // only the middle of the layer counts: one position, or the middle two
                             // along a side with an even number of them. The layers named must then
                             // have the same number of positions
    uint32_t side;           // of the square picture in pixels, 75..512; default 128
    uint32_t steps;          // of Adam, 1..10000; default 512
    float rate;              // of learning, > 0..10; default 0.05
    uint64_t seed;           // of noise and views, 0..2^53-1; 0 is a seed like any other
    enum rv_see_basis basis; // default Fourier
    float noise; // standard deviation of what is optimised at first, > 0..10; default 0.01
    float decay; // of high frequencies, > 0..4; default 1; RV_OFF = none. Fourier only
    enum rv_switch decorrelate; // colours; default on. Off: M is the identity
    enum rv_switch transform;   // the network's random views; default on. Off: it sees the picture
                                // as it is, and the five fields that follow mean nothing
    int32_t pad;          // grey around the picture in pixels, 1..64; default 12; RV_OFF = none
    int32_t jitter;       // pixels that are cut off along each axis, a share drawn by lot of
                          // them in front, 1..64; default 8; RV_OFF = none
    float zoom;           // scaled by 1 - zoom to 1 + zoom, > 0..0.5; default 0.1; RV_OFF = not
    float turn;           // about the middle, either way, in degrees, > 0..180; default 10;
                          // RV_OFF = not
    int32_t jitter_after; // as `jitter`, after zoom and turn; default 4; RV_OFF = none
    enum rv_precision precision; // default auto
};

// Fills every field that is left to its default and checks all ranges and layer names; what is off
// becomes RV_OFF. `params` may be NULL. resolved->layers is the caller's text, or static.
// RV_ERR_USAGE names the field, its range and what was given. Thread-safe.
RV_API enum rv_status rv_see_resolve(const struct rv_see_params *params,
                                     struct rv_see_params *resolved);

// Grows a picture and waits for it. The same parameters, weights, device and driver give the same
// bytes. One call at a time per context, its sessions included.
//
// A channel whose ReLU is shut everywhere at first has no gradient: then the first 16 steps go by
// what lies before that ReLU, as lucid's do.
//
// params    NULL = the defaults
// progress  may be NULL; octave is always 1
// output    on RV_OK and on RV_ERR_CANCELLED: a new picture of side x side pixels, which the caller
//           frees with rv_picture_free; zeroed on any other status
// stats     may be NULL. `loss` is the objective before the last step, as the network saw it
//
// RV_ERR_NO_MEMORY: it takes more than rv_context_params::memory_bytes. RV_ERR_WEIGHTS: the weights
// do not reach a layer. RV_ERR_NUMERIC: the objective has no gradient even so, or one that is not
// finite.
RV_API enum rv_status rv_see(rv_context *context, const rv_weights *weights,
                             const struct rv_see_params *params, rv_progress_fn progress,
                             void *progress_user, struct rv_picture *output,
                             struct rv_dream_stats *stats);

#ifdef __cplusplus
}
#endif

#endif
