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

// Of conv_coopmat2: the sums of 32 channels on their way out, and what the driver keeps.
static uint32_t shared_bytes_2(const struct rv_limits *limits, uint32_t tile) {
    return tile_pixels(tile) * 36 * 4 + limits->matrices.reserved;
}

// Whether conv_coopmat2 may take the grid for one row: every source is read in place, by one tap.
static bool is_flat(const struct rv_op_context *context, const struct rv_step *step) {
    const struct rv_plan_conv *conv = &step->conv;
    for (uint32_t i = 0; i < 2; i++) {
        const struct rv_plan_source *s = &conv->source[i];
        const struct rv_plan_access *access =
            rv_op_find(step, i ? RV_ROLE_SOURCE_B : RV_ROLE_SOURCE);
        if (!s->channels || !access)
            continue;
        const struct rv_plan_tensor *t = &context->plan->tensors[access->tensor];
        if (s->tap_height * s->tap_width != 1 || s->scale != 1 || s->origin_y || s->origin_x ||
            t->height != conv->grid_height || t->width != conv->grid_width)
            return false;
    }
    return !conv->parity;
}

static uint32_t boxes(const struct rv_plan_conv *conv, uint32_t pixels, uint32_t width) {
    return rv_op_groups(conv->grid_width, width) * rv_op_groups(conv->grid_height, pixels / width);
}

// Positions of a tile's row: what leaves the fewest tiles, of those the squarest.
static uint32_t box_width(const struct rv_plan_conv *conv, uint32_t pixels) {
    static const uint32_t widths[] = {16, 8, 32};
    uint32_t best = widths[0];
    for (uint32_t i = 1; i < 3; i++)
        if (boxes(conv, pixels, widths[i]) < boxes(conv, pixels, best))
            best = widths[i];
    return best;
}

// Work an invocation does for nothing, and what small tiles lose by loading more for each product.
// A device of the largest kind has some 130 processors: below two workgroups for each, part of it
// idles.
static double cost(const struct rv_conv_matrix *choice, const struct rv_plan_conv *conv) {
    static const double gain[RV_CONV_TILE_COUNT] = {
        [0] = 1,
        [RV_CONV_TILE_FEW_CHANNELS] = 0.8,
        [RV_CONV_TILE_FEW_PIXELS] = 0.85,
        [RV_CONV_TILE_FEW_PIXELS | RV_CONV_TILE_FEW_CHANNELS] = 0.65};
    double groups = (double)choice->groups * rv_op_groups(conv->channels, choice->channels);
    double area = groups * choice->pixels * choice->channels, enough = 264;
    double all = conv->parity ? 4 * groups : groups, busy = all < enough ? all / enough : 1;
    return area / (gain[choice->tile] * busy);
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

// The step in such tiles; false if the device cannot.
static bool cut(const struct rv_op_context *context, const struct rv_step *step, uint32_t tile,
                bool workgroup, struct rv_conv_matrix *choice) {
    const struct rv_limits *limits = &context->recorder->device->limits;
    const struct rv_plan_conv *conv = &step->conv;
    *choice = (struct rv_conv_matrix){
        .tile = tile, .pixels = tile_pixels(tile), .channels = tile_channels(tile)};
    choice->groups = rv_op_groups((uint64_t)conv->grid_height * conv->grid_width, choice->pixels);
    if (workgroup) {
        bool flat = is_flat(context, step);
        choice->shader = conv->backward ? "conv_coopmat2_backward" : "conv_coopmat2_forward";
        choice->workgroup = true;
        choice->width = flat ? choice->pixels : box_width(conv, choice->pixels);
        if (!flat)
            choice->groups = boxes(conv, choice->pixels, choice->width);
        return shared_bytes_2(limits, tile) <= limits->shared_bytes;
    }
    choice->shader = conv->backward ? "conv_coopmat_backward" : "conv_coopmat_forward";
    choice->m = limits->matrices.m;
    choice->n = limits->matrices.n;
    choice->k = limits->matrices.k;
    choice->subgroups = INVOCATIONS / limits->matrices.subgroup;
    choice->across = across(choice);
    return choice->across && shared_bytes(tile) <= limits->shared_bytes;
}

bool rv_conv_matrix_choose(const struct rv_op_context *context, const struct rv_step *step,
                           uint32_t tile, struct rv_conv_matrix *choice) {
    enum rv_profile profile = context->recorder->device->limits.profile;
    const struct rv_plan_conv *conv = &step->conv;
    bool workgroup = profile == RV_PROFILE_COOPMAT2;
    if (!(workgroup || profile == RV_PROFILE_COOPMAT) || !context->plan->fp16 || conv->image ||
        conv->wrap)
        return false;
    return cut(context, step, tile, workgroup, choice);
}

uint32_t rv_conv_matrix_best(const struct rv_op_context *context, const struct rv_step *step) {
    struct rv_conv_matrix choice = {0};
    bool found = false;
    for (uint32_t tile = 0; tile < RV_CONV_TILE_COUNT; tile++) {
        struct rv_conv_matrix other;
        if (!rv_conv_matrix_choose(context, step, tile, &other) ||
            (found && cost(&other, &step->conv) >= cost(&choice, &step->conv)))
            continue;
        choice = other;
        found = true;
    }
    return choice.tile;
}
