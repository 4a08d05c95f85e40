#include "formats/weights_fixtures.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "formats/inception_file.h"

static char folder[] = "/tmp/reverie weights test XXXXXX";

void fixture_enter(void) {
    cr_assert(mkdtemp(folder) && chdir(folder) == 0);
}

void fixture_leave(void) {
    cr_assert(chdir("/") == 0);
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    cr_assert_eq(system(command), 0);
}

void fixture_write(const char *path, const void *data, size_t size) {
    FILE *stream = fopen(path, "wb");
    cr_assert(stream && fwrite(data, 1, size, stream) == size && fclose(stream) == 0, "%s", path);
}

char *fixture_read(const char *path, size_t *size) {
    FILE *stream = fopen(path, "rb");
    cr_assert(stream, "%s", path);
    cr_assert(fseek(stream, 0, SEEK_END) == 0);
    *size = (size_t)ftell(stream);
    rewind(stream);
    char *data = calloc(1, *size + 1);
    cr_assert_eq(fread(data, 1, *size, stream), *size);
    fclose(stream);
    return data;
}

void fixture_copy(const char *from, const char *to) {
    size_t size;
    char *data = fixture_read(from, &size);
    fixture_write(to, data, size);
    free(data);
}

char *fixture_replace(const char *text, const char *after, const char *from, const char *to) {
    const char *start = after ? strstr(text, after) : text;
    const char *at = start ? strstr(start, from) : NULL;
    cr_assert(at, "the fixture has no %s after %s", from, after ? after : "its start");
    const size_t size = strlen(text) + strlen(to) + 1, before = (size_t)(at - text);
    char *changed = malloc(size);
    snprintf(changed, size, "%.*s%s%s", (int)before, text, to, at + strlen(from));
    return changed;
}

void fixture_expect(const char *name, enum rv_status status, enum rv_status expected,
                    const char *text) {
    const char *said = status == RV_OK ? "" : rv_error_text();
    cr_expect(status == expected && strstr(said, text) && !strchr(said, '\n'),
              "%s: got status %d \"%s\", expected %d \"%s\"", name, (int)status, said,
              (int)expected, text);
}

void fixture_raw(uint64_t seed, uint32_t conv_count, struct rv_raw_weights *raw) {
    static const enum rv_part parts[] = {RV_KERNEL, RV_BETA, RV_MEAN, RV_VARIANCE};
    cr_assert_eq(rv_raw_weights_init(raw, conv_count, false), RV_OK);
    for (uint32_t i = 0; i < conv_count; i++)
        for (uint64_t k = 0; k < 4; k++) {
            const double fan_in = rv_convs[i].in * rv_convs[i].height * rv_convs[i].width;
            for (size_t e = 0; e < rv_part_count(i, parts[k]); e++) {
                const double u = rv_hash_uniform(seed, ((i * 4 + k) << 32) + e);
                raw->parts[i][parts[k]][e] = (float)(k == 3   ? 0.5 + u
                                                     : k == 0 ? (2 * u - 1) * sqrt(6 / fan_in)
                                                              : (2 * u - 1) * 0.1);
            }
        }
}

void fixture_stem(const char *path, const struct rv_raw_weights *raw) {
    const struct rv_metadata metadata[] = {
        {"format", RV_INCEPTION_FORMAT},
        {"depth", "stem"},
        {"avgpool", "exclude_padding"},
    };
    struct rv_tensor_source tensors[32] = {
        {"spare32", RV_DTYPE_F32, 1, {32}, raw->storage},
        {"spare64", RV_DTYPE_F32, 1, {64}, raw->storage},
        {"spare192", RV_DTYPE_F32, 1, {192}, raw->storage},
    };
    size_t count = 3;
    for (uint32_t i = 0; i < raw->conv_count; i++)
        for (int part = 0; part < RV_PART_COUNT; part++) {
            if (!raw->parts[i][part])
                continue;
            rv_part_name(i, part, tensors[count].name);
            tensors[count].rank = rv_part_shape(i, part, tensors[count].shape);
            tensors[count++].values = raw->parts[i][part];
        }
    char hash[65];
    cr_assert_eq(rv_safetensors_write(path, tensors, count, metadata, 3, hash), RV_OK, "%s",
                 rv_error_text());
}

bool fixture_equal(const rv_weights *a, const rv_weights *b) {
    if (a->conv_count != b->conv_count)
        return false;
    for (uint32_t i = 0; i < a->conv_count; i++) {
        const size_t out = rv_convs[i].out * sizeof(float);
        if (memcmp(a->conv[i].kernel, b->conv[i].kernel, rv_part_count(i, RV_KERNEL) * 4) != 0 ||
            memcmp(a->conv[i].bias, b->conv[i].bias, out) != 0 ||
            memcmp(a->conv[i].scale, b->conv[i].scale, out) != 0)
            return false;
    }
    return true;
}

// ------------------------------------------------------------------------------------------------
// The npm package

#define TFJS_CONVS 50

static const char *const variables[] = {"kernel", "beta", "moving_mean", "moving_variance"};
static const double scales[] = {0.015625, 0.001, 0.002, 0.003}, mins[] = {-2, -0.1, -0.2, 0.01};

static uint8_t quantised(uint32_t i, int v, size_t e) {
    return (uint8_t)rv_hash(77, ((uint64_t)(i * 4 + (uint32_t)v) << 32) + e);
}

float fixture_tfjs_value(uint32_t i, int v, size_t e) {
    return (float)(quantised(i, v, e) * scales[v] + mins[v]);
}

struct text {
    char *data;
    size_t size, capacity;
};

static void add(struct text *text, const char *format, ...) {
    if (text->size + 1024 > text->capacity) {
        text->capacity = text->capacity * 2 + 65536;
        text->data = realloc(text->data, text->capacity);
    }
    va_list arguments;
    va_start(arguments, format);
    text->size += (size_t)vsnprintf(text->data + text->size, 1024, format, arguments);
    va_end(arguments);
}

static void add_layers(struct text *text) {
    for (uint32_t i = 0; i < TFJS_CONVS; i++) {
        const struct rv_conv_info *c = &rv_convs[i];
        add(text,
            "{name:\"conv2d_%u\",class_name:\"Conv2D\",config:{name:\"conv2d_%u\",trainable:!1,"
            "filters:%u,kernel_size:[%u,%u],strides:[%u,%u],padding:\"%s\","
            "data_format:\"channels_last\",dilation_rate:[1,1],activation:\"linear\",use_bias:!1},"
            "inbound_nodes:[[[\"x\",0,0,{}]]]},",
            i + 1, i + 1, c->out, c->height, c->width, c->stride, c->stride,
            c->same ? "same" : "valid");
        add(text,
            "{name:\"batch_normalization_%u\",class_name:\"BatchNormalization\",config:{"
            "trainable:!1,axis:3,epsilon:.001,center:!0,scale:!1},"
            "inbound_nodes:[[[\"conv2d_%u\",0,0,{}]]]},",
            i + 1, i + 1);
    }
    add(text, "{name:'mixed5',class_name:'Concatenate',config:{trainable:!1,axis:3}}");
}

// The real file lists batch normalisation first; names sort as texts there, which readers must not
// rely on.
static size_t add_manifest(struct text *text) {
    size_t total = 3;
    add(text, "{name:\"dense_1/bias\",shape:[3],dtype:\"float32\","
              "quantization:{min:-1,scale:1e-3,dtype:\"uint8\"}}");
    for (uint32_t i = TFJS_CONVS; i-- > 0;) {
        const struct rv_conv_info *c = &rv_convs[i];
        for (int v = 3; v >= 0; v--) {
            add(text, ",{name:\"%s_%u/%s\",shape:[", v ? "batch_normalization" : "conv2d", i + 1,
                variables[v]);
            if (v == 0)
                add(text, "%u,%u,%u,", c->height, c->width, c->in);
            add(text, "%u],dtype:\"float32\",quantization:{min:%g,scale:%g,dtype:\"uint8\"}}",
                c->out, mins[v], scales[v]);
            total += rv_part_count(i, v ? RV_BETA : RV_KERNEL);
        }
    }
    return total;
}

static void write_shard(const char *path, const uint8_t *data, size_t size) {
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    FILE *stream = fopen(path, "wb");
    cr_assert(stream);
    fputs("!function(d){module.exports=d()}({1:[function(d,h,Z){h.exports=\"", stream);
    for (size_t i = 0; i < size; i += 3) {
        const uint32_t bits = (uint32_t)data[i] << 16 | (i + 1 < size ? data[i + 1] : 0u) << 8 |
                              (i + 2 < size ? data[i + 2] : 0u);
        for (int k = 0; k < 4; k++)
            fputc(i + (size_t)k > size ? '=' : alphabet[bits >> (18 - 6 * k) & 63], stream);
    }
    fputs("\"},{}]},{},[1])(1)});", stream);
    cr_assert_eq(fclose(stream), 0);
}

void fixture_tfjs(void) {
    cr_assert_eq(mkdir("package", 0777), 0);
    struct text text = {0};
    add(&text, "!function(a){\"object\"==typeof exports?module.exports=a():0}({1:[function(a,n,i){"
               "n.exports={modelTopology:{keras_version:\"2.2.4\",'it\\'s':'a \"text\"',n:[5.,-.5,"
               "1e3,null,true,!0],model_config:{class_name:\"Model\",config:{layers:[");
    add_layers(&text);
    add(&text, "]}}},weightsManifest:[{paths:[\"part-1of2\",\"part-2of2\"],weights:[");
    const size_t total = add_manifest(&text);
    add(&text, "]}]}},{}]},{},[1])(1)});");
    fixture_write("package/model.min.js", text.data, text.size);
    free(text.data);

    uint8_t *data = calloc(total, 1);
    size_t at = 3;
    for (uint32_t i = TFJS_CONVS; i-- > 0;)
        for (int v = 3; v >= 0; v--)
            for (size_t e = 0; e < rv_part_count(i, v ? RV_BETA : RV_KERNEL); e++)
                data[at++] = quantised(i, v, e);
    const size_t half = total / 2; // in the middle of a tensor
    write_shard("package/part-1of2.min.js", data, half);
    write_shard("package/part-2of2.min.js", data + half, total - half);
    free(data);
}
