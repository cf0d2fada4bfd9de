#include "base/processors.h"

#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PATH_BYTES 1024
#define TEXT_BYTES 4096

/* The text of a small file; what does not fit is cut off. */
static bool read_text(const char *path, char *text, size_t size) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    const ssize_t got = read(fd, text, size - 1);
    close(fd);
    text[got > 0 ? got : 0] = '\0';
    return got > 0;
}

/* A file of numbers in a control group's folder; how many of the two there are. */
static int read_numbers(const char *folder, const char *name, long long numbers[2]) {
    char path[PATH_BYTES], text[64];
    const int length = snprintf(path, sizeof path, "%s/%s", folder, name);
    if (length < 0 || length >= (int)sizeof path || !read_text(path, text, sizeof text))
        return 0;
    const int found = sscanf(text, "%lld %lld", &numbers[0], &numbers[1]);
    return found > 0 ? found : 0;
}

/* Microseconds of processors in a period of microseconds, as whole processors; 0: no quota. */
static int whole_processors(long long quota, long long period) {
    if (quota <= 0 || period <= 0)
        return 0;
    const long long whole = quota / period + (quota % period != 0);
    return whole < 1 << 20 ? (int)whole : 1 << 20;
}

/* Of one group: "max 100000" or "150000 100000" in version 2; -1 for no quota in version 1. */
static int group_quota(const char *folder) {
    long long both[2], quota[2], period[2];
    if (read_numbers(folder, "cpu.max", both) == 2)
        return whole_processors(both[0], both[1]);
    if (read_numbers(folder, "cpu.cfs_quota_us", quota) && read_numbers(folder, "cpu.cfs_period_us", period))
        return whole_processors(quota[0], period[0]);
    return 0;
}

static int smaller_quota(int a, int b) {
    return !a || (b && b < a) ? b : a;
}

/* Of the group at path below the mount, and of all above it. In a container some may not be there. Cuts the path up. */
static int least_quota(const char *root, const char *mount, char *path) {
    int least = 0;
    for (char *slash = path + strlen(path); slash; slash = strrchr(path, '/')) {
        char folder[PATH_BYTES];
        *slash = '\0';
        const int length = snprintf(folder, sizeof folder, "%s/sys/fs/cgroup%s%s", root, mount, path);
        if (length > 0 && length < (int)sizeof folder)
            least = smaller_quota(least, group_quota(folder));
    }
    return least;
}

/* A line of /proc/self/cgroup: "0::/path", or "4:cpu,cpuacct:/path" for controllers of version 1. */
static int line_quota(const char *root, char *line) {
    char *controllers = strchr(line, ':'), *path = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!path)
        return 0;
    *controllers++ = *path++ = '\0';
    if (!*controllers)
        return least_quota(root, "", path);
    for (char *rest = controllers, *name; (name = strsep(&rest, ","));)
        if (strcmp(name, "cpu") == 0)
            return least_quota(root, "/cpu", path);
    return 0;
}

int processors_quota(const char *root) {
    char path[PATH_BYTES], text[TEXT_BYTES];
    int least = 0;
    const int length = snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    if (length < 0 || length >= (int)sizeof path || !read_text(path, text, sizeof text))
        return 0;
    for (char *rest = text, *line; (line = strsep(&rest, "\n"));)
        least = smaller_quota(least, line_quota(root, line));
    return least;
}

int processors_available(void) {
    cpu_set_t set;
    const int allowed = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    const int least = smaller_quota(allowed, processors_quota(""));
    return least > 0 ? least : 1;
}
