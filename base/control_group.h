/* Control groups of this process: limits that a container or a service manager sets. */
#ifndef LIMNER_BASE_CONTROL_GROUP_H
#define LIMNER_BASE_CONTROL_GROUP_H

#include <stdbool.h>
#include <stddef.h>

#define SYSTEM_PATH_BYTES 1024

/* The text of a small file of the system's, as much of it as fits; false when there is none. */
bool system_text(const char *path, char *text, size_t size);

/*
 * Calls visit for the folder of every group that this process is in, and of all above it, where `controller` ("cpu")
 * is ruled: versions 2 and 1. In a container some may not be there. /proc and /sys are looked up below root, "" for the
 * system's own.
 */
void control_groups(const char *root, const char *controller, void (*visit)(const char *folder, void *context),
                    void *context);
/* A file of numbers in such a folder; how many of the two there are. */
int control_group_numbers(const char *folder, const char *name, long long numbers[2]);

#endif
