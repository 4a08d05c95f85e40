// What a live dream is made of. live.c has what a caller asks for, live_room.c the room on the
// device, live_stage.c the recordings for one size of the picture.
#ifndef RV_DREAM_LIVE_H
#define RV_DREAM_LIVE_H

#include "dream/network.h"
#include "dream/pace.h"
#include "net/layers.h"
#include "ops/flow.h"
#include "reverie/live.h"

#define RV_LIVE_STEPS 64 // of a frame, at most

// Pictures are four floats a pixel.
enum rv_live_buffer {
    RV_LIVE_INPUT,   // a frame as it came, 8 bits a channel; mapped
    RV_LIVE_OUTPUT,  // and as it goes; mapped
    RV_LIVE_FULL,    // the frame as a picture
    RV_LIVE_SHRUNK,  // on its way to the size that is dreamed on
    RV_LIVE_RESULT,  // full size
    RV_LIVE_FRAME,   // what is dreamed on
    RV_LIVE_DELTA,   // what was dreamed, of the same size, as the next three
    RV_LIVE_CARRIED, // of it, what is left on this frame
    RV_LIVE_BEGUN,   // an octave's picture before the steps
    RV_LIVE_DREAMED, // and after them
    RV_LIVE_BEFORE,  // grey pyramids
    RV_LIVE_NOW,
    RV_LIVE_FLOW,
    RV_LIVE_TERMS,
    RV_LIVE_WINDOW,
    RV_LIVE_MOTION,
    RV_LIVE_SUMS,
    RV_LIVE_CARRY, // struct rv_carry; mapped
    RV_LIVE_BUFFERS
};

// Everything that is recorded for one size.
struct rv_live_stage {
    uint32_t notch; // sizes below the largest; see rv_live_size
    struct rv_extent size;
    struct rv_flow_plan flow;
    struct rv_pyramid_sizes octaves;
    struct rv_plan *plans[RV_OCTAVE_MAX]; // owned
    struct rv_recorder take;              // the frame, from the host's pixels
    struct rv_recorder shrink;            // the frame to what is dreamed on
    struct rv_recorder carry;             // flow, and the delta along it
    struct rv_recorder enter[RV_OCTAVE_MAX], step[RV_OCTAVE_MAX], leave[RV_OCTAVE_MAX];
    struct rv_recorder give; // the result to the host's pixels
};

struct rv_live {
    struct rv_context *context; // borrowed until it ends, as are the weights
    struct rv_device *device;
    const struct rv_weights *weights;
    struct rv_params params;    // resolved, as are
    struct rv_live_params live; // these
    struct rv_target targets[RV_TARGET_MAX];
    uint32_t target_count;
    struct rv_extent full; // of the frames
    // Room on the device: there is none if network.device is NULL.
    uint32_t first_notch; // of the largest picture that there is room for
    struct rv_network network;
    struct rv_buffer buffers[RV_LIVE_BUFFERS];
    struct rv_live_stage stage;
    struct rv_pace pace;
    uint32_t notch; // wanted from the next frame on
    bool anew;      // nothing is carried to the next frame
    uint64_t frame; // number of the last one
    uint32_t turn;  // octave of the next frame, from 0
    // Of rv_live_frame_images, see images.h.
    struct rv_buffer pixels;
    struct rv_recorder exchange;
    uint64_t exchanged;
};

// ------------------------------------------------------------------------------------------------
// Room (live_room.c)

// The size of the picture so many notches down from the largest; false if there is none. A fifth of
// the length less each.
bool rv_live_size(const struct rv_live *live, uint32_t notch, struct rv_extent *size);
// The octaves of a picture of that size.
enum rv_status rv_live_octaves(const struct rv_live *live, struct rv_extent size,
                               struct rv_pyramid_sizes *octaves);
struct rv_plan_request rv_live_request(const struct rv_live *live, struct rv_extent size);
// Makes room for the parameters as they are, and chooses the largest size (first_notch). The
// pictures, if they are of the right size already, stay. On failure there is no room.
enum rv_status rv_live_reserve(struct rv_live *live);
void rv_live_give_back(struct rv_live *live, bool pictures);

struct rv_range rv_live_range(const struct rv_live *live, enum rv_live_buffer buffer);
// Of a picture of that size in it.
struct rv_range rv_live_picture(const struct rv_live *live, enum rv_live_buffer buffer,
                                struct rv_extent size);
// Where the frame that is dreamed on lies.
struct rv_range rv_live_dreamed_on(const struct rv_live *live);

// ------------------------------------------------------------------------------------------------
// Stage (live_stage.c)

// Records everything for a size, in place of what was recorded. Nothing may run.
enum rv_status rv_live_stage_begin(struct rv_live *live, uint32_t notch);
void rv_live_stage_finish(struct rv_live *live);
// Goes to another size with what was dreamed, and the frame before.
enum rv_status rv_live_stage_resize(struct rv_live *live, uint32_t notch);

// ------------------------------------------------------------------------------------------------
// Frames (live.c)

// A frame in parts: rv_live_prepare, then its pixels to RV_LIVE_FULL, rv_live_dream, its pixels
// from RV_LIVE_RESULT, rv_live_close. The times are of a clock.
struct rv_live_frame_state {
    double begun, taken, carried, stepped;
    struct rv_live_stats stats;
};
enum rv_status rv_live_prepare(struct rv_live *live, struct rv_live_frame_state *frame);
enum rv_status rv_live_take(struct rv_live *live, const struct rv_frame *in);
enum rv_status rv_live_dream(struct rv_live *live, struct rv_live_frame_state *frame);
enum rv_status rv_live_give(struct rv_live *live, struct rv_frame *out);
void rv_live_close(struct rv_live *live, enum rv_status status, struct rv_live_frame_state *frame,
                   struct rv_live_stats *stats);
enum rv_status rv_live_check_frame(const struct rv_live *live, const struct rv_frame *frame);

#endif
