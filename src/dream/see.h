// What growing a picture for a layer is made of. see_params.c has its parameters, see.c the work.
#ifndef RV_DREAM_SEE_H
#define RV_DREAM_SEE_H

#include "ops/see.h"
#include "reverie/see.h"

// The matrix that makes colours of what is optimised.
typedef float rv_see_matrix[3][3];
void rv_see_matrix_of(const struct rv_see_params *resolved, rv_see_matrix matrix);

// The side of what the network sees of the picture.
uint32_t rv_see_view_side(const struct rv_see_params *resolved);
// The view of a step, a pure function of its arguments.
struct rv_see_view rv_see_view_of(const struct rv_see_params *resolved, uint32_t step);

// The n-th number of the noise that it all begins with, of standard deviation 1.
double rv_see_normal(uint64_t seed, uint64_t n);

#endif
