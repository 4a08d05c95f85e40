#include "cli/help.h"

#include <string.h>

#define COLUMN 30 // where the explanation of an option begins
#define LINE 100

static const char exit_codes[] =
    "Exit codes:\n"
    "  0    all went well\n"
    "  1    it failed: a file cannot be read or written, a picture is unusable, the gradient is\n"
    "       zero or not finite\n"
    "  2    the command line is wrong\n"
    "  3    there is no usable Vulkan device\n"
    "  4    the weights are missing, damaged, or do not reach the layer asked for\n"
    "  5    host or device memory ran out\n"
    "  6    the driver gave the device up\n"
    "  130  interrupted (Ctrl-C); nothing was written\n";

void rv_help_overview(FILE *stream) {
    fprintf(stream, "Reverie %s: a photograph dreams, on any Vulkan device.\n\n", rv_version());
    fprintf(stream, "Usage: reverie COMMAND ...\n\nCommands:\n");
    for (const struct rv_command *command = rv_commands; command->name; command++)
        fprintf(stream, "  %-*s%s\n", COLUMN - 2, command->name, command->help);
    fprintf(stream, "  %-*s%s\n", COLUMN - 2, "help [COMMAND]", "explain a command");
    fprintf(stream, "  %-*s%s\n\n", COLUMN - 2, "--version", "print version, build and compiler");
    fprintf(stream,
            "A first dream:\n  reverie dream photo.jpg        writes photo.dream.png beside it\n\n"
            "%s\n"
            "Environment:\n"
            "  %-*s%s\n  %-*s%s\n  %-*s%s\n",
            exit_codes, COLUMN - 2, "REVERIE_WEIGHTS", "the weights to use", COLUMN - 2,
            "XDG_DATA_HOME", "weights lie in its folder reverie (~/.local/share)", COLUMN - 2,
            "XDG_CACHE_HOME", "pipeline caches lie in its folder reverie (~/.cache)");
}

static void print_row(FILE *stream, char letter, const char *name, const char *value) {
    char left[64];
    snprintf(left, sizeof left, "%c%c%s--%s%s%s", letter ? '-' : ' ', letter ? letter : ' ',
             letter ? ", " : "  ", name, value ? " " : "", value ? value : "");
    // A name too long for the column gets a line of its own.
    if (strlen(left) > COLUMN - 4)
        fprintf(stream, "  %s\n%*s", left, COLUMN, "");
    else
        fprintf(stream, "  %-*s", COLUMN - 2, left);
}

static void print_range(FILE *stream, const struct rv_option *option) {
    if (option->choices) {
        for (const char *const *choice = option->choices; *choice; choice++)
            fprintf(stream, "%s%s", choice == option->choices ? "" : ", ", *choice);
        fprintf(stream, "; ");
    } else if (option->type != RV_OPTION_TEXT) {
        fprintf(stream, "%.16g to %.16g%s%s; ", option->minimum, option->maximum,
                *option->unit ? " " : "", option->unit);
    }
}

static void print_parameters(FILE *stream, const struct rv_command *command) {
    uint32_t count;
    const struct rv_option *options = rv_options(&count);
    const struct rv_params *defaults = &rv_presets(NULL)->params;
    fprintf(stream, "\nParameters:\n");
    for (uint32_t i = 0; i < count; i++) {
        char value[512];
        if (!rv_command_takes(command, &options[i]))
            continue;
        print_row(stream, 0, options[i].name, options[i].value);
        fprintf(stream, "%s\n%*s(", options[i].help, COLUMN, "");
        print_range(stream, &options[i]);
        if (rv_params_get(defaults, options[i].name, value, sizeof value) == RV_OK)
            fprintf(stream, "default %s)\n", value);
    }
}

// What a preset sets otherwise than the default one, as options one could type.
static void print_differences(FILE *stream, const struct rv_preset *preset) {
    uint32_t count;
    const struct rv_option *options = rv_options(&count);
    const struct rv_params *defaults = &rv_presets(NULL)->params;
    int column = LINE;
    for (uint32_t i = 1; i < count; i++) { // row 0 is the preset itself
        char value[512], usual[512], text[640];
        if (rv_params_get(&preset->params, options[i].name, value, sizeof value) != RV_OK ||
            rv_params_get(defaults, options[i].name, usual, sizeof usual) != RV_OK ||
            strcmp(value, usual) == 0)
            continue;
        int length = snprintf(text, sizeof text, " --%s %s", options[i].name, value);
        if (column + length > LINE)
            column = fprintf(stream, "\n%*s", COLUMN - 1, "") - 1;
        column += fprintf(stream, "%s", text);
    }
    fprintf(stream, "\n");
}

static void print_presets(FILE *stream) {
    uint32_t count;
    const struct rv_preset *presets = rv_presets(&count);
    fprintf(stream, "\nPresets, and where they differ from the defaults above:\n");
    for (uint32_t i = 0; i < count; i++) {
        fprintf(stream, "  %-*s%s", COLUMN - 2, presets[i].name, presets[i].help);
        print_differences(stream, &presets[i]);
    }
}

void rv_help_command(FILE *stream, const struct rv_command *command) {
    fprintf(stream, "Usage: reverie %s %s\n\n%s\n\nOptions:\n", command->name, command->usage,
            command->text);
    for (int i = 0; i < RV_CLI_OPTION_COUNT; i++) {
        const struct rv_cli_option *row = &rv_cli_options[i];
        if (!(row->commands & command->bit))
            continue;
        print_row(stream, row->letter, row->name, row->value);
        fprintf(stream, "%s\n", row->help);
    }
    if (command->parameters)
        print_parameters(stream, command);
    if (command->bit == RV_CLI_DREAM)
        print_presets(stream);
    if (command->parameters)
        fprintf(stream, "\n%s", exit_codes);
    else
        fprintf(stream, "\n`reverie help` explains the exit codes.\n");
}
