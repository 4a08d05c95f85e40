// What is done to the picture when it is shown: the dream's share in it, its colours, its contrast.
#ifndef RV_DREAM_FINISH_H
#define RV_DREAM_FINISH_H

#include "ops/image.h"

struct rv_finish {
    float blend;
    enum rv_colors colors;
    float stretch;
    struct rv_buffer scratch;
};

uint64_t rv_finish_bytes(void);
// Finished with rv_buffer_finish of its scratch.
enum rv_status rv_finish_init(struct rv_finish *finish, struct rv_device *device,
                              const struct rv_params *params);
// Other parameters, from the next picture on.
void rv_finish_set(struct rv_finish *finish, const struct rv_params *params);
// Whether anything is done at all.
bool rv_finish_wanted(const struct rv_finish *finish);
// Records it: from `picture` to `target`, which may be the same. All three are of that size.
enum rv_status rv_finish_record(const struct rv_finish *finish, struct rv_recorder *recorder,
                                struct rv_extent size, struct rv_range picture,
                                struct rv_range original, struct rv_range target);

#endif
