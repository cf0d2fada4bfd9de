#include "base/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER_BYTES ((size_t)64 << 10)
#define ATTEMPTS 1000 /* at a name for the temporary file */

static status fail_errno(const struct output *output, int number, const char *what, struct error *err) {
    char buffer[128];
    return fail(err, errno_status(number), "%.400s: %s: %s", output->path, what,
                strerror_r(number, buffer, sizeof buffer));
}

/* A new file path.tmp-N in the same folder, with the usual permissions. */
static int create_temporary(struct output *output) {
    for (int i = 0; i < ATTEMPTS; i++) {
        free(output->temporary);
        if (asprintf(&output->temporary, "%s.tmp-%ld-%d", output->path, (long)getpid(), i) < 0) {
            output->temporary = NULL;
            errno = ENOMEM;
            return -1;
        }
        const int fd = open(output->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    return -1;
}

status output_open(struct output *output, const char *path, struct error *err) {
    *output = (struct output){.fd = -1};
    output->path = strdup(path);
    output->buffer = malloc(BUFFER_BYTES);
    if (!output->path || !output->buffer)
        return fail_memory(err, "writing a file");
    struct stat info;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return fail_errno(output, EISDIR, "cannot write the file", err);
    output->fd = create_temporary(output);
    if (output->fd >= 0)
        return STATUS_OK;
    const int number = errno;
    free(output->temporary);
    output->temporary = NULL;
    return fail_errno(output, number, "cannot create a file in its folder", err);
}

static void write_through(struct output *output, const uint8_t *bytes, size_t count) {
    while (count > 0 && !output->failure) {
        const ssize_t done = write(output->fd, bytes, count < (size_t)1 << 30 ? count : (size_t)1 << 30);
        if (done < 0 && errno != EINTR)
            output->failure = errno;
        if (done > 0) {
            bytes += done;
            count -= (size_t)done;
        }
    }
}

static void flush(struct output *output) {
    write_through(output, output->buffer, output->buffered);
    output->buffered = 0;
}

void output_write(struct output *output, const void *bytes, size_t count) {
    if (count == 0)
        return;
    if (count > BUFFER_BYTES - output->buffered)
        flush(output);
    output->written += count;
    if (count >= BUFFER_BYTES) {
        write_through(output, bytes, count);
        return;
    }
    memcpy(output->buffer + output->buffered, bytes, count);
    output->buffered += count;
}

void output_align(struct output *output, size_t unit) {
    static const uint8_t zeros[4096];
    size_t missing = (size_t)((unit - output->written % unit) % unit);
    while (missing > 0) {
        const size_t part = missing < sizeof zeros ? missing : sizeof zeros;
        output_write(output, zeros, part);
        missing -= part;
    }
}

status output_close(struct output *output, struct error *err) {
    flush(output);
    if (close(output->fd) != 0 && !output->failure)
        output->failure = errno;
    output->fd = -1;
    return output->failure ? fail_errno(output, output->failure, "cannot write the file", err) : STATUS_OK;
}

status output_commit(struct output *output, struct error *err) {
    output->fresh = access(output->path, F_OK) != 0;
    if (rename(output->temporary, output->path) != 0)
        return fail_errno(output, errno, "cannot put the file in its place", err);
    free(output->temporary);
    output->temporary = NULL;
    return STATUS_OK;
}

void output_undo(struct output *output) {
    if (output->path && output->fd < 0 && !output->temporary && output->fresh)
        unlink(output->path);
}

void output_discard(struct output *output) {
    if (output->fd >= 0)
        close(output->fd);
    if (output->temporary)
        unlink(output->temporary);
    free(output->temporary);
    free(output->path);
    free(output->buffer);
    *output = (struct output){.fd = -1};
}
