/* Files mapped for reading. */
#ifndef LIMNER_BASE_FILEMAP_H
#define LIMNER_BASE_FILEMAP_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

struct file_map {
    const uint8_t *data; /* NULL when bytes is 0 */
    size_t bytes;
    bool mapped;  /* data was mapped here; else it belongs to the caller of onnx_load_memory */
    dev_t device; /* which file it is, when mapped */
    ino_t inode;
};

/* Maps the regular file behind fd, which stays the caller's. STATUS_IO; STATUS_LIMIT above max_bytes. */
status file_map_from(int fd, size_t max_bytes, struct file_map *map, struct error *err);
/* Refuses what is no regular file; *info is about the file behind fd. */
status file_check_regular(int fd, struct stat *info, struct error *err);
/* Opens a file for reading; never waits on a pipe. Messages do not name the path. *fd is the caller's to close. */
status file_open(const char *path, int *fd, struct error *err);
/* The same, and maps it, as file_map_from. */
status file_map_open(const char *path, size_t max_bytes, struct file_map *map, struct error *err);
void file_map_close(struct file_map *map);

#endif
