// The commands and what several of them share.
#ifndef RV_CLI_COMMANDS_H
#define RV_CLI_COMMANDS_H

#include "cli/arguments.h"
#include "formats/picture.h"

// What a command may end with besides: some of several pictures failed.
#define RV_CLI_PARTIAL ((enum rv_status)100)

enum rv_status rv_command_dream(const struct rv_arguments *arguments);
enum rv_status rv_command_devices(const struct rv_arguments *arguments);
enum rv_status rv_command_layers(const struct rv_arguments *arguments);
enum rv_status rv_command_import(const struct rv_arguments *arguments);
enum rv_status rv_command_verify(const struct rv_arguments *arguments);
enum rv_status rv_command_fetch(const struct rv_arguments *arguments);
enum rv_status rv_command_probe(const struct rv_arguments *arguments);
enum rv_status rv_command_presets(const struct rv_arguments *arguments);
enum rv_status rv_command_see(const struct rv_arguments *arguments);
enum rv_status rv_command_atlas(const struct rv_arguments *arguments);
enum rv_status rv_command_studio(const struct rv_arguments *arguments);
enum rv_status rv_command_live(const struct rv_arguments *arguments);
enum rv_status rv_command_completions(const struct rv_arguments *arguments);

// Opens the device asked for by --device; warnings go to standard error, with --verbose everything.
// A processor in place of a GPU is said aloud unless it was asked for or `quiet`.
enum rv_status rv_open_device(const struct rv_arguments *arguments, bool quiet,
                              rv_context **context);

// The same on a device that is lent; NULL = the one asked for.
struct rv_vulkan_device;
enum rv_status rv_open_lent_device(const struct rv_arguments *arguments, bool quiet,
                                   const struct rv_vulkan_device *lent, rv_context **context);
// The weights of --weights, or those of --random-weights.
enum rv_status rv_load_weights(const struct rv_arguments *arguments, rv_weights **weights);

// "discrete", "integrated", "virtual", "cpu" or "other".
const char *rv_device_type_name(enum rv_device_type type);

// Refuses an output that cannot be written, before any work: a folder in its place, a missing or
// protected folder, or an existing file without `overwrite`.
enum rv_status rv_check_output(const char *path, bool overwrite);

// Refuses a picture that is smaller than the network takes.
enum rv_status rv_check_size(const char *path, const struct rv_picture *picture);

#endif
