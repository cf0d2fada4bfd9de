/* Files that must lie beneath a folder, whatever links lead to them. */
#ifndef LIMNER_BASE_BENEATH_H
#define LIMNER_BASE_BENEATH_H

#include "base/status.h"

/*
 * Opens a regular file for reading by its path below the folder. The path may lead over symbolic links, but what they
 * lead to must lie beneath the folder or beneath `also`, the path of another one without links in it, or NULL. Refused:
 * absolute paths, "..", all that lies elsewhere, anything but a regular file. What was opened is what is looked at, so
 * nobody can exchange it in between; nothing else is opened for reading. *fd is the caller's to close. Messages do not
 * name the path. Where the system has no /proc, links are refused.
 */
status open_beneath(int folder, const char *also, const char *path, int *fd, struct error *err);
/* The same without links, and without /proc. */
status open_beneath_by_parts(int folder, const char *path, int *fd, struct error *err);
/* The path, without links in it, of the folder that holds the open file, for the caller to free; NULL when it cannot be
 * told. */
char *folder_of_open(int fd);

#endif
