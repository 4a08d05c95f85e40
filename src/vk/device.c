#include "vk/device.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vk/instance.h"
#include "vk/open.h"
#include "vk/pipeline.h"

void rv_device_log(struct rv_device *device, enum rv_log_level level, const char *format, ...) {
    if (!device->log)
        return;
    char text[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    device->log(device->log_user, level, text);
}

enum rv_status rv_device_fail(struct rv_device *device, VkResult result, const char *call) {
    char name[96]; // "vkCreateBuffer(device->handle, ..." up to its parenthesis
    snprintf(name, sizeof name, "%.*s", (int)strcspn(call, "("), call);
    switch (result) {
    case VK_ERROR_OUT_OF_HOST_MEMORY:
    case VK_ERROR_MEMORY_MAP_FAILED:
    case VK_ERROR_TOO_MANY_OBJECTS:
        return rv_fail(RV_ERR_NO_MEMORY, "%s: out of host memory: use a smaller picture", name);
    case VK_ERROR_OUT_OF_DEVICE_MEMORY:
    case VK_ERROR_OUT_OF_POOL_MEMORY:
    case VK_ERROR_FRAGMENTED_POOL:
        return rv_fail(RV_ERR_NO_MEMORY, "%s: out of device memory: use a smaller picture (--size)",
                       name);
    case VK_ERROR_DEVICE_LOST:
        device->lost = true;
        return rv_fail(RV_ERR_DEVICE_LOST,
                       "%s: the driver lost the device: update the driver, use a smaller picture, "
                       "or choose another device",
                       name);
    case VK_ERROR_INITIALIZATION_FAILED:
    case VK_ERROR_INCOMPATIBLE_DRIVER:
    case VK_ERROR_FEATURE_NOT_PRESENT:
    case VK_ERROR_EXTENSION_NOT_PRESENT:
        return rv_fail(RV_ERR_NO_DEVICE, "%s: the driver refused (VkResult %d): update the driver",
                       name, (int)result);
    default:
        return rv_fail(RV_ERR_NO_DEVICE, "%s: failed with VkResult %d: update the driver", name,
                       (int)result);
    }
}

void rv_device_name(struct rv_device *device, VkObjectType type, uint64_t handle,
                    const char *name) {
    if (!device->messenger)
        return;
    VkDebugUtilsObjectNameInfoEXT info = {.sType =
                                              VK_STRUCTURE_TYPE_DEBUG_UTILS_OBJECT_NAME_INFO_EXT,
                                          .objectType = type,
                                          .objectHandle = handle,
                                          .pObjectName = name};
    device->vk.SetDebugUtilsObjectNameEXT(device->handle, &info);
}

static bool contains(const char *text, const char *part) {
    size_t length = strlen(part);
    for (; *text; text++) {
        size_t i = 0;
        while (i < length && text[i] &&
               tolower((unsigned char)text[i]) == tolower((unsigned char)part[i]))
            i++;
        if (i == length)
            return true;
    }
    return false;
}

static bool selects(const char *selector, const struct rv_device_info *info) {
    char *end;
    unsigned long index = strtoul(selector, &end, 10);
    if (end != selector && *end == 0 && strlen(selector) < 6)
        return index == info->index;
    char uuid[33];
    for (int i = 0; i < 16; i++)
        snprintf(uuid + 2 * i, 3, "%02x", info->uuid[i]);
    if (strlen(selector) == 32 && contains(uuid, selector))
        return true;
    if (strcmp(selector, "cpu") == 0)
        return info->type == RV_DEVICE_CPU;
    return contains(info->name, selector);
}

static int rank(enum rv_device_type type) {
    switch (type) {
    case RV_DEVICE_DISCRETE:
        return 5;
    case RV_DEVICE_INTEGRATED:
        return 4;
    case RV_DEVICE_VIRTUAL:
        return 3;
    case RV_DEVICE_OTHER:
        return 2;
    default:
        return 1;
    }
}

static enum rv_status choose(struct rv_device *device, const char *selector) {
    VkPhysicalDevice *all;
    uint32_t count;
    enum rv_status status = rv_instance_devices(device, &all, &count);
    if (status != RV_OK)
        return status;
    char reasons[512] = "";
    for (uint32_t i = 0; i < count; i++) {
        struct rv_device_info info;
        rv_instance_describe(&device->vk, all[i], i, &info);
        size_t used = strlen(reasons);
        if (selector && *selector && !selects(selector, &info))
            snprintf(reasons + used, sizeof reasons - used, "%s%u: %.60s", used ? ", " : "", i,
                     info.name);
        else if (!info.usable)
            snprintf(reasons + used, sizeof reasons - used, "%s%u: %.60s %.100s", used ? ", " : "",
                     i, info.name, info.reason);
        else if (!device->physical || rank(info.type) > rank(device->info.type)) {
            device->physical = all[i];
            device->info = info;
        }
    }
    free(all);
    if (device->physical)
        return RV_OK;
    if (selector && *selector)
        return rv_fail(RV_ERR_NO_DEVICE, "no usable device matches \"%s\"; present: %s", selector,
                       reasons);
    return rv_fail(RV_ERR_NO_DEVICE, "no usable Vulkan device: %s", reasons);
}

static uint32_t smaller(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

// The only place that reads limits, and the only one that lowers them.
static void read_limits(struct rv_device *device, uint32_t timestamp_bits) {
    VkPhysicalDeviceSubgroupProperties subgroup = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES};
    VkPhysicalDeviceMaintenance3Properties sizes = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_3_PROPERTIES, .pNext = &subgroup};
    VkPhysicalDeviceProperties2 properties = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &sizes};
    device->vk.GetPhysicalDeviceProperties2(device->physical, &properties);
    const VkPhysicalDeviceLimits *all = &properties.properties.limits;
    struct rv_limits *limits = &device->limits;
    *limits = (struct rv_limits){
        .invocations =
            smaller(all->maxComputeWorkGroupInvocations, all->maxComputeWorkGroupSize[0]),
        .shared_bytes = all->maxComputeSharedMemorySize,
        .group_count = all->maxComputeWorkGroupCount[0],
        .storage_range = all->maxStorageBufferRange,
        .allocation_bytes = sizes.maxMemoryAllocationSize,
        .texel_bytes = (uint64_t)all->maxTexelBufferElements * 16,
        .timestamp_bits = timestamp_bits,
        .timestamp_seconds = all->timestampPeriod * 1e-9,
        .profile = rv_profile_of(device->info.profile),
        .shuffles = subgroup.subgroupSize >= 8 &&
                    (subgroup.supportedStages & VK_SHADER_STAGE_COMPUTE_BIT) &&
                    (subgroup.supportedOperations & VK_SUBGROUP_FEATURE_SHUFFLE_BIT),
        .matrices = device->limits.matrices};
    if (rv_device_clamped()) { // Vulkan 1.2's "Required Limits"
        limits->invocations = 128;
        limits->shared_bytes = 16384;
        limits->group_count = 65535;
        limits->storage_range = 128u << 20;
        limits->allocation_bytes = 1u << 30;
        limits->texel_bytes = 65536 * 16;
        limits->shuffles = false;
    }
    const char *cap = getenv("REVERIE_MEMORY_CAP"); // bytes
    device->byte_cap = cap && *cap ? strtoull(cap, NULL, 10) : UINT64_MAX;
}

static enum rv_status open_device(struct rv_device *device) {
    enum rv_status status = RV_OK;
    VkQueueFamilyProperties families[32];
    uint32_t count = 32;
    device->vk.GetPhysicalDeviceQueueFamilyProperties(device->physical, &count, families);
    uint32_t family = 0;
    while (family < count && !(families[family].queueFlags & VK_QUEUE_COMPUTE_BIT))
        family++;
    float priority = 1;
    VkDeviceQueueCreateInfo queue = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                     .queueFamilyIndex = family,
                                     .queueCount = 1,
                                     .pQueuePriorities = &priority};
    struct rv_features features;
    rv_profiles_features(&device->info, &device->limits.matrices, &features);
    VkDeviceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                               .pNext = &features.v12,
                               .queueCreateInfoCount = 1,
                               .pQueueCreateInfos = &queue,
                               .enabledExtensionCount = features.extension_count,
                               .ppEnabledExtensionNames = features.extensions};
    RV_VK_TRY(device, CreateDevice(device->physical, &info, NULL, &device->handle));
    status = rv_device_start(device, family, 0);
done:
    return status;
}

enum rv_status rv_device_start(struct rv_device *device, uint32_t family, uint32_t index) {
    enum rv_status status = RV_OK;
    VkQueueFamilyProperties families[32];
    uint32_t count = 32;
#define RV_LOAD(name)                                                                              \
    device->vk.name = (PFN_vk##name)device->vk.GetDeviceProcAddr(device->handle, "vk" #name);
    RV_DEVICE_FUNCTIONS(RV_LOAD)
#undef RV_LOAD
    device->vk.GetPhysicalDeviceQueueFamilyProperties(device->physical, &count, families);
    device->queue_family = family;
    device->vk.GetDeviceQueue(device->handle, family, index, &device->queue);
    read_limits(device, families[family].timestampValidBits);
    VkPhysicalDeviceMemoryProperties2 memory = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2};
    device->vk.GetPhysicalDeviceMemoryProperties2(device->physical, &memory);
    device->memory = memory.memoryProperties;

    VkSemaphoreTypeCreateInfo timeline = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
                                          .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE};
    VkSemaphoreCreateInfo semaphore = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO,
                                       .pNext = &timeline};
    RV_VK_TRY(device, CreateSemaphore(device->handle, &semaphore, NULL, &device->timeline));
    status = rv_pipelines_create(device);
done:
    return status;
}

static void default_cache_dir(char *path, size_t capacity) {
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    path[0] = 0;
    if (cache && *cache)
        snprintf(path, capacity, "%s/reverie", cache);
    else if (home && *home)
        snprintf(path, capacity, "%s/.cache/reverie", home);
}

// What is known of its profiles, and what the caller or REVERIE_PROFILE asks for.
enum rv_status rv_device_choose_profile(struct rv_device *device, const char *profile) {
    device->verdicts = rv_verdicts_load(&device->vk, device->physical, device->cache_dir);
    rv_verdicts_apply(device->verdicts, &device->info);
    char *unknown = rv_profiles_unknown_word();
    if (unknown)
        rv_device_log(device, RV_LOG_WARNING,
                      "REVERIE_DISABLE: there is no profile \"%s\": the profiles are scalar, "
                      "coopmat, coopmat2 and cpu",
                      unknown);
    free(unknown);
    if (!profile || !*profile)
        profile = getenv("REVERIE_PROFILE");
    device->profile_forced = profile && *profile;
    if (device->profile_forced)
        return rv_profiles_force(&device->info, profile);
    return device->info.profile[0]
               ? RV_OK
               : rv_fail(RV_ERR_NO_DEVICE, "%s: no profile is left: `reverie devices` says why",
                         device->info.name);
}

enum rv_status rv_device_judge_profile(struct rv_device *device, bool passed, const char *why) {
    enum rv_profile profile = device->limits.profile;
    const char *name = rv_profile_name(profile);
    *(passed ? &device->verdicts.passed : &device->verdicts.failed) |= 1u << profile;
    if (passed)
        return RV_OK;
    rv_profiles_drop(&device->info, profile, "its results were wrong in the self-test");
    if (device->profile_forced || !device->info.profile[0])
        return rv_fail(RV_ERR_NO_DEVICE,
                       "profile \"%s\" failed its self-test on %s, %s (%s): update the driver, or "
                       "leave the choice to Reverie",
                       name, device->info.name, device->info.driver, why);
    rv_device_log(device, RV_LOG_WARNING,
                  "profile \"%s\" failed its self-test on %s, %s (%s): using \"%s\"; update the "
                  "driver",
                  name, device->info.name, device->info.driver, why, device->info.profile);
    device->limits.profile = rv_profile_of(device->info.profile);
    return RV_OK;
}

struct rv_context_params rv_device_params(const struct rv_context_params *given) {
    struct rv_context_params params = {0};
    if (given)
        memcpy(&params, given,
               given->size && given->size < sizeof params ? given->size : sizeof params);
    return params;
}

struct rv_device *rv_device_new(const struct rv_context_params *given) {
    struct rv_context_params params = rv_device_params(given);
    struct rv_device *device = calloc(1, sizeof *device);
    if (!device)
        return NULL;
    device->log = params.log;
    device->log_user = params.log_user;
    device->no_tune = params.no_tune;
    device->memory_limit = params.memory_bytes;
    if (params.cache_dir)
        snprintf(device->cache_dir, sizeof device->cache_dir, "%s", params.cache_dir);
    else
        default_cache_dir(device->cache_dir, sizeof device->cache_dir);
    return device;
}

enum rv_status rv_device_create(const struct rv_context_params *given, struct rv_device **out) {
    struct rv_context_params params = rv_device_params(given);
    *out = NULL;
    struct rv_device *device = rv_device_new(given);
    if (!device)
        return rv_fail(RV_ERR_NO_MEMORY, "out of host memory while opening a device");
    enum rv_status status;
    RV_TRY(rv_instance_create(device, params.validate));
    RV_TRY(choose(device, params.device));
    rv_profiles_describe(&device->vk, device->physical, &device->info, &device->limits.matrices);
    RV_TRY(rv_device_choose_profile(device, params.profile));
    RV_TRY(open_device(device));
    *out = device;
    return RV_OK;
done:
    rv_device_destroy(&device);
    return status;
}

void rv_device_destroy(struct rv_device **pointer) {
    if (!pointer || !*pointer)
        return;
    struct rv_device *device = *pointer;
    *pointer = NULL;
    if (device->handle) {
        if (device->timeline && !device->lost)
            rv_device_wait(device, device->submitted);
        rv_pipelines_destroy(device);
        if (device->vk.DestroySemaphore)
            device->vk.DestroySemaphore(device->handle, device->timeline, NULL);
        if (!device->lent)
            device->vk.DestroyDevice(device->handle, NULL);
    }
    if (device->messenger)
        device->vk.DestroyDebugUtilsMessengerEXT(device->instance, device->messenger, NULL);
    if (device->instance && !device->lent)
        device->vk.DestroyInstance(device->instance, NULL);
    free(device);
}

enum rv_status rv_device_list(struct rv_device_info *devices, uint32_t *count) {
    struct rv_device *device = calloc(1, sizeof *device);
    uint32_t capacity = *count, present = 0;
    VkPhysicalDevice *all = NULL;
    enum rv_status status;
    *count = 0;
    if (!device)
        return rv_fail(RV_ERR_NO_MEMORY, "out of host memory while listing devices");
    RV_TRY(rv_instance_create(device, false));
    RV_TRY(rv_instance_devices(device, &all, &present));
    for (uint32_t i = 0; i < present && i < capacity; i++)
        rv_instance_describe(&device->vk, all[i], i, &devices[i]);
    default_cache_dir(device->cache_dir, sizeof device->cache_dir);
    for (uint32_t i = 0; i < present && i < capacity; i++)
        rv_verdicts_apply(rv_verdicts_load(&device->vk, all[i], device->cache_dir), &devices[i]);
    *count = present;
done:
    free(all);
    rv_device_destroy(&device);
    return status;
}

// What was lost stays lost, and a driver that gave up is not asked again.
static enum rv_status check_lost(const struct rv_device *device) {
    return device->lost ? rv_fail(RV_ERR_DEVICE_LOST, "the driver lost the device before: destroy "
                                                      "the context and start again")
                        : RV_OK;
}

enum rv_status rv_device_submit(struct rv_device *device, VkCommandBuffer commands,
                                const struct rv_meeting *meeting, uint64_t *value) {
    const struct rv_meeting none = {0}, *m = meeting ? meeting : &none;
    const VkPipelineStageFlags stage = VK_PIPELINE_STAGE_ALL_COMMANDS_BIT;
    enum rv_status status;
    uint64_t next = device->submitted + 1;
    uint64_t values[] = {next, m->signal_value};
    VkSemaphore signals[] = {device->timeline, m->signal};
    VkTimelineSemaphoreSubmitInfo timeline = {.sType =
                                                  VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
                                              .waitSemaphoreValueCount = m->wait ? 1 : 0,
                                              .pWaitSemaphoreValues = &m->wait_value,
                                              .signalSemaphoreValueCount = m->signal ? 2 : 1,
                                              .pSignalSemaphoreValues = values};
    VkSubmitInfo submit = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
                           .pNext = &timeline,
                           .waitSemaphoreCount = m->wait ? 1 : 0,
                           .pWaitSemaphores = &m->wait,
                           .pWaitDstStageMask = &stage,
                           .commandBufferCount = 1,
                           .pCommandBuffers = &commands,
                           .signalSemaphoreCount = m->signal ? 2 : 1,
                           .pSignalSemaphores = signals};
    RV_TRY(check_lost(device));
    if (device->lock_queue)
        device->lock_queue(device->queue_user);
    VkResult result = device->vk.QueueSubmit(device->queue, 1, &submit, VK_NULL_HANDLE);
    if (device->unlock_queue)
        device->unlock_queue(device->queue_user);
    if (result != VK_SUCCESS)
        return rv_device_fail(device, result, "vkQueueSubmit");
    device->submitted = next;
    if (value)
        *value = next;
done:
    return status;
}

enum rv_status rv_device_wait(struct rv_device *device, uint64_t value) {
    enum rv_status status = RV_OK;
    VkSemaphoreWaitInfo wait = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
                                .semaphoreCount = 1,
                                .pSemaphores = &device->timeline,
                                .pValues = &value};
    RV_TRY(check_lost(device));
    // One that cannot even be waited for, whatever the reason, is as good as lost: nobody knows
    // what it still works on.
    VkResult result = device->vk.WaitSemaphores(device->handle, &wait, UINT64_MAX);
    if (result != VK_SUCCESS)
        status = rv_device_fail(device, VK_ERROR_DEVICE_LOST, "vkWaitSemaphores");
done:
    return status;
}

enum rv_status rv_device_poll(struct rv_device *device, uint64_t value, bool *reached) {
    enum rv_status status = RV_OK;
    uint64_t now = 0;
    *reached = false;
    RV_TRY(check_lost(device));
    RV_VK_TRY(device, GetSemaphoreCounterValue(device->handle, device->timeline, &now));
    *reached = now >= value;
done:
    return status;
}
