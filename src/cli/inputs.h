// The pictures that a command line names, and what becomes of each.
#ifndef RV_CLI_INPUTS_H
#define RV_CLI_INPUTS_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/arguments.h"

struct rv_input {
    char *path, *output; // owned
    bool there;          // many: the output exists already and is not to be replaced
};

struct rv_inputs {
    struct rv_input *list; // owned
    size_t count;
    bool many; // several pictures, a folder or a pattern were named: outputs go by the names
};

// Finds the pictures: files as they are; of a folder, its pictures in the order of their names; of
// a pattern (which no file has for its name), the files that match, in the same order. Of the
// latter two, names that begin with a dot and results of ours (NAME.dream.EXT) are left out.
//
// Outputs: `output` (may be NULL) is a file for one picture, and a folder for many or if it ends in
// a slash; in it, or else beside the picture, NAME.EXT becomes NAME.dream.`extension`. Two pictures
// that would become one file are RV_ERR_USAGE. Nothing is made or changed. Finished with
// rv_inputs_finish, also on failure.
enum rv_status rv_inputs_find(const struct rv_arguments *arguments, const char *output,
                              const char *extension, bool overwrite, struct rv_inputs *inputs);
void rv_inputs_finish(struct rv_inputs *inputs);

#endif
