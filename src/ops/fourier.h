// The discrete Fourier transform of real pictures of at most RV_FOURIER_SIDE_MAX pixels a side:
// sums over each axis, shortened by one step of decimation (shaders/lib/fourier.glsl). Any side
// will do. Beside the network that is little work for such sides, and needs no shared memory, no
// barriers and no library, of which the known one, VkFFT, compiles its kernels while the program
// runs.
#ifndef RV_OPS_FOURIER_H
#define RV_OPS_FOURIER_H

#include "layout/fourier.h"
#include "ops/image.h"

#define RV_FOURIER_SIDE_MAX 512

// Bytes of the spectrum of a picture, and of the table that a side needs; multiples of 256.
uint64_t rv_fourier_bytes(struct rv_extent size);
uint64_t rv_fourier_table_bytes(uint32_t side);
// Fills a table: 2 * side floats.
void rv_fourier_table(uint32_t side, float *table);

struct rv_fourier_op {
    struct rv_range spectrum, between; // each rv_fourier_bytes
    struct rv_range picture;           // rv_image_bytes
    struct rv_range table_x, table_y;  // of the width, of the height; may be one and the same
    struct rv_extent size;
};
// picture = the real inverse transform of the spectrum times width * height: imaginary parts that a
// real picture's spectrum cannot have are taken no notice of.
enum rv_status rv_op_fourier(struct rv_recorder *recorder, const struct rv_fourier_op *op);
// spectrum = the adjoint of that, of the picture.
enum rv_status rv_op_fourier_adjoint(struct rv_recorder *recorder, const struct rv_fourier_op *op);

#endif
