#include "cli/inputs.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/status.h"
#include "formats/picture.h"

static enum rv_status fail_memory(void) {
    return rv_fail(RV_ERR_NO_MEMORY, "no memory for the list of pictures");
}

static enum rv_status add(struct rv_inputs *inputs, const char *path) {
    if ((inputs->count & (inputs->count + 1)) == 0) { // room for 1, 3, 7, ... is used up
        struct rv_input *grown =
            realloc(inputs->list, (2 * inputs->count + 1) * sizeof *inputs->list);
        if (!grown)
            return fail_memory();
        inputs->list = grown;
    }
    char *copy = strdup(path);
    if (!copy)
        return fail_memory();
    inputs->list[inputs->count++] = (struct rv_input){.path = copy};
    return RV_OK;
}

static bool is_folder(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static const char *name_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

// Whether a file that was not named itself is meant: a picture by its name, not hidden, and not a
// result of ours, so that the same command may be given again.
static bool is_meant(const char *path) {
    const char *name = name_of(path), *dot = strrchr(name, '.');
    static const char mark[] = ".dream";
    size_t length = dot ? (size_t)(dot - name) : 0, tail = sizeof mark - 1;
    struct stat info;
    return *name != '.' && rv_photo_may_load(name) && stat(path, &info) == 0 &&
           S_ISREG(info.st_mode) &&
           !(length > tail && memcmp(name + length - tail, mark, tail) == 0);
}

static int by_path(const void *a, const void *b) {
    return strcmp(((const struct rv_input *)a)->path, ((const struct rv_input *)b)->path);
}

// Puts what was added since in the order of the names, by their bytes: the same for everybody.
static enum rv_status arrange(struct rv_inputs *inputs, size_t first, const char *word,
                              const char *what) {
    if (inputs->count == first)
        return rv_fail(RV_ERR_INPUT, "%s: %s", word, what);
    qsort(inputs->list + first, inputs->count - first, sizeof *inputs->list, by_path);
    return RV_OK;
}

static enum rv_status add_folder(struct rv_inputs *inputs, const char *folder) {
    size_t first = inputs->count, length = strlen(folder);
    enum rv_status status = RV_OK;
    DIR *stream = opendir(folder);
    if (!stream)
        return rv_fail(RV_ERR_IO, "%s: cannot list the folder: %s; check its permissions", folder,
                       strerror(errno));
    const char *slash = length && folder[length - 1] == '/' ? "" : "/";
    for (struct dirent *entry; status == RV_OK && (entry = readdir(stream));) {
        size_t capacity = length + strlen(entry->d_name) + 2;
        char *path = malloc(capacity);
        if (!path) {
            status = fail_memory();
            break;
        }
        snprintf(path, capacity, "%s%s%s", folder, slash, entry->d_name);
        if (is_meant(path))
            status = add(inputs, path);
        free(path);
    }
    closedir(stream);
    return status == RV_OK ? arrange(inputs, first, folder,
                                     "no picture is in this folder; name "
                                     "one that holds some")
                           : status;
}

static enum rv_status add_pattern(struct rv_inputs *inputs, const char *pattern) {
    size_t first = inputs->count;
    glob_t found = {0};
    enum rv_status status = RV_OK;
    if (glob(pattern, GLOB_NOSORT, NULL, &found) == GLOB_NOSPACE)
        status = fail_memory();
    for (size_t i = 0; status == RV_OK && i < found.gl_pathc; i++)
        if (is_meant(found.gl_pathv[i]))
            status = add(inputs, found.gl_pathv[i]);
    globfree(&found);
    return status == RV_OK ? arrange(inputs, first, pattern,
                                     "no picture matches this pattern; "
                                     "check the path")
                           : status;
}

static enum rv_status add_word(struct rv_inputs *inputs, const char *word) {
    struct stat info;
    if (strcmp(word, "-") == 0)
        return add(inputs, word);
    bool present = stat(word, &info) == 0;
    bool pattern = !present && strpbrk(word, "*?[");
    inputs->many |= pattern || (present && S_ISDIR(info.st_mode));
    if (pattern)
        return add_pattern(inputs, word);
    return present && S_ISDIR(info.st_mode) ? add_folder(inputs, word) : add(inputs, word);
}

// ------------------------------------------------------------------------------------------------
// Outputs

// FOLDER/NAME.dream.EXTENSION, or, without a folder, the same beside the picture.
static enum rv_status name_output(struct rv_input *input, const char *folder,
                                  const char *extension) {
    const char *name = name_of(input->path), *dot = strrchr(name, '.');
    const char *begin = folder ? name : input->path;
    size_t stem = (dot && dot != name ? (size_t)(dot - begin) : strlen(begin));
    size_t length = folder ? strlen(folder) : 0;
    const char *slash = length && folder[length - 1] != '/' ? "/" : "";
    size_t capacity = length + stem + strlen(extension) + sizeof "/.dream.";
    input->output = malloc(capacity);
    if (!input->output)
        return fail_memory();
    snprintf(input->output, capacity, "%s%s%.*s.dream.%s", folder ? folder : "", slash, (int)stem,
             begin, extension);
    return RV_OK;
}

static int by_output(const void *a, const void *b) {
    const struct rv_input *const *left = a, *const *right = b;
    return strcmp((*left)->output, (*right)->output);
}

static enum rv_status check_distinct(const struct rv_inputs *inputs) {
    enum rv_status status = RV_OK;
    const struct rv_input **order = malloc((inputs->count + 1) * sizeof *order);
    if (!order)
        return fail_memory();
    for (size_t i = 0; i < inputs->count; i++)
        order[i] = &inputs->list[i];
    qsort(order, inputs->count, sizeof *order, by_output);
    for (size_t i = 1; i < inputs->count && status == RV_OK; i++)
        if (strcmp(order[i - 1]->output, order[i]->output) == 0)
            status = rv_fail(RV_ERR_USAGE,
                             "%s and %s would both become %s: dream one of them by itself, with -o",
                             order[i - 1]->path, order[i]->path, order[i]->output);
    free(order);
    return status;
}

static enum rv_status name_one(struct rv_input *input, const char *output, const char *extension) {
    size_t length = output ? strlen(output) : 0;
    bool folder = length && output[length - 1] == '/', from_stdin = strcmp(input->path, "-") == 0;
    if (from_stdin && (!output || folder))
        return rv_fail(RV_ERR_USAGE, "the picture comes from standard input: name the output with "
                                     "-o FILE (-o - for standard output)");
    if (!output || folder)
        return name_output(input, folder ? output : NULL, extension);
    input->output = strdup(output);
    return input->output ? RV_OK : fail_memory();
}

static enum rv_status name_many(struct rv_inputs *inputs, const char *output, const char *extension,
                                bool overwrite) {
    enum rv_status status = RV_OK;
    struct stat info;
    if (output && strcmp(output, "-") == 0)
        return rv_fail(RV_ERR_USAGE, "-o -: standard output holds one picture, and here are "
                                     "several: name a folder");
    if (output && stat(output, &info) == 0 && !S_ISDIR(info.st_mode))
        return rv_fail(RV_ERR_USAGE,
                       "%s: a file, and here are several pictures: name a folder with -o", output);
    for (size_t i = 0; i < inputs->count; i++) {
        struct rv_input *input = &inputs->list[i];
        if (strcmp(input->path, "-") == 0)
            return rv_fail(RV_ERR_USAGE, "standard input has no name among several pictures: dream "
                                         "it by itself, with -o FILE");
        RV_TRY(name_output(input, output, extension));
        input->there = !overwrite && stat(input->output, &info) == 0 && S_ISREG(info.st_mode);
    }
    RV_TRY(check_distinct(inputs));
done:
    return status;
}

enum rv_status rv_inputs_find(const struct rv_arguments *arguments, const char *output,
                              const char *extension, bool overwrite, struct rv_inputs *inputs) {
    enum rv_status status = RV_OK;
    *inputs = (struct rv_inputs){.many = arguments->positional_count > 1};
    for (int i = 0; i < arguments->positional_count; i++)
        RV_TRY(add_word(inputs, arguments->positional[i]));
    if (inputs->many)
        return name_many(inputs, output, extension, overwrite);
    if (output && is_folder(output) && output[strlen(output) - 1] != '/')
        return rv_fail(RV_ERR_IO,
                       "%s: cannot write: it is a folder: name a file in it, or write %s/", output,
                       output);
    status = name_one(&inputs->list[0], output, extension);
done:
    return status;
}

void rv_inputs_finish(struct rv_inputs *inputs) {
    for (size_t i = 0; i < inputs->count; i++) {
        free(inputs->list[i].path);
        free(inputs->list[i].output);
    }
    free(inputs->list);
    *inputs = (struct rv_inputs){0};
}
