// The system calls that cameras are driven by, as a table, so that a test can be the kernel.
#ifndef RV_CAPTURE_V4L2_CALLS_H
#define RV_CAPTURE_V4L2_CALLS_H

#include <stddef.h>
#include <sys/types.h>

// Each returns what the system call of its name does, and sets errno as that does. `user` is the
// table's own.
struct rv_v4l2_calls {
    void *user;
    int (*open)(void *user, const char *path, int flags);
    int (*close)(void *user, int fd);
    int (*ioctl)(void *user, int fd, unsigned long request, void *argument);
    void *(*mmap)(void *user, size_t length, int fd, off_t offset); // readable, shared
    int (*munmap)(void *user, void *address, size_t length);
    int (*poll)(void *user, int fd, short events, int milliseconds, short *revents);
    ssize_t (*write)(void *user, int fd, const void *bytes, size_t size);
};

extern const struct rv_v4l2_calls rv_v4l2_kernel;

// An ioctl that is repeated when a signal broke it off.
int rv_v4l2_ioctl(const struct rv_v4l2_calls *calls, int fd, unsigned long request, void *argument);

#endif
