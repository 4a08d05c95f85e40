// The loader, its drivers and their devices; used by device.c alone.
#ifndef RV_VK_INSTANCE_H
#define RV_VK_INSTANCE_H

#include "vk/device.h"

// Creates device->instance and loads the instance functions.
enum rv_status rv_instance_create(struct rv_device *device, bool validate);
// Lists the physical devices into a new array, freed by the caller.
enum rv_status rv_instance_devices(struct rv_device *device, VkPhysicalDevice **physical,
                                   uint32_t *count);
// Fills in a description, and whether the device meets our requirements.
void rv_instance_describe(const struct rv_vk *vk, VkPhysicalDevice physical, uint32_t index,
                          struct rv_device_info *info);

bool rv_instance_has_extension(const struct rv_vk *vk, VkPhysicalDevice physical, const char *name);

#endif
