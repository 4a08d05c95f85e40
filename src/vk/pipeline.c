#include "vk/pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/parallel.h"
#include "vk/shaders.h"

// The file holds this header and the driver's blob. A file that is cut, altered or another driver's
// is ignored: the driver need never see it.
struct cache_header {
    char magic[8];
    uint8_t uuid[VK_UUID_SIZE]; // pipelineCacheUUID
    uint64_t size, hash;        // of the blob
};
static const char cache_magic[8] = "RVCACHE1";

static uint64_t hash_bytes(const uint8_t *bytes, size_t size) {
    return rv_hash_bytes(RV_HASH_START, bytes, size);
}

static void cache_identity(struct rv_device *device, struct cache_header *header, char *path,
                           size_t capacity) {
    VkPhysicalDeviceProperties2 properties = {.sType =
                                                  VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2};
    device->vk.GetPhysicalDeviceProperties2(device->physical, &properties);
    memcpy(header->magic, cache_magic, sizeof cache_magic);
    memcpy(header->uuid, properties.properties.pipelineCacheUUID, VK_UUID_SIZE);
    snprintf(path, capacity, "%.500s/pipelines-%08x-%08x.bin", device->cache_dir,
             device->info.vendor_id, device->info.device_id);
}

static enum rv_status load_cache(struct rv_device *device) {
    enum rv_status status = RV_OK;
    if (device->lent_cache) {
        device->pipelines->cache = device->lent_cache;
        return RV_OK;
    }
    struct cache_header expected = {0}, header = {0};
    struct rv_error_kept error; // at the first start there is no file
    char path[600];
    uint8_t *data = NULL;
    size_t size = 0;
    cache_identity(device, &expected, path, sizeof path);
    rv_error_keep(&error);
    VkPipelineCacheCreateInfo info = {.sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO};
    if (device->cache_dir[0])
        (void)rv_file_read(path, 256u << 20, &data, &size);
    rv_error_put_back(&error);
    if (size >= sizeof header) {
        memcpy(&header, data, sizeof header);
        if (memcmp(header.magic, expected.magic, sizeof header.magic) == 0 &&
            memcmp(header.uuid, expected.uuid, sizeof header.uuid) == 0 &&
            header.size == size - sizeof header &&
            header.hash == hash_bytes(data + sizeof header, size - sizeof header)) {
            info.initialDataSize = size - sizeof header;
            info.pInitialData = data + sizeof header;
        } else {
            rv_device_log(device, RV_LOG_INFO, "%s: not this driver's pipeline cache, ignored",
                          path);
        }
    }
    device->pipelines->loaded_cache_size = info.initialDataSize;
    RV_VK_TRY(device, CreatePipelineCache(device->handle, &info, NULL, &device->pipelines->cache));
done:
    free(data);
    return status;
}

static void save_cache(struct rv_device *device) {
    struct rv_pipelines *pipelines = device->pipelines;
    struct cache_header header = {0};
    size_t size = 0;
    char path[600];
    if (!device->cache_dir[0] || !pipelines->cache || device->lent_cache || device->lost ||
        device->vk.GetPipelineCacheData(device->handle, pipelines->cache, &size, NULL) < 0 ||
        size <= pipelines->loaded_cache_size)
        return;
    uint8_t *data = malloc(sizeof header + size);
    struct rv_error_kept error; // the caller may yet want to say it: closing a device does not fail
    rv_error_keep(&error);
    if (data && device->vk.GetPipelineCacheData(device->handle, pipelines->cache, &size,
                                                data + sizeof header) >= 0) {
        cache_identity(device, &header, path, sizeof path);
        header.size = size;
        header.hash = hash_bytes(data + sizeof header, size);
        memcpy(data, &header, sizeof header);
        if (rv_file_make_folder(device->cache_dir) != RV_OK ||
            rv_file_write(path, data, sizeof header + size) != RV_OK)
            rv_device_log(device, RV_LOG_INFO, "pipeline cache not kept: %s", rv_error_text());
    }
    rv_error_put_back(&error);
    free(data);
}

enum rv_status rv_pipelines_create(struct rv_device *device) {
    enum rv_status status = RV_OK;
    struct rv_pipelines *pipelines = device->pipelines = calloc(1, sizeof *pipelines);
    if (!pipelines)
        return rv_fail(RV_ERR_NO_MEMORY, "out of host memory while opening a device");
    VkDescriptorSetLayoutBinding bindings[RV_BINDING_MAX];
    for (uint32_t i = 0; i < RV_BINDING_MAX; i++)
        bindings[i] = (VkDescriptorSetLayoutBinding){
            .binding = i,
            .descriptorType = i < RV_BUFFER_SLOTS ? VK_DESCRIPTOR_TYPE_STORAGE_BUFFER
                                                  : VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER,
            .descriptorCount = 1,
            .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT};
    VkDescriptorSetLayoutCreateInfo set = {.sType =
                                               VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
                                           .bindingCount = RV_BINDING_MAX,
                                           .pBindings = bindings};
    RV_VK_TRY(device,
              CreateDescriptorSetLayout(device->handle, &set, NULL, &pipelines->set_layout));
    VkPushConstantRange push = {.stageFlags = VK_SHADER_STAGE_COMPUTE_BIT, .size = RV_PUSH_BYTES};
    VkPipelineLayoutCreateInfo layout = {.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
                                         .setLayoutCount = 1,
                                         .pSetLayouts = &pipelines->set_layout,
                                         .pushConstantRangeCount = 1,
                                         .pPushConstantRanges = &push};
    RV_VK_TRY(device, CreatePipelineLayout(device->handle, &layout, NULL, &pipelines->layout));
    status = load_cache(device);
done:
    return status;
}

void rv_pipelines_destroy(struct rv_device *device) {
    struct rv_pipelines *pipelines = device->pipelines;
    if (!pipelines)
        return;
    save_cache(device);
    for (uint32_t i = 0; i < pipelines->count; i++)
        device->vk.DestroyPipeline(device->handle, pipelines->list[i].handle, NULL);
    if (!device->lent_cache)
        device->vk.DestroyPipelineCache(device->handle, pipelines->cache, NULL);
    device->vk.DestroyPipelineLayout(device->handle, pipelines->layout, NULL);
    device->vk.DestroyDescriptorSetLayout(device->handle, pipelines->set_layout, NULL);
    free(pipelines->list);
    free(pipelines);
    device->pipelines = NULL;
}

const struct rv_shader *rv_shader_find(const char *name) {
    for (const struct rv_shader *shader = rv_shaders; shader->name; shader++)
        if (strcmp(shader->name, name) == 0)
            return shader;
    return NULL;
}

uint64_t rv_shaders_hash(void) {
    uint64_t hash = RV_HASH_START;
    for (const struct rv_shader *shader = rv_shaders; shader->name; shader++)
        hash = rv_hash_bytes(hash, shader->words, shader->size);
    return hash;
}

// Invocations of a workgroup, from the module's OpExecutionMode LocalSize; 0 if there is none.
static uint32_t local_size(const struct rv_shader *shader) {
    enum { HEADER = 5, OP_EXECUTION_MODE = 16, LOCAL_SIZE = 17 };
    size_t count = shader->size / sizeof *shader->words;
    for (size_t i = HEADER; i < count && shader->words[i] >> 16; i += shader->words[i] >> 16)
        if ((shader->words[i] & 0xffff) == OP_EXECUTION_MODE && shader->words[i + 2] == LOCAL_SIZE)
            return shader->words[i + 3] * shader->words[i + 4] * shader->words[i + 5];
    return 0;
}

// Whether the module works on cooperative matrices, whose kernels need whole subgroups of one size.
static bool has_matrices(const struct rv_shader *shader) {
    enum { HEADER = 5, OP_CAPABILITY = 17, COOPERATIVE_MATRIX = 6022 };
    size_t count = shader->size / sizeof *shader->words;
    for (size_t i = HEADER; i < count && (shader->words[i] & 0xffff) == OP_CAPABILITY;
         i += shader->words[i] >> 16)
        if (shader->words[i + 1] == COOPERATIVE_MATRIX)
            return true;
    return false;
}

// Makes the entry's pipeline. Touches nothing else of the device, so that threads may compile at
// the same time: the cache is the driver's to guard. *call names what failed.
static VkResult compile(struct rv_device *device, struct rv_pipeline *entry, const char **call) {
    const struct rv_shader *shader = rv_shader_find(entry->shader);
    VkShaderModule module = VK_NULL_HANDLE;
    VkSpecializationMapEntry entries[RV_SPEC_MAX];
    for (uint32_t i = 0; i < entry->spec_count; i++)
        entries[i] = (VkSpecializationMapEntry){i, i * 4, 4};
    VkSpecializationInfo specialization = {entry->spec_count, entries, entry->spec_count * 4,
                                           entry->spec};
    VkShaderModuleCreateInfo info = {.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
                                     .codeSize = shader->size,
                                     .pCode = shader->words};
    *call = "vkCreateShaderModule";
    VkResult result = device->vk.CreateShaderModule(device->handle, &info, NULL, &module);
    if (result != VK_SUCCESS)
        return result;
    VkPipelineShaderStageRequiredSubgroupSizeCreateInfo subgroup = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO,
        .requiredSubgroupSize = device->limits.matrices.subgroup};
    bool matrices = has_matrices(shader);
    VkComputePipelineCreateInfo create = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                  .pNext = matrices ? &subgroup : NULL,
                  .flags =
                      matrices ? VK_PIPELINE_SHADER_STAGE_CREATE_REQUIRE_FULL_SUBGROUPS_BIT : 0,
                  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                  .module = module,
                  .pName = "main",
                  .pSpecializationInfo = &specialization},
        .layout = device->pipelines->layout};
    *call = "vkCreateComputePipelines";
    result = device->vk.CreateComputePipelines(device->handle, device->pipelines->cache, 1, &create,
                                               NULL, &entry->handle);
    device->vk.DestroyShaderModule(device->handle, module, NULL);
    if (result == VK_SUCCESS)
        rv_device_name(device, VK_OBJECT_TYPE_PIPELINE, (uint64_t)(uintptr_t)entry->handle,
                       shader->name);
    return result;
}

// The entry of that name and those constants, a new one if there is none.
static enum rv_status find_entry(struct rv_device *device, const char *name, const uint32_t *spec,
                                 uint32_t spec_count, struct rv_pipeline **found) {
    struct rv_pipelines *pipelines = device->pipelines;
    for (uint32_t i = 0; i < pipelines->count; i++) {
        struct rv_pipeline *entry = *found = &pipelines->list[i];
        if (strcmp(entry->shader, name) == 0 && entry->spec_count == spec_count &&
            (spec_count == 0 || memcmp(entry->spec, spec, spec_count * sizeof *spec) == 0))
            return RV_OK;
    }
    const struct rv_shader *shader = rv_shader_find(name);
    if (!shader)
        return rv_fail(RV_ERR_USAGE, "no shader is called \"%s\"", name);
    if (local_size(shader) == 0 || local_size(shader) > device->limits.invocations)
        return rv_fail(RV_ERR_NO_DEVICE, "%s: a workgroup has %u invocations, the device allows %u",
                       name, local_size(shader), device->limits.invocations);
    if (pipelines->count == pipelines->capacity) {
        uint32_t capacity = pipelines->capacity ? 2 * pipelines->capacity : 32;
        void *list = realloc(pipelines->list, capacity * sizeof *pipelines->list);
        if (!list)
            return rv_fail(RV_ERR_NO_MEMORY, "out of host memory while compiling %s", name);
        pipelines->list = list;
        pipelines->capacity = capacity;
    }
    *found = &pipelines->list[pipelines->count++];
    **found = (struct rv_pipeline){.shader = shader->name, .spec_count = spec_count};
    if (spec_count)
        memcpy((*found)->spec, spec, spec_count * sizeof *spec);
    return RV_OK;
}

enum rv_status rv_pipeline_want(struct rv_device *device, const char *name, const uint32_t *spec,
                                uint32_t spec_count) {
    struct rv_pipeline *entry;
    return find_entry(device, name, spec, spec_count, &entry);
}

// What went wrong in one of the threads: the first by index, so that it is always the same.
struct compiling {
    struct rv_device *device;
    struct rv_pipeline **entries;
    VkResult *results;
    const char **calls;
};

static enum rv_status compile_one(void *user, uint32_t index) {
    const struct compiling *c = user;
    c->results[index] = compile(c->device, c->entries[index], &c->calls[index]);
    return c->results[index] == VK_SUCCESS ? RV_OK : RV_ERR_NO_DEVICE;
}

enum rv_status rv_pipelines_compile(struct rv_device *device) {
    struct rv_pipelines *pipelines = device->pipelines;
    struct compiling c = {.device = device,
                          .entries = calloc(pipelines->count + 1, sizeof *c.entries),
                          .results = calloc(pipelines->count + 1, sizeof *c.results),
                          .calls = calloc(pipelines->count + 1, sizeof *c.calls)};
    enum rv_status status = RV_OK;
    uint32_t count = 0;
    if (!c.entries || !c.results || !c.calls) {
        status = rv_fail(RV_ERR_NO_MEMORY, "out of host memory while compiling kernels");
        goto done;
    }
    for (uint32_t i = 0; i < pipelines->count; i++)
        if (!pipelines->list[i].handle)
            c.entries[count++] = &pipelines->list[i];
    rv_parallel(count, compile_one, &c);
    for (uint32_t i = 0; i < count && status == RV_OK; i++)
        if (c.results[i] != VK_SUCCESS)
            status = rv_device_fail(device, c.results[i], c.calls[i]);
done:
    free(c.entries);
    free(c.results);
    free(c.calls);
    return status;
}

enum rv_status rv_pipelines_compile_next(struct rv_device *device, bool *any) {
    struct rv_pipelines *pipelines = device->pipelines;
    const char *call;
    for (uint32_t i = 0; i < pipelines->count; i++) {
        if (pipelines->list[i].handle)
            continue;
        *any = true;
        VkResult result = compile(device, &pipelines->list[i], &call);
        return result == VK_SUCCESS ? RV_OK : rv_device_fail(device, result, call);
    }
    *any = false;
    return RV_OK;
}

enum rv_status rv_pipeline_get(struct rv_device *device, const char *name, const uint32_t *spec,
                               uint32_t spec_count, VkPipeline *pipeline) {
    struct rv_pipeline *entry;
    const char *call;
    enum rv_status status = find_entry(device, name, spec, spec_count, &entry);
    if (status != RV_OK)
        return status;
    if (!entry->handle) {
        VkResult result = compile(device, entry, &call);
        if (result != VK_SUCCESS)
            return rv_device_fail(device, result, call);
    }
    *pipeline = entry->handle;
    return RV_OK;
}
