// The studio over HTTP, on this machine only.
#ifndef RV_STUDIO_SERVER_H
#define RV_STUDIO_SERVER_H

#include "studio/api.h"
#include "studio/guard.h"

typedef struct rv_server rv_server;

// Listens on 127.0.0.1. `port` 0 = any; guard->port becomes the one it got. `studio` and `guard`
// are borrowed until the server stops. RV_ERR_IO if the port is taken.
enum rv_status rv_server_start(struct rv_studio *studio, struct rv_guard *guard, uint16_t port,
                               rv_server **server);
// Waits for what is being answered.
void rv_server_stop(rv_server **server);

#endif
