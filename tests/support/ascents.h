// What the tests of a dream's steps share: a small picture, and the parameters that shape a step.
#ifndef RV_TESTS_ASCENTS_H
#define RV_TESTS_ASCENTS_H

#include "dream/context.h"
#include "dream/session.h"
#include "support/device.h"
#include "support/dreams.h"

#define WIDTH 100
#define HEIGHT 87
#define COUNT ((size_t)WIDTH * HEIGHT * 3)

// Two octaves of three steps to mixed0.
extern const struct rv_params rv_ascents_small;

struct bench {
    rv_context *context;
    rv_weights *weights;
    struct rv_picture input, mask; // the mask: black to the left, a soft edge, white to the right
};
struct bench rv_ascents_begin(void);
void rv_ascents_end(struct bench *bench);

bool rv_ascents_same(const struct rv_picture *a, const struct rv_picture *b);
// These fail the running test unless all is well.
rv_session *rv_ascents_start(const struct bench *bench, const struct rv_params *params);
struct rv_progress rv_ascents_advance(rv_session *session, const struct rv_advance_params *how);
struct rv_picture rv_ascents_picture(rv_session *session);

// Parameters that shape a step, each by itself, then all at once.
struct rv_ascents_field {
    const char *name;
    void (*set)(struct rv_params *params);
    uint32_t dispatches; // after the network's
};
#define FIELDS 15
extern const struct rv_ascents_field rv_ascents_fields[FIELDS];

#endif
