// What the programs under the leak checker need so that it speaks of our leaks alone.
#include <sanitizer/lsan_interface.h>

// Keeps every shared library loaded to the end of the process. A Vulkan driver holds some memory in
// globals; once the loader has closed it, that memory belongs to nobody and counts as leaked,
// without a name to tell it from a leak of ours. With the driver still there, nothing of it is
// reported.
int dlclose(void *handle);

// Stands in for the system's, in the libraries too.
__attribute__((visibility("default"))) int dlclose(void *handle) {
    (void)handle;
    return 0;
}

// Synchronization validation loses a few kilobytes with every command buffer that was submitted
// (seen in 1.3.239, gone without that feature). Objects of ours that the layer keeps track of are
// not hidden by this: it reports those that outlive their device, and the tests count its reports.
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void) {
    return "leak:libVkLayer_khronos_validation\n";
}

__attribute__((visibility("default"))) const char *__lsan_default_options(void) {
    return "print_suppressions=0";
}
