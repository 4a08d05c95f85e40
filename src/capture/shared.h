// Shared libraries that are loaded when they are first needed: those of FFmpeg bring more than a
// hundred others along, which no other command should wait for at its start.
#ifndef RV_CAPTURE_SHARED_H
#define RV_CAPTURE_SHARED_H

#include <stdbool.h>

// Loads a library for as long as the program runs; NULL if it is not there.
void *rv_shared_open(const char *name);

// Finds a function; `function` is the address of a pointer to one. False, and NULL, if `library` is
// NULL or has none of that name.
bool rv_shared_find(void *library, const char *name, void *function);

#endif
