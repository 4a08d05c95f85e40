// Profiles: sets of kernels. Which of them a device can run and why not, which are switched off
// (REVERIE_DISABLE, here and nowhere else), which one is used.
#ifndef RV_VK_PROFILE_H
#define RV_VK_PROFILE_H

#include "base/status.h"
#include "vk/functions.h"

enum rv_profile {
    RV_PROFILE_SCALAR,   // every GPU; the others fall back on it, operation by operation
    RV_PROFILE_COOPMAT,  // VK_KHR_cooperative_matrix; convolutions of fp16 plans
    RV_PROFILE_COOPMAT2, // VK_NV_cooperative_matrix2; the same
    RV_PROFILE_CPU,      // devices that are processors
    RV_PROFILE_COUNT
};

// What a device offers of cooperative matrices with fp16 factors and fp32 sums.
struct rv_matrices {
    uint32_t m, n, k;  // a subgroup's product: m x k by k x n; 0 = none
    uint32_t subgroup; // invocations; kernels with matrices are compiled to exactly this size
    bool workgroup;    // products of whole workgroups, loaded through tensor layouts
    uint32_t reserved; // bytes of shared memory the driver keeps for those
};

const char *rv_profile_name(enum rv_profile profile);
// RV_PROFILE_COUNT if there is none of that name.
enum rv_profile rv_profile_of(const char *name);

// REVERIE_CLAMP holds every device to what Vulkan 1.2 guarantees.
bool rv_device_clamped(void);

// Fills info->profiles, in this device's order of preference, and chooses info->profile: "" if none
// is left. The other fields of `info` are there already. `matrices` may be NULL.
void rv_profiles_describe(const struct rv_vk *vk, VkPhysicalDevice physical,
                          struct rv_device_info *info, struct rv_matrices *matrices);
// Takes a profile out of the choice and chooses anew.
void rv_profiles_drop(struct rv_device_info *info, enum rv_profile profile, const char *reason);
// Chooses that profile by name, whatever the order: RV_ERR_USAGE if there is none of that name,
// RV_ERR_NO_DEVICE, saying why, if this device cannot run it.
enum rv_status rv_profiles_force(struct rv_device_info *info, const char *name);

// The first word of REVERIE_DISABLE that is no profile's name; NULL if there is none. Freed by the
// caller.
char *rv_profiles_unknown_word(void);

// Features and extensions to create a device with: what the available profiles need, no more.
struct rv_features {
    VkPhysicalDeviceVulkan11Features v11;
    VkPhysicalDeviceVulkan12Features v12; // the head of the chain
    VkPhysicalDeviceSubgroupSizeControlFeatures subgroup;
    VkPhysicalDeviceCooperativeMatrixFeaturesKHR matrix;
    VkPhysicalDeviceCooperativeMatrix2FeaturesNV matrix2;
    const char *extensions[4];
    uint32_t extension_count;
};
// The chain points into *features, which stays where it is until the device is made.
void rv_profiles_features(const struct rv_device_info *info, const struct rv_matrices *matrices,
                          struct rv_features *features);

#endif
