// What the studio shows and keeps: photographs, and how their dreams stood after a step. Both are
// counted, since the dream goes on while a visitor is still being sent an earlier picture.
#ifndef RV_STUDIO_SNAPSHOT_H
#define RV_STUDIO_SNAPSHOT_H

#include <stdatomic.h>
#include <stdbool.h>

#include "formats/picture.h"
#include "studio/settings.h"

#define RV_SIDE_MIN 75u // what InceptionV3 needs

// A photograph and the size it is dreamed at. Immutable.
struct rv_subject {
    atomic_int owners;
    uint8_t *file; // as it came, for other sizes
    size_t file_size;
    char name[RV_NAME_SIZE];
    uint64_t side; // longest side it was resized to; 0 = it was not
    struct rv_photo photo;
};

// Decodes the file, at most RV_PIXELS_MAX pixels, and resizes it to `side` (0 = leave it) or, with
// `only_shrink`, to no more than that. The file is copied. Owned by the caller.
enum rv_status rv_subject_create(const uint8_t *file, size_t file_size, const char *name,
                                 uint32_t side, bool only_shrink, struct rv_subject **subject);
struct rv_subject *rv_subject_share(struct rv_subject *subject);
// Takes the address, accepts NULL, and clears it.
void rv_subject_release(struct rv_subject **subject);

// A dream after some step. Immutable.
struct rv_snapshot {
    atomic_int owners;
    uint64_t id; // counts up, from 1
    struct rv_subject *subject;
    struct rv_picture picture;
    struct rv_settings settings; // resolved
    struct rv_progress progress;
    uint32_t loss_count; // of the curve
    rv_moment *moment;   // to go on from; NULL = only the picture is left
    bool replayable;     // the parameters have not changed since it began
};

struct rv_snapshot *rv_snapshot_share(struct rv_snapshot *snapshot);
void rv_snapshot_release(struct rv_snapshot **snapshot);

// A row of snapshots, the oldest first, bounded in number and in bytes. Where there are too many,
// the older they are the further apart are those that stay; the first one and the last few always
// do.
#define RV_HISTORY_MAX 128
#define RV_HISTORY_BYTES (UINT64_C(512) << 20)
struct rv_history {
    struct rv_snapshot *items[RV_HISTORY_MAX];
    uint32_t count, limit; // limit: at most so many; 0 = RV_HISTORY_MAX
    uint64_t bytes;
};

// Takes the snapshot over; others make room.
void rv_history_push(struct rv_history *history, struct rv_snapshot *snapshot);
// Borrowed; NULL if there is none of that id.
struct rv_snapshot *rv_history_find(const struct rv_history *history, uint64_t id);
// The one before that id, borrowed; NULL if there is none.
struct rv_snapshot *rv_history_before(const struct rv_history *history, uint64_t id);
// Drops what came after that id.
void rv_history_cut(struct rv_history *history, uint64_t id);
// Drops one.
void rv_history_drop(struct rv_history *history, uint64_t id);
void rv_history_clear(struct rv_history *history);

#endif
