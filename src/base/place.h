// Where Reverie's own files lie.
#ifndef RV_BASE_PLACE_H
#define RV_BASE_PLACE_H

#include <stdbool.h>
#include <stddef.h>

// Finds a file of share/reverie: that folder is looked for beside the program or library that this
// code is part of, then beside each of the four folders above, so that what is installed may be
// moved as a whole. Writes the path that exists; if there is none, returns false and writes the
// place it would have had one folder up, as bin/ and lib/ have it.
bool rv_share_path(const char *name, char *path, size_t capacity);

#endif
