// A device that dreams nothing, and can be lost: what is linked with RV_FAKE_LINK_OPTIONS has it in
// place of the library's sessions. So the studio is tested without a device, and losing one.
#ifndef RV_TESTS_STUDIO_FAKE_H
#define RV_TESTS_STUDIO_FAKE_H

#include "reverie/reverie.h"

enum fake_call {
    FAKE_BEGIN,
    FAKE_ADVANCE,
    FAKE_PICTURE,
    FAKE_CHANGE,
    FAKE_KEEP,
    FAKE_LIVE,
    FAKE_CALLS
};

// What rv_dreamer_setup wants; `user` is not used.
enum rv_status fake_open(void *user, rv_context **context);

// The `at`th such call from now on, from 1, fails with that status; what a lost device is asked for
// afterwards fails likewise, until it is closed.
void fake_fail(enum fake_call call, int at, enum rv_status status);

// How many are open: contexts, sessions, moments, live dreams.
int fake_alive(void);
// How many contexts there have been.
int fake_opened(void);

#endif
