// Measures how far from a cut the gradient is disturbed: the table in src/dream/tiling.c.
//   build/tools/measure-halo LAYER PICTURE LENGTH [mean|l2] [random]
// The picture, mirrored until it is LENGTH x 192, is cut in two at a multiple of 32, along either
// axis. Printed for every band of 32 pixels from the cut on: the norm of the difference to the
// whole picture's gradient in the band, relative to the whole's mean norm, and the largest
// difference there or beyond, relative to the largest value. The halo is the first band with both
// below 1e-3.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "formats/picture.h"
#include "net/graph.h"

#define SHORT 192
#define BAND 32

struct measure {
    rv_context *context;
    rv_weights *weights;
    struct rv_probe_params params;
};

static void *allocate(size_t count, size_t size) {
    void *memory = calloc(count, size);
    if (!memory)
        exit(1);
    return memory;
}

static uint32_t mirrored(uint32_t at, uint32_t size) {
    at %= 2 * size;
    return at < size ? at : 2 * size - 1 - at;
}

static struct rv_picture cut(const struct rv_picture *from, uint32_t x, uint32_t y, uint32_t width,
                             uint32_t height) {
    struct rv_picture made = {width, height, allocate((size_t)width * height, 12)};
    for (uint32_t row = 0; row < height; row++)
        for (uint32_t column = 0; column < width; column++)
            memcpy(made.pixels + ((size_t)row * width + column) * 3,
                   from->pixels + ((size_t)mirrored(y + row, from->height) * from->width +
                                   mirrored(x + column, from->width)) *
                                      3,
                   12);
    return made;
}

// The gradient times the layer's positions, so that pictures of different sizes compare.
static enum rv_status gradient(const struct measure *m, const struct rv_picture *picture,
                               struct rv_array *array) {
    static struct rv_graph graph;
    struct rv_probe_result result;
    struct rv_slice slice;
    const struct rv_layer *layer = rv_layer_of(rv_layer_find(m->params.layers));
    enum rv_status status;
    RV_TRY(rv_graph_build(&graph, picture->height, picture->width, &layer, 1));
    RV_TRY(rv_probe(m->context, m->weights, picture, &m->params, &result));
    *array = result.gradient;
    rv_graph_find(&graph, layer, &slice);
    const struct rv_graph_tensor *t = &graph.tensors[slice.tensor];
    for (size_t i = 0; i < (size_t)array->width * array->height * 3; i++)
        array->data[i] *= (float)t->height * (float)t->width;
done:
    return status;
}

static void print(const struct rv_array *whole, const struct rv_array *part, uint32_t x, uint32_t y,
                  bool across, bool end) {
    uint32_t length = across ? part->width : part->height, bands = length / BAND;
    double *sum = allocate(bands + 1, sizeof *sum), *most = allocate(bands + 1, sizeof *most);
    double norm = 0, largest = 0, beyond = 0;
    for (uint32_t row = 0; row < part->height; row++)
        for (uint32_t i = 0; i < part->width * 3; i++) {
            uint32_t along = across ? i / 3 : row, band = (end ? length - 1 - along : along) / BAND;
            double a = (double)whole->data[((size_t)(row + y) * whole->width + x) * 3 + i];
            double d = (double)part->data[(size_t)row * part->width * 3 + i] - a;
            sum[band] += d * d;
            most[band] = fmax(most[band], fabs(d));
            norm += a * a;
            largest = fmax(largest, fabs(a));
        }
    norm *= (double)BAND / length; // of one band, on average
    for (uint32_t i = bands; i-- > 0;)
        most[i] = beyond = fmax(beyond, most[i]);
    printf("%s, cut before its %s:", across ? "width" : "height", end ? "end" : "beginning");
    for (uint32_t i = 0; i < bands; i++)
        printf(" %u:%.0e/%.0e", i * BAND, sqrt(sum[i] / norm), most[i] / largest);
    putchar('\n');
    free(sum);
    free(most);
}

static enum rv_status measure(const struct measure *m, const struct rv_picture *picture,
                              uint32_t length) {
    enum rv_status status = RV_OK;
    for (uint32_t i = 0; i < 4; i++) {
        bool across = i / 2, end = i % 2;
        uint32_t half = length / 2 / 32 * 32, from = end ? 0 : half, rest = length - from;
        struct rv_array whole = {0}, part = {0};
        if (end)
            rest = half;
        struct rv_picture all =
            cut(picture, 0, 0, across ? length : SHORT, across ? SHORT : length);
        struct rv_picture piece = cut(&all, across ? from : 0, across ? 0 : from,
                                      across ? rest : SHORT, across ? SHORT : rest);
        status = gradient(m, &all, &whole);
        if (status == RV_OK)
            status = gradient(m, &piece, &part);
        if (status == RV_OK)
            print(&whole, &part, across ? from : 0, across ? 0 : from, across, end);
        rv_array_free(&whole);
        rv_array_free(&part);
        free(all.pixels);
        free(piece.pixels);
        if (status != RV_OK)
            break;
    }
    return status;
}

int main(int argc, char **argv) {
    struct measure m = {0};
    struct rv_photo photo = {0};
    enum rv_status status = RV_OK;
    unsigned long length = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
    if (argc < 4 || !rv_layer_find(argv[1]) || length < 256 || length > 65535) {
        fprintf(stderr, "usage: measure-halo LAYER PICTURE LENGTH [mean|l2] [random]\n");
        return 2;
    }
    bool l2 = argc > 4 && strcmp(argv[4], "l2") == 0;
    bool random = argc > 5 && strcmp(argv[5], "random") == 0;
    m.params.layers = argv[1];
    m.params.objective = l2 ? RV_OBJECTIVE_L2 : RV_OBJECTIVE_MEAN;
    RV_TRY(rv_context_create(NULL, &m.context));
    RV_TRY(random ? rv_weights_random(1, &m.weights) : rv_weights_load(NULL, &m.weights));
    RV_TRY(rv_photo_load(argv[2], 0, &photo));
    status = measure(&m, &photo.picture, (uint32_t)length);
done:
    if (status != RV_OK)
        fprintf(stderr, "measure-halo: %s\n", rv_error_text());
    rv_photo_free(&photo);
    rv_weights_destroy(&m.weights);
    rv_context_destroy(&m.context);
    return status == RV_OK ? 0 : 1;
}
