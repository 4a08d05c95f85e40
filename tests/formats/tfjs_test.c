// Importing the npm package's model: its wrapper, its topology, its shards.
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "formats/import.h"
#include "formats/js_module.h"
#include "formats/tfjs.h"
#include "formats/weights_fixtures.h"

Test(tfjs, object_literals_become_json) {
    static const struct {
        const char *text, *json;
    } good[] = {
        {"x.exports={}", "{}"},
        {"n.exports={a:!0,b:!1,c:null};f()", "{\"a\":true,\"b\":false,\"c\":null}"},
        {"n.exports={a:.5,b:-.5,c:5.,d:1e-3,e:-2}",
         "{\"a\":0.5,\"b\":-0.5,\"c\":5.0,\"d\":1e-3,\"e\":-2}"},
        {"n.exports={a:'it\\'s \"b\"',\"c\":\"}\\\"\"}",
         "{\"a\":\"it's \\\"b\\\"\",\"c\":\"}\\\"\"}"},
        {"n.exports={true:true,$_9:[[1,2],{}]}!", "{\"true\":true,\"$_9\":[[1,2],{}]}"},
        {"a.exports=b();n.exports={ \n}", "{ \n}"},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        char *json;
        size_t size;
        enum rv_status status =
            rv_js_module_object("t", good[i].text, strlen(good[i].text), &json, &size);
        cr_expect(status == RV_OK && size == strlen(good[i].json) &&
                      memcmp(json, good[i].json, size) == 0,
                  "%s gave %.*s", good[i].text, (int)size, json ? json : "");
        free(json);
    }
    static const struct {
        const char *text, *error;
    } bad[] = {
        {"", "exports no object"},
        {"n.exports=", "exports no object"},
        {"n.exports=\"x\"", "exports no object"},
        {"n.exports={", "truncated"},
        {"n.exports={a:[}", "truncated"}, // brackets are counted here, matched by the JSON parser
        {"n.exports={a:f()}", "not data"},
        {"n.exports={a:x}", "not data"},
        {"n.exports={a:1+1}", "not data"},
        {"n.exports={a:!2}", "not data"},
        {"n.exports={a:!01}", "not data"},
        {"n.exports={a:0x10}", "not data"},
        {"n.exports={a:.}", "not data"},
        {"n.exports={a:-}", "not data"},
        {"n.exports={a:1e}", "not data"},
        {"n.exports={a:`x`}", "not data"},
        {"n.exports={/**/}", "not data"},
        {"n.exports={a:\"x", "not data"},
        {"n.exports={a:\"x\\", "not data"},
        {"n.exports={a:1", "not data"},
        {"n.exports={a:!", "not data"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const size_t length = strlen(bad[i].text);
        char *json, *exact = malloc(length ? length : 1); // exact: the sanitizer sees an overrun
        memcpy(exact, bad[i].text, length);
        size_t size;
        fixture_expect(bad[i].text, rv_js_module_object("t", exact, length, &json, &size),
                       RV_ERR_WEIGHTS, bad[i].error);
        free(exact);
    }
}

Test(tfjs, base64) {
    static const struct {
        const char *text, *bytes, *error;
    } cases[] = {
        {"h.exports=\"\"", "", NULL},
        {"h.exports=\"Zg==\"", "f", NULL},
        {"h.exports=\"Zm8=\";", "fo", NULL},
        {"h.exports=\"Zm9v\"", "foo", NULL},
        {"h.exports=\"Zm9vYmE=\"", "fooba", NULL},
        {"h.exports=\"+/8A\"", "\xfb\xff\0", NULL},
        {"h.exports={}", NULL, "exports no text"},
        {"h.exports=\"Zm9v", NULL, "truncated"},
        {"h.exports=\"", NULL, "truncated"},
        {"h.exports=\"Zm9\"", NULL, "not base64"},
        {"h.exports=\"Z===\"", NULL, "not base64"},
        {"h.exports=\"Zg==Zg==\"", NULL, "not base64"},
        {"h.exports=\"Zm 9v\"", NULL, "not base64"},
        {"h.exports=\"Zm9-\"", NULL, "byte 14 is not base64"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t *bytes;
        size_t size;
        enum rv_status status =
            rv_js_module_base64("t", cases[i].text, strlen(cases[i].text), &bytes, &size);
        if (cases[i].error) {
            fixture_expect(cases[i].text, status, RV_ERR_WEIGHTS, cases[i].error);
            continue;
        }
        const size_t expected = i == 5 ? 3 : strlen(cases[i].bytes);
        cr_expect(status == RV_OK && size == expected && memcmp(bytes, cases[i].bytes, size) == 0,
                  "%s", cases[i].text);
        free(bytes);
    }
}

Test(tfjs, the_package_is_imported, .init = fixture_enter, .fini = fixture_leave) {
    fixture_tfjs();
    struct rv_raw_weights raw;
    cr_assert_eq(rv_tfjs_import("package", &raw), RV_OK, "%s", rv_error_text());
    cr_expect_eq(raw.conv_count, 50);
    cr_expect_not(raw.pool_counts_padding);
    cr_expect_str_eq(raw.source, "TensorFlow.js model package");
    for (uint32_t i = 0; i < raw.conv_count; i++) {
        const struct rv_conv_info *c = &rv_convs[i];
        size_t wrong = 0;
        for (uint32_t o = 0; o < c->out; o++) {
            wrong += raw.parts[i][RV_BETA][o] != fixture_tfjs_value(i, 1, o);
            wrong += raw.parts[i][RV_MEAN][o] != fixture_tfjs_value(i, 2, o);
            wrong += raw.parts[i][RV_VARIANCE][o] != fixture_tfjs_value(i, 3, o);
            for (uint32_t n = 0; n < c->in; n++)
                for (uint32_t t = 0; t < (uint32_t)c->height * c->width; t++)
                    wrong += raw.parts[i][RV_KERNEL][(o * c->in + n) * c->height * c->width + t] !=
                             fixture_tfjs_value(i, 0, (t * c->in + n) * c->out + o);
        }
        cr_expect(!raw.parts[i][RV_GAMMA] && wrong == 0, "%s: %zu numbers differ", c->torchvision,
                  wrong);
    }
    rv_raw_weights_finish(&raw);

    // The whole way, from the folder above and with a slash, as a shell completes it.
    struct rv_import_report report;
    struct rv_verify_report verified;
    cr_assert_eq(rv_import_weights("package/", "w.safetensors", false, &report), RV_OK, "%s",
                 rv_error_text());
    cr_expect_str_eq(report.depth, "mixed5");
    cr_expect_eq(strlen(report.source_sha256), 64);
    cr_assert_eq(rv_verify_weights("w.safetensors", &verified), RV_OK, "%s", rv_error_text());
    cr_expect_str_eq(verified.content_sha256, report.content_sha256);
    cr_expect_str_eq(verified.source_sha256, report.source_sha256);
}

// Changes the model's text and expects the import to fail.
struct change {
    const char *name, *after, *from, *to, *error;
};

static const struct change changes[] = {
    {"trained conv", "name:\"conv2d_7\"", "trainable:!1", "trainable:!0",
     "conv2d_7 is marked trainable"},
    {"trained norm", "\"batch_normalization_50\"", "trainable:!1", "trainable:!0",
     "marked trainable"},
    {"trained block", "'mixed5'", "trainable:!1", "trainable:!0", "mixed5 is marked trainable"},
    {"not said", "name:\"conv2d_7\"", "trainable:!1,", "", "marked trainable"},
    {"no mixed5", NULL, "'mixed5'", "'mixed55'", "no Concatenate layer mixed5"},
    {"no conv", NULL, "{name:\"conv2d_50\"", "{name:\"conv2d_51\"", "no Conv2D layer conv2d_50"},
    {"two convs", NULL, "{name:\"conv2d_50\"", "{name:\"conv2d_49\"",
     "two layers are called conv2d_49"},
    {"class", "name:\"conv2d_3\"", "\"Conv2D\"", "\"Dense\"", "no Conv2D layer conv2d_3"},
    {"filters", "name:\"conv2d_3\"", "filters:64", "filters:65", "conv2d_3 is not InceptionV3's"},
    {"kernel", "name:\"conv2d_3\"", "kernel_size:[3,", "kernel_size:[1,", "conv2d_3 is not"},
    {"stride", "name:\"conv2d_3\"", "strides:[1,1]", "strides:[1]", "conv2d_3 is not"},
    {"padding", "name:\"conv2d_3\"", "\"same\"", "\"valid\"", "conv2d_3 is not"},
    {"bias", "name:\"conv2d_3\"", "use_bias:!1", "use_bias:!0", "conv2d_3 is not"},
    {"epsilon", "\"batch_normalization_9\"", "epsilon:.001", "epsilon:1e-5",
     "normalization_9 is not"},
    {"gamma", "\"batch_normalization_9\"", "scale:!1", "scale:!0", "normalization_9 is not"},
    {"input", "\"batch_normalization_9\"", "[[[\"conv2d_9\"", "[[[\"conv2d_8\"",
     "normalization_9 is not"},
    {"no quantisation", "conv2d_1/kernel", "quantization", "quantisation", "how it is quantised"},
    {"no scale", "conv2d_1/kernel", "scale:0.015625,", "", "how it is quantised"},
    {"uint16", "conv2d_1/kernel", "uint8", "uint16", "how it is quantised"},
    {"shape", "conv2d_1/kernel", "shape:[3,3,3,32]", "shape:[3,3,32,3]", "has not the shape"},
    {"rank", "conv2d_1/kernel", "shape:[3,3,3,32]", "shape:[864]", "has not the shape"},
    {"rank 5", "conv2d_1/kernel", "shape:[3,", "shape:[1,3,", "no name or shape"},
    {"zero", "conv2d_1/kernel", "shape:[3,", "shape:[0,", "no usable shape"},
    {"negative", "conv2d_1/kernel", "shape:[3,", "shape:[-3,", "no usable shape"},
    {"fraction", "conv2d_1/kernel", "shape:[3,", "shape:[.5,", "no usable shape"},
    {"text", "conv2d_1/kernel", "shape:[3,", "shape:['3',", "no usable shape"},
    {"huge", "conv2d_1/kernel", "shape:[3,", "shape:[3e300,", "no usable shape"},
    {"product", "conv2d_1/kernel", "shape:[3,3,", "shape:[1e8,1e8,", "larger than any"},
    {"total", "conv2d_1/kernel", "shape:[3,3,3,32]", "shape:[268435456]", "more than 256 MB"},
    {"missing", NULL, "\"conv2d_1/kernel\"", "\"conv2d_0/kernel\"", "conv2d_1/kernel is missing"},
    {"twice", NULL, "\"dense_1/bias\",shape:[3]", "\"conv2d_1/kernel\",shape:[3]",
     "two tensors are called"},
    {"too few bytes", NULL, "\"dense_1/bias\",shape:[3]", "\"dense_1/bias\",shape:[4]",
     "its manifest lists"},
    {"too many bytes", NULL, "\"dense_1/bias\",shape:[3]", "\"dense_1/bias\",shape:[2]",
     "its manifest lists"},
    {"infinite", "conv2d_1/kernel", "scale:0.015625", "scale:1e39", "Conv2d_1a_3x3.conv.weight"},
    {"overflow", "conv2d_1/kernel", "scale:0.015625", "scale:1e400", "JSON is damaged"},
    {"variance", "normalization_1/moving_variance", "min:0.01", "min:-1", "is negative"},
    {"no manifest", NULL, "weightsManifest", "weights", "no manifest"},
    {"no weights", "weightsManifest", "weights:[", "weights:[],none:[", "no manifest"},
    {"two groups", "weightsManifest", "weightsManifest:[", "weightsManifest:[{},", "no manifest"},
    {"no name", "weights:[", "name:", "nom:", "no name or shape"},
    {"no shards", NULL, "paths:[\"part-1of2\",\"part-2of2\"]", "paths:[]", "lists 0 shards"},
    {"shard elsewhere", NULL, "\"part-1of2\"", "\"../part-1of2\"", "no plain file name"},
    {"shard number", NULL, "\"part-1of2\"", "1", "no plain file name"},
    {"shard name empty", NULL, "\"part-1of2\"", "\"\"", "no plain file name"},
    {"shard missing", NULL, "\"part-1of2\"", "\"part-3of2\"", "part-3of2.min.js: cannot open"},
    {"shard left out", NULL, "\"part-1of2\",", "", "its manifest lists"},
    {"code", NULL, "keras_version:\"2.2.4\"", "keras_version:run()", "not data"},
    {"a key twice", NULL, "modelTopology:", "weightsManifest:1,modelTopology:", "JSON is damaged"},
    {"a bracket", NULL, "n:[5.", "n:{5.", "JSON is damaged"},
    {"no object", NULL, "n.exports={", "n.exports=[", "exports no object"},
};

Test(tfjs, damaged_models_are_refused, .init = fixture_enter, .fini = fixture_leave) {
    fixture_tfjs();
    size_t size;
    char *model = fixture_read("package/model.min.js", &size);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        char *changed = fixture_replace(model, changes[i].after, changes[i].from, changes[i].to);
        fixture_write("package/model.min.js", changed, strlen(changed));
        free(changed);
        const enum rv_status expected =
            strstr(changes[i].error, "cannot open") ? RV_ERR_IO : RV_ERR_WEIGHTS;
        fixture_expect(changes[i].name, rv_import_weights("package", "out", false, NULL), expected,
                       changes[i].error);
    }
    // Cut at many places: never accepted before the object's end, never read beyond.
    const size_t end = (size_t)(strstr(model, "},{}]},{}") - model);
    for (size_t cut = 0; cut < end; cut += cut < 400 ? 7 : 3001) {
        char *exact = malloc(cut ? cut : 1);
        memcpy(exact, model, cut);
        struct rv_tfjs_model parsed;
        enum rv_status status = rv_tfjs_model_init(&parsed, "cut", exact, cut);
        cr_expect_eq(status, RV_ERR_WEIGHTS, "cut at %zu", cut);
        free(exact);
    }
    char *deep = malloc(4000);
    snprintf(deep, 4000, "n.exports={a:%0*d}", 200, 0);
    memset(strchr(deep, '0'), '[', 100);
    memset(strrchr(deep, '0') - 99, ']', 100);
    fixture_write("package/model.min.js", deep, strlen(deep));
    fixture_expect("deep", rv_import_weights("package", "out", false, NULL), RV_ERR_WEIGHTS,
                   "nested deeper");
    free(deep);
    free(model);
    cr_expect_neq(access("out", F_OK), 0, "a failed import wrote something");
}

Test(tfjs, damaged_shards_are_refused, .init = fixture_enter, .fini = fixture_leave) {
    fixture_tfjs();
    size_t size;
    static const char path[] = "package/part-2of2.min.js";
    char *shard = fixture_read(path, &size);

    fixture_write(path, "", 0);
    fixture_expect("empty", rv_import_weights("package", "out", false, NULL), RV_ERR_WEIGHTS,
                   "exports no text");
    fixture_write(path, shard, size / 2);
    fixture_expect("truncated", rv_import_weights("package", "out", false, NULL), RV_ERR_WEIGHTS,
                   "part-2of2.min.js: its text has no end");
    shard[size / 2] = '*';
    fixture_write(path, shard, size);
    fixture_expect("letter", rv_import_weights("package", "out", false, NULL), RV_ERR_WEIGHTS,
                   "is not base64");
    shard[size / 2] = 'A';
    char *longer = fixture_replace(shard, NULL, "h.exports=\"", "h.exports=\"AAAA");
    fixture_write(path, longer, strlen(longer));
    fixture_expect("trailing", rv_import_weights("package", "out", false, NULL), RV_ERR_WEIGHTS,
                   "its manifest lists");
    unlink(path);
    fixture_expect("missing", rv_import_weights("package", "out", false, NULL), RV_ERR_IO,
                   "part-2of2.min.js");
    free(longer);
    free(shard);

    static const struct {
        const char *source, *error;
        enum rv_status status;
    } cases[] = {
        {"nowhere", "nowhere: cannot open", RV_ERR_IO},
        {".", "holds no model.min.js", RV_ERR_WEIGHTS},
        {"packed", "unpack it with tar", RV_ERR_WEIGHTS},
        {"zip", "not read: give its weights as safetensors", RV_ERR_WEIGHTS},
    };
    fixture_write("packed", "\x1f\x8b\x08\0\0\0", 6);
    fixture_write("zip", "PK\3\4\0\0\0\0\0\0", 10);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        fixture_expect(cases[i].source, rv_import_weights(cases[i].source, "out", false, NULL),
                       cases[i].status, cases[i].error);
    cr_expect_neq(access("out", F_OK), 0, "a failed import wrote something");
}
