/* A file that is written beside its place and put there at the end, so that a failure leaves what was there before. */
#ifndef LIMNER_BASE_OUTPUT_H
#define LIMNER_BASE_OUTPUT_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct output {
    int fd;          /* -1: not open */
    char *path;      /* where the file goes */
    char *temporary; /* where it is now; NULL once it is in place */
    uint8_t *buffer;
    size_t buffered;
    uint64_t written; /* bytes so far */
    int failure;      /* errno of the first write that failed, or 0 */
    bool fresh;       /* nothing stood in its place when it was put there */
};

/* All-zero but fd = -1 is an output that output_discard accepts. */
status output_open(struct output *output, const char *path, struct error *err);
/* Failures are kept for output_commit; later calls then do nothing. */
void output_write(struct output *output, const void *bytes, size_t count);
/* Zero bytes up to a multiple of the unit. */
void output_align(struct output *output, size_t unit);
/* Writes out what is buffered and closes the file, which is still in its temporary place. */
status output_close(struct output *output, struct error *err);
/* Puts the closed file in its place. */
status output_commit(struct output *output, struct error *err);
/* Removes a committed file if nothing stood in its place before: when another that it belongs to could not follow. */
void output_undo(struct output *output);
/* Frees everything and removes the file if it is not in its place. */
void output_discard(struct output *output);

#endif
