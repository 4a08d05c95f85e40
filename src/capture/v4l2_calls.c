#include "capture/v4l2_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

static int kernel_open(void *user, const char *path, int flags) {
    (void)user;
    return open(path, flags);
}

static int kernel_close(void *user, int fd) {
    (void)user;
    return close(fd);
}

static int kernel_ioctl(void *user, int fd, unsigned long request, void *argument) {
    (void)user;
    return ioctl(fd, request, argument);
}

static void *kernel_mmap(void *user, size_t length, int fd, off_t offset) {
    (void)user;
    return mmap(NULL, length, PROT_READ, MAP_SHARED, fd, offset);
}

static int kernel_munmap(void *user, void *address, size_t length) {
    (void)user;
    return munmap(address, length);
}

static int kernel_poll(void *user, int fd, short events, int milliseconds, short *revents) {
    struct pollfd wait = {.fd = fd, .events = events};
    (void)user;
    int ready = poll(&wait, 1, milliseconds);
    *revents = wait.revents;
    return ready;
}

static ssize_t kernel_write(void *user, int fd, const void *bytes, size_t size) {
    (void)user;
    return write(fd, bytes, size);
}

const struct rv_v4l2_calls rv_v4l2_kernel = {.open = kernel_open,
                                             .close = kernel_close,
                                             .ioctl = kernel_ioctl,
                                             .mmap = kernel_mmap,
                                             .munmap = kernel_munmap,
                                             .poll = kernel_poll,
                                             .write = kernel_write};

int rv_v4l2_ioctl(const struct rv_v4l2_calls *calls, int fd, unsigned long request,
                  void *argument) {
    int result;
    do
        result = calls->ioctl(calls->user, fd, request, argument);
    while (result < 0 && errno == EINTR);
    return result;
}
