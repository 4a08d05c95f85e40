// One line that tells how far the dream is, and the wish to stop it.
#ifndef RV_CLI_PROGRESS_H
#define RV_CLI_PROGRESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "reverie/reverie.h"

// Valid as {0} for plain lines; init finds out what standard error is.
struct rv_progress_line {
    bool quiet, terminal;
    bool drawn;      // an unfinished line stands on the terminal
    uint32_t octave; // of the last line
    double shown_at; // seconds
    double fraction; // shown last
};

void rv_progress_line_init(struct rv_progress_line *line, bool quiet);

// An rv_progress_fn; `user` is a struct rv_progress_line. Returns false after a wish to stop.
bool rv_progress_line_show(void *user, const struct rv_progress *progress);

// Clears the line, so that what follows stands alone.
void rv_progress_line_finish(struct rv_progress_line *line);

// From now on the first SIGINT or SIGTERM only asks to stop; a second one ends the program at once.
void rv_interrupt_watch(void);
bool rv_interrupt_wanted(void);
// Becomes true with that wish; may be set by others, too.
atomic_bool *rv_interrupt_flag(void);

#endif
