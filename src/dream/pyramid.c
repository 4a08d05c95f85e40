#include "dream/pyramid.h"

#include <math.h>
#include <stdlib.h>

#include "net/graph.h"

// Geometric sizes. Google's notebook rounds as scipy.ndimage.zoom does, from one octave to the
// next; Keras truncates dim / scale^i; TensorFlow's tutorial truncates dim * scale^n in float32, n
// from
// -(count - 1) / 2 up (its five octaves: -2 .. 2).
static uint32_t octave_size(const struct rv_params *params, uint32_t base, uint32_t above,
                            uint32_t steps_down) {
    // 1.3 rather than 1.29999995, as the recipes have it: else 1000 pixels become 1689, not 1690.
    double scale = round((double)params->octave_scale * 1e6) / 1e6;
    if (params->pyramid == RV_PYRAMID_DETAIL)
        return steps_down == 0 ? base : (uint32_t)floor(above / scale + 0.5);
    if (params->pyramid == RV_PYRAMID_REINJECT)
        return (uint32_t)((double)base / pow(scale, steps_down));
    double exponent = (double)(params->octaves / 2) - (double)steps_down;
    return (uint32_t)((float)base * (float)pow(scale, exponent));
}

enum rv_status rv_pyramid_sizes(const struct rv_params *params, struct rv_extent base,
                                struct rv_pyramid_sizes *sizes) {
    struct rv_extent all[RV_OCTAVE_MAX] = {{0, 0}}; // from the largest down
    uint32_t octaves = params->octaves < RV_OCTAVE_MAX ? params->octaves : RV_OCTAVE_MAX;
    *sizes = (struct rv_pyramid_sizes){.count = 0};
    for (uint32_t i = 0; i < octaves; i++) {
        struct rv_extent above = i ? all[i - 1] : base;
        all[i].width = octave_size(params, base.width, above.width, i);
        all[i].height = octave_size(params, base.height, above.height, i);
    }
    for (uint32_t i = octaves; i-- > 0;)
        if (all[i].width >= RV_MIN_SIZE && all[i].height >= RV_MIN_SIZE)
            sizes->octave[sizes->count++] = all[i];
    if (sizes->count == 0)
        return rv_fail(RV_ERR_INPUT,
                       "a picture of %u x %u is too small: the network needs at least %d pixels "
                       "each way (enlarge it with --size)",
                       base.width, base.height, RV_MIN_SIZE);
    return RV_OK;
}

static struct rv_range take(struct rv_pyramid_pictures *p, uint64_t *used,
                            struct rv_extent extent) {
    struct rv_range range = {&p->buffer, *used, rv_image_bytes(extent)};
    *used += range.size;
    return range;
}

static struct rv_extent largest(const struct rv_pyramid_pictures *p) {
    struct rv_extent most = p->base;
    for (uint32_t i = 0; i < p->sizes.count; i++)
        if (p->sizes.octave[i].width > most.width)
            most = p->sizes.octave[i];
    return most;
}

// Lays the pictures out; returns the bytes they take.
static uint64_t lay_out(struct rv_pyramid_pictures *p) {
    uint64_t used = 0;
    struct rv_extent most = largest(p);
    p->original = take(p, &used, p->base);
    p->current = take(p, &used, most);
    p->spare = take(p, &used, most);
    if (p->rule == RV_PYRAMID_REINJECT)
        for (uint32_t i = 0; i < 2; i++)
            p->detail[i] = take(p, &used, most);
    if (p->rule == RV_PYRAMID_DETAIL)
        for (uint32_t i = p->sizes.count; i-- > 0;) {
            struct rv_extent e = p->sizes.octave[i];
            bool full = e.width == p->base.width && e.height == p->base.height;
            p->bases[i] = full ? p->original : take(p, &used, e);
        }
    return used;
}

enum rv_status rv_picture_upload(struct rv_device *device, const struct rv_picture *picture,
                                 struct rv_range to) {
    size_t pixels = (size_t)picture->width * picture->height;
    float *values = malloc(pixels * 16);
    if (!values)
        return rv_fail(RV_ERR_NO_MEMORY, "out of host memory for a picture of %u x %u",
                       picture->width, picture->height);
    bool finite = true; // a ReLU would swallow what is not, and nobody would know
    for (size_t i = 0; i < pixels; i++) {
        for (size_t c = 0; c < 3; c++) {
            values[i * 4 + c] = 2 * picture->pixels[i * 3 + c] - 1;
            finite &= isfinite(values[i * 4 + c]) != 0;
        }
        values[i * 4 + 3] = 0;
    }
    enum rv_status status =
        finite ? rv_buffer_write(device, to.buffer, to.offset, values, pixels * 16)
               : rv_fail(RV_ERR_INPUT, "the picture holds a value that is not a finite number: "
                                       "its values lie between 0 and 1");
    free(values);
    return status;
}

// Runs a few resizes at once.
static enum rv_status run(struct rv_pyramid_pictures *p, struct rv_resize_op *ops, uint32_t count) {
    struct rv_recorder recorder;
    enum rv_status status = rv_recorder_init(&recorder, p->device, count);
    if (status != RV_OK)
        return status;
    for (uint32_t i = 0; i < count; i++) {
        struct rv_resize_op *op = &ops[i];
        op->align_corners = p->align_corners;
        op->source.size = rv_image_bytes(op->from);
        op->target.size = op->second.size = rv_image_bytes(op->to);
        RV_TRY(rv_op_resize(&recorder, op));
    }
    status = rv_recorder_run(&recorder);
done:
    rv_recorder_finish(&recorder);
    return status;
}

enum rv_status rv_pyramid_init(struct rv_pyramid_pictures *p, struct rv_device *device,
                               const struct rv_params *params, const struct rv_picture *input,
                               const struct rv_pyramid_sizes *sizes) {
    enum rv_status status;
    *p = (struct rv_pyramid_pictures){.device = device,
                                      .rule = params->pyramid,
                                      .align_corners = params->resize == RV_RESIZE_ALIGN_CORNERS,
                                      .base = {input->width, input->height},
                                      .sizes = *sizes,
                                      .octave = UINT32_MAX};
    RV_TRY(rv_buffer_init(device, &p->buffer, lay_out(p), RV_MEMORY_DEVICE, "picture buffer"));
    RV_TRY(rv_picture_upload(device, input, p->original));
    if (p->rule == RV_PYRAMID_DETAIL) {
        // Each octave is shrunk from the one above it, in turn.
        struct rv_range above = p->original;
        struct rv_extent above_size = p->base;
        for (uint32_t i = sizes->count; i-- > 0;) {
            if (p->bases[i].offset != p->original.offset) {
                struct rv_resize_op op = {.source = above,
                                          .from = above_size,
                                          .target = p->bases[i],
                                          .to = sizes->octave[i],
                                          .weight = 1};
                RV_TRY(run(p, &op, 1));
            }
            above = p->bases[i];
            above_size = sizes->octave[i];
        }
    }
    return RV_OK;
done:
    rv_pyramid_finish(p);
    return status;
}

void rv_pyramid_finish(struct rv_pyramid_pictures *p) {
    if (p->device)
        rv_buffer_finish(p->device, &p->buffer);
    p->device = NULL;
}

static void swap(struct rv_range *a, struct rv_range *b) {
    struct rv_range c = *a;
    *a = *b;
    *b = c;
}

enum rv_status rv_pyramid_enter(struct rv_pyramid_pictures *p, uint32_t index) {
    struct rv_extent to = p->sizes.octave[index];
    bool first = index == 0;
    struct rv_resize_op op = {.to = to, .weight = 1};
    if (first) {
        op.source = p->rule == RV_PYRAMID_DETAIL ? p->bases[0] : p->original;
        op.from = p->rule == RV_PYRAMID_DETAIL ? to : p->base;
    } else {
        op.source = p->current;
        op.from = p->sizes.octave[index - 1];
        op.quantise = p->rule == RV_PYRAMID_GROW;
    }
    if (!first && p->rule == RV_PYRAMID_DETAIL) { // `current` holds the detail
        op.second = p->bases[index];
        op.other = 1;
    }
    op.target = p->spare;
    enum rv_status status = run(p, &op, 1);
    swap(&p->current, &p->spare);
    p->octave = index;
    return status;
}

enum rv_status rv_pyramid_leave(struct rv_pyramid_pictures *p) {
    struct rv_extent size = p->sizes.octave[p->octave];
    bool last = p->octave + 1 == p->sizes.count;
    enum rv_status status = RV_OK;
    if (p->rule == RV_PYRAMID_DETAIL && !last) {
        struct rv_resize_op op = {.source = p->current,
                                  .from = size,
                                  .target = p->spare,
                                  .to = size,
                                  .weight = 1,
                                  .second = p->bases[p->octave],
                                  .other = -1};
        status = run(p, &op, 1);
        swap(&p->current, &p->spare);
    }
    if (p->rule == RV_PYRAMID_REINJECT) {
        // What the octave before could not hold of the original: same size - shrunk and enlarged.
        struct rv_resize_op shrink = {.source = p->original,
                                      .from = p->base,
                                      .target = p->detail[1],
                                      .to = size,
                                      .weight = 1};
        struct rv_resize_op lost[] = {shrink,
                                      {.source = p->detail[0],
                                       .from = p->octave ? p->sizes.octave[p->octave - 1] : size,
                                       .target = p->current,
                                       .to = size,
                                       .weight = -1,
                                       .second = p->current,
                                       .other = 1},
                                      {.source = p->detail[1],
                                       .from = size,
                                       .target = p->current,
                                       .to = size,
                                       .weight = 1,
                                       .second = p->current,
                                       .other = 1}};
        if (p->octave == 0) // the two cancel: the first octave loses nothing
            status = run(p, &shrink, 1);
        else
            status = run(p, lost, 3);
        swap(&p->detail[0], &p->detail[1]);
    }
    return status;
}

enum rv_status rv_pyramid_result(struct rv_pyramid_pictures *p, struct rv_picture *output) {
    enum rv_status status = RV_OK;
    size_t pixels = (size_t)p->base.width * p->base.height;
    float *values = malloc(pixels * 16);
    struct rv_picture made = {p->base.width, p->base.height, malloc(pixels * 12)};
    if (!values || !made.pixels) {
        status = rv_fail(RV_ERR_NO_MEMORY, "out of host memory for a picture of %u x %u",
                         p->base.width, p->base.height);
        goto done;
    }
    struct rv_range from = p->current;
    struct rv_extent size = p->sizes.octave[p->octave];
    if (p->rule == RV_PYRAMID_GROW || size.width != p->base.width ||
        size.height != p->base.height) {
        struct rv_resize_op op = {.source = p->current,
                                  .from = size,
                                  .target = p->spare,
                                  .to = p->base,
                                  .weight = 1,
                                  .quantise = p->rule == RV_PYRAMID_GROW};
        RV_TRY(run(p, &op, 1));
        from = p->spare;
    }
    RV_TRY(rv_buffer_read(p->device, from.buffer, from.offset, values, pixels * 16));
    for (size_t i = 0; i < pixels; i++)
        for (size_t c = 0; c < 3; c++) {
            float value = (values[i * 4 + c] + 1) / 2;
            made.pixels[i * 3 + c] = value < 0 ? 0 : value > 1 ? 1 : value;
        }
    *output = made;
    made.pixels = NULL;
done:
    free(made.pixels);
    free(values);
    return status;
}
