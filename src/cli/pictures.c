#include "cli/pictures.h"

#include "base/status.h"

enum rv_status rv_pictures_load(const struct rv_arguments *arguments, struct rv_params *params,
                                struct rv_picture_parameters *pictures) {
    uint32_t count;
    const struct rv_option *options = rv_options(&count);
    enum rv_status status = RV_OK;
    for (uint32_t i = 0; i < count && i < RV_PARAMETER_MAX; i++) {
        if (!arguments->parameter[i] || options[i].type != RV_OPTION_PICTURE)
            continue;
        RV_TRY(rv_photo_load(arguments->parameter[i], 0, &pictures->photo[i]));
        RV_TRY(rv_params_set_picture(params, options[i].name, &pictures->photo[i].picture));
    }
done:
    return status;
}

void rv_pictures_free(struct rv_picture_parameters *pictures) {
    for (uint32_t i = 0; i < RV_PARAMETER_MAX; i++)
        rv_photo_free(&pictures->photo[i]);
}
