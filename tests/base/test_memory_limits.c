/* Limits of memory, read from made-up /proc and /sys, and from this process's own. */
#include "tests/support/fake_root.h"

#include "base/memory_limits.h"

#include <string.h>
#include <sys/resource.h>

#define NONE SIZE_MAX
#define MB ((size_t)1000000)

static void expect(size_t group, size_t room, size_t available) {
    struct memory_limits limits;
    memory_limits_read(fake_root, &limits);
    assert_int_equal(limits.machine, 8192 * MB);
    assert_int_equal(limits.group, group);
    assert_int_equal(limits.room, room);
    assert_int_equal(limits.available, available);
}

static int machine_of_8_gb(void **state) {
    if (fake_root_make(state) != 0)
        return -1;
    fake_file("/proc/meminfo", "MemTotal:        8000000 kB\nMemFree:   1000 kB\nMemAvailable:    5000000 kB\n");
    return 0;
}

static void no_limits(void **state) {
    (void)state;
    expect(NONE, 8192 * MB, 5120 * MB);
    fake_file("/proc/self/cgroup", "0::/a\n3:memory:/\nnonsense\n");
    expect(NONE, 8192 * MB, 5120 * MB);
    fake_file("/sys/fs/cgroup/a/memory.max", "max\n");
    fake_file("/sys/fs/cgroup/a/memory.high", "max\n");
    fake_file("/sys/fs/cgroup/a/memory.current", "3000000\n");
    fake_file("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    expect(NONE, 8192 * MB, 5120 * MB);
}

static void version_2(void **state) {
    (void)state;
    fake_file("/proc/self/cgroup", "0::/\n");
    fake_file("/sys/fs/cgroup/memory.max", "4000000000\n");
    expect(4000 * MB, 4000 * MB, 4000 * MB);
    fake_file("/sys/fs/cgroup/memory.current", "1500000000\n");
    expect(4000 * MB, 2500 * MB, 2500 * MB);
    fake_file("/sys/fs/cgroup/memory.stat", "anon 100\ninactive_file 300000000\nactive_file 200000000\nfile 7\n");
    expect(4000 * MB, 3000 * MB, 3000 * MB);
    fake_file("/sys/fs/cgroup/memory.high", "2000000000\n"); /* from there on the kernel slows it down */
    expect(2000 * MB, 1000 * MB, 1000 * MB);
    fake_file("/sys/fs/cgroup/memory.current", "7000000000\n"); /* more than it may have: other limits come and go */
    expect(2000 * MB, 0, 0);
}

static void more_than_the_machine_has(void **state) {
    (void)state;
    fake_file("/proc/self/cgroup", "0::/\n");
    fake_file("/sys/fs/cgroup/memory.max", "99000000000\n");
    fake_file("/sys/fs/cgroup/memory.current", "7000000000\n");
    expect(99000 * MB, 8192 * MB, 5120 * MB);
}

/* Each group on the way is held to its own limit by what all in it have. */
static void the_least_of_all_above(void **state) {
    (void)state;
    fake_file("/proc/self/cgroup", "0::/pod/box\n");
    fake_file("/sys/fs/cgroup/pod/box/memory.max", "3000000000\n");
    fake_file("/sys/fs/cgroup/pod/box/memory.current", "100000000\n");
    expect(3000 * MB, 2900 * MB, 2900 * MB);
    fake_file("/sys/fs/cgroup/pod/memory.high", "3500000000\n"); /* another box in the pod has most of it */
    fake_file("/sys/fs/cgroup/pod/memory.current", "2500000000\n");
    expect(3000 * MB, 1000 * MB, 1000 * MB);
    fake_file("/sys/fs/cgroup/pod/memory.max", "2600000000\n");
    expect(2600 * MB, 100 * MB, 100 * MB);
}

static void version_1(void **state) {
    (void)state;
    fake_file("/proc/self/cgroup", "7:cpuset:/\n4:memory:/docker/0123\n0::/\n");
    fake_file("/sys/fs/cgroup/memory/docker/memory.limit_in_bytes", "9223372036854771712\n");
    fake_file("/sys/fs/cgroup/memory/docker/0123/memory.limit_in_bytes", "1000000000\n");
    fake_file("/sys/fs/cgroup/memory/docker/0123/memory.usage_in_bytes", "600000000\n");
    expect(1000 * MB, 400 * MB, 400 * MB);
    fake_file("/sys/fs/cgroup/memory/docker/0123/memory.stat",
              "inactive_file 1\nactive_file 2\ntotal_inactive_file 50000000\ntotal_active_file 50000000\n");
    expect(1000 * MB, 500 * MB, 500 * MB);
    /* In a container's own namespace the path of the host is not there, the mount is the container's group. */
    fake_file("/proc/self/cgroup", "4:memory:/kubepods/4567\n");
    fake_file("/sys/fs/cgroup/memory/memory.limit_in_bytes", "700000000\n");
    expect(700 * MB, 700 * MB, 700 * MB);
}

/* Only a limit at which the kernel ends processes counts, swap beside it; little memory is not looked up. */
static void room_for_more(void **state) {
    (void)state;
    assert_true(memory_room_for(fake_root, 9000 * MB)); /* no limit: the machine may swap */
    fake_file("/proc/self/cgroup", "0::/\n");
    fake_file("/sys/fs/cgroup/memory.high", "20000000\n");
    fake_file("/sys/fs/cgroup/memory.current", "1500000000\n");
    assert_true(memory_room_for(fake_root, 9000 * MB));
    fake_file("/sys/fs/cgroup/memory.max", "1600000000\n");
    assert_true(memory_room_for(fake_root, 100 * MB));
    assert_false(memory_room_for(fake_root, 100 * MB + 1));
    fake_file("/sys/fs/cgroup/memory.max", "1500000000\n");
    assert_true(memory_room_for(fake_root, (size_t)8 << 20));
    assert_false(memory_room_for(fake_root, ((size_t)8 << 20) + 1));
    fake_file("/proc/meminfo", "MemTotal: 8000000 kB\nSwapFree: 100000 kB\n");
    assert_true(memory_room_for(fake_root, 102 * MB));
    assert_false(memory_room_for(fake_root, 103 * MB));
    fake_file("/proc/self/cgroup", "4:memory:/a\n");
    fake_file("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "1000000000\n");
    fake_file("/sys/fs/cgroup/memory/a/memory.usage_in_bytes", "600000000\n");
    assert_false(memory_room_for(fake_root, 600 * MB));
    assert_true(memory_room_for(fake_root, 500 * MB));
}

static void strange_numbers(void **state) {
    (void)state;
    fake_file("/proc/self/cgroup", "0::/\n");
    static const char *const texts[] = {"", "\n", "max", "-5", "many", "99999999999999999999999"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        fake_file("/sys/fs/cgroup/memory.max", texts[i]);
        expect(NONE, 8192 * MB, 5120 * MB);
    }
    fake_file("/sys/fs/cgroup/memory.max", "0");
    expect(0, 0, 0);
}

/* Limits of the process itself, less what it has by the kernel's count. */
static void resource_limits(void **state) {
    (void)state;
    static const int resources[] = {RLIMIT_AS, RLIMIT_DATA};
    static const char *const texts[] = {"VmPeak: 9 kB\nVmSize:\t  1000000 kB\nVmData:\t 1 kB\n",
                                        "VmPeak: 9 kB\nVmSize:\t  1 kB\nVmData:\t 1000000 kB\n"};
    for (int i = 0; i < 2; i++) {
        struct memory_limits limits;
        struct rlimit before, less;
        assert_int_equal(getrlimit(resources[i], &before), 0);
        less = (struct rlimit){.rlim_cur = 3000 * MB, .rlim_max = before.rlim_max};
        if (setrlimit(resources[i], &less) != 0)
            skip(); /* a sanitizer's address space is larger, or a harder limit is set */
        fake_file("/proc/self/status", texts[i]);
        memory_limits_read(fake_root, &limits);
        assert_int_equal(setrlimit(resources[i], &before), 0);
        assert_int_equal(limits.process, 3000 * MB);
        assert_int_equal(limits.room, (3000 - 1024) * MB);
        assert_int_equal(limits.available, limits.room);
    }
}

static void the_system_itself(void **state) {
    (void)state;
    struct memory_limits limits;
    memory_limits_read("", &limits);
    assert_in_range(limits.room, 1, limits.machine);
    assert_in_range(limits.available, 1, limits.room);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_limits, machine_of_8_gb, fake_root_remove),
        cmocka_unit_test_setup_teardown(version_2, machine_of_8_gb, fake_root_remove),
        cmocka_unit_test_setup_teardown(more_than_the_machine_has, machine_of_8_gb, fake_root_remove),
        cmocka_unit_test_setup_teardown(the_least_of_all_above, machine_of_8_gb, fake_root_remove),
        cmocka_unit_test_setup_teardown(version_1, machine_of_8_gb, fake_root_remove),
        cmocka_unit_test_setup_teardown(room_for_more, machine_of_8_gb, fake_root_remove),
        cmocka_unit_test_setup_teardown(strange_numbers, machine_of_8_gb, fake_root_remove),
        cmocka_unit_test_setup_teardown(resource_limits, machine_of_8_gb, fake_root_remove),
        cmocka_unit_test(the_system_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
