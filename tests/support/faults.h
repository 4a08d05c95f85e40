// Calls that fail when a test wants it: those of a lent device's driver, and the allocations of
// what is linked into the test (needs RV_FAULTS_LINK_OPTIONS, see tests/CMakeLists.txt).
#ifndef RV_TESTS_FAULTS_H
#define RV_TESTS_FAULTS_H

#include "support/host.h"

enum faults_kind {
    FAULTS_LOST,   // the device, for good: whatever submits or waits. All that was submitted has
                   // run by then, as with a device that is really lost
    FAULTS_MEMORY, // the driver's, the host's and the device's by turns: whatever makes something
    FAULTS_HEAP    // malloc, calloc, realloc, strdup
};

// Makes the driver that is lent one whose calls can fail.
void faults_hook(struct host *host, struct rv_vulkan_device *lent);

// From here on the `at`th call of that kind fails, from 1; `lasting`: so do all after it.
void faults_arm(enum faults_kind kind, uint32_t at, bool lasting);
// No call fails any more. How many have.
uint32_t faults_disarm(void);

#endif
