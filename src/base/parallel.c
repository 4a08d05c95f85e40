#include "base/parallel.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/status.h"

#define THREADS_MAX 16 // beside the caller's; more do not pay for what is done here

struct work {
    rv_parallel_fn fn;
    void *user;
    uint32_t count;
    atomic_uint next; // index to be handed out
    atomic_bool failed;
    pthread_mutex_t lock; // of what follows
    uint32_t index;       // lowest that failed
    enum rv_status status;
    char text[1024]; // its error: texts belong to threads
};

static void note_failure(struct work *work, uint32_t index, enum rv_status status) {
    pthread_mutex_lock(&work->lock);
    if (work->status == RV_OK || index < work->index) {
        work->index = index;
        work->status = status;
        snprintf(work->text, sizeof work->text, "%s", rv_error_text());
    }
    pthread_mutex_unlock(&work->lock);
    atomic_store(&work->failed, true);
}

// What is handed out is done, so all indices below one that failed have been tried.
static void *run(void *argument) {
    struct work *work = argument;
    while (!atomic_load(&work->failed)) {
        uint32_t index = atomic_fetch_add(&work->next, 1);
        if (index >= work->count)
            break;
        enum rv_status status = work->fn(work->user, index);
        if (status != RV_OK)
            note_failure(work, index, status);
    }
    return NULL;
}

enum rv_status rv_parallel(uint32_t count, rv_parallel_fn fn, void *user) {
    struct work work = {.fn = fn, .user = user, .count = count};
    pthread_t threads[THREADS_MAX];
    uint32_t started = 0;
    const long processors = sysconf(_SC_NPROCESSORS_ONLN);
    pthread_mutex_init(&work.lock, NULL);
    while (started < THREADS_MAX && started + 1 < count && started + 1 < processors &&
           pthread_create(&threads[started], NULL, run, &work) == 0)
        started++;
    run(&work);
    for (uint32_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    pthread_mutex_destroy(&work.lock);
    if (work.status != RV_OK)
        rv_fail(work.status, "%s", work.text);
    return work.status;
}
