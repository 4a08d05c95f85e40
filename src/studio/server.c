#include "studio/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/status.h"

#define CONNECTIONS_MAX 48
#define IDLE_SECONDS 30u     // without a byte
#define BODY_SECONDS 120.0   // for all of them
#define DISCARD_MAX 1048576u // bytes of a refused body that are read, so that the refusal arrives

struct rv_server {
    struct MHD_Daemon *daemon;
    struct rv_studio *studio;
    struct rv_guard *guard;
    pthread_mutex_t guarding; // the ticket is used up by one request only
};

// A request whose body is being collected.
struct exchange {
    uint8_t *body;
    size_t size, capacity, limit;
    double begun;
    const char *refusal; // NULL = none; the body is not kept then
    unsigned refusal_status;
};

// Scripts, styles and pictures come from here alone; blob: are pictures that the page fetched or
// was given.
static const char policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

// The camera for this page alone; nothing else of what a browser can do.
static const char permissions[] =
    "camera=(self), microphone=(), geolocation=(), display-capture=(), usb=(), serial=(), hid=(), "
    "payment=(), midi=()";

static void add_headers(struct MHD_Response *response, const struct rv_reply *reply) {
    if (reply->size)
        MHD_add_response_header(response, "Content-Type", reply->type);
    MHD_add_response_header(response, "Content-Security-Policy", policy);
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
    MHD_add_response_header(response, "Cross-Origin-Resource-Policy", "same-origin");
    MHD_add_response_header(response, "Permissions-Policy", permissions);
    // What may be kept is asked about each time: so the guard sees every use of it.
    MHD_add_response_header(response, "Cache-Control",
                            reply->tag ? "private, no-cache" : "no-store");
    if (reply->tag)
        MHD_add_response_header(response, "ETag", reply->tag);
    if (reply->note[0])
        MHD_add_response_header(response, "Reverie-Frame", reply->note);
    if (reply->attachment)
        MHD_add_response_header(response, "Content-Disposition", "attachment");
}

// Sends and frees the reply. `cookie` NULL = none is set.
static enum MHD_Result send_reply(struct MHD_Connection *connection, struct rv_reply *reply,
                                  const char *cookie) {
    struct MHD_Response *response = MHD_create_response_from_buffer(
        reply->size, (void *)(uintptr_t)reply->body,
        reply->owned ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
    if (!response) {
        free(reply->owned);
        return MHD_NO;
    }
    add_headers(response, reply);
    if (cookie)
        MHD_add_response_header(response, "Set-Cookie", cookie);
    if (reply->status == 413) // what is still coming is not read
        MHD_add_response_header(response, "Connection", "close");
    enum MHD_Result result = MHD_queue_response(connection, reply->status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned status, const char *why) {
    struct rv_reply reply;
    rv_api_fail(&reply, status, why);
    return send_reply(connection, &reply, NULL);
}

// Cookies are shared by all ports of a host, so the name has ours in it.
static void cookie_name(const struct rv_server *server, char name[32]) {
    snprintf(name, 32, "reverie-%u", (unsigned)server->guard->port);
}

static const char *check(struct rv_server *server, struct MHD_Connection *connection,
                         const char *method, const char *path) {
    char name[32];
    cookie_name(server, name);
    const struct rv_credentials given = {
        .host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Host"),
        .origin = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Origin"),
        .fetch_site = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Sec-Fetch-Site"),
        .cookie = MHD_lookup_connection_value(connection, MHD_COOKIE_KIND, name),
        .authorization = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Authorization"),
        .query = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "token")};
    bool page = strcmp(method, "GET") == 0 && strcmp(path, "/") == 0;
    pthread_mutex_lock(&server->guarding);
    const char *why = rv_guard_refuse(server->guard, &given, page);
    pthread_mutex_unlock(&server->guarding);
    return why;
}

static enum MHD_Result add_query(void *user, enum MHD_ValueKind kind, const char *name,
                                 const char *value) {
    struct rv_request *request = user;
    (void)kind;
    if (request->query_count < RV_QUERY_MAX)
        request->queries[request->query_count++] = (struct rv_query){name, value};
    return MHD_YES;
}

static enum MHD_Result answer(struct rv_server *server, struct MHD_Connection *connection,
                              const char *method, const char *path,
                              const struct exchange *exchange) {
    struct rv_request request = {
        .method = method,
        .path = path,
        .content_type = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Type"),
        .known_tag = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "If-None-Match"),
        .body = exchange->body,
        .body_size = exchange->size};
    struct rv_reply reply;
    char name[32], cookie[160];
    MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, add_query, &request);
    rv_api_answer(server->studio, &request, &reply);
    cookie_name(server, name);
    snprintf(cookie, sizeof cookie, "%s=%s; HttpOnly; SameSite=Strict; Path=/", name,
             server->guard->token);
    return send_reply(connection, &reply, strcmp(path, "/") == 0 ? cookie : NULL);
}

// Called first when the headers are there: nothing of a refused body is kept, or of a large one
// even read.
static enum MHD_Result begin(struct rv_server *server, struct MHD_Connection *connection,
                             const char *method, const char *path, void **slot) {
    const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");
    size_t limit = rv_api_body_limit(method, path);
    unsigned long long announced = length ? strtoull(length, NULL, 10) : 0;
    unsigned status = 403;
    const char *why = check(server, connection, method, path);
    if (!why && announced > limit) {
        why = "this is too large: photographs may have 64 MiB";
        status = 413;
    }
    if (why && announced > DISCARD_MAX)
        return refuse(connection, status, why);
    struct exchange *exchange = calloc(1, sizeof *exchange);
    if (!exchange)
        return MHD_NO;
    exchange->limit = why ? DISCARD_MAX : limit;
    exchange->begun = rv_clock_seconds();
    exchange->refusal = why;
    exchange->refusal_status = status;
    *slot = exchange;
    return MHD_YES;
}

// Adds what has arrived; false if the connection is to be closed.
static bool collect(struct exchange *exchange, const char *data, size_t size) {
    if (size > exchange->limit - exchange->size ||
        rv_clock_seconds() - exchange->begun > BODY_SECONDS)
        return false;
    if (exchange->refusal) {
        exchange->size += size;
        return true;
    }
    if (exchange->size + size > exchange->capacity) {
        size_t capacity = 2 * (exchange->size + size);
        uint8_t *body = realloc(exchange->body, capacity);
        if (!body)
            return false;
        exchange->body = body;
        exchange->capacity = capacity;
    }
    memcpy(exchange->body + exchange->size, data, size);
    exchange->size += size;
    return true;
}

static enum MHD_Result handle(void *user, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *data,
                              size_t *size, void **slot) {
    struct rv_server *server = user;
    (void)version;
    if (!*slot)
        return begin(server, connection, method, path, slot);
    if (*size) {
        size_t arrived = *size;
        *size = 0;
        return collect(*slot, data, arrived) ? MHD_YES : MHD_NO;
    }
    const struct exchange *exchange = *slot;
    if (exchange->refusal)
        return refuse(connection, exchange->refusal_status, exchange->refusal);
    return answer(server, connection, method, path, exchange);
}

static void finish(void *user, struct MHD_Connection *connection, void **slot,
                   enum MHD_RequestTerminationCode why) {
    struct exchange *exchange = *slot;
    (void)user, (void)connection, (void)why;
    if (exchange)
        free(exchange->body);
    free(exchange);
    *slot = NULL;
}

enum rv_status rv_server_start(struct rv_studio *studio, struct rv_guard *guard, uint16_t port,
                               rv_server **server) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    rv_server *made = calloc(1, sizeof *made);
    *server = NULL;
    if (!made)
        return rv_fail(RV_ERR_NO_MEMORY, "no memory for the server");
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    made->studio = studio;
    made->guard = guard;
    pthread_mutex_init(&made->guarding, NULL);
    // A thread for each connection, since some wait for news.
    made->daemon = MHD_start_daemon(
        MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_ITC, port, NULL,
        NULL, handle, made, MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&address,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
        IDLE_SECONDS, MHD_OPTION_NOTIFY_COMPLETED, finish, NULL, MHD_OPTION_END);
    if (!made->daemon) {
        enum rv_status status =
            rv_fail(RV_ERR_IO, "cannot listen on 127.0.0.1:%u: %s: choose another --port",
                    (unsigned)port, strerror(errno));
        pthread_mutex_destroy(&made->guarding);
        free(made);
        return status;
    }
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(made->daemon, MHD_DAEMON_INFO_BIND_PORT);
    guard->port = info ? info->port : port;
    *server = made;
    return RV_OK;
}

void rv_server_stop(rv_server **server) {
    if (!*server)
        return;
    MHD_stop_daemon((*server)->daemon);
    pthread_mutex_destroy(&(*server)->guarding);
    free(*server);
    *server = NULL;
}
