#include "studio/page.h"

#include <string.h>

const struct rv_page_file *rv_page_find(const char *path) {
    if (strcmp(path, "/") == 0)
        path = "/index.html";
    for (const struct rv_page_file *file = rv_page_files; file->path; file++) {
        if (strcmp(file->path, path) == 0)
            return file;
    }
    return NULL;
}
