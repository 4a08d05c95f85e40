#include "studio/snapshot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "formats/json.h"

static enum rv_status fit(struct rv_subject *subject, uint32_t side, bool only_shrink) {
    const struct rv_picture *picture = &subject->photo.picture;
    uint32_t longest = picture->width > picture->height ? picture->width : picture->height;
    enum rv_status status = RV_OK;
    if (side && !(only_shrink && longest <= side)) {
        status = rv_photo_resize_longest(&subject->photo, side);
        subject->side = side;
    }
    if (status == RV_OK && (picture->width < RV_SIDE_MIN || picture->height < RV_SIDE_MIN))
        status = rv_fail(RV_ERR_INPUT,
                         "%s: %u x %u pixels are too few for the network: both sides need at least "
                         "%u; choose a larger size or picture",
                         subject->name, (unsigned)picture->width, (unsigned)picture->height,
                         RV_SIDE_MIN);
    return status;
}

enum rv_status rv_subject_create(const uint8_t *file, size_t file_size, const char *name,
                                 uint32_t side, bool only_shrink, struct rv_subject **subject) {
    enum rv_status status;
    struct rv_subject *made = calloc(1, sizeof *made);
    *subject = NULL;
    if (made)
        made->file = malloc(file_size ? file_size : 1);
    if (!made || !made->file) {
        free(made);
        return rv_fail(RV_ERR_NO_MEMORY, "no memory for the photograph's %zu bytes", file_size);
    }
    made->owners = 1;
    made->file_size = file_size;
    if (file_size)
        memcpy(made->file, file, file_size);
    rv_copy_printable(made->name, sizeof made->name, name);
    status = rv_photo_decode(made->file, file_size, made->name, RV_PIXELS_MAX, &made->photo);
    if (status == RV_OK)
        status = fit(made, side, only_shrink);
    if (status != RV_OK)
        rv_subject_release(&made);
    *subject = made;
    return status;
}

struct rv_subject *rv_subject_share(struct rv_subject *subject) {
    atomic_fetch_add(&subject->owners, 1);
    return subject;
}

void rv_subject_release(struct rv_subject **subject) {
    if (*subject && atomic_fetch_sub(&(*subject)->owners, 1) == 1) {
        rv_photo_free(&(*subject)->photo);
        free((*subject)->file);
        free(*subject);
    }
    *subject = NULL;
}

struct rv_snapshot *rv_snapshot_share(struct rv_snapshot *snapshot) {
    atomic_fetch_add(&snapshot->owners, 1);
    return snapshot;
}

void rv_snapshot_release(struct rv_snapshot **snapshot) {
    if (*snapshot && atomic_fetch_sub(&(*snapshot)->owners, 1) == 1) {
        rv_subject_release(&(*snapshot)->subject);
        rv_settings_release(&(*snapshot)->settings);
        rv_picture_free(&(*snapshot)->picture);
        rv_moment_free(&(*snapshot)->moment);
        free(*snapshot);
    }
    *snapshot = NULL;
}

static uint64_t bytes_of(const struct rv_snapshot *snapshot) {
    return (uint64_t)snapshot->picture.width * snapshot->picture.height * 3 * sizeof(float) +
           rv_moment_bytes(snapshot->moment);
}

static void remove_at(struct rv_history *history, uint32_t at) {
    history->bytes -= bytes_of(history->items[at]);
    rv_snapshot_release(&history->items[at]);
    history->count--;
    memmove(&history->items[at], &history->items[at + 1],
            (history->count - at) * sizeof history->items[0]);
}

#define LAST_FEW 3u

// The one that is missed least: the gap that it leaves is the smallest for its age.
static uint32_t least_missed(const struct rv_history *history) {
    struct rv_snapshot *const *items = history->items;
    uint32_t least = 0;
    double smallest = INFINITY;
    for (uint32_t i = 1; i + LAST_FEW < history->count; i++) {
        double gap = (double)(items[i + 1]->id - items[i - 1]->id);
        double age = (double)(items[history->count - 1]->id - items[i]->id);
        if (gap / age < smallest) {
            smallest = gap / age;
            least = i;
        }
    }
    return least;
}

void rv_history_push(struct rv_history *history, struct rv_snapshot *snapshot) {
    uint32_t limit = history->limit ? history->limit : RV_HISTORY_MAX;
    uint64_t bytes = bytes_of(snapshot);
    while (history->count && (history->count == limit || history->bytes + bytes > RV_HISTORY_BYTES))
        remove_at(history, least_missed(history));
    history->items[history->count++] = snapshot;
    history->bytes += bytes;
}

struct rv_snapshot *rv_history_find(const struct rv_history *history, uint64_t id) {
    for (uint32_t i = 0; i < history->count; i++) {
        if (history->items[i]->id == id)
            return history->items[i];
    }
    return NULL;
}

struct rv_snapshot *rv_history_before(const struct rv_history *history, uint64_t id) {
    struct rv_snapshot *before = NULL;
    for (uint32_t i = 0; i < history->count && history->items[i]->id < id; i++)
        before = history->items[i];
    return before;
}

void rv_history_cut(struct rv_history *history, uint64_t id) {
    while (history->count && history->items[history->count - 1]->id > id)
        remove_at(history, history->count - 1);
}

void rv_history_drop(struct rv_history *history, uint64_t id) {
    for (uint32_t i = 0; i < history->count; i++) {
        if (history->items[i]->id == id) {
            remove_at(history, i);
            return;
        }
    }
}

void rv_history_clear(struct rv_history *history) {
    while (history->count)
        remove_at(history, history->count - 1);
}
