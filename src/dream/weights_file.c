// Finding and loading the weights' file.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/place.h"
#include "base/status.h"
#include "formats/inception_file.h"

#define FILE_NAME "inception_v3.safetensors"
#define PATH_SIZE 4096

static bool exists(const char *path) {
    struct stat info;
    return stat(path, &info) == 0;
}

// The user's own data folder. An empty variable counts as unset, as the XDG specification has it.
static bool user_path(char *path, size_t capacity) {
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    if (data && *data)
        snprintf(path, capacity, "%s/reverie/" FILE_NAME, data);
    else if (home && *home)
        snprintf(path, capacity, "%s/.local/share/reverie/" FILE_NAME, home);
    else
        return false;
    return true;
}

void rv_weights_default_path(char *path, size_t capacity) {
    char shared[PATH_SIZE];
    const char *chosen = getenv("REVERIE_WEIGHTS");
    if (chosen && *chosen) {
        snprintf(path, capacity, "%s", chosen);
        return;
    }
    const bool user = user_path(path, capacity);
    const bool installed = rv_share_path(FILE_NAME, shared, sizeof shared);
    if (!user || (!exists(path) && installed))
        snprintf(path, capacity, "%s", shared);
}

enum rv_status rv_weights_load(const char *path, rv_weights **weights) {
    *weights = NULL;
    char found[PATH_SIZE];
    if (!path) {
        rv_weights_default_path(found, sizeof found);
        path = found;
    }
    struct stat info;
    if (stat(path, &info) != 0 && (errno == ENOENT || errno == ENOTDIR))
        return rv_fail(RV_ERR_WEIGHTS,
                       "%s: no weights there: get them with `reverie weights fetch` or "
                       "`reverie weights import SOURCE`",
                       path);
    const uint8_t *bytes;
    size_t size;
    enum rv_status status = rv_file_map(path, &bytes, &size);
    if (status != RV_OK)
        return status;
    struct rv_inception_file file;
    status = rv_inception_file_init(&file, path, bytes, size);
    if (status == RV_OK) {
        status = rv_inception_file_fold(&file, path, weights);
        rv_inception_file_finish(&file);
    }
    rv_file_unmap(bytes, size);
    return status;
}
