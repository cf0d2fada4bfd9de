/* Files as a whole: read into memory, and written beside the target and then renamed. */
#ifndef LIMNER_TOOLS_FILES_FILE_H
#define LIMNER_TOOLS_FILES_FILE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

struct byte_buffer {
    unsigned char *data; /* on the heap */
    size_t size;
};

/* The caller frees out->data. Pipes are read to their end. */
status file_read(const char *path, struct byte_buffer *out, struct error *err);

/* Case does not matter: file_ends("A.PNG", ".png"). */
bool file_ends(const char *path, const char *extension);

/* What is written but not yet in its place. Start with zeroes. */
struct staged_file;
struct staging {
    struct staged_file *files;
    int count;
};

/* An early word on targets that can never be written (no such folder, a folder, no right to write). */
status staging_check(const char *path, struct error *err);
/* Writes a temporary file beside path. Devices and pipes are written at once. */
status staging_add(struct staging *staging, const char *path, const void *data, size_t size, struct error *err);
/* Puts all files in their places. When one cannot be, those before it go again, unless they took another's place. */
status staging_commit(struct staging *staging, struct error *err);
/* Removes what was not committed and frees; always called. */
void staging_close(struct staging *staging);

#endif
