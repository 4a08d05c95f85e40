// A studio whose device is a fake that is lost after a few steps: losing WEIGHTS STEPS. For the
// browser.
#include <stdio.h>
#include <stdlib.h>

#include "studio/fake.h"
#include "studio/studio.h"

int main(int count, char **arguments) {
    struct rv_studio_params params = {
        .params = {.layers = "mixed0", .octaves = 2, .iterations = 40}, .open = fake_open};
    rv_weights *weights;
    if (count != 3 || rv_weights_load(arguments[1], &weights) != RV_OK) {
        fprintf(stderr, "losing WEIGHTS STEPS: %s\n", rv_error_text());
        return 2;
    }
    params.weights = weights;
    params.weights_path = arguments[1];
    fake_fail(FAKE_ADVANCE, atoi(arguments[2]), RV_ERR_DEVICE_LOST);
    enum rv_status status = rv_studio_run(&params);
    rv_weights_destroy(&weights);
    if (status != RV_OK)
        fprintf(stderr, "%s\n", rv_error_text());
    return status == RV_OK && fake_alive() == 0 ? 0 : 1;
}
