#include "studio/studio.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/status.h"
#include "studio/server.h"

bool rv_studio_available(void) {
    return true;
}

struct signals {
    sigset_t ends, before;
};

// Signals end the program through sigwait alone. Called before there are other threads, a driver's
// included: they inherit it, and in one that did not, a signal would kill the program.
static void block_signals(struct signals *signals) {
    sigemptyset(&signals->ends);
    sigaddset(&signals->ends, SIGINT);
    sigaddset(&signals->ends, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals->ends, &signals->before);
}

static void open_browser(const char *address, const sigset_t *signals) {
    pid_t child = fork();
    if (child == 0) {
        pthread_sigmask(SIG_SETMASK, signals, NULL);
        if (fork() == 0) { // so that nobody waits for it
            if (freopen("/dev/null", "w", stderr) && freopen("/dev/null", "w", stdout))
                execlp("xdg-open", "xdg-open", address, (char *)NULL);
        }
        _exit(0);
    }
    if (child > 0)
        waitpid(child, NULL, 0);
}

static enum rv_status open_photo(rv_dreamer *dreamer, const struct rv_studio_params *params) {
    const char *slash = strrchr(params->photo, '/');
    struct rv_subject *subject = NULL;
    uint8_t *bytes;
    size_t size;
    enum rv_status status = rv_file_read(params->photo, RV_PHOTO_BYTES_MAX, &bytes, &size);
    if (status != RV_OK)
        return status;
    uint32_t usual = rv_studio_usual_side(dreamer);
    status =
        rv_subject_create(bytes, size, slash ? slash + 1 : params->photo,
                          params->side ? (uint32_t)params->side : usual, !params->side, &subject);
    free(bytes);
    if (status == RV_OK)
        rv_dreamer_open(dreamer, subject);
    return status;
}

static enum rv_status serve(struct rv_studio *studio, const struct rv_studio_params *params,
                            const struct signals *signals) {
    struct rv_guard guard = {0};
    rv_server *server = NULL;
    char address[96];
    int number;
    if (!rv_token_make(guard.token) || (params->browser && !rv_token_make(guard.ticket)))
        return rv_fail(RV_ERR_IO, "the system gives no random numbers for the studio's token");
    enum rv_status status = rv_server_start(studio, &guard, params->port, &server);
    if (status != RV_OK && params->any_port)
        status = rv_server_start(studio, &guard, 0, &server);
    if (status == RV_OK) {
        printf("http://127.0.0.1:%u/?token=%s\n", (unsigned)guard.port, guard.token);
        fflush(stdout);
        fprintf(stderr, "reverie: the studio is open at this address; Ctrl-C closes it\n");
        snprintf(address, sizeof address, "http://127.0.0.1:%u/?token=%s", (unsigned)guard.port,
                 guard.ticket);
        if (params->browser)
            open_browser(address, &signals->before);
        sigwait(&signals->ends, &number);
        rv_dreamer_stop(studio->dreamer); // wakes those who wait for news
    }
    rv_server_stop(&server);
    return status;
}

// The parameters to begin with, and copies of the pictures among them.
static enum rv_status take_settings(const struct rv_studio_params *params,
                                    struct rv_settings *settings) {
    const struct rv_picture *given[] = {params->params.mask, params->params.guide,
                                        params->params.style};
    static const char *const names[] = {"mask", "guide", "style"};
    enum rv_status status = RV_OK;
    *settings = (struct rv_settings){.params = params->params};
    for (size_t i = 0; i < sizeof given / sizeof given[0]; i++) {
        struct rv_aid *aid = NULL;
        if (given[i])
            RV_TRY(rv_aid_copy(given[i], names[i], &aid));
        rv_settings_give(settings, rv_slot_find(names[i]), aid);
    }
done:
    return status;
}

enum rv_status rv_studio_run(const struct rv_studio_params *params) {
    struct rv_studio studio = {.weights_path = params->weights_path};
    struct rv_settings settings;
    struct signals signals;
    enum rv_status status;
    block_signals(&signals);
    RV_TRY(take_settings(params, &settings));
    const struct rv_dreamer_setup setup = {.weights = params->weights,
                                           .weights_path = params->weights_path,
                                           .settings = &settings,
                                           .open = params->open,
                                           .open_user = params->open_user};
    RV_TRY(rv_dreamer_create(&setup, &studio.dreamer));
    if (params->photo)
        RV_TRY(open_photo(studio.dreamer, params));
    RV_TRY(serve(&studio, params, &signals));
done:
    rv_dreamer_destroy(&studio.dreamer);
    rv_settings_release(&settings);
    return status;
}
