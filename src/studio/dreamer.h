// The thread that dreams. It owns the device and the session; everybody else leaves wishes, which
// count from the next step on, and looks at what has become of them. All functions are thread-safe.
#ifndef RV_STUDIO_DREAMER_H
#define RV_STUDIO_DREAMER_H

#include "studio/snapshot.h"

#define RV_LOSSES_MAX 512
#define RV_KEPT_MAX 24
#define RV_ERROR_SIZE 1024

typedef struct rv_dreamer rv_dreamer;

enum rv_phase {
    RV_PHASE_EMPTY,     // no photograph yet
    RV_PHASE_PREPARING, // a session or an octave is being made
    RV_PHASE_DREAMING,
    RV_PHASE_PAUSED,
    RV_PHASE_FINISHED,
    RV_PHASE_FAILED // `error` says why; another photograph, other parameters or a restart go on
};

// Opens the device, at the start and again after the driver gave it up.
typedef enum rv_status (*rv_open_context_fn)(void *user, rv_context **context);

// Starts the thread. `weights` and `user` are borrowed until destroy.
enum rv_status rv_dreamer_create(const rv_weights *weights, const struct rv_params *params,
                                 rv_open_context_fn open, void *user, rv_dreamer **dreamer);
// Asks the thread to end and wakes everybody who waits for news.
void rv_dreamer_stop(rv_dreamer *dreamer);
// Stops it and waits for it.
void rv_dreamer_destroy(rv_dreamer **dreamer);
// What it runs on; stays as it is told even if the device is lost.
const struct rv_device_info *rv_dreamer_device(const rv_dreamer *dreamer);
const rv_weights *rv_dreamer_weights(const rv_dreamer *dreamer);

// Begins with a photograph, which is taken over.
void rv_dreamer_open(rv_dreamer *dreamer, struct rv_subject *subject);
// The photograph, shared; NULL if there is none. Release it.
struct rv_subject *rv_dreamer_subject(rv_dreamer *dreamer);
// Replaces the parameters as given. Checked first: RV_ERR_USAGE or RV_ERR_WEIGHTS changes nothing.
// Goes on with them at the next step, or begins again if the dream as a whole depends on what
// changed, or is finished.
enum rv_status rv_dreamer_change(rv_dreamer *dreamer, const struct rv_params *params);
void rv_dreamer_params(rv_dreamer *dreamer, struct rv_params *params);
void rv_dreamer_pause(rv_dreamer *dreamer, bool paused);
void rv_dreamer_step(rv_dreamer *dreamer);    // one step, then pause
void rv_dreamer_restart(rv_dreamer *dreamer); // from the photograph
// Pauses at an earlier snapshot, or at a kept one; a dream goes on from there at the first step of
// its octave. RV_ERR_INPUT if it is forgotten.
enum rv_status rv_dreamer_back(rv_dreamer *dreamer, uint64_t id);
enum rv_status rv_dreamer_keep(rv_dreamer *dreamer, uint64_t id);
void rv_dreamer_forget(rv_dreamer *dreamer, uint64_t id); // a kept one

// A snapshot, shared, of the present (id 0) or an earlier moment; NULL if there is none.
struct rv_snapshot *rv_dreamer_snapshot(rv_dreamer *dreamer, uint64_t id);

struct rv_kept_info {
    uint64_t id;
    uint32_t octave, iteration;
};
struct rv_dreamer_state {
    uint64_t version; // of this state, counts up
    uint64_t dream;   // counts beginnings
    enum rv_phase phase;
    char error[RV_ERROR_SIZE]; // "" = none
    struct rv_params given, resolved;
    char name[RV_NAME_SIZE];
    uint32_t width, height; // of the photograph; 0 = none
    uint64_t side;
    uint64_t snapshot, before; // ids of the present and of the one before it; 0 = none
    struct rv_progress progress;
    double step_seconds; // of the last step; 0 = not known
    uint64_t device_bytes, history_bytes;
    uint32_t tiles;
    float losses[RV_LOSSES_MAX]; // the last ones, the newest last
    uint32_t loss_count, kept_count;
    struct rv_kept_info kept[RV_KEPT_MAX];
};
// Waits until the state is newer than `after`, for so many seconds at most.
void rv_dreamer_state(rv_dreamer *dreamer, uint64_t after, double seconds,
                      struct rv_dreamer_state *state);

#endif
