#include <stdlib.h>

#include "reverie/reverie.h"

void rv_picture_free(struct rv_picture *picture) {
    if (!picture)
        return;
    free(picture->pixels);
    *picture = (struct rv_picture){0};
}
