// What a dream's steps take beyond the plain one: its buffers, and what of them an octave prepares.
// The kernels and their order are those of ops/ascend.h.
#ifndef RV_DREAM_ASCENT_H
#define RV_DREAM_ASCENT_H

#include "dream/network.h"
#include "dream/pyramid.h"

enum rv_ascent_buffer {
    RV_ASCENT_SMOOTHED, // the gradient
    RV_ASCENT_LEVELS,   // of its pyramid
    RV_ASCENT_MOMENTS,  // Adam's two
    RV_ASCENT_SEEN,     // the picture as the network sees it, where that may be mirrored
    RV_ASCENT_MASK,     // at the octave's size
    RV_ASCENT_ORIGINAL, // the same, where the pyramid does not have it
    RV_ASCENT_BUFFERS
};

struct rv_ascent {
    struct rv_device *device; // borrowed
    struct rv_buffer buffers[RV_ASCENT_BUFFERS];
    uint32_t mask_octave, original_octave; // that these are of, plus one; 0 = of none (any more)
    bool moments;                          // there are some, from the steps of this octave
    uint32_t first;                        // iteration before which there were none
};

// Device memory that the parameters ask for, in all.
uint64_t rv_ascent_bytes(const struct rv_params *params, const struct rv_pyramid_sizes *sizes,
                         struct rv_extent base);
// The part of it that is not there yet.
uint64_t rv_ascent_lacks(const struct rv_ascent *ascent, const struct rv_params *params,
                         const struct rv_pyramid_sizes *sizes, struct rv_extent base);
// Makes the buffers that are asked for, and frees those that are not; what has the right size keeps
// what it holds. Nothing that was submitted may still run. Finished with rv_ascent_finish, also on
// failure.
enum rv_status rv_ascent_reserve(struct rv_ascent *ascent, struct rv_device *device,
                                 const struct rv_params *params,
                                 const struct rv_pyramid_sizes *sizes, struct rv_extent base);
void rv_ascent_finish(struct rv_ascent *ascent);

// Fills in what the log's lines and the control structure say of the steps, from iteration `next`
// on; jitter and flips aside.
void rv_ascent_control(struct rv_ascent *ascent, const struct rv_params *params, uint32_t next,
                       struct rv_control *control, struct rv_iteration *log);
// Makes mask and original of the octave's size, puts the original back where the mask is black, and
// mirrors the picture if control.flip says so. Blocks.
enum rv_status rv_ascent_begin(struct rv_ascent *ascent, const struct rv_params *params,
                               const struct rv_pyramid_pictures *pictures, uint32_t octave,
                               const struct rv_buffer *control);
// After the last octave: the same of what the pyramid adds at its end.
enum rv_status rv_ascent_end(struct rv_ascent *ascent, const struct rv_params *params,
                             const struct rv_pyramid_pictures *pictures, uint32_t octave);

// The picture that the network sees.
struct rv_range rv_ascent_seen(const struct rv_ascent *ascent, const struct rv_params *params,
                               const struct rv_pyramid_pictures *pictures, uint32_t octave);
// The end of an iteration, for rv_network_close.
struct rv_ascend_op rv_ascent_op(const struct rv_ascent *ascent, const struct rv_params *params,
                                 const struct rv_pyramid_pictures *pictures, uint32_t octave);

#endif
