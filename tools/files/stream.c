#include "tools/files/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PART_BYTES ((size_t)1 << 16)

bool stream_is_standard(const char *path) {
    return strcmp(path, "-") == 0;
}

static bool write_part(int file, const char *part, size_t size) {
    while (size) {
        const ssize_t done = write(file, part, size);
        if (done < 0 && errno != EINTR)
            return false;
        if (done > 0) {
            part += done;
            size -= (size_t)done;
        }
    }
    return true;
}

/* Up to the stream's end. */
static status copy_all(int from, int to, const char *path, struct error *err) {
    char part[PART_BYTES];
    for (size_t total = 0; total <= STREAM_MOST_BYTES;) {
        const ssize_t got = read(from, part, sizeof part);
        if (got == 0)
            return STATUS_OK;
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail(err, errno_status(errno), "cannot read %s: %s", path, strerror(errno));
        if (!write_part(to, part, (size_t)got))
            return fail(err, errno == ENOMEM || errno == ENOSPC ? STATUS_NO_MEMORY : STATUS_IO,
                        "no memory for what %s gives: %s", path, strerror(errno));
        total += (size_t)got;
    }
    return fail(err, STATUS_LIMIT, "%s gives more than the limit of %zu bytes", path, STREAM_MOST_BYTES);
}

static status copy_stream(int from, const char *path, struct stream *stream, struct error *err) {
    stream->fd = memfd_create("stream", MFD_CLOEXEC);
    if (stream->fd < 0)
        return fail(err, errno_status(errno), "no memory for what %s gives: %s", path, strerror(errno));
    snprintf(stream->path, sizeof stream->path, "/proc/self/fd/%d", stream->fd);
    return copy_all(from, stream->fd, path, err);
}

status stream_open(const char *path, struct stream *stream, const char **real, struct error *err) {
    struct stat info;
    const bool standard = stream_is_standard(path);
    *stream = (struct stream){.fd = -1};
    *real = path;
    if (!standard && (stat(path, &info) != 0 || S_ISREG(info.st_mode) || S_ISDIR(info.st_mode)))
        return STATUS_OK;
    const int from = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (from < 0)
        return fail(err, errno_status(errno), "cannot read %s: %s", path, strerror(errno));
    const status code = copy_stream(from, path, stream, err);
    *real = stream->path;
    if (!standard)
        close(from);
    return code;
}

void stream_name(const struct stream *stream, const char *path, struct error *err) {
    const size_t length = strlen(stream->path);
    if (!length || strncmp(err->message, stream->path, length) != 0)
        return;
    char rest[sizeof err->message];
    snprintf(rest, sizeof rest, "%s", err->message + length);
    snprintf(err->message, sizeof err->message, "%.300s%.3500s", path, rest);
}

void stream_close(struct stream *stream) {
    if (stream->fd >= 0)
        close(stream->fd);
    stream->fd = -1;
}
