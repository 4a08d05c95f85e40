// Whole files: read into memory with a size limit, written completely or not at all.
#ifndef RV_BASE_FILE_H
#define RV_BASE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "reverie/reverie.h"

// Reads a regular file (or, for "-", standard input) into a new buffer, one zero byte appended.
// More than `limit` bytes is RV_ERR_INPUT. The caller frees *data.
enum rv_status rv_file_read(const char *path, size_t limit, uint8_t **data, size_t *size);

// Writes through a temporary file in the same folder and renames it over `path`; a failure (no
// space, no permission) removes the temporary file and leaves what stood at `path` untouched.
// Devices, pipes and "-" (standard output) are written directly.
enum rv_status rv_file_write(const char *path, const void *data, size_t size);

// The same for many pieces: begin, write through `stream`, then commit or abandon.
struct rv_file_writer {
    void *stream; // FILE *
    char *temporary, *path;
};
enum rv_status rv_file_writer_begin(struct rv_file_writer *writer, const char *path);
enum rv_status rv_file_writer_commit(struct rv_file_writer *writer);
void rv_file_writer_abandon(struct rv_file_writer *writer);

// Maps a file read-only. Unmap with rv_file_unmap. An empty file gives size 0 and data NULL.
enum rv_status rv_file_map(const char *path, const uint8_t **data, size_t *size);
void rv_file_unmap(const uint8_t *data, size_t size);

// Creates a folder and its parents (mode 0755) if absent.
enum rv_status rv_file_make_folder(const char *path);

#endif
