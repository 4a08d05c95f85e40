#include "ops/conv_matrix.h"

#include "layout/conv.h"

#define INVOCATIONS 128 // of a workgroup

static uint32_t tile_pixels(uint32_t tile) {
    return tile & RV_CONV_TILE_FEW_PIXELS ? 64 : 128;
}

static uint32_t tile_channels(uint32_t tile) {
    return tile & RV_CONV_TILE_FEW_CHANNELS ? 32 : 64;
}

// Of conv_coopmat: two stages, or the sums of 32 channels on their way out.
static uint32_t shared_bytes(uint32_t tile) {
    uint32_t pixels = tile_pixels(tile), channels = tile_channels(tile);
    uint32_t stages = 2 * (pixels * 5 + 32 * (channels / 8 + 1)), out = pixels * 9;
    return 16 * (stages > out ? stages : out);
}

// Work an invocation does for nothing, and what small tiles lose by loading more for each product.
// A device of the largest kind has some 130 processors: below two workgroups for each, part of it
// idles.
static double cost(uint32_t tile, uint64_t pixels, uint32_t channels, uint32_t parities) {
    static const double gain[RV_CONV_TILE_COUNT] = {
        [0] = 1,
        [RV_CONV_TILE_FEW_CHANNELS] = 0.8,
        [RV_CONV_TILE_FEW_PIXELS] = 0.85,
        [RV_CONV_TILE_FEW_PIXELS | RV_CONV_TILE_FEW_CHANNELS] = 0.65};
    double groups = (double)rv_op_groups(pixels, tile_pixels(tile)) *
                    rv_op_groups(channels, tile_channels(tile));
    double area = groups * tile_pixels(tile) * tile_channels(tile), enough = 264;
    double busy = groups * parities < enough ? groups * parities / enough : 1;
    return area / (gain[tile] * busy);
}

static uint32_t best_tile(const struct rv_limits *limits, const struct rv_plan_conv *conv) {
    uint64_t pixels = (uint64_t)conv->grid_height * conv->grid_width;
    uint32_t parities = conv->parity ? 4 : 1, best = RV_CONV_TILE_COUNT - 1; // the smallest
    for (uint32_t tile = 0; tile < RV_CONV_TILE_COUNT; tile++)
        if (shared_bytes(tile) <= limits->shared_bytes &&
            cost(tile, pixels, conv->channels, parities) <
                cost(best, pixels, conv->channels, parities))
            best = tile;
    return best;
}

// The subgroups' places: as square as can be, since a product of r x c matrices loads r + c of
// them.
static uint32_t across(const struct rv_conv_matrix *choice) {
    uint32_t best = 0, least = UINT32_MAX;
    for (uint32_t a = 1; a <= choice->subgroups; a *= 2) {
        uint32_t down = choice->subgroups / a;
        if (choice->pixels % (down * choice->m) || choice->channels % (a * choice->n))
            continue;
        uint32_t loads = choice->pixels / (down * choice->m) + choice->channels / (a * choice->n);
        if (loads < least) {
            least = loads;
            best = a;
        }
    }
    return best;
}

bool rv_conv_matrix_choose(const struct rv_op_context *context, const struct rv_step *step,
                           struct rv_conv_matrix *choice) {
    const struct rv_limits *limits = &context->recorder->device->limits;
    const struct rv_plan_conv *conv = &step->conv;
    bool first = limits->profile == RV_PROFILE_COOPMAT;
    if (!(first || limits->profile == RV_PROFILE_COOPMAT2) || !context->plan->fp16 || conv->image ||
        conv->wrap)
        return false;
    uint32_t tile = context->matrix_tile ? context->matrix_tile - 1 : best_tile(limits, conv);
    *choice = (struct rv_conv_matrix){.shader = conv->backward ? "conv_coopmat_backward"
                                                               : "conv_coopmat_forward",
                                      .tile = tile,
                                      .pixels = tile_pixels(tile),
                                      .channels = tile_channels(tile),
                                      .m = limits->matrices.m,
                                      .n = limits->matrices.n,
                                      .k = limits->matrices.k,
                                      .subgroups = INVOCATIONS / limits->matrices.subgroup};
    choice->across = across(choice);
    return choice->across && shared_bytes(tile) <= limits->shared_bytes;
}
