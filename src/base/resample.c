#include "base/resample.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

// The source positions that make up one position of the result, along one axis.
struct span {
    uint32_t first, count;
    float *weights; // [count], sum 1
};

// A triangle centred on the result's pixel, as wide as the coarser of the two grids.
static void set_span(struct span *span, uint32_t to, uint32_t from_size, uint32_t to_size) {
    double scale = (double)from_size / to_size, reach = scale > 1.0 ? scale : 1.0;
    double centre = (to + 0.5) * scale;
    double low = floor(centre - reach), high = ceil(centre + reach);
    span->first = low > 0.0 ? (uint32_t)low : 0;
    uint32_t last = high < from_size ? (uint32_t)high : from_size;
    span->count = last - span->first;
    double sum = 0.0;
    for (uint32_t i = 0; i < span->count; i++)
        sum += fmax(0.0, 1.0 - fabs(span->first + i + 0.5 - centre) / reach);
    for (uint32_t i = 0; i < span->count; i++) {
        double weight = fmax(0.0, 1.0 - fabs(span->first + i + 0.5 - centre) / reach);
        span->weights[i] = (float)(weight / sum);
    }
}

// Resizes the middle axis of an array [outer][from_size][inner] into [outer][to_size][inner]. Rows
// and columns are both this, with inner the pixel or the row.
static bool resize_axis(const float *from, size_t outer, uint32_t from_size, size_t inner,
                        uint32_t to_size, float *to) {
    struct span span;
    span.weights = malloc(((size_t)(2.0 * from_size / to_size) + 4) * sizeof(float));
    if (!span.weights)
        return false;
    for (uint32_t t = 0; t < to_size; t++) {
        set_span(&span, t, from_size, to_size);
        for (size_t o = 0; o < outer; o++) {
            float *result = to + (o * to_size + t) * inner;
            memset(result, 0, inner * sizeof(float));
            for (uint32_t i = 0; i < span.count; i++) {
                const float *part = from + (o * from_size + span.first + i) * inner;
                for (size_t k = 0; k < inner; k++)
                    result[k] += span.weights[i] * part[k];
            }
        }
    }
    free(span.weights);
    return true;
}

float *rv_resample(const float *from, uint32_t from_width, uint32_t from_height, uint32_t width,
                   uint32_t height, uint32_t channels) {
    float *narrow = malloc((size_t)from_height * width * channels * sizeof(float));
    float *result = malloc((size_t)height * width * channels * sizeof(float));
    if (narrow && result && resize_axis(from, from_height, from_width, channels, width, narrow) &&
        resize_axis(narrow, 1, from_height, (size_t)width * channels, height, result)) {
        free(narrow);
        return result;
    }
    free(narrow);
    free(result);
    return NULL;
}
