#include "net/layers.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "net/trace.h"

// Layers other than convolutions and blocks, each listed behind convolution `after`.
static const struct {
    const char *name, *torchvision;
    uint16_t channels;
    uint8_t after, stride;
    enum rv_layer_kind kind;
    uint8_t index;
} extras[] = {
    {"max_pooling2d", "maxpool1", 64, 2, 4, RV_LAYER_MAX_POOL, 0},
    {"max_pooling2d_1", "maxpool2", 192, 4, 8, RV_LAYER_MAX_POOL, 1},
    {"max_pooling2d_2", "", 288, 29, 16, RV_LAYER_MAX_POOL, 2},
    {"max_pooling2d_3", "", 768, 75, 32, RV_LAYER_MAX_POOL, 3},
    {"mixed9_0", "", 768, 79, 32, RV_LAYER_CONCAT, 0},
    {"concatenate", "", 768, 83, 32, RV_LAYER_CONCAT, 1},
    {"mixed9_1", "", 768, 88, 32, RV_LAYER_CONCAT, 2},
    {"concatenate_1", "", 768, 92, 32, RV_LAYER_CONCAT, 3},
};

#define EXTRA_COUNT (sizeof extras / sizeof extras[0])
#define LAYER_COUNT (3 * RV_CONV_COUNT + EXTRA_COUNT + RV_BLOCK_COUNT)
#define NAME_SIZE 40

// Built once from the network's table. The public array holds the same descriptions as `layers`.
static struct rv_layer layers[LAYER_COUNT];
static struct rv_layer_info infos[LAYER_COUNT];
static char names[LAYER_COUNT][2][NAME_SIZE];
static uint32_t layer_count;

// Picture pixels per position of a block's input: the stem and the blocks mixed3 and mixed8 shrink.
static uint32_t input_stride(uint32_t block) {
    return block <= 4 ? 8 : block <= 9 ? 16 : 32;
}

static uint32_t block_stride(uint32_t block) {
    return block < RV_BLOCK_COUNT ? input_stride(block + 1) : 32;
}

static uint32_t conv_stride(uint32_t conv) {
    if (rv_convs[conv].block == 0)
        return conv <= 2 ? 2 : 4;
    return input_stride(rv_convs[conv].block) * rv_convs[conv].stride;
}

// A block's channels are what the next block reads; mixed10 is as wide as mixed9.
static uint32_t block_channels(uint32_t block) {
    uint32_t next = block < RV_BLOCK_COUNT ? block : RV_BLOCK_COUNT - 1;
    return rv_convs[rv_convs_to_block[next]].in;
}

static struct rv_layer *add(enum rv_layer_kind kind, uint32_t index, uint32_t channels,
                            uint32_t stride, uint32_t block) {
    struct rv_layer *layer = &layers[layer_count];
    layer->kind = kind;
    layer->index = (uint8_t)index;
    layer->info.name = names[layer_count][0];
    layer->info.torchvision = names[layer_count][1];
    layer->info.channels = channels;
    layer->info.stride = stride;
    layer->info.block = block;
    layer->info.is_block = kind == RV_LAYER_BLOCK;
    layer_count++;
    return layer;
}

static void add_conv(uint32_t conv) {
    static const struct {
        enum rv_layer_kind kind;
        const char *keras, *torchvision;
    } parts[3] = {{RV_LAYER_CONV, "conv2d", ".conv"},
                  {RV_LAYER_BATCH_NORM, "batch_normalization", ".bn"},
                  {RV_LAYER_ACTIVATION, "activation", ""}};
    for (uint32_t part = 0; part < 3; part++) {
        char(*text)[NAME_SIZE] = names[layer_count];
        add(parts[part].kind, conv, rv_convs[conv].out, conv_stride(conv), rv_convs[conv].block);
        if (conv == 0)
            snprintf(text[0], NAME_SIZE, "%s", parts[part].keras);
        else
            snprintf(text[0], NAME_SIZE, "%s_%u", parts[part].keras, (unsigned)conv);
        snprintf(text[1], NAME_SIZE, "%s%s", rv_convs[conv].torchvision, parts[part].torchvision);
    }
}

static void add_block(uint32_t block) {
    char(*text)[NAME_SIZE] = names[layer_count];
    const char *first = rv_convs[rv_convs_to_block[block - 1]].torchvision;
    add(RV_LAYER_BLOCK, block - 1, block_channels(block), block_stride(block), block);
    snprintf(text[0], NAME_SIZE, "mixed%u", (unsigned)(block - 1));
    snprintf(text[1], NAME_SIZE, "%.*s", (int)strcspn(first, "."), first);
}

static void build(void) {
    for (uint32_t conv = 0; conv < RV_CONV_COUNT; conv++) {
        uint32_t block = rv_convs[conv].block;
        add_conv(conv);
        for (uint32_t i = 0; i < EXTRA_COUNT; i++) {
            if (extras[i].after != conv)
                continue;
            char(*text)[NAME_SIZE] = names[layer_count];
            add(extras[i].kind, extras[i].index, extras[i].channels, extras[i].stride, block);
            snprintf(text[0], NAME_SIZE, "%s", extras[i].name);
            snprintf(text[1], NAME_SIZE, "%s", extras[i].torchvision);
        }
        if (block > 0 && conv + 1u == rv_convs_to_block[block])
            add_block(block);
    }
    rv_trace_receptive_fields(layers, layer_count);
    for (uint32_t i = 0; i < layer_count; i++)
        infos[i] = layers[i].info;
}

static void build_once(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, build);
}

const struct rv_layer_info *rv_layers(uint32_t *count) {
    build_once();
    if (count)
        *count = layer_count;
    return infos;
}

static const struct rv_layer *find(const char *name) {
    build_once();
    for (uint32_t i = 0; *name && i < layer_count; i++) {
        const struct rv_layer_info *info = &layers[i].info;
        if (strcmp(name, info->name) == 0 || strcmp(name, info->torchvision) == 0)
            return &layers[i];
    }
    return NULL;
}

// Keras leaves the number off the first layer of a kind; "conv2d_0" is understood all the same.
static const struct rv_layer *find_numbered_zero(const char *name) {
    static const char *const kinds[] = {"conv2d_0", "batch_normalization_0", "activation_0",
                                        "max_pooling2d_0", "concatenate_0"};
    for (uint32_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(name, kinds[i]) == 0) {
            char plain[NAME_SIZE];
            snprintf(plain, sizeof plain, "%.*s", (int)strlen(name) - 2, name);
            return find(plain);
        }
    }
    return NULL;
}

const struct rv_layer_info *rv_layer_find(const char *name) {
    const struct rv_layer *layer = find(name);
    if (!layer)
        layer = find_numbered_zero(name);
    return layer ? &infos[layer - layers] : NULL;
}

const struct rv_layer *rv_layer_of(const struct rv_layer_info *info) {
    return find(info->name);
}

const char *rv_layer_nearest(const char *name) {
    const char *nearest = "";
    uint32_t least = UINT32_MAX;
    build_once();
    // Blocks are named most often, so between equals a block wins.
    for (int blocks = 1; blocks >= 0; blocks--) {
        for (uint32_t i = 0; i < layer_count; i++) {
            for (uint32_t side = 0; side < 2; side++) {
                const char *known = names[i][side];
                uint32_t distance = *known ? rv_edit_distance(name, known) : UINT32_MAX;
                if (layers[i].info.is_block == (blocks == 1) && distance < least) {
                    least = distance;
                    nearest = known;
                }
            }
        }
    }
    return nearest;
}
