// A program with a volk of its own: its globals are not touched, neither by a device that it lends
// nor by one of the library's own. Linked with each of the two libraries.
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Before whatever includes Vulkan: it turns the prototypes off in favour of its pointers.
#define VOLK_IMPLEMENTATION
#include <volk.h>

#include "owners/proof.h"

#include <reverie/vulkan.h>

// volk's globals, which CMake reads out of its header: ours are among them.
static void *const globals[] = {
#define VOLK_GLOBAL(name) &name,
#include "volk_globals.h"
#undef VOLK_GLOBAL
};
#define GLOBALS (sizeof globals / sizeof *globals)

// What calls this reached into the host.
static void VKAPI_PTR trap(void) {
    abort();
}

// Writing the value that is there already would be seen no other way: two devices of one driver
// have the same functions.
static void set_traps(PFN_vkVoidFunction *kept) {
    const PFN_vkVoidFunction function = trap;
    for (size_t i = 0; i < GLOBALS; i++) {
        memcpy(&kept[i], globals[i], sizeof *kept);
        cr_assert(kept[i], "volk has not loaded everything");
        memcpy(globals[i], &function, sizeof function);
    }
}

// Puts back what was there, and counts the traps that are gone.
static uint32_t clear_traps(const PFN_vkVoidFunction *kept) {
    const PFN_vkVoidFunction function = trap;
    uint32_t gone = 0;
    for (size_t i = 0; i < GLOBALS; i++) {
        gone += memcmp(globals[i], &function, sizeof function) != 0;
        memcpy(globals[i], &kept[i], sizeof *kept);
    }
    return gone;
}

static VkInstance make_instance(void) {
    VkApplicationInfo application = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                                     .apiVersion = VK_API_VERSION_1_2};
    VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                                 .pApplicationInfo = &application};
    VkInstance instance;
    cr_assert_eq(volkInitialize(), VK_SUCCESS);
    cr_assert_eq(vkCreateInstance(&info, NULL, &instance), VK_SUCCESS);
    volkLoadInstance(instance);
    return instance;
}

static VkDevice make_device(VkPhysicalDevice physical) {
    float priority = 1;
    VkDeviceQueueCreateInfo queue = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                     .queueCount = 1,
                                     .pQueuePriorities = &priority};
    VkPhysicalDeviceVulkan12Features features = rv_vulkan_get_requirements()->required_12;
    VkDeviceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                               .pNext = &features,
                               .queueCreateInfoCount = 1,
                               .pQueueCreateInfos = &queue};
    VkDevice device;
    cr_assert_eq(vkCreateDevice(physical, &info, NULL, &device), VK_SUCCESS);
    return device;
}

static void dream(const struct rv_vulkan_device *lent) {
    static struct proof proof;
    struct rv_picture input = {PROOF_WIDTH, PROOF_HEIGHT, NULL}, output;
    rv_context *context;
    proof_begin(&proof); // a device of the library's own
    input.pixels = proof.expected.pixels;
    cr_assert_eq(rv_context_import(lent, NULL, &context), RV_OK, "%s", rv_error_text());
    cr_assert_eq(rv_dream(context, proof.weights, &input, &proof.params, NULL, NULL, &output, NULL),
                 RV_OK, "%s", rv_error_text());
    rv_picture_free(&output);
    rv_context_destroy(&context);
    proof_end(&proof);
}

Test(volk, untouched) {
    PFN_vkVoidFunction kept[GLOBALS];
    VkPhysicalDevice physical;
    uint32_t one = 1;
    VkInstance instance = make_instance();
    cr_assert(vkEnumeratePhysicalDevices(instance, &one, &physical) >= 0 && one == 1);
    VkDevice device = make_device(physical);
    volkLoadDevice(device);
    VkPhysicalDeviceVulkan12Features v12 = rv_vulkan_get_requirements()->required_12;
    VkPhysicalDeviceFeatures2 features = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
                                          .pNext = &v12};
    struct rv_vulkan_device lent = {.get_instance_proc_addr = vkGetInstanceProcAddr,
                                    .instance = instance,
                                    .physical_device = physical,
                                    .device = device,
                                    .features = &features};
    set_traps(kept);
    dream(&lent);
    uint32_t gone = clear_traps(kept);
    fprintf(stderr, "%u of %zu of volk's globals were written\n", gone, GLOBALS);
    cr_expect_eq(gone, 0);
    cr_expect(volkGetLoadedInstance() == instance && volkGetLoadedDevice() == device);
    cr_expect_eq(vkDeviceWaitIdle(device), VK_SUCCESS);
    vkDestroyDevice(device, NULL);
    vkDestroyInstance(instance, NULL);
}
