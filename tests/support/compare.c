#include "support/compare.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static int ascending(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static double median(size_t count, double *values) {
    qsort(values, count, sizeof(*values), ascending);
    return values[count / 2];
}

static double ratio(double error, double size) {
    return size > 0 ? error / size : error > 0 ? INFINITY : 0;
}

// Half the squared distance of the two directions, which is 1 - cosine.
static double cosine_gap(size_t count, const double *a, double a_norm, const double *b,
                         double b_norm) {
    if (a_norm == 0 || b_norm == 0)
        return a_norm == b_norm ? 0 : INFINITY;
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        double difference = a[i] / a_norm - b[i] / b_norm;
        sum += difference * difference;
    }
    return sum / 2;
}

struct rv_comparison rv_compare(size_t count, const double *a, const double *b) {
    struct rv_comparison result = {INFINITY, INFINITY, INFINITY, INFINITY, 0};
    double *errors = malloc(sizeof(*errors) * count), *sizes = malloc(sizeof(*sizes) * count);
    if (!errors || !sizes)
        goto done;
    double error_sum = 0, a_sum = 0, b_sum = 0, largest = 0;
    for (size_t i = 0; i < count; i++) {
        errors[i] = fabs(a[i] - b[i]);
        sizes[i] = fabs(b[i]);
        if (!isfinite(errors[i])) {
            result.largest_at = i;
            goto done;
        }
        if (errors[i] > largest) {
            largest = errors[i];
            result.largest_at = i;
        }
        error_sum += errors[i] * errors[i];
        a_sum += a[i] * a[i];
        b_sum += b[i] * b[i];
    }
    result.relative_l2 = ratio(sqrt(error_sum), sqrt(b_sum));
    result.cosine_gap = cosine_gap(count, a, sqrt(a_sum), b, sqrt(b_sum));
    result.median_error = ratio(median(count, errors), median(count, sizes));
    result.largest_error = largest;
done:
    free(errors);
    free(sizes);
    return result;
}

struct rv_comparison rv_compare_float(size_t count, const float *a, const double *b) {
    struct rv_comparison result = {INFINITY, INFINITY, INFINITY, INFINITY, 0};
    double *wide = malloc(sizeof(*wide) * count);
    if (!wide)
        return result;
    for (size_t i = 0; i < count; i++)
        wide[i] = a[i];
    result = rv_compare(count, wide, b);
    free(wide);
    return result;
}

void rv_comparison_print(const char *name, const struct rv_comparison *comparison) {
    fprintf(stderr, "%s: relative L2 %.2e, 1 - cosine %.2e, median %.2e, largest %.2e at %zu\n",
            name, comparison->relative_l2, comparison->cosine_gap, comparison->median_error,
            comparison->largest_error, comparison->largest_at);
}
