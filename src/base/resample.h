// Resizing on the host, of photographs and masks.
#ifndef RV_BASE_RESAMPLE_H
#define RV_BASE_RESAMPLE_H

#include <stdint.h>

// A new array [height][width][channels] from one of [from_height][from_width][channels]: with a
// triangle as wide as the coarser of the two grids, so that shrinking does not alias. NULL if
// memory is short. The caller frees it.
float *rv_resample(const float *from, uint32_t from_width, uint32_t from_height, uint32_t width,
                   uint32_t height, uint32_t channels);

#endif
