// The files of the page, as they lie in page/, inside the program.
#ifndef RV_STUDIO_PAGE_H
#define RV_STUDIO_PAGE_H

#include <stddef.h>
#include <stdint.h>

struct rv_page_file {
    const char *path; // "/studio.css"
    const char *type; // "text/css"
    const uint8_t *data;
    size_t size;
};

// All files, ended by one without a path. Generated.
extern const struct rv_page_file rv_page_files[];

// The file at that path, or NULL. "/" is the page.
const struct rv_page_file *rv_page_find(const char *path);

#endif
