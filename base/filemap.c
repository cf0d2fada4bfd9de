#include "base/filemap.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* O_NONBLOCK: opening a named pipe must not wait for its other end. */
#define OPEN_FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

static status fail_errno(struct error *err, const char *what) {
    char buffer[128];
    const int number = errno;
    return fail(err, number == ENOMEM ? STATUS_NO_MEMORY : STATUS_IO, "%s: %s", what,
                strerror_r(number, buffer, sizeof buffer));
}

static status stat_regular(int fd, struct stat *info, struct error *err) {
    if (fstat(fd, info) != 0)
        return fail_errno(err, "cannot look at the file");
    if (!S_ISREG(info->st_mode))
        return fail(err, STATUS_IO, "is not a regular file");
    return STATUS_OK;
}

status file_map_from(int fd, size_t max_bytes, struct file_map *map, struct error *err) {
    struct stat info;
    const status result = stat_regular(fd, &info, err);
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

status file_map_open(const char *path, size_t max_bytes, struct file_map *map, struct error *err) {
    const int fd = open(path, OPEN_FLAGS);
    if (fd < 0)
        return fail_errno(err, "cannot open the file");
    const status result = file_map_from(fd, max_bytes, map, err);
    close(fd);
    return result;
}

void file_map_close(struct file_map *map) {
    if (map->mapped && map->data)
        munmap((void *)(uintptr_t)map->data, map->bytes);
    *map = (struct file_map){0};
}

/* Whether a part of the path is "..". */
static bool goes_up(const char *path) {
    for (const char *part = path; part; part = strchr(part, '/')) {
        part += *part == '/';
        if (part[0] == '.' && part[1] == '.' && (part[2] == 0 || part[2] == '/'))
            return true;
    }
    return false;
}

static int open_by_kernel(int folder, const char *path) {
    const struct open_how how = {.flags = OPEN_FLAGS | O_NOFOLLOW,
                                 .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    return (int)syscall(SYS_openat2, folder, path, &how, sizeof how);
}

/* For kernels without openat2, and sandboxes that forbid it: one part of the path after the other, following no link.
 */
static int open_by_parts(int folder, const char *path) {
    int at = fcntl(folder, F_DUPFD_CLOEXEC, 0);
    while (at >= 0) {
        char part[NAME_MAX + 1];
        const size_t length = strcspn(path, "/");
        if (length > NAME_MAX) {
            close(at);
            errno = ENAMETOOLONG;
            return -1;
        }
        memcpy(part, path, length);
        part[length] = 0;
        path += length + strspn(path + length, "/");
        const int flags = O_NOFOLLOW | (*path ? O_PATH | O_DIRECTORY | O_CLOEXEC : OPEN_FLAGS);
        const int next = openat(at, part, flags);
        const int saved = errno;
        close(at);
        errno = saved;
        at = next;
        if (!*path)
            break;
    }
    return at;
}

static bool kernel_refuses(int number) {
    return number == ENOSYS || number == EPERM || number == EINVAL;
}

static int open_any_way(int folder, const char *path) {
    const int fd = open_by_kernel(folder, path);
    return fd < 0 && kernel_refuses(errno) ? open_by_parts(folder, path) : fd;
}

static status open_with(int (*open_file)(int, const char *), int folder, const char *path, int *fd, struct error *err) {
    if (!*path)
        return fail(err, STATUS_INVALID_MODEL, "the path is empty");
    if (*path == '/')
        return fail(err, STATUS_INVALID_MODEL, "the path is absolute; it must be relative to the model's folder");
    if (goes_up(path))
        return fail(err, STATUS_INVALID_MODEL, "the path leaves the model's folder (\"..\")");
    const int opened = open_file(folder, path);
    if (opened < 0 && (errno == ELOOP || errno == EXDEV))
        return fail(err, STATUS_INVALID_MODEL, "the path leads over a symbolic link or out of the model's folder");
    if (opened < 0)
        return fail_errno(err, "cannot open the file");
    struct stat info;
    const status result = stat_regular(opened, &info, err);
    if (result != STATUS_OK) {
        close(opened);
        return result;
    }
    *fd = opened;
    return STATUS_OK;
}

status open_beneath(int folder, const char *path, int *fd, struct error *err) {
    return open_with(open_any_way, folder, path, fd, err);
}

status open_beneath_by_parts(int folder, const char *path, int *fd, struct error *err) {
    return open_with(open_by_parts, folder, path, fd, err);
}
