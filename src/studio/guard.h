// Who may speak to the studio: the page it served itself, and whoever was told the token. A web
// page of somebody else's, open in the same browser, may not, whatever name it makes resolve to
// this machine.
#ifndef RV_STUDIO_GUARD_H
#define RV_STUDIO_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#define RV_TOKEN_SIZE 33 // 128 bits in hex and a zero byte

struct rv_guard {
    uint16_t port;
    char token[RV_TOKEN_SIZE];
    char ticket[RV_TOKEN_SIZE]; // opens the page once: command lines can be read by everybody here
};

// What a request says of its origin; NULL = it does not.
struct rv_credentials {
    const char *host, *origin, *fetch_site;
    const char *cookie;        // of ours
    const char *authorization; // "Bearer TOKEN"
    const char *query;         // ?token=
};

// Random bytes of the system as hex. False if it gives none.
bool rv_token_make(char token[RV_TOKEN_SIZE]);

// NULL = welcome; else why not, a sentence. `page` is true for a request for the page itself, which
// may carry its token in the address, and use up the ticket.
const char *rv_guard_refuse(struct rv_guard *guard, const struct rv_credentials *given, bool page);

#endif
