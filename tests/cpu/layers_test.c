// The names of layers, what is known about each, and the objective's syntax.
#include <criterion/criterion.h>
#include <string.h>

#include "dream/objective.h"
#include "net/trace.h"

Test(layers, names) {
    static const struct {
        const char *name, *keras, *torchvision;
        uint32_t channels, stride, block;
        enum rv_layer_kind kind;
        uint8_t index;
    } cases[] = {
        {"conv2d", "conv2d", "Conv2d_1a_3x3.conv", 32, 2, 0, RV_LAYER_CONV, 0},
        {"conv2d_0", "conv2d", "Conv2d_1a_3x3.conv", 32, 2, 0, RV_LAYER_CONV, 0},
        {"activation_0", "activation", "Conv2d_1a_3x3", 32, 2, 0, RV_LAYER_ACTIVATION, 0},
        {"max_pooling2d", "max_pooling2d", "maxpool1", 64, 4, 0, RV_LAYER_MAX_POOL, 0},
        {"maxpool2", "max_pooling2d_1", "maxpool2", 192, 8, 0, RV_LAYER_MAX_POOL, 1},
        {"conv2d_4", "conv2d_4", "Conv2d_4a_3x3.conv", 192, 4, 0, RV_LAYER_CONV, 4},
        {"Mixed_5b", "mixed0", "Mixed_5b", 256, 8, 1, RV_LAYER_BLOCK, 0},
        {"mixed2", "mixed2", "Mixed_5d", 288, 8, 3, RV_LAYER_BLOCK, 2},
        {"batch_normalization_26", "batch_normalization_26", "Mixed_6a.branch3x3.bn", 384, 16, 4,
         RV_LAYER_BATCH_NORM, 26},
        {"activation_27", "activation_27", "Mixed_6a.branch3x3dbl_1", 64, 8, 4, RV_LAYER_ACTIVATION,
         27},
        {"max_pooling2d_2", "max_pooling2d_2", "", 288, 16, 4, RV_LAYER_MAX_POOL, 2},
        {"mixed3", "mixed3", "Mixed_6a", 768, 16, 4, RV_LAYER_BLOCK, 3},
        {"Mixed_6e", "mixed7", "Mixed_6e", 768, 16, 8, RV_LAYER_BLOCK, 7},
        {"conv2d_74", "conv2d_74", "Mixed_7a.branch7x7x3_3.conv", 192, 16, 9, RV_LAYER_CONV, 74},
        {"max_pooling2d_3", "max_pooling2d_3", "", 768, 32, 9, RV_LAYER_MAX_POOL, 3},
        {"mixed8", "mixed8", "Mixed_7a", 1280, 32, 9, RV_LAYER_BLOCK, 8},
        {"mixed9_0", "mixed9_0", "", 768, 32, 10, RV_LAYER_CONCAT, 0},
        {"concatenate_0", "concatenate", "", 768, 32, 10, RV_LAYER_CONCAT, 1},
        {"concatenate_1", "concatenate_1", "", 768, 32, 11, RV_LAYER_CONCAT, 3},
        {"activation_93", "activation_93", "Mixed_7c.branch_pool", 192, 32, 11, RV_LAYER_ACTIVATION,
         93},
        {"mixed10", "mixed10", "Mixed_7c", 2048, 32, 11, RV_LAYER_BLOCK, 10},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct rv_layer_info *info = rv_layer_find(cases[i].name);
        cr_assert_not_null(info, "%s is not found", cases[i].name);
        cr_expect_str_eq(info->name, cases[i].keras, "%s", cases[i].name);
        cr_expect_str_eq(info->torchvision, cases[i].torchvision, "%s", cases[i].name);
        cr_expect_eq(info->channels, cases[i].channels, "%s: channels %u", cases[i].name,
                     info->channels);
        cr_expect_eq(info->stride, cases[i].stride, "%s: stride %u", cases[i].name, info->stride);
        cr_expect_eq(info->block, cases[i].block, "%s: block %u", cases[i].name, info->block);
        cr_expect_eq(info->is_block, cases[i].kind == RV_LAYER_BLOCK, "%s", cases[i].name);
        cr_expect_eq(rv_layer_of(info)->kind, cases[i].kind, "%s: kind", cases[i].name);
        cr_expect_eq(rv_layer_of(info)->index, cases[i].index, "%s: index", cases[i].name);
    }
    static const char *const absent[] = {"",         "mixed11",   "Mixed5",    "mixed5 ",
                                         "mixed0_0", "conv2d_94", "conv2d_00", "mixed9_0_0",
                                         "mixed9_2", "MIXED5"};
    for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++)
        cr_expect_null(rv_layer_find(absent[i]), "\"%s\" is found", absent[i]);
}

Test(layers, table) {
    uint32_t count, blocks = 0, block = 0;
    const struct rv_layer_info *layers = rv_layers(&count);
    cr_assert_eq(count, 3 * RV_CONV_COUNT + 4 + 4 + RV_BLOCK_COUNT);
    for (uint32_t i = 0; i < count; i++) {
        cr_expect_eq(rv_layer_find(layers[i].name), &layers[i], "%s", layers[i].name);
        if (*layers[i].torchvision)
            cr_expect_eq(rv_layer_find(layers[i].torchvision), &layers[i], "%s",
                         layers[i].torchvision);
        cr_expect(layers[i].block >= block, "%s is out of order", layers[i].name);
        block = layers[i].block;
        blocks += layers[i].is_block;
    }
    cr_expect_eq(blocks, RV_BLOCK_COUNT);
}

// By hand: a kernel of k widens the field by k - 1 positions of its input, each as many pixels as
// the strides before it multiply to. For the whole network that is 1311, the published figure
// (Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural Networks", Distill
// 2019).
Test(layers, receptive_fields) {
    static const struct {
        const char *name;
        uint32_t field;
    } cases[] = {
        {"conv2d", 3},           // stride 2
        {"conv2d_1", 7},         // 3 + 2 * 2
        {"conv2d_2", 11},        // + 2 * 2
        {"max_pooling2d", 15},   // + 2 * 2, stride 2
        {"conv2d_3", 15},        // 1 x 1
        {"activation_4", 23},    // + 2 * 4
        {"max_pooling2d_1", 31}, // + 2 * 4, stride 2
        {"activation_5", 31},    // mixed0's 1 x 1
        {"conv2d_7", 63},        // its 5 x 5: + 4 * 8
        {"conv2d_9", 47},        // + 2 * 8
        {"conv2d_10", 63},       // + 2 * 8
        {"conv2d_11", 47},       // behind an average pool: + 2 * 8
        {"mixed0", 63},
        {"mixed2", 127},          // two more such blocks
        {"max_pooling2d_2", 143}, // + 2 * 8
        {"mixed3", 159},          // + 2 * 8 + 2 * 8
        {"conv2d_32", 255},       // 1 x 7: + 6 * 16 along the longer side
        {"mixed4", 351},          // two of 7 along each side: + 12 * 16
        {"mixed7", 927},
        {"mixed8", 1055},   // + 6 * 16 + 2 * 16
        {"mixed9_0", 1119}, // + 2 * 32
        {"mixed9", 1183},   // + 2 * 32 + 2 * 32
        {"mixed10", 1311},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct rv_layer_info *info = rv_layer_find(cases[i].name);
        cr_expect_eq(info->receptive_field, cases[i].field, "%s: %u", cases[i].name,
                     info->receptive_field);
    }
}

// The same channel before its ReLU.
Test(layers, before_relu) {
    static const struct {
        const char *name;
        int32_t channel;
        const char *before; // NULL = there is none
        int32_t channel_before;
    } cases[] = {
        {"activation_3", 7, "batch_normalization_3", 7},
        {"mixed0", 0, "batch_normalization_5", 0},
        {"mixed0", 63, "batch_normalization_5", 63},
        {"mixed0", 64, "batch_normalization_7", 0},
        {"mixed0", 255, "batch_normalization_11", 31}, // behind the average pool
        {"mixed3", 383, "batch_normalization_26", 383},
        {"mixed3", 384, "batch_normalization_29", 0},
        {"mixed3", 480, "batch_normalization_19", 0}, // through the max-pool, to mixed2
        {"mixed3", 767, "batch_normalization_25", 63},
        {"max_pooling2d", 5, "batch_normalization_2", 5},
        {"mixed9_0", 384, "batch_normalization_79", 0},
        {"conv2d_3", 7, NULL, 7},
        {"batch_normalization_3", 7, NULL, 7},
        {"mixed0", -1, NULL, -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct rv_layer *layer = rv_layer_of(rv_layer_find(cases[i].name));
        struct rv_target target = {.layer = layer, .channel = cases[i].channel, .weight = 2};
        bool found = rv_trace_before_relu(&target);
        cr_expect_eq(found, cases[i].before != NULL, "%s:%d", cases[i].name, cases[i].channel);
        cr_expect_str_eq(target.layer->info.name, cases[i].before ? cases[i].before : cases[i].name,
                         "%s:%d", cases[i].name, cases[i].channel);
        cr_expect(target.channel == cases[i].channel_before && target.weight == 2, "%s:%d: %d",
                  cases[i].name, cases[i].channel, target.channel);
    }
}

Test(layers, nearest) {
    static const char *const cases[][2] = {
        {"mixd5", "mixed5"},
        {"Mixed5", "mixed5"},
        {"mixed_5b", "Mixed_5b"},
        {"conv2d_12345", "conv2d_12"},
        {"conv2_27", "conv2d_27"},
        {"mixed11", "mixed1"},
        {"actvation_93", "activation_93"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_expect_str_eq(rv_layer_nearest(cases[i][0]), cases[i][1], "%s gives %s", cases[i][0],
                         rv_layer_nearest(cases[i][0]));
    char text[2000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    cr_expect_not_null(rv_layer_find(rv_layer_nearest(text)));
}

Test(objective, parses) {
    struct rv_target targets[RV_TARGET_MAX];
    uint32_t count;
    cr_assert_eq(
        rv_objective_parse(" mixed3 , Mixed_6c=0.5,mixed4 : 77=-2e0, mixed4:78", targets, &count),
        RV_OK, "%s", rv_error_text());
    static const int32_t channels[] = {-1, -1, 77, 78};
    static const float weights[] = {1, 0.5f, -2, 1};
    static const char *const names[] = {"mixed3", "mixed5", "mixed4", "mixed4"};
    cr_assert_eq(count, 4);
    for (uint32_t i = 0; i < count; i++) {
        cr_expect_str_eq(targets[i].layer->info.name, names[i]);
        cr_expect_eq(targets[i].channel, channels[i], "%u", i);
        cr_expect_eq(targets[i].weight, weights[i], "%u", i);
    }
}

// Neurons, and objectives of their own: mean(...) and l2(...) with several layers and a weight.
Test(objective, parses_neurons_and_sums) {
    static const struct rv_target expected[] = {
        {.channel = -1, .weight = 1, .objective = RV_OBJECTIVE_MEAN},
        {.channel = 5,
         .weight = 1,
         .objective = RV_OBJECTIVE_L2,
         .neuron = true,
         .x = 0.5f,
         .y = 0.5f},
        {.channel = -1, .weight = -0.5f, .objective = RV_OBJECTIVE_L2},
        {.channel = -1, .weight = 2, .neuron = true, .x = 0.25f, .y = 1},
        {.channel = 7, .weight = -3, .neuron = true, .y = 0.125f}};
    struct rv_target targets[RV_TARGET_MAX];
    uint32_t count;
    cr_assert_eq(rv_objective_parse("mean(mixed3), l2(mixed4:5@centre=2, mixed5=-1)=0.5,"
                                    "mixed3@0.25/1=2,mixed4:7@0/.125=-3",
                                    targets, &count),
                 RV_OK, "%s", rv_error_text());
    cr_assert_eq(count, 5);
    for (uint32_t i = 0; i < count; i++) {
        const struct rv_target *a = &targets[i], *b = &expected[i];
        cr_expect(a->channel == b->channel && a->weight == b->weight && // NOLINT
                      a->objective == b->objective && a->neuron == b->neuron && a->x == b->x &&
                      a->y == b->y,
                  "%u: %d, %g, %d, %d at %g/%g", i, a->channel, (double)a->weight,
                  (int)a->objective, a->neuron, (double)a->x, (double)a->y);
    }
    cr_expect_eq(
        rv_objective_parse("mean(mixed3),l2(mixed3),mixed3@0/0,mixed3@0/1", targets, &count), RV_OK,
        "%s", rv_error_text());
}

Test(objective, errors) {
    static const char *const cases[][2] = {
        // text, what the message must contain
        {"", "name is missing"},
        {"mixed3,", "name is missing"},
        {",mixed3", "name is missing"},
        {"=2", "name is missing"},
        {"mixd3", "did you mean \"mixed3\""},
        {"mixed3=", "weight"},
        {"mixed3=0", "weight"},
        {"mixed3=nan", "weight"},
        {"mixed3=1e99", "weight"},
        {"mixed3=2x", "weight"},
        {"mixed3:", "channel"},
        {"mixed3:-1", "channel"},
        {"mixed3:+1", "channel"},
        {"mixed3:768", "from 0 to 767"},
        {"mixed3:99999999999999999999", "channel"},
        {"mixed3:1.5", "channel"},
        {"mixed3,Mixed_6a", "mixed3 is named twice"},
        {"mixed3:5=1,mixed3:5=2", "mixed3 is named twice"},
        {"mixed3:5=1:2=3", "there is no layer"},
        {"mixed3@", "position"},
        {"mixed3@0.5", "@0.5/0.25"},
        {"mixed3@0.5/", "position"},
        {"mixed3@0.5/1.1", "position"},
        {"mixed3@nan/0", "position"},
        {"mixed3@middle", "@centre"},
        {"mixed3:2@0/0,mixed3:2@0/0", "mixed3 is named twice"},
        {"max(mixed3)", "no objective \"max\""},
        {"mean(mixed3", "not closed"},
        {"mixed3)", "l2(mixed3,mixed4)"},
        {"mean(l2(mixed3))", "l2(mixed3,mixed4)"},
        {"mean(mixed3),l2(mean(mixed4))", "l2(mixed3,mixed4)"},
        {"mean(mixed3)2", "l2(mixed3,mixed4)"},
        {"mean(mixed3)=0", "weight"},
        {"mean()", "name is missing"},
        {"l2(mixed3,l2(mixed4))", "l2(mixed3,mixed4)"},
        {"predictions:207", "network's top"},
        {"logits", "importing leaves it out"},
        {"mixed3:0,mixed3:1,mixed3:2,mixed3:3,mixed3:4,mixed3:5,mixed3:6,mixed3:7,mixed3:8,"
         "mixed3:9,mixed3:10,mixed3:11,mixed3:12,mixed3:13,mixed3:14,mixed3:15,mixed3:16",
         "more than 16"},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
         "as long as"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rv_target targets[RV_TARGET_MAX];
        uint32_t count = 99;
        cr_expect_eq(rv_objective_parse(cases[i][0], targets, &count), RV_ERR_USAGE,
                     "\"%s\" is accepted", cases[i][0]);
        cr_expect_eq(count, 0, "\"%s\"", cases[i][0]);
        cr_expect_not_null(strstr(rv_error_text(), cases[i][1]), "\"%s\" gives: %s", cases[i][0],
                           rv_error_text());
    }
}
