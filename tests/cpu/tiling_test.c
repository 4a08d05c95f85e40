// Where tiles lie, and which are chosen.
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dream/objective.h"
#include "dream/tiling.h"

#define LIST(array) (sizeof(array) / sizeof *(array))

// Every pixel is owned by one tile, which reaches a halo further wherever the picture does.
static void check_axis(const struct rv_tiling_axis *axis, uint32_t size, uint32_t halo,
                       uint32_t wanted) {
    uint32_t next = 0;
    cr_assert(axis->size == size && axis->count >= 1 && axis->count <= (wanted ? wanted : 1));
    cr_assert(axis->tile <= size && (size - axis->tile) % 32 == 0, "%u of %u", axis->tile, size);
    for (uint32_t i = 0; i < axis->count; i++) {
        uint32_t origin = rv_tiling_origin(axis, i), end = origin + axis->tile, first, last;
        rv_tiling_own(axis, i, &first, &last);
        cr_assert(first == next && last > first, "tile %u of %u owns [%u, %u) after %u", i,
                  axis->count, first, last, next);
        cr_assert(origin % 32 == 0 && end <= size, "tile %u is [%u, %u) of %u", i, origin, end,
                  size);
        cr_assert(first == 0 ? origin == 0 : first % 32 == 0 && first >= origin + halo,
                  "tile %u begins at %u, owns from %u", i, origin, first);
        cr_assert(last == size ? end == size : last % 32 == 0 && last + halo <= end,
                  "tile %u ends at %u, owns to %u", i, end, last);
        next = last;
    }
    cr_assert_eq(next, size);
}

Test(tiling, axes) {
    static const uint32_t halo[] = {64, 128, 608};
    uint32_t cut = 0;
    for (size_t h = 0; h < LIST(halo); h++)
        for (uint32_t size = 75; size < 65536; size += 1 + size / 7) {
            uint32_t most = rv_tiling_most(size, halo[h]);
            for (uint32_t count = 0; count <= most + 2; count += 1 + count / 9) {
                struct rv_tiling_axis axis = rv_tiling_cut(size, halo[h], count);
                check_axis(&axis, size, halo[h], count);
                cut += axis.count > 1;
            }
            struct rv_tiling_axis finest = rv_tiling_cut(size, halo[h], most);
            cr_assert(finest.count == 1 || finest.core == 32);
        }
    cr_assert(cut > 1000, "only %u were cut at all", cut);
}

struct choice {
    struct rv_device device;
    struct rv_target targets[RV_TARGET_MAX];
    struct rv_plan_request request;
    struct rv_tiling_needs needs;
};

static void choice_of(struct choice *c, const char *layers) {
    memset(c, 0, sizeof *c);
    c->device.limits = (struct rv_limits){.group_count = 65535,
                                          .storage_range = UINT32_MAX,
                                          .texel_bytes = UINT32_MAX,
                                          .allocation_bytes = UINT64_C(1) << 40};
    c->request.targets = c->targets;
    c->needs = (struct rv_tiling_needs){&c->device, &c->request, UINT64_C(1) << 40};
    cr_assert_eq(rv_objective_parse(layers, c->targets, &c->request.target_count), RV_OK);
}

// Whatever is least keeps to the limit, and nearly uses it up; the less there is the more work.
Test(tiling, memory) {
    static const char *const layers[] = {"mixed0", "mixed3,mixed5"};
    struct rv_extent picture = {1733, 1201};
    for (size_t l = 0; l < LIST(layers); l++) {
        struct choice c;
        struct rv_tiling tiling;
        uint64_t least = 0, whole;
        double work;
        choice_of(&c, layers[l]);
        cr_assert_eq(rv_tiling_choose(&c.needs, picture, &tiling, &least), RV_OK);
        cr_assert(tiling.plan && rv_tiling_is_whole(&tiling), "%s", layers[l]);
        cr_expect_eq(tiling.plan->arena_bytes, tiling.arena_bytes);
        whole = tiling.arena_bytes;
        work = tiling.flops;
        rv_tiling_finish(&tiling);

        c.needs.arena_bytes = 1;
        cr_assert_eq(rv_tiling_choose(&c.needs, picture, &tiling, &least), RV_OK);
        cr_assert(!tiling.plan && least > 1000000 && least < whole / 2, "%s: at least %llu",
                  layers[l], (unsigned long long)least);
        for (uint64_t bytes = whole - 1; bytes >= least; bytes -= (bytes - least) / 7 + 1) {
            uint64_t unused = 0;
            c.needs.arena_bytes = bytes;
            cr_assert_eq(rv_tiling_choose(&c.needs, picture, &tiling, &unused), RV_OK);
            cr_assert(tiling.plan && !rv_tiling_is_whole(&tiling), "%s: %llu bytes", layers[l],
                      (unsigned long long)bytes);
            cr_expect(tiling.arena_bytes <= bytes, "%s: %llu of %llu bytes", layers[l],
                      (unsigned long long)tiling.arena_bytes, (unsigned long long)bytes);
            cr_expect(tiling.gradient_offset % 256 == 0 && tiling.picture_offset % 256 == 0);
            cr_expect(tiling.flops >= 0.98 * work, "%s: less work with less memory", layers[l]);
            work = tiling.flops;
            rv_tiling_finish(&tiling);
        }
        c.needs.arena_bytes = least - 1;
        uint64_t again = 0;
        cr_assert_eq(rv_tiling_choose(&c.needs, picture, &tiling, &again), RV_OK);
        cr_expect(!tiling.plan && again == least);
        rv_tiling_finish(&tiling);
    }
}

// Each limit of the device leads to tiles that keep it; one that no tile can keep is an error.
Test(tiling, limits) {
    struct rv_extent picture = {8192, 5461};
    struct choice c;
    uint64_t least;
    choice_of(&c, "mixed0");
    const struct rv_limits limits = c.device.limits;
    for (uint32_t i = 0; i < 5; i++) {
        struct rv_tiling tiling;
        c.device.limits = limits;
        c.device.limits.profile = i == 1 ? RV_PROFILE_CPU : RV_PROFILE_SCALAR;
        if (i == 0)
            c.device.limits.storage_range = 128 << 20;
        if (i == 1)
            c.device.limits.texel_bytes = 100 << 20;
        if (i == 2)
            c.device.limits.allocation_bytes = 1 << 30;
        if (i == 3)
            c.device.limits.group_count = 65535 / 4;
        if (i == 4)
            c.device.limits.storage_range = 100000;
        enum rv_status status = rv_tiling_choose(&c.needs, picture, &tiling, &least);
        if (i == 4) {
            cr_expect(status == RV_ERR_NO_MEMORY && !tiling.plan, "%s", rv_error_text());
            continue;
        }
        cr_assert(status == RV_OK && tiling.plan && !rv_tiling_is_whole(&tiling), "%u", i);
        fprintf(stderr, "limit %u: %u x %u tiles of %u x %u, %.2f times the work\n", i,
                tiling.x.count, tiling.y.count, tiling.x.tile, tiling.y.tile,
                (double)tiling.x.tile * tiling.x.count * tiling.y.tile * tiling.y.count / 8192 /
                    5461);
        cr_expect_eq(rv_op_check_plan(&c.device, tiling.plan), RV_OK, "%s", rv_error_text());
        cr_expect(tiling.arena_bytes <= c.device.limits.allocation_bytes);
        cr_expect(tiling.flops <
                      1.5 * tiling.plan->flops * 8192 * 5461 / tiling.x.tile / tiling.y.tile,
                  "%u: too much work", i);
        rv_tiling_finish(&tiling);
    }
}
