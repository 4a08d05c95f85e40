#include "dream/pyramid.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "net/graph.h"

// Geometric sizes. Google's notebook rounds as scipy.ndimage.zoom does, from one octave to the
// next, TensorFlow 1's truncates; Keras truncates dim / scale^i; pytorch-deepdream rounds dim *
// scale^-i; TensorFlow 2's tutorial truncates dim * scale^n in float32, n from -(count - 1) / 2 up
// (its five octaves: -2 .. 2).
static uint32_t octave_size(const struct rv_params *params, uint32_t base, uint32_t above,
                            uint32_t steps_down) {
    // 1.3 rather than 1.29999995, as the recipes have it: else 1000 pixels become 1689, not 1690.
    double scale = round((double)params->octave_scale * 1e6) / 1e6;
    if (params->pyramid == RV_PYRAMID_DETAIL)
        return steps_down == 0 ? base : (uint32_t)floor(above / scale + 0.5);
    if (params->pyramid == RV_PYRAMID_SPLIT)
        return steps_down == 0 ? base : (uint32_t)(above / scale);
    if (params->pyramid == RV_PYRAMID_PLAIN)
        return (uint32_t)nearbyint((double)base * pow(scale, -(double)steps_down));
    if (params->pyramid == RV_PYRAMID_REINJECT)
        return (uint32_t)((double)base / pow(scale, steps_down));
    double exponent = (double)(params->octaves / 2) - (double)steps_down;
    return (uint32_t)((float)base * (float)pow(scale, exponent));
}

// From the largest down. Returns how many.
static uint32_t geometric_sizes(const struct rv_params *params, struct rv_extent base,
                                struct rv_extent all[RV_OCTAVE_MAX]) {
    uint32_t octaves = params->octaves < RV_OCTAVE_MAX ? params->octaves : RV_OCTAVE_MAX;
    for (uint32_t i = 0; i < octaves; i++) {
        struct rv_extent above = i ? all[i - 1] : base;
        all[i].width = octave_size(params, base.width, above.width, i);
        all[i].height = octave_size(params, base.height, above.height, i);
    }
    return octaves;
}

// A picture of these proportions whose longest side is that.
static struct rv_extent with_longest(struct rv_extent base, uint32_t longest) {
    uint32_t side = base.width > base.height ? base.width : base.height;
    double scale = (double)longest / side;
    return (struct rv_extent){(uint32_t)lround(base.width * scale),
                              (uint32_t)lround(base.height * scale)};
}

enum rv_status rv_octave_sizes_parse(const char *text, uint32_t sides[RV_OCTAVE_MAX],
                                     uint32_t *count) {
    *count = 0;
    if (!*text || strcmp(text, "auto") == 0)
        return RV_OK;
    for (const char *at = text; *count == 0 || at[-1] == ',';) {
        char *end;
        unsigned long side = strtoul(at, &end, 10);
        bool after = *count > 0 && side <= sides[*count - 1];
        if (!isdigit((unsigned char)*at) || (*end && *end != ',') || side < RV_MIN_SIZE ||
            side > 65535 || after)
            return rv_fail(RV_ERR_USAGE,
                           "octave-sizes: \"%s\" is not possible: give longest sides from %d to "
                           "65535, each larger than the one before, such as 128,256,512, or auto",
                           text, RV_MIN_SIZE);
        if (*count == RV_OCTAVE_MAX)
            return rv_fail(RV_ERR_USAGE, "octave-sizes: more than %d: leave some out",
                           RV_OCTAVE_MAX);
        sides[(*count)++] = (uint32_t)side;
        if (!*end)
            break;
        at = end + 1;
    }
    return RV_OK;
}

enum rv_status rv_pyramid_sizes(const struct rv_params *params, struct rv_extent base,
                                struct rv_pyramid_sizes *sizes) {
    struct rv_extent all[RV_OCTAVE_MAX] = {{0, 0}}; // from the largest down
    uint32_t sides[RV_OCTAVE_MAX], count, least = params->min_size;
    enum rv_status status;
    *sizes = (struct rv_pyramid_sizes){.count = 0};
    RV_TRY(rv_octave_sizes_parse(params->octave_sizes, sides, &count));
    for (uint32_t i = 0; i < count; i++)
        all[i] = with_longest(base, sides[count - 1 - i]);
    if (count == 0)
        count = geometric_sizes(params, base, all);
    if (least < RV_MIN_SIZE)
        least = RV_MIN_SIZE;
    for (uint32_t i = count; i-- > 0;)
        if (all[i].width >= least && all[i].height >= least)
            sizes->octave[sizes->count++] = all[i];
    if (sizes->count == 0)
        return rv_fail(RV_ERR_INPUT,
                       "a picture of %u x %u is too small: %s at least %u pixels each way (enlarge "
                       "it with --size)",
                       base.width, base.height,
                       least > RV_MIN_SIZE ? "min-size asks for" : "the network needs", least);
done:
    return status;
}

struct rv_extent rv_pyramid_largest(const struct rv_pyramid_sizes *sizes, struct rv_extent base) {
    struct rv_extent most = base;
    for (uint32_t i = 0; i < sizes->count; i++)
        if (sizes->octave[i].width > most.width)
            most = sizes->octave[i];
    return most;
}

static bool grows(enum rv_pyramid rule) {
    return rule == RV_PYRAMID_GROW || rule == RV_PYRAMID_EXPAND;
}

// TensorFlow 1's way is Google's with other sizes: what it adds, the base without its shrunk and
// enlarged self, and what it adds that to, the enlarged result, come to the base and the enlarged
// detail, since resizing is linear.
static bool carries_detail(enum rv_pyramid rule) {
    return rule == RV_PYRAMID_DETAIL || rule == RV_PYRAMID_SPLIT;
}

// DETAIL: whether an octave's base is kept beside the original.
static bool is_kept(enum rv_pyramid rule, struct rv_extent octave, struct rv_extent base) {
    return carries_detail(rule) && (octave.width != base.width || octave.height != base.height);
}

uint64_t rv_pyramid_bytes(const struct rv_params *params, const struct rv_pyramid_sizes *sizes,
                          struct rv_extent base) {
    uint64_t bytes =
        rv_image_bytes(base) + rv_image_bytes(rv_pyramid_largest(sizes, base)) + rv_finish_bytes();
    for (uint32_t i = 0; i < sizes->count; i++)
        if (is_kept(params->pyramid, sizes->octave[i], base))
            bytes += rv_image_bytes(sizes->octave[i]);
    return bytes;
}

static struct rv_range all_of(const struct rv_buffer *buffer) {
    return (struct rv_range){buffer, 0, buffer->size};
}

struct rv_range rv_pyramid_current(const struct rv_pyramid_pictures *p, uint32_t index) {
    return (struct rv_range){&p->current, 0, rv_image_bytes(p->sizes.octave[index])};
}

static struct rv_range base_of(const struct rv_pyramid_pictures *p, uint32_t octave) {
    return all_of(p->bases[octave].handle ? &p->bases[octave] : &p->original);
}

// Pictures travel between host and device in pieces of so many pixels.
#define PIECE_PIXELS ((size_t)1 << 20)

enum rv_status rv_picture_upload(struct rv_device *device, const struct rv_picture *picture,
                                 struct rv_range to) {
    enum rv_status status = RV_OK;
    size_t pixels = (size_t)picture->width * picture->height;
    float *values = malloc((pixels < PIECE_PIXELS ? pixels : PIECE_PIXELS) * 16);
    if (!values)
        return rv_fail(RV_ERR_NO_MEMORY, "out of host memory for a picture of %u x %u",
                       picture->width, picture->height);
    for (size_t first = 0; first < pixels && status == RV_OK; first += PIECE_PIXELS) {
        const float *from = picture->pixels + first * 3;
        size_t count = pixels - first < PIECE_PIXELS ? pixels - first : PIECE_PIXELS;
        bool finite = true; // a ReLU would swallow what is not, and nobody would know
        for (size_t i = 0; i < count; i++) {
            for (size_t c = 0; c < 3; c++) {
                values[i * 4 + c] = 2 * from[i * 3 + c] - 1;
                finite &= isfinite(values[i * 4 + c]) != 0;
            }
            values[i * 4 + 3] = 0;
        }
        status =
            finite ? rv_buffer_write(device, to.buffer, to.offset + first * 16, values, count * 16)
                   : rv_fail(RV_ERR_INPUT, "the picture holds a value that is not a finite number: "
                                           "its values lie between 0 and 1");
    }
    free(values);
    return status;
}

static enum rv_status resize(const struct rv_pyramid_pictures *p, struct rv_recorder *recorder,
                             struct rv_resize_op *op) {
    op->rule = p->resize;
    op->source.size = rv_image_bytes(op->from);
    op->target.size = op->second.size = rv_image_bytes(op->to);
    return rv_op_resize(recorder, op);
}

// Runs a few resizes at once, then copies the scratch to where it is wanted, if anywhere.
static enum rv_status run(struct rv_pyramid_pictures *p, struct rv_resize_op *ops, uint32_t count,
                          const struct rv_range *copy) {
    struct rv_recorder recorder;
    enum rv_status status = rv_recorder_init(&recorder, p->device, count);
    if (status != RV_OK)
        return status;
    for (uint32_t i = 0; i < count; i++)
        RV_TRY(resize(p, &recorder, &ops[i]));
    if (copy) {
        struct rv_range made = {p->scratch.buffer, p->scratch.offset, copy->size};
        RV_TRY(rv_record_copy(&recorder, made, *copy));
    }
    status = rv_recorder_run(&recorder);
done:
    rv_recorder_finish(&recorder);
    return status;
}

enum rv_status rv_pyramid_start(struct rv_pyramid_pictures *p) {
    enum rv_status status = RV_OK;
    // Each octave is shrunk from the one above it, in turn.
    struct rv_range above = all_of(&p->original);
    struct rv_extent above_size = p->base;
    for (uint32_t i = p->sizes.count; i-- > 0;) {
        struct rv_extent size = p->sizes.octave[i];
        if (is_kept(p->rule, size, p->base)) {
            RV_TRY(rv_buffer_init(p->device, &p->bases[i], rv_image_bytes(size), RV_MEMORY_DEVICE,
                                  "base picture"));
            struct rv_resize_op op = {.source = above,
                                      .from = above_size,
                                      .target = all_of(&p->bases[i]),
                                      .to = size,
                                      .weight = 1};
            RV_TRY(run(p, &op, 1, NULL));
        }
        above = base_of(p, i);
        above_size = size;
    }
done:
    return status;
}

struct rv_range rv_pyramid_original(const struct rv_pyramid_pictures *p) {
    return all_of(&p->original);
}

enum rv_status rv_pyramid_init(struct rv_pyramid_pictures *p, struct rv_device *device,
                               const struct rv_params *params, struct rv_extent base,
                               const struct rv_pyramid_sizes *sizes, struct rv_range scratch) {
    enum rv_status status;
    *p = (struct rv_pyramid_pictures){.device = device,
                                      .rule = params->pyramid,
                                      .resize = params->resize,
                                      .base = base,
                                      .sizes = *sizes,
                                      .scratch = scratch,
                                      .octave = UINT32_MAX};
    RV_TRY(rv_buffer_init(device, &p->original, rv_image_bytes(base), RV_MEMORY_DEVICE,
                          "original picture"));
    RV_TRY(rv_buffer_init(device, &p->current, rv_image_bytes(rv_pyramid_largest(sizes, base)),
                          RV_MEMORY_DEVICE, "dreamed picture"));
    RV_TRY(rv_finish_init(&p->finish, device, params));
    return RV_OK;
done:
    rv_pyramid_finish(p);
    return status;
}

void rv_pyramid_finish(struct rv_pyramid_pictures *p) {
    if (!p->device)
        return;
    rv_buffer_finish(p->device, &p->original);
    rv_buffer_finish(p->device, &p->current);
    rv_buffer_finish(p->device, &p->finish.scratch);
    for (uint32_t i = 0; i < RV_OCTAVE_MAX; i++)
        rv_buffer_finish(p->device, &p->bases[i]);
    p->device = NULL;
}

#define REINJECT_OPS 3

// REINJECT: what the octave before could not hold of the original, same size - shrunk and enlarged,
// unless it has it already. Returns how many operations that takes.
static uint32_t reinject(const struct rv_pyramid_pictures *p, struct rv_resize_op *ops) {
    // The first octave loses nothing: the two are the same.
    if (p->rule != RV_PYRAMID_REINJECT || p->closed || p->octave == 0)
        return 0;
    struct rv_extent size = p->sizes.octave[p->octave];
    struct rv_extent before = p->sizes.octave[p->octave - 1];
    struct rv_range current = rv_pyramid_current(p, p->octave);
    ops[0] = (struct rv_resize_op){.source = all_of(&p->original),
                                   .from = p->base,
                                   .target = p->scratch,
                                   .to = before,
                                   .weight = 1};
    ops[1] = (struct rv_resize_op){.source = p->scratch,
                                   .from = before,
                                   .target = current,
                                   .to = size,
                                   .weight = -1,
                                   .second = current,
                                   .other = 1};
    ops[2] = (struct rv_resize_op){.source = all_of(&p->original),
                                   .from = p->base,
                                   .target = current,
                                   .to = size,
                                   .weight = 1,
                                   .second = current,
                                   .other = 1};
    return REINJECT_OPS;
}

// DETAIL: what was dreamed, without the original it was dreamed on.
static struct rv_resize_op subtract_base(const struct rv_pyramid_pictures *p) {
    struct rv_extent size = p->sizes.octave[p->octave];
    struct rv_range current = rv_pyramid_current(p, p->octave);
    return (struct rv_resize_op){.source = base_of(p, p->octave),
                                 .from = size,
                                 .target = current,
                                 .to = size,
                                 .weight = -1,
                                 .second = current,
                                 .other = 1};
}

enum rv_status rv_pyramid_close(struct rv_pyramid_pictures *p) {
    struct rv_resize_op ops[REINJECT_OPS];
    uint32_t count = reinject(p, ops);
    enum rv_status status = count ? run(p, ops, count, NULL) : RV_OK;
    p->closed |= status == RV_OK;
    return status;
}

static enum rv_status enter_first(struct rv_pyramid_pictures *p, uint32_t index) {
    struct rv_extent to = p->sizes.octave[index];
    bool detail = carries_detail(p->rule);
    struct rv_resize_op op = {.source = detail ? base_of(p, index) : all_of(&p->original),
                              .from = detail ? to : p->base,
                              .target = rv_pyramid_current(p, index),
                              .to = to,
                              .weight = 1};
    return run(p, &op, 1, NULL);
}

// All in one submission: either the picture is the next octave's, or nothing was done to it.
static enum rv_status enter_next(struct rv_pyramid_pictures *p, uint32_t index) {
    struct rv_range current = rv_pyramid_current(p, index);
    struct rv_resize_op ops[1 + REINJECT_OPS + 1];
    uint32_t count = 0;
    struct rv_resize_op op = {.source = rv_pyramid_current(p, p->octave),
                              .from = p->sizes.octave[p->octave],
                              .target = p->scratch,
                              .to = p->sizes.octave[index],
                              .weight = 1,
                              .quantise = p->rule == RV_PYRAMID_GROW};
    if (carries_detail(p->rule)) {
        ops[count++] = subtract_base(p);
        op.second = base_of(p, index);
        op.other = 1;
    }
    count += reinject(p, ops + count);
    ops[count++] = op;
    return run(p, ops, count, &current);
}

enum rv_status rv_pyramid_enter(struct rv_pyramid_pictures *p, uint32_t index) {
    enum rv_status status = p->octave == UINT32_MAX ? enter_first(p, index) : enter_next(p, index);
    if (status != RV_OK)
        return status;
    p->octave = index;
    p->closed = false;
    return RV_OK;
}

bool rv_pyramid_has_original(const struct rv_pyramid_pictures *p, uint32_t index,
                             struct rv_range *original) {
    struct rv_extent size = p->sizes.octave[index];
    *original = base_of(p, index);
    return p->bases[index].handle || (size.width == p->base.width && size.height == p->base.height);
}

enum rv_status rv_pyramid_make_original(const struct rv_pyramid_pictures *p, uint32_t index,
                                        struct rv_range room, struct rv_recorder *recorder) {
    struct rv_resize_op op = {.source = all_of(&p->original),
                              .from = p->base,
                              .target = room,
                              .to = p->sizes.octave[index],
                              .weight = 1};
    return resize(p, recorder, &op);
}

uint64_t rv_pyramid_room(const struct rv_pyramid_pictures *p) {
    return rv_image_bytes(p->base);
}

enum rv_status rv_pyramid_show(const struct rv_pyramid_pictures *p, struct rv_recorder *recorder,
                               struct rv_range room, struct rv_range *where) {
    struct rv_range made = {room.buffer, room.offset, rv_pyramid_room(p)};
    enum rv_status status = RV_OK;
    *where = all_of(&p->original);
    if (p->octave == UINT32_MAX)
        return RV_OK;
    struct rv_extent size = p->sizes.octave[p->octave];
    *where = rv_pyramid_current(p, p->octave);
    if (grows(p->rule) || size.width != p->base.width || size.height != p->base.height) {
        struct rv_resize_op op = {.source = *where,
                                  .from = size,
                                  .target = made,
                                  .to = p->base,
                                  .weight = 1,
                                  .quantise = p->rule == RV_PYRAMID_GROW};
        RV_TRY(resize(p, recorder, &op));
        *where = made;
    }
    if (rv_finish_wanted(&p->finish)) {
        RV_TRY(rv_finish_record(&p->finish, recorder, p->base, *where,
                                all_of(p->input ? p->input : &p->original), made));
        *where = made;
    }
done:
    return status;
}

// Waits until the picture is where *from then says.
static enum rv_status make_result(struct rv_pyramid_pictures *p, struct rv_range room,
                                  struct rv_range *from) {
    struct rv_recorder recorder;
    enum rv_status status;
    RV_TRY(rv_recorder_init(&recorder, p->device, 1));
    RV_TRY(rv_pyramid_show(p, &recorder, room, from));
    status = rv_recorder_run(&recorder);
done:
    rv_recorder_finish(&recorder);
    return status;
}

enum rv_status rv_pyramid_result(struct rv_pyramid_pictures *p, struct rv_range room,
                                 struct rv_picture *output) {
    enum rv_status status = RV_OK;
    size_t pixels = (size_t)p->base.width * p->base.height;
    float *values = malloc((pixels < PIECE_PIXELS ? pixels : PIECE_PIXELS) * 16);
    struct rv_picture made = {p->base.width, p->base.height, malloc(pixels * 12)};
    if (!values || !made.pixels) {
        status = rv_fail(RV_ERR_NO_MEMORY, "out of host memory for a picture of %u x %u",
                         p->base.width, p->base.height);
        goto done;
    }
    struct rv_range from;
    RV_TRY(make_result(p, room, &from));
    for (size_t first = 0; first < pixels; first += PIECE_PIXELS) {
        size_t count = pixels - first < PIECE_PIXELS ? pixels - first : PIECE_PIXELS;
        RV_TRY(
            rv_buffer_read(p->device, from.buffer, from.offset + first * 16, values, count * 16));
        for (size_t i = 0; i < count; i++)
            for (size_t c = 0; c < 3; c++) {
                float value = (values[i * 4 + c] + 1) / 2;
                made.pixels[(first + i) * 3 + c] = value < 0 ? 0 : value > 1 ? 1 : value;
            }
    }
    *output = made;
    made.pixels = NULL;
done:
    free(made.pixels);
    free(values);
    return status;
}
