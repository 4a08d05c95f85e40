#include "cli/progress.h"

#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define REDRAW_SECONDS 0.1 // on a terminal
#define PLAIN_SECONDS 5.0  // between plain lines within an octave
#define BAR_CELLS 20

static atomic_bool interrupted;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; // of what stands on the terminal

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

void rv_progress_line_next(struct rv_progress_line *line, uint32_t picture, uint32_t pictures,
                           const char *name) {
    line->picture = picture;
    line->pictures = pictures;
    line->name = name;
    line->octave = 0;
    line->shown_at = 0;
}

void rv_print_duration(char *text, size_t capacity, double seconds) {
    unsigned long whole = (unsigned long)(seconds + 0.5), hours = whole / 3600;
    if (hours)
        snprintf(text, capacity, "%lu:%02lu:%02lu", hours, whole / 60 % 60, whole % 60);
    else
        snprintf(text, capacity, "%lu:%02lu", whole / 60, whole % 60);
}

// Of the whole job. Pictures count alike, as nobody knows the next one's size.
static double fraction_of(const struct rv_progress_line *line, double fraction) {
    return line->pictures > 1 ? (line->picture + fraction) / line->pictures : fraction;
}

// Each picture to come takes what those so far took, the present one included.
static double seconds_left(const struct rv_progress_line *line, const struct rv_progress *p) {
    if (!(p->seconds_left >= 0) || line->pictures <= 1)
        return p->seconds_left;
    double usual = (line->seconds_before + p->seconds + p->seconds_left) / (line->picture + 1);
    return p->seconds_left + usual * (line->pictures - 1 - line->picture);
}

static void append(char *text, size_t capacity, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void append(char *text, size_t capacity, const char *format, ...) {
    size_t used = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + used, capacity - used, format, arguments);
    va_end(arguments);
}

static void append_bar(char *text, size_t capacity, double fraction) {
    char bar[BAR_CELLS + 1];
    for (int i = 0; i < BAR_CELLS; i++)
        bar[i] = i < (int)(fraction * BAR_CELLS + 0.5) ? '#' : '.';
    bar[BAR_CELLS] = '\0';
    append(text, capacity, "[%s] ", bar);
}

static void compose(const struct rv_progress_line *line, const struct rv_progress *p, char *text,
                    size_t capacity) {
    char left[32];
    *text = '\0';
    if (line->terminal)
        append_bar(text, capacity, line->fraction);
    append(text, capacity, "%3d %%  ", (int)(line->fraction * 100));
    if (line->pictures > 1)
        append(text, capacity, "%u/%u %s  ", line->picture + 1, line->pictures, line->name);
    append(text, capacity, "octave %u/%u (%u x %u)", p->octave, p->octaves, p->width, p->height);
    if (p->iteration == 0)
        append(text, capacity, "  preparing");
    else
        append(text, capacity, "  step %u/%u", p->iteration, p->iterations);
    if (seconds_left(line, p) >= 0) {
        rv_print_duration(left, sizeof left, seconds_left(line, p));
        append(text, capacity, "  %s left", left);
    }
    if (isfinite(p->loss))
        append(text, capacity, "  loss %.5g", (double)p->loss);
}

// A line that reaches the terminal's edge could not be wiped away again.
static void cut_to_terminal(char *text) {
    struct winsize size = {0};
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 &&
        strlen(text) >= size.ws_col)
        text[size.ws_col - 1] = '\0';
}

bool rv_progress_line_show(void *user, const struct rv_progress *progress) {
    struct rv_progress_line *line = user;
    char text[512];
    bool new_octave = progress->octave != line->octave;
    bool due =
        progress->seconds - line->shown_at >= (line->terminal ? REDRAW_SECONDS : PLAIN_SECONDS);
    if (line->quiet || !(new_octave || due))
        return !rv_interrupt_wanted();
    line->fraction = fmax(line->fraction, fraction_of(line, progress->fraction));
    compose(line, progress, text, sizeof text);
    pthread_mutex_lock(&lock);
    if (line->terminal) {
        cut_to_terminal(text);
        fprintf(stderr, "\r\033[K%s", text);
    } else {
        fprintf(stderr, "%s\n", text);
    }
    fflush(stderr);
    line->drawn = line->terminal;
    pthread_mutex_unlock(&lock);
    line->octave = progress->octave;
    line->shown_at = progress->seconds;
    return !rv_interrupt_wanted();
}

// Under the lock.
static void wipe(struct rv_progress_line *line) {
    if (line->drawn)
        fprintf(stderr, "\r\033[K");
    line->drawn = false;
}

void rv_progress_line_say(struct rv_progress_line *line, FILE *stream, const char *format, ...) {
    va_list arguments;
    pthread_mutex_lock(&lock);
    wipe(line);
    va_start(arguments, format);
    vfprintf(stream, format, arguments);
    va_end(arguments);
    fflush(stream);
    pthread_mutex_unlock(&lock);
}

void rv_progress_line_finish(struct rv_progress_line *line) {
    pthread_mutex_lock(&lock);
    wipe(line);
    pthread_mutex_unlock(&lock);
}
