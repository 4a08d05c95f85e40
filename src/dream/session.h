// What a session is made of. session.c has what a caller asks for, octave.c one octave's work.
#ifndef RV_DREAM_SESSION_H
#define RV_DREAM_SESSION_H

#include "dream/ascent.h"
#include "dream/held.h"
#include "dream/pyramid.h"
#include "dream/reference.h"
#include "dream/tiles.h"

// What an octave's iterations are submitted from. Whole pictures: slices of the gradient, the last
// of which closes the iteration. Tiles: slices of each tile, then `close`.
struct rv_octave {
    bool told, begun; // that it is being prepared; that it can be submitted
    enum rv_octave_stage {
        RV_OCTAVE_NEW,    // nothing is known of what has to be done
        RV_OCTAVE_TUNING, // compiling for `tuning`, and measuring
        RV_OCTAVE_WANTING // compiling what will be recorded
    } stage;              // of the preparation, until it has begun
    struct rv_tuning_run tuning;
    struct rv_slices slices;  // unused (zero) in tiles
    struct rv_tiles tiles;    // unused (zero) in whole pictures
    struct rv_recorder close; // the same
    uint32_t slice;           // to be submitted next
    bool gradient_ready;      // tiles: only `close` is missing
    uint32_t submitted, done; // iterations whose end was submitted, and judged
    uint64_t value[2];        // of the timeline, when an iteration's end is done
};

struct rv_session {
    struct rv_context *context; // borrowed until the session ends, as are the weights
    struct rv_device *device;
    const struct rv_weights *weights;
    struct rv_params params; // resolved; its pictures are those of `held`
    struct rv_held held;
    struct rv_target targets[RV_PLAN_TARGET_MAX];
    uint32_t target_count;
    struct rv_tiling tilings[RV_OCTAVE_MAX];
    struct rv_network network;
    struct rv_ascent ascent;
    uint64_t spare_bytes; // of the budget
    struct rv_pyramid_pictures pictures;
    struct rv_buffer input;      // the input, where the dream starts from something else
    struct rv_buffer preview;    // where a picture is made while the gradient is in use; on demand
    struct rv_buffer pixels;     // of the image that is read or written
    struct rv_recorder exchange; // the last of these; runs until the timeline shows `exchanged`
    uint64_t exchanged;
    struct rv_recorder recorded; // see rv_session_record
    uint32_t octave;             // that is being dreamed; = pictures.sizes.count: finished
    bool enough;                 // max_strength is reached: octaves are entered, but not dreamed on
    struct rv_octave work;
    double cut;                 // operations that slices are cut to; 0 = an iteration
    double pace;                // seconds an operation takes; 0 = not known yet
    struct rv_progress current; // as it was last told
    bool queue_ahead; // a step behind the one that runs: the device never waits for us, but
                      // the picture is ahead of what was told
    rv_progress_fn progress;
    void *progress_user;
    double started, start_seconds, step_seconds; // start: until the first step was submitted
    double first_seconds, first_work; // after the first step, which also warms the driver up
    double flops, work_all,
        work_done; // operations done; the whole job's, those behind us or skipped
    uint64_t peak_bytes;
    float loss;
    uint32_t tiles; // most that an octave is cut into
};

// Makes a session without its picture: what rv_session_source says is yet to be filled in, four
// floats a pixel in [-1, 1], and rv_session_start to follow.
enum rv_status rv_session_prepare(rv_context *context, const rv_weights *weights,
                                  struct rv_extent base, const struct rv_params *params,
                                  rv_session **session);
struct rv_range rv_session_source(const struct rv_session *s);
enum rv_status rv_session_start(struct rv_session *s);
// Makes what the objective compares with, for the octave that the picture has the size of.
enum rv_status rv_session_references(struct rv_session *s);
// Enters the next octave if the one before is done, and cuts its slices to so many operations, from
// the next slice on.
enum rv_status rv_session_ready(struct rv_session *s, double flops);
// Judges what is complete, without waiting.
enum rv_status rv_session_collect(struct rv_session *s);
// Counts the work that is behind, should the place or the octaves' shares of it have changed.
void rv_session_count_done(struct rv_session *s);
// Where a picture may be made: in the gradient's place, unless an iteration is under way there.
enum rv_status rv_session_room(struct rv_session *s, struct rv_range *room);
static inline bool rv_session_finished(const struct rv_session *s) {
    return s->octave == s->pictures.sizes.count;
}

// ------------------------------------------------------------------------------------------------
// One octave (octave.c)

// Prepares the octave that the picture has the size of, to go on after work.done: measures and
// compiles its kernels, records it. All of it or, `in_part`, a part: one kernel is compiled, or one
// layer measured, or all recorded. work.begun says when it is done.
enum rv_status rv_octave_prepare(struct rv_session *s, bool in_part);
// Frees the recordings. What was submitted must have run.
void rv_octave_finish(struct rv_session *s);
// Waits for all that was submitted, judges what is complete, and forgets an iteration that is not:
// the picture stands after a whole step. Frees the recordings.
enum rv_status rv_octave_drop(struct rv_session *s);

// Whether there is anything to submit.
bool rv_octave_can_submit(const struct rv_session *s);
// Of the next slice: its operations, and the timeline's value from which it need not wait.
double rv_octave_next_flops(const struct rv_session *s);
uint64_t rv_octave_next_value(const struct rv_session *s);
enum rv_status rv_octave_submit(struct rv_session *s);
// Records the next slice into somebody's command buffer instead, with s->recorded.
enum rv_status rv_octave_record(struct rv_session *s, VkCommandBuffer commands);
// Waits for the oldest iteration that is not judged yet, and judges it; after the octave's last,
// goes on to the next octave.
enum rv_status rv_octave_collect(struct rv_session *s);
// Goes on to the next octave when all of this one's iterations are done; its recordings are freed.
// The picture stays as it is until that is entered: somebody may want to see it.
enum rv_status rv_octave_leave(struct rv_session *s);
// Tells how far the session is. RV_ERR_CANCELLED if that is answered so.
enum rv_status rv_octave_report(struct rv_session *s, uint32_t iteration, float loss);

#endif
