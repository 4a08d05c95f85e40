// Opening a device, ours (device.c) or a lent one (lent.c): what the two share.
#ifndef RV_VK_OPEN_H
#define RV_VK_OPEN_H

#include "reverie/vulkan.h"
#include "vk/device.h"

// What the caller's version of the structure has; NULL gives the defaults.
struct rv_context_params rv_device_params(const struct rv_context_params *given);
// A device with what the parameters say and nothing else, or NULL.
struct rv_device *rv_device_new(const struct rv_context_params *params);
// What is known of its profiles, and what the caller or REVERIE_PROFILE asks for. Needs
// the profiles' description.
enum rv_status rv_device_choose_profile(struct rv_device *device, const char *profile);
// What follows once there is a VkDevice: functions, queue, limits, timeline, pipelines.
enum rv_status rv_device_start(struct rv_device *device, uint32_t family, uint32_t index);

enum rv_status rv_device_import(const struct rv_vulkan_device *lent,
                                const struct rv_context_params *params, struct rv_device **device);

#endif
