// The octaves: their sizes, and how the picture of one becomes the picture of the next, on the
// device. The rules are those of enum rv_pyramid.
#ifndef RV_DREAM_PYRAMID_H
#define RV_DREAM_PYRAMID_H

#include "dream/finish.h"
#include "ops/image.h"
#include "reverie/reverie.h"

#define RV_OCTAVE_MAX 32

struct rv_pyramid_sizes {
    struct rv_extent octave[RV_OCTAVE_MAX]; // in the order in which they are dreamed
    uint32_t count;
};

// Reads rv_params::octave_sizes; *count is 0 for "auto".
enum rv_status rv_octave_sizes_parse(const char *text, uint32_t sides[RV_OCTAVE_MAX],
                                     uint32_t *count);
// The octaves of a picture of this size, without those that are smaller than params->min_size or
// than the network can take. RV_ERR_INPUT if none remains.
enum rv_status rv_pyramid_sizes(const struct rv_params *params, struct rv_extent base,
                                struct rv_pyramid_sizes *sizes);

struct rv_pyramid_pictures {
    struct rv_device *device; // borrowed
    enum rv_pyramid rule;
    enum rv_resize resize;
    struct rv_extent base;
    struct rv_pyramid_sizes sizes;
    struct rv_buffer original, current;    // full size; dreamed on
    struct rv_buffer bases[RV_OCTAVE_MAX]; // DETAIL: the original at every smaller octave
    struct rv_finish finish;
    const struct rv_buffer *input; // what the finish takes for the original; NULL = the original
    struct rv_range scratch;       // borrowed; what it holds lasts no longer than a call
    uint32_t octave;               // the one `current` has the size of; UINT32_MAX before any
    bool closed;                   // see rv_pyramid_close
};

// The largest of the pictures, which `scratch` must hold.
struct rv_extent rv_pyramid_largest(const struct rv_pyramid_sizes *sizes, struct rv_extent base);
// Bytes of all the pictures, without the scratch.
uint64_t rv_pyramid_bytes(const struct rv_params *params, const struct rv_pyramid_sizes *sizes,
                          struct rv_extent base);

// Makes room for the pictures. `original` is then filled in, four floats a pixel in [-1, 1], before
// rv_pyramid_start. `scratch` is borrowed until rv_pyramid_finish, and is written by every call but
// never between them: the gradient may lie there. Finished with rv_pyramid_finish.
enum rv_status rv_pyramid_init(struct rv_pyramid_pictures *p, struct rv_device *device,
                               const struct rv_params *params, struct rv_extent base,
                               const struct rv_pyramid_sizes *sizes, struct rv_range scratch);
enum rv_status rv_pyramid_start(struct rv_pyramid_pictures *p);
struct rv_range rv_pyramid_original(const struct rv_pyramid_pictures *p);
void rv_pyramid_finish(struct rv_pyramid_pictures *p);

// The picture dreamed on, of the size of octave `index`.
struct rv_range rv_pyramid_current(const struct rv_pyramid_pictures *p, uint32_t index);

// Makes `current` the picture to dream on at octave `index`: from the input, or from what was
// dreamed at another octave, whichever that was. On failure it stays what it was.
enum rv_status rv_pyramid_enter(struct rv_pyramid_pictures *p, uint32_t index);
// The original at the size of octave `index`, if it is there already. Else false: what is recorded
// then makes it in `room`.
bool rv_pyramid_has_original(const struct rv_pyramid_pictures *p, uint32_t index,
                             struct rv_range *original);
enum rv_status rv_pyramid_make_original(const struct rv_pyramid_pictures *p, uint32_t index,
                                        struct rv_range room, struct rv_recorder *recorder);
// What follows the last step of all.
enum rv_status rv_pyramid_close(struct rv_pyramid_pictures *p);
// The picture as it stands, at the original's size, finished, not clipped: in `current` itself, or
// made in `room` (rv_pyramid_room bytes) by what is recorded. *where says which.
uint64_t rv_pyramid_room(const struct rv_pyramid_pictures *p);
enum rv_status rv_pyramid_show(const struct rv_pyramid_pictures *p, struct rv_recorder *recorder,
                               struct rv_range room, struct rv_range *where);
// The same in new pixels of the host, clipped to 0..1.
enum rv_status rv_pyramid_result(struct rv_pyramid_pictures *p, struct rv_range room,
                                 struct rv_picture *output);

// Between a host picture and the device's four floats a pixel in [-1, 1].
enum rv_status rv_picture_upload(struct rv_device *device, const struct rv_picture *picture,
                                 struct rv_range to);

#endif
