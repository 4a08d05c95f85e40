// From a step of the plan to a dispatch: each operation chooses its kernel, fills its push
// constants and records itself. The files here are one per family of operations.
#ifndef RV_OPS_OP_H
#define RV_OPS_OP_H

#include <math.h>

#include "net/plan.h"
#include "vk/record.h"

// The buffers a plan is recorded over. All are borrowed and outlive the recorder.
struct rv_op_buffers {
    const struct rv_buffer *space[RV_SPACE_COUNT]; // by enum rv_plan_space
    uint64_t offset[RV_SPACE_COUNT]; // where each begins in its buffer, a multiple of 256
    const struct rv_buffer *weights; // packed
    const struct rv_buffer *control; // struct rv_control, at offset 0
};

// Where in a larger picture the plan's picture lies: all in pixels, multiples of 32 but for what
// reaches the picture's end. The objective counts positions from the larger picture's edges, and
// the loss only those that no other tile counts.
struct rv_op_tile {
    uint32_t left, top, right, bottom;                 // of the larger picture, around the tile
    uint32_t own_left, own_top, own_right, own_bottom; // edges of what it owns, from its origin
    bool add;                                          // to the losses of the tiles before
};

struct rv_op_context {
    struct rv_recorder *recorder;
    const struct rv_plan *plan;
    const struct rv_op_buffers *buffers;
    uint32_t kernel; // convolutions: 1 + the row of rv_conv_kernels to use; 0 = the best known
    const struct rv_op_tile *tile; // NULL = the plan's picture is the whole picture
};

// Records one step, or all of them in order.
enum rv_status rv_op_record(const struct rv_op_context *context, const struct rv_step *step);
enum rv_status rv_op_record_plan(const struct rv_op_context *context);

// Whether the device can show every tensor of the plan to a kernel and run a kernel over the
// picture: asked before a dream begins, since an octave much later is the largest. RV_ERR_NO_MEMORY
// or RV_ERR_INPUT otherwise.
enum rv_status rv_op_check_plan(const struct rv_device *device, const struct rv_plan *plan);

// By how much the plan's largest demand exceeds that: at most 1 if rv_op_check_plan passes.
double rv_op_plan_excess(const struct rv_device *device, const struct rv_plan *plan);

// What the files share.
const struct rv_plan_access *rv_op_find(const struct rv_step *step, enum rv_role role);
struct rv_range rv_op_range(const struct rv_op_context *context,
                            const struct rv_plan_access *access);
struct rv_range rv_op_constants(const struct rv_op_context *context, uint64_t offset,
                                uint64_t size);
// A dispatch under construction. Slots nobody binds show the target: a kernel may name them without
// using them.
struct rv_op_dispatch {
    struct rv_dispatch dispatch;
    char shader[32];
    struct rv_binding bindings[RV_BINDING_MAX];
    uint32_t spec[RV_SPEC_MAX];
};
void rv_op_begin(struct rv_op_dispatch *d, const char *shader, const char *label,
                 uint32_t spec_count, const void *push, uint32_t push_size);
// The same with the kernel's variant for tensors as the plan keeps them: "NAME" or "NAME_fp16".
void rv_op_begin_stored(const struct rv_op_context *context, struct rv_op_dispatch *d,
                        const char *shader, const char *label, uint32_t spec_count,
                        const void *push, uint32_t push_size);
void rv_op_bind(struct rv_op_dispatch *d, uint32_t slot, enum rv_access access,
                struct rv_range range);
// Binds a step's access of that role if it has one, else `fallback`.
void rv_op_bind_role(const struct rv_op_context *context, struct rv_op_dispatch *d,
                     const struct rv_step *step, enum rv_role role, uint32_t slot,
                     struct rv_range fallback);
enum rv_status rv_op_dispatch(struct rv_recorder *recorder, struct rv_op_dispatch *d, uint32_t x,
                              uint32_t y, uint32_t z);

// Positions of a layer, packed as the kernels take them: x | y << 16, `to` excluded.
struct rv_op_area {
    uint32_t from, to;
};
// Those inside the border of the whole picture; with `owned` only those that the tile owns.
struct rv_op_area rv_op_seed_area(const struct rv_op_context *context,
                                  const struct rv_plan_tensor *tensor,
                                  const struct rv_plan_seed *seed, bool owned);

static inline uint32_t rv_op_size(const struct rv_plan_tensor *tensor) {
    return tensor->width | tensor->height << 16;
}
static inline uint32_t rv_op_plane(const struct rv_plan_tensor *tensor) { // in four channels
    return (uint32_t)(tensor->plane_bytes / (tensor->fp16 ? 8 : 16));
}
static inline uint32_t rv_op_mask_plane(const struct rv_plan_tensor *tensor) { // in words
    return (uint32_t)(tensor->plane_bytes / 4);
}
// A factor of a seed as the gradients in the arena bear it.
static inline float rv_op_scaled(const struct rv_plan *plan, float factor) {
    return ldexpf(factor, plan->seed_exponent);
}
static inline uint32_t rv_op_groups(uint64_t items, uint32_t size) {
    return (uint32_t)((items + size - 1) / size);
}

enum rv_status rv_op_conv(const struct rv_op_context *context, const struct rv_step *step);
enum rv_status rv_op_pool(const struct rv_op_context *context, const struct rv_step *step);
enum rv_status rv_op_seed(const struct rv_op_context *context, const struct rv_step *step);
enum rv_status rv_op_loss_partial(const struct rv_op_context *context, const struct rv_step *step);
enum rv_status rv_op_loss_sum(const struct rv_op_context *context, const struct rv_step *step);
enum rv_status rv_op_gram(const struct rv_op_context *context, const struct rv_step *step);
enum rv_status rv_op_gram_sum(const struct rv_op_context *context, const struct rv_step *step);
enum rv_status rv_op_gram_gradient(const struct rv_op_context *context, const struct rv_step *step);
enum rv_status rv_op_match(const struct rv_op_context *context, const struct rv_step *step);
enum rv_status rv_op_match_gather(const struct rv_op_context *context, const struct rv_step *step);
enum rv_status rv_op_channel_means(const struct rv_op_context *context, const struct rv_step *step);

#endif
