#include "base/control_group.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TEXT_BYTES 4096

bool system_text(const char *path, char *text, size_t size) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    size_t length = 0;
    for (ssize_t got; length < size - 1 && (got = read(fd, text + length, size - 1 - length)) > 0;)
        length += (size_t)got;
    close(fd);
    text[length] = '\0';
    return length > 0;
}

int control_group_numbers(const char *folder, const char *name, long long numbers[2]) {
    char path[SYSTEM_PATH_BYTES], text[64];
    const int length = snprintf(path, sizeof path, "%s/%s", folder, name);
    if (length < 0 || length >= (int)sizeof path || !system_text(path, text, sizeof text))
        return 0;
    const int found = sscanf(text, "%lld %lld", &numbers[0], &numbers[1]);
    return found > 0 ? found : 0;
}

/* What is looked for, and who wants to know. */
struct search {
    const char *root, *controller;
    void (*visit)(const char *folder, void *context);
    void *context;
};

/* The group at path below the mount, and all above it. Cuts the path up. */
static void visit_upwards(const struct search *search, const char *mount, char *path) {
    for (char *slash = path + strlen(path); slash; slash = strrchr(path, '/')) {
        char folder[SYSTEM_PATH_BYTES];
        *slash = '\0';
        const int length =
            snprintf(folder, sizeof folder, "%s/sys/fs/cgroup%s%s%s", search->root, *mount ? "/" : "", mount, path);
        if (length > 0 && length < (int)sizeof folder)
            search->visit(folder, search->context);
    }
}

/* A line of /proc/self/cgroup: "0::/path", or "4:cpu,cpuacct:/path" for controllers of version 1. */
static void read_line(const struct search *search, char *line) {
    char *controllers = strchr(line, ':'), *path = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!path)
        return;
    *controllers++ = *path++ = '\0';
    if (!*controllers) {
        visit_upwards(search, "", path);
        return;
    }
    for (char *rest = controllers, *name; (name = strsep(&rest, ","));)
        if (strcmp(name, search->controller) == 0) {
            visit_upwards(search, search->controller, path);
            return;
        }
}

void control_groups(const char *root, const char *controller, void (*visit)(const char *folder, void *context),
                    void *context) {
    const struct search search = {root, controller, visit, context};
    char path[SYSTEM_PATH_BYTES], text[TEXT_BYTES];
    const int length = snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    if (length < 0 || length >= (int)sizeof path || !system_text(path, text, sizeof text))
        return;
    for (char *rest = text, *line; (line = strsep(&rest, "\n"));)
        read_line(&search, line);
}
