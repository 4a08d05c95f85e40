// Measures of how far two arrays are apart.
#ifndef RV_TESTS_COMPARE_H
#define RV_TESTS_COMPARE_H

#include <stddef.h>

struct rv_comparison {
    double relative_l2;   // |a - b|_2 / |b|_2
    double cosine_gap;    // 1 - <a, b> / (|a|_2 |b|_2), computed without cancellation
    double median_error;  // median |a - b| / median |b|
    double largest_error; // max |a - b|
    size_t largest_at;    // its index
};

// Compares `count` > 0 values with the reference b. A non-finite value in either makes every
// measure infinite. Where |b| (or its median) is 0, the measure is 0 if a equals b there, else
// infinite.
struct rv_comparison rv_compare(size_t count, const double *a, const double *b);
struct rv_comparison rv_compare_float(size_t count, const float *a, const double *b);

// Prints one line "NAME: relative L2 ..., 1 - cosine ..., ..." to standard error.
void rv_comparison_print(const char *name, const struct rv_comparison *comparison);

#endif
