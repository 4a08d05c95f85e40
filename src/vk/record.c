#include "vk/record.h"

#include <stdlib.h>
#include <string.h>

bool rv_ranges_overlap(const struct rv_range *a, const struct rv_range *b) {
    if (a->buffer->handle != b->buffer->handle || a->offset >= b->offset + b->size ||
        b->offset >= a->offset + a->size)
        return false;
    return true;
}

// What earlier submissions and the host wrote is visible to this one, every time it runs.
static void see_all(struct rv_recorder *recorder) {
    VkMemoryBarrier barrier = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                               .srcAccessMask = VK_ACCESS_MEMORY_WRITE_BIT,
                               .dstAccessMask =
                                   VK_ACCESS_MEMORY_READ_BIT | VK_ACCESS_MEMORY_WRITE_BIT};
    recorder->device->vk.CmdPipelineBarrier(recorder->commands, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT,
                                            VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, 0, 1, &barrier, 0,
                                            NULL, 0, NULL);
}

enum rv_status rv_recorder_init(struct rv_recorder *recorder, struct rv_device *device,
                                uint32_t dispatches) {
    enum rv_status status = RV_OK;
    *recorder = (struct rv_recorder){.device = device, .pool_sets = dispatches ? dispatches : 1};
    VkCommandPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                    .queueFamilyIndex = device->queue_family};
    RV_VK_TRY(device, CreateCommandPool(device->handle, &pool, NULL, &recorder->pool));
    VkCommandBufferAllocateInfo allocate = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                            .commandPool = recorder->pool,
                                            .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
                                            .commandBufferCount = 1};
    RV_VK_TRY(device, AllocateCommandBuffers(device->handle, &allocate, &recorder->commands));
    // A replay is submitted while the one before it still runs.
    VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
                                      .flags = VK_COMMAND_BUFFER_USAGE_SIMULTANEOUS_USE_BIT};
    RV_VK_TRY(device, BeginCommandBuffer(recorder->commands, &begin));
    see_all(recorder);
done:
    if (status != RV_OK)
        rv_recorder_finish(recorder);
    return status;
}

enum rv_status rv_recorder_wrap(struct rv_recorder *recorder, struct rv_device *device,
                                VkCommandBuffer commands, uint32_t dispatches) {
    *recorder = (struct rv_recorder){
        .device = device, .commands = commands, .pool_sets = dispatches ? dispatches : 1};
    see_all(recorder);
    return RV_OK;
}

void rv_recorder_foresee(struct rv_recorder *recorder, struct rv_device *device) {
    *recorder = (struct rv_recorder){.device = device, .foreseeing = true};
}

void rv_recorder_finish(struct rv_recorder *recorder) {
    struct rv_device *device = recorder->device;
    if (!device)
        return;
    device->vk.DestroyQueryPool(device->handle, recorder->queries, NULL);
    for (uint32_t i = 0; i < recorder->pool_count; i++)
        device->vk.DestroyDescriptorPool(device->handle, recorder->descriptors[i], NULL);
    free(recorder->descriptors);
    device->vk.DestroyCommandPool(device->handle, recorder->pool, NULL);
    for (uint32_t i = 0; i < recorder->view_count; i++)
        device->vk.DestroyBufferView(device->handle, recorder->views[i], NULL);
    free(recorder->views);
    free(recorder->pending);
    free(recorder->labels);
    *recorder = (struct rv_recorder){0};
}

// A timestamp after all that was recorded so far, if there are to be any.
static void stamp(struct rv_recorder *recorder) {
    if (recorder->query_count < recorder->query_capacity)
        recorder->device->vk.CmdWriteTimestamp(recorder->commands,
                                               VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT,
                                               recorder->queries, recorder->query_count++);
}

enum rv_status rv_recorder_profile(struct rv_recorder *recorder, uint32_t dispatches) {
    enum rv_status status = RV_OK;
    struct rv_device *device = recorder->device;
    if (!device->limits.timestamp_bits)
        return RV_OK;
    recorder->labels = calloc(dispatches + 1, sizeof *recorder->labels);
    if (!recorder->labels)
        return rv_fail(RV_ERR_NO_MEMORY, "out of host memory while profiling");
    VkQueryPoolCreateInfo info = {.sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
                                  .queryType = VK_QUERY_TYPE_TIMESTAMP,
                                  .queryCount = dispatches + 1};
    RV_VK_TRY(device, CreateQueryPool(device->handle, &info, NULL, &recorder->queries));
    device->vk.CmdResetQueryPool(recorder->commands, recorder->queries, 0, dispatches + 1);
    recorder->query_capacity = dispatches + 1;
    stamp(recorder);
done:
    return status;
}

enum rv_status rv_recorder_time(struct rv_recorder *recorder) {
    recorder->whole = true;
    return rv_recorder_profile(recorder, 1);
}

enum rv_status rv_recorder_times(const struct rv_recorder *recorder, double *seconds) {
    enum rv_status status = RV_OK;
    struct rv_device *device = recorder->device;
    uint64_t *ticks = calloc(recorder->query_count + 1, sizeof *ticks);
    if (!ticks)
        return rv_fail(RV_ERR_NO_MEMORY, "out of host memory while profiling");
    RV_VK_TRY(device,
              GetQueryPoolResults(device->handle, recorder->queries, 0, recorder->query_count,
                                  recorder->query_count * sizeof *ticks, ticks, sizeof *ticks,
                                  VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WAIT_BIT));
    for (uint32_t i = 0; i + 1 < recorder->query_count; i++)
        seconds[i] = (double)(ticks[i + 1] - ticks[i]) * device->limits.timestamp_seconds;
done:
    free(ticks);
    return status;
}

static enum rv_status remember(struct rv_recorder *recorder, const struct rv_range *range,
                               enum rv_access access) {
    if (recorder->pending_count == recorder->pending_capacity) {
        uint32_t capacity = recorder->pending_capacity ? 2 * recorder->pending_capacity : 64;
        void *list = realloc(recorder->pending, capacity * sizeof *recorder->pending);
        if (!list)
            return rv_fail(RV_ERR_NO_MEMORY, "out of host memory while recording");
        recorder->pending = list;
        recorder->pending_capacity = capacity;
    }
    recorder->pending[recorder->pending_count++] = (struct rv_pending){*range, access};
    return RV_OK;
}

static bool conflicts(const struct rv_recorder *recorder, const struct rv_range *range,
                      enum rv_access access) {
    for (uint32_t i = 0; i < recorder->pending_count; i++)
        if (((access | recorder->pending[i].access) & RV_WRITE) &&
            rv_ranges_overlap(range, &recorder->pending[i].range))
            return true;
    return false;
}

static void barrier(struct rv_recorder *recorder) {
    VkMemoryBarrier memory = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
        .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT,
        .dstAccessMask = VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT |
                         VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT};
    VkPipelineStageFlags stages =
        VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT;
    recorder->device->vk.CmdPipelineBarrier(recorder->commands, stages, stages, 0, 1, &memory, 0,
                                            NULL, 0, NULL);
    recorder->pending_count = 0;
    recorder->barriers++;
}

static enum rv_status make_view(struct rv_recorder *recorder, const struct rv_binding *binding,
                                VkBufferView *view) {
    const struct rv_range *range = &binding->range;
    enum rv_status status = RV_OK;
    struct rv_device *device = recorder->device;
    if (recorder->view_count == recorder->view_capacity) {
        uint32_t capacity = recorder->view_capacity ? 2 * recorder->view_capacity : 64;
        void *list = realloc(recorder->views, capacity * sizeof *recorder->views);
        if (!list)
            return rv_fail(RV_ERR_NO_MEMORY, "out of host memory while recording");
        recorder->views = list;
        recorder->view_capacity = capacity;
    }
    VkBufferViewCreateInfo info = {.sType = VK_STRUCTURE_TYPE_BUFFER_VIEW_CREATE_INFO,
                                   .buffer = range->buffer->handle,
                                   .format = binding->fp16 ? VK_FORMAT_R16G16B16A16_SFLOAT
                                                           : VK_FORMAT_R32G32B32A32_SFLOAT,
                                   .offset = range->offset,
                                   .range = range->size};
    RV_VK_TRY(device, CreateBufferView(device->handle, &info, NULL, view));
    recorder->views[recorder->view_count++] = *view;
done:
    return status;
}

static enum rv_status check_range(const struct rv_device *device,
                                  const struct rv_dispatch *dispatch,
                                  const struct rv_binding *binding) {
    bool texel = binding->slot >= RV_BUFFER_SLOTS;
    uint64_t size = binding->range.size;
    uint64_t limit =
        texel ? rv_texel_bytes(&device->limits, binding->fp16) : device->limits.storage_range;
    if (size <= limit)
        return RV_OK;
    return rv_fail(RV_ERR_NO_MEMORY,
                   "%s: a tensor of %.0f MiB is over the %.0f MiB that the device can show to a "
                   "kernel: use a smaller picture (--size)",
                   dispatch->label, (double)size / 1048576, (double)limit / 1048576);
}

static enum rv_status add_pool(struct rv_recorder *recorder) {
    enum rv_status status = RV_OK;
    struct rv_device *device = recorder->device;
    uint32_t count = recorder->pool_count, dispatches = recorder->pool_sets;
    void *list = realloc(recorder->descriptors, (count + 1) * sizeof *recorder->descriptors);
    if (!list)
        return rv_fail(RV_ERR_NO_MEMORY, "out of host memory while recording");
    recorder->descriptors = list;
    VkDescriptorPoolSize sizes[] = {
        {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, dispatches * RV_BUFFER_SLOTS},
        {VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER, dispatches * RV_TEXEL_SLOTS}};
    VkDescriptorPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
                                       .maxSets = dispatches,
                                       .poolSizeCount = 2,
                                       .pPoolSizes = sizes};
    RV_VK_TRY(device,
              CreateDescriptorPool(device->handle, &pool, NULL, &recorder->descriptors[count]));
    recorder->pool_count++;
    recorder->sets_left = dispatches;
done:
    return status;
}

static enum rv_status bind(struct rv_recorder *recorder, const struct rv_dispatch *dispatch) {
    enum rv_status status = RV_OK;
    struct rv_device *device = recorder->device;
    VkDescriptorSet set;
    if (recorder->sets_left == 0)
        RV_TRY(add_pool(recorder));
    VkDescriptorSetAllocateInfo allocate = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
                                            .descriptorPool =
                                                recorder->descriptors[recorder->pool_count - 1],
                                            .descriptorSetCount = 1,
                                            .pSetLayouts = &device->pipelines->set_layout};
    RV_VK_TRY(device, AllocateDescriptorSets(device->handle, &allocate, &set));
    recorder->sets_left--;
    VkDescriptorBufferInfo buffers[RV_BINDING_MAX];
    VkBufferView views[RV_BINDING_MAX];
    VkWriteDescriptorSet writes[RV_BINDING_MAX];
    for (uint32_t i = 0; i < dispatch->binding_count; i++) {
        const struct rv_binding *binding = &dispatch->bindings[i];
        bool texel = binding->slot >= RV_BUFFER_SLOTS;
        RV_TRY(check_range(device, dispatch, binding));
        writes[i] = (VkWriteDescriptorSet){.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
                                           .dstSet = set,
                                           .dstBinding = binding->slot,
                                           .descriptorCount = 1};
        if (texel) {
            RV_TRY(make_view(recorder, binding, &views[i]));
            writes[i].descriptorType = VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER;
            writes[i].pTexelBufferView = &views[i];
        } else {
            buffers[i] = (VkDescriptorBufferInfo){binding->range.buffer->handle,
                                                  binding->range.offset, binding->range.size};
            writes[i].descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER;
            writes[i].pBufferInfo = &buffers[i];
        }
    }
    device->vk.UpdateDescriptorSets(device->handle, dispatch->binding_count, writes, 0, NULL);
    device->vk.CmdBindDescriptorSets(recorder->commands, VK_PIPELINE_BIND_POINT_COMPUTE,
                                     device->pipelines->layout, 0, 1, &set, 0, NULL);
done:
    return status;
}

enum rv_status rv_record_dispatch(struct rv_recorder *recorder,
                                  const struct rv_dispatch *dispatch) {
    enum rv_status status = RV_OK;
    struct rv_device *device = recorder->device;
    VkPipeline pipeline;
    if (recorder->foreseeing)
        return rv_pipeline_want(device, dispatch->shader, dispatch->spec, dispatch->spec_count);
    RV_TRY(
        rv_pipeline_get(device, dispatch->shader, dispatch->spec, dispatch->spec_count, &pipeline));
    for (uint32_t i = 0; i < dispatch->binding_count; i++)
        if (conflicts(recorder, &dispatch->bindings[i].range, dispatch->bindings[i].access)) {
            barrier(recorder);
            break;
        }
    for (uint32_t i = 0; i < dispatch->binding_count; i++)
        RV_TRY(remember(recorder, &dispatch->bindings[i].range, dispatch->bindings[i].access));
    device->vk.CmdBindPipeline(recorder->commands, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline);
    RV_TRY(bind(recorder, dispatch));
    if (dispatch->push_size)
        device->vk.CmdPushConstants(recorder->commands, device->pipelines->layout,
                                    VK_SHADER_STAGE_COMPUTE_BIT, 0, dispatch->push_size,
                                    dispatch->push);
    if (device->messenger) {
        VkDebugUtilsLabelEXT label = {.sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_LABEL_EXT,
                                      .pLabelName = dispatch->label};
        device->vk.CmdBeginDebugUtilsLabelEXT(recorder->commands, &label);
    }
    device->vk.CmdDispatch(recorder->commands, dispatch->groups[0], dispatch->groups[1],
                           dispatch->groups[2]);
    if (device->messenger)
        device->vk.CmdEndDebugUtilsLabelEXT(recorder->commands);
    if (recorder->query_count < recorder->query_capacity && !recorder->whole) {
        recorder->labels[recorder->query_count - 1] = dispatch->label;
        stamp(recorder);
    }
    recorder->dispatches++;
done:
    return status;
}

enum rv_status rv_record_copies(struct rv_recorder *recorder, struct rv_range from,
                                struct rv_range to, const VkBufferCopy *pieces, uint32_t count) {
    if (recorder->foreseeing)
        return RV_OK;
    if (conflicts(recorder, &from, RV_READ) || conflicts(recorder, &to, RV_WRITE))
        barrier(recorder);
    recorder->device->vk.CmdCopyBuffer(recorder->commands, from.buffer->handle, to.buffer->handle,
                                       count, pieces);
    enum rv_status status = remember(recorder, &from, RV_READ);
    return status == RV_OK ? remember(recorder, &to, RV_WRITE) : status;
}

enum rv_status rv_record_copy(struct rv_recorder *recorder, struct rv_range from,
                              struct rv_range to) {
    VkBufferCopy piece = {from.offset, to.offset, from.size};
    return rv_record_copies(recorder, from, to, &piece, 1);
}

enum rv_status rv_record_clear(struct rv_recorder *recorder, struct rv_range range) {
    if (recorder->foreseeing)
        return RV_OK;
    if (conflicts(recorder, &range, RV_WRITE))
        barrier(recorder);
    recorder->device->vk.CmdFillBuffer(recorder->commands, range.buffer->handle, range.offset,
                                       range.size, 0);
    return remember(recorder, &range, RV_WRITE);
}

// ------------------------------------------------------------------------------------------------
// Images

static void move_image(struct rv_recorder *recorder, const struct rv_image_use *use,
                       VkImageLayout from, VkImageLayout to, uint32_t from_family,
                       uint32_t to_family) {
    VkImageMemoryBarrier barrier = {.sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER,
                                    .srcAccessMask = VK_ACCESS_MEMORY_WRITE_BIT,
                                    .dstAccessMask =
                                        VK_ACCESS_MEMORY_READ_BIT | VK_ACCESS_MEMORY_WRITE_BIT,
                                    .oldLayout = from,
                                    .newLayout = to,
                                    .srcQueueFamilyIndex = from_family,
                                    .dstQueueFamilyIndex = to_family,
                                    .image = use->image,
                                    .subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1}};
    recorder->device->vk.CmdPipelineBarrier(recorder->commands, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT,
                                            VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, 0, 0, NULL, 0, NULL,
                                            1, &barrier);
}

static bool is_ours(const struct rv_recorder *recorder, const struct rv_image_use *use) {
    return use->queue_family == VK_QUEUE_FAMILY_IGNORED ||
           use->queue_family == recorder->device->queue_family;
}

// A transfer of ownership keeps the layout, so that its two halves agree whatever we do with it.
static void take_image(struct rv_recorder *recorder, const struct rv_image_use *use,
                       VkImageLayout layout) {
    const uint32_t none = VK_QUEUE_FAMILY_IGNORED;
    if (!is_ours(recorder, use) && use->layout != VK_IMAGE_LAYOUT_UNDEFINED)
        move_image(recorder, use, use->layout, use->layout, use->queue_family,
                   recorder->device->queue_family);
    move_image(recorder, use, use->layout, layout, none, none);
}

static void return_image(struct rv_recorder *recorder, const struct rv_image_use *use,
                         VkImageLayout layout) {
    const uint32_t none = VK_QUEUE_FAMILY_IGNORED;
    move_image(recorder, use, layout, use->layout_after, none, none);
    if (!is_ours(recorder, use))
        move_image(recorder, use, use->layout_after, use->layout_after,
                   recorder->device->queue_family, use->queue_family);
}

static VkBufferImageCopy all_pixels(const struct rv_image_use *use, uint64_t offset) {
    return (VkBufferImageCopy){.bufferOffset = offset,
                               .imageSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1},
                               .imageExtent = {use->width, use->height, 1}};
}

enum rv_status rv_record_image_read(struct rv_recorder *recorder, const struct rv_image_use *from,
                                    struct rv_range to) {
    VkBufferImageCopy copy = all_pixels(from, to.offset);
    const VkImageLayout layout = VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL;
    if (conflicts(recorder, &to, RV_WRITE))
        barrier(recorder);
    take_image(recorder, from, layout);
    recorder->device->vk.CmdCopyImageToBuffer(recorder->commands, from->image, layout,
                                              to.buffer->handle, 1, &copy);
    return_image(recorder, from, layout);
    return remember(recorder, &to, RV_WRITE);
}

enum rv_status rv_record_image_write(struct rv_recorder *recorder, struct rv_range from,
                                     const struct rv_image_use *to) {
    VkBufferImageCopy copy = all_pixels(to, from.offset);
    const VkImageLayout layout = VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL;
    if (conflicts(recorder, &from, RV_READ))
        barrier(recorder);
    take_image(recorder, to, layout);
    recorder->device->vk.CmdCopyBufferToImage(recorder->commands, from.buffer->handle, to->image,
                                              layout, 1, &copy);
    return_image(recorder, to, layout);
    return remember(recorder, &from, RV_READ);
}

// ------------------------------------------------------------------------------------------------
// Ending and submitting

void rv_recorder_close(struct rv_recorder *recorder) {
    VkMemoryBarrier host = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                            .srcAccessMask = VK_ACCESS_MEMORY_WRITE_BIT,
                            .dstAccessMask = VK_ACCESS_HOST_READ_BIT};
    recorder->device->vk.CmdPipelineBarrier(recorder->commands, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT,
                                            VK_PIPELINE_STAGE_HOST_BIT, 0, 1, &host, 0, NULL, 0,
                                            NULL);
}

enum rv_status rv_recorder_end(struct rv_recorder *recorder) {
    enum rv_status status = RV_OK;
    if (recorder->whole)
        stamp(recorder);
    rv_recorder_close(recorder);
    RV_VK_TRY(recorder->device, EndCommandBuffer(recorder->commands));
    recorder->ended = true;
done:
    return status;
}

enum rv_status rv_recorder_submit(struct rv_recorder *recorder, uint64_t *value) {
    return rv_device_submit(recorder->device, recorder->commands, NULL, value);
}

enum rv_status rv_recorder_meet(struct rv_recorder *recorder, const struct rv_meeting *meeting,
                                uint64_t *value) {
    return rv_device_submit(recorder->device, recorder->commands, meeting, value);
}

enum rv_status rv_recorder_run(struct rv_recorder *recorder) {
    uint64_t value;
    enum rv_status status;
    RV_TRY(rv_recorder_end(recorder));
    RV_TRY(rv_recorder_submit(recorder, &value));
    status = rv_device_wait(recorder->device, value);
done:
    return status;
}
