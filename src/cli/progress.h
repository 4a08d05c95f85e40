// One line that tells how far the dream is, and the wish to stop it.
#ifndef RV_CLI_PROGRESS_H
#define RV_CLI_PROGRESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "reverie/reverie.h"

// Valid as {0} for plain lines; init finds out what standard error is. On a terminal one line is
// redrawn, no longer than the terminal is wide; elsewhere a line follows another every few seconds.
struct rv_progress_line {
    bool quiet, terminal;
    bool drawn;            // an unfinished line stands on the terminal
    uint32_t octave;       // of the last line
    double shown_at;       // seconds
    double fraction;       // of the whole job, shown last
    uint32_t pictures;     // of the whole job; 0 or 1 = one, which is not named
    uint32_t picture;      // that is dreamed, from 0
    const char *name;      // of it
    double seconds_before; // that the pictures before took
};

void rv_progress_line_init(struct rv_progress_line *line, bool quiet);

// Goes on to picture number `picture`, from 0, of `pictures`.
void rv_progress_line_next(struct rv_progress_line *line, uint32_t picture, uint32_t pictures,
                           const char *name);

// An rv_progress_fn; `user` is a struct rv_progress_line. Returns false after a wish to stop.
bool rv_progress_line_show(void *user, const struct rv_progress *progress);

// Prints a line of its own, above the one that is drawn. May be called from any thread.
void rv_progress_line_say(struct rv_progress_line *line, FILE *stream, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// Clears the line, so that what follows stands alone.
void rv_progress_line_finish(struct rv_progress_line *line);

// "0:07", "12:34" or "1:02:03" of seconds, rounded.
void rv_print_duration(char *text, size_t capacity, double seconds);

// From now on the first SIGINT or SIGTERM only asks to stop; a second one ends the program at once.
void rv_interrupt_watch(void);
bool rv_interrupt_wanted(void);
// Becomes true with that wish; may be set by others, too.
atomic_bool *rv_interrupt_flag(void);

#endif
