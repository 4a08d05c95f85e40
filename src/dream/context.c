#include "dream/context.h"

#include <stdlib.h>

#include "ops/selftest.h"
#include "ops/tune.h"
#include "vk/open.h"

enum rv_status rv_devices(struct rv_device_info *devices, uint32_t *count) {
    if (!count || (*count && !devices))
        return rv_fail(RV_ERR_USAGE, "rv_devices needs a count, and an array unless it is 0");
    return rv_device_list(devices, count);
}

// The context of a device that was opened, which it takes over.
static enum rv_status settle(struct rv_device *device, rv_context **context) {
    struct rv_context *made = calloc(1, sizeof *made);
    enum rv_status status = RV_OK;
    if (!made) {
        rv_device_destroy(&device);
        return rv_fail(RV_ERR_NO_MEMORY, "out of host memory while opening a device");
    }
    made->device = device;
    RV_TRY(rv_op_settle_profile(device));
    if (!device->no_tune)
        RV_TRY(rv_tuning_create(device));
    rv_device_log(device, RV_LOG_INFO, "device %u: %s, %s, profile %s", device->info.index,
                  device->info.name, device->info.driver, device->info.profile);
    *context = made;
    return RV_OK;
done:
    rv_context_destroy(&made);
    return status;
}

enum rv_status rv_context_create(const struct rv_context_params *params, rv_context **context) {
    struct rv_device *device;
    *context = NULL;
    enum rv_status status = rv_device_create(params, &device);
    return status == RV_OK ? settle(device, context) : status;
}

enum rv_status rv_context_import(const struct rv_vulkan_device *lent,
                                 const struct rv_context_params *params, rv_context **context) {
    struct rv_device *device;
    if (context)
        *context = NULL;
    if (!lent || !context)
        return rv_fail(RV_ERR_USAGE,
                       "rv_context_import needs a device and a place for the context");
    enum rv_status status = rv_device_import(lent, params, &device);
    return status == RV_OK ? settle(device, context) : status;
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
