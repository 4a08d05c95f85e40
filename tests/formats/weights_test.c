// The weights' own file: safetensors, half precision, what is found in a file, loading.
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/half.h"
#include "formats/import.h"
#include "formats/inception_file.h"
#include "formats/weights_fixtures.h"

Test(weights, half_precision_rounds_to_even) {
    // Every half is its own image; between neighbours the nearer one wins, the even one of two.
    for (uint32_t h = 0; h < 0x7c00; h++)
        for (uint32_t sign = 0; sign <= 0x8000; sign += 0x8000) {
            const float a = rv_half_to_float((uint16_t)(h | sign));
            const float b =
                h + 1 < 0x7c00 ? rv_half_to_float((uint16_t)((h + 1) | sign)) : copysignf(65536, a);
            const float middle = (float)(((double)a + b) / 2);
            const uint32_t even = (h & 1 ? h + 1 : h) | sign;
            const bool good = rv_half_from_float(a) == (h | sign) &&
                              rv_half_from_float(middle) == even &&
                              rv_half_from_float(nextafterf(middle, a)) == (h | sign) &&
                              rv_half_from_float(nextafterf(middle, b)) == ((h + 1) | sign);
            cr_assert(good, "half %04x (%g)", (unsigned)(h | sign), (double)a);
        }
    static const struct {
        float value;
        uint16_t half;
    } cases[] = {{0.0f, 0},        {-0.0f, 0x8000},      {1.0f, 0x3c00},   {-2.0f, 0xc000},
                 {65504, 0x7bff},  {65519, 0x7bff},      {65520, 0x7c00},  {1e30f, 0x7c00},
                 {-1e30f, 0xfc00}, {INFINITY, 0x7c00},   {0x1p-24f, 1},    {0x1p-25f, 0},
                 {0x1.8p-25f, 1},  {-0x1p-149f, 0x8000}, {0x1p-14f, 0x400}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_eq(rv_half_from_float(cases[i].value), cases[i].half, "%g gave %04x",
                     (double)cases[i].value, (unsigned)rv_half_from_float(cases[i].value));
    cr_expect(isnan(rv_half_to_float(rv_half_from_float(NAN))) && isnan(rv_half_to_float(0x7c01)) &&
              isinf(rv_half_to_float(0xfc00)));
}

// ------------------------------------------------------------------------------------------------
// The container

// Parses a file made of this header and that many bytes of data, exactly as long as it is.
static enum rv_status parse(const char *header, size_t data_size, struct rv_safetensors *file,
                            uint8_t **bytes) {
    const size_t length = strlen(header), size = 8 + length + data_size;
    *bytes = malloc(size);
    for (int i = 0; i < 8; i++)
        (*bytes)[i] = (uint8_t)((uint64_t)length >> 8 * i);
    memcpy(*bytes + 8, header, length);
    memset(*bytes + 8 + length, 0, data_size);
    return rv_safetensors_init(file, "t", *bytes, size);
}

Test(weights, safetensors_containers) {
    static const struct {
        const char *header;
        size_t data;
        const char *error; // NULL = fine
    } cases[] = {
        {"{}", 0, NULL},
        {"{\"__metadata__\":{\"a\":\"b\"}}   ", 0, NULL},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, NULL},
        {"{\"a\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[8,12]},"
         "\"b\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]},"
         "\"c\":{\"dtype\":\"F32\",\"shape\":[3,0],\"data_offsets\":[8,8]}}",
         12, NULL},
        {"", 0, "JSON is damaged"},
        {"{", 0, "JSON is damaged"},
        {"[]", 0, "not an object"},
        {"{}x", 0, "JSON is damaged"},
        {"{\"a\":\n\x01}", 0, "JSON is damaged"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
         "\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}",
         2, "duplicate"},
        {"{\"__metadata__\":1}", 0, "not an object"},
        {"{\"__metadata__\":{\"a\":1}}", 0, "not a text"},
        {"{\"a\":1}", 0, "no dtype"},
        {"{\"a\":{\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "no dtype"},
        {"{\"a\":{\"dtype\":\"F99\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "no dtype"},
        {"{\"a\\nb\":{\"dtype\":\"F99\"}}", 0, "tensor a?b has"},
        {"{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}}", 1, "no usable shape"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1.0],\"data_offsets\":[0,1]}}", 1, "no usable shape"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[-1],\"data_offsets\":[0,1]}}", 1, "no usable shape"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,1]}}", 1,
         "no usable shape"},
        {"{\"a\":{\"dtype\":\"F64\",\"shape\":[4294967295,4294967295,4294967295],"
         "\"data_offsets\":[0,8]}}",
         8, "no usable shape"},
        {"{\"a\":{\"dtype\":\"F64\",\"shape\":[4294967296],\"data_offsets\":[0,8]}}", 8,
         "no usable shape"},
        {"{\"a\":{\"dtype\":\"F64\",\"shape\":[99999999999999999999],\"data_offsets\":[0,8]}}", 8,
         "JSON is damaged"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1]}}", 1, "no usable data_offsets"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0]}}", 1, "no usable data_off"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[-1,0]}}", 1, "no usable data_o"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,0]}}", 1, "no usable data_of"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 7, "truncated"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,9223372036854775807]}}", 8,
         "truncated"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,7]}}", 8, "has 7 bytes"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 9, "1 bytes follow"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[1,9]}}", 9, "after a gap"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
         "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[2,6]}}",
         6, "tensor b begins at byte 2, before"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
         "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}",
         4, "before"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rv_safetensors file;
        uint8_t *bytes;
        const enum rv_status status = parse(cases[i].header, cases[i].data, &file, &bytes);
        if (cases[i].error)
            fixture_expect(cases[i].header, status, RV_ERR_WEIGHTS, cases[i].error);
        else
            cr_expect_eq(status, RV_OK, "%s: %s", cases[i].header, rv_error_text());
        if (status == RV_OK)
            rv_safetensors_finish(&file);
        free(bytes);
    }
}

Test(weights, safetensors_prefixes) {
    static const struct {
        uint8_t bytes[12];
        size_t size;
        const char *error;
    } cases[] = {
        {{0}, 0, "too few"},
        {{2, 0, 0, 0, 0, 0, 0}, 7, "too few"},
        {{0}, 8, "JSON is damaged"},
        {{2, 0, 0, 0, 0, 0, 0, 0, '{'}, 9, "truncated, or not"},
        {{255, 255, 255, 255, 255, 255, 255, 255, '{', '}'}, 10, "truncated, or not"},
        {{249, 255, 255, 255, 255, 255, 255, 255, '{', '}'}, 10, "truncated, or not"},
        {{2, 0, 0, 0, 0, 0, 0, 128, '{', '}'}, 10, "truncated, or not"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[32];
        snprintf(name, sizeof name, "prefix %zu", i);
        uint8_t *exact = malloc(cases[i].size ? cases[i].size : 1);
        memcpy(exact, cases[i].bytes, cases[i].size);
        struct rv_safetensors file;
        fixture_expect(name, rv_safetensors_init(&file, "t", exact, cases[i].size), RV_ERR_WEIGHTS,
                       cases[i].error);
        free(exact);
    }
    // A header that is there but larger than any of ours; one nested too deep.
    struct rv_safetensors file;
    uint8_t *bytes;
    char *header = malloc((2 << 20) + 1);
    memset(header, ' ', 2 << 20);
    header[2 << 20] = 0;
    fixture_expect("2 MB", parse(header, 0, &file, &bytes), RV_ERR_WEIGHTS, "at most 1048576");
    free(bytes);
    memset(header, '[', 1000);
    header[1000] = 0;
    fixture_expect("deep", parse(header, 0, &file, &bytes), RV_ERR_WEIGHTS, "nested deeper");
    free(bytes);
    free(header);
}

// ------------------------------------------------------------------------------------------------
// The network in a file

// A change to our own file of a random stem.
struct variant {
    const char *name;
    const char *from, *to; // in the header's text
    float poison;          // written over element 0 of the part of Conv2d_3b_1x1, if not 0
    enum rv_part part;
    const char *error; // NULL = loads
};

static const struct variant variants[] = {
    {.name = "as written"},
    {"not ours", "reverie-1", "reverie-0", 0, 0, "Mixed_5b.branch1x1.conv.weight is missing"},
    {"no avgpool", "\"avgpool\"", "\"averpol\"", 0, 0, "neither include_padding"},
    {"avgpool", "exclude_padding", "exclude_puddung", 0, 0, "neither include_padding"},
    {"depth", "\"depth\":\"stem\"", "\"depth\":\"mixd\"", 0, 0, "metadata state mixd"},
    {"no depth", "\"depth\"", "\"death\"", 0, 0, "holds weights up to stem"},
    {"no names", "Conv2d_", "conv2d_", 0, 0, "not InceptionV3's weights under"},
    {"no kernel", "3b_1x1.conv.w", "3b_1x1.conv.v", 0, 0, "Conv2d_3b_1x1.conv.weight is missing"},
    {"no beta", "2a_3x3.bn.bias", "2a_3x3.bn.beta", 0, 0, "Conv2d_2a_3x3.bn.bias is missing"},
    {"no mean", "2a_3x3.bn.running_mean", "2a_3x3.bn.runnyng_mean", 0, 0, "bn.running_mean is mis"},
    {"no variance", "4a_3x3.bn.running_var", "4a_3x3.bn.running_bar", 0, 0,
     "running_var is missing"},
    {"a gamma", "1a_3x3.bn.bias\"", "1a_3x3.bn.weight\"", 0, 0, "bn.bias is missing"},
    {"next block begun", "\"spare64\"", "\"Mixed_5b.branch1x1.bn.bias\"", 0, 0,
     "Mixed_5b.branch1x1.conv"},
    {"a later block", "\"spare192\"", "\"Mixed_7c.branch_pool.bn.bias\"", 0, 0,
     "Mixed_5b.branch1x1.conv"},
    {"one gamma", "\"spare32\"", "\"Conv2d_2a_3x3.bn.weight\"", 0, 0,
     "1a_3x3.bn.weight is missing"},
    {"type", "\"F32\",\"shape\":[32,3,3,3]", "\"I32\",\"shape\":[32,3,3,3]", 0, 0,
     "is I32; only F32"},
    {"order", "[80,64,1,1]", "[64,80,1,1]", 0, 0, "has the shape [64, 80, 1, 1]"},
    {"rank", "[192,80,3,3]", "[192,080,9]", 0, 0, "JSON is damaged"},
    {"rank", "[192,80,3,3]", "[192,80,  9]", 0, 0, "has the shape [192, 80, 9]"},
    {"NaN", NULL, NULL, NAN, RV_KERNEL, "conv.weight[0] is not a finite"},
    {"infinity", NULL, NULL, INFINITY, RV_BETA, "bn.bias[0] is not a finite"},
    {"infinity", NULL, NULL, -INFINITY, RV_MEAN, "bn.running_mean[0] is not a finite"},
    {"NaN", NULL, NULL, NAN, RV_VARIANCE, "bn.running_var[0] is not a finite"},
    {"negative", NULL, NULL, -1e-6f, RV_VARIANCE, "bn.running_var[0] is negative"},
    {"too large", NULL, NULL, 3e38f, RV_KERNEL, "folded kernel[0]"},
    {"too large", NULL, NULL, 3e38f, RV_MEAN, "folded bias[0]"},
};

// Writes the file again with `from` in its header replaced, everywhere if it is "Conv2d_".
static void change_header(const char *path, const char *from, const char *to) {
    size_t size;
    uint64_t length;
    char *file = fixture_read(path, &size);
    memcpy(&length, file, 8);
    const char *data = file + 8 + length;
    const size_t data_size = size - 8 - (size_t)length;
    char *header = calloc(1, (size_t)length + 1);
    memcpy(header, file + 8, (size_t)length);
    do {
        char *changed = fixture_replace(header, NULL, from, to);
        free(header);
        header = changed;
    } while (strcmp(from, "Conv2d_") == 0 && strstr(header, from));

    length = strlen(header);
    char *out = malloc(8 + (size_t)length + data_size);
    memcpy(out, &length, 8);
    memcpy(out + 8, header, (size_t)length);
    memcpy(out + 8 + length, data, data_size);
    fixture_write(path, out, 8 + (size_t)length + data_size);
    free(out);
    free(header);
    free(file);
}

Test(weights, the_network_in_a_file, .init = fixture_enter, .fini = fixture_leave) {
    struct rv_raw_weights raw;
    fixture_raw(5, 5, &raw);
    for (uint32_t i = 0; i < 5; i++)
        raw.parts[i][RV_VARIANCE][0] = 0; // a dead channel is no error
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
        const struct variant *v = &variants[i];
        float *poisoned = &raw.parts[3][v->part][0];
        const float kept = *poisoned;
        if (v->poison != 0)
            *poisoned = v->poison;
        fixture_stem("w", &raw);
        *poisoned = kept;
        if (v->from)
            change_header("w", v->from, v->to);
        rv_weights *weights;
        const enum rv_status status = rv_weights_load("w", &weights);
        if (v->error) {
            fixture_expect(v->name, status, RV_ERR_WEIGHTS, v->error);
            cr_expect_null(weights, "%s", v->name);
            fixture_expect(v->name, rv_verify_weights("w", NULL), RV_ERR_WEIGHTS, v->error);
        } else {
            cr_expect(status == RV_OK && weights->conv_count == 5, "%s: %s", v->name,
                      rv_error_text());
        }
        rv_weights_destroy(&weights);
    }

    // Cut short anywhere, or longer than it says.
    fixture_stem("w", &raw);
    size_t size;
    char *file = fixture_read("w", &size);
    for (size_t cut = 0; cut < size; cut += cut < 20 || cut + 20 > size ? 1 : 9973) {
        fixture_write("cut", file, cut);
        rv_weights *weights;
        cr_expect_eq(rv_weights_load("cut", &weights), RV_ERR_WEIGHTS, "cut at %zu", cut);
    }
    fixture_write("long", file, size + 1); // with the zero behind it
    rv_weights *weights;
    fixture_expect("longer", rv_weights_load("long", &weights), RV_ERR_WEIGHTS, "1 bytes follow");
    // One bit of one weight: loads, but is not what was written.
    file[size - 2] ^= 1;
    fixture_write("bit", file, size);
    fixture_expect("one bit", rv_verify_weights("bit", NULL), RV_ERR_WEIGHTS, "SHA-256 differs");
    free(file);
    rv_raw_weights_finish(&raw);
}

Test(weights, importing_our_own_file, .init = fixture_enter, .fini = fixture_leave) {
    struct rv_raw_weights raw;
    fixture_raw(6, 5, &raw);
    fixture_stem("w", &raw);
    struct rv_import_report report;
    struct rv_verify_report verified;
    rv_weights *a, *b;

    cr_assert_eq(rv_import_weights("w", "copy", false, &report), RV_OK, "%s", rv_error_text());
    cr_assert_eq(rv_weights_load("w", &a), RV_OK, "%s", rv_error_text());
    cr_assert_eq(rv_weights_load("copy", &b), RV_OK, "%s", rv_error_text());
    cr_expect(fixture_equal(a, b), "a copy differs");
    rv_weights_destroy(&a);
    rv_weights_destroy(&b);

    // fp16: each kernel value the nearest half, the rest unchanged; half the size.
    cr_assert_eq(rv_import_weights("w", "half", true, &report), RV_OK, "%s", rv_error_text());
    cr_assert_eq(rv_verify_weights("half", &verified), RV_OK, "%s", rv_error_text());
    cr_expect(report.fp16 && strcmp(verified.dtype, "F16") == 0);
    cr_expect_str_eq(verified.content_sha256, report.content_sha256);
    for (uint32_t i = 0; i < 5; i++)
        for (size_t e = 0; e < rv_part_count(i, RV_KERNEL); e++)
            raw.parts[i][RV_KERNEL][e] =
                rv_half_to_float(rv_half_from_float(raw.parts[i][RV_KERNEL][e]));
    fixture_stem("rounded", &raw);
    cr_assert_eq(rv_weights_load("rounded", &a), RV_OK, "%s", rv_error_text());
    cr_assert_eq(rv_weights_load("half", &b), RV_OK, "%s", rv_error_text());
    cr_expect(fixture_equal(a, b), "fp16 is not each value rounded");
    rv_weights_destroy(&a);
    rv_weights_destroy(&b);
    struct stat full, half;
    cr_assert(stat("copy", &full) == 0 && stat("half", &half) == 0);
    cr_expect_lt(half.st_size, full.st_size * 52 / 100);

    // What cannot be written leaves what stood there.
    raw.parts[2][RV_KERNEL][7] = 65520;
    fixture_stem("large", &raw);
    fixture_expect("beyond fp16", rv_import_weights("large", "half", true, NULL), RV_ERR_WEIGHTS,
                   "Conv2d_2b_3x3.conv.weight holds 65520, beyond the range of fp16");
    cr_expect_eq(rv_verify_weights("half", NULL), RV_OK, "a failed import damaged the old file");
    fixture_expect("no folder", rv_import_weights("w", "no/where", false, NULL), RV_ERR_IO,
                   "no/where");
    fixture_expect("full disk", rv_import_weights("w", "/dev/full", false, NULL), RV_ERR_IO,
                   "No space left");
    raw.parts[2][RV_KERNEL][7] = NAN;
    fixture_stem("nan", &raw);
    fixture_expect("NaN", rv_import_weights("nan", "out", false, NULL), RV_ERR_WEIGHTS,
                   "nan: Conv2d_2b_3x3.conv.weight[7] is not a finite number");
    cr_expect_neq(access("out", F_OK), 0, "a failed import wrote something");
    rv_raw_weights_finish(&raw);
}

// ------------------------------------------------------------------------------------------------
// Places, and weights in memory

Test(weights, default_places, .init = fixture_enter, .fini = fixture_leave) {
    char path[512], expected[512];
    cr_assert(mkdir("home", 0777) == 0 && mkdir("home/.local", 0777) == 0 &&
              mkdir("home/.local/share", 0777) == 0 &&
              mkdir("home/.local/share/reverie", 0777) == 0);
    setenv("REVERIE_WEIGHTS", "chosen", 1);
    rv_weights_default_path(path, sizeof path);
    cr_expect_str_eq(path, "chosen");
    rv_weights *weights;
    fixture_expect("missing", rv_weights_load(NULL, &weights), RV_ERR_WEIGHTS,
                   "chosen: no weights there: get them with `reverie weights fetch`");
    fixture_expect("a folder", rv_weights_load("home", &weights), RV_ERR_IO, "home: ");

    setenv("REVERIE_WEIGHTS", "", 1);
    setenv("XDG_DATA_HOME", "", 1);
    setenv("HOME", "home", 1);
    static const char user[] = "home/.local/share/reverie/inception_v3.safetensors";
    fixture_write(user, "x", 1);
    rv_weights_default_path(path, sizeof path);
    cr_expect_str_eq(path, user);
    fixture_expect("one byte", rv_weights_load(NULL, &weights), RV_ERR_WEIGHTS, "too few");

    setenv("XDG_DATA_HOME", "nowhere", 1);
    rv_weights_default_path(path, sizeof path);
    snprintf(expected, sizeof expected, "%s/../weights/inception_v3.safetensors", RV_TEST_FOLDER);
    char *real = realpath(expected, NULL), *found = realpath(path, NULL);
    if (real) // through the build folder's share/reverie
        cr_expect_str_eq(found, real);
    else
        cr_expect_str_eq(path, "nowhere/reverie/inception_v3.safetensors");
    free(real);
    free(found);
}

Test(weights, random_weights) {
    // By the definition in words: splitmix64's first outputs from the seed 0 are published.
    cr_expect_eq(rv_hash(0, 0), UINT64_C(0xE220A8397B1DCDAF));
    cr_expect_eq(rv_hash(0, 1), UINT64_C(0x6E789E6AA1B965F4));

    rv_weights *weights, *again, *folded;
    struct rv_raw_weights raw;
    cr_assert_eq(rv_weights_random(9, &weights), RV_OK);
    cr_assert_eq(rv_weights_random(9, &again), RV_OK);
    cr_expect(fixture_equal(weights, again), "the same seed, other weights");
    rv_weights_destroy(&again);
    cr_assert_eq(rv_weights_random(10, &again), RV_OK);
    cr_expect_not(fixture_equal(weights, again), "another seed, the same weights");

    // Folded against the formula, in another order of loops.
    fixture_raw(9, RV_CONV_COUNT, &raw);
    for (uint32_t i = 0; i < RV_CONV_COUNT; i++) {
        const struct rv_conv_info *c = &rv_convs[i];
        const size_t taps = (size_t)c->height * c->width;
        size_t wrong = 0;
        for (size_t o = 0; o < c->out; o++) {
            const double s = 1 / sqrt((double)raw.parts[i][RV_VARIANCE][o] + 0.001);
            wrong += weights->conv[i].scale[o] != (float)s;
            wrong += weights->conv[i].bias[o] !=
                     (float)(raw.parts[i][RV_BETA][o] - raw.parts[i][RV_MEAN][o] * s);
        }
        for (size_t t = 0; t < taps; t++)
            for (size_t n = 0; n < c->in; n++)
                for (size_t o = 0; o < c->out; o++) {
                    const double s = 1 / sqrt((double)raw.parts[i][RV_VARIANCE][o] + 0.001);
                    const float k = raw.parts[i][RV_KERNEL][(o * c->in + n) * taps + t];
                    wrong +=
                        weights->conv[i].kernel[(t * c->in + n) * c->out + o] != (float)(k * s);
                }
        cr_expect_eq(wrong, 0, "%s: %zu numbers differ", c->torchvision, wrong);
    }
    // A gamma scales, and is part of what conv2d_i is had back with.
    float gamma[32];
    for (int o = 0; o < 32; o++)
        gamma[o] = (float)o - 3;
    cr_assert_eq(rv_weights_create(5, true, &folded), RV_OK);
    float *const *p = raw.parts[0];
    cr_assert_eq(
        rv_weights_fold(folded, 0, p[RV_KERNEL], gamma, p[RV_BETA], p[RV_MEAN], p[RV_VARIANCE]),
        RV_OK);
    cr_expect_eq(folded->conv[0].scale[7], (float)(4 / sqrt((double)p[RV_VARIANCE][7] + 0.001)));
    fixture_expect("index", rv_weights_fold(folded, 5, p[0], NULL, p[2], p[3], p[4]), RV_ERR_USAGE,
                   "convolution 5 of 5");

    // How deep they reach.
    const struct rv_layer_info stem = {.block = 0}, mixed0 = {.block = 1}, mixed10 = {.block = 11};
    cr_expect_str_eq(rv_weights_depth(folded), "stem");
    cr_expect_str_eq(rv_weights_depth(weights), "mixed10");
    cr_expect_str_eq(rv_weights_depth_name(50), "mixed5");
    cr_expect(rv_weights_reach(folded, &stem) && !rv_weights_reach(folded, &mixed0) &&
              rv_weights_reach(weights, &mixed10));
    rv_raw_weights_finish(&raw);
    rv_weights_destroy(&folded);
    rv_weights_destroy(&weights);
    rv_weights_destroy(&again);
    rv_weights_destroy(&again); // nothing twice
    rv_weights_destroy(NULL);
}
