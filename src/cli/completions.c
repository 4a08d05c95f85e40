// reverie completions: what makes shells complete commands, options and values, from the same
// tables as the help texts.
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "cli/commands.h"

// What may follow an option, or stand in a command's own place.
enum value { VALUE_NONE, VALUE_ANY, VALUE_FILE, VALUE_WORDS };

struct item {
    const char *name, *value, *help;
    const char *const *choices;
    char letter;
};

// The next option of a command, from its table and then from that of the parameters; *at begins at
// 0.
static bool next_item(const struct rv_command *command, uint32_t *at, struct item *item) {
    uint32_t count;
    const struct rv_option *options = rv_options(&count);
    for (; *at < RV_CLI_OPTION_COUNT; ++*at) {
        const struct rv_cli_option *row = &rv_cli_options[*at];
        if (!(row->commands & command->bit))
            continue;
        *item = (struct item){row->name, row->value, row->help, NULL, row->letter};
        ++*at;
        return true;
    }
    for (; *at < RV_CLI_OPTION_COUNT + count; ++*at) {
        const struct rv_option *row = &options[*at - RV_CLI_OPTION_COUNT];
        if (!rv_command_takes(command, row))
            continue;
        *item = (struct item){row->name, row->value, row->help, row->choices, 0};
        ++*at;
        return true;
    }
    return false;
}

static bool is_layers(const struct item *item) {
    size_t length = strlen(item->name);
    return strcmp(item->name, "layer") == 0 ||
           (length >= 6 && strcmp(item->name + length - 6, "layers") == 0);
}

// Placeholders tell: "8|16" are words; FILE, FOLDER and what has an extension are files.
static enum value value_of(const struct item *item) {
    if (!item->value)
        return VALUE_NONE;
    if (item->choices || is_layers(item) || strchr(item->value, '|'))
        return VALUE_WORDS;
    bool file = strcmp(item->value, "FILE") == 0 || strcmp(item->value, "FOLDER") == 0 ||
                strchr(item->value, '.');
    return file ? VALUE_FILE : VALUE_ANY;
}

// What stands in the place of the command's own word: a choice of words, else a file.
static enum value operand_of(const struct rv_command *command) {
    if (!command->positional_max)
        return VALUE_NONE;
    return strcspn(command->usage, "|") < strcspn(command->usage, " ") ? VALUE_WORDS : VALUE_FILE;
}

static void print_alternatives(const char *text) {
    for (; *text && *text != ' '; text++)
        putchar(*text == '|' ? ' ' : *text);
}

static void print_words(const struct item *item) {
    uint32_t count;
    const struct rv_layer_info *layers = rv_layers(&count);
    const char *gap = "";
    for (uint32_t i = 0; is_layers(item) && i < count; i++) {
        if (!layers[i].is_block)
            continue;
        printf("%s%s", gap, layers[i].name);
        gap = " ";
    }
    for (const char *const *choice = item->choices; choice && *choice; choice++) {
        printf("%s%s", gap, *choice);
        gap = " ";
    }
    if (!*gap)
        print_alternatives(item->value);
}

// The first word of a command, and whether it is the first command that has this one.
static bool first_word(const struct rv_command *command, char *word, size_t capacity) {
    size_t length = strcspn(command->name, " ");
    snprintf(word, capacity, "%.*s", (int)length, command->name);
    for (const struct rv_command *other = rv_commands; other != command; other++) {
        if (strncmp(other->name, command->name, length) == 0 && strchr(" ", other->name[length]))
            return false;
    }
    return true;
}

// The second words of those commands that begin with `word`; returns how many.
static int print_second_words(const char *word) {
    size_t length = strlen(word);
    int count = 0;
    for (const struct rv_command *command = rv_commands; command->name; command++) {
        if (strncmp(command->name, word, length) == 0 && command->name[length] == ' ')
            printf("%s%s", count++ ? " " : "", command->name + length + 1);
    }
    return count;
}

static void print_first_words(void) {
    char word[32];
    for (const struct rv_command *command = rv_commands; command->name; command++) {
        if (first_word(command, word, sizeof word))
            printf("%s ", word);
    }
}

// ------------------------------------------------------------------------------------------------
// bash

static void bash_values(const struct rv_command *command, enum value kind, const char *action) {
    struct item item;
    const char *gap = "      ";
    for (uint32_t at = 0; next_item(command, &at, &item);) {
        if (value_of(&item) != kind)
            continue;
        printf("%s--%s", gap, item.name);
        if (item.letter)
            printf(" | -%c", item.letter);
        gap = " | ";
    }
    if (*gap == ' ' && gap[1] == '|')
        printf(") %s ;;\n", action);
}

static void bash_command(const struct rv_command *command) {
    struct item item;
    printf("  \"%s\") case $before in\n", command->name);
    for (uint32_t at = 0; next_item(command, &at, &item);) {
        if (value_of(&item) != VALUE_WORDS)
            continue;
        printf("      --%s) words=\"", item.name);
        print_words(&item);
        printf("\" ;;\n");
    }
    bash_values(command, VALUE_FILE, "files=1");
    bash_values(command, VALUE_ANY, "return");
    printf("      *) words=\"");
    if (operand_of(command) == VALUE_WORDS)
        print_alternatives(command->usage);
    for (uint32_t at = 0; next_item(command, &at, &item);) {
        printf(" --%s", item.name);
        if (item.letter)
            printf(" -%c", item.letter);
    }
    printf("\"%s ;;\n    esac ;;\n",
           operand_of(command) == VALUE_FILE ? "; [[ $word == -* ]] || files=1" : "");
}

static void print_bash(void) {
    char word[32];
    printf("_reverie() {\n"
           "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
           "  local command=${COMP_WORDS[1]} words='' files='' begun=''\n"
           "  COMPREPLY=()\n"
           "  if ((COMP_CWORD > 2)); then case $command in\n");
    for (const struct rv_command *command = rv_commands; command->name; command++) {
        if (strchr(command->name, ' ') && first_word(command, word, sizeof word))
            printf("    %s) command+=\" ${COMP_WORDS[2]}\" ;;\n", word);
    }
    printf("  esac; fi\n  if ((COMP_CWORD == 1)); then command=; fi\n  case $command in\n"
           "  '') words=\"");
    print_first_words();
    printf("help --help --version\" ;;\n  help) words=\"");
    print_first_words();
    printf("\" ;;\n");
    for (const struct rv_command *command = rv_commands; command->name; command++) {
        if (strchr(command->name, ' ') && first_word(command, word, sizeof word)) {
            printf("  %s) words=\"", word);
            print_second_words(word);
            printf("\" ;;\n");
        }
        bash_command(command);
    }
    printf("  esac\n"
           "  if [[ $files ]]; then compopt -o default; return; fi\n"
           "  if [[ $word == *,* ]]; then begun=${word%%,*},; fi\n"
           "  mapfile -t COMPREPLY < <(compgen -P \"$begun\" -W \"$words\" -- \"${word##*,}\")\n"
           "}\n"
           "complete -F _reverie reverie\n");
}

// ------------------------------------------------------------------------------------------------
// zsh and fish

// Within single quotes; zsh's specifications also take brackets and colons for their own.
static void print_quoted(const char *text, const char *special) {
    for (; *text; text++) {
        if (*text == '\'')
            printf("'\\''");
        else
            printf("%s%c", strchr(special, *text) ? "\\" : "", *text);
    }
}

#define ZSH_SPECIAL "[]:\\$`"

static void zsh_command(const struct rv_command *command) {
    struct item item;
    printf("    '%s') _arguments -s", command->name);
    for (uint32_t at = 0; next_item(command, &at, &item);) {
        enum value value = value_of(&item);
        if (item.letter)
            printf(" \\\n      '(-%c --%s)'{-%c,--%s}'[", item.letter, item.name, item.letter,
                   item.name);
        else
            printf(" \\\n      '--%s[", item.name);
        print_quoted(item.help, ZSH_SPECIAL);
        printf("]");
        if (value != VALUE_NONE) {
            printf(":");
            print_quoted(item.value, ZSH_SPECIAL);
            printf(":");
        }
        if (value == VALUE_FILE)
            printf("_files");
        else if (is_layers(&item))
            printf("_sequence compadd - ");
        else if (value == VALUE_WORDS)
            printf("(");
        if (value == VALUE_WORDS)
            print_words(&item);
        printf("%s'", value == VALUE_WORDS && !is_layers(&item) ? ")" : "");
    }
    if (operand_of(command) == VALUE_FILE)
        printf(" \\\n      '%s:file:_files'", command->positional_max > 1 ? "*" : "1");
    if (operand_of(command) == VALUE_WORDS) {
        printf(" \\\n      '1:word:(");
        print_alternatives(command->usage);
        printf(")'");
    }
    printf(" ;;\n");
}

static void print_zsh(void) {
    char word[32];
    printf("#compdef reverie\n"
           "_reverie() {\n"
           "  local command=$words[2] skip=1\n"
           "  if ((CURRENT == 2)); then\n    compadd -- ");
    print_first_words();
    printf("help --version\n    return\n  fi\n  case $command in\n    help) compadd -- ");
    print_first_words();
    printf(";;\n");
    for (const struct rv_command *command = rv_commands; command->name; command++) {
        if (!strchr(command->name, ' ') || !first_word(command, word, sizeof word))
            continue;
        printf("    %s)\n      if ((CURRENT == 3)); then\n        compadd -- ", word);
        print_second_words(word);
        printf("\n        return\n      fi\n      command+=\" $words[3]\" skip=2 ;;\n");
    }
    printf("  esac\n  shift $skip words\n  ((CURRENT -= skip))\n  case $command in\n");
    for (const struct rv_command *command = rv_commands; command->name; command++)
        zsh_command(command);
    printf(
        "  esac\n}\n"
        "if [[ $funcstack[1] == _reverie ]]; then _reverie \"$@\"; else compdef _reverie reverie; "
        "fi\n");
}

// The condition under which a line is for this command.
static void fish_condition(const char *name) {
    const char *second = strchr(name, ' ');
    printf("complete -c reverie -n '__fish_seen_subcommand_from %.*s", (int)strcspn(name, " "),
           name);
    if (second)
        printf("; and __fish_seen_subcommand_from%s", second);
    printf("'");
}

static void fish_option(const struct rv_command *command, const struct item *item) {
    enum value value = value_of(item);
    fish_condition(command->name);
    if (item->letter)
        printf(" -s %c", item->letter);
    printf(" -l %s -d '", item->name);
    print_quoted(item->help, "\\");
    printf("'");
    if (value == VALUE_FILE)
        printf(" -rF");
    if (value == VALUE_ANY || value == VALUE_WORDS)
        printf(" -x");
    if (value == VALUE_WORDS) {
        printf(" -a '");
        print_words(item);
        printf("'");
    }
    printf("\n");
}

static void print_fish(void) {
    char word[32];
    struct item item;
    printf("complete -c reverie -f\ncomplete -c reverie -n __fish_use_subcommand -a '");
    print_first_words();
    printf("help'\ncomplete -c reverie -n __fish_use_subcommand -l version\n");
    fish_condition("help");
    printf(" -a '");
    print_first_words();
    printf("'\n");
    for (const struct rv_command *command = rv_commands; command->name; command++) {
        if (strchr(command->name, ' ') && first_word(command, word, sizeof word)) {
            printf("set -l second ");
            print_second_words(word);
            printf("\ncomplete -c reverie -n \"__fish_seen_subcommand_from %s; and not "
                   "__fish_seen_subcommand_from $second\" -a \"$second\"\n",
                   word);
        }
        if (operand_of(command) != VALUE_NONE) {
            fish_condition(command->name);
            printf(operand_of(command) == VALUE_FILE ? " -F" : " -a '");
            if (operand_of(command) == VALUE_WORDS)
                print_alternatives(command->usage);
            printf(operand_of(command) == VALUE_FILE ? "\n" : "'\n");
        }
        for (uint32_t at = 0; next_item(command, &at, &item);)
            fish_option(command, &item);
    }
}

enum rv_status rv_command_completions(const struct rv_arguments *arguments) {
    const char *shell = arguments->positional[0];
    if (strcmp(shell, "bash") == 0)
        print_bash();
    else if (strcmp(shell, "zsh") == 0)
        print_zsh();
    else if (strcmp(shell, "fish") == 0)
        print_fish();
    else
        return rv_fail(RV_ERR_USAGE, "completions: \"%s\" is not possible: bash, zsh or fish",
                       shell);
    return RV_OK;
}
