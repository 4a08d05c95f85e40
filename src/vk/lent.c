// A device that somebody else made: what we ask of it, and taking it over as it is.
#include <string.h>

#include "vk/instance.h"
#include "vk/open.h"

static const char *const recommended[] = {RV_KHR_COOPERATIVE_MATRIX,
                                          VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME,
                                          RV_NV_COOPERATIVE_MATRIX_2};

const struct rv_vulkan_requirements *rv_vulkan_get_requirements(void) {
    static const struct rv_vulkan_requirements all = {
        .api_version = VK_API_VERSION_1_2,
        .queue_flags = VK_QUEUE_COMPUTE_BIT,
        .storage_buffers = RV_STORAGE_BUFFERS,
        .recommended_device_extensions = recommended,
        .recommended_device_extension_count = sizeof recommended / sizeof *recommended,
        .required_11 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES},
        .required_12 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES,
                        .timelineSemaphore = VK_TRUE},
        .recommended_11 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES,
                           .storageBuffer16BitAccess = VK_TRUE},
        .recommended_12 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES,
                           .shaderFloat16 = VK_TRUE,
                           .storageBuffer8BitAccess = VK_TRUE,
                           .vulkanMemoryModel = VK_TRUE}};
    return &all;
}

// ------------------------------------------------------------------------------------------------
// What was enabled

struct enabled {
    bool timeline, float16, storage16, storage8, memory_model, sized_subgroups, matrix, matrix2;
};

// A feature may stand in the structure of a version, or in the one it first came with.
static void read_feature(const VkBaseInStructure *link, struct enabled *e) {
    const void *s = link;
    switch ((int)link->sType) {
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES:
        e->storage16 |= ((const VkPhysicalDeviceVulkan11Features *)s)->storageBuffer16BitAccess;
        break;
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES: {
        const VkPhysicalDeviceVulkan12Features *v12 = s;
        e->timeline |= v12->timelineSemaphore;
        e->float16 |= v12->shaderFloat16;
        e->storage8 |= v12->storageBuffer8BitAccess;
        e->memory_model |= v12->vulkanMemoryModel;
        break;
    }
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_FEATURES: {
        const VkPhysicalDeviceVulkan13Features *v13 = s;
        e->sized_subgroups |= v13->subgroupSizeControl && v13->computeFullSubgroups;
        break;
    }
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES:
        e->storage16 |= ((const VkPhysicalDevice16BitStorageFeatures *)s)->storageBuffer16BitAccess;
        break;
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_8BIT_STORAGE_FEATURES:
        e->storage8 |= ((const VkPhysicalDevice8BitStorageFeatures *)s)->storageBuffer8BitAccess;
        break;
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_FLOAT16_INT8_FEATURES:
        e->float16 |= ((const VkPhysicalDeviceShaderFloat16Int8Features *)s)->shaderFloat16;
        break;
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_TIMELINE_SEMAPHORE_FEATURES:
        e->timeline |= ((const VkPhysicalDeviceTimelineSemaphoreFeatures *)s)->timelineSemaphore;
        break;
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_MEMORY_MODEL_FEATURES:
        e->memory_model |=
            ((const VkPhysicalDeviceVulkanMemoryModelFeatures *)s)->vulkanMemoryModel;
        break;
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES: {
        const VkPhysicalDeviceSubgroupSizeControlFeatures *sizes = s;
        e->sized_subgroups |= sizes->subgroupSizeControl && sizes->computeFullSubgroups;
        break;
    }
    case (int)VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR:
        e->matrix |= ((const VkPhysicalDeviceCooperativeMatrixFeaturesKHR *)s)->cooperativeMatrix;
        break;
    case (int)VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_2_FEATURES_NV: {
        const VkPhysicalDeviceCooperativeMatrix2FeaturesNV *matrix = s;
        e->matrix2 |= matrix->cooperativeMatrixWorkgroupScope &&
                      matrix->cooperativeMatrixFlexibleDimensions &&
                      matrix->cooperativeMatrixTensorAddressing;
        break;
    }
    default:
        break;
    }
}

static bool lists(const struct rv_vulkan_device *lent, const char *extension) {
    for (uint32_t i = 0; i < lent->extension_count; i++)
        if (strcmp(lent->extensions[i], extension) == 0)
            return true;
    return false;
}

static struct enabled what_is_enabled(const struct rv_vulkan_device *lent) {
    struct enabled e = {0};
    const VkBaseInStructure *link = lent->features ? lent->features->pNext : NULL;
    for (; link; link = link->pNext)
        read_feature(link, &e);
    e.matrix &= lists(lent, RV_KHR_COOPERATIVE_MATRIX);
    e.matrix2 &= lists(lent, RV_NV_COOPERATIVE_MATRIX_2);
    return e;
}

// ------------------------------------------------------------------------------------------------
// Taking it over

static enum rv_status check(const struct rv_vulkan_device *lent) {
    const char *missing = !lent->get_instance_proc_addr ? "get_instance_proc_addr"
                          : !lent->instance             ? "instance"
                          : !lent->physical_device      ? "physical_device"
                          : !lent->device               ? "device"
                                                        : NULL;
    if (missing)
        return rv_fail(RV_ERR_USAGE, "rv_vulkan_device::%s is not set", missing);
    if (!lent->lock_queue != !lent->unlock_queue)
        return rv_fail(RV_ERR_USAGE, "rv_vulkan_device: lock_queue and unlock_queue go together");
    if (lent->extension_count && !lent->extensions)
        return rv_fail(RV_ERR_USAGE, "rv_vulkan_device: extensions are counted but not given");
    return RV_OK;
}

static enum rv_status check_queue(const struct rv_device *device,
                                  const struct rv_vulkan_device *lent) {
    VkQueueFamilyProperties families[32];
    uint32_t count = 32;
    device->vk.GetPhysicalDeviceQueueFamilyProperties(device->physical, &count, families);
    if (lent->queue_family >= count || lent->queue_index >= families[lent->queue_family].queueCount)
        return rv_fail(RV_ERR_USAGE, "rv_vulkan_device: there is no queue %u of family %u",
                       lent->queue_index, lent->queue_family);
    if (!(families[lent->queue_family].queueFlags & VK_QUEUE_COMPUTE_BIT))
        return rv_fail(RV_ERR_USAGE,
                       "rv_vulkan_device: queue family %u does not compute: lend another",
                       lent->queue_family);
    return RV_OK;
}

// What the device could do but its owner did not enable is not used.
static enum rv_status restrict_to(struct rv_device *device, const struct rv_vulkan_device *lent) {
    struct enabled e = what_is_enabled(lent);
    struct rv_device_info *info = &device->info;
    struct rv_matrices *matrices = &device->limits.matrices;
    uint32_t version = lent->api_version ? lent->api_version : VK_API_VERSION_1_2;
    if (!e.timeline)
        return rv_fail(RV_ERR_NO_DEVICE, "the lent device was made without timelineSemaphore: "
                                         "enable it (see rv_vulkan_get_requirements)");
    info->fp16 &= e.float16 && e.storage16;
    if (!e.matrix || !e.memory_model || !e.sized_subgroups || !info->fp16) {
        *matrices = (struct rv_matrices){0};
        rv_profiles_drop(info, RV_PROFILE_COOPMAT, "its owner did not enable what it needs");
    }
    if (!matrices->m || !e.matrix2 || !e.storage8 || version < VK_API_VERSION_1_3) {
        matrices->workgroup = false;
        rv_profiles_drop(info, RV_PROFILE_COOPMAT2, "its owner did not enable what it needs");
    }
    return RV_OK;
}

enum rv_status rv_device_import(const struct rv_vulkan_device *given,
                                const struct rv_context_params *params, struct rv_device **out) {
    struct rv_vulkan_device lent = {0};
    enum rv_status status;
    *out = NULL;
    memcpy(&lent, given, given->size && given->size < sizeof lent ? given->size : sizeof lent);
    status = check(&lent);
    if (status != RV_OK)
        return status;
    struct rv_device *device = rv_device_new(params);
    if (!device)
        return rv_fail(RV_ERR_NO_MEMORY, "out of host memory while opening a device");
    device->lent = true;
    device->lock_queue = lent.lock_queue;
    device->unlock_queue = lent.unlock_queue;
    device->queue_user = lent.queue_user;
    device->lent_cache = lent.pipeline_cache;
    device->instance = lent.instance;
    device->physical = lent.physical_device;
    rv_instance_load(device, lent.get_instance_proc_addr);
    RV_TRY(check_queue(device, &lent));
    rv_instance_describe(&device->vk, device->physical, 0, &device->info);
    if (!device->info.usable) {
        status = rv_fail(RV_ERR_NO_DEVICE, "%s %s", device->info.name, device->info.reason);
        goto done;
    }
    rv_profiles_describe(&device->vk, device->physical, &device->info, &device->limits.matrices);
    RV_TRY(restrict_to(device, &lent));
    RV_TRY(rv_device_choose_profile(device, rv_device_params(params).profile));
    device->handle = lent.device;
    RV_TRY(rv_device_start(device, lent.queue_family, lent.queue_index));
    *out = device;
    return RV_OK;
done:
    rv_device_destroy(&device);
    return status;
}
