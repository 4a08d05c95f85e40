// The network on the device: packed weights and the arena, shared by all the sizes of one dream,
// and the recording of one size.
#ifndef RV_DREAM_NETWORK_H
#define RV_DREAM_NETWORK_H

#include "ops/ascend.h"
#include "ops/image.h"
#include "ops/op.h"
#include "ops/tune.h"

// Layout of the control buffer (host memory).
#define RV_CONTROL_OFFSET 0
#define RV_LOSSES_OFFSET 256
#define RV_LOG_OFFSET 512

struct rv_network {
    struct rv_device *device; // borrowed
    struct rv_buffer weights, arena;
    struct rv_buffer gradient; // of the picture; then the partial sums of its statistics
    struct rv_buffer control;  // struct rv_control, losses, log; mapped
    // What the objective compares with, see dream/reference.h; only where a plan needs it.
    struct rv_buffer features, content, guide;
    uint32_t log_lines;
    uint64_t gradient_bytes;
};

// Makes room for `plans` (their weights are the same, their sizes differ) and for `iterations`
// lines of log. Packs and uploads the weights. Finished with rv_network_finish.
enum rv_status rv_network_init(struct rv_network *network, struct rv_device *device,
                               const struct rv_weights *weights, struct rv_plan *const *plans,
                               uint32_t plan_count, uint32_t iterations);
// The same with the sizes said: for pictures that may be worked on in tiles.
struct rv_network_sizes {
    uint64_t arena_bytes;
    struct rv_extent largest; // picture whose gradient there is room for
    uint32_t iterations;
};
enum rv_status rv_network_reserve(struct rv_network *network, struct rv_device *device,
                                  const struct rv_weights *weights, const struct rv_plan *any_plan,
                                  const struct rv_network_sizes *sizes);
// Device memory that takes beside the arena, and at times for staging a picture's upload.
uint64_t rv_network_bytes(const struct rv_plan *any_plan, const struct rv_network_sizes *sizes);
void rv_network_finish(struct rv_network *network);

// The mapped structures. Written only while no iteration is running.
struct rv_control *rv_network_control(const struct rv_network *network);
struct rv_iteration *rv_network_log(const struct rv_network *network);

struct rv_range rv_network_gradient(const struct rv_network *network, const struct rv_plan *plan);

// Finds the fastest kernels for the plan's steps where that is not known yet; see rv_tuning_run.
// The picture is uploaded and only read; nothing else may be needed of the network's buffers yet
// but the control structure.
enum rv_status rv_network_tune_begin(const struct rv_network *network, const struct rv_plan *plan,
                                     struct rv_range picture, struct rv_tuning_run *run);
enum rv_status rv_network_tune_advance(const struct rv_network *network, const struct rv_plan *plan,
                                       struct rv_range picture, double most_flops,
                                       struct rv_tuning_run *run);
// All of it at once, compiling on all processors.
enum rv_status rv_network_tune(const struct rv_network *network, const struct rv_plan *plan,
                               struct rv_range picture);
// Records the plan's steps over `picture`.
enum rv_status rv_network_record(const struct rv_network *network, const struct rv_plan *plan,
                                 struct rv_range picture, struct rv_recorder *recorder);
// Records some of the steps, those from `first` to before `end`, over `picture`, which may be a
// tile of a larger one (else `tile` is NULL), with its gradient where it is wanted.
enum rv_status rv_network_record_steps(const struct rv_network *network, const struct rv_plan *plan,
                                       uint32_t first, uint32_t end, const struct rv_op_tile *tile,
                                       struct rv_range picture, struct rv_range gradient,
                                       struct rv_recorder *recorder);
// Records the end of an iteration: what becomes of the gradient, statistics, log, step. `op` says
// of what picture, and what is asked for; where the network's own buffers are is filled in here.
enum rv_status rv_network_close(const struct rv_network *network, const struct rv_ascend_op *op,
                                struct rv_recorder *recorder);
// The plainest, of a picture of the plan's size.
enum rv_status rv_network_ascend(const struct rv_network *network, const struct rv_plan *plan,
                                 struct rv_range picture, bool clip, struct rv_recorder *recorder);

#endif
