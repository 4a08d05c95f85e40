#include "support/reference_ascent.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// One pair of neighbours: the squared difference's gradient by both.
static void vary(const double *x, size_t a, size_t b, double factor, double *gradient) {
    double along = factor * 2 * (x[b] - x[a]);
    gradient[a] += along;
    gradient[b] -= along;
}

void rv_ref_regularize(uint32_t height, uint32_t width, uint32_t channels, const double *x,
                       const double *original, double tv, double pull, double *gradient) {
    size_t count = (size_t)height * width * channels, row = (size_t)width * channels;
    for (size_t i = 0; i < count; i++) {
        if (i % row + channels < row)
            vary(x, i, i + channels, tv / (double)count, gradient);
        if (i + row < count)
            vary(x, i, i + row, tv / (double)count, gradient);
        if (pull > 0)
            gradient[i] -= pull / (double)count * 2 * (x[i] - original[i]);
    }
}

static uint32_t reflected(int64_t at, uint32_t size) {
    if (at < 0)
        at = -at;
    return (uint32_t)(at < size ? at : 2 * (int64_t)size - 2 - at);
}

void rv_ref_smooth(uint32_t height, uint32_t width, uint32_t channels, const double *x,
                   double sigma, double *y) {
    double kernel[9][9];
    memset(kernel, 0, sizeof kernel);
    for (int k = 0; k < 3; k++) {
        double s = sigma * (k == 0 ? 0.5 : k), one[9][9], sum = 0;
        for (int i = 0; i < 81; i++) {
            double dy = i / 9 - 4, dx = i % 9 - 4;
            one[i / 9][i % 9] = exp(-(dy * dy + dx * dx) / (2 * s * s));
            sum += one[i / 9][i % 9];
        }
        for (int i = 0; i < 81; i++)
            kernel[i / 9][i % 9] += one[i / 9][i % 9] / sum / 3;
    }
    for (size_t o = 0; o < (size_t)height * width * channels; o++) {
        size_t pixel = o / channels;
        double sum = 0;
        for (int i = 0; i < 81; i++) {
            size_t row = reflected((int64_t)(pixel / width) + i / 9 - 4, height);
            size_t column = reflected((int64_t)(pixel % width) + i % 9 - 4, width);
            sum += kernel[i / 9][i % 9] * x[(row * width + column) * channels + o % channels];
        }
        y[o] = sum;
    }
}

static const double binomial[5] = {1 / 16.0, 4 / 16.0, 6 / 16.0, 4 / 16.0, 1 / 16.0};

// TensorFlow's "same": of the zeros that are needed, the smaller half comes first.
static int64_t padding_of(uint32_t size) {
    int64_t out = ((int64_t)size + 1) / 2, needed = (out - 1) * 2 + 5 - size;
    return needed > 0 ? needed / 2 : 0;
}

// Walks the taps of the convolution: from x to y, or, with `adjoint`, from y to x.
static void walk(uint32_t height, uint32_t width, uint32_t channels, const double *from, double *to,
                 int adjoint) {
    uint32_t rows = (height + 1) / 2, columns = (width + 1) / 2;
    memset(to, 0,
           (adjoint ? (size_t)height * width : (size_t)rows * columns) * channels * sizeof *to);
    for (uint32_t o = 0; o < rows * columns; o++)
        for (uint32_t tap = 0; tap < 25; tap++) {
            int64_t row = 2 * (int64_t)(o / columns) + tap / 5 - padding_of(height);
            int64_t column = 2 * (int64_t)(o % columns) + tap % 5 - padding_of(width);
            if (row < 0 || row >= height || column < 0 || column >= width)
                continue;
            size_t fine = (size_t)(row * width + column) * channels, coarse = (size_t)o * channels;
            for (uint32_t c = 0; c < channels; c++) {
                double weight = binomial[tap / 5] * binomial[tap % 5];
                if (adjoint)
                    to[fine + c] += 4 * weight * from[coarse + c];
                else
                    to[coarse + c] += weight * from[fine + c];
            }
        }
}

void rv_ref_down(uint32_t height, uint32_t width, uint32_t channels, const double *x, double *y) {
    walk(height, width, channels, x, y, 0);
}

void rv_ref_up(uint32_t height, uint32_t width, uint32_t channels, const double *x, double *y) {
    walk(height, width, channels, x, y, 1);
}

static void divide(size_t count, double *x) {
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += x[i] * x[i];
    double root = fmax(sqrt(sum / (double)count), 1e-10);
    for (size_t i = 0; i < count; i++)
        x[i] /= root;
}

void rv_ref_laplacian(uint32_t height, uint32_t width, uint32_t channels, const double *x,
                      uint32_t levels, int normalise, double *y) {
    size_t count = (size_t)height * width * channels;
    uint32_t rows = (height + 1) / 2, columns = (width + 1) / 2;
    if (y != x)
        memcpy(y, x, count * sizeof *y);
    if (levels > 0) {
        double *low = malloc((size_t)rows * columns * channels * sizeof *low);
        double *lost = malloc(count * sizeof *lost), *back = malloc(count * sizeof *back);
        rv_ref_down(height, width, channels, y, low);
        rv_ref_up(height, width, channels, low, back);
        for (size_t i = 0; i < count; i++)
            lost[i] = y[i] - back[i];
        if (normalise)
            divide(count, lost);
        rv_ref_laplacian(rows, columns, channels, low, levels - 1, normalise, low);
        rv_ref_up(height, width, channels, low, back);
        for (size_t i = 0; i < count; i++)
            y[i] = back[i] + lost[i];
        free(low);
        free(lost);
        free(back);
    } else if (normalise) {
        divide(count, y);
    }
}

void rv_ref_adam_step(struct rv_ref_adam *adam, size_t count, const double *gradient,
                      double *step) {
    adam->t++;
    for (size_t i = 0; i < count; i++) {
        double g = gradient[i];
        adam->mean[i] = 0.9 * adam->mean[i] + (1 - 0.9) * g;
        adam->square[i] = 0.999 * adam->square[i] + (1 - 0.999) * g * g;
        double mean = adam->mean[i] / (1 - pow(0.9, adam->t));
        double square = adam->square[i] / (1 - pow(0.999, adam->t));
        step[i] = mean / (sqrt(square) + 1e-8);
    }
}
