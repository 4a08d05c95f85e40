// What a dreamer is made of: dreamer.c is its thread, wishes.c what others ask of it.
#ifndef RV_STUDIO_DREAMING_H
#define RV_STUDIO_DREAMING_H

#include <pthread.h>

#include "studio/dreamer.h"

// Something another thread waits for.
struct rv_errand {
    struct rv_live_job *job;
    enum rv_status status;
    char error[RV_ERROR_SIZE];
    bool done;
};

struct rv_dreamer {
    struct rv_dreamer_setup setup;
    struct rv_device_info device;
    pthread_t thread;
    pthread_mutex_t editing;  // of the settings, by one at a time
    pthread_mutex_t fronting; // of the frames
    pthread_mutex_t lock;
    pthread_cond_t wish, news, back; // back: an errand is done

    // Of the thread alone.
    rv_context *context;
    rv_session *session;
    struct rv_settings dreamed; // that the session has, resolved
    struct rv_live_desk desk;
    rv_portraits *portraits;
    double step_begun, idle_since;

    // Wishes, under the lock.
    bool quit, paused, one_step;
    bool fresh;               // the session is of the past
    bool changed;             // it has not got the settings yet
    struct rv_snapshot *from; // where a new session begins; NULL = at the photograph
    struct rv_subject *subject;
    struct rv_settings settings;       // as given
    struct rv_live_params live_params; // as given
    struct rv_errand *errand;          // NULL = none
    uint64_t live_client;              // 0 = none
    double live_until;                 // by the clock

    // News, under the lock.
    bool altered;     // settings have changed since the dream began
    uint64_t present; // id of the snapshot that is shown
    uint64_t last_id;
    struct rv_history history, kept;
    struct rv_dreamer_state state;
};

// The thread.
void *rv_dreamer_run(void *dreamer);

// With the lock held: there is news.
void rv_dreamer_tell(rv_dreamer *d);
// Adds to the kept ones.
void rv_dreamer_hold(rv_dreamer *d, struct rv_snapshot *snapshot);

#endif
