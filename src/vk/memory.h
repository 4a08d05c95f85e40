// Buffers, each with memory of its own: a session makes about ten.
#ifndef RV_VK_MEMORY_H
#define RV_VK_MEMORY_H

#include "vk/device.h"

enum rv_memory_kind {
    RV_MEMORY_DEVICE, // device-local; mapped only where it is also the host's own, cached memory
    RV_MEMORY_HOST    // host-visible, coherent, cached if possible; mapped for its whole life
};

struct rv_buffer {
    VkBuffer handle;
    VkDeviceMemory memory;
    uint64_t size; // bytes
    void *mapped;  // NULL unless the host can see it
    enum rv_memory_kind kind;
};

// Fails with RV_ERR_NO_MEMORY when the device, or REVERIE_MEMORY_CAP, allows no more; the text
// names `label` and the size. On failure the buffer is zeroed. Released with rv_buffer_finish.
enum rv_status rv_buffer_init(struct rv_device *device, struct rv_buffer *buffer, uint64_t size,
                              enum rv_memory_kind kind, const char *label);
void rv_buffer_finish(struct rv_device *device, struct rv_buffer *buffer);

// Copies host bytes into a device buffer, after all work submitted so far, and waits; where the
// host cannot see the buffer, by way of one of at most RV_STAGING_BYTES. For setting up, never
// inside an iteration.
#define RV_STAGING_BYTES ((uint64_t)16 << 20)
enum rv_status rv_buffer_write(struct rv_device *device, const struct rv_buffer *buffer,
                               uint64_t offset, const void *data, uint64_t size);
enum rv_status rv_buffer_read(struct rv_device *device, const struct rv_buffer *buffer,
                              uint64_t offset, void *data, uint64_t size);

#endif
