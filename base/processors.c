#include "base/processors.h"

#include "base/control_group.h"

#include <sched.h>
#include <unistd.h>

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
    if (control_group_numbers(folder, "cpu.max", both) == 2)
        return whole_processors(both[0], both[1]);
    if (control_group_numbers(folder, "cpu.cfs_quota_us", quota) &&
        control_group_numbers(folder, "cpu.cfs_period_us", period))
        return whole_processors(quota[0], period[0]);
    return 0;
}

static int smaller_quota(int a, int b) {
    return !a || (b && b < a) ? b : a;
}

static void take_quota(const char *folder, void *context) {
    int *least = context;
    *least = smaller_quota(*least, group_quota(folder));
}

int processors_quota(const char *root) {
    int least = 0;
    control_groups(root, "cpu", take_quota, &least);
    return least;
}

int processors_machine(void) {
    const long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count > 0 && count < 1 << 20 ? (int)count : 1;
}

int processors_affinity(void) {
    cpu_set_t set;
    const int allowed = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return allowed > 0 ? allowed : 1;
}

int processors_available(void) {
    return smaller_quota(processors_affinity(), processors_quota(""));
}
