// The one EXIF tag we heed.
#ifndef RV_FORMATS_EXIF_H
#define RV_FORMATS_EXIF_H

#include <stddef.h>
#include <stdint.h>

// The orientation, 1..8, in an EXIF block that begins with its TIFF header (a PNG's eXIf chunk, or
// a JPEG's APP1 after "Exif\0\0"). 1, upright, if the block is damaged or says nothing.
uint32_t rv_exif_orientation(const uint8_t *data, size_t size);

#endif
