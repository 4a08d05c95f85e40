#include "formats/exif.h"

#include <stdbool.h>

enum { TAG_ORIENTATION = 0x0112, TYPE_SHORT = 3, ENTRY_SIZE = 12 };

static uint32_t number(const uint8_t *at, uint32_t bytes, bool big_endian) {
    uint32_t value = 0;
    for (uint32_t i = 0; i < bytes; i++)
        value = value << 8 | at[big_endian ? i : bytes - 1 - i];
    return value;
}

uint32_t rv_exif_orientation(const uint8_t *data, size_t size) {
    if (size < 10 || data[0] != data[1] || (data[0] != 'I' && data[0] != 'M'))
        return 1;
    bool big = data[0] == 'M';
    uint32_t directory = number(data + 4, 4, big);
    if (number(data + 2, 2, big) != 42 || directory > size - 2)
        return 1;
    uint32_t entries = number(data + directory, 2, big);
    const uint8_t *entry = data + directory + 2;
    for (size_t left = size - directory - 2; entries && left >= ENTRY_SIZE; entries--) {
        if (number(entry, 2, big) == TAG_ORIENTATION && number(entry + 2, 2, big) == TYPE_SHORT) {
            uint32_t value = number(entry + 8, 2, big);
            return value >= 1 && value <= 8 ? value : 1;
        }
        entry += ENTRY_SIZE;
        left -= ENTRY_SIZE;
    }
    return 1;
}
