// The loader, its drivers and their devices; for opening a device.
#ifndef RV_VK_INSTANCE_H
#define RV_VK_INSTANCE_H

#include "vk/device.h"

// Creates device->instance and loads the instance functions.
enum rv_status rv_instance_create(struct rv_device *device, bool validate);
// Loads the functions of device->instance, for which `get` answers.
void rv_instance_load(struct rv_device *device, PFN_vkGetInstanceProcAddr get);
// Lists the physical devices into a new array, freed by the caller.
enum rv_status rv_instance_devices(struct rv_device *device, VkPhysicalDevice **physical,
                                   uint32_t *count);
// Fills in a description, and whether the device meets our requirements.
void rv_instance_describe(const struct rv_vk *vk, VkPhysicalDevice physical, uint32_t index,
                          struct rv_device_info *info);

// The most storage buffers one of our kernels binds. Vulkan guarantees only 4, every driver known
// to us that offers 1.2 has at least 8.
#define RV_STORAGE_BUFFERS 8

bool rv_instance_has_extension(const struct rv_vk *vk, VkPhysicalDevice physical, const char *name);

#endif
