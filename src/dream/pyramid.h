// The octaves: their sizes, and how the picture of one becomes the picture of the next, on the
// device. The three rules are those of enum rv_pyramid.
#ifndef RV_DREAM_PYRAMID_H
#define RV_DREAM_PYRAMID_H

#include "ops/image.h"
#include "reverie/reverie.h"

#define RV_OCTAVE_MAX 32

struct rv_pyramid_sizes {
    struct rv_extent octave[RV_OCTAVE_MAX]; // in the order in which they are dreamed
    uint32_t count;
};

// The octaves of a picture of this size, those left out that the network cannot take. RV_ERR_INPUT
// if none remains.
enum rv_status rv_pyramid_sizes(const struct rv_params *params, struct rv_extent base,
                                struct rv_pyramid_sizes *sizes);

struct rv_pyramid_pictures {
    struct rv_device *device; // borrowed
    enum rv_pyramid rule;
    bool align_corners;
    struct rv_extent base;
    struct rv_pyramid_sizes sizes;
    struct rv_buffer buffer;                  // all the pictures
    struct rv_range original, current, spare; // full size; dreamed on; the other of the two
    struct rv_range detail[2]; // REINJECT: the original shrunk, last octave's and this one's
    struct rv_range bases[RV_OCTAVE_MAX]; // DETAIL: the original at every octave
    uint32_t octave; // the one `current` has the size of; UINT32_MAX before any
};

// Uploads `input` ([height][width][3], 0..1). Finished with rv_pyramid_finish.
enum rv_status rv_pyramid_init(struct rv_pyramid_pictures *p, struct rv_device *device,
                               const struct rv_params *params, const struct rv_picture *input,
                               const struct rv_pyramid_sizes *sizes);
void rv_pyramid_finish(struct rv_pyramid_pictures *p);

// Makes `current` the picture to dream on at octave `index`; the octaves come in order.
enum rv_status rv_pyramid_enter(struct rv_pyramid_pictures *p, uint32_t index);
// What follows the octave's last step.
enum rv_status rv_pyramid_leave(struct rv_pyramid_pictures *p);
// The picture as it stands, at the original's size, clipped to 0..1, in new pixels.
enum rv_status rv_pyramid_result(struct rv_pyramid_pictures *p, struct rv_picture *output);

// Between a host picture and the device's four floats a pixel in [-1, 1].
enum rv_status rv_picture_upload(struct rv_device *device, const struct rv_picture *picture,
                                 struct rv_range to);

#endif
