// Compute pipelines by shader name and specialization constants, made on first use or all
// at once, cached on disk.
#ifndef RV_VK_PIPELINE_H
#define RV_VK_PIPELINE_H

#include "vk/device.h"

// Every kernel shares one set layout: slots 0..7 are storage buffers, 8..10 uniform texel buffers.
#define RV_BUFFER_SLOTS 8
#define RV_TEXEL_SLOTS 3
#define RV_BINDING_MAX (RV_BUFFER_SLOTS + RV_TEXEL_SLOTS)
#define RV_PUSH_BYTES 128 // push constants; the guaranteed size
#define RV_SPEC_MAX 12    // specialization constants, ids 0..11, 32 bits each

struct rv_pipelines {
    VkDescriptorSetLayout set_layout;
    VkPipelineLayout layout;
    VkPipelineCache cache;
    size_t loaded_cache_size; // bytes taken from the disk; the file is rewritten when it grew
    struct rv_pipeline {
        const char *shader;
        uint32_t spec_count, spec[RV_SPEC_MAX];
        VkPipeline handle; // NULL until it is compiled
    } * list;
    uint32_t count, capacity;
};

enum rv_status rv_pipelines_create(struct rv_device *device);
void rv_pipelines_destroy(struct rv_device *device);

// Says that a pipeline will be wanted; rv_pipelines_compile then compiles all of these at once, on
// all processors. Fails as rv_pipeline_get does, but for what the driver finds.
enum rv_status rv_pipeline_want(struct rv_device *device, const char *shader, const uint32_t *spec,
                                uint32_t spec_count);
enum rv_status rv_pipelines_compile(struct rv_device *device);
// Compiles a single one of them. False in *any: there was none left.
enum rv_status rv_pipelines_compile_next(struct rv_device *device, bool *any);

// The pipeline of that shader with spec[i] as constant_id i. Owned by the device.
enum rv_status rv_pipeline_get(struct rv_device *device, const char *shader, const uint32_t *spec,
                               uint32_t spec_count, VkPipeline *pipeline);

#endif
