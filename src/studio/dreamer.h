// The thread that dreams. It owns the device and the session; everybody else leaves wishes, which
// count from the next step on, and looks at what has become of them. All functions are thread-safe.
#ifndef RV_STUDIO_DREAMER_H
#define RV_STUDIO_DREAMER_H

#include "studio/live.h"
#include "studio/portraits.h"
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

// What a dreamer is made of. Borrowed until destroy, but the settings, which are copied.
struct rv_dreamer_setup {
    const rv_weights *weights;
    const char *weights_path; // NULL = the default place
    const struct rv_settings *settings;
    rv_open_context_fn open;
    void *open_user;
};

// Starts the thread.
enum rv_status rv_dreamer_create(const struct rv_dreamer_setup *setup, rv_dreamer **dreamer);
// Asks the thread to end and wakes everybody who waits for news.
void rv_dreamer_stop(rv_dreamer *dreamer);
// Stops it and waits for it.
void rv_dreamer_destroy(rv_dreamer **dreamer);
// What it runs on; stays as it is told even if the device is lost.
const struct rv_device_info *rv_dreamer_device(const rv_dreamer *dreamer);
const rv_weights *rv_dreamer_weights(const rv_dreamer *dreamer);
// Pictures of the layers, made while nothing else is to be done.
const rv_portraits *rv_dreamer_portraits(const rv_dreamer *dreamer);

// Begins with a photograph, which is taken over.
void rv_dreamer_open(rv_dreamer *dreamer, struct rv_subject *subject);
// The photograph, shared; NULL if there is none. Release it.
struct rv_subject *rv_dreamer_subject(rv_dreamer *dreamer);

// The settings as given, to be changed and put back; whoever else wants to waits meanwhile.
void rv_dreamer_edit(rv_dreamer *dreamer, struct rv_settings *settings);
// The same to look at; release them.
void rv_dreamer_settings(rv_dreamer *dreamer, struct rv_settings *settings);
// Releases `settings`, and if they are `good` replaces the given ones by them. They are checked
// first: RV_ERR_USAGE or RV_ERR_WEIGHTS changes nothing. Goes on with them at the next step, or
// begins again if the dream as a whole depends on what changed, or is finished.
enum rv_status rv_dreamer_edited(rv_dreamer *dreamer, struct rv_settings *settings, bool good);

void rv_dreamer_pause(rv_dreamer *dreamer, bool paused);
void rv_dreamer_step(rv_dreamer *dreamer);    // one step, then pause
void rv_dreamer_restart(rv_dreamer *dreamer); // from the photograph
// Pauses at an earlier snapshot, or at a kept one. A dream goes on after that step as if nothing
// had come since; from a finished one, or where the sizes are others by now, with that picture at
// the first step of its octave. RV_ERR_INPUT if it is forgotten.
enum rv_status rv_dreamer_back(rv_dreamer *dreamer, uint64_t id);
enum rv_status rv_dreamer_keep(rv_dreamer *dreamer, uint64_t id);
void rv_dreamer_forget(rv_dreamer *dreamer, uint64_t id); // a kept one

// A snapshot, shared, of the present (id 0) or another moment; NULL if there is none.
struct rv_snapshot *rv_dreamer_snapshot(rv_dreamer *dreamer, uint64_t id);

// Dreams on a frame of a camera's, beside the dream, which rests meanwhile and RV_LIVE_SECONDS
// after. Waits for its turn and for the frame. RV_ERR_CANCELLED: another client's frames are
// dreamed on.
#define RV_LIVE_SECONDS 4.0
enum rv_status rv_dreamer_frame(rv_dreamer *dreamer, struct rv_live_job *job);
// The client's frames end here.
void rv_dreamer_frames_end(rv_dreamer *dreamer, uint64_t client);
// As rv_live_params_set, for the frames to come.
enum rv_status rv_dreamer_live_set(rv_dreamer *dreamer, const char *name, const char *value);

struct rv_history_info {
    uint64_t id;
    uint32_t octave, iteration;
};
struct rv_dreamer_state {
    uint64_t version; // of this state, counts up
    uint64_t dream;   // counts beginnings
    enum rv_phase phase;
    bool live;                 // a camera's frames are dreamed on
    char error[RV_ERROR_SIZE]; // "" = none
    struct rv_settings given;
    struct rv_params resolved; // its pictures are those of `given`
    struct rv_live_params live_params;
    char name[RV_NAME_SIZE];
    uint32_t width, height; // of the photograph; 0 = none
    uint64_t side;
    uint64_t snapshot, before; // ids of the present and of the one before it; 0 = none
    struct rv_progress progress;
    double step_seconds; // of the last step; 0 = not known
    uint64_t device_bytes, history_bytes;
    uint32_t tiles;
    float losses[RV_LOSSES_MAX]; // the last ones, the newest last
    uint32_t loss_count, history_count, kept_count;
    struct rv_history_info history[RV_HISTORY_MAX], kept[RV_KEPT_MAX];
};
// Waits until the state is newer than `after`, for so many seconds at most. Finish it.
void rv_dreamer_state(rv_dreamer *dreamer, uint64_t after, double seconds,
                      struct rv_dreamer_state *state);
void rv_dreamer_state_finish(struct rv_dreamer_state *state);

#endif
