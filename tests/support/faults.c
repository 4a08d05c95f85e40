#include "support/faults.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { LOSES = 1 << FAULTS_LOST, SHORT = 1 << FAULTS_MEMORY, HEAP = 1 << FAULTS_HEAP };

// Kernels are compiled in several threads.
static atomic_uint armed, calls, failed; // armed: one of the bits above; 0 = none
static uint32_t failing_at;
static bool failing_on;
static struct host *device_host;

void faults_arm(enum faults_kind kind, uint32_t at, bool lasting) {
    failing_at = at;
    failing_on = lasting || kind == FAULTS_LOST;
    atomic_store(&calls, 0);
    atomic_store(&failed, 0);
    atomic_store(&armed, 1u << kind);
}

uint32_t faults_disarm(void) {
    atomic_store(&armed, 0);
    return atomic_load(&failed);
}

// Whether this call of a function that can fail in these ways does.
static bool fails(uint32_t ways) {
    if (!(atomic_load(&armed) & ways))
        return false;
    uint32_t call = atomic_fetch_add(&calls, 1) + 1;
    bool now = call == failing_at || (failing_on && call > failing_at);
    if (now)
        atomic_fetch_add(&failed, 1);
    return now;
}

// ------------------------------------------------------------------------------------------------
// The driver

static VkResult result_of(uint32_t ways) {
    if (!fails(ways))
        return VK_SUCCESS;
    if (!(atomic_load(&armed) & LOSES))
        return failing_at % 2 ? VK_ERROR_OUT_OF_DEVICE_MEMORY : VK_ERROR_OUT_OF_HOST_MEMORY;
    device_host->QueueWaitIdle(device_host->queue);
    return VK_ERROR_DEVICE_LOST;
}

#define A const VkAllocationCallbacks *a
#define HOOKS(X)                                                                                   \
    X(QueueSubmit, LOSES | SHORT, (VkQueue q, uint32_t n, const VkSubmitInfo *i, VkFence f),       \
      (q, n, i, f))                                                                                \
    X(WaitSemaphores, LOSES, (VkDevice d, const VkSemaphoreWaitInfo *i, uint64_t t), (d, i, t))    \
    X(GetQueryPoolResults, LOSES | SHORT,                                                          \
      (VkDevice d, VkQueryPool p, uint32_t f, uint32_t n, size_t s, void *to, VkDeviceSize w,      \
       VkQueryResultFlags r),                                                                      \
      (d, p, f, n, s, to, w, r))                                                                   \
    X(CreateSemaphore, SHORT, (VkDevice d, const VkSemaphoreCreateInfo *i, A, VkSemaphore *o),     \
      (d, i, a, o))                                                                                \
    X(CreateBuffer, SHORT, (VkDevice d, const VkBufferCreateInfo *i, A, VkBuffer *o),              \
      (d, i, a, o))                                                                                \
    X(CreateBufferView, SHORT, (VkDevice d, const VkBufferViewCreateInfo *i, A, VkBufferView *o),  \
      (d, i, a, o))                                                                                \
    X(AllocateMemory, SHORT, (VkDevice d, const VkMemoryAllocateInfo *i, A, VkDeviceMemory *o),    \
      (d, i, a, o))                                                                                \
    X(BindBufferMemory, SHORT, (VkDevice d, VkBuffer b, VkDeviceMemory m, VkDeviceSize o),         \
      (d, b, m, o))                                                                                \
    X(MapMemory, SHORT,                                                                            \
      (VkDevice d, VkDeviceMemory m, VkDeviceSize o, VkDeviceSize s, VkMemoryMapFlags f,           \
       void **p),                                                                                  \
      (d, m, o, s, f, p))                                                                          \
    X(CreateShaderModule, SHORT,                                                                   \
      (VkDevice d, const VkShaderModuleCreateInfo *i, A, VkShaderModule *o), (d, i, a, o))         \
    X(CreateDescriptorSetLayout, SHORT,                                                            \
      (VkDevice d, const VkDescriptorSetLayoutCreateInfo *i, A, VkDescriptorSetLayout *o),         \
      (d, i, a, o))                                                                                \
    X(CreatePipelineLayout, SHORT,                                                                 \
      (VkDevice d, const VkPipelineLayoutCreateInfo *i, A, VkPipelineLayout *o), (d, i, a, o))     \
    X(CreatePipelineCache, SHORT,                                                                  \
      (VkDevice d, const VkPipelineCacheCreateInfo *i, A, VkPipelineCache *o), (d, i, a, o))       \
    X(CreateComputePipelines, SHORT,                                                               \
      (VkDevice d, VkPipelineCache c, uint32_t n, const VkComputePipelineCreateInfo *i, A,         \
       VkPipeline *o),                                                                             \
      (d, c, n, i, a, o))                                                                          \
    X(CreateDescriptorPool, SHORT,                                                                 \
      (VkDevice d, const VkDescriptorPoolCreateInfo *i, A, VkDescriptorPool *o), (d, i, a, o))     \
    X(AllocateDescriptorSets, SHORT,                                                               \
      (VkDevice d, const VkDescriptorSetAllocateInfo *i, VkDescriptorSet *o), (d, i, o))           \
    X(CreateCommandPool, SHORT,                                                                    \
      (VkDevice d, const VkCommandPoolCreateInfo *i, A, VkCommandPool *o), (d, i, a, o))           \
    X(AllocateCommandBuffers, SHORT,                                                               \
      (VkDevice d, const VkCommandBufferAllocateInfo *i, VkCommandBuffer *o), (d, i, o))           \
    X(BeginCommandBuffer, SHORT, (VkCommandBuffer b, const VkCommandBufferBeginInfo *i), (b, i))   \
    X(EndCommandBuffer, SHORT, (VkCommandBuffer b), (b))                                           \
    X(CreateQueryPool, SHORT, (VkDevice d, const VkQueryPoolCreateInfo *i, A, VkQueryPool *o),     \
      (d, i, a, o))

#define HOOK(name, ways, parameters, arguments)                                                    \
    static PFN_vk##name real_##name;                                                               \
    static VkResult VKAPI_PTR hooked_##name parameters {                                           \
        VkResult result = result_of(ways);                                                         \
        return result == VK_SUCCESS ? real_##name arguments : result;                              \
    }
HOOKS(HOOK)
#undef HOOK

static PFN_vkGetDeviceProcAddr real_device_get;

static PFN_vkVoidFunction VKAPI_PTR get_of_device(VkDevice device, const char *name) {
    PFN_vkVoidFunction real = real_device_get(device, name);
#define HOOK(hooked, ways, parameters, arguments)                                                  \
    if (strcmp(name, "vk" #hooked) == 0) {                                                         \
        real_##hooked = (PFN_vk##hooked)real;                                                      \
        return (PFN_vkVoidFunction)hooked_##hooked;                                                \
    }
    HOOKS(HOOK)
#undef HOOK
    return real;
}

static PFN_vkVoidFunction VKAPI_PTR get_of_instance(VkInstance instance, const char *name) {
    PFN_vkVoidFunction real = device_host->get(instance, name);
    if (strcmp(name, "vkGetDeviceProcAddr") != 0)
        return real;
    real_device_get = (PFN_vkGetDeviceProcAddr)real;
    return (PFN_vkVoidFunction)get_of_device;
}

void faults_hook(struct host *host, struct rv_vulkan_device *lent) {
    device_host = host;
    lent->get_instance_proc_addr = get_of_instance;
}

// ------------------------------------------------------------------------------------------------
// The heap. The linker gives every call of what it links a detour (--wrap); the driver's and other
// shared libraries' go their own way.

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);

void *__wrap_malloc(size_t size) {
    return fails(HEAP) ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
    return fails(HEAP) ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size) {
    return fails(HEAP) ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *text) {
    return fails(HEAP) ? NULL : __real_strdup(text);
}
