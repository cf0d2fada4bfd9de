#include "base/beneath.h"

#include "base/filemap.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* O_NONBLOCK: opening a named pipe must not wait for its other end. */
#define OPEN_FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
#define DESCRIPTOR_BYTES 40

static status fail_errno(struct error *err, const char *what) {
    char buffer[128];
    const int number = errno;
    return fail(err, errno_status(number), "%s: %s", what, strerror_r(number, buffer, sizeof buffer));
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

static status check_path(const char *path, struct error *err) {
    if (!*path)
        return fail(err, STATUS_INVALID_MODEL, "the path is empty");
    if (*path == '/')
        return fail(err, STATUS_INVALID_MODEL, "the path is absolute; it must be relative to the model's folder");
    if (goes_up(path))
        return fail(err, STATUS_INVALID_MODEL, "the path leaves the model's folder (\"..\")");
    return STATUS_OK;
}

/* Where the system lists what a descriptor stands for. */
static void descriptor_path(int fd, char text[DESCRIPTOR_BYTES]) {
    snprintf(text, DESCRIPTOR_BYTES, "/proc/self/fd/%d", fd);
}

/* The path of an open file or folder as it is now, without links in it; false when it cannot be told. */
static bool real_path(int fd, char path[PATH_MAX]) {
    char link[DESCRIPTOR_BYTES];
    descriptor_path(fd, link);
    const ssize_t length = readlink(link, path, PATH_MAX);
    if (length <= 0 || length >= PATH_MAX)
        return false;
    path[length] = '\0';
    return path[0] == '/';
}

static bool lies_beneath(const char *path, const char *folder) {
    const size_t length = strcmp(folder, "/") == 0 ? 0 : strlen(folder);
    return strncmp(path, folder, length) == 0 && path[length] == '/';
}

/* Files without a name have a text in the place of a path that may look like one. */
static bool names_file(const char *path, int fd) {
    struct stat named, opened;
    return stat(path, &named) == 0 && fstat(fd, &opened) == 0 && named.st_dev == opened.st_dev &&
           named.st_ino == opened.st_ino;
}

char *folder_of_open(int fd) {
    char path[PATH_MAX];
    if (!real_path(fd, path) || !names_file(path, fd))
        return NULL;
    char *slash = strrchr(path, '/');
    slash[slash == path] = '\0';
    return strdup(path);
}

/* found: opened without reading it. */
static status check_place(int found, const char *root, const char *also, struct error *err) {
    struct stat info;
    char path[PATH_MAX];
    if (file_check_regular(found, &info, err) != STATUS_OK)
        return err->code;
    if (!real_path(found, path))
        return fail(err, STATUS_IO, "cannot tell where the file lies");
    if (!lies_beneath(path, root) && (!also || !lies_beneath(path, also)))
        return fail(err, STATUS_INVALID_MODEL,
                    "the path leads over a symbolic link out of the model's folder, to \"%.400s\"", path);
    return STATUS_OK;
}

/* The very file that was found, for reading. */
static status reopen(int found, int *fd, struct error *err) {
    char link[DESCRIPTOR_BYTES];
    descriptor_path(found, link);
    *fd = open(link, OPEN_FLAGS);
    return *fd >= 0 ? STATUS_OK : fail_errno(err, "cannot open the file");
}

status open_beneath(int folder, const char *also, const char *path, int *fd, struct error *err) {
    char root[PATH_MAX];
    if (check_path(path, err) != STATUS_OK)
        return err->code;
    if (!real_path(folder, root))
        return open_beneath_by_parts(folder, path, fd, err);
    const int found = openat(folder, path, O_PATH | O_CLOEXEC);
    if (found < 0)
        return fail_errno(err, "cannot open the file");
    status result = check_place(found, root, also, err);
    if (result == STATUS_OK)
        result = reopen(found, fd, err);
    close(found);
    return result;
}

/* One part of the path after the other, following no link. */
static int open_parts(int folder, const char *path) {
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

status open_beneath_by_parts(int folder, const char *path, int *fd, struct error *err) {
    if (check_path(path, err) != STATUS_OK)
        return err->code;
    struct stat info;
    const int opened = open_parts(folder, path);
    if (opened < 0 && (errno == ELOOP || errno == ENOTDIR))
        return fail(err, STATUS_INVALID_MODEL, "the path leads over a symbolic link or a file that is no folder");
    if (opened < 0)
        return fail_errno(err, "cannot open the file");
    const status result = file_check_regular(opened, &info, err);
    if (result != STATUS_OK)
        close(opened);
    else
        *fd = opened;
    return result;
}
