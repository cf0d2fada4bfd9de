/* Processor quotas of control groups, read from made-up /proc and /sys. */
#include "tests/support/support.h"

#include "base/processors.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char *root;

/* Writes a file below the root, and makes the folders on the way. */
static void put(const char *path, const char *text) {
    char whole[512];
    snprintf(whole, sizeof whole, "%s%s", root, path);
    for (char *slash = whole + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(whole, 0777);
        *slash = '/';
    }
    FILE *file = fopen(whole, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int begin(void **state) {
    (void)state;
    root = test_folder();
    return root ? 0 : -1;
}

static int end(void **state) {
    (void)state;
    test_folder_remove(root);
    return 0;
}

static void no_groups(void **state) {
    (void)state;
    assert_int_equal(processors_quota(root), 0);
    put("/proc/self/cgroup", "nonsense\n::\n:\n0::\n5:cpuset:/a\n");
    assert_int_equal(processors_quota(root), 0);
}

static void version_2(void **state) {
    (void)state;
    put("/proc/self/cgroup", "0::/\n");
    put("/sys/fs/cgroup/cpu.max", "max 100000\n");
    assert_int_equal(processors_quota(root), 0);
    put("/sys/fs/cgroup/cpu.max", "200000 100000\n");
    assert_int_equal(processors_quota(root), 2);
    put("/sys/fs/cgroup/cpu.max", "200001 100000\n"); /* rounded up */
    assert_int_equal(processors_quota(root), 3);
    put("/sys/fs/cgroup/cpu.max", "1000 100000\n");
    assert_int_equal(processors_quota(root), 1);
}

static void the_least_of_all_above(void **state) {
    (void)state;
    put("/proc/self/cgroup", "0::/a/b/c\n");
    put("/sys/fs/cgroup/a/cpu.max", "300000 100000\n");
    put("/sys/fs/cgroup/a/b/c/cpu.max", "400000 100000\n");
    assert_int_equal(processors_quota(root), 3);
    put("/sys/fs/cgroup/a/b/cpu.max", "150000 100000\n");
    assert_int_equal(processors_quota(root), 2);
    put("/proc/self/cgroup", "0::/../elsewhere/not/here\n"); /* as seen from another namespace */
    assert_int_equal(processors_quota(root), 0);
}

static void version_1(void **state) {
    (void)state;
    put("/proc/self/cgroup", "7:cpuset:/\n4:cpu,cpuacct:/docker/0123\n0::/\n");
    put("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
    put("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    assert_int_equal(processors_quota(root), 0);
    put("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "250000\n");
    assert_int_equal(processors_quota(root), 3);
    put("/sys/fs/cgroup/cpu/docker/0123/cpu.cfs_quota_us", "50000\n");
    assert_int_equal(processors_quota(root), 3); /* without its period it says nothing */
    put("/sys/fs/cgroup/cpu/docker/0123/cpu.cfs_period_us", "100000\n");
    assert_int_equal(processors_quota(root), 1);
}

static void strange_numbers(void **state) {
    (void)state;
    put("/proc/self/cgroup", "0::/\n");
    static const char *const texts[] = {"", "\n", "max", "-5 100000", "100000 0", "100000", "a b"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        put("/sys/fs/cgroup/cpu.max", texts[i]);
        assert_int_equal(processors_quota(root), 0);
    }
    put("/sys/fs/cgroup/cpu.max", "9000000000000000000 1");
    assert_true(processors_quota(root) > 1000);
}

/* A process that is kept on one processor has one. */
static void the_mask_counts(void **state) {
    (void)state;
    cpu_set_t before, one;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    assert_in_range(processors_available(), 1, CPU_COUNT(&before));
    CPU_ZERO(&one);
    for (int i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++)
        if (CPU_ISSET(i, &before))
            CPU_SET(i, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    assert_int_equal(processors_available(), 1);
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(no_groups, begin, end),
                                       cmocka_unit_test_setup_teardown(version_2, begin, end),
                                       cmocka_unit_test_setup_teardown(the_least_of_all_above, begin, end),
                                       cmocka_unit_test_setup_teardown(version_1, begin, end),
                                       cmocka_unit_test_setup_teardown(strange_numbers, begin, end),
                                       cmocka_unit_test(the_mask_counts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
