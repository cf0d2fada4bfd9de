/* Processor quotas of control groups, read from made-up /proc and /sys. */
#include "tests/support/fake_root.h"

#include "base/processors.h"

#include <sched.h>

static void no_groups(void **state) {
    (void)state;
    assert_int_equal(processors_quota(fake_root), 0);
    fake_file("/proc/self/cgroup", "nonsense\n::\n:\n0::\n5:cpuset:/a\n");
    assert_int_equal(processors_quota(fake_root), 0);
}

static void version_2(void **state) {
    (void)state;
    fake_file("/proc/self/cgroup", "0::/\n");
    fake_file("/sys/fs/cgroup/cpu.max", "max 100000\n");
    assert_int_equal(processors_quota(fake_root), 0);
    fake_file("/sys/fs/cgroup/cpu.max", "200000 100000\n");
    assert_int_equal(processors_quota(fake_root), 2);
    fake_file("/sys/fs/cgroup/cpu.max", "200001 100000\n"); /* rounded up */
    assert_int_equal(processors_quota(fake_root), 3);
    fake_file("/sys/fs/cgroup/cpu.max", "1000 100000\n");
    assert_int_equal(processors_quota(fake_root), 1);
}

static void the_least_of_all_above(void **state) {
    (void)state;
    fake_file("/proc/self/cgroup", "0::/a/b/c\n");
    fake_file("/sys/fs/cgroup/a/cpu.max", "300000 100000\n");
    fake_file("/sys/fs/cgroup/a/b/c/cpu.max", "400000 100000\n");
    assert_int_equal(processors_quota(fake_root), 3);
    fake_file("/sys/fs/cgroup/a/b/cpu.max", "150000 100000\n");
    assert_int_equal(processors_quota(fake_root), 2);
    fake_file("/proc/self/cgroup", "0::/../elsewhere/not/here\n"); /* as seen from another namespace */
    assert_int_equal(processors_quota(fake_root), 0);
}

static void version_1(void **state) {
    (void)state;
    fake_file("/proc/self/cgroup", "7:cpuset:/\n4:cpu,cpuacct:/docker/0123\n0::/\n");
    fake_file("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
    fake_file("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    assert_int_equal(processors_quota(fake_root), 0);
    fake_file("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "250000\n");
    assert_int_equal(processors_quota(fake_root), 3);
    fake_file("/sys/fs/cgroup/cpu/docker/0123/cpu.cfs_quota_us", "50000\n");
    assert_int_equal(processors_quota(fake_root), 3); /* without its period it says nothing */
    fake_file("/sys/fs/cgroup/cpu/docker/0123/cpu.cfs_period_us", "100000\n");
    assert_int_equal(processors_quota(fake_root), 1);
}

static void strange_numbers(void **state) {
    (void)state;
    fake_file("/proc/self/cgroup", "0::/\n");
    static const char *const texts[] = {"", "\n", "max", "-5 100000", "100000 0", "100000", "a b"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        fake_file("/sys/fs/cgroup/cpu.max", texts[i]);
        assert_int_equal(processors_quota(fake_root), 0);
    }
    fake_file("/sys/fs/cgroup/cpu.max", "9000000000000000000 1");
    assert_true(processors_quota(fake_root) > 1000);
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
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_groups, fake_root_make, fake_root_remove),
        cmocka_unit_test_setup_teardown(version_2, fake_root_make, fake_root_remove),
        cmocka_unit_test_setup_teardown(the_least_of_all_above, fake_root_make, fake_root_remove),
        cmocka_unit_test_setup_teardown(version_1, fake_root_make, fake_root_remove),
        cmocka_unit_test_setup_teardown(strange_numbers, fake_root_make, fake_root_remove),
        cmocka_unit_test(the_mask_counts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
