// The manual page, from the same tables as the help texts.
#include <stdlib.h>
#include <string.h>

#include "cli/help.h"
#include "viewer/keys.h"

#define LINE 56 // about where lines of the source end

// Prints text of ours for roff: `this` in bold, and nothing taken for a request or an escape.
static void print_text(FILE *stream, const char *text, size_t length) {
    bool bold = false, line_start = true;
    size_t column = 0;
    for (size_t i = 0; i < length; i++) {
        char c = text[i] == ' ' && column > LINE ? '\n' : text[i];
        if (line_start && (c == '.' || c == '\''))
            fputs("\\&", stream);
        line_start = c == '\n';
        column = line_start ? 0 : column + 1;
        if (c == '`')
            fputs((bold = !bold) ? "\\fB" : "\\fP", stream);
        else if (c == '-')
            fputs("\\-", stream);
        else if (c == '\\')
            fputs("\\e", stream);
        else if (c == '\'')
            fputs("\\(aq", stream);
        else if (c == '~')
            fputs("\\(ti", stream);
        else
            fputc(c, stream);
    }
}

static void print(FILE *stream, const char *text) {
    print_text(stream, text, strlen(text));
}

// A font around escaped text: 'B' bold, 'I' italic.
static void print_in(FILE *stream, char font, const char *text) {
    fprintf(stream, "\\f%c", font);
    print(stream, text);
    fprintf(stream, "\\fP");
}

// Lines that are set in are items of a list.
static void print_paragraphs(FILE *stream, const char *text) {
    bool item = false;
    while (*text) {
        size_t length = strcspn(text, "\n"), blanks = strspn(text, " ");
        if (blanks)
            fprintf(stream, ".IP \\(bu 2\n");
        else if (item) // the list is over
            fprintf(stream, ".PP\n");
        item = blanks > 0;
        print_text(stream, text + blanks, length - blanks);
        fprintf(stream, "\n");
        text += length + (text[length] == '\n');
    }
}

static void print_option(FILE *stream, char letter, const char *name, const char *value) {
    fprintf(stream, ".TP 7\n"); // a list before it had another indentation
    if (letter)
        fprintf(stream, "\\fB\\-%c\\fP, ", letter);
    fprintf(stream, "\\fB\\-\\-");
    print(stream, name);
    fprintf(stream, "\\fP");
    if (value) {
        fprintf(stream, " ");
        print_in(stream, 'I', value);
    }
    fprintf(stream, "\n");
}

// What rv_print_range prints, escaped.
static void print_range(FILE *stream, const struct rv_option *option) {
    char *text = NULL;
    size_t length;
    FILE *memory = open_memstream(&text, &length);
    if (!memory)
        return;
    rv_print_range(memory, option);
    if (fclose(memory) == 0)
        print_text(stream, text, length);
    free(text);
}

static void print_command(FILE *stream, const struct rv_command *command) {
    uint32_t count;
    const struct rv_option *options = rv_options(&count);
    fprintf(stream, ".SS reverie %s%s", command->name, *command->usage ? " " : "");
    print(stream, command->usage);
    fprintf(stream, "\n");
    print_paragraphs(stream, command->text);
    for (int i = 0; i < RV_CLI_OPTION_COUNT; i++) {
        const struct rv_cli_option *row = &rv_cli_options[i];
        if (!(row->commands & command->bit))
            continue;
        print_option(stream, row->letter, row->name, row->value);
        print(stream, row->help);
        fprintf(stream, "\n");
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!rv_command_takes(command, &options[i]))
            continue;
        print_option(stream, 0, options[i].name, options[i].value);
        print(stream, options[i].help);
        fprintf(stream, "\n(");
        print_range(stream, &options[i]);
        fprintf(stream, ")\n");
    }
}

static void print_presets(FILE *stream) {
    uint32_t preset_count, count;
    const struct rv_preset *presets = rv_presets(&preset_count);
    const struct rv_option *options = rv_options(&count);
    fprintf(stream, ".SH PRESETS\n");
    for (uint32_t p = 0; p < preset_count; p++) {
        fprintf(stream, ".TP\n");
        print_in(stream, 'B', presets[p].name);
        fprintf(stream, "\n");
        print(stream, presets[p].help);
        fprintf(stream, "\n");
        const char *before = p ? ".br\n" : "";
        for (uint32_t i = 1; i < count; i++) { // row 0 is the preset itself
            char value[512];
            if (!rv_preset_differs(&presets[p], &options[i], value, sizeof value))
                continue;
            fprintf(stream, "%s\\-\\-", before);
            print(stream, options[i].name);
            fprintf(stream, "\\ ");
            print(stream, value);
            fprintf(stream, "\n");
            before = "";
        }
    }
}

static void print_entries(FILE *stream, const char *title, const struct rv_entry *entry) {
    fprintf(stream, ".SH %s\n", title);
    for (; entry->name; entry++) {
        fprintf(stream, ".TP\n");
        print_in(stream, 'B', entry->name);
        fprintf(stream, "\n");
        print(stream, entry->text);
        fprintf(stream, "\n");
    }
}

static void print_keys(FILE *stream) {
    fprintf(stream, ".SH KEYS\nIn the window of reverie live:\n");
    for (const struct rv_key *key = rv_keys; key->key; key++) {
        if (!key->help)
            continue;
        fprintf(stream, ".TP\n");
        print_in(stream, 'B', key->text);
        fprintf(stream, "\n");
        print(stream, key->help);
        fprintf(stream, "\n");
    }
}

void rv_help_man(FILE *stream) {
    fprintf(stream, ".TH REVERIE 1 " RV_RELEASE_DATE " \"Reverie %s\" \"User Commands\"\n",
            rv_version());
    fprintf(stream, ".SH NAME\nreverie \\- a photograph dreams, on any Vulkan device\n"
                    ".SH SYNOPSIS\n");
    for (const struct rv_command *command = rv_commands; command->name; command++) {
        fprintf(stream, "%s\\fBreverie ", command == rv_commands ? "" : ".br\n");
        print(stream, command->name);
        fprintf(stream, "\\fP%s", *command->usage ? " " : "");
        print(stream, command->usage);
        fprintf(stream, "\n");
    }
    fprintf(stream, ".br\n\\fBreverie help\\fP [COMMAND]\n.br\n\\fBreverie \\-\\-version\\fP\n"
                    ".SH DESCRIPTION\n");
    print(stream, "Reverie runs a picture through the network InceptionV3, takes the gradient of "
                  "chosen layers with respect to the picture, and climbs it, over several sizes, "
                  "until what the network sees grows out of the image.\n");
    fprintf(stream, ".SH COMMANDS\n");
    for (const struct rv_command *command = rv_commands; command->name; command++)
        print_command(stream, command);
    print_presets(stream);
    print_keys(stream);
    print_entries(stream, "EXIT STATUS", rv_exit_codes);
    print_entries(stream, "ENVIRONMENT", rv_environment);
    print_entries(stream, "FILES", rv_places);
    fprintf(stream, ".SH EXAMPLES\n.nf\n");
    print(stream, "reverie weights fetch\n"
                  "reverie dream cat.jpg\n"
                  "reverie dream cat.jpg --layers mixed4 -o forms.png\n"
                  "reverie dream dog.jpg --like cat.dream.png\n"
                  "reverie dream holiday 'scans/*.tif' -o dreams\n"
                  "reverie dream wall.png --size 8192 --dry-run\n"
                  "reverie live\n"
                  "ffmpeg -i clip.mkv -f yuv4mpegpipe - | reverie live -i - -o dream.y4m\n");
    fprintf(stream, ".fi\n.SH SEE ALSO\n.BR vulkaninfo (1)\n");
}
