#include "viewer/wishes.h"

#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The registry's numbers, for headers that are older than an extension.
static const struct {
    const char *extension;
    VkStructureType type;
    uint32_t bits; // how many of its features, from the first on, are wished for
} known[RV_WISHED_FEATURES] = {{"VK_EXT_subgroup_size_control", (VkStructureType)1000225002, 2},
                               {"VK_KHR_cooperative_matrix", (VkStructureType)1000506000, 1},
                               {"VK_NV_cooperative_matrix2", (VkStructureType)1000593000, 7}};

static bool lists(const VkExtensionProperties *all, uint32_t count, const char *name) {
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(all[i].extensionName, name) == 0)
            return true;
    }
    return false;
}

static void wish_extension(struct rv_device_wishes *w, const char *name) {
    if (w->extension_count < RV_WISHED_EXTENSIONS)
        w->extensions[w->extension_count++] = name;
    for (uint32_t i = 0; i < RV_WISHED_FEATURES; i++) {
        if (strcmp(known[i].extension, name) != 0)
            continue;
        w->others[i] = (struct rv_feature_bits){.type = known[i].type, .next = w->v12.pNext};
        w->v12.pNext = &w->others[i];
    }
}

// Of the features that the device has, keeps those that are asked for.
static void keep(void *has, const void *required, const void *recommended, size_t size) {
    const size_t first = offsetof(VkPhysicalDeviceVulkan11Features, storageBuffer16BitAccess);
    VkBool32 *h = (VkBool32 *)((char *)has + first);
    const VkBool32 *a = (const VkBool32 *)((const char *)required + first);
    const VkBool32 *b = (const VkBool32 *)((const char *)recommended + first);
    for (size_t i = 0; i < (size - first) / sizeof *h; i++)
        h[i] &= a[i] | b[i];
}

void rv_device_wishes_make(struct rv_device_wishes *w, VkPhysicalDevice physical,
                           PFN_vkEnumerateDeviceExtensionProperties extensions,
                           PFN_vkGetPhysicalDeviceFeatures2 features) {
    const struct rv_vulkan_requirements *asked = rv_vulkan_get_requirements();
    uint32_t count = 0;
    *w = (struct rv_device_wishes){
        .extensions = {VK_KHR_SWAPCHAIN_EXTENSION_NAME},
        .extension_count = 1,
        .features = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = &w->v11},
        .v11 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES, .pNext = &w->v12},
        .v12 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES}};
    extensions(physical, NULL, &count, NULL);
    VkExtensionProperties *all = calloc(count ? count : 1, sizeof *all);
    if (!all || extensions(physical, NULL, &count, all) < 0)
        count = 0; // then it does without
    for (uint32_t i = 0; i < asked->device_extension_count; i++)
        wish_extension(w, asked->device_extensions[i]);
    for (uint32_t i = 0; i < asked->recommended_device_extension_count; i++) {
        if (lists(all, count, asked->recommended_device_extensions[i]))
            wish_extension(w, asked->recommended_device_extensions[i]);
    }
    free(all);
    features(physical, &w->features);
    w->features.features = (VkPhysicalDeviceFeatures){0};
    keep(&w->v11, &asked->required_11, &asked->recommended_11, sizeof w->v11);
    keep(&w->v12, &asked->required_12, &asked->recommended_12, sizeof w->v12);
    for (uint32_t i = 0; i < RV_WISHED_FEATURES; i++) {
        for (uint32_t bit = known[i].bits; bit < 16; bit++)
            w->others[i].bits[bit] = VK_FALSE;
    }
}

static bool contains(const char *text, const char *part) {
    for (; *text; text++) {
        size_t i = 0;
        while (part[i] && tolower((unsigned char)text[i]) == tolower((unsigned char)part[i]))
            i++;
        if (!part[i])
            return true;
    }
    return false;
}

bool rv_device_is_asked_for(const struct rv_device_info *info, const char *device) {
    char index[16], uuid[33];
    snprintf(index, sizeof index, "%u", (unsigned)info->index);
    for (int i = 0; i < 16; i++)
        snprintf(uuid + (ptrdiff_t)2 * i, 3, "%02x", info->uuid[i]);
    if (strcmp(device, "cpu") == 0)
        return info->type == RV_DEVICE_CPU;
    return strcmp(device, index) == 0 || contains(uuid, device) || contains(info->name, device);
}

int rv_device_rank(enum rv_device_type type) {
    static const int ranks[] = {[RV_DEVICE_OTHER] = 3,
                                [RV_DEVICE_DISCRETE] = 0,
                                [RV_DEVICE_INTEGRATED] = 1,
                                [RV_DEVICE_VIRTUAL] = 2,
                                [RV_DEVICE_CPU] = 4};
    return ranks[type];
}
