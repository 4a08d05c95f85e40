// Whole files: reading under a limit, writing completely or not at all.
#include <criterion/criterion.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "formats/npy.h"

static char folder[] = "/tmp/reverie file test XXXXXX";

// Every Test works in its own new folder, which is the current one.
static void enter(void) {
    cr_assert(mkdtemp(folder) && chdir(folder) == 0);
}

static void leave(void) {
    cr_assert(chdir("/") == 0);
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    cr_assert_eq(system(command), 0);
}

static int entries(const char *path) {
    DIR *stream = opendir(path);
    int count = -2; // "." and ".."
    while (readdir(stream))
        count++;
    closedir(stream);
    return count;
}

static void expect_content(const char *path, const char *content) {
    uint8_t *data;
    size_t size;
    cr_assert_eq(rv_file_read(path, 1000, &data, &size), RV_OK, "%s", rv_error_text());
    cr_expect(size == strlen(content) && strcmp((char *)data, content) == 0, "%s: \"%s\"", path,
              (char *)data);
    free(data);
}

TestSuite(file, .init = enter, .fini = leave);

Test(file, reading) {
    cr_assert_eq(rv_file_write("ten", "0123456789", 10), RV_OK);
    cr_assert_eq(rv_file_write("empty", "", 0), RV_OK);
    cr_assert_eq(mkdir("folder", 0755), 0);
    static const struct {
        const char *path;
        size_t limit;
        enum rv_status status;
        const char *text;
    } cases[] = {
        {"ten", 10, RV_OK, NULL},
        {"ten", SIZE_MAX, RV_OK, NULL},
        {"ten", 9, RV_ERR_INPUT, "ten: larger than the 9 bytes allowed here"},
        {"ten", 0, RV_ERR_INPUT, "ten: larger"},
        {"empty", 0, RV_OK, NULL},
        {"absent", 10, RV_ERR_IO, "absent: cannot open: No such file or directory; check the path"},
        {"ten/below", 10, RV_ERR_IO, "ten/below: cannot open: Not a directory; check the path"},
        {"folder", 10, RV_ERR_IO, "folder: cannot open: Is a directory; check the path"},
        {"/dev/zero", 100000, RV_ERR_INPUT, "/dev/zero: larger than the 100000 bytes"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t *data;
        size_t size;
        enum rv_status status = rv_file_read(cases[i].path, cases[i].limit, &data, &size);
        cr_expect_eq(status, cases[i].status, "case %zu: status %d", i, status);
        if (status == RV_OK)
            cr_expect(data && data[size] == 0, "case %zu: no closing zero", i);
        else
            cr_expect(!data && strstr(rv_error_text(), cases[i].text), "case %zu: \"%s\"", i,
                      rv_error_text());
        free(data);
    }
    expect_content("ten", "0123456789");
    expect_content("empty", "");
}

// A pipe tells no size: what is read must grow with it.
Test(file, standard_input) {
    enum { SIZE = 300000 };
    cr_assert(freopen("/dev/null", "r", stdin));
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    if (fork() == 0) {
        close(ends[0]);
        for (uint32_t i = 0; i < SIZE / 4; i++)
            if (write(ends[1], &i, 4) != 4)
                _exit(1);
        _exit(0);
    }
    close(ends[1]);
    cr_assert(dup2(ends[0], STDIN_FILENO) >= 0);
    uint8_t *data;
    size_t size;
    cr_assert_eq(rv_file_read("-", SIZE, &data, &size), RV_OK, "%s", rv_error_text());
    cr_assert_eq(size, SIZE);
    for (uint32_t i = 0; i < SIZE / 4; i++)
        cr_assert_eq(memcmp(data + i * 4, &i, 4), 0, "word %u", i);
    free(data);
}

Test(file, mapping) {
    const uint8_t *data;
    size_t size;
    cr_assert_eq(rv_file_write("ten", "0123456789", 10), RV_OK);
    cr_assert_eq(rv_file_write("empty", "", 0), RV_OK);
    cr_assert_eq(rv_file_map("ten", &data, &size), RV_OK);
    cr_expect(size == 10 && memcmp(data, "0123456789", 10) == 0);
    rv_file_unmap(data, size);
    cr_assert_eq(rv_file_map("empty", &data, &size), RV_OK);
    cr_expect(size == 0 && !data);
    rv_file_unmap(data, size);
    static const char *const refused[] = {"absent", ".", "/dev/zero"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        cr_expect_eq(rv_file_map(refused[i], &data, &size), RV_ERR_IO, "%s", refused[i]);
        cr_expect(!data && strstr(rv_error_text(), refused[i]), "%s", rv_error_text());
    }
}

Test(file, writing) {
    struct stat info;
    umask(027);
    cr_assert_eq(rv_file_write("new", "one", 3), RV_OK);
    cr_assert_eq(stat("new", &info), 0);
    cr_expect_eq(info.st_mode & 0777, 0640, "the umask is heeded: %o", info.st_mode);
    cr_assert_eq(chmod("new", 0600), 0);
    cr_assert_eq(symlink("new", "link"), 0);
    cr_assert_eq(rv_file_write("link", "two", 3), RV_OK);
    cr_assert_eq(lstat("link", &info), 0);
    cr_expect(S_ISLNK(info.st_mode), "a link stays a link");
    cr_assert_eq(stat("new", &info), 0);
    cr_expect_eq(info.st_mode & 0777, 0600, "permissions are kept: %o", info.st_mode);
    expect_content("new", "two");

    struct rv_file_writer writer;
    cr_assert_eq(rv_file_writer_begin(&writer, "new"), RV_OK);
    fputs("three", writer.stream);
    expect_content("new", "two"); // until the commit
    rv_file_writer_abandon(&writer);
    expect_content("new", "two");
    cr_expect_eq(entries("."), 2, "nothing else is left");
}

Test(file, failed_writing) {
    cr_assert_eq(rv_file_write("old", "old", 3), RV_OK);
    cr_assert_eq(mkdir("folder", 0755), 0);
    cr_assert_eq(symlink("/dev/full", "full"), 0);
    static const struct {
        const char *path, *text;
    } cases[] = {
        {"absent/new", "absent/new: cannot write: No such file or directory; check the path"},
        {"old/new", "old/new: cannot write: Not a directory; check the path"},
        {"folder", "folder: cannot write: Is a directory; check the path"},
        {"full", "cannot write: No space left on device; free some space"},
        {"/dev/full", "/dev/full: cannot write: No space left on device; free some space"},
        {"/proc/new", "/proc/new: cannot write: "}, // nobody may write there, not even root
    };
    static const char data[100000];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (size_t size = 1; size <= sizeof data; size += sizeof data - 1) {
            cr_expect_eq(rv_file_write(cases[i].path, data, size), RV_ERR_IO, "case %zu", i);
            cr_expect(strstr(rv_error_text(), cases[i].text), "case %zu: \"%s\"", i,
                      rv_error_text());
        }
    }
    // A disk that fills up while writing, played by a limit on the size of files.
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit = {5000, 5000};
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    cr_expect_eq(rv_file_write("old", data, sizeof data), RV_ERR_IO);
    cr_expect(strstr(rv_error_text(), "old: cannot write: File too large; free some space"), "%s",
              rv_error_text());
    float values[3000] = {0};
    struct rv_array array = {1, 1000, 3, values};
    cr_expect_eq(rv_npy_write("array.npy", &array), RV_ERR_IO);
    expect_content("old", "old");
    cr_expect_eq(entries("."), 3, "nothing else is left");
    cr_expect_eq(entries("folder"), 0);
}

Test(file, folders) {
    static const struct {
        const char *path;
        enum rv_status status;
    } cases[] = {{"a/b/c", RV_OK},    {"a/b/c", RV_OK},      {"a//d/", RV_OK},
                 {"/", RV_OK},        {".", RV_OK},          {"", RV_ERR_IO},
                 {"file", RV_ERR_IO}, {"file/a", RV_ERR_IO}, {"/proc/a/b", RV_ERR_IO}};
    cr_assert_eq(rv_file_write("file", "", 0), RV_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_eq(rv_file_make_folder(cases[i].path), cases[i].status, "\"%s\": %s",
                     cases[i].path, rv_error_text());
    struct stat info;
    cr_expect(stat("a/b/c", &info) == 0 && S_ISDIR(info.st_mode));
    cr_expect(stat("a/d", &info) == 0 && S_ISDIR(info.st_mode));
}

Test(file, numpy) {
    float values[6] = {0.0f, 1.0f, -2.5f, 3.0f, 4.0f, 0.1f};
    struct rv_array array = {2, 1, 3, values};
    cr_assert_eq(rv_npy_write("array.npy", &array), RV_OK, "%s", rv_error_text());
    uint8_t *data;
    size_t size;
    cr_assert_eq(rv_file_read("array.npy", 1000, &data, &size), RV_OK);
    cr_assert_eq(size, 128 + 24);
    static const char start[] = "\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': False, "
                                "'shape': (2, 1, 3), } ";
    static const uint8_t numbers[24] = {0, 0, 0,    0,    0, 0, 0x80, 0x3f, 0,    0,    0x20, 0xc0,
                                        0, 0, 0x40, 0x40, 0, 0, 0x80, 0x40, 0xcd, 0xcc, 0xcc, 0x3d};
    cr_expect_eq(memcmp(data, start, sizeof start - 1), 0);
    cr_expect_eq(data[127], '\n');
    cr_expect_eq(memcmp(data + 128, numbers, sizeof numbers), 0);
    free(data);
}
