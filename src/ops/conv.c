// Convolution, forward and backward-data.
#include <string.h>

#include "layout/conv.h"
#include "ops/conv_kernel.h"
#include "ops/conv_matrix.h"
#include "ops/conv_units.h"
#include "ops/tune.h"

_Static_assert(sizeof(struct rv_conv_push) <= RV_PUSH_BYTES, "the guaranteed push constants");

static struct rv_conv_push_source source_push(const struct rv_op_context *context,
                                              const struct rv_step *step, uint32_t index) {
    const struct rv_plan_source *source = &step->conv.source[index];
    const struct rv_plan_access *access =
        rv_op_find(step, index ? RV_ROLE_SOURCE_B : RV_ROLE_SOURCE);
    if (!source->channels || !access)
        return (struct rv_conv_push_source){0};
    const struct rv_plan_tensor *tensor = &context->plan->tensors[access->tensor];
    return (struct rv_conv_push_source){.size = rv_op_size(tensor),
                                        .plane = rv_op_plane(tensor),
                                        .channels = (source->channels + 3) / 4 * 4,
                                        .taps = (uint32_t)source->tap_width |
                                                (uint32_t)source->tap_height << 8 |
                                                source->scale << 16,
                                        .origin = (int32_t)(((uint32_t)source->origin_x & 0xffff) |
                                                            (uint32_t)source->origin_y << 16)};
}

// Whether a tap can fall outside the source, so that the kernel must look.
static bool needs_check(const struct rv_op_context *context, const struct rv_step *step) {
    const struct rv_plan_conv *conv = &step->conv;
    if (conv->parity)
        return true;
    for (uint32_t i = 0; i < 2; i++) {
        const struct rv_plan_source *s = &conv->source[i];
        const struct rv_plan_access *access =
            rv_op_find(step, i ? RV_ROLE_SOURCE_B : RV_ROLE_SOURCE);
        if (!s->channels || !access)
            continue;
        const struct rv_plan_tensor *t = &context->plan->tensors[access->tensor];
        int64_t bottom = (int64_t)(conv->grid_height - 1) * s->scale + s->origin_y + s->tap_height;
        int64_t right = (int64_t)(conv->grid_width - 1) * s->scale + s->origin_x + s->tap_width;
        if (s->origin_y < 0 || s->origin_x < 0 || bottom > t->height || right > t->width)
            return true;
    }
    return false;
}

static uint32_t plane_of(const struct rv_op_context *context, const struct rv_step *step,
                         enum rv_role role, bool mask) {
    const struct rv_plan_access *access = rv_op_find(step, role);
    if (!access)
        return 0;
    const struct rv_plan_tensor *tensor = &context->plan->tensors[access->tensor];
    return mask ? rv_op_mask_plane(tensor) : rv_op_plane(tensor);
}

static struct rv_conv_push make_push(const struct rv_op_context *context,
                                     const struct rv_step *step) {
    const struct rv_plan_conv *conv = &step->conv;
    const struct rv_plan_access *target = rv_op_find(step, RV_ROLE_TARGET);
    struct rv_op_area seeded =
        rv_op_seed_area(context, &context->plan->tensors[target->tensor], &step->seed, false);
    return (struct rv_conv_push){
        .source = {source_push(context, step, 0), source_push(context, step, 1)},
        .grid_size = conv->grid_width | conv->grid_height << 16,
        .channels = conv->channels,
        .split = conv->split,
        .relu = conv->relu,
        .target_size = rv_op_size(&context->plan->tensors[target->tensor]),
        .target_plane = plane_of(context, step, RV_ROLE_TARGET, false),
        .target_b_plane = plane_of(context, step, RV_ROLE_TARGET_B, false),
        .mask_plane = plane_of(context, step, RV_ROLE_MASK, true),
        .mask_b_plane = plane_of(context, step, RV_ROLE_MASK_B, true),
        .seed_constant = rv_op_scaled(context->plan, step->seed.constant),
        .seed_linear = rv_op_scaled(context->plan, step->seed.linear),
        .seed_channels = step->seed.first | step->seed.end << 16,
        .seed_from = seeded.from,
        .seed_to = seeded.to,
        .gradient_scale = ldexpf(1, -context->plan->seed_exponent)};
}

static void bind_all(const struct rv_op_context *context, const struct rv_step *step, bool cpu,
                     struct rv_op_dispatch *d) {
    const struct rv_plan_conv *conv = &step->conv;
    struct rv_range target = rv_op_range(context, rv_op_find(step, RV_ROLE_TARGET));
    struct rv_range source = rv_op_range(context, rv_op_find(step, RV_ROLE_SOURCE));
    struct rv_range control = {context->buffers->control, 0, RV_PLAN_ALIGNMENT};
    rv_op_bind_role(context, d, step, RV_ROLE_TARGET, RV_CONV_TARGET, target);
    if (!conv->image)
        rv_op_bind_role(context, d, step, RV_ROLE_MASK, RV_CONV_MASK, target);
    if (!conv->backward) {
        rv_op_bind_role(context, d, step, RV_ROLE_TARGET_B, RV_CONV_TARGET_B, target);
        rv_op_bind_role(context, d, step, RV_ROLE_MASK_B, RV_CONV_MASK_B, target);
    } else if (!conv->image) {
        rv_op_bind_role(context, d, step, RV_ROLE_SEED, RV_CONV_SEED, target);
    }
    if (!conv->backward || conv->image)
        rv_op_bind(d, RV_CONV_JITTER, RV_READ, conv->wrap || conv->image ? control : target);
    rv_op_bind(d, cpu ? RV_CONV_TEXEL_WEIGHTS : RV_CONV_WEIGHTS, RV_READ,
               rv_op_constants(context, conv->weights_offset, conv->weights_bytes));
    d->bindings[d->dispatch.binding_count - 1].fp16 = context->plan->fp16;
    rv_op_bind_role(context, d, step, RV_ROLE_SOURCE, cpu ? RV_CONV_TEXEL_SOURCE : RV_CONV_SOURCE,
                    source);
    if (conv->backward)
        rv_op_bind_role(context, d, step, RV_ROLE_SOURCE_B,
                        cpu ? RV_CONV_TEXEL_SOURCE_B : RV_CONV_SOURCE_B, source);
    else
        rv_op_bind(d, RV_CONV_BIAS, RV_READ,
                   rv_op_constants(context, step->constants_offset, step->constants_bytes));
}

// Begins a dispatch of "conv_KERNEL_..." as the step wants it: all but tile and workgroups.
static void begin(const struct rv_op_context *context, const struct rv_step *step,
                  const char *shader, uint32_t spec_count, const struct rv_conv_push *push,
                  bool cpu, struct rv_op_dispatch *d) {
    const struct rv_plan_conv *conv = &step->conv;
    rv_op_begin_stored(context, d, shader, step->label, spec_count, push, sizeof *push);
    d->spec[RV_CONV_SPEC_CHECK] = needs_check(context, step);
    d->spec[RV_CONV_SPEC_WRAP] = conv->backward ? conv->source[1].channels > 0 : conv->wrap;
    d->spec[RV_CONV_SPEC_ADD] = conv->add;
    d->spec[RV_CONV_SPEC_SEED] = step->seed.active;
    d->spec[RV_CONV_SPEC_PARITY] = conv->parity;
    bind_all(context, step, cpu, d);
}

static enum rv_status dispatch(const struct rv_op_context *context, const struct rv_step *step,
                               uint32_t pixels, uint32_t channels, struct rv_op_dispatch *d) {
    const struct rv_plan_conv *conv = &step->conv;
    uint64_t positions = (uint64_t)conv->grid_height * conv->grid_width;
    return rv_op_dispatch(context->recorder, d, rv_op_groups(positions, pixels),
                          rv_op_groups(conv->channels, channels), conv->parity ? 4 : 1);
}

static bool fits_matrix(const struct rv_op_context *context, const struct rv_step *step,
                        uint32_t tile) {
    struct rv_conv_matrix choice;
    return rv_conv_matrix_choose(context, step, tile, &choice);
}

static enum rv_status record_matrix(const struct rv_op_context *context, const struct rv_step *step,
                                    uint32_t tile) {
    struct rv_conv_matrix choice;
    if (!rv_conv_matrix_choose(context, step, tile, &choice))
        return rv_fail(RV_ERR_USAGE, "%s: not a convolution for matrix units", step->label);
    struct rv_conv_push push = make_push(context, step);
    struct rv_op_dispatch d;
    begin(context, step, choice.shader,
          choice.workgroup ? RV_CONV_SPEC_WORKGROUP_COUNT : RV_CONV_SPEC_MATRIX_COUNT, &push, false,
          &d);
    d.spec[RV_CONV_SPEC_TILE] = choice.tile;
    if (choice.workgroup) {
        d.spec[RV_CONV_SPEC_TILE_WIDTH] = choice.width;
    } else {
        d.spec[RV_CONV_SPEC_M] = choice.m;
        d.spec[RV_CONV_SPEC_N] = choice.n;
        d.spec[RV_CONV_SPEC_K] = choice.k;
        d.spec[RV_CONV_SPEC_SUBGROUPS] = choice.subgroups;
        d.spec[RV_CONV_SPEC_ACROSS] = choice.across;
    }
    return rv_op_dispatch(context->recorder, &d, choice.groups,
                          rv_op_groups(step->conv.channels, choice.channels),
                          step->conv.parity ? 4 : 1);
}

// Shared memory of conv_gemm: 16 rows of pixels (and 4 floats of padding) and of channels.
static uint32_t shared_bytes(uint32_t narrow) {
    return 16 * 4 * (narrow ? 128 + 4 + 32 : 64 + 4 + 64);
}

static bool fits_gemm(const struct rv_op_context *context, const struct rv_step *step,
                      uint32_t narrow) {
    (void)step;
    const struct rv_limits *limits = &context->recorder->device->limits;
    return limits->profile != RV_PROFILE_CPU && shared_bytes(narrow) <= limits->shared_bytes;
}

static enum rv_status record_gemm(const struct rv_op_context *context, const struct rv_step *step,
                                  uint32_t narrow) {
    const struct rv_plan_conv *conv = &step->conv;
    const char *shader = conv->image      ? "conv_gemm_image"
                         : conv->backward ? "conv_gemm_backward"
                                          : "conv_gemm_forward";
    struct rv_conv_push push = make_push(context, step);
    struct rv_op_dispatch d;
    begin(context, step, shader, RV_CONV_SPEC_COUNT, &push, false, &d);
    d.spec[RV_CONV_SPEC_TILE] = narrow;
    return dispatch(context, step, narrow ? 128 : 64, narrow ? 32 : 64, &d);
}

static bool fits_cpu(const struct rv_op_context *context, const struct rv_step *step,
                     uint32_t tile) {
    (void)step;
    (void)tile;
    return context->recorder->device->limits.profile == RV_PROFILE_CPU;
}

static enum rv_status record_cpu(const struct rv_op_context *context, const struct rv_step *step,
                                 uint32_t tile) {
    (void)tile;
    const struct rv_plan_conv *conv = &step->conv;
    const char *shader = conv->image      ? "conv_cpu_image"
                         : conv->backward ? "conv_cpu_backward"
                                          : "conv_cpu_forward";
    struct rv_conv_push push = make_push(context, step);
    struct rv_op_dispatch d;
    begin(context, step, shader, RV_CONV_SPEC_COUNT, &push, true, &d);
    return dispatch(context, step, 256, 8, &d);
}

static bool fits_units(const struct rv_op_context *context, const struct rv_step *step,
                       uint32_t tile) {
    (void)tile;
    return rv_conv_units_fit(context, step);
}

static enum rv_status record_units(const struct rv_op_context *context, const struct rv_step *step,
                                   uint32_t tile) {
    (void)tile;
    struct rv_conv_push push = make_push(context, step);
    return rv_conv_units(context, step, &push);
}

enum {
    CPU,
    UNITS,
    GEMM,
    GEMM_NARROW,
    MATRIX
}; // rows; of MATRIX and the following the tile is the offset

const struct rv_conv_kernel rv_conv_kernels[RV_CONV_KERNELS] = {
    [CPU] = {"cpu", RV_CONV_SUMS_CPU, 0, fits_cpu, record_cpu},
    [UNITS] = {"cpu units", RV_CONV_SUMS_UNITS, 0, fits_units, record_units},
    [GEMM] = {"gemm 64x64", RV_CONV_SUMS_GEMM, 0, fits_gemm, record_gemm},
    [GEMM_NARROW] = {"gemm 128x32", RV_CONV_SUMS_GEMM, 1, fits_gemm, record_gemm},
    [MATRIX] = {"matrix 128x64", RV_CONV_SUMS_MATRIX, 0, fits_matrix, record_matrix},
    {"matrix 128x32", RV_CONV_SUMS_MATRIX, RV_CONV_TILE_FEW_CHANNELS, fits_matrix, record_matrix},
    {"matrix 64x64", RV_CONV_SUMS_MATRIX, RV_CONV_TILE_FEW_PIXELS, fits_matrix, record_matrix},
    {"matrix 64x32", RV_CONV_SUMS_MATRIX, RV_CONV_TILE_FEW_PIXELS | RV_CONV_TILE_FEW_CHANNELS,
     fits_matrix, record_matrix},
};
_Static_assert(MATRIX + RV_CONV_TILE_COUNT == RV_CONV_KERNELS, "a row for every tile");

uint32_t rv_conv_shipped(const struct rv_op_context *context, const struct rv_step *step) {
    uint32_t channels = step->conv.channels, tile = rv_conv_matrix_best(context, step);
    if (context->recorder->device->limits.profile == RV_PROFILE_CPU)
        return rv_conv_units_fit(context, step) ? UNITS : CPU;
    if (fits_matrix(context, step, tile))
        return MATRIX + tile;
    // The narrow tile where a 64-channel one would leave more channels unused.
    return (channels + 31) / 32 * 32 < (channels + 63) / 64 * 64 ? GEMM_NARROW : GEMM;
}

uint32_t rv_conv_candidates(const struct rv_op_context *context, const struct rv_step *step,
                            uint32_t rows[RV_CONV_KERNELS]) {
    uint32_t shipped = rv_conv_shipped(context, step), count = 0;
    const struct rv_conv_kernel *first = &rv_conv_kernels[shipped];
    if (!first->fits(context, step, first->tile))
        return 0;
    rows[count++] = shipped;
    for (uint32_t i = 0; i < RV_CONV_KERNELS; i++) {
        const struct rv_conv_kernel *kernel = &rv_conv_kernels[i];
        if (i != shipped && kernel->sums == first->sums &&
            kernel->fits(context, step, kernel->tile))
            rows[count++] = i;
    }
    return count;
}

enum rv_status rv_op_conv(const struct rv_op_context *context, const struct rv_step *step) {
    const struct rv_limits *limits = &context->recorder->device->limits;
    uint32_t row = context->kernel ? context->kernel - 1 : rv_tuning_choose(context, step);
    const struct rv_conv_kernel *kernel = &rv_conv_kernels[row];
    if (!kernel->fits(context, step, kernel->tile))
        return rv_fail(RV_ERR_NO_DEVICE,
                       "%s: the kernel \"%s\" needs more than the device's %u "
                       "bytes of shared memory",
                       step->label, kernel->name, limits->shared_bytes);
    return kernel->record(context, step, kernel->tile);
}
