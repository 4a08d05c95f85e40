#include "cli/help.h"

#include <string.h>

#include "viewer/keys.h"

#define COLUMN 30 // where the explanation of an option begins
#define LINE 100

const struct rv_entry rv_exit_codes[] = {
    {"0", "all went well"},
    {"1", "a file cannot be read or written, a picture is unusable, the gradient is zero or not "
          "finite"},
    {"2", "the command line is wrong, or asks for what this build lacks (studio, live, a format)"},
    {"3", "there is no usable Vulkan device"},
    {"4", "the weights are missing, damaged, or do not reach the layer asked for"},
    {"5", "host or device memory ran out"},
    {"6", "the driver gave the device up"},
    {"7", "of several pictures some failed; the others were written"},
    {"130", "interrupted (Ctrl-C); what was not finished was not written. live: before the first "
            "frame; later it is 0"},
    {0}};

const struct rv_entry rv_environment[] = {
    {"REVERIE_WEIGHTS", "the weights to use"},
    {"XDG_DATA_HOME", "weights lie in its folder reverie (~/.local/share)"},
    {"XDG_CACHE_HOME", "pipeline caches lie in its folder reverie (~/.cache)"},
    {0}};

const struct rv_entry rv_places[] = {
    {"~/.local/share/reverie/inception_v3.safetensors", "the weights of this user"},
    {"share/reverie/inception_v3.safetensors",
     "weights for everybody, below the prefix of the installation"},
    {"OUT.resume", "what an interrupted dream left beside its output, for --resume"},
    {"~/.cache/reverie", "pipeline caches, and the package that the default weights are out of"},
    {0}};

static void print_entries(FILE *stream, const char *title, int column,
                          const struct rv_entry *entry) {
    fprintf(stream, "%s:\n", title);
    for (; entry->name; entry++)
        fprintf(stream, "  %-*s%s\n", column - 2, entry->name, entry->text);
}

static void print_exit_codes(FILE *stream) {
    print_entries(stream, "Exit codes", 7, rv_exit_codes);
}

void rv_help_overview(FILE *stream) {
    fprintf(stream, "Reverie %s: a photograph dreams, on any Vulkan device.\n\n", rv_version());
    fprintf(stream, "Usage: reverie COMMAND ...\n\nCommands:\n");
    for (const struct rv_command *command = rv_commands; command->name; command++)
        fprintf(stream, "  %-*s%s\n", COLUMN - 2, command->name, command->help);
    fprintf(stream, "  %-*s%s\n", COLUMN - 2, "help [COMMAND]", "explain a command");
    fprintf(stream, "  %-*s%s\n\n", COLUMN - 2, "--version", "print version, build and compiler");
    fprintf(
        stream,
        "A first dream:\n  reverie dream photo.jpg        writes photo.dream.png beside it\n\n");
    print_exit_codes(stream);
    fprintf(stream, "\n");
    print_entries(stream, "Environment", COLUMN, rv_environment);
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

void rv_print_range(FILE *stream, const struct rv_option *option) {
    char value[512];
    if (option->type == RV_OPTION_PICTURE) {
        fprintf(stream, "a picture; default none");
        return;
    }
    if (option->choices) {
        for (const char *const *choice = option->choices; *choice; choice++)
            fprintf(stream, "%s%s", choice == option->choices ? "" : ", ", *choice);
        fprintf(stream, "; ");
    } else if (option->type != RV_OPTION_TEXT) {
        fprintf(stream, "%.16g to %.16g%s%s; ", option->minimum, option->maximum,
                *option->unit ? " " : "", option->unit);
    }
    if (rv_params_get(&rv_presets(NULL)->params, option->name, value, sizeof value) == RV_OK)
        fprintf(stream, "default %s", value);
}

static void print_parameters(FILE *stream, const struct rv_command *command) {
    uint32_t count;
    const struct rv_option *options = rv_options(&count);
    fprintf(stream, "\nParameters:\n");
    for (uint32_t i = 0; i < count; i++) {
        if (!rv_command_takes(command, &options[i]))
            continue;
        print_row(stream, 0, options[i].name, options[i].value);
        fprintf(stream, "%s\n%*s(", options[i].help, COLUMN, "");
        rv_print_range(stream, &options[i]);
        fprintf(stream, ")\n");
    }
}

bool rv_preset_differs(const struct rv_preset *preset, const struct rv_option *option, char *value,
                       size_t capacity) {
    char usual[512];
    return rv_params_get(&preset->params, option->name, value, capacity) == RV_OK &&
           rv_params_get(&rv_presets(NULL)->params, option->name, usual, sizeof usual) == RV_OK &&
           strcmp(value, usual) != 0;
}

// What a preset sets otherwise than the default one, as options one could type.
static void print_differences(FILE *stream, const struct rv_preset *preset) {
    uint32_t count;
    const struct rv_option *options = rv_options(&count);
    int column = LINE;
    for (uint32_t i = 1; i < count; i++) { // row 0 is the preset itself
        char value[512], text[640];
        if (!rv_preset_differs(preset, &options[i], value, sizeof value))
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
    if (command->bit == RV_CLI_LIVE) {
        fprintf(stream, "\n");
        rv_keys_print(stream);
    }
    fprintf(stream, "\n");
    if (command->parameters)
        print_exit_codes(stream);
    else
        fprintf(stream, "`reverie help` explains the exit codes.\n");
}
