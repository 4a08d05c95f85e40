// Pictures made at test time by libpng and libjpeg themselves, of every kind a file can be.
#ifndef RV_TESTS_FORMATS_FIXTURES_H
#define RV_TESTS_FORMATS_FIXTURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fixture_file {
    uint8_t *data; // owned by the test
    size_t size;
};

struct fixture_png {
    uint32_t width, height;
    int colour, bits; // PNG_COLOR_TYPE_...
    bool interlaced;
    bool transparent;      // tRNS: sample value 1 (or palette entry 1) is see-through
    bool late;             // text and EXIF behind the pixels instead of before them
    const char *text;      // under the key "reverie"
    uint32_t orientation;  // 0 = no EXIF
    const char *icc_space; // "RGB ", "GRAY"; NULL = no profile
};

struct fixture_jpeg {
    uint32_t width, height;
    int stored; // JCS_... as stored in the file
    bool progressive;
    bool adobe;           // with Adobe's marker (which CMYK is read by)
    uint8_t colour[2][4]; // of the left and the right half, in the space that libjpeg takes
    uint32_t orientation;
    const char *icc_space;
};

// What sample c of pixel (x, y) is in a fixture_png whose largest value is `largest`.
uint32_t fixture_sample(uint32_t x, uint32_t y, uint32_t c, uint32_t largest);

// Entry i of the palette of palette fixtures, which hold 2^bits entries.
void fixture_palette(uint32_t i, uint8_t rgb[3]);

void fixture_png(const struct fixture_png *fixture, struct fixture_file *file);
void fixture_jpeg(const struct fixture_jpeg *fixture, struct fixture_file *file);

// An EXIF block of 26 bytes that holds just an orientation.
#define FIXTURE_EXIF_SIZE 26
void fixture_exif(uint32_t orientation, bool big_endian, uint8_t exif[FIXTURE_EXIF_SIZE]);

// An ICC profile whose one tag holds noise (libpng takes no chunk that is all too short).
#define FIXTURE_ICC_SIZE 244
void fixture_icc(const char *space, uint8_t icc[FIXTURE_ICC_SIZE]);

#endif
