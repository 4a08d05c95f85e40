#define _GNU_SOURCE // dl_iterate_phdr
#include "base/place.h"

#include <limits.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LEVELS                                                                                     \
    5 // of lib/x86_64-linux-gnu/frei0r-1/reverie.so the third, with one to spare each way

struct search {
    uintptr_t address; // of something in the program or library that is looked for
    const char *path;
    bool is_program; // the first object visited
};

static int visit(struct dl_phdr_info *info, size_t size, void *user) {
    struct search *search = user;
    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        uintptr_t begin = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
        if (info->dlpi_phdr[i].p_type != PT_LOAD || search->address < begin ||
            search->address - begin >= info->dlpi_phdr[i].p_memsz)
            continue;
        if (!search->is_program)
            search->path = info->dlpi_name;
        return 1;
    }
    search->is_program = false;
    return 0;
}

// The file that this code was loaded from. The program's own name is whatever its caller chose, so
// the kernel is asked for that.
static char *own_path(void) {
    static const char here;
    struct search search = {(uintptr_t)&here, "/proc/self/exe", true};
    dl_iterate_phdr(visit, &search);
    return realpath(search.path, NULL);
}

bool rv_share_path(const char *name, char *path, size_t capacity) {
    char *folder = own_path();
    char upper[PATH_MAX] = "";
    bool found = false;
    for (int level = 0; folder && !found && level < LEVELS; level++) {
        char *slash = strrchr(folder, '/');
        if (!slash)
            break;
        *slash = '\0';
        snprintf(path, capacity, "%s/share/reverie/%s", folder, name);
        if (level == 1)
            snprintf(upper, sizeof upper, "%s", path);
        found = access(path, F_OK) == 0;
    }
    if (!found)
        snprintf(path, capacity, "%s", *upper ? upper : name);
    free(folder);
    return found;
}
