#include "capture/shared.h"

#include <dlfcn.h>
#include <string.h>

void *rv_shared_open(const char *name) {
    return dlopen(name, RTLD_NOW | RTLD_LOCAL);
}

bool rv_shared_find(void *library, const char *name, void *function) {
    void *symbol = library ? dlsym(library, name) : NULL;
    memcpy(function, &symbol, sizeof symbol);
    return symbol != NULL;
}
