#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/resample.h"
#include "base/status.h"
#include "formats/picture.h"

// The alpha plane at the new size, by way of floats. NULL if memory is short.
static uint16_t *resized_alpha(const struct rv_photo *photo, uint32_t width, uint32_t height) {
    size_t count = (size_t)photo->picture.width * photo->picture.height;
    float *plane = malloc(count * sizeof(float)), *result = NULL;
    uint16_t *alpha = malloc((size_t)width * height * sizeof(uint16_t));
    for (size_t i = 0; plane && i < count; i++)
        plane[i] = photo->alpha[i];
    if (plane && alpha)
        result = rv_resample(plane, photo->picture.width, photo->picture.height, width, height, 1);
    for (size_t i = 0; result && i < (size_t)width * height; i++)
        alpha[i] = (uint16_t)fminf(result[i] + 0.5f, 65535.0f);
    if (!result) {
        free(alpha);
        alpha = NULL;
    }
    free(plane);
    free(result);
    return alpha;
}

enum rv_status rv_photo_resize(struct rv_photo *photo, uint32_t width, uint32_t height) {
    struct rv_picture *picture = &photo->picture;
    if (width < 1 || height < 1 || width > RV_PHOTO_SIDE_MAX || height > RV_PHOTO_SIDE_MAX)
        return rv_fail(RV_ERR_USAGE, "cannot resize to %u x %u; each side is 1 to %u pixels", width,
                       height, RV_PHOTO_SIDE_MAX);
    if (width == picture->width && height == picture->height)
        return RV_OK;
    float *pixels = rv_resample(picture->pixels, picture->width, picture->height, width, height, 3);
    uint16_t *alpha = photo->alpha ? resized_alpha(photo, width, height) : NULL;
    if (!pixels || (photo->alpha && !alpha)) {
        free(pixels);
        free(alpha);
        return rv_fail(RV_ERR_NO_MEMORY, "no memory to resize to %u x %u pixels", width, height);
    }
    free(picture->pixels);
    free(photo->alpha);
    photo->alpha = alpha;
    *picture = (struct rv_picture){width, height, pixels};
    return RV_OK;
}

enum rv_status rv_photo_resize_longest(struct rv_photo *photo, uint32_t side) {
    uint32_t width = photo->picture.width, height = photo->picture.height;
    double scale = (double)side / (width > height ? width : height);
    uint32_t new_width = (uint32_t)(width * scale + 0.5);
    uint32_t new_height = (uint32_t)(height * scale + 0.5);
    return rv_photo_resize(photo, new_width ? new_width : 1, new_height ? new_height : 1);
}
