// The help texts, generated from the table of commands and options.
#ifndef RV_CLI_HELP_H
#define RV_CLI_HELP_H

#include <stdio.h>

#include "cli/arguments.h"

// The overview: commands, exit codes, environment.
void rv_help_overview(FILE *stream);

// One command: usage, what it does, its options with ranges and defaults.
void rv_help_command(FILE *stream, const struct rv_command *command);

#endif
