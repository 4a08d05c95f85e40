// A program outside the tree that dreams with the installed library: on noise, with random weights.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <reverie/reverie.h>

#include "layers.h"

// The library brings a volk of its own. Programs may do so, too: the names must not meet.
int volkInitialize(void);
int volkInitialize(void) {
    abort();
}

static int fail(const char *what) {
    fprintf(stderr, "%s: %s\n", what, rv_error_text());
    return 1;
}

static int dream(rv_context *context, const rv_weights *weights) {
    enum { SIDE = 75 };
    static float pixels[SIDE * SIDE * 3];
    struct rv_picture dreamed, picture = {SIDE, SIDE, pixels};
    struct rv_params params = {.layers = "mixed0", .octaves = 1, .iterations = 2};
    struct rv_dream_stats stats;
    double change = 0;
    for (size_t i = 0; i < sizeof pixels / sizeof *pixels; i++)
        pixels[i] = (float)(i * 2654435761u % 1000) / 1000;
    if (rv_dream(context, weights, &picture, &params, NULL, NULL, &dreamed, &stats) != RV_OK)
        return fail("dream");
    for (size_t i = 0; i < sizeof pixels / sizeof *pixels; i++)
        change += fabs((double)dreamed.pixels[i] - pixels[i]);
    printf("%u x %u on %s: loss %g\n", (unsigned)dreamed.width, (unsigned)dreamed.height,
           rv_context_device(context)->name, (double)stats.loss);
    rv_picture_free(&dreamed);
    return change > 0 ? 0 : 1;
}

int main(void) {
    rv_context *context;
    rv_weights *weights;
    char path[4096];
    if (strcmp(rv_version(), RV_VERSION) != 0) {
        fprintf(stderr, "the header is of %s, the library of %s\n", RV_VERSION, rv_version());
        return 1;
    }
    rv_weights_default_path(path, sizeof path);
    printf("reverie %s, %u layers, weights at %s\n", rv_version(), count_layers(), path);
    if (rv_weights_random(1, &weights) != RV_OK)
        return fail("weights");
    if (rv_context_create(NULL, &context) != RV_OK)
        return fail("context");
    int result = dream(context, weights);
    rv_context_destroy(&context);
    rv_weights_destroy(&weights);
    return result;
}
