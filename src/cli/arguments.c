#include "cli/arguments.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "base/text.h"

// clang-format off
const struct rv_cli_option rv_cli_options[RV_CLI_OPTION_COUNT] = {
    [RV_CLI_OUTPUT] = {"output", "FILE", "write here instead of the default place; \"-\" = standard output",
                       RV_CLI_DREAM | RV_CLI_IMPORT, 'o'},
    [RV_CLI_OVERWRITE] = {"overwrite", NULL, "replace the output if it exists",
                          RV_CLI_DREAM | RV_CLI_IMPORT, 'y'},
    [RV_CLI_SIZE] = {"size", "N", "resize the picture first: longest side in pixels, 75 to 65535",
                     RV_CLI_DREAM | RV_CLI_STUDIO, 's'},
    [RV_CLI_SIZE_EXACT] = {"size", "WxH", "resize the picture first, in pixels", RV_CLI_PROBE, 's'},
    [RV_CLI_LIKE] = {"like", "RESULT.png", "start from the parameters stored in that picture",
                     RV_CLI_DREAM, 0},
    [RV_CLI_BITS] = {"bits", "8|16", "bits per channel of a PNG (default: as the input)",
                     RV_CLI_DREAM, 0},
    [RV_CLI_QUALITY] = {"quality", "N", "quality of a JPEG, 1 to 100 (default 95)",
                        RV_CLI_DREAM, 0},
    [RV_CLI_WEIGHTS] = {"weights", "FILE", "weights to use (default: $REVERIE_WEIGHTS or the installed ones)",
                        RV_CLI_DREAM | RV_CLI_LAYERS | RV_CLI_PROBE | RV_CLI_STUDIO, 'w'},
    [RV_CLI_RANDOM_WEIGHTS] = {"random-weights", "SEED", "random weights for all layers, made from this seed",
                               RV_CLI_PROBE, 0},
    [RV_CLI_DEVICE] = {"device", "NAME", "index, UUID or part of the name of a device, or \"cpu\"",
                       RV_CLI_DREAM | RV_CLI_PROBE | RV_CLI_STUDIO, 'd'},
    [RV_CLI_MEMORY] = {"memory", "LIMIT", "device memory to use at most, as in 512M or 6G (default: most of what is free)",
                       RV_CLI_DREAM | RV_CLI_PROBE | RV_CLI_STUDIO, 0},
    [RV_CLI_PROFILE] = {"profile", "NAME", "set of kernels: scalar, coopmat, coopmat2, cpu (default: the best)",
                        RV_CLI_DREAM | RV_CLI_PROBE | RV_CLI_STUDIO, 0},
    [RV_CLI_NO_TUNE] = {"no-tune", NULL, "take the shipped choice of kernels, measure none",
                        RV_CLI_DREAM | RV_CLI_PROBE | RV_CLI_STUDIO, 0},
    [RV_CLI_PORT] = {"port", "N", "listen here (default 8380, or any port if that is taken); 0 = any",
                     RV_CLI_STUDIO, 'p'},
    [RV_CLI_NO_BROWSER] = {"no-browser", NULL, "only print the address, open no browser",
                           RV_CLI_STUDIO, 0},
    [RV_CLI_GRADIENT] = {"gradient", "OUT.npy", "write the gradient for the picture in [-1, 1]",
                         RV_CLI_PROBE, 0},
    [RV_CLI_ACTIVATION] = {"activation", "LAYER=OUT.npy", "write a layer's activations; may be repeated",
                           RV_CLI_PROBE, 0},
    [RV_CLI_CONTENT] = {"content", "FILE", "picture whose activations are the content, resized to the photograph",
                        RV_CLI_PROBE, 0},
    [RV_CLI_FP16] = {"fp16", NULL, "store half-precision numbers: half the size",
                     RV_CLI_IMPORT, 0},
    [RV_CLI_ALL_LAYERS] = {"all", NULL, "also the layers within the blocks", RV_CLI_LAYERS, 'a'},
    [RV_CLI_JSON] = {"json", NULL, "print the result as JSON",
                     RV_CLI_DREAM | RV_CLI_DEVICES | RV_CLI_LAYERS | RV_CLI_PROBE, 0},
    [RV_CLI_QUIET] = {"quiet", NULL, "print errors only", RV_CLI_DREAM | RV_CLI_IMPORT, 'q'},
    [RV_CLI_VERBOSE] = {"verbose", NULL, "also print what the library reports",
                        RV_CLI_DREAM | RV_CLI_PROBE | RV_CLI_STUDIO, 'v'},
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
    for (int i = 0; i < count; i++)
        arguments->positional[i] = argv[optind + i];
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
        if (arguments->parameter[i] && options[i].type != RV_OPTION_PICTURE)
            RV_TRY(rv_params_set(params, options[i].name, arguments->parameter[i]));
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
