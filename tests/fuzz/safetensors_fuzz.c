// Any bytes as a safetensors file, and as one of InceptionV3: refused with a message, or every byte
// that is then read lies inside.
#include <stdlib.h>

#include "formats/inception_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

// Converts what every tensor of a type we read holds.
static void read_all(const struct rv_safetensors *file) {
    for (size_t i = 0; i < file->tensor_count; i++) {
        const struct rv_tensor *tensor = &file->tensors[i];
        if (tensor->dtype == RV_DTYPE_OTHER)
            continue;
        const size_t count =
            (tensor->end - tensor->begin) / (tensor->dtype == RV_DTYPE_F16 ? 2 : 4);
        float *values = malloc(count * sizeof *values + 1);
        rv_tensor_read(tensor, values, count);
        free(values);
        if (rv_safetensors_find(file, tensor->name) != tensor)
            abort(); // two of one name
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct rv_safetensors file;
    if (rv_safetensors_init(&file, "fuzz", bytes, size) == RV_OK) {
        read_all(&file);
        rv_safetensors_finish(&file);
    }
    struct rv_inception_file network;
    if (rv_inception_file_init(&network, "fuzz", bytes, size) == RV_OK) {
        rv_weights *weights;
        if (rv_inception_file_fold(&network, "fuzz", &weights) == RV_OK)
            rv_weights_destroy(&weights);
        rv_inception_file_finish(&network);
    }
    return 0;
}
