// What the planner refuses, and that what it accepts fits its arrays.
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dream/objective.h"
#include "net/plan.h"

#define LIST(array) (sizeof(array) / sizeof *(array))

Test(plan_limits, refused) {
    static const struct {
        const char *layers;
        uint32_t height, width, border;
        enum rv_status status;
        const char *says;
    } cases[] = {
        {"mixed0", 74, 75, 0, RV_ERR_INPUT, "75 x 74 is too small"},
        {"mixed0", 75, 74, 0, RV_ERR_INPUT, "74 x 75 is too small"},
        {"mixed0", 0, 0, 0, RV_ERR_INPUT, "too small"},
        {"mixed0", 75, 65536, 0, RV_ERR_INPUT, "too large"},
        {"mixed0", 75, 75, 3, RV_OK, ""}, // 7 x 7: one position is left
        {"mixed0", 75, 75, 4, RV_ERR_INPUT, "a border of 4"},
        {"mixed0", 75, 75, UINT32_MAX, RV_ERR_INPUT, "a border of"},
        {"mixed0", 75, 75, 1u << 31, RV_ERR_INPUT, "a border of"},
        {"mixed0,mixed10", 75, 300, 1, RV_ERR_INPUT, "mixed10 is"},
    };
    for (size_t i = 0; i < LIST(cases); i++) {
        struct rv_target targets[RV_TARGET_MAX];
        struct rv_plan_request request = {.height = cases[i].height,
                                          .width = cases[i].width,
                                          .targets = targets,
                                          .border = cases[i].border};
        struct rv_plan *plan;
        cr_assert_eq(rv_objective_parse(cases[i].layers, targets, &request.target_count), RV_OK);
        enum rv_status status = rv_plan_create(&request, &plan);
        cr_expect(status == cases[i].status && (plan == NULL) == (status != RV_OK),
                  "case %zu: status %d", i, (int)status);
        cr_expect(status == RV_OK || strstr(rv_error_text(), cases[i].says), "case %zu: %s", i,
                  rv_error_text());
        free(plan);
    }
}

// As many targets as may be, as deep as may be, each compared with what costs most steps.
Test(plan_limits, all_compared) {
    static const char *const names[] = {"mixed10", "mixed9", "mixed8", "mixed7"};
    struct rv_target targets[RV_PLAN_TARGET_MAX];
    struct rv_plan *plan;
    for (uint32_t i = 0; i < RV_PLAN_TARGET_MAX; i++)
        targets[i] = (struct rv_target){.layer = rv_layer_of(rv_layer_find(names[i % LIST(names)])),
                                        .channel = -1,
                                        .weight = 1,
                                        .kind = i % 3 == 0   ? RV_TARGET_GUIDE_PRODUCT
                                                : i % 3 == 1 ? RV_TARGET_STYLE
                                                             : RV_TARGET_CONTENT};
    struct rv_plan_request request = {
        .height = 75, .width = 75, .targets = targets, .target_count = RV_PLAN_TARGET_MAX};
    cr_assert_eq(rv_plan_create(&request, &plan), RV_OK, "%s", rv_error_text());
    fprintf(stderr, "%u steps, %u tensors\n", plan->step_count, plan->tensor_count);
    cr_expect(plan->step_count < RV_PLAN_STEP_MAX && plan->tensor_count < RV_PLAN_TENSOR_MAX);
    free(plan);
}

// Either targets or layers to keep, and not too many.
Test(plan_limits, misuse) {
    const struct rv_layer *layer = rv_layer_of(rv_layer_find("mixed0"));
    struct rv_target targets[RV_PLAN_TARGET_MAX + 1];
    const struct rv_layer *kept[65];
    const struct {
        const char *name;
        uint32_t targets, keep;
        enum rv_status status;
    } uses[] = {
        {"nothing", 0, 0, RV_ERR_USAGE},
        {"both", 1, 1, RV_ERR_USAGE},
        {"as many targets as may be", RV_PLAN_TARGET_MAX, 0, RV_OK},
        {"too many targets", RV_PLAN_TARGET_MAX + 1, 0, RV_ERR_USAGE},
        {"as many layers as may be", 0, 64, RV_OK},
        {"too many layers", 0, 65, RV_ERR_USAGE},
    };
    for (size_t i = 0; i < LIST(targets); i++)
        targets[i] = (struct rv_target){.layer = layer, .channel = -1, .weight = 1};
    for (size_t i = 0; i < LIST(kept); i++)
        kept[i] = layer;
    for (size_t i = 0; i < LIST(uses); i++) {
        struct rv_plan_request request = {.height = 75,
                                          .width = 75,
                                          .targets = targets,
                                          .target_count = uses[i].targets,
                                          .keep = kept,
                                          .keep_count = uses[i].keep};
        struct rv_plan *plan;
        cr_expect_eq(rv_plan_create(&request, &plan), uses[i].status, "%s: %s", uses[i].name,
                     rv_error_text());
        free(plan);
    }
}

// The arena beside what no placement could do without, which is kept for every plan; and what the
// issue of memory was about: 1024 x 1024 pixels down to mixed5 within 300 MB, all told.
Test(plan_limits, memory) {
    static const char *const layers[] = {
        "mixed0", "mixed1", "mixed2", "mixed3",  "mixed4",        "mixed5",         "mixed6",
        "mixed7", "mixed8", "mixed9", "mixed10", "mixed3,mixed5", "mixed0,mixed10", "conv2d_30"};
    static const uint32_t sizes[] = {256, 300, 512, 777, 1024, 1448, 2048};
    double worst = 0;
    for (size_t i = 0; i < LIST(layers) * LIST(sizes); i++) {
        const char *name = layers[i / LIST(sizes)];
        struct rv_target targets[RV_TARGET_MAX];
        struct rv_plan_request request = {
            .height = sizes[i % LIST(sizes)], .targets = targets, .objective = RV_OBJECTIVE_L2};
        struct rv_plan *plan;
        request.width = request.height + i % 5;
        cr_assert_eq(rv_objective_parse(name, targets, &request.target_count), RV_OK);
        cr_assert_eq(rv_plan_create(&request, &plan), RV_OK, "%s", rv_error_text());
        double times = (double)plan->arena_bytes / (double)plan->live_bytes;
        cr_expect(times >= 1 && times <= 1.25, "%s at %u: %.3f times the bound", name,
                  request.height, times);
        worst = times > worst ? times : worst;
        if (request.height == 1024 && strcmp(name, "mixed5") == 0) {
            uint64_t pictures = 4 * (uint64_t)request.width * request.height * 16;
            uint64_t all = plan->arena_bytes + plan->weights_bytes + pictures;
            cr_expect(all <= 300000000, "%.1f MB at 1024", (double)all * 1e-6);
            fprintf(stderr, "1024: arena %.1f, weights %.1f, pictures %.1f MB\n",
                    (double)plan->arena_bytes * 1e-6, (double)plan->weights_bytes * 1e-6,
                    (double)pictures * 1e-6);
        }
        free(plan);
    }
    fprintf(stderr, "at most %.3f times the bound\n", worst);
}

// A tile's objective is the whole picture's: the same weight of every position, and a border that
// is too wide for the tile is not for the picture.
Test(plan_limits, tile) {
    struct rv_target targets[RV_TARGET_MAX];
    struct rv_plan_request request = {.height = 331, .width = 300, .targets = targets, .border = 5};
    struct rv_plan *plans[2];
    cr_assert_eq(rv_objective_parse("mixed3=3", targets, &request.target_count), RV_OK);
    cr_assert_eq(rv_plan_create(&request, &plans[0]), RV_OK, "%s", rv_error_text());
    request.whole_height = request.height;
    request.whole_width = request.width;
    request.height -= 6 * 32;
    request.width -= 5 * 32; // mixed3 is 7 x 7 there
    cr_assert_eq(rv_plan_create(&request, &plans[1]), RV_OK, "%s", rv_error_text());
    float constant[2] = {0, 0};
    for (uint32_t p = 0; p < 2; p++) {
        for (uint32_t i = 0; i < plans[p]->step_count; i++)
            if (plans[p]->steps[i].op == RV_OP_SEED)
                constant[p] = plans[p]->steps[i].seed.constant;
        free(plans[p]);
    }
    cr_expect(constant[0] > 0 && constant[0] == constant[1], "%g and %g", (double)constant[0],
              (double)constant[1]);
}

// The fullest plans there can be: as many layers as may be, each with a convolution of its own
// before ReLU, down to the deepest.
Test(plan_limits, capacity) {
    uint32_t count;
    const struct rv_layer_info *infos = rv_layers(&count);
    struct rv_target targets[RV_TARGET_MAX];
    const struct rv_layer *kept[64];
    struct rv_plan_request wanted[2] = {{.targets = targets}, {.keep = kept}};
    for (uint32_t i = count; i-- > 0;) { // from the deepest up
        const struct rv_layer *layer = rv_layer_of(&infos[i]);
        if (layer->kind != RV_LAYER_CONV)
            continue;
        if (wanted[0].target_count < LIST(targets))
            targets[wanted[0].target_count++] =
                (struct rv_target){.layer = layer, .channel = -1, .weight = 1};
        if (wanted[1].keep_count < LIST(kept))
            kept[wanted[1].keep_count++] = layer;
    }
    for (uint32_t i = 0; i < 2; i++) {
        struct rv_plan *plan;
        wanted[i].height = 107;
        wanted[i].width = 75;
        wanted[i].objective = RV_OBJECTIVE_L2;
        cr_assert_eq(rv_plan_create(&wanted[i], &plan), RV_OK, "%s", rv_error_text());
        fprintf(stderr, "%u steps, %u tensors\n", plan->step_count, plan->tensor_count);
        cr_expect(plan->step_count < RV_PLAN_STEP_MAX && plan->tensor_count < RV_PLAN_TENSOR_MAX,
                  "%u steps, %u tensors", plan->step_count, plan->tensor_count);
        free(plan);
    }
}
