#include "vk/verdict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "vk/shaders.h"

struct verdict_file {
    char magic[8];
    uint8_t uuid[VK_UUID_SIZE]; // pipelineCacheUUID
    uint64_t shaders;           // hash of all of them
    uint64_t clamped;           // other limits, other kernels
    struct rv_verdicts verdicts;
    uint64_t hash; // of what stands before
};

static void identify(const struct rv_vk *vk, VkPhysicalDevice physical, const char *cache_dir,
                     struct verdict_file *file, char *path, size_t capacity) {
    VkPhysicalDeviceProperties2 properties = {.sType =
                                                  VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2};
    vk->GetPhysicalDeviceProperties2(physical, &properties);
    memset(file, 0, sizeof *file);
    memcpy(file->magic, "RVCHECK1", sizeof file->magic);
    memcpy(file->uuid, properties.properties.pipelineCacheUUID, VK_UUID_SIZE);
    file->shaders = rv_shaders_hash();
    file->clamped = rv_device_clamped();
    snprintf(path, capacity, "%.500s/verdicts-%08x-%08x%s.bin", cache_dir,
             properties.properties.vendorID, properties.properties.deviceID,
             file->clamped ? "-clamped" : "");
}

struct rv_verdicts rv_verdicts_load(const struct rv_vk *vk, VkPhysicalDevice physical,
                                    const char *cache_dir) {
    struct verdict_file expected, found;
    struct rv_error_kept error; // having no verdict is no failing call
    char path[600];
    uint8_t *data = NULL;
    size_t size = 0;
    struct rv_verdicts verdicts = {0};
    if (!cache_dir[0])
        return verdicts;
    identify(vk, physical, cache_dir, &expected, path, sizeof path);
    rv_error_keep(&error);
    (void)rv_file_read(path, sizeof found, &data, &size);
    rv_error_put_back(&error);
    if (size == sizeof found) {
        memcpy(&found, data, sizeof found);
        if (memcmp(&found, &expected, offsetof(struct verdict_file, verdicts)) == 0 &&
            found.hash == rv_hash_bytes(RV_HASH_START, data, offsetof(struct verdict_file, hash)))
            verdicts = found.verdicts;
    }
    free(data);
    return verdicts;
}

enum rv_status rv_verdicts_save(const struct rv_vk *vk, VkPhysicalDevice physical,
                                const char *cache_dir, struct rv_verdicts verdicts) {
    struct verdict_file file;
    char path[600];
    enum rv_status status = RV_OK;
    if (!cache_dir[0])
        return RV_OK;
    identify(vk, physical, cache_dir, &file, path, sizeof path);
    file.verdicts = verdicts;
    file.hash = rv_hash_bytes(RV_HASH_START, &file, offsetof(struct verdict_file, hash));
    RV_TRY(rv_file_make_folder(cache_dir));
    RV_TRY(rv_file_write(path, &file, sizeof file));
done:
    return status;
}

void rv_verdicts_apply(struct rv_verdicts verdicts, struct rv_device_info *info) {
    for (enum rv_profile profile = 0; profile < RV_PROFILE_COUNT; profile++)
        if (verdicts.failed & 1u << profile)
            rv_profiles_drop(info, profile, "its results were wrong in the self-test");
}
