#include "studio/guard.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

bool rv_token_make(char token[RV_TOKEN_SIZE]) {
    unsigned char bytes[(RV_TOKEN_SIZE - 1) / 2];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return false;
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(token + 2 * i, 3, "%02x", bytes[i]);
    return true;
}

// Takes the same time wherever the first difference lies. An empty secret equals nothing.
static bool same_secret(const char *secret, const char *given) {
    size_t length = strlen(secret);
    unsigned char difference = 0;
    if (!given || length == 0 || strlen(given) != length)
        return false;
    for (size_t i = 0; i < length; i++)
        difference |= (unsigned char)(secret[i] ^ given[i]);
    return difference == 0;
}

static bool is_ours(const char *text, const char *scheme, uint16_t port) {
    char name[64];
    snprintf(name, sizeof name, "%s127.0.0.1:%u", scheme, (unsigned)port);
    if (strcmp(text, name) == 0)
        return true;
    snprintf(name, sizeof name, "%slocalhost:%u", scheme, (unsigned)port);
    return strcmp(text, name) == 0;
}

static bool has_token(struct rv_guard *guard, const struct rv_credentials *given, bool page) {
    static const char bearer[] = "Bearer ";
    const char *authorization = given->authorization;
    if (same_secret(guard->token, given->cookie))
        return true;
    if (authorization && strncmp(authorization, bearer, sizeof bearer - 1) == 0 &&
        same_secret(guard->token, authorization + sizeof bearer - 1))
        return true;
    if (!page)
        return false;
    if (same_secret(guard->ticket, given->query)) {
        guard->ticket[0] = '\0';
        return true;
    }
    return same_secret(guard->token, given->query);
}

const char *rv_guard_refuse(struct rv_guard *guard, const struct rv_credentials *given, bool page) {
    if (!given->host || !is_ours(given->host, "", guard->port))
        return "this address is not the studio's: use the one that reverie printed";
    if (given->origin && !is_ours(given->origin, "http://", guard->port))
        return "another web page may not use the studio";
    if (given->fetch_site && strcmp(given->fetch_site, "cross-site") == 0 && !page)
        return "another web page may not use the studio";
    if (!has_token(guard, given, page))
        return "the token is missing or wrong: open the address that reverie printed";
    return NULL;
}
