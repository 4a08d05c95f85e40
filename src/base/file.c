#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/status.h"

// What a person can do about a system error.
static const char *advice(int error) {
    switch (error) {
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case ENAMETOOLONG:
        return "; check the path";
    case EACCES:
    case EPERM:
    case EROFS:
        return "; check the permissions or choose another folder";
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return "; free some space or choose another folder";
    default:
        return "";
    }
}

static enum rv_status fail_errno(const char *path, const char *what, int error) {
    if (error == ENOMEM)
        return rv_fail(RV_ERR_NO_MEMORY, "%s: %s: out of memory", path, what);
    return rv_fail(RV_ERR_IO, "%s: %s: %s%s", path, what, strerror(error), advice(error));
}

// ------------------------------------------------------------------------------------------------
// Reading

// Opens for reading; folders are refused here because open() accepts them.
static enum rv_status open_for_reading(const char *path, int *fd, struct stat *info) {
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    if (*fd < 0)
        return fail_errno(path, "cannot open", errno);
    int error = fstat(*fd, info) != 0 ? errno : S_ISDIR(info->st_mode) ? EISDIR : 0;
    if (error == 0)
        return RV_OK;
    close(*fd);
    *fd = -1;
    return fail_errno(path, "cannot open", error);
}

// Reads up to `capacity` bytes, fewer only at the end of the file. Returns false on an error.
static bool read_fully(int fd, uint8_t *data, size_t capacity, size_t *size) {
    *size = 0;
    while (*size < capacity) {
        ssize_t got = read(fd, data + *size, capacity - *size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return false;
        if (got == 0)
            break;
        *size += (size_t)got;
    }
    return true;
}

// Reads to the end of the file. The size a regular file states is only the first guess: it may grow
// meanwhile, and a pipe states none.
static enum rv_status read_all(int fd, const char *path, size_t guess, size_t limit, uint8_t **data,
                               size_t *size) {
    if (limit > SIZE_MAX / 4)
        limit = SIZE_MAX / 4; // so that no doubling below overflows
    size_t capacity =
        (guess > limit ? limit : guess) + 2; // the closing zero, and one to see the end
    size_t used = 0;
    uint8_t *buffer = NULL;
    for (;;) {
        uint8_t *grown = realloc(buffer, capacity);
        if (!grown) {
            free(buffer);
            return rv_fail(RV_ERR_NO_MEMORY, "%s: no memory to read %zu bytes", path, capacity);
        }
        buffer = grown;
        size_t got;
        if (!read_fully(fd, buffer + used, capacity - 1 - used, &got)) {
            int error = errno;
            free(buffer);
            return fail_errno(path, "cannot read", error);
        }
        used += got;
        if (used > limit) {
            free(buffer);
            return rv_fail(RV_ERR_INPUT, "%s: larger than the %zu bytes allowed here", path, limit);
        }
        if (used < capacity - 1)
            break;
        capacity = capacity * 2 < limit + 2 ? capacity * 2 : limit + 2;
    }
    buffer[used] = 0;
    *data = buffer;
    *size = used;
    return RV_OK;
}

enum rv_status rv_file_read(const char *path, size_t limit, uint8_t **data, size_t *size) {
    *data = NULL;
    *size = 0;
    if (strcmp(path, "-") == 0)
        return read_all(STDIN_FILENO, "standard input", 65536, limit, data, size);
    int fd;
    struct stat info;
    enum rv_status status = open_for_reading(path, &fd, &info);
    if (status != RV_OK)
        return status;
    size_t guess = 65536;
    if (S_ISREG(info.st_mode))
        guess = (uintmax_t)info.st_size < SIZE_MAX / 4 ? (size_t)info.st_size : SIZE_MAX / 4;
    status = read_all(fd, path, guess, limit, data, size);
    close(fd);
    return status;
}

enum rv_status rv_file_map(const char *path, const uint8_t **data, size_t *size) {
    *data = NULL;
    *size = 0;
    int fd;
    struct stat info;
    enum rv_status status = open_for_reading(path, &fd, &info);
    if (status != RV_OK)
        return status;
    if (!S_ISREG(info.st_mode)) {
        status = rv_fail(RV_ERR_IO, "%s: not a regular file; give a file on a disk", path);
    } else if ((uintmax_t)info.st_size > SIZE_MAX) {
        status = rv_fail(RV_ERR_NO_MEMORY, "%s: too large for the address space", path);
    } else if (info.st_size > 0) {
        void *mapped = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (mapped == MAP_FAILED) {
            status = fail_errno(path, "cannot map", errno);
        } else {
            *data = mapped;
            *size = (size_t)info.st_size;
        }
    }
    close(fd);
    return status;
}

void rv_file_unmap(const uint8_t *data, size_t size) {
    if (data)
        munmap((void *)(uintptr_t)data, size); // munmap takes no const
}

// ------------------------------------------------------------------------------------------------
// Writing

// Opens a fresh file in the folder of `path`. The name is short and hidden, so that it is valid
// wherever `path` is; O_EXCL and not mkstemp, so that the umask decides about the permissions.
static int open_temporary(const char *path, char **temporary) {
    static atomic_uint counter;
    const char *slash = strrchr(path, '/');
    size_t folder = slash ? (size_t)(slash - path) + 1 : 0;
    size_t capacity = folder + 64;
    char *name = malloc(capacity);
    if (!name) {
        errno = ENOMEM;
        return -1;
    }
    memcpy(name, path, folder);
    for (int attempt = 0; attempt < 100; attempt++) {
        snprintf(name + folder, capacity - folder, ".reverie-%ld-%u.tmp", (long)getpid(),
                 atomic_fetch_add(&counter, 1));
        int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0) {
            *temporary = name;
            return fd;
        }
        if (errno != EEXIST)
            break;
    }
    int error = errno;
    free(name);
    errno = error;
    return -1;
}

// Opens what the writer writes to. Devices and pipes (/dev/stdout, /dev/full) are written directly,
// since renaming a file over them would destroy them.
static int open_for_writing(struct rv_file_writer *writer) {
    if (strcmp(writer->path, "-") == 0)
        return dup(STDOUT_FILENO);
    struct stat info;
    bool present = stat(writer->path, &info) == 0;
    if (!present && errno != ENOENT)
        return -1;
    if (present && S_ISDIR(info.st_mode)) {
        errno = EISDIR;
        return -1;
    }
    if (present && !S_ISREG(info.st_mode))
        return open(writer->path, O_WRONLY | O_CLOEXEC);
    if (present && access(writer->path, W_OK) != 0) // a rename would pass over the protection
        return -1;
    int fd = open_temporary(writer->path, &writer->temporary);
    if (fd >= 0 && present && fchmod(fd, info.st_mode & 0777) != 0 && errno != EPERM) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

enum rv_status rv_file_writer_begin(struct rv_file_writer *writer, const char *path) {
    *writer = (struct rv_file_writer){0};
    // Behind a symbolic link the file is replaced, not the link.
    if (strcmp(path, "-") != 0)
        writer->path = realpath(path, NULL);
    if (!writer->path)
        writer->path = strdup(path);
    if (!writer->path)
        return rv_fail(RV_ERR_NO_MEMORY, "%s: out of memory", path);
    int fd = open_for_writing(writer);
    if (fd >= 0)
        writer->stream = fdopen(fd, "wb");
    if (writer->stream)
        return RV_OK;
    enum rv_status status = fail_errno(path, "cannot write", errno);
    if (fd >= 0)
        close(fd);
    rv_file_writer_abandon(writer);
    return status;
}

enum rv_status rv_file_writer_commit(struct rv_file_writer *writer) {
    FILE *stream = writer->stream;
    int error = errno; // of an earlier write, if the stream remembers that one failed
    bool good = fflush(stream) == 0;
    if (!good)
        error = errno;
    good = good && !ferror(stream);
    if (good && writer->temporary && fsync(fileno(stream)) != 0) {
        good = false; // some file systems report a full disk only here
        error = errno;
    }
    if (fclose(stream) != 0 && good) {
        good = false;
        error = errno;
    }
    writer->stream = NULL;
    if (good && writer->temporary && rename(writer->temporary, writer->path) != 0) {
        good = false;
        error = errno;
    }
    enum rv_status status = RV_OK;
    if (good) {
        free(writer->temporary);
        writer->temporary = NULL;
    } else {
        status = fail_errno(writer->path, "cannot write", error ? error : EIO);
    }
    rv_file_writer_abandon(writer);
    return status;
}

void rv_file_writer_abandon(struct rv_file_writer *writer) {
    if (writer->stream)
        fclose(writer->stream);
    if (writer->temporary)
        unlink(writer->temporary);
    free(writer->temporary);
    free(writer->path);
    *writer = (struct rv_file_writer){0};
}

enum rv_status rv_file_write(const char *path, const void *data, size_t size) {
    struct rv_file_writer writer;
    enum rv_status status = rv_file_writer_begin(&writer, path);
    if (status != RV_OK)
        return status;
    fwrite(data, 1, size, writer.stream);
    return rv_file_writer_commit(&writer); // which knows whether the write went well
}

enum rv_status rv_file_make_folder(const char *path) {
    char *part = strdup(path);
    if (!part)
        return rv_fail(RV_ERR_NO_MEMORY, "%s: out of memory", path);
    enum rv_status status = RV_OK;
    char *end = part;
    do { // "/a/b" makes "/a", then "/a/b"
        end += strspn(end, "/");
        end += strcspn(end, "/");
        char kept = *end;
        *end = 0;
        struct stat info;
        if (mkdir(part, 0755) != 0) {
            int error = errno; // EEXIST, or EROFS and the like for what stands there already
            if (stat(part, &info) != 0)
                status = fail_errno(path, "cannot make the folder", error);
            else if (!S_ISDIR(info.st_mode))
                status = fail_errno(path, "cannot make the folder", ENOTDIR);
        }
        *end = kept;
    } while (*end && status == RV_OK);
    free(part);
    return status;
}
