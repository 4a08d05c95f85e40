// The help texts, generated from the table of commands and options.
#ifndef RV_CLI_HELP_H
#define RV_CLI_HELP_H

#include <stdio.h>

#include "cli/arguments.h"

// A word and what it means.
struct rv_entry {
    const char *name, *text;
};

// Ended by one without a name.
extern const struct rv_entry rv_exit_codes[], rv_environment[], rv_places[];

// What an option's value may be and is by default: "1 to 32; default 4".
void rv_print_range(FILE *stream, const struct rv_option *option);

// Writes the value of that option in a preset; false if it is that of the default preset, too.
bool rv_preset_differs(const struct rv_preset *preset, const struct rv_option *option, char *value,
                       size_t capacity);

// The overview: commands, exit codes, environment.
void rv_help_overview(FILE *stream);

// One command: usage, what it does, its options with ranges and defaults.
void rv_help_command(FILE *stream, const struct rv_command *command);

// All of it as a manual page in the macros of man(7).
void rv_help_man(FILE *stream);

#endif
