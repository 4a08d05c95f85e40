// Small helpers for names and numbers.
#ifndef RV_BASE_TEXT_H
#define RV_BASE_TEXT_H

#include <locale.h>
#include <stdbool.h>
#include <stdint.h>

// How many letters must be inserted, removed or replaced to turn `a` into `b` (Levenshtein), for
// "did you mean". Only the first 63 bytes of each are compared.
uint32_t rv_edit_distance(const char *a, const char *b);

// True if a person who wrote `given` may well have meant `known`: at most half of it differs.
bool rv_may_mean(const char *given, const char *known);

// From here to rv_locale_leave this thread's numbers have a point, in whatever language its program
// speaks.
locale_t rv_locale_enter(void);
void rv_locale_leave(locale_t before);

#endif
