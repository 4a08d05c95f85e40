// A convolution step in plain C, from the definition: what the kernels are measured by in use.
#ifndef RV_OPS_SELFTEST_REFERENCE_H
#define RV_OPS_SELFTEST_REFERENCE_H

#include "net/plan.h"

struct rv_reference {
    const struct rv_plan *plan;
    const struct rv_step *step;
    const struct rv_weights *weights;
    void *bytes[RV_PLAN_ACCESS_MAX]; // of each access's tensor
    int32_t jitter_x, jitter_y;
    double *expected; // [positions of the target][channels computed]; owned
    float *input;     // [positions][channels] of one source; owned
};

// Element of the slice that access number `access` covers.
void rv_reference_put(struct rv_reference *r, uint32_t access, uint32_t pixel, uint32_t channel,
                      float value);
// Computes what is expected from what the tensors hold now, before the kernel runs.
enum rv_status rv_reference_run(struct rv_reference *r);
// Compares with what they hold after it. `why` says where the first difference is; it is left alone
// if there is none.
void rv_reference_compare(const struct rv_reference *r, char *why, size_t capacity);
void rv_reference_finish(struct rv_reference *r);

#endif
