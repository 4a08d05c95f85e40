// Arrays for study in NumPy's file format 1.0.
#ifndef RV_FORMATS_NPY_H
#define RV_FORMATS_NPY_H

#include "reverie/reverie.h"

// Writes `array` ("<f4", C order, shape (height, width, channels)) to `path`, whole or not at all.
enum rv_status rv_npy_write(const char *path, const struct rv_array *array);

#endif
