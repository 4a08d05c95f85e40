// reverie devices: what could compute, and why something could not.
#include <stdio.h>

#include "cli/commands.h"
#include "formats/recipe.h"

#define DEVICES_MAX 64

static void uuid_text(const uint8_t uuid[16], char text[33]) {
    for (int i = 0; i < 16; i++)
        snprintf(text + 2 * i, 3, "%02x", uuid[i]);
}

static void version_text(uint32_t version, char text[32]) { // as VK_MAKE_API_VERSION packs it
    snprintf(text, 32, "%u.%u.%u", (unsigned)(version >> 22 & 0x7f),
             (unsigned)(version >> 12 & 0x3ff), (unsigned)(version & 0xfff));
}

static json_t *profiles_json(const struct rv_device_info *device) {
    json_t *list = json_array();
    for (int i = 0; i < RV_PROFILES; i++) {
        const struct rv_profile_info *profile = &device->profiles[i];
        json_array_append_new(list, json_pack("{s:s, s:b, s:s}", "name", profile->name, "available",
                                              (int)profile->available, "reason", profile->reason));
    }
    return list;
}

static json_t *device_json(const struct rv_device_info *device) {
    char uuid[33], version[32];
    uuid_text(device->uuid, uuid);
    version_text(device->api_version, version);
    return json_pack(
        "{s:i, s:o, s:o, s:s, s:s, s:i, s:i, s:s, s:I, s:I, s:i, s:b, s:b, s:s, s:o, s:o}", "index",
        (int)device->index, "name", rv_json_text(device->name), "driver",
        rv_json_text(device->driver), "type", rv_device_type_name(device->type), "uuid", uuid,
        "vendor_id", (int)device->vendor_id, "device_id", (int)device->device_id, "vulkan", version,
        "memory_bytes", (json_int_t)device->memory_bytes, "memory_free_bytes",
        (json_int_t)device->memory_free_bytes, "subgroup_size", (int)device->subgroup_size, "fp16",
        (int)device->fp16, "usable", (int)device->usable, "profile", device->profile, "profiles",
        profiles_json(device), "reason", rv_json_text(device->reason));
}

static void print_device(const struct rv_device_info *device) {
    char uuid[33], version[32];
    uuid_text(device->uuid, uuid);
    version_text(device->api_version, version);
    printf("%u  %s\n", (unsigned)device->index, device->name);
    printf("   type %s, Vulkan %s, driver %s\n", rv_device_type_name(device->type), version,
           device->driver);
    printf("   memory %.1f GB", (double)device->memory_bytes / 1e9);
    if (device->memory_free_bytes)
        printf(" (%.1f GB free)", (double)device->memory_free_bytes / 1e9);
    printf(", subgroups of %u, fp16 %s\n", (unsigned)device->subgroup_size,
           device->fp16 ? "yes" : "no");
    printf("   UUID %s\n", uuid);
    if (device->usable)
        printf("   usable, with profile %s; the profiles, best first:\n", device->profile);
    else
        printf("   not usable: %s\n", device->reason);
    for (int i = 0; device->usable && i < RV_PROFILES; i++) {
        const struct rv_profile_info *profile = &device->profiles[i];
        printf("     %-9s %s\n", profile->name, profile->available ? "available" : profile->reason);
    }
}

enum rv_status rv_command_devices(const struct rv_arguments *arguments) {
    static struct rv_device_info devices[DEVICES_MAX];
    uint32_t count = DEVICES_MAX;
    enum rv_status status = rv_devices(devices, &count);
    if (status != RV_OK)
        return status;
    if (count > DEVICES_MAX)
        count = DEVICES_MAX;
    json_t *list = json_array();
    bool json = arguments->value[RV_CLI_JSON] != NULL;
    for (uint32_t i = 0; i < count; i++) {
        if (json)
            json_array_append_new(list, device_json(&devices[i]));
        else
            print_device(&devices[i]);
    }
    if (json)
        return rv_json_print(json_pack("{s:o}", "devices", list));
    json_decref(list);
    return RV_OK;
}
