// The compiled shaders, embedded at build time (see shaders/CMakeLists.txt).
#ifndef RV_VK_SHADERS_H
#define RV_VK_SHADERS_H

#include <stddef.h>
#include <stdint.h>

struct rv_shader {
    const char *name;
    const uint32_t *words;
    size_t size; // bytes
};

extern const struct rv_shader rv_shaders[]; // ends with a NULL name

// NULL if this build has none of that name.
const struct rv_shader *rv_shader_find(const char *name);

// Of all of them: tells one build's kernels from another's.
uint64_t rv_shaders_hash(void);

#endif
