// A photo that dreams in the window of a program with frames of its own, to copy from: what a game
// adds to the device and the frames it has already (see host.c) to have Reverie work on them. It
// lends device and queue, lets each frame do a bounded piece of work, and shows the picture as it
// stands; no pixel of the dream passes through the host.
#include "host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

#include <reverie/vulkan.h>

static const char usage[] =
    "usage: window [OPTION]... [PHOTO.png]\n\n"
    "A photo dreams in a window; without one, a test picture does.\n\n"
    "  --layers LIST      what to make large, as in `reverie dream`\n"
    "  --gflop X          most work of a frame, in billions of operations (1)\n"
    "  --frames N         end after N frames without the dream and N with it\n"
    "  --screenshot FILE  write the last of these frames as a BMP\n"
    "  --random-weights   random weights: shapes, but no sense\n";

struct options {
    const char *photo, *screenshot;
    struct rv_params params;
    double gflop;
    uint32_t frames; // 0 = until the window is closed
    bool random_weights;
};

#define BORDER 32        // pixels around the picture, for the colour that the program itself draws
#define MAX_TIMES 100000 // that are kept

struct app {
    struct options options;
    struct host host;
    rv_context *context;
    rv_weights *weights;
    rv_session *session;
    struct rv_progress progress;
    double times[2][MAX_TIMES]; // of frames in milliseconds, without the dream and with it
    uint32_t time_count[2];
};

#define RV(call) ((call) == RV_OK ? (void)0 : host_fail(#call, rv_error_text()))

// ------------------------------------------------------------------------------------------------
// Lending a device

// What the device is made with. The extensions' structures are there only if the device has them.
struct wishes {
    const char *extensions[8];
    uint32_t extension_count;
    VkPhysicalDeviceFeatures2 features;
    VkPhysicalDeviceVulkan11Features v11;
    VkPhysicalDeviceVulkan12Features v12;
    VkPhysicalDeviceSubgroupSizeControlFeatures sizes;
#ifdef VK_KHR_cooperative_matrix
    VkPhysicalDeviceCooperativeMatrixFeaturesKHR matrix;
#endif
};

static bool has_extension(VkPhysicalDevice physical, const char *name) {
    uint32_t count = 0;
    bool found = false;
    vkEnumerateDeviceExtensionProperties(physical, NULL, &count, NULL);
    VkExtensionProperties *all = calloc(count ? count : 1, sizeof *all);
    vkEnumerateDeviceExtensionProperties(physical, NULL, &count, all);
    for (uint32_t i = 0; i < count; i++)
        found |= strcmp(all[i].extensionName, name) == 0;
    free(all);
    return found;
}

// Of the features that the device has, keeps those that Reverie asks for. After sType and pNext,
// such a structure holds nothing but VkBool32.
static void keep(void *has, const void *required, const void *recommended, size_t size) {
    const size_t first = offsetof(VkPhysicalDeviceVulkan11Features, storageBuffer16BitAccess);
    VkBool32 *h = (VkBool32 *)((char *)has + first);
    const VkBool32 *a = (const VkBool32 *)((const char *)required + first);
    const VkBool32 *b = (const VkBool32 *)((const char *)recommended + first);
    for (size_t i = 0; i < (size - first) / sizeof *h; i++)
        h[i] &= a[i] | b[i];
}

// Appends the structure of an extension that Reverie recommends, and the extension.
static void wish(struct wishes *w, VkPhysicalDevice physical, const char *name, void *structure,
                 VkStructureType type) {
    if (!has_extension(physical, name))
        return;
    VkBaseOutStructure *last = (VkBaseOutStructure *)&w->features, *next = structure;
    while (last->pNext)
        last = last->pNext;
    last->pNext = next;
    *next = (VkBaseOutStructure){.sType = type};
    w->extensions[w->extension_count++] = name;
}

static void choose(struct wishes *w, VkPhysicalDevice physical) {
    const struct rv_vulkan_requirements *asked = rv_vulkan_get_requirements();
    *w = (struct wishes){.extensions = {VK_KHR_SWAPCHAIN_EXTENSION_NAME}, .extension_count = 1};
    w->features.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2;
    w->features.pNext = &w->v11;
    w->v11.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES;
    w->v11.pNext = &w->v12;
    w->v12.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES;
    wish(w, physical, VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME, &w->sizes,
         VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES);
#ifdef VK_KHR_cooperative_matrix
    wish(w, physical, VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME, &w->matrix,
         VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR);
#endif
    vkGetPhysicalDeviceFeatures2(physical, &w->features);
    w->features.features = (VkPhysicalDeviceFeatures){0}; // a game has wishes of its own here
    keep(&w->v11, &asked->required_11, &asked->recommended_11, sizeof w->v11);
    keep(&w->v12, &asked->required_12, &asked->recommended_12, sizeof w->v12);
}

// A game that submits in a thread of its own shares the queue: these guard it. Here one thread does
// everything, and they are not needed.
static void lock_queue(void *user) {
    struct host *host = user;
    SDL_LockMutex(host->queue_mutex);
}

static void unlock_queue(void *user) {
    struct host *host = user;
    SDL_UnlockMutex(host->queue_mutex);
}

static void on_log(void *user, enum rv_log_level level, const char *message) {
    (void)user;
    if (level <= RV_LOG_WARNING)
        fprintf(stderr, "window: %s\n", message);
}

static void lend(struct app *app, const struct wishes *w) {
    struct host *host = &app->host;
    struct rv_context_params params = {.log = on_log};
    struct rv_vulkan_device device = {.get_instance_proc_addr = vkGetInstanceProcAddr,
                                      .api_version = VK_API_VERSION_1_3,
                                      .instance = host->instance,
                                      .physical_device = host->physical,
                                      .device = host->device,
                                      .extensions = w->extensions,
                                      .extension_count = w->extension_count,
                                      .features = &w->features,
                                      .queue_family = host->family,
                                      .lock_queue = lock_queue,
                                      .unlock_queue = unlock_queue,
                                      .queue_user = host};
    RV(rv_context_import(&device, &params, &app->context));
    RV(app->options.random_weights ? rv_weights_random(1, &app->weights)
                                   : rv_weights_load(NULL, &app->weights));
}

// ------------------------------------------------------------------------------------------------
// Dreaming a little in each frame

// The picture's next turn: Reverie waits for the one before and signals this one.
static struct rv_vulkan_image take_turn(struct host *host) {
    uint64_t before = host->turn++;
    return (struct rv_vulkan_image){.image = host->picture,
                                    .format = VK_FORMAT_R8G8B8A8_UNORM,
                                    .width = host->width,
                                    .height = host->height,
                                    .layout = VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL,
                                    .wait = host->timeline,
                                    .wait_value = before,
                                    .signal = host->timeline,
                                    .signal_value = host->turn};
}

static void begin_dream(struct app *app) {
    struct rv_vulkan_image picture = take_turn(&app->host);
    RV(rv_session_begin_image(app->context, app->weights, &picture, &app->options.params,
                              &app->session));
}

// Submits at most so many operations, and nothing while the device is still at those before: the
// frame waits for that much at most. Where a new octave begins its kernels are made, one a frame; a
// game that keeps its pipeline cache (rv_vulkan_device) has them sooner.
static void dream(struct app *app) {
    struct rv_advance_params slice = {.flops = app->options.gflop * 1e9, .no_wait = true};
    struct rv_progress before = app->progress;
    RV(rv_session_advance(app->session, &slice, &app->progress));
    // The picture changes with every whole step.
    if (app->progress.iteration != before.iteration || app->progress.octave != before.octave ||
        app->progress.finished != before.finished) {
        struct rv_vulkan_image picture = take_turn(&app->host);
        RV(rv_session_write_image(app->session, &picture));
    }
}

// ------------------------------------------------------------------------------------------------
// Frames

static void time_frame(struct app *app, uint64_t begun) {
    bool dreams = app->session && !app->progress.finished;
    double seconds =
        (double)(SDL_GetPerformanceCounter() - begun) / (double)SDL_GetPerformanceFrequency();
    if (app->time_count[dreams] < MAX_TIMES)
        app->times[dreams][app->time_count[dreams]++] = seconds * 1e3;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void report(const char *what, double *times, uint32_t count) {
    if (count == 0)
        return;
    qsort(times, count, sizeof *times, compare);
    printf("%s: %u frames, median %.1f ms, 95%% within %.1f ms, longest %.1f ms\n", what, count,
           times[(count - 1) / 2], times[(count * 95 + 99) / 100 - 1], times[count - 1]);
    fflush(stdout);
}

// False: the window is minimised. The dream goes on meanwhile.
static bool draw(struct app *app, uint32_t frame, bool keep) {
    float wave = (float)(frame % 120) / 120;
    const float colour[] = {wave, 0.2f, 1 - wave, 1};
    uint64_t begun = SDL_GetPerformanceCounter();
    if (app->session && !app->progress.finished)
        dream(app);
    if (!(keep ? host_draw_to_file(&app->host, colour, BORDER, app->options.screenshot)
               : host_draw(&app->host, colour, BORDER)))
        return false;
    time_frame(app, begun);
    return true;
}

static void run(struct app *app) {
    const struct options *o = &app->options;
    const uint32_t still = o->frames ? o->frames : 60;
    uint32_t i = 0;
    while (host_is_open(&app->host) && !(o->frames && i >= 2 * o->frames)) {
        if (i == still && !app->session) {
            report("without the dream", app->times[0], app->time_count[0]);
            begin_dream(app);
        }
        if (draw(app, i, o->screenshot && i + 1 == 2 * o->frames))
            i++;
        else
            SDL_WaitEventTimeout(NULL, 10); // nobody sees a frame: no haste
    }
}

// ------------------------------------------------------------------------------------------------
// The photo and the program

// Returns RGBA pixels, freed by the caller.
static uint8_t *load_photo(const char *path, uint32_t *width, uint32_t *height) {
    png_image image = {.version = PNG_IMAGE_VERSION};
    if (!png_image_begin_read_from_file(&image, path))
        host_fail(path, image.message);
    image.format = PNG_FORMAT_RGBA;
    uint8_t *pixels = malloc(PNG_IMAGE_SIZE(image));
    if (!pixels || !png_image_finish_read(&image, NULL, pixels, 0, NULL))
        host_fail(path, image.message);
    *width = image.width;
    *height = image.height;
    return pixels;
}

static uint8_t *make_photo(uint32_t *width, uint32_t *height) {
    uint8_t *pixels = malloc(320 * 240 * 4);
    *width = 320;
    *height = 240;
    for (uint32_t i = 0; pixels && i < 320 * 240 * 4; i++) {
        uint32_t x = i / 4 % 320, y = i / 4 / 320, channel = i % 4 + 1;
        pixels[i] = (uint8_t)((x * x + y * y * channel) >> 9); // rings
    }
    return pixels;
}

static struct options parse(int argc, char **argv) {
    struct options o = {.gflop = 1, .params = {.octaves = 2, .layers = "mixed3"}};
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        bool valued = true;
        if (strcmp(argv[i], "--layers") == 0)
            RV(rv_params_set(&o.params, "layers", value));
        else if (strcmp(argv[i], "--gflop") == 0)
            o.gflop = strtod(value, NULL);
        else if (strcmp(argv[i], "--frames") == 0)
            o.frames = (uint32_t)strtoul(value, NULL, 10);
        else if (strcmp(argv[i], "--screenshot") == 0)
            o.screenshot = value;
        else
            valued = false;
        if (valued)
            i++;
        else if (strcmp(argv[i], "--random-weights") == 0)
            o.random_weights = true;
        else if (argv[i][0] != '-' && !o.photo)
            o.photo = argv[i];
        else
            host_fail(argv[i], usage);
    }
    return o;
}

int main(int argc, char **argv) {
    static struct app app;
    struct wishes wishes;
    uint32_t width, height;
    app.options = parse(argc, argv);
    uint8_t *pixels = app.options.photo ? load_photo(app.options.photo, &width, &height)
                                        : make_photo(&width, &height);
    host_begin(&app.host, "Reverie", width + 2 * BORDER, height + 2 * BORDER);
    choose(&wishes, app.host.physical);
    host_make_device(&app.host, wishes.extensions, wishes.extension_count, &wishes.features);
    host_make_picture(&app.host, pixels, width, height);
    free(pixels);
    lend(&app, &wishes);

    run(&app);
    report("with the dream", app.times[1], app.time_count[1]);
    printf("dreamed %.0f %%\n", app.progress.fraction * 100);

    rv_session_end(&app.session);
    rv_weights_destroy(&app.weights);
    rv_context_destroy(&app.context);
    host_end(&app.host);
    return 0;
}
