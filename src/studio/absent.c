// In place of studio.c and server.c where libmicrohttpd is missing.
#include "base/status.h"
#include "studio/studio.h"

bool rv_studio_available(void) {
    return false;
}

enum rv_status rv_studio_run(const struct rv_studio_params *params) {
    (void)params;
    return rv_fail(RV_ERR_USAGE, "this reverie was built without a web server: install "
                                 "libmicrohttpd's development files and build it again");
}
