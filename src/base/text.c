#include "base/text.h"

#include <string.h>

#define LONGEST 63

uint32_t rv_edit_distance(const char *a, const char *b) {
    uint32_t row[LONGEST + 1], columns = (uint32_t)strnlen(b, LONGEST);
    for (uint32_t j = 0; j <= columns; j++)
        row[j] = j;
    for (uint32_t i = 0; i < LONGEST && a[i]; i++) {
        uint32_t diagonal = row[0];
        row[0] = i + 1;
        for (uint32_t j = 1; j <= columns; j++) {
            uint32_t best = diagonal + (a[i] != b[j - 1]);
            diagonal = row[j];
            if (best > row[j] + 1)
                best = row[j] + 1;
            if (best > row[j - 1] + 1)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[columns];
}

bool rv_may_mean(const char *given, const char *known) {
    return rv_edit_distance(given, known) * 2 <= strnlen(given, LONGEST);
}

// glibc's and musl's locale "C" takes no memory, and so cannot fail.
locale_t rv_locale_enter(void) {
    return uselocale(newlocale(LC_ALL_MASK, "C", (locale_t)0));
}

void rv_locale_leave(locale_t before) {
    freelocale(uselocale(before));
}
