// Work that falls into independent pieces, over all processors.
#ifndef RV_BASE_PARALLEL_H
#define RV_BASE_PARALLEL_H

#include "reverie/reverie.h"

typedef enum rv_status (*rv_parallel_fn)(void *user, uint32_t index);

// Calls fn(user, i) for every i < count, on as many threads as there are processors, and returns
// when all calls have: handed out in order, so put long pieces first. If calls fail, no further
// ones begin; status and error text are those of the lowest index that failed, whatever the number
// of threads. Without threads to be had the calls run in the caller's.
enum rv_status rv_parallel(uint32_t count, rv_parallel_fn fn, void *user);

#endif
