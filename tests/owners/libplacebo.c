// A device that libplacebo made, and textures of its own: those of mpv, VLC and FFmpeg's filters.
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include <libplacebo/vulkan.h>

#include "owners/proof.h"

#include <reverie/vulkan.h>

struct placebo {
    pl_log log;
    pl_vk_inst instance;
    pl_vulkan vulkan;
    uint32_t messages; // of the validation layer
    int locked;
    uint32_t locks;
    VkSemaphore semaphore; // a timeline of ours, on its device
    uint64_t value;        // the last that was promised
};

#define MAX_EXTENSIONS 16

static void on_message(void *user, enum pl_log_level level, const char *message) {
    struct placebo *placebo = user;
    if (level > PL_LOG_WARN)
        return;
    fprintf(stderr, "libplacebo: %s\n", message);
    if (strstr(message, "Validation") || strstr(message, "VUID") || strstr(message, "SYNC-"))
        placebo->messages++;
}

// libplacebo enables what the device has of the features it is given, but wants each in the
// structure of the extension it came with, not in those of Vulkan 1.1 and 1.2.
static void make_device(struct placebo *placebo) {
    const struct rv_vulkan_requirements *wanted = rv_vulkan_get_requirements();
    VkPhysicalDeviceSubgroupSizeControlFeatures sizes = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES,
        .subgroupSizeControl = VK_TRUE,
        .computeFullSubgroups = VK_TRUE};
    VkPhysicalDeviceVulkanMemoryModelFeatures model = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_MEMORY_MODEL_FEATURES,
        .pNext = &sizes,
        .vulkanMemoryModel = wanted->recommended_12.vulkanMemoryModel};
    VkPhysicalDevice8BitStorageFeatures bytes = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_8BIT_STORAGE_FEATURES,
        .pNext = &model,
        .storageBuffer8BitAccess = wanted->recommended_12.storageBuffer8BitAccess};
    VkPhysicalDevice16BitStorageFeatures halves = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES,
        .pNext = &bytes,
        .storageBuffer16BitAccess = wanted->recommended_11.storageBuffer16BitAccess};
    VkPhysicalDeviceShaderFloat16Int8Features arithmetic = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_FLOAT16_INT8_FEATURES,
        .pNext = &halves,
        .shaderFloat16 = wanted->recommended_12.shaderFloat16};
    VkPhysicalDeviceTimelineSemaphoreFeatures timeline = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_TIMELINE_SEMAPHORE_FEATURES,
        .pNext = &arithmetic,
        .timelineSemaphore = wanted->required_12.timelineSemaphore};
    VkPhysicalDeviceFeatures2 features = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
                                          .pNext = &timeline};
    placebo->vulkan = pl_vulkan_create(
        placebo->log,
        pl_vulkan_params(.instance = placebo->instance->instance,
                         .get_proc_addr = placebo->instance->get_proc_addr, .allow_software = true,
                         .features = &features,
                         .opt_extensions = wanted->recommended_device_extensions,
                         .num_opt_extensions = (int)wanted->recommended_device_extension_count));
    cr_assert(placebo->vulkan, "libplacebo makes no device");
}

static void placebo_begin(struct placebo *placebo) {
    *placebo = (struct placebo){0};
    placebo->log =
        pl_log_create(PL_API_VER, pl_log_params(.log_cb = on_message, .log_priv = placebo,
                                                .log_level = PL_LOG_WARN));
    placebo->instance = pl_vk_inst_create(placebo->log, pl_vk_inst_params(.debug = true));
    cr_assert(placebo->instance, "libplacebo makes no instance");
    make_device(placebo);
    VkSemaphoreTypeCreateInfo type = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
                                      .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE};
    VkSemaphoreCreateInfo info = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO, .pNext = &type};
    PFN_vkCreateSemaphore create = (PFN_vkCreateSemaphore)placebo->instance->get_proc_addr(
        placebo->instance->instance, "vkCreateSemaphore");
    cr_assert_eq(create(placebo->vulkan->device, &info, NULL, &placebo->semaphore), VK_SUCCESS);
}

static void placebo_end(struct placebo *placebo) {
    PFN_vkDestroySemaphore destroy = (PFN_vkDestroySemaphore)placebo->instance->get_proc_addr(
        placebo->instance->instance, "vkDestroySemaphore");
    pl_gpu_finish(placebo->vulkan->gpu);
    destroy(placebo->vulkan->device, placebo->semaphore, NULL);
    pl_vulkan_destroy(&placebo->vulkan);
    pl_vk_inst_destroy(&placebo->instance);
    pl_log_destroy(&placebo->log);
    cr_expect(placebo->messages == 0, "the validation layer reported %u times", placebo->messages);
    cr_expect(placebo->locked == 0 && placebo->locks > 0);
}

// ------------------------------------------------------------------------------------------------
// Lending

static void lock(void *user) {
    struct placebo *placebo = user;
    pl_vulkan vulkan = placebo->vulkan;
    vulkan->lock_queue(vulkan, (int)vulkan->queue_compute.index, 0);
    placebo->locked++;
    placebo->locks++;
}

static void unlock(void *user) {
    struct placebo *placebo = user;
    pl_vulkan vulkan = placebo->vulkan;
    placebo->locked--;
    vulkan->unlock_queue(vulkan, (int)vulkan->queue_compute.index, 0);
}

static rv_context *lend(struct placebo *placebo) {
    pl_vulkan vulkan = placebo->vulkan;
    struct rv_vulkan_device lent = {.get_instance_proc_addr = placebo->instance->get_proc_addr,
                                    .api_version = placebo->instance->api_version,
                                    .instance = vulkan->instance,
                                    .physical_device = vulkan->phys_device,
                                    .device = vulkan->device,
                                    .extensions = vulkan->extensions,
                                    .extension_count = (uint32_t)vulkan->num_extensions,
                                    .features = vulkan->features,
                                    .queue_family = vulkan->queue_compute.index,
                                    .lock_queue = lock,
                                    .unlock_queue = unlock,
                                    .queue_user = placebo};
    rv_context *context;
    cr_assert_eq(rv_context_import(&lent, NULL, &context), RV_OK, "%s", rv_error_text());
    return context;
}

static pl_tex make_texture(struct placebo *placebo, const char *format, const void *pixels) {
    pl_gpu gpu = placebo->vulkan->gpu;
    pl_tex texture = pl_tex_create(gpu, pl_tex_params(.w = PROOF_WIDTH, .h = PROOF_HEIGHT,
                                                      .format = pl_find_named_fmt(gpu, format),
                                                      .sampleable = true, .host_writable = true,
                                                      .host_readable = true, .blit_src = true,
                                                      .blit_dst = true, .initial_data = pixels));
    cr_assert(texture, "libplacebo makes no %s texture", format);
    return texture;
}

// Takes a texture out of libplacebo's hands: it signals the semaphore when it is done with it. We
// signal the next value, and libplacebo waits for that: see give_back.
static struct rv_vulkan_image hold(struct placebo *placebo, pl_tex texture, VkImageLayout layout) {
    struct rv_vulkan_image image = {.width = PROOF_WIDTH,
                                    .height = PROOF_HEIGHT,
                                    .layout = layout,
                                    .wait = placebo->semaphore,
                                    .signal = placebo->semaphore};
    image.image = pl_vulkan_unwrap(placebo->vulkan->gpu, texture, &image.format, NULL);
    image.wait_value = ++placebo->value;
    image.signal_value = ++placebo->value;
    cr_assert(pl_vulkan_hold(placebo->vulkan->gpu, texture, layout,
                             (pl_vulkan_sem){image.wait, image.wait_value}));
    return image;
}

static void give_back(struct placebo *placebo, pl_tex texture,
                      const struct rv_vulkan_image *image) {
    pl_vulkan_release(placebo->vulkan->gpu, texture,
                      image->layout_after ? image->layout_after : image->layout,
                      (pl_vulkan_sem){image->signal, image->signal_value});
}

// ------------------------------------------------------------------------------------------------
// Tests

static void check_format(struct placebo *placebo, rv_context *context, const struct proof *proof,
                         const char *format, bool blue_first) {
    uint8_t pixels[sizeof proof->pixels];
    pl_gpu gpu = placebo->vulkan->gpu;
    rv_session *session;
    for (uint32_t y = 0; y < PROOF_HEIGHT; y++)
        proof_row(proof, y, blue_first, &pixels[y * PROOF_PITCH]);
    pl_tex from = make_texture(placebo, format, pixels), to = make_texture(placebo, format, NULL);

    struct rv_vulkan_image source = hold(placebo, from, VK_IMAGE_LAYOUT_SHADER_READ_ONLY_OPTIMAL);
    cr_assert_eq(rv_session_begin_image(context, proof->weights, &source, &proof->params, &session),
                 RV_OK, "%s", rv_error_text());
    give_back(placebo, from, &source);
    proof_finish(session);
    struct rv_vulkan_image target = hold(placebo, to, VK_IMAGE_LAYOUT_GENERAL);
    target.layout_after = VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL;
    cr_assert_eq(rv_session_write_image(session, &target), RV_OK, "%s", rv_error_text());
    give_back(placebo, to, &target);

    // libplacebo waits for us by itself. The texture that was read is as it was.
    uint8_t result[sizeof pixels], before[sizeof pixels];
    cr_assert(pl_tex_download(gpu, pl_tex_transfer_params(.tex = to, .ptr = result)));
    cr_assert(pl_tex_download(gpu, pl_tex_transfer_params(.tex = from, .ptr = before)));
    proof_check(proof, result, PROOF_PITCH, blue_first, format);
    cr_expect(memcmp(before, pixels, sizeof pixels) == 0, "%s: the source was changed", format);
    rv_session_end(&session);
    pl_tex_destroy(gpu, &from);
    pl_tex_destroy(gpu, &to);
}

Test(libplacebo, dreams) {
    static struct proof proof;
    struct placebo placebo;
    proof_begin(&proof);
    placebo_begin(&placebo);
    rv_context *context = lend(&placebo);
    fprintf(stderr, "%s\n", rv_context_device(context)->name);
    check_format(&placebo, context, &proof, "rgba8", false);
    check_format(&placebo, context, &proof, "bgra8", true);
    rv_context_destroy(&context);
    placebo_end(&placebo);
    proof_end(&proof);
}
