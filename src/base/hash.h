// FNV-1a, for telling files and shaders apart; no protection against intent.
#ifndef RV_BASE_HASH_H
#define RV_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define RV_HASH_START UINT64_C(14695981039346656037)

// Goes on from `hash` (RV_HASH_START at first).
static inline uint64_t rv_hash_bytes(uint64_t hash, const void *bytes, size_t size) {
    const uint8_t *byte = bytes;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ byte[i]) * UINT64_C(1099511628211);
    return hash;
}

#endif
