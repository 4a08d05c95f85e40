#include "cli/progress.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define REDRAW_SECONDS 0.1 // on a terminal
#define PLAIN_SECONDS 15.0 // between plain lines within an octave

static atomic_bool interrupted;

static void on_signal(int number) {
    (void)number;
    atomic_store(&interrupted, true);
}

void rv_interrupt_watch(void) {
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    action.sa_flags = (int)SA_RESETHAND | SA_RESTART;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool rv_interrupt_wanted(void) {
    return atomic_load(&interrupted);
}

atomic_bool *rv_interrupt_flag(void) {
    return &interrupted;
}

void rv_progress_line_init(struct rv_progress_line *line, bool quiet) {
    *line = (struct rv_progress_line){.quiet = quiet, .terminal = isatty(STDERR_FILENO) == 1};
}

static void print_time_left(double seconds) {
    if (!(seconds >= 0))
        return;
    unsigned long whole = (unsigned long)(seconds + 0.5);
    fprintf(stderr, "  %lu:%02lu left", whole / 60, whole % 60);
}

static void print(const struct rv_progress *progress, double fraction) {
    fprintf(stderr, "%3d %%  octave %u/%u (%u x %u)", (int)(fraction * 100),
            (unsigned)progress->octave, (unsigned)progress->octaves, (unsigned)progress->width,
            (unsigned)progress->height);
    if (progress->iteration == 0)
        fprintf(stderr, "  preparing");
    else
        fprintf(stderr, "  step %u/%u", (unsigned)progress->iteration,
                (unsigned)progress->iterations);
    if (isfinite(progress->loss))
        fprintf(stderr, "  loss %.5g", (double)progress->loss);
    print_time_left(progress->seconds_left);
}

bool rv_progress_line_show(void *user, const struct rv_progress *progress) {
    struct rv_progress_line *line = user;
    bool new_octave = progress->octave != line->octave;
    bool due =
        progress->seconds - line->shown_at >= (line->terminal ? REDRAW_SECONDS : PLAIN_SECONDS);
    if (line->quiet || !(new_octave || due))
        return !rv_interrupt_wanted();
    if (progress->fraction > line->fraction)
        line->fraction = progress->fraction;
    if (line->terminal)
        fprintf(stderr, "\r\033[K");
    print(progress, line->fraction);
    if (!line->terminal)
        fprintf(stderr, "\n");
    fflush(stderr);
    line->drawn = line->terminal;
    line->octave = progress->octave;
    line->shown_at = progress->seconds;
    return !rv_interrupt_wanted();
}

void rv_progress_line_finish(struct rv_progress_line *line) {
    if (line->drawn)
        fprintf(stderr, "\r\033[K");
    line->drawn = false;
}
