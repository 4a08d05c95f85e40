#include "reverie/reverie.h"

const char *rv_version(void) {
    return RV_VERSION;
}
