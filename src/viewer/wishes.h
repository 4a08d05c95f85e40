// Which device is taken for a screen, and what it is made with, so that the library can make the
// best of it.
#ifndef RV_VIEWER_WISHES_H
#define RV_VIEWER_WISHES_H

#include "reverie/vulkan.h"

#define RV_WISHED_EXTENSIONS 16
#define RV_WISHED_FEATURES 3 // extensions that have a structure of features

// Any extension's structure of features: whatever Vulkan's headers know of it, after sType and
// pNext come nothing but booleans.
struct rv_feature_bits {
    VkStructureType type;
    void *next;
    VkBool32 bits[16];
};

// Structures are chained to `features`: not to be moved.
struct rv_device_wishes {
    const char *extensions[RV_WISHED_EXTENSIONS];
    uint32_t extension_count;
    VkPhysicalDeviceFeatures2 features;
    VkPhysicalDeviceVulkan11Features v11;
    VkPhysicalDeviceVulkan12Features v12;
    struct rv_feature_bits others[RV_WISHED_FEATURES];
};

// Of all that the library asks for or recommends, what the device has; and a swapchain.
void rv_device_wishes_make(struct rv_device_wishes *wishes, VkPhysicalDevice physical,
                           PFN_vkEnumerateDeviceExtensionProperties extensions,
                           PFN_vkGetPhysicalDeviceFeatures2 features);

// True if `device`, as in rv_context_params, means that one.
bool rv_device_is_asked_for(const struct rv_device_info *info, const char *device);

// The library's order of preference: the smallest is the best.
int rv_device_rank(enum rv_device_type type);

#endif
