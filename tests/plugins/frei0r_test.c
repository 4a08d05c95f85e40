// The frei0r plugin as a host sees it: loaded by name, with nothing but frei0r's functions. What it
// makes of a frame is held against the library's own dream.
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <frei0r.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reverie/reverie.h"

static struct plugin {
    int (*init)(void);
    void (*deinit)(void);
    void (*info)(f0r_plugin_info_t *);
    void (*param_info)(f0r_param_info_t *, int);
    f0r_instance_t (*construct)(unsigned, unsigned);
    void (*destruct)(f0r_instance_t);
    void (*set)(f0r_instance_t, f0r_param_t, int);
    void (*get)(f0r_instance_t, f0r_param_t, int);
    void (*update)(f0r_instance_t, double, const uint32_t *, uint32_t *);
} plugin;

static void symbol(void *library, const char *name, void *function) {
    void *found = dlsym(library, name);
    cr_assert_not_null(found, "there is no %s", name);
    memcpy(function, &found, sizeof found); // ISO C has no cast from object to function
}

static void load(void) {
    const char *path = getenv("RV_LIBRARY");
    void *library = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
    cr_assert_not_null(library, "RV_LIBRARY=%s: %s", path ? path : "", dlerror());
    symbol(library, "f0r_init", &plugin.init);
    symbol(library, "f0r_deinit", &plugin.deinit);
    symbol(library, "f0r_get_plugin_info", &plugin.info);
    symbol(library, "f0r_get_param_info", &plugin.param_info);
    symbol(library, "f0r_construct", &plugin.construct);
    symbol(library, "f0r_destruct", &plugin.destruct);
    symbol(library, "f0r_set_param_value", &plugin.set);
    symbol(library, "f0r_get_param_value", &plugin.get);
    symbol(library, "f0r_update", &plugin.update);
    cr_assert_null(dlsym(library, "rv_dream"), "the library inside can be seen");
}

TestSuite(frei0r, .init = load);

// ------------------------------------------------------------------------------------------------
// What a host does

static int param_index(const char *name) {
    f0r_plugin_info_t info;
    f0r_param_info_t param;
    plugin.info(&info);
    for (int i = 0; i < info.num_params; i++) {
        plugin.param_info(&param, i);
        if (strcmp(param.name, name) == 0)
            return i;
    }
    cr_assert_fail("there is no parameter %s", name);
    return -1;
}

static void set_text(f0r_instance_t instance, const char *name, const char *value) {
    char *copy = strdup(value); // the plugin must not keep it
    plugin.set(instance, &copy, param_index(name));
    free(copy);
}

static void set_amount(f0r_instance_t instance, double value) {
    plugin.set(instance, &value, param_index("amount"));
}

static f0r_instance_t construct(uint32_t width, uint32_t height, const char *layers) {
    f0r_instance_t instance = plugin.construct(width, height);
    cr_assert_not_null(instance);
    set_text(instance, "layers", layers);
    set_text(instance, "octaves", "1");
    set_text(instance, "iterations", "1.2"); // a host's fraction
    set_text(instance, "step", "0.1");
    return instance;
}

// A colourful frame whose alpha varies.
static uint32_t *make_frame(uint32_t width, uint32_t height) {
    uint32_t *frame = malloc((size_t)width * height * sizeof *frame);
    cr_assert_not_null(frame);
    for (size_t i = 0; i < (size_t)width * height; i++) {
        size_t x = i % width, y = i / width;
        uint8_t bytes[4] = {(uint8_t)(x * 3 + y), (uint8_t)(x * y / 16), (uint8_t)(255 - y * 2),
                            (uint8_t)i};
        memcpy(&frame[i], bytes, 4);
    }
    return frame;
}

static uint32_t *dreamed_frame(f0r_instance_t instance, const uint32_t *frame, size_t count) {
    uint32_t *out = calloc(count, sizeof *out);
    cr_assert_not_null(out);
    plugin.update(instance, 0.04, frame, out);
    return out;
}

// ------------------------------------------------------------------------------------------------
// What the library makes of the same

struct library {
    rv_context *context;
    rv_weights *weights;
};

// Skips the test without the default weights.
static struct library open_library(void) {
    struct library library;
    if (rv_weights_load(NULL, &library.weights) != RV_OK)
        cr_skip_test("no weights: %s", rv_error_text());
    cr_assert_eq(rv_context_create(NULL, &library.context), RV_OK, "%s", rv_error_text());
    return library;
}

static void close_library(struct library *library) {
    rv_context_destroy(&library->context);
    rv_weights_destroy(&library->weights);
}

static struct rv_picture library_dream(const struct library *library, const uint32_t *frame,
                                       uint32_t width, uint32_t height, const char *layers) {
    struct rv_params params = {.octaves = 1, .iterations = 1, .step = 0.1f};
    struct rv_picture picture = {width, height, malloc((size_t)width * height * 12)}, dreamed;
    cr_assert_not_null(picture.pixels);
    strcpy(params.layers, layers);
    for (size_t i = 0; i < (size_t)width * height * 3; i++)
        picture.pixels[i] = ((const uint8_t *)frame)[i / 3 * 4 + i % 3] / 255.0f;
    cr_assert_eq(
        rv_dream(library->context, library->weights, &picture, &params, NULL, NULL, &dreamed, NULL),
        RV_OK, "%s", rv_error_text());
    free(picture.pixels);
    return dreamed;
}

// Every colour within `tolerance` of 255 of the mix of frame and dream, alpha the same.
static void check_frame(const uint32_t *out, const uint32_t *frame, const struct rv_picture *dream,
                        float amount, const char *what) {
    const uint8_t *is = (const uint8_t *)out, *was = (const uint8_t *)frame;
    size_t changed = 0, count = (size_t)dream->width * dream->height;
    for (size_t i = 0; i < count; i++) {
        for (size_t c = 0; c < 3; c++) {
            float wanted =
                amount * dream->pixels[3 * i + c] * 255 + (1 - amount) * (float)was[4 * i + c];
            float error = (float)is[4 * i + c] - wanted;
            cr_assert(error <= 0.501f && error >= -0.501f, "%s: pixel %zu is %u instead of %g",
                      what, i, is[4 * i + c], (double)wanted);
            changed += is[4 * i + c] != was[4 * i + c];
        }
        cr_assert_eq(is[4 * i + 3], was[4 * i + 3], "%s: alpha %zu has changed", what, i);
    }
    cr_assert_gt(changed, count / 2, "%s: the frame has hardly changed", what);
}

// ------------------------------------------------------------------------------------------------

Test(frei0r, parameters) {
    f0r_plugin_info_t info;
    f0r_param_info_t param;
    uint32_t count;
    const struct rv_option *options = rv_options(&count);
    plugin.info(&info); // before f0r_init, as hosts do that only list plugins
    cr_assert_eq(info.plugin_type, F0R_PLUGIN_TYPE_FILTER);
    cr_assert_eq(info.color_model, F0R_COLOR_MODEL_RGBA8888);
    cr_assert_eq(info.num_params, (int)count + 1, "%d parameters", info.num_params);
    cr_assert_geq(plugin.init(), 0);
    f0r_instance_t instance = plugin.construct(640, 480);
    for (int i = 0; i < (int)count; i++) {
        char *text = NULL, given[] = "17";
        char *value = given;
        plugin.param_info(&param, i);
        cr_assert_str_eq(param.name, options[i].name);
        cr_assert_eq(param.type, F0R_PARAM_STRING);
        cr_assert(strstr(param.explanation, "empty"), "%s: %s", param.name, param.explanation);
        plugin.get(instance, &text, i);
        cr_assert_str_eq(text, "", "%s begins as %s", param.name, text);
        plugin.set(instance, &value, i);
        plugin.get(instance, &text, i);
        cr_assert(text != given && strcmp(text, given) == 0, "%s is %s", param.name, text);
        value = NULL;
        plugin.set(instance, &value, i);
        plugin.get(instance, &text, i);
        cr_assert_str_eq(text, "", "%s: NULL gives %s", param.name, text);
    }
    double amount;
    plugin.param_info(&param, (int)count);
    cr_assert(param.type == F0R_PARAM_DOUBLE && strcmp(param.name, "amount") == 0);
    plugin.get(instance, &amount, (int)count);
    cr_assert_eq(amount, 1);
    set_amount(instance, 7);
    plugin.get(instance, &amount, (int)count);
    cr_assert_eq(amount, 1);
    plugin.param_info(&param, (int)count + 1);
    cr_assert_null(param.name, "there is a parameter too many");
    plugin.destruct(instance);
    plugin.deinit();
}

Test(frei0r, frames) {
    static const uint32_t sizes[][2] = {{97, 83}, {160, 120}, {76, 75}};
    struct library library = open_library();
    plugin.init();
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const uint32_t width = sizes[i][0], height = sizes[i][1];
        const size_t count = (size_t)width * height;
        char what[32];
        snprintf(what, sizeof what, "%u x %u", width, height);
        uint32_t *frame = make_frame(width, height);
        struct rv_picture expected = library_dream(&library, frame, width, height, "mixed0");
        f0r_instance_t instance = construct(width, height, "mixed0");
        uint32_t *out = dreamed_frame(instance, frame, count);
        check_frame(out, frame, &expected, 1, what);
        uint32_t *again = dreamed_frame(instance, frame, count);
        cr_assert_arr_eq(again, out, count * 4, "%s: another result the second time", what);
        memcpy(again, frame, count * 4);
        plugin.update(instance, 1, again, again);
        cr_assert_arr_eq(again, out, count * 4, "%s: another result in place", what);
        set_amount(instance, 0.5);
        plugin.update(instance, 2, frame, again);
        check_frame(again, frame, &expected, 0.5f, what);
        set_amount(instance, 0);
        plugin.update(instance, 3, frame, again);
        cr_assert_arr_eq(again, frame, count * 4, "%s: amount 0 changes the frame", what);
        plugin.destruct(instance);
        rv_picture_free(&expected);
        free(again);
        free(out);
        free(frame);
    }
    plugin.deinit();
    close_library(&library);
}

// What is written to standard error between these two. Criterion reads its own pipe.
static FILE *heard;
static int silent;

static void listen(void) {
    heard = tmpfile();
    silent = dup(STDERR_FILENO);
    cr_assert(heard && silent >= 0 && dup2(fileno(heard), STDERR_FILENO) >= 0);
}

static void check_heard(const char *text, const char *what) {
    char said[4096] = "";
    fflush(stderr);
    dup2(silent, STDERR_FILENO);
    close(silent);
    rewind(heard);
    size_t size = fread(said, 1, sizeof said - 1, heard);
    fclose(heard);
    const char *end = strchr(said, '\n');
    cr_assert(end && end == said + size - 1, "%s: not one line was said, but: %s", what, said);
    cr_assert(strstr(said, text), "%s: %s is not said: %s", what, text, said);
}

// Two frames pass through as they are, and the reason is said once.
static void check_passes(f0r_instance_t instance, uint32_t width, uint32_t height, const char *text,
                         const char *what) {
    uint32_t *frame = make_frame(width, height);
    listen();
    for (int i = 0; i < 2; i++) {
        uint32_t *out = dreamed_frame(instance, frame, (size_t)width * height);
        cr_expect_arr_eq(out, frame, (size_t)width * height * 4, "%s: the frame changed", what);
        free(out);
    }
    check_heard(text, what);
    free(frame);
}

Test(frei0r, failures) {
    struct library library = open_library();
    close_library(&library);
    char weights[4096];
    rv_weights_default_path(weights, sizeof weights);
    plugin.init();
    f0r_instance_t instance = construct(40, 30, "mixed0");
    check_passes(instance, 40, 30, "75", "a small frame");
    plugin.destruct(instance);
    instance = construct(80, 76, "mixed0,there-is-none");
    check_passes(instance, 80, 76, "there-is-none", "an unknown layer");
    set_text(instance, "layers", "mixed0");
    set_text(instance, "octave-scale", "big");
    check_passes(instance, 80, 76, "octave-scale", "a wrong number");
    set_text(instance, "octave-scale", "");
    set_text(instance, "mask", "/nowhere/mask.png");
    check_passes(instance, 80, 76, "/nowhere/mask.png", "no mask");
    set_text(instance, "mask", RV_TEST_FOLDER "/golden/photo.png");
    uint32_t *masked = make_frame(80, 76), *result = dreamed_frame(instance, masked, 80 * 76);
    cr_assert_arr_neq(result, masked, 80 * 76 * 4, "the plugin does not recover from no mask");
    free(result);
    free(masked);
    plugin.destruct(instance);
    plugin.deinit();

    setenv("REVERIE_WEIGHTS", "/nowhere/weights", 1);
    plugin.init();
    instance = construct(80, 76, "mixed0");
    check_passes(instance, 80, 76, "/nowhere/weights", "no weights");
    plugin.destruct(instance);
    plugin.deinit();
    setenv("REVERIE_WEIGHTS", weights, 1);

    plugin.init(); // now they are looked for again
    instance = construct(80, 76, "mixed0");
    uint32_t *frame = make_frame(80, 76), *out = dreamed_frame(instance, frame, 80 * 76);
    cr_assert_arr_neq(out, frame, 80 * 76 * 4, "the plugin does not recover");
    free(out);
    free(frame);
    plugin.destruct(instance);
    plugin.deinit();
}

struct host {
    const char *layers;
    uint32_t *frame, *out;
    pthread_t thread;
};

static void *run_host(void *user) {
    struct host *host = user;
    plugin.init();
    f0r_instance_t instance = construct(100, 80, host->layers);
    plugin.deinit(); // MLT's order
    for (int i = 0; i < 2; i++)
        plugin.update(instance, i, host->frame, host->out);
    plugin.destruct(instance);
    return NULL;
}

// Two threads with an instance each, and parameters of their own.
Test(frei0r, instances) {
    struct library library = open_library();
    struct host hosts[2] = {{.layers = "mixed0"}, {.layers = "conv2d_3"}};
    for (int i = 0; i < 2; i++) {
        hosts[i].frame = make_frame(100, 80);
        hosts[i].out = make_frame(100, 80);
        cr_assert_eq(pthread_create(&hosts[i].thread, NULL, run_host, &hosts[i]), 0);
    }
    for (int i = 0; i < 2; i++)
        pthread_join(hosts[i].thread, NULL);
    cr_assert_arr_neq(hosts[0].out, hosts[1].out, 100 * 80 * 4);
    for (int i = 0; i < 2; i++) {
        struct rv_picture expected =
            library_dream(&library, hosts[i].frame, 100, 80, hosts[i].layers);
        check_frame(hosts[i].out, hosts[i].frame, &expected, 1, hosts[i].layers);
        rv_picture_free(&expected);
        free(hosts[i].frame);
        free(hosts[i].out);
    }
    close_library(&library);
}

// The leak checker looks at what stays. Only the first opens the device, the third again.
Test(frei0r, loops) {
    struct library library = open_library();
    close_library(&library);
    uint32_t *frame = make_frame(76, 75);
    for (int i = 0; i < 20; i++) {
        plugin.init();
        f0r_instance_t instance = construct(76, 75, "conv2d"), idle = construct(76, 75, "mixed2");
        if (i % 2 == 0 && i < 4)
            free(dreamed_frame(instance, frame, 76 * 75));
        plugin.destruct(instance);
        plugin.destruct(idle);
        plugin.deinit();
    }
    free(frame);
}
