// Recording dispatches over byte ranges. Barriers follow from what each dispatch declares to read
// and write: nobody writes one by hand.
#ifndef RV_VK_RECORD_H
#define RV_VK_RECORD_H

#include "vk/memory.h"
#include "vk/pipeline.h"

// Bytes of a buffer.
struct rv_range {
    const struct rv_buffer *buffer;
    uint64_t offset, size;
};

enum rv_access { RV_READ = 1, RV_WRITE = 2, RV_READ_WRITE = 3 };

struct rv_binding {
    uint32_t slot; // < RV_BUFFER_SLOTS: a storage buffer; from there on: a texel buffer (read only)
    enum rv_access access;
    struct rv_range range; // offset and size are multiples of 256, which any device's alignment
                           // divides (the specification's upper bound)
    bool fp16;             // texel buffer: an element is four halves, not four floats
};

struct rv_dispatch {
    const char *shader, *label;
    const uint32_t *spec;
    uint32_t spec_count;
    const void *push;
    uint32_t push_size;
    const struct rv_binding *bindings;
    uint32_t binding_count;
    uint32_t groups[3];
};

struct rv_recorder {
    struct rv_device *device;
    VkCommandBuffer commands;
    VkCommandPool pool;
    VkDescriptorPool *descriptors; // the last has room for `sets_left` dispatches
    uint32_t pool_count, pool_sets, sets_left;
    VkBufferView *views; // of the texel buffers bound so far
    uint32_t view_count, view_capacity;
    VkQueryPool queries;  // NULL unless profiling
    uint32_t query_count; // timestamps written; dispatch i lies between i and i + 1
    uint32_t query_capacity;
    const char **labels; // of the profiled dispatches; borrowed from them
    bool whole;          // only the first and the last
    struct rv_pending {
        struct rv_range range;
        enum rv_access access;
    } * pending; // accesses since the last barrier
    uint32_t pending_count, pending_capacity;
    uint32_t barriers, dispatches; // recorded so far
    bool ended;
    bool foreseeing; // see rv_recorder_foresee
};

// Begins a command buffer, to be submitted any number of times. `dispatches` is how many are
// expected: it grows where there are more (a picture in bands).
enum rv_status rv_recorder_init(struct rv_recorder *recorder, struct rv_device *device,
                                uint32_t dispatches);
void rv_recorder_finish(struct rv_recorder *recorder); // the work must have run
// The same in somebody else's command buffer, which is being recorded. Closed instead of ended; not
// submitted by us.
enum rv_status rv_recorder_wrap(struct rv_recorder *recorder, struct rv_device *device,
                                VkCommandBuffer commands, uint32_t dispatches);
void rv_recorder_close(struct rv_recorder *recorder);
// Adds GPU timestamps around every dispatch from here on. No effect without timestamp support.
enum rv_status rv_recorder_profile(struct rv_recorder *recorder, uint32_t dispatches);
// Two timestamps only: from here to the end of the recording. No effect without timestamp support.
enum rv_status rv_recorder_time(struct rv_recorder *recorder);
// Seconds that each profiled dispatch took in the last run; `seconds` has recorder->dispatches
// items, or one after rv_recorder_time.
enum rv_status rv_recorder_times(const struct rv_recorder *recorder, double *seconds);

enum rv_status rv_record_dispatch(struct rv_recorder *recorder, const struct rv_dispatch *dispatch);
enum rv_status rv_record_copy(struct rv_recorder *recorder, struct rv_range from,
                              struct rv_range to);
// Fills it with zeros.
enum rv_status rv_record_clear(struct rv_recorder *recorder, struct rv_range range);
// Several pieces at once, as offsets in the two buffers; `from` and `to` cover them all.
enum rv_status rv_record_copies(struct rv_recorder *recorder, struct rv_range from,
                                struct rv_range to, const VkBufferCopy *pieces, uint32_t count);

// Somebody's image, and what becomes of it: see rv_vulkan_image.
struct rv_image_use {
    VkImage image;
    uint32_t width, height;
    VkImageLayout layout, layout_after;
    uint32_t queue_family; // VK_QUEUE_FAMILY_IGNORED = ours
};
// Copies all of its pixels, row by row without padding, to or from a buffer.
enum rv_status rv_record_image_read(struct rv_recorder *recorder, const struct rv_image_use *from,
                                    struct rv_range to);
enum rv_status rv_record_image_write(struct rv_recorder *recorder, struct rv_range from,
                                     const struct rv_image_use *to);
enum rv_status rv_recorder_end(struct rv_recorder *recorder);
enum rv_status rv_recorder_submit(struct rv_recorder *recorder, uint64_t *value);
enum rv_status rv_recorder_meet(struct rv_recorder *recorder, const struct rv_meeting *meeting,
                                uint64_t *value); // the same, among others' semaphores
// Makes a recorder that records nothing: what is recorded with it says which pipelines will be
// wanted (see rv_pipelines_compile). It need not be finished.
void rv_recorder_foresee(struct rv_recorder *recorder, struct rv_device *device);
// Ends the recording, submits it and waits: for work that is done once.
enum rv_status rv_recorder_run(struct rv_recorder *recorder);

// True if the two ranges share a byte.
bool rv_ranges_overlap(const struct rv_range *a, const struct rv_range *b);

#endif
