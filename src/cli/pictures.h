// Parameters that are pictures: files on the command line.
#ifndef RV_CLI_PICTURES_H
#define RV_CLI_PICTURES_H

#include "cli/arguments.h"
#include "formats/picture.h"

// By row of rv_options(); zero where there is none.
struct rv_picture_parameters {
    struct rv_photo photo[RV_PARAMETER_MAX];
};

// Loads the pictures that were given and sets them in `params`, which borrows them. They must be
// freed, also after a failure.
enum rv_status rv_pictures_load(const struct rv_arguments *arguments, struct rv_params *params,
                                struct rv_picture_parameters *pictures);
void rv_pictures_free(struct rv_picture_parameters *pictures);

#endif
