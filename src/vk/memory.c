#include "vk/memory.h"

#include <string.h>

#include "vk/record.h"

static bool find_type(const struct rv_device *device, uint32_t allowed,
                      VkMemoryPropertyFlags wanted, uint32_t *type) {
    for (uint32_t i = 0; i < device->memory.memoryTypeCount; i++)
        if ((allowed >> i & 1) &&
            (device->memory.memoryTypes[i].propertyFlags & wanted) == wanted) {
            *type = i;
            return true;
        }
    return false;
}

static uint32_t choose_type(const struct rv_device *device, uint32_t allowed,
                            enum rv_memory_kind kind) {
    const VkMemoryPropertyFlags host =
        VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    uint32_t type = 0;
    if (kind == RV_MEMORY_DEVICE)
        (void)(find_type(device, allowed, VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT, &type) ||
               find_type(device, allowed, 0, &type));
    else // the specification guarantees a coherent host-visible type
        (void)(find_type(device, allowed, host | VK_MEMORY_PROPERTY_HOST_CACHED_BIT, &type) ||
               find_type(device, allowed, host, &type));
    return type;
}

// Device-local memory that is the host's as well, as a processor's or an integrated GPU's may be:
// then nothing need go through a second buffer. Uncached memory does not count: it lies across a
// bus.
static bool is_shared(const struct rv_device *device, uint32_t type) {
    const VkMemoryPropertyFlags all =
        VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT | VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT |
        VK_MEMORY_PROPERTY_HOST_COHERENT_BIT | VK_MEMORY_PROPERTY_HOST_CACHED_BIT;
    return (device->memory.memoryTypes[type].propertyFlags & all) == all;
}

enum rv_status rv_buffer_init(struct rv_device *device, struct rv_buffer *buffer, uint64_t size,
                              enum rv_memory_kind kind, const char *label) {
    enum rv_status status = RV_OK;
    *buffer = (struct rv_buffer){.size = size, .kind = kind};
    const double mebi = 1048576;
    if (size > device->limits.allocation_bytes)
        return rv_fail(RV_ERR_NO_MEMORY,
                       "out of device memory: the %s needs %.1f MiB in one piece, the device gives "
                       "at most %.1f: use a smaller picture (--size)",
                       label, (double)size / mebi, (double)device->limits.allocation_bytes / mebi);
    if (size > device->byte_cap || device->bytes > device->byte_cap - size)
        return rv_fail(
            RV_ERR_NO_MEMORY,
            "out of device memory: the %s needs %.1f MiB beside the %.1f in use, the cap "
            "is %.1f: use a smaller picture (--size), or raise REVERIE_MEMORY_CAP",
            label, (double)size / mebi, (double)device->bytes / mebi,
            (double)device->byte_cap / mebi);
    VkBufferCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
        .size = size,
        .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_UNIFORM_TEXEL_BUFFER_BIT |
                 VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT};
    RV_VK_TRY(device, CreateBuffer(device->handle, &info, NULL, &buffer->handle));
    rv_device_name(device, VK_OBJECT_TYPE_BUFFER, (uint64_t)(uintptr_t)buffer->handle, label);
    VkMemoryRequirements needs;
    device->vk.GetBufferMemoryRequirements(device->handle, buffer->handle, &needs);
    VkMemoryAllocateInfo allocate = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                     .allocationSize = needs.size,
                                     .memoryTypeIndex =
                                         choose_type(device, needs.memoryTypeBits, kind)};
    VkResult result = device->vk.AllocateMemory(device->handle, &allocate, NULL, &buffer->memory);
    if (result != VK_SUCCESS) {
        status = rv_device_fail(device, result, "vkAllocateMemory");
        if (status == RV_ERR_NO_MEMORY)
            status = rv_fail(status,
                             "out of device memory: the %s needs %.1f MiB beside the %.1f in use: "
                             "use a smaller picture (--size)",
                             label, (double)size / mebi, (double)device->bytes / mebi);
        goto done;
    }
    device->bytes += size;
    if (device->bytes > device->peak_bytes)
        device->peak_bytes = device->bytes;
    RV_VK_TRY(device, BindBufferMemory(device->handle, buffer->handle, buffer->memory, 0));
    if (kind == RV_MEMORY_HOST || is_shared(device, allocate.memoryTypeIndex))
        RV_VK_TRY(device,
                  MapMemory(device->handle, buffer->memory, 0, VK_WHOLE_SIZE, 0, &buffer->mapped));
done:
    if (status != RV_OK)
        rv_buffer_finish(device, buffer);
    return status;
}

void rv_buffer_finish(struct rv_device *device, struct rv_buffer *buffer) {
    if (buffer->memory)
        device->bytes -= buffer->size;
    device->vk.DestroyBuffer(device->handle, buffer->handle, NULL);
    device->vk.FreeMemory(device->handle, buffer->memory, NULL);
    *buffer = (struct rv_buffer){0};
}

static enum rv_status transfer(struct rv_device *device, const struct rv_buffer *buffer,
                               uint64_t offset, void *read, const void *write, uint64_t size) {
    enum rv_status status = RV_OK;
    struct rv_buffer staging;
    status = rv_buffer_init(device, &staging, size < RV_STAGING_BYTES ? size : RV_STAGING_BYTES,
                            RV_MEMORY_HOST, "staging");
    if (status != RV_OK)
        return status;
    for (uint64_t at = 0; at < size; at += staging.size) {
        uint64_t piece = size - at < staging.size ? size - at : staging.size;
        struct rv_recorder recorder;
        if (write)
            memcpy(staging.mapped, (const char *)write + at, piece);
        RV_TRY(rv_recorder_init(&recorder, device, 1));
        struct rv_range there = {.buffer = buffer, .offset = offset + at, .size = piece};
        struct rv_range here = {.buffer = &staging, .size = piece};
        status =
            write ? rv_record_copy(&recorder, here, there) : rv_record_copy(&recorder, there, here);
        if (status == RV_OK)
            status = rv_recorder_run(&recorder);
        rv_recorder_finish(&recorder);
        if (status != RV_OK)
            break;
        if (read)
            memcpy((char *)read + at, staging.mapped, piece);
    }
done:
    rv_buffer_finish(device, &staging);
    return status;
}

// What the host sees of a buffer once the device has nothing more to do with it, or NULL. Memory
// made for the host has never waited: who writes there knows what is running.
static enum rv_status mapped_bytes(struct rv_device *device, const struct rv_buffer *buffer,
                                   uint64_t size, char **bytes) {
    device->host_bytes += size;
    *bytes = buffer->mapped;
    if (!buffer->mapped || buffer->kind == RV_MEMORY_HOST)
        return RV_OK;
    return rv_device_wait(device, device->submitted);
}

enum rv_status rv_buffer_write(struct rv_device *device, const struct rv_buffer *buffer,
                               uint64_t offset, const void *data, uint64_t size) {
    char *bytes;
    enum rv_status status = mapped_bytes(device, buffer, size, &bytes);
    if (status != RV_OK)
        return status;
    if (!bytes)
        return transfer(device, buffer, offset, NULL, data, size);
    memcpy(bytes + offset, data, size);
    return RV_OK;
}

enum rv_status rv_buffer_read(struct rv_device *device, const struct rv_buffer *buffer,
                              uint64_t offset, void *data, uint64_t size) {
    char *bytes;
    enum rv_status status = mapped_bytes(device, buffer, size, &bytes);
    if (status != RV_OK)
        return status;
    if (!bytes)
        return transfer(device, buffer, offset, data, NULL, size);
    memcpy(data, bytes + offset, size);
    return RV_OK;
}
