#include "support/golden.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/status.h"
#include "formats/picture.h"
#include "support/reference.h"

static const char *const data_names[2] = {"random", "default"};

// ------------------------------------------------------------------------------------------------
// Reading

bool rv_golden_tensor_read(json_t *json, const float *data, size_t available,
                           struct rv_golden_tensor *tensor) {
    const char *layer = "";
    json_int_t height, width, channels, stride, count, offset;
    if (json_unpack(json, "{s?s s:[III] s:I s:I s:I s:F}", "layer", &layer, "shape", &height,
                    &width, &channels, "stride", &stride, "count", &count, "offset", &offset,
                    "norm", &tensor->norm) != 0)
        return false;
    if (height < 1 || width < 1 || channels < 1 || height > 4096 || width > 4096 ||
        channels > 4096 || stride < 1 || offset < 0 || count < 1 ||
        (uint64_t)offset + (uint64_t)count > available ||
        count != (height * width * channels + stride - 1) / stride)
        return false;
    snprintf(tensor->layer, sizeof tensor->layer, "%s", layer);
    tensor->height = (uint32_t)height;
    tensor->width = (uint32_t)width;
    tensor->channels = (uint32_t)channels;
    tensor->stride = (size_t)stride;
    tensor->count = (size_t)count;
    tensor->samples = data + offset;
    return true;
}

static bool read_case(json_t *json, const struct rv_goldens *goldens, const size_t available[2],
                      struct rv_golden_case *out) {
    const char *weights, *image, *layers, *objective;
    int counts_padding;
    json_int_t seed, width, height, border;
    json_t *activations, *gradient;
    if (json_unpack(json, "{s:s s:I s:b s:s s:I s:I s:s s:s s:I s:F s:o s:o}", "weights", &weights,
                    "seed", &seed, "pool_counts_padding", &counts_padding, "image", &image, "width",
                    &width, "height", &height, "layers", &layers, "objective", &objective, "border",
                    &border, "loss", &out->loss, "activations", &activations, "gradient",
                    &gradient) != 0)
        return false;
    out->random = strcmp(weights, data_names[0]) == 0;
    out->noise = strcmp(image, "noise") == 0;
    out->pool_counts_padding = counts_padding;
    out->seed = (uint64_t)seed;
    out->width = (uint32_t)width;
    out->height = (uint32_t)height;
    out->border = (uint32_t)border;
    out->objective = strcmp(objective, "l2") == 0 ? RV_OBJECTIVE_L2 : RV_OBJECTIVE_MEAN;
    snprintf(out->layers, sizeof out->layers, "%s", layers);
    snprintf(out->name, sizeof out->name, "%s weights, %s %ux%u, %s of %s, border %u%s", weights,
             image, out->width, out->height, objective, layers, out->border,
             counts_padding ? ", pools count padding" : "");
    out->activation_count = (uint32_t)json_array_size(activations);
    if (out->activation_count < 1 || out->activation_count > RV_GOLDEN_ACTIVATIONS)
        return false;
    const float *data = goldens->data[!out->random];
    for (uint32_t i = 0; i < out->activation_count; i++)
        if (!rv_golden_tensor_read(json_array_get(activations, i), data, available[!out->random],
                                   &out->activations[i]))
            return false;
    return rv_golden_tensor_read(gradient, data, available[!out->random], &out->gradient);
}

static enum rv_status read_cases(const char *path, const size_t available[2],
                                 struct rv_goldens *goldens) {
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
    json_t *cases = json_object_get(root, "cases");
    bool good = json_array_size(cases) > 0;
    goldens->cases = good ? calloc(json_array_size(cases), sizeof *goldens->cases) : NULL;
    for (size_t i = 0; good && goldens->cases && i < json_array_size(cases); i++) {
        good = read_case(json_array_get(cases, i), goldens, available, &goldens->cases[i]);
        goldens->count = i + good;
    }
    good = good && goldens->cases;
    json_decref(root);
    return good ? RV_OK
                : rv_fail(RV_ERR_INPUT, "%s: case %zu is damaged: make the goldens anew", path,
                          goldens->count);
}

enum rv_status rv_golden_samples_read(const char *path, float **samples, size_t *count) {
    uint8_t *bytes;
    size_t size;
    enum rv_status status = rv_file_read(path, (size_t)1 << 24, &bytes, &size);
    if (status != RV_OK)
        return status;
    *samples = (float *)(void *)bytes;
    *count = size / sizeof(float);
    return RV_OK;
}

enum rv_status rv_goldens_load(const char *folder, struct rv_goldens *goldens) {
    enum rv_status status;
    char path[1024];
    size_t available[2];
    struct rv_photo photo = {0};
    *goldens = (struct rv_goldens){0};
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s.bin", folder, data_names[i]);
        RV_TRY(rv_golden_samples_read(path, &goldens->data[i], &available[i]));
    }
    snprintf(path, sizeof path, "%s/goldens.json", folder);
    RV_TRY(read_cases(path, available, goldens));
    snprintf(path, sizeof path, "%s/photo.png", folder);
    RV_TRY(rv_photo_load(path, 0, &photo));
    goldens->photo = photo.picture;
    photo.picture = (struct rv_picture){0};
done:
    rv_photo_free(&photo);
    if (status != RV_OK)
        rv_goldens_free(goldens);
    return status;
}

void rv_goldens_free(struct rv_goldens *goldens) {
    free(goldens->cases);
    free(goldens->data[0]);
    free(goldens->data[1]);
    rv_picture_free(&goldens->photo);
    *goldens = (struct rv_goldens){0};
}

// ------------------------------------------------------------------------------------------------
// Using

enum rv_status rv_golden_picture(const struct rv_goldens *goldens,
                                 const struct rv_golden_case *golden, struct rv_picture *picture) {
    const struct rv_picture *photo = &goldens->photo;
    size_t row = (size_t)golden->width * 3;
    *picture = (struct rv_picture){0};
    if (!golden->noise && (golden->width > photo->width || golden->height > photo->height))
        return rv_fail(RV_ERR_INPUT, "%s: photo.png is smaller", golden->name);
    float *pixels = malloc(row * golden->height * sizeof *pixels);
    if (!pixels)
        return rv_fail(RV_ERR_NO_MEMORY, "%s: out of memory", golden->name);
    if (golden->noise)
        rv_ref_noise(golden->seed, golden->height, golden->width, pixels);
    else
        for (uint32_t y = 0; y < golden->height; y++)
            memcpy(pixels + y * row, photo->pixels + (size_t)y * photo->width * 3,
                   row * sizeof *pixels);
    *picture = (struct rv_picture){golden->width, golden->height, pixels};
    return RV_OK;
}

static struct rv_comparison compare(const struct rv_golden_tensor *golden, const double *doubles,
                                    const float *floats) {
    struct rv_comparison result = {INFINITY, INFINITY, INFINITY, INFINITY, 0};
    double *ours = malloc(golden->count * sizeof *ours);
    double *theirs = malloc(golden->count * sizeof *theirs);
    for (size_t i = 0; ours && theirs && i < golden->count; i++) {
        ours[i] = doubles ? doubles[i * golden->stride] : floats[i * golden->stride];
        theirs[i] = golden->samples[i];
    }
    if (ours && theirs)
        result = rv_compare(golden->count, ours, theirs);
    free(ours);
    free(theirs);
    return result;
}

struct rv_comparison rv_golden_compare(const struct rv_golden_tensor *golden,
                                       const double *tensor) {
    return compare(golden, tensor, NULL);
}

struct rv_comparison rv_golden_compare_float(const struct rv_golden_tensor *golden,
                                             const float *tensor) {
    return compare(golden, NULL, tensor);
}
