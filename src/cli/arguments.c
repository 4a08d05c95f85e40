#include "cli/arguments.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "base/text.h"
#include "cli/presets.h"

// clang-format off
const struct rv_cli_option rv_cli_options[RV_CLI_OPTION_COUNT] = {
    [RV_CLI_INPUT] = {"input", "FILE", "camera, video file, \"-\" = standard input, or lavfi:GRAPH (default /dev/video0)",
                      RV_CLI_LIVE, 'i'},
    [RV_CLI_OUTPUT] = {"output", "FILE", "write here, or into this folder; \"-\" = standard output",
                       RV_CLI_DREAM | RV_CLI_IMPORT | RV_CLI_SEE | RV_CLI_ATLAS, 'o'},
    [RV_CLI_OUTPUT_LIVE] = {"output", "FILE", "window (default), file, \"-\" = standard output, device, or none",
                            RV_CLI_LIVE, 'o'},
    [RV_CLI_OVERWRITE] = {"overwrite", NULL, "replace the output if it exists",
                          RV_CLI_DREAM | RV_CLI_IMPORT | RV_CLI_LIVE | RV_CLI_SEE | RV_CLI_ATLAS, 'y'},
    [RV_CLI_SIZE] = {"size", "N", "resize the picture first: longest side in pixels, 75 to 65535",
                     RV_CLI_DREAM | RV_CLI_STUDIO, 's'},
    [RV_CLI_SIZE_EXACT] = {"size", "WxH", "resize the picture first, in pixels", RV_CLI_PROBE, 's'},
    [RV_CLI_SIZE_LIVE] = {"size", "WxH", "frames' size: asked of a camera, that of raw frames, else resized to",
                          RV_CLI_LIVE, 's'},
    [RV_CLI_RATE] = {"rate", "FPS", "frames a second: asked of a camera, that of raw frames, and held by dreaming less",
                     RV_CLI_LIVE, 'r'},
    [RV_CLI_PIXEL_FORMAT] = {"pixel-format", "NAME", "the input is raw frames of rgb24, rgba, gray, yuv420p, nv12, ...",
                             RV_CLI_LIVE, 0},
    [RV_CLI_REALTIME] = {"realtime", NULL, "take a file at its own rate, as a camera: late frames are dropped",
                         RV_CLI_LIVE, 0},
    [RV_CLI_FRAMES] = {"frames", "N", "end after so many", RV_CLI_LIVE, 'n'},
    [RV_CLI_FORMAT_LIVE] = {"format", "y4m|raw|mjpeg", "what is written (default: by the output's name; y4m for \"-\")",
                       RV_CLI_LIVE, 0},
    [RV_CLI_OUTPUT_PIXEL_FORMAT] = {"output-pixel-format", "NAME", "pixels of y4m (default yuv420p) or raw (rgb24)",
                                    RV_CLI_LIVE, 0},
    [RV_CLI_HOST_WINDOW] = {"host-window", NULL, "draw the window out of host memory, not by Vulkan",
                            RV_CLI_LIVE, 0},
    [RV_CLI_STEPS] = {"steps", "N", "gradient steps a frame, 1 to 64 (default: what --rate leaves time for; of a file 2)",
                      RV_CLI_LIVE, 0},
    [RV_CLI_MOST_STEPS] = {"most-steps", "N", "without --steps: never more, 1 to 64 (default 8)",
                           RV_CLI_LIVE, 0},
    [RV_CLI_DREAM_SIZE] = {"dream-size", "N", "longest side of what is dreamed on, in pixels (default 640)",
                           RV_CLI_LIVE, 0},
    [RV_CLI_AMOUNT] = {"amount", "X", "how much of the dream is shown, 0 to 4 (default 1)",
                         RV_CLI_LIVE, 0},
    [RV_CLI_DECAY] = {"decay", "X", "what is left of it from frame to frame, 0 to 1 (default 0.92)",
                      RV_CLI_LIVE, 0},
    [RV_CLI_DECAY_MOVING] = {"decay-moving", "X", "the same where something moves (default 0.95 of --decay)",
                             RV_CLI_LIVE, 0},
    [RV_CLI_SCENE_CUT] = {"scene-cut", "X", "part of the picture that a cut changes, 0 to 1; 0 = none (default 0.6)",
                          RV_CLI_LIVE, 0},
    [RV_CLI_NO_FLOW] = {"no-flow", NULL, "leave the dream where it is, whatever moves", RV_CLI_LIVE, 0},
    [RV_CLI_BENCH] = {"bench", NULL, "print rates, latencies and drops at the end; shows nothing without -o",
                      RV_CLI_LIVE, 0},
    [RV_CLI_LIKE] = {"like", "RESULT.png", "start from the parameters stored in that picture",
                     RV_CLI_DREAM, 0},
    [RV_CLI_FORMAT] = {"format", "png|jpeg|webp|tiff|exr|ppm|pam", "format of the output, whatever its name (default: by its name, else PNG)",
                       RV_CLI_DREAM, 'f'},
    [RV_CLI_BITS] = {"bits", "8|16|32", "bits per channel; 32 = floats (default: as the input)",
                     RV_CLI_DREAM, 0},
    [RV_CLI_QUALITY] = {"quality", "N", "quality of a JPEG or WebP, 1 to 100 (default: 95; a WebP without loss)",
                        RV_CLI_DREAM | RV_CLI_LIVE, 0},
    [RV_CLI_PREVIEW] = {"preview", "FILE", "keep the picture as it stands in this file, while it grows",
                        RV_CLI_DREAM, 0},
    [RV_CLI_PREVIEW_EVERY] = {"preview-every", "N", "renew it after so many steps (default 5)",
                              RV_CLI_DREAM, 0},
    [RV_CLI_STEPS_DIR] = {"steps-dir", "FOLDER", "keep the picture after every step there, numbered from 1",
                          RV_CLI_DREAM, 0},
    [RV_CLI_RESUME] = {"resume", NULL, "go on with an interrupted dream at the octave that its checkpoint ends",
                       RV_CLI_DREAM, 0},
    [RV_CLI_DRY_RUN] = {"dry-run", NULL, "print octaves, memory and an estimate of the time; dream nothing",
                        RV_CLI_DREAM, 'n'},
    [RV_CLI_WEIGHTS] = {"weights", "FILE", "weights to use (default: $REVERIE_WEIGHTS or the installed ones)",
                        RV_CLI_DREAM | RV_CLI_LAYERS | RV_CLI_PROBE | RV_CLI_STUDIO | RV_CLI_LIVE | RV_CLI_SEE | RV_CLI_ATLAS, 'w'},
    [RV_CLI_RANDOM_WEIGHTS] = {"random-weights", "SEED", "random weights for all layers, made from this seed",
                               RV_CLI_PROBE | RV_CLI_SEE | RV_CLI_ATLAS, 0},
    [RV_CLI_DEVICE] = {"device", "NAME", "index, UUID or part of the name of a device, or \"cpu\"",
                       RV_CLI_DREAM | RV_CLI_PROBE | RV_CLI_STUDIO | RV_CLI_LIVE | RV_CLI_SEE | RV_CLI_ATLAS, 'd'},
    [RV_CLI_MEMORY] = {"memory", "LIMIT", "device memory to use at most, as in 512M or 6G (default: most of what is free)",
                       RV_CLI_DREAM | RV_CLI_PROBE | RV_CLI_STUDIO | RV_CLI_LIVE | RV_CLI_SEE | RV_CLI_ATLAS, 0},
    [RV_CLI_PROFILE] = {"profile", "NAME", "set of kernels: scalar, coopmat, coopmat2, cpu (default: the best)",
                        RV_CLI_DREAM | RV_CLI_PROBE | RV_CLI_STUDIO | RV_CLI_LIVE | RV_CLI_SEE | RV_CLI_ATLAS, 0},
    [RV_CLI_NO_TUNE] = {"no-tune", NULL, "take the shipped choice of kernels, measure none",
                        RV_CLI_DREAM | RV_CLI_PROBE | RV_CLI_STUDIO | RV_CLI_LIVE | RV_CLI_SEE | RV_CLI_ATLAS, 0},
    [RV_CLI_PORT] = {"port", "N", "listen here (default 8380, or any port if that is taken); 0 = any",
                     RV_CLI_STUDIO, 'p'},
    [RV_CLI_NO_BROWSER] = {"no-browser", NULL, "only print the address, open no browser",
                           RV_CLI_STUDIO, 0},
    [RV_CLI_GRADIENT] = {"gradient", "OUT.npy", "write the gradient for the picture in [-1, 1]",
                         RV_CLI_PROBE, 0},
    [RV_CLI_ACTIVATION] = {"activation", "LAYER=OUT.npy", "write a layer's activations; may be repeated",
                           RV_CLI_PROBE, 0},
    [RV_CLI_LAYER] = {"layer", "NAME", "layer to look at: `reverie layers` lists them",
                      RV_CLI_SEE | RV_CLI_ATLAS, 'l'},
    [RV_CLI_CHANNEL] = {"channel", "N", "one channel of --layer (default: all of them together)",
                        RV_CLI_SEE, 'c'},
    [RV_CLI_CHANNELS] = {"channels", "FIRST-LAST", "channels on the sheet (default: all of --layer)",
                         RV_CLI_ATLAS, 0},
    [RV_CLI_SEE_LAYERS] = {"layers", "LIST", "instead of --layer: several, as in mixed4:77,mixed3:5=-0.5",
                           RV_CLI_SEE, 0},
    [RV_CLI_NEURON] = {"neuron", NULL, "only the middle of the layer counts, not all positions",
                       RV_CLI_SEE | RV_CLI_ATLAS, 0},
    [RV_CLI_SEE_SIZE] = {"size", "N", "sides of a picture in pixels, 75 to 512 (default 128)",
                         RV_CLI_SEE | RV_CLI_ATLAS, 's'},
    [RV_CLI_SEE_STEPS] = {"steps", "N", "steps of Adam, 1 to 10000 (default 512)",
                      RV_CLI_SEE | RV_CLI_ATLAS, 0},
    [RV_CLI_SEE_RATE] = {"rate", "X", "its rate of learning, up to 10 (default 0.05)",
                     RV_CLI_SEE | RV_CLI_ATLAS, 0},
    [RV_CLI_PIXELS] = {"pixels", NULL, "optimise pixels rather than a spectrum",
                       RV_CLI_SEE | RV_CLI_ATLAS, 0},
    [RV_CLI_NOISE] = {"noise", "X", "standard deviation of the noise it begins with (default 0.01)",
                      RV_CLI_SEE | RV_CLI_ATLAS, 0},
    [RV_CLI_SEE_DECAY] = {"decay", "X", "how much slower high frequencies grow, up to 4 or off (default 1)",
                      RV_CLI_SEE | RV_CLI_ATLAS, 0},
    [RV_CLI_NO_DECORRELATE] = {"no-decorrelate", NULL, "optimise red, green and blue as they are",
                               RV_CLI_SEE | RV_CLI_ATLAS, 0},
    [RV_CLI_NO_TRANSFORM] = {"no-transform", NULL, "show the network the picture as it is in every step",
                             RV_CLI_SEE | RV_CLI_ATLAS, 0},
    [RV_CLI_PAD] = {"pad", "N", "grey around the picture in pixels, up to 64 or off (default 12)",
                    RV_CLI_SEE | RV_CLI_ATLAS, 0},
    [RV_CLI_SEE_JITTER] = {"jitter", "N", "shift it by up to so many pixels, up to 64 or off (default 8)",
                           RV_CLI_SEE | RV_CLI_ATLAS, 0},
    [RV_CLI_ZOOM] = {"zoom", "X", "then scale it by 1-X to 1+X, up to 0.5 or off (default 0.1)",
                     RV_CLI_SEE | RV_CLI_ATLAS, 0},
    [RV_CLI_TURN] = {"turn", "DEGREES", "and turn it either way, up to 180 or off (default 10)",
                     RV_CLI_SEE | RV_CLI_ATLAS, 0},
    [RV_CLI_JITTER_AFTER] = {"jitter-after", "N", "then shift it once more, up to 64 or off (default 4)",
                             RV_CLI_SEE | RV_CLI_ATLAS, 0},
    [RV_CLI_CONTENT] = {"content", "FILE", "picture whose activations are the content, resized to the photograph",
                        RV_CLI_PROBE, 0},
    [RV_CLI_FP16] = {"fp16", NULL, "store half-precision numbers: half the size",
                     RV_CLI_IMPORT, 0},
    [RV_CLI_ALL_LAYERS] = {"all", NULL, "also the layers within the blocks", RV_CLI_LAYERS, 'a'},
    [RV_CLI_JSON] = {"json", NULL, "print the result as JSON",
                     RV_CLI_DREAM | RV_CLI_DEVICES | RV_CLI_LAYERS | RV_CLI_PROBE | RV_CLI_PRESETS | RV_CLI_LIVE | RV_CLI_SEE | RV_CLI_ATLAS,
                     0},
    [RV_CLI_QUIET] = {"quiet", NULL, "print errors only", RV_CLI_DREAM | RV_CLI_IMPORT | RV_CLI_LIVE | RV_CLI_SEE | RV_CLI_ATLAS, 'q'},
    [RV_CLI_VERBOSE] = {"verbose", NULL, "also print what the library reports",
                        RV_CLI_DREAM | RV_CLI_PROBE | RV_CLI_STUDIO | RV_CLI_LIVE | RV_CLI_SEE | RV_CLI_ATLAS, 'v'},
    [RV_CLI_HELP] = {"help", NULL, "print this text", RV_CLI_ALL, 'h'},
};
// clang-format on

// What getopt_long returns for a long option: rows of rv_cli_options, then rows of rv_options().
#define LONG_BASE 1000
#define PARAMETER_BASE 2000
#define LONG_MAX_COUNT (RV_CLI_OPTION_COUNT + RV_PARAMETER_MAX)

bool rv_command_takes(const struct rv_command *command, const struct rv_option *option) {
    for (const char *const *name = command->parameters; name && *name; name++) {
        if (strcmp(*name, "*") == 0 || strcmp(*name, option->name) == 0)
            return true;
    }
    return false;
}

// Makes getopt's tables of the rows the command takes.
static void make_tables(const struct rv_command *command, struct option *longs, char *letters) {
    uint32_t count;
    const struct rv_option *parameters = rv_options(&count);
    *letters++ = ':'; // getopt then tells a missing value from an unknown option
    for (int i = 0; i < RV_CLI_OPTION_COUNT; i++) {
        const struct rv_cli_option *row = &rv_cli_options[i];
        if (!(row->commands & command->bit))
            continue;
        *longs++ = (struct option){row->name, row->value ? required_argument : no_argument, NULL,
                                   LONG_BASE + i};
        if (row->letter)
            *letters++ = row->letter;
        if (row->letter && row->value)
            *letters++ = ':';
    }
    for (uint32_t i = 0; i < count && i < RV_PARAMETER_MAX; i++) {
        if (rv_command_takes(command, &parameters[i]))
            *longs++ = (struct option){parameters[i].name, required_argument, NULL,
                                       PARAMETER_BASE + (int)i};
    }
    *longs = (struct option){0};
    *letters = '\0';
}

static int find_letter(const struct rv_command *command, int letter) {
    for (int i = 0; i < RV_CLI_OPTION_COUNT; i++) {
        if ((rv_cli_options[i].commands & command->bit) && rv_cli_options[i].letter == letter)
            return i;
    }
    return -1;
}

static enum rv_status fail_unknown(const struct rv_command *command, const struct option *longs,
                                   const char *given) {
    size_t dashes = strspn(given, "-"), length = strcspn(given + dashes, "=");
    char name[64];
    const char *nearest = longs->name;
    snprintf(name, sizeof name, "%.*s", (int)length, given + dashes);
    for (; longs->name; longs++) {
        if (rv_edit_distance(name, longs->name) < rv_edit_distance(name, nearest))
            nearest = longs->name;
    }
    bool close = rv_may_mean(name, nearest);
    return rv_fail(RV_ERR_USAGE, "there is no option \"%.*s\":%s%s%s `reverie help %s` lists them",
                   (int)(dashes + length), given, close ? " did you mean \"--" : "",
                   close ? nearest : "", close ? "\"?" : "", command->name);
}

// getopt's two kinds of refusal: ':' a value is missing, '?' everything else.
static enum rv_status fail_option(const struct rv_command *command, const struct option *longs,
                                  int kind, char **argv) {
    const char *given = argv[optind - 1];
    if (optopt == 0) { // an unknown long option, or the beginning of several
        size_t length = strlen(given) > 2 ? strcspn(given + 2, "=") : 0;
        for (const struct option *row = longs; length && row->name; row++) {
            if (strncmp(row->name, given + 2, length) == 0)
                return rv_fail(RV_ERR_USAGE,
                               "\"%s\" could be \"--%s\" or another option: write it out", given,
                               row->name);
        }
        return fail_unknown(command, longs, given);
    }
    if (optopt < LONG_BASE && find_letter(command, optopt) < 0) {
        char text[3] = {'-', (char)optopt, '\0'};
        return rv_fail(RV_ERR_USAGE, "there is no option \"%s\": `reverie help %s` lists them",
                       text, command->name);
    }
    if (kind == ':')
        return rv_fail(RV_ERR_USAGE, "%s: the value is missing: `reverie help %s` explains it",
                       given, command->name);
    return rv_fail(RV_ERR_USAGE, "%s: this option takes no value: leave it out", given);
}

static enum rv_status accept(struct rv_arguments *arguments, int id, const char *value) {
    arguments->value[id] = value ? value : "";
    if (value && !*value)
        return rv_fail(RV_ERR_USAGE, "--%s: the value is empty: give one, or leave the option out",
                       rv_cli_options[id].name);
    if (id != RV_CLI_ACTIVATION)
        return RV_OK;
    if (arguments->activation_count == RV_ACTIVATION_MAX)
        return rv_fail(RV_ERR_USAGE, "--activation: more than %d at once: ask in several runs",
                       RV_ACTIVATION_MAX);
    arguments->activation[arguments->activation_count++] = value;
    return RV_OK;
}

static enum rv_status accept_parameter(struct rv_arguments *arguments, int row, const char *value) {
    if (!*value)
        return rv_fail(RV_ERR_USAGE, "--%s: the value is empty: give one, or leave the option out",
                       rv_options(NULL)[row].name);
    arguments->parameter[row] = value;
    return RV_OK;
}

static enum rv_status take_positional(const struct rv_command *command, int argc, char **argv,
                                      struct rv_arguments *arguments) {
    int count = argc - optind;
    if (count < command->positional_min)
        return rv_fail(RV_ERR_USAGE, "a word is missing: write reverie %s %s", command->name,
                       command->usage);
    if (count > command->positional_max)
        return rv_fail(RV_ERR_USAGE, "\"%s\" is one word too many: write reverie %s %s",
                       argv[optind + command->positional_max], command->name, command->usage);
    arguments->positional = argv + optind;
    arguments->positional_count = count;
    return RV_OK;
}

enum rv_status rv_arguments_parse(const struct rv_command *command, int argc, char **argv,
                                  struct rv_arguments *arguments) {
    struct option longs[LONG_MAX_COUNT + 1];
    char letters[2 * RV_CLI_OPTION_COUNT + 2];
    enum rv_status status = RV_OK;
    *arguments = (struct rv_arguments){0};
    make_tables(command, longs, letters);
    opterr = 0;
    optind = 1;
    for (;;) {
        int got = getopt_long(argc, argv, letters, longs, NULL);
        if (got == -1)
            break;
        if (got == '?' || got == ':')
            return fail_option(command, longs, got, argv);
        if (got >= PARAMETER_BASE)
            RV_TRY(accept_parameter(arguments, got - PARAMETER_BASE, optarg));
        else
            RV_TRY(accept(arguments, got >= LONG_BASE ? got - LONG_BASE : find_letter(command, got),
                          optarg));
    }
    if (!arguments->value[RV_CLI_HELP])
        RV_TRY(take_positional(command, argc, argv, arguments));
done:
    return status;
}

enum rv_status rv_arguments_apply(const struct rv_arguments *arguments, struct rv_params *params) {
    uint32_t count;
    const struct rv_option *options = rv_options(&count);
    enum rv_status status = RV_OK;
    for (uint32_t i = 0; i < count && i < RV_PARAMETER_MAX; i++) {
        const char *value = arguments->parameter[i];
        if (!value || options[i].type == RV_OPTION_PICTURE)
            continue;
        RV_TRY(i == 0 ? rv_preset_apply(value, params) // the preset is the first row
                      : rv_params_set(params, options[i].name, value));
    }
done:
    return status;
}

enum rv_status rv_arguments_number(const struct rv_arguments *arguments, enum rv_cli_option_id id,
                                   uint64_t minimum, uint64_t maximum, uint64_t *number) {
    const char *text = arguments->value[id];
    if (!text)
        return RV_OK;
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)*text) || *end || errno || value < minimum || value > maximum)
        return rv_fail(RV_ERR_USAGE,
                       "--%s: \"%s\" is not possible: give a whole number from %llu to %llu",
                       rv_cli_options[id].name, text, (unsigned long long)minimum,
                       (unsigned long long)maximum);
    *number = value;
    return RV_OK;
}

enum rv_status rv_arguments_real_or_off(const struct rv_arguments *arguments,
                                        enum rv_cli_option_id id, bool may_be_off, float *number) {
    const char *text = arguments->value[id];
    char *end;
    if (!text)
        return RV_OK;
    float value = strtof(text, &end);
    bool is_number = isdigit((unsigned char)*text) || *text == '.';
    if (may_be_off && (strcmp(text, "off") == 0 || (is_number && !*end && value == 0))) {
        *number = RV_OFF;
        return RV_OK;
    }
    if (!is_number || *end || !(value > 0))
        return rv_fail(RV_ERR_USAGE, "--%s: \"%s\" is not possible: give a number above 0%s",
                       rv_cli_options[id].name, text, may_be_off ? ", or off" : "");
    *number = value;
    return RV_OK;
}

enum rv_status rv_arguments_bytes(const struct rv_arguments *arguments, enum rv_cli_option_id id,
                                  uint64_t *bytes) {
    const char *text = arguments->value[id];
    if (!text)
        return RV_OK;
    static const char units[] = "KMG";
    char *end;
    double value = strtod(text, &end);
    const char *unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
    bool counts = end != text && isdigit((unsigned char)*text);
    for (const char *u = units; unit && u <= unit; u++)
        value *= 1024;
    if (!counts || (*end && (!unit || end[1])) || !(value >= 1) || value > 0x1p62)
        return rv_fail(RV_ERR_USAGE,
                       "--%s: \"%s\" is not possible: give a number of bytes, or one with K, M "
                       "or G, such as 512M",
                       rv_cli_options[id].name, text);
    *bytes = (uint64_t)value;
    return RV_OK;
}

enum rv_status rv_arguments_real(const struct rv_arguments *arguments, enum rv_cli_option_id id,
                                 double minimum, double maximum, double *number) {
    const char *text = arguments->value[id];
    if (!text)
        return RV_OK;
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !(value >= minimum && value <= maximum))
        return rv_fail(RV_ERR_USAGE, "--%s: \"%s\" is not possible: give a number from %g to %g",
                       rv_cli_options[id].name, text, minimum, maximum);
    *number = value;
    return RV_OK;
}

enum rv_status rv_arguments_size(const struct rv_arguments *arguments, enum rv_cli_option_id id,
                                 uint32_t minimum, uint32_t maximum, uint32_t *width,
                                 uint32_t *height) {
    const char *text = arguments->value[id];
    if (!text)
        return RV_OK;
    char *end = NULL;
    unsigned long w = 0, h = 0;
    if (isdigit((unsigned char)*text))
        w = strtoul(text, &end, 10);
    if (end && *end == 'x' && isdigit((unsigned char)end[1]))
        h = strtoul(end + 1, &end, 10);
    if (!end || *end || w < minimum || h < minimum || w > maximum || h > maximum)
        return rv_fail(RV_ERR_USAGE,
                       "--%s: \"%s\" is not possible: give WIDTHxHEIGHT, each from %u to %u",
                       rv_cli_options[id].name, text, (unsigned)minimum, (unsigned)maximum);
    *width = (uint32_t)w;
    *height = (uint32_t)h;
    return RV_OK;
}
