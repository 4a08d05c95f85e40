#include "vk/profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vk/instance.h"
#include "vk/shaders.h"

static const char *const names[RV_PROFILE_COUNT] = {[RV_PROFILE_SCALAR] = "scalar",
                                                    [RV_PROFILE_COOPMAT] = "coopmat",
                                                    [RV_PROFILE_COOPMAT2] = "coopmat2",
                                                    [RV_PROFILE_CPU] = "cpu"};

// A kernel without which the profile is not compiled in.
static const char *const kernels[RV_PROFILE_COUNT] = {
    [RV_PROFILE_SCALAR] = "conv_gemm_forward",
    [RV_PROFILE_COOPMAT] = "conv_coopmat_forward_fp16",
    [RV_PROFILE_COOPMAT2] = "conv_coopmat2_forward_fp16",
    [RV_PROFILE_CPU] = "conv_cpu_forward"};

// On a processor matrices are emulated, so they come last there.
static const enum rv_profile gpu_order[RV_PROFILE_COUNT] = {RV_PROFILE_COOPMAT2, RV_PROFILE_COOPMAT,
                                                            RV_PROFILE_SCALAR, RV_PROFILE_CPU};
static const enum rv_profile cpu_order[RV_PROFILE_COUNT] = {
    RV_PROFILE_CPU, RV_PROFILE_SCALAR, RV_PROFILE_COOPMAT2, RV_PROFILE_COOPMAT};

const char *rv_profile_name(enum rv_profile profile) {
    return names[profile];
}

enum rv_profile rv_profile_of(const char *name) {
    enum rv_profile profile = 0;
    while (profile < RV_PROFILE_COUNT && strcmp(names[profile], name) != 0)
        profile++;
    return profile;
}

bool rv_device_clamped(void) {
    const char *clamp = getenv("REVERIE_CLAMP");
    return clamp && *clamp && strcmp(clamp, "0") != 0;
}

// Calls for every word of REVERIE_DISABLE; stops, and returns true, when `accept` does.
static bool disable_words(bool (*accept)(const char *word, size_t length, void *user), void *user) {
    const char *word = getenv("REVERIE_DISABLE");
    while (word && *word) {
        size_t length = strcspn(word, ", ");
        if (length && accept(word, length, user))
            return true;
        word += length + (word[length] != 0);
    }
    return false;
}

static bool is_word(const char *word, size_t length, void *user) {
    const char *name = user;
    return strlen(name) == length && memcmp(word, name, length) == 0;
}

static bool is_unknown(const char *word, size_t length, void *user) {
    for (int i = 0; i < RV_PROFILE_COUNT; i++)
        if (strlen(names[i]) == length && memcmp(word, names[i], length) == 0)
            return false;
    *(char **)user = strndup(word, length);
    return true;
}

char *rv_profiles_unknown_word(void) {
    char *word = NULL;
    disable_words(is_unknown, &word);
    return word;
}

// ------------------------------------------------------------------------------------------------
// What the device can do

struct capability {
    VkPhysicalDeviceLimits limits;
    const char *no_matrices; // why `coopmat` cannot run; NULL if it can
    const char *no_matrices_2;
    struct rv_matrices matrices;
};

// The size the kernels are compiled to. Intel's matrix units want the narrowest subgroups, the
// others 32 invocations.
static uint32_t subgroup_size(const VkPhysicalDeviceSubgroupSizeControlProperties *sizes,
                              uint32_t vendor) {
    const uint32_t intel = 0x8086;
    if (vendor == intel || sizes->minSubgroupSize > 32)
        return sizes->minSubgroupSize;
    return sizes->maxSubgroupSize < 32 ? sizes->maxSubgroupSize : 32;
}

// Whether the kernels' tiles, multiples of 32 x 32 x 16, consist of such products.
static bool fits_tiles(const VkCooperativeMatrixPropertiesKHR *p) {
    return p->MSize && p->NSize && p->KSize && 32 % p->MSize == 0 && 32 % p->NSize == 0 &&
           16 % p->KSize == 0;
}

static void choose_product(const struct rv_vk *vk, VkPhysicalDevice physical,
                           struct rv_matrices *matrices) {
    VkCooperativeMatrixPropertiesKHR all[64];
    uint32_t count = 64, best = 0;
    for (uint32_t i = 0; i < count; i++)
        all[i] = (VkCooperativeMatrixPropertiesKHR){
            .sType = VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_PROPERTIES_KHR};
    if (vk->GetPhysicalDeviceCooperativeMatrixPropertiesKHR(physical, &count, all) < 0)
        return;
    for (uint32_t i = 0; i < count; i++) {
        const VkCooperativeMatrixPropertiesKHR *p = &all[i];
        bool ours = p->AType == VK_COMPONENT_TYPE_FLOAT16_KHR &&
                    p->BType == VK_COMPONENT_TYPE_FLOAT16_KHR &&
                    p->CType == VK_COMPONENT_TYPE_FLOAT32_KHR &&
                    p->ResultType == VK_COMPONENT_TYPE_FLOAT32_KHR && !p->saturatingAccumulation &&
                    p->scope == VK_SCOPE_SUBGROUP_KHR && fits_tiles(p);
        if (ours && p->MSize * p->NSize * p->KSize > best) {
            best = p->MSize * p->NSize * p->KSize;
            matrices->m = p->MSize;
            matrices->n = p->NSize;
            matrices->k = p->KSize;
        }
    }
}

static void query_matrices(const struct rv_vk *vk, VkPhysicalDevice physical,
                           const struct rv_device_info *info, struct capability *c) {
    VkPhysicalDeviceCooperativeMatrixFeaturesKHR matrix = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR};
    VkPhysicalDeviceSubgroupSizeControlFeatures subgroup = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES,
        .pNext = &matrix};
    VkPhysicalDeviceVulkan12Features v12 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES, .pNext = &subgroup};
    VkPhysicalDeviceFeatures2 features = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
                                          .pNext = &v12};
    VkPhysicalDeviceCooperativeMatrixPropertiesKHR stages = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_PROPERTIES_KHR};
    VkPhysicalDeviceSubgroupSizeControlProperties sizes = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES,
        .pNext = &stages};
    VkPhysicalDeviceProperties2 properties = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &sizes};
    if (rv_device_clamped())
        c->no_matrices = "REVERIE_CLAMP allows no extension";
    else if (!rv_instance_has_extension(vk, physical, RV_KHR_COOPERATIVE_MATRIX))
        c->no_matrices = "the driver lacks " RV_KHR_COOPERATIVE_MATRIX;
    else if (!rv_instance_has_extension(vk, physical, VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME))
        c->no_matrices = "the driver lacks " VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME;
    else if (!info->fp16)
        c->no_matrices = "the device has no fp16 arithmetic and storage";
    if (c->no_matrices)
        return;
    vk->GetPhysicalDeviceFeatures2(physical, &features);
    vk->GetPhysicalDeviceProperties2(physical, &properties);
    struct rv_matrices *found = &c->matrices;
    found->subgroup = subgroup_size(&sizes, info->vendor_id);
    if (matrix.cooperativeMatrix && vk->GetPhysicalDeviceCooperativeMatrixPropertiesKHR)
        choose_product(vk, physical, found);
    bool sized = subgroup.subgroupSizeControl && subgroup.computeFullSubgroups &&
                 (sizes.requiredSubgroupSizeStages & VK_SHADER_STAGE_COMPUTE_BIT) &&
                 128 % found->subgroup == 0 &&
                 128 / found->subgroup <= sizes.maxComputeWorkgroupSubgroups;
    if (!matrix.cooperativeMatrix ||
        !(stages.cooperativeMatrixSupportedStages & VK_SHADER_STAGE_COMPUTE_BIT))
        c->no_matrices = "the device has no matrices in compute shaders";
    else if (!v12.vulkanMemoryModel)
        c->no_matrices = "the driver lacks the Vulkan memory model";
    else if (!sized)
        c->no_matrices = "the driver cannot fix the size of subgroups";
    else if (!found->m)
        c->no_matrices = "no matrices of fp16 factors, fp32 sums and a size our tiles are made of";
    if (c->no_matrices)
        *found = (struct rv_matrices){0};
}

// A workgroup's product of our kernels, 128 invocations: 64 or 128 x 32 x 32.
static bool has_workgroup_product(const struct rv_vk *vk, VkPhysicalDevice physical) {
    VkCooperativeMatrixFlexibleDimensionsPropertiesNV all[128];
    uint32_t count = 128;
    for (uint32_t i = 0; i < count; i++)
        all[i] = (VkCooperativeMatrixFlexibleDimensionsPropertiesNV){
            .sType = VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_FLEXIBLE_DIMENSIONS_PROPERTIES_NV};
    if (!vk->GetPhysicalDeviceCooperativeMatrixFlexibleDimensionsPropertiesNV ||
        vk->GetPhysicalDeviceCooperativeMatrixFlexibleDimensionsPropertiesNV(physical, &count,
                                                                             all) < 0)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        const VkCooperativeMatrixFlexibleDimensionsPropertiesNV *p = &all[i];
        if (p->scope == VK_SCOPE_WORKGROUP_KHR && p->workgroupInvocations == 128 &&
            p->AType == VK_COMPONENT_TYPE_FLOAT16_KHR &&
            p->BType == VK_COMPONENT_TYPE_FLOAT16_KHR &&
            p->CType == VK_COMPONENT_TYPE_FLOAT32_KHR &&
            p->ResultType == VK_COMPONENT_TYPE_FLOAT32_KHR && !p->saturatingAccumulation &&
            p->MGranularity && 64 % p->MGranularity == 0 && p->NGranularity &&
            32 % p->NGranularity == 0 && p->KGranularity && 32 % p->KGranularity == 0)
            return true;
    }
    return false;
}

static void query_matrices_2(const struct rv_vk *vk, VkPhysicalDevice physical,
                             const struct rv_device_info *info, struct capability *c) {
    VkPhysicalDeviceCooperativeMatrix2FeaturesNV matrix = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_2_FEATURES_NV};
    VkPhysicalDeviceVulkan12Features v12 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES, .pNext = &matrix};
    VkPhysicalDeviceFeatures2 features = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
                                          .pNext = &v12};
    VkPhysicalDeviceCooperativeMatrix2PropertiesNV sizes = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_2_PROPERTIES_NV};
    VkPhysicalDeviceProperties2 properties = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &sizes};
    c->no_matrices_2 = c->no_matrices;
    if (c->no_matrices)
        return;
    if (!rv_instance_has_extension(vk, physical, RV_NV_COOPERATIVE_MATRIX_2)) {
        c->no_matrices_2 = "the driver lacks " RV_NV_COOPERATIVE_MATRIX_2;
        return;
    }
    vk->GetPhysicalDeviceFeatures2(physical, &features);
    vk->GetPhysicalDeviceProperties2(physical, &properties);
    if (info->api_version < VK_API_VERSION_1_3)
        c->no_matrices_2 = "the driver lacks Vulkan 1.3, whose SPIR-V the kernels are in";
    else if (!v12.storageBuffer8BitAccess)
        c->no_matrices_2 = "the device cannot store single bytes";
    else if (!matrix.cooperativeMatrixWorkgroupScope)
        c->no_matrices_2 = "the device has no matrices of a workgroup";
    else if (!matrix.cooperativeMatrixTensorAddressing)
        c->no_matrices_2 = "the device cannot load matrices through tensor layouts";
    else if (!matrix.cooperativeMatrixFlexibleDimensions || !has_workgroup_product(vk, physical) ||
             sizes.cooperativeMatrixWorkgroupScopeMaxWorkgroupSize < 128 ||
             sizes.cooperativeMatrixFlexibleDimensionsMaxDimension < 128)
        c->no_matrices_2 = "no matrices of a workgroup have a size our tiles are made of";
    c->matrices.workgroup = !c->no_matrices_2;
    c->matrices.reserved = sizes.cooperativeMatrixWorkgroupScopeReservedSharedMemory;
}

// Its kernels read whole tensors as texel buffers.
static const char *no_cpu(const struct rv_device_info *info, const VkPhysicalDeviceLimits *limits) {
    if (info->type != RV_DEVICE_CPU)
        return "it is for devices that are processors";
    if (rv_device_clamped())
        return "REVERIE_CLAMP allows only small texel buffers";
    if ((uint64_t)limits->maxTexelBufferElements * 16 < limits->maxStorageBufferRange)
        return "the device's texel buffers are too small";
    return NULL;
}

static bool has_kernels(enum rv_profile profile) {
    return rv_shader_find(kernels[profile]) != NULL;
}

static void choose(struct rv_device_info *info) {
    info->profile[0] = 0;
    for (int i = 0; i < RV_PROFILE_COUNT && !info->profile[0]; i++)
        if (info->profiles[i].available)
            snprintf(info->profile, sizeof info->profile, "%s", info->profiles[i].name);
}

void rv_profiles_describe(const struct rv_vk *vk, VkPhysicalDevice physical,
                          struct rv_device_info *info, struct rv_matrices *matrices) {
    struct capability c = {0};
    VkPhysicalDeviceProperties2 properties = {.sType =
                                                  VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2};
    vk->GetPhysicalDeviceProperties2(physical, &properties);
    c.limits = properties.properties.limits;
    query_matrices(vk, physical, info, &c);
    query_matrices_2(vk, physical, info, &c);
    const char *const missing[RV_PROFILE_COUNT] = {[RV_PROFILE_COOPMAT] = c.no_matrices,
                                                   [RV_PROFILE_COOPMAT2] = c.no_matrices_2,
                                                   [RV_PROFILE_CPU] = no_cpu(info, &c.limits)};
    for (int i = 0; i < RV_PROFILE_COUNT; i++) {
        enum rv_profile profile = (info->type == RV_DEVICE_CPU ? cpu_order : gpu_order)[i];
        struct rv_profile_info *row = &info->profiles[i];
        const char *reason = missing[profile];
        if (!has_kernels(profile))
            reason = "not compiled into this build: its glslc lacked the extension";
        else if (disable_words(is_word, (void *)(uintptr_t)names[profile]))
            reason = "switched off by REVERIE_DISABLE";
        *row = (struct rv_profile_info){.name = names[profile], .available = !reason};
        snprintf(row->reason, sizeof row->reason, "%s", reason ? reason : "");
    }
    choose(info);
    if (matrices)
        *matrices = c.matrices;
}

void rv_profiles_drop(struct rv_device_info *info, enum rv_profile profile, const char *reason) {
    for (int i = 0; i < RV_PROFILE_COUNT; i++)
        if (strcmp(info->profiles[i].name, names[profile]) == 0 && info->profiles[i].available) {
            info->profiles[i].available = false;
            snprintf(info->profiles[i].reason, sizeof info->profiles[i].reason, "%s", reason);
        }
    choose(info);
}

enum rv_status rv_profiles_force(struct rv_device_info *info, const char *name) {
    for (int i = 0; i < RV_PROFILE_COUNT; i++) {
        const struct rv_profile_info *row = &info->profiles[i];
        if (strcmp(row->name, name) != 0)
            continue;
        if (!row->available)
            return rv_fail(RV_ERR_NO_DEVICE,
                           "profile \"%s\" cannot be used on %s: %s: choose another, or leave the "
                           "choice to Reverie",
                           name, info->name, row->reason);
        snprintf(info->profile, sizeof info->profile, "%s", name);
        return RV_OK;
    }
    return rv_fail(RV_ERR_USAGE,
                   "there is no profile \"%s\": choose scalar, coopmat, coopmat2 or cpu", name);
}

void rv_profiles_features(const struct rv_device_info *info, const struct rv_matrices *matrices,
                          struct rv_features *features) {
    *features = (struct rv_features){
        .v11 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES,
                .storageBuffer16BitAccess = info->fp16},
        .v12 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES,
                .timelineSemaphore = true,
                .shaderFloat16 = info->fp16,
                .storageBuffer8BitAccess = matrices->workgroup,
                .vulkanMemoryModel = matrices->m > 0},
        .subgroup = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES,
                     .subgroupSizeControl = true,
                     .computeFullSubgroups = true},
        .matrix = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR,
                   .cooperativeMatrix = true},
        .matrix2 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_2_FEATURES_NV,
                    .cooperativeMatrixWorkgroupScope = true,
                    .cooperativeMatrixFlexibleDimensions = true,
                    .cooperativeMatrixTensorAddressing = true}};
    features->v12.pNext = &features->v11;
    if (!matrices->m)
        return;
    features->v11.pNext = &features->subgroup;
    features->subgroup.pNext = &features->matrix;
    features->extensions[features->extension_count++] = RV_KHR_COOPERATIVE_MATRIX;
    features->extensions[features->extension_count++] = VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME;
    if (!matrices->workgroup)
        return;
    features->matrix.pNext = &features->matrix2;
    features->extensions[features->extension_count++] = RV_NV_COOPERATIVE_MATRIX_2;
}
