// The one table of the command line's options, and what a command line said.
#ifndef RV_CLI_ARGUMENTS_H
#define RV_CLI_ARGUMENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "reverie/reverie.h"

#define RV_MANY 1000000      // words a command takes at most: as many as there are
#define RV_ACTIVATION_MAX 16 // rv_probe's limit
#define RV_PARAMETER_MAX 64  // rows of rv_options()

// Commands, as bits of an option's `commands`.
enum {
    RV_CLI_DREAM = 1,
    RV_CLI_DEVICES = 2,
    RV_CLI_LAYERS = 4,
    RV_CLI_IMPORT = 8,
    RV_CLI_VERIFY = 16,
    RV_CLI_PROBE = 32,
    RV_CLI_FETCH = 64,
    RV_CLI_COMPLETIONS = 128,
    RV_CLI_STUDIO = 256,
    RV_CLI_PRESETS = 512,
    RV_CLI_LIVE = 1024,
    RV_CLI_SEE = 2048,
    RV_CLI_ATLAS = 4096,
    RV_CLI_ALL = 8191
};

// Rows of rv_cli_options, in its order.
enum rv_cli_option_id {
    RV_CLI_INPUT,
    RV_CLI_OUTPUT,
    RV_CLI_OUTPUT_LIVE,
    RV_CLI_OVERWRITE,
    RV_CLI_SIZE,
    RV_CLI_SIZE_EXACT,
    RV_CLI_SIZE_LIVE,
    RV_CLI_RATE,
    RV_CLI_PIXEL_FORMAT,
    RV_CLI_REALTIME,
    RV_CLI_FRAMES,
    RV_CLI_FORMAT_LIVE,
    RV_CLI_OUTPUT_PIXEL_FORMAT,
    RV_CLI_HOST_WINDOW,
    RV_CLI_STEPS,
    RV_CLI_MOST_STEPS,
    RV_CLI_DREAM_SIZE,
    RV_CLI_AMOUNT,
    RV_CLI_DECAY,
    RV_CLI_DECAY_MOVING,
    RV_CLI_SCENE_CUT,
    RV_CLI_NO_FLOW,
    RV_CLI_BENCH,
    RV_CLI_LIKE,
    RV_CLI_FORMAT,
    RV_CLI_BITS,
    RV_CLI_QUALITY,
    RV_CLI_PREVIEW,
    RV_CLI_PREVIEW_EVERY,
    RV_CLI_STEPS_DIR,
    RV_CLI_RESUME,
    RV_CLI_DRY_RUN,
    RV_CLI_WEIGHTS,
    RV_CLI_RANDOM_WEIGHTS,
    RV_CLI_DEVICE,
    RV_CLI_MEMORY,
    RV_CLI_PROFILE,
    RV_CLI_NO_TUNE,
    RV_CLI_PORT,
    RV_CLI_NO_BROWSER,
    RV_CLI_GRADIENT,
    RV_CLI_ACTIVATION,
    RV_CLI_LAYER,
    RV_CLI_CHANNEL,
    RV_CLI_CHANNELS,
    RV_CLI_SEE_LAYERS,
    RV_CLI_NEURON,
    RV_CLI_SEE_SIZE,
    RV_CLI_SEE_STEPS,
    RV_CLI_SEE_RATE,
    RV_CLI_PIXELS,
    RV_CLI_NOISE,
    RV_CLI_SEE_DECAY,
    RV_CLI_NO_DECORRELATE,
    RV_CLI_NO_TRANSFORM,
    RV_CLI_PAD,
    RV_CLI_SEE_JITTER,
    RV_CLI_ZOOM,
    RV_CLI_TURN,
    RV_CLI_JITTER_AFTER,
    RV_CLI_CONTENT,
    RV_CLI_FP16,
    RV_CLI_ALL_LAYERS,
    RV_CLI_JSON,
    RV_CLI_QUIET,
    RV_CLI_VERBOSE,
    RV_CLI_HELP,
    RV_CLI_OPTION_COUNT
};

struct rv_cli_option {
    const char *name;  // "output"
    const char *value; // placeholder; NULL = a switch
    const char *help;  // one line
    uint32_t commands; // that take it
    char letter;       // 'o', or 0
};

extern const struct rv_cli_option rv_cli_options[RV_CLI_OPTION_COUNT];

// What was given. Texts are borrowed from argv.
struct rv_arguments {
    char *const *positional;
    int positional_count;
    const char *value[RV_CLI_OPTION_COUNT];    // NULL = not given; "" for a switch
    const char *parameter[RV_PARAMETER_MAX];   // by row of rv_options(); NULL = not given
    const char *activation[RV_ACTIVATION_MAX]; // every --activation, in order
    uint32_t activation_count;
};

struct rv_command {
    const char *name;              // "dream", "weights import"
    const char *usage;             // what follows the name: "IN [-o OUT] [options]"
    const char *help;              // one line
    const char *text;              // paragraphs for `reverie help NAME`
    const char *const *parameters; // names of the rows of rv_options() it takes, "*" = all; NULL =
                                   // none
    uint32_t bit;                  // RV_CLI_...
    int positional_min, positional_max;
    enum rv_status (*run)(const struct rv_arguments *arguments);
};

// All commands, ended by one without a name.
extern const struct rv_command rv_commands[];

// True if the command takes that row of rv_options().
bool rv_command_takes(const struct rv_command *command, const struct rv_option *option);

// Parses what follows the command's name; argv[0] is not looked at. RV_ERR_USAGE says what is wrong
// and suggests the nearest option. With --help nothing else is demanded.
enum rv_status rv_arguments_parse(const struct rv_command *command, int argc, char **argv,
                                  struct rv_arguments *arguments);

// Applies every parameter that was given to `params`, but pictures: see cli/pictures.h.
enum rv_status rv_arguments_apply(const struct rv_arguments *arguments, struct rv_params *params);

// Reads an option that is a whole number; leaves *number alone if it was not given.
enum rv_status rv_arguments_number(const struct rv_arguments *arguments, enum rv_cli_option_id id,
                                   uint64_t minimum, uint64_t maximum, uint64_t *number);

// The same of a number that may have a point.
enum rv_status rv_arguments_real(const struct rv_arguments *arguments, enum rv_cli_option_id id,
                                 double minimum, double maximum, double *number);

// Reads a size, "WIDTHxHEIGHT", each within those bounds.
enum rv_status rv_arguments_size(const struct rv_arguments *arguments, enum rv_cli_option_id id,
                                 uint32_t minimum, uint32_t maximum, uint32_t *width,
                                 uint32_t *height);
// The same of a number with a point, above 0; "0" or "off" is RV_OFF if `may_be_off`.
enum rv_status rv_arguments_real_or_off(const struct rv_arguments *arguments,
                                        enum rv_cli_option_id id, bool may_be_off, float *number);

// The same of bytes: a number, perhaps with a point, and K, M or G for the powers of 1024.
enum rv_status rv_arguments_bytes(const struct rv_arguments *arguments, enum rv_cli_option_id id,
                                  uint64_t *bytes);

#endif
