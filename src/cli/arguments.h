// The one table of the command line's options, and what a command line said.
#ifndef RV_CLI_ARGUMENTS_H
#define RV_CLI_ARGUMENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "reverie/reverie.h"

#define RV_POSITIONAL_MAX 1  // no command takes more
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
    RV_CLI_ALL = 511
};

// Rows of rv_cli_options, in its order.
enum rv_cli_option_id {
    RV_CLI_OUTPUT,
    RV_CLI_OVERWRITE,
    RV_CLI_SIZE,
    RV_CLI_SIZE_EXACT,
    RV_CLI_LIKE,
    RV_CLI_BITS,
    RV_CLI_QUALITY,
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
    const char *positional[RV_POSITIONAL_MAX];
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

// The same of bytes: a number, perhaps with a point, and K, M or G for the powers of 1024.
enum rv_status rv_arguments_bytes(const struct rv_arguments *arguments, enum rv_cli_option_id id,
                                  uint64_t *bytes);

#endif
