#include "tools/files/file.h"

#include "base/checked.h"
#include "tools/files/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

struct staged_file {
    char *path, *temporary;    /* temporary NULL: in place already */
    bool fresh;                /* nothing stood in its place */
    struct byte_buffer output; /* for standard output, or no data */
};

static bool grow(struct byte_buffer *bytes, size_t *capacity) {
    size_t more;
    if (!size_mul(*capacity, 2, &more))
        return false;
    unsigned char *data = realloc(bytes->data, more);
    if (!data)
        return false;
    bytes->data = data;
    *capacity = more;
    return true;
}

static status read_all(int file, const char *path, size_t expected, struct byte_buffer *out, struct error *err) {
    size_t capacity = expected + 1; /* one more, to see the end without growing */
    out->data = malloc(capacity);
    out->size = 0;
    while (out->data) {
        if (out->size == capacity && !grow(out, &capacity))
            break;
        const ssize_t got = read(file, out->data + out->size, capacity - out->size);
        if (got == 0)
            return STATUS_OK;
        if (got < 0 && errno != EINTR) {
            const status code = fail(err, errno_status(errno), "cannot read %s: %s", path, strerror(errno));
            free(out->data);
            out->data = NULL;
            return code;
        }
        out->size += got > 0 ? (size_t)got : 0;
        if (out->size > expected && out->size > STREAM_MOST_BYTES) {
            free(out->data);
            out->data = NULL;
            return fail(err, STATUS_LIMIT, "%s gives more than the limit of %zu bytes", path, STREAM_MOST_BYTES);
        }
    }
    free(out->data);
    out->data = NULL;
    return fail(err, STATUS_NO_MEMORY, "no memory to read %s", path);
}

status file_read(const char *path, struct byte_buffer *out, struct error *err) {
    *out = (struct byte_buffer){NULL, 0};
    const int file =
        stream_is_standard(path) ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0) : open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return fail(err, errno_status(errno), "cannot read %s: %s", path, strerror(errno));
    struct stat stat;
    status code;
    if (fstat(file, &stat))
        code = fail(err, errno_status(errno), "cannot read %s: %s", path, strerror(errno));
    else if (S_ISDIR(stat.st_mode))
        code = fail(err, STATUS_IO, "%s is a folder, not a file", path);
    else
        code = read_all(file, path, S_ISREG(stat.st_mode) ? (size_t)stat.st_size : 65535, out, err);
    close(file);
    return code;
}

bool file_ends(const char *path, const char *extension) {
    const size_t length = strlen(path), tail = strlen(extension);
    return length > tail && strcasecmp(path + length - tail, extension) == 0;
}

static status cannot_write(const char *path, struct error *err) {
    return fail(err, errno_status(errno), "cannot write %s: %s", path, strerror(errno));
}

/* The folder of path, on the heap. */
static char *folder_of(const char *path) {
    char *copy = strdup(path);
    char *folder = copy ? strdup(dirname(copy)) : NULL;
    free(copy);
    return folder;
}

status staging_check(const char *path, struct error *err) {
    if (stream_is_standard(path))
        return STATUS_OK;
    struct stat stat_path;
    if (stat(path, &stat_path) == 0) {
        if (S_ISDIR(stat_path.st_mode))
            return fail(err, STATUS_IO, "cannot write %s: it is a folder", path);
        if (access(path, W_OK))
            return cannot_write(path, err);
        if (!S_ISREG(stat_path.st_mode))
            return STATUS_OK;
    }
    char *folder = folder_of(path);
    if (!folder)
        return fail_memory(err, "a file name");
    struct stat stat_folder;
    status code = STATUS_OK;
    const bool there = stat(folder, &stat_folder) == 0;
    if (there && !S_ISDIR(stat_folder.st_mode))
        code = fail(err, STATUS_IO, "cannot write %s: %s is not a folder", path, folder);
    else if (!there || access(folder, W_OK | X_OK))
        code = fail(err, errno_status(errno), "cannot write %s: folder %s: %s", path, folder, strerror(errno));
    free(folder);
    return code;
}

static bool write_all(int file, const unsigned char *data, size_t size) {
    while (size) {
        const ssize_t done = write(file, data, size);
        if (done < 0 && errno != EINTR)
            return false;
        if (done > 0) {
            data += done;
            size -= (size_t)done;
        }
    }
    return true;
}

static mode_t mode_for(const char *path) {
    struct stat stat_path;
    if (stat(path, &stat_path) == 0)
        return stat_path.st_mode & 07777;
    const mode_t mask = umask(0);
    umask(mask);
    return 0666 & ~mask;
}

/* Writes and closes the temporary file; removes it after an error. */
static status fill_temporary(int file, const struct staged_file *staged, const void *data, size_t size,
                             struct error *err) {
    bool good = write_all(file, data, size) && fchmod(file, mode_for(staged->path)) == 0;
    if (close(file) && good)
        good = false;
    if (good)
        return STATUS_OK;
    const status code = cannot_write(staged->path, err);
    unlink(staged->temporary);
    return code;
}

static status write_device(const char *path, const void *data, size_t size, struct error *err) {
    const int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0)
        return cannot_write(path, err);
    const status code = write_all(file, data, size) ? STATUS_OK : cannot_write(path, err);
    return close(file) && !code ? cannot_write(path, err) : code;
}

static void staged_free(struct staged_file *staged) {
    free(staged->path);
    free(staged->temporary);
    free(staged->output.data);
    *staged = (struct staged_file){.path = NULL};
}

/* The place that path means (a link is followed, not replaced) and a temporary name beside it. */
static status name_temporary(const char *path, struct staged_file *staged, struct error *err) {
    staged->path = realpath(path, NULL);
    const int reason = staged->path ? 0 : errno; /* compilers need not see that strdup() changes errno */
    if (reason && reason != ENOENT && reason != ENOMEM)
        return cannot_write(path, err);
    if (reason == ENOENT) /* not there yet */
        staged->path = strdup(path);
    char *folder = staged->path ? folder_of(staged->path) : NULL;
    if (!folder || asprintf(&staged->temporary, "%s/.limner-XXXXXX", folder) < 0) {
        staged->temporary = NULL;
        free(folder);
        return fail_memory(err, "a file name");
    }
    free(folder);
    return STATUS_OK;
}

static status stage_output(const void *data, size_t size, struct staged_file *staged, struct error *err) {
    staged->output = (struct byte_buffer){malloc(size + !size), size};
    if (!staged->output.data)
        return fail_memory(err, "standard output");
    if (size)
        memcpy(staged->output.data, data, size);
    return STATUS_OK;
}

static status stage(const char *path, const void *data, size_t size, struct staged_file *staged, struct error *err) {
    struct stat stat_path;
    if (stream_is_standard(path))
        return stage_output(data, size, staged, err);
    if (stat(path, &stat_path) == 0 && !S_ISREG(stat_path.st_mode) && !S_ISDIR(stat_path.st_mode))
        return write_device(path, data, size, err);
    status code = staging_check(path, err);
    if (!code)
        code = name_temporary(path, staged, err);
    if (code)
        return code;
    /* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): a name that was made */
    const int file = mkostemp(staged->temporary, O_CLOEXEC);
    if (file < 0)
        return cannot_write(path, err);
    return fill_temporary(file, staged, data, size, err);
}

status staging_add(struct staging *staging, const char *path, const void *data, size_t size, struct error *err) {
    struct staged_file *files = reallocarray(staging->files, (size_t)staging->count + 1, sizeof *files);
    if (!files)
        return fail_memory(err, "a file name");
    staging->files = files;
    struct staged_file staged = {.path = NULL};
    const status code = stage(path, data, size, &staged, err);
    if (code)
        staged_free(&staged);
    else
        files[staging->count++] = staged;
    return code;
}

/* Takes back what was put where nothing stood. */
static void undo(struct staging *staging, int count) {
    for (int i = 0; i < count; i++)
        if (staging->files[i].path && staging->files[i].fresh)
            unlink(staging->files[i].path);
}

status staging_commit(struct staging *staging, struct error *err) {
    for (int i = 0; i < staging->count; i++) {
        struct staged_file *staged = &staging->files[i];
        if (staged->output.data && !write_all(STDOUT_FILENO, staged->output.data, staged->output.size))
            return cannot_write("standard output", err);
        if (!staged->temporary)
            continue;
        staged->fresh = access(staged->path, F_OK) != 0;
        if (rename(staged->temporary, staged->path)) {
            const status code = cannot_write(staged->path, err);
            undo(staging, i);
            return code;
        }
        free(staged->temporary);
        staged->temporary = NULL;
    }
    return STATUS_OK;
}

void staging_close(struct staging *staging) {
    for (int i = 0; i < staging->count; i++) {
        if (staging->files[i].temporary)
            unlink(staging->files[i].temporary);
        staged_free(&staging->files[i]);
    }
    free(staging->files);
    *staging = (struct staging){NULL, 0};
}
