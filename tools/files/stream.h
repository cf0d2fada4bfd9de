/* Files that cannot be mapped: standard input ("-"), pipes and devices, copied into memory first. */
#ifndef LIMNER_TOOLS_FILES_STREAM_H
#define LIMNER_TOOLS_FILES_STREAM_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

#define STREAM_MOST_BYTES ((size_t)8 << 30) /* that a stream may give */

struct stream {
    int fd;        /* of the copy, or -1 */
    char path[40]; /* of the copy */
};

/* "-": standard input, or standard output. */
bool stream_is_standard(const char *path);
/* *real: the path, or that of a copy of what the stream gave. Messages name the path. Closed with stream_close when
   what was opened there is mapped, after errors too. */
status stream_open(const char *path, struct stream *stream, const char **real, struct error *err);
/* Puts the path in the place of the copy's at the beginning of the message. */
void stream_name(const struct stream *stream, const char *path, struct error *err);
void stream_close(struct stream *stream);

#endif
