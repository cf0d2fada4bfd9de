#include "base/memory_limits.h"

#include "base/control_group.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define TEXT_BYTES 16384
#define LITTLE ((size_t)8 << 20)

/* Version 1 says so when there is no limit: the largest multiple of a page. */
#define NO_LIMIT (INT64_MAX / 2)

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

static size_t left_below(size_t limit, size_t used) {
    return limit == SIZE_MAX ? SIZE_MAX : limit > used ? limit - used : 0;
}

/* The number behind the word that begins a line, `otherwise` when there is none. */
static size_t number_after(const char *text, const char *word, size_t otherwise) {
    const size_t length = strlen(word);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, word, length) == 0)
            return (size_t)strtoull(line + length, NULL, 10);
    }
    return otherwise;
}

/* The same in a file of the system's, below a folder. */
static size_t number_in(const char *folder, const char *name, const char *word, size_t unit, size_t otherwise) {
    char path[SYSTEM_PATH_BYTES], text[TEXT_BYTES];
    const int length = snprintf(path, sizeof path, "%s/%s", folder, name);
    if (length < 0 || length >= (int)sizeof path || !system_text(path, text, sizeof text))
        return otherwise;
    const size_t number = number_after(text, word, otherwise);
    return number == otherwise ? otherwise : number > SIZE_MAX / unit ? SIZE_MAX : number * unit;
}

static size_t machine_memory(const char *root) {
    const long pages = sysconf(_SC_PHYS_PAGES), bytes = sysconf(_SC_PAGESIZE);
    return number_in(root, "proc/meminfo", "MemTotal:", 1024,
                     pages > 0 && bytes > 0 ? (size_t)pages * (size_t)bytes : SIZE_MAX);
}

static size_t resource_limit(int resource) {
    struct rlimit limit;
    return getrlimit(resource, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < SIZE_MAX
               ? (size_t)limit.rlim_cur
               : SIZE_MAX;
}

/* Takes one resource's limit into account, of which the kernel counts what stands behind the word. */
static void take_resource(const char *root, int resource, const char *word, struct memory_limits *limits) {
    const size_t limit = resource_limit(resource);
    limits->process = least(limits->process, limit);
    limits->room = least(limits->room, left_below(limit, number_in(root, "proc/self/status", word, 1024, 0)));
}

static size_t group_number(const char *folder, const char *name) {
    long long numbers[2];
    return control_group_numbers(folder, name, numbers) && numbers[0] >= 0 && numbers[0] < NO_LIMIT ? (size_t)numbers[0]
                                                                                                    : SIZE_MAX;
}

/* What a group has, without the pages of files that the kernel drops before it kills. */
static size_t group_used(const char *folder) {
    size_t used = group_number(folder, "memory.current");
    const char *const total = used == SIZE_MAX ? "total_" : "";
    if (used == SIZE_MAX)
        used = group_number(folder, "memory.usage_in_bytes");
    if (used == SIZE_MAX)
        return 0;
    static const char *const kinds[] = {"inactive_file ", "active_file "};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char word[32];
        snprintf(word, sizeof word, "%s%s", total, kinds[i]);
        used = left_below(used, number_in(folder, "memory.stat", word, 1, 0));
    }
    return used;
}

static void take_group(const char *folder, void *context) {
    struct memory_limits *limits = context;
    const size_t hard = least(group_number(folder, "memory.max"), group_number(folder, "memory.limit_in_bytes"));
    const size_t limit = least(hard, group_number(folder, "memory.high")), used = group_used(folder);
    limits->group = least(limits->group, limit);
    limits->room = least(limits->room, left_below(limit, used));
    limits->hard_room = least(limits->hard_room, left_below(hard, used));
}

void memory_limits_read(const char *root, struct memory_limits *limits) {
    const size_t machine = machine_memory(root);
    *limits = (struct memory_limits){
        .machine = machine, .process = SIZE_MAX, .group = SIZE_MAX, .room = machine, .hard_room = SIZE_MAX};
    take_resource(root, RLIMIT_AS, "VmSize:", limits);
    take_resource(root, RLIMIT_DATA, "VmData:", limits);
    control_groups(root, "memory", take_group, limits);
    limits->available = least(limits->room, number_in(root, "proc/meminfo", "MemAvailable:", 1024, SIZE_MAX));
}

bool memory_room_for(const char *root, size_t bytes) {
    struct memory_limits limits;
    if (bytes <= LITTLE)
        return true;
    memory_limits_read(root, &limits);
    return bytes <= limits.hard_room ||
           bytes - limits.hard_room <= number_in(root, "proc/meminfo", "SwapFree:", 1024, 0);
}
