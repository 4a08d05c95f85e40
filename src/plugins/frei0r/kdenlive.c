// Writes the description by which Kdenlive shows all of the frei0r filter's parameters, from the
// library's table of options: lists for choices, sliders with keyframes for numbers, text for the
// rest. Sliders stand at the default preset's values; what else is left alone is the preset's.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reverie/reverie.h"

#define SLIDER_MAX 1e6 // beyond it nobody hits anything

static void print(const char *text) {
    for (; *text; text++)
        switch (*text) {
        case '&':
            fputs("&amp;", stdout);
            break;
        case '<':
            fputs("&lt;", stdout);
            break;
        case '"':
            fputs("&quot;", stdout);
            break;
        default:
            putchar(*text);
        }
}

// "octave-scale" is shown as "Octave scale".
static void print_title(const char *name) {
    char title[64];
    snprintf(title, sizeof title, "%s", name);
    if (*title >= 'a' && *title <= 'z')
        *title = (char)(*title - 'a' + 'A');
    for (char *c = title; *c; c++)
        *c = *c == '-' ? ' ' : *c;
    printf("    <name>%s</name>\n", title);
}

static void begin(const char *name, const char *type, const char *value) {
    printf("  <parameter type=\"%s\" name=\"%s\" default=\"%s\"", type, name, value);
}

static void end(const char *name, const char *help) {
    print_title(name);
    printf("    <comment>");
    print(help);
    printf("</comment>\n  </parameter>\n");
}

static void print_list(const struct rv_option *option) {
    begin(option->name, "list", "");
    printf(" optional=\"1\" paramlist=\"");
    for (const char *const *choice = option->choices; *choice; choice++)
        printf(";%s", *choice);
    printf("\">\n    <paramlistdisplay>%s",
           strcmp(option->name, "preset") == 0 ? "default" : "the preset's");
    for (const char *const *choice = option->choices; *choice; choice++)
        printf(",%s", *choice);
    printf("</paramlistdisplay>\n");
    end(option->name, option->help);
}

static void print_slider(const struct rv_option *option, const char *value) {
    bool whole = option->type == RV_OPTION_INT;
    begin(option->name, "animated", value);
    // 0 is off, where it is below the least.
    printf(" min=\"%.10g\" max=\"%.10g\" decimals=\"%d\"", fmin(option->minimum, atof(value)),
           fmin(option->maximum, SLIDER_MAX), whole ? 0 : 4);
    if (*option->unit)
        printf(" suffix=\" %s\"", option->unit);
    printf(">\n");
    end(option->name, option->help);
}

// Beside the field is a menu of what may go there.
static void print_text(const struct rv_option *option, const char *value) {
    uint32_t count;
    const struct rv_layer_info *layers = rv_layers(&count);
    const char *separator = "";
    size_t length = strlen(option->name);
    bool of_layers = length >= 6 && strcmp(option->name + length - 6, "layers") == 0;
    begin(option->name, "keywords", "");
    printf(" optional=\"1\">\n    <keywords>");
    if (!of_layers)
        printf("%s", value);
    for (uint32_t i = 0; i < count && of_layers; i++)
        if (layers[i].is_block) {
            printf("%s%s", separator, layers[i].name);
            separator = ";";
        }
    printf("</keywords>\n");
    end(option->name, option->help);
}

static void print_file(const struct rv_option *option) {
    begin(option->name, "url", "");
    printf(" optional=\"1\">\n");
    end(option->name, option->help);
}

static void print_option(const struct rv_option *option) {
    char value[512] = "", *rest;
    if (rv_params_get(&rv_presets(NULL)->params, option->name, value, sizeof value) != RV_OK)
        exit(1);
    strtod(value, &rest);
    if (option->type == RV_OPTION_CHOICE)
        print_list(option);
    else if (option->type == RV_OPTION_PICTURE)
        print_file(option);
    else if (option->type != RV_OPTION_TEXT && *value && !*rest)
        print_slider(option, value);
    else
        print_text(option, value);
}

int main(void) {
    static const struct rv_option amount = {
        "amount", "", RV_OPTION_REAL, 0, 1, NULL, "", "the dream's part in the result"};
    uint32_t count;
    const struct rv_option *options = rv_options(&count);
    printf("<?xml version=\"1.0\"?>\n<!DOCTYPE kpartgui>\n"
           "<effect tag=\"frei0r.reverie\" id=\"frei0r.reverie\">\n"
           "  <name>Reverie</name>\n"
           "  <description>DeepDream: what a neural network sees grows out of the picture"
           "</description>\n"
           "  <author>The Reverie authors</author>\n");
    for (uint32_t i = 0; i < count; i++)
        print_option(&options[i]);
    print_slider(&amount, "1");
    printf("</effect>\n");
    return ferror(stdout) || fflush(stdout) ? 1 : 0;
}
