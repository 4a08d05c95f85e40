// Any bytes as a photograph, of every format there is: refused with a message, or a picture that
// survives being saved as PNG.
#include <stdlib.h>
#include <string.h>

#include "formats/picture.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct rv_photo photo, again;
    if (rv_photo_decode(bytes, size, "fuzz", 1 << 16, &photo) != RV_OK)
        return 0;
    uint8_t *png;
    size_t png_size;
    if (rv_photo_encode(&photo, NULL, "fuzz", &png, &png_size) != RV_OK ||
        rv_photo_decode(png, png_size, "fuzz", 1 << 16, &again) != RV_OK)
        abort();
    // CMYK and floats have more values than the bits hold; all others come back as they were, to
    // within rounding.
    size_t count = (size_t)photo.picture.width * photo.picture.height;
    for (size_t i = 0; i < count * 3; i++)
        if (!(again.picture.pixels[i] - photo.picture.pixels[i] < 0.002f &&
              photo.picture.pixels[i] - again.picture.pixels[i] < 0.002f))
            abort();
    if (photo.alpha && memcmp(photo.alpha, again.alpha, count * sizeof *photo.alpha) != 0)
        abort();
    free(png);
    rv_photo_free(&again);
    rv_photo_free(&photo);
    return 0;
}
