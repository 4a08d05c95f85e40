// reverie studio: dreaming in the browser.
#include "studio/studio.h"

#include "base/status.h"
#include "cli/commands.h"
#include "cli/pictures.h"

#define USUAL_PORT 8380

static enum rv_status open_context(void *user, rv_context **context) {
    return rv_open_device(user, false, context);
}

enum rv_status rv_command_studio(const struct rv_arguments *arguments) {
    struct rv_arguments copy = *arguments; // the callback takes what is not const
    struct rv_studio_params params = {
        .weights_path = arguments->value[RV_CLI_WEIGHTS],
        .photo = arguments->positional_count ? arguments->positional[0] : NULL,
        .open = open_context,
        .open_user = &copy,
        .any_port = !arguments->value[RV_CLI_PORT],
        .browser = !arguments->value[RV_CLI_NO_BROWSER]};
    struct rv_picture_parameters pictures = {0};
    rv_weights *weights = NULL;
    uint64_t port = USUAL_PORT;
    enum rv_status status;
    if (!rv_studio_available())
        return rv_studio_run(&params); // says what is missing, before anything slow
    RV_TRY(rv_arguments_apply(arguments, &params.params));
    RV_TRY(rv_pictures_load(arguments, &params.params, &pictures));
    RV_TRY(rv_arguments_number(arguments, RV_CLI_PORT, 0, 65535, &port));
    RV_TRY(rv_arguments_number(arguments, RV_CLI_SIZE, 75, RV_PHOTO_SIDE_MAX, &params.side));
    RV_TRY(rv_arguments_bytes(arguments, RV_CLI_MEMORY, &(uint64_t){0}));
    RV_TRY(rv_weights_load(arguments->value[RV_CLI_WEIGHTS], &weights));
    RV_TRY(rv_params_check(&params.params, weights));
    params.port = (uint16_t)port;
    params.weights = weights;
    RV_TRY(rv_studio_run(&params));
done:
    rv_pictures_free(&pictures);
    rv_weights_destroy(&weights);
    return status;
}
