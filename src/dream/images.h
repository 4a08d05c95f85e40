// What is said of an owner's image, as the recordings take it.
#ifndef RV_DREAM_IMAGES_H
#define RV_DREAM_IMAGES_H

#include "ops/image.h"
#include "reverie/vulkan.h"

// Copies what the caller's version of the structure has, and checks it. Fills in the size and the
// layout of the pixels in *op.
enum rv_status rv_image_check(const struct rv_vulkan_image *given, struct rv_vulkan_image *image,
                              struct rv_pixels_op *op);
struct rv_image_use rv_image_use_of(const struct rv_vulkan_image *image);
struct rv_meeting rv_image_meeting(const struct rv_vulkan_image *image);

#endif
