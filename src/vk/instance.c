// Finding the loader, the drivers and the devices.
#include "vk/instance.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VOLK_IMPLEMENTATION
#include <volk.h>

static VkBool32 VKAPI_PTR on_message(VkDebugUtilsMessageSeverityFlagBitsEXT severity,
                                     VkDebugUtilsMessageTypeFlagsEXT types,
                                     const VkDebugUtilsMessengerCallbackDataEXT *data, void *user) {
    struct rv_device *device = user;
    (void)types;
    bool error = (severity & VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT) != 0;
    device->validation_messages++;
    rv_device_log(device, error ? RV_LOG_ERROR : RV_LOG_WARNING, "validation: %s", data->pMessage);
    return VK_FALSE;
}

static VkDebugUtilsMessengerCreateInfoEXT messenger_info(struct rv_device *device) {
    return (VkDebugUtilsMessengerCreateInfoEXT){
        .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT,
        .messageSeverity = VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT |
                           VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT,
        .messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT,
        .pfnUserCallback = on_message,
        .pUserData = device};
}

static bool has_validation_layer(PFN_vkGetInstanceProcAddr get) {
    PFN_vkEnumerateInstanceLayerProperties enumerate =
        (PFN_vkEnumerateInstanceLayerProperties)get(NULL, "vkEnumerateInstanceLayerProperties");
    VkLayerProperties layers[64];
    uint32_t count = 64;
    if (!enumerate || enumerate(&count, layers) < 0)
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(layers[i].layerName, "VK_LAYER_KHRONOS_validation") == 0)
            return true;
    return false;
}

void rv_instance_load(struct rv_device *device, PFN_vkGetInstanceProcAddr get) {
#define RV_LOAD(name) device->vk.name = (PFN_vk##name)get(device->instance, "vk" #name);
    RV_INSTANCE_FUNCTIONS(RV_LOAD)
    RV_MATRIX_FUNCTIONS(RV_LOAD)
#undef RV_LOAD
}

// The loader, found once for all devices: volk keeps it in globals, and devices may be opened in
// several threads. NULL if there is none (yet).
static PFN_vkGetInstanceProcAddr find_loader(void) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static PFN_vkGetInstanceProcAddr found;
    pthread_mutex_lock(&lock);
    if (!found && volkInitialize() == VK_SUCCESS)
        found = vkGetInstanceProcAddr;
    PFN_vkGetInstanceProcAddr get = found;
    pthread_mutex_unlock(&lock);
    return get;
}

enum rv_status rv_instance_create(struct rv_device *device, bool validate) {
    enum rv_status status = RV_OK;
    PFN_vkGetInstanceProcAddr get = find_loader();
    if (!get)
        return rv_fail(RV_ERR_NO_DEVICE, "no Vulkan loader found: install libvulkan1 (or your "
                                         "system's Vulkan runtime)");
    if (validate && !has_validation_layer(get))
        return rv_fail(RV_ERR_NO_DEVICE, "VK_LAYER_KHRONOS_validation was asked for but is not "
                                         "installed: install vulkan-validationlayers");
    VkDebugUtilsMessengerCreateInfoEXT messenger = messenger_info(device);
    VkValidationFeatureEnableEXT enable =
        VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT;
    VkValidationFeaturesEXT features = {.sType = VK_STRUCTURE_TYPE_VALIDATION_FEATURES_EXT,
                                        .pNext = &messenger,
                                        .enabledValidationFeatureCount = 1,
                                        .pEnabledValidationFeatures = &enable};
    VkApplicationInfo application = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                                     .pApplicationName = "reverie",
                                     .pEngineName = "reverie",
                                     // Beyond 1.2 for nothing but the SPIR-V of conv_coopmat2;
                                     // asking for more than there is was never an error.
                                     .apiVersion = VK_API_VERSION_1_3};
    const char *layer = "VK_LAYER_KHRONOS_validation";
    const char *extensions[] = {VK_EXT_DEBUG_UTILS_EXTENSION_NAME,
                                VK_EXT_VALIDATION_FEATURES_EXTENSION_NAME};
    VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                                 .pNext = validate ? &features : NULL,
                                 .pApplicationInfo = &application,
                                 .enabledLayerCount = validate ? 1 : 0,
                                 .ppEnabledLayerNames = &layer,
                                 .enabledExtensionCount = validate ? 2 : 0,
                                 .ppEnabledExtensionNames = extensions};
    PFN_vkCreateInstance create = (PFN_vkCreateInstance)get(NULL, "vkCreateInstance");
    VkResult result = create(&info, NULL, &device->instance);
    if (result != VK_SUCCESS) {
        device->instance = VK_NULL_HANDLE;
        return rv_fail(RV_ERR_NO_DEVICE,
                       "no usable Vulkan driver (vkCreateInstance gave %d): install your GPU's "
                       "driver, or mesa-vulkan-drivers for the software one",
                       (int)result);
    }
    rv_instance_load(device, get);
#define RV_LOAD(name) device->vk.name = (PFN_vk##name)get(device->instance, "vk" #name);
    if (validate) {
        RV_DEBUG_FUNCTIONS(RV_LOAD)
        messenger.pNext = NULL;
        RV_VK_TRY(device, CreateDebugUtilsMessengerEXT(device->instance, &messenger, NULL,
                                                       &device->messenger));
    }
#undef RV_LOAD
done:
    return status;
}

static enum rv_device_type type_of(VkPhysicalDeviceType type) {
    switch (type) {
    case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU:
        return RV_DEVICE_DISCRETE;
    case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU:
        return RV_DEVICE_INTEGRATED;
    case VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU:
        return RV_DEVICE_VIRTUAL;
    case VK_PHYSICAL_DEVICE_TYPE_CPU:
        return RV_DEVICE_CPU;
    default:
        return RV_DEVICE_OTHER;
    }
}

bool rv_instance_has_extension(const struct rv_vk *vk, VkPhysicalDevice physical,
                               const char *name) {
    uint32_t count = 0;
    if (vk->EnumerateDeviceExtensionProperties(physical, NULL, &count, NULL) < 0)
        return false;
    VkExtensionProperties *all = calloc(count ? count : 1, sizeof *all);
    bool found = false;
    if (all && vk->EnumerateDeviceExtensionProperties(physical, NULL, &count, all) >= 0)
        for (uint32_t i = 0; i < count; i++)
            found |= strcmp(all[i].extensionName, name) == 0;
    free(all);
    return found;
}

static void read_memory(const struct rv_vk *vk, VkPhysicalDevice physical,
                        struct rv_device_info *info) {
    VkPhysicalDeviceMemoryBudgetPropertiesEXT budget = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT};
    VkPhysicalDeviceMemoryProperties2 memory = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2};
    bool known = rv_instance_has_extension(vk, physical, VK_EXT_MEMORY_BUDGET_EXTENSION_NAME);
    memory.pNext = known ? &budget : NULL;
    vk->GetPhysicalDeviceMemoryProperties2(physical, &memory);
    for (uint32_t i = 0; i < memory.memoryProperties.memoryHeapCount; i++) {
        VkMemoryHeap heap = memory.memoryProperties.memoryHeaps[i];
        if ((heap.flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT) && heap.size > info->memory_bytes) {
            info->memory_bytes = heap.size;
            info->memory_free_bytes = known && budget.heapBudget[i] > budget.heapUsage[i]
                                          ? budget.heapBudget[i] - budget.heapUsage[i]
                                          : 0;
        }
    }
}

static void judge(const struct rv_vk *vk, VkPhysicalDevice physical,
                  const VkPhysicalDeviceLimits *limits, bool timeline,
                  struct rv_device_info *info) {
    VkQueueFamilyProperties families[32];
    uint32_t count = 32;
    bool compute = false;
    vk->GetPhysicalDeviceQueueFamilyProperties(physical, &count, families);
    for (uint32_t i = 0; i < count; i++)
        compute |= (families[i].queueFlags & VK_QUEUE_COMPUTE_BIT) != 0;
    if (info->api_version < VK_API_VERSION_1_2)
        snprintf(info->reason, sizeof info->reason,
                 "offers Vulkan %u.%u, 1.2 is needed: update the driver",
                 VK_API_VERSION_MAJOR(info->api_version), VK_API_VERSION_MINOR(info->api_version));
    else if (!compute)
        snprintf(info->reason, sizeof info->reason, "has no compute queue");
    else if (!timeline)
        snprintf(info->reason, sizeof info->reason, "has no timeline semaphores");
    else if (limits->maxPerStageDescriptorStorageBuffers < RV_STORAGE_BUFFERS)
        snprintf(info->reason, sizeof info->reason, "binds only %u storage buffers, %d are needed",
                 limits->maxPerStageDescriptorStorageBuffers, RV_STORAGE_BUFFERS);
    info->usable = info->reason[0] == 0;
}

void rv_instance_describe(const struct rv_vk *vk, VkPhysicalDevice physical, uint32_t index,
                          struct rv_device_info *info) {
    VkPhysicalDeviceVulkan12Properties v12 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_PROPERTIES};
    VkPhysicalDeviceVulkan11Properties v11 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_PROPERTIES};
    VkPhysicalDeviceProperties2 properties = {.sType =
                                                  VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2};
    VkPhysicalDeviceVulkan12Features f12 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES};
    VkPhysicalDeviceVulkan11Features f11 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES};
    VkPhysicalDeviceFeatures2 features = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2};
    vk->GetPhysicalDeviceProperties2(physical, &properties);
    bool modern = properties.properties.apiVersion >= VK_API_VERSION_1_2;
    if (modern) { // older drivers do not know these structures
        properties.pNext = &v12;
        v12.pNext = &v11;
        features.pNext = &f12;
        f12.pNext = &f11;
        vk->GetPhysicalDeviceProperties2(physical, &properties);
        vk->GetPhysicalDeviceFeatures2(physical, &features);
    }
    const VkPhysicalDeviceProperties *core = &properties.properties;
    *info = (struct rv_device_info){.index = index,
                                    .type = type_of(core->deviceType),
                                    .vendor_id = core->vendorID,
                                    .device_id = core->deviceID,
                                    .api_version = core->apiVersion,
                                    .subgroup_size = v11.subgroupSize,
                                    .fp16 = f12.shaderFloat16 && f11.storageBuffer16BitAccess &&
                                            !rv_device_clamped()};
    snprintf(info->name, sizeof info->name, "%s", core->deviceName);
    snprintf(info->driver, sizeof info->driver, "%.120s %.120s", v12.driverName, v12.driverInfo);
    memcpy(info->uuid, v11.deviceUUID, sizeof info->uuid);
    read_memory(vk, physical, info);
    judge(vk, physical, &core->limits, f12.timelineSemaphore, info);
    rv_profiles_describe(vk, physical, info, NULL);
    if (info->usable && !info->profile[0]) {
        info->usable = false;
        snprintf(info->reason, sizeof info->reason,
                 "has no profile left: take one out of REVERIE_DISABLE");
    }
}

enum rv_status rv_instance_devices(struct rv_device *device, VkPhysicalDevice **physical,
                                   uint32_t *count) {
    *physical = NULL;
    *count = 0;
    VkResult result = device->vk.EnumeratePhysicalDevices(device->instance, count, NULL);
    if (result < 0 || *count == 0)
        return rv_fail(RV_ERR_NO_DEVICE, "no Vulkan device found: install your GPU's driver, or "
                                         "mesa-vulkan-drivers for the software one");
    *physical = calloc(*count, sizeof **physical);
    if (!*physical)
        return rv_fail(RV_ERR_NO_MEMORY, "out of host memory while listing devices");
    result = device->vk.EnumeratePhysicalDevices(device->instance, count, *physical);
    if (result < 0) {
        free(*physical);
        *physical = NULL;
        return rv_device_fail(device, result, "vkEnumeratePhysicalDevices");
    }
    return RV_OK;
}
