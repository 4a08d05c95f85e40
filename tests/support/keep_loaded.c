// Keeps every shared library loaded to the end of the process, in the programs under the leak
// checker. A Vulkan driver holds some memory in globals; once the loader has closed it, that memory
// belongs to nobody and counts as leaked, without a name to tell it from a leak of ours. With the
// driver still there, nothing of it is reported, and no suppression is needed.
int dlclose(void *handle);

// Stands in for the system's, in the libraries too.
__attribute__((visibility("default"))) int dlclose(void *handle) {
    (void)handle;
    return 0;
}
