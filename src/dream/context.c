#include "dream/context.h"

#include <stdlib.h>

#include "ops/selftest.h"
#include "ops/tune.h"

enum rv_status rv_devices(struct rv_device_info *devices, uint32_t *count) {
    if (!count || (*count && !devices))
        return rv_fail(RV_ERR_USAGE, "rv_devices needs a count, and an array unless it is 0");
    return rv_device_list(devices, count);
}

enum rv_status rv_context_create(const struct rv_context_params *params, rv_context **context) {
    *context = NULL;
    struct rv_context *made = calloc(1, sizeof *made);
    if (!made)
        return rv_fail(RV_ERR_NO_MEMORY, "out of host memory while opening a device");
    enum rv_status status = rv_device_create(params, &made->device);
    if (status == RV_OK)
        status = rv_op_settle_profile(made->device);
    if (status == RV_OK && !made->device->no_tune)
        status = rv_tuning_create(made->device);
    if (status != RV_OK) {
        rv_context_destroy(&made);
        return status;
    }
    const struct rv_device_info *info = &made->device->info;
    rv_device_log(made->device, RV_LOG_INFO, "device %u: %s, %s, profile %s", info->index,
                  info->name, info->driver, info->profile);
    *context = made;
    return RV_OK;
}

void rv_context_destroy(rv_context **context) {
    if (!context || !*context)
        return;
    if ((*context)->device)
        rv_tuning_destroy((*context)->device);
    rv_device_destroy(&(*context)->device);
    free(*context);
    *context = NULL;
}

const struct rv_device_info *rv_context_device(const rv_context *context) {
    return &context->device->info;
}

uint32_t rv_context_validation_messages(const rv_context *context) {
    return context->device->validation_messages;
}

enum rv_precision rv_precision_of(const rv_context *context, enum rv_precision precision) {
    const struct rv_device_info *info = &context->device->info;
    if (precision == RV_PRECISION_FP16 || precision == RV_PRECISION_FP32)
        return precision;
    return info->fp16 && info->type != RV_DEVICE_CPU ? RV_PRECISION_FP16 : RV_PRECISION_FP32;
}
