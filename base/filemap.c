#include "base/filemap.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* O_NONBLOCK: opening a named pipe must not wait for its other end. */
#define OPEN_FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

static status fail_errno(struct error *err, const char *what) {
    char buffer[128];
    const int number = errno;
    return fail(err, errno_status(number), "%s: %s", what, strerror_r(number, buffer, sizeof buffer));
}

status file_check_regular(int fd, struct stat *info, struct error *err) {
    if (fstat(fd, info) != 0)
        return fail_errno(err, "cannot look at the file");
    if (!S_ISREG(info->st_mode))
        return fail(err, STATUS_IO, "is %snot a regular file", S_ISDIR(info->st_mode) ? "a folder, " : "");
    return STATUS_OK;
}

status file_map_from(int fd, size_t max_bytes, struct file_map *map, struct error *err) {
    struct stat info;
    const status result = file_check_regular(fd, &info, err);
    if (result != STATUS_OK)
        return result;
    if ((uintmax_t)info.st_size > max_bytes)
        return fail(err, STATUS_LIMIT, "the file has %jd bytes, more than the limit of %zu", (intmax_t)info.st_size,
                    max_bytes);
    *map =
        (struct file_map){.bytes = (size_t)info.st_size, .mapped = true, .device = info.st_dev, .inode = info.st_ino};
    if (map->bytes == 0)
        return STATUS_OK;
    void *data = mmap(NULL, map->bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED)
        return fail_errno(err, "cannot map the file");
    map->data = data;
    return STATUS_OK;
}

status file_open(const char *path, int *fd, struct error *err) {
    *fd = open(path, OPEN_FLAGS);
    return *fd >= 0 ? STATUS_OK : fail_errno(err, "cannot open the file");
}

status file_map_open(const char *path, size_t max_bytes, struct file_map *map, struct error *err) {
    int fd;
    if (file_open(path, &fd, err) != STATUS_OK)
        return err->code;
    const status result = file_map_from(fd, max_bytes, map, err);
    close(fd);
    return result;
}

void file_map_close(struct file_map *map) {
    if (map->mapped && map->data)
        munmap((void *)(uintptr_t)map->data, map->bytes);
    *map = (struct file_map){0};
}
