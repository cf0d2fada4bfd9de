/* base/beneath: what a path below a folder may lead to. */
#include "tests/support/support.h"

#include "base/beneath.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *root;

static const char *at(const char *name) {
    static char paths[2][512];
    static int turn;
    turn = !turn;
    snprintf(paths[turn], sizeof paths[turn], "%s/%s", root, name);
    return paths[turn];
}

static void write_text(const char *name, const char *text) {
    FILE *file = fopen(at(name), "wb");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static int begin(void **state) {
    (void)state;
    root = test_folder();
    static const char *const folders[] = {"m", "m/a", "m/a/b", "also", "m-other"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        assert_int_equal(mkdir(at(folders[i]), 0700), 0);
    write_text("m/w", "w");
    write_text("m/a/b/c", "c");
    write_text("also/x", "x");
    write_text("m-other/secret", "s");
    return 0;
}

static int end(void **state) {
    (void)state;
    test_folder_remove(root);
    return 0;
}

static void link_to(const char *target, const char *name) {
    assert_int_equal(symlink(target, at(name)), 0);
}

static int open_folder(const char *name) {
    const int folder = open(at(name), O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_true(folder >= 0);
    return folder;
}

/* The first byte of what was opened, 0 when nothing was. */
static char first_byte(status result, int fd) {
    char byte = 0;
    if (result != STATUS_OK)
        return 0;
    assert_int_equal(read(fd, &byte, 1), 1);
    close(fd);
    return byte;
}

static void check(bool by_parts, const char *also, const char *path, char expected) {
    const int folder = open_folder("m");
    struct error err = {0};
    int fd = -1;
    const status result =
        by_parts ? open_beneath_by_parts(folder, path, &fd, &err) : open_beneath(folder, also, path, &fd, &err);
    const char byte = first_byte(result, fd);
    close(folder);
    if (byte != expected)
        fail_msg("\"%s\"%s: '%c', expected '%c': %s", path, by_parts ? " by parts" : "", byte, expected,
                 result == STATUS_OK ? "opened" : err.message);
}

/* Without links both ways are the same. */
static void plain_paths(void **state) {
    (void)state;
    assert_int_equal(mkfifo(at("m/p"), 0600), 0);
    static const struct {
        const char *path;
        char byte;
    } cases[] = {{"w", 'w'},   {"a/b/c", 'c'},           {"./a//b/./c", 'c'}, {"p", 0},      {"a/b", 0}, {"a/b/d", 0},
                 {".", 0},     {"a/b/c/d", 0},           {"/etc/passwd", 0},  {"a/../w", 0}, {"", 0},    {"..", 0},
                 {"a/../", 0}, {"../m-other/secret", 0}, {"a/b/..", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int by_parts = 0; by_parts < 2; by_parts++)
            check(by_parts, NULL, cases[i].path, cases[i].byte);
}

static void links_that_stay(void **state) {
    (void)state;
    link_to("a", "m/folder");
    link_to("b/c", "m/a/near");
    link_to("..", "m/a/b/up");
    link_to("a/near", "m/chain");
    link_to(at("m/w"), "m/whole");         /* absolute */
    link_to("../m-other/../m/w", "m/out"); /* leaves and comes back */
    static const char *const paths[] = {"folder/b/c", "a/near", "a/b/up/b/c", "chain", "whole", "out"};
    static const char bytes[] = "ccccww";
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        check(false, NULL, paths[i], bytes[i]);
        check(true, NULL, paths[i], 0);
    }
}

static void links_that_lead_away(void **state) {
    (void)state;
    link_to("/", "m/slash");
    link_to("../m-other/secret", "m/sibling"); /* its folder's name begins as ours */
    link_to("../also/x", "m/x");
    link_to("../../also", "m/a/also");
    link_to("x", "m/chain");
    link_to("ring", "m/gnir");
    link_to("gnir", "m/ring");
    link_to("nothing", "m/dangling");
    link_to("/proc/self/cwd", "m/magic");
    link_to("/dev/zero", "m/device");
    static const char *const paths[] = {"slash/etc/passwd", "sibling",    "x",      "a/also/x", "chain", "ring",
                                        "dangling",         "magic/base", "device", "magic"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        check(false, NULL, paths[i], 0);
        check(true, NULL, paths[i], 0);
    }
}

static void another_folder_may_be_named(void **state) {
    (void)state;
    char *also = realpath(at("also"), NULL), *less = realpath(at("m-other"), NULL);
    assert_non_null(also);
    link_to("../also/x", "m/x");
    link_to("../m-other/secret", "m/sibling");
    check(false, also, "x", 'x');
    check(false, also, "w", 'w');
    check(false, also, "sibling", 0);
    check(false, less, "x", 0);
    check(false, "/", "sibling", 's');
    check(false, also, "../also/x", 0); /* only links lead there */
    free(also);
    free(less);
}

static atomic_bool stop;

/* Exchanges what the name stands for, as fast as it can. */
static void *exchange(void *unused) {
    (void)unused;
    char name[512], spare[512];
    snprintf(name, sizeof name, "%s/m/race", root);
    snprintf(spare, sizeof spare, "%s/m/spare", root);
    while (!atomic_load(&stop)) {
        if (symlink("../m-other/secret", spare) == 0)
            rename(spare, name);
        if (symlink("w", spare) == 0)
            rename(spare, name);
    }
    return NULL;
}

static void nobody_can_exchange_the_file(void **state) {
    (void)state;
    pthread_t thread;
    int opened = 0, refused = 0;
    const int folder = open_folder("m");
    link_to("w", "m/race");
    atomic_store(&stop, false);
    assert_int_equal(pthread_create(&thread, NULL, exchange, NULL), 0);
    for (int i = 0; i < 200000 && (i < 20000 || !opened || !refused); i++) {
        struct error err;
        int fd = -1;
        const status result = open_beneath(folder, NULL, "race", &fd, &err);
        const char byte = first_byte(result, fd);
        assert_true(byte == 'w' || byte == 0);
        *(byte ? &opened : &refused) += 1;
    }
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
    close(folder);
    assert_true(opened > 0 && refused > 0);
}

static void folders_of_open_files(void **state) {
    (void)state;
    link_to("a/b/c", "m/link");
    const int fd = open(at("m/link"), O_RDONLY | O_CLOEXEC);
    char *folder = folder_of_open(fd), *expected = realpath(at("m/a/b"), NULL);
    assert_string_equal(folder, expected);
    free(folder);
    assert_int_equal(unlink(at("m/a/b/c")), 0);
    assert_null(folder_of_open(fd)); /* the file has no name any more */
    free(expected);
    close(fd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(plain_paths, begin, end),
        cmocka_unit_test_setup_teardown(links_that_stay, begin, end),
        cmocka_unit_test_setup_teardown(links_that_lead_away, begin, end),
        cmocka_unit_test_setup_teardown(another_folder_may_be_named, begin, end),
        cmocka_unit_test_setup_teardown(nobody_can_exchange_the_file, begin, end),
        cmocka_unit_test_setup_teardown(folders_of_open_files, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
