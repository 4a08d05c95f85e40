// reverie live: a camera dreams, in a window or into a pipe.
#include <signal.h>
#include <string.h>

#include "base/status.h"
#include "cli/commands.h"
#include "cli/progress.h"
#include "viewer/viewer.h"
#include "viewer/window.h"

#define USUAL_INPUT "/dev/video0"
#define SMALLEST_SIDE 75 // what InceptionV3 needs

static enum rv_status open_context(void *user, const struct rv_vulkan_device *lent,
                                   rv_context **context) {
    const struct rv_arguments *arguments = user;
    return rv_open_lent_device(arguments, arguments->value[RV_CLI_QUIET] != NULL, lent, context);
}

static enum rv_status read_pixels(const struct rv_arguments *arguments, enum rv_cli_option_id id,
                                  enum rv_pixel_format *pixels) {
    const char *name = arguments->value[id];
    if (!name)
        return RV_OK;
    *pixels = rv_pixels_find(name);
    return *pixels ? RV_OK
                   : rv_fail(RV_ERR_USAGE, "--%s: \"%s\" is not possible: give %s",
                             rv_cli_options[id].name, name, rv_pixels_names());
}

static enum rv_status read_format(const char *name, enum rv_sink_format *format) {
    static const struct {
        const char *name;
        enum rv_sink_format format;
    } known[] = {{"y4m", RV_SINK_Y4M}, {"raw", RV_SINK_RAW}, {"mjpeg", RV_SINK_MJPEG}};
    for (size_t i = 0; name && i < sizeof known / sizeof *known; i++) {
        if (strcmp(name, known[i].name) == 0)
            *format = known[i].format;
    }
    return !name || *format
               ? RV_OK
               : rv_fail(RV_ERR_USAGE, "--format: \"%s\" is not possible: give y4m, raw or mjpeg",
                         name);
}

// In the library's structs 0 is the default, and RV_OFF none.
static enum rv_status read_share(const struct rv_arguments *arguments, enum rv_cli_option_id id,
                                 double most, float *value) {
    double given = 0;
    enum rv_status status = rv_arguments_real(arguments, id, 0, most, &given);
    if (status == RV_OK && arguments->value[id])
        *value = given > 0 ? (float)given : RV_OFF;
    return status;
}

static enum rv_status read_source(const struct rv_arguments *arguments,
                                  struct rv_source_request *source) {
    const char *input = arguments->value[RV_CLI_INPUT];
    enum rv_status status;
    source->input = input ? input : USUAL_INPUT;
    RV_TRY(rv_arguments_size(arguments, RV_CLI_SIZE_LIVE, SMALLEST_SIDE, RV_VIDEO_SIDE_MAX,
                             &source->width, &source->height));
    RV_TRY(rv_arguments_real(arguments, RV_CLI_RATE, 0.1, 1000, &source->rate));
    RV_TRY(read_pixels(arguments, RV_CLI_PIXEL_FORMAT, &source->pixels));
    if (source->pixels && !source->width)
        return rv_fail(RV_ERR_USAGE, "--pixel-format: raw frames do not tell their size: give it "
                                     "with --size");
done:
    return status;
}

static enum rv_status read_live(const struct rv_arguments *arguments, struct rv_live_params *live) {
    uint64_t steps = 0, most_steps = 0, size = 0;
    double rate = 0;
    enum rv_status status;
    RV_TRY(rv_arguments_number(arguments, RV_CLI_STEPS, 1, 64, &steps));
    RV_TRY(rv_arguments_number(arguments, RV_CLI_MOST_STEPS, 1, 64, &most_steps));
    RV_TRY(
        rv_arguments_number(arguments, RV_CLI_DREAM_SIZE, SMALLEST_SIDE, RV_VIDEO_SIDE_MAX, &size));
    RV_TRY(rv_arguments_real(arguments, RV_CLI_RATE, 0.1, 1000, &rate));
    RV_TRY(read_share(arguments, RV_CLI_AMOUNT, 4, &live->strength));
    RV_TRY(read_share(arguments, RV_CLI_DECAY, 1, &live->decay));
    RV_TRY(read_share(arguments, RV_CLI_DECAY_MOVING, 1, &live->decay_moving));
    RV_TRY(read_share(arguments, RV_CLI_SCENE_CUT, 1, &live->scene_cut));
    live->steps = (uint32_t)steps;
    live->most_steps = (uint32_t)most_steps;
    live->size_limit = (uint32_t)size;
    live->rate = (float)rate;
    live->no_flow = arguments->value[RV_CLI_NO_FLOW] != NULL;
done:
    return status;
}

// Where to, checked as far as it can be before anything slow.
static enum rv_status read_output(const struct rv_arguments *arguments,
                                  struct rv_viewer_params *params) {
    const char *output = arguments->value[RV_CLI_OUTPUT_LIVE];
    enum rv_sink_format format;
    uint64_t quality = 0;
    enum rv_status status;
    RV_TRY(read_format(arguments->value[RV_CLI_FORMAT_LIVE], &params->sink.format));
    RV_TRY(read_pixels(arguments, RV_CLI_OUTPUT_PIXEL_FORMAT, &params->sink.pixels));
    RV_TRY(rv_arguments_number(arguments, RV_CLI_QUALITY, 1, 100, &quality));
    params->sink.quality = (uint32_t)quality;
    if (!output)
        output = params->bench ? "none" : "window";
    params->window = strcmp(output, "window") == 0;
    if (params->window || strcmp(output, "none") == 0)
        return params->window && !rv_window_available()
                   ? rv_window_open(NULL, &(rv_window *){NULL}) // says what is missing
                   : RV_OK;
    if (params->json && strcmp(output, "-") == 0)
        return rv_fail(RV_ERR_USAGE, "--json and -o - both write to standard output: give one of "
                                     "them");
    params->sink.output = output;
    RV_TRY(rv_sink_check(&params->sink, &format));
    if (quality && format != RV_SINK_MJPEG)
        return rv_fail(RV_ERR_USAGE, "--quality: only MJPEG has one: leave it out, or give "
                                     "--format mjpeg");
    if (format != RV_SINK_DEVICE) // which says more about itself when it is opened
        RV_TRY(rv_check_output(output, arguments->value[RV_CLI_OVERWRITE] != NULL));
done:
    return status;
}

enum rv_status rv_command_live(const struct rv_arguments *arguments) {
    struct rv_arguments copy = *arguments; // the callback takes what is not const
    struct rv_params given = {0};
    struct rv_viewer_params params = {.realtime = arguments->value[RV_CLI_REALTIME] != NULL,
                                      .host_window = arguments->value[RV_CLI_HOST_WINDOW] != NULL,
                                      .weights_path = arguments->value[RV_CLI_WEIGHTS],
                                      .device = arguments->value[RV_CLI_DEVICE],
                                      .bench = arguments->value[RV_CLI_BENCH] != NULL,
                                      .json = arguments->value[RV_CLI_JSON] != NULL,
                                      .quiet = arguments->value[RV_CLI_QUIET] != NULL,
                                      .verbose = arguments->value[RV_CLI_VERBOSE] != NULL,
                                      .stop = rv_interrupt_flag(),
                                      .open = open_context,
                                      .open_user = &copy};
    rv_weights *weights = NULL;
    enum rv_status status;
    RV_TRY(rv_arguments_apply(arguments, &given));
    RV_TRY(rv_params_resolve(&given, &params.params));
    RV_TRY(read_source(arguments, &params.source));
    RV_TRY(read_live(arguments, &params.live));
    RV_TRY(rv_arguments_number(arguments, RV_CLI_FRAMES, 1, UINT64_C(1) << 53, &params.frames));
    RV_TRY(read_output(arguments, &params));
    RV_TRY(rv_arguments_bytes(arguments, RV_CLI_MEMORY, &(uint64_t){0}));
    RV_TRY(rv_weights_load(arguments->value[RV_CLI_WEIGHTS], &weights));
    RV_TRY(rv_params_check(&params.params, weights));
    params.weights = weights;
    params.source.stop = params.stop;
    signal(SIGPIPE, SIG_IGN); // a reader that has gone is an error of writing
    rv_interrupt_watch();
    RV_TRY(rv_viewer_run(&params));
done:
    rv_weights_destroy(&weights);
    return status;
}
