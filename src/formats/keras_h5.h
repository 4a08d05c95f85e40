// Keras' "..._notop.h5": weights in the old HDF5 layout, named by whatever session saved them.
#ifndef RV_FORMATS_KERAS_H5_H
#define RV_FORMATS_KERAS_H5_H

#include "formats/raw_weights.h"

// Reads all 94 convolutions of the file at `path`, whose bytes the caller holds for hashing. Layers
// are paired and ordered by the number in their names. RV_ERR_USAGE if built without libhdf5.
// libhdf5 is not hardened against hostile files as our own readers are: sizes are checked before
// anything is read, but its parsing is its own.
enum rv_status rv_keras_import(const char *path, const uint8_t *bytes, size_t size,
                               struct rv_raw_weights *raw);

#endif
