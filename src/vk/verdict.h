// What the self-tests of a device's profiles found, remembered beside the pipeline cache. A file
// that is cut, altered, another driver's or another build's is ignored.
#ifndef RV_VK_VERDICT_H
#define RV_VK_VERDICT_H

#include "vk/profile.h"

struct rv_verdicts {
    uint32_t passed, failed; // bits 1 << enum rv_profile
};

// Nothing if nothing is known. `cache_dir` "" = nothing is kept.
struct rv_verdicts rv_verdicts_load(const struct rv_vk *vk, VkPhysicalDevice physical,
                                    const char *cache_dir);
enum rv_status rv_verdicts_save(const struct rv_vk *vk, VkPhysicalDevice physical,
                                const char *cache_dir, struct rv_verdicts verdicts);
// Takes the profiles that failed out of the choice.
void rv_verdicts_apply(struct rv_verdicts verdicts, struct rv_device_info *info);

#endif
