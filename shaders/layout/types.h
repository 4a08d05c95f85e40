// Lets C and GLSL read the same structures.
#ifndef RV_LAYOUT_TYPES_H
#define RV_LAYOUT_TYPES_H

#ifdef VULKAN // predefined by GLSL for Vulkan
#define RV_UINT uint
#define RV_INT int
#define RV_FLOAT float
#define RV_STRUCT(name) name
#else
#include <stdint.h>
#define RV_UINT uint32_t
#define RV_INT int32_t
#define RV_FLOAT float
#define RV_STRUCT(name) struct name
#endif

#endif
